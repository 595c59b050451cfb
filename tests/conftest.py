"""Fixtures shared by all tests."""

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared():
    """Return the folder of data that may not be shipped, beside the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of data that may not be shipped is not here")
    return folder


@pytest.fixture(scope="session")
def synthetic_fit():
    """Return the packaged synthetic cohort fitted with `models/primary.toml`, seed and all."""
    # Imported here: these take seconds, which tests of the lower floors do not need.
    from bayes_ihlrt.data import DataSpec, TreatmentSpec, load_cohort
    from bayes_ihlrt.designs import person_time
    from bayes_ihlrt.inference.fitted import fit_model
    from bayes_ihlrt.inference.settings import SamplerSpec
    from bayes_ihlrt.model.spec import ModelSpec

    file = tomllib.loads((ROOT / "models" / "primary.toml").read_text("utf-8"))
    parts = {name: file[name] for name in ("modifier", "outcome", "priors")}
    spec = ModelSpec.model_validate({**parts, "treatment": file["treatment"]["name"]})
    treatment = TreatmentSpec(**file["treatment"])
    cohort = load_cohort(
        "ihlrt_synthetic",
        DataSpec(**file["data"]),
        treatment,
        covariates=["nlr", "albi", "afp_high"],
    )
    return fit_model(spec, person_time(cohort, treatment), SamplerSpec(**file["sampler"]))
