"""The figure of calibration, from a made-up dataset."""

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.plots.checks import plot_calibration
from bayes_ihlrt.plots.frame import BRIGHT

POINTS = np.linspace(0.1, 0.9, 9)


@pytest.fixture
def figure():
    difference = np.zeros((2, 3, 9))
    difference[0, 1] = 0.03
    difference[0, 2, 4] = 0.09
    difference[1, 2] = np.nan
    limits = np.outer([0.02, 0.05], np.ones(9))
    data = xr.Dataset(
        {
            "difference": (("panel", "line", "point"), difference),
            "low": (("band", "point"), -limits),
            "high": (("band", "point"), limits),
        },
        coords={"panel": ["weibull", "gompertz"], "point": POINTS, "band": ["one", "all"]},
        attrs={"title": "Calibration", "synthetic": False},
    )
    return plot_calibration(data)


def test_only_lines_outside_the_widest_band_stand_out(figure):
    first, second = figure.axes
    bright = [line for line in first.lines if line.get_color() == BRIGHT]
    assert [line.get_linestyle() for line in bright] == ["--"]
    assert bright[0].get_ydata()[4] == 0.09
    assert not [line for line in second.lines if line.get_color() == BRIGHT]


def test_panels_hold_their_lines_and_both_bands(figure):
    first, second = figure.axes
    assert [axes.get_title() for axes in figure.axes] == ["weibull", "gompertz"]
    # Two more are the limits of the widest band.
    assert (len(first.lines), len(second.lines)) == (3 + 2, 2 + 2)
    assert first.get_ylim()[1] >= 0.09
    assert figure.get_supxlabel() == "Posterior probability of a value below the true one"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["one", "all"]
