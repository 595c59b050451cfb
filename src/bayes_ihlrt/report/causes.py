"""What is said of competing causes: does treatment help, of what, and does it trade causes."""

from typing import Any, Final

from rich.console import Console
from rich.text import Text

from bayes_ihlrt.analysis.cause_estimates import NAIVE, Trade
from bayes_ihlrt.analysis.cause_fit import CausesResult
from bayes_ihlrt.analysis.estimates import Estimate
from bayes_ihlrt.analysis.notes import FIRST
from bayes_ihlrt.analysis.parameters import unit_of
from bayes_ihlrt.analysis.prior_words import beside_prior, prior_sentence, prior_words
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.report.cause_tables import cause_details, cause_tables
from bayes_ihlrt.report.follow_up import brief_characteristics
from bayes_ihlrt.report.terminal import print_tables
from bayes_ihlrt.report.words import modifier_label, numbers_of, verdict_words
from bayes_ihlrt.results.table import chance_words, interval, number
from bayes_ihlrt.verdicts import Decision, decide, scale_sentence

_ALL: Final = None
"""The cause of estimates of all causes together."""


def brief_causes(result: CausesResult) -> dict[str, Any]:
    """Return what a report says of competing causes.

    Parameters
    ----------
    result : CausesResult
        A fitted analysis.

    Returns
    -------
    dict
        As `brief_fit`, where there is a cause for each prior and units by cause; no curves.
    """
    summary = cause_summary(result)
    provenance, treated = result.checked.person_time.provenance, result.spec.treatment is not None
    parts, called = result.checked.parts, result.spec.labels.term
    return {
        "schema": 1,
        "of": "fit-causes",
        "name": result.spec.name,
        "headline": cause_headline(result),
        "summary": summary,
        "sentences": [sentence for part in summary["parts"][:-1] for sentence in part["told"]],
        "convergence": [_convergence(result, name) for name in result.fits],
        "priors": [
            {
                "cause": cause,
                "parameter": called(name),
                "prior": prior_words(stated.prior),
                "worth": part.worths[name].words if name in part.worths else None,
                "source": stated.source,
            }
            for cause, part in parts.items()
            for name, stated in part.priors.items()
        ],
        "units": {
            cause: {name: unit_of(name, parts[cause].spec) for name in fit.prepared.encoder.columns}
            for cause, fit in result.fits.items()
        },
        "references": {
            name: level
            for fit in result.fits.values()
            for name, level in fit.prepared.encoder.references.items()
        },
        "treated": dict(provenance.treated) if treated else None,
        "untreated": dict(provenance.untreated) if treated else None,
        "table_one": brief_characteristics(result.spec, result.checked.cohort),
    }


def print_causes(console: Console, result: CausesResult) -> None:
    """Print every table of competing causes.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    result : CausesResult
        A fitted analysis.
    """
    for note in result.notes:
        console.print(Text(note, style="bold"))
    console.print(Text(cause_headline(result), style="bold"))
    console.print()
    content = result.to_dict()
    details = cause_details(content, brief_causes(result), result.spec)
    print_tables(console, (*cause_tables(content, result.spec), *details))


def cause_headline(result: CausesResult) -> str:
    """Return what was fitted, in one line.

    Parameters
    ----------
    result : CausesResult
        A fitted analysis.

    Returns
    -------
    str
        Name, patients, events and hazard of each cause.
    """
    rows = result.checked.person_time
    label = " (SYNTHETIC DATA)" if result.synthetic else ""
    causes = [
        f"{name} {result.checked.events[name]:,} ({part.spec.outcome.hazard.family} hazard, "
        f"{part.spec.labels.formula(part.spec.outcome.formula) or 'no covariates'})"
        for name, part in result.checked.parts.items()
    ]
    return (
        f"{result.spec.name}{label}: {len(rows.patients):,} patients, "
        f"{counted(rows.events, 'event', 'events')}: {'; '.join(causes)}"
    )


