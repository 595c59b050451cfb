"""Tables and methods for a manuscript: CSV, Word, LaTeX, BibTeX."""

import csv
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from bayes_ihlrt.errors import OPTION, Fault, InputError, MissingExtraError
from bayes_ihlrt.escaping import csv_cell, latex, markdown, printable
from bayes_ihlrt.methods.paragraph import methods_paragraph
from bayes_ihlrt.methods.references import cited, numbered, pieces, references
from bayes_ihlrt.report.sections import closing_sections, result_sections
from bayes_ihlrt.results.outputs import Results
from bayes_ihlrt.results.table import Table
from bayes_ihlrt.storage.claims import claimed, replaced
from bayes_ihlrt.storage.placing import is_leftover

if TYPE_CHECKING:
    from docx.document import Document


_MOST_ROWS: Final = 60
_SYNTHETIC: Final = "SYNTHETIC DATA: no patient is in them. Nothing follows for care."


def write_exports(results: Results, out: Path, *, overwrite: bool = False) -> tuple[Path, ...]:
    """Write every table and the methods in the forms that a manuscript needs.

    Parameters
    ----------
    results : Results
        Outputs that belong together.
    out : Path
        Folder; made if it is not there.
    overwrite : bool
        Replace files of an earlier export.

    Returns
    -------
    tuple of Path
        ``tables/<name>.csv``, ``tables.docx``, ``tables.tex``, ``methods.md``, ``methods.tex``,
        ``references.bib``.

    Raises
    ------
    InputError
        The folder is not empty, or cannot be written.
    MissingExtraError
        The extra ``word`` is not installed.
    """
    if find_spec("docx") is None:
        raise MissingExtraError("word", "export (tables.docx)")
    tables = report_tables(results)
    methods = methods_paragraph(results)
    writers: dict[str, Callable[[Path], object]] = {
        "tables.docx": lambda file: _word(results, tables, methods).save(str(file)),
        "tables.tex": lambda file: file.write_text(_latex(results, tables), "utf-8"),
        "methods.md": lambda file: file.write_text(_markdown(results, methods), "utf-8"),
        "methods.tex": lambda file: file.write_text(_latex_methods(results, methods), "utf-8"),
        "references.bib": lambda file: file.write_text(_bibtex(methods), "utf-8"),
    }
    files = (*(f"tables/{table.name}.csv" for table in tables), *writers)
    _check_folder(out, writers, overwrite=overwrite)
    with claimed(out, "export"):
        _check_folder(out, writers, overwrite=overwrite)
        # A table that is not written again would pass for one of this export.
        with replaced(out, ["tables"], subject="export") as stage:
            (stage / "tables").mkdir()
            for table in tables:
                file = stage / "tables" / f"{table.name}.csv"
                write_csv(table, file, synthetic=results.synthetic)
            for name, write in writers.items():
                write(stage / name)
    return tuple(out / name for name in files)


def report_tables(results: Results) -> tuple[Table, ...]:
    """Return every table of a report.

    Parameters
    ----------
    results : Results
        Outputs that belong together.

    Returns
    -------
    tuple of Table
        In the order of the report.
    """
    sections = (*result_sections(results), *closing_sections(results))
    return tuple(table for section in sections for table in section.tables)


def write_csv(table: Table, file: Path, *, synthetic: bool) -> None:
    """Write the observations of a table, one a row, with numbers as they were computed.

    Parameters
    ----------
    table : Table
        The table.
    file : Path
        CSV file, UTF-8. What is not defined is an empty cell.
    synthetic : bool
        Add a column that says so.
    """
    rows = [dict(row) for row in table.observations]
    names = list(dict.fromkeys(name for row in rows for name in row))
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.writer(opened, lineterminator="\n")
        writer.writerow([csv_cell(name or "item") for name in names] + ["synthetic"] * synthetic)
        for row in rows:
            cells = [csv_cell(row.get(name)) for name in names]
            writer.writerow([*cells, *[True] * synthetic])


def _check_folder(out: Path, written: Iterable[str], *, overwrite: bool) -> None:
    """Raise unless the folder is new, or holds an earlier export that may be replaced."""
    if out.exists() and not out.is_dir():
        raise InputError("export", [Fault(f"folder {out}", "it is a file", "Name a folder")])
    files = (path.relative_to(out) for path in out.rglob("*") if path.is_file())
    held = {file.as_posix() for file in files if not is_leftover(file.parts[0])}
    if held and not overwrite:
        remedy = f"Name another folder, or give {OPTION} to replace an earlier export"
        fault = Fault(f"folder {out}", "it is not empty", remedy, option="overwrite=True")
        raise InputError("export", [fault])
    tables = {name for name in held if name.startswith("tables/") and name.endswith(".csv")}
    figures = {name for name in held if name.startswith("figures/")}
    if foreign := sorted(held - tables - figures - set(written)):
        problem = f"it holds files that are no exports: {', '.join(foreign[:5])}"
        raise InputError("export", [Fault(f"folder {out}", problem, "Name another folder")])


def _printable(table: Table) -> Table:
    """Return a table with as many rows as a page or two have, and where the others are."""
    if len(table.records) <= _MOST_ROWS:
        return table
    note = (
        f"The first {_MOST_ROWS} of {len(table.records)} rows; all are in tables/{table.name}.csv. "
        f"{table.note}"
    ).strip()
    return replace(table, records=table.records[:_MOST_ROWS], note=note)


