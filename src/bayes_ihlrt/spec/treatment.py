"""The treatment, its design, and what changes during follow-up: `[treatment]` and `[visits]`."""

from itertools import pairwise
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.names import (
    CAUSE,
    LAST_FREE,
    Crossover,
    DesignKind,
    GraceWeights,
    StartRule,
    Ties,
)
from bayes_ihlrt.spec.data_file import OPEN, ColumnName

RESERVED_NAMES: Final = frozenset(
    {
        *("patient", "start", "stop", "event", "treatment_start", "centre", "weight", "stratum"),
        *(CAUSE, LAST_FREE, "trial", "decision", "passed_from", "passed_to", "earned"),
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
    def _starts_are_columns(self) -> Self:
        if OPEN in self.starts or self.column == OPEN:
            raise ValueError(f"still open: `start`; write the column instead of '{OPEN}'")
        twice = sorted({name for name in self.starts if self.starts.count(name) > 1})
        if twice:
            raise ValueError(f"`start` names {', '.join(twice)} twice: name each column once")
        return self

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
        description="File with one row a visit, with the patient's identifier in the column of "
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
    switches: Kept[ColumnName, ColumnName] = Field(
        default_factory=FrozenDict,
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
    masked: Kept[ColumnName, Months] = Field(
        default_factory=FrozenDict,
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
