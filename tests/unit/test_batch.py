"""The batched engine against closed forms and quadrature, and how it tells of failure."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from scipy.special import gammaln, polygamma, psi, roots_hermitenorm

import batch_cases as cases
from bayes_ihlrt.batch import curvature, newton
from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.batch.curvature import Columns
from bayes_ihlrt.batch.density import prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.importance import resample
from bayes_ihlrt.batch.result import BatchPosterior
from bayes_ihlrt.batch.summary import summarise_batch
from bayes_ihlrt.errors import ConvergenceError, RefusedError, SpecificationError
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import Engine
from bayes_ihlrt.posterior.audit import audit
from bayes_ihlrt.posterior.fitted import sample
from bayes_ihlrt.posterior.quality import check_convergence, convergence
from bayes_ihlrt.spec.sampler import SamplerSpec

DRAWS = 4000
# Five Monte Carlo standard errors of a mean of 4,000 draws, in posterior standard deviations; the
# effective sample sizes here are above 2,500.
FIVE_ERRORS = 5.0 / np.sqrt(2500)


def engine(text, rows=None):
    return BatchEngine(prepared_density(prepare(cases.spec(text), rows or cases.rows())))


@pytest.fixture(scope="module")
def constant():
    return engine(cases.EXPONENTIAL)


@pytest.fixture(scope="module")
def covariates():
    return engine(cases.COVARIATES)


def repeated(engine, name, members):
    return np.repeat(engine.density.arrays()[name][None], members, axis=0).copy()


@pytest.mark.slow
def test_columns_of_many_groups_as_one_are_the_hessian(monkeypatch):
    """One direction moves all effects; the others are the coefficient and the hazard's."""
    monkeypatch.setattr(curvature, "MANY_LEVELS", 3)
    text = cases.CENTRES.replace('family = "exponential"', 'family = "weibull"')
    text = text.replace('formula = ""', 'formula = "albi"')
    text += 'albi = { dist = "Normal", mu = 0.0, sigma = 0.7 }\n'
    compiled = compile_model(prepare(cases.spec(text), cases.rows()))
    density, coordinates = compiled.density, compiled.engine.kernels.coordinates
    data = {name: jnp.asarray(values) for name, values in compiled.data.items()}
    away = 0.3 * np.random.default_rng(7).normal(size=len(density.start))
    scales, others = coordinates.split(jnp.asarray(density.start + away))
    join = partial(coordinates.join, scales)
    columns = curvature.columns_of(density, data, others=coordinates.others, join=join)
    assert columns.together is not None
    assert len(columns.together.places) == 3

    def cost(x):
        return -density.log_density(join(x), data)

    found, _ = curvature.curvature(lambda x: (jax.grad(cost)(x),) * 2, others, columns)
    np.testing.assert_allclose(found, jax.hessian(cost)(others), rtol=1e-9, atol=1e-9)


def test_a_hessian_in_blocks_is_the_hessian():
    """Of 7 columns the blocks of 3 leave one over; coordinate 2 stays where it is."""
    rng = np.random.default_rng(5)
    factor = rng.normal(size=(7, 7))
    precision = jnp.asarray(factor @ factor.T + 7.0 * np.eye(7))
    mode = jnp.asarray(rng.normal(size=7))

    def log_density(x):
        return -0.5 * (x - mode) @ precision @ (x - mode)

    few = Columns(3)
    assert "scan" in str(
        jax.make_jaxpr(lambda x: newton.maximise(log_density, x, columns=few))(mode)
    )
    free = newton.maximise(log_density, jnp.zeros(7), columns=few)
    held = newton.maximise(log_density, jnp.zeros(7), held=(2,), columns=few)
    np.testing.assert_allclose(free.position, mode, atol=1e-9)
    np.testing.assert_allclose(free.precision, precision, rtol=1e-9)
    np.testing.assert_allclose(held.precision, precision, rtol=1e-9)
    assert held.position[2] == 0.0
    assert bool(held.converged)


