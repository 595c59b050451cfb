"""What a plan's numbers mean, in sentences: bias against which truth, and looks with few events."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from bayes_ihlrt.model.spec import ModifierSpec
from bayes_ihlrt.names import ModifierTransform
from bayes_ihlrt.trials.early_looks import FEW_EVENTS, STRICT
from bayes_ihlrt.trials.scenario import ScenarioSpec


def unit_words(modifier: ModifierSpec | None) -> str:
    """Return what a scenario's hazard ratios of the modifier are per (see `EffectSpec`).

    Parameters
    ----------
    modifier : ModifierSpec, optional
        The design's modifier.

    Returns
    -------
    str
        "per doubling of nlr" or "per unit of nlr".

    Examples
    --------
    >>> unit_words(ModifierSpec(name="nlr", column="nlr", transform="log2", reference=3.0))
    'per doubling of nlr'
    """
    name = "the modifier" if modifier is None else modifier.name
    per_unit = modifier is not None and modifier.transform is not ModifierTransform.LOG2
    return f"per unit of {name}" if per_unit else f"per doubling of {name}"


def target_words(name: str) -> tuple[str, str]:
    """Return a target's name in words, and the unit of its bias.

    Parameters
    ----------
    name : str
        As in ``result.json``, e.g. ``"rmst_24"`` or ``"log_hr[5]"``.

    Returns
    -------
    tuple of str
        Words; unit with a leading blank, or nothing.

    Examples
    --------
    >>> target_words("rmst_24"), target_words("log_hr[5]")
    (('months gained of 24', ' months'), ('log hazard ratio at 5', ''))
    """
    stem, _, at = name.removesuffix("]").partition("[")
    where = f" at {at}" if at else ""
    kind, _, horizon = stem.rpartition("_")
    if kind == "rmst":
        return f"months gained of {horizon}{where}", " months"
    if kind == "survival":
        return f"difference in survival at month {horizon}{where}", ""
    return f"log hazard ratio{where}", ""


def bias_sentences(
    results: Sequence[Mapping[str, Any]], scenarios: Iterable[ScenarioSpec]
) -> list[str]:
    """Return how well survival and months are estimated, and where no hazard ratio is true.

    Parameters
    ----------
    results : sequence of mapping
        ``results`` of ``result.json``.
    scenarios : iterable of ScenarioSpec
        Their truths.

    Returns
    -------
    list of str
        Which truth bias is against; a sentence a design and scenario that reads more than hazard
        ratios, or whose effect changes with time.
    """
    changing = {one.name for one in scenarios if len(set(one.effect.hr)) > 1}
    told = [
        "bias and cover in the table: of the log hazard ratio at the reference, where trials end, "
        "against the scenario's true one; '-' where no single hazard ratio is true."
    ]
    for row in results:
        others = [
            _on_target(target)
            for target in row["targets"]
            if target["bias"] is not None and not target["target"].startswith("log_hr")
        ]
        where = f"{row['design']} / {row['scenario']}"
        if others:
            told.append(f"{where}: {'; '.join(others)}.")
        if row["scenario"] in changing:
            told.append(
                f"{where}: the effect changes with time since treatment began, and the rules are "
                "read from a model with proportional hazards, which is wrong there"
                + ("." if others else "; no rule reads months, so its bias on them is not known.")
            )
    return told


def _on_target(target: Mapping[str, Any]) -> str:
    name, unit = target_words(target["target"])
    bias, coverage = target["bias"], target["coverage"]
    cover = f", coverage {coverage['estimate']:.1%}" if coverage else ""
    truth = f" (truth {target['truth']:.2f})" if target["truth"] is not None else ""
    return f"{name}{truth}: bias {bias['estimate']:+.2f} (+/- {bias['mcse']:.2f}){unit}{cover}"


def corrected_sentences(looks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return what is wrong with success at looks with few events or strict thresholds.

    Parameters
    ----------
    looks : sequence of mapping
        ``corrected_looks`` of ``result.json``.

    Returns
    -------
    list of str
        Nothing where there is no such look.
    """
    if not looks:
        return []
    told = [
        f"SUCCESS IS UNDERSTATED at looks under {FEW_EVENTS} events or with a threshold above "
        f"{STRICT:g}: there the tail of the normal approximation is too heavy. A sample of the "
        "trials that reach them, corrected by importance weights:"
    ]
    for look in looks:
        events = "" if look["events"] is None else f" ({look['events']:.0f} events)"
        where = f"  {look['design']} / {look['scenario']}, look {look['look']}{events}"
        found, lost = look["corrected"], _lost(look)
        if found is None:
            told.append(f"{where}: none of {look['lost']} fits could be corrected{lost}.")
            continue
        told.append(
            f"{where}: success {look['approximate']:.2%} as simulated, {found['estimate']:.2%} "
            f"corrected (95 % Monte Carlo interval {found['low']:.2%} to {found['high']:.2%}, "
            f"{look['fits']} fits{lost})."
        )
    return told


def _lost(look: Mapping[str, Any]) -> str:
    if not look["lost"]:
        return ""
    empty = look["without_events"]
    why = f", {empty} of them with an arm without events" if empty else ""
    return f"; {look['lost']} more could not be corrected{why}, and count as simulated"
