"""Tipping points: the prior at which a decision changes.

The prior of the treatment walks along three paths: its mean (sd as stated), its sd (mean as stated)
and a sceptic's strength (mean 0, worth so many events). Every step is a refit of the whole model,
one member of a batch; its probabilities are noisy, and a tipping point is where they cross a
threshold.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student_t

from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.names import Dist
from bayes_ihlrt.parts import Failure, nothing_left
from bayes_ihlrt.priors import Prior, PriorScale
from bayes_ihlrt.sensitivity.cells import PriorCell, fit_cells
from bayes_ihlrt.sensitivity.decisions import CheckResult, Row
from bayes_ihlrt.sensitivity.quantities import Wanted, as_fit, read_quantities, summarise_quantities
from bayes_ihlrt.sensitivity.reverse_bayes import prior_events, sd_of_events
from bayes_ihlrt.verdicts import Decision

Floats = NDArray[np.float64]
_NEAR: Final = 9
_CUBIC: Final = 3
_CERTAIN: Final = 2.0
_SLACK: Final = 0.5
"""Steps beyond its bracket that a root fitted to noisy probabilities may lie."""


@dataclass(frozen=True)
class Crossing:
    """Where a probability crosses a threshold.

    Parameters
    ----------
    value : float
        Position on the path.
    error : float
        Monte Carlo standard error of it.
    falling : bool
        Whether the probability falls through the threshold as the position grows.
    """

    value: float
    error: float
    falling: bool


def crossings(
    values: Floats, probabilities: Floats, ess: Floats, threshold: float, *, log: bool
) -> tuple[Crossing, ...]:
    """Return where a probability crosses a threshold.

    Where the probability is on one side of the threshold by two Monte Carlo errors and then on the
    other, a cubic in the position is fitted to the probits of the
    nine nearest, weighted by their Monte Carlo errors, and its root between the two is taken. Where
    noise makes the cubic turn the other way there, a straight line takes its place.

    Parameters
    ----------
    values : ndarray, shape (steps,)
        Positions, increasing; at least nine.
    probabilities : ndarray, shape (steps,)
        Posterior probabilities there.
    ess : ndarray, shape (steps,)
        Effective sample size of each.
    threshold : float
        Probability.
    log : bool
        Work with the logarithm of the positions.

    Returns
    -------
    tuple of Crossing
        In the order of the positions.

    Examples
    --------
    >>> place = np.linspace(0.0, 1.0, 11)
    >>> chance = norm.cdf(2.0 - 2.0 * place)
    >>> found = crossings(place, chance, np.full(11, 4000.0), norm.cdf(1.0), log=False)
    >>> round(found[0].value, 6), found[0].falling
    (0.5, True)
    """
    place = np.log(values) if log else values
    # A share of all or no draws still says that the probability is within one draw of 0 or 1.
    inside = np.clip(probabilities, 0.5 / ess, 1.0 - 0.5 / ess)
    probit = norm.ppf(inside)
    error = np.sqrt(inside * (1.0 - inside) / ess) / norm.pdf(probit)
    height = probit - norm.ppf(threshold)
    # Positions whose side is beyond doubt; noise between two of them makes one crossing, not many.
    certain = np.flatnonzero(np.abs(height) > _CERTAIN * error)
    found = []
    for left, right in pairwise(certain.tolist()):
        if height[left] * height[right] > 0.0:
            continue
        turns = left + np.flatnonzero(np.diff(np.sign(height[left : right + 1])) != 0)
        i = int(turns[len(turns) // 2])
        first = int(np.clip(i - _NEAR // 2 + 1, 0, len(place) - _NEAR))
        near = slice(first, first + _NEAR)
        points = (place[near], height[near], error[near])
        falling = bool(height[left] > 0.0)
        at, spread, slope = _root(points, (place[i], place[i + 1]), degree=_CUBIC)
        if (slope < 0.0) is not falling:
            # Noise bends the cubic against the sides that are beyond doubt; a line has no bends.
            at, spread, _ = _root(points, (place[i], place[i + 1]), degree=1)
        value = float(np.exp(at)) if log else at
        found.append(Crossing(value, spread * value if log else spread, falling))
    return tuple(found)


def _root(
    points: tuple[Floats, Floats, Floats], bracket: tuple[float, float], *, degree: int
) -> tuple[float, float, float]:
    """Root of a weighted polynomial between two positions, its standard error, the slope there."""
    middle, width = float(np.mean(bracket)), float(bracket[1] - bracket[0])
    design = np.vander((points[0] - middle) / width, degree + 1)
    scaled = design / points[2][:, None]
    covariance = np.linalg.inv(scaled.T @ scaled)
    curve = covariance @ (scaled.T @ (points[1] / points[2]))
    roots = np.roots(curve)
    real = roots[np.abs(roots.imag) < 1e-9].real
    inner = real[np.abs(real) <= 0.5 + _SLACK]
    # Noise may move the fitted root out of the bracket: the straight line between the two then.
    left, right = np.polyval(curve, [-0.5, 0.5])
    at = (
        float(inner[np.argmin(np.abs(inner))])
        if len(inner)
        else float(0.5 * (left + right) / (left - right))
    )
    at = float(np.clip(at, -0.5 - _SLACK, 0.5 + _SLACK))
    slope = float(np.polyval(np.polyder(curve), at))
    terms = np.vander([at], degree + 1)[0]
    spread = float(np.sqrt(terms @ covariance @ terms) / max(abs(slope), 1e-12))
    return middle + at * width, spread * width, slope / width


_STEPS: Final = 41


class Path(StrEnum):
    """What of the treatment's prior is moved."""

    MEAN = "prior mean"
    """Log hazard ratio, sd as stated."""
    SD = "prior sd"
    """Log hazard ratio, mean as stated."""
    EVENTS = "sceptical events"
    """Events that a prior around no effect is worth."""


