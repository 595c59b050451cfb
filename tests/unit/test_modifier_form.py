"""A modifier of any form: what is said of it depends on the values compared, on nothing else."""

import math

import numpy as np
import pytest
import tomli_w
import xarray as xr
from formulaic.errors import FactorEvaluationError
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.modifier import spline_faults
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.estimands.curves import treated_from
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.mitigation import (
    Question,
    effect_shape,
    mitigation_statements,
    modifier_step,
    multiplicative_interaction,
)
from bayes_ihlrt.model.encode import build_encoder
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.model.predictor import linear_in_modifier, simple_interaction
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality
from bayes_ihlrt.sensitivity.quantities import Wanted, read_quantities
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.read import parse_spec

SIZE = 40
NLR = np.geomspace(0.8, 9.0, SIZE)
AGE = np.random.default_rng(3).normal(64.0, 9.0, SIZE)
QUESTION = Question(low=1.6, high=5.5, horizon=24.0, treated=treated_from(0), gain=0.3)
TRANSFORMS = ("log2", "identity", "standardise")
BENT = ("ihlrt * bs(nlr, df=3)", "ihlrt * bs(nlr, df=5) + age", "ihlrt * poly(nlr, 2)")


def rows():
    columns = {
        "patient": np.array([f"P{i}" for i in range(SIZE)], dtype=object),
        "start": np.zeros(SIZE),
        "stop": np.linspace(2.0, 40.0, SIZE),
        "event": np.ones(SIZE),
        "weight": np.ones(SIZE),
        "ihlrt": np.arange(SIZE) % 2.0,
        "nlr": NLR,
        "age": AGE,
    }
    return PersonTime(columns, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))


def model(formula, transform, reference):
    return ModelSpec.model_validate(
        {
            "treatment": "ihlrt",
            "modifier": {
                "name": "nlr",
                "column": "nlr",
                "transform": transform,
                "reference": reference,
            },
            "outcome": {"formula": formula, "hazard": {"family": "exponential"}},
        }
    )


def fabricated(spec, draws):
    found = {name: (("chain", "draw"), values) for name, values in draws.items()}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(found)})
    prepared = prepare(spec, rows())
    return FittedModel(
        prepared,
        rows(),
        tree,
        chain_quality(1.0, "ihlrt", ess_bulk=9e3, ess_tail=9e3, divergences=0),
    )


def scale(transform, value):
    if transform == "log2":
        return np.log2(value)
    return value / (NLR.std(ddof=1) if transform == "standardise" else 1.0)


def said(fit):
    found = mitigation_statements(fit, fit, QUESTION)
    return {s.name: (s.words, s.posterior) for s in found}


@pytest.mark.parametrize("transform", TRANSFORMS)
@given(reference=st.floats(0.9, 8.5), seed=st.integers(0, 99))
@settings(max_examples=4, deadline=None)
def test_a_straight_line_says_the_same_from_every_reference(transform, reference, seed):
    """The same hazards, written from another reference: other coefficients, the same statements."""
    rng = np.random.default_rng(seed)
    width = float(scale(transform, 5.5) - scale(transform, 1.6))
    draws = {
        "ihlrt": rng.normal(-0.4, 0.3, (2, 30)),
        "nlr": rng.normal(0.4, 0.2, (2, 30)) / width,
        "ihlrt:nlr": rng.normal(-0.2, 0.4, (2, 30)) / width,
        "log_rate": rng.normal(-3.0, 0.2, (2, 30)),
    }
    shift = float(scale(transform, reference) - scale(transform, 3.0))
    moved = {
        "ihlrt": draws["ihlrt"] + shift * draws["ihlrt:nlr"],
        "nlr": draws["nlr"],
        "ihlrt:nlr": draws["ihlrt:nlr"],
        "log_rate": draws["log_rate"] + shift * draws["nlr"],
    }
    first = fabricated(model("ihlrt * nlr", transform, 3.0), draws)
    other = fabricated(model("ihlrt * nlr", transform, reference), moved)
    told = said(first)
    assert told == said(other)
    assert told["hazard-ratio-falls"][1] == (draws["ihlrt:nlr"] < 0.0).mean()
    np.testing.assert_allclose(
        multiplicative_interaction(first, QUESTION), multiplicative_interaction(other, QUESTION)
    )


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize("formula", BENT)
@given(reference=st.floats(0.8, 9.0), seed=st.integers(0, 99))
@settings(max_examples=2, deadline=None)
def test_a_bent_effect_says_the_same_from_every_reference(transform, formula, reference, seed):
    rng = np.random.default_rng(seed)
    first = model(formula, transform, 3.0)
    names = prepare(first, rows()).encoder.columns
    draws = {name: rng.normal(0.0, 0.5, (2, 30)) for name in names}
    draws["log_rate"] = rng.normal(-3.0, 0.2, (2, 30))
    draws |= {"age": draws["age"] / 50.0} if "age" in draws else {}
    # Orthogonal polynomials come with either sign.
    one, other = (fabricated(model(formula, transform, at), draws) for at in (3.0, reference))
    effect = [log_hazard_ratio(fit, [1.6, 5.5]).to_numpy() for fit in (one, other)]
    np.testing.assert_allclose(*effect, atol=1e-6)
    told = said(one)
    assert told == said(other)
    falls = (effect[0][..., 1] < effect[0][..., 0]).mean()
    assert told["hazard-ratio-falls"] == (
        "ihlrt lowers the hazard more at nlr 5.5 than at 1.6",
        falls,
    )
    assert modifier_step(one, QUESTION) == (1.6, 5.5, "5.5 against 1.6")
    assert "hazard-ratio-turns" in told


