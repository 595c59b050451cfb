"""One Dataset of estimate draws says what each estimand says by itself, and nothing else does."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from bayes_ihlrt.estimands.contrasts import contrast
from bayes_ihlrt.estimands.curves import NEVER, rmst, survival, survival_quantile, treated_from
from bayes_ihlrt.estimands.draws import Asked, at_value, estimate_draws, gained
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.names import DesignKind
from fabricated import effects, fabricate, normal, weibull

SOURCE = Path(__file__).parents[2] / "src" / "bayes_ihlrt"
PAIR = (NEVER, treated_from(3.0))
ASKED = Asked(PAIR, (None, 2.0, 5.0), (12.0, 24.0), (0.25, 0.5), (1.5, 2.5, 6.0))
WEIGHTS = np.array([1.0, 2.0, 0.5, 1.0])


@pytest.fixture
def fit():
    return fabricate({"family": "weibull"}, weibull(1.2, **effects()), "ihlrt * nlr")


def same(found, expected):
    np.testing.assert_allclose(found.to_numpy(), expected.to_numpy(), rtol=1e-12)


@pytest.mark.parametrize("value", [None, 2.0, 5.0])
def test_every_estimand_is_what_it_is_by_itself(fit, value):
    found = estimate_draws(fit, ASKED)
    here, given = at_value(found, value), {"modifier_at": value}
    alive = survival(fit, ASKED.horizons, PAIR, **given)
    same(here["survival"].transpose(*alive.dims[:3], "horizon"), alive)
    for horizon in ASKED.horizons:
        same(here["rmst"].sel(horizon=horizon), rmst(fit, horizon, PAIR, **given))
    for share in ASKED.shares:
        same(here["quantile"].sel(share=share), survival_quantile(fit, share, PAIR, **given))
    ratio = log_hazard_ratio(fit) if value is None else log_hazard_ratio(fit, [value])[..., 0]
    same(here["log_hazard_ratio"], ratio)


def test_along_the_grid_months_are_gained_up_to_the_latest_horizon(fit):
    found = estimate_draws(fit, replace(ASKED, horizons=(24.0, 12.0)), weights=WEIGHTS)
    along = estimate_draws(fit, Asked(PAIR, ASKED.grid, (24.0,)), weights=WEIGHTS)
    same(found["grid_gain"], gained(along["rmst"].isel(horizon=0)))
    same(found["grid_log_hazard_ratio"], along["log_hazard_ratio"])
    months = along["rmst"].isel(horizon=0)
    same(found["grid_gain"], contrast(months).isel(strategy=0))


def test_patients_weigh_what_they_are_given():
    drawn = {"ihlrt": normal(-0.5), "nlr": normal(0.4), "albi": normal(0.5)}
    fit = fabricate({"family": "weibull"}, weibull(1.2, **drawn), "ihlrt + nlr + albi")
    found, alike = (estimate_draws(fit, ASKED, weights=each) for each in (WEIGHTS, None))
    for name in ("survival", "rmst", "quantile", "grid_gain"):
        assert not np.allclose(found[name], alike[name]), name
    doubled = estimate_draws(fit, ASKED, weights=2.0 * WEIGHTS)
    same(doubled["grid_gain"], found["grid_gain"])


def test_what_does_not_follow_from_the_model_is_missing(fit):
    story = replace(fit.person_time.provenance, design=DesignKind.CLONE_CENSOR_WEIGHT)
    clones = replace(fit, person_time=replace(fit.person_time, provenance=story))
    found = estimate_draws(clones, ASKED)
    assert set(found) == set(estimate_draws(fit, ASKED))
    for name, draws in found.items():
        told = "log_hazard_ratio" in name
        assert bool(draws.notnull().all()) is told, name
        assert bool(draws.isnull().all()) is not told, name


def test_a_value_that_was_not_asked_for_is_not_told(fit):
    found = estimate_draws(fit, Asked(PAIR, (2.0,), (12.0,)))
    for value in (None, 3.0):
        with pytest.raises(KeyError):
            at_value(found, value)


def test_strategies_are_compared_in_one_place():
    """What treatment adds is taken by `contrast`, and by hand nowhere."""
    by_hand = re.compile(r"sel\(\{STRATEGY: [^}]*\}[^)]*\)\s*-\s")
    found = [path.name for path in SOURCE.rglob("*.py") if by_hand.search(path.read_text("utf-8"))]
    assert found == []
