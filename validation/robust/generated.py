"""Generated specifications, plans, formulas and cohorts: packaged ones, changed.

Each input is made by its kind, a seed and a number alone, and can be made again by itself.
"""

import copy
import csv
import gzip
import io
import random
import tempfile
import tomllib
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow as pa
import tomli_w
from pyarrow import csv as pacsv
from pyarrow import parquet

from bayes_ihlrt.cohort.datasets import csv_path
from bayes_ihlrt.spec.catalogue import (
    find_plan,
    find_specification,
    packaged_plans,
    packaged_specifications,
)
from validation.robust.hostile import changed, nested, text, value

DATA = {
    "heart": "heart",
    "primary": "ihlrt_synthetic",
    "hepatocellular": "hepatocellular",
    "nlr_spline": "ihlrt_synthetic",
}
"""Specifications that run, and the packaged data of each."""


@dataclass(frozen=True)
class Input:
    """What is tried.

    Parameters
    ----------
    specification : str or bytes
        Packaged name, or the content of a TOML file.
    data : str or bytes
        Packaged name, or the content of a data file.
    plan : bool
        Whether the TOML file is a plan of trials.
    """

    specification: str | bytes
    data: str | bytes = ""
    plan: bool = False


_MANY = 1 << 22
"""Repetitions of a few bytes that are small when packed."""

Made = Callable[[random.Random], Input]


@cache
def _toml(name: str, *, plan: bool) -> bytes:
    return (find_plan(name) if plan else find_specification(name)).read_bytes()


def _any(rng: random.Random, *, plan: bool) -> bytes:
    names = packaged_plans() if plan else packaged_specifications()
    return _toml(rng.choice(names), plan=plan)


