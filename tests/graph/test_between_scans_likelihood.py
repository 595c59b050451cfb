"""The likelihood of events between scans: quadrature by SciPy, closed forms, limits, gradients."""

from itertools import pairwise

import numpy as np
import pytensor
import pytensor.tensor as pt
import pytest
from scipy.integrate import quad

import graph_cases as cases
from bayes_ihlrt.checks.pointwise import pointwise
from bayes_ihlrt.checks.terms import parameter_names
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.model import arrays
from bayes_ihlrt.model.graph import build_graph
from bayes_ihlrt.model.likelihood import log_found
from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.names import LAST_FREE
from bayes_ihlrt.posterior.fitted import fit_shared
from bayes_ihlrt.sensitivity.latent import CONFOUNDER, LOGIT, LatentPrior, build_latent
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

TREATED = TreatmentSpec(name="treated", start="t")


def cohort(patients=12, seed=1, *, width=1.0, entry=True):
    """Intervals of every kind: between, before the first scan, exact, not found; late entry."""
    rng = np.random.default_rng(seed)
    start = np.where(np.arange(patients) % 3 == 0, 0.7, 0.0) * float(entry)
    free = start + rng.uniform(1.0, 9.0, patients)
    kind = np.arange(patients) % 4
    stop = np.where(kind == 3, free, free + width * rng.uniform(0.5, 6.0, patients))
    last = np.select([kind == 0, kind == 1], [free, start], np.inf)
    return Cohort(
        {
            "patient": np.array([f"p{i}" for i in range(patients)], dtype=object),
            "start": start,
            "stop": stop,
            "event": (kind != 3).astype(float),
            LAST_FREE: last,
            # Within the interval, before it, and never.
            "treatment_start": np.where(
                np.arange(patients) % 5 == 4, np.inf, start + (stop - start) * rng.uniform(0.2, 1.0)
            ),
            "nlr": rng.lognormal(1.0, 0.5, patients),
            "albi": rng.normal(-2.4, 0.5, patients),
            "centre": np.array([f"centre {i % 3}" for i in range(patients)], dtype=object),
        }
    )


def by_quadrature(cohort, named, spec, hazard):
    """log of the probability of what was seen, from densities integrated by SciPy."""
    columns = cohort.columns
    log_hazard, cumulative = cases.baseline(spec, hazard, named)
    z = np.log2(columns["nlr"] / 3.0)
    found = []
    for i in range(cohort.n_patients):
        start, switch = columns["start"][i], columns["treatment_start"][i]
        eta = named["nlr"] * z[i] + named["albi"] * columns["albi"][i]
        effect = named["treated"] + named["treated:nlr"] * z[i]

        def lived(t, start=start, switch=switch, eta=eta, effect=effect):
            at = np.array([start, min(max(switch, start), t), t])
            before, after = np.diff(cumulative(at))
            return np.exp(eta) * before + np.exp(eta + effect) * after

        def density(t, switch=switch, eta=eta, effect=effect, lived=lived):
            log_rate = log_hazard(np.array([t]))[0] + eta + effect * (t > switch)
            return np.exp(log_rate - lived(t))

        stop, last = columns["stop"][i], columns[LAST_FREE][i]
        if columns["event"][i] == 0.0:
            found.append(-lived(stop))
        elif np.isinf(last):
            found.append(np.log(density(stop)))
        else:
            breaks = sorted({last, stop, *(t for t in (*cases.CUTS, switch) if last < t < stop)})
            pieces = pairwise(breaks)
            mass = sum(quad(density, a, b, epsabs=1e-13, epsrel=1e-11)[0] for a, b in pieces)
            found.append(np.log(mass))
    return np.array(found)


@pytest.mark.parametrize("hazard", cases.HAZARDS)
def test_every_family_against_the_integral_of_its_density(hazard):
    """Treatment starts inside intervals; late entry; exact, left- and right-censored patients."""
    spec, data = cases.specification(hazard), cohort()
    prepared = prepare(spec, person_time(data, TREATED))
    evaluator = cases.Evaluator(build_graph(prepared))
    found, _, named = evaluator.at(evaluator.point(3, spread=0.2))
    expected = by_quadrature(data, named, spec, prepared.hazard)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8)


def test_a_constant_hazard_has_a_closed_form():
    """log[exp(-h L) - exp(-h R)], without an effect of treatment."""
    data = cohort(entry=False)
    spec = cases.specification("exponential", formula="nlr + albi")
    rows = person_time(data, TREATED)
    evaluator = cases.Evaluator(build_graph(prepare(spec, rows)))
    found, _, named = evaluator.at(evaluator.point(5))
    z = np.log2(data.columns["nlr"] / 3.0)
    eta = named["log_rate"] + named["nlr"] * z + named["albi"] * data.columns["albi"]
    rate, free, stop = np.exp(eta), data.columns[LAST_FREE], data.columns["stop"]
    between = np.isfinite(free)
    known = -rate * stop + data.columns["event"] * np.log(rate)
    both = np.log(np.exp(-rate * np.where(between, free, 0.0)) - np.exp(-rate * stop))
    np.testing.assert_allclose(found, np.where(between, both, known), rtol=1e-10, atol=1e-12)


