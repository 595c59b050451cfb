"""`init --from`: guesses with their reasons, what stays open, and what `check` then says."""

import csv
import os
import pty
import re
import select
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner
from validation.robust.records import filled

from bayes_ihlrt.analysis import fit as fitting
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.files.table import Table
from bayes_ihlrt.proposal.first_specification import first_specification, open_questions, quoted
from bayes_ihlrt.proposal.recognise import answered, recognise
from bayes_ihlrt.proposal.role_guesses import OPEN
from bayes_ihlrt.report import narrative, writing
from bayes_ihlrt.schema.brief import Curves

HOSPITAL = Path(__file__).parents[3] / "shared" / "examination" / "own_cohort" / "hospital.csv"
RNG = np.random.default_rng(20261129)


def export(path, *, status=("alive", "dead"), date="%d.%m.%Y", names=None, separator=","):
    """An invented export of 60 patients."""
    names = names or {}
    days = RNG.integers(40, 900, 60)
    zero = np.datetime64("2021-01-04") + np.arange(60)
    start = np.where(np.arange(60) % 4 == 0, days // 3, -1)

    def written(day):
        return day.astype(object).strftime(date)

    rows = [
        {
            "Patient ID": f"P-{i:03}",
            "Site": f"Hospital {'ABC'[i % 3]}",
            "Start of therapy": written(zero[i]),
            "TACE date": written(zero[i] + start[i]) if start[i] >= 0 else "",
            "Last contact": written(zero[i] + days[i]),
            "Status": status[int(i % 5 != 0) if len(status) == 2 else i % len(status)],
            "NLR": f"{RNG.lognormal(1.1, 0.4):.2f}",
            "AFP (ng/mL)": "<2.0" if i == 7 else f"{RNG.lognormal(4, 2):.1f}",
            "Albumin (g/L)": f"{RNG.normal(38, 4):.0f}",
            "Bilirubin (umol/L)": f"{RNG.lognormal(2.7, 0.4):.0f}",
            "Age": f"{RNG.normal(65, 9):.0f}",
            "Best response": ("CR", "PR", "SD")[i % 3],
        }
        for i in range(60)
    ]
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=separator)
        writer.writerow([names.get(name, name) for name in rows[0]])
        writer.writerows(row.values() for row in rows)
    return path


def run(*args):
    return CliRunner().invoke(app, [str(arg) for arg in args])


def test_decimal_commas_in_every_row_do_not_divide_the_columns(tmp_path):
    """Two of them in each row: commas divide all rows alike too, but not the names."""
    file = tmp_path / "export.csv"
    rows = [f"T{i:02};{3 + i};{i % 2};2,{i:02};-1,{i:02}" for i in range(30)]
    file.write_text("\n".join(["Patient ID;Months;Status;NLR;ALBI", *rows]))
    found = run("init", tmp_path / "study", "--from", file)
    assert found.exit_code == 0, found.output
    assert "semicolons between columns and decimal commas" in found.output


def test_an_export_needs_two_commands_to_be_checked(tmp_path):
    file = export(tmp_path / "export.csv", separator=";")
    assert run("init", tmp_path / "study", "--from", file).exit_code == 0
    text = (tmp_path / "study" / "specification.toml").read_text()
    spec = tomllib.loads(text)
    assert spec["data"] | {"derived": None} == {
        "file": "../export.csv",
        "patient": "Patient ID",
        "origin": "Start of therapy",
        "time": "Last contact",
        "event": {"column": "Status", "value": "dead"},
        "centre": "Site",
        "below_limit": "half",
        "aliases": {"nlr": "NLR"},
        "labels": {"nlr": "NLR", "tace": "TACE", "centre": "Site"},
        "derived": None,
    }
    assert spec["data"]["derived"] == {
        "albi": {"bilirubin": "Bilirubin (umol/L)", "albumin": "Albumin (g/L)"}
    }
    assert spec["treatment"]["start"] == "TACE date"
    # 48 events: the interaction's three terms and one more.
    assert spec["outcome"]["formula"] == "tace * nlr + albi"
    assert "# Not used: AFP (ng/mL), Age, Best response" in text
    checked = run("check", tmp_path / "study")
    assert checked.exit_code == 0, checked.output
    assert "48" in checked.output
    assert OPEN not in [*spec["data"].values()]