def _word(results: Results, tables: Iterable[Table], methods: Iterable[str]) -> "Document":
    name = results.first.result["name"]
    return word_document(name, tables, methods, synthetic=results.synthetic)


def word_document(
    name: str,
    tables: Iterable[Table],
    methods: Iterable[str],
    *,
    synthetic: bool,
    keys: tuple[str, ...] | None = None,
) -> "Document":
    """Return tables, methods and their references as a document of Word.

    Parameters
    ----------
    name : str
        Heads the document.
    tables : iterable of Table
        In this order, numbered.
    methods : iterable of str
        Paragraphs with marks for what they cite.
    synthetic : bool
        Say that the data were simulated.
    keys : tuple of str, optional
        What tables and methods cite, in the order of the list; what the methods do by default.

    Returns
    -------
    docx.document.Document
        On pages that lie across.
    """
    from docx import api
    from docx.enum.section import WD_ORIENT
    from docx.shared import Pt

    document = api.Document()
    document.styles["Normal"].font.size = Pt(9)
    page = document.sections[0]
    page.orientation = WD_ORIENT.LANDSCAPE
    page.page_width, page.page_height = page.page_height, page.page_width
    document.add_heading(printable(name), level=1)
    if synthetic:
        document.add_paragraph().add_run(_SYNTHETIC).bold = True
    for number, table in enumerate(tables, start=1):
        _word_table(document, _printable(table), number)
    paragraphs = tuple(methods)
    keys = cited(paragraphs) if keys is None else keys
    document.add_heading("Methods", level=2)
    for paragraph in paragraphs:
        document.add_paragraph(printable(numbered(paragraph, keys)))
    document.add_heading("References", level=2)
    for position, key in enumerate(keys, start=1):
        found = references()[key]
        document.add_paragraph(f"{position}. {found.text}" + _doi(found.doi))
    return document


def _word_table(document: "Document", table: Table, number: int) -> None:
    from docx.enum.text import WD_ALIGN_PARAGRAPH
    from docx.oxml import OxmlElement
    from docx.oxml.ns import qn

    title = document.add_paragraph()
    title.paragraph_format.keep_with_next = True
    title.add_run(f"Table {number}. ").bold = True
    title.add_run(printable(table.title))
    grid = document.add_table(rows=1, cols=len(table.columns), style="Light List Accent 1")
    texts = (tuple(column.label for column in table.columns), *table.rows)
    for _ in table.rows:
        grid.add_row()
    for cells, row in zip(grid.rows, texts, strict=True):
        for cell, column, text in zip(cells.cells, table.columns, row, strict=True):
            cell.text = printable(text)
            if column.numeric and column is not table.columns[0]:
                cell.paragraphs[0].alignment = WD_ALIGN_PARAGRAPH.RIGHT
    # The heading is repeated on every page that the table runs over.
    header = OxmlElement("w:tblHeader")
    header.set(qn("w:val"), "true")
    grid.rows[0]._tr.get_or_add_trPr().append(header)
    document.add_paragraph(printable(table.note))


def _latex(results: Results, tables: Iterable[Table]) -> str:
    head = "% Needs \\usepackage{booktabs,longtable}\n"
    if results.synthetic:
        head += f"% {_SYNTHETIC}\n"
    return head + "\n".join(
        _latex_table(_printable(table), synthetic=results.synthetic) for table in tables
    )


def _latex_table(table: Table, *, synthetic: bool) -> str:
    import pandas as pd

    labels = [latex(column.label or "Item") for column in table.columns]
    rows = [tuple(latex(cell) for cell in row) for row in table.rows]
    frame = pd.DataFrame(rows, columns=labels)
    letters = "".join("r" if column.numeric else "l" for column in table.columns)
    note = " (synthetic data)" if synthetic else ""
    text: str = frame.style.hide(axis="index").to_latex(
        column_format="l" + letters[1:],
        hrules=True,
        environment="longtable",
        caption=latex(f"{table.title}{note}. {table.note}".strip()),
        label=f"tab:{table.name}",
    )
    return text


def _markdown(results: Results, methods: Iterable[str]) -> str:
    paragraphs = tuple(methods)
    keys = cited(paragraphs)
    parts = [f"# Methods of {markdown(results.first.result['name'])}"]
    parts += [f"**{_SYNTHETIC}**"] if results.synthetic else []
    place = {key: str(number) for number, key in enumerate(keys, start=1)}
    parts += [
        "".join(
            f"[{', '.join(place[key] for key in part)}]"
            if isinstance(part, tuple)
            else markdown(part)
            for part in pieces(paragraph)
        )
        for paragraph in paragraphs
    ]
    listed = [
        f"{position}. {references()[key].text}{_doi(references()[key].doi)}"
        for position, key in enumerate(keys, start=1)
    ]
    return "\n\n".join([*parts, "## References", "\n".join(listed)]) + "\n"


def _latex_methods(results: Results, methods: Iterable[str]) -> str:
    head = f"% {_SYNTHETIC}\n" if results.synthetic else ""
    told = [
        "".join(
            f"\\cite{{{','.join(part)}}}" if isinstance(part, tuple) else latex(part)
            for part in pieces(paragraph)
        ).replace(" \\cite", "~\\cite")
        for paragraph in methods
    ]
    return head + "\n\n".join(told) + "\n"


def _bibtex(methods: Iterable[str]) -> str:
    return "\n".join(references()[key].bibtex(key) for key in cited(methods))


def _doi(doi: str) -> str:
    return f" doi {doi}." if doi else ""
