"""Posteriors of trials with few events against closed forms, quadrature and simulation in NumPy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import logsumexp, ndtr
from scipy.stats import beta, gamma

import trial_cases as cases
from bayes_ihlrt.batch.newton import maximise
from bayes_ihlrt.batch.profile import draw, follow, moments, points, probability_below, tail
from bayes_ihlrt.trials import marginals as module
from bayes_ihlrt.trials import units
from bayes_ihlrt.trials.analysis import posteriors
from bayes_ihlrt.trials.calibration import simulate_design
from bayes_ihlrt.trials.decisions import UNTRUSTED
from bayes_ihlrt.trials.operating import operating_characteristics
from bayes_ihlrt.trials.quantities import targets
from bayes_ihlrt.trials.units import Store, Task, run_trials, simulator

NORMAL = {"default": {"dist": "Normal", "mu": 0.0, "sigma": 10.0}}
STRICT = cases.SUCCESS | {"more_than": 0.9985}
LAST = cases.SUCCESS | {"more_than": 0.976}
EARLY = {
    "patients": 100,
    "max_months": 60.0,
    "accrual": {"rates": [10.0]},
    "looks": [{"events": 20, "efficacy": [STRICT]}, {"events": 40, "efficacy": [LAST]}],
}
RATE = np.log(2.0) / 12.0
TRIALS = 2_048


def laplace(log_density, start):
    found = maximise(log_density, jnp.asarray(start, dtype=float))
    return found.position, jnp.linalg.cholesky(jnp.linalg.inv(found.precision))


def two_arms(treated, control, months=(100.0, 100.0), sd=None):
    """Log hazard ratio and log rate of two constant hazards."""

    def log_density(position):
        effect, rate = position
        found = treated * (effect + rate) - months[0] * jnp.exp(effect + rate)
        found += control * rate - months[1] * jnp.exp(rate)
        return found if sd is None else found - 0.5 * jnp.sum(position**2) / sd**2

    return log_density


def first(position):
    return position[0]


@jax.jit
def benefit(treated, control, months, sd):
    log_density = two_arms(treated, control, months, sd)
    mode, factor = laplace(log_density, [0.0, -2.0])
    line = follow(log_density, mode, factor, first, curved=False).line
    found = points(line)
    below = probability_below(found, 0.0, curved=False)
    one_point = tail(log_density, mode, factor, first, 0.0)
    return below, one_point, line.reached, mode, factor, moments(found)


@pytest.mark.parametrize(
    ("treated", "control"), [(4, 16), (5, 15), (12, 28), (1, 9), (3, 7), (30, 30), (9, 1)]
)
@pytest.mark.parametrize("months", [(100.0, 100.0), (140.0, 90.0)])
def test_two_exponential_arms_against_the_beta_distribution(treated, control, months):
    """Flat priors: the rates are Gamma, their ratio is below 1 with a Beta's probability."""
    exact = beta.cdf(months[0] / sum(months), treated, control)
    found, one_point, reached, mode, factor, _ = benefit(treated, control, months, 1e8)
    assert reached
    # Knots 1 apart and 241 points leave 1e-4 in the middle and 3e-5 where thresholds are.
    assert abs(found - exact) < (3e-5 if exact > 0.97 else 1e-4)
    if treated + control >= 40:
        assert abs(one_point - exact) < 2e-3
    if exact > 0.97:
        assert ndtr(-mode[0] / factor[0, 0]) < exact


def by_quadrature(treated, control, months, sd):
    """P(log hazard ratio < 0) on a grid of both parameters."""
    effect, rate = np.linspace(-14.0 * sd, 6.0 * sd, 20_001), np.linspace(-9.0, 1.0, 401)
    rows = []
    for some in np.array_split(effect, 100):
        e, r = some[:, None], rate[None]
        log_density = treated * (e + r) - months[0] * np.exp(e + r)
        log_density += control * r - months[1] * np.exp(r) - 0.5 * (e**2 + r**2) / sd**2
        rows.append(logsumexp(log_density, axis=1))
    weight = np.exp(np.concatenate(rows) - max(map(np.max, rows)))
    mean = (weight * effect).sum() / weight.sum()
    # The point at zero counts in half.
    below = (effect < -1e-9) + 0.5 * (np.abs(effect) < 1e-9)
    return (
        (weight * below).sum() / weight.sum(),
        mean,
        np.sqrt((weight * (effect - mean) ** 2).sum() / weight.sum()),
    )


