"""Sampling: the result's contract, compile once and refit many, the gate, the file."""

from pathlib import Path

import numpy as np
import pymc as pm
import pytest
import xarray as xr

from bayes_ihlrt.batch import chains
from bayes_ihlrt.batch.compiled import CompiledModel, compile_model
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.model.graph import PreparedModel, build_graph, prepare
from bayes_ihlrt.posterior.fitted import sample
from bayes_ihlrt.posterior.quality import check_convergence, convergence
from bayes_ihlrt.posterior.store import load, save
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.synthetic.simulate import simulate_cohort

SPEC = ModelSpec.from_toml("""
treatment = "ihlrt"
[modifier]
name = "nlr"
column = "nlr"
reference = 3.0
[outcome]
formula = "ihlrt * nlr"
group = "(1 | centre)"
""")
SETTINGS = SamplerSpec(draws=500, tune=500, chains=4, seed=3)


@pytest.fixture(scope="module")
def prepared() -> PreparedModel:
    return bound(100)


def bound(patients: int) -> PreparedModel:
    data = DataSpec(patient="patient_id", time="os_months", event="death", centre="centre")
    treatment = TreatmentSpec(name="ihlrt", start="ihlrt_months")
    columns = simulate_cohort(patients, seed=5).columns
    cohort = Cohort.from_frame(columns, data, treatment, covariates=("nlr",))
    return prepare(SPEC, person_time(cohort, treatment))


@pytest.fixture(scope="module")
def model(prepared: PreparedModel) -> CompiledModel:
    return compile_model(prepared)


@pytest.fixture(scope="module")
def tree(model: CompiledModel) -> xr.DataTree:
    return sample(model, SETTINGS)


def test_result_has_the_groups_and_dimensions_of_the_contract(tree: xr.DataTree) -> None:
    assert set(tree.children) == {
        "posterior", "sample_stats", "log_likelihood", "log_prior", "observed_data",
        "constant_data",
    }  # fmt: skip
    posterior = tree["posterior"]
    assert {"ihlrt", "nlr", "ihlrt:nlr", "log_shape", "log_rate", "sd_centre"} <= set(
        posterior.data_vars
    )
    assert posterior["ihlrt"].shape == (4, 500)
    assert posterior["centre_effect"].dims == ("chain", "draw", "centre")
    assert tree["log_likelihood"]["time"].dims == ("chain", "draw", "patient")
    assert tree["log_likelihood"].sizes["patient"] == 100
    assert tree.attrs["seed"] == 3


def test_densities_are_those_of_pymc(prepared: PreparedModel, tree: xr.DataTree) -> None:
    graph = build_graph(prepared)
    few = tree["posterior"].to_dataset().isel(draw=slice(0, 5))
    likelihood = pm.compute_log_likelihood(
        xr.DataTree.from_dict({"posterior": few}), model=graph, progressbar=False
    )
    prior = pm.stats.compute_log_prior(
        xr.DataTree.from_dict({"posterior": few}), model=graph, progressbar=False
    )
    ours = tree["log_likelihood"]["time"].isel(draw=slice(0, 5))
    np.testing.assert_allclose(ours, likelihood["log_likelihood"]["time"], rtol=1e-12)
    assert set(prior["log_prior"].data_vars) == set(tree["log_prior"].data_vars)
    for name, values in prior["log_prior"].data_vars.items():
        ours = tree["log_prior"][name].isel(draw=slice(0, 5))
        np.testing.assert_allclose(ours, values, rtol=1e-10, atol=1e-12)


