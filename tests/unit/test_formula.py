"""Formulas: what is read, what is refused, and the design matrix that comes of it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.model.encode import build_encoder
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.formula import GroupTerm, parse_formula, parse_group
from bayes_ihlrt.spec.model import ModelSpec


@pytest.mark.parametrize(
    ("text", "terms", "columns"),
    [
        ("ihlrt", ["ihlrt"], ["ihlrt"]),
        ("ihlrt * nlr + albi", ["ihlrt", "nlr", "ihlrt:nlr", "albi"], ["ihlrt", "nlr", "albi"]),
        ("a:b", ["a:b"], ["a", "b"]),
        ("a + b + b:a + a:b", ["a", "b", "b:a"], ["a", "b"]),
        ("(a + b) * c", ["a", "b", "c", "a:c", "b:c"], ["a", "b", "c"]),
        ("a * b * c", ["a", "b", "a:b", "c", "a:c", "b:c", "a:b:c"], ["a", "b", "c"]),
        ("a * a", ["a"], ["a"]),
        ("1 + a", ["a"], ["a"]),
        ("bs(age, df=3) + C(bclc)", ["bs(age, df=3)", "C(bclc)"], ["age", "bclc"]),
        ("ihlrt:log(nlr + 1)", ["ihlrt:log(nlr + 1)"], ["ihlrt", "nlr"]),
        ("bs(age, knots=[50, 70])", ["bs(age, knots=[50, 70])"], ["age"]),
        ("exp(-age / 10)", ["exp(-age / 10)"], ["age"]),
    ],
)
def test_terms_and_columns(text, terms, columns):
    found = parse_formula(text)
    assert list(found.term_names) == terms
    assert list(found.columns) == columns


NAMES = st.sampled_from(["ihlrt", "nlr", "albi", "age", "bclc"])


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True))
def test_a_product_has_every_subset_of_its_factors_once(names):
    terms = parse_formula(" * ".join(names)).terms
    assert len(terms) == 2 ** len(names) - 1
    assert len({frozenset(term) for term in terms}) == len(terms)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ihlrt +", "cannot read 'ihlrt +'"),
        ("", "cannot read ''"),
        ("ihlrt - nlr", "'ihlrt - nlr' is not allowed"),
        ("0 + ihlrt", "'0' is not allowed"),
        ("a ** 2", "powers"),
        ("a^2", "powers"),
        ("os.system(x)", "function 'os.system' is not allowed"),
        ("__import__(os)", "function '__import__' is not allowed"),
        ("lag(nlr)", "function 'lag' is not allowed. Did you mean 'log'?"),
        ("log(nlr.real)", "'nlr.real' is not allowed inside a function"),
        ("log((lambda: nlr)())", "cannot read"),
        ("[x for x in nlr]", "is not allowed"),
        ("log([n for n in nlr])", "is not allowed inside a function"),
        ("nlr if albi else age", "is not allowed"),
        ("'nlr'", "it holds a quote ('), which no formula may"),
        ("time ~ nlr", "it holds '~', which no formula may"),
    ],
)
def test_what_is_not_a_formula_is_refused(text, message):
    with pytest.raises(SpecificationError) as caught:
        parse_formula(text)
    assert message in str(caught.value)


def test_every_fault_of_a_formula_is_told():
    with pytest.raises(SpecificationError) as caught:
        parse_formula("lag(nlr) + sqrt(albi) + 2")
    assert len(caught.value.faults) == 3


def test_groups():
    assert parse_group("") == ()
    assert parse_group("(1 | centre)") == (GroupTerm("centre"),)
    assert parse_group("( 1+ihlrt|centre ) + (1 | region)") == (
        GroupTerm("centre", "ihlrt"),
        GroupTerm("region"),
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("centre", "cannot read 'centre'"),
        ("(ihlrt | centre)", "cannot read '(ihlrt | centre)'"),
        ("(1 + ihlrt + nlr | centre)", "cannot read"),
        ("(1 | centre) + (1 + ihlrt | centre)", "'centre' is named twice"),
        ("(1 | centre) (1 | region)", "cannot read"),
    ],
)
def test_what_is_not_a_group_is_refused(text, message):
    with pytest.raises(SpecificationError) as caught:
        parse_group(text)
    assert message in str(caught.value)


COLUMNS = {
    "patient": np.array(["a", "b", "c", "d", "e", "f"], dtype=object),
    "start": np.zeros(6),
    "stop": np.array([3.0, 6.0, 9.0, 12.0, 15.0, 18.0]),
    "event": np.ones(6),
    "weight": np.ones(6),
    "first": np.ones(6),
    "ihlrt": np.array([0.0, 1.0, 0.0, 1.0, 0.0, 1.0]),
    "nlr": np.array([1.5, 3.0, 6.0, 12.0, 3.0, 1.5]),
    "albi": np.array([-2.0, -2.5, -1.5, -3.0, -2.2, -1.9]),
    "bclc": np.array(["B", "C", "A", "B", "C", "A"], dtype=object),
    "region": np.array([1000001.0, 1000002.0, 7.0, 7.5, 7.0, 7.0]),
}


def encoder(formula, group="", **modifier):
    spec = ModelSpec.model_validate(
        {
            "treatment": "ihlrt",
            "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0, **modifier},
            "outcome": {"formula": formula, "group": group},
        }
    )
    rows = PersonTime(COLUMNS, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    return build_encoder(spec, rows)


def test_design_matrix_with_a_transformed_modifier():
    found = encoder("ihlrt * nlr + albi")
    assert found.columns == ("ihlrt", "nlr", "albi", "ihlrt:nlr")
    doublings = np.array([-1.0, 0.0, 1.0, 2.0, 0.0, -1.0])
    expected = [COLUMNS["ihlrt"], doublings, COLUMNS["albi"], COLUMNS["ihlrt"] * doublings]
    np.testing.assert_allclose(found.design(COLUMNS), np.stack(expected, axis=1), atol=1e-14)


def test_modifier_transforms():
    values = COLUMNS["nlr"]
    identity = encoder("nlr", transform="identity").design(COLUMNS)[:, 0]
    np.testing.assert_allclose(identity, values - 3.0)
    standard = encoder("nlr", transform="standardise").design(COLUMNS)[:, 0]
    np.testing.assert_allclose(standard, (values - 3.0) / values.std(ddof=1))


def test_categories_have_the_first_level_as_reference():
    found = encoder("bclc + ihlrt")
    assert dict(found.terms)["bclc[T.B]"] == "bclc"
    position = found.columns.index("bclc[T.C]")
    assert found.design(COLUMNS)[:, position].tolist() == [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]


def test_new_rows_are_encoded_as_those_that_were_learnt_from():
    found = encoder("bclc + scale(albi)")
    whole = found.design(COLUMNS)
    part = found.design({name: values[1:2] for name, values in COLUMNS.items()})
    np.testing.assert_allclose(part, whole[1:2], atol=1e-14)


def test_unseen_levels_are_refused():
    found = encoder("C(bclc)")
    strange = {**COLUMNS, "bclc": np.array(["B", "D", "A", "B", "C", "A"], dtype=object)}
    with pytest.raises(SpecificationError, match=r"level\(s\) D did not occur in the cohort"):
        found.design(strange)


def test_unseen_groups_are_refused():
    found = encoder("ihlrt", "(1 | bclc)")
    strange = {**COLUMNS, "bclc": np.array(["B", "D", "A", "B", "C", "A"], dtype=object)}
    with pytest.raises(SpecificationError, match=r"level\(s\) D did not occur in the cohort"):
        found.group_index(strange, "bclc")


def test_numbered_groups_stay_apart():
    found = encoder("ihlrt", "(1 | region)")
    assert found.levels["region"] == ("1000001", "1000002", "7", "7.5")
    assert found.group_index(COLUMNS, "region").tolist() == [0, 1, 2, 3, 2, 2]


@pytest.mark.parametrize(
    ("formula", "message"),
    [
        ("ihlrt + alb", "[outcome] formula: no column 'alb'. Did you mean 'albi'?"),
        ("ihlrt + first", "these columns determine one another: the baseline hazard, first"),
        ("ihlrt + weight", "[outcome] formula: 'weight' is a name that the model uses itself"),
    ],
)
def test_columns_that_cannot_be_used(formula, message):
    with pytest.raises(SpecificationError) as caught:
        encoder(formula)
    assert message in str(caught.value)


def test_patients_cannot_be_groups():
    with pytest.raises(SpecificationError, match="'patient' is a name that the model uses itself"):
        encoder("ihlrt", "(1 | patient)")


def test_log2_needs_positive_values():
    with pytest.raises(
        SpecificationError, match=r"needs positive values; found -3 \(patient d; 6 in"
    ):
        encoder("albi", column="albi")


def test_no_formula_means_no_columns():
    found = encoder("")
    assert found.columns == ()
    assert found.design(COLUMNS).shape == (6, 0)
