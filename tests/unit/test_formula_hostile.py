"""No formula runs what its checked tree does not hold, and what is refused is told in words."""

import types
from contextlib import suppress

import formulaic.utils.stateful_transforms as library
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.errors import SpecificationError
from bayes_ihlrt.model.encode import build_encoder
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.formula import FUNCTIONS, parse_formula
from bayes_ihlrt.spec.formula_reader import DEEPEST, LONGEST, MOST_TERMS
from bayes_ihlrt.spec.model import ModelSpec

# Passed the first reader as a call with a list of texts; the second saw another call in it.
RUNS_CODE = (
    'ihlrt * nlr + C(bclc, spans_intercept=["\\\\", "`", \'\'\'"`", '
    "__import__('os').system('echo > executed') #'''\n])"
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (RUNS_CODE, "which no formula may"),
        ("nlr + `age`", "a backtick"),
        ("log(nlr) # comment", "'#'"),
        ("log(nlr,\nage)", "a line break"),
        ("nlr\\tage", "a backslash"),
        ("nlr\tage", "a tab"),
        ("{nlr}", "'{', '}'"),
        ("nlr; age", "';'"),
        ("nlr\x00", r"'\x00'"),
        ("nlr\u202eegA", r"'\u202e'"),
        ("nlr\u00a0+ age", "a space that is no plain one"),
        ("nlr @ age", "'@'"),
        ("(nlr := age)", "cannot read"),
        ("log(nlr)(age)", "function 'log(nlr)' is not allowed"),
        ("log(*nlr)", "is given nothing to work on"),
        ("log(**nlr)", "powers"),
        ("log(nlr)[0]", "is not allowed"),
        ("C(bclc, levels=[1])", "'C' has no option 'levels'"),
        ("bs(age, df=2)", "df=2 is too few for 'bs' of degree 3. Allowed: 3 or more"),
        ("bs(age, df=3, include_intercept=True)", "Allowed: 4 or more"),
        ("bs(age, df=3, knots=[50])", "both 'df' and 'knots'"),
        ("bs(age, 3, df=4)", "'bs' is given 'df' twice"),
        ("bs(age, df=1000000)", "Allowed: a whole number from 1 to 30"),
        ("bs(age, df=nlr)", "df of 'bs' is 'nlr'"),
        ("bs(age, knots=[nlr])", "Allowed: a list of 1 to 30 numbers"),
        ("poly(age, raw=1)", "Allowed: True or False"),
        ("log(age, 10)", "'log' is given 2 values"),
        ("log(age * 1e999)", "constants are numbers of ordinary size"),
        ("log(age + 1j)", "constants are numbers"),
        ("log(age + True)", "constants are numbers"),
        ("log(None + age)", "constants are numbers"),
        ("True + age", "'True' is not allowed"),
        ("log(2)", "'log(2)' reads no column"),
        ("log + log(age)", "'log' is both a function and a column"),
        ("__builtins__ + age", "no plain name"),
        ("\ufb01brosis + age", "Write plain letters"),
        ("(" * (DEEPEST + 1) + "age" + ")" * (DEEPEST + 1), "nested 13 deep"),
        ("log(" + "-" * 2000 + "age)", "nested too deeply"),
        ("log(" + "+".join(["age"] * 2000) + ")", "nested too deeply"),
        ("a" * (LONGEST + 1), "characters"),
        (" + ".join(f"x{i}" for i in range(MOST_TERMS + 1)), "251 terms"),
        ("+".join("abcdefghijkl"[i % 12] for i in range(4000)), "4,000 terms"),
        ("*".join(f"x{i}" for i in range(40)), "terms or more"),
        (":".join(f"(a{i} + b{i} + c{i})" for i in range(30)), "terms or more"),
        ("bs(age, df=" + "9" * 5000 + ")", "cannot read"),
    ],
    ids=lambda text: ascii(text)[:40],
)
def test_hostile_formulas_are_told_in_words(text, message):
    with pytest.raises(SpecificationError) as caught:
        parse_formula(text)
    assert message in str(caught.value)
    assert str(caught.value).replace("\n", "").isprintable()


def test_long_sums_of_allowed_length_are_read():
    text = " + ".join(f"x{i}" for i in range(MOST_TERMS))
    assert len(parse_formula(text).terms) == MOST_TERMS


ROWS = 12
COLUMNS = {
    "patient": np.array([f"p{i}" for i in range(ROWS)], dtype=object),
    "start": np.zeros(ROWS),
    "stop": np.arange(1.0, 1.0 + ROWS),
    "event": np.ones(ROWS),
    "weight": np.ones(ROWS),
    "ihlrt": np.tile([0.0, 1.0], 6),
    "nlr": np.geomspace(1.0, 9.0, ROWS)[::-1].copy(),
    "age": np.array([50.0, 71, 66, 48, 59, 80, 62, 55, 77, 69, 52, 64]),
    "bclc": np.array(list("BCABCACABBCA"), dtype=object),
}


