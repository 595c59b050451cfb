"""A trial plan on the terminal and in a folder."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.report.plan import (
    bending_designs,
    bias_sentences,
    followed_sentences,
)
from bayes_ihlrt.report.single_trials import audit_sentences, audit_summary, failed_audit
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.report.writing import figure_parts, write_summary
from bayes_ihlrt.results.files import (
    DERIVED_FILES,
    NOTHING,
    RESULT_FILES,
    Holding,
    Parts,
    held_names,
    write_each,
    write_parts,
)
from bayes_ihlrt.review.archive import PRIORS, write_priors
from bayes_ihlrt.review.frameworks import review_parts
from bayes_ihlrt.review.lines import curve_told, looks_told
from bayes_ihlrt.review.truths import bias_part
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.brief import BriefFile
from bayes_ihlrt.schema.plan import PlanFile
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.trial import Endpoint
from bayes_ihlrt.storage.claims import claimed
from bayes_ihlrt.trials.figures import plan_figures
from bayes_ihlrt.trials.operating import Estimated
from bayes_ihlrt.trials.plan import Cell, PlanResult, plan_dict, prior_sources
from bayes_ihlrt.trials.run import TrialPlanResult
from bayes_ihlrt.trials.units import FOLDER

_VARIANTS: Final = 3
"""Designs beside the plan's own that are told on the terminal."""
_READ: Final = (
    "+/- is one Monte Carlo standard error. Success is the type I error where one of the last "
    "look's rules claims what is false of the truth, else power where the truth is fixed; "
    "assurance where it is drawn."
)
"""How tables are read; no finding of the plan."""
_FITTED: Final = {"posterior.nc", "estimates.nc", "specification.toml"}
_OWN: Final = (RESULT_FILES - _FITTED) | DERIVED_FILES | {"plan.toml", PRIORS, FOLDER}
PLANS: Final = Holding(_OWN, "results of a plan", beside=frozenset({FOLDER}))
"""What is replaced in a folder of a plan; finished trials in it are read by their content."""


def check_plan_folder(out: Path, plan: TrialPlan) -> None:
    """Raise when a plan cannot be written to a folder.

    Finished trials and results of the same plan may be there: the run goes on from them.

    Parameters
    ----------
    out : Path
        The folder; it need not exist.
    plan : TrialPlan
        The plan that is to be run.

    Raises
    ------
    InputError
        It is a file, or holds the results of another plan or other files.
    """
    if out.exists() and not out.is_dir():
        raise InputError("output", [Fault(f"folder {out}", "it is a file", "Name a folder")])
    held = held_names(out)
    if foreign := sorted(held - _OWN):
        problem = f"it holds files that are no results: {', '.join(foreign[:5])}"
        raise InputError("output", [Fault(f"folder {out}", problem, "Name another folder")])
    if "plan.toml" in held and (out / "plan.toml").read_text("utf-8") != plan.to_toml():
        problem = "it holds the result of another plan, or of this one before it was changed"
        raise InputError("output", [Fault(f"folder {out}", problem, "Name another folder")])


@contextmanager
def claimed_plan(out: Path | None, plan: TrialPlan) -> Iterator[None]:
    """Be the only writer of a folder for a plan, from before the first trial.

    Parameters
    ----------
    out : Path or None
        The folder; None where nothing is written.
    plan : TrialPlan
        The plan that is to be run.

    Yields
    ------
    None
        What is in the folder is of this plan.

    Raises
    ------
    InputError
        See `check_plan_folder`; or another command writes to it.
    """
    if out is None:
        yield
        return
    check_plan_folder(out, plan)
    with claimed(out):
        check_plan_folder(out, plan)
        yield


def print_plan(console: Console, found: TrialPlanResult) -> None:
    """Print every table of a plan and what they mean.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    found : TrialPlanResult
        The plan.
    """
    result = found.result
    for endpoint in result.endpoints:
        console.print(Text(f"Endpoint: {endpoint.label}; events are {endpoint.events}."))
    console.print()
    console.print(_characteristics(found))
    for binding in dict.fromkeys(one for cell in result.cells for one in _binding(cell)):
        console.print(Text(binding))
    console.print()
    for cell in result.cells:
        console.print(Text(looks_told(cell)))
    for curve in result.curves:
        console.print(Text(curve_told(curve)))
    for failure in found.failures:
        console.print(Text(f"NOT COMPUTED, {failure.part}: {failure}", style="bold"))
    for sentence in (_READ, *plan_sentences(found), _speed(result)):
        console.print(Text(sentence))


