"""What a report says of a result beyond its numbers, kept beside them as ``report.json``.

Sentences, labels and curves come from the fitted analysis, which is gone once the command ends; the
report is laid out later from what was kept, and computes nothing.
"""

from dataclasses import replace
from math import exp
from typing import Any

from bayes_ihlrt.analysis.estimates import Estimate
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.modifier_curves import modifier_curves
from bayes_ihlrt.analysis.notes import FIRST
from bayes_ihlrt.analysis.parameters import unit_of
from bayes_ihlrt.analysis.prior_words import beside_prior, prior_sentence, prior_words
from bayes_ihlrt.analysis.prior_worth import Worth
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.known_events import AddedEvents
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.report.effects import flexible_sentences
from bayes_ihlrt.report.follow_up import brief_characteristics, brief_follow_up
from bayes_ihlrt.report.words import (
    adjustment_sentence,
    convergence_sentence,
    dependence_sentences,
    find_contrast,
    headline,
    loo_sentence,
    modifier_label,
    numbers_of,
    says_something,
    summary_sentences,
    survival_time,
    verdict_words,
)
from bayes_ihlrt.results.table import chance_words, number
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.external import EXTERNAL
from bayes_ihlrt.verdicts import scale_sentence


def brief_fit(result: FitResult) -> dict[str, Any]:
    """Return what a report says of a fitted analysis.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    dict
        ``headline``, ``sentences``, ``convergence``, ``loo``; ``priors`` in words with their
        source; ``units`` of the coefficients, ``references`` of categories; ``treated`` and
        ``untreated`` person-time; the ``curves`` of `modifier_curves`; ``table_one`` of
        `brief_characteristics`; ``follow_up`` of `brief_follow_up`.
    """
    called = result.spec.labels.term
    priors = {called(k): v for k, v in result.checked.priors.items()}
    worths = {called(k): v for k, v in result.checked.worths.items()}
    found = result.checked.propensity
    if found is not None:
        priors |= {f"propensity: {called(k)}": v for k, v in found.initiation.priors.items()}
    provenance, treated = result.checked.person_time.provenance, result.spec.treatment is not None
    return {
        "schema": 1,
        "of": "fit",
        "name": result.spec.name,
        "headline": headline(result),
        "summary": fit_summary(result),
        "sentences": [
            *summary_sentences(result),
            prior_sentence(result.spec, result.checked.priors, result.checked.worths),
        ],
        "convergence": convergence_sentence(result),
        "loo": loo_sentence(result),
        "priors": [
            {
                "parameter": name,
                "prior": prior_words(stated.prior),
                "worth": worths[name].words if name in worths else None,
                "source": stated.source,
            }
            for name, stated in priors.items()
        ]
        + _external_priors(result),
        "references": dict(result.fit.prepared.encoder.references),
        "units": {name: unit_of(name, result.spec) for name in result.fit.prepared.encoder.columns},
        "treated": dict(provenance.treated) if treated else None,
        "untreated": dict(provenance.untreated) if treated else None,
        "curves": modifier_curves(result),
        "table_one": brief_characteristics(result.spec, result.checked.cohort),
        "follow_up": brief_follow_up(result),
    }


def _external_priors(result: FitResult) -> list[dict[str, str | None]]:
    """What is believed before the data of how external controls differ."""
    external = result.spec.external
    if external is None or external.prior is None:
        return []
    told = prior_words(external.prior)
    if external.alike is not None and external.vague_sd is not None:
        wide = external.prior.model_copy(update={"sigma": external.vague_sd})
        told = f"{external.alike:g} {told} + {1.0 - external.alike:g} {prior_words(wide)}"
    about = {"prior": told, "worth": None, "source": "specification"}
    return [{"parameter": result.spec.labels.term(EXTERNAL), **about}]