def test_conjugate_posterior_of_a_constant_hazard(constant):
    """Rate ~ Gamma(2, 20): given d events in T months it is Gamma(2 + d, 20 + T)."""
    rows = cases.rows()
    weight = np.random.default_rng(3).exponential(size=(5, 60))
    weight[0] = 1.0
    found = constant.posteriors({"weight": weight}, draws=DRAWS)
    months = rows.columns["stop"] - rows.columns["start"]
    events = weight[:, rows.patient_index] @ rows.columns["event"]
    exposure = weight[:, rows.patient_index] @ months
    shape, rate = 2.0 + events, 20.0 + exposure
    summary = summarise_batch(found, ["log_rate"])
    mean, sd = psi(shape) - np.log(rate), np.sqrt(polygamma(1, shape))
    np.testing.assert_allclose((summary["mean"][:, 0] - mean) / sd, 0.0, atol=FIVE_ERRORS)
    np.testing.assert_allclose(summary["sd"][:, 0] / sd, 1.0, atol=FIVE_ERRORS)
    evidence = 2.0 * np.log(20.0) - gammaln(2.0) + gammaln(shape) - shape * np.log(rate)
    # Stirling's formula: the Laplace approximation of a Gamma integral is off by 1 / (12 shape).
    ours = found.diagnostics["log_evidence"].to_numpy()
    np.testing.assert_allclose(ours, evidence - 1.0 / (12.0 * shape), atol=1e-3)
    assert found.diagnostics["k_hat"].max() < 0.5
    assert found.messages == ()
    assert "5 approximate posteriors" in str(found)


def test_a_coefficient_against_quadrature(constant):
    """Two dimensions, quadrature on a grid of +-8 posterior sds."""
    rows = cases.rows()
    model = engine(cases.ONE_ARM, rows)
    weight = np.ones((2, 60))
    weight[1] = np.random.default_rng(5).exponential(size=60)
    found = model.posteriors({"weight": weight}, draws=DRAWS)
    months = rows.columns["stop"] - rows.columns["start"]
    arm = rows.columns["arm"] == 1.0
    summary = summarise_batch(found, ["arm", "log_rate"])
    for member in range(2):
        w = weight[member, rows.patient_index]
        d1, d = (w * rows.columns["event"] * arm).sum(), (w * rows.columns["event"]).sum()
        t1, t0 = (w * months)[arm].sum(), (w * months)[~arm].sum()

        def log_density(b, a, d1=d1, d=d, t1=t1, t0=t0):
            prior = -0.5 * ((b + 0.2) / 0.7) ** 2 - 0.5 * (a + 3.0) ** 2
            prior -= np.log(2.0 * np.pi) + np.log(0.7)
            return prior + d * a + d1 * b - t0 * np.exp(a) - t1 * np.exp(a + b)

        centre, spread = (summary[name][member].to_numpy() for name in ("mean", "sd"))
        axes = [np.linspace(m - 8 * s, m + 8 * s, 801) for m, s in zip(centre, spread, strict=True)]
        means, sds, log_mass = cases.grid_moments(log_density, *axes)
        np.testing.assert_allclose((centre - means) / sds, 0.0, atol=FIVE_ERRORS)
        np.testing.assert_allclose(spread / sds, 1.0, atol=FIVE_ERRORS)
        # Third derivatives of this likelihood shift the Laplace approximation by about 0.01.
        assert float(found.diagnostics["log_evidence"][member]) == pytest.approx(log_mass, abs=0.02)


