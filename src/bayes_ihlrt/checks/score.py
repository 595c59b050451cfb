r"""One test for whatever a model may have left out: events less expected events, column by column.

For columns z of the rows that are known before what happens in them, the residual

    U(theta) = sum_r z_r (d_r - Lambda_r(theta))

is a martingale at the true parameters: its mean is 0 and its variance given theta is the mean of
I = sum_r z_r z_r' Lambda_r(theta), whatever the censoring, the delayed entry and the switches of
treatment. By the law of total variance the posterior mean E[U | y] has, over parameters from the
prior and data given them,

    Var E[U | y] = E[I] - E[Var(U | y)],

both of which the posterior draws estimate. What the model fits anyway (the total number of events,
say) is subtracted by itself. E[U | y]' V^-1 E[U | y] is referred to chi-square; with flat priors it
is the score test for adding the columns to the model.

The columns are terms that a model may lack: interactions, squares, periods, entry, centres. One
with two values is 0 and 1, another is standardised over patients, so that a coefficient of log 2 is
a doubling.

References
----------
Andersen PK, Borgan O, Gill RD, Keiding N. Statistical Models Based on Counting Processes. 1993,
doi 10.1007/978-1-4612-4348-9 (martingale residuals, section VII.3).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bayes_ihlrt.checks.result import Number, Status, Verdict
from bayes_ihlrt.checks.terms import (
    LEVELS,
    Columns,
    Values,
    by_rows,
    column,
    cut_at,
    cut_person_time,
    event_quantiles,
    event_times_of,
    hazard_terms,
    in_parts,
    middle,
    modifier_rows,
    treated_rows,
)
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.hazards.piecewise import interval_labels
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.posterior.fitted import FittedModel

Floats = NDArray[np.float64]
ALPHA: Final = 0.01
"""Probability of a flag where the model is right."""
MIN_POWER: Final = 0.5
"""Chance of finding every column's hazard doubled or halved, below which a check cannot tell."""
MIN_SHARE: Final = 0.1
"""Share of a direction's variance that the model leaves; below it the model has fitted it."""
MIN_EXPECTED: Final = 3.0
"""Events to be expected along a column, below which it is left out: chi-square would not hold."""


@dataclass(frozen=True, eq=False)
class Score:
    """Events against expected events in the direction of some columns.

    Parameters
    ----------
    labels : tuple of str
        Name of each column.
    observed, expected : ndarray, shape (columns,)
        Sums of the columns over events, and what the posterior expects.
    counts : ndarray of bool, shape (columns,)
        Where the column is 0 or 1, so that its sum is a number of events.
    variance : ndarray, shape (columns, columns)
        Of observed less expected, in the directions that the model has not fitted.
    statistic : float
        Chi-square.
    df : int
        Directions that are left; 0 where the model has fitted all of them.
    """

    labels: tuple[str, ...]
    observed: Floats
    expected: Floats
    counts: NDArray[np.bool_]
    variance: Floats
    statistic: float
    df: int

    @property
    def p(self) -> float:
        """Probability of as much where the model is right."""
        return float(stats.chi2.sf(self.statistic, self.df)) if self.df else np.nan

    @property
    def power(self) -> float:
        """Chance of a flag if the hazard were doubled or halved, at random, along each column."""
        if not self.df:
            return 0.0
        noncentrality = np.log(2.0) ** 2 * float(np.trace(self.variance))
        bound = stats.chi2.isf(ALPHA, self.df)
        return float(stats.ncx2.sf(bound, self.df, noncentrality))

    @property
    def worst(self) -> str:
        """The column whose events are farthest from what is expected, with both."""
        variance = np.diag(self.variance)
        distance = np.square(self.observed - self.expected) / np.where(variance > 0, variance, 1.0)
        j = int(np.argmax(np.where(variance > 0.0, distance, -1.0)))
        if self.counts[j]:
            told = f"{self.observed[j]:.1f} events, {self.expected[j]:.1f} expected"
        else:
            # A sum of positive and negative values is no number of events.
            more = "larger" if self.observed[j] > self.expected[j] else "smaller"
            told = f"events at {more} values than expected"
        return f"{self.labels[j]}: {told}"

    def verdict(self, check: str, *, finding: str, nothing: str) -> Verdict:
        """Return the verdict.

        Parameters
        ----------
        check : str
            Name of the check.
        finding : str
            What it means where there is a flag, as a sentence.
        nothing : str
            What is the case where there is none, as a sentence.

        Returns
        -------
        Verdict
            Flagged where p < 0.01; cannot tell where gross faults would pass unseen.
        """
        numbers: dict[str, Number] = {
            "p": self.p,
            "chi_square": self.statistic,
            "df": self.df,
            "power_for_factor_2": self.power,
            "worst": self.worst,
        }
        if not self.df:
            reason = "The model fits these directions freely, so nothing is left to check."
            return Verdict(check, Status.CANNOT_TELL, reason, numbers)
        if self.p < ALPHA:
            reason = f"{finding} ({self.worst}; p = {self.p:.2g})."
            return Verdict(check, Status.FLAG, reason, numbers)
        if self.power < MIN_POWER:
            reason = (
                f"Too few events: hazards wrong by a factor of 2 would be found with probability "
                f"{self.power:.2f} only (p = {self.p:.2f})."
            )
            return Verdict(check, Status.CANNOT_TELL, reason, numbers)
        reason = f"{nothing} (p = {self.p:.2f}; a factor of 2 found with probability "
        return Verdict(check, Status.NO_FLAG, f"{reason}{self.power:.2f}).", numbers)


