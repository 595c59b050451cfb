"""What the naive contrast shows when treatment does nothing: this cohort, without an effect.

Times to the event, to the start of treatment and to the end of follow-up are drawn independently
from the cohort's own product-limit curves, so nothing but immortal time separates the ever from the
never treated. Each simulated cohort is fitted as the naive rung is.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import FollowUp, follow_up
from bayes_ihlrt.designs.person_time import PersonTime, provenance
from bayes_ihlrt.errors import ConvergenceError, Fault, SpecificationError
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.model import ModelSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class NullSimulation:
    """Naive contrasts of cohorts without an effect.

    Parameters
    ----------
    log_hr : ndarray, shape (replicates,)
        Posterior mode of the treatment's coefficient in each simulated cohort with at least one
        treated and one untreated patient and an event.
    observed : float
        The same of the cohort itself.
    without_mode : int
        Simulated cohorts in which no mode was found; they are in no number.

    Examples
    --------
    >>> null = NullSimulation(np.array([-0.4, -0.2, -0.1, 0.1]), observed=0.3)
    >>> null.tail, null.prob_as_extreme
    ('high', 0.0)
    """

    log_hr: Floats
    observed: float
    without_mode: int = 0

    @property
    def tail(self) -> Literal["low", "high"]:
        """Side of the median of the cohorts without an effect on which the observed one lies."""
        return "high" if self.observed > np.median(self.log_hr) else "low"

    @property
    def prob_as_extreme(self) -> float:
        """Share of cohorts without an effect at least as far out as the observed, on its side."""
        if self.tail == "high":
            return float(np.mean(self.log_hr >= self.observed))
        return float(np.mean(self.log_hr <= self.observed))

    def to_dict(self) -> dict[str, Any]:
        """Return the part of ``result.json``."""
        low, middle, high = np.quantile(self.log_hr, [0.025, 0.5, 0.975])
        return {
            "replicates": len(self.log_hr),
            "without_mode": self.without_mode,
            "tail": self.tail,
            "prob_as_extreme": self.prob_as_extreme,
            "observed_log_hr": self.observed,
            "log_hr": {"median": float(middle), "q2.5": float(low), "q97.5": float(high)},
        }


def simulate_naive(
    cohort: Cohort, model: ModelSpec, *, replicates: int, seed: int
) -> NullSimulation | None:
    """Simulate the naive contrast without an effect of treatment.

    Parameters
    ----------
    cohort : Cohort
        The cohort.
    model : ModelSpec
        Model with the treatment as its only covariate.
    replicates : int
        Number of simulated cohorts.
    seed : int
        Seed.

    Returns
    -------
    NullSimulation or None
        Cohorts in which nobody or everybody is treated are drawn again. None for a cohort with
        delayed entry, whose product-limit curves say little about the first months.

    Raises
    ------
    SpecificationError
        Hardly any simulated cohort has both arms.
    ConvergenceError
        The cohort itself, or every simulated one, has no mode.
    """
    treatment = str(model.treatment)
    known = follow_up(cohort.columns, treatment)
    if np.any(known.entry > 0.0):
        return None
    died = _events(cohort, known)
    # Simulated patients have a row each, and so has the cohort: sums over rows would not fit them.
    prepared = prepare(model, _ever_never(known, died, treatment), reduce=False)
    drawn = _cohorts(known, died, np.random.default_rng(seed), replicates)
    shared = compile_model(prepared)
    modes = shared.engine.modes(shared.members(_members(prepared, drawn)))
    own = shared.engine.modes(shared.members({"weight": prepared.arrays.data["weight"][None]}))
    if len(own.failed) or len(modes.failed) == replicates:
        message = "the naive contrast of the cohort, or of cohorts without an effect, has no mode"
        raise ConvergenceError(message, "State tighter priors, or simplify the hazard")
    return NullSimulation(
        log_hr=modes.parameters[treatment].to_numpy(),
        observed=float(own.parameters[treatment].to_numpy()[0]),
        without_mode=len(modes.failed),
    )


def _ever_never(known: FollowUp, died: Floats, treatment: str) -> PersonTime:
    """Return one row a patient, treated throughout if ever treated."""
    began = known.treated_from < known.end
    columns: dict[str, NDArray[np.generic]] = {
        "patient": known.patients,
        "start": known.entry,
        "stop": known.end,
        "event": died,
        "weight": np.ones(len(died)),
        treatment: began.astype(np.float64),
    }
    return PersonTime(columns, provenance(DesignKind.EVER_NEVER, columns, treatment))


@dataclass(frozen=True)
class _Drawn:
    entry: Floats
    stop: Floats
    event: Floats
    treated: Floats


def _cohorts(known: FollowUp, died: Floats, rng: np.random.Generator, replicates: int) -> _Drawn:
    """Draw cohorts of the same size, those without both arms or without events again."""
    start = np.minimum(known.treated_from, known.end)
    began = known.treated_from < known.end
    kept: list[NDArray[np.float64]] = []
    found = 0
    for _ in range(100):
        shape = (replicates, len(known.end))
        event = _draw(rng, known.end, died, shape)
        leaves = _draw(rng, known.end, 1.0 - died, shape)
        begins = _draw(rng, start, began.astype(np.float64), shape)
        leaves = np.where(np.isfinite(leaves), leaves, known.end.max())
        stop = np.minimum(event, leaves)
        treated = (begins < stop).astype(np.float64)
        happened = (event <= leaves).astype(np.float64)
        both = (treated.min(axis=1) < treated.max(axis=1)) & (happened.sum(axis=1) > 0.0)
        kept.append(np.stack([stop, happened, treated])[:, both])
        found += int(both.sum())
        if found >= replicates:
            break
    else:
        problem = "hardly any simulated cohort has both treated and untreated patients"
        remedy = "The cohort is too small, or too few were treated, for this simulation"
        raise SpecificationError("ladder", [Fault("null simulation", problem, remedy)])
    stop, happened, treated = np.concatenate(kept, axis=1)[:, :replicates]
    return _Drawn(np.zeros_like(stop), stop, happened, treated)


def _events(cohort: Cohort, known: FollowUp) -> Floats:
    """Return whether each patient had the event, in the order of `known.patients`."""
    where = {name: number for number, name in enumerate(known.patients.tolist())}
    number = [where[name] for name in cohort.columns["patient"].tolist()]
    return np.bincount(number, cohort.columns["event"], minlength=len(where)).astype(np.float64)


def _draw(rng: np.random.Generator, time: Floats, event: Floats, shape: tuple[int, int]) -> Floats:
    """Draw from a product-limit curve; infinite where the curve has not reached zero."""
    order = np.lexsort((-event, time))
    at_risk = np.arange(len(time), 0, -1)
    survival = np.cumprod(1.0 - event[order] / at_risk)
    below = np.searchsorted(1.0 - survival, rng.random(shape), side="right")
    return np.append(time[order], np.inf)[below]


def _members(prepared: PreparedModel, drawn: _Drawn) -> dict[str, NDArray[np.generic]]:
    hazard = prepared.hazard
    shape = drawn.stop.shape
    increments = hazard.increment_basis(np, drawn.entry.ravel(), drawn.stop.ravel())
    at_event = hazard.log_hazard_basis(np, drawn.stop.ravel())
    return {
        "design": drawn.treated[:, :, None],
        "event": drawn.event,
        "increment_basis": np.asarray(increments).reshape(*shape, -1),
        "hazard_basis": np.asarray(at_event).reshape(*shape, -1),
    }
