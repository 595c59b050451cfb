"""What the columns of a data file mean: the `[data]`, `[treatment]` and `[visits]` tables.

Values measured during follow-up come from the `[visits]` table.
"""

from itertools import pairwise
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from bayes_ihlrt.names import Crossover, DesignKind, GraceWeights, StartRule, Ties, TimeUnit
from bayes_ihlrt.spec.files import (
    SEPARATORS,
    Decimal,
    Encoding,
    FileForm,
    HeaderLine,
    Parameter,
    Separator,
    Sheet,
)
from bayes_ihlrt.spec.values import (
    BelowLimit,
    Code,
    Codes,
    ColumnName,
    DateOrder,
    Derived,
    Event,
    EventSpec,
    parse_comparison,
)

RESERVED_NAMES: Final = frozenset(
    {
        *("patient", "start", "stop", "event", "treatment_start", "centre", "weight", "stratum"),
        *("trial", "decision", "passed_from", "passed_to", "earned"),
        *("counted", "opened_in", "passed_opened", "lies_in", "passed_here"),
    }
)
"""Names of the package's own columns, which no treatment or covariate may carry."""

Months = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


def _one_or_several(value: Any) -> str:
    return "several" if isinstance(value, list | tuple) else "one"


Landmark = Annotated[
    Annotated[Months, Tag("one")]
    | Annotated[tuple[Months, ...], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]

Columns = Annotated[
    Annotated[ColumnName, Tag("one")]
    | Annotated[tuple[ColumnName, ...], Field(min_length=1), Tag("several")],
    Discriminator(_one_or_several),
]

_OPTIONS: Final = {
    "landmark": DesignKind.LANDMARK,
    "grace": DesignKind.CLONE_CENSOR_WEIGHT,
    "grace_weights": DesignKind.CLONE_CENSOR_WEIGHT,
    "crossover": DesignKind.SEQUENTIAL,
}
"""Options of a treatment that one design only uses."""


class DataSpec(BaseModel):
    """Columns that hold patients, follow-up and outcome, and the units they are in.

    Follow-up comes in one of two forms: one row a patient (`time`, perhaps with `entry`), or
    several rows a patient, each an interval (start, stop].

    Raises
    ------
    pydantic.ValidationError
        Neither or both forms of follow-up are given, or one column has two roles.

    Examples
    --------
    >>> spec = DataSpec(patient="patient_id", time="os_months", event="death")
    >>> spec.time_unit.value
    'months'
    >>> DataSpec(patient="id", start="start", stop="stop", event="event").one_row_a_patient
    False
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: ColumnName | None = Field(
        default=None,
        description="The data file, relative to the folder of the specification, for commands that "
        "are run without --data.",
    )
    patient: ColumnName = Field(description="Column with the patient's identifier.")
    event: Event = Field(
        description="Column with 1 = event, 0 = censored; or the value that means the event: "
        "{ column = 'Status', value = 'dead' }, or `values` with several."
    )
    time: ColumnName | None = Field(
        default=None, description="Column with the time from time zero to event or censoring."
    )
    start: ColumnName | None = Field(
        default=None, description="Column with the time at which a row's interval begins."
    )
    stop: ColumnName | None = Field(
        default=None, description="Column with the time at which a row's interval ends."
    )
    entry: ColumnName | None = Field(
        default=None,
        description="Column with the time at which a patient came under observation "
        "(delayed entry); only with `time`.",
    )
    centre: ColumnName | None = Field(
        default=None, description="Column with the centre that treated the patient."
    )
    time_unit: TimeUnit = Field(
        default=TimeUnit.MONTHS, description="Unit of every time column of the file."
    )
    drop_missing: bool = Field(
        default=False,
        description="Leave out patients who lack a covariate (complete cases), and list them; "
        "otherwise a missing covariate is a fault.",
    )
    units: dict[ColumnName, str] = Field(
        default_factory=dict,
        description="Unit of each laboratory column, e.g. {albumin = 'g/dL'}; its values are then "
        "checked for plausibility. Of a column with times: its own unit instead of `time_unit`.",
    )
    origin: ColumnName | None = Field(
        default=None,
        description="Column with the date of time zero; every time may then be a calendar date, "
        "and counts from it.",
    )
    date_order: DateOrder | None = Field(
        default=None,
        description="Order of day and month in dates such as 03/04/2021, which may be read in two "
        "ways.",
    )
    missing: Codes = Field(
        default=(),
        description="Cells that mean 'not known', e.g. ['n.d.', '999']; or by column: "
        "{ crp = ['999'] }.",
    )
    never: tuple[Code, ...] = Field(
        default=(),
        description="Cells of the start of treatment, or of a switch, that mean 'never'; empty "
        "cells do.",
    )
    below_limit: BelowLimit | None = Field(
        default=None,
        description="Number that stands for a value below the limit of detection such as <2.0; "
        "without it such cells are faults. Values above a limit (>1000) are taken as the limit.",
    )
    aliases: dict[ColumnName, ColumnName] = Field(
        default_factory=dict,
        description="Short names by which formulas call columns, e.g. { nlr = 'NLR (day 0)' }.",
    )
    derived: dict[ColumnName, Derived] = Field(
        default_factory=dict,
        description="Columns that are computed: a comparison, e.g. afp_high = 'AFP >= 400', or a "
        "score from its parts, e.g. albi = { albumin = 'Albumin (g/L)', bilirubin = ... }.",
    )
    separator: Separator = None
    decimal: Decimal = None
    encoding: Encoding = None
    sheet: Sheet = None
    header_line: HeaderLine = None
    parameter: Parameter = None

    @property
    def form(self) -> FileForm:
        """How the data file is written, as far as it is stated."""
        separator = None if self.separator is None else SEPARATORS[self.separator]
        return FileForm(separator, self.decimal, self.encoding, self.sheet, self.header_line)

    @property
    def one_row_a_patient(self) -> bool:
        """Whether follow-up is given by `time`, one row a patient."""
        return self.time is not None

    @property
    def roles(self) -> dict[str, str]:
        """Columns by role, e.g. ``{"patient": "id", "time": "os_months", "event": "death"}``."""
        names = ("patient", "time", "start", "stop", "entry", "event", "centre")
        found = {role: getattr(self, role) for role in names} | {"event": self.event_column}
        return {role: column for role, column in found.items() if column is not None}

    @property
    def event_column(self) -> str:
        """Column that tells whether the event happened."""
        return self.event.column if isinstance(self.event, EventSpec) else self.event

    @model_validator(mode="after")
    def _one_form_of_follow_up(self) -> Self:
        given = [role for role in ("time", "start", "stop") if getattr(self, role) is not None]
        if given not in (["time"], ["start", "stop"]):
            found = " and ".join(f"`{role}`" for role in given) or "none of them"
            raise ValueError(
                f"follow-up needs either `time` (one row a patient) or both `start` and `stop` "
                f"(several rows a patient); found {found}"
            )
        if self.entry is not None and self.time is None:
            raise ValueError(
                "`entry` goes with `time` only; with `start` and `stop` a patient enters "
                "at the first `start`: remove `entry`"
            )
        return self

    @model_validator(mode="after")
    def _one_role_a_column(self) -> Self:
        seen: dict[str, str] = {}
        for role, column in self.roles.items():
            if column in seen:
                raise ValueError(
                    f"`{seen[column]}` and `{role}` both name the column '{column}'; "
                    f"each role needs a column of its own"
                )
            seen[column] = role
        if self.origin in seen:
            raise ValueError(
                f"`origin` and `{seen[self.origin]}` both name the column '{self.origin}'; "
                "each role needs a column of its own"
            )
        return self

    @model_validator(mode="after")
    def _computed_from_others(self) -> Self:
        both = sorted({*self.aliases} & {*self.derived})
        if both:
            raise ValueError(f"found among `aliases` and `derived`: {', '.join(both)}; keep one")
        for name, rule in self.derived.items():
            if isinstance(rule, str) and parse_comparison(rule) is None:
                raise ValueError(
                    f"`derived`, {name}: '{rule}' is not a comparison of a column with a number or "
                    "a word, such as 'AFP (ng/mL) >= 400' or 'Sex == female'"
                )
        if self.origin is None and self.date_order is not None:
            raise ValueError("`date_order` is of dates, and there is no `origin`: add it")
        return self


class TreatmentSpec(BaseModel):
    """The treatment whose effect is estimated, and the design that makes it person-time.

    Raises
    ------
    pydantic.ValidationError
        Neither or both of `start` and `column` are given, design 'fixed' comes without `column`, or
        an option is missing that the design needs, or given that it does not use.

    Examples
    --------
    >>> TreatmentSpec(name="ihlrt", start="ihlrt_months").design.value
    'split'
    >>> TreatmentSpec(name="ihlrt", start="ihlrt_months", design="landmark", landmark=3.0).landmark
    3.0
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(description="Name of the treatment's term in formulas and results.")
    start: Columns | None = Field(
        default=None,
        description="Column with the time of first treatment, in `time_unit`; empty = never. "
        "A list of columns, one a treatment: the smallest time is the start.",
    )
    column: ColumnName | None = Field(
        default=None,
        description="Column with 1 where the row is under treatment and 0 where it is not.",
    )
    design: DesignKind = Field(
        default=DesignKind.SPLIT, description="How treatment becomes person-time."
    )
    ties: Ties | None = Field(
        default=None,
        description="What comes first where treatment starts exactly at the end of follow-up: "
        "treatment, so that an event then is one of the treated ('treated', the default), or the "
        "end of follow-up ('untreated'); not for design = 'fixed'.",
    )
    landmark: Landmark | None = Field(
        default=None,
        description="Landmark in months after time zero, or a list of several; for design = "
        "'landmark' only.",
    )
    grace: Months | None = Field(
        default=None,
        description="Months within which the treated strategy treats; for design = "
        "'clone-censor-weight' only.",
    )
    grace_weights: GraceWeights | None = Field(
        default=None,
        description="Whether the weights of those treated within the grace period read covariates "
        "at time zero ('baseline', the default) or at the last decision ('time-varying'); for "
        "design = 'clone-censor-weight' only.",
    )
    crossover: Crossover | None = Field(
        default=None,
        description="Controls who are treated later are censored then ('censor', the default) or "
        "followed on ('ignore'); for design = 'sequential' only.",
    )
    acknowledge_immortal_time_bias: bool = Field(
        default=False,
        description="Must be true for design = 'ever-never', which is biased by immortal time.",
    )

    @model_validator(mode="after")
    def _usable_name(self) -> Self:
        if not self.name.isidentifier():
            raise ValueError(
                f"`name` is the treatment's term in formulas; '{self.name}' has characters other "
                f"than letters, digits and underscores, or begins with a digit"
            )
        if self.name in RESERVED_NAMES:
            raise ValueError(
                f"`name` = '{self.name}' is a column name of the package itself; "
                f"choose another, for instance 'ihlrt'"
            )
        return self

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.start is None) == (self.column is None):
            found = "neither" if self.start is None else "both"
            raise ValueError(
                f"give either `start` (time of first treatment) or `column` (0/1 in every row); "
                f"found {found}"
            )
        return self

    @model_validator(mode="after")
    def _source_suits_design(self) -> Self:
        if self.design is DesignKind.FIXED and self.column is None:
            raise ValueError(
                "design = 'fixed' is for a treatment known at time zero: give `column`; "
                "for treatment that starts later keep `start` and choose another design"
            )
        return self

    @model_validator(mode="after")
    def _ties_suit_design(self) -> Self:
        if self.ties is not None and self.design is DesignKind.FIXED:
            raise ValueError(
                "`ties` is for treatment that starts during follow-up, and with design = 'fixed' "
                "it is settled at time zero: remove `ties`"
            )
        return self

    @property
    def treats_ties(self) -> bool:
        """Whether treatment that starts exactly at the end of follow-up comes before that end."""
        return self.design is not DesignKind.FIXED and self.ties is not Ties.UNTREATED

    @property
    def starts(self) -> tuple[str, ...]:
        """The columns with times of treatment, one or several; empty for a 0/1 column."""
        if self.start is None:
            return ()
        return self.start if isinstance(self.start, tuple) else (self.start,)

    @property
    def landmarks(self) -> tuple[float, ...]:
        """The landmarks in months, one or several; empty for other designs."""
        if self.landmark is None:
            return ()
        return self.landmark if isinstance(self.landmark, tuple) else (self.landmark,)

    @model_validator(mode="after")
    def _landmark_suits_design(self) -> Self:
        if self.design is DesignKind.LANDMARK and self.landmark is None:
            raise ValueError("design = 'landmark' needs `landmark`, in months, for instance 3.0")
        if any(late <= early for early, late in pairwise(self.landmarks)):
            found = ", ".join(f"{month:g}" for month in self.landmarks)
            raise ValueError(f"`landmark` must increase; found {found}")
        return self

    @model_validator(mode="after")
    def _grace_suits_design(self) -> Self:
        if self.design is DesignKind.CLONE_CENSOR_WEIGHT and self.grace is None:
            raise ValueError(
                "design = 'clone-censor-weight' needs `grace`, the months within which the treated "
                "strategy treats, for instance 3.0"
            )
        return self

    @model_validator(mode="after")
    def _options_suit_design(self) -> Self:
        for option, design in _OPTIONS.items():
            if getattr(self, option) is not None and self.design is not design:
                raise ValueError(
                    f"`{option}` is used by design = '{design.value}' only, and design is "
                    f"'{self.design.value}': remove one of them"
                )
        return self