def test_narrow_intervals_become_exact_events():
    """The log-likelihood less the log of the width tends to that of the exact time."""
    data, spec = cohort(), cases.specification("weibull")
    stop, event = data.columns["stop"], data.columns["event"] == 1.0
    exact = Cohort({**data.columns, LAST_FREE: np.full(data.n_patients, np.inf)})
    off = []
    for width in (1e-2, 1e-6):
        narrow = Cohort({**data.columns, LAST_FREE: np.where(event, stop - width, np.inf)})
        prepared = prepare(spec, person_time(narrow, TREATED))
        evaluator = cases.Evaluator(build_graph(prepared))
        found, _, named = evaluator.at(evaluator.point(2, spread=0.2))
        known = by_quadrature(exact, named, spec, prepared.hazard)
        off.append(np.abs(found - np.where(event, np.log(width), 0.0) - known).max())
    assert off[0] > 1e-4
    assert off[1] < 1e-5


def test_probability_of_small_and_large_risks():
    risk, rows = pt.dvector("risk"), pt.dvector("rows")
    value = log_found(risk, rows)
    slope = pytensor.gradient.grad(value.sum(), risk)
    compute = pytensor.function([risk, rows], [value, slope], mode="FAST_COMPILE")
    at = np.array([1e-280, 1e-12, 0.3, 0.9, 50.0, 900.0, 0.0])
    found, gradient = compute(at, np.array([1.0, 2.0, 1.0, 1.0, 1.0, 1.0, 0.0]))
    np.testing.assert_allclose(found[:2], np.log(at[:2]), rtol=1e-12)
    np.testing.assert_allclose(found[2:4], np.log1p(-np.exp(-at[2:4])), rtol=1e-12)
    np.testing.assert_allclose(found[4:], [-np.exp(-50.0), 0.0, 0.0], atol=1e-30)
    np.testing.assert_allclose(gradient[1:4], 1.0 / np.expm1(at[1:4]), rtol=1e-9)
    assert np.isfinite(gradient).all()
    assert gradient[-1] == 0.0


def test_groups_and_large_piecewise_models_keep_their_rows(monkeypatch):
    """They would be added up by covariate pattern, which at known times they are."""
    monkeypatch.setattr(arrays, "AGGREGATE_ABOVE", 3)
    many = cohort(400)
    few = {"nlr": 2.0 + np.arange(400) % 2, "albi": -2.4 - 0.5 * (np.arange(400) % 3 == 0)}
    between = {**many.columns, **few}
    known = {name: values for name, values in between.items() if name != LAST_FREE}
    spec = cases.specification("independent", "(1 | centre)")
    units = [
        prepare(spec, person_time(Cohort(columns), TREATED)).arrays.unit
        for columns in (between, known)
    ]
    assert units == ["patient", "pattern"]


def test_a_group_is_fitted_by_laplace():
    """Judged by the graph's own density: of what the approximation misses k-hat tells."""
    rows = person_time(cohort(60), TREATED)
    settings = SamplerSpec(engine="laplace", draws=500, chains=2, seed=3)
    fit = fit_shared(cases.specification("weibull", "(1 | centre)"), rows, settings)
    assert not fit.convergence.failures
    assert fit.posterior["centre_effect"].sizes["centre"] == 3
    assert float(fit.posterior["treated"].std()) > 0.05


def test_densities_of_patients_left_out_are_those_of_the_graph():
    rows = person_time(cohort(), TREATED)
    prepared = prepare(cases.specification("weibull"), rows)
    evaluator = cases.Evaluator(build_graph(prepared))
    found, _, named = evaluator.at(evaluator.point(1))
    values = {name: np.asarray(named[name])[None] for name in parameter_names(prepared)}
    np.testing.assert_allclose(pointwise(prepared, values, rows).by_patient[0], found, rtol=1e-9)


def test_a_latent_confounder_multiplies_the_hazard_between_scans():
    """Where everybody has it, its log hazard ratio is added to the log rate; initiation cancels."""
    rows = person_time(cohort(), TREATED)
    spec = cases.specification("weibull")
    prepared = prepare(spec, rows)
    model = build_latent(prepared, rows, LatentPrior((0.7, 0.2), (0.3, 0.2), (0.0, 1.0)))
    plain, latent = cases.Evaluator(build_graph(prepared)), cases.Evaluator(model)
    point = latent.point(4, spread=0.2)
    place = {value.name: number for number, value in enumerate(latent.values)}

    def at(log_ratio):
        moved = list(point)
        moved[place[CONFOUNDER]], moved[place[LOGIT]] = np.asarray(log_ratio), np.asarray(60.0)
        return latent.at(moved)[0]

    own, _, named = plain.at([point[place[value.name]] for value in plain.values])
    named = {**named, "log_rate": named["log_rate"] + 0.9}
    expected = by_quadrature(cohort(), named, spec, prepared.hazard)
    np.testing.assert_allclose(at(0.9) - at(0.0) + own, expected, rtol=1e-6, atol=1e-7)
