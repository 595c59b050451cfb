"""What a report says of a result beyond its numbers, kept beside them as ``report.json``.

Sentences, labels and curves come from the fitted analysis, which is gone once the command ends; the
report is laid out later from what was kept, and computes nothing.
"""

from typing import Any

from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.modifier_curves import modifier_curves
from bayes_ihlrt.analysis.parameters import unit_of
from bayes_ihlrt.analysis.prior_words import prior_sentence, prior_words
from bayes_ihlrt.ladder.figure import ladder_notes, ladder_sentences, rung_label
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.report.fit import brief_characteristics
from bayes_ihlrt.report.words import convergence_sentence, headline, loo_sentence, summary_sentences


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