def fit_summary(result: FitResult) -> dict[str, Any]:
    """Return the answer of a fitted analysis in about twenty-five lines.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    dict
        ``first``: what comes before any number, and on how little it rests; ``number``: months
        gained, with their interval, None where not defined; ``parts``: the question with its
        verdict, and sentences.
    """
    rows, treatment = result.checked.person_time, result.spec.treatment
    read = result.checked.cohort.notes
    warnings_ = [note for note in result.notes if note.startswith(FIRST)]
    label = " (SYNTHETIC DATA)" if result.synthetic else ""
    parts: list[tuple[str, list[str]]] = []
    careful: list[str] = []
    number = None
    answered = treatment is not None and says_something(result)
    if treatment is None or not answered:
        parts.append(("What these data say", list(summary_sentences(result))))
    else:
        asked = f"Does {result.spec.labels.of(treatment.name)} help? {_verdict(result)}"
        parts.append((asked, _gain_sentences(result)))
        number = _gain_number(result)
        depends = dependence_sentences(result)
        if depends and result.spec.modifier is not None:
            parts.append((f"Does that depend on {modifier_label(result.spec)}?", depends))
        if result.external is not None:
            parts.append(("What do the external controls change?", external_sentences(result)))
        careful = [adjustment_sentence(result), *flexible_sentences(result.baseline)]
    said = [*read, *warnings_]
    careful += [note for note in result.notes if note not in said]
    if read:
        careful.append(
            f"{counted(len(read), 'note', 'notes')} on how the file was read: `check` tells them."
        )
    if answered:
        careful.append(scale_sentence())
    priors = prior_sentence(result.spec, result.checked.priors, result.checked.worths)
    careful += [priors, convergence_sentence(result)]
    parts.append(("What to be careful about", careful))
    return {
        "first": [
            *warnings_,
            f"{result.spec.name}{label}: {rests_on(rows, result.spec)}{_beside_them(result)}.",
        ],
        "number": number,
        "parts": [{"title": title, "told": told} for title, told in parts],
    }


def rests_on(rows: PersonTime, spec: AnalysisSpec) -> str:
    """Return on how little an answer rests.

    Parameters
    ----------
    rows : PersonTime
        What was analysed.
    spec : AnalysisSpec
        With a treatment or without.

    Returns
    -------
    str
        Patients and events; events after treatment began, and in how many patients. Of one between
        scans the data know when it was found, which may be after a treatment that it came before.
    """
    told = f"{len(rows.patients):,} patients, {counted(rows.events, 'event', 'events')}"
    if spec.treatment is None:
        return told
    after, called = rows.provenance.treated, spec.labels.of(spec.treatment.name)
    when = "after" if rows.uncertain is None else "found after"
    return (
        f"{told}; {after['events']:.0f} of them {when} {called} began, in "
        f"{counted(int(after['patients']), 'patient', 'patients')}"
    )


def _verdict(result: FitResult) -> str:
    """Whether treatment helps, in a few words."""
    modifier = result.spec.modifier
    reference = None if modifier is None else modifier.reference
    chance = find_contrast(result, "hazard_ratio", None, reference).prob_benefit or 0.0
    if not result.comparable:
        return "These data cannot answer it."
    return verdict_words(chance)


def _gain_sentences(result: FitResult) -> list[str]:
    """By how much: months before hazard ratios, each with its probability and the prior's."""
    modifier = result.spec.modifier
    reference = None if modifier is None else modifier.reference
    horizon = max(result.spec.estimands.horizons)
    ratio, months = (
        find_contrast(result, "hazard_ratio", None, reference),
        find_contrast(result, "rmst", horizon, None),
    )
    told = []
    if months.summary["median"] is not None and months.prob_benefit is not None:
        strategy = (months.contrast or "").partition(" - ")[0]
        low, high = months.summary["q2.5"], months.summary["q97.5"]
        told.append(
            f"{_signed(months.summary['median'])} event-free months within {horizon:g} "
            f"(95 % {_signed(low)} to {_signed(high)}), treated {strategy}{_first(result)} against "
            "never; "
            f"probability of a gain {_beside(months)}."
        )
    else:
        told += survival_time(result)
    place = "" if modifier is None else f" at {modifier_label(result.spec)} {modifier.reference:g}"
    told.append(
        f"Hazard ratio {numbers_of(ratio, 2)}{place}; below 1 with probability {_beside(ratio)}."
    )
    return told


