"""What is the matter with a member's data is told by name; nothing is compiled or sampled."""

import numpy as np
import pytest

import batch_cases as cases
import graph_cases
from bayes_ihlrt.batch.density import jax_density, prepared_density
from bayes_ihlrt.batch.failures import member_flags
from bayes_ihlrt.model import arrays
from bayes_ihlrt.model.graph import build_graph, prepare

MEMBERS = 4


@pytest.fixture(scope="module")
def density():
    return prepared_density(prepare(cases.spec(cases.COVARIATES), cases.rows()))


def repeated(density, *names):
    """Return arrays of the graph, once for each member."""
    whole = density.arrays()
    return [np.repeat(whole[name][None], MEMBERS, axis=0).copy() for name in names]


def flags(density, **members):
    return member_flags(density, density.data, members)


def test_good_data_have_no_flag(density):
    (weight,) = repeated(density, "weight")
    found = flags(density, weight=weight)
    assert not any(flag.any() for flag in found.table.values())
    assert list(found.messages()) == []
    assert found.columns == ("arm", "albi", "high")


def test_separation_names_column_and_value(density):
    event, exposure, design = repeated(density, "event", "exposure", "design")
    arm, high = design[0, :, 0], design[0, :, 2]
    event[1][arm == 1.0] = 0.0
    exposure[2][high == 0.0] = 0.0
    event[2][high == 0.0] = 0.0
    found = flags(density, event=event, exposure=exposure)
    assert found.table["separation"].tolist() == [False, True, True, False]
    assert list(found.messages()) == [
        (1, "no events where arm = 1, so the prior decides its coefficient"),
        (2, "nobody at risk where high = 0, so the prior decides its coefficient"),
    ]
    # A constant column is linearly dependent, too; it has been told already.
    assert found.table["collinear"].tolist() == [False, False, True, False]


def test_weights_of_zero_leave_patients_out(density):
    weight, row_unit, design = repeated(density, "weight", "row_unit", "design")
    treated = row_unit[0][design[0, :, 0] == 1.0]
    weight[1][treated] = 0.0
    weight[2][1:] = 0.0
    weight[3][:] = 0.0
    found = flags(density, weight=weight)
    assert found.table["one_patient"].tolist() == [False, False, True, True]
    assert list(found.messages()) == [
        (1, "nobody at risk where arm = 1, so the prior decides its coefficient"),
        (2, "only one patient is at risk, so the priors decide nearly everything"),
        (3, "nobody is at risk, so the posterior is the prior"),
    ]


def test_all_censored(density):
    (event,) = repeated(density, "event")
    event[3] = 0.0
    found = flags(density, event=event)
    assert found.table["no_events"].tolist() == [False, False, False, True]
    assert list(found.messages()) == [(3, "no events, so the priors decide every coefficient")]


def test_collinear_covariates(density):
    (design,) = repeated(density, "design")
    design[0, :, 1] = 3.0 - 2.0 * design[0, :, 2]
    design[2, :, 1] = 4.0
    found = flags(density, design=design)
    assert found.table["collinear"].tolist() == [True, False, True, False]
    words = "determine one another, so the priors decide how their effect is divided"
    assert list(found.messages()) == [
        (0, f"the baseline hazard and albi and high {words}"),
        (2, f"the baseline hazard and albi {words}"),
    ]


def test_nearly_collinear_covariates_are_let_through(density):
    (design,) = repeated(density, "design")
    rng = np.random.default_rng(1)
    design[:, :, 1] = 2000.0 + design[:, :, 2] + 0.5 * rng.standard_normal(design.shape[1])
    assert not flags(density, design=design).table["collinear"].any()


def test_packed_and_single_arrays_say_the_same(density):
    event, rows = repeated(density, "event", "rows")
    event[1][design_of(density) == 1.0] = 0.0
    rows[:, density.slots["event"].first] = event
    one, other = flags(density, event=event), flags(density, rows=rows)
    assert list(one.messages()) == list(other.messages()) != []


def design_of(density):
    return density.arrays()["design"][:, 0]


def test_many_members_are_looked_at_in_parts(density, monkeypatch):
    (event,) = repeated(density, "event")
    event[2] = 0.0
    whole = flags(density, event=event)
    monkeypatch.setattr("bayes_ihlrt.batch.failures._CHUNK", 1)
    parts = flags(density, event=event)
    for name, values in whole.table.items():
        np.testing.assert_array_equal(parts.table[name], values)


def test_patterns_do_not_tell_patients_apart(monkeypatch):
    monkeypatch.setattr(arrays, "AGGREGATE_ABOVE", 100)
    spec = graph_cases.specification("independent")
    prepared = prepare(spec, graph_cases.person_time(patients=300, levels=2))
    assert prepared.arrays.unit == "pattern"
    density = prepared_density(prepared)
    weight = np.zeros((2, len(prepared.arrays.labels)))
    weight[0, 0] = 1.0
    found = member_flags(density, density.data, {"weight": weight})
    assert found.one_patient.tolist() == [False, False]
    assert found.nobody.tolist() == [False, True]


def test_rows_without_names_are_not_looked_at():
    model = build_graph(prepare(cases.spec(cases.EXPONENTIAL), cases.rows()))
    density = jax_density(model)
    weight = np.ones((1, 60))
    assert member_flags(density, density.data, {"weight": weight}) is None
