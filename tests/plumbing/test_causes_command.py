"""Competing causes at the command line, around a sampler that draws noise."""

import json
import re
from shutil import copytree

import numpy as np
import pytest
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.errors import InputError
from bayes_ihlrt.methods.paragraph import methods_paragraph
from bayes_ihlrt.methods.references import cited
from bayes_ihlrt.posterior.store import load
from bayes_ihlrt.report.html import report_page
from bayes_ihlrt.results.outputs import Kind, read_results

SUMMARY = ("median", "q2.5", "q97.5", "mean")


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def result_of(folder):
    return json.loads((folder / "result.json").read_text("utf-8"))


def only(rows, **wanted):
    (found,) = [row for row in rows if all(row[key] == value for key, value in wanted.items())]
    return found


def test_what_is_written(causes_results):
    out, _ = causes_results
    written = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert written == {
        *("result.json", "posterior.nc", "specification.toml", "report.json", "manifest.json"),
        *("summary.txt", "figures/incidence.png", "figures/data/incidence.nc"),
    }
    tree = load(out / "posterior.nc")
    assert {"/tumour/posterior", "/liver/posterior", "/liver/prior"} <= set(tree.groups)
    assert tree.attrs["causes"] == "tumour, liver"


def test_no_file_names_a_patient(causes_results):
    out, stdout = causes_results
    assert "K00x" not in stdout
    assert not [path for path in out.rglob("*") if path.is_file() and b"K00x" in path.read_bytes()]


def test_check_agrees_with_fit(causes_files, causes_results):
    spec, data = causes_files
    checked = json.loads(run("check", spec, "--data", data, "--json").stdout)
    found = result_of(causes_results[0])
    assert checked["data"] == found["data"]
    events = {part["cause"]: part["events"] for part in checked["causes"]}
    assert events == {part["cause"]: part["events"] for part in found["causes"]}
    assert sum(events.values()) == checked["data"]["events"]
    told = run("check", spec, "--data", data).stdout
    assert "14 events, weibull hazard" in told
    assert re.search(r"liver +12 events, exponential hazard; terms trt, albi; parameters 3", told)


def test_estimands_hold_together(causes_results):
    """Means of draws are linear: causes sum to one less survival, months to the horizon."""
    rows = result_of(causes_results[0])["estimands"]
    for horizon in (6.0, 12.0):
        for at in (None, 2.0, 5.0):
            for strategy in ("never", "from month 0"):
                about = {"horizon": horizon, "at": at, "strategy": strategy}
                parts = [
                    only(rows, estimand="cumulative_incidence", cause=cause, **about)["mean"]
                    for cause in ("tumour", "liver")
                ]
                alive = only(rows, estimand="survival", cause=None, **about)["mean"]
                assert sum(parts) + alive == pytest.approx(1.0)
                lost = [
                    only(rows, estimand="months_lost", cause=cause, **about)["mean"]
                    for cause in ("tumour", "liver")
                ]
                months = only(rows, estimand="rmst", cause=None, **about)["mean"]
                assert sum(lost) + months == pytest.approx(horizon)
                naive = [
                    only(rows, estimand="one_minus_kaplan_meier", cause=cause, **about)["mean"]
                    for cause in ("tumour", "liver")
                ]
                assert all(np.array(naive) > np.array(parts))


def test_fewer_deaths_are_a_benefit(causes_results):
    rows = result_of(causes_results[0])["estimands"]
    for cause in ("tumour", "liver"):
        found = only(
            [row for row in rows if row["contrast"]],
            estimand="months_lost",
            cause=cause,
            horizon=12.0,
            at=None,
        )
        assert (found["prob_benefit"] > 0.5) == (found["median"] < 0.0)
        assert 0.4 < found["prior_prob_benefit"] < 0.6


def test_the_trade_is_told_with_its_probability(causes_results):
    out, stdout = causes_results
    (trade,) = [row for row in result_of(out)["trades"] if row["at"] is None]
    assert (trade["fewer"], trade["more"], trade["horizon"]) == ("tumour", "liver", 12.0)
    assert 0.0 <= trade["probability"] <= 1.0
    assert 0.25 < trade["prior_probability"] < 0.5
    told = " ".join(stdout.split())
    assert "Does trt trade tumour for liver?" in told
    assert "Fewer months lost to tumour and more to liver, both within 12: probability" in told
    assert "One minus Kaplan-Meier, with liver censored, would say" in told


