"""The answer of an interim analysis: verdict, effect so far, what may come of each continuation."""

from collections.abc import Mapping, Sequence
from typing import Any

from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.interim.future import Continuation
from bayes_ihlrt.interim.monitor import Estimate, InterimResult, RuleNow
from bayes_ihlrt.parts import not_computed
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.operating import Estimated

_VERDICTS: Mapping[str, str] = {
    "success": "STOP FOR SUCCESS",
    "futility": "STOP FOR FUTILITY",
    "stop accrual": "STOP ACCRUAL, FOLLOW ON",
    "go on": "GO ON",
    "no success": "NO SUCCESS",
}


_FIXED_SIZE = "the model's knots or scales follow the planned patients, or there is no larger size"


def interim_answer(found: InterimResult) -> dict[str, Any]:
    """Return what an interim analysis tells first.

    Parameters
    ----------
    found : InterimResult
        The analysis.

    Returns
    -------
    dict
        ``first`` lines, no ``number``, and ``parts`` with titles, tables and sentences.
    """
    trial, design = found.trial, found.plan.designs[found.design]
    events = design.endpoint.events
    planned, stopped = len(design.looks), _stopped(found)
    first = [
        f"{found.plan.name}, look {found.look} of {planned}, month {trial.month:.1f}: "
        f"{_verdict(found.verdict, design, stopped=stopped)} by the rule.",
        f"It rests on {trial.events()} {events} ({trial.events(1.0)} of the treated, "
        f"{trial.events(0.0)} of the controls) in {len(trial.arrival)} patients of "
        f"{design.patients}{', accrual having stopped' if stopped else ''}.",
    ]
    first = [*found.incomplete, *first]
    if trial.about["synthetic"]:
        first.insert(0, "SYNTHETIC DATA: no patient is in them.")
    if not found.due:
        first.append(f"LOOK {found.look} IS NOT DUE: its rules are shown, and bind nobody yet.")
    parts: list[dict[str, Any]] = [
        {
            "title": "Does it help so far?",
            "told": [_estimate(one, design) for one in found.estimates],
        },
        {"title": "What does the rule say?", "told": [_rule(rule, design) for rule in found.rules]},
    ]
    if found.continuations:
        parts.append(
            {
                "title": "What may come of it?",
                "table": _table(found),
                "told": _future(found),
            }
        )
    careful = [*not_computed(found.failures), *trial.notes, *_unequal(found)]
    parts.append({"title": "What to be careful about", "told": careful})
    return {"first": first, "number": None, "parts": parts}


def _estimate(one: Estimate, design: TrialDesign) -> str:
    """Months before hazard ratios, and what was believed before the data."""
    interval = f"{one.median:{_form(one)}} ({one.low:{_form(one)}} to {one.high:{_form(one)}})"
    before = f"before the data {one.prior_benefit:.2f}"
    if one.quantity == "rmst_difference":
        return f"Months gained of {one.horizon:g}: {interval}; P(gain) {one.benefit:.3f}, {before}."
    at = f" at {design.modifier.name} {one.at:g}" if design.modifier and one.at else ""
    return f"Hazard ratio{at}: {interval}; P(below 1) {one.benefit:.3f}, {before}."


def _form(one: Estimate) -> str:
    return ".2f" if one.quantity == "hazard_ratio" else "+.1f"


def _verdict(verdict: str, design: TrialDesign, *, stopped: bool = False) -> str:
    free = verdict == "futility" and not design.binding_futility
    if verdict == "go on" and stopped:
        return "FOLLOW ON"
    return "FUTILE, NON-BINDING: STOP OR GO ON" if free else _VERDICTS[verdict]


def _rule(rule: RuleNow, design: TrialDesign) -> str:
    purpose = rule.purpose.replace("_", " ").capitalize()
    free = rule.purpose == "futility" and not design.binding_futility
    close = " CLOSE TO THE THRESHOLD: more draws may say otherwise." if rule.close else ""
    return (
        f"{purpose}{' (non-binding)' if free else ''}, {rule.rule}: {rule.probability:.4f} "
        f"(Monte Carlo error {rule.mcse:.4f}), {'met' if rule.met else 'not met'}.{close}"
    )


def _table(found: InterimResult) -> dict[str, Any]:
    rows = [_row(found, one) for one in found.continuations if not one.at_mode]
    now = "yes" if found.success_now else "no"
    rows.insert(
        1, ["stop now", str(len(found.trial.arrival)), str(found.trial.events()), "0.0", now]
    )
    head = ["continuation", "patients", "events", "months from now", "success at the end (95 %)"]
    return {"head": head, "rows": rows}


