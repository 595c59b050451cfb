"""External controls in a trial's analysis: rows beside the trial's, and mixtures of two priors.

Power prior: each external patient counts as a part of one. Commensurate prior: a term for their
difference, with prior Normal(0, sd). Robust MAP prior: the posterior is a mixture of those under
two such priors, weighted by prior probability times marginal likelihood (Laplace).

References
----------
Ibrahim JG, Chen M-H. Stat Sci 2000;15:46-60, doi 10.1214/ss/1009212673. Hobbs BP et al. Biometrics
2011;67:1047-1056, doi 10.1111/j.1541-0420.2011.01564.x. Schmidli H et al. Biometrics
2014;70:1023-1032, doi 10.1111/biom.12242.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.model.priors import hyperparameter_vector
from bayes_ihlrt.spec.parameters import term_priors
from bayes_ihlrt.spec.trial import EXTERNAL, TrialDesign
from bayes_ihlrt.trials.patients import (
    Patients,
    Screened,
    centres,
    covariates,
    event_times,
    prognosis,
    share_above,
    transformed,
)
from bayes_ihlrt.trials.stages import Seen
from bayes_ihlrt.trials.streams import Stream, stream
from bayes_ihlrt.trials.truth import Truth, TruthSource

Floats = NDArray[np.float64]


def external_controls(
    key: jax.Array, truth: Truth, design: TrialDesign, source: TruthSource
) -> Patients:
    """Simulate control patients from elsewhere, followed up at once.

    Parameters
    ----------
    key : array
        The trial's key.
    truth : Truth
        Parameters of the trial, drift among them.
    design : TrialDesign
        With external controls.
    source : TruthSource
        Hazard of the trial's controls.

    Returns
    -------
    Patients
        Of the trial's population; none treated, lost at the rate of the trial's controls.
    """
    own, count = stream(key, Stream.EXTERNAL), design.external.patients if design.external else 0
    people = _people(own, design, count)
    never = jnp.full(count, jnp.inf)
    log_ratio = truth.external + prognosis(own, people, truth, design)
    event = event_times(
        source.hazard,
        source.cuts,
        truth,
        z=transformed(people.modifier, design),
        start=never,
        target=people.survival * jnp.exp(-log_ratio),
    )
    rate = -np.log1p(-design.dropout.control) / design.dropout.by
    dropout = people.dropout / rate if rate > 0.0 else never
    return Patients(
        people.arrival,
        people.modifier,
        jnp.zeros(count),
        never,
        event,
        dropout,
        covariates=people.covariates,
        stratum=jnp.asarray(0),
    )


def _people(key: jax.Array, design: TrialDesign, count: int) -> Screened:
    """People like those who are enrolled, none of whom comes late or is treated."""
    population = design.population
    low = 0.0
    if population.enrol_from is not None:
        low = 1.0 - share_above(population.enrol_from, population.median, population.log_sd)
    uniform = jax.random.uniform(stream(key, Stream.MODIFIER), (count,))
    normal = jax.scipy.special.ndtri(low + uniform * (1.0 - low))
    return Screened(
        arrival=jnp.zeros(count),
        modifier=population.median * jnp.exp(population.log_sd * normal),
        survival=jax.random.exponential(stream(key, Stream.SURVIVAL), (count,)),
        dropout=jax.random.exponential(stream(key, Stream.DROPOUT), (count,)),
        start=jnp.zeros(count),
        ever=jnp.zeros(count),
        centre=centres(key, design, count),
        covariates=covariates(key, design, normal),
    )


def seen_of(others: Patients, design: TrialDesign) -> Seen:
    """Return what every look sees of external controls.

    Parameters
    ----------
    others : Patients
        From `external_controls`.
    design : TrialDesign
        With external controls.

    Returns
    -------
    Seen
        Events and exposure are what each of them counts.
    """
    external = design.external
    months, weight = (0.0, 0.0) if external is None else (external.months, external.weight)
    stop = jnp.minimum(jnp.minimum(others.event, others.dropout), months)
    event = (others.event <= jnp.minimum(others.dropout, months)) * weight
    return Seen(jnp.asarray(months), stop, event, jnp.full(len(stop), weight))


def together(
    patients: Patients, seen: Seen, others: Patients, known: Seen
) -> tuple[Patients, Seen]:
    """Put external controls after the patients of a trial, told apart by ``external``.

    Parameters
    ----------
    patients, seen : Patients, Seen
        Of the trial at one stage.
    others, known : Patients, Seen
        External controls.

    Returns
    -------
    tuple of Patients and Seen
        Of all of them, for the model alone.
    """
    names = ("arrival", "modifier", "arm", "start", "event", "dropout")
    whole = {
        name: jnp.concatenate([getattr(patients, name), getattr(others, name)]) for name in names
    }
    covariates = {
        name: jnp.concatenate([values, others.covariates[name]])
        for name, values in patients.covariates.items()
    }
    sides = [jnp.zeros(len(patients.arm)), jnp.ones(len(others.arm))]
    covariates[EXTERNAL] = jnp.concatenate(sides)
    rows = {
        name: jnp.concatenate([getattr(seen, name), getattr(known, name)])
        for name in ("stop", "event", "exposure")
    }
    return Patients(**whole, covariates=covariates), Seen(time=seen.time, **rows)


def is_mixture(design: TrialDesign) -> bool:
    """Whether posteriors are mixtures: those under a robust MAP prior."""
    return design.external is not None and design.external.alike is not None


def components(design: TrialDesign, prepared: PreparedModel) -> tuple[tuple[float, Floats], ...]:
    """Return the components of a robust MAP prior.

    Parameters
    ----------
    design : TrialDesign
        The design.
    prepared : PreparedModel
        Its model.

    Returns
    -------
    tuple of (float, ndarray)
        Prior probability and the graph's hyperparameters of each; none for other designs.
    """
    external = design.external
    if external is None or external.alike is None:
        return ()
    found = []
    for share, sd in ((external.alike, external.sd), (1.0 - external.alike, external.vague_sd)):
        own = prepared.priors[EXTERNAL]
        prior = own.prior.model_copy(update={"sigma": sd})
        changed = {**prepared.priors, EXTERNAL: type(own)(prior, own.source)}
        found.append((share, hyperparameter_vector(changed)))
    return tuple(found)


def mixture_weight(alike: float, evidence: Sequence[Floats]) -> Floats:
    """Return the posterior probability of the first of two components.

    Parameters
    ----------
    alike : float
        Its prior probability.
    evidence : sequence of ndarray, shape (members,)
        Log marginal likelihood of each.

    Returns
    -------
    ndarray, shape (members,)
        Of each data set.
    """
    return np.asarray(expit(np.log(alike / (1.0 - alike)) + evidence[0] - evidence[1]))


def effect_information(design: TrialDesign) -> float:
    """Return what the prior of treatment says of the log hazard ratio: 1 / sigma^2 of a Normal.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    float
        See `Prior.information`.
    """
    return term_priors(design.model)[design.treatment.name].prior.information


def worth(sd: Floats, treated: Floats, control: Floats, *, prior: float = 0.0) -> Floats:
    """Return how many control events external controls are worth, by the sd of a log hazard ratio.

    Two arms of d1 and d0 events leave 1 / d1 + 1 / d0; what is missing from d0 was borrowed, once
    what the prior of the effect tells is taken off.

    Parameters
    ----------
    sd : ndarray
        Posterior standard deviation of the log hazard ratio.
    treated, control : ndarray
        Events of the trial's arms.
    prior : float
        Information of the effect's prior, see `effect_information`.

    Returns
    -------
    ndarray
        Infinite where the log hazard ratio is known better than its treated arm tells; NaN where
        it is not known, or no better than its prior tells.

    Examples
    --------
    >>> worth(np.sqrt([1 / 50 + 1 / 80]), np.array([50.0]), np.array([60.0])).round(6).tolist()
    [20.0]
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        learned = 1.0 / sd**2 - prior
        rest = 1.0 / learned - 1.0 / treated
        found = np.where(rest > 0.0, 1.0 / rest - control, np.inf)
    return np.asarray(np.where(learned > 0.0, found, np.nan))
