"""Default priors favour nobody, belong to no disease, and are those of one cohort throughout."""

import tomllib

import numpy as np
import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.prior_worth import with_scales
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.hazards.registry import level_of
from bayes_ihlrt.ladder.rungs import crude_model
from bayes_ihlrt.ladder.states import ladder_states
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.model import rounded_months
from bayes_ihlrt.spec.prior_sets import read_prior_set
from bayes_ihlrt.spec.read import load_spec, parse_spec
from bayes_ihlrt.spec.schema_one import schema_one_lines
from bayes_ihlrt.spec.states import Transition

HCC = "hcc-atezolizumab-bevacizumab"
TABLES = {
    "schema": 2,
    "name": "test",
    "data": {"patient": "id", "time": "months", "event": "death", "centre": "centre"},
    "treatment": {"name": "trt", "start": "start"},
    "modifier": {"name": "age", "column": "age", "transform": "identity", "reference": 60.0},
    "outcome": {"formula": "trt * age + late + C(stage)", "group": "(1 | centre)"},
}


def frame(patients=60, longest=37.0):
    rng = np.random.default_rng(1)
    return {
        "id": [f"p{number}" for number in range(patients)],
        "months": np.append(rng.uniform(2.0, 30.0, patients - 1), longest),
        "death": rng.integers(2, size=patients),
        "start": np.where(rng.random(patients) < 0.5, 1.0, np.nan),
        "age": rng.normal(60.0, 9.0, patients),
        "late": (rng.random(patients) < 0.2).astype(float),
        "stage": rng.integers(3, size=patients).astype(float),
        "centre": rng.choice(["a", "b"], patients),
    }


def specification(**changes):
    return AnalysisSpec.model_validate({**TABLES, **changes})


def priors_of(spec, rows):
    return {name: found.prior for name, found in prepare(spec.model, rows).priors.items()}


def test_defaults_per_standard_deviation_of_the_patients():
    data = frame()
    checked = check_analysis(specification(), data)
    found = priors_of(checked.spec, checked.person_time)
    assert found["trt"].hyperparameters == {"mu": 0.0, "sigma": 0.5}
    # Identity scale: the interaction is per standard deviation of what the effect depends on.
    assert found["trt:age"].sigma == pytest.approx(0.25 / np.std(data["age"]))
    assert found["age"].sigma == pytest.approx(1.0 / np.std(data["age"]))
    # A binary column and a level of a category are columns of 0 and 1.
    assert found["late"].sigma == pytest.approx(1.0 / np.std(data["late"]))
    level = next(name for name in found if "1" in name and name.startswith("C(stage)"))
    assert found[level].sigma == pytest.approx(1.0 / np.std(data["stage"] == 1.0))
    assert {found[name].mu for name in found if found[name].mu is not None} == {
        0.0,
        np.log(np.log(2.0)),
    }
    assert found["log_rate"].at == 50.0
    assert found["sd_centre"].hyperparameters == {"sigma": 0.5}


def test_a_refit_of_some_patients_and_a_variant_have_the_priors_of_the_cohort():
    checked = check_analysis(specification(), frame())
    whole = priors_of(checked.spec, checked.person_time)
    rows = checked.person_time
    some = np.isin(rows.patient_index, np.flatnonzero(rows.exit_time < 12.0))
    fewer = PersonTime({n: v[some] for n, v in rows.columns.items()}, rows.provenance)
    assert priors_of(checked.spec, fewer) == whole
    crude = prepare(crude_model(checked.spec), fewer).priors
    for name in ("trt", "age", "trt:age"):
        assert crude[name].prior == whole[name]
    anchor = level_of(crude_model(checked.spec).outcome.hazard.family)
    assert crude[anchor].prior == whole["log_rate"]
    landmark = {**TABLES["treatment"], "design": "landmark", "landmark": 5.0}
    other = check_analysis(specification(treatment=landmark), frame())
    assert priors_of(other.spec, other.person_time) == whole


def test_the_modifier_is_divided_by_the_sd_of_the_cohort_in_every_refit():
    modifier = {**TABLES["modifier"], "transform": "standardise"}
    checked = check_analysis(specification(modifier=modifier), frame())
    rows = checked.person_time
    some = rows.patient_index < 20
    fewer = PersonTime({n: v[some] for n, v in rows.columns.items()}, rows.provenance)
    whole = prepare(checked.spec.model, rows).encoder.modifier_sd
    assert prepare(checked.spec.model, fewer).encoder.modifier_sd == whole


def test_transitions_of_the_g_formula_have_the_scales_of_the_cohort():
    spec = load_spec("ladder")
    held = with_scales(spec, check_analysis(spec, "ihlrt_synthetic").cohort)
    model = ladder_states(held).model_of(Transition.RESPONSE, treatment="ihlrt")
    assert model.scales is held.scales


