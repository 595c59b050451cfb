"""Generated inputs end in a result or in an error of the package, in time and in words.

A few of each kind here, thousands by `python -m validation.robust.inputs`.
"""

import io
import random
import time
import zipfile
from pathlib import Path

import numpy as np
import openpyxl
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pyarrow import parquet
from validation.robust import inputs
from validation.robust.generated import KINDS, Input, made
from validation.robust.inputs import SECONDS, tried, try_input

from bayes_ihlrt.analysis.check import read_inputs
from bayes_ihlrt.cohort.datasets import csv_path
from bayes_ihlrt.cohort.time_rules import LONGEST_MONTHS
from bayes_ihlrt.errors import DataError, InputError, SpecificationError, nearest
from bayes_ihlrt.explorer import requests
from bayes_ihlrt.files import cells, foreign, messages, readers
from bayes_ihlrt.files.readers import read_everything
from bayes_ihlrt.files.rows import SEARCHED
from bayes_ihlrt.spec import formula_reader, read
from bayes_ihlrt.spec.formula import parse_formula
from bayes_ihlrt.spec.read import document, load_spec

ROOT = Path(__file__).parents[2]
PACKED = "workbooks, Parquet, SAS, Stata, SPSS, gzip"
QUICK = {name: make for name, make in KINDS.items() if name != PACKED}


@pytest.mark.parametrize("kind", KINDS)
def test_generated_inputs_end_in_words(kind, tmp_path):
    for number in range(10):
        began = time.monotonic()
        told = try_input(made(kind, 5, number), tmp_path)
        assert told == "result" or "fault" in told, told
        assert time.monotonic() - began < SECONDS


