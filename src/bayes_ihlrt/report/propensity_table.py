"""Balance of the propensities on the terminal, before and after weighting."""

from typing import Final

import numpy as np
from rich.table import Table

from bayes_ihlrt.analysis.propensity_result import PropensityResult
from bayes_ihlrt.propensity.balance import BALANCED, EVERYBODY

_TOO_FEW: Final = "too few"


def balance_panel(found: PropensityResult) -> Table | None:
    """Return the table of balance of the covariates.

    Parameters
    ----------
    found : PropensityResult
        Propensities of an analysis.

    Returns
    -------
    rich.table.Table or None
        One row for each covariate: standardised mean differences over everybody, and the largest
        one in any third of the modifier; None without covariates.
    """
    if found.balance is None:
        return None
    within = found.balance.sizes["subset"] > 1
    title = f"Standardised mean difference, treated - untreated (balanced below {BALANCED:g})"
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    table.add_column("")
    heads = ["before weighting", f"after weighting ({found.target.value})"]
    for head in [*heads, *(["largest in a third of the modifier"] if within else [])]:
        table.add_column(head, justify="right", no_wrap=True)
    everybody = found.balance["smd"].sel(subset=EVERYBODY)
    thirds = found.balance["smd"].drop_sel(subset=EVERYBODY).sel(sample="weighted")
    for covariate in found.balance["covariate"].to_numpy():
        own = everybody.sel(covariate=covariate)
        cells = [_difference(float(own.sel(sample=name))) for name in ("unweighted", "weighted")]
        if within:
            values = thirds.sel(covariate=covariate).to_numpy()
            known = values[~np.isnan(values)]
            worst = known[np.abs(known).argmax()] if known.size else np.nan
            cells.append(_difference(float(worst)))
        table.add_row(str(covariate), *cells)
    return table


def _difference(value: float) -> str:
    return _TOO_FEW if np.isnan(value) else f"{value:+.2f}"
