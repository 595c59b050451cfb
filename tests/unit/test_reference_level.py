"""The level of a category with which its others are compared may be chosen, and is shown."""

import numpy as np
import pytest

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.model.encode import build_encoder
from bayes_ihlrt.spec.read import parse_spec

RNG = np.random.default_rng(20)
FRAME = {
    "id": np.arange(60),
    "os": RNG.exponential(12.0, 60) + 0.1,
    "death": RNG.integers(0, 2, 60),
    "tace": np.full(60, np.nan),
    "cp": RNG.choice(np.array(["A", "B", "C"], dtype=object), 60),
    "stage": RNG.integers(1, 4, 60),
}
FRAME["tace"][::4] = FRAME["os"][::4] / 3.0


def spec(reference, formula="tace_given + cp"):
    return parse_spec(f"""
        schema = 2
        name = "levels"
        [data]
        patient = "id"
        time = "os"
        event = "death"
        [treatment]
        name = "tace_given"
        start = "tace"
        [outcome]
        formula = "{formula}"
        reference = {reference}
        """)


@pytest.mark.parametrize("level", ["A", "B", "C"])
def test_the_others_are_compared_with_the_level_that_is_chosen(level):
    checked = check_analysis(spec(f'{{ cp = "{level}" }}'), FRAME)
    assert checked.to_dict()["references"] == {"cp": level}
    encoder = checked.prepared.encoder
    assert encoder.columns == (
        "tace_given",
        *(f"cp[T.{other}]" for other in "ABC" if other != level),
    )
    rows = {"tace_given": np.zeros(3), "cp": np.array(["A", "B", "C"], dtype=object)}
    design = encoder.design(rows)
    assert not design["ABC".index(level)].any()
    assert design.sum() == 2.0


def test_without_a_choice_it_is_the_first():
    assert check_analysis(spec("{}"), FRAME).to_dict()["references"] == {"cp": "A"}


def test_numbers_that_are_categories_have_a_reference_too():
    checked = check_analysis(spec('{ stage = "2" }', "tace_given + C(stage)"), FRAME)
    assert list(checked.to_dict()["references"].values()) == ["2.0"]


def test_rows_without_the_reference_are_encoded_alike():
    encoder = check_analysis(spec('{ cp = "B" }'), FRAME).prepared.encoder
    some = {"tace_given": np.zeros(2), "cp": np.array(["A", "C"], dtype=object)}
    every = {"tace_given": np.zeros(3), "cp": np.array(["A", "C", "B"], dtype=object)}
    np.testing.assert_array_equal(encoder.design(some), encoder.design(every)[:2])


def test_a_level_that_nobody_has_and_a_column_of_no_formula_are_refused():
    with pytest.raises(SpecificationError, match="no row of cp has the value 'D'"):
        check_analysis(spec('{ cp = "D" }'), FRAME)
    with pytest.raises(
        SpecificationError, match="`reference` names sex, which the formula does not read"
    ):
        spec('{ sex = "f" }')


def test_encoder_is_built_the_same_from_person_time():
    checked = check_analysis(spec('{ cp = "C" }'), FRAME)
    again = build_encoder(checked.spec.model, checked.person_time)
    assert again.references == {"cp": "C"}
