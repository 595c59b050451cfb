"""A modifier that is not a straight line: statements, references, values beyond a spline."""

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.read import parse_spec
from validation.examination.row import Row
from validation.outside.bent_modifier import cohort, log_hr

SPECIFICATION = """
schema = {schema}
name = "bent"
[data]
patient = "patient"
time = "months"
event = "death"
[treatment]
name = "ihlrt"
column = "ihlrt"
design = "fixed"
[modifier]
name = "nlr"
column = "nlr"
reference = {reference}
[outcome]
formula = "ihlrt * bs(nlr, df=4)"
[outcome.hazard]
family = "weibull"
[priors]
default = {{ dist = "Normal", mu = 0.0, sigma = 5.0 }}
[sampler]
engine = "laplace"
[estimands]
horizons = [24.0]
at = {at}
"""


def rows() -> list[Row]:
    """Return what the package says of a bent effect."""
    patients = cohort(1500, 1)
    found = {at: run_fit(_spec(at, "[2.0, 5.0]"), patients) for at in (1.0, 3.0)}
    said = {at: {s.name: s for s in result.interaction.statements} for at, result in found.items()}
    falls = {at: each["hazard-ratio-falls"] for at, each in said.items()}
    turns = {at: each["hazard-ratio-turns"].posterior for at, each in said.items()}
    apart = abs(falls[1.0].posterior - falls[3.0].posterior)
    try:
        check_analysis(_spec(3.0, "[2.0, 30.0]"), patients)
        told = "nothing"
    except SpecificationError as error:
        told = str(error.faults[0])
    return [
        Row(
            "16",
            "ihlrt * bs(nlr, df=4); statement read with reference 1 and with reference 3",
            f"log HR {log_hr(2.0):.2f} at 2, {log_hr(5.0):.2f} at 5: same probability for both",
            "0.000 and 1.000 (of 'at higher nlr')",
            f"{falls[1.0].posterior:.3f} and {falls[3.0].posterior:.3f} of '{falls[3.0].words}'",
            "0.013 (4,000 draws each)",
            "right" if apart < 4 * 0.013 else "WRONG",
        ),
        Row(
            "16",
            "the same effect, which falls and rises",
            "it turns",
            "not told",
            f"probability that it turns {turns[1.0]:.3f} and {turns[3.0]:.3f}",
            "0.008",
            "right" if min(turns.values()) > 0.95 else "WRONG",
        ),
        Row(
            "16",
            "`at` beyond the cohort with a spline",
            "told by check",
            "traceback after sampling, nothing written",
            told,
            "none",
            "right" if "not defined" in told else "WRONG",
        ),
    ]


def _spec(reference: float, at: str) -> AnalysisSpec:
    # What leaves the numbers to the data is said in every version of the specification.
    return parse_spec(SPECIFICATION.format(schema=2, reference=reference, at=at))