def score_columns(
    prepared: PreparedModel,
    values: Values,
    person_time: PersonTime,
    *,
    columns: Floats,
    labels: tuple[str, ...],
    clustered: bool = False,
) -> Score:
    """Compare events with expected events along columns of the rows.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    values : mapping of str to ndarray, shape (draws, ...)
        Posterior draws.
    person_time : PersonTime
        The rows that were fitted, or pieces of them.
    columns : ndarray, shape (rows, columns)
        Known before what happens in the row.
    labels : tuple of str
        Name of each column.
    clustered : bool
        For weighted rows and for patients with several histories: the variance between patients,
        from which nothing is subtracted, so that the test is conservative.

    Returns
    -------
    Score
        Observed, expected and their distance.
    """
    bound = by_rows(prepared, person_time)
    weight = column(person_time, "weight")
    event = column(person_time, "event")
    total, residual = np.zeros(person_time.n_rows), []
    for _, part in in_parts(values, rows=person_time.n_rows):
        expected = hazard_terms(bound, part).expected
        total += expected.sum(axis=0)
        residual.append((weight * (event - expected)) @ columns)
    draws = np.concatenate(residual)
    mean = total / len(draws)
    observed = (weight * event) @ columns
    counts = np.isin(columns, (0.0, 1.0)).all(axis=0)
    if clustered:
        own = (weight * (event - mean))[:, None] * columns
        patient = person_time.patient_index
        sums = np.stack([np.bincount(patient, each) for each in own.T], axis=1)
        average = np.repeat(draws.mean(axis=0)[None], 2, 0)
        return score(labels, observed, average, sums.T @ sums, counts=counts)
    information = columns.T @ ((np.square(weight) * mean)[:, None] * columns)
    return score(labels, observed, draws, information, counts=counts)


def score(
    labels: tuple[str, ...],
    observed: Floats,
    residuals: Floats,
    information: Floats,
    *,
    counts: NDArray[np.bool_] | None = None,
) -> Score:
    """Refer residual sums to chi-square.

    Parameters
    ----------
    labels : tuple of str
        Name of each column.
    observed : ndarray, shape (columns,)
        Sums over events.
    residuals : ndarray, shape (draws, columns)
        U(theta) at every draw.
    information : ndarray, shape (columns, columns)
        Posterior mean of the variance of U given theta.
    counts : ndarray of bool, shape (columns,), optional
        Where the column is 0 or 1; everywhere by default.

    Returns
    -------
    Score
        With the directions that the model has not fitted itself.

    Examples
    --------
    >>> found = score(("early",), np.array([30.0]), np.full((2, 1), 10.0), np.array([[20.0]]))
    >>> found.worst
    'early: 30.0 events, 20.0 expected'
    >>> round(found.statistic, 3), found.df, round(found.p, 4)
    (5.0, 1, 0.0253)
    """
    counts = np.ones(len(labels), dtype=bool) if counts is None else counts
    mean = residuals.mean(axis=0)
    spread = np.atleast_2d(np.cov(residuals, rowvar=False))
    filled = np.diag(information) > MIN_EXPECTED
    if not filled.any():
        nothing = np.zeros_like(information)
        return Score(labels, observed, observed - mean, counts, nothing, 0.0, 0)
    scale = np.sqrt(np.diag(information)[filled])
    unit = information[np.ix_(filled, filled)] / np.outer(scale, scale)
    values, vectors = np.linalg.eigh(unit)
    kept = values > 1e-6
    white = vectors[:, kept] / np.sqrt(values[kept])
    left = white.T @ ((unit - spread[np.ix_(filled, filled)] / np.outer(scale, scale)) @ white)
    share, turn = np.linalg.eigh(left)
    free = share > MIN_SHARE
    along = turn[:, free].T @ white.T @ (mean[filled] / scale)
    back = scale[:, None] * (unit @ white @ turn[:, free])
    variance = np.zeros_like(information)
    variance[np.ix_(filled, filled)] = (back * share[free]) @ back.T
    statistic = float(np.sum(np.square(along) / share[free]))
    df = int(free.sum())
    return Score(labels, observed, observed - mean, counts, variance, statistic, df)


def interaction_columns(fit: FittedModel) -> Columns | None:
    """Return treatment x modifier; where the model holds it, treatment x its square.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None without treatment or modifier.
    """
    rows = fit.person_time
    treated, modifier = treated_rows(fit, rows), modifier_rows(fit, rows)
    spec = fit.prepared.spec
    if treated is None or modifier is None or spec.modifier is None:
        return None
    pair = {str(spec.treatment), spec.modifier.name}
    linear = any(set(term) == pair for term in spec.outcome.parsed.terms)
    z = _standardised(rows, modifier)
    of = spec.labels.of
    name = f"{of(spec.treatment)} x {of(spec.modifier.name)}" + (" squared" if linear else "")
    values = treated * (_standardised(rows, z**2) if linear else z)
    return Columns(rows, values[:, None], (name,))


