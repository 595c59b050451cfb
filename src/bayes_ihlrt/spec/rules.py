"""Looks at the data of a trial and the rules that are applied there, as plain frozen data."""

from collections.abc import Sequence
from enum import StrEnum
from math import ceil
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Count = Annotated[int, Field(ge=1)]


class Frozen(BaseModel):
    """A table of a trial's file: no unknown keys, no changes."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Quantity(StrEnum):
    """What a rule is about."""

    HAZARD_RATIO = "hazard-ratio"
    """Hazard ratio, treated against control, at one value of the modifier."""
    RMST = "rmst"
    """Difference in restricted mean survival, treated minus control, months."""
    SURVIVAL = "survival"
    """Difference in survival probability at a horizon, treated minus control."""
    PREDICTIVE = "predictive-probability"
    """Probability of success at the last look, given the data so far: parameters from the
    posterior, the remaining data simulated, the last look's rule applied."""
    CONDITIONAL_POWER = "conditional-power"
    """The same with the parameters at the posterior mode, or the effect as assumed."""

    @property
    def of_future(self) -> bool:
        """Whether the remaining data are simulated."""
        return self in {Quantity.PREDICTIVE, Quantity.CONDITIONAL_POWER}


class Sample(StrEnum):
    """Whose success a rule about the future predicts."""

    PLANNED = "planned"
    """Of the trial as planned: accrual goes on."""
    CURRENT = "current"
    """Of those enrolled so far, followed on to the last look: nobody else is enrolled."""


