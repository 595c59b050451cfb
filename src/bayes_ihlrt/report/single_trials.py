"""Single trials: a simulated one shown again, fits done again by chains, the running one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from rich.console import Console
from rich.text import Text

from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.interim.monitor import InterimResult
from bayes_ihlrt.interim.words import (
    interim_answer,
    interim_effects,
    interim_facts,
    interim_rules,
)
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.plots.saving import DPI
from bayes_ihlrt.priors import Z_975
from bayes_ihlrt.report.document import Section
from bayes_ihlrt.report.studies import answer_tables
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.report.writing import write_summary
from bayes_ihlrt.results.files import Parts, write_parts
from bayes_ihlrt.results.outputs import Output
from bayes_ihlrt.results.table import plain_table
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.brief import BriefFile
from bayes_ihlrt.schema.interim import InterimFile
from bayes_ihlrt.storage.claims import replace_file
from bayes_ihlrt.trials.corrected import LEAST_FITS
from bayes_ihlrt.trials.replay import Replay, replay_data


def print_replay(console: Console, replay: Replay, *, written: Path | None = None) -> None:
    """Print one trial.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    replay : Replay
        The trial.
    written : Path, optional
        File of the figure, where it was drawn.
    """
    console.print(Text(f"Simulated: no patient is in it. {replay.looks.attrs['title']}", "bold"))
    for place, number in enumerate(replay.looks["look"].to_numpy().tolist()):
        look = replay.looks.isel(look=place)
        events = int(look["events_control"]) + int(look["events_treated"])
        mean, sd = (float(look[name].isel(target=0)) for name in ("mean", "sd"))
        console.print(
            Text(
                f"look {number}, month {float(look['months']):.1f}: {int(look['enrolled'])} "
                f"patients, {events} {look.attrs['events']}, hazard ratio {np.exp(mean):.2f} "
                f"({np.exp(mean - Z_975 * sd):.2f}-{np.exp(mean + Z_975 * sd):.2f})"
            )
        )
    for rule in replay.trace:
        console.print(Text(str(rule)))
    if written is not None:
        console.print(Text(f"Written: {written}"))


def draw_replay(replay: Replay, out: Path) -> None:
    """Draw one trial.

    Parameters
    ----------
    replay : Replay
        The trial.
    out : Path
        File of the figure.

    Raises
    ------
    InputError
        The file cannot be written.
    """
    form = out.suffix.removeprefix(".") or "png"
    figure = PLOTS["trial_replay"](replay_data(replay))
    replace_file(out, lambda file: figure.savefig(file, dpi=DPI, format=form))


def audit_sentences(audit: Mapping[str, Any]) -> list[str]:
    """Return what was found by NUTS, rule by rule, and what was not looked at.

    Parameters
    ----------
    audit : mapping
        ``audit`` of ``result.json``.

    Returns
    -------
    list of str
        Fits, every rule at its threshold, every probability of stopping corrected.
    """
    told = ["No fit was audited by NUTS."]
    if audit["fits"]:
        chains = "all chains converged"
        if audit["not_converged"]:
            chains = f"the chains of {audit['not_converged']} of them DID NOT CONVERGE"
        told = [
            f"Audit: {audit['fits']:,} of {audit['of']:,} fits, {audit['near']:,} of them near a "
            "threshold (1 %, at least 20 and at most 200, unless another number was asked for), "
            f"redone by NUTS; {chains}; probabilities differ by {audit['mean_difference']:.4f} on "
            f"average and {audit['max_difference']:.4f} at most (Monte Carlo error "
            f"{audit['max_difference_mcse']:.4f}); decisions changed in "
            f"{audit['decisions_changed']}."
        ]
        told += [_rule(rule) for rule in audit["rules"]]
        told += [_share(share) for share in audit["corrected"]]
    if audit["left_out"]:
        rules = "; ".join(audit["left_out"])
        told.append(f"Not audited, being about data that are yet to come: {rules}.")
    if audit["without"]:
        told.append(f"Not audited, no fit of them being redone: {'; '.join(audit['without'])}.")
    return told


def _rule(rule: Mapping[str, Any]) -> str:
    """One rule at its threshold; a positive shift is a posterior too sure of the statement."""
    gross = f", {counted(rule['gross'], 'fit', 'fits')} off by more than 0.05"
    where = f"  {rule['design']} / {rule['scenario']}, look {rule['look']}, {rule['rule']}: "
    if rule["fits"] < LEAST_FITS and not rule["off"]:
        return f"{where}cannot tell from {counted(rule['fits'], 'fit', 'fits')}."
    return (
        f"{where}simulated deviates {rule['shift']:+.3f} (+/- {rule['se']:.3f}) off at the "
        f"threshold, {counted(rule['fits'], 'fit', 'fits')}{gross if rule['gross'] else ''}"
        f"{': OFF' if rule['off'] else ''}."
    )


def _share(share: Mapping[str, Any]) -> str:
    where = "" if share["look"] is None else f" at look {share['look']}"
    return (
        f"  {share['design']} / {share['scenario']}: {share['ending']}{where} "
        f"{share['simulated']['estimate']:.2%} as simulated, {_interval(share['corrected'], 2)} "
        "corrected."
    )


def _interval(found: Mapping[str, float], digits: int) -> str:
    middle, low, high = (f"{found[part]:.{digits}%}" for part in ("estimate", "low", "high"))
    return f"{middle} ({low} to {high})"


def failed_audit(audit: Mapping[str, Any]) -> list[str]:
    """Return at which looks simulated posteriors are wrong, and which way.

    Parameters
    ----------
    audit : mapping
        ``audit`` of ``result.json``.

    Returns
    -------
    list of str
        Nothing where the audit passed or was not done.

    Examples
    --------
    >>> rule = {"look": 1, "scenario": "hr 0.5", "design": "small", "shift": -0.21, "se": 0.02,
    ...         "rule": "P(hazard ratio < 1) > 0.9985", "gross": 0, "off": True}
    >>> failed_audit({"verdict": "failed", "rules": [rule]})[0].split(":")[0]
    'AUDIT FAILED'
    """
    off = [rule for rule in audit["rules"] if rule["off"]]
    if not off:
        return []
    told = "; ".join(_direction(rule) for rule in off[:_RULES])
    more = f"; and {counted(len(off) - _RULES, 'more', 'more')}" if len(off) > _RULES else ""
    return [
        f"AUDIT FAILED: Markov chains say otherwise than the simulated posteriors: {told}{more}. "
        "Do not use the simulated shares; those corrected stand below."
    ]


_RULES: Final = 3


def _direction(rule: Mapping[str, Any]) -> str:
    """Whether a rule is met too often or too rarely, and by how much."""
    often = (rule["shift"] > 0.0) == (" > " in rule["rule"].rpartition(")")[2])
    where = f"{rule['design']} / {rule['scenario']}, look {rule['look']}"
    gross = f", {counted(rule['gross'], 'fit', 'fits')} off by more than 0.05"
    return (
        f"{where}, {rule['rule']} is met too {'often' if often else 'rarely'}, by "
        f"{abs(rule['shift']):.2f} deviates (standard error {rule['se']:.2f})"
        f"{gross if rule['gross'] else ''}"
    )


def audit_summary(audit: Mapping[str, Any], design: str | None = None) -> list[str]:
    """Return what checking fits against Markov chains changed.

    Parameters
    ----------
    audit : mapping
        ``audit`` of ``result.json``.
    design : str, optional
        Whose corrected success is told; every design's without it.

    Returns
    -------
    list of str
        The verdict and success corrected; or that nothing was checked.

    Examples
    --------
    >>> audit_summary({"fits": 0})
    ['No fit was checked against Markov chains.']
    """
    if not audit["fits"]:
        return ["No fit was checked against Markov chains."]
    changed, strayed = audit["decisions_changed"], audit["not_converged"]
    fits = counted(audit["fits"], "fit was", "fits were")
    told = [
        f"{_verdict(audit)}{fits} done again by Markov chains, {audit['near']:,} of them near a "
        f"threshold; "
        f"{counted(changed, 'decision', 'decisions')} changed."
    ]
    shares = [
        share for share in audit["corrected"] if share["told"] and design in {None, share["design"]}
    ]
    if shares:
        each = "; ".join(
            f"{'' if design else share['design'] + ' / '}{share['scenario']} "
            f"{_interval(share['corrected'], 1)}"
            for share in shares
        )
        told.append(f"Success corrected for what the chains say: {each}.")
    if strayed:
        told.append(
            f"The chains of {counted(strayed, 'fit', 'fits')} did not converge: there the "
            "comparison says nothing."
        )
    if audit["left_out"]:
        told.append(f"The audit does not compare: {'; '.join(audit['left_out'])}.")
    return told + _not_passed(audit)


def _verdict(audit: Mapping[str, Any]) -> str:
    verdict = audit["verdict"]
    if verdict == "passed in part":
        enough = sum(rule["fits"] >= LEAST_FITS for rule in audit["rules"])
        every = len(audit["rules"]) + len(audit["without"])
        return f"Audit passed for {enough} of {every} rules: "
    return _VERDICTS[verdict]


def _not_passed(audit: Mapping[str, Any]) -> list[str]:
    """Return of which rules an audit says nothing, there being too few fits of them."""
    few = sum(rule["fits"] < LEAST_FITS and not rule["off"] for rule in audit["rules"])
    none = len(audit["without"])
    if not few and not none:
        return []
    parts = [f"{few} with fewer than {LEAST_FITS} fits redone"] if few else []
    parts += [f"{none} with none"] if none else []
    return [
        f"The audit cannot tell of {counted(few + none, 'rule', 'rules')} ({', '.join(parts)}), "
        "and corrects nothing that rests on them: have more fits audited."
    ]


_VERDICTS: Final = {
    "passed": "Audit passed: ",
    "failed": "AUDIT FAILED: ",
    "cannot tell": "THE AUDIT CANNOT TELL, too few fits having been compared: ",
}


def write_interim(found: InterimResult, out: Path) -> tuple[Path, ...]:
    """Write ``result.json``, the plan and what was told of a running trial.

    Parameters
    ----------
    found : InterimResult
        The analysis.
    out : Path
        Folder; made if it is not there.

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    answer = interim_answer(found)
    brief = {"schema": 1, "of": "interim", "name": found.plan.name, "summary": answer}
    parts: Parts = {
        "result.json": writes(InterimFile, found.to_dict),
        "plan.toml": lambda file: file.write_text(found.plan.to_toml(), "utf-8"),
        "report.json": writes(BriefFile, lambda: brief),
        "summary.txt": lambda file: write_summary(
            file, lambda console: print_summary(console, answer)
        ),
    }
    return write_parts(parts, out)


