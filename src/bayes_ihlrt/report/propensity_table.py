"""Propensities on the terminal: balance before and after weighting, and what a check found."""

from typing import Final

import numpy as np
from rich.table import Table

from bayes_ihlrt.analysis.checking import CheckedAnalysis
from bayes_ihlrt.analysis.propensity_result import PropensityResult
from bayes_ihlrt.names import Adjustment
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


def check_lines(checked: CheckedAnalysis) -> dict[str, str]:
    """Return what a check says of the propensity model, by heading.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data that belong together.

    Returns
    -------
    dict of str to str
        Empty without ``[propensity]``.
    """
    found = checked.propensity
    if found is None:
        return {}
    spec, decisions = found.spec, found.emulation.decisions
    group = f" + {spec.group}" if spec.group else ""
    used = (
        "describes balance, adjusts nothing"
        if spec.adjust is Adjustment.NONE
        else f"adjust by {spec.adjust.value}, uncertainty by {spec.uncertainty.value}"
    )
    trim = "" if spec.trim is None else f", trimmed at {spec.trim:g}"
    columns = len(found.initiation.encoder.columns)
    started = int(decisions.initiated.sum())
    return {
        "propensity": f"{spec.formula or '1'}{group} ({columns} columns)",
        "": f"{used}, population {spec.estimand.value}{trim}",
        "decisions": f"{decisions.n_rows:,} (rule '{decisions.rule.value}'), treatment started at "
        f"{started:,} ({started / max(columns, 1):.1f} a column)",
    }


def _difference(value: float) -> str:
    return _TOO_FEW if np.isnan(value) else f"{value:+.2f}"