@given(st.floats(1e-3, 1e5))
def test_the_reference_time_is_near_the_longest_follow_up(longest):
    found = rounded_months(longest)
    leading = found / 10.0 ** np.floor(np.log10(found) + 1e-9)
    assert round(leading, 6) in {1.0, 2.0, 5.0}
    # Halfway between 2 and 5 is the farthest.
    assert abs(np.log(found / longest)) <= np.log(2.5) / 2 + 1e-9


def test_a_set_fills_in_what_is_not_stated():
    tables = load_spec("primary").to_dict()
    tables["priors"] = {"base": HCC, "ihlrt": {"dist": "Normal", "mu": 0.0, "sigma": 0.35}}
    spec = parse_spec(tomli_w.dumps(tables))
    found = check_analysis(spec, "ihlrt_synthetic").priors
    assert found["ihlrt"].prior.sigma == 0.35
    assert (found["nlr"].prior.mu, found["nlr"].source) == (0.4, f"set {HCC}")
    assert found["ihlrt"].source == "specification"
    assert found["afp_high"].source == "package default"
    assert parse_spec(spec.to_toml()).to_dict() == spec.to_dict()


def test_a_set_says_nothing_on_another_scale_of_the_modifier():
    spec = specification(priors={"base": HCC})
    assert set(spec.priors) == {"trt", "baseline", "group_sd"}


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("hcc", f"there is no set of priors 'hcc'. Allowed: {HCC}"),
        ("hcc-atezolizumab-bevacizumb", f"Did you mean '{HCC}'?"),
        (3, f"it must be the name of a set, and is 3. Allowed: {HCC}"),
    ],
)
def test_an_unknown_set_is_told_with_those_there_are(name, words):
    tables = {**TABLES, "priors": {"base": name}}
    with pytest.raises(SpecificationError) as caught:
        parse_spec(tomli_w.dumps(tables))
    assert words in str(caught.value)


def test_every_prior_of_a_set_has_a_source():
    assert all(len(entry.source) > 20 for entry in read_prior_set(HCC).values())


def test_a_file_of_schema_1_that_leaves_priors_out_is_told_the_lines_that_keep_its_answer():
    stated = {"trt": {"dist": "Normal", "mu": 0.0, "sigma": 9.0}}
    stated["late"] = {"dist": "Normal", "mu": 0.5, "sigma": 1.0, "per": "sd"}
    tables = {**TABLES, "schema": 1, "priors": stated}
    with pytest.raises(SpecificationError) as caught:
        parse_spec(tomli_w.dumps(tables))
    (fault,) = caught.value.faults
    assert fault.where == "schema"
    assert all(f"\n      {line}" in str(caught.value) for line in fault.lines)
    copied = tomllib.loads("[priors]\n" + "\n".join(fault.lines))["priors"]
    assert copied == {
        "age": {"dist": "Normal", "mu": 0.0, "sigma": 1.0, "per": "row-sd"},
        "C(stage)": {"dist": "Normal", "mu": 0.0, "sigma": 1.0, "per": "row-sd"},
        "trt:age": {"dist": "Normal", "mu": 0.0, "sigma": 1.0, "per": "row-sd"},
        "baseline": {"median_survival": 19.2, "upper": 60.0},
        "log_shape": {"dist": "Normal", "mu": 0.0, "sigma": 0.5},
        "group_sd": {"dist": "HalfNormal", "sigma": 0.5},
        "late": {"dist": "Normal", "mu": 0.5, "sigma": 1.0, "per": "row-sd"},
    }
    # With those lines it is read, and every prior is what schema 1 gave: per row of person-time.
    spec = parse_spec(tomli_w.dumps({**tables, "schema": 2, "priors": stated | copied}))
    checked = check_analysis(spec, frame())
    design = prepare(spec.model, checked.person_time)
    sds = np.asarray(design.arrays.column_sd)
    found = [design.priors[name].prior.sigma for name in design.encoder.columns]
    wanted = [
        9.0 if name == "trt" else 1.0 / sd
        for name, sd in zip(design.encoder.columns, sds, strict=True)
    ]
    np.testing.assert_allclose(found, wanted)
    assert not schema_one_lines(spec.model)


def test_a_file_of_schema_1_that_states_every_prior_is_read():
    flat = {"dist": "Normal", "mu": 0.0, "sigma": 9.0}
    tables = {
        **TABLES,
        "schema": 1,
        "priors": {"default": flat, "group_sd": {"dist": "Exponential", "lam": 1.0}},
    }
    spec = parse_spec(tomli_w.dumps(tables))
    assert spec.schema_version == 2
    assert set(spec.priors) == {"default", "group_sd"}


@pytest.mark.parametrize("hazard", [{"family": "piecewise", "cuts": [6.0]}, {"family": "mspline"}])
def test_a_hazard_with_several_levels_of_schema_1_is_refused(hazard):
    flat = {"dist": "Normal", "mu": 0.0, "sigma": 9.0}
    outcome = {**TABLES["outcome"], "group": "", "hazard": hazard}
    tables = {**TABLES, "schema": 1, "outcome": outcome, "priors": {"default": flat}}
    with pytest.raises(SpecificationError, match="cannot be written in schema 2"):
        parse_spec(tomli_w.dumps(tables))