def _places(content: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    if isinstance(content, dict):
        for key, inner in content.items():
            found += _places(inner, (*path, key))
    elif isinstance(content, list):
        for number, inner in enumerate(content):
            found += _places(inner, (*path, number))
    return found


def _change(rng: random.Random, content: Any, other: Any) -> None:
    """Change one place of a document."""
    places = _places(content)
    if not places:
        return
    *above, last = rng.choice(places)
    part = content
    for key in above:
        part = part[key]
    known = _values(other).get(last, ())
    if rng.random() < 0.35:
        _put_or_drop(rng, part, last)
    elif isinstance(part[last], int | float) and rng.random() < 0.35:
        part[last] = type(part[last])(part[last] * rng.choice((-1, 0, 2, 10, 1000, 0.1, 1e-9)))
    elif known and rng.random() < 0.5:
        part[last] = copy.deepcopy(rng.choice(known))
    elif rng.random() < 0.5:
        part[last] = value(rng)
    else:
        donor = rng.choice((content, other))
        part[last] = copy.deepcopy(_at(donor, rng.choice(_places(donor))))


def _put_or_drop(rng: random.Random, part: Any, last: Any) -> None:
    kind = rng.randrange(4)
    if kind == 0:
        del part[last]
    elif isinstance(part, list):
        part[:] = part * rng.choice((0, 2, 60)) if kind == 1 else [value(rng), *part]
    elif kind == 1:
        part[text(rng)] = part.pop(last)
    else:
        part[text(rng)] = value(rng)


def _values(content: Any) -> dict[Any, list[Any]]:
    """Return the values of a document by their keys."""
    found: dict[Any, list[Any]] = {}
    for path in _places(content):
        found.setdefault(path[-1], []).append(_at(content, path))
    return found


def _at(content: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        content = content[key]
    return content


def document(rng: random.Random, *, plan: bool) -> bytes:
    """Return a packaged specification or plan of which one to four places are others."""
    content = tomllib.loads(_any(rng, plan=plan).decode())
    other = tomllib.loads(_any(rng, plan=plan).decode())
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        _change(rng, content, other)
    told = tomli_w.dumps(content).encode("utf-8", "replace")
    return told if rng.random() > 0.03 else told + b"\n" + nested(rng).encode()


def _specification(rng: random.Random) -> Input:
    return Input(document(rng, plan=False), rng.choice(list(DATA.values())))


def _specification_bytes(rng: random.Random) -> Input:
    return Input(changed(rng, _any(rng, plan=False)), rng.choice(list(DATA.values())))


def _plan(rng: random.Random) -> Input:
    return Input(document(rng, plan=True), plan=True)


def _plan_bytes(rng: random.Random) -> Input:
    return Input(changed(rng, _any(rng, plan=True)), plan=True)


_COLUMNS = (
    *("age", "surgery", "year", "transplant") * 4,
    "stop",
    "id",
    "event",
    "ag\u0435",
    "x" * 50,
)
_FUNCTIONS = (
    *("log", "exp", "log2", "log10", "bs", "cr", "cc", "poly", "scale", "center", "C") * 4,
    *("sin", "I", "Q", "eval", "lag", "hashed"),
)
_OPTIONS = (
    *(
        "df=3",
        "df=4",
        "df=30",
        "df=0",
        "df=-1",
        "3",
        "degree=2",
        "degree=10",
        "knots=[1, 2]",
        "raw=True",
    ),
    *("knots=[0.0, 1e308]", "lower_bound=-1e300", "upper_bound=1e300", "ddof=1", "scale=False"),
    *("knots=[2, 1]", "knots=[1, 1, 1]", "include_intercept=True", "center=False", "degree=0"),
)


def _expression(rng: random.Random, depth: int = 0) -> str:
    kind = rng.random()
    if depth > 5 or kind < 0.35:
        return rng.choice(_COLUMNS) if rng.random() < 0.98 else text(rng)
    if kind < 0.65:
        signs = (" + ", " * ", ":") * 8 if depth < 3 else (" + ", " * ", " - ", " / ") * 8
        sign = rng.choice((*signs, " - ", " / ", "**", " ** 2 + ", " = ", ", "))
        return f"{_expression(rng, depth + 1)}{sign}{_expression(rng, depth + 1)}"
    if kind < 0.75:
        return f"({_expression(rng, depth + 1)})"
    if kind < 0.8:
        return rng.choice(("0", "1", "-1", "2.5", "1e999", "1e12", "9" * 30, "1e-320", "1e11"))
    inner, name = _expression(rng, max(depth, 3) + 1), rng.choice(_FUNCTIONS)
    few = (1, 1, 2) if name in {"bs", "cr", "cc", "poly", "scale"} else (0,) * 9 + (1,)
    options = [rng.choice(_OPTIONS) for _ in range(rng.choice(few))]
    return f"{name}({', '.join([inner, *options])})"


def formula(rng: random.Random) -> str:
    """Return a formula by the grammar, with noise in every third."""
    told = "transplant + " * (rng.random() < 0.95) + _expression(rng)
    if rng.random() < 0.03:
        told = rng.choice((" + ", "*", ":", "(")).join([told] * rng.choice((20, 300, 3_000)))
    if rng.random() < 0.15:
        noisy = changed(rng, told.encode("utf-8", "replace"), most=2)
        told = noisy.decode("utf-8", "replace")
    return told


def _formula(rng: random.Random) -> Input:
    content = tomllib.loads(_toml("heart", plan=False).decode())
    content["outcome"]["formula"] = formula(rng)
    content["priors"] = {"transplant": content["priors"]["transplant"]}
    del content["modifier"], content["estimands"]
    if rng.random() < 0.5:
        content["data"]["drop_missing"] = True
    return Input(tomli_w.dumps(content).encode("utf-8", "replace"), "heart")


@cache
def _csv(name: str) -> bytes:
    return csv_path(name).read_bytes()


def _rows(raw: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(raw.decode())))


def _cells_changed(rng: random.Random, rows: list[list[str]]) -> None:
    for _ in range(rng.choice((1, 1, 2, 6, 40))):
        row = rng.randrange(len(rows)) if rng.random() < 0.9 else 0
        column = rng.randrange(len(rows[0]))
        if column < len(rows[row]):
            rows[row][column] = text(rng)


def _column_changed(rng: random.Random, rows: list[list[str]]) -> None:
    column = rng.randrange(len(rows[0]))
    fixed = text(rng)
    fill = rng.choice(
        (
            lambda: fixed,
            lambda: text(rng),
            lambda: str(rng.gauss(0, 10.0 ** rng.randrange(-9, 200))),
        )
    )
    for row in rows[1:]:
        if column < len(row):
            row[column] = fill()


def _columns_more(rng: random.Random, rows: list[list[str]]) -> None:
    names = [rng.choice((text(rng), rng.choice(rows[0]))) for _ in range(rng.choice((1, 3, 3_000)))]
    del rows[50:]
    width = len(names)
    for number in range(len(rows)):
        cells = [text(rng)[:40] for _ in names[:20]] + [""] * max(0, width - 20)
        rows[number] = rows[number] + (names if number == 0 else cells)


def _shape_changed(rng: random.Random, rows: list[list[str]]) -> None:
    a = rng.randrange(len(rows))
    match rng.randrange(6):
        case 0:
            del rows[a]
        case 1:
            rows.insert(a, list(rng.choice(rows)))
        case 2:
            rows[a] = rows[a][: rng.randrange(len(rows[a]) + 1)]
        case 3:
            rows[a] = [*rows[a], *(text(rng) for _ in range(rng.randrange(3)))]
        case 4:
            del rows[rng.choice((1, 2, 5)) :]
        case _:
            rows.insert(a, [""] * rng.randrange(len(rows[0]) + 2))


_CELL_CHANGES = (_cells_changed, _cells_changed, _column_changed, _columns_more, _shape_changed)


def table(rng: random.Random, name: str) -> list[list[str]]:
    """Return the rows of a packaged cohort with other cells, columns or lines."""
    rows = _rows(_csv(name))
    for _ in range(rng.randrange(1, 4)):
        if rows and rows[0]:
            rng.choice(_CELL_CHANGES)(rng, rows)
    return rows


def _written(rng: random.Random, rows: list[list[str]]) -> bytes:
    separator = rng.choice((",", ",", ",", ";", "\t", "|"))
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=separator, lineterminator=rng.choice(("\n", "\r\n", "\r")), escapechar="\\"
    )
    writer.writerows(rows)
    rare = ("utf-8-sig", "utf-16", "utf-16-le", "cp1252", "utf-32", "mac-roman", "utf-7")
    encoding = "utf-8" if rng.random() < 0.85 else rng.choice(rare)
    odd = "surrogatepass" if encoding.startswith("utf-8") and rng.random() < 0.02 else "replace"
    return out.getvalue().encode(encoding, odd)


