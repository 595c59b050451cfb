"""The page for users of R: what it reads is there, and its model for brms is the package's own."""

import re
from pathlib import Path

import numpy as np
import pytest
from scipy.special import gamma

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.posterior.store import load
from bayes_ihlrt.spec.read import load_spec

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "r_users.md").read_text("utf-8")


@pytest.fixture(scope="module")
def tree(demo_run):
    return load(demo_run.out / "posterior.nc")


def test_what_the_page_reads_is_in_the_file(tree):
    paths = re.findall(r'ncvar_get\(file, "([^"]+)"', PAGE)
    assert len(set(paths)) >= 5
    for path in paths:
        group, name = path.split("/")
        assert name in tree[group].variables, path
    assert tree["posterior"]["centre_effect"].dims == ("chain", "draw", "centre")
    assert "specification" in tree.attrs


def brms_log_likelihood(rows, draw):
    """Return log-likelihoods of patients by the formula of the page, as Stan evaluates it."""
    doublings = np.log2(rows["nlr"] / 3.0)
    centre = draw["centre_effect"].sel(centre=rows["centre"].tolist()).to_numpy()
    value = {name: float(draw[name]) for name in draw if draw[name].ndim == 0}
    eta = value["log_rate"] + centre + value["albi"] * rows["albi"]
    eta = eta + value["afp_high"] * rows["afp_high"] + value["nlr"] * doublings
    eta = eta + (value["ihlrt"] + value["ihlrt:nlr"] * doublings) * rows["ihlrt"]
    k = value["log_shape"]
    assert "exp(-eta * exp(-k)) * tgamma(1 + exp(-k))" in PAGE
    mean, shape = np.exp(-eta * np.exp(-k)) * gamma(1.0 + np.exp(-k)), np.exp(k)
    scale = mean / gamma(1.0 + 1.0 / shape)
    density = np.log(shape / scale) + (shape - 1.0) * np.log(rows["stop"] / scale)
    alive = (rows["start"] / scale) ** shape - (rows["stop"] / scale) ** shape
    of_rows = rows["event"] * density + alive
    patients = np.unique(rows["patient"].astype(int))
    return [of_rows[rows["patient"].astype(int) == patient].sum() for patient in patients]


def test_the_model_for_brms_has_the_likelihood_of_the_package(tree):
    spec = load_spec("primary")
    assert "log2(rows$nlr / 3)" in PAGE
    assert spec.modifier.reference == 3.0
    assert "ihlrt * nlr_doublings + albi + afp_high + (1 | centre)" in PAGE
    assert spec.outcome.formula == "ihlrt * nlr + albi + afp_high"
    rows = dict(check_analysis(spec, "ihlrt_synthetic").person_time.columns)
    numbers = ("start", "stop", "event", "nlr", "albi", "afp_high", "ihlrt")
    rows |= {name: rows[name].astype(float) for name in numbers}
    for number in (0, 7):
        draw = tree["posterior"].to_dataset().isel(chain=0, draw=number)
        own = tree["log_likelihood"]["time"].isel(chain=0, draw=number).to_numpy()
        np.testing.assert_allclose(brms_log_likelihood(rows, draw), own, rtol=1e-9)
