"""What is said in Python is what a file says; what is wrong is told as `check` tells it."""

import copy
import json
import pickle
import tomllib
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import bayes_ihlrt as bi
from bayes_ihlrt.face.specify import written
from bayes_ihlrt.spec.analysis import file_data, json_schema
from bayes_ihlrt.spec.catalogue import packaged_specifications
from bayes_ihlrt.spec.model import HazardSpec, with_hazard
from bayes_ihlrt.spec.read import load_spec, parse_spec

TABLES = ("propensity", "visits", "causes", "sampler", "estimands", "ladder", "sensitivity")


def said(document):
    """Return a specification's document as the arguments of `analysis`."""
    data, outcome = dict(document["data"]), dict(document["outcome"])
    own = {"patient": data.pop("patient"), "event": data.pop("event")}
    own |= {"time": data.pop("time")} if "time" in data else {}
    group = outcome.pop("group", "")
    formula = " + ".join(part for part in (outcome.pop("formula", ""), group) if part)
    own |= {"hazard": outcome.pop("hazard")} if "hazard" in outcome else {}
    further = {name: document[name] for name in (*TABLES, "priors") if name in document}
    further |= {name: document[name] for name in ("treatment", "modifier") if name in document}
    further |= {"name": document["name"], "description": document.get("description", "")}
    return formula, {**own, **further, "data": data, "outcome": outcome}


def test_the_example_of_the_house():
    spec = bi.analysis(
        "ihlrt * nlr + albi + (1 | centre)",
        patient="id",
        time="os_months",
        event="death",
        treatment=bi.starts("ihlrt_months"),
        modifier=bi.log2("nlr", at=3),
        hazard="weibull",
    )
    assert spec == parse_spec("""
schema = 2
name = "analysis"
[data]
patient = "id"
time = "os_months"
event = "death"
centre = "centre"
[treatment]
name = "ihlrt"
start = "ihlrt_months"
[modifier]
name = "nlr"
column = "nlr"
transform = "log2"
reference = 3.0
[outcome]
formula = "ihlrt * nlr + albi"
group = "(1 | centre)"
hazard = { family = "weibull" }
""")


@pytest.mark.parametrize("name", packaged_specifications())
def test_every_packaged_specification_can_be_said_in_python(name):
    spec = load_spec(name)
    formula, arguments = said(tomllib.loads(spec.to_toml()))
    assert bi.analysis(formula, **arguments) == spec


def keys(table, place=""):
    """Return every key of a schema's tables, by its place."""
    found = set()
    for key, value in table.items():
        found.add(f"{place}{key}")
        if isinstance(value, dict) and key not in {"priors", "causes", "reference", "labels"}:
            found |= keys(value, f"{place}{key}.")
    return found


