"""`check` and the preparation of `fit` accept and refuse the same.

Specifications and cohorts are drawn at random, most of them sound and some at fault. What `fit`
prepares is bound here by the functions that `fit` calls, apart from `check`.
"""

import itertools
from typing import Any

import numpy as np
import pytest
import tomli_w
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bayes_ihlrt.analysis.check import (
    CheckedAnalysis,
    check_analysis,
    check_propensity,
    read_cohort,
)
from bayes_ihlrt.designs.build import person_time
from bayes_ihlrt.errors import BayesIhlrtError, Fault, SpecificationError
from bayes_ihlrt.model.graph import build_graph
from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.names import Adjustment
from bayes_ihlrt.propensity.graph import build_propensity
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.weighted.adjusted import prepare_adjusted

PARTS = (
    *("albi", "age", "albi * age", "stage", "C(grade)", "log(crp)", "nlr_raw", "twice_albi"),
    *("bs(age, df=4)", "cr(albi, df=3)", "poly(age, degree=2)", "constant", "missing_column"),
    *("trt:stage", "centre", "stage + C(grade)", "log(age)", "time", "rare"),
)
HAZARDS: tuple[dict[str, Any], ...] = (
    {"family": "weibull"},
    {"family": "exponential"},
    {"family": "gompertz"},
    {"family": "piecewise"},
    {"family": "piecewise", "cuts": [6.0, 12.0]},
    {"family": "piecewise", "cuts": [6.0, 900.0]},
    {"family": "mspline"},
    {"family": "mspline", "knots": 9},
)
DESIGNS: tuple[dict[str, Any], ...] = (
    {"design": "split"},
    {"design": "landmark", "landmark": 3.0},
    {"design": "landmark", "landmark": [3.0, 6.0]},
    {"design": "sequential"},
    {"design": "sequential", "crossover": "ignore"},
    {"design": "clone-censor-weight", "grace": 6.0},
    {"design": "clone-censor-weight", "grace": 6.0, "grace_weights": "time-varying"},
)
LIKELY = st.booleans() | st.just(True)


