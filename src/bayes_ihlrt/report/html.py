"""A report as one HTML file that needs no network and no script to be read."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup, escape

from bayes_ihlrt.escaping import printable
from bayes_ihlrt.methods.checklists import Checklist, checklists, judge
from bayes_ihlrt.methods.paragraph import methods_paragraph
from bayes_ihlrt.methods.references import cited, pieces, references
from bayes_ihlrt.names import Engine
from bayes_ihlrt.plain import json_text
from bayes_ihlrt.report.document import Section, anchors
from bayes_ihlrt.report.sections import (
    answer,
    closing_sections,
    first_figure,
    result_sections,
    summary_section,
)
from bayes_ihlrt.report.slider import effect_view
from bayes_ihlrt.results.files import check_file
from bayes_ihlrt.results.outputs import OF_TRIALS, Kind, Results
from bayes_ihlrt.results.table import Column, Record
from bayes_ihlrt.storage.claims import replace_file

if TYPE_CHECKING:
    from jinja2 import Environment


_ASSETS: Final = Path(__file__).parent / "assets"


def write_report(results: Results, file: Path, *, overwrite: bool = False) -> Path:
    """Write a report.

    Parameters
    ----------
    results : Results
        Outputs that belong together.
    file : Path
        The HTML file.
    overwrite : bool
        Replace an earlier file.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        The file exists, or cannot be written.
    """
    check_file(file, "report", overwrite=overwrite)
    page = report_page(results)
    replace_file(file, lambda path: path.write_text(page, "utf-8"), "report")
    return file


def report_page(results: Results) -> str:
    """Return a report as the text of one HTML file.

    Parameters
    ----------
    results : Results
        Outputs that belong together.

    Returns
    -------
    str
        The same for the same results.
    """
    return laid_out(report_content(results))


def laid_out(content: Mapping[str, Any]) -> str:
    """Return the text of a page.

    Parameters
    ----------
    content : mapping
        What `report_content` returns.

    Returns
    -------
    str
        One HTML file.
    """
    look = {
        "style": Markup((_ASSETS / "report.css").read_text("utf-8")),
        "script": Markup((_ASSETS / "report.js").read_text("utf-8")),
    }
    page = environment().get_template("report.html.jinja").render(**content, **look)
    # A percentage is not torn apart at the end of a line.
    return page.replace("95 % ", "95\u00a0% ")


def environment() -> "Environment":
    """Return what fills the template in: every text of a user escaped.

    Returns
    -------
    jinja2.Environment
        With the templates of reports.
    """
    import jinja2

    found = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_ASSETS),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_seen,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["zip"] = zip
    found.globals["sort_key"] = _sort_key
    return found


def report_content(results: Results) -> dict[str, Any]:
    """Return what the template of a report lays out.

    Parameters
    ----------
    results : Results
        Outputs that belong together.

    Returns
    -------
    dict
        Title, sections, the chart that moves, methods, checklists and references.
    """
    body = _body(results)
    found, figure = answer(results), first_figure(results)
    closing = closing_sections(results)
    methods = methods_paragraph(results)
    wanted = checklists(patients=results.of_patients, plan=results.of(Kind.PLAN) is not None)
    keys = cited([*methods, *(f"[@{checklist.cite}]" for checklist in wanted)])
    known = known_anchors(results)
    fit = results.of(Kind.FIT)
    view = None if fit is None else effect_view(fit)
    name = results.first.result["name"]
    return {
        "title": _title(results) or name,
        "name": name,
        "synthetic": results.synthetic,
        "commands": [output.kind.command for output in results.outputs],
        "answer": None if found is None else found.brief["summary"],
        "first_figure": figure,
        "body": body,
        "closing": closing,
        "methods": [
            (anchor, linked(paragraph, keys))
            for anchor, paragraph in zip(
                [*_methods_anchors(results), "methods-software"], methods, strict=True
            )
        ],
        "checklists": [_judged(found, known, facts_of(results), keys) for found in wanted],
        "references": [(key, references()[key]) for key in keys],
        "view": view,
        "view_json": None if view is None else _json(view),
        "planned": False,
    }


def _body(results: Results) -> tuple[Section, ...]:
    """The sections; no summary beside an answer: each section has its own sentences."""
    summary = [summary_section(results)] if answer(results) is None else []
    return (*summary, *result_sections(results))


def known_anchors(results: Results) -> frozenset[str]:
    """Return the parts of a report that an item of a checklist can be reported in.

    Parameters
    ----------
    results : Results
        Outputs that belong together.

    Returns
    -------
    frozenset of str
        Anchors of sections, tables, figures and methods; ``title`` where the analysis has one.
    """
    sections = (summary_section(results), *result_sections(results), *closing_sections(results))
    titled = {"title"} if _title(results) else set()
    figure = first_figure(results)
    drawn = set() if figure is None else {f"figure-{figure.name}"}
    return anchors(sections) | {*_methods_anchors(results), *titled, *drawn}


def facts_of(results: Results) -> frozenset[str]:
    """Return what holds of the analyses, by the words that checklists use.

    Parameters
    ----------
    results : Results
        Outputs that belong together.

    Returns
    -------
    frozenset of str
        Such as ``"no-treatment"``.
    """
    found = set()
    fit = results.of(Kind.FIT) or results.of(Kind.CAUSES)
    if results.of(Kind.SENSITIVITY) is None:
        found.add("no-decision")
    if fit is not None:
        chains = fit.engine == Engine.NUTS.value
        found.add("chains" if chains else "no-chains")
        if fit.spec.treatment is None:
            found.add("no-treatment")
        if fit.spec.modifier is None:
            found.add("no-modifier")
    return frozenset(found)


def _seen(value: object) -> object:
    """What a template shows: text of users with what is not seen told, before it is escaped."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return printable(value, keep="\n\t")
    return value


