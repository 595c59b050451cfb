"""`bayes-ihlrt fit` around a sampler that draws noise: what is printed, written and refused."""

import json
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from matplotlib.figure import Figure
from typer.testing import CliRunner

from bayes_ihlrt.cli.main import app
from bayes_ihlrt.posterior.store import load
from bayes_ihlrt.report import writing
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.read import load_spec

pytestmark = pytest.mark.usefixtures("summarised_once")

DRAWN = {"survival", "hazard_ratio", "gain", "forest", "prior_posterior", "trace"} | {
    "flow",
    "treatment_starts",
}
FILES = {
    "result.json",
    "posterior.nc",
    "estimates.nc",
    "specification.toml",
    "report.json",
    "manifest.json",
    "summary.txt",
    *(f"figures/{name}.png" for name in DRAWN),
    *(f"figures/data/{name}.nc" for name in DRAWN),
}
# The documented schema of result.json, version 1.
DOCUMENTED = {"schema", "name", "versions", "seed", "data", "parameters", "estimands"} | {
    "diagnostics",
    "loo",
}
PARAMETER = {"mean", "sd", "median", "q2.5", "q97.5", "ess_bulk", "ess_tail", "r_hat", "mcse_mean"}
ESTIMAND = {"estimand", "strategy", "contrast", "horizon", "at", "population"} | {
    "mean",
    "sd",
    "q2.5",
    "q97.5",
    "prob_benefit",
}


def fit(*arguments, spec="primary", data="ihlrt_synthetic"):
    return CliRunner().invoke(app, ["fit", spec, "--data", data, *map(str, arguments)])


def files_in(folder):
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def without_nan(text):
    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.fixture
def written(first_results, tmp_path):
    return Path(copytree(first_results, tmp_path / "out"))


def test_everything_is_written_and_nothing_else(first_results):
    assert files_in(first_results) == FILES
    assert [path.name for path in first_results.parent.iterdir()] == ["out"]


def test_result_json_keeps_the_documented_schema(first_results):
    found = without_nan((first_results / "result.json").read_text())
    assert found.keys() >= DOCUMENTED
    assert (found["schema"], found["name"], found["seed"]) == (1, "os-weibull-ihlrt-nlr", 20260101)
    assert found["data"]["patients"] == 80
    assert found["data"]["rows"] == 100
    assert found["data"]["events"] == 51
    assert found["data"]["synthetic"] is True
    assert len(found["data"]["fingerprint"]) == 64
    assert {"pymc", "blackjax", "arviz", "bayes-ihlrt"} <= found["versions"].keys()
    assert {"ihlrt", "nlr", "ihlrt:nlr", "albi", "log_rate", "log_shape", "sd_centre"} | {
        "centre_effect[centre-1]"
    } <= found["parameters"].keys()
    assert not [name for name in found["parameters"] if "_centred" in name or "_standard" in name]
    assert all(row.keys() == PARAMETER for row in found["parameters"].values())
    assert found["diagnostics"]["converged"] is True
    assert found["loo"].keys() >= {"elpd", "se", "p_loo", "k_above_0.7"}


def test_estimands_cover_strategies_contrasts_and_modifier_values(first_results):
    rows = json.loads((first_results / "result.json").read_text())["estimands"]
    assert all(row.keys() >= ESTIMAND for row in rows)
    # Exactly one of strategy and contrast, and a probability of benefit for contrasts only.
    assert all((row["strategy"] is None) != (row["contrast"] is None) for row in rows)
    assert all((row["contrast"] is None) == (row["prob_benefit"] is None) for row in rows)
    ratios = [row for row in rows if row["estimand"] == "hazard_ratio"]
    assert [row["at"] for row in ratios] == [None, 2.0, 3.0, 5.0]
    assert all(row["horizon"] is None for row in ratios)
    for estimand, horizons in {
        "survival": [12, 24],
        "rmst": [12, 24],
        "median_survival": [None],
    }.items():
        for at in (None, 2.0, 3.0, 5.0):
            here = [row for row in rows if row["estimand"] == estimand and row["at"] == at]
            assert [row["horizon"] for row in here] == [h for h in horizons for _ in range(3)]
            assert [row["strategy"] for row in here[:3]] == ["never", "from month 1.9", None]
            assert here[2]["contrast"] == "from month 1.9 - never"


