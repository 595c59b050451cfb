"""Overlap of treated and control: who is beyond it, what is left out, what the others are worth.

Decisions whose propensity is near 0 or 1 can be left out: nobody of the other arm is like them.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.designs.person_time import Columns, PersonTime, provenance
from bayes_ihlrt.errors import DataError, Fault, SpecificationError, nearest
from bayes_ihlrt.propensity.balance import ARMS, Mask, intervals_of, levels_of
from bayes_ihlrt.propensity.weights import kish

if TYPE_CHECKING:
    import xarray as xr


Floats = NDArray[np.float64]

MOST_LEVELS: Final = 5
"""Numbers with more values than this are told in thirds."""
_SAMPLES: Final = ["unweighted", "weighted"]
_QUANTILES: Final = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def outside(propensity: ArrayLike, trim: float) -> NDArray[np.bool_]:
    """Return which propensities are outside ``[trim, 1 - trim]``.

    Parameters
    ----------
    propensity : array_like
        Probabilities of treatment.
    trim : float
        Share, e.g. 0.01.

    Returns
    -------
    ndarray of bool
        Of the same shape.

    References
    ----------
    Crump RK, Hotz VJ, Imbens GW, Mitnik OA. Dealing with limited overlap in estimation of average
    treatment effects. Biometrika 2009;96:187-99, doi 10.1093/biomet/asn055.

    Examples
    --------
    >>> outside([0.005, 0.5, 0.995], 0.01).tolist()
    [True, False, True]
    """
    chance = np.asarray(propensity, dtype=np.float64)
    return np.asarray((chance < trim) | (chance > 1.0 - trim))


def overlap_data(
    propensity: ArrayLike,
    treated: ArrayLike,
    weights: ArrayLike,
    *,
    bins: int = 20,
) -> "xr.Dataset":
    """Return the distribution of the propensity in each arm, before and after weighting.

    Parameters
    ----------
    propensity : array_like, shape (rows,)
        Probability of treatment.
    treated : array_like, shape (rows,)
        0/1.
    weights : array_like, shape (rows,)
        Balancing weights.
    bins : int
        Number of bins between 0 and 1.

    Returns
    -------
    xarray.Dataset
        ``share`` (arm, sample, bin): part of the arm's rows, or of its weight; ``edge``;
        ``quantile`` (arm, probability) of the propensity; ``beyond`` (arm): part of the arm's
        rows whose propensity lies beyond all of the other arm's; ``rows`` (arm).

    Raises
    ------
    DataError
        When an arm has no rows or no weight.

    Examples
    --------
    >>> overlap = overlap_data([0.2, 0.6, 0.1, 0.4], [1, 1, 0, 0], np.ones(4), bins=2)
    >>> overlap["share"].sel(arm="treated", sample="unweighted").values.tolist()
    [0.5, 0.5]
    >>> overlap["beyond"].values.tolist()
    [0.5, 0.5]
    """
    chance = np.asarray(propensity, dtype=np.float64)
    arm = np.asarray(treated, dtype=np.float64) == 1.0
    weight = np.asarray(weights, dtype=np.float64)
    sides = dict(zip(ARMS, (arm, ~arm), strict=True))
    empty = [name for name, side in sides.items() if weight[side].sum() <= 0.0]
    if empty:
        remedy = "Check who counts as treated, and the weights"
        raise DataError(
            "overlap", [Fault(f"{n} arm", "has no rows with weight", remedy) for n in empty]
        )
    edges = np.linspace(0.0, 1.0, bins + 1)
    samples = (np.ones(len(chance)), weight)
    share = [
        [np.histogram(chance[side], edges, weights=w[side])[0] / w[side].sum() for w in samples]
        for side in sides.values()
    ]
    import xarray as xr

    return xr.Dataset(
        {
            "share": (("arm", "sample", "bin"), np.asarray(share)),
            "edge": ("edges", edges),
            "quantile": (
                ("arm", "probability"),
                [np.quantile(chance[side], _QUANTILES) for side in sides.values()],
            ),
            "beyond": ("arm", [_beyond(chance[side], chance[~side]) for side in sides.values()]),
            "rows": ("arm", [int(side.sum()) for side in sides.values()]),
        },
        coords={"arm": list(ARMS), "sample": _SAMPLES, "probability": list(_QUANTILES)},
    )


def positivity_table(
    rows: Columns, treated: ArrayLike, *, covariates: Sequence[str]
) -> "xr.Dataset":
    """Return how many rows of each arm lie in each stratum of each covariate.

    Parameters
    ----------
    rows : mapping of str to ndarray, shape (rows,)
        Covariates on the scale of the data, and ``patient``.
    treated : array_like, shape (rows,)
        0/1.
    covariates : sequence of str
        Text and numbers of few values are told level by level, other numbers in thirds.

    Returns
    -------
    xarray.Dataset
        ``rows`` and ``patients`` (stratum, arm); ``empty`` (stratum): one arm has nobody, so
        that the data say nothing about the effect there; ``covariate`` (stratum).

    Raises
    ------
    DataError
        When a covariate is missing.

    Examples
    --------
    >>> rows = {"response": np.array([1.0, 1.0, 0.0]), "patient": np.array(["a", "b", "c"])}
    >>> table = positivity_table(rows, [1, 0, 0], covariates=["response"])
    >>> table["stratum"].values.tolist(), table["empty"].values.tolist()
    (['response 0', 'response 1'], [True, False])
    """
    wanted = ["patient", *covariates]
    missing = [
        Fault("positivity", f"no column '{n}'", nearest(n, rows)) for n in wanted if n not in rows
    ]
    if missing:
        raise DataError("positivity", missing)
    arm = np.asarray(treated, dtype=np.float64) == 1.0
    strata = {name: _strata(name, rows[name]) for name in covariates}
    masks = [mask for found in strata.values() for mask in found.values()]
    cells = [[mask & side for side in (arm, ~arm)] for mask in masks]
    counts = np.asarray([[int(cell.sum()) for cell in row] for row in cells])
    people = [[len(set(rows["patient"][cell].tolist())) for cell in row] for row in cells]
    import xarray as xr

    return xr.Dataset(
        {
            "rows": (("stratum", "arm"), counts),
            "patients": (("stratum", "arm"), people),
            "empty": ("stratum", (counts == 0).any(axis=1)),
        },
        coords={
            "stratum": [label for found in strata.values() for label in found],
            "arm": list(ARMS),
            "covariate": ("stratum", [name for name, found in strata.items() for _ in found]),
        },
    )


def _strata(name: str, values: NDArray[np.generic]) -> dict[str, Mask]:
    few = values.dtype.kind in "OUS" or len(set(values.tolist())) <= MOST_LEVELS
    return levels_of(name, values) if few else intervals_of(name, values)


def _beyond(own: Floats, other: Floats) -> float:
    return float(np.mean((own < other.min()) | (own > other.max())))


def trimmed(emulation: Emulation, propensity: Floats, trim: float) -> Emulation:
    """Drop the follow-up that begins at decisions with a propensity outside [trim, 1 - trim].

    The decisions themselves stay: the model of treatment is that of all of them.

    Parameters
    ----------
    emulation : Emulation
        Fixed, landmark or sequential: each row's arm was decided at one decision.
    propensity : ndarray, shape (decisions,)
        Probability of treatment at each decision.
    trim : float
        Share, e.g. 0.01.

    Returns
    -------
    Emulation
        With the patients concerned in `Provenance.trimmed`, those of them who have no follow-up
        left in `Provenance.dropped` as well.

    Raises
    ------
    SpecificationError
        When nobody is left in an arm.

    References
    ----------
    Crump RK, Hotz VJ, Imbens GW, Mitnik OA. Biometrika 2009;96:187-99, doi 10.1093/biomet/asn055.
    """
    person_time = emulation.person_time
    decision = person_time.columns["decision"].astype(np.intp)
    keep = ~outside(propensity, trim)[decision]
    if keep.all():
        return emulation
    arm = person_time.columns[emulation.treatment].astype(np.float64)
    _check_arms(arm, keep, propensity[np.unique(decision)], trim)
    columns = {name: values[keep] for name, values in person_time.columns.items()}
    told = _told(emulation, propensity, decision, keep)
    left = set(columns["patient"].tolist())
    gone = f"propensity outside {trim:g} to {1.0 - trim:g} at every decision"
    before = person_time.provenance
    story = provenance(
        before.design,
        columns,
        emulation.treatment,
        dropped={**before.dropped, **{name: gone for name in told if name not in left}},
        immortal=before.immortal_months,
        censored=_censored(emulation, decision, keep) if before.censored else 0,
        starts=before.starts,
    )
    rows = PersonTime(columns, replace(story, trimmed=told, unfollowed=before.unfollowed))
    return replace(emulation, person_time=rows)


def _told(
    emulation: Emulation, propensity: Floats, decision: NDArray[np.intp], keep: NDArray[np.bool_]
) -> dict[str, str]:
    """Tell by patient how many decisions were left out and why."""
    patient = emulation.decisions.columns["patient"]
    all_of_them = patient[np.unique(decision)].tolist()
    lost = np.unique(decision[~keep])
    told = {}
    for name in dict.fromkeys(patient[lost].tolist()):
        own = propensity[lost[patient[lost] == name]]
        span = f"{own.min():.3g}" if len(own) == 1 else f"{own.min():.3g} to {own.max():.3g}"
        told[str(name)] = f"{len(own)} of {all_of_them.count(name)} decisions, propensity {span}"
    return told


def _censored(emulation: Emulation, decision: NDArray[np.intp], keep: NDArray[np.bool_]) -> int:
    """Count follow-ups left that end early: of controls who are treated at a later decision."""
    table = emulation.decisions
    treated = np.zeros(len(table.patients), dtype=bool)
    treated[table.patient_index[table.initiated == 1.0]] = True
    left = np.unique(decision[keep])
    return int(np.sum(treated[table.patient_index[left]] & (table.initiated[left] == 0.0)))


def _check_arms(arm: Floats, keep: NDArray[np.bool_], propensity: Floats, trim: float) -> None:
    faults = []
    for value, label in ((1.0, "treated"), (0.0, "untreated")):
        if not np.any(keep & (arm == value)):
            problem = (
                f"{trim:g} leaves nobody {label}: propensities are between {propensity.min():.3g} "
                f"and {propensity.max():.3g}"
            )
            faults.append(Fault("trim", problem, "Choose a smaller share, or leave it out"))
    if faults:
        raise SpecificationError("[propensity]", faults)


def entry_rows(rows: PersonTime, arm: Floats) -> NDArray[np.bool_]:
    """Return at which rows somebody enters follow-up: once a patient, trial, clone and arm.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.
    arm : ndarray, shape (rows,)
        Whether each row is treated, 0/1.

    Returns
    -------
    ndarray of bool, shape (rows,)
        True in the first row of each.
    """
    columns = rows.columns
    keys = [rows.patient_index.astype(np.float64)]
    keys += [columns[name].astype(np.float64) for name in ("trial", "clone") if name in columns]
    # Who is treated between two visits may have been a control of the same trial before.
    keys += [arm]
    order = np.lexsort((columns["start"].astype(np.float64), *keys))
    stacked = np.stack(keys)[:, order]
    new = np.concatenate([[True], (np.diff(stacked, axis=1) != 0.0).any(axis=0)])
    first = np.empty(len(order), dtype=bool)
    first[order] = new
    return first


def effective_patients(rows: PersonTime, arm: Floats, weights: Floats) -> tuple[Floats, Floats]:
    """Return the effective number of untreated and of treated patients.

    (sum v_i)^2 / sum v_i^2 over patients, v_i being the average weight of the patient's months in
    the arm, over all trials.

    Parameters
    ----------
    rows : PersonTime
        Rows of a design.
    arm : ndarray, shape (rows,)
        Whether each row is treated, 0/1.
    weights : ndarray, shape (draws, rows)
        Row weights.

    Returns
    -------
    tuple of ndarray, each of shape (draws,)
        Effective numbers in the untreated and in the treated arm; 0 where nobody weighs anything.
    """
    patient = rows.patient_index
    months = rows.columns["stop"].astype(np.float64) - rows.columns["start"].astype(np.float64)
    sizes = []
    for side in (0.0, 1.0):
        own = np.flatnonzero(arm == side)
        first = np.flatnonzero(np.diff(patient[own], prepend=-1))
        total = np.add.reduceat(weights[:, own] * months[own], first, axis=1)
        average = total / np.add.reduceat(months[own], first)
        sizes.append(kish(average))
    return sizes[0], sizes[1]
