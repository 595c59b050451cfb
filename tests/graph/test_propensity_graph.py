"""The graph of treatment initiation: its likelihood written a second time, its data, its faults."""

import numpy as np
import pymc as pm
import pytensor
import pytest
from pydantic import ValidationError
from pytensor.graph.basic import Constant
from pytensor.graph.traversal import ancestors

from bayes_ihlrt.errors import DataError, SpecificationError
from bayes_ihlrt.propensity.graph import build_propensity, logit_propensity
from bayes_ihlrt.propensity.model import SeparationWarning, prepare_propensity
from bayes_ihlrt.spec.model import ModifierSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from graph_cases import scattered

NLR = ModifierSpec(name="nlr", column="nlr_ratio", transform="log2", reference=3.0)
FORMULA = "nlr * response + albi + time"


def decisions(patients=60, seed=1):
    """Return one to four decisions a patient, the last of which may start treatment."""
    rng = np.random.default_rng(seed)
    rows = []
    for patient in range(patients):
        count = rng.integers(1, 5)
        starts = rng.random() < 0.4
        rows += [
            {
                "patient": f"patient {patient}",
                "number": float(number),
                "time": 1.5 * number,
                "initiated": float(starts and number == count - 1),
                "nlr_ratio": rng.lognormal(1.0, 0.5),
                "response": ["SD", "PR"][rng.integers(2)],
                "albi": rng.normal(-2.4, 0.5),
                "centre": f"centre {patient % 3}",
            }
            for number in range(count)
        ]
    columns = {name: np.array([row[name] for row in rows]) for name in rows[0]}
    return {k: v.astype(object) if v.dtype.kind == "U" else v for k, v in columns.items()}


def linear_predictor(rows, named, *, centred=True):
    """Return the log odds of starting treatment, naively."""
    x = {
        "nlr": np.log2(rows["nlr_ratio"] / 3.0),
        "response[T.SD]": (rows["response"] == "SD").astype(float),
        "albi": rows["albi"],
        "time": rows["time"],
    }
    x["nlr:response[T.SD]"] = x["nlr"] * x["response[T.SD]"]
    whole = decisions()
    eta = named["intercept"] + np.zeros(len(rows["albi"]))
    for name, values in x.items():
        mean = values.mean() if whole["albi"].shape == rows["albi"].shape else None
        eta = eta + named[name] * (values - mean)
    return eta


class Evaluator:
    def __init__(self, model):
        self.model = model
        self.names = [variable.name for variable in model.unobserved_value_vars]
        likelihood = model.logp(vars=model.observed_RVs, sum=False)[0]
        prior = model.logp(vars=model.free_RVs, jacobian=False)
        outputs = [likelihood, prior, *model.unobserved_value_vars]
        self._function = pytensor.function(model.value_vars, outputs, mode="FAST_COMPILE")

    def at(self, seed):
        point = scattered(self.model.value_vars, self.model.initial_point(), seed)
        likelihood, prior, *named = self._function(*point)
        return likelihood, float(prior), dict(zip(self.names, named, strict=True))


@pytest.mark.parametrize("group", ["", "(1 | centre)", "(1 + nlr | centre)"])
def test_log_likelihood_by_patient(group):
    rows = decisions()
    prepared = prepare_propensity(PropensitySpec(formula=FORMULA, group=group), rows, NLR)
    evaluator = Evaluator(build_propensity(prepared))
    assert prepared.separated == ()
    for seed in range(3):
        found, _, named = evaluator.at(seed)
        eta = linear_predictor(rows, named)
        level = np.array([int(label[-1]) for label in rows["centre"]])
        if group:
            eta = eta + named["centre_effect"][level]
        if "nlr" in group:
            eta = eta + named["centre_effect:nlr"][level] * np.log2(rows["nlr_ratio"] / 3.0)
        chance = 1 / (1 + np.exp(-eta))
        by_row = np.log(np.where(rows["initiated"] == 1.0, chance, 1 - chance))
        patients = dict.fromkeys(rows["patient"])
        expected = [by_row[rows["patient"] == patient].sum() for patient in patients]
        np.testing.assert_allclose(found, expected, rtol=1e-10)
        np.testing.assert_allclose(logit_propensity(prepared, named), eta, rtol=1e-10, atol=1e-12)


