"""A fit by the Laplace engine, its draws replaced by noise: what is printed, written, refused."""

import json

import pytest
import xarray as xr
from typer.testing import CliRunner

from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.posterior import fitted as sampling
from bayes_ihlrt.spec.read import load_spec
from bayes_ihlrt.spec.sampler import SamplerSpec

pytestmark = pytest.mark.usefixtures("summarised_once")


@pytest.fixture
def weights(monkeypatch, sampler):
    """Return the quality that the approximation claims; changes take effect at the next fit."""
    quality = {"k_hat": 0.16, "ess": 2680.0}

    def fake(compiled, settings=None, *, progress=False):
        tree = sampler.sample(compiled, settings)
        tree.attrs = {"engine": settings.engine.value}
        tree["sample_stats"] = xr.DataTree(xr.Dataset(quality))
        return tree

    monkeypatch.setattr(sampling, "sample", fake)
    return quality


@pytest.fixture
def specification(tmp_path):
    """Return a file like the packaged one, with the engine changed."""
    spec = load_spec("primary")
    changed = spec.model_copy(update={"sampler": SamplerSpec(engine="laplace")})
    (tmp_path / "fast.toml").write_text(changed.to_toml())
    return tmp_path / "fast.toml"


def fit(specification, *arguments):
    command = ["fit", str(specification), "--data", "ihlrt_synthetic", *map(str, arguments)]
    return CliRunner().invoke(app, command)


def test_the_cautions_say_that_it_is_an_approximation_and_how_good(weights, specification):
    result = fit(specification)
    assert result.exit_code == 0, result.stderr
    first = " ".join(result.stdout.split())
    assert first.startswith("SYNTHETIC DATA")
    assert "Laplace approximation with importance correction, not MCMC." in first
    # Once: the same number in two sentences read like two numbers.
    assert first.count("Pareto k-hat") == first.count("2,680") == 1
    assert "Approximation passed: Pareto k-hat 0.16, effective sample size 2,680" in first
    _, careful = first.split("What to be careful about")
    assert careful.index("Laplace approximation with") < careful.index("Approximation passed: ")
    assert "approximating the posterior (Laplace) by 4,000 weighted draws" in result.stderr


def test_numbers_of_markov_chains_are_null(weights, specification, tmp_path):
    result = fit(specification, "--json", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    diagnostics = found["diagnostics"]
    assert (diagnostics["engine"], diagnostics["k_hat"], diagnostics["ess"]) == (
        "laplace", 0.16, 2680.0,
    )  # fmt: skip
    assert diagnostics["converged"] is True
    for name in ("r_hat", "ess_bulk", "ess_tail", "divergences", "worst"):
        assert diagnostics[name] is None
    row = found["parameters"]["ihlrt"]
    assert row["r_hat"] is row["ess_bulk"] is row["ess_tail"] is None
    # Weighted draws, resampled: sd x sqrt(1 / effective sample + 1 / draws).
    assert row["mcse_mean"] == pytest.approx(row["sd"] * (1 / 2680 + 1 / 800) ** 0.5)
    assert found["notes"][0].startswith("SYNTHETIC DATA")
    assert any(note.startswith("Laplace approximation") for note in found["notes"])
    # Traces and ranks tell of chains, which there are none.
    figures = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert "trace.png" not in figures
    assert "survival.png" in figures


def test_bad_weights_are_refused(weights, specification):
    weights["k_hat"] = 0.93
    result = fit(specification)
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "not to be trusted: Pareto k-hat 0.93 (allowed: 0.7)" in result.stderr
    assert "set engine = 'nuts' in [sampler]" in result.stderr
    shown = fit(specification, "--allow-nonconverged")
    assert shown.exit_code == 0
    assert "Approximation FAILED, do not use these numbers" in shown.stdout
    assert "The draws did NOT converge" in shown.stdout


def test_nuts_says_nothing_of_an_approximation(sampler):
    result = run_fit(load_spec("heart"), "heart")
    found = result.to_dict()["diagnostics"]
    assert (found["engine"], found["k_hat"], found["ess"]) == ("nuts", None, None)
    assert found["r_hat"] is not None
    assert not any("Laplace" in note for note in result.notes)
