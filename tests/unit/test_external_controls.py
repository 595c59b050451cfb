"""External controls of an analysis before a fit: what is refused, and what is bound."""

from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.diagnose import diagnose
from bayes_ihlrt.analysis.external import check_external, known_events
from bayes_ihlrt.errors import DataError, RefusedError, SpecificationError
from bayes_ihlrt.ladder.run import bias_ladder
from bayes_ihlrt.methods.protocol import protocol_of
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.spec.external import ExternalSpec
from bayes_ihlrt.spec.read import load_spec, parse_spec

ABOUT = {"data": "registry.csv", "justification": "same hospitals"}
TEXT = """
schema = 2
name = "two arms"
[data]
patient = "id"
time = "months"
event = "death"
[treatment]
name = "treated"
column = "treated"
design = "fixed"
[outcome]
formula = "treated + age"
hazard = { family = "exponential" }
"""


def stated(more):
    return parse_spec(TEXT + more)


def faults(more):
    with pytest.raises(SpecificationError) as caught:
        stated(more)
    return {fault.where: f"{fault.problem}. {fault.remedy}" for fault in caught.value.faults}


def frame(seed, n, *, treated=True):
    rng = np.random.default_rng(seed)
    found = {
        "id": [f"p{seed}-{i}" for i in range(n)],
        "months": rng.exponential(10.0, n).round(2) + 0.1,
        "death": rng.integers(0, 2, n),
        "age": rng.normal(60.0, 8.0, n).round(),
    }
    return found | ({"treated": rng.integers(0, 2, n)} if treated else {})


def external(**borrow):
    return ExternalSpec(**ABOUT, **(borrow or {"borrow": "commensurate", "sd": 0.3}))


def checked(others, **borrow):
    """Check two arms with external controls that are in memory."""
    spec = stated("")
    alone = check_analysis(spec, frame(1, 60))
    spec = alone.spec.model_copy(update={"external": external(**borrow)})
    return alone, check_external(spec, alone.person_time, alone.prepared, source=others)


def unlike(seed, n, *, treated):
    """Return patients whose hazards differ by a strong covariate, seen for 36 months."""
    rng = np.random.default_rng(seed)
    age, arm = rng.standard_normal(n), rng.integers(0, 2, n) * treated
    months = rng.exponential(1.0 / (0.08 * np.exp(1.3 * age - 0.3 * arm)))
    found = {"id": [f"p{seed}-{i}" for i in range(n)], "age": age, "death": 1 * (months < 36.0)}
    found["months"] = np.minimum(months, 36.0) + 1e-3
    return found | ({"treated": arm} if treated else {})


def normal_fit(prepared, own, both):
    """Return an exponential posterior under flat priors: normal at its maximum."""
    columns = prepared.encoder.columns
    design = np.column_stack([np.ones(both.n_rows), prepared.encoder.design(both.columns)])
    stop, event, weight = (both.columns[name] for name in ("stop", "event", "weight"))
    mean = np.array([np.log(event.sum() / stop.sum()), *np.zeros(len(columns))])
    for _ in range(20):
        hazard = weight * np.exp(design @ mean) * stop
        information = design.T @ (hazard[:, None] * design)
        mean = mean + np.linalg.solve(information, design.T @ (weight * event - hazard))
    drawn = np.random.default_rng(3).multivariate_normal(mean, np.linalg.inv(information), 40_000)
    names = ("log_rate", *columns)
    posterior = {n: (("chain", "draw"), drawn[None, :, i]) for i, n in enumerate(names)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(posterior)})
    return FittedModel(prepared, own, tree, None)


def test_covariates_of_patients_add_nothing_to_what_external_controls_are_worth():
    spec, others = stated(""), unlike(5, 300, treated=False)
    alone = check_analysis(spec, unlike(4, 300, treated=True))
    spec = alone.spec.model_copy(update={"external": external(borrow="power", power=0.5)})
    bound = check_external(spec, alone.person_time, alone.prepared, source=others).bound
    own = known_events(normal_fit(alone.prepared, alone.person_time, alone.person_time))
    worth = known_events(normal_fit(bound.prepared, bound.own, bound.rows)) - own
    # An average of survival over these patients said 2.5 times as many.
    assert worth == pytest.approx(0.5 * others["death"].sum(), rel=0.1)


def bound_by(formula, own, others, *, family="exponential", data=""):
    text = TEXT.replace("treated + age", formula).replace("exponential", family)
    spec = parse_spec(text.replace("[treatment]", f"{data}\n[treatment]"))
    alone = check_analysis(spec, own)
    spec = alone.spec.model_copy(update={"external": external()})
    return alone, check_external(spec, alone.person_time, alone.prepared, source=others)