def test_refit_reuses_the_compiled_model_and_sees_new_data(
    model: CompiledModel, tree: xr.DataTree
) -> None:
    programs = chains.chain_programs(model.engine.kernels)
    compiled = len(programs.place), len(programs.advance)
    labels = list(model.coords["hyperparameter"])
    before = model.data["hyperparameters"]
    changed = before.copy()
    changed[labels.index("ihlrt.mu")], changed[labels.index("ihlrt.sigma")] = 1.0, 0.01
    sceptic = sample(model.changed({"hyperparameters": changed}), SETTINGS)["posterior"]["ihlrt"]
    weightless = model.changed({"weight": np.zeros(100)})
    prior_only = sample(weightless, SETTINGS)["posterior"]["nlr"]
    assert (len(programs.place), len(programs.advance)) == compiled == (1, 1)
    assert float(sceptic.mean()) == pytest.approx(1.0, abs=0.05)
    # Without the data the coefficient has its prior, Normal(0, 1) per SD; 5 Monte Carlo errors.
    mu, sigma = (before[labels.index(f"nlr.{name}")] for name in ("mu", "sigma"))
    assert mu == 0.0
    assert float(prior_only.mean()) == pytest.approx(mu, abs=5 * sigma / np.sqrt(1_000))
    assert float(prior_only.std()) == pytest.approx(sigma, rel=0.15)
    assert float(tree["posterior"]["nlr"].std()) < 0.5 * sigma


def test_cohorts_of_other_sizes_share_the_density(model: CompiledModel) -> None:
    other = compile_model(bound(300))
    assert other.density is model.density
    # What is compared holds at any draws, those of an unfinished warm-up too.
    tree = sample(other, SamplerSpec(draws=100, tune=100, chains=4, seed=3))
    assert tree["log_likelihood"].sizes["patient"] == 300
    graph = build_graph(bound(300))
    draws = tree["posterior"].to_dataset().isel(draw=slice(0, 5))
    few = xr.DataTree.from_dict({"posterior": draws})
    exact = pm.compute_log_likelihood(few, model=graph, progressbar=False)["log_likelihood"]
    ours = tree["log_likelihood"]["time"].isel(draw=slice(0, 5))
    np.testing.assert_allclose(ours, exact["time"], rtol=1e-12)


def test_same_seed_same_draws(model: CompiledModel, tree: xr.DataTree) -> None:
    again = sample(model, SETTINGS)
    xr.testing.assert_equal(again["posterior"].to_dataset(), tree["posterior"].to_dataset())


def test_saved_tree_is_read_back_equal(tree: xr.DataTree, tmp_path: Path) -> None:
    save(tree, tmp_path / "posterior.nc")
    xr.testing.assert_identical(load(tmp_path / "posterior.nc"), tree)
    assert [path.name for path in tmp_path.iterdir()] == ["posterior.nc"]


def _tree(values: np.ndarray, divergences: int = 0) -> xr.DataTree:
    diverging = np.zeros(values.shape, dtype=bool)
    diverging[0, :divergences] = True
    return xr.DataTree.from_dict(
        {
            "posterior": xr.Dataset({"ihlrt": (("chain", "draw"), values)}),
            "sample_stats": xr.Dataset({"diverging": (("chain", "draw"), diverging)}),
        }
    )


def test_gate_lets_independent_draws_through() -> None:
    values = np.random.default_rng(1).normal(size=(4, 1000))
    found = check_convergence(_tree(values))
    assert found.failures == ()
    # Bulk ESS of 4,000 independent draws; its own spread is below 10 %.
    assert found.ess_bulk == pytest.approx(4_000, rel=0.1)


@pytest.mark.parametrize(
    ("shift", "length", "divergences", "words"),
    [
        (3.0, 1000, 0, "R-hat"),
        (0.0, 50, 0, "smallest effective sample size"),
        (0.0, 1000, 2, "2 divergent transitions"),
    ],
)
def test_gate_refuses(shift: float, length: int, divergences: int, words: str) -> None:
    values = np.random.default_rng(1).normal(size=(4, length))
    values[0] += shift
    tree = _tree(values, divergences)
    with pytest.raises(ConvergenceError, match="not to be trusted") as caught:
        check_convergence(tree)
    assert words in str(caught.value)
    assert convergence(tree) == check_convergence(tree, allow_nonconverged=True)