class VisitsSpec(BaseModel):
    """Visits of patients, and covariates that change during follow-up.

    Values come from a table with one row a visit (`file`, `time`, `covariates`), from times in the
    data file at which something switches from 0 to 1 (`switches`), or from both. Treatment is
    decided at the visits of the table, or every so many months (`every`).

    Raises
    ------
    pydantic.ValidationError
        The table says nothing, or two of its keys contradict each other.

    Examples
    --------
    >>> visits = VisitsSpec(switches={"response": "response_months"}, every=1.5)
    >>> visits.updated
    ('response',)
    >>> VisitsSpec(file="visits.csv", time="months", covariates=["nlr"], masked={"nlr": 1.0}).file
    'visits.csv'
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    file: ColumnName | None = Field(
        default=None,
        description="CSV file with one row a visit, with the patient's identifier in the column of "
        "the same name as in the data file; the path is relative to the data file's folder.",
    )
    time: ColumnName | None = Field(
        default=None, description="Column of `file` with the time of the visit, in `time_unit`."
    )
    covariates: tuple[ColumnName, ...] = Field(
        default=(), description="Columns of `file` with numbers measured at the visit."
    )
    eligible: ColumnName | None = Field(
        default=None,
        description="Column of `file` with 1 where the patient could be treated and 0 where not; "
        "without it every untreated patient could.",
    )
    switches: dict[ColumnName, ColumnName] = Field(
        default={},
        description="Covariates that are 0 before and 1 from a time in the data file on, e.g. "
        "{ response = 'response_months' }; an empty cell means never.",
    )
    every: Months | None = Field(
        default=None,
        description="Months between decisions on treatment, so short that few patients start "
        "within one; without it treatment is decided at the visits of `file`.",
    )
    starts: StartRule = Field(
        default=StartRule.AUTO, description="Which visit a start of treatment belongs to."
    )
    masked: dict[ColumnName, Months] = Field(
        default={},
        description="Months after the start of treatment in which values are not used, e.g. "
        "{ nlr = 1.0 }: NLR rises for about four weeks after chemoembolisation.",
    )

    @property
    def updated(self) -> tuple[str, ...]:
        """Names of the covariates that change during follow-up."""
        return (*self.covariates, *self.switches)

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.time is None:
            needing = {"file": self.file, "covariates": self.covariates, "eligible": self.eligible}
            for key, value in needing.items():
                if value:
                    raise ValueError(
                        f"`{key}` needs `time`, the column with the time of each visit"
                    )
            if not self.switches and self.every is None:
                raise ValueError(
                    "the table says nothing: give `file` and `time` for a table of visits, or "
                    "`switches` and `every`"
                )
        return self

    @model_validator(mode="after")
    def _one_meaning_a_name(self) -> Self:
        own = [name for name in (self.time, self.eligible) if name is not None]
        names = [*own, *self.updated]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"each column has one role; found twice: {', '.join(twice)}")
        ages = {f"{name}_age" for name in self.covariates}
        taken = sorted(name for name in self.updated if name in RESERVED_NAMES | ages)
        if taken:
            raise ValueError(
                f"the package has columns of its own by these names; rename {', '.join(taken)}"
            )
        loose = sorted(set(self.masked) - set(self.covariates))
        if loose:
            raise ValueError(
                f"`masked` speaks of values measured at visits; not among `covariates`: "
                f"{', '.join(loose)}"
            )
        return self
