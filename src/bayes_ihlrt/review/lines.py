"""Lines below a plan's table: what happens at each look, and success along a curve."""

from bayes_ihlrt.trials.plan import Cell, Curve


def looks_told(cell: Cell) -> str:
    """Return what happens at the looks of a design under a scenario.

    Parameters
    ----------
    cell : Cell
        Simulated.

    Returns
    -------
    str
        Success and futility by look, and benefit shown at values of the modifier.
    """
    parts = []
    for look in cell.found.by_look:
        months = "" if look.months is None else f" at month {look.months.estimate:.1f}"
        parts.append(
            f"look {look.look}{months}: success {look.success.estimate:.1%}, futility "
            f"{look.futility.estimate:.1%}"
        )
    if cell.found.accrual_stopped.estimate:
        parts.append(f"accrual stopped early in {cell.found.accrual_stopped.estimate:.1%}")
    if cell.task.design.extension is not None:
        parts.append(f"enlarged in {cell.found.extended.estimate:.1%}")
    if by_value := _at_values(cell):
        parts.append(by_value)
    # Success above may be that despite futility.
    return f"{cell.ending}: " + "; ".join(parts)


def _at_values(cell: Cell) -> str:
    """How often benefit is shown at values of the modifier; empty where that is not read."""
    modifier = cell.task.design.modifier
    if modifier is None or not cell.found.at_values:
        return ""
    shown = (f"{one.shown.estimate:.1%} at {one.at:g}" for one in cell.found.at_values)
    bound = cell.found.at_values[0].threshold
    return f"P(hazard ratio < 1) > {bound:g} by {modifier.name}: {', '.join(shown)}"


def curve_told(curve: Curve) -> str:
    """Return success along a curve.

    Parameters
    ----------
    curve : Curve
        Simulated.

    Returns
    -------
    str
        A line for each scenario, below one that says over what.
    """
    rows = []
    for scenario, row in curve.success.items():
        shown = ", ".join(
            f"{value:g} {one.estimate:.1%} +/- {one.mcse:.1%}"
            for value, one in zip(curve.spec.values, row, strict=True)
        )
        rows.append(f"  {scenario}: {shown}")
    return "\n".join([f"Success over {curve.spec.over.words} (curve figure):", *rows])