PRIOR = st.one_of(
    st.builds(bi.Normal, st.floats(-2, 2), st.floats(0.1, 3), per=st.sampled_from(["unit", "sd"])),
    st.builds(bi.StudentT, st.floats(3, 9), st.floats(-2, 2), st.floats(0.1, 3)),
)
POSITIVE = st.one_of(
    st.builds(bi.HalfNormal, st.floats(0.1, 3)),
    st.builds(bi.HalfStudentT, st.floats(3, 9), st.floats(0.1, 3)),
    st.builds(bi.Exponential, st.floats(0.1, 3)),
)
MONTHS = st.lists(st.integers(1, 60), min_size=1, max_size=4, unique=True).map(sorted)
HAZARDS = st.one_of(
    st.sampled_from(["exponential", "weibull", "gompertz", "piecewise", "mspline"]),
    st.builds(lambda cuts: {"family": "piecewise", "cuts": cuts}, MONTHS),
    st.builds(
        lambda how: {"family": "piecewise", "smoothing": how},
        st.sampled_from(["random-walk", "independent"]),
    ),
    st.builds(lambda knots: {"family": "mspline", "knots": knots}, st.integers(1, 20)),
)
SPLIT = st.builds(
    bi.starts,
    st.sampled_from(["ihlrt_months", ["ihlrt_months", "tace_months"]]),
    name=st.just("ihlrt"),
    ties=st.sampled_from([None, "treated", "untreated"]),
)
DESIGNS = st.one_of(
    SPLIT,
    st.builds(lambda m: bi.starts("ihlrt_months", design="landmark", landmark=m), MONTHS),
    st.builds(
        lambda how: bi.starts("ihlrt_months", design="sequential", crossover=how),
        st.sampled_from(["censor", "ignore"]),
    ),
    st.builds(
        lambda months, how: bi.starts(
            "ihlrt_months", design="clone-censor-weight", grace=months, grace_weights=how
        ),
        st.integers(1, 6),
        st.sampled_from([None, "baseline", "time-varying"]),
    ),
    st.just(bi.starts("ihlrt_months", design="ever-never", acknowledge_immortal_time_bias=True)),
    st.just(bi.indicator("ihlrt", design="fixed")),
)
MODIFIERS = st.builds(
    lambda make, at: make("nlr", at=at),
    st.sampled_from([bi.log2, bi.identity, bi.standardise]),
    st.floats(0.5, 9),
)
DATA = st.fixed_dictionaries(
    {},
    optional={
        "centre": st.just("hospital"),
        "time_unit": st.sampled_from(["days", "weeks", "months", "years"]),
        "drop_missing": st.booleans(),
        "units": st.just({"albumin": "g/dL"}),
        "origin": st.just("start_of_therapy"),
        "missing": st.sampled_from([["n.d."], {"crp": ["999"]}]),
        "never": st.just(["0"]),
        "below_limit": st.sampled_from(["half", "limit", "limit/sqrt2"]),
        "aliases": st.just({"nlr": "NLR (day 0)"}),
        "derived": st.just({"afp_high": "AFP >= 400"}),
        "labels": st.just({"albi": "ALBI score"}),
        "separator": st.sampled_from([";", ",", "tab"]),
        "decimal": st.sampled_from([",", "."]),
        "encoding": st.just("utf-8"),
        "sheet": st.just("Sheet1"),
        "header_line": st.integers(1, 9),
        "file": st.just("cohort.csv"),
        "entry": st.just("entry_months"),
    },
)
DATA = st.one_of(
    DATA,
    st.builds(
        lambda data, order: {**data, "origin": "start_of_therapy", "date_order": order},
        DATA,
        st.sampled_from(["day-month-year", "month-day-year"]),
    ),
)
DRAWN = {
    "draws": st.integers(100, 5000),
    "chains": st.integers(2, 8),
    "seed": st.integers(0, 2**31),
}
CHAINS = {"tune": st.integers(100, 5000), "target_accept": st.floats(0.6, 0.99)}
SAMPLERS = st.one_of(
    st.fixed_dictionaries({}, optional={**DRAWN, **CHAINS, "engine": st.just("nuts")}),
    st.fixed_dictionaries({"engine": st.just("laplace")}, optional=DRAWN),
)
ESTIMANDS = st.fixed_dictionaries(
    {},
    optional={
        "horizons": MONTHS,
        "at": st.lists(st.floats(0.5, 9), max_size=3),
        "quantiles": st.just([0.25, 0.75]),
        "gain": st.floats(0, 3),
        "levels": st.just([0.5, 0.9]),
        "subgroups": st.just(["albi"]),
    },
)
STARTING = st.builds(
    lambda told, month: {**told, "treat_from": month}, ESTIMANDS, st.floats(0, 1, exclude_max=True)
)


