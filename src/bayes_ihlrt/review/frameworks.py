"""Two frameworks side by side: error rates of rules and tests, and what a success is worth.

An error rate asks how often a rule succeeds given a truth. The probability of no effect given
success asks the reverse, under the truths that a design prior holds likely (FDA draft guidance on
Bayesian methodology, January 2026, FDA-2025-D-3217).
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.results.outputs import computed
from bayes_ihlrt.results.table import Table, text
from bayes_ihlrt.spec.plan import CurveAxis, TrialPlan


def comparison_part(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return what tests without a model say of the same trials.

    Parameters
    ----------
    rows : sequence of mapping
        ``results`` of ``result.json``, of one design.

    Returns
    -------
    dict or None
        ``title`` and ``told``, a line a test; None where the design names no test.
    """
    if not rows or not rows[0]["compared"]:
        return None
    told = []
    for number, test in enumerate(rows[0]["compared"]):
        each = [row["compared"][number] for row in rows]
        shares = "; ".join(
            f"{row['scenario']} {one['rejects']['estimate']:.1%} +/- {one['rejects']['mcse']:.1%}"
            for row, one in zip(rows, each, strict=True)
        )
        alike = [one["alike"]["estimate"] for one in each]
        lost = sum(one["without"] for one in each)
        without = f" No answer in {lost} trials, which counts as none." if lost else ""
        told.append(
            f"{_first_upper(test['test'])}, one-sided {_levels(test['levels'])}: {shares}. Same "
            f"conclusion as the rules in {min(alike):.1%} of trials or more.{without}"
        )
    told.append("Tests compare arms as assigned; the rules' own stops do not stop them.")
    return {"title": "What would tests without a model say of the same trials?", "told": told}


def belief_part(
    rows: Sequence[Mapping[str, Any]],
    averaged: Mapping[str, Any] | None,
    drawn: Sequence[str],
    *,
    free: bool = False,
) -> dict[str, Any] | None:
    """Return what a success is worth under the plan's design priors.

    Parameters
    ----------
    rows : sequence of mapping
        ``results`` of ``result.json``, of one design.
    averaged : mapping or None
        The design's own in ``averaged`` of ``result.json``.
    drawn : sequence of str
        Scenarios whose effect differs from trial to trial.
    free : bool
        Whether the design has futility rules that need not be followed.

    Returns
    -------
    dict or None
        ``title`` and ``told``; None where the plan has no design prior.
    """
    told = []
    for row in rows:
        if row["scenario"] in drawn:
            told.append(f"{row['scenario']}: {_belief(row['no_effect'])}")
    if averaged is not None:
        share = averaged["success"]
        told.append(
            f"Averaged over the scenarios by their weights: success {share['estimate']:.1%} "
            f"+/- {share['mcse']:.1%}; {_belief(averaged['no_effect'])}"
        )
    if told and free:
        told.append("These numbers are of trials that stop for futility (non-binding).")
    return {"title": "How far is a success to be believed?", "told": told} if told else None