@given(st.sampled_from(sorted(QUICK)), st.randoms(use_true_random=False))
@example("formulas", random.Random(1))
@settings(max_examples=40, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
def test_inputs_that_hypothesis_makes_end_in_words(tmp_path_factory, kind, rng):
    folder = tmp_path_factory.getbasetemp()
    assert try_input(QUICK[kind](rng), folder)


def test_an_input_is_made_again_by_its_number():
    for kind in KINDS:
        assert made(kind, 1, 3) == made(kind, 1, 3) != made(kind, 1, 4)


@pytest.mark.parametrize("error", [KeyError("a"), RecursionError(), MemoryError()])
def test_what_is_no_error_of_the_package_is_a_finding(error, monkeypatch, tmp_path):
    def broken(given, folder):
        raise error

    monkeypatch.setattr(inputs, "_read", broken)
    with pytest.raises(type(error)):
        try_input(Input("heart", "heart"), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_many_inputs_end_in_words_time_and_memory(kind):
    row = tried(kind, 6, range(300))
    assert (row.tried, row.faults) == (300, [])


DEEP = {
    "lists": f"x = {'[' * 40}{']' * 40}",
    "lists, thousands": f"x = {'[' * 30_000}",
    "tables": f"x = {'{a=' * 40}1{'}' * 40}",
    "keys": f"{'a.' * 40}a = 1",
    "keys, thousands": f"{'a.' * 30_000}a = 1",
    "headings": f"[{'a . ' * 40}a]",
    "quoted keys": f"{'"a b".' * 40}a = 1",
}


@pytest.mark.parametrize("text", DEEP.values(), ids=DEEP)
def test_nesting_too_deep_is_told_with_its_limit(text):
    with pytest.raises(SpecificationError) as caught:
        document(text, "file")
    assert [str(fault) for fault in caught.value.faults] == [
        "the file: its lists, tables or keys are nested too deeply. Allowed: 32 within each other."
    ]


FLAT = {
    "dots in a text": f'x = "{"a." * 400}"',
    "dots in a comment": f"# {'a.' * 400}",
    "dots in lines": f'x = """\n{"a." * 400}"""',
    "numbers": f"x = [{'0.5, ' * 4_000}]",
}


@pytest.mark.parametrize("text", FLAT.values(), ids=FLAT)
def test_dots_that_divide_no_keys_are_no_nesting(text):
    document(text, "file")


@pytest.mark.parametrize(
    "text", ["x" * 90_000, '"""' + '\\"' * 40_000, ("a" * 9_000 + " ") * 9, "'" * 90_001]
)
def test_long_words_are_searched_once(text):
    began = time.monotonic()
    with pytest.raises(SpecificationError):
        document(text, "file")
    assert time.monotonic() - began < 2.0


def test_a_file_too_long_is_told_with_its_limit():
    assert document(f"# {'x' * (read.LONGEST - 2)}", "file") == {}
    with pytest.raises(SpecificationError, match=r"1,000,001 .* Allowed: 1,000,000"):
        document(f"# {'x' * (read.LONGEST - 1)}", "file")


def test_dates_in_lists_are_told(tmp_path):
    file = tmp_path / "dates.toml"
    file.write_text('schema = 2\nname = "a"\ndata = [2020-01-01, 09:30:00]\n', "utf-8")
    with pytest.raises(SpecificationError, match="2020-01-01"):
        load_spec(file)


def test_lists_in_cells_are_told(tmp_path):
    file = tmp_path / "lists.parquet"
    columns = {"id": [1, 2], "age": [[1, 2], [3]], "year": [b"\xff", b"a"]}
    parquet.write_table(pa.table(columns), file)
    with pytest.raises(DataError) as caught:
        read_everything(file)
    assert [fault.where for fault in caught.value.faults] == ["column age", "column year"]


def test_sixty_blank_lines_are_told(tmp_path):
    file = tmp_path / "blank.csv"
    file.write_text("\n" * 60 + "id,age\n1,2\n", "utf-8")
    with pytest.raises(DataError, match="the first 60 rows are blank"):
        read_everything(file)


@pytest.mark.parametrize("packed", [True, False])
def test_what_does_not_fit_into_memory_is_told(packed, monkeypatch, tmp_path):
    def full(*_, **__):
        raise MemoryError

    if packed:
        monkeypatch.setattr(readers.gzip, "open", full)
    else:
        monkeypatch.setattr(readers, "read_text", full)
    file = tmp_path / "large.csv"
    file.write_bytes(b"\x1f\x8b" if packed else b"id,age\n1,2\n")
    with pytest.raises(InputError, match="does not fit into memory"):
        read_inputs("heart", file)


@pytest.mark.parametrize("huge", ["1e15", "-1e102", "1e308"])
def test_numbers_too_large_are_told_with_their_limit(huge, tmp_path):
    rows = csv_path("heart").read_text("utf-8").splitlines()
    place = rows[0].split(",").index("age")
    first = rows[1].split(",")
    changed = ",".join([*first[:place], huge, *first[place + 1 :]])
    file = tmp_path / "huge.csv"
    file.write_text("\n".join([rows[0], changed, *rows[2:]]), "utf-8")
    with pytest.raises(DataError) as caught:
        read_inputs("heart", file)
    [fault] = caught.value.faults
    assert fault.where == "column age"
    assert "is too large" in fault.problem
    assert "below 1e+15" in fault.remedy


def test_of_thousands_of_names_some_are_listed():
    told = nearest("evnt", [*(f"marker {number}" for number in range(3_000)), "event", "x" * 900])
    assert told.startswith("Did you mean 'event'? Allowed: event, marker 0, ")
    assert told.endswith(" and 2,902 more")
    assert (
        nearest("y" * 900, ["y" * 901]) == f"Did you mean '{'y' * 77}...'? Allowed: {'y' * 77}..."
    )


def test_long_cells_are_shortened():
    told = messages.cells(["'" + "x" * 70_000 + "'", "'y'"], np.array(["p" * 900, "P2"], object))
    assert told == f"'{'x' * 96}... (patient {'p' * 47}...), 'y' (patient P2)"


def test_a_number_that_runs_into_a_name_is_no_formula(recwarn):
    with pytest.raises(SpecificationError, match="cannot read"):
        parse_formula("ihlrt + 2or3")
    assert not recwarn.list


def packed(**parts):
    """Return a workbook of one cell with other parts."""
    raw, out = io.BytesIO(), io.BytesIO()
    book = openpyxl.Workbook()
    book.active["A1"] = "id"
    book.save(raw)
    with zipfile.ZipFile(raw) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = parts.get(name.partition("/")[2].replace("/", ".").partition(".")[0])
            new.writestr(name, old.read(name) if part is None else part(old.read(name)))
    return out.getvalue()


BROKEN = {
    "an attribute that there is not": packed(styles=lambda raw: raw.replace(b"rgb=", b"rgbb=")),
    "an element that there is not": packed(workbook=lambda raw: raw.replace(b"sheetId", b"sheet")),
    "no text": packed(workbook=lambda raw: b"\xff\xfe<"),
    "rows in rows": packed(worksheets=lambda raw: raw.replace(b"<row", b"<row>" * 40 + b"<row", 1)),
    "a part of twenty megabytes": packed(styles=lambda raw: b"<row>" * (1 << 22)),
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN)
def test_damaged_workbooks_are_told(raw, tmp_path):
    file = tmp_path / "book.xlsx"
    file.write_bytes(raw)
    with pytest.raises(DataError, match=r"damaged|nested too deeply|unpacks to 20,971,520"):
        read_everything(file)


def test_a_workbook_whose_bytes_are_changed_is_told(tmp_path):
    raw = bytearray(packed())
    place = raw.index(b"xl/worksheets/sheet1.xml") + 30
    raw[place : place + 40] = bytes(40)
    file = tmp_path / "book.xlsx"
    file.write_bytes(raw)
    with pytest.raises(DataError, match="damaged workbook"):
        read_everything(file)


def test_the_page_of_limits_tells_those_that_hold():
    limits = {
        "| a specification or plan (TOML) | characters": f"{read.LONGEST:,}",
        "| | lists, tables and keys within each other": f"{read.DEEPEST}",
        "| | whole numbers": f"below 2^{read.LARGEST.bit_length() - 1}",
        "| a formula | characters": f"{formula_reader.LONGEST:,}",
        "| | terms, once products are written out": f"{formula_reader.MOST_TERMS}",
        "| | brackets and calls within each other": f"{formula_reader.DEEPEST}",
        "| | numbers": f"up to {formula_reader.LARGEST:g}",
        "| a data file | measurements": f"below {cells.LARGEST:g}",
        "| | what an archive (gzip) unpacks to": f"{readers.LARGEST >> 30} GiB",
        "| | a part of a workbook that describes it": f"{foreign.LARGEST_PART >> 20} MiB",
        "| | rows above the column names": f"{SEARCHED}",
        "| | follow-up, months": f"{LONGEST_MONTHS:,.0f}",
        "| the explorer | a request": (
            f"{requests.LARGEST >> 10} KiB, within {requests.SECONDS:g} seconds"
        ),
        "| | questions that wait for their turn": f"{requests.MOST_WAITING}",
    }
    page = (ROOT / "docs" / "reference" / "limits.md").read_text("utf-8")
    rows = [line for line in page.splitlines() if line.startswith("|")][2:]
    assert rows == [f"{what} | {limit} |" for what, limit in limits.items()]