@pytest.mark.parametrize(
    ("change", "open_", "told"),
    [
        ({"status": ("1", "2")}, ["value of the event"], "still open: the value of the event"),
        (
            {"names": {"Status": "CNSR"}},
            ["value of the event"],
            "still open: the value of the event",
        ),
        ({"names": {"TACE date": "D1"}}, ["treatment starts"], "still open: `start`"),
    ],
)
def test_what_cannot_be_decided_is_open_and_refused(tmp_path, change, open_, told):
    file = export(tmp_path / "export.csv", **change)
    written = run("init", tmp_path / "study", "--from", file)
    text = (tmp_path / "study" / "specification.toml").read_text()
    assert text.count('"?"') >= len(open_)
    checked = run("check", tmp_path / "study")
    assert f"decide what is open there ({', '.join(open_)})" in " ".join(written.output.split())
    assert checked.exit_code == 1
    assert told in " ".join(checked.output.split())


def test_several_codes_of_an_end_may_be_competing_causes(tmp_path):
    """Uncommented, and with the question left out, the proposal is checked as it stands."""
    file = export(tmp_path / "export.csv", status=("0", "1", "2"))
    assert run("init", tmp_path / "study", "--from", file).exit_code == 0
    study = tmp_path / "study" / "specification.toml"
    text = study.read_text()
    offered = re.search(r"# Or, if they are competing causes, .*?: (event = .*)", text)
    study.write_text(re.sub(r"(?m)^event = .*$", offered[1], text))
    checked = run("check", tmp_path / "study")
    assert checked.exit_code == 0, checked.output
    assert "cause_1 is '1' (20); cause_2 is '2' (20); censored: '0' (20)" in checked.output


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        (
            ("Tumor", "Leberversagen", "lebt"),
            'values = { Leberversagen = "Leberversagen", Tumor = "Tumor" }, censored = ["lebt"]',
        ),
        (
            ("no event", "non-hepatic death", "liver"),
            'values = { liver = "liver", "non-hepatic death" = "non-hepatic death" }, '
            'censored = ["no event"]',
        ),
        (
            ("1", "2", "3"),
            'values = { cause_1 = "1", cause_2 = "2", cause_3 = "3" }, censored = ["?"]',
        ),
        (
            ("Hépatique", "(autre)", "vivant"),
            'values = { cause_1 = "(autre)", cause_2 = "Hépatique" }, censored = ["vivant"]',
        ),
        (
            ("alive", "Alive with disease", "liver", "tumour"),
            'values = { liver = "liver", tumour = "tumour" }, '
            'censored = ["Alive with disease", "alive"]',
        ),
        (
            ("NED", "AWD", "DOC", "DOD"),
            'values = { DOC = "DOC", DOD = "DOD" }, censored = ["AWD", "NED"]',
        ),
    ],
)
def test_who_lives_is_not_offered_as_a_cause_of_death(tmp_path, status, offered):
    """The offer is valid as it stands, or asks for what no word of the file tells."""
    file = export(tmp_path / "export.csv", status=status)
    assert run("init", tmp_path / "study", "--from", file).exit_code == 0
    study = tmp_path / "study" / "specification.toml"
    text = study.read_text()
    assert offered in text
    line = re.search(r"# Or, if they are competing causes, .*?: (event = .*)", text)[1]
    study.write_text(re.sub(r"(?m)^event = .*$", line, text))
    checked = run("check", tmp_path / "study")
    assert checked.exit_code == (1 if "?" in offered else 0), checked.output
    if "?" in offered:
        assert "still open: which values are censoring (`censored`)" in checked.output


def test_one_cause_beside_the_living_is_no_competition(tmp_path):
    file = export(tmp_path / "export.csv", status=("lebt", "Leberversagen", "zensiert"))
    assert run("init", tmp_path / "study", "--from", file).exit_code == 0
    assert "competing causes" not in (tmp_path / "study" / "specification.toml").read_text()


def test_dates_with_short_years_are_recognised_and_then_refused(tmp_path):
    file = export(tmp_path / "export.csv", date="%d/%m/%y")
    assert run("init", tmp_path / "study", "--from", file).exit_code == 0
    assert "Write the year with four digits" in run("check", tmp_path / "study").output