def _first(result: FitResult) -> str:
    """Why treatment begins in that month, where nobody stated one."""
    stated = result.spec.estimands.treat_from is not None or not result.spec.treat_from
    return "" if stated else " (the earliest start seen)"


def _gain_number(result: FitResult) -> dict[str, str] | None:
    """The one number of a result: months gained up to the last horizon."""
    horizon = max(result.spec.estimands.horizons)
    found = find_contrast(result, "rmst", horizon, None)
    if found.summary["median"] is None or found.prob_benefit is None:
        return None
    low, high = found.summary["q2.5"], found.summary["q97.5"]
    return {
        "value": _signed(found.summary["median"]),
        "unit": f"event-free months gained within {horizon:g}",
        "interval": f"95 % {_signed(low)} to {_signed(high)}",
    }


def _beside_them(result: FitResult) -> str:
    """How many external controls an answer rests on beside the cohort."""
    if result.external is None:
        return ""
    found = result.external.checked.bound.counted()
    patients = counted(found["patients"], "external control", "external controls")
    return f"; beside them {patients} with {counted(found['events'], 'event', 'events')}"


def external_sentences(result: FitResult) -> list[str]:
    """Return what external controls are worth, and how the answer moves without them.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    list of str
        Who they are, their worth in events, the answer without them, whether they are alike; none
        without external controls.
    """
    found = result.external
    if found is None:
        return []
    alone = replace(result, estimates=found.alone)
    who, why = found.checked.sentences
    gained = _gain_sentences(alone)
    told = [
        who,
        worth_sentence(found.worth, found.own),
        f"Without them: {gained[0]}",
        *(f"Without them: {sentence[0].lower()}{sentence[1:]}" for sentence in gained[1:]),
    ]
    if found.difference is None:
        told.append(
            "A power prior takes them to be alike: if they are not, nothing in these numbers shows "
            "it."
        )
    else:
        middle, low, high = (exp(found.difference[name]) for name in ("median", "q2.5", "q97.5"))
        told.append(
            "Their hazard against that of the cohort's own without treatment, all else equal: "
            f"ratio {middle:.2f} (95 % interval {low:.2f} to {high:.2f})."
        )
    if found.alike is not None:
        told.append(
            f"The probability that they are alike goes from {found.checked.spec.alike:.2f} before "
            f"the data to {found.alike:.2f} after."
        )
    return [*told, why]


def worth_sentence(worth: AddedEvents, own: float) -> str:
    """Return what external controls add to what is known without treatment.

    Parameters
    ----------
    worth : AddedEvents
        Events, and their Monte Carlo error.
    own : float
        Events of the cohort without treatment.

    Returns
    -------
    str
        One sentence; a number within two standard errors of 0 is told as such.

    Examples
    --------
    >>> worth_sentence(AddedEvents(38.2, 1.4), 61.0)[:60]
    'They stand for about 38 events without treatment (Monte Carl'
    >>> worth_sentence(AddedEvents(-0.4, 1.4), 61.0)[:63]
    'What they add to what is known without treatment cannot be told'
    """
    about = f"Monte Carlo standard error {worth.error:.2g}"
    beside = f"beside the cohort's own {own:.0f}"
    if worth.sign == 0:
        return (
            "What they add to what is known without treatment cannot be told from nothing: "
            f"{worth.number:+z.1f} events ({about}), {beside}. More draws in [sampler] tell more."
        )
    if worth.sign < 0:
        return (
            "Less is known of the hazard without treatment with them than without them, by "
            f"{Worth(-worth.number, -worth.number).words} ({about}), {beside}."
        )
    words = Worth(worth.number, worth.number).words
    return f"They stand for {words} without treatment ({about}), {beside}."


def _signed(value: float | None) -> str:
    text = number(value, 1)
    return text if value is None or text.startswith("-") else f"+{text}"


def _beside(found: Estimate) -> str:
    return beside_prior(chance_words(found.prob_benefit or 0.0), found.prior_prob_benefit)
