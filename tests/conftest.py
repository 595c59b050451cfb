"""Fixtures shared by all tests."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# How long an example takes says how busy the machine is, not whether the code is right.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def shared():
    """Return the folder of data that may not be shipped, beside the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of data that may not be shipped is not here")
    return folder


@pytest.fixture(scope="session")
def demo_run(tmp_path_factory):
    """Return what `bayes-ihlrt demo` prints, its folder and its result; sampled in earnest."""
    # Imported here: these take seconds, which tests of the lower floors do not need.
    from typer.testing import CliRunner

    from bayes_ihlrt import analysis
    from bayes_ihlrt.cli import app

    results, run_fit = [], analysis.run_fit

    def recording(*arguments, **options):
        results.append(run_fit(*arguments, **options))
        return results[-1]

    out = tmp_path_factory.mktemp("demo") / "out"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(analysis, "run_fit", recording)
        printed = CliRunner().invoke(app, ["demo", "--out", str(out)])
    if printed.exception is not None and not isinstance(printed.exception, SystemExit):
        raise printed.exception
    return SimpleNamespace(printed=printed, out=out, result=results[0])


@pytest.fixture(scope="session")
def synthetic_fit(demo_run):
    """Return the packaged synthetic cohort fitted with `models/primary.toml`, seed and all."""
    return demo_run.result.fit
