"""Figures from made-up datasets: units on the axes, what is drawn, the stamp of synthetic data."""

import io
import re
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from bayes_ihlrt.labels import Labels
from bayes_ihlrt.names import FigureForm
from bayes_ihlrt.plots.catalogue import PLOTS, draw_figure
from bayes_ihlrt.plots.effects import plot_forest, plot_hazard_ratio, plot_survival
from bayes_ihlrt.plots.gain import plot_gain, plot_prior_posterior, plot_subgroups, plot_trace
from bayes_ihlrt.plots.propensity import plot_connect_s, plot_love, plot_overlap, plot_weight_sums
from bayes_ihlrt.plots.saving import save_figure
from bayes_ihlrt.sensitivity.figures import sensitivity_figures
from figure_cases import DATASETS, TIMES, made


def texts(figure):
    """Return every text of a drawn figure."""
    figure.savefig(io.BytesIO())
    return [artist.get_text() for artist in figure.findobj(Text)]


def test_every_dataset_has_its_figure():
    assert DATASETS.keys() == PLOTS.keys()


@pytest.mark.parametrize("name", PLOTS)
def test_synthetic_data_are_stamped(name):
    assert "Synthetic data" in texts(PLOTS[name](made(name, synthetic=True)))
    plain = texts(PLOTS[name](made(name)))
    assert "Overall survival" in plain
    assert not [text for text in plain if "ynthetic" in text]


def test_survival_has_units_curves_and_numbers_at_risk():
    figure = plot_survival(made("survival"))
    curve, table = figure.axes
    assert curve.get_xlabel() == "Months since time zero"
    assert curve.get_ylabel() == "Survival probability"
    drawn = [line for line in curve.lines if line.get_label() != "_"]
    assert [line.get_label() for line in drawn] == [
        "posterior, never",
        "posterior, from month 0",
        "Kaplan-Meier, untreated",
        "Kaplan-Meier, treated (enters at treatment)",
    ]
    np.testing.assert_allclose(curve.lines[1].get_ydata(), np.exp(-0.03 * TIMES))
    assert drawn[2].get_drawstyle() == "steps-post"
    ticks = [line for line in curve.lines if line.get_marker() == "|"]
    assert (list(ticks[0].get_xdata()), list(ticks[0].get_ydata())) == ([7.0, 12.0], [0.8, 0.8])
    counts = [text.get_text() for text in table.texts]
    assert counts == ["Number at risk", "80", "41", "13", "0", "17", "8"]
    assert [label.get_text() for label in table.get_yticklabels()] == ["treated", "untreated"]


def test_survival_differs_without_colour():
    curve = plot_survival(made("survival")).axes[0]
    assert curve.lines[0].get_linestyle() != curve.lines[1].get_linestyle()


def test_hazard_ratio_has_reference_lines_and_patients():
    figure = plot_hazard_ratio(made("hazard_ratio"))
    ratio, chance = figure.axes
    assert ratio.get_ylabel() == "Hazard ratio, treated / untreated"
    assert chance.get_xlabel() == "nlr (ticks: patients)"
    assert (ratio.get_xscale(), ratio.get_yscale()) == ("log", "log")
    labels = [line.get_label() for line in chance.lines]
    assert {"P(HR < 1)", "P(gain > 1 mo of 24)"} <= set(labels)
    (dot,) = (line for line in chance.lines if line.get_marker() == "o")
    assert (list(dot.get_xdata()), list(dot.get_ydata())) == ([3.3], [0.8])
    horizontal = [line for line in ratio.lines if list(line.get_ydata()) == [1.0, 1.0]]
    vertical = [line for line in ratio.lines if list(line.get_xdata()) == [3.0, 3.0]]
    assert len(horizontal) == len(vertical) == 1
    (rug,) = (line for line in chance.lines if line.get_marker() == "|")
    assert list(rug.get_xdata()) == [1.0, 2.5, 8.0]