@pytest.mark.slow
def test_what_a_run_writes_names_no_place_of_the_data(tmp_path, monkeypatch):
    # Nothing that takes long says where the data lie.
    monkeypatch.setattr(fitting, "compare_baselines", lambda *_, **__: None)
    monkeypatch.setattr(fitting, "describe_interaction", lambda *_, **__: None)
    monkeypatch.setattr(writing, "write_figures", lambda *_: None)
    monkeypatch.setattr(narrative, "modifier_curves", lambda _: filled(Curves, {}))
    file = export(tmp_path / "export.csv")
    run("init", tmp_path / "study", "--from", file)
    study = tmp_path / "study" / "specification.toml"
    text = study.read_text().replace('"split"', '"split"\n[sampler]\nengine = "laplace"')
    study.write_text(text)
    fitted = run("fit", tmp_path / "study", "--out", tmp_path / "out", "--quiet")
    assert fitted.exit_code == 0, fitted.output
    written = tomllib.loads((tmp_path / "out" / "specification.toml").read_text())
    assert "file" not in written["data"]
    again = run("check", tmp_path / "out", "--data", file)
    assert again.exit_code == 0, again.output


def columns(**given):
    return Table("f.csv", tuple(given), given, len(next(iter(given.values()))))


def test_two_dates_of_treatment_are_a_question():
    table = columns(
        id=["a", "b", "c"], start=["2021-01-01"] * 3, TACE=["2021-02-01", None, None],
        RFA=[None, "2021-03-01", None], last=["2021-06-01", "2021-07-01", "2021-08-01"],
        dead=[1, 0, 1],
    )  # fmt: skip
    found = recognise(table)
    assert list(open_questions(found)) == ["start"]
    assert found.guesses["start"].choices == ("TACE", "RFA")
    settled = answered(found, "start", "RFA")
    assert not open_questions(settled)
    text = first_specification(settled, name="x", file="f.csv", seed=3)
    assert tomllib.loads(text)["treatment"] == {"name": "rfa", "start": "RFA", "design": "split"}
    assert tomllib.loads(text)["sampler"] == {"seed": 3}


def test_dates_of_both_readings_are_a_question():
    table = columns(
        id=["a", "b"], start=["01/02/2021", "02/02/2021"], tace=["05/03/2021", None],
        last=["03/04/2022", "04/05/2022"], dead=[1, 0],
    )  # fmt: skip
    found = recognise(table)
    assert list(open_questions(found)) == ["date_order"]
    text = first_specification(found, name="x", file="f.csv", seed=None)
    assert tomllib.loads(text)["data"]["date_order"] == OPEN


def test_times_without_a_unit_are_a_question():
    table = columns(
        id=[1, 2, 3, 4], os=[5.0, 7.5, 9.0, 30.0], dead=[1, 0, 1, 1],
        tace_start=[None, 3.0, None, 1],
    )  # fmt: skip
    found = recognise(table)
    assert list(open_questions(found)) == ["time_unit"]
    assert "Its median is 8.25" in found.guesses["time_unit"].why


def test_later_outcomes_are_not_proposed_as_covariates():
    table = columns(
        id=["a", "b", "c"], start=["2021-01-01"] * 3, tace=["2021-02-01", None, None],
        last=["2021-06-01", "2021-07-01", "2021-08-01"], dead=[1, 0, 1],
        response=[1, 0, 0], cycles=[3, 9, 4], age=[50, 61, 70],
    )  # fmt: skip
    text = first_specification(recognise(table), name="x", file="f", seed=None)
    assert tomllib.loads(text)["outcome"]["formula"] == "tace"
    assert "# Not used: response, cycles, age" in text


@settings(max_examples=300, deadline=None)
@given(st.text())
def test_any_name_is_written_as_toml(text):
    assert tomllib.loads(f"x = {quoted(text)}")["x"] == text


N = 40
DAYS = np.random.default_rng(7).integers(60, 900, N)
SOME = np.arange(N) % 3 == 0
ROW = np.arange(N).astype("timedelta64[D]")
LENGTH = DAYS.astype("timedelta64[D]")
ZERO = np.datetime64("2021-01-04") + ROW
DIED = np.arange(N) % 5 != 0


def partly(values, rows=SOME):
    return [str(value) if row else None for value, row in zip(values, rows, strict=True)]


def numbered(values, rows=SOME):
    return [float(value) if row else None for value, row in zip(values, rows, strict=True)]


