"""Files as they are: every kind is read, told and, where two readings are possible, refused."""

import datetime as dt
import gzip
import io
import subprocess
import sys

import numpy as np
import openpyxl
import pandas as pd
import polars as pl
import pyarrow as pa
import pyreadstat
import pytest

import sas_writer
from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.cohort.datasets import csv_path
from bayes_ihlrt.cohort.load import Cohort, load_cohort
from bayes_ihlrt.errors import DataError, MissingExtraError
from bayes_ihlrt.files import foreign
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.read import load_spec
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec

NAMES = ["id", "os", "death", "tace", "nlr"]
ROWS = [
    ["1", 10.5, 1, None, 2.1],
    ["007", 12, 1, 3.5, 3.2],
    ["3", 20.1, 0, None, 2.4],
    ["4", 5, 1, 2.5, 4],
]
SEMICOLONS = "id;os;death;tace;nlr\n1;10,5;1;;2,1\n007;12,0;1;3,5;3,2\n3;20,1;0;;2,4\n4;5;1;2,5;4\n"
TREATMENT = TreatmentSpec(name="ihlrt", start="tace")


def data(**keys):
    return DataSpec(patient="id", time="os", event="death", **keys)


def read(folder, content, *, name="cohort.csv", treatment=TREATMENT, covariates=("nlr",), **keys):
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return load_cohort(path, data(**keys), treatment, covariates=covariates)


def refused(*arguments, **keys):
    with pytest.raises(DataError) as told:
        read(*arguments, **keys)
    return str(told.value)


def as_expected(cohort):
    columns = {name: values.tolist() for name, values in cohort.columns.items()}
    return columns == {
        "patient": [row[0] for row in ROWS],
        "start": [0.0] * 4,
        "stop": [row[1] for row in ROWS],
        "event": [row[2] for row in ROWS],
        "treatment_start": [np.inf if row[3] is None else row[3] for row in ROWS],
        "nlr": [row[4] for row in ROWS],
    }


def workbook(*rows, errors=(), **more):
    book = openpyxl.Workbook()
    book.active.title = "Data"
    for sheet, cells in {"Data": rows, **more}.items():
        page = book["Data"] if sheet == "Data" else book.create_sheet(sheet)
        for row in cells:
            page.append(row)
    for place, error in errors:
        cell = book["Data"][place]
        cell.value, cell.data_type = error, "e"
    held = io.BytesIO()
    book.save(held)
    return held.getvalue()


POINTS = SEMICOLONS.replace(",", ".")
LATIN = "id;os;death;tace;nlr;Stra\xdfe\n" + "".join(
    f"{line};M\xfcller\n" for line in SEMICOLONS.splitlines()[1:]
)
TEXTS = {
    "commas": (POINTS.replace(";", ","), ()),
    "semicolons": (SEMICOLONS, ("read with semicolons between columns and decimal commas",)),
    "tabs": (POINTS.replace(";", "\t"), ("read with tabs between columns and decimal points",)),
    "bars": (
        SEMICOLONS.replace(";", "|"),
        ("read with vertical bars between columns and decimal commas",),
    ),
    "commas, decimal commas in quotes": (
        '"' + SEMICOLONS.replace("\n", '"\n"').replace(";", '","').removesuffix('"'),
        ("read with decimal commas",),
    ),
    "byte order mark": (b"\xef\xbb\xbf" + POINTS.replace(";", ",").encode(), ()),
    "UTF-16": (
        SEMICOLONS.encode("utf-16"),
        ("read with semicolons between columns, decimal commas and UTF-16 letters",),
    ),
    "UTF-16 without mark": (
        SEMICOLONS.encode("utf-16-le"),
        ("read with semicolons between columns, decimal commas and UTF-16 letters",),
    ),
    "Windows": (
        LATIN.replace("\n", "\r\n").encode("windows-1252"),
        (
            "read with semicolons between columns, decimal commas and Windows-1252 letters "
            "(\xdf, \xfc)",
        ),
    ),
    "gzip": (
        gzip.compress(SEMICOLONS.encode(), mtime=0),
        ("read with semicolons between columns and decimal commas",),
    ),
    "declared separator": (
        f"sep=;\n{SEMICOLONS}",
        (
            "read with semicolons between columns and decimal commas",
            "the column names are in line 2, 1 line above them left out",
        ),
    ),
    "laid out by hand": (
        "Export of the department, 2022\n# 4 patients\n\n"
        + SEMICOLONS.replace("\n", ";;\n").replace("007", ";;;;;;\n007")
        + ";;;;;;\n",
        (
            "read with semicolons between columns and decimal commas",
            "the column names are in line 4, 2 lines above them left out",
            "1 blank row between the data left out",
            "2 blank columns at the end left out",
        ),
    ),
    "blank cells beyond the names": (
        POINTS.replace(";", ",").replace("\n", ",\n").replace("nlr,", "nlr"),
        ("1 blank column at the end left out",),
    ),
    "old line ends": (POINTS.replace(";", ",").replace("\n", "\r"), ()),
}