def test_chances_before_the_data_are_thin_lines_of_the_same_colour_and_dash():
    data = made("hazard_ratio")
    axes = plot_hazard_ratio(data).axes[1]
    labels = {"prob_benefit": "P(HR < 1)", "prob_gain": "P(gain > 1 mo of 24)"}
    for name, label in labels.items():
        (after,) = (line for line in axes.lines if line.get_label() == label)
        wanted = data[f"prior_{name}"].to_numpy()
        (before,) = (line for line in axes.lines if np.array_equal(line.get_ydata(), wanted))
        assert before.get_color() == after.get_color()
        assert before.is_dashed() == after.is_dashed()
        assert before.get_linewidth() < after.get_linewidth()
        assert before.get_alpha() < 1.0
    told = [text.get_text() for text in axes.get_legend().get_texts()]
    assert told == [*labels.values(), "thin, pale: before the data"]


def test_hazard_ratio_over_a_modifier_on_its_own_scale():
    data = made("hazard_ratio").assign_attrs(log=False)
    assert plot_hazard_ratio(data).axes[0].get_xscale() == "linear"


def test_gain_writes_the_probability_of_each_region():
    figure = plot_gain(made("gain"))
    assert figure.axes[-1].get_xlabel() == "Event-free months gained of 24: from month 0 less never"
    words = [text.get_text() for text in figure.axes[0].texts]
    assert words == ["harm 0.02\n0 to 1 months 0.22\n> 1 months 0.76"]


def test_subgroups_show_who_they_are_and_what_they_say_alone():
    axes = plot_subgroups(made("subgroups")).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["afp_high 0  (48; 6+26)", "afp_high 1  (32; 0+16)"]
    assert [line.get_label() for line in axes.lines[:2]] == ["rates of the subgroup alone", "model"]
    told = [text.get_text() for text in axes.texts]
    assert "HR (95 %)  P(HR < 1) (before data)" in told
    # The prior probability in brackets, where it is known.
    assert "0.60 (0.40-1.10)  P 0.93 (0.50)" in told
    assert "0.70 (0.30-1.40)  P 0.80" in told
    low, high = axes.get_xlim()
    assert 0.05 < low < 0.11
    assert 4.9 < high < 6.0


def test_forest_shows_numbers_on_a_ratio_scale():
    figure = plot_forest(made("forest"))
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel().startswith("Per unit of the term (log scale)")
    rows = ["ihlrt, at nlr 3", "nlr, per doubling", "ihlrt:nlr"]
    assert [label.get_text() for label in axes.get_yticklabels()] == rows
    found = texts(figure)
    assert "0.60 (0.35-1.03)" in found
    assert "1.20 (0.90-1.60)" in found


def test_ratios_of_hazard_ratios_stand_apart_in_a_forest():
    (axes,) = plot_forest(made("forest")).axes
    heads = {text.get_text(): text.xy[1] for text in axes.texts if "ratio" in text.get_text()}
    assert list(heads) == ["Hazard ratio (95 %)", "Ratio of hazard ratios (95 %)"]
    places = axes.get_yticks()
    assert places[1] > heads["Ratio of hazard ratios (95 %)"] > places[2]
    assert places[1] - places[2] == 2.0


def test_prior_and_posterior_share_a_panel():
    figure = plot_prior_posterior(made("prior_posterior"))
    used = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in used] == ["ihlrt", "nlr", "albi", "sd_centre"]
    styles = {line.get_label(): line.get_linestyle() for line in used[0].lines}
    assert styles == {"posterior": "-", "prior": "--"}
    assert "Parameter; coefficients are log hazard ratios" in texts(figure)


def test_traces_show_every_chain():
    figure = plot_trace(made("trace"))
    assert len(figure.axes) == 4
    trace, rank = figure.axes[:2]
    assert len(trace.lines) == 4
    assert len(rank.patches) == 4
    assert [axes.get_xlabel() for axes in figure.axes[2:]] == [
        "Draw",
        "Rank among all draws (0 lowest, 1 highest)",
    ]


def test_love_plot_marks_what_lies_beyond_the_axis_and_leaves_out_what_cannot_be_told():
    figure = plot_love(made("love"))
    assert {"all", "nlr >= 5", "beyond the axis", "balanced (below 0.1)"} <= set(texts(figure))
    first, second = figure.axes
    assert [label.get_text() for label in first.get_yticklabels()] == ["response: PR", "albi"]
    drawn = [line for line in second.lines if line.get_label() == "before weighting"]
    assert [len(line.get_xdata()) for line in drawn] == [0]


