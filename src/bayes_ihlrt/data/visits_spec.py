"""Where values measured during follow-up come from: the `[visits]` table of an analysis."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.data.schema import RESERVED_NAMES, ColumnName
from bayes_ihlrt.names import StartRule

Months = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


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
