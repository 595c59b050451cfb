"""A sampler that draws noise at once, so that what happens around sampling can be tested.

What is the same in many tests is made once: the summary of the same draws, the picture of the same
data.
"""

import hashlib
import pickle
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from typer.testing import CliRunner

from bayes_ihlrt.analysis import fit as analysis
from bayes_ihlrt.analysis import flexible_baseline
from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.checks import leave_out
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.plots import saving
from bayes_ihlrt.posterior import nuts
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import check_convergence
from bayes_ihlrt.report import narrative, writing

# Enough independent draws for the convergence gate.
CHAINS, DRAWS = 4, 200
LEVELS = {"log_rate": -4.0, "log_hazard": -3.0, "log_scale": 3.0}


class FakeSampler:
    """Stands in for NUTS; `spread` between chains makes them disagree."""

    def __init__(self):
        self.spread = 0.0
        self.settings = []

    def sample(self, compiled, settings=None, *, progress=False):
        self.settings.append(settings)
        rng = np.random.default_rng(settings.seed)
        model, labelled, unit = compiled.density.model, compiled.coords, compiled.unit
        posterior = {}
        for variable in model.unobserved_RVs:
            name = str(variable.name)
            dims = model.named_vars_to_dims.get(name, ())
            shape = [len(labelled[dim]) for dim in dims]
            # Chains that hold the same values in another order agree whatever the seed.
            values = rng.normal(LEVELS.get(name, 0.0), 0.1, (DRAWS, *shape))
            draws = np.stack([rng.permuted(values, axis=0) for _ in range(CHAINS)])
            draws += self.spread * np.arange(CHAINS).reshape(-1, 1, *[1] * len(shape))
            if name.startswith("sd_") or name == "smoothing_sd":
                draws = np.abs(draws) + 0.01
            posterior[name] = (("chain", "draw", *dims), draws)
        coords = {dim: list(labelled[dim]) for _, v in posterior.items() for dim in v[0][2:]}
        labels = list(labelled[unit])
        density = rng.normal(-3.0, 0.1, (CHAINS, DRAWS, len(labels)))
        return xr.DataTree.from_dict(
            {
                "posterior": xr.Dataset(posterior, coords=coords),
                "sample_stats": xr.Dataset(
                    {"diverging": (("chain", "draw"), np.zeros((CHAINS, DRAWS), dtype=bool))}
                ),
                "log_likelihood": xr.Dataset(
                    {"time": (("chain", "draw", unit), density)}, coords={unit: labels}
                ),
            }
        )


def noisy_fit(spec, person_time, settings, **_):
    """Stand in for a fit by the batched engine beside the analysis, whose programs take longest."""
    prepared = prepare(spec, person_time)
    tree = FakeSampler().sample(compile_model(prepared), settings)
    return FittedModel(prepared, person_time, tree, check_convergence(tree))


def distrusted(prepared, person_time, weights, **_):
    """Stand in for fits without a patient: none is to be trusted, and the first ones count."""
    del prepared, person_time
    return leave_out.Refits(xr.Dataset(), np.full(len(weights), np.inf))


def faked(patch):
    """Replace sampling by noise, as long as the patch lasts, and fits beside it."""
    fake = FakeSampler()
    patch.setattr(nuts, "sample", fake.sample)
    patch.setattr(nuts, "compile_chains", lambda *_: None)
    patch.setattr(leave_out, "refit", distrusted)
    noisy_baseline(patch)
    return fake


def noisy_baseline(patch):
    """Replace draws under a flexible baseline by noise, as long as the patch lasts."""
    patch.setattr(flexible_baseline, "fit_shared", noisy_fit)


SAVEFIG = Figure.savefig


def pictured_once(patch, pictures, *, dpi=20):
    """Draw coarsely, and the same data once: here it is asked that figures are written."""
    draw = writing._draw  # the one place through which commands draw

    def again(kind, data, file):
        if Figure.savefig is not SAVEFIG:
            # The test looks at what is drawn, or lets it fail.
            draw(kind, data, file)
            return
        key = (kind, file.suffix, saving.DPI, hashlib.sha256(pickle.dumps(data)).hexdigest())
        if key not in pictures:
            draw(kind, data, file)
            pictures[key] = file.read_bytes()
        file.write_bytes(pictures[key])

    patch.setattr(saving, "DPI", dpi)
    patch.setattr(writing, "_draw", again)


@pytest.fixture(scope="session")
def pictures():
    """Return what `pictured_once` has drawn."""
    return {}


@pytest.fixture(autouse=True)
def _pictured_once(monkeypatch, pictures):
    pictured_once(monkeypatch, pictures)


@pytest.fixture
def sampler(monkeypatch):
    """Return the sampler of noise that stands in for the real one."""
    return faked(monkeypatch)