def plan_answer(found: TrialPlanResult) -> dict[str, Any]:
    """Return the answer of a plan in about twenty-five lines.

    Parameters
    ----------
    found : TrialPlanResult
        The plan.

    Returns
    -------
    dict
        See `report.narrative.fit_summary`.
    """
    plan, cells = found.result.plan, found.result.cells
    designs: dict[str, list[Cell]] = {}
    for cell in cells:
        designs.setdefault(cell.design, []).append(cell)
    own, *others = designs.values()
    told = _shares(own)
    title = f"Would it find what is there? {told[0].upper()}{told[1:]}."
    variants = [f"'{cells[0].design}': {_shares(cells)}." for cells in others[:_VARIANTS]]
    if more := others[_VARIANTS:]:
        variants.append(f"{counted(len(more), 'design', 'designs')} more: see the tables.")
    parts: list[dict[str, Any]] = [
        {
            "title": title,
            "table": _success_table(own, found.result.lost.values()),
            "told": [
                f"That is of '{own[0].design}'; intervals are of Monte Carlo error.",
                *_binding(own[0]),
                *variants,
            ],
        }
    ]
    if depends := _depends(own):
        parts.append(depends)
    rows = [cell.found.to_dict() for cell in own]
    parts += [bias_part(rows, own[0].task.design)]
    parts += review_parts(rows, plan, plan_dict(found.result))
    first = [
        "SIMULATED TRIALS: no patient is in them, and every figure of the plan is an assumption.",
        *failed_audit(found.audit.to_dict()),
        *found.incomplete,
        f"{plan.name}{f': {plan.description}' if plan.description else ''}.",
        _rests_on(own[0]),
    ]
    parts.append({"title": "What to be careful about", "told": _careful(found)})
    return {"first": first, "number": None, "parts": parts}


def _binding(cell: Cell) -> list[str]:
    """Whether type I errors count on futility rules being followed, where there are any."""
    design = cell.task.design
    if design.free_futility:
        return [
            "Type I errors are those of a trial that goes on despite futility (non-binding); all "
            "else is of a trial that stops for it."
        ]
    if any(look.futility for look in design.looks):
        return ["Type I errors count on futility rules being followed (binding)."]
    return []


def _shares(cells: Sequence[Cell]) -> str:
    """How often one design succeeds, by what success is under each truth."""
    shares: dict[str, list[float]] = {}
    for cell in cells:
        shares.setdefault(cell.found.success_is, []).append(cell.found.success_told.estimate)
    return "; ".join(f"{meaning} {_range(values)}" for meaning, values in shares.items())


def _depends(cells: Sequence[Cell]) -> dict[str, Any] | None:
    """How often benefit is shown at values of the modifier; None where that is not read."""
    modifier, read = cells[0].task.design.modifier, cells[0].found.at_values
    if modifier is None or not read:
        return None
    values = " / ".join(f"{one.at:g}" for one in read)
    shown = "; ".join(
        f"{cell.scenario} {' / '.join(f'{one.shown.estimate:.1%}' for one in cell.found.at_values)}"
        for cell in cells
    )
    told = f"P(hazard ratio < 1) > {read[0].threshold:g} at {modifier.name} {values}: {shown}."
    return {"title": f"Does that depend on {modifier.name}?", "told": [told]}


def _success_table(
    cells: Sequence[Cell],
    lost: Iterable[Failure],
    *,
    designs: bool = False,
) -> dict[str, Any]:
    rows = [
        [
            f"{cell.design} / {cell.scenario}" if designs else cell.scenario,
            one.success_is,
            f"{success.estimate:.1%} ({success.low:.1%} to {success.high:.1%})",
            f"{one.futility.estimate:.1%}",
            *(_mean(value) for value in (one.expected_n, one.expected_events, one.expected_months)),
        ]
        for cell in cells
        for one, success in [(cell.found, cell.found.success_told)]
    ]
    rows += [[failure.part, "not computed", *[""] * 5] for failure in lost]
    events = (
        "deaths" if {cell.task.design.endpoint for cell in cells} == {Endpoint.OS} else "events"
    )
    where = "design / truth" if designs else "truth"
    free = any(cell.task.design.free_futility for cell in cells)
    futile = "futility, followed" if free else "futility"
    head = [where, "success is", "success (95 %)", futile, "patients", events, "months"]
    return {"head": head, "rows": rows}


def _rests_on(cell: Cell) -> str:
    """On how much a trial of the plan's own design rests, as simulated."""
    one, design = cell.found, cell.task.design
    parts = [
        f"{_whole(one.expected_events)} {design.endpoint.events}",
        f"{_whole(one.expected_n)} patients",
        f"{_whole(one.expected_months)} months",
    ]
    return (
        f"A trial of '{cell.design}' rests on {parts[0]} in {parts[1]} over {parts[2]}, on average "
        f"under '{cell.scenario}'; {one.trials:,} trials of each design under each truth."
    )


def _range(values: Sequence[float]) -> str:
    low, high = f"{min(values):.1%}", f"{max(values):.1%}"
    return low if low == high else f"{low} to {high}"


