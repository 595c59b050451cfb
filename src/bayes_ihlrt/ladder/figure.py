"""The bias ladder as a dataset for its figure, and in words."""

from collections import Counter
from dataclasses import replace

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.notes import CLOCKS
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.ladder.null import NullSimulation
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.ladder.rung import Rung, chance_of_benefit
from bayes_ihlrt.ladder.rungs import CRUDE, G_FORMULA
from bayes_ihlrt.ladder.words import months_sentences, response_sentence, unlike_fit
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.parts import Failure, missing
from bayes_ihlrt.propensity.comparability import Overlap
from bayes_ihlrt.verdicts import Decision, decide, scale_sentence

_DESIGNS = {
    DesignKind.EVER_NEVER.value: "Ever against never treated",
    DesignKind.SPLIT.value: "Treated from the day it starts",
    DesignKind.SEQUENTIAL.value: "A trial at every decision",
    DesignKind.CLONE_CENSOR_WEIGHT.value: "Clones, censored and weighted",
    G_FORMULA: "Simulated (g-formula)",
}
_OTHER_CLOCKS = {
    DesignKind.LANDMARK: f"in landmark rungs from {CLOCKS[DesignKind.LANDMARK]}",
    DesignKind.SEQUENTIAL: f"in trials at every decision from {CLOCKS[DesignKind.SEQUENTIAL]}",
}
_MARKED = {
    Overlap.POOR: "\N{DAGGER} Treated and untreated can hardly be compared after weighting.",
    Overlap.FAILED: "\N{DOUBLE DAGGER} Treated and untreated cannot be compared after weighting.",
}
_ADJUSTMENTS = {"none": "crude", "covariates": "covariates", "weights": "weights"}


def rung_label(rung: Rung) -> str:
    """Return what a rung is called on figures and in tables.

    Parameters
    ----------
    rung : Rung
        A rung.

    Returns
    -------
    str
        For example ``"Landmark at 3 months, crude"``; with a star where the hazard ratio is of
        another kind, and a dagger where weighted arms can hardly be compared, which `ladder_notes`
        explains.
    """
    name, _, month = rung.plan.rung.rpartition("-")
    design = (
        f"Landmark at {month} months"
        if name == DesignKind.LANDMARK.value
        else _DESIGNS[rung.plan.rung]
    )
    mark = "" if rung.plan.states is None else " *"
    mark += {Overlap.GOOD: "", Overlap.POOR: " \N{DAGGER}", Overlap.FAILED: " \N{DOUBLE DAGGER}"}[
        rung.overlap
    ]
    return f"{design}, {_ADJUSTMENTS[rung.plan.adjustment]}{mark}"


def ladder_data(result: LadderResult) -> xr.Dataset:
    """Return what the ladder's figure draws.

    Parameters
    ----------
    result : LadderResult
        A bias ladder.

    Returns
    -------
    xarray.Dataset
        Dimension ``rung``: hazard ratio ``median, q2.5, q97.5``; ``months`` (low, median, high)
        gained up to the horizon, NaN where not defined; label, assumption, counts; ``reason`` why
        a rung was not estimated, empty where it was. The attribute ``notes`` says where months
        count from and what a marked hazard ratio is.

    Examples
    --------
    With ``ladder``, a `bias_ladder` of the heart transplants without covariates:

    >>> data = ladder_data(ladder)
    >>> str(data["label"].values[0])
    'Ever against never treated, crude'
    >>> bool(data["q97.5"][0] < 1.0 < data["q97.5"][-1])
    True
    """
    rungs, used = result.rungs, [rung.person_time for rung in result.rungs]
    own = result.spec.treatment
    treatment = "treatment" if own is None else result.spec.labels.of(own.name)
    months = [
        [np.nan] * 3
        if rung.rmst_difference is None
        else [rung.rmst_difference[name] for name in ("q2.5", "median", "q97.5")]
        for rung in rungs
    ]
    columns = {
        name: ("rung", [_exponential(rung, name) for rung in rungs])
        for name in ("median", "q2.5", "q97.5")
    }
    data = xr.Dataset(
        {
            **columns,
            "months": (("rung", "bound"), months),
            "label": ("rung", [rung_label(rung) for rung in rungs]),
            "assumption": ("rung", [rung.plan.assumption for rung in rungs]),
            "naive": ("rung", [rung.plan.rung == DesignKind.EVER_NEVER.value for rung in rungs]),
            "reason": ("rung", [rung.reason or "" for rung in rungs]),
            "patients": ("rung", [0 if rows is None else len(rows.patients) for rows in used]),
            "events": ("rung", [0 if rows is None else rows.events for rows in used]),
            "immortal": (
                "rung",
                [0.0 if rows is None else rows.provenance.immortal_months for rows in used],
            ),
        }
    )
    data.attrs = {
        "title": f"Effect of {treatment} in the same cohort, by design; {_drawn(result)}",
        "synthetic": int(result.synthetic),
        "notes": list(ladder_notes(result)),
    }
    if result.simulated is not None:
        low, high = np.exp(np.quantile(result.simulated.log_hr, [0.025, 0.975]))
        data.attrs |= {"null_low": float(low), "null_high": float(high)}
    return data


