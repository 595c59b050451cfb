"""The protocol of an analysis on the terminal, as one HTML file and as a document of Word."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from bayes_ihlrt.methods.differences import Difference, difference_table
from bayes_ihlrt.methods.protocol import BLIND, Protocol
from bayes_ihlrt.methods.references import cited, numbered, pieces, references
from bayes_ihlrt.report.document import Section
from bayes_ihlrt.report.html import laid_out, linked
from bayes_ihlrt.report.manuscript import word_document, write_csv
from bayes_ihlrt.results.files import Holding, Parts, write_each
from bayes_ihlrt.results.table import Table
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.others import ProtocolFile
from bayes_ihlrt.storage.claims import replaced

_RESULT: Final = "protocol.json"
PROTOCOLS: Final = Holding(
    frozenset({"protocol.html", "protocol.docx", "protocol.csv", "differences.csv"})
    | {_RESULT, "specification.toml"},
    "protocols",
)
"""What a folder of a protocol holds."""
_SYNTHETIC: Final = "SYNTHETIC DATA: no patient is in them. Nothing follows for care."


@dataclass(frozen=True)
class Compared:
    """What differs from another specification.

    Parameters
    ----------
    other : str
        What it is called.
    found : tuple of Difference
        Empty where both mean the same.
    """

    other: str
    found: tuple[Difference, ...]

    @property
    def table(self) -> Table:
        """The differences, one a row."""
        return difference_table(self.found, self.other)


def protocol_dict(protocol: Protocol, compared: Compared | None) -> dict[str, Any]:
    """Return a protocol as plain data.

    Parameters
    ----------
    protocol : Protocol
        The target trial and its emulation.
    compared : Compared or None
        What differs from another specification; None where none was named.

    Returns
    -------
    dict
        ``schema``, ``name``, ``synthetic``, ``blind``, ``components`` with component,
        ``target_trial``, ``emulation`` and ``assumption``, ``against`` with ``specification`` and
        ``differences``, or None.
    """
    against = None
    if compared is not None:
        rows = [asdict(each) for each in compared.found]
        against = {"specification": compared.other, "differences": rows}
    return {
        "schema": 1,
        "name": protocol.name,
        "synthetic": protocol.synthetic,
        "blind": BLIND,
        "components": [dict(row) for row in protocol.table(_unnumbered).records],
        "against": against,
    }


def print_protocol(console: Console, protocol: Protocol, compared: Compared | None) -> None:
    """Print a protocol, component by component.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    protocol : Protocol
        The target trial and its emulation.
    compared : Compared or None
        What differs from another specification.
    """
    if protocol.synthetic:
        console.print(Text(_SYNTHETIC, style="bold"))
    table = protocol.table(_unnumbered)
    console.print(Text(f"{protocol.name}: {table.title.lower()}", style="bold"))
    console.print(Text(table.note))
    labels = [column.label for column in table.columns[1:]]
    for heading, *cells in table.rows:
        console.print()
        console.print(Text(heading, style="bold"))
        grid = RichTable(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        grid.add_column(no_wrap=True)
        grid.add_column()
        for label, cell in zip(labels, cells, strict=True):
            grid.add_row(f"  {label.partition(' that')[0]}", cell)
        console.print(grid)
    if compared is not None:
        console.print()
        console.print(Text(compared.table.title, style="bold"))
        for told in [each.sentence for each in compared.found] or [compared.table.note]:
            console.print(Text(f"- {told}"))
    console.print()


def protocol_page(protocol: Protocol, compared: Compared | None) -> str:
    """Return a protocol as the text of one HTML file that needs no network.

    Parameters
    ----------
    protocol : Protocol
        The target trial and its emulation.
    compared : Compared or None
        What differs from another specification.

    Returns
    -------
    str
        The same for the same specification and data.
    """
    return laid_out(_content(protocol, compared))


def write_protocol(
    protocol: Protocol, out: Path, *, compared: Compared | None = None
) -> tuple[Path, ...]:
    """Write a protocol as HTML, Word, CSV and JSON, all or nothing.

    Parameters
    ----------
    protocol : Protocol
        The target trial and its emulation.
    out : Path
        Folder; made if it is not there. An earlier protocol is replaced: see
        `results.files.check_folder`.
    compared : Compared, optional
        What differs from another specification.

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    numbers = _numbers(protocol)
    tables = _tables(protocol, compared)
    parts: Parts = {
        "protocol.html": lambda file: file.write_text(protocol_page(protocol, compared), "utf-8"),
        "protocol.docx": lambda file: word_document(
            protocol.title,
            tables,
            protocol.methods,
            synthetic=protocol.synthetic,
            keys=numbers,
        ).save(str(file)),
        "specification.toml": lambda file: file.write_text(protocol.specification, "utf-8"),
        **{f"{name}.csv": partial(_csv, table, protocol) for name, table in _named(tables)},
        _RESULT: writes(ProtocolFile, lambda: protocol_dict(protocol, compared)),
    }
    with replaced(out, PROTOCOLS.names, last=_RESULT, subject="protocol") as stage:
        write_each(parts, stage)
    return tuple(out / name for name in parts)


def _named(tables: tuple[Table, ...]) -> list[tuple[str, Table]]:
    return list(zip(("protocol", "differences"), tables, strict=False))


def _csv(table: Table, protocol: Protocol, file: Path) -> None:
    write_csv(table, file, synthetic=protocol.synthetic)


def _content(protocol: Protocol, compared: Compared | None) -> Mapping[str, Any]:
    keys = _numbers(protocol)
    first, *others = _tables(protocol, compared)
    body = [Section("summary", "Target trial", tables=(first,))]
    body += [Section(table.name, table.title, tables=(table,)) for table in others]
    told = Section("specification", "Specification", verbatim=protocol.specification, folded=True)
    methods = [
        (f"methods-{number}", linked(paragraph, keys))
        for number, paragraph in enumerate(protocol.methods, start=1)
    ]
    return {
        "title": protocol.title,
        "name": protocol.name,
        "synthetic": protocol.synthetic,
        "commands": ["protocol"],
        "answer": None,
        "first_figure": None,
        "body": tuple(body),
        "closing": (told,),
        "methods": methods,
        "checklists": [],
        "references": [(key, references()[key]) for key in keys],
        "view": None,
        "view_json": None,
        "planned": True,
    }


def _numbers(protocol: Protocol) -> tuple[str, ...]:
    """What is cited, in the order of the list of references."""
    return cited(protocol.texts)


def _tables(protocol: Protocol, compared: Compared | None) -> tuple[Table, ...]:
    keys = _numbers(protocol)
    table = protocol.table(lambda told: numbered(told, keys))
    return (table,) if compared is None else (table, compared.table)


def _unnumbered(told: str) -> str:
    """A text without its marks, where no list of references stands beside it."""
    plain = "".join(part for part in pieces(told) if isinstance(part, str))
    return plain.replace(" ,", ",").replace(" .", ".").replace("  ", " ")