def test_categories_and_terms_that_learn_are_those_of_the_cohort():
    own = frame(1, 60) | {"stage": np.array(["B", "C"] * 30)}
    others = frame(2, 60, treated=False) | {"stage": np.array(["C", "C", "B"] * 20)}
    others["age"] = np.clip(others["age"] + 10.0, own["age"].min(), own["age"].max())
    formula = "treated + stage + scale(age) + bs(age, df=4)"
    for each in (formula.replace(" + bs(age, df=4)", ""), formula.replace("scale(age) + ", "")):
        alone, found = bound_by(each, own, others)
        both, own_design = found.bound.prepared.encoder, alone.prepared.encoder
        theirs = {**found.others.columns, "external": np.ones(60)}
        place = [both.columns.index(name) for name in own_design.columns]
        assert both.design(theirs)[:, place] == pytest.approx(own_design.design(theirs))
        assert set(both.columns) == {*own_design.columns, "external"}
    others["stage"] = np.array(["A", "B", "C"] * 20)
    with pytest.raises(SpecificationError, match=r"level\(s\) A did not occur in the cohort"):
        bound_by("treated + stage", own, others)


def test_external_controls_who_are_left_out_are_told():
    others = frame(2, 40, treated=False)
    others["age"][:3] = np.nan
    _, found = bound_by("treated + age", frame(1, 60), others, data="drop_missing = true")
    assert "External controls: 3 patients of 40 left out: age is missing." in found.notes
    told = found.to_dict()
    assert (told["patients"], told["dropped"]) == (37, {"age is missing": 3})


def test_sensitivity_borrows_beside_the_priors_and_baseline_of_the_cohort(monkeypatch):
    from bayes_ihlrt.sensitivity import external as study

    others = frame(2, 40, treated=False)
    alone, found = bound_by("treated + age", frame(1, 60), others, family="piecewise")
    caught = []

    def fit_cells(prepared, *_, **__):
        caught.append(prepared)
        raise InterruptedError

    monkeypatch.setattr(study, "fit_cells", fit_cells)
    with pytest.raises(InterruptedError):
        study.borrow(alone, found, wanted=None)
    priors = dict(caught[0].priors)
    assert priors.pop("external").prior.mu == 0.0
    assert priors == alone.prepared.priors
    assert caught[0].hazard == alone.prepared.hazard


def test_the_table_of_before_is_refused_with_the_lines_to_write():
    told = faults('[sensitivity.external]\ndata = "r.csv"\npowers = [0.2]\n')
    assert set(told) == {"[sensitivity.external]"}
    assert "Write the lines [external]" in told["[sensitivity.external]"]
    assert 'data = "r.csv", powers = [0.2]' in told["[sensitivity.external]"]


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ('borrow = "power"', "needs power and nothing else"),
        ('borrow = "power"\npower = 0.5\nsd = 0.3', "needs power and nothing else"),
        ('borrow = "robust-map"\nsd = 1.0\nvague_sd = 0.5\nalike = 0.5', "vague_sd has to be"),
        ('borrow = "power"\npower = 0.5\nnu = 4.0', "nu belongs to borrow = 'commensurate'"),
    ],
)
def test_ways_to_borrow_that_are_not_whole_are_refused(lines, says):
    told = faults(f'[external]\ndata = "r.csv"\njustification = "alike"\n{lines}\n')
    assert says in " ".join(told.values())


def test_it_has_no_default_and_a_reason():
    told = faults('[external]\ndata = "r.csv"\n')
    assert set(told) == {"[external] borrow", "[external] justification"}


ALIKE = '[external]\ndata = "r.csv"\njustification = "alike"\nborrow = "power"\npower = 0.5\n'


@pytest.mark.parametrize(
    ("text", "where"),
    [
        (TEXT.replace("treated + age", "treated + external"), "[outcome] formula"),
        (TEXT.replace('design = "fixed"', 'design = "landmark"\nlandmark = 3.0'), "[treatment]"),
        (TEXT + '[propensity]\nformula = "age"\nadjust = "weights"\n', "[propensity]"),
        (TEXT + '[propensity]\nformula = "age"\nadjust = "none"\n', "[propensity]"),
        (TEXT + '[visits]\nfile = "v.csv"\ntime = "m"\ncovariates = ["age"]\n', "[visits]"),
        (
            TEXT.replace('event = "death"', 'event = { column = "c", values = { a = 1, b = 2 } }'),
            "[external]",
        ),
    ],
)
def test_what_they_do_not_go_with_is_told(text, where):
    with pytest.raises(SpecificationError) as caught:
        parse_spec(text + ALIKE)
    assert any(fault.where.startswith(where) for fault in caught.value.faults)


def test_commands_that_read_the_cohort_alone_refuse_them():
    spec = load_spec("primary").model_copy(update={"external": external()})
    with pytest.raises(RefusedError, match="`ladder` reads the cohort alone"):
        bias_ladder(spec, "ihlrt_synthetic")
    alone = check_analysis(stated(""), frame(1, 60))
    object.__setattr__(alone, "spec", alone.spec.model_copy(update={"external": external()}))
    with pytest.raises(RefusedError, match="`protocol` reads the cohort alone"):
        protocol_of(alone)
    with pytest.raises(RefusedError, match="`diagnose` reads the cohort alone"):
        diagnose(SimpleNamespace(spec=spec))


