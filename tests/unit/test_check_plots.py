"""Figures of model checks from made-up datasets: units on the axes, the stamp of synthetic data."""

import io

import pytest

from bayes_ihlrt.plots.catalogue import PLOTS
from check_figures import DATASETS, hazard_check, influence

ABOUT = {"title": "A title", "synthetic": True}
LABELS = {
    "survival_check": ("Months since time zero", "Survival probability"),
    "hazard_check": ("Months since time zero", "Events per person-month"),
    "residuals": ("cumulative hazard", "Martingale residual (events)"),
    "effect_by_period": ("Time since start", "Hazard ratio"),
    "prior_survival": ("Months since time zero", "Survival probability"),
    "influence": ("Pareto k", "Patient"),
    "hazard_families": ("elpd less that of the model", "(the model)"),
    "risk_calibration": ("Predicted survival", "24 months"),
}


def words(figure):
    found = [figure.get_suptitle(), figure.get_supxlabel(), figure.get_supylabel()]
    found += [text.get_text() for text in figure.texts]
    for axes in figure.axes:
        found += [axes.get_xlabel(), axes.get_ylabel(), axes.get_title()]
        found += [tick.get_text() for tick in axes.get_yticklabels()]
    return "\n".join(found)


@pytest.mark.parametrize("name", LABELS)
def test_figures_have_units_a_title_and_the_stamp(name):
    figure = PLOTS[name](DATASETS[name]().assign_attrs(ABOUT))
    told = words(figure)
    assert "A title (synthetic data)" in told
    assert "Synthetic data" in told
    for label in LABELS[name]:
        assert label in told
    figure.savefig(io.BytesIO(), dpi=40)


def test_influence_without_a_treatment_has_one_panel():
    figure = PLOTS["influence"](influence(shifts=False).assign_attrs(ABOUT))
    assert len(figure.axes) == 1


def test_real_data_carry_no_stamp():
    figure = PLOTS["hazard_check"](hazard_check().assign_attrs(title="T", synthetic=False))
    assert "ynthetic" not in words(figure)


@pytest.mark.parametrize("name", ["survival_check", "hazard_check", "prior_survival"])
def test_months_count_from_where_the_design_begins(name):
    figure = PLOTS[name](DATASETS[name]().assign_attrs(ABOUT | {"clock": "the landmark"}))
    assert "Months since the landmark" in words(figure)
    assert "time zero" not in words(figure)