def test_a_group_scale_near_zero_against_quadrature():
    """Centre effects integrated by Gauss-Hermite, level and scale on a grid."""
    rows = cases.rows(45, split=False)
    model = engine(cases.CENTRES, rows)
    found = model.posteriors({"weight": np.ones((1, 45))}, draws=DRAWS, keep=("log_rate",
        "sd_centre"))  # fmt: skip
    months = rows.columns["stop"] - rows.columns["start"]
    groups = [rows.columns["centre"] == f"c{number}" for number in range(3)]
    counts = [(rows.columns["event"][g].sum(), months[g].sum()) for g in groups]
    nodes, weights = roots_hermitenorm(60)
    weights = weights / weights.sum()

    def log_density(a, s):
        total = -0.5 * (a + 3.0) ** 2 - 0.5 * (s / 0.5) ** 2
        for d, t in counts:
            u = s[..., None] * nodes
            height = d * (a[..., None] + u) - t * np.exp(a[..., None] + u)
            top = height.max(axis=-1)
            total = total + top + np.log((weights * np.exp(height - top[..., None])).sum(axis=-1))
        return total

    step = 0.002
    axes = np.linspace(-6.0, -1.0, 301), np.arange(step / 2, 2.5, 4 * step)
    means, sds, _ = cases.grid_moments(log_density, *axes)
    summary = summarise_batch(found, ["log_rate", "sd_centre"])
    # The scale's posterior is highest at zero; its sd there is half its prior's.
    assert sds[1] < 0.5
    np.testing.assert_allclose((summary["mean"][0] - means) / sds, 0.0, atol=FIVE_ERRORS)
    np.testing.assert_allclose(summary["sd"][0] / sds, 1.0, atol=1.5 * FIVE_ERRORS)
    assert float(found.diagnostics["k_hat"][0]) < 0.7


def test_weight_two_is_a_patient_twice_and_weight_zero_none(covariates):
    rows = cases.rows()
    times = np.random.default_rng(2).integers(0, 3, 60)
    weighted = covariates.modes({"weight": times[None].astype(float)})
    copies = engine(cases.COVARIATES, cases.chosen(rows, np.repeat(np.arange(60), times)))
    drawn = copies.modes({"weight": np.ones((1, times.sum()))})
    for name in ("arm", "albi", "high", "log_rate", "log_shape"):
        one, other = weighted.parameters[name][0], drawn.parameters[name][0]
        # Both stop when a Newton step gains less than 1e-6; the last step squares that distance.
        assert float(one) == pytest.approx(float(other), abs=1e-5), name


def test_rows_without_exposure_change_nothing(covariates):
    """Ragged members are padded with rows that weigh nothing and have no event."""
    rows = cases.rows()
    columns = {name: np.concatenate([v, v[:7]]) for name, v in rows.columns.items()}
    columns["event"][-7:] = 0.0
    padded = engine(cases.COVARIATES, cases.person_time(columns))
    arrays = padded.density.arrays()
    # Which rows were added is found by their number: rows are sorted by patient and start.
    keys = list(zip(arrays["row_unit"].tolist(), arrays["start"].tolist(), strict=True))
    extra = [number for number, key in enumerate(keys) if key in keys[:number]]
    assert len(extra) == 7
    exposure = arrays["exposure"].copy()
    event = arrays["event"].copy()
    exposure[extra] = 0.0
    original = covariates.density.arrays()
    kept = np.setdiff1d(np.arange(len(keys)), extra)
    event[extra], event[kept] = 0.0, original["event"]
    shared = {name: original[name][None] for name in ("centre_points", "hyperparameters")}
    options = {"draws": 200, "seed": 4, "start": covariates.density.start}
    one = covariates.posteriors({"weight": np.ones((1, 60)), **shared}, **options)
    other = padded.posteriors(
        {"exposure": exposure[None], "event": event[None], **shared}, **options
    )
    for name in ("arm", "log_rate", "weight"):
        np.testing.assert_allclose(other.draws[name], one.draws[name], rtol=1e-6, atol=1e-9)


