"""The bias ladder: one cohort under every design, from the naive contrast upward.

References
----------
Suissa S. Immortal time bias in pharmacoepidemiology. Am J Epidemiol 2008;167:492-499,
doi 10.1093/aje/kwm324.
Hernan MA, Robins JM. Using big data to emulate a target trial. Am J Epidemiol 2016;183:758-764,
doi 10.1093/aje/kwv254.
"""

import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

import xarray as xr

from bayes_ihlrt.analysis.check import CohortSource, read_cohort
from bayes_ihlrt.analysis.fit import versions
from bayes_ihlrt.analysis.notes import data_summary, identified, left_out
from bayes_ihlrt.analysis.prior_worth import with_scales
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.ladder.causes import OneCause, of_one_cause, without_months
from bayes_ihlrt.ladder.fit import fit_rung
from bayes_ihlrt.ladder.null import NullSimulation, simulate_naive
from bayes_ihlrt.ladder.rung import Rung
from bayes_ihlrt.ladder.rungs import RungPlan, crude_model, plan_rungs
from bayes_ihlrt.ladder.words import target_of
from bayes_ihlrt.parts import Failure, attempted, listed, nothing_left
from bayes_ihlrt.plain import Shown, short_repr
from bayes_ihlrt.propensity.model import SeparationWarning
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.external import refuse_external
from bayes_ihlrt.spec.model import ModelSpec

type Stage = Callable[[str], None]


@short_repr("spec", "cohort", "rungs", "horizon")
@dataclass(frozen=True, eq=False)
class LadderResult(Shown):
    """The bias ladder of a cohort.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        The data.
    rungs : tuple of Rung
        Most naive first; one at least is estimated, others may say why they are not. The first has
        its rows in any case.
    null : NullSimulation, Failure or None
        What the naive rung shows without an effect, or why that is not known; None with delayed
        entry.
    horizon : float
        Months of the restricted mean times.
    cause : OneCause or None
        Which of several causes it is of; None of one event.

    Examples
    --------
    With ``ladder``, a `bias_ladder` of the heart transplants without covariates:

    >>> [rung.plan.rung for rung in ladder.rungs]
    ['ever-never', 'landmark-3', 'split']
    >>> round(ladder.naive_rows.provenance.immortal_months)
    88
    """

    spec: AnalysisSpec
    cohort: Cohort
    rungs: tuple[Rung, ...]
    null: NullSimulation | Failure | None
    horizon: float
    cause: OneCause | None = None

    @property
    def synthetic(self) -> bool:
        """Whether the data were simulated."""
        return bool(self.cohort.attrs.get("synthetic", False))

    @property
    def naive_rows(self) -> PersonTime:
        """Rows of the first rung: all patients."""
        rows = self.rungs[0].person_time
        if rows is None:
            message = "the first rung has its rows, whether it is estimated or not"
            raise AssertionError(message)
        return rows

    @property
    def simulated(self) -> NullSimulation | None:
        """What the naive rung shows without an effect, where that is known."""
        return None if isinstance(self.null, Failure) else self.null

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Parts that could not be computed: rungs in their order, then the null simulation."""
        found = [rung.failure for rung in self.rungs] + [self.null]
        return tuple(part for part in found if isinstance(part, Failure))

    @property
    def tree(self) -> xr.DataTree:
        """Draws of every estimated rung, one group each."""
        groups = {
            f"{rung.plan.rung}, {rung.plan.adjustment}": rung.posterior
            for rung in self.rungs
            if rung.posterior is not None
        }
        return xr.DataTree.from_dict(groups)

    @property
    def notes(self) -> tuple[str, ...]:
        """Whom every rung leaves out, since a covariate is missing; each rung says whom else.

        Before that, that identifiers were kept, and of which cause it is.
        """
        own = () if self.cause is None else (self.cause.note,)
        dropped = self.cohort.dropped
        gone = left_out(dropped, total=len(dropped) + len(self.naive_rows.patients))
        return (*identified(self.cohort), *own, *gone)

    def _compares(self, rung: Rung) -> dict[str, str] | None:
        return asdict(target_of(rung, self.horizon)) if rung.estimated else None

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``result.json``."""
        return {
            "schema": 1,
            "name": self.spec.name,
            "versions": versions(),
            "seed": self.spec.sampler.seed,
            "data": data_summary(
                self.cohort if self.cause is None else self.cause.cohort, self.naive_rows
            ),
            "notes": list(self.notes),
            "horizon": self.horizon if self.cause is None else None,
            "cause": None if self.cause is None else self.cause.to_dict(),
            "rungs": [{**rung.to_dict(), "compares": self._compares(rung)} for rung in self.rungs],
            "null_simulation": None if self.simulated is None else self.simulated.to_dict(),
            "failed": listed(self.failures),
        }


