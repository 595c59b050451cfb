"""Clones tell months gained, the same as the g-formula where both are right."""

import numpy as np

from bayes_ihlrt.analysis.check import read_cohort
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.ladder.rungs import plan_rungs
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.weighted.adjusted import prepare_adjusted
from bayes_ihlrt.weighted.strategy_survival import strategy_survival
from validation.examination.item_06 import SPECIFICATION
from validation.examination.row import Row
from validation.outside import response

COHORTS, PATIENTS, DRAWS = 10, 4000, 10
SMALL_COHORTS, SMALL_PATIENTS, SMALL_DRAWS = 40, 400, 400
NAMES = (
    "treatment delays a harmful switch",
    "treatment brings a switch that harms",
)
NEVER, WITHIN = "never", "within"
_FAR = 3.0
# Starts depend on the switch alone, at every visit alike.
_SPEC = SPECIFICATION.replace('"prog + time"', '"prog"')


def rows(names: tuple[str, ...] = NAMES) -> list[Row]:
    """Return the months of clones in large cohorts, and the coverage of their intervals."""
    spec = parse_spec(_SPEC)
    found = [_bias(spec, name) for name in names]
    return [*found, _coverage(spec, names[0])]


def gained(spec: AnalysisSpec, name: str, patients: int, draws: int, seed: int) -> np.ndarray:
    """Return draws of the months gained by the clones of one cohort."""
    cohort = read_cohort(spec, response.cohort(patients, seed, response.MECHANISMS[name]))
    plan = next(p for p in plan_rungs(spec, cohort) if p.rung == DesignKind.CLONE_CENSOR_WEIGHT)
    analysis = prepare_adjusted(emulate(cohort, plan.treatment), plan.model, spec.propensity)
    found = strategy_survival(
        analysis, response.HORIZON, names=(NEVER, WITHIN), draws=draws, seed=seed
    )["rmst"]
    return (found.sel(strategy=WITHIN) - found.sel(strategy=NEVER)).to_numpy().ravel()


def _bias(spec: AnalysisSpec, name: str) -> Row:
    truth = response.truth(response.MECHANISMS[name])
    means = np.array([gained(spec, name, PATIENTS, DRAWS, s).mean() for s in range(COHORTS)])
    mcse = float(np.hypot(means.std(ddof=1) / np.sqrt(COHORTS), truth.mcse_total))
    off = (means.mean() - truth.total) / mcse
    return Row(
        "9",
        f"clones, {name}: months gained of {response.HORIZON:g}, {PATIENTS:,} patients",
        f"{truth.total:+.2f}",
        "not defined",
        f"{means.mean():+.2f}",
        f"{mcse:.2f}",
        f"{'right' if abs(off) < _FAR else 'wrong'} ({off:+.1f} MCSE)",
    )


def _coverage(spec: AnalysisSpec, name: str) -> Row:
    truth = response.truth(response.MECHANISMS[name]).total
    covered = 0
    for seed in range(1, SMALL_COHORTS + 1):
        draws = gained(spec, name, SMALL_PATIENTS, SMALL_DRAWS, seed)
        low, high = np.quantile(draws, [0.025, 0.975])
        covered += bool(low <= truth <= high)
    share = covered / SMALL_COHORTS
    error = np.sqrt(0.95 * 0.05 / SMALL_COHORTS)
    return Row(
        "9",
        f"clones, {name}: 95 % intervals of {SMALL_PATIENTS} patients that cover",
        "95 %",
        "not defined",
        f"{share:.0%} of {SMALL_COHORTS}",
        f"{error:.0%}",
        "right" if abs(share - 0.95) < _FAR * error else "wrong",
    )