def test_patients_weights_multiply_their_decisions():
    rows = decisions()
    prepared = prepare_propensity(PropensitySpec(formula="albi"), rows, NLR)
    model = build_propensity(prepared)
    evaluator = Evaluator(model)
    plain = evaluator.at(0)[0]
    weight = np.random.default_rng(5).exponential(size=len(plain))
    model["weight"].set_value(weight)
    np.testing.assert_allclose(evaluator.at(0)[0], weight * plain)
    assert model.named_vars_to_dims["initiated"] == ("patient",)
    assert list(model.coords["patient"]) == list(dict.fromkeys(rows["patient"]))


def test_decisions_are_data_of_the_graph_and_never_constants():
    """Programs belong to a structure: what went in as a constant would be that of the first."""
    spec = PropensitySpec(formula="nlr + albi", group="(1 + nlr | centre)")
    graphs = [build_propensity(prepare_propensity(spec, decisions(seed=n), NLR)) for n in (1, 2)]
    first, second = (
        [
            np.asarray(each.data).tolist()
            for each in ancestors([*graph.basic_RVs, *graph.deterministics])
            if isinstance(each, Constant)
        ]
        for graph in graphs
    )
    assert first == second


def test_draws_and_other_rows():
    rows = decisions()
    prepared = prepare_propensity(
        PropensitySpec(formula="nlr + albi", group="(1 | centre)"), rows, NLR
    )
    rng = np.random.default_rng(0)
    draws = {name: rng.normal(size=(2, 5)) for name in ("intercept", "nlr", "albi")}
    draws["centre_effect"] = rng.normal(size=(2, 5, 3))
    whole = logit_propensity(prepared, draws)
    assert whole.shape == (2, 5, len(rows["albi"]))
    part = {name: values[[7, 3]] for name, values in rows.items()}
    np.testing.assert_allclose(
        logit_propensity(prepared, draws, rows=part), whole[..., [7, 3]], atol=1e-12
    )
    constant = prepare_propensity(PropensitySpec(formula=""), rows, None)
    assert (logit_propensity(constant, {"intercept": np.zeros(4)}) == 0.0).all()


def test_priors_are_per_standard_deviation_and_are_data():
    rows = decisions()
    priors = {"response": {"dist": "Normal", "mu": 0.5, "sigma": 0.3}}
    spec = PropensitySpec(formula="albi + response", group="(1 | centre)", priors=priors)
    prepared = prepare_propensity(spec, rows, None)
    albi = prepared.priors["albi"].prior.hyperparameters
    assert albi == {"mu": 0.0, "sigma": pytest.approx(2.5 / rows["albi"].std())}
    assert prepared.priors["response[T.SD]"].prior.mu == 0.5
    share = rows["initiated"].mean()
    assert prepared.priors["intercept"].prior.mu == pytest.approx(np.log(share / (1 - share)))
    model = build_propensity(prepared)
    assert "sd_centre.sigma" in model.coords["hyperparameter"]
    with model:
        drawn = pm.draw(model["albi"], 4000, random_seed=1)
    assert drawn.std() == pytest.approx(2.5 / rows["albi"].std(), rel=0.05)


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_prior_predictive_starts_at_a_decision_at_most():
    rows = decisions()
    prepared = prepare_propensity(PropensitySpec(formula="albi"), rows, None)
    with build_propensity(prepared) as model:
        drawn = pm.draw(model["initiated"], 300, random_seed=3)
    assert set(np.unique(drawn)) == {0.0, 1.0}
    count = np.bincount(np.unique(rows["patient"], return_inverse=True)[1])
    order = {name: i for i, name in enumerate(np.unique(rows["patient"]))}
    many = count[[order[name] for name in model.coords["patient"]]] >= 3
    assert drawn[:, many].mean() > drawn[:, ~many].mean()


