"""Files that were once read wrongly or refused without a way out: read, told, or mended as told."""

from pathlib import Path

import pytest

from bayes_ihlrt.analysis.check import check_analysis, read_inputs
from bayes_ihlrt.errors import BayesIhlrtError
from bayes_ihlrt.spec.read import parse_spec

CASES = Path(__file__).parents[3] / "shared" / "examination" / "files"
pytestmark = pytest.mark.skipif(not CASES.exists(), reason="the examined files are not there")


def case(number, tmp_path, *changes, data=None):
    """Check one case, its specification of schema 2 and changed as a remedy says."""
    (folder,) = CASES.glob(f"{number}_*")
    text = (folder / "spec.toml").read_text().replace("schema = 1", "schema = 2")
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    spec = tmp_path / "spec.toml"
    spec.write_text(text)
    parse_spec(text)
    source = next(folder.glob("cohort.csv*"))
    if data is not None:
        content = source.read_text()
        for old, new in data:
            content = content.replace(old, new)
        source = tmp_path / "cohort.csv"
        source.write_text(content)
    return check_analysis(*read_inputs(spec, source))


def refusal(number, tmp_path, *changes, data=None):
    with pytest.raises(BayesIhlrtError) as told:
        case(number, tmp_path, *changes, data=data)
    return str(told.value)


@pytest.mark.parametrize(
    ("number", "note"),
    [
        ("03", "TREATED AS FOLLOW-UP ENDS"),
        ("05", "that is 34 years; are these days"),
        ("06", "999 (patient 3), -9 (patient 6)"),
        ("21", "read with semicolons between columns and decimal commas"),
        ("24", "3 cells hold several times; the smallest is the start of treatment"),
    ],
)
def test_it_is_told(number, note, tmp_path):
    assert any(note in told for told in case(number, tmp_path).notes)


def test_ties_are_those_of_r(tmp_path):
    checked = case("03", tmp_path)
    assert checked.person_time.provenance.untreated["events"] == 3
    assert checked.person_time.provenance.treated["events"] == 3


@pytest.mark.parametrize("number", ["02", "11", "14", "17", "25"])
def test_it_is_read(number, tmp_path):
    assert case(number, tmp_path).person_time.events > 0


def test_whole_months_of_zero(tmp_path):
    assert "write half of one (0.5 months)" in refusal("07", tmp_path)
    checked = case("07", tmp_path, data=[("1,0,1,", "1,0.5,1,"), ("4,0,1,", "4,0.5,1,")])
    assert checked.person_time.events > 0


def test_a_clone_specification_without_a_sampler_is_told_in_words(tmp_path):
    assert "validation error" not in refusal("01", tmp_path)


def test_a_column_name_that_is_no_word(tmp_path):
    assert "aliases = { name = 'its name in the file' }" in refusal("09", tmp_path)
    mended = case(
        "09", tmp_path,
        ('time_unit = "months"', 'time_unit = "months"\naliases = { ecog = "ph.ecog" }'),
        ("trt + ph.ecog", "trt + ecog"),
    )  # fmt: skip
    assert mended.prepared.encoder.columns == ("trt", "ecog")


def test_a_copied_column_and_a_perfect_predictor(tmp_path):
    assert "crp, nlr" in refusal("18", tmp_path)
    checked = case("18", tmp_path, ("trt + pvt + crp + nlr", "trt + pvt + nlr"))
    assert any("KNOWS THE OUTCOME" in note and "pvt" in note for note in checked.notes)


def test_a_reference_level(tmp_path):
    checked = case(
        "20", tmp_path, ("C(bclc, Treatment('B'))\"", 'bclc"\nreference = { bclc = "B" }')
    )
    assert checked.to_dict()["references"] == {"bclc": "B"}


def test_dates(tmp_path):
    assert "origin = '...' in [data]" in refusal("22", tmp_path)
    checked = case("22", tmp_path, ('time = "fu_date"', 'time = "fu_date"\norigin = "accept_date"'))
    found = checked.cohort.columns
    days = sorted(round(x * 30.4375, 6) for x in found["stop"].tolist())
    assert days == [15.0, 38.0, 47.0, 339.0, 658.0]
    assert not any("TREATED AS FOLLOW-UP ENDS" in note for note in checked.notes)
