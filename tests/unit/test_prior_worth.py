"""What priors are worth in events, by a second route, and which of them need a justification."""

import math

import numpy as np
import pytest
from scipy import integrate, stats
from typer.testing import CliRunner

from bayes_ihlrt.analysis.check import check_analysis, read_cohort, read_inputs
from bayes_ihlrt.analysis.prior_worth import (
    EQUAL_ARMS,
    justification_faults,
    prior_worths,
    treated_share,
    with_scales,
)
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.errors import RefusedError, SpecificationError
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.sensitivity.reverse_bayes import prior_events
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.catalogue import packaged_specifications
from bayes_ihlrt.spec.read import load_spec, parse_spec

SPEC = {
    "name": "test",
    "data": {"patient": "id", "time": "months", "event": "death"},
    "treatment": {"name": "trt", "start": "start"},
    "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
    "outcome": {"formula": "trt * nlr + age"},
}
DATA_OF = {"heart": "heart", "hepatocellular": "hepatocellular"}
WITHOUT_DATA = {"embolisation"}


def normal(sigma, mu=0.0, **more):
    return {"dist": "Normal", "mu": mu, "sigma": sigma, **more}


def frame():
    """Return 40 patients with 30 events; those treated are it for a quarter of all months."""
    half = np.arange(40) < 20
    return {
        "id": [f"p{number}" for number in range(40)],
        "months": np.full(40, 20.0),
        "death": (np.arange(40) % 4 != 0).astype(float),
        "start": np.where(half, 10.0, np.nan),
        "nlr": np.tile([1.5, 6.0], 20),
        "age": np.tile([50.0, 50.0, 70.0, 70.0], 10),
    }


def bound(priors):
    spec = AnalysisSpec.model_validate({**SPEC, "priors": priors})
    cohort = read_cohort(spec, frame())
    return with_scales(spec, cohort), cohort


def faults(**priors):
    return [str(fault) for fault in justification_faults(*bound(priors))]


def test_two_equal_arms_of_4_over_variance_events_are_worth_a_normal_prior():
    """1 / var of a log hazard ratio by the variance of two rates: 1 / d1 + 1 / d0."""
    for share, sigma in ((0.5, 0.4), (0.2, 0.4), (0.5, 1.3)):
        events = prior_worths(*bound({"trt": normal(sigma)}), share=share)["trt"].low
        variance = 1.0 / (events * share) + 1.0 / (events * (1.0 - share))
        assert variance == pytest.approx(sigma**2)
    equal = prior_worths(*bound({"trt": normal(0.4)}), share=EQUAL_ARMS)["trt"].low
    assert equal == pytest.approx(prior_events(Prior.model_validate(normal(0.4))))
    assert equal == pytest.approx(4.0 / 0.4**2)


@pytest.mark.parametrize(
    ("prior", "density"),
    [
        (normal(0.7, mu=0.3), stats.norm(0.3, 0.7)),
        ({"dist": "StudentT", "nu": 4.0, "mu": 0.2, "sigma": 0.6}, stats.t(4.0, 0.2, 0.6)),
        ({"dist": "Gamma", "alpha": 3.0, "beta": 2.0, "on": "exp"}, stats.gamma(3.0, scale=0.5)),
        ({"dist": "LogNormal", "mu": 0.1, "sigma": 0.5, "on": "exp"}, stats.lognorm(0.5)),
        ({"dist": "Exponential", "lam": 2.0, "on": "exp"}, stats.expon(scale=0.5)),
        ({"dist": "HalfNormal", "sigma": 0.8, "on": "exp"}, stats.halfnorm(scale=0.8)),
        ({"dist": "HalfStudentT", "nu": 6.0, "sigma": 0.8, "on": "exp"}, None),
    ],
)
def test_information_is_the_averaged_curvature(prior, density):
    """Against -d2 log p / dx2 by differences, averaged by quadrature, x the log of what is told."""
    found = Prior.model_validate(prior)

    def log_density(x):
        if found.on == "parameter":
            return density.logpdf(x)
        if density is None:
            return stats.t(6.0, 0.0, 0.8).logpdf(math.exp(x)) + math.log(2.0) + x
        return density.logpdf(math.exp(x)) + x

    def curved(x, step=1e-3):
        second = log_density(x + step) - 2.0 * log_density(x) + log_density(x - step)
        return -second / step**2 * math.exp(log_density(x))

    low, high = (-40.0, 40.0) if found.on == "parameter" else (-25.0, 6.0)
    expected = integrate.quad(curved, low, high, limit=400, points=[0.0])[0]
    assert found.information == pytest.approx(expected, rel=2e-3)


