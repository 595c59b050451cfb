"""What a report says of a result beyond its numbers, kept beside them as ``report.json``.

Sentences, labels and curves come from the fitted analysis, which is gone once the command ends; the
report is laid out later from what was kept, and computes nothing.
"""

from typing import Any

from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.modifier_curves import modifier_curves
from bayes_ihlrt.analysis.notes import FIRST
from bayes_ihlrt.analysis.parameters import unit_of
from bayes_ihlrt.analysis.prior_words import prior_sentence, prior_words
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.ladder.figure import ladder_notes, ladder_sentences, rung_label
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.report.effects import flexible_sentences
from bayes_ihlrt.report.fit import brief_characteristics
from bayes_ihlrt.report.words import (
    adjustment_sentence,
    convergence_sentence,
    dependence_sentences,
    gain_number,
    gain_sentences,
    headline,
    loo_sentence,
    says_something,
    summary_sentences,
    verdict,
)


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
        source; ``units`` of the coefficients; ``treated`` and ``untreated`` person-time; the
        ``curves`` of `modifier_curves`; ``table_one`` of `brief_characteristics`.
    """
    priors = dict(result.checked.priors)
    found = result.checked.propensity
    if found is not None:
        priors |= {f"propensity: {k}": v for k, v in found.initiation.priors.items()}
    provenance, treated = result.checked.person_time.provenance, result.spec.treatment is not None
    return {
        "schema": 1,
        "of": "fit",
        "name": result.spec.name,
        "headline": headline(result),
        "summary": fit_summary(result),
        "sentences": [
            *summary_sentences(result),
            prior_sentence(result.spec, result.checked.priors),
        ],
        "convergence": convergence_sentence(result),
        "loo": loo_sentence(result),
        "priors": [
            {"parameter": name, "prior": prior_words(stated.prior), "source": stated.source}
            for name, stated in priors.items()
        ],
        "units": {name: unit_of(name, result.spec) for name in result.fit.prepared.encoder.columns},
        "treated": dict(provenance.treated) if treated else None,
        "untreated": dict(provenance.untreated) if treated else None,
        "curves": modifier_curves(result),
        "table_one": brief_characteristics(result),
    }


def fit_summary(result: FitResult) -> dict[str, Any]:
    """Return the answer of a fitted analysis in about fifteen lines.

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
    notes = [note for note in result.notes if note not in read and note not in warnings_]
    label = " (SYNTHETIC DATA)" if result.synthetic else ""
    rests = f"{len(rows.patients):,} patients, {counted(rows.events, 'event', 'events')}"
    if treatment is not None:
        after = rows.provenance.treated
        rests += f"; {after['events']:.0f} of them under {treatment.name}, in "
        rests += f"{counted(int(after['patients']), 'patient', 'patients')}"
    parts: list[tuple[str, list[str]]] = []
    careful: list[str] = []
    number = None
    if treatment is None or not says_something(result):
        parts.append(("What these data say", list(summary_sentences(result))))
    else:
        parts.append((f"Does {treatment.name} help? {verdict(result)}", gain_sentences(result)))
        number = gain_number(result)
        depends = dependence_sentences(result)
        if depends and result.spec.modifier is not None:
            parts.append((f"Does that depend on {result.spec.modifier.name}?", depends))
        careful = [adjustment_sentence(result), *flexible_sentences(result.baseline)]
    careful += notes
    if read:
        careful.append(
            f"{counted(len(read), 'note', 'notes')} on how the file was read: see `--tables`."
        )
    careful += [prior_sentence(result.spec, result.checked.priors), convergence_sentence(result)]
    parts.append(("What to be careful about", careful))
    return {
        "first": [*warnings_, f"{result.spec.name}{label}: {rests}."],
        "number": number,
        "parts": [{"title": title, "told": told} for title, told in parts],
    }


def brief_ladder(result: LadderResult) -> dict[str, Any]:
    """Return what a report says of a bias ladder.

    Parameters
    ----------
    result : LadderResult
        The ladder.

    Returns
    -------
    dict
        ``sentences``, the ``labels`` of the rungs, and ``notes`` for under their table.
    """
    return {
        "schema": 1,
        "of": "ladder",
        "name": result.spec.name,
        "sentences": list(ladder_sentences(result)),
        "labels": [rung_label(rung) for rung in result.rungs],
        "notes": list(ladder_notes(result)),
    }