@pytest.mark.parametrize("case", TEXTS)
def test_text_is_read_and_told(case, tmp_path):
    content, notes = TEXTS[case]
    cohort = read(tmp_path, content)
    assert as_expected(cohort)
    assert cohort.notes == tuple(f"cohort.csv: {note}." for note in notes)


DOUBTFUL = "id;os;death;tace;nlr\n1;10;1;;1,234\n2;12;1;3;3,211\n"


@pytest.mark.parametrize(("mark", "value"), [(",", 1.234), (".", 1234.0)])
def test_a_number_of_two_readings_is_decided_by_the_key(mark, value, tmp_path):
    message = refused(tmp_path, DOUBTFUL)
    assert "'1,234' could be 1.234 (a decimal comma) or 1234 (a comma after the" in message
    assert f'decimal = "{mark}"' in message
    assert read(tmp_path, DOUBTFUL, decimal=mark).columns["nlr"][0] == value


@pytest.mark.parametrize(("mark", "value"), [(None, 1.0), (".", 1.0), (",", 1000.0)])
def test_with_commas_between_columns_a_point_is_decimal_unless_stated(mark, value, tmp_path):
    content = "id,os,death,tace,nlr\n1,10,1,,1.000\n2,12,1,3,2.500\n"
    assert read(tmp_path, content, decimal=mark).columns["nlr"][0] == value


@pytest.mark.parametrize(
    ("content", "nlr"),
    [
        (DOUBTFUL.replace("3,211", "0,211"), [1.234, 0.211]),
        (DOUBTFUL.replace(";10;", ";10,5;"), [1.234, 3.211]),
        (DOUBTFUL.replace("3,211", "3,211.5"), [1234.0, 3211.5]),
        (DOUBTFUL.replace("3,211", "3,211,000"), [1234.0, 3211000.0]),
    ],
    ids=["a zero", "another column", "both marks", "millions"],
)
def test_a_number_of_two_readings_is_decided_by_others(content, nlr, tmp_path):
    assert read(tmp_path, content).columns["nlr"].tolist() == nlr


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (SEMICOLONS.replace("2,1", "2.1"), "decimal points ('2.1' in column nlr) and decimal"),
        (SEMICOLONS.replace("2,1", "2.100"), "'2.100' could be 2.100 (a decimal point) or 2100"),
        ('id,os,death,tace,nlr\n1,9.5,1,,"1,234"\n2,8,1,2,3\n', "'1,234' could be"),
        ("id,os,death,tace,nlr\n1,10,5,1,,2,1\n", "line 2 (7 cells)"),
        ("id,os,death,tace,nlr,\n1,10,1,2,3,5\n", "line 2 (6 cells)"),
        (f"id;os;death;tace;nlr\n{SEMICOLONS}", "lines 1, 2 name 5 columns"),
        (f"1;2;3;4;5\n{SEMICOLONS}", "line 1: it stands above the column names"),
        ("ID,Time,Status\n1,2,alive\n2,3,death\n", "column os: needed as [data] time, and"),
        (b"id,os\n1,2\x00\n", "it is neither text nor a kind of file"),
        (bytes(range(256)), "it is neither text nor a kind of file"),
        ("\n \n", "it is empty"),
        (gzip.compress(SEMICOLONS.encode(), mtime=0)[:-9], "its gzip archive is damaged"),
        (gzip.compress(b"X\n\0\0\0\3", mtime=0), "it is an R data file (.rds). In R: `write.csv("),
        (gzip.compress(b"RDX3\nX\n", mtime=0), "it is an R workspace (.RData)"),
        (b"%PDF-1.7", "it is a PDF document"),
        (b"\n<HTML><table>", "it is a web page, whatever its name ends in"),
        (b"\xd0\xcf\x11\xe0" + bytes(9), "an old Excel (.xls)"),
        (b"\xd0\xcf\x11\xe0" + "EncryptedPackage".encode("utf-16-le"), "protected by a password"),
        (b"PAR1 and no more", "it is a damaged Parquet file"),
        (b"$FL2@(#) and no more", "it cannot be read as a data set of SPSS"),
        (b"<stata_dta> and no more", "it cannot be read as a data set of Stata"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused(content, message, tmp_path):
    assert message in refused(tmp_path, content)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"separator": ","}, 'divided by semicolons, and [data] states separator = ","'),
        ({"decimal": "."}, "'10,5' (patient 1)"),
        ({"encoding": "utf-16"}, "no text in the encoding 'utf-16'"),
        ({"header_line": 9}, "line 9: [data] header_line says"),
        ({"sheet": "Data"}, "[data] sheet: a file of this kind has none"),
        ({"parameter": "OS"}, "'OS' is asked for, and there is no column PARAMCD"),
    ],
)
def test_keys_that_the_file_contradicts(keys, message, tmp_path):
    assert message in refused(tmp_path, SEMICOLONS, **keys)


