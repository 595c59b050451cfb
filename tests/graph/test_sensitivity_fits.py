"""Cells, power-scaling and the latent confounder by the batched engine, against exact answers."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaln

from bayes_ihlrt.batch.density import jax_density
from bayes_ihlrt.batch.result import POSITION
from bayes_ihlrt.errors import RefusedError
from bayes_ihlrt.model.graph import build_graph
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.sensitivity import power as study_of_powers
from bayes_ihlrt.sensitivity.cells import PriorCell, fit_cells
from bayes_ihlrt.sensitivity.latent import (
    LatentPrior,
    build_latent,
    initiation_data,
    latent_confounding,
    no_confounder,
)
from bayes_ihlrt.sensitivity.power import LIKELIHOOD, log_ratios, scaled_cells, unscaled
from bayes_ihlrt.sensitivity.priors import power_scaled
from bayes_ihlrt.sensitivity.quantities import Wanted
from sensitivity_cases import ALPHA, BETA, EVENTS, MONTHS, confounded, conjugate

DRAWS = 4000


@pytest.fixture(scope="module")
def model():
    return conjugate()[0]


@pytest.fixture(scope="module")
def fits(model):
    stated = model.priors["log_rate"].prior
    wide = power_scaled(stated, 0.5)
    cells = [
        PriorCell("stated"),
        PriorCell("wide", {"log_rate": wide}),
        PriorCell("half the data", weight=np.full(40, 0.5)),
    ]
    return fit_cells(model, cells, draws=DRAWS, seed=3, keep=("log_rate", POSITION))


def posteriors(model):
    wide = power_scaled(model.priors["log_rate"].prior, 0.5)
    return [
        stats.gamma(ALPHA + EVENTS, scale=1.0 / (BETA + MONTHS)),
        stats.gamma(wide.alpha + EVENTS, scale=1.0 / (wide.beta + MONTHS)),
        stats.gamma(ALPHA + 0.5 * EVENTS, scale=1.0 / (BETA + 0.5 * MONTHS)),
    ]


def test_cells_are_the_conjugate_posteriors(model, fits):
    rates = np.exp(fits.draws["log_rate"].to_numpy())
    assert fits.engine == ("laplace",) * 3
    for number, exact in enumerate(posteriors(model)):
        mean = np.average(rates[number], weights=fits.weights[number])
        # Four Monte Carlo standard errors.
        assert mean == pytest.approx(
            exact.mean(), abs=4.0 * exact.std() / np.sqrt(fits.ess[number])
        )


def test_evidence_is_that_of_the_conjugate_model(fits):
    exact = (
        ALPHA * np.log(BETA)
        - gammaln(ALPHA)
        + gammaln(ALPHA + EVENTS)
        - (ALPHA + EVENTS) * np.log(BETA + MONTHS)
    )
    assert fits.log_evidence[0] == pytest.approx(exact, abs=4.0 / np.sqrt(DRAWS))


def test_power_weights_are_powers_of_the_stated_densities(model, fits):
    cells = scaled_cells(model)
    assert set(cells) == {
        (name, power) for name in ("log_rate", "all priors", LIKELIHOOD) for power in (0.8, 1.25)
    }
    positions = fits.draws[POSITION].to_numpy()[0]
    rates = np.exp(fits.draws["log_rate"].to_numpy()[0])
    ratios = dict(zip(cells, log_ratios(model, positions, list(cells.values())), strict=True))
    prior = stats.gamma(ALPHA, scale=1.0 / BETA).logpdf(rates)
    likelihood = EVENTS * np.log(rates) - MONTHS * rates
    for (component, power), ratio in ratios.items():
        density = likelihood if component == LIKELIHOOD else prior
        difference = ratio - (power - 1.0) * density
        assert np.ptp(difference) < 1e-9


def test_an_improper_power_is_told(model):
    assert unscaled(model) == {}
    stated = model.priors["log_rate"]
    # A Gamma density with a pole at 0 to the power 1.25 has no finite integral.
    steep = replace(stated, prior=stated.prior.model_copy(update={"alpha": 0.1}))
    other = replace(model, priors={"log_rate": steep})
    assert unscaled(other) == {1.25: ("log_rate",)}
    assert scaled_cells(other)["all priors", 1.25].priors == {}
    (words,) = study_of_powers._left_out(unscaled(other))
    assert "To the power 1.25 the prior of log_rate is improper" in words


@pytest.fixture(scope="module")
def small():
    return confounded(60, outcome=np.log(2.5), initiation=np.log(0.4))


BIAS = LatentPrior((np.log(2.5), 0.05), (np.log(0.4), 0.05), (np.log(0.4 / 0.6), 0.1))


def test_latent_density_is_the_mixture(small):
    prepared, rows = small
    graph = build_latent(prepared, rows, BIAS)
    point = graph.initial_point()
    values = {"confounder": 0.7, "confounder_initiation": -0.6, "confounder_logit_prevalence": -0.3}
    point |= {name: np.asarray(value) for name, value in values.items()}
    pointwise = graph.compile_fn(
        graph.logp(vars=graph.observed_RVs, sum=False)[0], inputs=graph.value_vars
    )(point)
    beta = point["ihlrt"]
    level = point[next(name for name in point if name.startswith("log_rate"))]
    centre = prepared.arrays.data["design_centre"] @ np.atleast_1d(beta)
    rate = np.exp(level - float(centre))
    own = initiation_data(prepared, rows)
    begin = np.exp(float(point["initiation_log_rate"]))
    treated = rows.columns["ihlrt"].astype(float)
    length = (rows.columns["stop"] - rows.columns["start"]).astype(float)
    spent = np.bincount(rows.patient_index, rate * np.exp(beta * treated) * length)
    event = rows.columns["event"].astype(float)
    died = np.bincount(rows.patient_index, event)
    scored = np.bincount(rows.patient_index, event * (np.log(rate) + beta * treated))
    share = 1.0 / (1.0 + np.exp(0.3))
    total = 0.0
    for u, weight in ((0.0, 1.0 - share), (1.0, share)):
        log_u = scored + died * 0.7 * u - spent * np.exp(0.7 * u)
        log_u += own["started"] * (np.log(begin) - 0.6 * u)
        log_u -= own["waiting"] * begin * np.exp(-0.6 * u)
        total = total + weight * np.exp(log_u)
    assert pointwise == pytest.approx(np.log(total), abs=1e-10)


def test_without_a_confounder_the_latent_model_is_the_stated_one(small):
    prepared, rows = small
    latent = jax_density(build_latent(prepared, rows, no_confounder(BIAS)))
    plain = jax_density(build_graph(prepared))
    rng = np.random.default_rng(4)
    first = rng.normal(0.0, 0.3, (2, len(plain.start))) + plain.start
    data = {name: jnp.asarray(values) for name, values in latent.data.items()}
    found = []
    for position in first:
        whole = latent.start.copy()
        for number, name in enumerate(plain.names):
            whole[latent.names.index(name)] = position[number]
        for name in ("confounder", "confounder_initiation"):
            whole[latent.names.index(name)] = 0.0
        own = {name: jnp.asarray(values) for name, values in plain.data.items()}
        found.append(
            float(latent.log_density(jnp.asarray(whole), data))
            - float(plain.log_density(jnp.asarray(position), own))
        )
    assert found[0] == pytest.approx(found[1], abs=1e-8)


@pytest.mark.slow
def test_latent_confounder_recovers_the_truth_and_widens_with_its_prior():
    prepared, rows = confounded(1500, outcome=np.log(4.0), initiation=np.log(0.2))
    right = LatentPrior((np.log(4.0), 0.05), (np.log(0.2), 0.05), (np.log(0.4 / 0.6), 0.1))
    priors = {"known": right, "wide": right.widened(6.0), "wider": right.widened(10.0)}
    found = latent_confounding(
        prepared, rows, priors, wanted=Wanted(), threshold=0.95, size=(DRAWS, 5)
    )
    by_name = {row["prior"]: row for row in found.rows}
    naive, known = by_name["no confounder"], by_name["known"]
    # The naive estimate is wrong by more than the truth could be by chance; the right prior is not.
    assert naive["mean"] < -0.4 - 3.0 * naive["sd"]
    assert abs(known["mean"] + 0.4) < 3.0 * known["sd"]
    widths = [by_name[name]["sd"] for name in ("known", "wide", "wider")]
    assert widths == sorted(widths)
    assert widths[2] > 1.2 * widths[0]
    assert {row["engine"] for row in found.rows} == {"laplace"}
    assert len(found.sentences) == 5


def test_latent_confounder_needs_patients_followed_until_treatment(small):
    prepared, rows = small
    provenance = replace(rows.provenance, design=DesignKind.LANDMARK)
    other = replace(rows, provenance=provenance)
    with pytest.raises(RefusedError, match="does not follow every patient"):
        initiation_data(prepared, other)
