"""What the columns of a data file mean: the `[data]` table."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.labels import Labelled, said_twice
from bayes_ihlrt.names import TimeUnit
from bayes_ihlrt.spec.data_file import (
    OPEN,
    SEPARATORS,
    BelowLimit,
    Code,
    Codes,
    ColumnName,
    DateOrder,
    Decimal,
    Derived,
    Encoding,
    Event,
    EventSpec,
    FileForm,
    HeaderLine,
    IntervalSpec,
    Parameter,
    Separator,
    Sheet,
    parse_comparison,
)


class DataSpec(BaseModel):
    """Columns that hold patients, follow-up and outcome, and the units they are in.

    Follow-up comes in one of three forms: one row a patient (`time`, perhaps with `entry`); one
    row with the scans between which the event happened (`event` with `left` and `right`); or
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
        "are given no data.",
    )
    patient: ColumnName = Field(description="Column with the patient's identifier.")
    event: Event = Field(
        description="Column with 1 = event, 0 = censored; or the value that means the event: "
        "{ column = 'Status', value = 'dead' }, or `values` with several; or the values of each "
        "competing cause: { column = 'cause', values = { tumour = 1, liver = 2 } }; or the scans "
        "between which it happened: { left = 'last_scan_free', right = 'scan_with_event' }, which "
        "are the follow-up too."
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
        "(delayed entry); only with one row a patient.",
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
    units: Kept[ColumnName, str] = Field(
        default_factory=FrozenDict,
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
    aliases: Kept[ColumnName, ColumnName] = Field(
        default_factory=FrozenDict,
        description="Short names by which formulas call columns, e.g. { nlr = 'NLR (day 0)' }.",
    )
    derived: Kept[ColumnName, Derived] = Field(
        default_factory=FrozenDict,
        description="Columns that are computed: a comparison, e.g. afp_high = 'AFP >= 400', or a "
        "score from its parts, e.g. albi = { albumin = 'Albumin (g/L)', bilirubin = ... }.",
    )
    labels: Kept[ColumnName, Labelled] = Field(
        default_factory=FrozenDict,
        description="What columns, the treatment and the modifier are called in tables, figures "
        "and sentences: a text, e.g. { nlr = 'Neutrophil-to-lymphocyte ratio' }, or a table such "
        "as { label = 'Aetiology', unit = ..., levels = { hbv = 'Hepatitis B' } }.",
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
        """Whether there is one row a patient: follow-up is given by `time` or by scans."""
        return self.time is not None or self.interval is not None

    @property
    def interval(self) -> IntervalSpec | None:
        """Columns of the scans between which the event happened; None where its time is known."""
        return self.event if isinstance(self.event, IntervalSpec) else None

    @property
    def follow_up_columns(self) -> tuple[str, ...]:
        """Columns that tell how long patients were followed, the last one of a row first."""
        if self.interval is not None:
            return (self.interval.right, self.interval.left)
        return tuple(name for name in (self.time, self.stop, self.start) if name is not None)

    @property
    def roles(self) -> dict[str, str]:
        """Columns by role, e.g. ``{"patient": "id", "time": "os_months", "event": "death"}``."""
        names = ("patient", "time", "start", "stop", "entry", "event", "centre")
        found = {role: getattr(self, role) for role in names} | {"event": self.event_column}
        if self.interval is not None:
            found |= {"event": None, "left": self.interval.left, "right": self.interval.right}
        return {role: column for role, column in found.items() if column is not None}

    @property
    def event_column(self) -> str:
        """Column that tells whether the event happened; of scans the one that found it."""
        if isinstance(self.event, IntervalSpec):
            return self.event.right
        return self.event.column if isinstance(self.event, EventSpec) else self.event

    @property
    def causes(self) -> tuple[str, ...]:
        """Names of competing causes, the one that is asked about first; empty for one event."""
        return tuple(self.event.causes) if isinstance(self.event, EventSpec) else ()

    @model_validator(mode="after")
    def _one_form_of_follow_up(self) -> Self:
        given = [role for role in ("time", "start", "stop") if getattr(self, role) is not None]
        if self.interval is not None:
            if given:
                raise ValueError(
                    f"an event between scans tells the follow-up itself, one row a patient; found "
                    f"{' and '.join(f'`{role}`' for role in given)} too: remove it. Covariates "
                    "that change go into a [visits] table"
                )
            return self
        if given not in (["time"], ["start", "stop"]):
            found = " and ".join(f"`{role}`" for role in given) or "none of them"
            raise ValueError(
                f"follow-up needs either `time` (one row a patient) or both `start` and `stop` "
                f"(several rows a patient); found {found}"
            )
        if self.entry is not None and not self.one_row_a_patient:
            raise ValueError(
                "`entry` goes with one row a patient; with `start` and `stop` a patient enters "
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
    def _decided(self) -> Self:
        stated = {**self.roles, "origin": self.origin, "date_order": self.date_order}
        open_ = [f"`{role}`" for role, value in stated.items() if value == OPEN]
        if isinstance(self.event, EventSpec):
            if OPEN in self.event.codes:
                open_.append("the value of the event")
            if OPEN in self.event.without_event:
                open_.append("which values are censoring (`censored`)")
        if open_:
            raise ValueError(
                f"still open: {', '.join(open_)}; write what it is instead of '{OPEN}'"
            )
        return self

    @model_validator(mode="after")
    def _roles_are_columns(self) -> Self:
        made = {*self.aliases, *self.derived}
        roles = {**self.roles, **({} if self.origin is None else {"origin": self.origin})}
        for role, column in roles.items():
            if column in made:
                raise ValueError(
                    f"`{role}` names '{column}', which `aliases` or `derived` makes: name the "
                    "column of the file, as it is called there"
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

    @model_validator(mode="after")
    def _labels_apart(self) -> Self:
        if twice := said_twice({name: label.label for name, label in self.labels.items()}):
            raise ValueError(f"`labels` calls {twice}: give each a label of its own")
        both = [name for name, label in self.labels.items() if label.unit and name in self.units]
        if both:
            raise ValueError(
                f"`units` and `labels` both tell the unit of {', '.join(both)}: keep one of them"
            )
        return self
