"""The answer of a ladder, of a sensitivity study and of model checks.

They have the shape of `report.narrative.fit_summary`: first on how little it rests, then the
question with its verdict, by how much in months, whether it depends on the modifier, and what to be
careful about. A part may have a small table.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from bayes_ihlrt.analysis.diagnose import Diagnosis
from bayes_ihlrt.analysis.notes import SYNTHETIC as LABEL
from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.checks.result import Status
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.ladder.figure import (
    ladder_incomplete,
    ladder_notes,
    ladder_sentences,
    rung_label,
    sound_rungs,
)
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.ladder.rung import Rung, chance_of_benefit
from bayes_ihlrt.ladder.words import warned_of
from bayes_ihlrt.report.narrative import fit_summary, rests_on
from bayes_ihlrt.report.words import modifier_label
from bayes_ihlrt.results.table import chance_words
from bayes_ihlrt.sensitivity.study import TITLES, SensitivityResult
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.verdicts import Decision, decide

type Answer = dict[str, Any]
SYNTHETIC: Final = "SYNTHETIC DATA: these were simulated, no patient is in them. Nothing follows \
for care."

_MORE: Final = "`fit`, the tables and the report tell what this depends on and where to be careful."


def treatment_label(spec: AnalysisSpec) -> str:
    """Return what the treatment is called; "treatment" without one.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.

    Returns
    -------
    str
        Its label, else its name.
    """
    return "treatment" if spec.treatment is None else spec.labels.of(spec.treatment.name)


def ladder_answer(result: LadderResult) -> Answer:
    """Return the answer of a bias ladder.

    Parameters
    ----------
    result : LadderResult
        The ladder.

    Returns
    -------
    dict
        See `report.narrative.fit_summary`.
    """
    sound, missing = sound_rungs(result), ladder_incomplete(result)
    treatment = treatment_label(result.spec)
    told = ladder_sentences(result, brief=True)[len(missing) :]
    warned = [*_not_estimated(result.rungs), *warned_of(result.rungs)]
    careful = [*warned, *told[1:], *result.notes]
    parts: list[Answer] = [
        {
            "title": f"Does {treatment} {_does(result)}, with immortal time removed? "
            f"{_by_rungs(sound)}",
            "told": list(ladder_notes(result)),
            "table": _rung_table(result),
        },
        {"title": "How much of it is immortal time?", "told": [told[0]]},
    ]
    if sound and (depends := _by_modifier(result, sound[-1])):
        parts.append(depends)
    return {
        "first": [
            *([SYNTHETIC] if result.synthetic else []),
            *missing,
            f"{result.spec.name}, one cohort under every design: "
            f"{rests_on(result.naive_rows, result.spec)}.",
        ],
        "number": None,
        "parts": [*parts, {"title": "What to be careful about", "told": careful}],
    }


def _by_rungs(rungs: Sequence[Rung]) -> str:
    """What the rungs say together, in a few words."""
    known = map(chance_of_benefit, rungs)
    chances = [chance for chance in known if chance is not None]
    if not chances:
        return "No rung can tell."
    found = {decide(chance) for chance in chances}
    low, high = (chance_words(chance) for chance in (min(chances), max(chances)))
    spread = f"probability {low}" if low == high else f"probability {low} to {high}"
    spread += f" by {counted(len(chances), 'rung', 'rungs')}"
    if found == {Decision.OPEN}:
        return f"These data do not settle it ({spread})."
    if len(found) == 1:
        (only,) = found
        return f"{only.words.capitalize()} ({spread})."
    return f"That depends on design and adjustment ({spread})."


def _does(result: LadderResult) -> str:
    """What treatment may do: of one cause among several, no more than lower its hazard."""
    return "help" if result.cause is None else f"lower the hazard of {result.cause.name}"


def _rung_table(result: LadderResult) -> Answer:
    months = result.cause is None
    rows = [
        [rung_label(rung), *([_months(rung)] * months), _ratio(rung.log_hr), _chance(rung)]
        for rung in result.rungs
    ]
    gained = [f"months gained of {result.horizon:g} (95 %)"] * months
    return {"head": ["", *gained, "hazard ratio (95 %)", "P(HR < 1)"], "rows": rows}


def _months(rung: Rung) -> str:
    gained = rung.rmst_difference
    if gained is None:
        return "not defined" if rung.estimated else "not estimated"
    return f"{gained['median']:+z.1f} ({gained['q2.5']:+z.1f} to {gained['q97.5']:+z.1f})"


def _ratio(log_hr: Mapping[str, float] | None) -> str:
    if log_hr is None:
        return ""
    middle, low, high = (math.exp(log_hr[name]) for name in ("median", "q2.5", "q97.5"))
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _chance(rung: Rung) -> str:
    chance = chance_of_benefit(rung)
    return "" if chance is None else chance_words(chance)


def _by_modifier(result: LadderResult, rung: Rung) -> Answer | None:
    modifier = result.spec.modifier
    if modifier is None or len(rung.log_hr_at) < 2:
        return None
    ratios = ", ".join(
        f"{_ratio(found)} at {value:g}" for value, found in sorted(rung.log_hr_at.items())
    )
    return {
        "title": f"Does that depend on {modifier_label(result.spec)}?",
        "told": [
            f"Hazard ratio by {modifier_label(result.spec)}, '{rung_label(rung)}': {ratios}. `fit` "
            "tells whether that is settled."
        ],
    }


def _not_estimated(rungs: Iterable[Rung]) -> list[str]:
    """Why rungs are not estimated; what is said of several is said once."""
    said: dict[str, list[str]] = {}
    for rung in rungs:
        if rung.reason is not None:
            said.setdefault(rung.reason, []).append(rung_label(rung))
    return [
        f"{labels[0] if len(labels) == 1 else f'{len(labels)} rungs'}: not estimated: {reason}"
        for reason, labels in said.items()
    ]


def brief_ladder(result: LadderResult) -> dict[str, Any]:
    """Return what a report says of a bias ladder.

    Parameters
    ----------
    result : LadderResult
        The ladder.

    Returns
    -------
    dict
        ``summary`` of `ladder_answer`, ``sentences``, the ``labels`` of the rungs, and ``notes``
        for under their table.
    """
    return {
        "schema": 1,
        "of": "ladder",
        "name": result.spec.name,
        "summary": ladder_answer(result),
        "sentences": list(ladder_sentences(result)),
        "labels": [rung_label(rung) for rung in result.rungs],
        "notes": list(ladder_notes(result)),
    }


def sensitivity_answer(result: SensitivityResult) -> Answer:
    """Return the answer of a sensitivity study.

    Parameters
    ----------
    result : SensitivityResult
        The study.

    Returns
    -------
    dict
        See `report.narrative.fit_summary`.
    """
    treatment = treatment_label(result.spec)
    answers, careful = map(list, result.told)
    table = _prior_table(result) if "grid" in result.checks else None
    parts: list[Answer] = [
        {
            "title": f"Does {treatment} help, and what does the answer depend on?",
            "told": answers,
            **({} if table is None else {"table": table}),
        }
    ]
    if depends := _interaction(result):
        parts.append(depends)
    careful += [f"NOT COMPUTED, {TITLES[name]}: {found}" for name, found in result.failed.items()]
    return {
        "first": [
            *(note for note in result.checked.notes if note.startswith(LABEL)),
            *result.incomplete,
            f"{result.spec.name}, refitted under other assumptions: "
            f"{rests_on(result.checked.person_time, result.spec)}.",
        ],
        "number": None,
        "parts": [*parts, {"title": "What to be careful about", "told": careful}],
    }


def _prior_table(result: SensitivityResult) -> Answer:
    """Priors of the treatment, everything else as stated: at most six rows, the extremes among."""
    spec, grid = result.spec, result.checks["grid"]
    treatment = "" if spec.treatment is None else spec.treatment.name
    reference = None if spec.modifier is None else spec.modifier.reference
    cells = [r for r in grid.rows if set(r["priors"]) <= {treatment} and r["failed"] is None]
    rows, gain = [], "gain"
    for prior in dict.fromkeys(row["prior"] for row in cells):
        here = [row for row in cells if row["prior"] == prior]
        months = next(r for r in here if r["estimand"] == "rmst_difference")
        ratio = next(
            r for r in here if r["estimand"] == "log_hazard_ratio" and r["at"] in {None, reference}
        )
        gain = months["statement"]
        shown = f"{months['median']:+z.1f} ({months['q2.5']:+z.1f} to {months['q97.5']:+z.1f})"
        rows.append(
            [
                prior.removeprefix(f"{treatment_label(spec)} "),
                shown,
                chance_words(months["probability"]),
                _ratio(ratio),
                chance_words(ratio["probability"]),
            ]
        )
    horizon = max(spec.estimands.horizons)
    head = [
        *(
            f"prior of {treatment_label(spec)}",
            f"months gained of {horizon:g} (95 %)",
            f"P({gain})",
        ),
        *("hazard ratio (95 %)", "P(HR < 1)"),
    ]
    return {"head": head, "rows": rows}


def _interaction(result: SensitivityResult) -> Answer | None:
    """Whether the effect depends on the modifier, under every prior."""
    modifier, grid = result.spec.modifier, result.checks.get("grid")
    if modifier is None or grid is None or "interaction" not in grid.data["quantity"].to_numpy():
        return None
    here = grid.data.sel(quantity="interaction")
    chance = here["probability"].to_numpy()
    stated, changed = float(chance[0]), int(here["changed"].to_numpy().sum())
    answer = decide(stated, result.spec.sensitivity.threshold).words
    rest = (
        f"another answer under {changed} of {here.sizes[MEMBER]} choices of priors"
        if changed
        else f"under all {here.sizes[MEMBER]} choices of priors"
    )
    spread = f"{chance_words(float(chance.min()))} to {chance_words(float(chance.max()))}"
    return {
        "title": f"Does that depend on {modifier_label(result.spec)}?",
        "told": [
            f"{str(here['statement'].item()).capitalize()}? {answer.capitalize()} (probability "
            f"{chance_words(stated)}; {spread}), {rest}."
        ],
    }


def brief_sensitivity(result: SensitivityResult) -> dict[str, Any]:
    """Return what a report says of a sensitivity study.

    Parameters
    ----------
    result : SensitivityResult
        The study.

    Returns
    -------
    dict
        ``summary`` of `sensitivity_answer`.
    """
    answer = sensitivity_answer(result)
    return {"schema": 1, "of": "sensitivity", "name": result.spec.name, "summary": answer}


def diagnosis_answer(diagnosis: Diagnosis) -> Answer:
    """Return the answer of the checks of a model, with the fit's own that it bears on.

    Parameters
    ----------
    diagnosis : Diagnosis
        What was found.

    Returns
    -------
    dict
        See `report.narrative.fit_summary`.
    """
    checks, fitted = diagnosis.checks, fit_summary(diagnosis.result)
    flagged = [found for found in checks.verdicts if found.status is Status.FLAG]
    silent = [f.check for f in checks.verdicts if f.status is Status.CANNOT_TELL]
    passed = [f.check for f in checks.verdicts if f.status is Status.NO_FLAG]
    if flagged:
        verdict = f"Flagged: {', '.join(checks.flagged)}. Read these figures before the estimates."
    elif silent:
        verdict = f"{len(passed)} of {len(checks.verdicts)} checks could tell; none raises a flag."
    else:
        verdict = "No check raises a flag."
    told = [f"{found.check}: {found.reason}" for found in flagged]
    if passed:
        told.append(f"No flag: {', '.join(passed)}.")
    if silent:
        told.append(f"Could not tell, which is no pass: {', '.join(silent)}.")
    told.append("No check sees unmeasured confounding.")
    trusted = {"title": f"Is the model to be believed? {verdict}", "told": told}
    first = [*fitted["first"][:-1], *checks.incomplete, fitted["first"][-1]]
    answered, *rest = fitted["parts"]
    if rest:
        answered = {**answered, "told": [*answered["told"], _MORE]}
    return {**fitted, "first": first, "parts": [trusted, answered]}