def _sort_key(record: Record, column: Column) -> str:
    """What a cell is sorted by: the number before it was rounded, or its words."""
    value = record[column.key]
    return "" if value is None else str(value)


def _title(results: Results) -> str:
    first = results.first
    return "" if first.kind in OF_TRIALS or not first.specification else first.spec.description


def _methods_anchors(results: Results) -> list[str]:
    """One a paragraph of methods, that of the software left out."""
    return [f"methods-{output.kind.value}" for output in results.outputs]


def _judged(
    checklist: Checklist, known: Iterable[str], facts: Iterable[str], keys: tuple[str, ...]
) -> dict[str, Any]:
    anchored, holding = frozenset(known), frozenset(facts)
    rows = [judge(item, anchors=anchored, facts=holding) for item in checklist.items]
    counts = {status: sum(row.status is status for row in rows) for status in _statuses(rows)}
    return {
        "checklist": checklist,
        "number": keys.index(checklist.cite) + 1,
        "rows": rows,
        "counts": ", ".join(
            f"{count} {status.value.removesuffix(' because')}" for status, count in counts.items()
        ),
    }


def _statuses(rows: Iterable[Any]) -> list[Any]:
    return list(dict.fromkeys(row.status for row in rows))


def linked(paragraph: str, keys: tuple[str, ...]) -> Markup:
    """Return methods with numbers that lead to the references; everything else is escaped.

    Parameters
    ----------
    paragraph : str
        With marks.
    keys : tuple of str
        What is cited, in the order of the list.

    Returns
    -------
    markupsafe.Markup
        For a template.
    """
    place = {key: number for number, key in enumerate(keys, start=1)}

    def link(key: str) -> Markup:
        return Markup('<a href="#ref-{0}">{0}</a>').format(place[key])

    return Markup("").join(
        Markup("[{}]").format(Markup(", ").join(link(key) for key in part))
        if isinstance(part, tuple)
        else escape(part)
        for part in pieces(paragraph)
    )


def _json(content: Mapping[str, Any]) -> Markup:
    """JSON that cannot end the element it stands in."""
    text = json_text(content, indent=None)
    return Markup(text.replace("<", "\\u003c"))