def _pair(rng: random.Random) -> tuple[str, str]:
    return rng.choice(list(DATA.items()))


def _cohort(rng: random.Random) -> Input:
    name, data = _pair(rng)
    return Input(name, _written(rng, table(rng, data)))


def _cohort_bytes(rng: random.Random) -> Input:
    name, data = _pair(rng)
    return Input(name, changed(rng, _csv(data)))


def _workbook(rng: random.Random, rows: list[list[str]]) -> bytes:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet(rng.choice(("data", "Sheet", "a" * 31)))
    for row in rows[:80]:
        kept = [cell[:300] for cell in row[:60]]
        sheet.append(
            [openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.sub("", _clean(one)) for one in kept]
        )
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def _clean(told: str) -> str:
    return told.encode("utf-8", "replace").decode().replace("\ufffe", "").replace("\uffff", "")


def _zip_changed(rng: random.Random, raw: bytes) -> bytes:
    """Change one file of a zip archive, or add what unpacks to very much."""
    out = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(raw)) as old,
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        names = old.namelist()
        hit = rng.choice(names)
        for name in names:
            content = old.read(name)
            if name == hit:
                content = changed(rng, content) if rng.random() < 0.8 else b""
                if rng.random() < 0.05:
                    content = b"<row>" * _MANY
            if not (name == hit and rng.random() < 0.1):
                new.writestr(name, content)
    return out.getvalue()


def _arrow(rng: random.Random, name: str) -> pa.Table:
    content = pacsv.read_csv(pa.BufferReader(_csv(name)))
    kind = rng.random()
    if kind < 0.2:
        column = rng.randrange(content.num_columns)
        odd = rng.choice(
            (
                [[1, 2]] * content.num_rows,
                [{"a": 1}] * content.num_rows,
                [b"\xff\xfe"] * content.num_rows,
                [2**63 - 1] * content.num_rows,
                [float("nan")] * content.num_rows,
                [None] * content.num_rows,
                [True] * content.num_rows,
            )
        )
        return content.set_column(column, content.column_names[column], pa.array(odd))
    if kind < 0.3:
        return content.slice(0, rng.randrange(3))
    return content


@cache
def _statistics(kind: str) -> bytes:
    import pandas as pd
    import pyreadstat

    frame = pd.read_csv(csv_path("heart"))
    write: Mapping[str, Any] = {
        "dta": pyreadstat.write_dta,
        "sav": pyreadstat.write_sav,
        "xpt": pyreadstat.write_xport,
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data.{kind}"
        write[kind](frame, str(path))
        return path.read_bytes()


@cache
def _bomb() -> bytes:
    """Return half a megabyte that unpack to half a gigabyte."""
    packing = zlib.compressobj(wbits=31)
    parts = [
        packing.compress(b"id,age\n"),
        *(packing.compress(b"1,2\n" * _MANY) for _ in range(32)),
    ]
    return b"".join([*parts, packing.flush()])


def _archive(rng: random.Random) -> Input:
    name, data = _pair(rng)
    packed: bytes
    match rng.randrange(6):
        case 0:
            packed = gzip.compress(_written(rng, table(rng, data)))
        case 1:
            packed = _zip_changed(rng, _workbook(rng, _rows(_csv(data))))
            return Input(name, packed)
        case 2:
            packed = _workbook(rng, table(rng, data))
        case 3 | 4:
            out = pa.BufferOutputStream()
            parquet.write_table(_arrow(rng, data), out, compression=rng.choice(("none", "zstd")))
            packed = out.getvalue().to_pybytes()
        case _:
            name, packed = "heart", _statistics(rng.choice(("dta", "sav", "xpt")))
    if rng.random() < 0.01:
        packed = _bomb()
    return Input(name, changed(rng, packed) if rng.random() < 0.7 else packed)


def _unknown(rng: random.Random) -> Input:
    """Return a data file of which nothing is known."""
    made = rng.choice((_cohort, _cohort, _cohort_bytes, _archive))(rng)
    return Input("", made.data)


KINDS: Mapping[str, Made] = {
    "specifications, places changed": _specification,
    "specifications, bytes changed": _specification_bytes,
    "plans, places changed": _plan,
    "plans, bytes changed": _plan_bytes,
    "formulas": _formula,
    "cohorts, cells changed": _cohort,
    "cohorts, bytes changed": _cohort_bytes,
    "workbooks, Parquet, SAS, Stata, SPSS, gzip": _archive,
    "files for `init --from`": _unknown,
}


def made(kind: str, seed: int, number: int) -> Input:
    """Return one input of a kind."""
    return KINDS[kind](random.Random(f"{kind} {seed} {number}"))