def cause_summary(result: CausesResult) -> dict[str, Any]:
    """Return the answer of an analysis of competing causes.

    Parameters
    ----------
    result : CausesResult
        A fitted analysis.

    Returns
    -------
    dict
        As `fit_summary`: ``first``, ``number`` and ``parts``.
    """
    read = result.checked.cohort.notes
    warnings_ = [note for note in result.notes if note.startswith(FIRST)]
    own = [*read, *warnings_, *result.told]
    notes = [note for note in result.notes if note not in own]
    number_, parts = None, []
    if not result.converged:
        told = ["The draws did NOT converge: nothing is said of the causes."]
        parts.append(("What these data say", told))
    elif result.spec.treatment is None:
        parts.append(("What becomes of the patients", _without_treatment(result)))
    else:
        number_ = _gain_number(result)
        parts += _with_treatment(result)
    careful = [*result.told, *_adjusted(result), *notes]
    if read:
        careful.append(
            f"{counted(len(read), 'note', 'notes')} on how the file was read: `check` tells them."
        )
    if result.converged:
        careful.insert(0, _naive_sentence(result))
    careful += [scale_sentence()] if number_ is not None else []
    careful += [
        f"{name}: {prior_sentence(part.spec, part.priors, part.worths)}"
        for name, part in result.checked.parts.items()
    ]
    careful += [_convergence(result, name) for name in result.fits]
    parts.append(("What to be careful about", careful))
    return {
        "first": [*warnings_, _rests(result)],
        "number": number_,
        "parts": [{"title": title, "told": told} for title, told in parts],
    }


def _rests(result: CausesResult) -> str:
    """On how little it rests: patients, and events of each cause."""
    rows, treatment = result.checked.person_time, result.spec.treatment
    label = " (SYNTHETIC DATA)" if result.synthetic else ""
    causes = ", ".join(f"{name} {events:,}" for name, events in result.checked.events.items())
    told = f"{result.spec.name}{label}: {len(rows.patients):,} patients, "
    told += f"{counted(rows.events, 'event', 'events')} ({causes})"
    if treatment is None:
        return f"{told}."
    under = ", ".join(
        f"{name} {part.person_time.provenance.treated['events']:.0f}"
        for name, part in result.checked.parts.items()
    )
    treated = counted(int(rows.provenance.treated["patients"]), "patient", "patients")
    return f"{told}; under {result.spec.labels.of(treatment.name)}, in {treated}: {under}."


def _with_treatment(result: CausesResult) -> list[tuple[str, list[str]]]:
    spec = result.spec
    name = spec.labels.of(None if spec.treatment is None else spec.treatment.name)
    gain = _find(result, _ALL, "rmst", at=None)
    parts = [(f"Does {name} help, all causes together? {_verdict(gain)}", _gain_sentences(result))]
    first, *others = spec.data.causes
    traded = [trade for trade in result.trades if trade.at is None]
    other = others[0] if len(others) == 1 else "other causes"
    title = f"Does {name} trade {first} for {other}?"
    if len(traded) == 1:
        title += f" {_trade_verdict(traded[0])}"
    told = [_of_cause(result, cause) for cause in spec.data.causes]
    told += [trade_sentence(trade) for trade in traded]
    parts.append((title, told))
    if spec.modifier is not None and spec.estimands.at:
        told = [_at_value(result, at) for at in spec.estimands.at]
        parts.append((f"At values of {modifier_label(spec)}", told))
    return parts


def trade_sentence(trade: Trade) -> str:
    """Return whether treatment trades one cause for another, in one sentence.

    Parameters
    ----------
    trade : Trade
        Of a result.

    Returns
    -------
    str
        With its probability, and that before the data.

    Examples
    --------
    >>> trade_sentence(Trade("tumour", "liver", 24.0, None, 0.981, 0.34))
    'Fewer months lost to tumour and more to liver, both within 24: probability 0.98, prior 0.34.'
    """
    chance = beside_prior(chance_words(trade.probability), trade.prior_probability)
    return (
        f"Fewer months lost to {trade.fewer} and more to {trade.more}, both within "
        f"{trade.horizon:g}: probability {chance}."
    )