def review_parts(
    rows: Sequence[Mapping[str, Any]], plan: TrialPlan, result: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return these parts of the answer of a plan's own design, those that there are.

    Parameters
    ----------
    rows : sequence of mapping
        ``results`` of ``result.json``, of the plan's own design.
    plan : TrialPlan
        The plan.
    result : mapping
        ``result.json``: of it ``results``, ``averaged`` and ``curves``.

    Returns
    -------
    list of dict
        See `changed_part`, `comparison_part`, `belief_part` and `external_part`.
    """
    drawn = [one.name for one in plan.scenarios if one.is_drawn]
    own = next((one for one in result["averaged"] if one["design"] == plan.name), None)
    free = plan.design.free_futility
    done = computed(result["results"])
    found = [*(changed_part(done, plan, way) for way in _CHANGES), comparison_part(rows)]
    found.append(belief_part(rows, own, drawn, free=free))
    found.append(external_part(rows, result["curves"]))
    return [part for part in found if part is not None]


_CHANGES: Final = {
    "extended": (
        "What comes of enlarging the trial?",
        "Success counts both: the rule that enlarges a trial is part of it.",
    ),
    "switch": (
        "What comes of restricting enrolment?",
        "Success counts all: the rule that restricts enrolment is part of it.",
    ),
}


def changed_part(
    rows: Sequence[Mapping[str, Any]], plan: TrialPlan, way: str
) -> dict[str, Any] | None:
    """Return what becomes of trials that a rule changes in one way, and of the others.

    Parameters
    ----------
    rows : sequence of mapping
        ``results`` of ``result.json``.
    plan : TrialPlan
        The plan.
    way : str
        ``"extended"`` (enlarged) or ``"switch"`` (enriched, by the value they go on from).

    Returns
    -------
    dict or None
        ``title`` and ``told``, a line a scenario, of each design whose trials can be changed so;
        None where none can.
    """
    shown = [row for row in rows if _is_of(row, way)]
    if not shown:
        return None
    title, counts = _CHANGES[way]
    told = [
        f"{_whose(row, plan)}: {_changed(row, plan)}"
        f"{_branch('; of the others', row['branches'][-1])}."
        for row in shown
    ]
    return {"title": title, "told": [*told, counts, *_follows(shown, plan)]}


def _changed(row: Mapping[str, Any], plan: TrialPlan) -> str:
    """How many trials of a design under a scenario are changed, and what becomes of these."""
    modifier, told = plan.designs[row["design"]].modifier, []
    name = "the modifier" if modifier is None else modifier.name
    for way in row["branches"][:-1]:
        share = f"{way['share']['estimate']:.1%} of trials"
        if way["extended"]:
            told.append(f"{share} are enlarged{_branch('; of these', way)}")
        else:
            where = f"go on with patients from {name} {way['switch']:g} on"
            told.append(f"{share} {where}{_branch(', of which', way)}")
    return "; ".join(told)


def _is_of(row: Mapping[str, Any], way: str) -> bool:
    """Whether trials of a row were changed in a way; a value of the modifier is not zero."""
    return any(branch[way] for branch in row.get("branches") or ())


def _whose(row: Mapping[str, Any], plan: TrialPlan) -> str:
    return row["scenario"] if row["design"] == plan.name else f"{row['design']}, {row['scenario']}"


def _follows(shown: Sequence[Mapping[str, Any]], plan: TrialPlan) -> list[str]:
    if not any(plan.designs[row["design"]].free_futility for row in shown):
        return []
    return [
        "These numbers are of trials that stop for futility (non-binding); a type I error is "
        "told of trials that go on, and is at least as large as all together."
    ]


def _branch(whose: str, found: Mapping[str, Any]) -> str:
    if found["success"] is None:
        return ""
    means = [found[name] for name in ("expected_n", "expected_events", "expected_months")]
    sizes = zip(means, ("patients", "events", "months"), strict=True)
    each = ", ".join(f"{one['estimate']:.0f} {what}" for one, what in sizes if one is not None)
    return f"{whose} {found['success']['estimate']:.1%} succeed" + (
        f", with {each}" if each else ""
    )


def external_part(
    rows: Sequence[Mapping[str, Any]], curves: Sequence[Mapping[str, Any]]
) -> dict[str, Any] | None:
    """Return what external controls bring, and what drift makes of success.

    Parameters
    ----------
    rows : sequence of mapping
        ``results`` of ``result.json``, of one design.
    curves : sequence of mapping
        ``curves`` of ``result.json``.

    Returns
    -------
    dict or None
        ``title`` and ``told``; None without external controls.
    """
    if not rows or rows[0]["borrowed"] is None:
        return None
    told = [f"{row['scenario']}: {_worth(row['borrowed'])}." for row in rows]
    for curve in curves:
        if curve["over"] != CurveAxis.DRIFT.value:
            continue
        for scenario in dict.fromkeys(row["scenario"] for row in curve["results"]):
            each = ", ".join(
                f"{row['value']:g} {told_success(row)['estimate']:.1%}"
                for row in curve["results"]
                if row["scenario"] == scenario and row["success"] is not None
            )
            told.append(f"{scenario}, success by drift: {each}.")
    told.append("Drift is the hazard ratio of external controls to the trial's, all else equal.")
    return {"title": "What do external controls bring?", "told": told}


def _worth(found: Mapping[str, Any]) -> str:
    worth, beyond, lost = found["worth"], found["beyond"], found["without"]
    who, parts = f"{found['patients']} external controls", []
    if worth is not None:
        number = f"{worth['estimate']:.1f} +/- {worth['mcse']:.1f} control events"
        parts.append(f"{number}{' on average where that is known' if beyond or lost else ''}")
    if beyond:
        parts.append(
            f"more than any number in {counted(beyond, 'trial', 'trials')} (the hazard ratio is "
            "known better than the treated arm tells)"
        )
    if not parts:
        return f"what {who} are worth is not known"
    some = f"; in {counted(lost, 'trial', 'trials')} that is not known" if lost else ""
    return f"{who} are worth {', '.join(parts)}{some}"


def _belief(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "the truth gives a rule's quantity no value; let the last look's rules read months."
    claim = statement_told(found["statement"])
    one = "one of " if " and " in claim else ""
    told = f"no effect ({one}{claim} is false) has probability "
    told += _probability(found["before"])
    told += f" before the trial, {_probability(found['after_success'])} after a success"
    return f"{told} and {_probability(found['after_failure'])} after none."


def _probability(found: Mapping[str, float] | None) -> str:
    return "(never)" if found is None else _within(found)


def statement_told(statement: str) -> str:
    """Return a rule's statement in words.

    Parameters
    ----------
    statement : str
        As a rule writes it.

    Returns
    -------
    str
        In words.

    Examples
    --------
    >>> statement_told("rmst to 24 > 0"), statement_told("hazard-ratio < 1")
    ('months gained to 24 > 0', 'hazard ratio < 1')
    """
    return statement.replace("hazard-ratio", "hazard ratio").replace("rmst", "months gained")


def _levels(levels: Sequence[float]) -> str:
    asked = [(look, level) for look, level in enumerate(levels, 1) if level > 0.0]
    return ", ".join(f"{level:g} at look {look}" for look, level in asked)


def _first_upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def framework_tables(
    rows: Sequence[Mapping[str, Any]], plan: TrialPlan, averaged: Sequence[Mapping[str, Any]]
) -> tuple[Table, ...]:
    """Return the tables that a reviewer of a Bayesian plan reads.

    Parameters
    ----------
    rows : sequence of mapping
        ``results`` of ``result.json``.
    plan : TrialPlan
        The plan.
    averaged : sequence of mapping
        ``averaged`` of ``result.json``.

    Returns
    -------
    tuple of Table
        Both frameworks by design and scenario, and why priors and truths are what they are.
    """
    return (_frameworks(rows, averaged), _reasons(plan))


def told_success(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return success as it is told: of a type I error despite futility that does not bind.

    Parameters
    ----------
    row : mapping
        Of ``results`` of ``result.json``, or of ``averaged``.

    Returns
    -------
    mapping
        Estimate, error and interval.
    """
    found: Mapping[str, Any] = row.get("success_told") or row["success"]
    return found


def _frameworks(rows: Sequence[Mapping[str, Any]], averaged: Sequence[Mapping[str, Any]]) -> Table:
    records = []
    for row in [*rows, *({**one, "scenario": "all, by weight"} for one in averaged)]:
        belief, tests = row["no_effect"], row.get("compared") or ()
        if belief is not None and not 0.0 < belief["before"]["estimate"] < 1.0:
            # One truth: there is an effect or there is none.
            belief = None
        each = (f"{test['test']} {_interval(test['rejects'], 1)}" for test in tests)
        records.append(
            {
                "design": row["design"],
                "scenario": row["scenario"],
                "success": _interval(told_success(row), 1),
                "tests": "; ".join(each) or "-",
                "before": "-" if belief is None else _share(belief["before"]),
                "after": "-" if belief is None else _share(belief["after_success"]),
                "none": "-" if belief is None else _share(belief["after_failure"]),
                "worth": _worth(row["borrowed"]) if row.get("borrowed") else "-",
            }
        )
    columns = (
        text("Design", "design"),
        text("Scenario", "scenario"),
        text("Success by the rules", "success"),
        text("Rejection by tests", "tests"),
        text("P(no effect)", "before"),
        text("given success", "after"),
        text("given none", "none"),
        *([text("External controls", "worth")] if any(r.get("borrowed") for r in rows) else []),
    )
    note = (
        "Shares of trials with the 95 % interval of Monte Carlo error: type I error where there is "
        "no effect, power where the truth is fixed, averaged success where it is drawn. No effect: "
        "one of the last look's efficacy rules claims what is false of the truth. '-': no test, "
        "a fixed truth, or no single true value. Type I errors of a design with non-binding "
        "futility are those of a trial that goes on despite it; all else, success averaged and "
        "P(no effect) among it, is of one that stops for it."
    )
    title = "Error rates, and what a success is worth"
    return Table("plan-frameworks", title, columns, tuple(records), note)


def _interval(found: Mapping[str, float], digits: int) -> str:
    low, high = (f"{100.0 * found[end]:.{digits}f}" for end in ("low", "high"))
    return f"{100.0 * found['estimate']:.{digits}f} % ({low} to {high})"


def _share(found: Mapping[str, float] | None) -> str:
    return "-" if found is None else _within(found)


def _within(found: Mapping[str, float]) -> str:
    """A probability with its interval; without one where it is known."""
    middle, low, high = (f"{found[part]:.3f}" for part in ("estimate", "low", "high"))
    return middle if low == high else f"{middle} ({low} to {high})"


_NOT_STATED: Final = "not stated"


def _reasons(plan: TrialPlan) -> Table:
    records, known = [], set()
    for name, design in plan.designs.items():
        for prior in design.priors:
            reason = design.reasons.get(prior, _NOT_STATED)
            if (prior, reason) not in known:
                known.add((prior, reason))
                records.append({"of": "prior", "what": prior, "reason": reason, "design": name})
    records += [
        {
            "of": "scenario",
            "what": scenario.name,
            "reason": scenario.reason or _NOT_STATED,
            "design": "every",
        }
        for scenario in plan.scenarios
    ]
    columns = (
        text("", "of"),
        text("Of", "what"),
        text("Design", "design"),
        text("Reason", "reason"),
    )
    title = "Why these priors and these truths"
    return Table("plan-reasons", title, columns, tuple(records))
