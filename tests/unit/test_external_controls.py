"""External controls of an analysis before a fit: what is refused, and what is bound."""

import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import xarray as xr

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.diagnose import diagnose
from bayes_ihlrt.analysis.external import check_external
from bayes_ihlrt.analysis.parameters import leave_one_out
from bayes_ihlrt.errors import DataError, RefusedError, SpecificationError
from bayes_ihlrt.estimands.known_events import AddedEvents, added_events
from bayes_ihlrt.ladder.run import bias_ladder
from bayes_ihlrt.methods.protocol import protocol_of
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import chain_quality, laplace_quality
from bayes_ihlrt.report.answers import sensitivity_answer
from bayes_ihlrt.report.narrative import worth_sentence
from bayes_ihlrt.sensitivity.study import SensitivityResult
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


def joined(spec, own, others, **borrow):
    """Check a cohort with external controls that are in memory."""
    alone = check_analysis(spec, own)
    spec = alone.spec.model_copy(update={"external": external(**borrow)})
    return alone, check_external(spec, alone.person_time, alone.prepared, source=others)


def checked(others, **borrow):
    """Check two arms with external controls that are in memory."""
    return joined(stated(""), frame(1, 60), others, **borrow)


def unlike(seed, n, *, treated):
    """Return patients whose hazards differ by a strong covariate, seen for 36 months."""
    rng = np.random.default_rng(seed)
    age, arm = rng.standard_normal(n), rng.integers(0, 2, n) * treated
    months = rng.exponential(1.0 / (0.08 * np.exp(1.3 * age - 0.3 * arm)))
    found = {"id": [f"p{seed}-{i}" for i in range(n)], "age": age, "death": 1 * (months < 36.0)}
    found["months"] = np.minimum(months, 36.0) + 1e-3
    return found | ({"treated": arm} if treated else {})


def normal_fit(prepared, own, both, *, seed=3, draws=40_000):
    """Return an exponential posterior under flat priors: normal at its maximum."""
    columns = prepared.encoder.columns
    design = np.column_stack([np.ones(both.n_rows), prepared.encoder.design(both.columns)])
    stop, event, weight = (both.columns[name] for name in ("stop", "event", "weight"))
    mean = np.array([np.log(event.sum() / stop.sum()), *np.zeros(len(columns))])
    for _ in range(20):
        hazard = weight * np.exp(design @ mean) * stop
        information = design.T @ (hazard[:, None] * design)
        mean = mean + np.linalg.solve(information, design.T @ (weight * event - hazard))
    normal = np.random.default_rng(seed)
    drawn = normal.multivariate_normal(mean, np.linalg.inv(information), draws)
    names = ("log_rate", *columns)
    posterior = {n: (("chain", "draw"), drawn[None, :, i]) for i, n in enumerate(names)}
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset(posterior)})
    return FittedModel(prepared, own, tree, laplace_quality(0.1, 1e9, draws=draws))


@pytest.fixture(scope="module")
def heterogeneous():
    """Return a cohort whose patients differ, and 300 external controls at half a patient each."""
    others = unlike(5, 300, treated=False)
    own = unlike(4, 300, treated=True)
    alone, found = joined(stated(""), own, others, borrow="power", power=0.5)
    return alone, found.bound, 0.5 * others["death"].sum()


def added(heterogeneous, *, seed, draws, alike=False):
    """Events that they add, by two normal posteriors; none where both are of the cohort alone."""
    alone, bound, _ = heterogeneous
    rows = alone.person_time
    own = normal_fit(alone.prepared, rows, rows, seed=seed, draws=draws)
    if alike:
        return added_events(normal_fit(alone.prepared, rows, rows, seed=seed + 1, draws=draws), own)
    both = normal_fit(bound.prepared, bound.own, bound.rows, seed=seed + 1, draws=draws)
    return added_events(both, own)


def test_covariates_of_patients_add_nothing_to_what_external_controls_are_worth(heterogeneous):
    worth = added(heterogeneous, seed=3, draws=40_000)
    # An average of survival over these patients said 2.5 times as many.
    assert worth.number == pytest.approx(heterogeneous[2], rel=0.1)
    assert worth.sign == 1


def test_the_error_of_what_they_are_worth_is_what_another_seed_changes(heterogeneous):
    found = [added(heterogeneous, seed=2 * number, draws=1_000) for number in range(40)]
    told = np.mean([each.error for each in found])
    # The standard deviation of 40 has a relative error of 0.11.
    assert np.std([each.number for each in found], ddof=1) == pytest.approx(told, rel=0.4)


