"""Datasets behind the figures of a plan."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from bayes_ihlrt.spec.rules import LookSpec, Quantity, Rule
from bayes_ihlrt.trials.decisions import Verdict, decide, successes
from bayes_ihlrt.trials.operating import Estimated, share
from bayes_ihlrt.trials.plan import Cell, PlanResult
from bayes_ihlrt.trials.quantities import Target, statement_bound
from bayes_ihlrt.trials.simulator import Block
from bayes_ihlrt.trials.units import simulator

Floats = NDArray[np.float64]
_POINTS: Final = 60

type Figures = dict[str, tuple[str, xr.Dataset]]
"""Name of the file to the kind of figure and its data."""


def plan_figures(result: PlanResult) -> Figures:
    """Return what a plan's figures show.

    Parameters
    ----------
    result : PlanResult
        The plan.

    Returns
    -------
    dict of str to tuple
        Name of the figure to its kind and dataset.
    """
    title = f"{result.plan.name}, {' and '.join(one.label for one in result.endpoints)}"
    found: Figures = {
        "success": ("trial_success", _named(success_data(result), f"{title}: share of trials")),
        "stopping": ("trial_stopping", _named(stopping_data(result), f"{title}: where trials end")),
        "convergence": (
            "trial_convergence",
            _named(convergence_data(result.cells), f"{title}: Monte Carlo convergence"),
        ),
    }
    for number, curve in enumerate(result.curves):
        if not curve.found:
            continue
        data = curve_data(curve.spec.values, curve.success, label=curve.label)
        found[f"curve_{number + 1}"] = (
            "trial_curves",
            _named(data, f"{title}: share of trials over {curve.spec.over.words}"),
        )
    for number, cell in enumerate(_one_of_each_design(result)):
        endpoint = cell.task.design.endpoint
        where = f"{cell.design}, {cell.scenario}"
        found[f"conduct_{number + 1}"] = (
            "trial_conduct",
            _named(conduct_data(cell), f"{where}: patients and {endpoint.events}"),
        )
        regions = decision_data(cell)
        if regions is not None:
            found[f"decisions_{number + 1}"] = (
                "trial_decisions",
                _named(regions, f"{where}: decisions on {endpoint.label}"),
            )
    return found


def _named(data: xr.Dataset, title: str) -> xr.Dataset:
    return data.assign_attrs(title=title, synthetic=True)


def _one_of_each_design(result: PlanResult) -> list[Cell]:
    """The last scenario of each design, which is seldom the null."""
    return list({cell.design: cell for cell in result.cells}.values())


def success_data(result: PlanResult) -> xr.Dataset:
    """Return the share of successful trials with its interval, ``design, scenario``."""
    names = [scenario.name for scenario in result.plan.scenarios]
    designs = list(result.plan.designs)
    done = {(cell.design, cell.scenario): cell.found.success_told for cell in result.cells}
    cells = [[done.get((design, name)) for name in names] for design in designs]
    effects = [scenario.effect.hr for scenario in result.plan.scenarios]
    single = all(len(hr) == 1 for hr in effects) and len({hr[0] for hr in effects}) == len(effects)
    known = all(scenario.control is not None for scenario in result.plan.scenarios)
    data = xr.Dataset(
        _bands(cells, ("design", "scenario")),
        coords={"design": designs, "scenario": names},
    )
    if single and known and len(names) > 2:
        data = data.assign_coords(hr=("scenario", [hr[0] for hr in effects]))
    return data


def curve_data(x: Sequence[float], found: dict[str, list[Estimated]], *, label: str) -> xr.Dataset:
    """Return operating characteristics along an axis, for the figure of power curves.

    Parameters
    ----------
    x : sequence of float
        For example sample sizes, effects or cut-offs of the modifier.
    found : dict of str to list of Estimated
        Line to its values, one for each x.
    label : str
        The axis, with its unit.

    Returns
    -------
    xarray.Dataset
        ``estimate, low, high`` over ``line, x``.
    """
    return xr.Dataset(
        _bands(list(found.values()), ("line", "x")),
        coords={"line": list(found), "x": list(x)},
        attrs={"label": label},
    )


def _bands(
    table: Sequence[Sequence[Estimated | None]], dims: tuple[str, str]
) -> dict[str, tuple[tuple[str, str], Floats]]:
    return {
        name: (
            dims,
            np.array(
                [[np.nan if one is None else getattr(one, name) for one in row] for row in table]
            ),
        )
        for name in ("estimate", "low", "high")
    }


def stopping_data(result: PlanResult) -> xr.Dataset:
    """Return the share of trials that end at each look by verdict, ``cell, look, verdict``.

    Parameters
    ----------
    result : PlanResult
        The plan.

    Returns
    -------
    xarray.Dataset
        Futility rules are followed; where they need not be, the cell's name says so.
    """
    looks = max(len(cell.found.by_look) for cell in result.cells)
    shares = np.zeros((len(result.cells), looks, len(Verdict)))
    for number, cell in enumerate(result.cells):
        done = decide(cell.task.design, cell.table)
        for verdict in Verdict:
            for look in range(len(cell.found.by_look)):
                here = (done.look == look) & (done.verdict == verdict)
                shares[number, look, int(verdict)] = float(here.mean())
    labels = [cell.ending for cell in result.cells]
    return xr.Dataset(
        {"share": (("cell", "look", "verdict"), shares)},
        coords={
            "cell": labels,
            "look": np.arange(looks) + 1,
            "verdict": [verdict.name.lower() for verdict in Verdict],
        },
    )


def convergence_data(cells: Sequence[Cell]) -> xr.Dataset:
    """Return success after the first so many trials with its interval, ``cell, trials``."""
    least = min(cell.found.trials for cell in cells)
    counts = np.unique(np.geomspace(min(20, least), least, _POINTS).astype(int))
    found = []
    for cell in cells:
        won = successes(cell.task.design, cell.table, cell.found.success_is)
        found.append([share(won[:count]) for count in counts])
    labels = [f"{cell.design} / {cell.scenario}" for cell in cells]
    return xr.Dataset(_bands(found, ("cell", "trials")), coords={"cell": labels, "trials": counts})


def conduct_data(cell: Cell) -> xr.Dataset:
    """Return patients enrolled and events over calendar time in the first 256 trials.

    Parameters
    ----------
    cell : Cell
        A design under a scenario.

    Returns
    -------
    xarray.Dataset
        ``enrolled`` and ``events`` over ``quantile`` (.05, .5, .95) and ``month``, had nobody
        stopped or changed the trial; ``look_month`` the median month of each look.
    """
    block = simulator(cell.task).block(0)
    looks = len(cell.task.design.looks)
    # Stages beyond the looks are those of trials that were changed.
    months = np.linspace(0.0, float(np.median(np.asarray(block.seen.time)[:, looks - 1])), _POINTS)
    enrolled, events = _by_month(block, months)
    quantiles = [0.05, 0.5, 0.95]
    dims = ("quantile", "month")
    return xr.Dataset(
        {
            "enrolled": (dims, np.quantile(enrolled, quantiles, axis=0)),
            "events": (dims, np.quantile(events, quantiles, axis=0)),
            "look_month": ("look", np.median(np.asarray(block.seen.time)[:, :looks], axis=0)),
        },
        coords={"quantile": quantiles, "month": months, "look": np.arange(looks) + 1},
        attrs={"events": cell.task.design.endpoint.events},
    )


def _by_month(block: Block, months: Floats) -> tuple[Floats, Floats]:
    arrival, event, dropout = (
        np.asarray(values)[:, 0]
        for values in (block.patients.arrival, block.patients.event, block.patients.dropout)
    )
    seen = np.where(event <= dropout, arrival + event, np.inf)
    pairs = [(values[:, :, None] <= months).sum(axis=1) for values in (arrival, seen)]
    return np.asarray(pairs[0], dtype=np.float64), np.asarray(pairs[1], dtype=np.float64)


def decision_data(cell: Cell) -> xr.Dataset | None:
    """Return which posterior mean hazard ratios lead to which decision, by look.

    Parameters
    ----------
    cell : Cell
        A design under a scenario.

    Returns
    -------
    xarray.Dataset or None
        ``success_below`` and ``futility_above`` (NaN where a look has no such rule) and quantiles
        of the hazard ratio's posterior mean over ``look``; None unless every efficacy and futility
        list is a single rule on one hazard ratio, low ones being success and high ones futility.
    """
    design = cell.task.design
    asked = [(one, less) for look in design.looks for one, less in _by_side(look) if one]
    lists = [rules for rules, _ in asked]
    plain = all(
        len(rules) == 1
        and rules[0].quantity is Quantity.HAZARD_RATIO
        and rules[0].claims_less == less
        for rules, less in asked
    )
    if not plain or len({rules[0].at for rules in lists}) != 1:
        return None
    place = cell.targets.index(Target.of_rule(lists[0][0]))
    looks = len(design.looks)
    mean, sd = (cell.table[name][:, :looks, place] for name in ("mean", "sd"))
    spread = np.nanmedian(sd, axis=0)
    bounds = {
        "success_below": [
            _bound(look.efficacy, float(s)) for look, s in zip(design.looks, spread, strict=True)
        ],
        "futility_above": [
            _bound(look.futility, float(s)) for look, s in zip(design.looks, spread, strict=True)
        ],
    }
    events = (cell.table["events_control"] + cell.table["events_treated"])[:, :looks]
    quantiles = [0.05, 0.5, 0.95]
    return xr.Dataset(
        {name: ("look", np.array(values)) for name, values in bounds.items()}
        | {
            "hazard_ratio": (
                ("quantile", "look"),
                np.exp(np.nanquantile(mean, quantiles, axis=0)),
            ),
            "events": ("look", events.mean(axis=0)),
        },
        coords={"quantile": quantiles, "look": np.arange(looks) + 1},
        attrs={"events": design.endpoint.events},
    )


def _by_side(look: LookSpec) -> tuple[tuple[tuple[Rule, ...], bool], ...]:
    """Return rules of efficacy and of futility, and whether a low hazard ratio meets them."""
    return (look.efficacy, True), (look.futility, False)


def _bound(rules: tuple[Rule, ...], sd: float) -> float:
    """Hazard ratio at which the probability is the threshold, with a typical posterior sd."""
    if not rules:
        return float("nan")
    rule = rules[0]
    below = rule.threshold if rule.below is not None else 1.0 - rule.threshold
    return float(np.exp(statement_bound(rule) - sd * ndtri(below)))
