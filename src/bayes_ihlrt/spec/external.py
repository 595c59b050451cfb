"""External controls: patients from elsewhere who are analysed with a trial's, or with a cohort's.

How much of them is borrowed is said in one way by plans and by analyses.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import Field, model_validator

from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.names import DesignKind, Dist
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.spec.estimands import OF_PROPENSITY
from bayes_ihlrt.spec.model import OutcomeSpec
from bayes_ihlrt.spec.prior_sets import MOST_WORDS
from bayes_ihlrt.spec.rules import Frozen, Positive
from bayes_ihlrt.spec.treatment import TreatmentSpec

EXTERNAL: Final = "external"
"""Name of the term by which external controls differ."""
Share = Annotated[float, Field(gt=0.0, lt=1.0)]
_ONE_START: Final = (DesignKind.FIXED, DesignKind.SPLIT)
"""Designs that follow patients from time zero as they are."""


class Borrowing(StrEnum):
    """How external controls enter an analysis."""

    POWER = "power"
    """Their likelihood to a power: each counts as that part of a patient, nothing may differ."""
    COMMENSURATE = "commensurate"
    """Their log hazard may differ from the controls', with prior Normal(0, sd)."""
    ROBUST_MAP = "robust-map"
    """The same with a mixture of two such priors: one with `sd`, one with `vague_sd`."""


_OF_BORROWING: Final = ("power", "sd", "vague_sd", "alike")


