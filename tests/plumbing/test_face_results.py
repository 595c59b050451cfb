"""Results by the face: shown, summarised, drawn, written, read back; around a sampler of noise."""

import hashlib
import json
import re
import shutil
from dataclasses import replace

import numpy as np
import pytest

import bayes_ihlrt as bi
from bayes_ihlrt.analysis.notes import data_summary
from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.face import keep
from bayes_ihlrt.names import DesignKind, Identifiers
from bayes_ihlrt.results.kept import UnsealedWarning
from bayes_ihlrt.results.outputs import read_results
from bayes_ihlrt.spec.treatment import TreatmentSpec
from face_cases import check_result, cut_off

pytestmark = pytest.mark.usefixtures("sampler")


@pytest.fixture(scope="module")
def spec():
    """Return an analysis said in Python."""
    return bi.analysis(
        "ihlrt * nlr + albi + (1 | centre)",
        patient="patient_id",
        time="os_months",
        event="death",
        treatment=bi.starts("ihlrt_months"),
        modifier=bi.log2("nlr", at=3),
        estimands={"horizons": [12.0, 24.0]},
    )


@pytest.fixture(scope="module")
def fit(spec, module_sampler):
    """Return a fit whose draws are noise; not to be changed."""
    return bi.fit(spec, "ihlrt_synthetic", seed=1)


@pytest.fixture(scope="module")
def saved(fit, tmp_path_factory):
    """Return the folder that the fit was saved in; not to be changed."""
    return bi.save(fit, tmp_path_factory.mktemp("saved") / "run")


def edited(place, file, content):
    """Write other content into a file of a result, so that checksums agree."""
    (place / file).write_bytes(content)
    manifest = json.loads((place / "manifest.json").read_text("utf-8"))
    manifest["sha256"][file] = hashlib.sha256(content).hexdigest()
    (place / "manifest.json").write_text(json.dumps(manifest), "utf-8")


def test_a_fit_is_shown_summarised_drawn_and_loaded(fit, tmp_path):
    loaded = check_result(fit, tmp_path, figure="forest", words="Does ihlrt help")
    assert loaded.fit.tree.identical(fit.fit.tree)
    assert loaded.spec == fit.spec
    assert bi.estimates(loaded, "rmst").draws.identical(bi.estimates(fit, "rmst").draws)
    page = bi.report(loaded, tmp_path / "page.html")
    assert "Synthetic data" in page.read_text("utf-8")
    with pytest.raises(bi.InputError, match=r"it exists.* give overwrite=True") as of_page:
        bi.report(fit, page)
    with pytest.raises(bi.InputError, match=r"it is not empty.* give overwrite=True") as of_folder:
        bi.save(fit, tmp_path / "run")
    assert "--" not in f"{of_page.value}{of_folder.value}"
    # A command reads what was saved.
    assert read_results(tmp_path / "run").first.result["name"] == "analysis"


def near(found, expected):
    """Settings that are averaged together are added up in another order."""
    if found is None or expected is None:
        return found is expected
    return found == pytest.approx(expected, rel=1e-9)


def test_estimates_are_those_of_the_fit(fit):
    own = {
        (row.estimand, row.strategy, row.contrast, row.horizon): row
        for row in fit.estimates
        if row.at is None
    }
    for name in ("survival", "rmst", "median_survival", "hazard_ratio"):
        for row in bi.estimates(fit, name).rows:
            expected = own[name, row.strategy, row.contrast, row.horizon]
            assert row.population == expected.population
            assert row.summary.keys() == expected.summary.keys()
            assert all(near(row.summary[key], expected.summary[key]) for key in row.summary)
            assert near(row.prob_benefit, expected.prob_benefit)