def test_what_is_worth_nothing_is_told_as_such(heterogeneous):
    found = [added(heterogeneous, seed=2 * n, draws=1_000, alike=True) for n in range(40)]
    # Within two standard errors of 0 in 95 %: at most 5 of 40 outside with probability 0.99.
    assert sum(each.sign != 0 for each in found) <= 5
    none = next(each for each in found if each.sign == 0)
    words = worth_sentence(none, 61.0)
    assert "cannot be told from nothing" in words
    assert "below 1 event" not in words


def test_errors_of_chains_are_those_of_their_correlated_draws(heterogeneous):
    alone, _, _ = heterogeneous
    rows = alone.person_time
    fit = normal_fit(alone.prepared, rows, rows, draws=4_000)
    other = normal_fit(alone.prepared, rows, rows, seed=4, draws=4_000)
    independent = added_events(fit, other).error

    def chains(found):
        # Each draw four times in a row, in four chains: a quarter as many, twice the error.
        held = found.posterior.isel(draw=np.repeat(np.arange(1_000), 4))
        parts = {n: (("chain", "draw"), v.to_numpy().reshape(4, 1_000)) for n, v in held.items()}
        tree = xr.DataTree.from_dict({"posterior": xr.Dataset(parts)})
        quality = chain_quality(1.0, "age", ess_bulk=1e3, ess_tail=1e3, divergences=0)
        return FittedModel(found.prepared, found.person_time, tree, quality)

    held = added_events(chains(fit), chains(other)).error
    assert held == pytest.approx(2.0 * independent, rel=0.2)


def test_a_negative_worth_is_no_event_below_1():
    words = worth_sentence(AddedEvents(-9.3, 1.2), 61.0)
    assert words.startswith("Less is known of the hazard without treatment with them")
    assert "by about 9 events (Monte Carlo standard error 1.2)" in words
    assert worth_sentence(AddedEvents(38.2, 1.4), 61.0).startswith("They stand for about 38 events")


def bound_by(formula, own, others, *, family="exponential", data=""):
    text = TEXT.replace("treated + age", formula).replace("exponential", family)
    return joined(parse_spec(text.replace("[treatment]", f"{data}\n[treatment]")), own, others)


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


def test_values_beyond_a_spline_are_told_with_bounds_that_hold_them():
    own, others = frame(1, 60), frame(2, 60, treated=False)
    others["age"] = np.linspace(20.0, 100.0, 60)
    others["stage"], own["stage"] = np.array(["A", "B", "C"] * 20), np.array(["B", "C"] * 30)
    with pytest.raises(SpecificationError) as caught:
        bound_by("treated + stage + bs(age, df=4)", own, others)
    level, ends = caught.value.faults
    assert "level(s) A did not occur" in level.problem
    least, most = own["age"].min(), own["age"].max()
    outside = int(((others["age"] < least) | (others["age"] > most)).sum())
    assert ends.problem == (
        f"bs(age, df=4) is defined for age from {least:g} to {most:g}, and {outside} rows lie "
        "beyond (lowest 20, highest 100)"
    )
    (wider,) = re.findall(r"lower_bound=\S+ and upper_bound=\d+", ends.remedy)
    bound_by(f"treated + bs(age, df=4, {wider.replace(' and ', ', ')})", own, others)


@pytest.mark.parametrize(
    ("scale", "shift"), [(1e6, 0.0), (1.0, 1_234_564.0), (1e-4, 0.0), (1.7e-9, 3e-8), (1.0, -50.0)]
)
def test_bounds_hold_everybody_on_any_scale(scale, shift):
    own, others = frame(1, 60), frame(2, 60, treated=False)
    others["age"] = others["age"] + 20.0 * np.linspace(-1.0, 1.0, 60)
    for rows in (own, others):
        rows["age"] = rows["age"] * scale + shift
    with pytest.raises(SpecificationError) as caught:
        bound_by("treated + bs(age, df=4)", own, others)
    found = re.search(r"lower_bound=(\S+) and upper_bound=([^ ,]+)", caught.value.faults[0].remedy)
    low, high = map(float, found.groups())
    ages = np.concatenate([own["age"], others["age"]])
    assert low <= ages.min()
    assert high >= ages.max()
    assert high - low < 1.02 * np.ptp(ages)


def test_the_modifier_beyond_its_spline_is_told_on_the_scale_of_the_data():
    own = frame(1, 60) | {"nlr": np.linspace(1.0, 9.0, 60)}
    text = TEXT.replace("treated + age", "treated + bs(nlr, df=3)")
    text += '[modifier]\nname = "nlr"\ncolumn = "nlr"\ntransform = "log2"\nreference = 3.0\n'
    encoder = check_analysis(parse_spec(text), own).prepared.encoder
    patients = {"treated": np.zeros(2), "nlr": np.array([4.0, 12.0])}
    with pytest.raises(SpecificationError) as caught:
        encoder.design(patients)
    assert "for nlr from 1 to 9, and 1 row lies beyond (12)" in str(caught.value)
    assert "on the transformed scale" in str(caught.value)
    # What the cohort has at its ends is within, whatever rounding does to logarithms.
    encoder.design({"treated": np.zeros(60), "nlr": own["nlr"]})