def _careful(found: TrialPlanResult) -> list[str]:
    """What changes how the shares are read; the rest stands in the tables."""
    sentences = plan_sentences(found)
    rows = [cell.found.to_dict() for cell in found.result.cells]
    audit = found.audit.to_dict()
    detail = {*bias_sentences(rows, ()), *followed_sentences(rows), *audit_sentences(audit)}
    told = [f"NOT COMPUTED, {failure.part}: {failure}" for failure in found.failures]
    told += [sentence for sentence in sentences if sentence not in detail]
    return told + audit_summary(audit, found.result.plan.name)


def plan_sentences(found: TrialPlanResult) -> list[str]:
    """Return what a reader has to know beside the table."""
    result, audit = found.result, found.audit.to_dict()
    told = [
        f"The effect of scenario '{one['scenario']}' comes from SYNTHETIC DATA ({one['data']}): no "
        "patient is in them."
        for one in prior_sources(result)
        if one["synthetic"]
    ]
    along = [one for curve in result.curves for row in curve.found.values() for one in row]
    every = [*(cell.found for cell in result.cells), *along]
    failed = sum(one.failed for one in every)
    if failed:
        causes = sorted({cause for one in every for cause in one.causes})
        told.append(f"{failed} trials had a failed fit ({', '.join(causes)}), which meets no rule.")
    rows = [cell.found.to_dict() for cell in result.cells]
    told += bias_sentences(rows, result.plan.scenarios, bending_designs(result.plan))
    told += followed_sentences(rows)
    told += audit_sentences(audit)
    if along:
        told.append("Fits of the curves were not audited.")
    if found.lost_workers:
        workers = counted(found.lost_workers, "worker was", "workers were")
        told.append(
            f"{workers} lost from the cluster; what was not finished ran again on others, with the "
            "same trials."
        )
    return told


def _speed(result: PlanResult) -> str:
    speed = result.simulated / result.seconds
    return f"{result.simulated:,} trials in {result.seconds:,.1f} s ({speed:,.0f} a second)."


def write_plan(found: TrialPlanResult, out: Path, *, also: Parts = NOTHING) -> tuple[Path, ...]:
    """Write ``result.json``, the plan and the figures; finished trials are there already.

    Parameters
    ----------
    found : TrialPlanResult
        The plan.
    out : Path
        Folder; made if it is not there.
    also : mapping of str to callable
        What else is written with it; see `results.files.write_parts`.

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    parts: Parts = {
        "result.json": writes(PlanFile, found.to_dict),
        "plan.toml": lambda file: file.write_text(found.result.plan.to_toml(), "utf-8"),
        PRIORS: lambda file: write_priors(found.result, file),
        "report.json": writes(BriefFile, lambda: _brief(found)),
        "summary.txt": lambda file: write_summary(
            file, lambda console: print_summary(console, plan_answer(found))
        ),
        "figures": lambda folder: write_each(figure_parts(plan_figures(found.result)), folder),
    }
    return write_parts({**parts, **also}, out)


def _brief(found: TrialPlanResult) -> dict[str, Any]:
    """What a report says of a plan beyond its numbers."""
    name = found.result.plan.name
    answer, lost = plan_answer(found), found.result.lost.values()
    # A page has room for every design.
    answer["parts"][0]["table"] = _success_table(found.result.cells, lost, designs=True)
    return {"schema": 1, "of": "plan", "name": name, "summary": answer}


def _characteristics(found: TrialPlanResult) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column("design / scenario")
    # Two endpoints, or one whose events have a long name, have them told above the table.
    deaths = found.result.endpoints == (Endpoint.OS,)
    free = any(cell.task.design.free_futility for cell in found.result.cells)
    columns = (
        "trials",
        "success",
        "95 %",
        "futility,\nfollowed" if free else "futility",
        "patients",
        "deaths" if deaths else "events",
        "months",
        "bias",
        "cover",
    )
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    for cell in found.result.cells:
        one, success = cell.found, cell.found.success_told
        first = one.targets[0]
        table.add_row(
            f"{cell.design} / {cell.scenario}",
            f"{one.trials:,}",
            f"{success.estimate:.1%} +/- {success.mcse:.1%}",
            f"{success.low:.1%}-{success.high:.1%}",
            f"{one.futility.estimate:.1%}",
            *(_mean(value) for value in (one.expected_n, one.expected_events, one.expected_months)),
            "-" if first.bias is None else f"{first.bias.estimate:+.3f}",
            "-" if first.coverage is None else f"{first.coverage.estimate:.1%}",
        )
    for failure in found.result.lost.values():
        table.add_row(failure.part, "not computed")
    return table


def _mean(value: Estimated | None) -> str:
    return "-" if value is None else f"{value.estimate:.1f}"


def _whole(value: Estimated | None) -> str:
    return "-" if value is None else f"{value.estimate:.0f}"