@pytest.mark.parametrize(("treated", "control"), [(0, 10), (0, 8), (4, 16), (5, 15), (12, 28)])
def test_no_death_among_the_treated_is_the_strongest_evidence(treated, control):
    months = (120.0, 120.0)
    exact, mean, sd = by_quadrature(treated, control, months, 10.0)
    below, _, reached, mode, factor, found = benefit(treated, control, months, 10.0)
    assert reached
    assert float(below) == pytest.approx(exact, abs=3e-5)
    # Half a grid cell of the quadrature, and the splines: 1 % of a mean of -6.
    assert [float(one) for one in found] == pytest.approx([mean, sd], rel=0.01)
    if treated == 0:
        assert below > 0.9999
        assert ndtr(-mode[0] / factor[0, 0]) < 0.92


def test_draws_along_a_profile_have_its_joint_posterior():
    """Two Gamma rates."""
    log_density = two_arms(4, 16)
    mode, factor = laplace(log_density, [0.0, -2.0])
    path = follow(log_density, mode, factor, first, curved=False)
    share = (np.arange(20_000) + 0.5) / 20_000
    normal = np.random.default_rng(1).permutation(share)
    drawn = jax.vmap(draw, in_axes=(None, 0, 0))(
        path, jnp.asarray(share), jax.scipy.special.ndtri(normal)[:, None]
    )
    control = np.exp(np.asarray(drawn[:, 1]))
    treated = np.exp(np.asarray(drawn).sum(axis=1))
    for rate, events in ((control, 16), (treated, 4)):
        for p in (0.05, 0.5, 0.95):
            # Normal given the ratio, where a log Gamma of 20 has skewness 0.23: 0.23 / 6 x 0.4.
            assert (rate < gamma.ppf(p, events, scale=0.01)).mean() == pytest.approx(p, abs=0.016)


def member(design, scenario, seed=3):
    """Return one trial's data at a look, and its analysis."""
    found = simulator(Task(design, scenario, seed))
    block = found.block(0)
    return found.analysis, {name: values[:1] for name, values in block.members.items()}


@pytest.mark.slow
def test_a_weibull_model_with_interaction_against_weighted_draws_of_numpy():
    """Ten events, five parameters; a subgroup, and months: a wide Student t of its own."""
    rmst = {"quantity": "rmst", "horizon": 24.0, "above": 0.0, "more_than": 0.9, "at": 5.0}
    looks = [{"events": 10, "efficacy": [LAST, LAST | {"at": 5.0}, rmst]}]
    design = cases.by_modifier(patients=60, looks=looks, accrual={"rates": [10.0]})
    analysis, data = member(design, cases.scenario(hr=[0.5], modifier_hr=1.3))
    found = posteriors(analysis, data, seed=1, chunk=1)
    assert found["followed"].all()
    density = analysis.engine.density
    one = {name: values[0] for name, values in data.items()}
    whole = density.with_overrides(one)

    @jax.jit
    @jax.vmap
    def evaluate(position):
        values = density.constrained(position, whole)
        return density.log_density(position, whole), analysis.read(values)

    rng = np.random.default_rng(5)
    count, freedom = 200_000, 5.0
    best, factor = found["position"][0], 1.2 * found["factor"][0]
    normal = rng.standard_normal((count, len(best)))
    standard = normal / np.sqrt(rng.gamma(freedom / 2.0, 2.0 / freedom, (count, 1)))
    log_density, values = map(np.asarray, evaluate(jnp.asarray(best + standard @ factor.T)))
    log_density = np.where(np.isfinite(log_density), log_density, -np.inf)
    squared = (standard**2).sum(axis=1)
    log_weight = log_density + 0.5 * (freedom + len(best)) * np.log1p(squared / freedom)
    weight = np.exp(log_weight - log_weight.max())
    weight /= weight.sum()
    size = 1.0 / (weight**2).sum()
    assert size > 20_000
    values = np.where(weight[:, None] > 0.0, values, 0.0)
    # Hazard ratios below 1, months gained.
    for place, sign in enumerate((-1.0, -1.0, 1.0)):
        column = values[:, place]
        holds = sign * column > 0.0
        exact = (weight * holds).sum()
        noise = 3.0 * np.sqrt(exact * (1.0 - exact) / size)
        # Laplace's method over the rest: up to 0.012 with ten events, 0.003 on average.
        assert abs(found["probability"][0, place] - exact) < noise + 0.012
        mean = (weight * column).sum()
        sd = np.sqrt((weight * (column - mean) ** 2).sum())
        assert abs(found["mean"][0, place] - mean) < 0.06 * sd
        assert found["sd"][0, place] == pytest.approx(sd, rel=0.06)