def test_text_where_the_cohort_has_numbers_is_told():
    others = frame(2, 40, treated=False) | {"age": ["x", "y"] * 20}
    with pytest.raises(SpecificationError, match=r"age: it holds text \(x, y\), and numbers in"):
        bound_by("treated + age", frame(1, 60), others)


def in_two_rows(found, *, older):
    """Return patients whose follow-up is cut in two rows, in the second of which they are older."""
    first = {**found, "start": np.zeros(len(found["id"])), "stop": found["months"] / 2.0}
    first["death"] = np.zeros(len(found["id"]))
    second = {**found, "start": first["stop"], "stop": found["months"], "age": found["age"] + older}
    both = {n: np.concatenate([np.asarray(first[n]), np.asarray(second[n])]) for n in first}
    order = np.argsort(both["id"], kind="stable")
    return {name: values[order] for name, values in both.items() if name != "months"}


@pytest.mark.parametrize(("own", "theirs"), [(5.0, 0.0), (0.0, 5.0), (5.0, 5.0), (0.0, 0.0)])
def test_covariates_that_change_are_refused_before_anything_is_drawn(own, theirs):
    text = TEXT.replace('time = "months"', 'start = "start"\nstop = "stop"')
    patients = in_two_rows(frame(1, 60), older=own)
    others = in_two_rows(frame(2, 40, treated=False), older=theirs)
    if own == theirs == 0.0:
        joined(parse_spec(text), patients, others)
        return
    with pytest.raises(SpecificationError) as caught:
        joined(parse_spec(text), patients, others)
    where = [fault.where for fault in caught.value.faults]
    assert where == ["the cohort"] * (own > 0.0) + ["[external] data"] * (theirs > 0.0)
    assert "age changes during follow-up" in caught.value.faults[0].problem


def test_leaving_out_is_not_sent_to_a_command_that_refuses():
    """`diagnose`, to which reduced models are sent, refuses external controls."""
    _, found = checked(frame(2, 40, treated=False))
    arrays = replace(found.bound.prepared.arrays, unit="pattern")
    prepared = replace(found.bound.prepared, arrays=arrays)
    fit = FittedModel(prepared, found.bound.own, xr.DataTree(), laplace_quality(0.1, 1e3, draws=9))
    assert "`diagnose`" in leave_one_out(fit, seed=1)[0].note
    told = leave_one_out(fit, seed=1, borrowed=True)[0].note
    assert "run `fit` without [external]" in told
    assert "diagnose" not in told


def test_external_controls_who_are_left_out_are_told():
    others = frame(2, 40, treated=False)
    others["age"][:3] = np.nan
    _, found = bound_by("treated + age", frame(1, 60), others, data="drop_missing = true")
    assert "External controls: 3 patients of 40 left out: age is missing." in found.notes
    told = found.to_dict()
    assert (told["patients"], told["dropped"]) == (37, {"age is missing": 3})


def test_sensitivity_labels_external_controls_who_were_simulated(monkeypatch):
    from bayes_ihlrt.sensitivity import external as study

    alone, found = checked(frame(2, 40, treated=False), borrow="power", power=0.5)
    simulated = replace(found, cohort=replace(found.cohort, attrs={"synthetic": True}))
    whole = replace(alone, external=simulated, notes=(*alone.notes, *simulated.notes))
    assert (alone.synthetic, whole.synthetic) == (False, True)
    data = xr.Dataset({"probability": ("x", [0.5]), "mcse": ("x", [0.01])})
    data = data.assign_attrs(threshold=0.95)
    fits = SimpleNamespace(cells=[], lost={}, draws=None, weights=None, ess=None)
    monkeypatch.setattr(study, "fit_cells", lambda *_, **__: fits)
    monkeypatch.setattr(study, "as_fit", lambda *_: None)
    monkeypatch.setattr(study, "read_quantities", lambda *_: [])
    monkeypatch.setattr(study, "with_lost", lambda *_: ())
    monkeypatch.setattr(study, "summarise_quantities", lambda *_: data.expand_dims(member=0))
    told = study.borrow(alone, simulated, wanted=None).sentences
    assert any(note.startswith("SYNTHETIC DATA: the external controls were") for note in told)
    assert not any(
        "SYNTHETIC" in note for note in study.borrow(alone, found, wanted=None).sentences
    )
    result = SensitivityResult(whole, {}, {})
    assert sensitivity_answer(result)["first"][0] == simulated.notes[0]
    assert result.synthetic


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
        (TEXT + '[estimands]\npopulation = "ato"\n', "[estimands] population"),
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