def test_draws_are_labelled_and_complements_add_up(fit):
    months = {"horizon": [12, 24], "at": [2, 5]}
    lived, lost = (bi.estimates(fit, name, **months) for name in ("rmst", "time_lost"))
    assert lived.draws.dims == ("chain", "draw", "at", "horizon", "strategy")
    assert lived.at == (2.0, 5.0)
    assert lived.horizons == (12.0, 24.0)
    apart = lived.draws + lost.draws - lived.draws["horizon"]
    assert float(abs(apart).max()) < 1e-9
    alive, dead = (bi.estimates(fit, name, at=3) for name in ("survival", "event_probability"))
    assert np.allclose(alive.draws + dead.draws, 1.0)
    better = [bi.summary(each)["P(better)"].dropna().tolist() for each in (alive, dead)]
    assert better[0] == pytest.approx(better[1])
    late = bi.estimates(fit, "survival", horizon=12, treat_from=6)
    assert late.draws["strategy"].to_numpy().tolist() == ["never", "from month 6"]


def test_estimates_are_shown_summarised_and_drawn(fit):
    gain = bi.estimates(fit, "rmst", horizon=24, at=[2, 3])
    assert repr(gain).startswith("Estimates(estimand='rmst', dims=(")
    page = gain._repr_html_()
    assert "month 24, nlr 2" in page
    assert "SYNTHETIC DATA" in page
    table = bi.summary(gain)
    assert table.columns.tolist()[:2] == ["horizon", "at"]
    assert bi.plot(gain).axes[0].get_xlabel().startswith("Event-free months, ihlrt from month")
    ratio = bi.plot(bi.estimates(fit, "hazard_ratio", at=[2, 3]))
    assert ratio.axes[0].get_xscale() == "log"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"estimand": "rmsd"}, "Did you mean 'rmst'?"),
        ({"estimand": "rmst", "horizon": -1}, "horizon: it is -1. Give months above 0"),
        ({"estimand": "rmst", "horizon": [24, 12]}, "Give months that increase"),
        ({"estimand": "rmst", "at": "three"}, "at: it is 'three'. Give values of nlr"),
        ({"estimand": "rmst", "treat_from": -1}, "treat_from: it is -1"),
        ({"estimand": "hazard_ratio", "horizon": 12}, "hazard_ratio has no horizon"),
        ({"estimand": "hazard_ratio", "treat_from": 6}, "treat_from: hazard_ratio compares time"),
        ({"estimand": "rmst", "horizon": [12, 12]}, "horizon: it is [12, 12]. Give each value"),
        ({"estimand": "hazard_ratio", "at": [3, 3]}, "at: it is [3, 3]. Give each value once"),
        ({"estimand": "rmst", "horizon": True}, "horizon: it is True. Give months above 0"),
        ({"estimand": "rmst", "at": ["2"]}, "at: it is ['2']. Give values of nlr"),
        ({"estimand": "rmst", "at": 0}, "at: transform 'log2' needs positive values; found 0"),
        ({"estimand": "rmst", "treat_from": np.inf}, "treat_from: it is inf. Give one month"),
        (
            {"estimand": "rmst", "horizon": 24, "treat_from": 30},
            "treat_from: month 30 is not before the last horizon, 24",
        ),
    ],
)
def test_what_cannot_be_estimated_is_told(fit, arguments, words):
    with pytest.raises(bi.SpecificationError) as caught:
        bi.estimates(fit, **arguments)
    assert words in str(caught.value)


def test_results_that_do_not_belong_together_are_told_as_results(fit, saved, tmp_path, monkeypatch):
    def write(result, place):
        shutil.copytree(saved, place)
        told = json.loads((saved / "result.json").read_text("utf-8"))
        told["data"] |= data_summary(result.checked.cohort, result.checked.person_time)
        edited(place, "result.json", json.dumps(told).encode())

    # The same without the minute that figures take.
    monkeypatch.setitem(keep._WRITERS, bi.FitResult, write)
    columns = fit.checked.cohort.columns
    other = replace(fit.checked.cohort, columns={**columns, "event": 1.0 - columns["event"]})
    known = replace(fit.checked.cohort, identifiers=Identifiers.EVERYWHERE)
    of_others, of_known = (
        replace(fit, checked=replace(fit.checked, cohort=cohort)) for cohort in (other, known)
    )
    for results, words in (
        ([fit, fit], ["result 2: a second output of `fit`, beside result 1. Keep one"]),
        (
            [fit, of_others],
            [
                "the results: 2 cohorts (patients, times or events differ) have results: result 1",
                "report those of each cohort apart",
            ],
        ),
        (of_known, ["result 1: its files call patients", "give keep_identifiers=True"]),
    ):
        with pytest.raises(bi.InputError) as caught:
            bi.report(results, tmp_path / "two.html")
        assert all(each in str(caught.value) for each in words), caught.value
        assert "folder" not in str(caught.value)


