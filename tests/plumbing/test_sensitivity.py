"""A whole sensitivity study around fits with known answers: numbers, words, files, refusals."""

import json
from functools import partial

import numpy as np
import pytest
import xarray as xr
from rich.console import Console
from validation.robust.records import filled

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.errors import RefusedError, SpecificationError
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.posterior import audit as nuts_audit
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import laplace_quality
from bayes_ihlrt.posterior.store import load
from bayes_ihlrt.report.answers import sensitivity_answer
from bayes_ihlrt.report.studies import print_sensitivity, write_sensitivity
from bayes_ihlrt.report.terminal import print_summary
from bayes_ihlrt.schema.sensitivity import LatentConfounder, PowerScaling
from bayes_ihlrt.sensitivity import audit as sensitivity_audit
from bayes_ihlrt.sensitivity import external, negative_control, structure, tipping
from bayes_ihlrt.sensitivity import parts as sensitivity_parts
from bayes_ihlrt.sensitivity import published as published_check
from bayes_ihlrt.sensitivity import study as sensitivity
from bayes_ihlrt.sensitivity.cells import CellFits, cell_priors
from bayes_ihlrt.sensitivity.confounding import Effect
from bayes_ihlrt.sensitivity.decisions import CheckResult
from bayes_ihlrt.sensitivity.figures import sensitivity_figures
from bayes_ihlrt.sensitivity.quantities import Wanted
from bayes_ihlrt.sensitivity.reverse_bayes import normal_posterior, tipping_mean
from bayes_ihlrt.sensitivity.study import sensitivity_study
from bayes_ihlrt.spec.read import load_spec, parse_spec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.sensitivity import NegativeControlSpec
from external_cases import external_of

DATA = (-0.6, 0.3)
"""Estimate and standard error of the treatment's log hazard ratio: a normal likelihood."""
FIXED = {"log_rate": -4.0, "log_shape": 0.2, "nlr": 0.3, "ihlrt:nlr": 0.0}


def coefficients(prepared, mean, sd, rng, shape):
    """Draws of every parameter; only that of the treatment varies."""
    names = [*prepared.encoder.columns, *prepared.hazard.parameters]
    found = {name: np.full(shape, FIXED[name] if name in FIXED else 0.0) for name in names}
    found["ihlrt"] = mean + sd * rng.permuted(np.sort(rng.standard_normal(shape), axis=-1), axis=-1)
    if "log_hazard" in found:
        width = len(prepared.spec.outcome.hazard.cuts) + 1
        found["log_hazard"] = np.full((*shape, width), -3.5)
    return found


def fake_cells(prepared, cells, *, draws, seed, keep=(), needed=None):
    """Return exact posteriors of a normal likelihood instead of fitting anything."""
    rng = np.random.default_rng(seed)
    parts = []
    for cell in cells:
        prior = cell_priors(prepared, cell)["ihlrt"].prior
        mean, variance = normal_posterior((prior.mu, prior.sigma), DATA)
        parts.append(coefficients(prepared, mean, np.sqrt(variance), rng, (draws,)))
    values = {
        name: (("member", "draw"), np.stack([part[name] for part in parts])) for name in parts[0]
    }
    centre = ("centre_effect", "centre", "centre")
    levels = list(prepared.encoder.levels["centre"]) if prepared.spec.outcome.groups else []
    if levels:
        values[centre[0]] = (
            ("member", "draw", "centre"),
            np.zeros((len(cells), draws, len(levels))),
        )
    values["weight"] = (("member", "draw"), np.full((len(cells), draws), 1.0 / draws))
    labels = {"centre": levels} if levels else {}
    dataset = xr.Dataset(values, coords={"member": np.arange(len(cells)), **labels})
    size = len(cells)
    return CellFits(
        tuple(cells),
        dataset,
        np.full(size, 0.1),
        np.full(size, float(draws)),
        np.zeros(size),
        ("laplace",) * size,
    )


def fake_shared(spec, person_time, settings):
    """Return a fit in which the treatment's effect is that of the data alone."""
    prepared = prepare(spec, person_time)
    rng = np.random.default_rng(settings.seed)
    found = coefficients(prepared, *DATA, rng, (settings.chains, settings.draws))
    values = {
        name: (("chain", "draw", *(["interval"] if v.ndim == 3 else [])), v)
        for name, v in found.items()
    }
    if spec.outcome.groups:
        levels = len(prepared.encoder.levels["centre"])
        effect = np.zeros((settings.chains, settings.draws, levels))
        values["centre_effect"] = (("chain", "draw", "centre"), effect)
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(values)})
    return FittedModel(prepared, person_time, tree, laplace_quality(0.1, 4000.0, draws=4000))