def test_what_is_written_is_read_back_equal():
    """Whatever can be said: told with its faults, or written and read back as the same."""
    seen = Counter()

    @given(
        hazard=HAZARDS,
        treated=st.one_of(st.tuples(DESIGNS, ESTIMANDS), st.tuples(SPLIT, STARTING)),
        modifier=MODIFIERS,
        data=DATA,
        sampler=SAMPLERS,
        priors=st.fixed_dictionaries(
            {}, optional={"albi": PRIOR, "nlr": PRIOR, "group_sd": POSITIVE}
        ),
    )
    def ask(treated, **tables):
        own = {"patient": "id", "time": "t", "event": "d"}
        own |= {"treatment": treated[0], "estimands": treated[1]}
        try:
            spec = bi.analysis("ihlrt * nlr + albi + (1 | centre)", **own, **tables)
        except bi.SpecificationError:
            seen["told to be wrong"] += 1
            return
        seen["written"] += 1
        again = parse_spec(spec.to_toml())
        assert again == spec
        assert again.to_dict() == spec.to_dict()
        assert pickle.loads(pickle.dumps(spec)) == spec

    ask()
    # The strategies say what can be said, nearly always.
    assert seen["written"] > 4 * seen["told to be wrong"], seen


PROPENSITY = {"formula": "albi"}
VISITS = {"file": "v.csv", "time": "month", "covariates": ["nlr"]}
RESPONSE = {"visits": {"switches": {"response": "resp"}, "every": 1.5}}
CLONES = {"design": "clone-censor-weight", "grace": 3.0}
CONTROL = {"data": "falls.csv", "time": "fall_months", "event": "fall"}
BORROWED = {
    "data": "registry.csv",
    "justification": "same hospitals",
    "powers": [0.5],
    "sds": [0.3],
}
ALIKE = {
    **BORROWED,
    **{"borrow": "commensurate", "sd": 0.3, "nu": 4.0, "weight_column": "weight_to_cohort"},
}
MIXED = {**BORROWED, "borrow": "robust-map", "sd": 0.1, "vague_sd": 1.0, "alike": 0.5}
FURTHER = {
    "data.below_limit": {"data": {"below_limit": "half"}},
    "data.date_order": {"data": {"origin": "start", "date_order": "day-month-year"}},
    "data.decimal": {"data": {"decimal": ","}},
    "data.encoding": {"data": {"encoding": "windows-1252"}},
    "data.entry": {"data": {"entry": "entry_months"}},
    "data.file": {"data": {"file": "cohort.csv"}},
    "data.header_line": {"data": {"header_line": 3}},
    "data.origin": {"data": {"origin": "start"}},
    "data.parameter": {"data": {"parameter": "OS"}},
    "data.separator": {"data": {"separator": ";"}},
    "data.sheet": {"data": {"sheet": "Sheet1"}},
    "estimands.treat_from": {"estimands": {"treat_from": 1.0}},
    "ladder.cuts": {"ladder": {"response": "response", "cuts": [3.0, 6.0]}, **RESPONSE},
    "ladder.hazard": {"ladder": {"hazard": {"family": "exponential"}}},
    "ladder.horizon": {"ladder": {"horizon": 12.0}},
    "ladder.response_cuts": {
        "ladder": {"response": "response", "response_cuts": [3.0]},
        **RESPONSE,
    },
    "ladder.treatment_on_response": {
        "ladder": {"response": "response", "treatment_on_response": "one"},
        **RESPONSE,
    },
    "outcome.hazard.knots": {"hazard": {"family": "mspline", "knots": 3}},
    **{f"external.{key}": {"external": ALIKE} for key in ALIKE},
    "external.power": {"external": {**BORROWED, "borrow": "power", "power": 0.5}},
    "external.vague_sd": {"external": MIXED},
    "external.alike": {"external": MIXED},
    "propensity.trim": {
        "propensity": {**PROPENSITY, "trim": 0.05},
        "treatment": bi.starts("ihlrt_months", design="landmark", landmark=3.0),
    },
    "sensitivity.negative_control": {"sensitivity": {"negative_control": CONTROL}},
    "sensitivity.negative_control.data": {"sensitivity": {"negative_control": CONTROL}},
    "sensitivity.negative_control.event": {"sensitivity": {"negative_control": CONTROL}},
    "sensitivity.negative_control.time": {"sensitivity": {"negative_control": CONTROL}},
    "treatment.crossover": {
        "treatment": bi.starts("ihlrt_months", design="sequential", crossover="ignore"),
        **RESPONSE,
    },
    "treatment.grace": {"treatment": bi.starts("ihlrt_months", **CLONES), **RESPONSE},
    "treatment.grace_weights": {
        "treatment": bi.starts("ihlrt_months", **CLONES, grace_weights="time-varying"),
        **RESPONSE,
    },
    "treatment.landmark": {
        "treatment": bi.starts("ihlrt_months", design="landmark", landmark=[3.0, 6.0])
    },
    "treatment.ties": {"treatment": bi.starts("ihlrt_months", ties="untreated")},
    "visits.eligible": {"visits": {**VISITS, "eligible": "could"}},
}
"""An analysis with each key that no packaged file has."""


