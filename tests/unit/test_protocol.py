"""The target trial of an analysis: what is told, that it is told blind, and how it is written."""

import csv
import json
import re
from dataclasses import replace
from pathlib import Path
from types import UnionType
from typing import Union, get_args, get_origin

import numpy as np
import pytest
from docx import Document
from pydantic import BaseModel
from typer.testing import CliRunner

from bayes_ihlrt.analysis.check import check_analysis, read_cohort
from bayes_ihlrt.cli.main import app
from bayes_ihlrt.errors import InputError, SpecificationError
from bayes_ihlrt.methods.differences import PARTS, STATEMENTS, differences, label_of
from bayes_ihlrt.methods.protocol import protocol_of
from bayes_ihlrt.report import protocol as report_protocol
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.read import load_spec
from bayes_ihlrt.spec.states import CauseSpec

GUIDE = Path(__file__).parents[2] / "docs" / "howto" / "protocol.md"
ASKED = ("protocol", "primary", "--data", "ihlrt_synthetic")
FILES = {
    *("protocol.html", "protocol.docx", "protocol.csv", "protocol.json", "specification.toml"),
}
BY_DESIGN = {
    "split": ("primary", {}),
    "landmark": ("primary", {"design": "landmark", "landmark": 6.0}),
    "sequential": ("ladder", {}),
    "clone-censor-weight": (
        "ladder",
        {"design": "clone-censor-weight", "grace": 6.0, "grace_weights": "time-varying"},
    ),
    "ever-never": ("primary", {"design": "ever-never", "acknowledge_immortal_time_bias": True}),
}


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def analysis(design):
    name, changes = BY_DESIGN[design]
    told = load_spec(name).to_dict()
    told["treatment"] |= changes
    if design == "clone-censor-weight":
        told["propensity"].pop("estimand", None)
        # Nobody has responded at time zero.
        told["outcome"]["formula"] = "ihlrt * nlr + albi + afp_high"
        told["estimands"].pop("population", None)
    return AnalysisSpec.model_validate(told)


def of(spec, cohort=None):
    found = cohort or read_cohort(spec, "ihlrt_synthetic")
    return protocol_of(check_analysis(spec, found))


def parts(protocol):
    return {part.component: part for part in protocol.components}


@pytest.fixture(scope="module")
def planned():
    return of(load_spec("primary"))


def test_components_stand_in_the_order_of_the_target_trial(planned):
    assert list(parts(planned)) == [
        "Eligibility",
        "Treatment strategies",
        "Assignment",
        "Start of follow-up (time zero)",
        "Outcome",
        "End of follow-up",
        "Causal contrast (estimand)",
        "Analysis plan",
    ]
    assert all(part.trial and part.here and part.assumption for part in planned.components)


STRATEGIES = {
    "split": "(1) Start ihlrt in month 1.9. (2) Never start ihlrt.",
    "landmark": "(1) ihlrt by month 6. (2) No ihlrt by then, whatever comes later.",
    "sequential": "(1) Start ihlrt at the decision. (2) Do not start it then nor later.",
    "clone-censor-weight": "(1) Start ihlrt within 6 months of time zero. (2) Never start ihlrt.",
    "ever-never": "None: no trial can assign patients to ihlrt that they will have lived to "
    "receive.",
}


@pytest.mark.parametrize("design", BY_DESIGN)
def test_what_a_design_emulates_and_blind_to_whom_events_befall(design):
    """Events change hands between patients, so between treated and untreated: no word moves."""
    spec = analysis(design)
    cohort = read_cohort(spec, "ihlrt_synthetic")
    found = of(spec, cohort)
    assert parts(found)["Treatment strategies"].trial == STRATEGIES[design]
    ever = np.isfinite(cohort.columns["treatment_start"])
    event = cohort.columns["event"].copy()
    # As many as can be go from the treated to the untreated.
    event[ever] = 0.0
    free = np.flatnonzero(~ever & (event == 0.0))[: int(cohort.events - event.sum())]
    event[free] = 1.0
    assert event.sum() == cohort.events
    assert (event[ever] != cohort.columns["event"][ever]).sum() == 9
    assert of(spec, replace(cohort, columns={**cohort.columns, "event": event})) == found


def test_blind_to_how_long_the_treated_live():
    """Times and events change hands where treatment had begun by both; all months stay the same."""
    spec = load_spec("primary")
    cohort = read_cohort(spec, "ihlrt_synthetic")
    columns = {name: cohort.columns[name].copy() for name in ("stop", "event")}
    start = cohort.columns["treatment_start"]
    treated = np.flatnonzero(np.isfinite(start))
    others = np.flatnonzero(~np.isfinite(start))
    longest = others[np.argsort(-columns["stop"][others])[: len(treated)]]
    for one, two in zip(treated, longest, strict=True):
        for values in columns.values():
            if cohort.columns["stop"][two] > start[one]:
                values[[one, two]] = values[[two, one]]
    assert columns["stop"][treated].sum() > 1.2 * cohort.columns["stop"][treated].sum()
    assert of(spec, replace(cohort, columns={**cohort.columns, **columns})) == of(spec, cohort)


