"""Does the effect of treatment stay the same? A second fit with an effect for each period."""

from typing import Final

import numpy as np
import xarray as xr
from scipy.special import ndtri

from bayes_ihlrt.checks.columns import Columns
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.summary import probability, summarise
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.inference.shared_fit import fit_shared
from bayes_ihlrt.model.graph_priors import chance_below
from bayes_ihlrt.names import Dist, Engine
from bayes_ihlrt.priors import Prior

CHANGE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.7)
"""Prior of the log ratio of a later period's hazard ratio to the first one's: within a factor of 4
with probability 95 %."""
_PLACES: Final = 999


def effect_by_period(fit: FittedModel, periods: Columns, *, seed: int) -> xr.Dataset:
    """Return the hazard ratio of treatment in each period since its start.

    The model is fitted again with a further coefficient of treatment for every period but the
    first.

    Parameters
    ----------
    fit : FittedModel
        The model, with a treatment.
    periods : Columns
        From `since_start`.
    seed : int
        Seed of the posterior.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5`` of the hazard ratio (at the modifier's reference and the reference
        level of all else that the treatment interacts with), ``prob_benefit``, the same before the
        data, ``prior_prob_benefit``, and ``events``, over period.
    """
    spec, rows = fit.prepared.spec, periods.person_time
    added = [f"{spec.treatment}_period_{number}" for number in range(2, len(periods.labels) + 1)]
    columns = dict(rows.columns)
    columns |= {name: periods.values[:, j + 1] for j, name in enumerate(added)}
    outcome = spec.outcome.model_copy(
        update={"formula": " + ".join([spec.outcome.formula, *added])}
    )
    priors = {**spec.priors, **dict.fromkeys(added, CHANGE)}
    wider = spec.model_copy(update={"outcome": outcome, "priors": priors})
    settings = SamplerSpec(engine=Engine.LAPLACE, seed=seed)
    found = fit_shared(wider, PersonTime(columns, rows.provenance), settings)
    base = found.posterior[str(spec.treatment)]
    effects = [base, *(base + found.posterior[name] for name in added)]
    draws = xr.concat(effects, dim=xr.Variable("period", list(periods.labels)))
    summary = summarise(xr.apply_ufunc(np.exp, draws))[["median", "q2.5", "q97.5"]]
    events = rows.columns["event"].astype(np.float64) @ periods.values
    before = _before(found.prepared.priors[str(spec.treatment)].prior, later=len(added))
    return summary.assign(
        prob_benefit=probability(draws < 0.0),
        prior_prob_benefit=("period", before),
        events=("period", events),
    )


def _before(prior: Prior, *, later: int) -> list[float]:
    """Prior probability that the hazard is lowered, in the first period and in later ones."""
    places = (np.arange(_PLACES) + 0.5) / _PLACES
    changes = CHANGE.hyperparameters["sigma"] * ndtri(places)
    first = float(chance_below(prior, np.zeros(1))[0])
    # The coefficient is below what the change takes away, averaged over the change.
    return [first, *[float(chance_below(prior, -changes).mean())] * later]