def empty(name, record):
    """Return a study that is tested elsewhere."""
    data, row = xr.Dataset({"value": ("row", [1.0])}), filled(record, {})
    return lambda *_, **__: CheckResult(name, (row,), data, (f"{name} done.",))


@pytest.fixture(scope="module")
def result():
    with pytest.MonkeyPatch.context() as patch:
        for module in (sensitivity_parts, tipping, published_check, structure):
            patch.setattr(module, "fit_cells", fake_cells)
        patch.setattr(structure, "fit_shared", fake_shared)
        patch.setattr(sensitivity, "power_scaling", empty("power_scaling", PowerScaling))
        patch.setattr(sensitivity, "latent_confounding", empty("latent", LatentConfounder))
        # The audit is the real one, of one corner and with chains that are too short to converge.
        short = SamplerSpec(draws=100, tune=100, chains=2)
        patch.setattr(sensitivity_audit, "audit", partial(nuts_audit.audit, settings=short))
        spec = load_spec("sensitivity/primary")
        own = spec.sensitivity.model_copy(update={"draws": 400, "audit": 1})
        yield sensitivity_study(spec.model_copy(update={"sensitivity": own}), "ihlrt_synthetic")


def test_grid_has_the_users_own_and_the_published_priors(result):
    rows = result.checks["grid"].rows
    names = {row["priors"].get("ihlrt") for row in rows}
    assert {"flat", "sceptical", "enthusiastic", "published evidence", "tumour board"} <= names
    assert rows[0]["prior"] == "stated"
    assert {"mean", "sd", "q2.5", "q97.5", "decision", "k_hat", "estimand"} <= rows[0].keys()


def test_grid_means_are_those_of_the_normal_posteriors(result):
    for row in result.checks["grid"].rows:
        if row["at"] == 3.0 and row["prior"] in {"stated", "ihlrt flat"}:
            prior = (np.log(0.75), 0.4014) if row["prior"] == "stated" else (0.0, 10.0)
            mean, variance = normal_posterior(prior, DATA)
            assert row["mean"] == pytest.approx(mean, abs=4.0 * np.sqrt(variance / 400))


def test_tipping_mean_is_that_of_the_closed_form(result):
    (row,) = (
        row
        for row in result.checks["tipping"].rows
        if row["path"] == "prior mean"
        and row["decision"] == "yes"
        and row["quantity"].startswith("log_hazard_ratio")
    )
    exact = tipping_mean(0.40141, DATA, 0.95)
    assert row["value"] == pytest.approx(exact, abs=4.0 * row["mcse"])
    assert row["falling"]
    assert row["prior_hr"] == pytest.approx(np.exp(row["value"]))


def test_confounding_takes_the_bias_off(result):
    grid = result.confounding["grid"]
    stated = normal_posterior((np.log(0.75), 0.4014), DATA)[0]
    row = next(r for r in grid if (r["strength"], r["untreated"]) == (2.0, 0.6))
    factor = (2.0 * 0.2 + 0.8) / (2.0 * 0.6 + 0.4)
    assert row["hazard_ratio"] == pytest.approx(np.exp(stated) / factor, rel=0.1)
    assert result.confounding["e_value"]["common"]
    assert result.confounding["tipping_factor"] < 1.0


def test_structure_keeps_every_variant_and_its_specification(result):
    rows = result.checks["structure"].rows
    names = {row["analysis"] for row in rows}
    assert {
        "as stated",
        "hazard gompertz",
        "hazard piecewise 6, 18",
        "covariates without albi",
        "covariates none",
        "covariates without groups",
        "design landmark 3",
        "population without centre centre-1",
    } <= names
    for row in rows:
        assert parse_spec(row["specification"]).name == "os-sensitivity-ihlrt"


def test_a_row_of_the_structure_is_reproduced(result, monkeypatch):
    monkeypatch.setattr(structure, "fit_cells", fake_cells)
    monkeypatch.setattr(structure, "fit_shared", fake_shared)
    rows = result.checks["structure"].rows
    for name in ("covariates none", "population without centre centre-1"):
        wanted = [dict(row) for row in rows if row["analysis"] == name]
        again = structure.reproduce(wanted[0], "ihlrt_synthetic")
        for one, other in zip(wanted, again, strict=True):
            assert one["quantity"] == other["quantity"]
            assert one["choices"] == other["choices"]
            # Members of a batch have random numbers of their own place in it.
            assert one["mean"] == pytest.approx(other["mean"], abs=4.0 * one["sd"] / 20.0)