EVERY = np.ones(N, dtype=bool)
KINDS = {
    "ids": [f"K-{i:03}" for i in range(N)],
    "row": list(range(1, N + 1)),
    "days": DAYS.tolist(),
    "months": np.round(DAYS / 30.4375, 2).tolist(),
    "early": np.round(DAYS / 80, 2).tolist(),
    "some days": numbered(DAYS // 3),
    "some months": numbered(np.round(DAYS / 91.3, 2)),
    "some counts": numbered(np.arange(N) % 4 + 1),
    "zero": partly(ZERO, EVERY),
    "before": partly(ZERO - np.timedelta64(60, "D"), EVERY),
    "birth": partly(ZERO - np.timedelta64(21900, "D") - 91 * ROW, EVERY),
    "end": partly(ZERO + LENGTH, EVERY),
    "end, earlier": partly(ZERO + LENGTH - np.timedelta64(20, "D"), EVERY),
    "of the dead": partly(ZERO + LENGTH, DIED),
    "treated": partly(ZERO + LENGTH // 3),
    "treated later": partly(ZERO + LENGTH // 2),
    "0/1": DIED.astype(int).tolist(),
    "1/0": (~DIED).astype(int).tolist(),
    "other 0/1": (np.arange(N) % 2).tolist(),
    "1/2": (DIED + 1).tolist(),
    "dead": np.where(DIED, "dead", "alive").tolist(),
    "tot": np.where(DIED, "verstorben", "lebt").tolist(),
    "ja": np.where(DIED, "ja", "nein").tolist(),
    "unknown": np.where(DIED, "dead", "?").tolist(),
    "texts": [f"seen {i} times" for i in range(N)],
    "sites": [f"Klinik {'ABC'[i % 3]}" for i in range(N)],
    "organs": ["left", "right"] * (N // 2),
    "age": (50 + np.arange(N) % 30).tolist(),
    "nlr": np.round(1 + np.arange(N) % 7 / 3, 2).tolist(),
    "sex": ["m", "w"] * (N // 2),
}
SPAN = {"Pat": "ids", "OS (days)": "days", "Status": "dead", "TACE (days)": "some days"}
DATED = {
    "Pat": "ids", "Start of therapy": "zero", "TACE date": "treated", "OS date": "end",
    "Status": "dead",
}  # fmt: skip


def exported(kinds):
    return columns(**{name: KINDS[kind] for name, kind in kinds.items()})


def without(kinds, *names, **more):
    return {name: kind for name, kind in kinds.items() if name not in names} | more


CASES = [
    # An age is no time, whatever its unit; what says survival comes before what says a unit.
    (SPAN | {"Age (years)": "age"}, {"time": "OS (days)", "time_unit": "days"}),
    (SPAN | {"Alter (Jahre)": "age", "Months": "early"}, {"time": "OS (days)"}),
    (without(SPAN, "OS (days)") | {"Age (years)": "age"}, {"time": OPEN, "time_unit": OPEN}),
    (without(SPAN, "OS (days)") | {"Months": "months"}, {"time": "Months"}),
    (SPAN | {"PFS (days)": "early"}, {"time": OPEN, "time_unit": OPEN}),
    (SPAN | {"Follow-up (days)": "days"}, {"time": OPEN}),
    # Two units.
    (without(SPAN, "TACE (days)") | {"TACE (months)": "some months"},
     {"time_unit": "days", "start": "TACE (months)", "start_unit": "months"}),
    (without(SPAN, "TACE (days)") | {"TACE start": "some months"},
     {"time_unit": "days", "start": "TACE start", "start_unit": OPEN}),
    (SPAN, {"start_unit": None}),
    ({"Pat": "ids", "Zeit bis TACE (Tage)": "some days", "Tod ja/nein": "ja",
      "Zeit bis Tod/letzter Kontakt (Tage)": "days"},
     {"time": "Zeit bis Tod/letzter Kontakt (Tage)", "start": "Zeit bis TACE (Tage)",
      "event_value": "ja"}),
    ({"Pat": "ids", "Zeit bis Progress (Tage)": "early", "Zeit (Tage)": "days"}, {"time": OPEN}),
    (without(SPAN, "OS (days)") | {"OS from diagnosis (months)": "months"}, {"time": OPEN}),
    # Abbreviations as programs write them.
    ({"patient_no": "row", "OSdays": "days", "death": "0/1", "TACEdays": "some days"},
     {"patient": "patient_no", "time": "OSdays", "time_unit": "days", "start": "TACEdays"}),
    ({"PatientID": "ids", "StartOfTherapy": "zero", "LastFollowUp": "end", "DateOfRFA": "treated"},
     {"patient": "PatientID", "origin": "StartOfTherapy", "time": "LastFollowUp",
      "start": "DateOfRFA"}),
    ({"patid": "ids", "indexdate": "zero", "lastcontact": "end", "vitalstatus": "tot"},
     {"patient": "patid", "origin": "indexdate", "time": "lastcontact",
      "event_value": "verstorben"}),
    ({"ID": "ids", "futime": "days", "fustat": "0/1", "tx_day": "some days"},
     {"time": "futime", "time_unit": OPEN, "event": "fustat", "start": "tx_day"}),
    ({"subject_id": "ids", "os_months": "months", "os_event": "0/1", "pfs_months": "early",
      "pfs_event": "other 0/1"}, {"time": OPEN, "event": OPEN}),
    # The event.
    (without(SPAN, "Status") | {"Performance status": "other 0/1"}, {"event": OPEN}),
    (without(SPAN, "Status") | {"Performance status": "other 0/1", "Tod": "0/1"},
     {"event": "Tod", "event_value": "1"}),
    (without(SPAN, "Status") | {"Hepatitis status": "other 0/1"}, {"event": OPEN}),
    (without(SPAN, "Status") | {"Lost status": "other 0/1"}, {"event": OPEN}),
    (without(SPAN, "Status") | {"Progression status": "other 0/1"}, {"event": OPEN}),
    (without(SPAN, "Status", "OS (days)") | {"Progression": "0/1", "PFS (days)": "early"},
     {"event": "Progression", "event_value": "1"}),
    (without(SPAN, "OS (days)", "Status") | {"Death": "0/1", "PFS (days)": "early"},
     {"event": OPEN}),
    (without(SPAN, "OS (days)") | {"PFS (days)": "early"}, {"event_value": OPEN}),
    (without(SPAN, "Status") | {"event_free": "1/0"}, {"event_value": OPEN}),
    (without(SPAN, "Status") | {"Survival status": "1/0"}, {"event_value": OPEN}),
    (without(SPAN, "Status") | {"Vital": "1/0"}, {"event_value": OPEN}),
    (without(SPAN, "Status") | {"Vital": "ja"}, {"event_value": OPEN}),
    (without(SPAN, "Status") | {"Verstorben": "ja"}, {"event_value": "ja"}),
    (without(SPAN, "Status") | {"Décès": "0/1"}, {"event": "Décès", "event_value": "1"}),
    (without(SPAN, "Status") | {"Status": "1/2"}, {"event_value": OPEN}),
    (without(SPAN, "Status") | {"Vitalstatus": "tot"}, {"event_value": "verstorben"}),
    (without(SPAN, "Status") | {"Liver-related death": "other 0/1"}, {"event": OPEN}),
    (SPAN | {"Death": "0/1"}, {"event": OPEN}),
    (without(SPAN, "Status") | {"Status (1=verstorben, 0=lebt)": "0/1"}, {"event_value": "1"}),
    (without(SPAN, "Status") | {"Status (0=dead, 1=alive)": "1/0"}, {"event_value": "0"}),
    (without(SPAN, "Status") | {"Status": "unknown"}, {"event_value": OPEN}),
    (SPAN | {"PFS (days)": "early"}, {"event_value": OPEN}),
    (without(SPAN, "OS (days)") | {"Survival at 1 year": "early"}, {"time": OPEN}),
    (without(SPAN, "Status") | {"Death at 1 year": "other 0/1"}, {"event": OPEN}),
    # The treatment.
    *((without(SPAN, "TACE (days)") | {name: kind}, {"start": OPEN}) for name, kind in (
        ("TACE sessions", "some counts"), ("Treatment duration (mo)", "some months"),
        ("Duration of TACE (weeks)", "some days"), ("Local tumour volume", "some days"),
        ("TACE", "some counts"),
    )),
    *((without(DATED, "TACE date") | {name: "treated"}, {"start": OPEN}) for name in (
        "Date of treatment discontinuation", "Off treatment date", "Radiology date",
        "End of TACE", "Planned TACE date", "Prior TACE date", "Transplant listing date",
    )),
    (DATED | {"RFA date": "treated later"}, {"start": OPEN}),
    (DATED | {"Off treatment date": "treated later"}, {"start": "TACE date"}),
    # Time zero.
    *((without(DATED, "Start of therapy") | {name: kind}, {"origin": OPEN}) for name, kind in (
        ("DOB", "birth"), ("Date of birth", "birth"), ("Date of diagnosis", "before"),
        ("Geb.-Datum", "birth"), ("First seen", "before"),
    )),
    (DATED | {"DOB": "birth", "Date of diagnosis": "before"}, {"origin": "Start of therapy"}),
    (DATED | {"Randomisation date": "before"}, {"origin": OPEN}),
    # The end of follow-up.
    (DATED, {"time": "OS date", "time_unit": "months"}),
    *((without(DATED, "OS date") | {"Last contact": last, "Date of death": "of the dead"},
       {"time": decided}) for last, decided in (("end", "Last contact"), ("end, earlier", OPEN))),
    (without(DATED, "OS date") | {"Last contact": "end, earlier", "Day X": "of the dead"},
     {"time": OPEN}),
    *((without(DATED, "OS date") | {name: "end, earlier"}, {"time": OPEN, "time_unit": OPEN})
      for name in ("Last dose date", "End of TACE cycle", "Date of progression", "Last CT")),
    (DATED | {"Last dose date": "end, earlier", "End of TACE cycle": "treated later"},
     {"time": "OS date", "start": "TACE date"}),
    (DATED | {"OS (months)": "months"}, {"time": OPEN, "time_unit": OPEN}),
    # Centre, modifier, patient.
    (SPAN | {"Tumour site": "organs"}, {"centre": None}),
    (SPAN | {"Tumour site": "organs", "Klinik": "sites"}, {"centre": "Klinik"}),
    (SPAN | {"NLR at progression": "nlr"}, {"modifier": None}),
    (SPAN | {"NLR at progression": "nlr", "NLR (baseline)": "nlr"}, {"modifier": "NLR (baseline)"}),
    ({"OS (days)": "days", "Kennung": "ids", "Status": "dead"}, {"patient": "Kennung"}),
    ({"Nr": "row", "Aufkleber": "ids"} | without(SPAN, "Pat"), {"patient": OPEN}),
    ({"OS (months)": "months", "Pat": "sex", "Status": "dead"}, {"patient": "Pat"}),
    ({"OS (months)": "months", "Status": "dead"}, {"patient": OPEN}),
    ({"Lfd": "row"} | without(SPAN, "Pat"), {"patient": "Lfd"}),
    # Dates in German, French, Spanish and Italian.
    ({"Kennung": "ids", "Geburtsdatum": "birth", "Therapiebeginn": "zero", "TACE-Datum": "treated",
      "Letzter Kontakt": "end", "Vitalstatus": "tot", "Zentrum": "sites"},
     {"patient": "Kennung", "origin": "Therapiebeginn", "start": "TACE-Datum",
      "time": "Letzter Kontakt", "event_value": "verstorben", "centre": "Zentrum"}),
    ({"Patient": "ids", "Début du traitement": "zero", "Date TACE": "treated",
      "Date des dernières nouvelles": "end", "Décédé": "0/1"},
     {"origin": "Début du traitement", "start": "Date TACE",
      "time": "Date des dernières nouvelles", "event": "Décédé"}),
    ({"Paciente": "ids", "Inicio del tratamiento": "zero", "Fecha TACE": "treated",
      "Último contacto": "end", "Muerte": "0/1"},
     {"patient": "Paciente", "origin": "Inicio del tratamiento", "time": "Último contacto",
      "event": "Muerte", "start": "Fecha TACE"}),
    ({"Paziente": "ids", "Sopravvivenza (mesi)": "months", "TACE (mesi)": "some months",
      "Decesso": "0/1"},
     {"patient": "Paziente", "time": "Sopravvivenza (mesi)", "time_unit": "months",
      "start": "TACE (mesi)", "event": "Decesso"}),
    ({"Pat-ID": "ids", "Überlebenszeit (Tage)": "days", "Bestrahlung (Tage)": "some days",
      "Exitus": "ja"},
     {"time": "Überlebenszeit (Tage)", "time_unit": "days", "start": "Bestrahlung (Tage)",
      "event": "Exitus", "event_value": "ja"}),
]  # fmt: skip


@pytest.mark.parametrize(("kinds", "expected"), CASES)
def test_a_role_is_decided_only_where_nothing_else_may_be_it(kinds, expected):
    guesses = recognise(exported(kinds)).guesses
    found = {key: guesses[key].value if key in guesses else None for key in expected}
    assert found == expected, {key: guess.why for key, guess in guesses.items()}


TRUE = {
    "patient": (["Pat", "Patient ID", "Patientennummer", "MRN", "USUBJID", "record_id"], "ids"),
    "time": (["OS date", "Last contact", "Letzter Kontakt", "Date of last follow-up",
              "Datum letzte Nachsorge", "Último contacto", "Date des dernières nouvelles"], "end"),
    "origin": (["Start of therapy", "Therapiebeginn", "Baseline", "Einschlussdatum", "C1D1",
                "Randomisation date", "Date of first dose"], "zero"),
    "event": (["Status", "Vital status", "OS_status", "Tod", "Décès", "Exitus", "death"], "dead"),
    "start": (["TACE date", "Datum TACE", "Date of 1st LRT", "SIRT am", "First HAIC",
               "Ablation", "Strahlentherapie Beginn"], "treated"),
}  # fmt: skip
DECOYS = {
    "Performance status": "other 0/1", "HBV status": "other 0/1", "Lost to follow-up": "other 0/1",
    "Margin status": "dead", "Progression": "0/1", "event_free": "1/0", "Adverse event": "0/1",
    "DOB": "birth", "Geburtsdatum": "birth", "Date of diagnosis": "before", "ED": "before",
    "Symptom onset": "before", "Referral date": "before", "Staging CT": "before",
    "Date of progression": "treated later", "Last dose date": "end, earlier",
    "TACE sessions": "some counts", "Off treatment date": "treated later", "TACE end": "treated",
    "Duration of TACE (weeks)": "some days", "Next imaging": "treated later",
    "Local tumour volume": "some days", "Tumour site": "organs", "Age (years)": "age",
    "Treatment duration (mo)": "some months", "Kommentar": "texts", "Lab no": "row",
    "Prior TACE date": "treated", "Response": "organs", "Cause of death": "organs",
    "Date of death": "of the dead", "Todesdatum": "of the dead", "PFS (months)": "early",
    "Second TACE": "treated later", "Time on treatment (days)": "early",
}  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(data=st.data(), decoys=st.lists(st.sampled_from(sorted(DECOYS)), max_size=8, unique=True),
       left_out=st.sets(st.sampled_from(sorted(TRUE)), max_size=3))  # fmt: skip
def test_a_decoy_has_no_role(data, decoys, left_out):
    """With some of the true columns or all; what is decided is true, the rest is asked."""
    kept = [role for role in TRUE if role not in left_out]
    names = {role: data.draw(st.sampled_from(TRUE[role][0]), label=role) for role in kept}
    kinds = {name: TRUE[role][1] for role, name in names.items()} | {d: DECOYS[d] for d in decoys}
    order = data.draw(st.permutations(sorted(kinds)))
    found = recognise(exported({name: kinds[name] for name in order})).guesses
    for role in TRUE:
        decided = found[role].value if role in found else OPEN
        event = found.get("event_value", found["event"])
        # A time to progression may be meant where there is no other: with its own event only.
        pair = (found["time"].value, found["event"].value) == ("PFS (months)", "Progression")
        if role in {"time", "event"} and pair:
            continue
        if event.open and (role == "event" or decided.startswith("PFS")):
            continue
        # Any column in which every row has another value identifies the rows.
        unique = role == "patient" and kinds.get(decided) in {"ids", "texts", "row"}
        assert decided in {OPEN, names.get(role)} or unique, (role, found[role])
    if not decoys and not left_out:
        assert not [key for key, guess in found.items() if guess.open]
    centre = found.get("centre")
    assert centre is None


def checked(tmp_path, kinds):
    """Written and checked: the specification, and what `check` says."""
    cells = {name: KINDS[kind] for name, kind in kinds.items()}
    with (tmp_path / "f.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(cells)
        writer.writerows(zip(*cells.values(), strict=True))
    assert run("init", tmp_path / "study", "--from", tmp_path / "f.csv").exit_code == 0
    spec = tomllib.loads((tmp_path / "study" / "specification.toml").read_text())
    return spec, run("check", tmp_path / "study")


@pytest.mark.parametrize(
    "more",
    [
        {"Age (years)": "age", "age": "sex", "Sex": "sex", "sex": "organs"},
        {"NLR (day 0)": "nlr", "nlr": "sex", "nlr_2": "sex"},
        {"AFP (ng/mL)": "days", "afp_high": "some counts", "tace": "other 0/1"},
        {"AFP (ng/mL)": "age"},
        {"Albumin (g/L)": "age", "Bilirubin (umol/L)": "age", "albi": "some counts"},
        {"Klinik": "sites", "patient": "sex", "start": "age", "event": "age", "group": "sex"},
    ],
)
def test_short_names_avoid_those_of_the_file(tmp_path, more):
    spec, said = checked(tmp_path, SPAN | more)
    assert said.exit_code == 0, said.output
    made = [*spec["data"].get("aliases", {}), *spec["data"].get("derived", {})]
    made.append(spec["treatment"]["name"])
    assert len(set(made)) == len(made)
    assert not set(made) & {*SPAN, *more}


@pytest.mark.parametrize("start", ["TACE (months)", "TACE (days)"])
def test_every_column_of_times_has_its_unit(tmp_path, start):
    kind = "some months" if "months" in start else "some days"
    spec, said = checked(tmp_path, without(SPAN, "TACE (days)") | {start: kind})
    assert said.exit_code == 0, said.output
    assert spec["data"].get("units", {}) == ({start: "months"} if "months" in start else {})


def test_no_column_and_no_value_called_open_is_proposed():
    table = columns(**{OPEN: KINDS["ids"], "Status": ["?", "x"] * (N // 2)})
    found = recognise(table)
    for key, guess in found.guesses.items():
        assert OPEN not in guess.choices, key
    assert found.guesses["patient"].open


def test_a_file_in_which_nothing_is_recognised_is_told(tmp_path):
    (tmp_path / "f.csv").write_text("a,b\n1.5,x\n2.5,x\n3.5,x\n")
    said = run("init", tmp_path / "study", "--from", tmp_path / "f.csv").output
    assert "Nothing in the file looks like: patient, " in said
    assert "Its columns are read as: a, b." in said


@pytest.mark.parametrize("name", ["ECOG (last visit)", "Age at death", "CRP week 12", "ECOG_2"])
def test_what_is_known_later_is_not_proposed(name):
    text = first_specification(
        recognise(exported(SPAN | {name: "sex"})), name="x", file="f", seed=None
    )
    assert tomllib.loads(text)["outcome"]["formula"] == "tace"


CELLS = st.one_of(
    st.none(), st.floats(), st.integers(-5, 2000), st.text(max_size=6),
    st.sampled_from(["2021-02-03", "03/04/2021", "dead", "alive", "<2", "n.d.", "1", "0", "?"]),
)  # fmt: skip
NAMES = st.one_of(
    st.text(min_size=1, max_size=12),
    st.sampled_from(["id", "start", "last contact", "death", "tace", "NLR", "albumin (g/L)"]),
)


@settings(max_examples=200, deadline=None)
@given(data=st.data(), names=st.lists(NAMES, min_size=1, max_size=7, unique=True))
def test_any_table_is_recognised_without_a_traceback(data, names):
    rows = data.draw(st.integers(1, 6))
    kind = st.lists(CELLS, min_size=rows, max_size=rows)
    given_ = {name: np.array(data.draw(kind), dtype=object) for name in names}
    found = recognise(Table("f.csv", tuple(names), given_, rows))
    text = first_specification(found, name="x", file="f.csv", seed=None)
    assert tomllib.loads(text)["schema"] == 2


def test_questions_are_asked_at_a_terminal_only(tmp_path):
    file = export(tmp_path / "export.csv", status=("1", "2"))
    command = [sys.executable, "-c", "from bayes_ihlrt.cli.main import main; main()"]
    command += ["init", str(tmp_path / "study"), "--from", str(file)]
    master, slave = pty.openpty()
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, close_fds=True)
    os.close(slave)
    seen = b""
    while select.select([master], [], [], 60)[0]:
        try:
            seen += os.read(master, 4096)
        except OSError:
            break
        if seen.endswith(b"Number or name: "):
            os.write(master, b"2\n" if b"Give a number" in seen else b"7\n")
            seen += b"\n"
    assert process.wait(timeout=60) == 0
    os.close(master)
    spec = tomllib.loads((tmp_path / "study" / "specification.toml").read_text())
    assert spec["data"]["event"] == {"column": "Status", "value": "2"}
    assert re.search(rb"Which value of Status means the event\?", seen)


def test_from_and_every_key_do_not_go_together(tmp_path):
    result = run("init", tmp_path / "study", "--from", "x.csv", "--every-key")
    assert result.exit_code == 1
    assert not (tmp_path / "study").exists()
    assert run("init", tmp_path / "study", "--from", "x.csv").exit_code == 1
    assert not (tmp_path / "study").exists()


@pytest.mark.skipif(not HOSPITAL.exists(), reason="the invented hospital file is not there")
def test_the_hospitals_file(tmp_path):
    assert run("init", tmp_path / "study", "--from", HOSPITAL).exit_code == 0
    checked = run("check", tmp_path / "study", "--json")
    assert checked.exit_code == 0, checked.output
    assert '"events": 58' in checked.output