def test_an_effect_that_turns_is_told_as_one():
    """A log hazard ratio that is a parabola, by hand: lowest at its middle, 0 at both ends."""
    spec = model("ihlrt * bs(nlr, df=3)", "log2", 3.0)
    encoder = build_encoder(spec, rows())
    treated = {**rows().columns, "ihlrt": np.ones(SIZE)}
    basis = encoder.design(treated)[:, [i for i, n in enumerate(encoder.columns) if "t:b" in n]]
    z = np.log2(NLR / 0.8) / np.log2(9.0 / 0.8)
    weights = np.linalg.lstsq(basis, 4.0 * z * (z - 1.0), rcond=None)[0]
    named = [name for name in encoder.columns if "ihlrt:bs" in name]
    draws = {name: np.zeros((1, 2)) for name in (*encoder.columns, "log_rate")}
    draws |= {name: np.array([[w, 0.2 * w]]) for name, w in zip(named, weights, strict=True)}
    fit = fabricated(spec, draws)
    whole = Question(
        low=1.6, high=5.5, horizon=24.0, treated=treated_from(0), span=(float(NLR[0]), 9.0)
    )
    shape = effect_shape(fit, whole)
    np.testing.assert_allclose(shape["fall"], [[1.0, 0.2]], atol=2e-3)
    np.testing.assert_allclose(shape["rise"], [[1.0, 0.2]], atol=2e-3)
    # A factor 1.25 is 0.223 on the log scale: the flat parabola does not turn by that much.
    found = {s.name: s for s in mitigation_statements(fit, fit, whole)}
    assert found["hazard-ratio-turns"].posterior == 0.5
    assert found["hazard-ratio-turns"].words == (
        "between nlr 0.8 and 9 the HR of ihlrt both falls and rises by a factor 1.25 or more"
    )


@pytest.mark.parametrize(
    ("formula", "transform", "straight", "coefficient"),
    [
        ("ihlrt * nlr + age", "log2", True, "ihlrt:nlr"),
        ("nlr:ihlrt + nlr + ihlrt", "identity", True, "nlr:ihlrt"),
        ("ihlrt * nlr * age", "log2", True, None),
        ("ihlrt * bs(nlr, df=3)", "log2", False, None),
        ("ihlrt * nlr + bs(nlr, df=3)", "log2", False, None),
        ("ihlrt * log(nlr)", "identity", False, None),
        ("ihlrt + nlr", "standardise", True, None),
        ("ihlrt * age", "log2", True, None),
    ],
)
def test_straight_lines_and_the_coefficient_that_tells_all(
    formula, transform, straight, coefficient
):
    spec = model(formula, transform, 3.0)
    assert linear_in_modifier(spec) is straight
    assert simple_interaction(spec) == coefficient


def analysis(formula, *, transform="log2", reference=3.0, at=()):
    return parse_spec(
        tomli_w.dumps(
            {
                "schema": 2,
                "name": "bent",
                "data": {"patient": "patient", "time": "stop", "event": "event"},
                "treatment": {"name": "ihlrt", "column": "ihlrt", "design": "fixed"},
                "modifier": {
                    "name": "nlr",
                    "column": "nlr",
                    "transform": transform,
                    "reference": reference,
                },
                "outcome": {"formula": formula, "hazard": {"family": "weibull"}},
                "estimands": {"at": list(at)},
            }
        )
    )


