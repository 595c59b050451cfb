"""Every formula that is let through gives names that a graph and a netCDF file can hold."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from bayes_ihlrt.batch.result import labelled
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.escaping import as_written, variable_name
from bayes_ihlrt.model.graph import build_model
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.posterior.store import load, save
from bayes_ihlrt.spec.model import ModelSpec

ROWS = 8
COLUMNS = {
    "patient": np.array(list("abcdefgh"), dtype=object),
    "start": np.zeros(ROWS),
    "stop": np.arange(1.0, 1.0 + ROWS),
    "event": np.ones(ROWS),
    "weight": np.ones(ROWS),
    "treated": np.tile([0.0, 1.0], 4),
    "age": np.array([50.0, 71, 66, 48, 59, 80, 62, 55]),
    "site": np.array(list("xyxyyxxy"), dtype=object),
}
HAZARDS = [
    {"family": "weibull"},
    {"family": "gompertz"},
    {"family": "piecewise", "cuts": [4.0]},
    {"family": "mspline", "knots": 1},
]


def model(formula, *, columns=COLUMNS, hazard=HAZARDS[0], group="", **priors):
    spec = {"formula": formula, "group": group, "hazard": hazard}
    found = ModelSpec.model_validate({"treatment": "treated", "outcome": spec, "priors": priors})
    rows = PersonTime(columns, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    return build_model(found, rows)


def stored(graph, folder):
    """Save one draw of every parameter as a result would be, and read it again."""
    values = {v.name: np.zeros((1, 1, *v.shape.eval())) for v in graph.free_RVs}
    tree = xr.DataTree.from_dict({"posterior": labelled(graph, values, ("chain", "draw"))})
    save(tree, folder / "posterior.nc")
    assert load(folder / "posterior.nc").equals(tree)
    return set(tree["posterior"].data_vars)


def test_a_quotient_can_be_fitted_and_saved(tmp_path):
    names = stored(model("treated + log(age / 10)"), tmp_path)
    assert variable_name("log(age / 10)") in names
    assert all("/" not in name for name in names)


@pytest.mark.parametrize(
    "levels",
    [
        ("I/II", "III"),
        ("/", "."),
        ("a\nb", "a\tb"),
        ("[x]", "x]"),
        ("x" * 400, "x" * 401),
        ("=1+1", "\x1b[31m"),
        ("\u202e", "\x00"),
        (" ", "  "),
        ("", "a"),
    ],
)
def test_any_level_can_be_saved(levels, tmp_path):
    column = np.array([levels[i % 2] for i in (0, 1, 1, 0, 0, 0, 1, 1)], dtype=object)
    names = stored(model("treated + stage", columns={**COLUMNS, "stage": column}), tmp_path)
    assert sum(name.startswith("stage[") for name in names) == 1


def test_levels_that_look_alike_are_told():
    column = np.array(["I", "a/b", "a\u2215b", "I"] * 2, dtype=object)
    with pytest.raises(SpecificationError, match="these cannot be told apart"):
        model("treated + stage", columns={**COLUMNS, "stage": column})


def test_a_prior_is_stated_under_the_name_as_it_is_written():
    prior = {"dist": "Normal", "mu": 0.0, "sigma": 0.125}
    column = np.array(["I/II", "0"] * 4, dtype=object)
    columns = {**COLUMNS, "age": COLUMNS["age"][::-1], "stage": np.roll(column, 1)}
    columns["treated"] = np.array([0.0, 0, 1, 1, 0, 1, 1, 0])
    for name, formula in (("log(age / 9)", "log(age / 9)"), ("stage[T.I/II]", "stage")):
        graph = model(f"treated + {formula}", columns=columns, **{name: prior})
        labels = list(graph.coords["hyperparameter"])
        place = labels.index(f"{variable_name(name)}.sigma")
        assert graph["hyperparameters"].get_value()[place] == 0.125


def own_names():
    names = set()
    for hazard in HAZARDS:
        for group in ("(1 | site)", "(1 + treated | site)"):
            graph = model("treated", hazard=hazard, group=group)
            names |= {*graph.named_vars, *graph.coords}
    return sorted({*names, "chain", "draw", "exp_age", "sd_x"} - {"treated"})


@pytest.mark.parametrize("name", [name for name in own_names() if name.isidentifier()])
def test_names_of_the_graph_are_refused_for_columns(name):
    columns = {**COLUMNS, name: COLUMNS.get(name, COLUMNS["age"])}
    for formula, group in ((f"treated + {name}", "(1 + treated | site)"),):
        with pytest.raises(SpecificationError, match="is a name that the model uses itself"):
            model(formula, columns=columns, group=group)
    if name != "site":
        with pytest.raises(SpecificationError, match="is a name that the model uses itself"):
            model("treated", columns=columns, group=f"(1 | site) + (1 | {name})")


@settings(max_examples=200, deadline=None)
@given(st.text(min_size=1))
def test_variable_names_suit_netcdf(text):
    name = variable_name(f"x[T.{text}]")
    assert "/" not in name
    assert name == name.strip()
    assert len(name.encode()) <= 180
    assert all(letter.isprintable() or letter.isspace() for letter in name)
    if len(f"x[T.{text}]".encode()) <= 160 and text.isprintable() and "\u2215" not in text:
        assert as_written(name) == f"x[T.{text}]"
