"""Survival that the priors expected, beside what was observed without treatment."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.names import TIME, DesignKind

Floats = NDArray[np.float64]
_DESIGNS: Final = frozenset({DesignKind.SPLIT, DesignKind.FIXED})
"""Designs whose untreated rows are follow-up censored at treatment, from time zero on."""
_SHARES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
_FEWEST: Final = 5
"""Untreated events below which the observed curve says little."""


def prior_conflict(before: FittedModel, rows: PersonTime, treatment: str | None) -> str | None:
    """Return where observed untreated survival lies outside what the priors expected.

    Kaplan-Meier survival, with treated person-time censored at treatment, at quantiles of the
    untreated event times, against the survival that the priors expected of an untreated patient
    with average covariates, of whom the baseline's prior speaks.

    Parameters
    ----------
    before : FittedModel
        The model with draws of its prior.
    rows : PersonTime
        Rows of the analysis.
    treatment : str or None
        The treatment's 0/1 column.

    Returns
    -------
    str or None
        One sentence on the time at which they lie farthest apart; None where none is outside the
        prior's central 95 %, or where they cannot be compared.
    """
    if rows.provenance.design not in _DESIGNS:
        return None
    kept = np.ones(rows.n_rows, dtype=bool)
    if treatment is not None:
        kept = rows.columns[treatment].astype(np.float64) == 0.0
    start, stop, event = (
        rows.columns[name].astype(np.float64)[kept] for name in ("start", "stop", "event")
    )
    if event.sum() < _FEWEST:
        return None
    times = np.unique(np.quantile(stop[event > 0.0], _SHARES, method="inverted_cdf"))
    curve = kaplan_meier(start, stop, event)
    observed = curve["survival"].sel({TIME: times}).to_numpy()
    low, high = np.quantile(_expected(before, times), [0.025, 0.975], axis=0)
    apart = np.maximum(low - observed, observed - high)
    worst = int(apart.argmax())
    if apart[worst] <= 0.0:
        return None
    return (
        f"Observed survival without treatment is {observed[worst]:.0%} at month "
        f"{times[worst]:.3g} (Kaplan-Meier, treated person-time censored at treatment), outside "
        f"the 95 % that the priors expected, {low[worst]:.0%} to {high[worst]:.0%}: priors and "
        "data disagree, and the effect of treatment moves with the baseline. State a `baseline` "
        "that you believe."
    )


def _expected(before: FittedModel, times: Floats) -> Floats:
    """Return survival of the untreated average patient under the prior, shape (draws, times)."""
    prepared = before.prepared
    spent = prepared.hazard.increment_basis(np, np.zeros(len(times)), times)
    return np.asarray(np.exp(-prepared.hazard.cumulative_hazard(np, spent, before.baseline)))
