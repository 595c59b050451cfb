"""Priors from published effects as a study: what they say, are worth, and lead to."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.clinical.effects import PublishedEffect, Question
from bayes_ihlrt.clinical.evidence import Discount, evidence_prior
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.sensitivity.cells import CellFits, PriorCell, fit_cells
from bayes_ihlrt.sensitivity.decisions import CheckResult, Row
from bayes_ihlrt.sensitivity.priors import MixturePrior, robust_prior
from bayes_ihlrt.sensitivity.quantities import (
    Quantity,
    Wanted,
    as_fit,
    read_quantities,
    summarise_quantities,
)
from bayes_ihlrt.verdicts import Decision, decide


@dataclass(frozen=True)
class Selection:
    """Published effects and how far they are trusted.

    Parameters
    ----------
    effects : tuple of PublishedEffect
        Of one comparison and outcome.
    discount : Discount
        Between-study sd and bias.
    weight : float
        Weight of the informative part of the robust mixture.
    """

    effects: tuple[PublishedEffect, ...]
    discount: Discount
    weight: float = 0.5


def published_priors(
    prepared: PreparedModel,
    person_time: PersonTime,
    selection: Selection,
    *,
    wanted: Wanted,
    threshold: float,
    size: tuple[int, int],
) -> CheckResult:
    """Return the result under priors of the treatment made from published effects.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    person_time : PersonTime
        Rows that were fitted.
    selection : Selection
        Published effects.
    wanted : Wanted
        What to read.
    threshold : float
        Probability from which a statement holds.
    size : tuple of int
        Draws and seed.

    Returns
    -------
    CheckResult
        Rows by prior and estimand: the discounted normal prior, and the robust mixture with its
        posterior weight. The data hold the published effects themselves.
    """
    treatment = str(prepared.spec.treatment)
    mixture = robust_prior(selection.effects, selection.discount, weight=selection.weight)
    names = ("published", "vague")
    cells = [
        PriorCell(name, {treatment: prior})
        for name, prior in zip(names, mixture.components, strict=True)
    ]
    fits = fit_cells(prepared, cells, draws=size[0], seed=size[1])
    quantities = read_quantities(as_fit(prepared, person_time, fits.draws), wanted)
    shares = mixture.posterior_weights(fits.log_evidence)
    alone = summarise_quantities(quantities, fits.weights, fits.ess).isel({MEMBER: [0]})
    pooled = _pooled(quantities)
    weights = (shares[:, None] * fits.weights).reshape(1, -1)
    both = summarise_quantities(pooled, weights, np.array([1.0 / (shares**2 / fits.ess).sum()]))
    first = evidence_prior(selection.effects, selection.discount)
    worth = {"published": MixturePrior((1.0,), (first,)).events, "robust mixture": mixture.events}
    rows: list[Row] = []
    for (label, events), table in zip(worth.items(), (alone, both), strict=True):
        share = None if label == "published" else float(shares[0])
        rows += _rows(label, quantities, table, extra=(events, share, threshold))
    return CheckResult(
        name="evidence",
        rows=tuple(rows),
        data=_effects(selection, first, fits),
        sentences=_sentences(selection, first, worth, rows, float(shares[0])),
        stable=None,
    )


def _pooled(quantities: Sequence[Quantity]) -> list[Quantity]:
    """Put the components' draws into one member."""
    return [
        Quantity(q.estimand, q.at, q.statement, q.values.reshape(1, -1), q.holds.reshape(1, -1))
        for q in quantities
    ]


def _rows(
    label: str,
    quantities: Sequence[Quantity],
    table: xr.Dataset,
    *,
    extra: tuple[float, float | None, float],
) -> list[Row]:
    events, share, threshold = extra
    names = ("mean", "sd", "q2.5", "median", "q97.5", "probability")
    rows: list[Row] = []
    for place, each in enumerate(quantities):
        here = table.isel({MEMBER: 0, "quantity": place})
        rows.append(
            {
                "prior": label,
                "prior_events": events,
                "published_weight": share,
                "estimand": each.estimand,
                "at": each.at,
                **{name: float(here[name]) for name in names},
                "statement": each.statement,
                "decision": decide(float(here["probability"]), threshold).value,
            }
        )
    return rows


def _effects(selection: Selection, prior: Prior, fits: CellFits) -> xr.Dataset:
    effects = selection.effects
    columns = {
        "ratio": [each.effect.ratio for each in effects],
        "low": [each.effect.low for each in effects],
        "high": [each.effect.high for each in effects],
        "sceptical_limit": [each.effect.sceptical_limit for each in effects],
        "checked": [each.checked for each in effects],
        "doi": [each.doi or "" for each in effects],
    }
    return xr.Dataset(
        {name: ("effect", values) for name, values in columns.items()},
        coords={"effect": [each.name for each in effects]},
        attrs={
            "prior_mu": float(prior.mu or 0.0),
            "prior_sigma": float(prior.sigma or 1.0),
            "log_evidence": fits.log_evidence.tolist(),
        },
    )


def _sentences(
    selection: Selection,
    prior: Prior,
    worth: dict[str, float],
    rows: Sequence[Row],
    share: float,
) -> tuple[str, ...]:
    names = ", ".join(each.name for each in selection.effects)
    mu, sigma = float(prior.mu or 0.0), float(prior.sigma or 1.0)
    low, middle, high = np.exp(mu + sigma * np.array([-1.96, 0.0, 1.96]))
    found = [
        f"Published effects on {selection.effects[0].outcome} ({names}), discounted, amount to a "
        f"prior hazard ratio of {middle:.2f} ({low:.2f} to {high:.2f}), worth "
        f"{worth['published']:.0f} events.",
        f"As half of a robust mixture they keep weight {share:.2f} after the data."
        if selection.weight == 0.5
        else f"Of weight {selection.weight:g} in a robust mixture they keep {share:.2f}.",
    ]
    found += [
        f"Under the {row['prior']} prior P({row['statement']}) is {row['probability']:.2f}: "
        f"'{Decision(row['decision']).words}'."
        for row in rows
        if row["estimand"] in {"log_hazard_ratio", "rmst_difference"}
    ]
    question = selection.effects[0].question
    if question is not Question.LOCAL_ADDED:
        found.append(f"Note what they compare: {question.value}.")
    unchecked = [each.name for each in selection.effects if not each.checked]
    if unchecked:
        found.append(f"Not compared with their publication: {', '.join(unchecked)}.")
    return tuple(found)