@pytest.fixture(scope="module")
def faulty(covariates):
    """Members: good, no events, one patient, separated, collinear, never finite."""
    names = ("weight", "event", "design", "increment_basis")
    members = {name: repeated(covariates, name, 6) for name in names}
    members["event"][1] = 0.0
    members["weight"][2, 1:] = 0.0
    members["event"][3][members["design"][3, :, 0] == 1.0] = 0.0
    members["design"][4, :, 1] = members["design"][4, :, 2]
    members["increment_basis"][5] = np.inf
    return members


def test_faulty_members_are_told_and_never_give_nan(covariates, faulty):
    found = covariates.posteriors(faulty, draws=500)
    assert found.failed.tolist() == [5]
    table = {str(name): values.to_numpy().tolist() for name, values in found.diagnostics.items()}
    assert table["no_events"] == [False, True, False, False, False, False]
    assert table["one_patient"] == [False, False, True, False, False, False]
    assert table["separation"][:2] == [False, True]
    assert table["separation"][3]
    assert table["collinear"][4]
    assert table["not_converged"] == [False] * 5 + [True]
    assert not np.isnan(found.diagnostics["k_hat"]).any()
    told = "\n".join(found.messages)
    for words in (
        "member 1: no events, so the priors decide every coefficient",
        "member 2: only one patient is at risk",
        "member 3: no events where arm = 1, so the prior decides its coefficient",
        "member 4: albi and high determine one another",
        "member 5: no posterior mode from 4 starts (the log-density is infinite there",
    ):
        assert words in told
    assert "member 0" not in told
    summary = summarise_batch(found)
    assert summary.attrs["failed"] == [5]
    assert summary["member"].to_numpy().tolist() == [0, 1, 2, 3, 4]
    assert all(np.isfinite(values).all() for values in summary.values())
    # Without events the posterior of arm is that of its prior but for the exposure.
    separated = summary["mean"].sel(member=3, parameter="arm")
    assert float(separated) < float(summary["mean"].sel(member=0, parameter="arm")) - 1.0


def test_modes_of_faulty_members(covariates, faulty):
    found = covariates.modes(faulty)
    assert found.failed.tolist() == [5]
    assert found.diagnostics["separation"].to_numpy()[3]
    assert "member 5: no posterior mode from 4 starts" in found.messages[-1]
    assert not np.isnan(found.parameters["arm"]).any()


def test_a_start_without_a_density_is_left_for_others(covariates):
    good = covariates.density.start
    start = np.stack([good, np.full_like(good, 800.0), np.full_like(good, np.nan)])
    weight = np.ones((3, 60))
    found = covariates.modes({"weight": weight}, start=start)
    assert found.failed.tolist() == []
    assert found.tries.tolist() == [1, 3, 3]
    np.testing.assert_allclose(found.positions[1:], found.positions[[0, 0]], atol=1e-4)
    assert found.messages[0].startswith("member 1: no posterior mode from the first start")


def test_results_do_not_depend_on_the_chunk(covariates):
    chunk = 3
    weight = np.random.default_rng(8).exponential(size=(7, 60))
    whole = covariates.posteriors({"weight": weight}, draws=100, seed=2, chunk=7)
    parts = covariates.posteriors({"weight": weight}, draws=100, seed=2, chunk=chunk)
    for name, values in whole.draws.items():
        np.testing.assert_allclose(parts.draws[name], values, rtol=1e-10, atol=1e-10)
    again = covariates.posteriors({"weight": weight}, draws=100, seed=2, chunk=chunk)
    xr.testing.assert_identical(again.draws, parts.draws)
    other = covariates.posteriors({"weight": weight}, draws=100, seed=3, chunk=chunk)
    assert not np.allclose(other.draws["arm"], parts.draws["arm"])


def test_results_do_not_depend_on_the_threads(covariates):
    weight = np.random.default_rng(9).exponential(size=(40, 60))
    start = np.tile(covariates.density.start, (40, 1))
    start[[2, 17]] = 800.0
    alone, beside = (
        replace(covariates, threads=threads).posteriors(
            {"weight": weight}, draws=100, start=start, chunk=3
        )
        for threads in (1, 4)
    )
    assert np.flatnonzero(alone.diagnostics["tries"] > 1).tolist() == [2, 17]
    xr.testing.assert_identical(alone.draws, beside.draws)
    xr.testing.assert_identical(alone.diagnostics, beside.diagnostics)


