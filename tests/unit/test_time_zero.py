"""The population from time zero: weights by hand, and patients simulated outside the package."""

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.estimands.curves import NEVER, survival
from bayes_ihlrt.estimands.population import effective_share, sample_population, time_zero_weights
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.read import parse_spec
from outside import simulator

CENTRES = simulator("centres")


def fitted(columns, draws, *, group=""):
    """Return a Weibull fit with draws that are given."""
    spec = ModelSpec.model_validate(
        {
            "treatment": "a",
            "outcome": {"formula": "a + z", "group": group, "hazard": {"family": "weibull"}},
        }
    )
    rows = PersonTime(columns, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    names = {0: (), 1: ("chain", "draw"), 2: ("chain", "draw"), 3: ("chain", "draw", "level")}
    posterior = xr.Dataset({n: (names[np.ndim(v)], np.asarray(v)) for n, v in draws.items()})
    tree = xr.DataTree.from_dict({"posterior": posterior})
    return FittedModel(
        prepare(spec, rows),
        rows,
        tree,
        chain_quality(1.0, "a", ess_bulk=9e3, ess_tail=9e3, divergences=0),
    )


def rows_of(frame):
    return {
        "patient": frame["patient"].astype(str).to_numpy(dtype=object),
        "start": frame["entry"].to_numpy(float),
        "stop": frame["months"].to_numpy(float),
        "event": frame["death"].to_numpy(float),
        "weight": np.ones(len(frame)),
        "a": frame["a"].to_numpy(float),
        "z": frame["z"].to_numpy(float),
        "centre": frame["centre"].to_numpy(dtype=object),
    }


def truth(**more):
    values = {"log_rate": -3.5, "log_shape": 0.0, "a": -0.5, "z": 0.4}
    return {**{name: np.array([[value]]) for name, value in values.items()}, **more}


def test_weights_by_hand():
    frame = CENTRES.cohort(CENTRES.Design(), 3)
    draws = {**truth(), "log_shape": np.array([[np.log(1.3)]])}
    weights = time_zero_weights(fitted(rows_of(frame), draws))
    rate = np.exp(-3.5 - 0.5 * frame["a"] + 0.4 * frame["z"]).to_numpy()
    expected = np.exp(rate * frame["entry"].to_numpy() ** 1.3)
    np.testing.assert_allclose(weights[0], expected / expected.max(), rtol=1e-9)
    assert 0.0 < effective_share(weights) < 1.0
    begun = rows_of(frame.assign(entry=0.0))
    assert (time_zero_weights(fitted(begun, draws)) == 1.0).all()


def test_survival_of_the_diagnosed():
    """From the true hazards: the cohort's average is that of those who lived to enter.

    Twenty cohorts of 50 centres; the diagnosed of the same seeds are counted from time zero.
    Tolerance: three standard errors of the mean difference over cohorts, some 0.009.
    """
    design, gaps, entered = CENTRES.Design(centres=50, diagnosed=1000, uneven=False), [], []
    for seed in range(20):
        frame, everybody = (
            CENTRES.cohort(design, seed, everybody=all_of_them) for all_of_them in (False, True)
        )
        effects = CENTRES.effects(design, seed)
        found = []
        for patients in (frame, everybody):
            codes = sorted(set(patients["centre"]))
            u = np.array([effects[int(code[1:])] for code in codes])
            draws = truth(centre_effect=u[None, None])
            fit = fitted(rows_of(patients), draws, group="(1 | centre)")
            weights = time_zero_weights(fit)
            for each in (None, weights):
                who = sample_population(fit, weights=each)
                found.append(float(survival(fit, [24.0], [NEVER], population=who).squeeze()))
        gaps.append(found[1] - found[2])
        entered.append(found[0] - found[2])
    error = np.std(gaps, ddof=1) / np.sqrt(len(gaps))
    assert abs(np.mean(gaps)) < 3 * error < 0.03
    assert np.mean(entered) > 0.08


SPECIFICATION = """
schema = {schema}
name = "late"
[data]
patient = "patient"
time = "months"
event = "death"
entry = "entry"
{centre}
[treatment]
name = "a"
column = "a"
design = "fixed"
[outcome]
formula = "a + z"
group = "{group}"
[outcome.hazard]
family = "weibull"
[priors]
default = {{ dist = "Normal", mu = 0.0, sigma = 5.0 }}
[estimands]
population = "{population}"
"""


@pytest.mark.parametrize("population", ["sample", "time-zero"])
def test_late_entry_is_told(population):
    frame = CENTRES.cohort(CENTRES.Design(centres=40, diagnosed=300), 1)
    text = SPECIFICATION.format(
        schema=2, group="(1 + a | centre)", population=population, centre='centre = "centre"'
    )
    notes = check_analysis(parse_spec(text), frame).notes
    (entry,) = (note for note in notes if note.startswith("DELAYED ENTRY"))
    assert f"{len(frame)} patients of {len(frame)} came under observation late" in entry
    told = {"sample": "Averages are over patients who lived to enter", "time-zero": "1/S(entry)"}
    assert told[population] in entry
    assert any("patients a centre, effects of covariates" in note for note in notes)
    assert any("Intercepts and slopes of centre are taken as uncorrelated" in n for n in notes)
    whole = frame.assign(entry=0.0)
    text = SPECIFICATION.format(schema=2, group="", population=population, centre="")
    assert not any("DELAYED" in note for note in check_analysis(parse_spec(text), whole).notes)
