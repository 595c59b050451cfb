"""`AnalysisSpec`: files, round trips, what a model reads, priors, templates, JSON schema."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.spec.analysis import AnalysisSpec, json_schema
from bayes_ihlrt.spec.catalogue import find_specification, packaged_specifications, write_templates
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.parameters import term_priors
from bayes_ihlrt.spec.read import load_spec, parse_spec

DATA_OF = {
    "primary": "ihlrt_synthetic",
    "pfs_piecewise": "ihlrt_synthetic",
    "heart": "heart",
    "hepatocellular": "hepatocellular",
    "ladder": "ihlrt_synthetic",
    "sensitivity/primary": "ihlrt_synthetic",
    "subgroups": "ihlrt_synthetic",
    "nlr_spline": "ihlrt_synthetic",
    "published_os": "ihlrt_synthetic",
    "published_pfs": "ihlrt_synthetic",
}
# Specifications of data that are not part of the package.
WITHOUT_DATA = {"embolisation"}
SHORT = """
schema = 2
name = "short"
[data]
patient = "id"
time = "months"
event = "death"
centre = "hospital"
[treatment]
name = "tace"
start = "tace_months"
[modifier]
name = "ratio"
column = "nlr"
reference = 3.0
[outcome]
formula = "tace * ratio + bs(age, df=3) + C(stage)"
group = "(1 + tace | centre) + (1 | surgeon)"
"""


def test_every_packaged_specification_has_data():
    assert set(packaged_specifications()) == DATA_OF.keys() | WITHOUT_DATA


@pytest.mark.parametrize("name", DATA_OF)
def test_packaged_specifications_fit_their_data(name):
    checked = check_analysis(load_spec(name), DATA_OF[name])
    assert checked.n_parameters >= 6
    assert checked.person_time.events >= 45


@pytest.mark.parametrize("name", packaged_specifications())
def test_toml_round_trip(name):
    spec = load_spec(name)
    text = spec.to_toml()
    assert parse_spec(text) == spec
    assert parse_spec(text).to_toml() == text
    assert AnalysisSpec.model_validate(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize("name", packaged_specifications())
def test_one_key_a_line(name):
    """No inline tables but for priors, so that a change of one key is a change of one line."""
    for line in find_specification(name).read_text().splitlines():
        if "{" in line and not line.startswith("#"):
            assert line.partition(" = ")[2].startswith("{")


def test_the_columns_that_a_model_reads():
    spec = parse_spec(SHORT)
    # `tace` comes from its start, `centre` from [data], `ratio` is computed from `nlr`.
    assert spec.covariates == ("nlr", "age", "stage", "surgeon")


def test_the_model_is_the_specification_without_the_data():
    model = parse_spec(SHORT).model
    assert isinstance(model, ModelSpec)
    assert (model.treatment, model.modifier.name) == ("tace", "ratio")
    assert [group.slope for group in model.outcome.groups] == ["tace", None]


def test_defaults():
    spec = parse_spec(SHORT)
    assert spec.estimands == EstimandSpec(horizons=(12.0, 24.0), at=(), treat_from=None)
    assert spec.treat_from == 0.0, "no cohort has told when treatment started first"
    assert spec.population.value == "sample"
    assert (spec.sampler.draws, spec.sampler.chains, spec.description) == (1000, 4, "")


def test_contradictions_are_refused_in_python_too():
    heart = load_spec("heart").to_dict()
    heart["outcome"]["formula"] = "age + surgery"
    heart["priors"] = {}
    with pytest.raises(ValidationError, match="'transplant' does not occur in 'age \\+ surgery'"):
        AnalysisSpec.model_validate(heart)


def test_unknown_keys_are_refused_in_python_too():
    with pytest.raises(ValidationError, match="Extra inputs"):
        EstimandSpec(horizon=[12.0])


def test_a_specification_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        load_spec("heart").name = "other"


def test_json_schema_knows_every_key():
    schema = json_schema()
    assert set(schema["properties"]) == {
        "schema",
        "name",
        "description",
        "data",
        "treatment",
        "visits",
        "modifier",
        "outcome",
        "external",
        "causes",
        "priors",
        "sampler",
        "estimands",
        "propensity",
        "ladder",
        "sensitivity",
    }
    assert schema["additionalProperties"] is False
    assert {"DataSpec", "HazardSpec", "Prior", "MedianSurvivalPrior"} <= set(schema["$defs"])
    json.dumps(schema)


def test_the_exported_schema_is_current():
    file = Path(__file__).parents[2] / "docs" / "specification.schema.json"
    assert json.loads(file.read_text()) == json_schema(), "run python3 tools/export_schema.py"


def test_a_path_comes_before_a_packaged_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert find_specification("heart").is_absolute()
    Path("heart").write_text(SHORT)
    assert load_spec("heart").name == "short"


PRIORS = """
outcome = { formula = "treated * celltype + bs(age, df=3)" }
[priors]
"""
NORMAL = '{ dist = "Normal", mu = 0.0, sigma = 1.0 }'


@pytest.mark.parametrize(
    "name",
    ["treated", "celltype[T.large]", "treated:celltype[T.small]", "bs(age, df=3)[2]", "baseline"],
)
def test_priors_of_coefficients_are_known_before_the_data(name):
    assert term_priors(ModelSpec.from_toml(f'{PRIORS}"{name}" = {NORMAL}'))


@pytest.mark.parametrize("name", ["cellype[T.large]", "age[2]", "sd_centre", "log_shape[1]"])
def test_priors_of_nothing_are_refused_before_the_data(name):
    with pytest.raises(SpecificationError, match="the model has no such parameter"):
        term_priors(ModelSpec.from_toml(f'{PRIORS}"{name}" = {NORMAL}'))


def test_stated_priors_say_where_they_come_from():
    model = ModelSpec.from_toml(f'{PRIORS}"treated" = {NORMAL}\nlog_shape = {NORMAL}')
    sources = {name: prior.source for name, prior in term_priors(model).items()}
    assert sources == {
        "treated": "specification",
        "celltype": "package default",
        "treated:celltype": "package default",
        "bs(age, df=3)": "package default",
        "log_rate": "package default",
        "log_shape": "specification",
    }


def test_templates_agree_with_each_other(tmp_path):
    specification, table, dictionary = write_templates(tmp_path / "new", seed=11)
    spec = load_spec(specification)
    assert spec.sampler.seed == 11
    header = table.read_text().strip().split(",")
    read = {*spec.data.roles.values(), spec.treatment.start, *spec.covariates}
    assert set(header) == read
    described = [
        line.split("`")[1] for line in dictionary.read_text().splitlines() if "| `" in line
    ]
    assert described == header


def test_the_long_template_names_every_key(tmp_path):
    text = write_templates(tmp_path, every_key=True)[0].read_text()
    for name, table in json_schema()["$defs"].items():
        if name.endswith("Spec"):
            for key in table["properties"]:
                assert f"{key} = " in text or f".{key}]" in text, f"{name}: {key}"
