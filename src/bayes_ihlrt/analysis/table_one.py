"""The first table of a report: patients at time zero, by treatment."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.starts import SAME_TIME, follow_up
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError, nearest
from bayes_ihlrt.propensity.balance import balance_data
from bayes_ihlrt.propensity.subsets import covariate_columns

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[np.float64]
_OWN: Final = frozenset({"patient", "start", "stop", "event", "treatment_start"})
HINDSIGHT: Final = (
    "Ever treated is known in hindsight only: patients had to live until treatment to be in that "
    "column. Describe with it, and compare no outcome by it."
)


@dataclass(frozen=True)
class BaselineRow:
    """One line of the table.

    Parameters
    ----------
    name : str
        Covariate, or covariate and level.
    treated, untreated : str
        ``"73 (68 to 78)"``, median and quartiles, of a number; ``"12 (60 %)"`` of a category.
    smd : float
        Standardised mean difference, treated less untreated, in units of the pooled standard
        deviation; NaN where an arm is too small.
    """

    name: str
    treated: str
    untreated: str
    smd: float


@dataclass(frozen=True)
class TableOne:
    """Patients at time zero by treatment.

    Parameters
    ----------
    arms : tuple of str
        Titles of the two columns.
    patients : tuple of int
        Treated and untreated.
    rows : tuple of BaselineRow
        One line a covariate, or a level of a category.
    note : str
        What has to be known of the columns.
    """

    arms: tuple[str, str]
    patients: tuple[int, int]
    rows: tuple[BaselineRow, ...]
    note: str

    @property
    def largest_smd(self) -> float:
        """Largest absolute standardised mean difference; below 0.1 counts as balanced."""
        return float(np.nanmax([abs(row.smd) for row in self.rows]))

    @property
    def frame(self) -> "pd.DataFrame":
        """The table as a data frame; its title columns carry the numbers of patients."""
        import pandas as pd

        titles = [f"{arm} (n = {n})" for arm, n in zip(self.arms, self.patients, strict=True)]
        return pd.DataFrame(
            {
                titles[0]: [row.treated for row in self.rows],
                titles[1]: [row.untreated for row in self.rows],
                "SMD": [row.smd for row in self.rows],
            },
            index=[row.name for row in self.rows],
        )


def table_one(
    cohort: Cohort,
    treatment: str,
    *,
    covariates: Sequence[str] | None = None,
    landmark: float | None = None,
) -> TableOne:
    """Describe the patients of a cohort at time zero, by treatment.

    Numbers are told by median and quartiles, 0/1 columns and categories by counts. The standardised
    mean difference is that of `balance_data`: unweighted.

    Parameters
    ----------
    cohort : Cohort
        The cohort; each patient's first row is described.
    treatment : str
        Name of the treatment.
    covariates : sequence of str, optional
        Columns of the cohort; all of its covariates by default.
    landmark : float, optional
        Month by which treatment has to have started, among those followed then: already entered,
        and not yet at their event or the end of follow-up. Without it the columns are ever and
        never treated.

    Returns
    -------
    TableOne
        Rows in the order of `covariates`.

    Raises
    ------
    SpecificationError
        There is no such column.
    RefusedError
        An arm has nobody.

    References
    ----------
    Austin PC. Stat Med 2009;28:3083-3107, doi 10.1002/sim.3697.

    Examples
    --------
    >>> from bayes_ihlrt.data import Cohort, DataSpec, TreatmentSpec
    >>> frame = {"id": [1, 2, 3, 4], "months": [9, 9, 9, 9], "death": [1, 1, 0, 0],
    ...          "start": [2, 3, None, None], "age": [70, 74, 60, 64]}
    >>> spec = DataSpec(patient="id", time="months", event="death")
    >>> drug = TreatmentSpec(name="ihlrt", start="start")
    >>> cohort = Cohort.from_frame(frame, spec, drug, covariates=["age"])
    >>> table_one(cohort, "ihlrt").rows[0].treated
    '72 (71 to 73)'
    """
    known = follow_up(cohort.columns, treatment)
    _, first = np.unique(known.row_patient, return_index=True)
    names = _names(cohort, treatment, covariates)
    if landmark is None:
        kept, treated = np.ones(len(first), dtype=bool), np.isfinite(known.treated_from)
        arms = (f"ever {treatment}", f"never {treatment}")
    else:
        there = (known.entry <= landmark + SAME_TIME) & (known.end > landmark + SAME_TIME)
        kept, treated = there, known.treated_from <= landmark + SAME_TIME
        arms = (f"{treatment} by month {landmark:g}", f"no {treatment} by then")
    treated = treated[kept]
    counts = (int(treated.sum()), int((~treated).sum()))
    if min(counts) == 0:
        problem = f"{arms[0]}: {counts[0]} patients, {arms[1]}: {counts[1]}"
        fault = Fault("arms", problem, "Choose another landmark, or none")
        raise RefusedError("table one", [fault])
    columns = {name: cohort.columns[name][first][kept] for name in names}
    note = HINDSIGHT
    if landmark is not None:
        away = len(kept) - int(kept.sum())
        note = f"Patients followed at month {landmark:g}, with their covariates at time zero" + (
            f"; {away} of {len(kept)} were not there then." if away else "."
        )
    return TableOne(arms, counts, _rows(columns, treated), note)


def _names(cohort: Cohort, treatment: str, covariates: Sequence[str] | None) -> list[str]:
    if covariates is None:
        others = [name for name in cohort.columns if name not in {*_OWN, treatment}]
        return [name for name in others if not _happens_later(cohort.columns[name])]
    faults = [
        Fault(f"column {name}", "the cohort lacks it", nearest(name, set(cohort.columns)))
        for name in covariates
        if name not in cohort.columns
    ]
    if faults:
        raise SpecificationError("table one", faults)
    return list(covariates)


def _happens_later(values: NDArray[np.generic]) -> bool:
    """Tell the months at which something switches, infinite for never: nobody has them at entry."""
    return values.dtype != object and bool(np.isinf(values.astype(np.float64)).any())


def _rows(
    columns: dict[str, NDArray[np.generic]], treated: NDArray[np.bool_]
) -> tuple[BaselineRow, ...]:
    rows = []
    for name, values in columns.items():
        for label, mask, number in _parts(name, values):
            smd = _smd(mask.astype(np.float64) if number is None else number, treated)
            cells = [
                _share(mask[arm]) if number is None else _middle(number[arm])
                for arm in (treated, ~treated)
            ]
            rows.append(BaselineRow(label, cells[0], cells[1], smd))
    return tuple(rows)


def _parts(
    name: str, values: NDArray[np.generic]
) -> list[tuple[str, NDArray[np.bool_], Floats | None]]:
    """Label, who has it, and the number itself where the column is one."""
    if values.dtype == object:
        levels = sorted(set(values.tolist()))
        return [(f"{name}: {level}", np.asarray(values == level), None) for level in levels]
    number = values.astype(np.float64)
    if set(number.tolist()) <= {0.0, 1.0}:
        return [(name, number == 1.0, None)]
    return [(name, np.ones(len(number), dtype=bool), number)]


def _smd(values: Floats, treated: NDArray[np.bool_]) -> float:
    patient = np.arange(len(values)).astype(str).astype(object)
    covariates = covariate_columns({"value": values}, ["value"])
    found = balance_data(covariates, treated, np.ones(len(values)), patient=patient)
    return float(found["smd"].sel(subset="all", sample="unweighted").isel(covariate=0))


def _share(has: NDArray[np.bool_]) -> str:
    return f"{int(has.sum())} ({100.0 * has.mean():.0f} %)"


def _middle(values: Floats) -> str:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"
