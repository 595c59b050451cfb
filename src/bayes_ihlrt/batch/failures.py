"""What is the matter with the data of each member of a batch, in numbers and in words.

With proper priors a posterior exists whatever the data, so nothing here stops a fit: it says where
the priors decide the answer, which the answer itself does not show.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import partial
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.density import JaxDensity
from bayes_ihlrt.model.arrays import Slot
from bayes_ihlrt.names import COVARIATE, PATIENT

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
type Members = Mapping[str, NDArray[np.generic]]

BASELINE: Final = "the baseline hazard"
"""Stands for the constant column."""

_SINGULAR: Final = 1e-10
"""Smallest eigenvalue of the scaled Gram matrix (a squared length) that counts as independent."""

_INVOLVED: Final = 1e-4
_CHUNK: Final = 4_000_000
"""Elements of the largest temporary array."""


@dataclass(frozen=True, eq=False)
class MemberFlags:
    """Flags of the data of M members with C covariate columns.

    Parameters
    ----------
    columns : tuple of str
        Coefficients of the design, C of them.
    no_events : ndarray of bool, shape (M,)
        There is no event.
    nobody, one_patient : ndarray of bool, shape (M,)
        No patient is at risk; a single one is. Of a model that was reduced to covariate patterns
        only the first can be said.
    eventless : ndarray of bool, shape (M, C, 2)
        A column of zeros and ones has no event where it is 0, or where it is 1.
    unexposed : ndarray of bool, shape (M, C, 2)
        Nobody is at risk where it is 0, or where it is 1.
    collinear : ndarray of bool, shape (M, C + 1)
        Constant column and covariates that determine one another among rows at risk.
    """

    columns: tuple[str, ...]
    no_events: Bools
    nobody: Bools
    one_patient: Bools
    eventless: Bools
    unexposed: Bools
    collinear: Bools

    @property
    def table(self) -> dict[str, Bools]:
        """One flag a member, by name."""
        return {
            "no_events": self.no_events,
            "one_patient": self.one_patient | self.nobody,
            "separation": (self.eventless | self.unexposed).any(axis=(1, 2)),
            "collinear": self.collinear.any(axis=1),
        }

    def messages(self) -> Iterator[tuple[int, str]]:
        """Yield each flagged member's number with what is the matter, in plain words."""
        flagged = np.any(list(self.table.values()), axis=0)
        for member in np.flatnonzero(flagged).tolist():
            for words in self._about(member):
                yield member, words

    def _about(self, member: int) -> Iterator[str]:
        if self.nobody[member]:
            yield "nobody is at risk, so the posterior is the prior"
            return
        if self.one_patient[member]:
            yield "only one patient is at risk, so the priors decide nearly everything"
            return
        if self.no_events[member]:
            yield "no events, so the priors decide every coefficient"
        else:
            yield from self._separated(member)
        alone = self.unexposed[member].any(axis=1)
        if (self.collinear[member, 1:] & ~alone).any():
            labels = np.array([BASELINE, *self.columns])[self.collinear[member]]
            yield (
                f"{' and '.join(labels)} determine one another, so the priors decide how their "
                "effect is divided"
            )

    def _separated(self, member: int) -> Iterator[str]:
        for number, column in enumerate(self.columns):
            for value in (0, 1):
                place = f"where {column} = {value}, so the prior decides its coefficient"
                if self.unexposed[member, number, value]:
                    yield f"nobody at risk {place}"
                elif self.eventless[member, number, value]:
                    yield f"no events {place}"

    @classmethod
    def joined(cls, parts: list[Self]) -> Self:
        """Put the flags of consecutive members together."""
        arrays = {
            each.name: np.concatenate([getattr(part, each.name) for part in parts])
            for each in fields(cls)
            if each.name != "columns"
        }
        return cls(columns=parts[0].columns, **arrays)