def test_treated_patients_are_no_external_controls():
    with pytest.raises(DataError, match="rows of external controls tell of treatment"):
        checked(frame(2, 40))
    others = frame(2, 40)
    assert checked(others | {"treated": [0] * 40})[1].cohort.n_patients == 40


@pytest.mark.parametrize(
    ("treatment", "given", "says"),
    [
        ('design = "fixed"\ncolumn = "treated"', 1, "Leave treated patients out"),
        ('design = "split"\nstart = "treated"', 5.0, "End their follow-up where treatment begins"),
        ('design = "split"\ncolumn = "treated"', 1, "Leave out their rows under treatment"),
    ],
)
def test_who_is_treated_later_is_followed_until_then(treatment, given, says):
    """Without them who died too early to be treated would remain."""
    from bayes_ihlrt.analysis.external import check_external

    spec = parse_spec(TEXT.replace('column = "treated"\ndesign = "fixed"', treatment))
    spec = spec.model_copy(update={"external": external()})
    with pytest.raises(DataError) as caught:
        check_external(spec, None, None, source=frame(2, 4) | {"treated": [given] * 4})
    (fault,) = caught.value.faults
    assert fault.remedy.startswith(says)
    fixed = "fixed" in treatment
    assert ("Do not leave the patients out" in fault.remedy) is not fixed


def test_weights_that_are_none_are_refused():
    others = frame(2, 40, treated=False) | {"w": np.linspace(-1.0, 1.0, 40)}
    with pytest.raises(DataError, match="20 rows have no weight"):
        checked(others, borrow="power", power=0.5, weight_column="w")
    others |= {"w": ["a", "b"] * 20}
    with pytest.raises(DataError, match="it holds text"):
        checked(others, borrow="power", power=0.5, weight_column="w")


def test_external_controls_may_be_of_one_stage_and_one_centre():
    """What is the same for all of them differs from the cohort's, or only weighs."""
    from bayes_ihlrt.analysis.external import check_external

    cohort = frame(1, 60) | {"stage": ["B", "C"] * 30, "site": ["x", "y", "z"] * 20}
    others = frame(2, 40, treated=False)
    others |= {"stage": ["C"] * 40, "site": ["x"] * 40, "w": [0.5] * 40}
    text = TEXT.replace('"treated + age"', '"treated + stage"\ngroup = "(1 | centre)"')
    spec = parse_spec(text.replace('event = "death"', 'event = "death"\ncentre = "site"'))
    alone = check_analysis(spec, cohort)
    borrowed = external(borrow="power", power=0.5, weight_column="w")
    spec = alone.spec.model_copy(update={"external": borrowed})
    found = check_external(spec, alone.person_time, alone.prepared, source=others)
    assert found.others.columns["weight"].tolist() == [0.5] * 40
    with pytest.raises(DataError, match="column stage: every row has the same value, 'C'"):
        check_analysis(alone.spec, cohort | {"stage": ["C"] * 60})


def test_weights_of_more_patients_than_there_are_are_refused():
    others = frame(2, 40, treated=False) | {"w": np.linspace(100.0, 1000.0, 40)}
    with pytest.raises(DataError, match=r"weights sum to 22,000 for 40 patients") as caught:
        checked(others, borrow="power", power=0.5, weight_column="w")
    assert "Divide them by their mean" in str(caught.value)
    others["w"] = (others["w"] / others["w"].mean()).round(3)
    who = checked(others, borrow="power", power=0.5, weight_column="w")[1].sentences[0]
    weighed = 0.5 * float(others["w"] @ others["death"])
    assert f"{others['death'].sum()} events ({weighed:.1f} as they are weighed)" in who
    assert "each counts as 0.5 times its own weight" in who
    assert "of a patient" not in who


def test_rows_weigh_what_they_count_and_the_cohort_keeps_its_priors():
    others = frame(2, 40, treated=False) | {"w": np.linspace(0.1, 1.0, 40)}
    alone, found = checked(others, borrow="power", power=0.5, weight_column="w")
    bound = found.bound
    assert bound.prepared.arrays.data["exposure"][:60].tolist() == [1.0] * 60
    assert bound.prepared.arrays.data["exposure"][60:] == pytest.approx(0.5 * others["w"])
    assert found.to_dict()["weighted_events"] == pytest.approx(0.5 * others["w"] @ others["death"])
    assert "external" not in bound.prepared.priors
    alone, found = checked(others)
    prepared = found.bound.prepared
    assert prepared.priors["external"].prior.sigma == 0.3
    # Ages of external controls change the standard deviation that priors refer to.
    assert {n: p for n, p in prepared.priors.items() if n != "external"} == alone.prepared.priors
    reference = dict(
        zip(prepared.encoder.columns, prepared.arrays.data["design_reference"], strict=True)
    )
    own = dict(
        zip(
            alone.prepared.encoder.columns,
            alone.prepared.arrays.data["design_reference"],
            strict=True,
        )
    )
    assert reference == own | {"external": 0.0}
