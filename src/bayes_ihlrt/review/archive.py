"""A plan's folder as an archive without data: every number told again from what is kept in it.

The folder that `plan --out` writes holds the plan, the simulated trials, and the draws of design
priors in place of the cohorts that they were fitted to. Nothing of a patient is in it.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.hazards.registry import FAMILIES
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.plain import json_text, plain
from bayes_ihlrt.schema.base import json_object
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.storage.claims import finish
from bayes_ihlrt.trials.plan import PlanResult, plan_dict, run_plan
from bayes_ihlrt.trials.truth import DesignPrior, PriorSource
from bayes_ihlrt.trials.units import FOLDER, Store

PRIORS: Final = "design_priors.npz"
"""Draws of the posteriors that are truths of a plan's scenarios."""
REPLAYED: Final = ("design_priors", "results", "averaged", "curves")
"""What of ``result.json`` is told again; chains of the audit are not."""
ALIKE: Final = 1e-6
"""Relative difference up to which numbers are the same: another processor rounds otherwise."""
_ARRAYS: Final = ("modifier", "effect", "interaction")


def write_priors(result: PlanResult, file: Path) -> None:
    """Write the draws of a plan's design priors; an empty file where it has none.

    Parameters
    ----------
    result : PlanResult
        A plan that was run.
    file : Path
        Where to.
    """
    arrays: dict[str, Any] = {}
    priors = {cell.scenario: cell.task.prior for cell in result.cells}
    for scenario, prior in priors.items():
        if prior is None:
            continue
        hazard: Any = prior.hazard
        about = {"family": hazard.name, "options": asdict(hazard)}
        about["source"] = None if prior.source is None else asdict(prior.source)
        arrays[f"{scenario}/about"] = np.array(json_text(about, indent=None))
        arrays |= {f"{scenario}/theta/{name}": values for name, values in prior.theta.items()}
        arrays |= {f"{scenario}/{name}": getattr(prior, name) for name in _ARRAYS}
    with file.open("wb") as opened:
        np.savez_compressed(opened, **arrays)


def read_priors(file: Path) -> dict[str, DesignPrior]:
    """Read the draws of a plan's design priors.

    Parameters
    ----------
    file : Path
        From `write_priors`.

    Returns
    -------
    dict of str to DesignPrior
        By scenario.
    """
    with np.load(file, allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    priors = {}
    for name in [key.removesuffix("/about") for key in arrays if key.endswith("/about")]:
        about = json.loads(str(arrays[f"{name}/about"]))
        options = {
            key: tuple(value) if isinstance(value, list) else value
            for key, value in about["options"].items()
        }
        start = f"{name}/theta/"
        theta = {
            key.removeprefix(start): values
            for key, values in arrays.items()
            if key.startswith(start)
        }
        priors[name] = DesignPrior(
            FAMILIES[about["family"]](**options),
            theta,
            **{key: arrays[f"{name}/{key}"] for key in _ARRAYS},
            source=None if about["source"] is None else PriorSource(**about["source"]),
        )
    return priors


@dataclass(frozen=True)
class PlanReplay:
    """Numbers of a plan's ``result.json`` told again.

    Parameters
    ----------
    numbers : int
        Numbers that were compared.
    different : tuple of tuple
        Where a number is another: its place, as written, as told again.
    simulated : int
        Trials that were simulated for it; 0 where all were kept.
    trials : int
        Trials of each design under each scenario.
    """

    numbers: int
    different: tuple[tuple[str, Any, Any], ...]
    simulated: int
    trials: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data by name."""
        return asdict(self)

    @property
    def sentences(self) -> tuple[str, ...]:
        """What came of it, in words."""
        whence = (
            f"{self.simulated:,} trials simulated again"
            if self.simulated
            else "the trials that are kept, none simulated again"
        )
        told = [f"{self.numbers:,} numbers told again from {whence}; chains of the audit are not."]
        if not self.different:
            return (*told, "All are those of result.json.")
        told.append(f"{len(self.different):,} DIFFER from result.json:")
        shown = self.different[:_SHOWN]
        told += [f"  {place}: {before} written, {after} now" for place, before, after in shown]
        more = len(self.different) - len(shown)
        return (*told, *([f"  and {more:,} more."] if more else []))


_SHOWN: Final = 5


def replay_plan(
    folder: Path, *, again: bool = False, stage: Callable[[str, int, int], None] | None = None
) -> PlanReplay:
    """Tell every number of a plan's folder again and compare.

    Parameters
    ----------
    folder : Path
        What `plan --out` wrote.
    again : bool
        Simulate every trial again, instead of reading those that are kept.
    stage : callable, optional
        Told what is running.

    Returns
    -------
    PlanReplay
        What was compared and what differs.

    Raises
    ------
    InputError
        It is no folder of a plan, or a part of it is missing.
    """
    if folder.is_dir():
        finish(folder, "replay-plan")
    needed = ("plan.toml", "result.json", PRIORS)
    missing = [name for name in needed if not (folder / name).is_file()]
    if missing:
        problem = f"it has no {' and no '.join(missing)}"
        raise InputError(
            "replay-plan", [Fault(f"folder {folder}", problem, "Name a folder that `plan` wrote")]
        )
    plan = TrialPlan.from_toml((folder / "plan.toml").read_text("utf-8"))
    written = json_object(folder / "result.json", "replay-plan")
    trials = next(row["trials"] for row in written["results"] if row["trials"])
    found = run_plan(
        plan,
        trials,
        design_priors=_priors(plan, written["results"], folder / PRIORS),
        store=None if again else Store(folder / FOLDER, writes=False),
        stage=stage,
    )
    told = plain(plan_dict(found))
    before, after = (
        dict(_numbers({key: whole.get(key) for key in REPLAYED})) for whole in (written, told)
    )
    places = {**before, **after}
    pairs = ((place, before.get(place, _MISSING), after.get(place, _MISSING)) for place in places)
    different = tuple((place, *pair) for place, *pair in pairs if not _same(*pair))
    return PlanReplay(len(before), different, found.simulated, trials)


_MISSING: Final = "(not there)"
"""What stands for a place that one of the two does not have: null is a value."""


def _priors(
    plan: TrialPlan, rows: Sequence[Mapping[str, Any]], file: Path
) -> dict[str, DesignPrior | Failure]:
    """Return draws of design priors; where a posterior could not be computed, why, as written."""
    found: dict[str, DesignPrior | Failure] = dict(read_priors(file))
    lost = {row["scenario"]: row["not_computed"] for row in rows if row.get("not_computed")}
    for scenario in plan.scenarios:
        if scenario.posterior is not None and scenario.name not in found and scenario.name in lost:
            found[scenario.name] = Failure(scenario.name, **lost[scenario.name])
    return found


def _numbers(value: Any, place: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the place and value of every number, text and nothing in plain data."""
    if isinstance(value, Mapping):
        for key, each in value.items():
            yield from _numbers(each, f"{place}.{key}" if place else str(key))
    elif isinstance(value, list):
        for number, each in enumerate(value):
            yield from _numbers(each, f"{place}[{number}]")
    else:
        yield place, value


def _same(before: Any, after: Any) -> bool:
    if isinstance(before, float) and isinstance(after, float | int):
        return bool(np.isclose(before, after, rtol=ALIKE, atol=1e-9, equal_nan=True))
    return bool(before == after)