def exact_trials(hazards, trials, seed=5):
    """Simulate both looks in NumPy; rates a posteriori are Gamma, so P(HR < 1) is a Beta's."""
    rng = np.random.default_rng(seed)
    arrival = np.cumsum(rng.exponential(0.1, (trials, 100)), axis=1)
    # Blocks of four, two of each arm.
    arm = rng.permuted(np.tile([0, 0, 1, 1], (trials * 25, 1)), axis=1).reshape(trials, 100) == 1
    death = arrival + rng.exponential(1.0, (trials, 100)) / np.where(arm, hazards[1], hazards[0])
    chances = []
    for events in (20, 40):
        look = np.sort(death, axis=1)[:, events - 1 : events]
        seen, dead = np.clip(np.minimum(death, look) - arrival, 0.0, None), death <= look
        treated, control = ((seen * (arm == a)).sum(axis=1) for a in (True, False))
        counts = [np.maximum((dead & (arm == a)).sum(axis=1), 1e-9) for a in (True, False)]
        chances.append(beta.cdf(treated / (treated + control), *counts))
    early = chances[0] > 0.9985
    return early, early | (chances[1] > 0.976)


@pytest.fixture(scope="module")
def early():
    design = cases.design(**EARLY)
    return {
        ratio: simulate_design(design, cases.scenario(hr=[ratio]), trials=TRIALS)
        for ratio in (1.0, 0.5)
    }


@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_looks_at_20_and_40_events_follow_their_rules(early, ratio):
    exact = exact_trials((RATE, ratio * RATE), 40_000)
    found = early[ratio].found
    for here, share in zip(exact, (found.by_look[0].success, found.success), strict=True):
        p = here.mean()
        error = np.sqrt(p * (1.0 - p) * (1.0 / len(here) + 1.0 / TRIALS))
        assert abs(share.estimate - p) < 3.0 * error
    assert [look.followed for look in found.by_look] == [1.0, 1.0]


def test_every_single_decision_is_the_exact_one(early):
    """Months of each arm are taken from the simulated trials themselves."""
    task = Task(cases.design(**EARLY), cases.scenario(hr=[0.5]), 20_260_101)
    block = simulator(task).block(0)
    stop, event = np.asarray(block.seen.stop), np.asarray(block.seen.event)
    arm = np.asarray(block.patients.arm)
    counts = [np.maximum((event * (arm == a)).sum(axis=-1), 1e-9) for a in (1.0, 0.0)]
    months = [(stop * (arm == a)).sum(axis=-1) for a in (1.0, 0.0)]
    exact = beta.cdf(months[0] / (months[0] + months[1]), *counts)
    found = early[0.5].table["probability"][: len(exact), :, 0]
    # Flat priors here have sd 100, on a log rate that the package centres: below 1e-4.
    np.testing.assert_allclose(found, exact, rtol=0.0, atol=2e-4)
    for look, threshold in enumerate((0.9985, 0.976)):
        clear = np.abs(exact[:, look] - threshold) > 5e-5
        assert ((found[:, look] > threshold) == (exact[:, look] > threshold))[clear].all()