def square_columns(fit: FittedModel) -> Columns | None:
    """Return the square of every covariate that takes more than two values.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None where there is no such covariate.
    """
    rows, encoder = fit.person_time, fit.prepared.encoder
    design = encoder.design(rows.columns)
    single = [j for j, name in enumerate(encoder.columns) if ":" not in name]
    many = [j for j in single if len(np.unique(design[:, j])) > LEVELS]
    if not many:
        return None
    squares = [_standardised(rows, _standardised(rows, design[:, j]) ** 2) for j in many]
    return Columns(
        rows, np.stack(squares, axis=1), tuple(f"{encoder.columns[j]} squared" for j in many)
    )


def since_start(fit: FittedModel) -> Columns | None:
    """Return one column for each period since the start of treatment.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None without treatment, or with fewer than 20 events after its start.
    """
    rows = fit.person_time
    treated = treated_rows(fit, rows)
    if treated is None or not treated.any():
        return None
    start = np.full(len(rows.patients), np.inf)
    np.minimum.at(start, rows.patient_index[treated], column(rows, "start")[treated])
    died = treated & (column(rows, "event") == 1.0)
    cuts = event_quantiles((column(rows, "stop") - start[rows.patient_index])[died], most=3)
    if not cuts:
        return None
    ever = np.flatnonzero(np.isfinite(start))
    who, when = (
        np.repeat(ever, len(cuts)),
        np.tile(cuts, len(ever)) + np.repeat(start[ever], len(cuts)),
    )
    pieces = cut_person_time(rows, patient=who, time=when)
    elapsed = middle(pieces) - start[pieces.patient_index]
    period = np.searchsorted(np.asarray(cuts), elapsed)
    after = column(pieces, str(fit.prepared.spec.treatment))
    values = np.eye(len(cuts) + 1)[period] * after[:, None]
    labels = tuple(f"months {label} since start" for label in interval_labels(cuts))
    return Columns(pieces, values, labels)


def late_columns(fit: FittedModel) -> Columns | None:
    """Return every column of the design within the later half of the events.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None without covariates, or with fewer than 20 events.
    """
    encoder = fit.prepared.encoder
    cuts = event_quantiles(event_times_of(fit.person_time), most=2)
    if not cuts or not encoder.columns:
        return None
    pieces = cut_at(fit.person_time, cuts)
    late = middle(pieces) > cuts[0]
    design = encoder.design(pieces.columns)
    values = [
        late * (each if set(np.unique(each)) <= {0.0, 1.0} else _standardised(pieces, each))
        for each in design.T
    ]
    labels = tuple(f"{name} after month {cuts[0]:g}" for name in encoder.columns)
    return Columns(pieces, np.stack(values, axis=1), labels)


def unobserved_columns(fit: FittedModel, observed_from: Floats) -> Columns:
    """Return the time before patients came under observation.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    observed_from : ndarray, shape (patients,)
        Months at which each patient came under observation.

    Returns
    -------
    Columns
        1 in the time that was counted although nobody could be seen to die in it.
    """
    count = len(observed_from)
    pieces = cut_person_time(fit.person_time, patient=np.arange(count), time=observed_from)
    before = middle(pieces) < observed_from[pieces.patient_index]
    return Columns(pieces, before[:, None].astype(np.float64), ("before observation began",))


def entry_columns(fit: FittedModel) -> Columns | None:
    """Return the entry time of each patient, standardised.

    Parameters
    ----------
    fit : FittedModel
        The posterior.

    Returns
    -------
    Columns or None
        None where everybody enters at the same time.
    """
    rows = fit.person_time
    entry = np.full(len(rows.patients), np.inf)
    np.minimum.at(entry, rows.patient_index, column(rows, "start"))
    if np.ptp(entry) == 0.0:
        return None
    values = _standardised(rows, entry[rows.patient_index])
    return Columns(rows, values[:, None], ("entry time",))


def centre_columns(fit: FittedModel, centre: str) -> Columns | None:
    """Return one column for each centre of a model that leaves centres out.

    Parameters
    ----------
    fit : FittedModel
        The posterior.
    centre : str
        Column of its rows that names the centre.

    Returns
    -------
    Columns or None
        None where the rows do not tell the centre, or there is one only.
    """
    rows = fit.person_time
    if centre not in rows.columns:
        return None
    names, number = np.unique(rows.columns[centre].astype(str), return_inverse=True)
    if len(names) < LEVELS:
        return None
    return Columns(rows, np.eye(len(names))[number], tuple(f"{centre} {name}" for name in names))


def _standardised(person_time: PersonTime, values: Floats) -> Floats:
    """Centre and scale by the first row of each patient."""
    first = np.flatnonzero(np.diff(person_time.patient_index, prepend=-1))
    sd = values[first].std()
    return np.asarray((values - values[first].mean()) / (sd if sd > 0.0 else 1.0))
