"""One fit for all tests, and for the examples in docstrings that begin from a fit."""

import ast
import gc
import os
from types import SimpleNamespace

import pytest
from xdist.scheduler import LoadFileScheduling

# Tracing and figures make millions of objects that stay, among which Python looks for garbage.
gc.set_threshold(50_000, 10, 10)


def pytest_configure(config):
    """Compile quickly what default tests run once or twice.

    Three files of 43 tests took 149 s of processor time where they took 228. Optimised programs,
    which users run, are those of the slow tests, of the README's commands, of the demo and of the
    notebooks.
    """
    if "not slow" in config.option.markexpr:
        os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


EXAMPLES = ("result", "fit", "ladder", "prepared", "engine", "plan")
"""What examples may use without making it: the values of the fixtures `example_<name>`."""


RESULTS = ("tests/plumbing/", "src/", "tests/golden/test_synthetic_truth.py")
"""Where whole results are looked at: one process makes each of them once."""


class Scheduling(LoadFileScheduling):
    """A file stays in one process, and with it what its tests share.

    So do the files that share whole results: each takes up to a minute of processor time.
    """

    def _split_scope(self, nodeid):
        file = super()._split_scope(nodeid)
        return "results" if file.startswith(RESULTS) else file


def pytest_xdist_make_scheduler(config, log):
    """Return the scheduling above for a run by files."""
    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(autouse=True)
def _names_of_examples(request, doctest_namespace):
    """Give an example the fitted objects that it uses and does not make itself."""
    if isinstance(request.node, pytest.DoctestItem):
        for name in free_names(request.node.dtest.examples).intersection(EXAMPLES):
            doctest_namespace[name] = request.getfixturevalue(f"example_{name}")


def free_names(examples):
    """Return the names that examples read before they set them."""
    code = ast.parse("".join(example.source for example in examples))
    names = [node for node in ast.walk(code) if isinstance(node, ast.Name)]
    stored = {node.id for node in names if isinstance(node.ctx, ast.Store)}
    return {node.id for node in names} - stored


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory):
    """Return what `bayes-ihlrt demo` prints, its folder and its result; sampled in earnest."""
    # Imported here: these take seconds, which tests of the lower floors do not need.
    from typer.testing import CliRunner

    from bayes_ihlrt.analysis import cause_fit
    from bayes_ihlrt.cli.main import app

    results, run = [], cause_fit.run_either

    def recording(*arguments, **options):
        results.append(run(*arguments, **options))
        return results[-1]

    out = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cause_fit, "run_either", recording)
        printed = CliRunner().invoke(app, ["demo", "--out", str(out)])
    if printed.exception is not None and not isinstance(printed.exception, SystemExit):
        raise printed.exception
    return SimpleNamespace(printed=printed, out=out, result=results[0])


@pytest.fixture(scope="session")
def synthetic_fit(demo_run):
    """Return the packaged synthetic cohort fitted with `models/primary.toml`, seed and all."""
    return demo_run.result.fit


@pytest.fixture(scope="session")
def example_result(demo_run):
    """Return `run_fit(load_spec("primary"), "ihlrt_synthetic")`."""
    return demo_run.result


@pytest.fixture(scope="session")
def example_fit(demo_run):
    """Return the posterior of `example_result`."""
    return demo_run.result.fit


@pytest.fixture(scope="session")
def example_ladder():
    """Return a crude ladder of the heart transplants."""
    from bayes_ihlrt.ladder.run import bias_ladder
    from bayes_ihlrt.spec.estimands import EstimandSpec
    from bayes_ihlrt.spec.read import load_spec

    spec = load_spec("heart")
    crude = {
        "modifier": None,
        "outcome": spec.outcome.model_copy(update={"formula": "transplant"}),
        "priors": {name: spec.priors[name] for name in ("transplant", "baseline")},
        "estimands": EstimandSpec(),
        "ladder": spec.ladder.model_copy(update={"draws": 1000, "null_replicates": 100}),
    }
    return bias_ladder(spec.model_copy(update=crude), "heart")


@pytest.fixture(scope="session")
def example_prepared():
    """Return a constant hazard of the heart transplants, bound to its data."""
    from bayes_ihlrt.analysis.check import check_analysis
    from bayes_ihlrt.model.prepared import prepare
    from bayes_ihlrt.spec.model import ModelSpec
    from bayes_ihlrt.spec.read import load_spec

    spec = load_spec("heart")
    model = spec.model.model_dump(exclude_none=True) | {"modifier": None}
    model["outcome"] = {"formula": "transplant", "hazard": {"family": "exponential"}}
    model["priors"] = {name: spec.priors[name] for name in ("transplant", "baseline")}
    rows = check_analysis(spec, "heart").person_time
    return prepare(ModelSpec.model_validate(model), rows)


@pytest.fixture(scope="session")
def example_engine(example_prepared):
    """Return the batched engine of `example_prepared`."""
    from bayes_ihlrt.batch.density import prepared_density
    from bayes_ihlrt.batch.engine import BatchEngine

    return BatchEngine(prepared_density(example_prepared))


@pytest.fixture(scope="session")
def example_plan():
    """Return the small trial that tests share, so that its model is compiled once."""
    import trial_cases

    return trial_cases.plan()
