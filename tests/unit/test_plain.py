"""Results become plain data in one place, whatever a computation left in them."""

import ast
import datetime as dt
import json
from decimal import Decimal
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.plain import NOT_FINITE, json_text, plain

SOURCE = Path(__file__).parents[2] / "src" / "bayes_ihlrt"

# They write no result: text of a specification, for messages and for reading it back.
OF_SPECIFICATIONS = {
    "spec/external.py",
    "spec/faults.py",
    "spec/schema_one.py",
    "spec/tables.py",
}


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        (True, True),
        (np.bool_(True), True),
        (np.int64(3), 3),
        (np.uint8(3), 3),
        (np.float32(0.5), 0.5),
        (np.float64(0.5), 0.5),
        (np.str_("a"), "a"),
        (DesignKind.SPLIT, "split"),
        (Path("out") / "heart", "out/heart"),
        (dt.date(2026, 11, 29), "2026-11-29"),
        (dt.datetime(2026, 11, 29, 12, tzinfo=dt.UTC), "2026-11-29T12:00:00+00:00"),
        (pd.Timestamp("2026-11-29"), "2026-11-29T00:00:00"),
        (np.datetime64("2026-11-29"), "2026-11-29"),
        (np.nan, None),
        (np.float32("nan"), None),
        (pd.NA, None),
        (pd.NaT, None),
        (np.datetime64("NaT", "D"), None),
        (np.array(2.5), 2.5),
        (np.arange(4).reshape(2, 2), [[0, 1], [2, 3]]),
        (np.array([True, False]), [True, False]),
        (np.array(["a", None], dtype=object), ["a", None]),
        (np.array(["2026-11-29", "NaT"], dtype="datetime64[D]"), ["2026-11-29", None]),
        (np.ma.array([1.0, 2.0], mask=[False, True]), [1.0, None]),
        (pd.Series([1, 2]), [1, 2]),
        (pd.Index(["a", "b"]), ["a", "b"]),
        (pd.array([1, None], dtype="Int64"), [1, None]),
        (xr.DataArray([0.5, np.nan], dims="draw"), [0.5, None]),
        (xr.DataArray(0.5), 0.5),
        ((1, (2, np.int8(3))), [1, [2, 3]]),
        ({"b", "a"}, ["a", "b"]),
        ({DesignKind.SPLIT: 1, np.int64(2): 2, 2.5: 3}, {"split": 1, "2": 2, "2.5": 3}),
    ],
)
def test_a_value_becomes_plain(value, expected):
    found = plain({"value": value})["value"]
    assert found == expected
    assert json.loads(json_text({"value": value}))["value"] == found


@pytest.mark.parametrize(
    "value",
    [
        object(),
        b"bytes",
        1j,
        Decimal(1),
        np.timedelta64(1, "D"),
        dt.timedelta(1),
        pd.DataFrame({"a": [1]}),
        xr.Dataset({"a": 1}),
        (n for n in range(2)),
        {None: 1},
        {True: 1},
        {("a", "b"): 1},
        {np.nan: 1},
        {1: "a", "1": "b"},
    ],
)
def test_what_has_no_form_is_refused_with_its_place(value):
    with pytest.raises(TypeError, match=r"^rows\[1\]\.cell: "):
        plain({"rows": [0, {"cell": value}]})


def test_infinite_numbers_are_named_and_nothing_else_is_added():
    found = plain({"a": [1.0, np.inf], "b": {"c": -np.inf, "d": np.nan}})
    assert found == {
        "a": [1.0, None],
        "b": {"c": None, "d": None},
        NOT_FINITE: {"a[1]": "inf", "b.c": "-inf"},
    }
    assert NOT_FINITE not in plain({"a": [1.0, np.nan]})


scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(Colour)
    | st.integers(-(2**63), 2**63 - 1).map(np.int64)
    | st.floats(width=32).map(np.float32)
    | st.booleans().map(np.bool_)
)
contents = st.recursive(
    scalars | st.lists(st.floats(), max_size=3).map(np.array),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1), contents, max_size=4))
def test_text_is_strict_json_and_plain_is_stable(content):
    def refuse(constant):
        raise AssertionError(constant)

    text = json_text(content, indent=None)
    assert json.loads(text, parse_constant=refuse) == plain(content)
    assert plain(plain(content)) == plain(content)


def test_nowhere_else_a_result_becomes_json():
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if name in OF_SPECIFICATIONS | {"plain.py"}:
            continue
        calls = [
            node
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute)
            and node.attr in {"dump", "dumps"}
            and ast.unparse(node.value) == "json"
        ]
        assert not calls, f"{name} writes JSON itself, at line {calls[0].lineno}"
