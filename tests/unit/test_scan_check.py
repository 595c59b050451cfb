"""Survival at scans beside that of a posterior: a model that is right is rarely outside the band.

Cohorts come from `validation/outside/intervals.py`, which imports nothing of the package, and every
draw of the posterior is their truth: what lies outside the central 95 % is chance alone.
"""

import numpy as np
import pytest
import xarray as xr
from validation.outside import intervals
from validation.write_intervals import SPECIFICATION

from bayes_ihlrt.analysis.check import check_analysis, read_cohort
from bayes_ihlrt.checks.scans import scan_check
from bayes_ihlrt.plots.checks import plot_survival_check
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.read import parse_spec

MONTHS = [3.0, 6.0, 9.0, 12.0, 18.0]
DRAWS = (2, 100)


def at_truth(seed, patients=200, **changed):
    """Return a fit of a cohort whose draws are the truth, or what is changed of it."""
    spec = parse_spec(SPECIFICATION)
    checked = check_analysis(spec, read_cohort(spec, intervals.cohort(patients, seed)))
    true = {
        "log_rate": intervals.TRUTH["level"],
        "log_shape": np.log(intervals.SHAPE),
        "trt": intervals.TRUTH["treated"],
        "nlr": intervals.TRUTH["nlr"],
        "trt:nlr": intervals.TRUTH["product"],
        **changed,
    }
    posterior = xr.Dataset({n: (("chain", "draw"), np.full(DRAWS, v)) for n, v in true.items()})
    tree = xr.DataTree.from_dict({"posterior": posterior})
    return FittedModel(checked.prepared, checked.person_time, tree, None)


def outside(cohorts, **changed):
    """Return the share of cohorts whose curve is outside the band, by month."""
    found = []
    for seed in range(cohorts):
        data = scan_check(at_truth(seed, **changed), seed=seed).isel(stratum=0)
        data = data.sel(time=MONTHS, method="nearest")
        found.append(((data["km"] < data["low"]) | (data["km"] > data["high"])).to_numpy())
    return np.mean(found, axis=0)


def bound(cohorts):
    """Return 0.05 and three Monte Carlo standard errors."""
    return 0.05 + 3.0 * np.sqrt(0.05 * 0.95 / cohorts)


@pytest.mark.parametrize("apart", [(2.0, 3.5), (6.0, 6.0)])
def test_the_truth_is_rarely_outside(monkeypatch, apart):
    """Turnbull's curve beside counts at known times was outside in three of four, at month 3."""
    monkeypatch.setattr(intervals, "_APART", apart)
    assert (outside(16) <= bound(16)).all()


@pytest.mark.slow
@pytest.mark.parametrize("apart", [(2.0, 3.5), (6.0, 6.0)])
def test_one_in_twenty_is_outside(monkeypatch, apart):
    monkeypatch.setattr(intervals, "_APART", apart)
    found = outside(300)
    assert (found <= bound(300)).all()
    assert found[-1] >= 0.1 - bound(300)


def test_another_hazard_is_outside(monkeypatch):
    """A hazard that falls where it rises, of the same median; by chance once in 400."""
    monkeypatch.setattr(intervals, "_APART", (3.0, 3.0))
    level = intervals.TRUTH["level"]
    median = np.exp((np.log(np.log(2.0)) - level) / intervals.SHAPE)
    wrong = {"log_shape": np.log(0.7), "log_rate": np.log(np.log(2.0)) - 0.7 * np.log(median)}
    assert outside(6, **wrong)[0] >= 0.5


def test_at_known_times_the_curve_is_kaplan_meier_of_cells():
    """Scans so close that between them nothing is open."""
    intervals_of = intervals.cohort(60, 1)
    spec = parse_spec(SPECIFICATION)
    died = intervals_of["progressed"] == 1.0
    frame = intervals_of.assign(
        free=intervals_of["true_months"] - 1e-6 * died,
        found=intervals_of["true_months"].where(died),
        treated_months=intervals_of["true_start"],
    )
    checked = check_analysis(spec, read_cohort(spec, frame))
    fit = at_truth(1, 60)
    fit = FittedModel(checked.prepared, checked.person_time, fit.tree, None)
    data = scan_check(fit, seed=1).isel(stratum=0)
    month = data["time"].to_numpy()
    ended = frame["true_months"].to_numpy()
    at_risk = np.clip((ended[:, None] - month[:-1]) / np.diff(month), 0.0, 1.0).sum(axis=0)
    deaths = np.histogram(ended[died], month)[0]
    expected = np.cumprod(1.0 - deaths / np.maximum(at_risk, 1e-9))
    np.testing.assert_allclose(data["km"][1:60], expected[:59], atol=0.01)


def test_between_scans_a_curve_is_drawn_straight():
    data = scan_check(at_truth(1, 60), seed=1).assign_attrs(
        synthetic=0, clock="time zero", title="t"
    )
    lines = {line.get_label(): line for line in plot_survival_check(data).axes[0].lines}
    assert lines["observed, between scans as the model has it"].get_drawstyle() == "default"