def test_keys_decide(tmp_path):
    twice = f"{SEMICOLONS.splitlines()[0]}\n{SEMICOLONS}"
    cohort = read(tmp_path, twice, header_line=2, separator=";", decimal=",", encoding="ascii")
    assert as_expected(cohort)
    cyrillic = SEMICOLONS.replace("nlr", "nlr;\u0418\u0432\u0430\u043d").replace("\n", ";\n")
    cyrillic = cyrillic.replace("\u0418\u0432\u0430\u043d;", "\u0418\u0432\u0430\u043d")
    assert "Windows-1252 either" in refused(tmp_path, cyrillic.encode("windows-1251"))
    assert as_expected(read(tmp_path, cyrillic.encode("windows-1251"), encoding="windows-1251"))


def test_the_specification_refuses_an_encoding_that_is_none():
    for name in ("utf-99", "rot13", "punycode"):
        with pytest.raises(ValueError, match="is no encoding of text"):
            data(encoding=name)


def test_a_workbook_as_a_person_laid_it_out(tmp_path):
    rows = [["1", *ROWS[0][1:]], *ROWS[1:]]
    content = workbook(["Cohort of 2022"], [], NAMES, *rows[:2], [None] * 5, *rows[2:])
    cohort = read(tmp_path, content, name="cohort.xlsx")
    assert as_expected(cohort)
    assert cohort.notes == (
        "cohort.xlsx: the column names are in line 3, 1 line above them left out.",
        "cohort.xlsx: 1 blank row between the data left out.",
    )


def test_sheets(tmp_path):
    content = workbook(NAMES, *ROWS, Legend=[["id", "number of the patient"]])
    cohort = read(tmp_path, content)
    assert as_expected(cohort)
    assert cohort.notes == ("cohort.csv: sheet 'Data' of 2 is read.",)
    content = workbook(NAMES, *ROWS, Old=[NAMES, *ROWS[:2]])
    assert "'Data', 'Old' have 5 columns that the analysis reads" in refused(tmp_path, content)
    assert read(tmp_path, content, sheet="Old").n_patients == 2
    assert "Did you mean 'Old'" in refused(tmp_path, content, sheet="Olt")


def test_cells_of_a_workbook_keep_their_kind(tmp_path):
    rows = [[1, 10.5, True, dt.date(2020, 1, 2), 2.1], [2, 12, False, None, 0.3000001]]
    message = refused(tmp_path, workbook(NAMES, *rows))
    assert "the only value is" not in message
    assert "calendar date" in message
    cohort = read(tmp_path, workbook(NAMES, *rows), treatment=None)
    assert cohort.columns["patient"].tolist() == ["1", "2"]
    assert cohort.columns["event"].tolist() == [1.0, 0.0]
    assert cohort.columns["nlr"].tolist() == [2.1, 0.3000001]


def test_cells_with_errors_are_faults_and_not_missing(tmp_path):
    content = workbook(NAMES, *ROWS, errors=[("D2", "#DIV/0!"), ("E3", "#N/A"), ("G2", "#REF!")])
    message = refused(tmp_path, content)
    assert "column tace: 1 cell holds an error of the spreadsheet: #DIV/0! in cell D2" in message
    assert "column nlr: 1 cell holds an error of the spreadsheet: #N/A in cell E3" in message
    assert "#REF!" not in message