def test_summary_says_what_the_answer_depends_on(result):
    text = " ".join(result.summary)
    assert text.startswith(
        "Hazard ratio below 1 at nlr 3? As stated: probably yes (probability 0.9"
    )
    assert "depends on" in text
    assert "unmeasured confounding" in text


def test_written_study_reads_back(result, tmp_path):
    written = write_sensitivity(result, tmp_path / "out")
    names = {path.name for path in written}
    assert {
        "result.json",
        "posterior.nc",
        "specification.toml",
        "prior_grid.png",
        "tipping_points.png",
        "confounding_contour.png",
        "specification_curve.png",
    } <= names
    content = json.loads((tmp_path / "out" / "result.json").read_text())
    assert set(content) == {
        *("schema", "name", "versions", "seed", "data", "threshold", "summary", "grid"),
        *("power_scaling", "tipping", "evidence", "confounding", "structure", "audit"),
        *("external", "external_synthetic", "failed"),
    }
    assert content["audit"]["fits"] == 1
    assert content["audit"]["decisions_changed"] in {0, 1}
    assert content["audit"]["mcse"] > 0.0
    tree = load(tmp_path / "out" / "posterior.nc")
    assert set(tree.children) == set(result.checks)
    assert tree["grid"].to_dataset().equals(result.checks["grid"].data)


def test_page_fits_the_terminal(result):
    console = Console(width=110, record=True, highlight=False)
    print_summary(console, sensitivity_answer(result))
    answer = console.export_text(clear=False).splitlines()
    assert answer[0].startswith("SYNTHETIC DATA")
    assert "51 events; 9 of them after ihlrt began, in 20 patients" in " ".join(
        " ".join(answer).split()
    )
    assert "Does ihlrt help, and what does the answer depend on?" in answer
    assert sum("'Probably' means" in line for line in answer) == 1
    print_sensitivity(console, result)
    text = console.export_text()
    assert "Tipping points" in text
    assert max(map(len, text.splitlines())) <= 110


def test_figures_have_units(result):
    for name, data in sensitivity_figures(result).items():
        figure = PLOTS[name](data)
        labels = [axes.get_xlabel() + axes.get_ylabel() for axes in figure.axes]
        assert any(labels), name
        assert "synthetic data" in figure.get_suptitle()


def test_a_study_needs_a_treatment():
    with pytest.raises(SpecificationError, match="there is none"):
        sensitivity_study(load_spec("hepatocellular"), "hepatocellular")


def test_a_weighted_analysis_is_refused():
    with pytest.raises(RefusedError, match="adjusted by 'weights'"):
        sensitivity_study(load_spec("ladder"), "ihlrt_synthetic")


def test_borrowing_reads_own_patients_and_weighs_the_others(monkeypatch):
    asked = {}

    def recording(prepared, cells, **size):
        asked["weights"] = {cell.name: cell.weight for cell in cells}
        asked["priors"] = {cell.name: cell.priors for cell in cells}
        asked["stated"] = prepared.priors["external"].prior
        return fake_cells(prepared, cells, **size)

    monkeypatch.setattr(external, "fit_cells", recording)
    checked = check_analysis(load_spec("primary"), "ihlrt_synthetic")
    others = external_of(checked, "ihlrt_synthetic", powers=(0.5,), sds=(0.3,))
    found = external.borrow(checked, others, wanted=Wanted(mitigation=False))
    weights = asked["weights"]
    assert weights["nothing borrowed"].tolist() == [1.0] * 80 + [0.0] * 80
    assert weights["power prior 0.5"].tolist() == [1.0] * 80 + [0.5] * 80
    assert weights["commensurate prior, sd 0.3"] is None
    assert asked["priors"]["commensurate prior, sd 0.3"]["external"].sigma == 0.3
    assert asked["stated"].sigma < 0.01
    assert [row["borrowing"] for row in found.rows][::2] == list(weights)


def test_a_negative_control_is_taken_off(monkeypatch):
    monkeypatch.setattr(negative_control, "fit_cells", fake_cells)
    spec = load_spec("primary")
    control = NegativeControlSpec(data="ihlrt_synthetic", time="os_months", event="death")
    rng = np.random.default_rng(2)
    effect = Effect(rng.normal(-0.9, 0.1, 4000), 0.6, 0.95)
    found = negative_control.negative_control(spec, control, control.data, effect=effect)
    (row,) = found.rows
    # Under the control's flat prior its posterior is that of the data: four Monte Carlo errors.
    sd = np.hypot(0.1, DATA[1])
    assert np.log(row["control_hazard_ratio"]) == pytest.approx(DATA[0], abs=4 * 0.38 / 63)
    assert np.log(row["hazard_ratio"]) == pytest.approx(-0.3, abs=4 * 1.25 * sd / 63)