def test_terms_are_worth_events_of_the_cohort():
    """10 of 40 x 20 months are treated; nlr has sd 1 of its log2, age sd 10."""
    spec, cohort = bound({"trt": normal(0.5), "trt:nlr": normal(0.5), "age": normal(0.05)})
    assert treated_share(spec, cohort) == pytest.approx(0.25)
    worths = {name: found.low for name, found in prior_worths(spec, cohort).items()}
    assert worths["trt"] == pytest.approx(1.0 / (0.5**2 * 0.25 * 0.75))
    assert worths["trt:nlr"] == pytest.approx(1.0 / (0.5**2 * 0.25 * 0.75))
    assert worths["age"] == pytest.approx(1.0 / (0.05 * 10.0) ** 2)
    assert prior_worths(spec, cohort, share=EQUAL_ARMS)["trt"].low == pytest.approx(16.0)


def test_default_priors_and_flat_ones_need_no_justification():
    assert faults() == []
    assert faults(trt=normal(5.0), age=normal(1.0)) == []
    assert faults(base="hcc-atezolizumab-bevacizumab") == []


def test_a_prior_that_takes_a_side_needs_one():
    (told,) = faults(trt=normal(0.5, mu=-0.3))
    assert told.startswith(
        "[priors] trt: it takes a side before the data (a hazard ratio below 1 has probability "
        "0.73 and not 0.45 to 0.55). Add the line justification"
    )
    assert faults(trt=normal(0.5, mu=-0.3), justification="Two trials.") == []
    # Of a covariate it is no side.
    assert faults(age=normal(0.2, mu=0.3)) == []


def test_a_prior_worth_more_than_a_quarter_of_the_events_needs_one():
    """30 events: 7.5 are a quarter; age per sd: 1 / 0.36^2 = 7.7, 1 / 0.37^2 = 7.3."""
    (told,) = faults(age=normal(0.36, per="sd"))
    assert "[priors] age: it is worth about 8 events beside the cohort's 30" in told
    assert faults(age=normal(0.37, per="sd")) == []


def test_every_line_without_one_is_told_at_once():
    told = faults(trt=normal(0.1), age=normal(0.01), default=normal(100.0))
    assert [fault.partition(":")[0] for fault in told] == ["[priors] trt", "[priors] age"]


def test_one_line_for_all_terms_is_told_once():
    assert [fault.partition(":")[0] for fault in faults(default=normal(0.01))] == [
        "[priors] default"
    ]


@pytest.mark.parametrize("name", sorted({*packaged_specifications()} - WITHOUT_DATA))
def test_packaged_specifications_justify_their_priors(name):
    read_inputs(name, DATA_OF.get(name, "ihlrt_synthetic"))


def test_without_its_justification_the_primary_analysis_is_refused(tmp_path):
    file = tmp_path / "primary.toml"
    spec = load_spec("primary").model_copy(update={"prior_justification": None})
    file.write_text(spec.to_toml(), "utf-8")
    with pytest.raises(RefusedError, match=r"\[priors\] albi: it is worth about 16 events"):
        read_inputs(file, "ihlrt_synthetic")
    done = CliRunner().invoke(app, ["check", str(file), "--data", "ihlrt_synthetic"])
    assert done.exit_code == 1
    assert "[priors] albi" in done.stderr
    assert done.stdout == ""


TEXT = """
schema = 2
name = "short"
data = { patient = "id", time = "months", event = "death" }
outcome = { formula = "FORMULA" }
[priors]
"""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ('"  "', "it has 0 characters. Say in 1 to 2,000 characters"),
        (f'"{"a" * 2001}"', "it has 2,001 characters"),
        ("3", "it must be text, and is 3"),
    ],
)
def test_a_justification_is_text(value, told):
    text = TEXT.replace("FORMULA", "age") + f"justification = {value}\n"
    with pytest.raises(SpecificationError) as caught:
        parse_spec(text)
    assert told in str(caught.value)
    assert "[priors] justification" in str(caught.value)


def test_a_covariate_may_be_called_justification():
    stated = 'justification = { dist = "Normal", mu = 0.0, sigma = 1.0 }\n'
    spec = parse_spec(TEXT.replace("FORMULA", "justification") + stated)
    assert spec.prior_justification is None
    assert spec.priors["justification"].sigma == 1.0
    assert parse_spec(spec.to_toml()) == spec


def test_a_justification_is_read_back():
    spec = parse_spec(TEXT.replace("FORMULA", "age") + 'justification = " Two trials. "\n')
    assert spec.prior_justification == "Two trials."
    assert parse_spec(spec.to_toml()).prior_justification == "Two trials."


def test_worth_and_justification_are_told_by_check():
    found = check_analysis(load_spec("primary"), "ihlrt_synthetic").to_dict()
    assert found["priors"]["albi"]["events"]["low"] == pytest.approx(16.0)
    assert "events" not in found["priors"]["log_rate"]
    assert found["justification"].startswith("albi: log hazard ratio 0.5")
