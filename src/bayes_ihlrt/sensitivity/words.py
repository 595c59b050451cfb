"""What a conclusion depends on, in a few sentences."""

from collections.abc import Collection, Mapping
from typing import Final

import numpy as np

from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.sensitivity.confounding import weakest
from bayes_ihlrt.sensitivity.decisions import CheckResult, differ
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.verdicts import Decision, scale_sentence

_NO_ANSWER: Final = (
    "The analysis as stated could not be computed: what its answer depends on is not known."
)


def verdict(
    spec: AnalysisSpec, checks: Mapping[str, CheckResult], failed: Collection[str] = ()
) -> tuple[str, ...]:
    """Return what the answer about the hazard ratio and about survival time depends on.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    checks : mapping of str to CheckResult
        The studies.
    failed : collection of str
        Names of those that could not be done.

    Returns
    -------
    tuple of str
        For each of the two questions the answer as stated, then what changes it and what does not;
        without the study of the priors there is no answer as stated.
    """
    found = [_NO_ANSWER]
    if "grid" in checks:
        found = [*_answers(spec, checks), scale_sentence(spec.sensitivity.threshold)]
    found += _two_confounders(checks)
    if not {"latent"} & {*checks, *failed} and spec.treatment is not None:
        found.append(
            f"A latent confounder was not modelled: design '{spec.treatment.design.value}' does "
            "not follow every patient until treatment, which that model needs."
        )
    found.append("Changes within Monte Carlo error (two standard errors) are not counted.")
    found.append(
        "An answer that does not change under these alternatives can still be wrong for reasons "
        "that none of them has."
    )
    return tuple(found)


def about_answers(checks: Mapping[str, CheckResult]) -> int:
    """Return how many sentences of `verdict` are answers with what they depend on.

    Parameters
    ----------
    checks : mapping of str to CheckResult
        The studies.

    Returns
    -------
    int
        One a question; the sentence that there is none counts as one.
    """
    return len(_QUESTIONS) if "grid" in checks else 1


_QUESTIONS: Final = ("log_hazard_ratio", "rmst_difference")


def _answers(spec: AnalysisSpec, checks: Mapping[str, CheckResult]) -> list[str]:
    data = checks["grid"].data
    reference = None if spec.modifier is None else spec.modifier.reference
    ratio, months = _QUESTIONS
    first = ratio if reference is None else f"{ratio} at {reference:g}"
    found = []
    for label in (first, months):
        part = data.sel(quantity=label)
        statement = str(part["statement"].item())
        stated = str(part["decision"].to_numpy()[0])
        chance = float(part["probability"].to_numpy()[0])
        changes = [_prior(part), *_confounder(label, first, checks)]
        changes += _structure(label, checks)
        yes = [words for depends, words in changes if depends]
        no = [words for depends, words in changes if not depends]
        sentence = f"{statement[0].upper()}{statement[1:]}? As stated: {Decision(stated).words} "
        sentence += f"(probability {chance:.2f})."
        if yes:
            sentence += f" This answer depends on {_listed(yes)}."
        if no:
            sentence += f" It does not depend on {_listed(no)}."
        found.append(sentence)
    return found


def _prior(part: object) -> tuple[bool, str]:
    decisions = part["decision"].to_numpy()  # type: ignore[index]
    names = part["prior"].to_numpy()  # type: ignore[index]
    other = np.flatnonzero(part["changed"].to_numpy())  # type: ignore[index]
    if not len(other):
        return False, f"the {len(decisions)} choices of priors"
    chance = part["probability"].to_numpy()  # type: ignore[index]
    far = np.abs(chance - chance[0])
    alone = other[part["priors_changed"].to_numpy()[other] <= 1].tolist()  # type: ignore[index]
    worst = max(alone or other.tolist(), key=lambda i: far[i])
    example = f"furthest off{' among single changes' if alone else ''}: {names[worst]}"
    return True, (
        f"the priors (another answer under {len(other)} of {len(decisions)}; {example}, "
        f"probability {chance[worst]:.2f})"
    )


def _confounder(
    label: str, first: str, checks: Mapping[str, CheckResult]
) -> list[tuple[bool, str]]:
    if label != first or "confounding" not in checks:
        return []
    check = checks["confounding"]
    rows = check.rows
    data = checks["grid"].data
    stated = data.sel(quantity=first).isel({MEMBER: 0})
    pair = (float(stated["probability"]), float(stated["mcse"]))
    threshold = float(data.attrs["threshold"])
    other = [row for row in rows if differ(pair, (row["probability"], row["mcse"]), threshold)]
    if not other:
        return [(False, f"any of {len(rows)} unmeasured confounders")]
    least = weakest(other)
    return [
        (
            True,
            f"unmeasured confounding (a confounder of hazard ratio {least['strength']:g} that "
            f"{least['untreated']:.0%} of the untreated and {least['treated']:.0%} of the treated "
            f"have turns it into '{Decision(least['decision']).words}', probability "
            f"{least['probability']:.2f})",
        )
    ]


def _two_confounders(checks: Mapping[str, CheckResult]) -> list[str]:
    """Say why two analyses of one feared confounder may answer differently."""
    if not {"latent", "confounding"} <= set(checks):
        return []
    return [
        "The bias analysis and the latent model do not ask the same of the feared confounder: the "
        "first takes its shares among treated and untreated as stated and learns nothing; the "
        "second takes its effect on starting treatment as stated and lets the data correct what "
        "was believed. Where they differ, report both."
    ]


def _structure(label: str, checks: Mapping[str, CheckResult]) -> list[tuple[bool, str]]:
    if "structure" not in checks:
        return []
    rows = [row for row in checks["structure"].rows if row["quantity"] == label]
    done = [row for row in rows if row["decision"] is not None]
    if not any(row["changed"] is not None for row in done):
        return []
    other = [row for row in done if row["changed"]]
    if not other:
        return [(False, f"any of {len(done)} structures")]
    stated = float(checks["grid"].data.sel(quantity=label)["probability"].to_numpy()[0])
    worst = max(other, key=lambda row: abs(row["probability"] - stated))
    return [
        (
            True,
            f"structure (another answer under {len(other)} of {len(done)} analyses; furthest off: "
            f"{worst['analysis']}, probability {worst['probability']:.2f})",
        )
    ]


def _listed(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
