"""A report as plain data: sections with sentences, tables and figures; nothing is laid out here."""

import base64
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bayes_ihlrt.results.table import Table

_ALT: Final = {
    "survival": "Posterior survival by strategy with 95 % bands, what was observed as thin lines "
    "(named in the legend), and numbers at risk. The numbers are in the table of survival.",
    "incidence": "Cumulative incidence of every cause by strategy, posterior median with 95 % "
    "band; thin steps are Aalen-Johansen estimates, dotted ones what one minus Kaplan-Meier would "
    "say, which is too high. The numbers are in the table of causes.",
    "hazard_ratio": "Hazard ratio of treatment over the effect modifier with its 95 % band, and "
    "the probability that it is below 1, after and before the data. The numbers are in the table "
    "of values of the modifier.",
    "forest": "Hazard ratio of every coefficient with its 95 % interval. The numbers are in the "
    "table of parameters.",
    "estimates": "One estimand at each horizon and value of the modifier, with its 95 % interval. "
    "Dashed: no difference.",
    "prior_posterior": "Prior and posterior density of every parameter. Where they are alike, the "
    "data say little.",
    "trace": "Draws of every chain in order, and their rank histograms, which are flat where "
    "chains agree.",
    "ladder": "Hazard ratio of every rung with its 95 % interval, and months gained. The numbers "
    "are in the table below.",
    "love": "Standardised mean difference of every covariate before and after weighting. The "
    "numbers are in the table of balance.",
    "connect_s": "Standardised mean differences within thirds of the modifier. The numbers are in "
    "the table of balance.",
    "overlap": "Distribution of propensities of treated and untreated.",
    "gain": "Posterior of months gained by treatment, in the cohort and at values of the effect "
    "modifier: how probable harm is, a gain that does not matter, and one that does.",
    "prior_survival": "Survival as the priors alone predict it, before any data.",
    "survival_check": "Observed survival beside survival simulated from the posterior.",
    "prior_grid": "The effect under other priors; where there are many, one of them changed at a "
    "time. The numbers are in the table of results under other priors.",
    "tipping_points": "The effect as the prior moves, and where the decision changes.",
    "subgroups": "Effect of treatment in each subgroup with its 95 % interval, beside the effect "
    "in everybody.",
    "effect_by_period": "Hazard ratio of treatment by time since it started, with 95 % intervals. "
    "Level where it does not change.",
    "hazard_check": "Events observed over events expected, over follow-up. One where the shape of "
    "the hazard is right.",
    "hazard_families": "Effect of treatment, and how well patients are predicted, under other "
    "baseline hazards.",
    "influence": "Pareto k of every patient, called by number: above 0.7 one patient carries much "
    "of the result.",
    "residuals": "Martingale residuals over every covariate with a smooth curve. Level where the "
    "covariate's form is right.",
    "risk_calibration": "Events of patients left out against events predicted, by predicted "
    "risk. On the diagonal where predictions are right.",
    "confounding_contour": "Probability of benefit if an unmeasured confounder had this hazard "
    "ratio and this share among the untreated.",
    "specification_curve": "The effect under every other hazard, set of covariates, design and "
    "population, in order.",
    "curve": "Share of trials that succeed as one thing changes, with Monte Carlo intervals.",
    "stopping": "When trials stop, and for which reason.",
    "convergence": "Operating characteristics as trials are added: settled where the lines are "
    "level.",
    "conduct": "Patients and events over calendar time.",
    "decisions": "Posterior probabilities at each look, with the limits of the rules.",
    "replay": "One simulated trial: its data and decisions at each look.",
    "success": "Probability of success by design and scenario, with Monte Carlo intervals. The "
    "numbers are in the table of operating characteristics.",
    "flow": "Patients in the data, who was left out, who was analysed, and how each arm ended. The "
    "numbers are in the table of patients in the design.",
    "treatment_starts": "Cumulative share of patients who started treatment, and of those who had "
    "the event before any, with the number untreated and followed.",
    "swimmer": "One line a patient, by number and not by name: untreated and treated months, and "
    "how follow-up ended.",
    "weight_sums": "Sums of the clones' weights over time, against the number naturally at risk.",
}
_WIDE: Final = frozenset(
    {"incidence", "ladder", "trace", "prior_posterior", "connect_s", "prior_grid"}
)


@dataclass(frozen=True)
class Figure:
    """A picture in a report.

    Parameters
    ----------
    name : str
        Unique in a report.
    alt : str
        What it shows, for those who do not see it.
    source : str
        The picture as a ``data:`` address.
    wide : bool
        Whether it needs more width than a phone has.
    """

    name: str
    alt: str
    source: str
    wide: bool


@dataclass(frozen=True)
class Section:
    """A part of a report.

    Parameters
    ----------
    anchor : str
        Unique in a report.
    title : str
        Heading.
    sentences : tuple of str
        One paragraph each.
    warnings : tuple of str
        What has to be known first.
    tables : tuple of Table
        In this order.
    figures : tuple of Figure
        In this order.
    verbatim : str
        Text that is shown as it is, such as a specification.
    folded : bool
        Whether it is shown only when it is asked for.
    """

    anchor: str
    title: str
    sentences: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    figures: tuple[Figure, ...] = ()
    verbatim: str = ""
    folded: bool = False


def embedded(files: Iterable[Path]) -> tuple[Figure, ...]:
    """Return pictures that travel inside the report.

    Parameters
    ----------
    files : iterable of Path
        PNG files, named after what they show.

    Returns
    -------
    tuple of Figure
        In the same order.
    """
    return tuple(
        Figure(
            name=file.stem,
            alt=alternative(file.stem),
            source="data:image/png;base64," + base64.b64encode(file.read_bytes()).decode("ascii"),
            wide=file.stem in _WIDE,
        )
        for file in files
    )


def alternative(name: str) -> str:
    """Return what a figure shows, in words.

    Parameters
    ----------
    name : str
        Of its file, or of the function that draws it; of several of a kind the number is left out.

    Returns
    -------
    str
        For those who do not see it, and below it.

    Examples
    --------
    >>> alternative("conduct_2") == alternative("trial_conduct")
    True
    """
    name = {"trial_curves": "curve"}.get(name, name.removeprefix("trial_"))
    known = _ALT.get(name) or _ALT.get(re.sub(r"_\d+$", "", name))
    return known or f"Figure: {name.replace('_', ' ')}."


def anchors(sections: Iterable[Section]) -> frozenset[str]:
    """Return what can be pointed at.

    Parameters
    ----------
    sections : iterable of Section
        Of a report.

    Returns
    -------
    frozenset of str
        Anchors of sections, ``table-<name>`` and ``figure-<name>``.
    """
    parts = list(sections)
    return frozenset(
        [section.anchor for section in parts]
        + [f"table-{table.name}" for section in parts for table in section.tables]
        + [f"figure-{figure.name}" for section in parts for figure in section.figures]
    )