def test_subset_balance_has_the_cost_of_weighting():
    found = set(texts(plot_connect_s(made("connect_s"))))
    assert {"20 / 60", "18.2 / 41.5", "1.23", "1 / 9", "-"} <= found


def test_overlap_is_mirrored():
    figure = plot_overlap(made("overlap"))
    found = texts(figure)
    assert "treated: 20 decisions, 25% beyond the other arm" in found
    steps = {patch.get_label(): patch.get_data().values for patch in figure.axes[0].patches}
    assert steps["treated, as observed"].tolist() == [0.2, 0.8]
    assert steps["control, as observed"].tolist() == [-0.9, -0.1]


def test_weight_sums_have_units_and_those_at_risk():
    found = set(texts(plot_weight_sums(made("weight_sums"))))
    assert {"naturally at risk", "sum of weights, never", "Months since time zero"} <= found


def test_the_ladder_tells_ratio_months_immortal_time_and_what_was_not_estimated():
    found = " ".join(texts(PLOTS["ladder"](made("ladder"))))
    assert "0.47 (0.24-0.85)" in found
    assert "+3.6 (+0.8 to +6.2)" in found
    assert "127 immortal months" in found
    assert "nobody was treated by then" in found
    assert "95 % of cohorts\nwithout any effect" in found


def test_flow_tells_who_was_left_out_and_how_arms_ended():
    (axes,) = PLOTS["flow"](made("flow")).axes
    found = [text.get_text().replace("\n", " ") for text in axes.texts if text.get_text()]
    assert found[:3] == ["Patients in the data 86", "Analysed 80", "Left out 6: nlr is missing"]
    assert found[3].startswith("never ihlrt 80 clones 42 with the event 20 censored when they left")
    assert "censored" not in found[4]


def test_starts_of_treatment_compete_with_the_event():
    curves, table = PLOTS["treatment_starts"](made("treatment_starts")).axes
    assert [line.get_label() for line in curves.lines] == [
        "treatment started",
        "event before any treatment",
    ]
    assert [text.get_text() for text in table.texts] == ["80", "41", "13"]


def test_swimmer_has_one_line_a_patient_and_tells_of_what_it_is_a_sample():
    (axes,) = PLOTS["swimmer"](made("swimmer")).axes
    untreated, treated = axes.collections
    assert len(untreated.get_segments()) == 3
    assert [part.tolist() for part in treated.get_segments()] == [[[4.0, 1.0], [9.0, 1.0]]]
    assert axes.get_ylabel() == "Patients, by length of follow-up (3 of 9: one in 3)"
    events = next(line for line in axes.lines if line.get_label() == "event")
    assert list(events.get_xdata()) == [7.0, 3.0]


