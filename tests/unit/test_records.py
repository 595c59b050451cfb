"""JSON files of results hold what is documented: written, read and described by one record."""

import importlib
import json
import pkgutil
import re
import sys
from pathlib import Path

import pytest
from pydantic import TypeAdapter, ValidationError

from bayes_ihlrt import schema
from bayes_ihlrt.errors import InputError
from bayes_ihlrt.schema.base import JsonFile, NamedFile, Number, Record, RunFile, key, writes
from bayes_ihlrt.schema.brief import AnsweredFile, FittedBriefFile
from bayes_ihlrt.schema.files import FILES

sys.path.append(str(Path(__file__).parents[2] / "tools"))
import result_page


class Row(Record):
    """A row."""

    horizon: Number = key("until when", unit="months")
    low: float = key("the lower end", alias="q2.5")


class Small(NamedFile):
    """A small file."""

    rows: list[Row] = key("rows")


GOOD = {"schema": 1, "name": "a", "rows": [{"horizon": None, "q2.5": 1.0}]}


def below(record):
    return {one for sub in record.__subclasses__() for one in (sub, *below(sub))}


def records():
    for found in pkgutil.iter_modules(schema.__path__):
        importlib.import_module(f"bayes_ihlrt.schema.{found.name}")
    own = (record for record in below(Record) if record.__module__.startswith("bayes_ihlrt."))
    return sorted(own, key=lambda record: record.__name__)


def test_the_page_is_what_the_records_say():
    assert result_page.PAGE.read_text("utf-8") == result_page.page(), (
        "run python tools/result_page.py"
    )


def test_the_page_has_every_record_once_and_its_links_lead_to_them():
    page = result_page.page()
    files = [record for record in records() if issubclass(record, JsonFile)]
    assert set(files) == {JsonFile, NamedFile, RunFile, AnsweredFile, FittedBriefFile, *FILES}
    headings = [result_page.slug(h) for h in re.findall(r"^#+ (.+)$", page, flags=re.MULTILINE)]
    assert len(headings) == len(set(headings))
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= set(headings)
    others = {result_page.slug(result_page.title(r)) for r in records() if r not in files}
    assert others <= set(headings)


def test_every_key_has_its_words_and_no_record_shadows_another():
    for record in records():
        for field in record.model_fields.values():
            assert field.description, f"{record.__name__}: {field}"
            assert "|" not in field.description
    names = [record.__name__ for record in records()]
    assert len(names) == len(set(names))


def takes_null(annotation):
    try:
        TypeAdapter(annotation).validate_python(None, strict=True)
    except ValidationError:
        return False
    return True


def test_the_page_says_of_each_key_whether_it_may_be_null():
    """By the type's own check, and by the words of the key, where they begin a clause with it."""
    for record in records():
        for name, field in record.model_fields.items():
            _, key_named, holds, _ = result_page.row(record, name).split("|", 3)
            several = holds.startswith((" list", " by name"))
            said = ("; or `null`" if several else "or `null`") in holds
            where = f"{record.__name__}:{key_named}"
            if field.is_required():
                assert said == takes_null(field.annotation), where
            if re.search(r"(^|[;,] |else |: )`null`", field.description):
                assert said, where


def test_keys_that_have_no_name_of_their_own_are_told():
    open_ones = [one for one in records() if one.model_config.get("extra") == "allow"]
    assert [one.__name__ for one in open_ones] == ["QuantityAtHorizon"]
    *_, last = result_page.rows(*open_ones)
    assert last.startswith("| any other | [short summary](#short-summary) | of the strategy ")


def test_a_number_that_is_always_defined_warns_where_it_is_not():
    found = json.loads(Small.text({**GOOD, "rows": [{"horizon": float("nan"), "q2.5": 1.0}]}))
    assert found["rows"] == [{"horizon": None, "q2.5": 1.0}]
    with pytest.warns(RuntimeWarning, match=r"Small says otherwise: 'rows\[0\]\.q2\.5' holds None"):
        Small.text({**GOOD, "rows": [{"horizon": 1.0, "q2.5": float("nan")}]})


def test_what_is_written_is_read_again(tmp_path):
    writes(Small, lambda: GOOD)(tmp_path / "small.json")
    assert Small.read(tmp_path / "small.json", "report") == GOOD
    assert json.loads((tmp_path / "small.json").read_text()) == GOOD


def test_an_infinite_number_is_named(tmp_path):
    content = {**GOOD, "rows": [{"horizon": float("inf"), "q2.5": 1.0}]}
    writes(Small, lambda: content)(tmp_path / "small.json")
    found = Small.read(tmp_path / "small.json", "report")
    assert found["not_finite"] == {"rows[0].horizon": "inf"}


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        (
            [{"horizon": 1.0}],
            r"it lacks 'rows\[0\]\.q2\.5', which every such file has \(found there: horizon\)",
        ),
        (
            [{"horizon": 1.0, "q2.5": 1.0, "x": 1}],
            r"its key 'rows\[0\]\.x' \(found: 1\) is one that no such file has",
        ),
        ([{"horizon": 1.0, "q2.5": None}], r"'rows\[0\]\.q2\.5' holds None, and should be a valid"),
        (
            [{"horizon": "12", "q2.5": 1.0}],
            r"'rows\[0\]\.horizon' holds '12', and should be a valid number",
        ),
        ([{"horizon": 1.0, "q2.5": True}], r"'rows\[0\]\.q2\.5' holds True, and should be"),
        (None, r"'rows' holds None, and should be a valid list"),
    ],
)
def test_a_file_that_does_not_fit_is_told_by_name_and_key(tmp_path, rows, told):
    file = tmp_path / "small.json"
    file.write_text(json.dumps({**GOOD, "rows": rows}))
    with pytest.raises(InputError, match=told) as caught:
        Small.read(file, "report")
    (fault,) = caught.value.faults
    assert fault.where == f"file {file}"
    assert fault.remedy == "Run the command again"
    # What was computed is written all the same; every other test makes an error of the warning.
    with pytest.warns(RuntimeWarning, match=r"Small says otherwise: .*rows"):
        assert json.loads(Small.text({**GOOD, "rows": rows}))["rows"] == rows


def test_many_faults_are_told_in_few_lines(tmp_path):
    file = tmp_path / "small.json"
    file.write_text(json.dumps({**GOOD, "rows": [{}] * 10}))
    with pytest.raises(InputError) as caught:
        Small.read(file, "report")
    told = [fault.problem for fault in caught.value.faults]
    assert len(told) == 9
    assert told[-1] == "12 more keys do not fit"


@pytest.mark.parametrize("text", ["[1]", "no JSON"])
def test_what_is_no_object_is_told(tmp_path, text):
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(InputError, match="JSON"):
        Small.read(tmp_path / "x.json", "report")
