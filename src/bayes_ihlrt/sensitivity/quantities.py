"""What is read from every posterior of a study: estimands and the statements about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.result import DRAW, MEMBER, POSITION, WEIGHT
from bayes_ihlrt.batch.summary import summarise_draws
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.estimands.curves import NEVER, treated_from
from bayes_ihlrt.estimands.draws import Asked, estimate_draws, gained
from bayes_ihlrt.estimands.interaction import joint_log_hazard, log_hazard_ratio
from bayes_ihlrt.estimands.mitigation import Weigh, equally
from bayes_ihlrt.model.predictor import simple_interaction
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.names import HORIZON, VALUE, in_months
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import weighted_quality
from bayes_ihlrt.sensitivity.decisions import probability_error
from bayes_ihlrt.spec.model import ModelSpec, ModifierSpec

Floats = NDArray[np.float64]
EQUIVALENCE = (0.8, 1.25)
"""Hazard ratios that count as no effect of the modifier."""
_NOTHING = 1e-12
"""Log ratios of hazard ratios below this are rounding: the model has no interaction."""


@dataclass(frozen=True)
class Wanted:
    """What to read.

    Parameters
    ----------
    at : tuple of float
        Values of the modifier at which the hazard ratio is read.
    horizon : float
        Months up to which survival time is compared.
    margin : float
        Months of restricted mean survival that count as a gain.
    interaction_margin : float
        Months by which the gain at the largest value of `at` exceeds that at the smallest.
    treat_from : float
        Month from which the treated strategy treats.
    mitigation : bool
        Whether to read how far treatment mitigates the modifier.
    weigh : callable
        From a fit to what each patient weighs in averages, None for equal weights.
    """

    at: tuple[float, ...] = ()
    horizon: float = 24.0
    margin: float = 1.0
    interaction_margin: float = 0.0
    treat_from: float = 0.0
    mitigation: bool = True
    weigh: Weigh = equally


@dataclass(frozen=True, eq=False)
class Quantity:
    """One estimand with a statement about it, for every draw of every posterior.

    Parameters
    ----------
    estimand : str
        ``"log_hazard_ratio"``, ``"rmst_difference"`` (months), ``"interaction"`` (log hazard
        ratio per unit of the modifier, or between the values that the statement names),
        ``"modifier_under_treatment"`` (log hazard ratio) or ``"rmst_interaction"`` (months).
    at : float or None
        Value of the modifier; None for the cohort's own values, or where there is none.
    statement : str
        What is asked of each draw, in words.
    values : ndarray, shape (members, draws)
        The estimand.
    holds : ndarray of bool, shape (members, draws)
        Whether the statement holds.
    """

    estimand: str
    at: float | None
    statement: str
    values: Floats
    holds: NDArray[np.bool_]

    @property
    def label(self) -> str:
        """Name that tells it from the others."""
        return self.estimand if self.at is None else f"{self.estimand} at {self.at:g}"


_QUANTITIES: Final[Mapping[str, str]] = {
    "log_hazard_ratio": "log hazard ratio",
    "rmst_difference": "event-free months gained",
    "rmst_interaction": "change of the months gained over the modifier",
    "interaction": "change of the log hazard ratio per unit of the modifier",
    "modifier_under_treatment": "log hazard ratio of the modifier under treatment",
}


def quantity_words(label: str, spec: ModelSpec | None = None) -> str:
    """Return a quantity in words.

    Parameters
    ----------
    label : str
        As `Quantity.label` or as in ``result.json``.
    spec : ModelSpec, optional
        The model, whose modifier is named where it is known.

    Returns
    -------
    str
        Unchanged where it is none.

    Examples
    --------
    >>> quantity_words("log_hazard_ratio at 3"), quantity_words("flat")
    ('log hazard ratio at 3', 'flat')
    """
    name, blank, rest = label.partition(" ")
    if name not in _QUANTITIES:
        return label
    told, modifier = _QUANTITIES[name], None if spec is None else spec.modifier
    if spec is not None and modifier is not None:
        called = spec.labels.of(modifier.name)
        told = told.replace("the modifier", called)
        rest = rest.replace("at ", f"at {called} ", 1)
    return f"{told}{blank}{rest}"


def as_fit(prepared: PreparedModel, person_time: PersonTime, draws: xr.Dataset) -> FittedModel:
    """Present weighted draws of many posteriors as chains, so that estimands can be read.

    Parameters
    ----------
    prepared : PreparedModel
        The model of all of them.
    person_time : PersonTime
        Rows that were fitted.
    draws : xarray.Dataset
        Dimensions ``member, draw, ...``.

    Returns
    -------
    FittedModel
        One chain a member. Nothing of it may be reduced without the members' weights.
    """
    found = (
        draws.drop_vars([WEIGHT, POSITION], errors="ignore")
        .rename({MEMBER: "chain"})
        .transpose("chain", DRAW, ...)
    )
    weight = draws[WEIGHT].to_numpy()
    ess = float((1.0 / np.square(weight).sum(axis=-1)).min())
    tree = xr.DataTree.from_dict({"posterior": found})
    return FittedModel(prepared, person_time, tree, weighted_quality(ess))


def read_quantities(fit: FittedModel, wanted: Wanted) -> tuple[Quantity, ...]:
    """Return the estimands of a study, with a statement about each.

    Hazard ratio of treatment at the modifier's values (statement: below 1); difference in
    restricted mean survival (above the margin); interaction (below 0), the modifier's hazard ratio
    under treatment (between 0.8 and 1.25) and the difference between the gains at the largest and
    the smallest value of the modifier (above its margin).

    Parameters
    ----------
    fit : FittedModel
        From `as_fit`.
    wanted : Wanted
        What to read.

    Returns
    -------
    tuple of Quantity
        Without those of the modifier where the model has none.

    Raises
    ------
    SpecificationError
        The model has no treatment.
    """
    spec = fit.prepared.spec
    if spec.treatment is None:
        remedy = "Add [treatment] to the specification"
        fault = Fault("model", "it has no treatment, whose effect could be sensitive", remedy)
        raise SpecificationError("sensitivity", [fault])
    gain = f"{wanted.horizon:g}-month gain above {in_months(wanted.margin)}"
    overall = _gain(fit, wanted, None)
    if spec.modifier is None:
        ratio = log_hazard_ratio(fit, weights=wanted.weigh(fit)).to_numpy()
        first = [Quantity("log_hazard_ratio", None, "hazard ratio below 1", ratio, ratio < 0.0)]
        gained = Quantity("rmst_difference", None, gain, overall, overall > wanted.margin)
        return (*first, gained)
    at = sorted({spec.modifier.reference, *wanted.at})
    ratios = log_hazard_ratio(fit, at, weights=wanted.weigh(fit)).to_numpy()
    found = [
        Quantity(
            "log_hazard_ratio",
            value,
            f"hazard ratio below 1 at {spec.labels.of(spec.modifier.name)} {value:g}",
            ratios[..., number],
            ratios[..., number] < 0.0,
        )
        for number, value in enumerate(at)
    ]
    found.append(Quantity("rmst_difference", None, gain, overall, overall > wanted.margin))
    if not wanted.mitigation:
        return tuple(found)
    # What is compared is stated, and does not move with the reference where it can be avoided.
    stated = sorted(set(wanted.at)) if len(set(wanted.at)) > 1 else at
    return (*found, *_mitigation(fit, wanted, ends=(stated[0], stated[-1])))


def summarise_quantities(
    quantities: Sequence[Quantity], weights: Floats, sizes: Floats
) -> xr.Dataset:
    """Summarise weighted draws, member by member.

    Parameters
    ----------
    quantities : sequence of Quantity
        Draws.
    weights : ndarray, shape (members, draws)
        Normalised weights.
    sizes : ndarray, shape (members,)
        Effective sample sizes, which weights alone do not tell where the draws are of chains.

    Returns
    -------
    xarray.Dataset
        ``mean, sd, q2.5, median, q97.5``, ``probability`` of the statement and its Monte Carlo
        standard error ``mcse``, over ``member, quantity``.
    """
    dims = (MEMBER, DRAW)
    count = len(weights)
    values = {each.label: (dims, each.values) for each in quantities}
    holds = {each.label: (dims, each.holds.astype(np.float64)) for each in quantities}
    coords = {MEMBER: np.arange(count)}
    weighted = {WEIGHT: (dims, weights)}
    summary = summarise_draws(xr.Dataset({**values, **weighted}, coords=coords))
    truth = summarise_draws(xr.Dataset({**holds, **weighted}, coords=coords))
    labels = [each.label for each in quantities]
    over = (MEMBER, "quantity")
    quantile = summary["quantile"]
    columns = {
        "mean": summary["mean"],
        "sd": summary["sd"],
        "q2.5": quantile.sel(probability=0.025),
        "median": quantile.sel(probability=0.5),
        "q97.5": quantile.sel(probability=0.975),
        "probability": truth["mean"],
    }
    chance = truth["mean"].sel(parameter=labels).to_numpy()
    error = np.vectorize(probability_error)(chance, np.asarray(sizes)[:, None])
    return xr.Dataset(
        {"mcse": (over, error)}
        | {name: (over, array.sel(parameter=labels).to_numpy()) for name, array in columns.items()},
        coords={
            MEMBER: np.arange(count),
            "quantity": labels,
            "statement": ("quantity", [each.statement for each in quantities]),
        },
    )


def _mitigation(fit: FittedModel, wanted: Wanted, *, ends: tuple[float, float]) -> list[Quantity]:
    """Whether treatment mitigates the modifier, on the hazard and on the time scale."""
    spec = fit.prepared.spec
    if spec.modifier is None:
        return []
    found = _by_coefficient(fit, spec.modifier) or _by_comparison(fit, wanted, ends)
    if not found:
        return []
    if ends[0] < ends[1]:
        contrast = _gain(fit, wanted, ends[1]) - _gain(fit, wanted, ends[0])
        words = (
            f"gain at {spec.labels.of(spec.modifier.name)} {ends[1]:g} exceeds that at {ends[0]:g} "
            f"by more than {in_months(wanted.interaction_margin)}"
        )
        holds = contrast > wanted.interaction_margin
        found.append(Quantity("rmst_interaction", None, words, contrast, holds))
    return found


def _by_coefficient(fit: FittedModel, modifier: ModifierSpec) -> list[Quantity]:
    """The interaction and the modifier under treatment, where one coefficient each tells them."""
    interaction = simple_interaction(fit.prepared.spec)
    columns = fit.prepared.encoder.columns
    if interaction not in columns or modifier.name not in columns:
        return []
    product = fit.posterior[interaction].to_numpy()
    under = fit.posterior[modifier.name].to_numpy() + product
    return _interaction_pair(
        (product, under),
        "interaction below 0",
        f"hazard ratio of {fit.prepared.spec.labels.of(modifier.name)} under treatment",
    )


def _by_comparison(fit: FittedModel, wanted: Wanted, ends: tuple[float, float]) -> list[Quantity]:
    """The same between two values of the modifier: of a spline, or with further interactions."""
    modifier = fit.prepared.spec.modifier
    if modifier is None or not ends[0] < ends[1]:
        return []
    strata = joint_log_hazard(fit, ends, weights=wanted.weigh(fit)).to_numpy()
    untreated, treated = (strata[:, :, state, 1] - strata[:, :, state, 0] for state in (0, 1))
    change = treated - untreated
    if not (np.abs(change) > _NOTHING).any():
        return []
    called = fit.prepared.spec.labels.of(modifier.name)
    return _interaction_pair(
        (change, treated),
        f"treatment lowers the hazard more at {called} {ends[1]:g} than at {ends[0]:g}",
        f"hazard ratio of {called} {ends[1]:g} against {ends[0]:g} under treatment",
    )


def _interaction_pair(values: tuple[Floats, Floats], falls: str, flat: str) -> list[Quantity]:
    change, under = values
    holds = (under > np.log(EQUIVALENCE[0])) & (under < np.log(EQUIVALENCE[1]))
    words = f"{flat} between {EQUIVALENCE[0]:g} and {EQUIVALENCE[1]:g}"
    return [
        Quantity("interaction", None, falls, change, change < 0.0),
        Quantity("modifier_under_treatment", None, words, under, holds),
    ]


def _gain(fit: FittedModel, wanted: Wanted, at: float | None) -> Floats:
    """Months gained up to the horizon, shape (members, draws)."""
    asked = Asked((NEVER, treated_from(wanted.treat_from)), (at,), (wanted.horizon,))
    months = estimate_draws(fit, asked, weights=wanted.weigh(fit))["rmst"]
    gain = gained(months.isel({VALUE: 0, HORIZON: 0}))
    return np.asarray(gain.transpose("chain", "draw").to_numpy())