def interim_sections(output: Output) -> list[Section]:
    """Return the section of a running trial.

    Parameters
    ----------
    output : Output
        What `interim` wrote.

    Returns
    -------
    list of Section
        Verdict, rules, estimates and continuations.
    """
    result = output.result
    tables = [
        *answer_tables(output, "interim-answer", "What may come of each continuation"),
        plain_table(
            "interim-rules", "Rules of the look, at the data so far", interim_rules(result)
        ),
        plain_table("interim-estimates", "The effect so far", interim_effects(result)),
    ]
    if result["continuations"]:
        title = "Continuations, the last look's rule applied"
        facts = interim_facts(result, stopped=output.plan.interim.accrual_stopped)
        tables.append(plain_table("interim-continuations", title, facts))
    answer = output.brief["summary"]
    told = (*answer["first"], *(line for part in answer["parts"] for line in part["told"]))
    return [Section("interim", "The running trial", told, tables=tuple(tables))]


def interim_summary(output: Output) -> list[str]:
    """Return what an interim analysis told, in sentences.

    Parameters
    ----------
    output : Output
        What `interim` wrote.

    Returns
    -------
    list of str
        Verdict, what it rests on, predictive probabilities of success.
    """
    ahead = [
        one
        for one in output.result["continuations"]
        if not one["at_mode"] and one["name"] != "enlarge"
    ]
    names = {"go on": "it goes on as planned", "stop accrual": "accrual stops and all are followed"}
    if output.plan.interim.accrual_stopped:
        names["go on"] = "those enrolled are followed on"
    told = [
        f"Success at the end, where {names[one['name']]}: {_interval(one['success'], 1)}."
        for one in ahead
    ]
    return [*output.brief["summary"]["first"], *told]