def test_the_outcome_is_counted_over_everybody(planned):
    outcome = parts(planned)["Outcome"]
    assert outcome.trial == "Time to the first death, looked for alike under both strategies."
    assert outcome.here == "Column death: 51 events in all."


def test_patients_left_out_are_counted_and_not_named():
    spec = load_spec("primary")
    cohort = read_cohort(spec, "ihlrt_synthetic")
    lost = dict.fromkeys(("SECRET-7", "SECRET-8"), "albi is missing")
    numbers = {**cohort.numbers, "SECRET-7": "81", "SECRET-8": "82"}
    gone = replace(cohort, dropped=lost, numbers=numbers)
    found = of(spec, gone)
    assert parts(found)["Eligibility"].here == (
        "80 of 82 patients of ihlrt_synthetic. 2 patients of 82 left out: albi is missing."
    )
    assert "SECRET" not in json.dumps(report_protocol.protocol_dict(found, None))


def test_why_patients_do_not_reach_a_landmark_is_not_told():
    here = parts(of(analysis("landmark")))["Eligibility"].here
    assert here.endswith("more were not at risk and eligible at month 6 after time zero.")


def test_what_lies_beyond_the_data_is_told(planned):
    assert "Nobody started before" not in parts(planned)["Treatment strategies"].assumption
    spec = load_spec("primary")
    early = spec.estimands.model_copy(update={"treat_from": 0.0})
    told = parts(of(spec.model_copy(update={"estimands": early})))["Treatment strategies"]
    assert "Nobody started before month 1.87" in told.assumption
    later = spec.estimands.model_copy(update={"horizons": (12.0, 60.0)})
    found = of(spec.model_copy(update={"estimands": later}))
    assert "Month 60 lies beyond follow-up" in parts(found)["End of follow-up"].assumption


def test_immortal_time_fails_the_assumption():
    found = parts(of(analysis("ever-never")))["Start of follow-up (time zero)"]
    assert found.assumption.startswith("FAILS: ")


def test_the_prior_is_told_in_events_of_two_equal_arms(planned):
    """4 / 0.401^2 = 25; the interaction counts what the modifier varies besides."""
    told = parts(planned)["Analysis plan"].here
    assert "0.75 (95 % 0.34 to 1.65; P(below 1) 0.76), worth about 25 events" in told
    assert "Events are those of a trial with two arms of equal size." in told


def test_without_a_treatment_there_is_no_trial():
    spec = load_spec("hepatocellular")
    with pytest.raises(SpecificationError, match=r"the analysis has none\. Add the table"):
        protocol_of(check_analysis(spec, "hepatocellular"))