@pytest.fixture(scope="module")
def module_sampler():
    """Return the sampler of noise for what the tests of a file share."""
    with pytest.MonkeyPatch.context() as patch:
        yield faked(patch)


def draws_of(fitted):
    """Return what the summary of a fit depends on, in few letters."""
    found = hashlib.sha256(fitted.checked.spec.to_toml().encode())
    found.update(fitted.checked.cohort.fingerprint.encode())
    found.update(repr(sorted(fitted.fit.convergence.numbers.items(), key=str)).encode())
    for name, values in fitted.fit.posterior.data_vars.items():
        found.update(str(name).encode())
        found.update(np.ascontiguousarray(values.to_numpy()).tobytes())
    return found.hexdigest()


@pytest.fixture(scope="session")
def summaries():
    """Return what `summarise_once` has computed."""
    return {}, {}


def summarise_once(patch, summaries):
    """Summarise the same draws once: here it is asked what becomes of a summary."""
    results, curves = summaries
    summarise, curve = analysis.summarise_fit, narrative.modifier_curves

    def again(fitted, *, stage=None):
        key = (draws_of(fitted), fitted.failures)
        if key not in results:
            told = []
            results[key] = (summarise(fitted, stage=told.append), told)
        result, told = results[key]
        for words in told if stage else ():
            stage(words)
        own = {name: getattr(fitted, name) for name in ("checked", "fit", "propensity")}
        return replace(result, **own)

    def curves_again(result):
        key = draws_of(result)
        if key not in curves:
            curves[key] = curve(result)
        return curves[key]

    patch.setattr(analysis, "summarise_fit", again)
    patch.setattr(narrative, "modifier_curves", curves_again)


@pytest.fixture(scope="session")
def summarising_once(summaries):
    """Return what has the same draws summarised once, as long as a patch lasts."""
    return lambda patch: summarise_once(patch, summaries)


@pytest.fixture
def summarised_once(monkeypatch, summarising_once):
    """Summarise the same draws once, in whatever test of the session."""
    summarising_once(monkeypatch)


@pytest.fixture(scope="session")
def flexible_by_noise():
    """Return what draws noise under a flexible baseline, as long as a patch lasts."""
    return noisy_baseline


@pytest.fixture(scope="session")
def first_results(tmp_path_factory, summaries, pictures):
    """Return a folder with the results of the primary analysis; not to be changed."""
    out = tmp_path_factory.mktemp("primary") / "deep" / "out"
    with pytest.MonkeyPatch.context() as patch:
        faked(patch)
        # Pages are looked at in a browser.
        pictured_once(patch, pictures, dpi=saving.DPI)
        summarise_once(patch, summaries)
        arguments = ["primary", "--data", "ihlrt_synthetic", "--out", str(out), "--quiet"]
        result = CliRunner().invoke(app, ["fit", *arguments])
    assert result.exit_code == 0, result.output
    return out


CAUSES = """
schema = 2
name = "causes"
description = "Death of tumour or of the liver"
[data]
patient = "id"
time = "months"
event = { column = "cause", values = { tumour = 1, liver = 2 } }
[treatment]
name = "trt"
column = "trt"
design = "fixed"
[modifier]
name = "nlr"
column = "nlr"
transform = "log2"
reference = 3.0
[outcome]
formula = "trt * nlr + albi"
[outcome.hazard]
family = "weibull"
[causes.liver]
formula = "trt + albi"
[causes.liver.hazard]
family = "exponential"
[estimands]
horizons = [6.0, 12.0]
at = [2.0, 5.0]
"""


@pytest.fixture(scope="session")
def causes_files(tmp_path_factory):
    """Return a specification and a file of 40 patients with two causes of death."""
    folder = tmp_path_factory.mktemp("causes")
    rng = np.random.default_rng(8)
    lines = ["id,months,cause,trt,nlr,albi"]
    for number, months in enumerate(rng.uniform(1.0, 20.0, 40)):
        values = f"{number % 2},{rng.uniform(1.5, 6.0):.2f},{rng.normal(-2.4, 0.4):.3f}"
        lines.append(f"K{number:02d}x,{months:.2f},{(number // 2) % 3},{values}")
    (folder / "causes.toml").write_text(CAUSES)
    (folder / "causes.csv").write_text("\n".join(lines) + "\n")
    return folder / "causes.toml", folder / "causes.csv"


@pytest.fixture(scope="session")
def causes_results(causes_files, tmp_path_factory, pictures):
    """Return a folder with a fit of competing causes, and what it printed; not to be changed."""
    spec, data = map(str, causes_files)
    out = tmp_path_factory.mktemp("by-cause") / "out"
    with pytest.MonkeyPatch.context() as patch:
        faked(patch)
        pictured_once(patch, pictures)
        result = CliRunner().invoke(app, ["fit", spec, "--data", data, "--out", str(out)])
    assert result.exit_code == 0, result.output
    return out, result.stdout