def test_a_treatment_that_cannot_be_read_is_not_told_as_missing():
    with pytest.raises(SpecificationError) as caught:
        parse_spec(TEXT.replace('design = "fixed"', 'design = "fixd"') + ALIKE)
    assert [fault.where for fault in caught.value.faults] == ["[treatment] design"]


def test_a_population_of_propensities_is_one_fault_whose_remedies_are_open():
    with pytest.raises(SpecificationError) as caught:
        parse_spec(TEXT + ALIKE + '[estimands]\npopulation = "ato"\n')
    (fault,) = caught.value.faults
    assert "Add a [propensity] table" not in fault.remedy
    for change in ('[estimands]\npopulation = "att"\n', '[estimands]\npopulation = "sample"\n'):
        parse_spec(TEXT + ALIKE + change)


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
    with pytest.raises(DataError, match="3 cells are neither 0 nor 1: 'no'") as caught:
        checked(others | {"treated": ["no"] * 3 + ["0"] * 37})
    assert "tell of treatment" not in str(caught.value)
    with pytest.raises(DataError) as caught:
        checked(others | {"treated": [1] * 40, "age": [None] * 40})
    assert len(caught.value.faults) == 2


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
    with pytest.raises(DataError, match="20 rows have no number from 0 on"):
        checked(others, borrow="power", power=0.5, weight_column="w")
    for values, says in {
        ("a", "b") * 20: "column w holds text",
        ("a", *([1.0] * 39)): "1 of 40 values is not a number",
        (None, *([1.0] * 39)): "1 of 40 values is missing",
        (None,) * 40: "all 40 values are missing",
        (0.0,) * 40: "every weight is 0",
    }.items():
        (fault,) = weight_faults(others | {"w": [*values]})
        assert says in fault.problem
    del others["w"]
    (fault,) = weight_faults(others)
    assert fault.problem == "column w: there is no such column"
    (fault,) = weight_faults(others, "months")
    assert "the column is [data] time" in fault.problem


def weight_faults(others, column="w"):
    """Return what is told of weights: what to do about it is the same, and leads somewhere."""
    with pytest.raises(DataError) as caught:
        checked(others, borrow="power", power=0.5, weight_column=column)
    for fault in caught.value.faults:
        assert fault.where == "[external] weight_column"
        assert "in which each has a number from 0 on" in fault.remedy
        assert "or remove weight_column" in fault.remedy
    return caught.value.faults


def test_weights_of_patients_with_several_rows_are_divided_by_their_mean_over_patients():
    """Divided by the mean over rows they were refused again."""
    text = TEXT.replace('time = "months"', 'start = "start"\nstop = "stop"')
    own, others = in_two_rows(frame(1, 60), older=0.0), frame(2, 40, treated=False)
    many = in_two_rows({n: v[:20] for n, v in others.items()}, older=0.0)
    few = {n: v[20:] for n, v in others.items()} | {"start": np.zeros(20)}
    few["stop"] = few.pop("months")
    others = {name: np.concatenate([many[name], few[name]]) for name in many}
    others["w"] = np.repeat([1.0, 3.0], [40, 20])
    about = {"borrow": "power", "power": 0.5, "weight_column": "w"}
    with pytest.raises(DataError, match="Divide each by 2, their mean over patients"):
        joined(parse_spec(text), own, others, **about)
    joined(parse_spec(text), own, others | {"w": others["w"] / 2.0}, **about)


def test_external_controls_may_be_of_one_stage_and_one_centre():
    """What is the same for all of them differs from the cohort's, or only weighs."""
    cohort = frame(1, 60) | {"stage": ["B", "C"] * 30, "site": ["x", "y", "z"] * 20}
    others = frame(2, 40, treated=False)
    others |= {"stage": ["C"] * 40, "site": ["x"] * 40, "w": [0.5] * 40}
    text = TEXT.replace('"treated + age"', '"treated + stage"\ngroup = "(1 | centre)"')
    spec = parse_spec(text.replace('event = "death"', 'event = "death"\ncentre = "site"'))
    about = {"borrow": "power", "power": 0.5, "weight_column": "w"}
    alone, found = joined(spec, cohort, others, **about)
    assert found.others.columns["weight"].tolist() == [0.5] * 40
    with pytest.raises(DataError, match="column stage: every row has the same value, 'C'"):
        check_analysis(alone.spec, cohort | {"stage": ["C"] * 60})


def test_weights_of_more_patients_than_there_are_are_refused():
    others = frame(2, 40, treated=False) | {"w": np.linspace(100.0, 1000.0, 40)}
    with pytest.raises(DataError, match=r"weights sum to 22,000 for 40 patients") as caught:
        checked(others, borrow="power", power=0.5, weight_column="w")
    assert "Divide each by 550, their mean over patients" in str(caught.value)
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