def _drawn(result: LadderResult) -> str:
    """What the figure shows: months, or the hazard of one cause alone."""
    if result.cause is not None:
        return f"hazard of {result.cause.name}"
    return f"months gained up to month {result.horizon:g}"


def ladder_notes(result: LadderResult) -> tuple[str, ...]:
    """Return what has to be said under a table or figure of the ladder.

    Parameters
    ----------
    result : LadderResult
        A bias ladder.

    Returns
    -------
    tuple of str
        Where months count from, or of which cause hazard ratios are; what a marked one is.

    Examples
    --------
    With ``ladder``, a `bias_ladder` of the heart transplants without covariates:

    >>> ladder_notes(ladder)
    ('Months count from time zero, in landmark rungs from the landmark.',)
    """
    used = {rung.plan.treatment.design for rung in result.rungs}
    others = [words for design, words in _OTHER_CLOCKS.items() if design in used]
    months = ", ".join(["Months count from time zero", *others]) + "."
    notes = [months if result.cause is None else result.cause.brief]
    if any(rung.plan.states is not None for rung in result.rungs):
        notes.append(
            "* Hazard ratio given response: of one hazard, not of the strategies; the months "
            "gained are those of the strategies."
        )
    marked = {rung.overlap for rung in result.rungs}
    notes += [text for overlap, text in _MARKED.items() if overlap in marked]
    return tuple(notes)


def ladder_sentences(result: LadderResult, *, brief: bool = False) -> tuple[str, ...]:
    """Return what the ladder says, in plain words.

    Parameters
    ----------
    result : LadderResult
        A bias ladder.
    brief : bool
        Leave out what `--tables` tells rung by rung: months by what is compared, arms that cannot
        be compared, the fewest effective patients.

    Returns
    -------
    tuple of str
        What is missing; the naive contrast and immortal time; what is left; what cannot be told.

    Examples
    --------
    With ``ladder``, a `bias_ladder` of the heart transplants without covariates:

    >>> any("immortal time removed" in sentence for sentence in ladder_sentences(ladder))
    True
    """
    naive, rest = result.rungs[0], [rung for rung in result.rungs[1:] if rung.estimated]
    immortal = result.naive_rows.provenance.immortal_months
    ratio = f"hazard ratio {_ratio(naive)}" if naive.estimated else "not estimated"
    found = [
        *ladder_incomplete(result),
        f"The naive contrast ({ratio}) credits {immortal:,.0f} person-months to treatment that "
        "patients lived before they were treated.",
    ]
    if result.simulated is not None:
        low, middle, high = np.exp(np.quantile(result.simulated.log_hr, [0.025, 0.5, 0.975]))
        found.append(
            f"Without any effect, cohorts like this one show a naive hazard ratio of {middle:.2f} "
            f"({low:.2f} to {high:.2f}); {_as_extreme(result.simulated)}."
        )
    found += _what_is_left(_compared(result), result.horizon, brief=brief)
    found += [] if brief else _not_comparable(rest)
    found += [response_sentence(rung) for rung in rest if rung.by_response is not None]
    found += [] if brief else _fewest(rest)
    found += [*unlike_fit(result.spec, rest), scale_sentence()]
    found.append(
        "What was not measured can still bias every rung; each rests on the assumption in its line."
    )
    return tuple(found)


def ladder_incomplete(result: LadderResult) -> tuple[str, ...]:
    """Return which parts of a ladder are missing.

    Parameters
    ----------
    result : LadderResult
        A bias ladder.

    Returns
    -------
    tuple of str
        What stands first wherever the ladder is told: one sentence of the rungs, one of the null
        simulation; empty where nothing is missing.

    Examples
    --------
    With ``ladder``, a `bias_ladder` of the heart transplants without covariates:

    >>> ladder_incomplete(ladder)
    ()
    """
    lost = [
        replace(rung.failure, part=rung_label(rung))
        for rung in result.rungs
        if rung.failure is not None
    ]
    told = missing(lost, len(result.rungs), "rungs")
    if not isinstance(result.null, Failure):
        return told
    return (*told, f"INCOMPLETE: the {result.null.part} is missing: {result.null}")