def test_every_fault_of_what_is_asked_is_told_at_once(fit):
    with pytest.raises(bi.SpecificationError) as caught:
        bi.estimates(fit, "rmsd", horizon=-1, at=-1, treat_from=-2)
    told = [fault.where for fault in caught.value.faults]
    assert told == ["the estimand", "horizon", "treat_from", "at"]


@pytest.mark.parametrize(
    ("estimand", "digits"),
    [
        ("hazard_ratio", 2),
        ("survival", 2),
        ("event_probability", 2),
        ("hazard", 4),
        ("cumulative_hazard", 2),
        ("rmst", 1),
        ("time_lost", 1),
        ("median_survival", 1),
    ],
)
def test_every_row_of_a_table_has_the_same_digits(fit, estimand, digits):
    asked = {} if estimand in {"hazard_ratio", "median_survival"} else {"horizon": [1, 24]}
    page = bi.estimates(fit, estimand, at=[2, 8], **asked)._repr_html_()
    cells = re.findall(r"<td[^>]*>(.*?)</td>", page)
    assert len(cells) >= 8
    medians, intervals = " ".join(cells[1::4]), " ".join(cells[2::4])
    told = re.findall(r"\d+\.(\d+)", f"{medians} {intervals}")
    assert len(told) >= 4
    assert {len(decimals) for decimals in told} == {digits}


def test_what_lies_outside_the_data_is_said(fit):
    last, first = fit.checked.person_time.exit_time.max(), fit.spec.treat_from
    far = bi.estimates(fit, "rmst", horizon=[12, 600], at=[3, 1000], treat_from=0)
    page = far._repr_html_()
    for words in (
        f"Month 600 lies beyond the last follow-up ({last:.1f} months)",
        "Treatment from month 0 is outside the data",
        "nlr 1000 lies outside the values of the cohort",
    ):
        assert words in page
        assert any(note.startswith(words) for note in bi.summary(far).attrs["notes"])
    table = bi.summary(far).reset_index()
    told = table.set_index(["", "at", "horizon"])["extrapolated"]
    assert not told["never", 3.0, 12.0]
    assert told["never", 3.0, 600.0]
    assert told["never", 1000.0, 12.0]
    assert told["from month 0", 3.0, 12.0]
    near = bi.estimates(fit, "rmst", horizon=12, at=3, treat_from=first)
    assert near.notes == ()
    assert "extrapolated" not in bi.summary(near).columns
    assert bi.estimates(fit, "hazard_ratio", at=3).notes == ()
    (outside,) = bi.estimates(fit, "hazard_ratio", at=[3, 1000]).notes
    assert outside.startswith("nlr 1000")
    # A median has no horizon that treatment could start beyond.
    assert bi.estimates(fit, "median_survival", treat_from=30).start == 30.0


def as_of(fit, *, treatment, design):
    """Return a fit as if it were of another treatment or design."""
    rows, spec = fit.checked.person_time, fit.spec.model_copy(update={"treatment": treatment})
    rows = replace(rows, provenance=replace(rows.provenance, design=design))
    return replace(fit, checked=replace(fit.checked, spec=spec, person_time=rows))


def test_other_designs_start_where_they_start(fit):
    stated = {"name": "ihlrt", "start": "ihlrt_months", "design": "landmark", "landmark": 3.0}
    landmark = as_of(fit, treatment=TreatmentSpec(**stated), design=DesignKind.LANDMARK)
    with pytest.raises(bi.SpecificationError, match="design 'landmark' knows no start in month 10"):
        bi.estimates(landmark, "rmst", horizon=24, treat_from=10)
    clock, *_ = bi.estimates(landmark, "rmst", horizon=24).notes
    assert clock.startswith("MONTHS COUNT FROM THE LANDMARK")


