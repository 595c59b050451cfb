"""Figure of one simulated trial."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from bayes_ihlrt.plots.frame import BRIGHT, DARK, GREY, framed_figure, ratio_axis


def plot_trial_replay(data: xr.Dataset) -> Figure:
    """Draw every patient's follow-up over calendar time and the hazard ratio at each look.

    Parameters
    ----------
    data : xarray.Dataset
        From `trials.replay_data.replay_data`.

    Returns
    -------
    matplotlib.figure.Figure
        Left the patients, a dot for an event; right the posterior at each look.
    """
    lines = list(data.attrs["trace"])
    figure = framed_figure(data, width=9.0, height=4.6 + 0.14 * len(lines))
    left, right = figure.subplots(1, 2, width_ratios=[2.0, 1.0])
    place = np.arange(data.sizes["patient"])
    for arm, colour, style, name in (
        (0.0, GREY, "dotted", "control"),
        (1.0, DARK, "solid", "treated"),
    ):
        own = data["arm"].to_numpy() == arm
        start, end = data["arrival"].to_numpy()[own], data["end"].to_numpy()[own]
        left.hlines(
            place[own], start, end, color=colour, linewidth=0.8, linestyle=style, label=name
        )
    died = data["observed"].to_numpy() == 1.0
    left.plot(
        data["end"].to_numpy()[died],
        place[died],
        ".",
        color=BRIGHT,
        markersize=3,
        label=data.attrs["events"],
    )
    for month in data["months"].to_numpy():
        left.axvline(float(month), color="black", linewidth=0.9, linestyle="dashed")
    left.set_xlim(0.0)
    left.set_xlabel("Months since the trial opened")
    left.set_ylabel("Patients, by enrolment")
    left.legend(frameon=False, fontsize=8, loc="upper left")
    middle = data["median"].to_numpy()
    error = [middle - data["q2.5"].to_numpy(), data["q97.5"].to_numpy() - middle]
    right.errorbar(data["look"], middle, error, color=DARK, marker="o", capsize=3, linestyle="none")
    ratio_axis(right, data, axis="y")
    right.axhline(1.0, color=GREY, linewidth=0.8, linestyle="dotted")
    right.set_xticks(data["look"].to_numpy())
    right.margins(x=0.3)
    right.set_xlabel("Look")
    right.set_ylabel("Hazard ratio, treated / control (95 %)")
    figure.supxlabel("\n".join(lines), fontsize=7, x=0.01, ha="left")
    return figure