def test_an_error_in_a_thread_reaches_the_caller(covariates):
    def refuse(draws):
        raise RuntimeError(f"{draws.sizes['member']} members")

    with pytest.raises(RuntimeError, match="4 members"):
        covariates.posteriors({"weight": np.ones((8, 60))}, draws=50, reduce=refuse, chunk=4)


def test_single_precision_is_refused(constant):
    weight = np.ones((1, 60))
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(RefusedError, match="in single precision modes and weights are wrong"):
            constant.posteriors({"weight": weight})
    finally:
        jax.config.update("jax_enable_x64", True)


def test_faults_of_members_are_told_together(constant):
    members = {"wieght": np.ones((2, 60)), "weight": np.ones((3, 59))}
    with pytest.raises(SpecificationError) as caught:
        constant.modes(members)
    told = str(caught.value)
    assert "Did you mean 'weight'?" in told
    assert "a member has shape (59,), the graph needs (60,)" in told
    assert "need one common length" in told


def test_summary_of_weighted_draws():
    draws = xr.Dataset(
        {
            "theta": (("member", "draw"), [[-1.0, 0.0, 3.0, np.inf]]),
            "weight": (("member", "draw"), [[0.25, 0.5, 0.25, 0.0]]),
        },
        coords={"member": [4]},
    )
    table = {"converged": np.array([True]), "k_hat": np.array([0.1])}
    table |= {"tries": np.array([1]), "ess": np.array([2.7])}
    summary = summarise_batch(BatchPosterior.make(draws, table, None), quantiles=(0.5,))
    assert summary["mean"].item() == pytest.approx(0.5)
    assert summary["sd"].item() == pytest.approx(np.sqrt(0.25 * 2.25 + 0.5 * 0.25 + 0.25 * 6.25))
    assert summary["prob_below_zero"].item() == pytest.approx(0.25)
    assert summary["quantile"].item() == pytest.approx(0.0)
    with pytest.raises(SpecificationError, match="no draws of this parameter were kept"):
        summarise_batch(BatchPosterior.make(draws, table, None), ["eta"])
    reduced = BatchPosterior.make(draws.drop_vars("weight"), table, None)
    with pytest.raises(SpecificationError, match="no weighted draws are left"):
        summarise_batch(reduced)


@pytest.mark.slow
def test_audit_refits_overridden_data_by_nuts():
    prepared = prepare(cases.spec(cases.EXPONENTIAL), cases.rows())
    model = BatchEngine(prepared_density(prepared))
    members = {"event": repeated(model, "event", 4)}
    members["event"][1] *= 0.0
    members["event"][3] = np.nan
    found = model.posteriors(members, draws=DRAWS, keep=("log_rate",))
    assert found.failed.tolist() == [3]
    settings = SamplerSpec(draws=1000, tune=500, chains=4)
    checked = audit(prepared, members, found, n=10, seed=1, settings=settings)
    assert checked.differences["member"].to_numpy().tolist() == [0, 1, 2]
    mean, mcse = (checked.differences[name].to_numpy() for name in ("mean", "mcse"))
    # Four Monte Carlo errors; a member refitted with another's events would be off by 2 or more.
    assert np.all(np.abs(mean) < 4.0 * mcse)
    assert 0.01 < mcse.max() < 0.06
    assert checked.worst.mean == mean.ravel()[np.abs(mean).argmax()]
    assert "3 members refitted by NUTS" in str(checked)
    with pytest.raises(SpecificationError, match="There must be at least one"):
        audit(prepared, members, found, n=0, seed=1)