def test_formulas_without_a_result_are_not_empty_cells(tmp_path):
    content = workbook(NAMES, *ROWS, ["5", 9, 1, "=1+1", 2])
    assert "formulas whose results were not stored" in refused(tmp_path, content)


def test_text_in_a_workbook_with_decimal_commas(tmp_path):
    rows = [["1", "10,5", 1, None, 2.1], *ROWS[1:]]
    message = refused(tmp_path, workbook(NAMES, *rows))
    assert "decimal points ('20.1' in column os) and decimal commas ('10,5' in" in message
    assert as_expected(read(tmp_path, workbook(NAMES, *rows), decimal=","))


FRAME = pd.DataFrame(ROWS, columns=NAMES).assign(
    sex=[1.0, 2.0, np.nan, 1.0], stage=[1.0, 2.0, 9.0, 1.0]
)
FRAME[["os", "death", "tace", "nlr"]] = FRAME[["os", "death", "tace", "nlr"]].astype(float)
LABELS = {"sex": {1: "male", 2: "female"}, "death": {0: "alive", 1: "dead"}, "stage": {9: "?"}}


SAS = {name: list(values) for name, values in zip(NAMES, zip(*ROWS, strict=True), strict=True)}


@pytest.mark.parametrize("kind", ["dta", "sav", "xpt", "sas7bdat", "parquet", "polars.parquet"])
def test_files_of_other_programs(kind, tmp_path):
    path = tmp_path / "cohort"
    match kind:
        case "dta":
            pyreadstat.write_dta(FRAME, path, variable_value_labels=LABELS)
        case "sav":
            pyreadstat.write_sav(FRAME, path, variable_value_labels=LABELS)
        case "xpt":
            pyreadstat.write_xport(FRAME, path)
        case "sas7bdat":
            path.write_bytes(sas_writer.data_set(SAS))
        case "parquet":
            FRAME.to_parquet(path)
        case _:
            pl.from_pandas(FRAME).write_parquet(path)
    assert as_expected(read(tmp_path, path.read_bytes(), name="cohort"))


def test_dates_of_a_sas_data_set_are_dates(tmp_path):
    zero = [dt.date(2021, 1, 4), dt.date(1959, 12, 31), dt.date(2020, 2, 29), dt.date(2024, 2, 29)]
    days = [100, 60, 366, 1]
    end = [day + dt.timedelta(later) for day, later in zip(zero, days, strict=True)]
    columns = {"id": SAS["id"], "begin": zero, "os": end, "death": SAS["death"]}
    content = sas_writer.data_set(columns)
    found = read(tmp_path, content, treatment=None, covariates=(), origin="begin")
    np.testing.assert_allclose(found.columns["stop"] * 30.4375, days, rtol=1e-12)


@pytest.mark.parametrize("kept", [200, 1100, 40_000])
def test_a_sas_data_set_that_is_cut_off_is_told(kept, tmp_path):
    assert "it cannot be read as a data set of SAS" in refused(
        tmp_path, sas_writer.data_set(SAS)[:kept]
    )


def test_labels_of_values_are_categories_and_told(tmp_path):
    path = tmp_path / "cohort.dta"
    pyreadstat.write_dta(FRAME.assign(sex=[1.0, 2, 2, 1]), path, variable_value_labels=LABELS)
    cohort = read(tmp_path, path.read_bytes(), name="cohort.dta", covariates=["sex", "stage"])
    assert cohort.columns["sex"].tolist() == ["male", "female", "female", "male"]
    assert cohort.columns["event"].tolist() == [1.0, 1.0, 0.0, 1.0]
    assert cohort.columns["stage"].tolist() == [1.0, 2.0, 9.0, 1.0]
    assert cohort.notes == (
        "cohort.dta: column death is read as numbers, though it has labels (1 = 'dead', 0 = "
        "'alive').",
        "cohort.dta: column sex is read by the labels of its values (1 = 'male', 2 = 'female').",
        "cohort.dta: column stage is read as numbers, though it has labels (9 = '?').",
    )


def test_values_that_the_user_declared_missing(tmp_path):
    path = tmp_path / "cohort.sav"
    pyreadstat.write_sav(FRAME.fillna({"tace": 99.0}), path, missing_ranges={"tace": [99]})
    assert as_expected(read(tmp_path, path.read_bytes(), name="cohort.sav"))
    path = tmp_path / "cohort.dta"
    tagged = FRAME.assign(tace=[".a", 3.5, "z", 2.5]).replace({"tace": {".a": "a"}})
    pyreadstat.write_dta(tagged, path, missing_user_values={"tace": ["a", "z"]})
    assert as_expected(read(tmp_path, path.read_bytes(), name="cohort.dta"))


