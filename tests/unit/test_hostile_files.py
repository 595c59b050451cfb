"""Files that a user was given end in faults in words: specifications, cohorts, requests."""

from pathlib import Path

import pytest

from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.files.delimited import Wanted
from bayes_ihlrt.files.readers import read_file
from bayes_ihlrt.spec.data_file import FileForm
from bayes_ihlrt.spec.read import parse_spec

HEART = (Path(__file__).parents[2] / "models" / "heart.toml").read_text("utf-8")
HEADER = "id,centre,age\n"
ROW = "p1,a,60\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEART}\n[x]\na = {'[' * 60_000}{']' * 60_000}\n", "nested too deeply"),
        (f"{HEART}\n[x]\na = {'9' * 5000}\n", "a number of thousands of digits"),
        (f"{HEART}\n[x]\na = [[{'9' * 4000}]]\n", "x.a: it is a whole number of 3322 hexadecimal"),
        (f"{HEART}\n[x]\na = 0x{'f' * 9000}\n", "x.a: it is a whole number of 9000 hexadecimal"),
        (f'{HEART}\n["x\\u001b[31m"]\na = 1\n', r"[x\x1b[31m]: there is no such table"),
    ],
    ids=["nested", "digits", "digits in a list", "hexadecimal", "escape"],
)
def test_specifications(text, message):
    with pytest.raises(SpecificationError) as caught:
        parse_spec(text)
    assert message in str(caught.value)
    assert "\x1b" not in str(caught.value)


@pytest.mark.parametrize(
    "prior",
    [
        "baseline = { median_survival = 1e-320, upper = 240.0 }",
        "baseline = { median_survival = 12.0, upper = 1e308 }",
        "transplant = { hr_median = 1e-200, hr_interval = [1e-300, 1e-100] }",
        'age = { dist = "Normal", mu = 1e300, sigma = 1.0 }',
        'age = { dist = "Normal", mu = 0.0, sigma = 1e-300 }',
        'age = { dist = "Normal", mu = 0.0, sigma = 1e300, per = "sd" }',
    ],
)
def test_priors_beyond_what_numbers_hold(prior):
    before = HEART.partition("[priors]")[0]
    with pytest.raises(SpecificationError, match=r"out of range\. It must be at (least|most)"):
        parse_spec(f"{before}\n[priors]\n{prior}\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f'"{HEADER}{ROW * 3}', "a double quote in it is not closed"),
        (f'"{HEADER}{ROW * 30_000}', "a double quote in it is not closed"),
        (f'id,"cen"tre,age\n{ROW}', "or stands within a name"),
        (f"{HEADER}{ROW * 3}p2,\xca\xe8\xe5\xe2,60\n", "not encoded in UTF-8"),
        (f"{HEADER}{ROW * 30_000}p2,K\xf6ln, S\xfcd,60\n", "line 30002 (4 cells)"),
    ],
    ids=["open quote", "long open quote", "quote in a name", "Cyrillic", "Latin-1, ragged, late"],
)
def test_cohorts(content, message, tmp_path):
    file = tmp_path / "cohort.csv"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(DataError) as caught:
        read_file(file, Wanted(frozenset({"id", "age"}), frozenset({"id"})), form=FileForm())
    assert message in str(caught.value)


def test_column_names_may_have_line_breaks_between_quotes(tmp_path):
    file = tmp_path / "cohort.csv"
    file.write_text('id,"age\n(years)"\np1,60\n')
    wanted = Wanted(frozenset({"id", "age\n(years)"}), frozenset({"id"}))
    found = read_file(file, wanted, form=FileForm())
    assert found.names == ("id", "age\n(years)")
    assert found.n_rows == 1