def test_every_table_is_printed_on_request(causes_files, sampler):
    spec, data = causes_files
    told = run("fit", spec, "--data", data, "--tables").stdout
    for title in (
        "Survival by strategy",
        "Months lost by cause",
        "Cumulative incidence by cause",
        "Cause-specific hazard ratio, treated / untreated",
        "Does treatment trade one cause for another?",
        "What one minus Kaplan-Meier would say",
        "Parameters of each cause's hazard",
    ):
        assert title in told


def test_the_report_tells_causes(causes_results):
    out, _ = causes_results
    results = read_results(out)
    assert results.first.kind is Kind.CAUSES
    page = report_page(results)
    assert "bayes-ihlrt report: fit <" in page
    for anchor in ("table-causes", "table-months-lost", "table-trades", "table-naive"):
        assert f'id="{anchor}"' in page
    assert 'id="figure-incidence"' in page
    anchors = re.findall(r'\bid="([^"]+)"', page)
    assert len(anchors) == len(set(anchors))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(anchors)
    assert {"prentice1978", "aalen1978", "andersen2013"} <= set(cited(methods_paragraph(results)))


def test_tables_are_exported(causes_results, tmp_path):
    done = run("export", causes_results[0], "--out", tmp_path / "exports")
    assert done.exit_code == 0, done.output
    names = {path.name for path in (tmp_path / "exports" / "tables").iterdir()}
    assert {"causes.csv", "months-lost.csv", "naive.csv", "trades.csv"} <= names


def test_draws_that_do_not_converge_name_their_cause(causes_files, sampler):
    spec, data = causes_files
    sampler.spread = 1.0
    done = run("fit", spec, "--data", data, "--quiet")
    assert done.exit_code == 3
    assert "hazard of 'tumour'" in done.stderr
    assert "hazard of 'liver'" in done.stderr


@pytest.mark.parametrize("command", ["sensitivity", "diagnose"])
def test_commands_that_read_one_event_say_so(command, causes_files):
    spec, data = causes_files
    done = run(command, spec, "--data", data)
    assert done.exit_code == 1
    assert "it has competing causes (tumour, liver), and this reads one event" in " ".join(
        done.stderr.split()
    )


def test_a_ladder_is_of_one_cause_and_says_how_to_name_it(causes_files):
    spec, data = causes_files
    done = run("ladder", spec, "--data", data)
    assert done.exit_code == 1
    told = " ".join(done.stderr.split())
    assert "it has competing causes (tumour, liver), and a ladder is of one" in told
    assert "Name it with --cause tumour" in told
    done = run("ladder", spec, "--data", data, "--cause", "livr")
    assert done.exit_code == 1
    assert "there is no cause 'livr'" in done.stderr


def test_without_a_treatment_it_is_told_what_becomes_of_the_patients(
    causes_files, sampler, tmp_path
):
    spec, data = causes_files
    text = re.sub(r"\[treatment\].*?(?=\[modifier\])", "", spec.read_text("utf-8"), flags=re.DOTALL)
    (tmp_path / "none.toml").write_text(
        text.replace("trt * nlr", "nlr").replace("trt + albi", "nlr + albi")
    )
    told = run("fit", tmp_path / "none.toml", "--data", data, "--out", tmp_path / "out")
    assert told.exit_code == 0, told.output
    assert re.search(r"liver: \d+% by month 12 \(95 % \d+% to \d+%\); ", told.stdout)
    assert "There is no treatment in this analysis." in told.stdout
    found = result_of(tmp_path / "out")
    assert found["trades"] == []
    assert {row["estimand"] for row in found["estimands"] if row["cause"]} == {
        "months_lost",
        "cumulative_incidence",
        "one_minus_kaplan_meier",
    }
    assert "table-trades" not in report_page(read_results(tmp_path / "out"))


def test_a_fit_of_one_event_is_reported_apart(causes_results, tmp_path):
    """Both have results, priors and diagnostics: one page has one of each."""
    assert Kind.CAUSES.command == Kind.FIT.command
    for name in ("one", "two"):
        copytree(causes_results[0], tmp_path / name)
    with pytest.raises(InputError, match="a second output of `fit`"):
        read_results(tmp_path)