def schema_keys():
    """Return the keys of all tables as the schema has them, tables within tables included."""
    schema, found = json_schema(), set()

    def resolved(field):
        parts = (field, *field.get("anyOf", []), *field.get("allOf", []))
        named = [part["$ref"].rpartition("/")[2] for part in parts if "$ref" in part]
        return schema["$defs"][named[0]] if named else {}

    for table, field in schema["properties"].items():
        for key, inner in resolved(field).get("properties", {}).items():
            found.add(f"{table}.{key}")
            if (table, key) in {("outcome", "hazard"), ("sensitivity", "negative_control")}:
                found |= {f"{table}.{key}.{name}" for name in resolved(inner)["properties"]}
    return found


def test_every_key_is_in_a_packaged_file_or_below():
    packaged = [
        keys(tomllib.loads(load_spec(name).to_toml())) for name in packaged_specifications()
    ]
    assert len(schema_keys()) > 90
    assert schema_keys() - set().union(*packaged) == FURTHER.keys()


@pytest.mark.parametrize("key", FURTHER)
def test_a_key_that_no_packaged_file_has_is_written_and_read_back(key):
    own = {"treatment": bi.starts("ihlrt_months"), **FURTHER[key]}
    spec = bi.analysis("ihlrt + albi", patient="id", time="t", event="d", **own)
    text = spec.to_toml()
    assert key in keys(tomllib.loads(text))
    assert parse_spec(text) == spec


