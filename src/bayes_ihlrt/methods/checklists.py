"""Reporting checklists: what a report has of each item, and what the authors have to add."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict

_FOLDER: Final = Path(__file__).parent / "checklists"
_ORDER: Final = ("barg", "strobe", "target", "ademp", "fda")
ALWAYS: Final = "always"
"""The fact that holds of every report."""


class Status(StrEnum):
    """What a report has of an item."""

    HERE = "reported here"
    NOT_APPLICABLE = "not applicable because"
    MISSING = "missing"


class Item(BaseModel):
    """One item of a checklist.

    Examples
    --------
    >>> Item(item="10", asks="Study size", missing="Write it").evidence
    ()
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    item: str
    asks: str
    missing: str
    evidence: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    because: str = ""


class Checklist(BaseModel):
    """A reporting checklist."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    cite: str
    about: Literal["patients", "plan"]
    note: str = ""
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Judged:
    """An item with what a report has of it.

    Parameters
    ----------
    item : Item
        The item.
    status : Status
        Reported, not applicable, or missing.
    where : tuple of str
        Anchors of the report that report it.
    told : str
        Why it is not applicable, or what the authors have to add.
    """

    item: Item
    status: Status
    where: tuple[str, ...] = ()
    told: str = ""


def checklists(*, patients: bool, plan: bool) -> tuple[Checklist, ...]:
    """Return the checklists that concern a report.

    Parameters
    ----------
    patients : bool
        It analyses patients.
    plan : bool
        It plans trials.

    Returns
    -------
    tuple of Checklist
        BARG, STROBE and TARGET of patients; ADEMP and the FDA draft of plans.

    Examples
    --------
    >>> [found.cite for found in checklists(patients=False, plan=True)]
    ['morris2019', 'fda2026']
    """
    wanted = {"patients": patients, "plan": plan}
    texts = [(_FOLDER / f"{name}.toml").read_text("utf-8") for name in _ORDER]
    found = [Checklist(**tomllib.loads(text)) for text in texts]
    return tuple(checklist for checklist in found if wanted[checklist.about])


def judge(item: Item, *, anchors: Collection[str], facts: Collection[str]) -> Judged:
    """Return what a report has of an item.

    Parameters
    ----------
    item : Item
        The item.
    anchors : collection of str
        Parts that the report has.
    facts : collection of str
        What holds of the analysis, such as ``"no-treatment"``.

    Returns
    -------
    Judged
        Not applicable where one of `unless` holds; else reported where the report has any part of
        `evidence`; else missing.

    Examples
    --------
    >>> item = Item(item="9", asks="Bias", missing="Run it", evidence=["ladder"])
    >>> judge(item, anchors={"ladder"}, facts=()).status.value
    'reported here'
    >>> judge(item, anchors=(), facts=()).told
    'Run it'
    """
    if set(item.unless) & {*facts, ALWAYS}:
        return Judged(item, Status.NOT_APPLICABLE, told=item.because)
    where = tuple(anchor for anchor in item.evidence if anchor in anchors)
    if where:
        return Judged(item, Status.HERE, where)
    return Judged(item, Status.MISSING, told=item.missing)