def test_systematic_resampling_keeps_shares():
    weights = np.array([[0.5, 0.25, 0.25, 0.0]])
    picked = resample(weights, draws=400, seed=1)
    assert np.bincount(picked[0], minlength=4).tolist() == [200, 100, 100, 0]


@pytest.fixture(scope="module")
def laplace():
    model = compile_model(prepare(cases.spec(cases.EXPONENTIAL), cases.rows()))
    settings = SamplerSpec(engine="laplace", draws=500, chains=4, seed=5)
    return model, settings, sample(model, settings)


def test_the_laplace_engine_keeps_the_contract(laplace):
    _, _, tree = laplace
    assert set(tree.children) == {
        "posterior", "sample_stats", "log_likelihood", "log_prior", "observed_data",
        "constant_data",
    }  # fmt: skip
    assert tree["posterior"]["log_rate"].dims == ("chain", "draw")
    assert tree["posterior"]["log_rate"].shape == (4, 500)
    assert tree["log_likelihood"]["time"].shape == (4, 500, 60)
    assert tree.attrs["engine"] == "laplace"
    found = check_convergence(tree)
    assert found.engine is Engine.LAPLACE
    assert float(tree["sample_stats"]["k_hat"]) == found.k_hat < 0.7
    assert found.note == "Laplace approximation with importance correction, not MCMC"
    assert found.numbers["r_hat"] is None


def test_the_laplace_engine_is_right_and_sees_new_data(laplace):
    model, settings, tree = laplace
    rows = cases.rows()
    months = (rows.columns["stop"] - rows.columns["start"]).sum()
    shape, rate = 2.0 + rows.columns["event"].sum(), 20.0 + months
    draws = tree["posterior"]["log_rate"].to_numpy()
    sd = np.sqrt(polygamma(1, shape))
    assert draws.mean() == pytest.approx(psi(shape) - np.log(rate), abs=5 * sd / np.sqrt(800))
    weightless = model.changed({"weight": np.zeros(len(rows.patients))})
    prior = sample(weightless, settings)["posterior"]["log_rate"].to_numpy()
    # Gamma(2, 20) on the rate: the log has mean psi(2) - log 20.
    assert prior.mean() == pytest.approx(psi(2.0) - np.log(20.0), abs=0.15)
    again = sample(model, settings)["posterior"]["log_rate"].to_numpy()
    np.testing.assert_array_equal(again, draws)


@pytest.mark.parametrize(
    ("k_hat", "ess", "words"),
    [(0.83, 900.0, "Pareto k-hat 0.83 (allowed: 0.7)"), (0.3, 120.0, "effective sample size 120")],
)
def test_the_gate_judges_an_approximation_by_its_weights(laplace, k_hat, ess, words):
    tree = laplace[2].copy()
    stats = tree["sample_stats"].to_dataset().assign(k_hat=k_hat, ess=ess)
    tree["sample_stats"] = xr.DataTree(stats)
    with pytest.raises(ConvergenceError, match="not to be trusted") as caught:
        check_convergence(tree)
    assert words in str(caught.value)
    assert "engine = 'nuts'" in str(caught.value)
    assert convergence(tree) == check_convergence(tree, allow_nonconverged=True)


def test_a_posterior_without_a_mode_is_an_error():
    prepared = prepare(cases.spec(cases.EXPONENTIAL), cases.rows())
    endless = np.full_like(prepared.arrays.data["increment_basis"], np.inf)
    model = compile_model(prepared).changed({"increment_basis": endless})
    with pytest.raises(ConvergenceError, match="no mode was found from 4 starts"):
        sample(model, SamplerSpec(engine=Engine.LAPLACE))


def test_settings_of_nuts_are_not_ignored():
    with pytest.raises(ValueError, match="would be ignored by engine 'laplace'"):
        SamplerSpec(engine="laplace", tune=500)
    with pytest.raises(ValueError, match="target_accept"):
        SamplerSpec(engine="laplace", target_accept=0.99)
