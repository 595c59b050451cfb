"""The prior grid: the same data under every prior that somebody could defend."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import xarray as xr

from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.model.prepared import PreparedModel, package_defaults
from bayes_ihlrt.names import Dist, ModifierTransform
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.sensitivity.cells import CellFits, PriorCell
from bayes_ihlrt.sensitivity.decisions import CheckResult, Row, changed_answers
from bayes_ihlrt.sensitivity.priors import (
    enthusiastic_prior,
    flat_prior,
    power_scaled,
    sceptical_prior,
)
from bayes_ihlrt.sensitivity.quantities import Wanted, as_fit, read_quantities, summarise_quantities
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.verdicts import Decision, decide

STATED: Final = "stated"
_WIDE: Final = ("four times as wide", 1.0 / 16.0)
_NARROW: Final = ("half as wide", 4.0)

_NUMBERS: Final = ("mean", "sd", "q2.5", "median", "q97.5", "probability", "mcse")

type Named = Mapping[str, Prior]


@dataclass(frozen=True)
class Alternatives:
    """Hazard ratios and priors that a study's named priors are made of.

    Parameters
    ----------
    treatment_hr : float
        What an enthusiast expects of treatment; a sceptic gives it 5 %.
    evidence : Prior, optional
        Prior of the treatment from published effects.
    own : mapping of str to mapping of str to Prior
        Further priors by parameter and name, per unit of the covariate.
    """

    treatment_hr: float = 0.65
    evidence: Prior | None = None
    own: Mapping[str, Named] | None = None


def named_priors(prepared: PreparedModel, choice: Alternatives) -> dict[str, dict[str, Prior]]:
    """Return the named priors of each parameter, the stated one first.

    Treatment: flat, the package's default, sceptical, enthusiastic, published evidence. Interaction
    and modifier: flat, default, sceptical. Every other top-level parameter: four times as wide and
    half as wide as stated. Priors that are the same are listed once, and improper ones not at all.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.
    choice : Alternatives
        What the named priors are made of.

    Returns
    -------
    dict of str to dict of str to Prior
        By parameter, then by name.
    """
    main = _main(prepared, choice)
    found = {}
    for name, stated in prepared.priors.items():
        named: dict[str, Prior] = {STATED: stated.prior}
        named |= main[name] if name in main else _around(stated.prior)
        named |= dict((choice.own or {}).get(name, {}))
        found[name] = _distinct(named)
    return found


def main_parameters(spec: ModelSpec) -> tuple[str, ...]:
    """Return treatment, interaction and modifier, as far as the formula has them."""
    treatment = str(spec.treatment)
    names = [treatment]
    if spec.modifier is not None:
        name = spec.modifier.name
        names += [f"{treatment}:{name}", f"{name}:{treatment}", name]
    terms = spec.outcome.parsed.term_names
    return tuple(name for name in names if name in terms)


def grid_cells(
    named: Mapping[str, Named], crossed: Sequence[str], *, called: Callable[[str], str] = str
) -> tuple[PriorCell, ...]:
    """Return the cells of a grid: some parameters crossed, the others one at a time.

    Parameters
    ----------
    named : mapping of str to mapping of str to Prior
        From `named_priors`.
    crossed : sequence of str
        Parameters whose priors are combined in every way.
    called : callable
        From a parameter to what it is called before people.

    Returns
    -------
    tuple of PriorCell
        The stated priors first.
    """
    axes = [list(named[name]) for name in crossed]
    cells = []
    for labels in product(*axes):
        chosen = {
            name: label for name, label in zip(crossed, labels, strict=True) if label != STATED
        }
        cells.append(_cell(named, chosen, called))
    for name in (name for name in named if name not in crossed):
        others = [label for label in named[name] if label != STATED]
        cells += [_cell(named, {name: label}, called) for label in others]
    return tuple(cells)


def corner_cells(cells: Sequence[PriorCell], *, limit: int) -> tuple[int, ...]:
    """Return the numbers of the cells that NUTS audits: the stated one, then those furthest off.

    Parameters
    ----------
    cells : sequence of PriorCell
        The grid.
    limit : int
        Most cells.

    Returns
    -------
    tuple of int
        The stated cell, then cells by the number of parameters that differ, spread over the grid.
    """
    differing = np.asarray([len(cell.priors) for cell in cells])
    outer = np.flatnonzero(differing == differing.max())
    wanted = max(min(limit - 1, len(outer)), 0)
    spread = outer[np.linspace(0, len(outer) - 1, wanted).astype(int)] if wanted else outer[:0]
    return tuple(dict.fromkeys([0, *spread.tolist()]))[: max(limit, 0)]


def read_grid(
    prepared: PreparedModel,
    person_time: PersonTime,
    fits: CellFits,
    *,
    wanted: Wanted,
    threshold: float,
) -> CheckResult:
    """Read estimands and decisions from the posteriors of a grid.

    Parameters
    ----------
    prepared : PreparedModel
        The model as stated.
    person_time : PersonTime
        Rows that were fitted.
    fits : CellFits
        From `fit_cells`.
    wanted : Wanted
        What to read.
    threshold : float
        Probability from which a statement holds.

    Returns
    -------
    CheckResult
        Rows by cell and estimand.
    """
    quantities = read_quantities(as_fit(prepared, person_time, fits.draws), wanted)
    data = summarise_quantities(quantities, fits.weights, fits.ess)
    decisions = np.vectorize(lambda p: decide(p, threshold).value)(data["probability"].to_numpy())
    chance, errors = (data[name].to_numpy() for name in ("probability", "mcse"))
    changed = changed_answers(chance, errors, threshold)
    data = data.assign(
        changed=((MEMBER, "quantity"), changed),
        decision=((MEMBER, "quantity"), decisions.astype(str)),
        k_hat=(MEMBER, fits.k_hat),
        ess=(MEMBER, fits.ess),
        engine=(MEMBER, list(fits.engine)),
    ).assign_coords(
        prior=(MEMBER, [cell.name for cell in fits.cells]),
        priors_changed=(MEMBER, [len(cell.labels) for cell in fits.cells]),
    )
    rows = [
        _row(data, fits, cell=cell, place=place, quantity=(each.estimand, each.at, each.statement))
        for cell in range(len(fits.cells))
        for place, each in enumerate(quantities)
    ]
    return CheckResult(
        name="grid",
        rows=tuple(rows),
        data=data.assign_attrs(threshold=threshold),
        sentences=_sentences(data),
        stable=not bool(changed.any()),
    )


def _main(prepared: PreparedModel, choice: Alternatives) -> dict[str, Named]:
    spec, defaults = prepared.spec, package_defaults(prepared)
    names = main_parameters(spec)
    treatment: dict[str, Prior] = {
        "flat": flat_prior(),
        "default": defaults[names[0]] if names else flat_prior(),
        "sceptical": sceptical_prior(choice.treatment_hr),
        "enthusiastic": enthusiastic_prior(choice.treatment_hr),
    }
    if choice.evidence is not None:
        treatment["published evidence"] = choice.evidence
    found: dict[str, Named] = {}
    for number, name in enumerate(names):
        if number == 0:
            found[name] = treatment
        elif spec.modifier is not None and spec.modifier.transform is ModifierTransform.LOG2:
            default = defaults[name]
            sceptical = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.5 * float(default.sigma or 1.0))
            found[name] = {"flat": flat_prior(), "default": default, "sceptical": sceptical}
        else:
            found[name] = {"flat": flat_prior(), "default": defaults[name]}
    return found


def _around(stated: Prior) -> dict[str, Prior]:
    """Wider and narrower priors of the same form, where they are proper."""
    found = {}
    for label, power in (_WIDE, _NARROW):
        try:
            found[label] = power_scaled(stated, power)
        except SpecificationError:
            # A Gamma near zero has no narrower power; the other direction is still shown.
            continue
    return found


def _distinct(named: Named) -> dict[str, Prior]:
    """Keep the first of equal priors."""
    found: dict[str, Prior] = {}
    for label, prior in named.items():
        if prior not in found.values():
            found[label] = prior
    return found


def _cell(
    named: Mapping[str, Named], chosen: Mapping[str, str], called: Callable[[str], str]
) -> PriorCell:
    title = "; ".join(f"{called(name)} {label}" for name, label in chosen.items()) or STATED
    return PriorCell(title, {name: named[name][label] for name, label in chosen.items()}, chosen)


def _row(
    data: xr.Dataset,
    fits: CellFits,
    *,
    cell: int,
    place: int,
    quantity: tuple[str, float | None, str],
) -> Row:
    here = data.isel({MEMBER: cell, "quantity": place})
    numbers = {name: float(here[name]) for name in _NUMBERS}
    estimand, at, statement = quantity
    return {
        "prior": fits.cells[cell].name,
        "priors": dict(fits.cells[cell].labels),
        "estimand": estimand,
        "at": at,
        **numbers,
        "statement": statement,
        "decision": str(here["decision"].item()),
        "k_hat": float(fits.k_hat[cell]) if np.isfinite(fits.k_hat[cell]) else None,
        "engine": fits.engine[cell],
    }


def _sentences(data: xr.Dataset) -> tuple[str, ...]:
    """Tell, statement by statement, how far the answer moves with the prior."""
    count = data.sizes[MEMBER]
    found = []
    for place, statement in enumerate(data["statement"].to_numpy()):
        part = data.isel(quantity=place)
        decisions, chance = part["decision"].to_numpy(), part["probability"].to_numpy()
        low, high = float(chance.min()), float(chance.max())
        words = (
            f"P({statement}) lies between {low:.2f} and {high:.2f} under {count} choices of priors "
            f"(stated: {float(chance[0]):.2f})"
        )
        stated = Decision(decisions[0]).words
        other = np.flatnonzero(part["changed"].to_numpy())
        if not len(other):
            found.append(f"{words}: '{stated}' under all of them, up to Monte Carlo error.")
            continue
        name = str(part["prior"].to_numpy()[other[0]])
        found.append(
            f"{words}: '{stated}' as stated, and another answer under {len(other)} of "
            f"them, the first '{Decision(decisions[other[0]]).words}' under {name}."
        )
    return tuple(found)