def test_without_treatment_none_starts(fit):
    untreated = as_of(fit, treatment=None, design=DesignKind.FIXED)
    with pytest.raises(bi.SpecificationError) as caught:
        bi.estimates(untreated, "rmst", treat_from=0)
    assert "treat_from: the analysis has no treatment. Leave it out" in str(caught.value)


def test_no_identifier_is_saved(spec, tmp_path):
    columns = dict(datasets.columns("ihlrt_synthetic"))
    columns["patient_id"] = np.array([f"K{i:03d}x" for i in range(len(columns["patient_id"]))])
    place = bi.save(bi.fit(spec, columns, seed=1), tmp_path / "run")
    files = [path for path in place.rglob("*") if path.is_file()]
    assert place / "result.pickle" in files
    assert not [path.name for path in files if b"K007x" in path.read_bytes()]


def test_what_a_killed_writer_had_finished_is_loaded(fit, saved, tmp_path):
    place = shutil.copytree(saved, tmp_path / "run")
    cut_off(place, "figures", "result.json", "result.pickle")
    assert bi.load(place).to_dict() == fit.to_dict()
    assert not list(place.glob(".unfinished*"))


def test_what_was_changed_or_is_of_another_version_is_refused(saved, tmp_path, monkeypatch):
    place = shutil.copytree(saved, tmp_path / "run")
    monkeypatch.setattr("bayes_ihlrt.results.kept.version", lambda _: "0.0.1")
    with pytest.raises(bi.InputError, match=r"version 0\.1\.0 of the package wrote it"):
        bi.load(place)
    monkeypatch.undo()
    (place / "result.pickle").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(bi.InputError, match="not the file that was written"):
        bi.load(place)


def test_what_another_sealed_is_run_only_where_it_is_trusted(fit, saved, tmp_path):
    """A folder whose checksums agree, from somebody who would run something of theirs."""
    place, ran = shutil.copytree(saved, tmp_path / "run"), tmp_path / "ran"
    assert bi.load(place).spec == fit.spec
    code = f"cos\nmkdir\n(S'{ran}'\ntR.".encode()
    held = (place / "result.pickle").read_bytes()
    edited(place, "result.pickle", held[:32] + held[32:].partition(b"\n")[0] + b"\n" + code)
    with pytest.raises(bi.InputError, match=r"cannot be told that you saved it .* trusted=True"):
        bi.load(place)
    assert not ran.exists()
    bi.load(place, trusted=True)
    assert ran.exists()


def test_what_was_saved_without_a_home_needs_trust(fit, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder", "utf-8")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file" / "below"))
    with pytest.warns(UnsealedWarning, match="no key could be kept"):
        place = bi.save(fit, tmp_path / "run")
    with pytest.raises(bi.InputError, match="cannot be told that you saved it"):
        bi.load(place)
    assert bi.load(place, trusted=True).spec == fit.spec


def test_a_folder_of_a_command_has_no_result_to_load(first_results):
    with pytest.raises(bi.InputError, match="no saved result"):
        bi.load(first_results)
    assert "posterior" in bi.load(first_results / "posterior.nc")


def test_competing_causes_are_a_result_too(causes_files, tmp_path):
    spec, data = causes_files
    found = bi.fit(spec, data)
    assert isinstance(found, bi.CausesResult)
    check_result(found, tmp_path, figure="incidence", words="liver")
    with pytest.raises(bi.InputError, match="for one event"):
        bi.estimates(found, "rmst")


def test_an_informative_prior_needs_its_reason_as_for_commands(spec):
    stated = spec.with_prior("ihlrt", bi.Normal(-0.5, 0.1))
    with pytest.raises(bi.RefusedError, match="justification"):
        bi.check(stated, "ihlrt_synthetic")
    told = stated.with_prior("ihlrt", stated.priors["ihlrt"], justification="Ten trials.")
    checked = bi.check(told, "ihlrt_synthetic")
    assert "events it is worth" in bi.summary(checked).columns


def test_packaged_data_are_a_table():
    table = bi.datasets()
    assert table.loc["ihlrt_synthetic", "synthetic"]
    assert set(table.index) == set(datasets.names())
    assert json.loads(table["title"].to_json())
