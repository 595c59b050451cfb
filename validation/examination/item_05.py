"""Item 5: a wrong baseline is confounding by time."""

import warnings

import numpy as np
import pandas as pd
from examination.row import Row
from outside.baseline import SHAPES, START_RATES, cohort, weibull_cohort

from bayes_ihlrt.analysis.checking import check_analysis
from bayes_ihlrt.analysis.reading import load_spec
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.schema import DataSpec, TreatmentSpec
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.engines import outcome_engine
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.inference.shared_fit import fit_shared
from bayes_ihlrt.model.build import PreparedModel, prepare
from bayes_ihlrt.model.flexible import FLEXIBLE, with_hazard
from bayes_ihlrt.model.spec import HazardSpec, ModelSpec

DATA = DataSpec(patient="id", time="months", event="death")
TREATMENT = TreatmentSpec(name="treated", start="treated_months")
DEFAULT = {}
FLAT = {"treated": {"dist": "Normal", "mu": 0.0, "sigma": 10.0}}
COX_OF_HEARTS = (0.074, 0.319)
"""Crude, treatment by age at age 48; partial likelihood outside the package."""
BEFORE = {
    ("constant", 0.05): "Weibull -0.02",
    ("constant", 0.15): "Weibull -0.02",
    ("high at first", 0.05): "Weibull -0.16",
    ("high at first", 0.15): "Weibull -0.33",
    ("bathtub", 0.05): "Weibull +0.14",
    ("bathtub", 0.15): "Weibull -0.05",
    ("late fall", 0.05): "Weibull -0.23",
    ("late fall", 0.15): "Weibull -0.07",
}
BIG, SMALL, REPLICATES, LARGE_COHORTS = 20_000, 100, 200, 8


def rows() -> list[Row]:
    """Return bias at 20,000 and at 100 patients, widths where a Weibull is true, and the hearts."""
    found = [_large(shape, rate) for shape in SHAPES for rate in START_RATES]
    found += [_small(shape, rate) for shape in SHAPES for rate in START_RATES]
    return [*found, _width(), _hearts()]


def _large(shape: str, rate: float) -> Row:
    frames = [cohort(BIG, 100 + i, shape=shape, start_rate=rate) for i in range(LARGE_COHORTS)]
    means = np.array([estimates([frame], DEFAULT)[0, 0] for frame in frames])
    error = means.std(ddof=1) / np.sqrt(LARGE_COHORTS)
    what = f"treatment without effect, hazard {shape}, starts {rate:g} a month, {BIG:,} patients"
    return _row(f"{what}: log HR", BEFORE[shape, rate], (means.mean(), error), limit=0.03)


def _small(shape: str, rate: float) -> Row:
    frames = [cohort(SMALL, i, shape=shape, start_rate=rate) for i in range(REPLICATES)]
    by_default, flat = estimates(frames, DEFAULT), estimates(frames, FLAT)
    error = by_default[:, 0].std(ddof=1) / np.sqrt(REPLICATES)
    covered = np.mean(np.abs(flat[:, 0]) < 1.96 * flat[:, 1])
    what = f"hazard {shape}, starts {rate:g} a month, {REPLICATES} cohorts of {SMALL}"
    note = f"; flat prior {flat[:, 0].mean():+.3f}, covers 0 in {100 * covered:.1f} %"
    return _row(f"{what}: log HR", "", (by_default[:, 0].mean(), error), limit=0.10, note=note)


def _row(
    what: str, before: str, found: tuple[float, float], *, limit: float, note: str = ""
) -> Row:
    mean, error = found
    beyond = max(abs(mean) - limit, 0.0)
    return Row(
        item="5",
        what=what,
        truth="0",
        before=before or "not examined",
        after=f"{mean:+.3f}{note}",
        mcse=f"{error:.3f}",
        verdict="within" if beyond == 0.0 else f"beyond {limit:g} by {beyond:.3f}",
    )


def _width() -> Row:
    frames = [weibull_cohort(SMALL, i) for i in range(REPLICATES)]
    flexible = estimates(frames, DEFAULT)[:, 1].mean()
    weibull = estimates(frames, DEFAULT, HazardSpec())[:, 1].mean()
    ratio = flexible / weibull
    return Row(
        item="5",
        what=f"a Weibull of shape 0.8 is true, {REPLICATES} cohorts of {SMALL}: posterior sd",
        truth=f"{weibull:.3f} under a Weibull",
        before="not examined",
        after=f"{flexible:.3f}, {100 * (ratio - 1):.0f} % wider",
        mcse="paired",
        verdict="within" if ratio <= 1.10 else "wider than 10 %",
    )


def _hearts() -> Row:
    checked = check_analysis(load_spec("heart"), "heart")
    model = checked.spec.model
    crude = model.outcome.model_copy(update={"formula": "transplant * age"})
    priors = {name: prior for name, prior in model.priors.items() if name != "surgery"}
    model = model.model_copy(update={"outcome": crude, "priors": priors})
    fit = fit_shared(with_hazard(model, FLEXIBLE), checked.person_time, SamplerSpec())
    draws = fit.posterior["transplant"].to_numpy()
    apart = abs(draws.mean() - COX_OF_HEARTS[0]) / draws.std()
    return Row(
        item="5",
        what="Stanford hearts, split, crude, at age 48: log HR under the flexible baseline",
        truth="{:+.3f} ({:.3f}), Cox".format(*COX_OF_HEARTS),
        before="random walk -0.301, M-spline -0.116, Weibull -0.194",
        after=f"{draws.mean():+.3f} ({draws.std():.3f})",
        mcse="0.01",
        verdict="right" if apart <= 0.5 else f"{apart:.1f} posterior sds off",
    )


def estimates(
    frames: list[pd.DataFrame], priors: dict[str, object], hazard: HazardSpec = FLEXIBLE
) -> np.ndarray:
    """Return mean and sd of the treatment in each cohort, shape (cohorts, 2)."""
    outcome = {"formula": "treated", "hazard": hazard}
    spec = ModelSpec.model_validate({"treatment": "treated", "outcome": outcome, "priors": priors})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.array([_moments(prepare(spec, _rows(frame))) for frame in frames])


def _rows(frame: pd.DataFrame) -> PersonTime:
    return person_time(Cohort.from_frame(frame, DATA, TREATMENT), TREATMENT)


def _moments(prepared: PreparedModel) -> tuple[float, float]:
    shared = outcome_engine(prepared)
    members = shared.members({"weight": prepared.arrays.data["weight"][None]})
    found = shared.engine.posteriors(members, keep=("treated",), draws=1000)
    weight = found.draws["weight"].to_numpy()[0]
    draws = found.draws["treated"].to_numpy()[0]
    mean = np.average(draws, weights=weight)
    return float(mean), float(np.sqrt(np.average((draws - mean) ** 2, weights=weight)))