class Borrowed(Frozen):
    """How much of external controls is borrowed."""

    borrow: Borrowing = Field(description="power | commensurate | robust-map.")
    power: Share | None = Field(default=None, description="power: what each of them counts.")
    sd: Positive | None = Field(
        default=None, description="commensurate, robust-map: sd of the difference in log hazard."
    )
    vague_sd: Positive | None = Field(default=None, description="robust-map: sd if they differ.")
    alike: Share | None = Field(
        default=None, description="robust-map: prior probability of the component with `sd`."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        needed = {
            Borrowing.POWER: {"power"},
            Borrowing.COMMENSURATE: {"sd"},
            Borrowing.ROBUST_MAP: {"sd", "vague_sd", "alike"},
        }[self.borrow]
        given = {name for name in _OF_BORROWING if getattr(self, name) is not None}
        if given != needed:
            message = f"borrow = '{self.borrow}' needs {', '.join(sorted(needed))} and nothing else"
            raise ValueError(f"{message}; found {', '.join(sorted(given)) or 'none'}")
        if self.vague_sd is not None and self.vague_sd <= (self.sd or 0.0):
            message = "vague_sd has to be above sd"
            raise ValueError(message)
        return self

    @property
    def weight(self) -> float:
        """What each of them counts in the likelihood."""
        return 1.0 if self.power is None else self.power

    @property
    def prior(self) -> Prior | None:
        """Prior of their difference in log hazard; None where the model has no term for it."""
        return None if self.sd is None else Prior(dist=Dist.NORMAL, mu=0.0, sigma=self.sd)


class ExternalControls(Borrowed):
    """Control patients from elsewhere who are analysed with the trial's.

    They have the trial's modifier and covariates, and are seen in full at every look. That their
    hazard differs (drift) is a scenario's ``effect.external_hr``.

    Examples
    --------
    >>> ExternalControls(patients=100, months=36.0, borrow="power", power=0.5).weight
    0.5
    """

    patients: Annotated[int, Field(ge=2, le=20_000)] = Field(description="How many.")
    months: Positive = Field(description="Their longest follow-up.")


class ExternalSpec(Borrowed):
    """Control patients from elsewhere, such as a registry arm, with the columns of the analysis.

    Examples
    --------
    >>> spec = ExternalSpec(
    ...     data="registry.csv", borrow="commensurate", sd=0.3,
    ...     justification="Same hospitals, the two years before")
    >>> spec.prior.sigma, spec.powers
    (0.3, (0.1, 0.5, 1.0))
    """

    data: Annotated[str, Field(min_length=1)] = Field(
        description="Data file, or name of a packaged data set; nobody in it is treated."
    )
    justification: Annotated[str, Field(min_length=1, max_length=MOST_WORDS)] = Field(
        description="Why these patients may stand for controls, in words."
    )
    nu: Positive | None = Field(
        default=None,
        description="commensurate: degrees of freedom of a Student t with scale `sd` in the place "
        "of the normal prior; few let a large difference through.",
    )
    weight_column: Annotated[str, Field(min_length=1)] | None = Field(
        default=None,
        description="Column of their file with what each of them counts (a weight that makes them "
        "like the cohort, say); 1 each without it.",
    )
    powers: tuple[Annotated[float, Field(gt=0.0, le=1.0)], ...] = Field(
        default=(0.1, 0.5, 1.0),
        description="`sensitivity`: power priors to try, the weight of each of these patients.",
    )
    sds: tuple[Positive, ...] = Field(
        default=(0.1, 0.3, 1.0),
        description="`sensitivity`: commensurate priors to try, sd of the difference in log "
        "hazard.",
    )

    @model_validator(mode="after")
    def _tails_have_a_prior(self) -> Self:
        if self.nu is not None and self.borrow is not Borrowing.COMMENSURATE:
            message = f"nu belongs to borrow = 'commensurate'; found '{self.borrow}'"
            raise ValueError(message)
        return self

    @property
    def prior(self) -> Prior | None:
        """Prior of their difference in log hazard; None where the model has no term for it."""
        if self.nu is None or self.sd is None:
            return super().prior
        return Prior(dist=Dist.STUDENT_T, nu=self.nu, mu=0.0, sigma=self.sd)

    def outcome(self, own: OutcomeSpec) -> OutcomeSpec:
        """Return the outcome model with a term for the difference, where there may be one."""
        return own if self.prior is None else with_term(own)


def with_term(outcome: OutcomeSpec) -> OutcomeSpec:
    """Return an outcome model in which external controls may differ.

    Parameters
    ----------
    outcome : OutcomeSpec
        The analysis' own.

    Returns
    -------
    OutcomeSpec
        With the term ``external``.

    Examples
    --------
    >>> with_term(OutcomeSpec(formula="ihlrt")).formula
    'ihlrt + external'
    """
    formula = " + ".join(part for part in (outcome.formula, EXTERNAL) if part)
    return outcome.model_copy(update={"formula": formula})


def difference_words(external: ExternalSpec | None) -> dict[str, str]:
    """Return what the term by which external controls differ is called.

    Parameters
    ----------
    external : ExternalSpec or None
        External controls.

    Returns
    -------
    dict of str to str
        By the term's name; empty without external controls.
    """
    if external is None:
        return {}
    return {EXTERNAL: "External controls against the cohort's own"}


def external_faults(tables: Mapping[str, Any], outcome: OutcomeSpec) -> list[Fault]:
    """Return with what external controls cannot be combined.

    Parameters
    ----------
    tables : mapping of str to object
        Every table of a specification; None where there is none.
    outcome : OutcomeSpec
        The outcome model.

    Returns
    -------
    list of Fault
        Empty without external controls.
    """
    external: ExternalSpec | None = tables[EXTERNAL]
    if external is None:
        return []
    propensity, data = (tables[name] for name in ("propensity", "data"))
    faults = []
    if EXTERNAL in outcome.parsed.columns:
        problem = f"'{EXTERNAL}' is the term of external controls, which the model adds itself"
        faults.append(Fault("[outcome] formula", problem, "Give your column another name"))
    if propensity is not None:
        problem = "external controls have no propensity, nor the columns that a model of it adds"
        remedy = (
            "Remove [propensity], or [external]; weights that make external controls like the "
            "cohort are a column of their file, named as `weight_column`"
        )
        faults.append(Fault("[propensity]", problem, remedy))
    who = tables["estimands"].population if tables["estimands"] is not None else None
    if who in OF_PROPENSITY:
        problem = f"'{who.value}' needs to know how probable treatment was"
        remedy = (
            "Use 'sample' or 'att', or remove [external], which goes with no [propensity] table"
        )
        faults.append(Fault("[estimands] population", problem, remedy))
    if tables["visits"] is not None:
        problem = "external controls have no visits"
        faults.append(Fault("[visits]", problem, "Use covariates at time zero: remove [visits]"))
    if data is not None and data.causes:
        problem = "competing causes are not borrowed"
        remedy = "Name one event in [data], or remove [external]"
        faults.append(Fault("[external]", problem, remedy))
    return faults


def external_treatment_faults(
    external: ExternalSpec | None, treatment: TreatmentSpec | None
) -> list[Fault]:
    """Return why external controls are no controls of a treatment.

    Parameters
    ----------
    external : ExternalSpec or None
        External controls.
    treatment : TreatmentSpec or None
        The treatment; None where a specification has none, not where it cannot be read.

    Returns
    -------
    list of Fault
        Empty without external controls.
    """
    if external is None:
        return []
    if treatment is None:
        remedy = "Add a [treatment] table; without one there is nobody to be a control of"
        return [Fault("[external]", "there is no treatment", remedy)]
    if treatment.design in _ONE_START:
        return []
    allowed = " or ".join(f"'{design.value}'" for design in _ONE_START)
    problem = (
        f"design '{treatment.design.value}' chooses patients at a landmark or decision, which "
        "external controls do not have"
    )
    return [Fault("[treatment] design", problem, f"Use {allowed}, or remove [external]")]


def external_rules(
    tables: Mapping[str, Any], outcome: OutcomeSpec
) -> tuple[tuple[set[str], Callable[[], list[Fault]]], ...]:
    """Return the rules between external controls and other tables.

    Parameters
    ----------
    tables : mapping of str to object
        Every table of a specification; None where there is none.
    outcome : OutcomeSpec
        The outcome model.

    Returns
    -------
    tuple of tuple
        The tables that a rule cannot do without, and the rule: a treatment that cannot be read is
        not told as missing.
    """
    own = tables[EXTERNAL]
    return (
        ({EXTERNAL, "outcome"}, lambda: external_faults(tables, outcome)),
        ({EXTERNAL, "treatment"}, lambda: external_treatment_faults(own, tables["treatment"])),
    )


def without_moved(given: Mapping[str, Any], faults: list[Fault]) -> dict[str, Any]:
    """Tell that the table of external controls is no part of ``[sensitivity]`` any more.

    Parameters
    ----------
    given : mapping of str to object
        What a file has under ``[sensitivity]``.
    faults : list of Fault
        To which the fault is added, with the lines to write instead.

    Returns
    -------
    dict of str to object
        The rest.

    Examples
    --------
    >>> found = []
    >>> without_moved({"draws": 2000, "external": {"data": "registry.csv"}}, found)
    {'draws': 2000}
    >>> found[0].remedy[:49]
    'Write the lines [external], data = "registry.csv"'
    """
    if EXTERNAL not in given:
        return dict(given)
    old = given[EXTERNAL] if isinstance(given[EXTERNAL], dict) else {}
    kept = {"data": "registry.csv"} | {k: old[k] for k in ("data", "powers", "sds") if k in old}
    lines = ", ".join(f"{key} = {json.dumps(value, default=str)}" for key, value in kept.items())
    remedy = (
        f'Write the lines [external], {lines}, justification = "why they may stand for '
        'controls" and how much `fit` borrows: borrow = "power" with power = ..., borrow = '
        '"commensurate" with sd = ..., or borrow = "robust-map" with sd, vague_sd and alike'
    )
    faults.append(Fault("[sensitivity.external]", "it is a table of its own now", remedy))
    return {key: value for key, value in given.items() if key != EXTERNAL}


def refuse_external(name: str, external: ExternalSpec | None, *, command: str) -> None:
    """Refuse external controls where a command reads the cohort alone.

    Parameters
    ----------
    name : str
        Of the analysis.
    external : ExternalSpec or None
        External controls.
    command : str
        The command.

    Raises
    ------
    RefusedError
        There are external controls.
    """
    if external is None:
        return
    problem = (
        f"`{command}` reads the cohort alone: `check` and `fit` alone borrow external controls, "
        "and `sensitivity` tries more and less of them"
    )
    raise RefusedError(name, [Fault("[external]", problem, f"Remove the table for `{command}`")])