RANGES: Final[Mapping[Path, tuple[float, float]]] = {
    Path.MEAN: (-2.0, 2.0),
    Path.SD: (0.05, 4.0),
    Path.EVENTS: (1.0, 2000.0),
}


def tipping_points(
    prepared: PreparedModel,
    person_time: PersonTime,
    *,
    wanted: Wanted,
    threshold: float,
    draws: int,
    seed: int,
) -> CheckResult:
    """Return the priors of the treatment at which each decision changes.

    Parameters
    ----------
    prepared : PreparedModel
        The model; the treatment's prior has a location.
    person_time : PersonTime
        Rows that were fitted.
    wanted : Wanted
        What is decided on.
    threshold : float
        Probability from which a statement holds.
    draws : int
        Draws of each step.
    seed : int
        Seed.

    Returns
    -------
    CheckResult
        Rows by path, statement and threshold (that of holding, and that of not holding).

    Raises
    ------
    RefusedError
        The treatment's prior is not a Normal or Student t on the log hazard ratio.
    """
    treatment = str(prepared.spec.treatment)
    stated = prepared.priors[treatment].prior
    _check_location(treatment, stated)
    coarse = {path: _steps(path) for path in Path}
    tables, lost = _walk(prepared, person_time, coarse, wanted=wanted, size=(draws, seed))
    rows: list[Row] = []
    for path in Path:
        rows += _rows(path, tables[path], stated, threshold)
    data = xr.concat(
        [tables[path].expand_dims(path=[path.value]) for path in Path], dim="path", join="exact"
    )
    return CheckResult(
        name="tipping",
        rows=tuple(rows),
        lost=lost,
        data=data.assign_attrs(
            threshold=threshold,
            stated_mean=float(stated.mu or 0.0),
            stated_sd=float(stated.sigma or 1.0),
        ),
        sentences=_sentences(rows, data, stated),
        stable=not any(row["value"] is not None for row in rows),
    )


def _check_location(treatment: str, prior: Prior) -> None:
    normal = prior.dist in {Dist.NORMAL, Dist.STUDENT_T} and prior.on is PriorScale.PARAMETER
    if not normal:
        problem = f"it is a {prior.dist.value}, which has no mean and sd to move on the log scale"
        remedy = "State a Normal or StudentT on the log hazard ratio, or hr_median and hr_interval"
        raise RefusedError("tipping points", [Fault(f"prior '{treatment}'", problem, remedy)])


def _steps(path: Path) -> Floats:
    low, high = RANGES[path]
    return np.linspace(low, high, _STEPS) if path is Path.MEAN else np.geomspace(low, high, _STEPS)


def _moved(path: Path, stated: Prior, value: float) -> Prior:
    match path:
        case Path.MEAN:
            change = {"mu": value}
        case Path.SD:
            change = {"sigma": value}
        case Path.EVENTS:
            # A Student t is worth (nu + 1) / (nu + 3) of the events of a normal of its scale.
            share = 1.0 if stated.nu is None else (stated.nu + 1.0) / (stated.nu + 3.0)
            change = {"mu": 0.0, "sigma": sd_of_events(value / share)}
    return stated.model_copy(update=change)


