"""Events between scans recover their truth: bias and coverage over 300 cohorts."""

import numpy as np
import pytest
from validation.known_truth import LEAST, MOST, bias, coverage, run
from validation.outside import intervals
from validation.write_intervals import (
    FIRST_SEED,
    PAGE,
    SEEDS,
    SPECIFICATION,
    STATED,
    one_cohort,
    page,
)

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.names import Engine
from bayes_ihlrt.posterior.fitted import fit_shared
from bayes_ihlrt.sensitivity.scans import SHARES
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.spec.sampler import SamplerSpec


@pytest.mark.slow
def test_bias_and_coverage():
    """Bias within 3 Monte Carlo standard errors, coverage of 91 to 98 %; dates of scans flatter."""
    cohorts = run(one_cohort, SEEDS)
    found = [each[STATED] for each in cohorts]
    for estimand in found[0].truth:
        _, error, mcse = bias(found, estimand)
        assert abs(error) < 3.0 * mcse, estimand
        assert LEAST <= coverage(found, estimand) <= MOST, estimand
    at_scan = next(name for name, share in SHARES.items() if share == 1.0)
    _, error, mcse = bias([each[at_scan] for each in cohorts], "log hazard ratio at NLR 3")
    assert error < -5.0 * mcse
    assert page(cohorts) == PAGE.read_text("utf-8")


@pytest.mark.slow
def test_chains_and_laplace_agree_where_centres_differ():
    """One posterior of a model with a group by both engines, within Monte Carlo error."""
    frame = intervals.cohort(150, FIRST_SEED)
    frame["centre"] = [f"centre {number % 4}" for number in range(len(frame))]
    text = SPECIFICATION.replace('patient = "id"', 'patient = "id"\ncentre = "centre"')
    text = text.replace('formula = "trt * nlr"', 'formula = "trt * nlr"\ngroup = "(1 | centre)"')
    spec = parse_spec(text)
    checked = check_analysis(spec, frame)
    means, spread, errors = [], [], []
    for engine in Engine:
        settings = SamplerSpec(engine=engine, draws=500, chains=4, seed=3)
        fit = fit_shared(checked.spec.model, checked.person_time, settings)
        draws = fit.posterior[["trt", "nlr", "trt:nlr", "log_shape"]].to_array()
        means.append(draws.mean(("chain", "draw")).to_numpy())
        spread.append(draws.std(("chain", "draw")).to_numpy())
        errors.append(spread[-1] / min(fit.convergence.effective, 2000.0) ** 0.5)
    assert (np.abs(means[0] - means[1]) < 4.0 * np.hypot(*errors)).all()
    np.testing.assert_allclose(spread[0], spread[1], rtol=0.15)