def member_flags(density: JaxDensity, data: Members, members: Members) -> MemberFlags | None:
    """Look at the data of every member.

    Parameters
    ----------
    density : JaxDensity
        The graph.
    data : mapping of str to ndarray
        Values of all `pm.Data`, which the members share.
    members : mapping of str to ndarray, shape (members, ...)
        Data that vary.

    Returns
    -------
    MemberFlags or None
        None where the density does not know its rows by name (`jax_density` without slots).
    """
    if not {"event", "design"} <= set(density.slots):
        return None
    shared = density.arrays(data)
    rows, columns = shared["design"].shape
    per_member = rows * ((columns + 1) ** 2 if {"design", "rows"} & set(members) else 1)
    size = max(_CHUNK // per_member, 1)
    parts = []
    for first in range(0, len(next(iter(members.values()))), size):
        here = {name: values[first : first + size] for name, values in members.items()}
        parts.append(_look(density, shared, here))
    return MemberFlags.joined(parts)


def _look(density: JaxDensity, shared: Members, members: Members) -> MemberFlags:
    count = len(next(iter(members.values())))
    patients = density.model.named_vars_to_dims["time"][0] == PATIENT
    values = partial(_values, density.slots, shared, members)
    unit = values("row_unit").astype(np.int64)
    by_unit = values("weight")
    shape = (count, unit.shape[1])
    weight = np.take_along_axis(
        np.broadcast_to(by_unit, (count, by_unit.shape[1])), np.broadcast_to(unit, shape), axis=1
    )
    risk = weight * values("exposure")
    if not patients:
        # Exposure of a pattern is a constant 1; its person-time is in the basis.
        risk = risk * values("increment_basis").sum(axis=-1)
    events = weight * values("event")
    design = values("design")
    here = risk > 0.0
    lowest = np.where(here, unit, np.iinfo(np.int64).max).min(axis=1)
    highest = np.where(here, unit, -1).max(axis=1)
    nobody = ~here.any(axis=1)
    zero_one = ((design == 0.0) | (design == 1.0)).all(axis=1)[..., None]
    sides = np.concatenate([1.0 - design, design], axis=-1)
    return MemberFlags(
        columns=tuple(str(name) for name in density.model.coords[COVARIATE]),
        no_events=events.sum(axis=1) == 0.0,
        nobody=nobody,
        one_patient=(lowest == highest) & patients,
        eventless=zero_one & _nothing(events, sides),
        unexposed=zero_one & _nothing(risk, sides),
        collinear=_collinear(risk, design) & ~nobody[:, None],
    )


def _values(slots: Mapping[str, Slot], shared: Members, members: Members, name: str) -> Floats:
    """An array of the graph with a leading axis: the members', or one for all."""
    slot = slots[name] if name in slots else None
    if name in members:
        found = members[name]
    elif slot is not None and slot.array in members:
        part = members[slot.array][:, slot.first : slot.last]
        found = part[:, 0] if slot.ndim == 1 else part.swapaxes(1, 2)
    else:
        found = shared[name][None]
    return np.asarray(found, dtype=np.float64)


def _nothing(amounts: Floats, sides: Floats) -> Bools:
    """Whether an amount by row, shape (M, R), vanishes on each side, (M, C, 2)."""
    sums = _column_sums(amounts, sides)
    return np.stack(np.split(sums == 0.0, 2, axis=1), axis=-1)


def _column_sums(amounts: Floats, matrix: Floats) -> Floats:
    """Row-weighted sums of columns, (M, R) with (1 or M, R, K) to (M, K)."""
    if len(matrix) == 1:
        return np.asarray(amounts @ matrix[0])
    return np.asarray(np.matmul(amounts[:, None], matrix)[:, 0])


def _collinear(risk: Floats, design: Floats) -> Bools:
    """Columns involved in a linear dependence among rows at risk, the constant one first."""
    constant = np.ones((*design.shape[:2], 1))
    columns = np.concatenate([constant, design], axis=-1)
    width = columns.shape[-1]
    products = (columns[..., :, None] * columns[..., None, :]).reshape(*columns.shape[:2], -1)
    gram = _column_sums(risk, products).reshape(-1, width, width)
    length = np.sqrt(np.diagonal(gram, axis1=1, axis2=2))
    scale = np.where(length > 0.0, length, 1.0)
    values, vectors = np.linalg.eigh(gram / (scale[:, :, None] * scale[:, None, :]))
    null = values < _SINGULAR
    return np.any((np.abs(vectors) > _INVOLVED) & null[:, None, :], axis=2)
