"""Any simulated trial by its number: patients, posterior at each look, decisions, figure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.spec.rules import Rule
from bayes_ihlrt.trials.decisions import Verdict, decide
from bayes_ihlrt.trials.quantities import statements
from bayes_ihlrt.trials.simulator import BLOCK
from bayes_ihlrt.trials.stages import Stage, stages
from bayes_ihlrt.trials.units import Task, simulator


@dataclass(frozen=True)
class Trace:
    """One rule at one look.

    Parameters
    ----------
    look : int
        Number of the look, from 1.
    purpose : str
        ``efficacy``, ``futility``, ``stop_accrual``, ``extend``, ``enrich`` or
        ``efficacy_enriched``.
    rule : Rule
        The rule.
    probability : float
        What it was compared with; NaN where the fit failed.
    met : bool
        Whether it holds.
    """

    look: int
    purpose: str
    rule: Rule
    probability: float
    met: bool

    def __str__(self) -> str:
        """Tell it in words."""
        told = "met" if self.met else "not met"
        return f"look {self.look}, {self.purpose}: {self.rule}: {self.probability:.4f}, {told}"


@dataclass(frozen=True, eq=False)
class Replay:
    """One simulated trial.

    Parameters
    ----------
    trial : int
        Its number.
    verdict : Verdict
        How it ended.
    look : int
        The look at which it ended, from 1.
    patients : dict of str to ndarray, shape (patients,)
        ``arrival``, ``modifier``, ``arm``, ``start``, ``event`` and ``dropout`` in months; what
        follow-up at the end had seen of it as ``stop`` and ``observed``; covariates by their names.
    looks : xarray.Dataset
        ``months``, ``enrolled``, ``events_control``, ``events_treated`` over ``look`` up to the
        end, posterior ``mean`` and ``sd`` over ``look, target``; attribute ``events`` says what
        events are.
    trace : tuple of Trace
        Every rule that was asked.
    """

    trial: int
    verdict: Verdict
    look: int
    patients: dict[str, NDArray[Any]]
    looks: xr.Dataset
    trace: tuple[Trace, ...]


def replay_trial(task: Task, trial: int) -> Replay:
    """Simulate one trial again.

    Parameters
    ----------
    task : Task
        Design, scenario, seed.
    trial : int
        Its number in any run of the task.

    Returns
    -------
    Replay
        The same trial.

    Raises
    ------
    SpecificationError
        The number is negative.
    """
    if trial < 0:
        fault = Fault("trial", f"{trial} is no number of a trial", "Trials are numbered from 0")
        raise SpecificationError("replay", [fault])
    found = simulator(task)
    block, place = found.block(trial // BLOCK), trial % BLOCK
    table = {name: values[place : place + 1] for name, values in found.statistics(block).items()}
    done = decide(task.design, table)
    end, stage = int(done.look[0]), int(done.stage[0])
    whole = jax.tree.map(lambda values: np.asarray(values[place, stage]), block.patients)
    seen = jax.tree.map(lambda values: np.asarray(values[place, stage]), block.seen)
    patients = {**whole.covariates, **{name: getattr(whole, name) for name in _OF_PATIENTS}}
    patients |= {"stop": seen.stop, "observed": seen.event}
    here = seen.exposure == 1.0
    reached = np.flatnonzero(done.reached[0])
    places = done.places[0, reached]
    along = {name: done.along(table[name])[0, reached] for name in _BY_LOOK}
    moments = {name: table[name][0][places] for name in ("mean", "sd")}
    names = [target.name for target in found.analysis.targets]
    looks = xr.Dataset(
        {name: ("look", values) for name, values in along.items()}
        | {name: (("look", "target"), values) for name, values in moments.items()},
        coords={"look": reached + 1, "target": names},
        attrs={
            "title": f"Trial {trial}, {task.design.endpoint.label}: {_ended(done.verdict[0], end)}",
            "events": task.design.endpoint.events,
            "synthetic": True,
        },
    )
    rows = dict(zip(reached.tolist(), table["probability"][0][places], strict=True))
    return Replay(
        trial,
        Verdict(int(done.verdict[0])),
        end + 1,
        {name: values[here] for name, values in patients.items()},
        looks,
        tuple(_trace(task, rows, stages(task.design)[stage])),
    )


_OF_PATIENTS = ("arrival", "modifier", "arm", "start", "event", "dropout")
_BY_LOOK = ("months", "enrolled", "events_control", "events_treated")


def _ended(verdict: int, look: int) -> str:
    return f"{Verdict(int(verdict)).name.lower()} at look {look + 1}"


def _trace(task: Task, probability: Mapping[int, NDArray[np.float64]], ended: Stage) -> list[Trace]:
    """Return the rules that were asked; what happens once is not asked again."""
    known, traced = statements(task.design), []
    for number, row in probability.items():
        look = task.design.looks[number]
        after = ended.path is not None and number > ended.path
        switched = after and ended.enriched and look.efficacy_enriched
        success = "efficacy_enriched" if switched else "efficacy"
        asked = (success, "futility", *(() if after else ("stop_accrual", "extend", "enrich")))
        for purpose in asked:
            rules = getattr(look, purpose)
            if purpose == "enrich":
                by_value = look.enrich_from(task.design.population.switches)
                rules = dict.fromkeys(rule for own in by_value for rule in own)
            for rule in rules:
                value = float(row[known.index(rule.statement)])
                less = rule.more_than is None
                met = value < rule.threshold if less else value > rule.threshold
                traced.append(Trace(number + 1, purpose, rule, value, bool(met)))
    return traced


_Z = float(ndtri(0.975))


def replay_data(replay: Replay) -> xr.Dataset:
    """Return follow-up of every patient over calendar time, and the hazard ratio by look.

    Parameters
    ----------
    replay : Replay
        A trial.

    Returns
    -------
    xarray.Dataset
        Over ``patient``: ``arrival`` and ``end`` (months since the trial opened), ``arm``,
        ``observed``; over ``look``: ``months``, ``median``, ``q2.5`` and ``q97.5`` of the hazard
        ratio at the reference; attributes ``trace`` with a line for each rule and ``events``, what
        events are.
    """
    patients, looks = replay.patients, replay.looks
    mean, sd = (looks[name].isel(target=0).to_numpy() for name in ("mean", "sd"))
    return xr.Dataset(
        {
            "arrival": ("patient", patients["arrival"]),
            "end": ("patient", patients["arrival"] + patients["stop"]),
            "arm": ("patient", patients["arm"]),
            "observed": ("patient", patients["observed"]),
            "months": ("look", looks["months"].to_numpy()),
            "median": ("look", np.exp(mean)),
            "q2.5": ("look", np.exp(mean - _Z * sd)),
            "q97.5": ("look", np.exp(mean + _Z * sd)),
        },
        coords={"look": looks["look"].to_numpy()},
        attrs={
            "title": looks.attrs["title"],
            "events": looks.attrs["events"],
            "synthetic": True,
            "trace": [str(rule) for rule in replay.trace],
        },
    )