def _trade_verdict(trade: Trade) -> str:
    match decide(trade.probability):
        case Decision.YES:
            return "Probably yes."
        case Decision.NO:
            return "Probably no."
        case Decision.OPEN:
            return "These data do not settle it."


def _verdict(gain: Estimate) -> str:
    """Whether treatment lengthens life whatever it ends of, in a few words."""
    chance = gain.prob_benefit
    if chance is None:
        return "Nothing differs up to the last horizon."
    return verdict_words(chance)


def _gain_sentences(result: CausesResult) -> list[str]:
    found = _find(result, _ALL, "rmst", at=None)
    treated, never = _arms(result, _ALL, "survival", at=None)
    strategy = (found.contrast or "").partition(" - ")[0]
    if found.prob_benefit is None:
        return [f"Treatment {strategy} and never are the same within {found.horizon:g} months."]
    return [
        f"{_signed(found)} event-free months within {found.horizon:g} (95 % {_limits(found)}), "
        f"treated {strategy} against never, averaged over {result.spec.population.words}; "
        f"probability of a gain {_beside(found)}.",
        f"Free of all causes at month {found.horizon:g}: {_percent(treated)} treated {strategy}, "
        f"{_percent(never)} never treated.",
    ]


def _of_cause(result: CausesResult, cause: str) -> str:
    """Months lost to one cause, how many it strikes, and its hazard ratio."""
    months, risk = (
        _find(result, cause, name, at=None) for name in ("months_lost", "cumulative_incidence")
    )
    lost, lost_never = _arms(result, cause, "months_lost", at=None)
    struck, struck_never = _arms(result, cause, "cumulative_incidence", at=None)
    told = (
        f"{cause}: {_months(lost)} months lost within {months.horizon:g} instead of "
        f"{_months(lost_never)}, difference {_signed(months)} (95 % {_limits(months)})"
    )
    if months.prob_benefit is not None:
        told += f", fewer with probability {_beside(months)}"
    told += f"; by month {risk.horizon:g} it takes {_percent(struck)} of patients instead of "
    told += f"{_percent(struck_never)}. "
    return told + _ratio_words(result, cause)


def _ratio_words(result: CausesResult, cause: str) -> str:
    """Whether treatment moves the hazard of a cause, or only leaves more to die of it."""
    modifier, treatment = result.spec.modifier, result.spec.treatment
    reference = None if modifier is None else modifier.reference
    found = [
        each.estimate
        for each in result.estimates
        if each.cause == cause and each.estimate.estimand == "hazard_ratio"
    ]
    if not found:
        name = "treatment" if treatment is None else result.spec.labels.of(treatment.name)
        return f"Its hazard is taken not to change with {name}, which its formula does not name."
    here = next(each for each in found if each.at == reference)
    return f"Hazard ratio {numbers_of(here, 2)}; below 1 with probability {_beside(here)}."


def _at_value(result: CausesResult, at: float) -> str:
    name = modifier_label(result.spec)
    gain = _find(result, _ALL, "rmst", at=at)
    lost = ", ".join(
        f"{cause} {_signed(_find(result, cause, 'months_lost', at=at))}"
        for cause in result.spec.data.causes
    )
    told = f"{name} {at:g}: {_signed(gain)} event-free months (95 % {_limits(gain)}"
    if gain.prob_benefit is not None:
        told += f"; gain with probability {_beside(gain)}"
    return f"{told}); months lost {lost}."