def test_frames_of_every_library():
    frame = FRAME.assign(stage=["a", "b", "a", "b"])
    categories = pl.from_pandas(frame).with_columns(pl.col("stage").cast(pl.Categorical))
    for given in (
        frame, pl.from_pandas(frame), categories, pa.Table.from_pandas(frame),
        pa.Table.from_pandas(frame.astype({"stage": "category"})),
    ):  # fmt: skip
        cohort = Cohort.from_frame(given, data(), TREATMENT, covariates=["stage"])
        assert cohort.columns["stage"].tolist() == ["a", "b", "a", "b"]
        assert cohort.columns["treatment_start"].tolist() == [np.inf, 3.5, np.inf, 2.5]
        some = DataSpec(patient="id", time="os", event="death", drop_missing=True)
        assert Cohort.from_frame(given, some, covariates=["sex", "stage"]).n_patients == 3
    for wrong in (pl.from_pandas(frame).lazy(), 3):
        with pytest.raises(DataError, match="Give a data frame of pandas or polars"):
            Cohort.from_frame(wrong, data())


@pytest.mark.parametrize("content", ["id;m;x\n1.0;1;1,5\n007;0;2\n", b""])
def test_a_patient_is_the_same_in_every_file(content, tmp_path):
    book = workbook(["id", "m", "x"], [1, 1, 1.5], ["007", 0, 2])
    (tmp_path / "visits").write_bytes(content.encode() if content else book)
    (tmp_path / "cohort.csv").write_text("id,os,death\n1,10.5,1\n007,4,1\n")
    visits = VisitsSpec(file="visits", time="m", covariates=["x"])
    cohort = load_cohort(tmp_path / "cohort.csv", data(), visits=visits)
    assert cohort.visits.columns["patient"].tolist() == ["1", "007"]
    assert cohort.visits.columns["x"].tolist() == [1.5, 2.0]
    told = "visits: read with semicolons between columns and decimal commas."
    assert cohort.notes == ((told,) if content else ())


def test_keys_of_the_data_file_decide_for_visits_where_nothing_else_does(tmp_path):
    (tmp_path / "visits.csv").write_text("id;m;x\n1;1;1,500\n2;0;2\n")
    (tmp_path / "cohort.csv").write_text("id,os,death\n1,10.5,1\n2,4,1\n")
    visits = VisitsSpec(file="visits.csv", time="m", covariates=["x"])
    with pytest.raises(DataError, match="'1,500' could be"):
        load_cohort(tmp_path / "cohort.csv", data(), visits=visits)
    cohort = load_cohort(tmp_path / "cohort.csv", data(decimal="."), visits=visits)
    assert cohort.visits.columns["x"].tolist() == [1500.0, 2.0]


def test_notes_reach_check(tmp_path):
    path = tmp_path / "heart.csv"
    heart = load_spec("heart")
    path.write_text(csv_path("heart").read_text("utf-8").replace(",", ";"), "utf-8")
    checked = check_analysis(heart, path)
    assert any("heart.csv: read with semicolons between columns" in n for n in checked.notes)
    assert (
        checked.cohort.fingerprint
        == load_cohort(
            "heart", heart.data, heart.treatment, covariates=heart.covariates
        ).fingerprint
    )


def test_what_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(foreign, "find_spec", lambda name: None)
    for content in (workbook(NAMES, *ROWS), b"$FL2@(#)"):
        with pytest.raises(MissingExtraError, match=r"bayes-ihlrt\[files\]"):
            read(tmp_path, content)


def test_text_loads_nothing_slow(tmp_path):
    path = tmp_path / "cohort.csv"
    path.write_bytes(LATIN.encode("latin-1"))
    code = (
        "import sys\n"
        "from bayes_ihlrt.cohort.load import load_cohort\n"
        "from bayes_ihlrt.spec.data import DataSpec\n"
        "spec = DataSpec(patient='id', time='os', event='death')\n"
        f"load_cohort({str(path)!r}, spec, covariates=['nlr'])\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    slow = {"pandas", "polars", "openpyxl", "pyreadstat", "pyarrow.parquet", "scipy"}
    assert not slow & set(done.stdout.split())