def test_benefit_points_the_right_way(sampler):
    """With the draws' own log hazard ratio, benefit is a lower hazard and a longer survival."""
    result = fit("--json")
    rows = [row for row in json.loads(result.stdout)["estimands"] if row["contrast"]]
    by_name = {(row["estimand"], row["horizon"], row["at"]): row["prob_benefit"] for row in rows}
    for at in (2.0, 3.0, 5.0):
        assert by_name["survival", 12, at] == pytest.approx(by_name["hazard_ratio", None, at])
        assert by_name["rmst", 24, at] == pytest.approx(by_name["hazard_ratio", None, at])


def test_json_is_alone_on_standard_output_and_equals_the_file(sampler, tmp_path):
    result = fit("--json", "--out", tmp_path / "out")
    assert without_nan(result.stdout) == json.loads((tmp_path / "out" / "result.json").read_text())
    assert "sampling 4 chains of 1000 + 1000 draws" in result.stderr


def test_a_fault_that_only_the_design_matrix_shows(sampler, tmp_path):
    text = load_spec("primary").to_toml().replace("+ afp_high", "+ afp_high + log(exp(albi))")
    (tmp_path / "twice.toml").write_text(text)
    result = fit("--out", tmp_path / "out", "--quiet", spec=str(tmp_path / "twice.toml"))
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: [outcome] formula: 1 fault\n"
        "  - design matrix: these columns determine one another: albi, log(exp(albi)). Remove one "
        "of them (a constant column repeats the baseline hazard).\n"
    )
    assert not (tmp_path / "out").exists()