@pytest.mark.parametrize("transform", TRANSFORMS)
@pytest.mark.parametrize(
    "spline",
    ["bs(nlr, df=3)", "bs(2 * nlr - 1, df=4)", "bs(exp(nlr / 9), df=3)", "bs(center(nlr), df=3)"],
)
@given(at=st.floats(0.3, 15.0))
@settings(max_examples=10, deadline=None)
def test_check_refuses_what_the_spline_would_refuse(transform, spline, at):
    """A value is told at check exactly where the formula library would raise after sampling."""
    formula = f"ihlrt * {spline}"
    spec = analysis(formula, transform=transform, at=(at,))
    encoder = build_encoder(model(formula, transform, 3.0), rows())
    asked = {**rows().columns, "nlr": np.full(SIZE, at)}
    try:
        encoder.design(asked)
        defined = True
    except (FactorEvaluationError, SpecificationError):
        defined = False
    if min(abs(at - NLR[0]), abs(at - NLR[-1])) > 1e-6:
        assert bool(spline_faults(spec, rows())) is not defined


def told(formula, **options):
    columns = {k: v for k, v in rows().columns.items() if k not in {"start", "weight"}}
    with pytest.raises(SpecificationError) as caught:
        check_analysis(analysis(formula, **options), columns)
    return [str(fault) for fault in caught.value.faults]


@pytest.mark.parametrize("spline", ["bs(nlr, df=3)", "cr(nlr, df=3)", "cc(nlr, df=3)"])
def test_every_value_beyond_a_spline_is_told_at_once(spline):
    assert told(f"ihlrt * {spline}", reference=12.0, at=(0.5, 3.0, 10.0)) == [
        f"[modifier] reference: nlr 12 lies where {spline} is not defined. Give values between 0.8 "
        "and 9, the lowest and the highest nlr of the rows analysed.",
        f"[estimands] at: nlr 0.5, 10 lie where {spline} is not defined. Give values between 0.8 "
        "and 9, the lowest and the highest nlr of the rows analysed.",
    ]


def test_bounds_of_a_spline_and_categories_of_a_modifier():
    low, high = math.log2(0.8 / 3.0) - 1.0, 2.0
    (fault,) = told(f"ihlrt * bs(nlr, df=3, lower_bound={low}, upper_bound={high})", at=(13.0,))
    assert fault.startswith("[estimands] at: nlr 13 lies where bs(nlr, df=3, lower_bound=")
    (fault,) = told("ihlrt * bs(nlr, df=3, lower_bound=0, upper_bound=1)")
    assert "the cohort's own nlr lies beyond the bounds of this spline" in fault
    (fault,) = told("ihlrt * C(nlr)")
    assert "the effect modifier is continuous, and C(nlr) makes categories of it" in fault


def test_notes_of_a_spline():
    columns = {k: v for k, v in rows().columns.items() if k not in {"start", "weight"}}
    notes = check_analysis(analysis("ihlrt * bs(nlr, df=3)"), columns).notes
    assert (
        "With bs(nlr, df=3) the coefficient ihlrt, and so its prior, is the effect at the lowest "
        "nlr of the cohort, 0.8, not the effect at the reference, 3."
    ) in notes
    wide = "ihlrt * bs(nlr, df=3, lower_bound=-4, upper_bound=3)"
    (note,) = (n for n in check_analysis(analysis(wide, at=(12.0,)), columns).notes if "12" in n)
    assert note.endswith("comes from the prior of the spline, since nobody there informs it.")
    straight = check_analysis(analysis("ihlrt * nlr", at=(12.0,)), columns).notes
    assert any("is extrapolated by the model" in note for note in straight)
    assert not any("so its prior" in note for note in straight)


@pytest.mark.parametrize("formula", ["ihlrt * bs(nlr, df=3)", "ihlrt * nlr * age"])
def test_sensitivity_compares_the_values_that_it_names(formula):
    """No coefficient tells the interaction of a spline, or of three covariates."""
    rng = np.random.default_rng(2)
    spec = model(formula, "log2", 3.0)
    draws = {n: rng.normal(0.0, 0.2, (2, 30)) for n in prepare(spec, rows()).encoder.columns}
    draws = {n: v / (70.0 if "age" in n else 1.0) for n, v in draws.items()}
    fit = fabricated(spec, {**draws, "log_rate": rng.normal(-3.0, 0.2, (2, 30))})
    found = {q.estimand: q for q in read_quantities(fit, Wanted(at=(1.6, 5.5)))}
    effect = log_hazard_ratio(fit, [1.6, 5.5]).to_numpy()
    np.testing.assert_allclose(found["interaction"].values, effect[..., 1] - effect[..., 0])
    assert found["interaction"].statement == (
        "treatment lowers the hazard more at nlr 5.5 than at 1.6"
    )
    assert "nlr 5.5 against 1.6 under treatment" in found["modifier_under_treatment"].statement
