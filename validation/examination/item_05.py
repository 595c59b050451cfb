"""Item 5: a wrong baseline is confounding by time."""

import warnings
from typing import Final

import numpy as np
import pandas as pd

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.hazards.mspline import MSpline
from bayes_ihlrt.model.graph import PreparedModel, prepare
from bayes_ihlrt.posterior.fitted import fit_shared
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import FLEXIBLE, HazardSpec, ModelSpec, with_hazard
from bayes_ihlrt.spec.read import load_spec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.weighted.models import centre
from validation.examination.row import Row
from validation.outside import families
from validation.outside.baseline import SHAPES, START_RATES, cohort, weibull_cohort

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
COVERED_AT = (80, 300)
FEWEST, MOST = 0.92, 0.98
APART = 0.05
_WIDE: Final = {"dist": "Normal", "mu": 0.0, "sigma": 100.0}
_EFFECTS: Final = ("transplant", "age", "transplant:age")
BASELINES: Final = {
    "exponential": (HazardSpec(family="exponential"), ("log_rate",)),
    "Weibull": (HazardSpec(), ("log_rate", "log_shape")),
    "Gompertz": (HazardSpec(family="gompertz"), ("log_rate", "slope")),
    "piecewise, independent": (
        HazardSpec(family="piecewise", smoothing="independent"),
        ("log_hazard", "log_hazard_deviation"),
    ),
    "piecewise, random walk": (FLEXIBLE, ()),
    "M-spline": (HazardSpec(family="mspline"), ()),
}
"""Baselines, and which of their parameters get a flat prior: smoothing is what a walk is for."""


def rows() -> list[Row]:
    """Return bias at 20,000 and at 100 patients, widths where a Weibull is true, and the hearts."""
    found = [_large(shape, rate) for shape in SHAPES for rate in START_RATES]
    found += [_small(shape, rate) for shape in SHAPES for rate in START_RATES]
    found += [
        _coverage(shape, rate, size)
        for size in COVERED_AT
        for shape in SHAPES
        for rate in START_RATES
    ]
    return [*found, _width(), _hearts(), *map(_family, BASELINES)]


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
    what = f"hazard {shape}, starts {rate:g} a month, {REPLICATES} cohorts of {SMALL}"
    note = f"; flat prior {flat[:, 0].mean():+.3f}"
    return _row(f"{what}: log HR", "", (by_default[:, 0].mean(), error), limit=0.10, note=note)


def _coverage(shape: str, rate: float, size: int) -> Row:
    frames = [cohort(size, 1000 + i, shape=shape, start_rate=rate) for i in range(REPLICATES)]
    covered = [_covers(estimates(frames, priors)) for priors in (DEFAULT, FLAT)]
    right = all(FEWEST <= share <= MOST for share in covered)
    return Row(
        item="5",
        what=f"hazard {shape}, starts {rate:g} a month, {REPLICATES} cohorts of {size}: share of "
        "95 % intervals that hold 0",
        truth=f"{FEWEST:.0%} to {MOST:.0%}",
        before="not examined",
        after=f"{covered[0]:.1%}; flat prior {covered[1]:.1%}",
        mcse=f"{np.sqrt(0.95 * 0.05 / REPLICATES):.1%}",
        verdict="within" if right else "outside",
    )


def _covers(found: np.ndarray) -> float:
    return float(np.mean(np.abs(found[:, 0]) < 1.96 * found[:, 1]))


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


def _crude() -> tuple[ModelSpec, PersonTime]:
    checked = check_analysis(load_spec("heart"), "heart")
    model = checked.spec.model
    crude = model.outcome.model_copy(update={"formula": "transplant * age"})
    priors = {name: prior for name, prior in model.priors.items() if name != "surgery"}
    model = model.model_copy(update={"outcome": crude, "priors": priors})
    return model, checked.person_time


def _hearts() -> Row:
    model, rows = _crude()
    fit = fit_shared(with_hazard(model, FLEXIBLE), rows, SamplerSpec())
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


def _family(name: str) -> Row:
    """Compare a family's mode under flat priors with maximum likelihood made outside."""
    mode, best = family_estimates(name)
    return Row(
        item="5",
        what=f"Stanford hearts, split, crude, at age 48, {name}, flat priors: log HR at the mode",
        truth=f"{best:+.3f}, maximum likelihood with the same cuts or knots",
        before="-0.30 for -0.10, eight cuts" if "walk" in name else "not examined",
        after=f"{mode:+.3f}",
        mcse="none: a mode",
        verdict="right" if abs(mode - best) <= APART else "WRONG",
    )


def family_estimates(name: str) -> tuple[float, float]:
    """Return the treatment on hearts at the mode, and by maximum likelihood, log hazard ratios."""
    model, rows = _crude()
    hazard, flat = BASELINES[name]
    model = with_hazard(model, hazard)
    wide = ModelSpec.model_validate({"priors": dict.fromkeys((*_EFFECTS, *flat), _WIDE)}).priors
    prepared = prepare(model.model_copy(update={"priors": wide}), rows)
    shared = compile_model(prepared)
    mode = shared.parameters(centre(shared, {"weight": prepared.arrays.data["weight"][None]})[None])
    own = {
        "exponential": families.exponential,
        "Weibull": families.weibull,
        "Gompertz": families.gompertz,
    }.get(name)
    if own is not None:
        baseline = own()
    elif isinstance(prepared.hazard, MSpline):
        baseline = families.m_spline(prepared.hazard.knots)
    else:
        baseline = families.piecewise(prepared.hazard.cuts)
    columns = {
        key: np.asarray(values, dtype=float)
        for key, values in rows.columns.items()
        if key in {"start", "stop", "event", "transplant", "age"}
    }
    treated, age = columns["transplant"], columns["age"]
    design = np.column_stack([treated, age, treated * age])
    told = (columns[key] for key in ("start", "stop", "event"))
    best = families.maximum_likelihood(baseline, *told, design)
    return float(mode["transplant"].to_numpy().ravel()[0]), float(best[0])


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
    shared = compile_model(prepared)
    members = shared.members({"weight": prepared.arrays.data["weight"][None]})
    found = shared.engine.posteriors(members, keep=("treated",), draws=1000)
    weight = found.draws["weight"].to_numpy()[0]
    draws = found.draws["treated"].to_numpy()[0]
    mean = np.average(draws, weights=weight)
    return float(mean), float(np.sqrt(np.average((draws - mean) ** 2, weights=weight)))