def _row(found: InterimResult, one: Continuation) -> list[str]:
    months = None if one.months is None else one.months.estimate - found.trial.month
    names = {"go on": "go on as planned", "stop accrual": "stop accrual, follow on"}
    if _stopped(found):
        names["go on"] = "follow on, accrual having stopped"
    return [
        names.get(one.name, f"enlarge to {one.patients}"),
        _whole(one.enrolled),
        _whole(one.events),
        "-" if months is None else f"{months:.1f}",
        f"{one.success.estimate:.1%} ({one.success.low:.1%} to {one.success.high:.1%})",
    ]


def _stopped(found: InterimResult) -> bool:
    return found.plan.interim.accrual_stopped


def _whole(value: Estimated | None) -> str:
    return "-" if value is None else f"{value.estimate:.0f}"


def _future(found: InterimResult) -> list[str]:
    told = [
        "Success at the end: the last look's rule, the remaining data simulated from the posterior "
        "(predictive probability); intervals are of Monte Carlo error."
    ]
    fixed = [one for one in found.continuations if one.at_mode]
    if fixed:
        each = "; ".join(f"{_assumed(one)} {one.success.estimate:.1%}" for one in fixed)
        how = "following those enrolled" if _stopped(found) else "going on as planned"
        told.append(f"Conditional power, {how}: {each}.")
    planned = found.plan.designs[found.design].patients
    more = f"{found.target:.0%} at the end"
    larger = [one for one in found.continuations if one.name == "enlarge"]
    if not larger and found.failures:
        # Whether one was tried stands with what is missing.
        return told
    if not larger:
        why = "accrual was stopped" if _stopped(found) else _FIXED_SIZE
        told.append(f"No larger trial was tried: {why}.")
    elif found.needed is None:
        sizes = max(one.patients for one in found.continuations)
        told.append(f"No size up to {sizes} makes success as probable as {more}.")
    elif found.needed > planned:
        told.append(
            f"Success is as probable as {more} with {found.needed} patients "
            f"({found.needed - planned} more than planned), looks in proportion."
        )
    if larger:
        told.append("Enlarging after a look at the data changes the type I error: plan it before.")
    return told


def _assumed(one: Continuation) -> str:
    return "at what is seen" if one.assumed_hr is None else f"at hazard ratio {one.assumed_hr:g}"


def _unequal(found: InterimResult) -> list[str]:
    """Rules on which the posterior of simulated trials and the chains disagree."""
    told = [
        f"{rule.rule}: {rule.probability:.4f} by Markov chains, {rule.engine:.4f} by the posterior "
        "that simulated continuations are analysed by."
        for rule in found.rules
        if rule.engine is not None and abs(rule.engine - rule.probability) > 5.0 * rule.mcse + 0.01
    ]
    if not found.trial.followed:
        alive = len(found.trial.arrival) - found.trial.events()
        who = counted(alive, "patient", "patients")
        rest = "nothing more comes" if _stopped(found) else "only newcomers count"
        told.append(f"Nobody is followed any more ({who} without an event): {rest}.")
    return told


def interim_rules(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rules of a result as rows of a table, in words.

    Parameters
    ----------
    result : mapping
        ``result.json``.

    Returns
    -------
    list of dict
        One for each.
    """
    return [
        {
            "asked for": rule["purpose"].replace("_", " ")
            + ("" if rule.get("binding", True) else " (non-binding)"),
            "rule": rule["rule"],
            "probability": rule["probability"],
            "Monte Carlo error": rule["mcse"],
            "met": rule["met"],
        }
        for rule in result["rules"]
    ]


def interim_effects(result: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the estimates of a result as rows of a table, in words.

    Parameters
    ----------
    result : mapping
        ``result.json``.

    Returns
    -------
    list of dict
        One for each, before the data last.
    """
    names = {"rmst_difference": "months gained", "hazard_ratio": "hazard ratio"}
    return [
        {
            "estimate": names[one["quantity"]]
            + (f" of {one['horizon']:g}" if one["horizon"] is not None else "")
            + (f" at {one['at']:g}" if one["at"] is not None else ""),
            "median": one["median"],
            "lower": one["low"],
            "upper": one["high"],
            "P(benefit)": one["benefit"],
            "P(benefit) before": one["prior_benefit"],
        }
        for one in result["estimates"]
    ]


def interim_facts(
    result: Mapping[str, Any], *, stopped: bool = False
) -> Sequence[Mapping[str, Any]]:
    """Return the continuations of a result as rows of a table.

    Parameters
    ----------
    result : mapping
        ``result.json``.
    stopped : bool
        Whether accrual was stopped: to go on is to follow those who are enrolled.

    Returns
    -------
    sequence of mapping
        One for each.
    """
    return [
        {
            "continuation": "follow on" if stopped else one["name"],
            "patients": one["patients"],
            "hazard ratio": "as seen" if one["assumed_hr"] is None else f"{one['assumed_hr']:g}",
            "parameters": "at the mode" if one["at_mode"] else "drawn",
            "success": one["success"]["estimate"],
            "lower": one["success"]["low"],
            "upper": one["success"]["high"],
        }
        for one in result["continuations"]
    ]