def cohort(seed: int, n: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    death, end = rng.exponential(18.0, n), rng.uniform(8.0, 50.0, n)
    time = np.maximum(np.round(np.minimum(death, end), 1), 0.2)
    start = np.round(rng.exponential(8.0, n), 1)
    albi = np.round(rng.normal(-2.4, 0.4, n), 2)
    return {
        "id": np.arange(1, n + 1),
        "os": time,
        "death": (death <= end).astype(int),
        "tace": np.where(start < time, start, np.nan),
        "albi": albi,
        "twice_albi": 2.0 * albi,
        "age": np.round(rng.normal(65.0, 9.0, n), 1),
        "crp": np.round(rng.lognormal(0.0, 1.0, n), 1),
        "nlr_raw": np.round(rng.lognormal(1.0, 0.5, n), 1),
        "grade": rng.integers(1, 4, n),
        "stage": rng.choice(["A", "B", "C"], n).astype(object),
        "rare": np.where(np.arange(n) == 0, "odd", "usual").astype(object),
        "constant": np.ones(n),
        "centre": rng.choice(["north", "south", "west"], n).astype(object),
    }


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """Return a specification as a file holds it."""
    sound = draw(LIKELY)
    parts = PARTS[:7] if sound else PARTS
    terms = draw(st.lists(st.sampled_from(parts), max_size=3, unique=True))
    modified = draw(st.booleans())
    formula = " + ".join(["trt * nlr" if modified else "trt", *terms])
    found: dict[str, Any] = {
        "schema": 2,
        "name": "drawn",
        "data": {"patient": "id", "time": "os", "event": "death", "centre": "centre"},
        "treatment": {"name": "trt", "start": "tace", **draw(st.sampled_from(DESIGNS))},
        "visits": {"every": 1.0},
        "outcome": {"formula": formula, "hazard": draw(st.sampled_from(HAZARDS))},
    }
    if modified:
        transform = draw(st.sampled_from(["log2", "identity", "standardise"]))
        column = "nlr_raw" if sound else draw(st.sampled_from(["nlr_raw", "albi", "crp"]))
        found["modifier"] = {"name": "nlr", "column": column, "transform": transform}
        found["modifier"]["reference"] = 3.0
    if draw(st.booleans()):
        found["outcome"]["group"] = draw(st.sampled_from(["(1 | centre)", "(1 + trt | centre)"]))
    needs = found["treatment"]["design"] in {"sequential", "clone-censor-weight"}
    if (
        draw(LIKELY)
        if needs
        else (found["treatment"]["design"] == "landmark" and draw(st.booleans()))
    ):
        found["propensity"] = draw(propensities(sound=sound))
    return found


@st.composite
def propensities(draw: st.DrawFn, *, sound: bool) -> dict[str, Any]:
    own = ("albi", "age", "stage", "time", "C(grade)", "bs(age, df=4)", "log(crp)")
    parts = own if sound else (*PARTS[:15], "number", "time + number", "rare")
    terms = draw(st.lists(st.sampled_from(parts), min_size=1, max_size=2, unique=True))
    found: dict[str, Any] = {"formula": " + ".join(terms), "acknowledge_poor_overlap": True}
    found["adjust"] = draw(st.sampled_from(["weights", "weights", "covariate", "strata", "none"]))
    if draw(st.booleans()):
        found["uncertainty"] = draw(st.sampled_from(["linked-bootstrap", "cut", "plugin"]))
        if found["adjust"] == "weights" and draw(st.booleans()):
            found["uncertainty"] = "sandwich"
    if draw(st.booleans()):
        found["trim"] = draw(st.sampled_from([0.01, 0.2]))
    if draw(st.booleans()):
        found["estimand"] = draw(st.sampled_from(["ate", "ato", "att"]))
    if draw(st.booleans()):
        found["group"] = "(1 | centre)"
    return found


def read(document: dict[str, Any]) -> AnalysisSpec | None:
    """Return the specification, or None where reading refuses it, in words."""
    try:
        return parse_spec(tomli_w.dumps(document))
    except BayesIhlrtError:
        return None


def checked_or_refused(
    spec: AnalysisSpec, frame: dict[str, Any]
) -> CheckedAnalysis | tuple[Fault, ...]:
    try:
        return check_analysis(spec, frame)
    except BayesIhlrtError as error:
        return tuple(error.faults)


def prepared_or_refused(spec: AnalysisSpec, frame: dict[str, Any]) -> Any:
    """Bind what `fit` binds, by its own functions."""
    try:
        found = read_cohort(spec, frame)
        own = check_propensity(spec.propensity, found, spec.treatment, model=spec.model)
        if own is not None:
            analysis = prepare_adjusted(own.emulation, spec.model, own.spec)
            if own.spec.adjust is not Adjustment.NONE:
                return analysis
        rows = person_time(found, spec.treatment) if own is None else own.emulation.person_time
        return prepare(spec.model, rows)
    except BayesIhlrtError as error:
        return tuple(error.faults)


def compare(document: dict[str, Any], seed: int, n: int) -> CheckedAnalysis | None:
    spec = read(document)
    if spec is None:
        return None
    frame = cohort(seed, n)
    checked, prepared = checked_or_refused(spec, frame), prepared_or_refused(spec, frame)
    refused = isinstance(checked, tuple)
    # What `check` knows beside the models: modifiers that no patient has.
    if not (refused and any("modifier" in fault.where for fault in checked)):
        assert refused == isinstance(prepared, tuple), (document, checked, prepared)
    return None if isinstance(checked, tuple) else checked


@pytest.mark.filterwarnings("ignore:PS separation")
@settings(
    max_examples=15, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(documents(), st.integers(0, 10**6), st.sampled_from([12, 40, 80]))
def test_check_refuses_what_the_preparation_of_fit_refuses(
    document: dict[str, Any], seed: int, n: int
) -> None:
    compare(document, seed, n)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:PS separation")
@settings(
    max_examples=1500, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(documents(), st.integers(0, 10**6), st.sampled_from([12, 40, 80, 200]))
def test_check_refuses_what_the_preparation_of_fit_refuses_at_length(
    document: dict[str, Any], seed: int, n: int
) -> None:
    checked = compare(document, seed, n)
    if checked is not None and seed % 20 == 0:
        assert build_graph(checked.prepared) is not None
        if checked.propensity is not None:
            assert build_propensity(checked.propensity.initiation) is not None


def test_what_is_checked_has_a_graph() -> None:
    """One of each hazard and design that passes."""
    for place, (hazard, design) in enumerate(itertools.product(HAZARDS[::3], DESIGNS[:2])):
        document = {
            "schema": 2,
            "name": "drawn",
            "data": {"patient": "id", "time": "os", "event": "death"},
            "treatment": {"name": "trt", "start": "tace", **design},
            "outcome": {"formula": "trt + albi + stage", "hazard": hazard},
        }
        checked = compare(document, place, 60)
        assert checked is not None
        assert build_graph(checked.prepared).observed_RVs


@settings(max_examples=200)
@given(documents(), st.sampled_from(["sampler", "estimands", "ladder", "sensitivity"]))
def test_a_table_of_defaults_changes_no_fault(document: dict[str, Any], table: str) -> None:
    """Rules between tables hold whether or not a table is written."""

    def told(content: dict[str, Any]) -> list[str]:
        try:
            parse_spec(tomli_w.dumps(content))
        except BayesIhlrtError as error:
            return sorted(map(str, error.faults))
        return []

    assert told(document) == told({**document, table: {}})


@settings(max_examples=150)
@given(documents(), st.data())
def test_no_pydantic_error_reaches_who_reads_a_file(
    document: dict[str, Any], data: st.DataObject
) -> None:
    """Values of other kinds and of other tables: whatever is not a fault in words is raised."""
    tables = [name for name, table in document.items() if isinstance(table, dict)]
    table = data.draw(st.sampled_from(tables))
    key = data.draw(st.sampled_from(sorted(document[table])))
    values: list[Any] = ["x", 1, -1.5, True, [1.0], [], {}, "trt", "ate", "laplace", "none"]
    values += ["nuts", "split", "fixed", "clone-censor-weight", ["centre"]]
    document[table][key] = data.draw(st.sampled_from(values))
    extra = data.draw(
        st.sampled_from(
            [
                {},
                {"sampler": {"engine": "laplace"}},
                {"sampler": {"tune": 50}},
                {"estimands": {"population": "ato"}},
                {"estimands": {"at": [1.0, 2.0]}},
                {"ladder": {"response": "response"}},
                {"sensitivity": {"treatment_hr": 0.7}},
            ]
        )
    )
    read({**document, **extra})


def test_check_names_the_columns_that_repeat_each_other() -> None:
    document = {
        "schema": 2,
        "name": "copy",
        "data": {"patient": "id", "time": "os", "event": "death"},
        "outcome": {"formula": "albi + twice_albi"},
    }
    spec = parse_spec(tomli_w.dumps(document))
    with pytest.raises(SpecificationError, match="determine one another: albi, twice_albi"):
        check_analysis(spec, cohort(1, 40))