def test_marks_of_a_user_cite_nothing():
    spec = load_spec("primary").model_copy(update={"prior_justification": "[@nobody]"})
    assert "[ @nobody]" in report_protocol.protocol_page(of(spec), None)


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Return a folder with a protocol and what was printed."""
    out = tmp_path_factory.mktemp("protocol") / "out"
    done = run(*ASKED, "--against", "ladder", "--out", out)
    assert done.exit_code == 0, done.stderr
    return out, done.stdout


def test_every_form_tells_the_same_table(written, planned):
    out, printed = written
    assert {path.name for path in out.iterdir()} == FILES | {"differences.csv"}
    told = json.loads((out / "protocol.json").read_text("utf-8"))
    rows = told["components"]
    assert [row["component"] for row in rows] == list(parts(planned))
    html = (out / "protocol.html").read_text("utf-8")
    first, second, *_ = Document(str(out / "protocol.docx")).tables
    with (out / "protocol.csv").open(encoding="utf-8", newline="") as file:
        cells = [list(row.values()) for row in csv.DictReader(file)]
    assert [[cell.text for cell in row.cells] for row in first.rows[1:]] == [
        row[:4] for row in cells
    ]
    assert len(second.rows) - 1 == len(told["against"]["differences"])
    flat = " ".join(printed.split())
    for row in rows:
        assert row["component"] in printed
        assert row["assumption"].replace("'", "&#39;") in html
        assert row["target_trial"] in flat
    assert "SYNTHETIC DATA" in printed
    assert "Synthetic data." in html


def test_the_guide_quotes_what_is_printed(written):
    quoted = re.findall(r"^```text\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    title, *sentences = re.split(r"\n(?=- )", quoted[1])
    printed = " ".join(written[1].split())
    # Between the three that are quoted, lines are left out.
    sentences = [sentence.rstrip().removesuffix("...") for sentence in sentences]
    assert len(sentences) == 3
    for each in (quoted[0], title, *sentences):
        assert " ".join(each.split()) in printed


def test_the_page_cites_its_sources_and_needs_no_network(written):
    html = (written[0] / "protocol.html").read_text("utf-8")
    assert "10.1093/aje/kwv254" in html
    assert "10.1001/jama.2025.13350" in html
    assert "before any fit" in html
    assert 'id="checklists"' not in html
    assert "://" not in html
    assert "[@" not in html


def test_an_earlier_protocol_is_replaced_only_when_asked(written):
    again = run(*ASKED, "--out", written[0])
    assert again.exit_code == 1
    assert "give --overwrite to replace earlier protocols" in again.stderr
    assert run(*ASKED, "--out", written[0], "--overwrite", "--quiet").stdout == ""
    assert {path.name for path in written[0].iterdir()} == FILES


def test_a_result_is_never_replaced_by_a_protocol(tmp_path):
    (tmp_path / "result.json").write_text("{}")
    done = run(*ASKED, "--out", tmp_path, "--overwrite")
    assert done.exit_code == 1
    assert "it holds files that are no protocols: result.json" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_an_earlier_protocol_stays_where_the_next_cannot_be_written(planned, tmp_path, monkeypatch):
    before = report_protocol.write_protocol(planned, tmp_path)
    kept = {path.name: path.read_bytes() for path in before}

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(report_protocol, "word_document", full)
    with pytest.raises(InputError, match="no space left on device"):
        report_protocol.write_protocol(planned, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == kept


def test_json_alone_stands_on_standard_output():
    found = json.loads(run(*ASKED, "--json").stdout)
    assert found["against"] is None
    assert found["synthetic"] is True


def test_faults_end_with_status_1(tmp_path):
    done = run("protocol", "hepatocellular", "--data", "hepatocellular")
    assert (done.exit_code, done.stdout) == (1, "")
    assert "a target trial compares strategies of treatment" in done.stderr
    done = run(*ASKED, "--against", tmp_path / "none.toml")
    assert (done.exit_code, done.stdout) == (1, "")
    assert run("protocol").exit_code == 2


def test_specifications_that_mean_the_same_do_not_differ():
    spec = load_spec("primary")
    assert differences(spec, spec) == ()
    # The engine is the default, and was not written before.
    told = spec.to_dict()
    told["sampler"]["engine"] = "nuts"
    told |= {"name": "another", "description": "of another name"}
    assert differences(spec, AnalysisSpec.model_validate(told)) == ()


def test_differences_are_told_in_words():
    told = [found.sentence for found in differences(analysis("split"), analysis("landmark"))]
    assert told == [
        "Treatment strategies, how starts of treatment are read: treated from the start of "
        "treatment on, untreated before here; by the treatment at a landmark in the other.",
        "Treatment strategies, landmark in months after time zero: none here; 6 in the other.",
    ]
    priors = differences(load_spec("primary"), load_spec("ladder"))[-2]
    assert priors.sentence == (
        "Priors, prior of ihlrt: hazard ratio 0.75 (95 % 0.34 to 1.65; P(below 1) 0.76) here; "
        "hazard ratio 1.00 (95 % 0.20 to 5.00; P(below 1) 0.50) in the other."
    )
    other = {found.what: found for found in differences(load_spec("primary"), load_spec("heart"))}
    assert other["Prior of ihlrt"].there == "none, the model lacks it"
    assert other["Prior of baseline"].there.endswith("on the log of the median survival (months)")


def _keys(model, table):
    for name, field in model.model_fields.items():
        yield model, table, name
        yield from (key for kind in _tables(field.annotation) for key in _keys(kind, name))


def _tables(annotation):
    """Return the tables that a key may hold itself; several in a list are told as a whole."""
    union = get_origin(annotation) in {Union, UnionType}
    kinds = get_args(annotation) if union else (annotation,)
    tables = [kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)]
    return [kind for kind in tables if kind not in STATEMENTS]


def test_causes_that_differ_are_told():
    one = load_spec("primary")
    two = one.model_copy(update={"causes": {"liver": CauseSpec(formula="ihlrt")}})
    told = [(each.part, each.what, each.here) for each in differences(one, two)]
    assert told == [("Competing causes", "Hazard of liver", "none")]
    assert differences(two, two) == ()


def test_every_key_that_may_differ_has_words():
    fields = AnalysisSpec.model_fields
    assert {*fields} - {*PARTS} == {
        *("schema_version", "name", "description", "priors", "prior_base"),
        *("prior_justification", "scales"),
    }
    silent = []
    for table in PARTS:
        for kind in _tables(fields[table].annotation):
            silent += [key[1:] for key in _keys(kind, table) if label_of(*key) is None]
    assert not silent
