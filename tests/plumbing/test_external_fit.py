"""A fit with external controls: closed forms of the exponential model, and what a person reads."""

import json

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import digamma, polygamma
from scipy.stats import norm
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.report.html import report_page
from bayes_ihlrt.results.outputs import read_results

FLAT = '{ dist = "Normal", mu = 0.0, sigma = 100.0 }'
TEXT = f"""
schema = 2
name = "two arms"
[data]
patient = "id"
time = "months"
event = "death"
[treatment]
name = "treated"
column = "treated"
design = "fixed"
[outcome]
formula = "treated"
hazard = {{ family = "exponential" }}
[priors]
treated = {FLAT}
log_rate = {FLAT}
[sampler]
engine = "laplace"
draws = 2000
[external]
data = "FOLDER/registry.csv"
justification = "the same hospitals"
"""


def arm(rng, n, rate):
    time, end = rng.exponential(1.0 / rate, n), rng.uniform(6.0, 30.0, n)
    return np.round(np.minimum(time, end), 3) + 0.001, (time <= end).astype(int)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a folder with a trial of two arms and a registry, and sums of their rows."""
    folder, rng = tmp_path_factory.mktemp("external"), np.random.default_rng(7)
    sums = {}
    for name, rates in {"trial": (0.06, 0.04), "registry": (0.07,)}.items():
        lines = ["id,months,death" + (",treated" if name == "trial" else "")]
        for treated, rate in enumerate(rates):
            time, event = arm(rng, 80 if name == "trial" else 150, rate)
            end = f",{treated}" if name == "trial" else ""
            rows = zip(time, event, strict=True)
            lines += [f"{name}{treated}-{i},{t},{e}{end}" for i, (t, e) in enumerate(rows)]
            sums[name, treated] = event.sum(), time.sum()
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    return folder, sums


def fitted(folder, monkeypatch, lines):
    monkeypatch.chdir(folder)
    (folder / "spec.toml").write_text(TEXT.replace("FOLDER", str(folder)) + lines)
    command = ["fit", "spec.toml", "--data", "trial.csv", "--out", "out", "--overwrite"]
    found = CliRunner().invoke(app, command)
    assert found.exit_code == 0, found.output
    return json.loads((folder / "out" / "result.json").read_text()), found.output


def within(found, exact, error):
    return found == pytest.approx(exact, abs=4.0 * error)


def test_a_power_prior_adds_parts_of_events(data, monkeypatch):
    folder, sums = data
    result, told = fitted(folder, monkeypatch, 'borrow = "power"\npower = 0.4\n')
    (d1, t1), (d0, t0), (de, te) = sums["trial", 1], sums["trial", 0], sums["registry", 0]
    found, b0, m0 = result["parameters"]["treated"], d0 + 0.4 * de, t0 + 0.4 * te
    sd = (polygamma(1, d1) + polygamma(1, b0)) ** 0.5
    error = found["mcse_mean"]
    assert within(found["mean"], digamma(d1) - np.log(t1) - digamma(b0) + np.log(m0), error)
    assert within(found["sd"], sd, 0.8 * error)
    external = result["external"]
    assert external["weighted_events"] == pytest.approx(0.4 * de)
    # 8,000 draws: both precisions have a relative error of 2 %.
    assert external["worth"] == pytest.approx(0.4 * de, rel=0.15)
    # 1 / v has a relative error of sqrt(2 / draws) at a normal posterior; of both, paired or not.
    assert 0.0 < external["worth_mcse"] < 0.05 * (d0 + 0.4 * de)
    alone = next(row for row in external["without"] if row["estimand"] == "hazard_ratio")
    exact = np.exp(digamma(d1) - np.log(t1) - digamma(d0) + np.log(t0))
    assert alone["median"] == pytest.approx(exact, rel=0.03)
    assert external["log_hazard_difference"] is None
    assert result["loo"]["note"]
    words = " ".join(told.split())
    assert "What do the external controls change?" in words
    assert f"150 external controls with {de} events" in words
    assert f"; beside them 150 external controls with {de} events." in words
    assert "Without them: hazard ratio" in words
    assert "nothing in these numbers shows it" in words
    assert str(folder) not in (folder / "out" / "specification.toml").read_text()
    page = report_page(read_results(folder / "out"))
    assert "with and without external controls" in page
    assert "[@" not in page
    assert "power prior" in page


@pytest.mark.slow
def test_commensurate_and_robust_priors_agree_with_quadrature(data, monkeypatch):
    folder, sums = data
    (d0, t0), (de, te) = sums["trial", 0], sums["registry", 0]

    def density(sd, delta):
        # The control log hazard integrated out, flat: Gamma function of the pooled events.
        total = t0 + te * np.exp(delta)
        return np.exp(de * delta - (d0 + de) * np.log(total / (t0 + te))) * norm.pdf(delta, 0, sd)

    def moments(sd):
        at = [
            quad(lambda x, k=k: x**k * density(sd, x), -4, 4, points=[0.0, 0.3])[0]
            for k in (0, 1, 2)
        ]
        return at[0], at[1] / at[0], at[2] / at[0] - (at[1] / at[0]) ** 2

    result, _ = fitted(folder, monkeypatch, 'borrow = "commensurate"\nsd = 0.2\n')
    _, mean, variance = moments(0.2)
    found = result["external"]["log_hazard_difference"]
    error = result["parameters"]["external"]["mcse_mean"]
    # Events that tell a log hazard with variance sd^2 + 1 / de; precisions have an error of 2 %.
    assert result["external"]["worth"] == pytest.approx(1.0 / (0.2**2 + 1.0 / de), rel=0.3)
    assert within(found["mean"], mean, error)
    assert within(found["sd"], variance**0.5, 0.8 * error)
    lines = 'borrow = "robust-map"\nsd = 0.1\nvague_sd = 1.0\nalike = 0.5\n'
    result, told = fitted(folder, monkeypatch, lines)
    (one, mean1, _), (two, mean2, _) = moments(0.1), moments(1.0)
    share = one / (one + two)
    assert result["external"]["alike_after"] == pytest.approx(share, abs=0.01)
    found = result["external"]["log_hazard_difference"]
    assert within(found["mean"], share * mean1 + (1.0 - share) * mean2, 2.0 * error)
    assert "The probability that they are alike goes from 0.50" in " ".join(told.split())