def _without_treatment(result: CausesResult) -> list[str]:
    told = []
    for cause in result.spec.data.causes:
        (risk,), (months,) = (
            _arms(result, cause, name, at=None) for name in ("cumulative_incidence", "months_lost")
        )
        low, high = (f"{risk.summary[end] or 0.0:.0%}" for end in ("q2.5", "q97.5"))
        lost = interval(months.summary["q2.5"], months.summary["q97.5"], digits=1)
        told.append(
            f"{cause}: {_percent(risk)} by month {risk.horizon:g} (95 % {low} to {high}); "
            f"{_months(months)} months lost (95 % {lost})."
        )
    return [*told, "There is no treatment in this analysis."]


def _naive_sentence(result: CausesResult) -> str:
    """The naive number of the cause that is asked about first, as what it is."""
    first, *others = result.spec.data.causes
    naive = _arms(result, first, NAIVE, at=None)[-1]
    risk = _arms(result, first, "cumulative_incidence", at=None)[-1]
    who = "" if result.spec.treatment is None else ", never treated"
    return (
        f"One minus Kaplan-Meier, with {' and '.join(others)} censored, would say "
        f"{_percent(naive)} of {first} by month {risk.horizon:g} where it is {_percent(risk)}"
        f"{who}: that is for a world in which nobody dies of anything else."
    )


def _adjusted(result: CausesResult) -> list[str]:
    """What each hazard was adjusted for, and what that leaves open."""
    treatment = result.spec.treatment
    if treatment is None:
        return []
    told = []
    for name, part in result.checked.parts.items():
        outcome = part.spec.outcome
        others = [each for each in outcome.parsed.columns if each != treatment.name]
        others += [term.group for term in outcome.groups]
        named = ", ".join(result.spec.labels.of(each) for each in others)
        told.append(f"{name} by {named or 'nothing'}")
    return [
        f"Adjusted: {'; '.join(told)}. Unless treatment was randomised, whatever else led to it "
        "may explain part of this."
    ]


def _convergence(result: CausesResult, name: str) -> str:
    return f"{name}: {result.fits[name].convergence.verdict}"


def _gain_number(result: CausesResult) -> dict[str, str] | None:
    """The one number of a result: months gained up to the last horizon, all causes together."""
    found = _find(result, _ALL, "rmst", at=None)
    if found.summary["median"] is None or found.prob_benefit is None:
        return None
    return {
        "value": _signed(found),
        "unit": f"event-free months gained within {found.horizon:g}, all causes together",
        "interval": f"95 % {_limits(found)}",
    }


def _find(result: CausesResult, cause: str | None, estimand: str, *, at: float | None) -> Estimate:
    """The contrast of one estimand at the last horizon."""
    return next(each for each in _at_last(result, cause, estimand, at) if each.contrast is not None)


def _arms(
    result: CausesResult, cause: str | None, estimand: str, *, at: float | None
) -> list[Estimate]:
    """The strategies at the last horizon, the treated first."""
    found = [each for each in _at_last(result, cause, estimand, at) if each.contrast is None]
    return found[::-1]


def _at_last(
    result: CausesResult, cause: str | None, estimand: str, at: float | None
) -> list[Estimate]:
    horizon = max(result.spec.estimands.horizons)
    wanted = (cause, estimand, horizon, at)
    return [
        each.estimate
        for each in result.estimates
        if (each.cause, each.estimate.estimand, each.estimate.horizon, each.estimate.at) == wanted
    ]


def _months(found: Estimate) -> str:
    return number(found.summary["median"], 1)


def _signed(found: Estimate, part: str = "median") -> str:
    value = found.summary[part]
    text = number(value, 1)
    return text if value is None or text.startswith("-") else f"+{text}"


def _limits(found: Estimate) -> str:
    """Interval of a difference."""
    return f"{_signed(found, 'q2.5')} to {_signed(found, 'q97.5')}"


def _percent(found: Estimate) -> str:
    value = found.summary["median"]
    return "not defined" if value is None else f"{value:.0%}"


def _beside(found: Estimate) -> str:
    return beside_prior(chance_words(found.prob_benefit or 0.0), found.prior_prob_benefit)