def _not_comparable(rungs: list[Rung]) -> list[str]:
    """Say which weighted rungs tell nothing of whom they were weighted to."""
    names = [f"'{rung_label(rung)}'" for rung in rungs if rung.overlap is Overlap.FAILED]
    if not names:
        return []
    verb = "says" if len(names) == 1 else "say"
    return [f"{', '.join(names)} {verb} nothing of the effect: the arms cannot be compared."]


def _as_extreme(null: NullSimulation) -> str:
    share, count = null.prob_as_extreme, len(null.log_hr)
    how_many = f"{share:.0%}"
    if share == 0.0:
        how_many = "none"
    elif share < 0.01:
        how_many = "fewer than 1 %"
    verb = "show" if share > 0.0 else "shows"
    lost = f" (of {count:,}; {null.without_mode:,} more had no mode)" if null.without_mode else ""
    return f"{how_many} of them{lost} {verb} one at least as {null.tail} as here"


def _what_is_left(rest: list[Rung], horizon: float, *, brief: bool) -> list[str]:
    """Say what rungs without immortal time show, those that adjust where there are any."""
    sound = _sound(rest)
    adjusting = [rung for rung in sound if _adjusts(rung)]
    if not sound:
        return ["No rung without immortal time could be estimated: nothing is known of the effect."]
    removed = f"immortal time removed and {_adjusted(sound, crude=not adjusting)}"
    with_months = adjusting + [r for r in rest if r.plan.states is not None] or sound
    told = [rung for rung in with_months if not rung.plan.no_months]
    return [
        f"What follows is with {removed}.",
        *months_sentences(told, horizon, brief=brief),
        f"A hazard ratio below 1, by {counted(len(sound), 'such rung', 'such rungs')}: "
        f"{_answers(sound)}.",
    ]


def _answers(rungs: list[Rung]) -> str:
    """How many rungs give which answer."""
    chances = map(chance_of_benefit, rungs)
    given = Counter(decide(chance) for chance in chances if chance is not None)
    if len(given) == 1:
        (only,) = given
        return f"{only.words} by {'all' if len(rungs) > 1 else 'it'}"
    return ", ".join(f"{found.words} by {given[found]}" for found in Decision if given[found])


def sound_rungs(result: LadderResult) -> list[Rung]:
    """Return the rungs without immortal time whose arms can be compared, those that adjust first.

    Parameters
    ----------
    result : LadderResult
        A bias ladder.

    Returns
    -------
    list of Rung
        Crude ones only where none adjusts; empty where none could be estimated.
    """
    return _sound(_compared(result))


def _compared(result: LadderResult) -> list[Rung]:
    rest = [rung for rung in result.rungs[1:] if rung.estimated]
    return [rung for rung in rest if rung.overlap is not Overlap.FAILED]


def _sound(rest: list[Rung]) -> list[Rung]:
    comparable = [rung for rung in rest if rung.plan.states is None]
    return [r for r in comparable if _adjusts(r)] or comparable


def _adjusts(rung: Rung) -> bool:
    return rung.plan.adjustment != CRUDE and bool(rung.plan.adjusted_for)


def _adjusted(rungs: list[Rung], *, crude: bool) -> str:
    """Name what was adjusted for; of crude rungs, that nothing was."""
    sets: dict[frozenset[str], str] = {}
    for rung in rungs:
        told = ", ".join(map(rung.plan.model.labels.of, rung.plan.adjusted_for))
        sets.setdefault(frozenset(rung.plan.adjusted_for), told)
    names = " or for ".join(text for text in sets.values() if text)
    if not crude:
        return f"adjusted for {names}"
    return f"nothing adjusted for but {names}" if names else "nothing adjusted for"


def _fewest(rungs: list[Rung]) -> list[str]:
    """Say which weighted comparison rests on the fewest effective patients."""
    sizes = [
        (size, arm, rung_label(rung))
        for rung in rungs
        for size, arm in zip(rung.ess or (), ("treated", "untreated"), strict=False)
    ]
    if not sizes:
        return []
    size, arm, label = min(sizes)
    return [
        f"The least certain weighted comparison is '{label}': it rests on effectively {size:.0f} "
        f"{arm} patients."
    ]


def _exponential(rung: Rung, name: str) -> float:
    """Return a summary of the hazard ratio, NaN where there is none."""
    return np.nan if rung.log_hr is None else float(np.exp(rung.log_hr[name]))


def _ratio(rung: Rung) -> str:
    middle, low, high = (_exponential(rung, name) for name in ("median", "q2.5", "q97.5"))
    return f"{middle:.2f}, {low:.2f} to {high:.2f}"
