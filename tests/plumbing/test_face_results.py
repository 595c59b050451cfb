"""Results by the face: shown, summarised, drawn, written, read back; around a sampler of noise."""

import hashlib
import json

import numpy as np
import pytest

import bayes_ihlrt as bi
from bayes_ihlrt.cohort import datasets
from bayes_ihlrt.results.outputs import read_results
from face_cases import check_result

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


def test_a_fit_is_shown_summarised_drawn_and_loaded(fit, tmp_path):
    loaded = check_result(fit, tmp_path, figure="forest", words="Does ihlrt help")
    assert loaded.fit.tree.identical(fit.fit.tree)
    assert loaded.spec == fit.spec
    assert bi.estimates(loaded, "rmst").draws.identical(bi.estimates(fit, "rmst").draws)
    page = bi.report(loaded, tmp_path / "page.html")
    assert "Synthetic data" in page.read_text("utf-8")
    with pytest.raises(bi.InputError, match="it exists"):
        bi.report(fit, page)
    with pytest.raises(bi.InputError, match="it is not empty"):
        bi.save(fit, tmp_path / "run")
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
    ],
)
def test_what_cannot_be_estimated_is_told(fit, arguments, words):
    with pytest.raises(bi.SpecificationError) as caught:
        bi.estimates(fit, **arguments)
    assert words in str(caught.value)


def test_no_identifier_is_saved(spec, tmp_path):
    columns = dict(datasets.columns("ihlrt_synthetic"))
    columns["patient_id"] = np.array([f"K{i:03d}x" for i in range(len(columns["patient_id"]))])
    place = bi.save(bi.fit(spec, columns, seed=1), tmp_path / "run")
    files = [path for path in place.rglob("*") if path.is_file()]
    assert place / "result.pickle" in files
    assert not [path.name for path in files if b"K007x" in path.read_bytes()]


def test_what_was_changed_or_is_of_another_version_is_refused(fit, tmp_path, monkeypatch):
    place = bi.save(fit, tmp_path / "run")
    monkeypatch.setattr("bayes_ihlrt.results.kept.version", lambda _: "0.0.1")
    with pytest.raises(bi.InputError, match=r"version 0\.1\.0 of the package wrote it"):
        bi.load(place)
    monkeypatch.undo()
    (place / "result.pickle").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(bi.InputError, match="not the file that was written"):
        bi.load(place)


def test_what_another_sealed_is_run_only_where_it_is_trusted(fit, tmp_path):
    """A folder whose checksums agree, from somebody who would run something of theirs."""
    place, ran = bi.save(fit, tmp_path / "run"), tmp_path / "ran"
    file = place / "result.pickle"
    assert bi.load(place).spec == fit.spec
    code = f"cos\nmkdir\n(S'{ran}'\ntR.".encode()
    held = file.read_bytes()
    file.write_bytes(held[:32] + held[32:].partition(b"\n")[0] + b"\n" + code)
    manifest = json.loads((place / "manifest.json").read_text("utf-8"))
    manifest["sha256"]["result.pickle"] = hashlib.sha256(file.read_bytes()).hexdigest()
    (place / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(bi.InputError, match=r"not saved by you .* trusted=True"):
        bi.load(place)
    assert not ran.exists()
    bi.load(place, trusted=True)
    assert ran.exists()


def test_what_was_saved_without_a_home_needs_trust(fit, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder", "utf-8")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file" / "below"))
    place = bi.save(fit, tmp_path / "run")
    with pytest.raises(bi.InputError, match="not saved by you"):
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