class Rule(Frozen):
    """One criterion: the posterior probability of a statement against a threshold.

    ``P(quantity < below)`` or ``P(quantity > above)`` is more than ``more_than``, or less than
    ``less_than``. Predictive probability and conditional power are themselves the probability.

    Examples
    --------
    >>> str(Rule(quantity="hazard-ratio", below=1.0, more_than=0.975))
    'P(hazard ratio < 1) > 0.975'
    """

    quantity: Quantity = Field(description="What the statement is about.")
    below: float | None = Field(default=None, description="The quantity is below this value.")
    above: float | None = Field(default=None, description="The quantity is above this value.")
    at: Positive | None = Field(
        default=None,
        description="Value of the modifier; without it the reference (hazard ratio) or the mean "
        "over the trial's population (survival, rmst).",
    )
    horizon: Positive | None = Field(default=None, description="Months, for survival and rmst.")
    more_than: Probability | None = Field(default=None, description="Lower threshold.")
    less_than: Probability | None = Field(default=None, description="Upper threshold.")
    from_month: Annotated[float, Field(ge=0.0)] | None = Field(
        default=None,
        description="Of a hazard ratio in a design with [treatment] periods: the one from this of "
        "the periods' months on; the first without it.",
    )
    draws: Annotated[int, Field(ge=10, le=10_000)] = Field(
        default=100, description="Simulated continuations, for predictive and conditional power."
    )
    sample: Sample = Field(
        default=Sample.PLANNED,
        description="Of predictive probability and conditional power: planned | current (nobody "
        "else is enrolled, those enrolled are followed on).",
    )
    assumed_hr: Positive | None = Field(
        default=None,
        description="Effect that conditional power assumes; the posterior mode without it.",
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        problems = [
            (
                (self.more_than is None) == (self.less_than is None),
                "give one of more_than and less_than",
            ),
            (
                not self.quantity.of_future and (self.below is None) == (self.above is None),
                "give one of below and above",
            ),
            (
                self.quantity.of_future and not (self.below is None and self.above is None),
                f"'{self.quantity}' is a probability itself: leave out below and above",
            ),
            (
                self.quantity in {Quantity.RMST, Quantity.SURVIVAL} and self.horizon is None,
                f"'{self.quantity}' needs a horizon in months",
            ),
            (
                self.quantity not in {Quantity.RMST, Quantity.SURVIVAL}
                and self.horizon is not None,
                f"'{self.quantity}' has no horizon",
            ),
            (
                self.quantity.of_future and self.at is not None,
                f"'{self.quantity}' takes no value of the modifier",
            ),
            (
                self.quantity is Quantity.HAZARD_RATIO
                and min(self.below or 1.0, self.above or 1.0) <= 0.0,
                "a hazard ratio is positive",
            ),
            *self._misplaced(),
        ]
        if found := [text for wrong, text in problems if wrong]:
            raise ValueError("; ".join(found))
        return self

    def _misplaced(self) -> list[tuple[bool, str]]:
        """What belongs to rules about the future."""
        return [
            (
                self.sample is not Sample.PLANNED and not self.quantity.of_future,
                "sample belongs to predictive-probability and conditional-power",
            ),
            (
                self.assumed_hr is not None and self.quantity is not Quantity.CONDITIONAL_POWER,
                "assumed_hr belongs to conditional-power",
            ),
        ]

    @model_validator(mode="after")
    def _month_is_of_a_ratio(self) -> Self:
        if self.from_month is not None and self.quantity is not Quantity.HAZARD_RATIO:
            message = "from_month belongs to hazard-ratio"
            raise ValueError(message)
        return self

    @property
    def is_by_value(self) -> bool:
        """Whether it can be read at any value of the modifier, and names none."""
        return self.at is None and not self.quantity.of_future

    @property
    def statement(self) -> "Rule":
        """The rule without its threshold: two rules about one probability share it."""
        return self.model_copy(update={"more_than": 0.0, "less_than": None})

    @property
    def threshold(self) -> float:
        """The threshold."""
        found = self.more_than if self.more_than is not None else self.less_than
        return float(found if found is not None else 0.0)

    @property
    def about(self) -> str:
        """The probability in words, e.g. ``"P(rmst to 24 > 1 at 5)"``."""
        if self.quantity.of_future:
            assumed = "" if self.assumed_hr is None else f" at hazard ratio {self.assumed_hr:g}"
            size = " at the current sample size" if self.sample is Sample.CURRENT else ""
            return f"{self.quantity.replace('-', ' ')}{size}{assumed}"
        return f"P({self._compared('<' if self.below is not None else '>')})"

    @property
    def claims_less(self) -> bool:
        """Whether it holds for a quantity below its bound: `less_than` asks for the opposite."""
        return (self.below is None) == (self.more_than is None)

    @property
    def claim(self) -> str:
        """What a success by the rule says, e.g. ``"hazard ratio < 1"`` of P(HR > 1) < 0.025."""
        return self._compared("<" if self.claims_less else ">")

    def _compared(self, sign: str) -> str:
        to = "" if self.horizon is None else f" to {self.horizon:g}"
        bound = self.below if self.below is not None else self.above or 0.0
        at = "" if self.at is None else f" at {self.at:g}"
        late = "" if self.from_month is None else f" from month {self.from_month:g}"
        return f"{self.quantity.replace('-', ' ')}{to}{late} {sign} {bound:g}{at}"

    def __str__(self) -> str:
        """Return the rule as it is read aloud."""
        return f"{self.about} {'<' if self.more_than is None else '>'} {self.threshold:g}"


class ComparatorTest(StrEnum):
    """A test of the arms as assigned, one-sided for benefit."""

    LOG_RANK = "log-rank"
    RMST = "rmst"
    """Difference of the areas under the Kaplan-Meier curves to a horizon."""


class ComparatorSpec(Frozen):
    """A test without a model, made on the same simulated trials as the rules.

    It rejects at the first look at which its one-sided p-value is below that look's level. The
    trial's own stops are not applied to it.

    Examples
    --------
    >>> ComparatorSpec(test="log-rank", alpha=0.025).levels(2)
    (0.0, 0.025)
    """

    test: ComparatorTest = Field(description="log-rank | rmst.")
    alpha: Annotated[float, Field(gt=0.0, lt=0.5)] | tuple[Probability, ...] = Field(
        default=0.025,
        description="One-sided level at the last look; or one for each look, 0 for none.",
    )
    horizon: Positive | None = Field(default=None, description="Months, for rmst.")
    stratified: bool = Field(
        default=False, description="log-rank: within the strata of the randomisation."
    )

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if (self.test is ComparatorTest.RMST) != (self.horizon is not None):
            message = "horizon belongs to test = 'rmst', which needs it"
            raise ValueError(message)
        if self.stratified and self.test is not ComparatorTest.LOG_RANK:
            message = "stratified belongs to test = 'log-rank'"
            raise ValueError(message)
        return self

    def levels(self, looks: int) -> tuple[float, ...]:
        """Return the one-sided level of each of so many looks."""
        if isinstance(self.alpha, tuple):
            return self.alpha
        return (*(0.0,) * (looks - 1), self.alpha)

    @property
    def name(self) -> str:
        """What it is called, e.g. ``"log-rank test, stratified"`` or ``"RMST test to 24"``."""
        if self.test is ComparatorTest.RMST:
            return f"RMST test to {self.horizon or 0.0:g}"
        return "log-rank test" + (", stratified" if self.stratified else "")


class Combine(StrEnum):
    """When a look with several conditions happens."""

    ALL = "all"
    """When the last of them is met."""
    ANY = "any"
    """When the first of them is met."""


class LookSpec(Frozen):
    """When the data are looked at, and what follows.

    Within a list all rules have to hold. Efficacy is asked first, then futility, then whether
    accrual stops, then whether the trial is enlarged, then enrichment.
    A look happens no later than the trial's maximum duration, and no earlier than the one before.
    """

    events: Count | None = Field(default=None, description="Number of events, both arms.")
    calendar: Positive | None = Field(default=None, description="Months since the trial opened.")
    min_follow_up: Annotated[float, Field(ge=0.0)] | None = Field(
        default=None, description="Months of follow-up of the last of `patients`."
    )
    patients: Count | None = Field(
        default=None, description="For min_follow_up: of the first so many patients; all without."
    )
    combine: Combine = Field(default=Combine.ALL, description="all | any of these conditions.")
    efficacy: tuple[Rule, ...] = Field(default=(), description="Stop for success.")
    futility: tuple[Rule, ...] = Field(default=(), description="Stop without success.")
    stop_accrual: tuple[Rule, ...] = Field(
        default=(),
        description="Enrol nobody else, follow those enrolled, and go on to the last look.",
    )
    extend: tuple[Rule, ...] = Field(
        default=(), description="Enlarge the trial to the size of [extension], once and for all."
    )
    enrich: tuple[Rule, ...] = Field(
        default=(),
        description="From here on enrol only patients from [population] switch_to on. Where that "
        "has several values: from the least at which, and at all of those above, the rules hold, "
        "rules without `at` being read at each.",
    )
    efficacy_enriched: tuple[Rule, ...] = Field(
        default=(), description="Success in a trial that was enriched; `efficacy` without."
    )

    @model_validator(mode="after")
    def _has_a_time(self) -> Self:
        if self.events is None and self.calendar is None and self.min_follow_up is None:
            message = "say when: give events, calendar or min_follow_up"
            raise ValueError(message)
        if self.patients is not None and self.min_follow_up is None:
            message = "patients belongs to min_follow_up"
            raise ValueError(message)
        return self

    def enrich_from(self, values: Sequence[float]) -> tuple[tuple[Rule, ...], ...]:
        """Return what has to hold at each value that enrolment may switch to.

        Parameters
        ----------
        values : sequence of float
            Of [population] `switch_to`.

        Returns
        -------
        tuple of tuple of Rule
            The enrich rules as they are where there is one value, else read at each.

        Examples
        --------
        >>> rule = {"quantity": "hazard-ratio", "below": 1.0, "more_than": 0.9}
        >>> look = LookSpec(events=60, enrich=[rule])
        >>> [str(rule) for rules in look.enrich_from([2.0, 4.0]) for rule in rules]
        ['P(hazard ratio < 1 at 2) > 0.9', 'P(hazard ratio < 1 at 4) > 0.9']
        """
        if len(values) < 2:
            return tuple(self.enrich for _ in values)
        return tuple(
            tuple(
                rule.model_copy(update={"at": value}) if rule.is_by_value else rule
                for rule in self.enrich
            )
            for value in values
        )

    def rules_with(self, values: Sequence[float]) -> tuple[Rule, ...]:
        """Return every rule of the look, each once, with those of `enrich_from`."""
        stopping = (*self.efficacy, *self.futility, *self.stop_accrual)
        by_value = self.enrich_from(values) if values else (self.enrich,)
        enriching = [rule for rules in by_value for rule in rules]
        return tuple(dict.fromkeys([*stopping, *self.extend, *enriching, *self.efficacy_enriched]))

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Every rule of the look, each once, as written."""
        return self.rules_with(())


class ExtensionSpec(Frozen):
    """Size of a trial that was enlarged; what is left out stays as planned.

    Months stay as planned, and so do all looks but the last.

    Examples
    --------
    >>> ExtensionSpec(patients=400, events=320).patients
    400
    """

    patients: Annotated[int, Field(ge=10, le=20_000)] | None = Field(
        default=None, description="Maximum sample size, both arms, once the trial is enlarged."
    )
    events: Count | None = Field(
        default=None, description="Events that its last look waits for, both arms."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.patients is None and self.events is None:
            message = "say how large the enlarged trial is: give patients, events or both"
            raise ValueError(message)
        return self

    def size(self, patients: int) -> int:
        """Return the sample size of the enlarged trial, of so many who were planned."""
        return patients if self.patients is None else self.patients

    def looks(self, planned: Sequence[LookSpec], patients: int) -> tuple[LookSpec, ...]:
        """Return the looks of a trial that was enlarged, which none of them does again.

        Parameters
        ----------
        planned : sequence of LookSpec
            As planned.
        patients : int
            How many were planned.

        Returns
        -------
        tuple of LookSpec
            All but the last at their times: follow-up of all patients is of those planned there.
        """
        *before, last = planned
        found = []
        for look in before:
            every = look.patients is None and look.min_follow_up is not None
            whom = patients if every else look.patients
            found.append(look.model_copy(update={"extend": (), "patients": whom}))
        return (*found, last.model_copy(update={"events": self.events or last.events}))


def extension_problems(
    larger: ExtensionSpec | None, looks: Sequence[LookSpec], patients: int
) -> list[str]:
    """Return what is wrong with an enlarged trial.

    Parameters
    ----------
    larger : ExtensionSpec or None
        Its size.
    looks : sequence of LookSpec
        As planned.
    patients : int
        How many were planned.

    Returns
    -------
    list of str
        Nothing where all is well.
    """
    if any(look.extend for look in looks) != (larger is not None):
        return ["extend rules and [extension] belong together"]
    if larger is None:
        return []
    found = []
    if any(look.enrich or look.stop_accrual for look in looks):
        found.append("extend rules do not go together with enrich or stop_accrual: use one of them")
    planned, size = looks[-1].events, larger.size(patients)
    if larger.events is not None and planned is None:
        found.append("[extension] events: the last look waits for no events; leave it out")
    sizes = {"patients": (size, patients), "events": (larger.events or planned or 0, planned or 0)}
    fewer = [
        f"[extension] {name} = {value} is fewer than the {before} planned"
        for name, (value, before) in sizes.items()
        if value < before
    ]
    if not fewer and all(value == before for value, before in sizes.values()):
        found.append("[extension] enlarges nothing: more patients or more events are needed")
    if sizes["events"][0] > size:
        found.append(
            f"the last look of the enlarged trial waits for {sizes['events'][0]} events of {size}"
        )
    return found + fewer


BEYOND: Final = 10
"""Draws of a corrected posterior that must be expected beyond a threshold. With fewer, noise of
the draws alone carries a posterior probability short of the threshold across it: with 1,000 draws
and a threshold of 0.9995 a probability of 0.999 passes in 37 % of data sets."""
BEYOND_FUTURE: Final = 2
"""Simulated continuations beyond the threshold of a predictive probability or conditional power."""


def unresolved(look: LookSpec, corrected: int | None) -> list[str]:
    """Tell thresholds beyond which too few draws would lie to say whether they are passed.

    Parameters
    ----------
    look : LookSpec
        The look.
    corrected : int or None
        Draws of a corrected posterior; None where posteriors are not drawn.

    Returns
    -------
    list of str
        One for each rule that they cannot resolve.
    """
    found = []
    for rule in look.rules:
        tail = min(rule.threshold, 1.0 - rule.threshold)
        if tail == 0.0:
            continue
        if rule.quantity.of_future:
            needed, draws, whose = ceil(BEYOND_FUTURE / tail - 1e-6), rule.draws, "its `draws`"
        elif corrected is not None:
            needed, draws, whose = ceil(BEYOND / tail - 1e-6), corrected, "[design] draws"
        else:
            continue
        if draws < needed:
            found.append(
                f"'{rule}' cannot be told with {draws:,} draws, of which {draws * tail:.2g} are "
                f"expected beyond the threshold: set {whose} to {needed:,} at least"
            )
    return found