@pytest.mark.parametrize("name", ["forest", "survival"])
def test_a_figure_is_drawn_where_it_is_asked_for(name):
    figure = Figure(figsize=(15.0, 6.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert PLOTS[name](made(name), ax=right) is figure
    assert left in figure.axes
    assert (right in figure.axes) == (name == "forest")
    assert "Overall survival" in texts(figure)


@pytest.mark.parametrize(
    ("median", "low", "high", "kind", "told"),
    [
        ([2.0, -0.03], [-0.2, -1.1], [3.8, 1.0], "difference", "+0.0 (-1.1 to +1.0)"),
        ([0.031, 0.004], [0.02, 0.001], [0.05, 0.009], "level", "0.0040 (0.0010 to 0.0090)"),
        ([-0.002, 0.001], [-0.01, -0.02], [0.03, 0.02], "difference", "+0.001 (-0.020 to +0.020)"),
        ([0.9, 0.62], [0.8, 0.5], [0.95, 0.7], "level", "0.62 (0.50 to 0.70)"),
        ([0.0, 0.62], [-0.001, 0.5], [0.0, 0.7], "level", "0.62 (0.50 to 0.70)"),
        ([1.4, 0.61], [0.9, 0.36], [2.0, 1.04], "ratio", "0.61 (0.36 to 1.04)"),
    ],
)
def test_numbers_of_an_estimand_have_signs_and_digits(median, low, high, kind, told):
    data = xr.Dataset(
        {"median": ("row", median), "q2.5": ("row", low), "q97.5": ("row", high)},
        coords={"row": ["first", "second"]},
        attrs={"ratio": int(kind == "ratio"), "contrast": int(kind != "level"), "label": "it"},
    )
    figure = PLOTS["estimates"](data.assign_attrs(title="T", synthetic=False))
    assert told in texts(figure)
    assert not any(re.search(r"(?<![\d.])-0\.0+(?!\d)", text) for text in texts(figure))


@pytest.mark.parametrize("name", PLOTS)
def test_every_figure_takes_its_place_and_no_other(name):
    figure = Figure(figsize=(14.0, 8.0), layout="constrained")
    left, right = figure.subplots(1, 2)
    place = right.bbox.x0
    assert draw_figure(name, made(name), ax=right, width=85.0) is figure
    assert not left.has_data()
    drawn = [axes for axes in figure.axes if axes is not left]
    assert any(axes.has_data() or axes.texts for axes in drawn)
    # A part of the figure has a margin of its own, within that of the axes whose place it takes.
    assert min(axes.bbox.x0 for axes in drawn) > 0.9 * place


def test_panels_need_a_place_that_can_be_divided():
    alone = Figure().add_axes((0.0, 0.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="no part of a grid"):
        plot_survival(made("survival"), ax=alone)


@pytest.mark.parametrize("kind", FigureForm)
def test_the_same_figure_is_the_same_file(kind, tmp_path):
    found = []
    for name in ("a", "b"):
        file = tmp_path / f"{name}.{kind}"
        save_figure(plot_survival(made("survival")), file, width=85.0, dpi=300)
        found.append(file.read_bytes())
    assert found[0] == found[1]
    if kind == "svg":
        assert b">Overall survival<" in found[0]
    if kind == "pdf":
        assert b"/CIDFontType2" in found[0]
        assert b"/Type3" not in found[0]
    if kind == "png":
        with Image.open(tmp_path / "a.png") as picture:
            assert picture.width == int(85.0 / 25.4 * 300)


def test_no_two_lines_of_many_look_alike():
    names = [f"cell {number}" for number in range(6)]
    bands = {
        part: (("cell", "trials"), np.full((6, 9), 0.5)) for part in ("estimate", "low", "high")
    }
    data = xr.Dataset(bands, coords={"cell": names, "trials": np.arange(1.0, 10.0)})
    figure = PLOTS["trial_convergence"](data.assign_attrs(title="T", synthetic=True))
    looks = {
        (line.get_color(), line.get_linestyle(), line.get_marker()) for line in figure.axes[0].lines
    }
    assert len(looks) == 6


def test_of_a_large_grid_priors_that_are_changed_alone_are_drawn():
    """Labels may hold a semicolon: how many priors a choice changes is a column, not a text."""
    together = [f"ihlrt flat; nlr {number}" for number in range(50)]
    names = ["stated", "ihlrt as the board said; 2024", *together]
    changed = [0, 1, *[2] * len(together)]
    values = {
        part: (("quantity", "member"), np.linspace(-1.0, 0.0, len(names))[None])
        for part in ("median", "q2.5", "q97.5", "probability")
    }
    data = xr.Dataset(
        {**values, "prior": ("member", names), "priors_changed": ("member", changed)},
        coords={"quantity": ["log_hazard_ratio"], "member": np.arange(len(names))},
        attrs={"threshold": 0.95},
    )
    spec = SimpleNamespace(treatment=None, modifier=None, name="own", labels=Labels())
    for few, kept in ((5, 5), (len(names), 2)):
        part = data.isel(member=slice(few))
        result = SimpleNamespace(
            spec=spec, synthetic=False, checks={"grid": SimpleNamespace(data=part)}
        )
        drawn = sensitivity_figures(result)["prior_grid"]
        assert drawn.sizes["cell"] == kept
        assert drawn["stated"].to_numpy().sum() == 1
        assert names[1] in drawn["label"].to_numpy()
        assert ("one changed at a time" in drawn.attrs["title"]) == (kept == 2)
