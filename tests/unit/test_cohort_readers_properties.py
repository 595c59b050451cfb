"""Whatever a table is written with, reading gives its numbers or a refusal, never other numbers."""

import csv
import gzip
import io
import itertools
from collections import Counter
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bayes_ihlrt.errors import DataError
from bayes_ihlrt.files.cells import read_cells, read_labels
from bayes_ihlrt.files.delimited import Wanted
from bayes_ihlrt.files.readers import read_file
from bayes_ihlrt.spec.data_file import FileForm

NUMBERS = ("os", "tace", "nlr")
NAMES = ("id", *NUMBERS, "remark")
WANTED = Wanted(frozenset({"id", *NUMBERS}), frozenset({"id"}), frozenset(NUMBERS))
SEPARATORS = (",", ";", "\t", "|")
MARKS = (".", ",")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "windows-1252")
FORMS = tuple(itertools.product(SEPARATORS, MARKS, ENCODINGS))

places = st.integers(0, 4)
values = st.builds(
    lambda digits, places: Decimal(digits).scaleb(-places), st.integers(0, 3_000_000), places
)
identifiers = st.one_of(
    st.integers(1, 999).map(str), st.text("0123456789", min_size=3, max_size=3), st.just("HCC-1")
)
remarks = st.text("abc XYZ\xe4\xf6\xfc\xdf\xe9,;|\t\"'1.5", max_size=8)
rows = st.tuples(identifiers, values, st.none() | values, st.none() | values, remarks)
titles = st.lists(
    st.sampled_from(["Export", "# made by me, in 2022", "a;b", "", "1,5"]), max_size=3
)


@st.composite
def tables(draw):
    """Rows, lines above the names, whether thousands have marks, blank columns, blank rows."""
    return (
        draw(st.lists(rows, min_size=1, max_size=6)),
        draw(titles),
        draw(st.booleans()),
        draw(st.integers(0, 2)),
        draw(st.booleans()),
    )


def written_number(value, mark, *, grouped):
    if value is None:
        return ""
    text = f"{value:,f}" if grouped else f"{value:f}"
    return text if mark == "." else text.translate({44: 46, 46: 44})


def written(table, separator, mark, encoding):
    body, above, grouped, blank_columns, blank_row = table
    text = io.StringIO()
    text.writelines(f"{line}\n" for line in above)
    writer = csv.writer(text, delimiter=separator, lineterminator="\r\n")
    blank = [""] * blank_columns
    writer.writerow([*NAMES, *blank])
    for name, *numbers, remark in body:
        cells = [written_number(value, mark, grouped=grouped) for value in numbers]
        writer.writerow([name, *cells, remark, *blank])
        if blank_row:
            writer.writerow([""] * len(NAMES) + blank)
    return text.getvalue().encode(encoding)


def assert_the_same_or_refused(table, path, form, stated):
    """Return whether the file was read."""
    separator, mark, encoding = form
    content = written(table, separator, mark, encoding)
    path.write_bytes(gzip.compress(content, 1) if table[2] else content)
    try:
        found = read_file(path, WANTED, form=stated)
    except DataError:
        return False
    body = table[0]
    assert found.n_rows == len(body)
    # What was written as 7.0 would be 7; identifiers here have no decimal places.
    assert read_labels(found.columns["id"]).tolist() == [row[0] for row in body]
    for place, name in enumerate(NUMBERS, start=1):
        expected = [np.nan if row[place] is None else float(row[place]) for row in body]
        np.testing.assert_array_equal(read_cells(found.columns[name]).numbers, expected)
    return True


def check_forms(table, folder):
    """Read a table in every form, with no key and with the decimal mark; whether it was read."""
    read = []
    for form in FORMS:
        if form[:2] == (",", ",") and table[2]:
            # With commas between columns 1.000 is one: plain CSV has decimal points.
            continue
        path = folder / "cohort.csv"
        for keys in (FileForm(), FileForm(separator=form[0], decimal=form[1])):
            read.append(assert_the_same_or_refused(table, path, form, keys))
    return read


quickly = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


# Each table is written in dozens of forms; ten thousand files are read by the slow test below.
@settings(quickly, max_examples=15)
@given(table=tables())
def test_never_other_numbers(table, tmp_path):
    check_forms(table, tmp_path)


@pytest.mark.slow
def test_ten_thousand_files_are_read_as_written_or_refused(tmp_path):
    outcomes = Counter()

    @settings(quickly, max_examples=250)
    @given(table=tables())
    def each(table):
        outcomes.update(check_forms(table, tmp_path))

    each()
    assert outcomes.total() >= 10_000
    # A reader that refuses everything reads nothing wrongly.
    assert outcomes[True] > 0.5 * outcomes.total()


@quickly
@given(
    points=st.lists(values, min_size=1, max_size=4),
    commas=st.lists(values, min_size=1, max_size=4),
    grouped=st.booleans(),
)
def test_columns_that_do_not_agree_are_never_misread(points, commas, grouped, tmp_path):
    """One column has decimal points and one has commas: both right, or refused."""
    size = min(len(points), len(commas))
    expected = {"os": points[:size], "nlr": commas[:size]}
    cells = {
        name: [written_number(value, mark, grouped=grouped) for value in expected[name]]
        for name, mark in (("os", "."), ("nlr", ","))
    }
    # Thousands alone, 1.000 beside a decimal 0.0, are numbers with three places to any reader.
    marked = ("." in "".join(cells["os"]), "," in "".join(cells["nlr"]))
    decimal = [any(value % 1 for value in values) for values in expected.values()]
    assume(not grouped or (all(marked) and all(decimal)))
    # As above, of 1.000 with commas between columns.
    for separator in SEPARATORS[1:] if grouped else SEPARATORS:
        text = io.StringIO()
        writer = csv.writer(text, delimiter=separator)
        writer.writerows([("id", "os", "nlr"), *zip(range(size), *cells.values(), strict=True)])
        path = tmp_path / "cohort.csv"
        path.write_text(text.getvalue(), "utf-8", newline="")
        try:
            found = read_file(path, WANTED, form=FileForm())
        except DataError:
            continue
        for name, numbers in expected.items():
            read = read_cells(found.columns[name]).numbers
            np.testing.assert_array_equal(read, [float(value) for value in numbers])


@settings(quickly, max_examples=20)
@given(
    numbers=st.lists(st.decimals("0.1", "99.9", places=1), min_size=2, max_size=5),
    above=st.lists(st.sampled_from(["Export", "made in 2022"]), max_size=2),
)
def test_what_has_one_reading_is_read(numbers, above, tmp_path):
    body = [(str(place), value, None, value, "") for place, value in enumerate(numbers, start=1)]
    for form in FORMS:
        table = (body, above, False, 1, False)
        assert assert_the_same_or_refused(table, tmp_path / "cohort.csv", form, FileForm())
