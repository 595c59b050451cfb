"""A trial plan from file to result: design priors, simulation, audit."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from bayes_ihlrt.analysis.design_prior import design_priors
from bayes_ihlrt.errors import Fault, SpecificationError, nearest
from bayes_ihlrt.trials.early_looks import CorrectedLook, corrected_looks
from bayes_ihlrt.trials.engine import open_pool
from bayes_ihlrt.trials.nuts_audit import PlanAudit, audit_plan
from bayes_ihlrt.trials.plan import PlanResult, plan_dict, plan_tasks, run_plan
from bayes_ihlrt.trials.plan_spec import TrialPlan
from bayes_ihlrt.trials.replaying import Replay, replay_trial
from bayes_ihlrt.trials.store import FOLDER, Store


class Progress(Protocol):
    """Shows how far a plan has come."""

    def __call__(self, what: str, done: int, total: int) -> None:
        """Tell that `done` of `total` are done of what is running."""
        ...


@dataclass(frozen=True, eq=False)
class TrialPlanResult:
    """A plan that was run and audited.

    Parameters
    ----------
    result : PlanResult
        Operating characteristics and statistics.
    audit : PlanAudit
        Fits redone by NUTS.
    corrected : tuple of CorrectedLook
        Looks with few events or strict thresholds, where a sample of the fits was corrected.
    """

    result: PlanResult
    audit: PlanAudit
    corrected: tuple[CorrectedLook, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what ``result.json`` holds."""
        names = ("bayes-ihlrt", "pymc", "jax", "nutpie", "numpy")
        versions: Mapping[str, str] = {name: version(name) for name in names}
        return plan_dict(self.result) | {
            "audit": self.audit.to_dict(),
            "corrected_looks": [look.to_dict() for look in self.corrected],
            "versions": dict(versions),
        }


def run_trial_plan(
    plan: TrialPlan,
    trials: int,
    *,
    out: Path | None = None,
    scheduler: str | None = None,
    workers: int | None = None,
    audited: int | None = None,
    progress: Progress,
) -> TrialPlanResult:
    """Run a plan: fit the cohorts that it names, simulate, audit.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    trials : int
        Trials of each design under each scenario.
    out : Path, optional
        Folder in which finished trials are kept, so that a killed run goes on where it was.
    scheduler : str, optional
        Address of a Dask scheduler.
    workers : int, optional
        Units at a time in this process.
    audited : int, optional
        Fits redone by NUTS; 1 %, at least 20 and at most 200, by default.
    progress : callable
        Told what is running and how far it has come.

    Returns
    -------
    TrialPlanResult
        With the audit.

    Raises
    ------
    SpecificationError
        The plan cannot be run as it is.
    MissingExtraError
        The extra ``distributed`` is not installed.
    """
    with open_pool(scheduler, workers=workers) as pool:
        if any(scenario.posterior is not None for scenario in plan.scenarios):
            progress("fitting the cohort of the design prior", 0, 1)
        store = None if out is None else Store(out / FOLDER)
        priors = design_priors(plan)
        result = run_plan(
            plan, trials, design_priors=priors, pool=pool, store=store, stage=progress
        )
    audit = audit_plan(
        result,
        fits=audited,
        progress=lambda done, total: progress("audit by NUTS", done, total),
    )
    corrected = corrected_looks(
        result.cells,
        progress=lambda done, total: progress("looks with few events, corrected", done, total),
    )
    return TrialPlanResult(result, audit, corrected)


def replay_planned(
    plan: TrialPlan,
    trial: int,
    *,
    scenario: str,
    design: str | None = None,
    stage: Callable[[str], None] | None = None,
) -> Replay:
    """Simulate one trial of a plan again.

    Parameters
    ----------
    plan : TrialPlan
        The plan.
    trial : int
        Number of the trial.
    scenario : str
        Name of the scenario.
    design : str, optional
        Name of a variant; the plan's own design without it.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    Replay
        The same trial as in any run of the plan.

    Raises
    ------
    SpecificationError
        The plan has no such design or scenario.
    """
    name = plan.name if design is None else design
    faults = []
    scenarios = [one.name for one in plan.scenarios]
    if scenario not in scenarios:
        faults.append(
            Fault(f"scenario '{scenario}'", "there is none", nearest(scenario, scenarios))
        )
    if name not in plan.designs:
        faults.append(Fault(f"design '{name}'", "there is none", nearest(name, plan.designs)))
    if faults:
        raise SpecificationError(plan.name, faults)
    only = tuple(one for one in plan.scenarios if one.name == scenario)
    chosen = plan.model_copy(update={"scenarios": only})
    tell = stage or _silent
    if only[0].posterior is not None:
        tell("fitting the cohort of the design prior")
    task = plan_tasks(chosen, design_priors(chosen))[name, scenario]
    tell("compiling and simulating the trial")
    return replay_trial(task, trial)


def _silent(_: str) -> None:
    return None
