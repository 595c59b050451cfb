"""The patients by treatment: the first table of a report, and response and adverse events.

Response and adverse events are compared by Bayesian risk differences and ratios.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.clinical.tumour import Response
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import SAME_TIME, follow_up
from bayes_ihlrt.errors import DataError, Fault, RefusedError, SpecificationError, nearest
from bayes_ihlrt.estimands.contrasts import probability, summarise
from bayes_ihlrt.estimands.proportions import Counts, compare_proportions
from bayes_ihlrt.names import CAUSE, TREATED, UNTREATED_ARM
from bayes_ihlrt.propensity.balance import balance_data, covariate_columns

if TYPE_CHECKING:
    import pandas as pd


Floats = NDArray[np.float64]
_OWN: Final = frozenset({"patient", "start", "stop", "event", "treatment_start", CAUSE})
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
    total, treated, untreated : str
        ``"73 (68 to 78)"``, median and quartiles, of a number; ``"12 (60 %)"`` of a category.
    smd : float
        Standardised mean difference, treated less untreated, in units of the pooled standard
        deviation; NaN where an arm is too small.
    """

    name: str
    total: str
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
                f"all (n = {sum(self.patients)})": [row.total for row in self.rows],
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
    called: str | None = None,
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
    called : str, optional
        What the treatment is called in the titles of the columns; its name by default.

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
    >>> from bayes_ihlrt.cohort.load import Cohort
    >>> from bayes_ihlrt.spec.data import DataSpec
    >>> from bayes_ihlrt.spec.treatment import TreatmentSpec
    >>> frame = {"id": [1, 2, 3, 4], "months": [9, 9, 9, 9], "death": [1, 1, 0, 0],
    ...          "start": [2, 3, None, None], "age": [70, 74, 60, 64]}
    >>> spec = DataSpec(patient="id", time="months", event="death")
    >>> drug = TreatmentSpec(name="ihlrt", start="start")
    >>> cohort = Cohort.from_frame(frame, spec, drug, covariates=["age"])
    >>> table_one(cohort, "ihlrt").rows[0].treated
    '72 (71 to 73)'
    """
    known, words = follow_up(cohort.columns, treatment), treatment if called is None else called
    _, first = np.unique(known.row_patient, return_index=True)
    names = _names(cohort, treatment, covariates)
    if landmark is None:
        kept, treated = np.ones(len(first), dtype=bool), np.isfinite(known.treated_from)
        arms = (f"ever {words}", f"never {words}")
    else:
        there = (known.entry <= landmark + SAME_TIME) & (known.end > landmark + SAME_TIME)
        kept, treated = there, known.treated_from <= landmark + SAME_TIME
        arms = (f"{words} by month {landmark:g}", f"no {words} by then")
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
            everybody, one, other = (
                _share(mask[arm]) if number is None else _middle(number[arm])
                for arm in (np.ones_like(treated), treated, ~treated)
            )
            rows.append(BaselineRow(label, everybody, one, other, smd))
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


Bools = NDArray[np.bool_]
_RATES: Final[Mapping[str, frozenset[str]]] = {
    "ORR": frozenset({Response.COMPLETE, Response.PARTIAL}),
    "DCR": frozenset({Response.COMPLETE, Response.PARTIAL, Response.STABLE}),
}
NOT_EVALUABLE: Final = "NE"
BEST: Final = (
    "Best response is the best of all scans: it conditions on the future, and treatment itself may "
    "bring it about. It is described here and cannot be adjusted for, or adjusted."
)
INITIAL: Final = (
    "Initial response precedes on-demand treatment: a difference tells who was chosen for it."
)
LONGER: Final = (
    "Counted by patient, ever against never treated: whoever was treated was also followed until "
    "treatment, so that there was more time for an event."
)


SAME_PRIOR: Final = 0.5
"""Prior probability that a proportion is higher in the treated: both arms have one prior."""


@dataclass(frozen=True)
class ProportionRow:
    """One proportion in both arms.

    Parameters
    ----------
    name : str
        For example ``"ORR"``.
    counts : Counts
        How many of how many, treated and untreated.
    difference, ratio : dict of str to float
        ``median, q2.5, q97.5`` of treated less untreated, and of treated over untreated. The ratio
        is NaN where it would be the prior's alone: nobody affected among the untreated, or
        everybody or nobody in both arms.
    prob_higher : float or None
        Posterior probability that the proportion is higher in the treated; None where nobody, or
        everybody, is affected in both arms: it would tell the sizes of the arms and the prior.
    """

    name: str
    counts: Counts
    difference: dict[str, float]
    ratio: dict[str, float]
    prob_higher: float | None

    @property
    def note(self) -> str:
        """What the counts cannot tell; empty where they tell all."""
        return self.counts.untold

    def to_dict(self) -> dict[str, Any]:
        """Return plain data with one level."""
        both = {"difference": self.difference, "ratio": self.ratio}
        summaries = {f"{kind} {k}": v for kind, part in both.items() for k, v in part.items()}
        (y1, y0), (n1, n0) = self.counts.events, self.counts.patients
        return {
            TREATED: f"{y1}/{n1} ({100.0 * y1 / n1:.0f} %)",
            UNTREATED_ARM: f"{y0}/{n0} ({100.0 * y0 / n0:.0f} %)",
            **summaries,
            "P(higher if treated)": self.prob_higher,
            "prior P(higher if treated)": None if self.prob_higher is None else SAME_PRIOR,
            "note": self.note,
        }


@dataclass(frozen=True)
class ProportionTable:
    """Proportions by treatment.

    Parameters
    ----------
    title : str
        What they are.
    rows : tuple of ProportionRow
        One line a proportion.
    note : str
        What has to be known before anything is read from it.
    """

    title: str
    rows: tuple[ProportionRow, ...]
    note: str

    @property
    def frame(self) -> "pd.DataFrame":
        """The table as a data frame."""
        import pandas as pd

        return pd.DataFrame(
            [row.to_dict() for row in self.rows], index=[row.name for row in self.rows]
        )


def response_table(
    response: Sequence[str], treated: ArrayLike, *, best: bool, seed: int
) -> ProportionTable:
    """Compare objective response and disease control by treatment.

    ORR counts complete and partial responses, DCR stable disease as well; patients whose response
    could not be evaluated count as having neither.

    Parameters
    ----------
    response : sequence of str
        Response of each patient by RECIST 1.1: ``CR``, ``PR``, ``SD``, ``PD``, or ``NE``.
    treated : array_like, shape (patients,)
        0/1 or bool: ever treated.
    best : bool
        Whether it is the best response of all scans, or the initial one.
    seed : int
        Seed of the draws.

    Returns
    -------
    ProportionTable
        ``ORR`` and ``DCR``, with a note of what the comparison can show.

    Raises
    ------
    DataError
        A response is unknown, lengths differ, or an arm has nobody.

    References
    ----------
    Eisenhauer EA, et al. Eur J Cancer 2009;45:228-247, doi 10.1016/j.ejca.2008.10.026.

    Examples
    --------
    >>> found = response_table(["PR", "SD", "PD", "NE"], [1, 1, 0, 0], best=False, seed=1)
    >>> [(row.name, row.counts.events) for row in found.rows]
    [('ORR', (1, 0)), ('DCR', (2, 0))]
    """
    words = np.asarray([str(word) for word in response], dtype=object)
    allowed = [*Response, NOT_EVALUABLE]
    faults = [
        Fault(f"response '{word}'", "it is no response", f"Allowed: {', '.join(allowed)}")
        for word in sorted(set(words.tolist()) - set(allowed))
    ]
    if faults:
        raise DataError("response", faults)
    reached = {name: np.isin(words, list(counted)) for name, counted in _RATES.items()}
    title = "Best response" if best else "Initial response"
    return _table(title, reached, treated, note=BEST if best else INITIAL, seed=seed)


def adverse_event_table(
    events: Mapping[str, ArrayLike], treated: ArrayLike, *, seed: int
) -> ProportionTable:
    """Compare the share of patients with adverse events by treatment.

    Parameters
    ----------
    events : mapping of str to array_like, shape (patients,)
        By kind of event, 1 for patients who had it.
    treated : array_like, shape (patients,)
        0/1 or bool: ever treated.
    seed : int
        Seed of the draws.

    Returns
    -------
    ProportionTable
        One line a kind.

    Raises
    ------
    DataError
        A flag is not 0 or 1, lengths differ, or an arm has nobody.

    Examples
    --------
    >>> found = adverse_event_table({"severe": [1, 0, 0, 0]}, [1, 1, 0, 0], seed=1)
    >>> found.rows[0].counts.shares
    (0.5, 0.0)
    """
    flags = {name: _flags(f"adverse event '{name}'", values) for name, values in events.items()}
    return _table("Adverse events", flags, treated, note=LONGER, seed=seed)


def _flags(name: str, values: ArrayLike) -> Bools:
    numbers = np.asarray(values, dtype=np.float64)
    if not np.isin(numbers, [0.0, 1.0]).all():
        fault = Fault(name, "found values other than 0 and 1", "Give 0 or 1 for each patient")
        raise DataError("proportions", [fault])
    return np.asarray(numbers == 1.0)


def _table(
    title: str, flags: Mapping[str, Bools], treated: ArrayLike, *, note: str, seed: int
) -> ProportionTable:
    arm = _flags("treated", treated)
    lengths = {name: len(flag) for name, flag in flags.items() if len(flag) != len(arm)}
    if lengths:
        faults = [
            Fault(name, f"{n} patients, and treatment of {len(arm)}", "Give one value a patient")
            for name, n in lengths.items()
        ]
        raise DataError(title.lower(), faults)
    rows = []
    for number, (name, flag) in enumerate(flags.items()):
        counts = Counts(
            events=(int(flag[arm].sum()), int(flag[~arm].sum())),
            patients=(int(arm.sum()), int((~arm).sum())),
        )
        draws = compare_proportions(counts, seed=seed + number)
        higher = float(probability(draws["difference"] > 0.0))
        difference, ratio = (_short(draws[kind]) for kind in ("difference", "ratio"))
        if counts.untold:
            ratio = dict.fromkeys(ratio, math.nan)
        told = higher if counts.settles_direction else None
        rows.append(ProportionRow(name, counts, difference, ratio, told))
    return ProportionTable(title, tuple(rows), note)


def _short(draws: xr.DataArray) -> dict[str, float]:
    found = summarise(draws)
    return {name: float(found[name]) for name in ("median", "q2.5", "q97.5")}
