"""Figure of simulation-based calibration: ECDF differences within simultaneous bands."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from bayes_ihlrt.plots.frame import BRIGHT, DARK, framed_figure


def plot_calibration(data: xr.Dataset) -> Figure:
    """Draw ECDF minus uniform of the posterior probabilities below the truth.

    Parameters
    ----------
    data : xarray.Dataset
        ``difference`` by ``panel, line, point`` (NaN where a panel has fewer lines), ``low`` and
        ``high`` by ``band, point``, the narrowest band first; attributes ``title`` and
        ``synthetic``.

    Returns
    -------
    matplotlib.figure.Figure
        One panel each; lines that leave the widest band are bright, wide and dashed.
    """
    columns = min(3, data.sizes["panel"])
    rows = -(-data.sizes["panel"] // columns)
    figure = framed_figure(data, width=3.0 * columns + 0.6, height=1.75 * rows + 1.1)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).ravel()
    point = data["point"].to_numpy()
    widest = data.isel(band=-1)
    for axes, panel in zip(grid, data["panel"].to_numpy(), strict=False):
        part = data["difference"].sel(panel=panel).dropna("line", how="all")
        outside = ((part < widest["low"]) | (part > widest["high"])).any("point").to_numpy()
        narrow = data.isel(band=0)
        label = str(narrow["band"].item())
        axes.fill_between(point, narrow["low"], narrow["high"], color="0.85", label=label)
        for side in ("low", "high"):
            label = str(widest["band"].item()) if side == "low" else "_"
            axes.plot(point, widest[side], color="black", linewidth=0.9, label=label)
        lines = part.to_numpy()
        axes.plot(point, lines[~outside].T, color=DARK, linewidth=0.4, alpha=0.5)
        axes.plot(point, lines[outside].T, color=BRIGHT, linewidth=1.2, linestyle="dashed")
        axes.set_title(str(panel), fontsize=8)
        axes.tick_params(labelsize=7)
    for axes in grid[data.sizes["panel"] :]:
        axes.set_visible(False)
    reach = 1.15 * float(np.nanmax(np.abs([widest["low"], widest["high"]])))
    reach = max(reach, 1.05 * float(np.nanmax(np.abs(data["difference"]))))
    grid[0].set_ylim(-reach, reach)
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(handles, labels, frameon=False, fontsize=8, ncols=2, loc="outside upper right")
    figure.supxlabel("Posterior probability of a value below the true one", fontsize=9)
    figure.supylabel("ECDF minus uniform", fontsize=9)
    return figure