def _walk(
    prepared: PreparedModel,
    person_time: PersonTime,
    steps: Mapping[Path, Floats],
    *,
    wanted: Wanted,
    size: tuple[int, int],
) -> tuple[dict[Path, xr.Dataset], tuple[Failure, ...]]:
    """Refit the model along the paths; one table a path over ``step, quantity``.

    A step without a posterior is NaN there.
    """
    treatment = str(prepared.spec.treatment)
    stated = prepared.priors[treatment].prior
    cells = [
        PriorCell(f"{path.value} {value:g}", {treatment: _moved(path, stated, float(value))})
        for path, values in steps.items()
        for value in values
    ]
    fits = fit_cells(prepared, cells, draws=size[0], seed=size[1], needed=())
    quantities = read_quantities(as_fit(prepared, person_time, fits.draws), wanted)
    table = summarise_quantities(quantities, fits.weights, fits.ess)
    table = table.assign(ess=(MEMBER, fits.ess)).assign_coords({MEMBER: fits.places})
    table = table.reindex({MEMBER: np.arange(len(cells))})
    found, first = {}, 0
    for path, values in steps.items():
        part = table.isel({MEMBER: slice(first, first + len(values))})
        found[path] = part.drop_vars(MEMBER).rename({MEMBER: "step"}).assign(value=("step", values))
        if int(part["ess"].notnull().sum()) < _NEAR:
            raise nothing_left(list(fits.lost.values()))
        first += len(values)
    return found, tuple(fits.lost.values())


def _levels(threshold: float) -> dict[Decision, float]:
    return {Decision.YES: threshold, Decision.NO: 1.0 - threshold}


def _found(path: Path, table: xr.Dataset, place: int, level: float) -> tuple[Crossing, ...]:
    known = np.flatnonzero(table["ess"].notnull().to_numpy())
    part = table.isel(quantity=place, step=known)
    return crossings(
        part["value"].to_numpy(),
        part["probability"].to_numpy(),
        part["ess"].to_numpy(),
        level,
        log=path is not Path.MEAN,
    )


def _rows(path: Path, table: xr.Dataset, stated: Prior, threshold: float) -> list[Row]:
    rows: list[Row] = []
    low, high = RANGES[path]
    for place in range(table.sizes["quantity"]):
        here = table.isel(quantity=place)
        common = {
            "path": path.value,
            "quantity": str(here["quantity"].item()),
            "statement": str(here["statement"].item()),
            "from": low,
            "to": high,
        }
        for decision, level in _levels(threshold).items():
            found = _found(path, table, place, level)
            numbers: list[dict[str, object]] = [
                {"value": c.value, "mcse": c.error, "falling": c.falling} for c in found
            ] or [{"value": None, "mcse": None, "falling": None}]
            rows += [
                {
                    **common,
                    "decision": decision.value,
                    "probability": level,
                    **number,
                    **as_prior(path, stated, number["value"]),
                }
                for number in numbers
            ]
    return rows


def as_prior(path: Path, stated: Prior, value: object) -> dict[str, float | None]:
    """Tell a prior on a path as a hazard ratio with its interval, and in events.

    Parameters
    ----------
    path : Path
        What is moved.
    stated : Prior
        The stated prior.
    value : object
        Where the path is; None where no prior on it changes the decision.

    Returns
    -------
    dict
        ``prior_hr``, ``prior_hr_low``, ``prior_hr_high``, ``prior_events``; None without a value.
    """
    if value is None:
        return dict.fromkeys(("prior_hr", "prior_hr_low", "prior_hr_high", "prior_events"))
    prior = _moved(path, stated, float(value))  # type: ignore[arg-type]
    mu, sigma = float(prior.mu or 0.0), float(prior.sigma or 1.0)
    half = sigma * float(norm.ppf(0.975) if prior.nu is None else student_t.ppf(0.975, prior.nu))
    return {
        "prior_hr": float(np.exp(mu)),
        "prior_hr_low": float(np.exp(mu - half)),
        "prior_hr_high": float(np.exp(mu + half)),
        "prior_events": prior_events(prior),
    }


def _sentences(rows: Sequence[Row], data: xr.Dataset, stated: Prior) -> tuple[str, ...]:
    spread = "sd" if stated.nu is None else f"scale (Student t, {stated.nu:g} degrees of freedom)"
    found = []
    for label, statement in zip(
        data["quantity"].to_numpy(), data["statement"].to_numpy(), strict=True
    ):
        here = [row for row in rows if row["quantity"] == label and row["value"] is not None]
        if not here:
            found.append(
                f"No prior of treatment that was tried changes the answer to '{statement}'."
            )
        found += [_sentence(str(statement), row, spread) for row in here]
    return tuple(found)


def _sentence(statement: str, row: Row, spread: str) -> str:
    value, error = row["value"], row["mcse"]
    interval = f"{row['prior_hr_low']:.2f} to {row['prior_hr_high']:.2f}"
    turns = "falls below" if row["falling"] else "reaches"
    where = {
        Path.MEAN: f"the prior mean of the log hazard ratio passes {value:+z.2f} (hazard ratio "
        f"{row['prior_hr']:.2f})",
        Path.SD: f"the prior's {spread} passes {value:.2f} (hazard ratio {interval})",
        Path.EVENTS: f"a sceptic's prior is worth {value:,.0f} events (hazard ratio {interval})",
    }[Path(str(row["path"]))]
    return (
        f"P({statement}) {turns} {row['probability']:.2f} when {where}; Monte Carlo error "
        f"{error:.2g}."
    )