def test_without_a_folder_nothing_is_written(sampler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = fit(spec="heart", data="heart")
    assert result.stdout.endswith("Nothing was written: name a folder with --out.\n")
    assert list(tmp_path.iterdir()) == []


def test_quiet_says_nothing(sampler):
    result = fit("--quiet")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")


def test_tables_and_sentences(sampler, tmp_path):
    result = fit("--out", tmp_path / "out")
    text = result.stdout
    assert text.startswith("SYNTHETIC DATA: these were simulated, no patient is in them.")
    assert "os-weibull-ihlrt-nlr (SYNTHETIC DATA): 80 patients, 51 events; 9 of them after" in text
    assert "Does ihlrt help? These data do not settle it (probability 0." in text
    assert text.count("'Probably' means a probability of 0.95 or more") == 1
    assert "treated from month 1.9 (the earliest start seen)" in " ".join(text.split())
    assert "event-free months within 24 (95 %" in text
    assert "Does that depend on nlr?" in text
    assert "Adjusted for nlr, albi, afp_high, centre." in text
    assert "Convergence passed" in text
    assert "Leave-one-patient-out" not in text
    assert f"Written: {len(FILES) - 1} files in" in text
    assert len(text.splitlines()) < 36
    assert "\x1b[" not in text


def test_every_table_on_request(sampler):
    text = fit("--tables").stdout
    assert text.startswith("SYNTHETIC DATA: these were simulated, no patient is in them.")
    for part in (
        "Does ihlrt help?",
        "Hazard ratio, treated / untreated",
        "Survival by strategy",
        "Statements, with their probability given the data and before them",
        "Parameters",
        "Leave-one-patient-out cross-validation",
        "Nothing was written: name a folder with --out.",
    ):
        assert part in text, part


def test_it_is_shown_again(first_results, tmp_path):
    out = copytree(first_results, tmp_path / "out")
    shown = CliRunner().invoke(app, ["show", str(out)])
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.strip() == (first_results / "summary.txt").read_text().strip()
    (out / "summary.txt").unlink()
    assert CliRunner().invoke(app, ["show", str(out)]).exit_code == 1


def test_the_tree_knows_where_it_comes_from(first_results):
    tree = load(first_results / "posterior.nc")
    assert {"posterior", "sample_stats", "log_likelihood", "prior"} <= set(tree.children)
    spec = AnalysisSpec.model_validate(json.loads(tree.attrs["specification"]))
    assert spec == load_spec("primary")
    found = json.loads((first_results / "result.json").read_text())
    assert tree.attrs["data_fingerprint"] == found["data"]["fingerprint"]
    assert json.loads(tree.attrs["versions"]) == found["versions"]
    assert (tree.attrs["seed"], tree.attrs["synthetic"]) == (20260101, 1)
    assert {"ihlrt", "log_rate", "sd_centre"} <= set(tree["prior"].data_vars)


def test_the_written_specification_is_the_one_that_was_run(sampler, tmp_path):
    out = tmp_path / "out"
    assert fit("--out", out, "--seed", "7", "--quiet").exit_code == 0
    assert load_spec(out / "specification.toml").sampler.seed == 7
    assert json.loads((out / "result.json").read_text())["seed"] == 7
    assert [settings.seed for settings in sampler.settings] == [7]


def test_chains_that_disagree_are_refused(sampler, tmp_path):
    sampler.spread = 1.0
    result = fit("--out", tmp_path / "out")
    assert result.exit_code == 3
    assert result.stdout == ""
    assert "Error: the posterior is not to be trusted: R-hat" in result.stderr
    assert result.stderr.endswith("Nothing was written.\n")
    assert list(tmp_path.iterdir()) == []


def test_chains_that_disagree_are_reported_on_request(sampler, tmp_path):
    sampler.spread = 1.0
    result = fit("--out", tmp_path / "out", "--allow-nonconverged")
    assert result.exit_code == 0
    assert "Convergence FAILED, do not use these numbers" in result.stdout
    found = json.loads((tmp_path / "out" / "result.json").read_text())["diagnostics"]
    assert found["converged"] is False
    assert found["failures"]


def test_results_are_replaced_on_request_only(written, sampler):
    (written / "figures" / "stale.png").write_text("of an earlier model")
    before = (written / "result.json").read_text()
    assert fit("--out", written, "--quiet", "--seed", "7").exit_code == 1
    assert (written / "result.json").read_text() == before
    assert fit("--out", written, "--quiet", "--seed", "7", "--overwrite").exit_code == 0
    assert files_in(written) == FILES
    assert json.loads((written / "result.json").read_text())["seed"] == 7


def fail_to_save(figure, path, **options):
    Path(path).write_text("half")
    raise OSError(28, "No space left on device")


# Without pictures, and without the manifest that seals a whole result.
KEPT = {name for name in FILES if not name.endswith(".png")} - {"manifest.json"}


def test_a_full_disk_loses_only_what_it_has_no_room_for(sampler, tmp_path, monkeypatch):
    monkeypatch.setattr(Figure, "savefig", fail_to_save)
    out = tmp_path / "out"
    result = fit("--out", out, "--quiet")
    assert result.exit_code == 1
    kept = tmp_path / "out.unfinished"
    assert result.stderr == (
        f"Error: output: 1 fault\n  - folder {out}: it cannot be written (no space left on "
        f"device). Name another folder. What could be written is kept in {kept}.\n"
    )
    assert list(tmp_path.iterdir()) == [kept]
    assert files_in(kept) == KEPT
    assert json.loads((kept / "result.json").read_text())["parameters"]
    assert load(kept / "posterior.nc")["posterior"].sizes["draw"] == 200


def test_a_full_disk_leaves_earlier_results_as_they_were(written, sampler, monkeypatch):
    before = {name: (written / name).read_bytes() for name in FILES}
    monkeypatch.setattr(Figure, "savefig", fail_to_save)
    for ending in ("", "-2"):
        assert fit("--out", written, "--quiet", "--overwrite", "--seed", "7").exit_code == 1
        assert files_in(written.with_name(f"{written.name}.unfinished{ending}")) == KEPT
    assert {name: (written / name).read_bytes() for name in FILES} == before
    assert files_in(written) == FILES


@pytest.mark.parametrize(
    ("broken", "lost"),
    [
        ("FitResult.to_dict", {"result.json"}),
        ("figure_data", {name for name in FILES if name.startswith("figures/")}),
        ("brief_fit", {"report.json"}),
        ("save", {"posterior.nc", "estimates.nc"}),
    ],
)
def test_whatever_fails_while_writing_the_rest_is_kept(
    broken, lost, sampler, tmp_path, monkeypatch
):
    def fail(*_, **__):
        return {"value": object()} if broken == "FitResult.to_dict" else 1 / 0

    owner, _, name = broken.rpartition(".")
    monkeypatch.setattr(getattr(writing, owner) if owner else writing, name, fail)
    result = fit("--out", tmp_path / "out", "--quiet")
    assert result.exit_code == 1
    assert type(result.exception) in {TypeError, ZeroDivisionError}
    kept = tmp_path / "out.unfinished"
    assert result.exception.__notes__ == [f"What could be written is kept in {kept}."]
    assert files_in(tmp_path) == {
        f"{kept.name}/{name}" for name in FILES - lost - {"manifest.json"}
    }


def test_an_interruption_leaves_nothing_behind(sampler, tmp_path, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Figure, "savefig", interrupt)
    result = fit("--out", tmp_path / "out", "--quiet")
    assert result.exit_code == 130
    assert result.stderr == "Interrupted. Nothing was written.\n"
    assert list(tmp_path.iterdir()) == []


def test_the_demo_needs_no_argument_and_may_be_run_again(sampler, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(2):
        result = CliRunner().invoke(app, ["demo", "--quiet"])
        assert result.exit_code == 0, result.output
    assert files_in(tmp_path / "demo") == {*FILES, "report.html"}
    (tmp_path / "demo" / "notes.txt").write_text("precious")
    assert CliRunner().invoke(app, ["demo", "--quiet"]).exit_code == 1
    assert (tmp_path / "demo" / "notes.txt").read_text() == "precious"


def test_a_csv_gives_the_same_as_the_packaged_name(sampler, tmp_path):
    from bayes_ihlrt.cohort import datasets

    file = tmp_path / "anything.csv"
    file.write_bytes(datasets.csv_path("heart").read_bytes())
    named = json.loads(fit("--json", spec="heart", data="heart").stdout)
    read = json.loads(fit("--json", spec="heart", data=file).stdout)
    assert read["data"]["fingerprint"] == named["data"]["fingerprint"]
    assert read["parameters"] == named["parameters"]
    assert (named["data"]["synthetic"], read["data"]["name"]) == (False, "anything.csv")


def test_real_data_are_not_called_synthetic(sampler):
    assert "ynthetic" not in fit(spec="heart", data="heart").stdout


def test_immortal_time_is_told_first(sampler, tmp_path):
    text = load_spec("primary").to_toml()
    text = text.replace('design = "split"', 'design = "ever-never"')
    text = text.replace(
        "acknowledge_immortal_time_bias = false", "acknowledge_immortal_time_bias = true"
    )
    (tmp_path / "biased.toml").write_text(text)
    result = fit(spec=str(tmp_path / "biased.toml"))
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("IMMORTAL TIME: ")
    assert "person-months before treatment" in result.stdout.partition("\n")[0]
    found = json.loads(fit("--json", spec=str(tmp_path / "biased.toml")).stdout)
    assert found["design"]["immortal_months"] > 50.0


def test_a_model_without_treatment(sampler, tmp_path):
    out = tmp_path / "out"
    result = fit("--out", out, spec="hepatocellular", data="hepatocellular")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.startswith("hepatocellular-tissue-nlr: 101 patients, 45 events.\n")
    assert "126 patients of 227 left out: tissue_nlr is missing." in result.stdout
    assert "There is no treatment in this analysis" in result.stdout
    assert files_in(out) == FILES - {
        f"figures/{name}"
        for stem in ("hazard_ratio", "gain", "treatment_starts")
        for name in (f"{stem}.png", f"data/{stem}.nc")
    }
    found = json.loads((out / "result.json").read_text())
    assert {row["strategy"] for row in found["estimands"]} == {"as observed"}
    assert len(found["data"]["dropped"]) == 126


def test_a_piecewise_model(sampler, tmp_path):
    out = tmp_path / "out"
    result = fit("--out", out, "--quiet", spec="pfs_piecewise")
    assert result.exit_code == 0, result.stderr
    found = json.loads((out / "result.json").read_text())
    intervals = [name for name in found["parameters"] if name.startswith("log_hazard")]
    assert intervals == [f"log_hazard[{i}]" for i in ("0-3", "3-6", "6-12", "12-24", "24+")]
    tree = load(out / "posterior.nc")
    assert tree["prior"]["log_hazard"].sizes["interval"] == 5


def test_infinite_medians_are_null(sampler, monkeypatch):
    """A hazard that is nearly zero: the median survival is not reached in any draw."""
    original = sampler.sample

    def nearly_immortal(compiled, settings=None, *, progress=False):
        tree = original(compiled, settings, progress=progress)
        tree["posterior"]["log_rate"] = tree["posterior"]["log_rate"] - 26.0
        return tree

    monkeypatch.setattr("bayes_ihlrt.posterior.nuts.sample", nearly_immortal)
    result = fit("--json", spec="heart", data="heart")
    assert result.exit_code == 0, result.stderr
    rows = [
        r for r in without_nan(result.stdout)["estimands"] if r["estimand"] == "median_survival"
    ]
    assert all(row["mean"] is None and row["q97.5"] is None for row in rows)
    text = fit("--tables", spec="heart", data="heart").stdout
    assert "not reached" in text


def test_draws_are_those_of_the_seed(sampler):
    first, second, other = (
        json.loads(fit("--json", "--seed", seed, spec="heart", data="heart").stdout)["parameters"]
        for seed in (1, 1, 2)
    )
    assert first == second
    assert not np.isclose(first["age"]["mean"], other["age"]["mean"], rtol=1e-12)