def test_separation_is_told():
    rows = decisions()
    rows["certain"] = rows["initiated"].copy()
    rows["certain"][np.argmax(rows["certain"])] = 0.0
    with pytest.warns(SeparationWarning, match="PS separation: certain tells"):
        prepared = prepare_propensity(PropensitySpec(formula="albi + certain"), rows, None)
    assert prepared.separated == ("certain",)
    assert np.isfinite(Evaluator(build_propensity(prepared)).at(0)[0]).all()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"initiated": lambda v: v * 0.0}, "nobody started treatment"),
        ({"initiated": lambda v: v * 0.0 + 1.0}, "everybody started treatment"),
        ({"initiated": lambda v: v * 2.0}, "Allowed: 0 .not started. and 1 .started."),
        ({"patient": lambda v: np.roll(v, 1)[::-1].copy() * 0 + v[0]}, "after the one at which"),
        ({"patient": lambda v: np.array(["a", "b"] * len(v), dtype=object)[: len(v)]}, "Sort by"),
    ],
)
def test_decisions_that_are_none_are_refused(change, found):
    rows = decisions()
    if "patient" in change and found.startswith("after"):
        rows["patient"] = np.full(len(rows["patient"]), "patient 0", dtype=object)
    else:
        rows |= {name: make(rows[name]) for name, make in change.items()}
    with pytest.raises(DataError, match=found):
        prepare_propensity(PropensitySpec(formula="albi"), rows, None)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"formula": "albii"}, r"\[propensity\] formula: no column 'albii'. Did you mean 'albi'"),
        ({"formula": "until"}, "'until' is a name that the model uses itself"),
        ({"formula": "albi", "group": "(1 | center)"}, r"\[propensity\] group: no column"),
        ({"formula": "nlr"}, r"\[modifier\] column: no column 'nlr_ratio'"),
        ({"formula": "albi + twice"}, "twice.*\n*.*Remove one of them"),
        (
            {"formula": "albi", "priors": {"albii": {"dist": "Normal", "mu": 0.0, "sigma": 1.0}}},
            "prior 'albii': the model has no such parameter",
        ),
    ],
)
def test_specifications_that_do_not_fit_are_refused(options, found):
    rows = decisions()
    rows |= {"until": rows["time"] + 1.0, "twice": 2.0 * rows["albi"]}
    if options["formula"] == "nlr":
        rows.pop("nlr_ratio")
    with pytest.raises(SpecificationError, match=found):
        prepare_propensity(PropensitySpec.model_validate(options), rows, NLR)


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ({"formula": "albi ^ 2"}, "powers"),
        ({"formula": "albi", "trim": 0.6}, "trim"),
        ({"formula": "albi", "adjust": "none", "uncertainty": "cut"}, "nothing to carry"),
        ({"formula": "albi", "adjust": "strata", "uncertainty": "sandwich"}, "weighted likelihood"),
        ({"formula": "albi", "estimand": "atx"}, "'ato'"),
        ({"formula": "albi", "priors": {"albi": {"hr_median": 0.7}}}, "priors"),
        ({"group": "(1 | centre)"}, "formula"),
    ],
)
def test_options_that_contradict_are_refused(options, found):
    with pytest.raises(ValidationError, match=found):
        PropensitySpec.model_validate(options)


def test_specification_is_read_back_equal():
    spec = PropensitySpec(formula=FORMULA, group="(1 | centre)", estimand="att", trim=0.01)
    assert PropensitySpec.model_validate(spec.model_dump(mode="json", exclude_none=True)) == spec