WRONG = {
    "a formula that is no text": (
        lambda: bi.analysis(5, patient="id", time="t", event="d"),
        "text",
    ),
    "a family": (
        lambda: bi.analysis("a", patient="id", time="t", event="d", hazard="weibul"),
        "Did you mean 'weibull'?",
    ),
    "a table that is none": (
        lambda: bi.analysis("a", patient="id", time="t", event="d", sampler=3),
        "[sampler]: it must be a table, and is 3",
    ),
    "a key that is none": (
        lambda: bi.analysis("a", patient="id", time="t", event="d", sampler={"draw": 500}),
        "Did you mean 'draws'?",
    ),
    "a key said twice": (
        lambda: bi.analysis("a", patient="id", time="t", event="d", data={"time": "s"}),
        "[data] time: it is said twice",
    ),
    "a treatment without a term": (
        lambda: bi.analysis("a", patient="id", time="t", event="d", treatment=bi.starts("tx")),
        "starts(column, name='ihlrt')",
    ),
    "a modifier at nothing": (
        lambda: bi.analysis(
            "nlr", patient="id", time="t", event="d", modifier=bi.log2("nlr", at="x")
        ),
        "[modifier] reference: it must be a number, and is 'x'",
    ),
    "a prior of nothing": (
        lambda: load_spec("primary").with_prior("ihlr", bi.Normal(0, 1)),
        "Did you mean 'ihlrt'?",
    ),
    "a prior that is a number": (
        lambda: load_spec("primary").with_prior("ihlrt", 3),
        "[priors] ihlrt: it must be a table, and is 3",
    ),
    "a scale below 0": (lambda: bi.Normal(0, -1), "sigma: -1 is out of range"),
    "another distribution than the name's": (
        lambda: bi.Normal(0, 1, dist="LogNormal"),
        "argument 'dist': Normal has no argument of that name. Allowed: at, mu, on, per, sigma",
    ),
    "a number of another distribution": (
        lambda: bi.HalfNormal(1, dist="HalfStudentT", nu=3),
        "argument 'nu': HalfNormal has no argument of that name. ",
    ),
    "an option that is none": (lambda: bi.Normal(0, 1, pre="sd"), "Did you mean 'per'?"),
    "a month before 0": (lambda: bi.treated_from(-1), "Give a month, 0 or later"),
    "a specification": (lambda: bi.fit(5, "heart"), "the specification: it is of type int"),
    "a name": (lambda: bi.fit("primry", "heart"), "Did you mean 'primary'?"),
    "data": (lambda: bi.check("heart", "hart"), "Did you mean 'heart'?"),
    "a seed": (lambda: bi.ladder("heart", "heart", seed=-1), "Give a whole number, 0 or more"),
    "trials": (lambda: bi.plan("fixed_os", trials=1), "Give a whole number, 2 or more"),
    "a plan": (lambda: bi.plan("fixed"), "Did you mean 'fixed_os'?"),
    "a fit": (lambda: bi.diagnose("primary"), "Give what `fit` returned"),
    "what is estimated": (lambda: bi.estimates("primary", "rmst"), "Give what `fit` returned"),
    "a result": (lambda: bi.summary(3), "the result: it is of type int"),
    "what is drawn": (lambda: bi.plot([]), "the result: it is of type list"),
    "what is saved": (lambda: bi.save(3, "here"), "Allowed: FitResult"),
    "what is reported": (lambda: bi.report([3], "here.html"), "Allowed: FitResult"),
    "no results": (lambda: bi.report([], "here.html"), "the results: there are none"),
    "a key that is no prior": (
        lambda: load_spec("primary").with_prior("base", bi.Normal(0, 1)),
        "prior 'base': it is a key of [priors], and no parameter. Name a term or parameter",
    ),
    "a reason that is no prior": (
        lambda: load_spec("primary").with_prior("justification", bi.Normal(0, 1)),
        "`justification=` says what priors rest on",
    ),
    "a month of nothing": (lambda: bi.HalfNormal(1, at=12), "  - the prior: "),
    "a seed of truth": (lambda: bi.check("heart", "heart", seed=False), "seed: it is False"),
    "a hazard said twice": (
        lambda: bi.analysis(
            "a", patient="id", time="t", event="d", hazard="weibull", outcome={"hazard": {}}
        ),
        "[outcome] hazard: it is said twice",
    ),
    "where": (lambda: bi.load(3), "Give a path or a name"),
    "a name of nothing": (lambda: bi.load("hart"), "Did you mean 'heart'?"),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_in_words(what):
    call, words = WRONG[what]
    with pytest.raises(bi.InputError) as caught:
        call()
    assert words in str(caught.value)


def test_every_fault_of_an_analysis_is_told_at_once():
    with pytest.raises(bi.SpecificationError) as caught:
        bi.analysis("a + (1|c", patient="id", event="d", treatment=bi.starts("x"), sampler=3)
    assert len(caught.value.faults) >= 4


def test_a_specification_is_frozen_all_the_way_down():
    spec = load_spec("primary")
    with pytest.raises(ValueError, match="frozen"):
        spec.name = "other"
    for table in (spec.priors, spec.data.labels, spec.data.units, spec.outcome.reference):
        with pytest.raises(TypeError, match="frozen"):
            table["nlr"] = 3
    with pytest.raises(TypeError, match="frozen"):
        del spec.priors["ihlrt"]


def test_what_is_made_of_a_specification_is_frozen_too():
    model = with_hazard(load_spec("primary").model, HazardSpec(family="gompertz"))
    spec = load_spec("primary")
    data = file_data(spec.data, spec.treatment, spec.modifier)
    for table in (model.priors, data.labels):
        with pytest.raises(TypeError, match="frozen"):
            table["nlr"] = 3


def test_another_prior_makes_another_specification():
    spec = load_spec("primary")
    other = spec.with_prior("ihlrt", bi.Normal(0, 0.35), justification="Two trials.")
    assert other.priors["ihlrt"] == bi.Normal(0, 0.35)
    assert other.prior_justification == "Two trials."
    assert spec == load_spec("primary")
    assert other.with_prior("ihlrt", spec.priors["ihlrt"]).priors == spec.priors


def test_scalars_of_numpy_and_models_of_tables_are_what_they_say():
    spec = load_spec("primary")
    said = {
        "n": np.int64(3),
        "x": np.float64(0.5),
        "a": np.arange(2),
        "s": spec.sampler,
        "no": None,
    }
    kept = spec.sampler.model_dump(mode="json", exclude_unset=True)
    assert written(said) == {"n": 3, "x": 0.5, "a": [0, 1], "s": kept}
    assert json.dumps(written(spec))


def test_every_prior_takes_the_same_options():
    spec = load_spec("primary")
    wrong = {
        "albi": (bi.Gamma(2, 1, on="exp", per="sd"), "per = 'sd' rescales Normal and StudentT"),
        "group_sd": (bi.HalfNormal(1, per="sd"), "no covariate that `per` could be measured by"),
    }
    for name, (prior, words) in wrong.items():
        with pytest.raises(bi.SpecificationError) as caught:
            spec.with_prior(name, prior)
        assert words in str(caught.value)
    usual = bi.Normal(0, 1, on="parameter", at=None, per="unit")
    assert written(usual) == written(bi.Normal(0, 1))


def test_what_is_said_once_is_not_said_twice():
    own = {"patient": "id", "time": "t", "event": "d"}
    hazard = {"family": "piecewise", "cuts": np.array([3.0, 6.0])}
    found = bi.analysis("a", **own, outcome={"hazard": hazard})
    assert found.outcome.hazard.cuts == (3.0, 6.0)
    # The same in both places is no contradiction.
    assert bi.analysis("a", **own, hazard=hazard, outcome={"hazard": hazard}) == found
    assert bi.analysis("a", **own).outcome.hazard.family == "weibull"


def test_a_check_of_causes_is_summarised_and_not_drawn():
    rng = np.random.default_rng(1)
    columns = {"id": np.arange(60), "t": rng.exponential(10.0, 60), "x": rng.normal(size=60)}
    columns["why"] = np.arange(60) % 3
    event = {"column": "why", "values": {"liver": 1, "tumour": 2}}
    checked = bi.check(bi.analysis("x", patient="id", time="t", event=event), columns)
    table = bi.summary(checked)
    assert table.index.names == ["cause", "parameter"]
    assert table.loc["tumour"].equals(bi.summary(checked.parts["tumour"]))
    assert set(table.loc["liver"].index) == {"x", "log_rate", "log_shape"}
    for each in (checked, checked.parts["liver"]):
        with pytest.raises(bi.InputError, match="a check has no figures"):
            bi.plot(each)


def test_a_seed_of_numpy_is_a_whole_number():
    found = bi.check("heart", "heart", seed=np.int64(3)).spec.sampler.seed
    assert (found, type(found)) == (3, int)


def test_a_specification_is_saved_and_loaded(tmp_path):
    spec = load_spec("primary")
    file = bi.save(spec, tmp_path / "own.toml")
    assert bi.load(file) == spec
    with pytest.raises(bi.InputError, match=r"it exists\. .* give overwrite=True") as told:
        bi.save(spec, file)
    assert "--" not in str(told.value)
    bi.save(spec.with_prior("nlr", bi.Normal(0, 1)), file, overwrite=True)
    assert bi.load(file).priors["nlr"].sigma == 1.0
    plan = bi.load("fixed_os")
    assert bi.load(bi.save(plan, tmp_path / "plan.toml")) == plan


def test_a_copy_is_equal():
    spec = load_spec("ladder")
    assert copy.deepcopy(spec) == spec
