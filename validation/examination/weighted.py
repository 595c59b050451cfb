"""The specification that items 10, 11 and 17 share."""

from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.read import parse_spec

_TEXT = """
schema = 2
name = "overlap"
[data]
patient = "id"
time = "months"
event = "death"
[treatment]
name = "treated"
column = "treated"
design = "fixed"
[outcome]
formula = "{formula}"
[propensity]
formula = "age + nodes + chemo"
{propensity}
[priors]
default = {{ dist = "Normal", mu = 0.0, sigma = 10.0 }}
baseline = {{ median_survival = 100.0, upper = 10000.0 }}
[estimands]
horizons = [60.0]
{estimands}
[sampler]
draws = {draws}
{sampler}
"""


def specification(
    propensity: str,
    *,
    formula: str = "treated",
    estimands: str = "",
    draws: int = 100,
    sampler: str = "",
) -> AnalysisSpec:
    """Return an analysis of the cohorts of `outside.overlap`."""
    return parse_spec(
        _TEXT.format(
            propensity=propensity,
            formula=formula,
            estimands=estimands,
            draws=draws,
            sampler=sampler,
        )
    )
