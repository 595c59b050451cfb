"""Labels: which are refused, and what names become in terms, levels and expressions."""

from types import SimpleNamespace

import numpy as np
import pytest
from pydantic import ValidationError

from bayes_ihlrt.cohort.doubts import doubts
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.errors import DataError
from bayes_ihlrt.labels import Label, Labels
from bayes_ihlrt.ladder.figure import _adjusted
from bayes_ihlrt.limits import LONGEST_LABEL
from bayes_ihlrt.spec.analysis import AnalysisSpec, file_data
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.read import parse_spec

FRAME = {
    "id": np.arange(1, 41),
    "os": np.linspace(3.0, 40.0, 40),
    "death": np.tile([1, 0], 20),
    "site": np.tile(["n", "s"], 20),
    "NLR (day 0)": np.linspace(1.0, 9.0, 40),
    "stage": np.tile(["2", "3", "3", "2"], 10),
}
DATA = {
    "patient": "id",
    "time": "os",
    "event": "death",
    "centre": "site",
    "aliases": {"nlr": "NLR (day 0)"},
}


def data(**labels):
    return DataSpec.model_validate(DATA | {"labels": labels})


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"nlr": " "}, "a label is empty"),
        ({"nlr": "a\nb"}, r"'a\nb' holds a line break"),
        ({"nlr": "a\x1b[31mb"}, r"\x1b"),
        ({"nlr": "\u202egnirts"}, r"\u202e"),
        ({"nlr": "x" * (LONGEST_LABEL + 1)}, f"has {LONGEST_LABEL + 1} characters"),
        ({"nlr": "Ratio", "stage": "ratio"}, "calls nlr and stage 'ratio'"),
        ({"stage": {"label": "S", "levels": {"2": "II", "3": "ii"}}}, "2 and 3 'ii'"),
        ({"nlr": {"unit": "g/L"}}, "label"),
        ({"nlr": {"label": "Ratio", "color": "red"}}, "color"),
    ],
)
def test_labels_that_mislead_are_refused(labels, told):
    with pytest.raises(ValidationError) as caught:
        data(**labels)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        ({"nlrr": "Ratio"}, ["[data] labels, nlrr: it names no column of the file"]),
        ({"nlr": "stage"}, ["its label 'stage' is the name of another column"]),
        ({"a": "A", "stage": "site"}, ["labels, a:", "labels, stage:"]),
    ],
)
def test_labels_of_unknown_columns_are_faults(labels, told):
    with pytest.raises(DataError) as caught:
        Cohort.from_frame(FRAME, data(**labels), covariates=["nlr", "stage"])
    assert len(caught.value.faults) == len(told)
    for fault, words in zip(caught.value.faults, told, strict=True):
        assert words in str(fault)


def test_a_column_may_be_called_as_the_file_calls_it():
    given = data(nlr="NLR (day 0)", site="Hospital")
    assert Cohort.from_frame(FRAME, given, covariates=["nlr"]).n_patients == 40


def test_levels_that_nobody_has_are_told():
    given = data(
        stage={"label": "Stage", "levels": {"2": "II", "4": "IV"}},
        site={"label": "Hospital", "levels": {"n": "North", "w": "West"}},
    )
    cohort = Cohort.from_frame(FRAME, given, covariates=["stage"])
    notes = [n for n in doubts(cohort, given, None, covariates=["stage"]) if "LABELS" in n]
    assert notes == [
        "LABELS of stage: nobody has '4'; the data have '2', '3'.",
        "LABELS of site: nobody has 'w'; the data have 'n', 's'.",
    ]


def test_names_of_the_analysis_may_be_labelled():
    spec = AnalysisSpec.model_validate(
        {
            "schema": 2,
            "name": "x",
            "data": DATA | {"labels": {"drug": "Drug", "m": "Ratio", "centre": "Hospital"}},
            "treatment": {"name": "drug", "start": "os", "design": "split"},
            "modifier": {"name": "m", "column": "nlr", "reference": 3.0},
            "outcome": {"formula": "drug * m", "group": "(1 | centre)"},
        }
    )
    labels = spec.labels
    assert labels.term("log_rate") == "baseline rate (log)"
    assert labels.term("slope") == "slope", "a column's name, no parameter of a Weibull"
    assert [labels.of(name) for name in ("drug", "m", "centre")] == ["Drug", "Ratio", "Hospital"]
    assert labels.term("drug:m") == "Drug \u00d7 Ratio"
    assert file_data(spec.data, spec.treatment, spec.modifier).labels == {}
    # A label of a column is that of the modifier made of it, and comes back from TOML as it was.
    of = spec.model_copy(update={"data": data(**{"NLR (day 0)": "NLR at baseline"})})
    assert of.labels.of("m") == of.labels.of("nlr") == "NLR at baseline"
    again = parse_spec(spec.to_toml())
    assert again.data.labels == spec.data.labels


TOLD = Labels(
    texts={"t": "TACE", "stage": "Stage", "centre": "Hospital", "alb": "Albumin"},
    units={"alb": "g/L"},
    levels={"stage": {"2": "II"}, "centre": {"n": "North"}},
)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("t", "TACE"),
        ("log_rate", "log_rate"),
        ("t:stage[T.2]", "TACE \u00d7 Stage: II"),
        ("C(stage)[T.2.0]", "Stage: II"),
        ("stage[T.a:b]", "Stage: a:b"),
        ("sd_centre", "SD of Hospital"),
        ("sd_centre:t", "SD of Hospital \u00d7 TACE"),
        ("centre_effect[n]", "Effect of Hospital: North"),
        ("centre_effect:t[n]", "Effect of Hospital \u00d7 TACE: North"),
        ("log(alb / 10)", "log(Albumin / 10)"),
        ("log(alb \u2215 10)", "log(Albumin / 10)"),
        ("bs(alb, df=4)[1]", "bs(Albumin, df=4)[1]"),
        ("albi", "albi"),
        ("log_hazard[3-6]", "log_hazard[3-6]"),
    ],
)
def test_terms_are_called_by_labels(name, told):
    assert TOLD.term(name) == told


def test_units_stand_beside_labels_once():
    assert TOLD.with_unit("alb") == "Albumin (g/L)"
    named = Labels(texts={"alb": "Albumin (g/L)"}, units={"alb": "g/L"})
    assert named.with_unit("alb") == "Albumin (g/L)"
    assert Label(label="A", unit="g/L").model_dump() == {"label": "A", "unit": "g/L"}
    assert Label(label="A").model_dump() == "A"


def test_the_ladder_calls_what_it_adjusts_for_by_labels():
    labels = Labels(texts={"nlr": "Ratio", "stage": "Stage"})
    plan = SimpleNamespace(adjusted_for=("nlr", "stage"), model=SimpleNamespace(labels=labels))
    told = _adjusted([SimpleNamespace(plan=plan)], crude=False)
    assert told == "adjusted for Ratio, Stage"
