"""What each rung of the ladder compares, and what it gains through response, in words.

A rung compares two strategies, in whom, over which months. Rungs that compare the same are told
together; months of others answer another question, and hazard ratios of different designs are no
estimates of one number even where all are right.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bayes_ihlrt.estimands.curves import treated_from
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.ladder.rung import Rung, Summary
from bayes_ihlrt.ladder.rungs import CRUDE, WEIGHTS
from bayes_ihlrt.names import Crossover, DesignKind, EstimandTarget
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.ladder import ladder_hazard
from bayes_ihlrt.spec.states import StatesSpec


def response_sentence(rung: Rung) -> str:
    """Return what a rung gains through response and what given response, in a sentence.

    Parameters
    ----------
    rung : Rung
        With `by_response`.

    Returns
    -------
    str
        Months with their 95 % intervals.
    """
    paths, total = rung.by_response, rung.rmst_difference
    if paths is None or total is None:
        message = "the rung has no response"
        raise AssertionError(message)
    response = "response" if rung.plan.states is None else _switch(rung.plan.states)
    if paths.log_hr_response is None:
        return (
            f"All of the {_gained(total)} months gained are gained given {response}: treatment is "
            f"taken not to change the hazard of {response}."
        )
    middle, low, high = (np.exp(paths.log_hr_response[q]) for q in ("median", "q2.5", "q97.5"))
    return (
        f"Of the {_gained(total)} months gained, {_gained(paths.through)} are gained through "
        f"{response}, whose hazard treatment multiplies by {middle:.2f} ({low:.2f} to "
        f"{high:.2f}), and {_gained(paths.given)} "
        f"given {response}, with that path cut."
    )


def _switch(states: StatesSpec) -> str:
    return "response" if states.response is None else states.response.switch


def _gained(months: Summary) -> str:
    return f"{months['median']:+z.1f} ({months['q2.5']:+z.1f} to {months['q97.5']:+z.1f})"


_WHO: Final = {
    EstimandTarget.ATO.value: "those who might as well have been treated as not",
    EstimandTarget.ATT.value: "the treated",
    EstimandTarget.ATE.value: "everybody",
    EstimandTarget.ATM.value: "those whom one-to-one matching would keep",
    EstimandTarget.ENTROPY.value: "those whose treatment was open",
}


_DIFFERENT: Final = (
    "These rungs answer different questions, in other people or over other months: the tables "
    "tell what each compares. Hazard ratios of different designs are not to be compared."
)
_KINDS: Final = {
    "NO OVERLAP": "NO OVERLAP, the weighted arms cannot be compared: nothing is told of the "
    "effect.",
    "POOR OVERLAP": "POOR OVERLAP, the weighted arms can hardly be compared.",
    "PS separation": "PS separation, a covariate tells some treated from the untreated without "
    "error.",
    "NO EVENT": "NO EVENT in an arm, where the hazard ratio lies is largely the prior's answer.",
    "FEW RESPONSES": "FEW RESPONSES under treatment, months gained through response are largely "
    "the prior's.",
    "RESPONSE UNAFFECTED": "RESPONSE UNAFFECTED by treatment, no month is gained through it.",
    "HELD AT TIME ZERO": "HELD AT TIME ZERO, covariates that change keep their first value.",
}
"""How warnings of rungs begin, and what is said of each kind in a line; the worst first."""
_RANK: Final = {line: place for place, line in enumerate(_KINDS.values())}


def warned_of(rungs: Sequence[Rung]) -> list[str]:
    """Return what has to be known of rungs before they are believed, a line a kind.

    Parameters
    ----------
    rungs : sequence of Rung
        All rungs.

    Returns
    -------
    list of str
        With the number of rungs, and where each is told whole; empty where nothing has to be.
    """
    found = Counter(kind for rung in rungs for kind in dict.fromkeys(map(_kind, rung.told)))
    worst_first = sorted(found, key=lambda line: _RANK.get(line, -1))
    lines = [f"{counted(found[line], 'rung', 'rungs')}: {line}" for line in worst_first]
    whole = "The tables tell of which rungs, by how much, and what to do."
    return [*lines, whole] if lines else []


def _kind(warning: str) -> str:
    """What is said of a kind; the warning itself where it is of none."""
    return next((told for head, told in _KINDS.items() if warning.startswith(head)), warning)


@dataclass(frozen=True)
class Target:
    """What a rung compares.

    Parameters
    ----------
    treated, control : str
        The two strategies.
    population : str
        In whom.
    window : str
        Over which months.
    """

    treated: str
    control: str
    population: str
    window: str

    @property
    def words(self) -> str:
        """The comparison in one line."""
        return f"{self.treated} against {self.control}, in {self.population}, {self.window}"


def target_of(rung: Rung, horizon: float) -> Target:
    """Return what a rung compares.

    Parameters
    ----------
    rung : Rung
        A rung of the ladder.
    horizon : float
        Months over which survival time is compared.

    Returns
    -------
    Target
        Two strategies, the population and the window: all follow-up where no months are told.
    """
    treatment, ends = rung.plan.treatment, not rung.plan.no_months
    who = "everybody" if rung.target is None else _WHO[rung.target]
    zero = f"months 0 to {horizon:g}" if ends else "over all follow-up"
    if rung.plan.grace is not None:
        return Target(f"treated within {rung.plan.grace:g} months", "never treated", who, zero)
    if treatment.design is DesignKind.LANDMARK:
        month = float(rung.plan.rung.rpartition("-")[2])
        whom = f"{who}, of those at risk at month {month:g}"
        window = f"months {month:g} to {month + horizon:g}" if ends else "from the landmark"
        by = f"by month {month:g}"
        return Target(f"treated {by}", f"not treated {by} (some are later)", whom, window)
    if treatment.design is DesignKind.SEQUENTIAL:
        later = treatment.crossover is Crossover.IGNORE
        control = "not then (some are later)" if later else "not then nor later"
        whom = f"{who}, at each decision"
        window = f"{horizon:g} months from it" if ends else "from the decision"
        return Target("treated at a decision", control, whom, window)
    treated = f"treated {treated_from(rung.plan.treat_from).name}"
    return Target(treated, "never treated", who, zero)


def unlike_fit(spec: AnalysisSpec, rungs: Sequence[Rung]) -> list[str]:
    """Return in what the rungs differ from `fit` of the same specification.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rungs : sequence of Rung
        Estimated rungs.

    Returns
    -------
    list of str
        One sentence; empty where they do not.
    """
    own, theirs = spec.outcome.hazard, ladder_hazard(spec.ladder)
    told = []
    if own != theirs:
        told.append(f"the rungs have a {theirs.family} baseline hazard and `fit` a {own.family}")
    held = {name for rung in rungs for name in rung.plan.adjusted_for}
    for adjustment, words in ((CRUDE, "crude"), (WEIGHTS, "weighted")):
        kept = [set(r.plan.adjusted_for) for r in rungs if r.plan.adjustment == adjustment]
        gone = sorted(held.intersection(_names(spec)) - set().union(*kept)) if kept else []
        if gone:
            told.append(f"{words} rungs leave out {', '.join(map(spec.labels.of, gone))}")
    if spec.treatment is not None and rungs:
        designs = {rung.plan.treatment.design for rung in rungs} - {spec.treatment.design}
        if designs:
            told.append(
                f"only rungs of the design '{spec.treatment.design.value}' ask what `fit` asks"
            )
    return [f"Why `fit` may answer differently: {'; '.join(told)}."] if told else []


def _names(spec: AnalysisSpec) -> set[str]:
    """What the outcome model holds beside treatment and modifier."""
    return {*spec.outcome.parsed.columns, *(term.group for term in spec.outcome.groups)}


def months_sentences(rungs: Sequence[Rung], horizon: float, *, brief: bool = False) -> list[str]:
    """Return the months gained, rungs that compare the same told together.

    Parameters
    ----------
    rungs : sequence of Rung
        Estimated rungs that are to be told.
    horizon : float
        Months over which survival time is compared.
    brief : bool
        Of several comparisons tell that they are several.

    Returns
    -------
    list of str
        One sentence a comparison; that they answer different questions where there are several;
        how many rungs tell no months.
    """
    groups: dict[Target, list[dict[str, float]]] = {}
    for rung in rungs:
        if rung.rmst_difference is not None:
            groups.setdefault(target_of(rung, horizon), []).append(rung.rmst_difference)
    if brief and len(groups) > 1:
        return [_DIFFERENT]
    told = [f"Months gained, {target.words}: {_range(found)}." for target, found in groups.items()]
    if len(groups) > 1:
        told.append(
            "These are different questions, whose answers differ where all are right: compare "
            "rungs within one line only, and hazard ratios of different designs not at all."
        )
    silent = sum(rung.rmst_difference is None for rung in rungs)
    if silent:
        verb = "tells" if silent == 1 else "tell"
        told.append(f"{counted(silent, 'rung', 'rungs')} {verb} no months, for the reason given.")
    return told


def _range(found: Sequence[dict[str, float]]) -> str:
    if len(found) == 1:
        (one,) = found
        return f"{one['median']:+z.1f} ({one['q2.5']:+z.1f} to {one['q97.5']:+z.1f})"
    middle = [summary["median"] for summary in found]
    low, high = (f"{value:+z.1f}" for value in (min(middle), max(middle)))
    between = low if low == high else f"between {low} and {high}"
    return f"{between} by {len(found)} rungs"