def test_many_events_are_read_at_the_bound_alone():
    """At 100 events one point is a tenth as far from the profile as the normal approximation."""
    looks = [{"events": 100, "efficacy": [STRICT]}]
    design = cases.design(patients=150, looks=looks, accrual={"rates": [15.0]})
    simulated = simulator(Task(design, cases.scenario(hr=[0.6]), 4))
    block = simulated.block(0)
    found = posteriors(simulated.analysis, block.members, seed=1, chunk=256)
    assert not found["followed"].any()
    stop, event = np.asarray(block.seen.stop)[:, 0], np.asarray(block.seen.event)[:, 0]
    arm = np.asarray(block.patients.arm)[:, 0]
    counts = [(event * (arm == a)).sum(axis=-1) for a in (1.0, 0.0)]
    months = [(stop * (arm == a)).sum(axis=-1) for a in (1.0, 0.0)]
    exact = beta.cdf(months[0] / (months[0] + months[1]), *counts)
    plain = ndtr(-found["mean"][:, 0] / found["sd"][:, 0])
    near = (exact > 0.9) & (exact < 0.9999)
    error, before = np.abs(found["probability"][:, 0] - exact), np.abs(plain - exact)
    assert error[near].max() < 5e-4
    assert before[near].max() > 10.0 * error[near].max()


def test_a_profile_that_cannot_be_followed_is_a_failed_fit(monkeypatch):
    design = cases.design(**EARLY)
    found = simulator(Task(design, cases.scenario(hr=[0.5]), 8))
    block = found.block(0)
    original = module._in_chunks

    def broken(arrays, normals, work, chosen, shared):
        one = original(arrays, normals, work, chosen, shared)
        return one._replace(reached=np.arange(len(chosen)) != 0)

    monkeypatch.setattr(module, "_in_chunks", broken)
    table = found.statistics(block)
    assert np.isnan(table["probability"][0, 0]).all()
    assert table["untrusted"][0, 0]
    assert not table["converged"][0, 0]
    assert table["converged"].sum() == table["converged"].size - 1
    told = operating_characteristics(design, table, targets(design))
    assert (told.failed, told.causes) == (1, {UNTRUSTED: 1})


def test_stored_trials_of_another_engine_are_not_gone_on_from(tmp_path, monkeypatch):
    task = Task(cases.design(**EARLY), cases.scenario(hr=[0.5]), 3)
    store = Store(tmp_path)
    other = "laplace, normal approximation alone"
    with monkeypatch.context() as patch:
        patch.setattr(units, "engine_settings", lambda design: other)
        before = task.fingerprint
        wrong = {"probability": np.zeros((units.UNIT, 2, 1))}
        store.write(before, 0, wrong)
    assert task.fingerprint != before
    assert store.read(task.fingerprint, 0) is None

    class Pool:
        ran = 0

        def run(self, task, wanted):
            for unit in wanted:
                self.ran += 1
                yield unit, {"probability": np.ones((units.UNIT, 2, 1))}

    pool = Pool()
    table = run_trials(task, 10, pool=pool, store=store)
    assert (pool.ran, table["probability"].min()) == (1, 1.0)
    run_trials(task, 10, pool=pool, store=store)
    assert pool.ran == 1


def test_engines_have_fingerprints_of_their_own():
    plain = cases.design(**EARLY)
    settings = {units.engine_settings(plain)}
    for draws in (7_000, 8_000):
        corrected = cases.design(**EARLY, approximation="corrected", draws=draws)
        settings.add(units.engine_settings(corrected))
    assert len(settings) == 3
