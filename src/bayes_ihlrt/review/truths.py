"""How well a plan's own analysis finds the truth, and which truth that is."""

from collections.abc import Mapping, Sequence
from typing import Any

from bayes_ihlrt.spec.scenario import Analysed
from bayes_ihlrt.spec.trial import TrialDesign


def truth_named(design: TrialDesign) -> str:
    """Return which truth a design's estimates are compared with.

    Parameters
    ----------
    design : TrialDesign
        The design.

    Returns
    -------
    str
        A part of a sentence.

    Examples
    --------
    >>> from bayes_ihlrt.spec.read import load_plan
    >>> truth_named(load_plan("on_demand").design)
    'the effect of assignment, starts of treatment as late and as rare as planned'
    """
    treatment = design.treatment
    if treatment.analysed is Analysed.TREATED:
        when = "as planned" if treatment.median_months is not None else "from randomisation on"
        return f"the effect of treatment, {when} against never, without crossover"
    parts = []
    if treatment.median_months is not None:
        parts.append("starts of treatment as late and as rare as planned")
    if treatment.crossover is not None:
        parts.append("controls who cross over included")
    return f"the effect of assignment{''.join(f', {part}' for part in parts)}"


def target_told(name: str) -> tuple[str, str]:
    """Return a target in words, and the unit of its bias.

    Parameters
    ----------
    name : str
        As in ``result.json``.

    Returns
    -------
    tuple of str
        Words; unit with a leading blank, or nothing.

    Examples
    --------
    >>> target_told("rmst_24"), target_told("log_hr_from_3[5]")
    (('months gained of 24', ' months'), ('log hazard ratio from month 3 at 5', ''))
    """
    stem, _, at = name.removesuffix("]").partition("[")
    where = f" at {at}" if at else ""
    kind, _, number = stem.rpartition("_")
    match kind:
        case "rmst":
            return f"months gained of {number}{where}", " months"
        case "survival":
            return f"difference in survival at month {number}{where}", ""
        case "log_hr_from":
            return f"log hazard ratio from month {number}{where}", ""
        case _:
            return f"log hazard ratio{where}", ""


def bias_told(target: Mapping[str, Any]) -> str:
    """Return how well one target is estimated, in words.

    Parameters
    ----------
    target : mapping
        One of ``targets`` of ``result.json``.

    Returns
    -------
    str
        Truth, bias and coverage; or that there is no single true value.
    """
    name, unit = target_told(target["target"])
    bias, coverage = target["bias"], target["coverage"]
    if bias is None:
        return f"{name}: no single true one"
    cover = f", coverage {coverage['estimate']:.1%}" if coverage else ""
    return (
        f"{name} (truth {target['truth']:z.2f}): bias {bias['estimate']:+z.2f} "
        f"(+/- {bias['mcse']:.2f}){unit}{cover}"
    )


def bias_part(rows: Sequence[Mapping[str, Any]], design: TrialDesign) -> dict[str, Any]:
    """Return the part of a plan's answer on bias.

    Parameters
    ----------
    rows : sequence of mapping
        ``results`` of ``result.json``, of one design.
    design : TrialDesign
        The design.

    Returns
    -------
    dict
        ``title``, with the truth that is meant, and ``told``, a line for each quantity.
    """
    told = []
    for number, target in enumerate(rows[0]["targets"]):
        # The log hazard ratio at values of the modifier stands in the table.
        if "[" in target["target"]:
            continue
        each = [f"{row['scenario']} {_short(row['targets'][number])}" for row in rows]
        name, unit = target_told(target["target"])
        told.append(f"{name[:1].upper()}{name[1:]}{unit and ','}{unit}: {'; '.join(each)}.")
    title = f"Is it estimated without bias? Against {truth_named(design)}, where trials end:"
    return {"title": title, "told": told}


def _short(target: Mapping[str, Any]) -> str:
    bias, coverage = target["bias"], target["coverage"]
    if bias is None:
        return "(no single true one)"
    cover = f", coverage {coverage['estimate']:.1%}" if coverage else ""
    # A true hazard ratio is the scenario's own, which it mostly has its name from.
    ratio = target["target"].startswith("log_hr")
    truth = "" if ratio else f" (truth {target['truth']:z.2f})"
    return f"{bias['estimate']:+z.2f} +/- {bias['mcse']:.2f}{truth}{cover}"