def encode(text):
    spec = ModelSpec.model_validate({"outcome": {"formula": text}})
    return build_encoder(spec, PersonTime(COLUMNS, Provenance(DesignKind.FIXED, {}, 0.0, {}, {})))


HOSTILE = [
    *("'", '"', "`", "\\", "#", "{", "}", "\n", "\r", ";", "\x00", "'''", '"' * 3, "\u2028"),
    *("__import__", "('os')", ".system", "eval(", "exec(", "open(", "lambda: ", "spy(", "[0]"),
    *(
        "lambda nlr: nlr",
        "nlr.__class__",
        "globals()",
        "np.",
        "I(",
        "Q(",
        "contr.",
        " if age else ",
    ),
    *(":=", "**", "*nlr", "~", "|", "%", "@", "-1", "0", "1", "True", "None", "...", "1e999", "9j"),
    *("{f}", "\\N{BULLET}", "yield ", "await ", "for x in age", ",", "(", ")", "[", "]", "=", ":"),
    RUNS_CODE,
]
PARTS = st.sampled_from(
    [
        *("ihlrt", "nlr", "age", "C(bclc)", "bclc", "log(nlr)", "log(age / 10 + 1)"),
        *("bs(age, df=3)", "exp(-age / 10)", "scale(nlr)", "center(age)", "poly(age, 2)"),
        *("cr(nlr, df=3)", "log2(nlr)"),
    ]
)
SIGNS = st.sampled_from([" + ", " * ", ":"])


@st.composite
def mutated(draw):
    parts = draw(st.lists(PARTS, min_size=1, max_size=3, unique=True))
    text = parts[0] + "".join(draw(SIGNS) + part for part in parts[1:])
    for _ in range(draw(st.integers(0, 3))):
        place, cut = draw(st.integers(0, len(text))), draw(st.integers(0, 3))
        added = draw(st.sampled_from(HOSTILE) | st.text(max_size=3))
        text = text[:place] + added + text[place + cut :]
    return text


def names_in(code):
    inner = [each for each in code.co_consts if isinstance(each, types.CodeType)]
    return {*code.co_names, *code.co_varnames, *(name for each in inner for name in names_in(each))}


# What the library itself adds to a call that learns from the data.
OWN = {"__FORMULAIC_CONTEXT__", "__FORMULAIC_METADATA__", "__FORMULAIC_STATE__"} | {
    *("__FORMULAIC_SPEC__", "get")
}


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(mutated())
@example(RUNS_CODE)
def test_nothing_is_evaluated_that_the_tree_does_not_hold(text):
    evaluated = []

    def watched(code, *rest):
        evaluated.append(code)
        return eval(code, *rest)

    library.eval = watched
    # Pydantic tells an unreadable formula as an error of its own; nothing else may be raised.
    try:
        with suppress(SpecificationError, ValidationError):
            encode(text)
    finally:
        del library.eval
    if not evaluated:
        return
    found = parse_formula(text)
    factors = "".join(factor for term in found.terms for factor in term)
    called = {name for name in FUNCTIONS if f"{name}(" in factors}
    for code in evaluated:
        assert isinstance(code, types.CodeType)
        assert names_in(code) <= {*found.columns, *called, *OWN}


def test_the_watch_sees_what_is_evaluated(monkeypatch):
    seen = []

    def watched(code, *rest):
        seen.append(code)
        return eval(code, *rest)

    monkeypatch.setattr(library, "eval", watched, raising=False)
    encode("log(age) + bs(nlr, df=3)")
    assert {"log", "age", "bs", "nlr"} <= set().union(*map(names_in, seen))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("log(age - 60)", "cannot be computed from these data"),
        ("log(bclc)", "cannot be computed from these data"),
        ("log(ihlrt)", "not every value of log(ihlrt) is a finite number"),
        ("exp(age * 100)", "not every value of exp(age * 100) is a finite number"),
        ("log(1 / ihlrt)", "not every value"),
        ("log(age / 0)", "not every value"),
        ("bs(age, df=3, lower_bound=60)", "is defined for age from 60 to"),
        ("cr(age)", "cannot be computed from these data"),
        ("poly(bclc, 2)", "cannot be computed from these data"),
    ],
)
def test_functions_that_do_not_suit_the_data_are_told_in_words(text, message):
    with pytest.raises(SpecificationError) as caught:
        encode(text)
    assert message in str(caught.value)


def test_natural_and_cyclic_splines_have_coefficients():
    assert encode("cr(age, df=3)").columns == tuple(f"cr(age, df=3)[{i}]" for i in (1, 2, 3))
    assert set(encode("cc(nlr, df=3)").terms.values()) == {"cc(nlr, df=3)"}