def bias_ladder(
    spec: AnalysisSpec,
    data: CohortSource,
    *,
    cause: str | None = None,
    stage: Stage | None = None,
) -> LadderResult:
    """Run every design and adjustment that a specification and its data allow on one cohort.

    A rung that the data do not allow, or whose draws are not to be trusted, says so in its
    `failure` and does not stop the others. A cohort that does not allow the naive design allows no
    ladder: its faults are raised.

    Parameters
    ----------
    spec : AnalysisSpec
        With a treatment; ``[propensity]`` adds weighted rungs, ``[visits]`` the sequential trials
        and the clones, `response` in ``[ladder]`` the g-formula.
    data : str, Path, Cohort, DataFrame or mapping
        Data file, name of a packaged data set, cohort, or columns in memory.
    cause : str, optional
        Of competing causes the one whose hazard ratios are compared, the others being censored.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    LadderResult
        Rungs side by side, and the naive rung's null simulation.

    Raises
    ------
    DataError
        With every fault of the data.
    SpecificationError
        There is no treatment that starts during follow-up, the naive design cannot be made, or
        there is no such cause.
    RefusedError
        The event has competing causes, and none is asked for.
    BayesIhlrtError
        No rung could be estimated.

    Examples
    --------
    With ``ladder``, a `bias_ladder` of the heart transplants without covariates:

    >>> naive, *_, split = ladder.to_dict()["rungs"]
    >>> naive["log_hr"]["q97.5"] < 0.0 < split["log_hr"]["q97.5"]
    True
    """
    tell = stage or _silent
    refuse_external(spec.name, spec.external, command="ladder")
    cohort = read_cohort(spec, data)
    spec, cohort, one = of_one_cause(with_scales(spec, cohort), cohort, cause)
    plans = plan_rungs(spec, cohort)
    if one is not None:
        plans = tuple(map(without_months, plans))
    horizon = spec.ladder.horizon or spec.estimands.horizons[-1]
    rungs: list[Rung] = []
    for number, plan in enumerate(plans, start=1):
        tell(f"rung {number} of {len(plans)}: {plan.rung}, adjustment {plan.adjustment}")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", SeparationWarning)
            rung = _rung(spec, cohort, plan, horizon=horizon, first=not rungs)
        rungs.append(replace(rung, warnings=_separated(caught)))
    if not any(rung.estimated for rung in rungs):
        raise nothing_left([rung.failure for rung in rungs if rung.failure is not None])
    tell(f"{spec.ladder.null_replicates:,} cohorts without an effect")
    null = attempted("null simulation", lambda: _null(spec, cohort))
    return LadderResult(spec, cohort, tuple(rungs), null, horizon, one)


def _null(spec: AnalysisSpec, cohort: Cohort) -> NullSimulation | None:
    return simulate_naive(
        cohort,
        _treatment_only(crude_model(spec)),
        replicates=spec.ladder.null_replicates,
        seed=spec.sampler.seed,
    )


def _separated(caught: list[warnings.WarningMessage]) -> tuple[str, ...]:
    """Keep what was said of separation with its rung; pass everything else on."""
    for other in caught:
        if not issubclass(other.category, SeparationWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    told = (str(w.message) for w in caught if issubclass(w.category, SeparationWarning))
    return tuple(dict.fromkeys(told))


def _rung(
    spec: AnalysisSpec, cohort: Cohort, plan: RungPlan, *, horizon: float, first: bool
) -> Rung:
    """Return a rung, or why it is not estimated; the first keeps its rows in any case."""
    rows = person_time(cohort, plan.treatment) if first else None
    found = attempted(
        f"{plan.rung}, {plan.adjustment}", lambda: fit_rung(spec, cohort, plan, horizon=horizon)
    )
    return Rung(plan, failure=found, person_time=rows) if isinstance(found, Failure) else found


def _treatment_only(model: ModelSpec) -> ModelSpec:
    """Return the crude model without the modifier."""
    name = str(model.treatment)
    modifier = "" if model.modifier is None else model.modifier.name
    priors = {k: v for k, v in model.priors.items() if modifier not in k.split(":")}
    outcome = model.outcome.model_copy(update={"formula": name})
    held = {"scales": model.scales, "labels": model.labels}
    return ModelSpec(treatment=name, outcome=outcome, priors=priors, **held)


def _silent(_: str) -> None:
    return None
