"""A check that fails takes no other with it: the others are those of an undisturbed examination."""

import json

import numpy as np
import pytest

from bayes_ihlrt.checks import examination, families, verdicts
from bayes_ihlrt.checks.examination import examine
from bayes_ihlrt.checks.result import Status
from bayes_ihlrt.errors import ConvergenceError
from bayes_ihlrt.posterior.fitted import fit_shared
from check_cases import SETTINGS, SPEC, check_case

FEW = ConvergenceError("effective sample size 378 (needed: 400)", "Use tighter priors")
COSTLY = (
    *("survival_check", "hazard_check", "prior_survival", "residual_check", "effect_by_period"),
    *("leave_one_out", "compare_hazards", "cross_validate"),
)
"""What an examination computes, as it calls it."""

LOST = {
    "survival_check": set(),
    "hazard_check": set(),
    "prior_survival": {"prior"},
    "residual_check": set(),
    "effect_by_period": set(),
    "leave_one_out": {"influence", "centres", "hazard family"},
    "compare_hazards": {"hazard family"},
    "cross_validate": {"calibration", "discrimination"},
}
"""Checks that rest on each of them."""


def raising(error):
    def fail(*_, **__):
        raise error

    return fail


@pytest.fixture(scope="module")
def fit():
    """Return a model that is right for its patients."""
    return fit_shared(SPEC, check_case("right model", 3, patients=100).person_time, SETTINGS)


@pytest.fixture(scope="module", autouse=True)
def _few_hazards():
    """Compare with two other hazards: each is compiled and fitted."""
    honest = families.other_hazards
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(families, "other_hazards", lambda fit: honest(fit)[:2])
        yield


@pytest.fixture(scope="module")
def whole(fit):
    """Return an undisturbed examination, and what it computed."""
    kept = {}

    def keeping(name, function):
        def call(*arguments, **settings):
            kept[name] = function(*arguments, **settings)
            return kept[name]

        return call

    with pytest.MonkeyPatch.context() as patch:
        for name in COSTLY:
            patch.setattr(examination, name, keeping(name, getattr(examination, name)))
        found = examine(fit)
    return found, kept


@pytest.mark.parametrize("name", COSTLY)
@pytest.mark.parametrize("error", [FEW, np.linalg.LinAlgError("Singular matrix")], ids=str)
def test_a_part_that_fails_takes_only_what_rests_on_it(fit, whole, monkeypatch, name, error):
    undisturbed, kept = whole
    for other in COSTLY:
        given = raising(error) if other == name else lambda *_, found=kept[other], **__: found
        monkeypatch.setattr(examination, other, given)
    found = examine(fit)
    before = {each.check: each for each in undisturbed.verdicts}
    assert [each.check for each in found.verdicts] == list(before)
    for verdict in found.verdicts:
        if verdict.check in LOST[name]:
            assert verdict.status is Status.CANNOT_TELL
            assert verdict.failure is not None
            assert verdict.reason.startswith("NOT COMPUTED: ")
        else:
            assert verdict == before[verdict.check]
    assert len(found.failures) == 1
    assert found.incomplete[0].startswith("INCOMPLETE: not computed: ")
    told = found.to_dict()
    assert told.keys() == undisturbed.to_dict().keys()
    assert told["failed"][0]["remedy"]
    for figure in set(found.figures) - {"hazard_families", "influence"}:
        assert found.figures[figure].equals(undisturbed.figures[figure])


def test_a_check_of_counts_that_fails_keeps_the_others(fit, whole, monkeypatch):
    _, kept = whole
    for other in COSTLY:
        monkeypatch.setattr(examination, other, lambda *_, found=kept[other], **__: found)
    words = {**verdicts._WORDS}
    words["linearity"] = (raising(FEW), *words["linearity"][1:])
    monkeypatch.setattr(verdicts, "_WORDS", words)
    found = {each.check: each for each in examine(fit).verdicts}
    before = {each.check: each for each in whole[0].verdicts}
    assert found.pop("linearity").failure.reason == FEW.problem
    before.pop("linearity")
    assert found == before


def test_a_hazard_that_cannot_be_fitted_is_a_row_with_its_reason(fit, whole, monkeypatch):
    loo, honest = whole[0].loo, families.fit_shared

    def fails(model, rows, settings):
        if model.outcome.hazard.family == "gompertz":
            raise FEW
        return honest(model, rows, settings)

    monkeypatch.setattr(families, "fit_shared", fails)
    table = families.compare_hazards(fit, loo, seed=20260101)
    monkeypatch.setattr(examination, "compare_hazards", lambda *_, **__: table)
    for other in set(COSTLY) - {"compare_hazards"}:
        given = whole[1][other]
        monkeypatch.setattr(examination, other, lambda *_, found=given, **__: found)
    found = examine(fit)
    assert [each.part for each in found.failures] == ["hazard family: gompertz"]
    rows = {row["family"]: row for row in found.to_dict()["hazard_families"]}
    before = {row["family"]: row for row in whole[0].to_dict()["hazard_families"]}
    assert rows["gompertz"]["failed"] == {"reason": FEW.problem, "remedy": FEW.remedy}
    assert rows["gompertz"]["elpd"] is None
    for family in set(rows) - {"gompertz"}:
        assert rows[family]["failed"] is None
        assert rows[family]["elpd"] == before[family]["elpd"]
    assert found.verdict("hazard family").failure is None
    json.dumps(found.to_dict(), allow_nan=False)
