"""How often the model checks raise a flag: seldom where the model is right, mostly where not."""

import pytest

from check_cases import HARD, SCENARIOS
from check_errors import CHECKS, flag_rates, interval, run

pytestmark = pytest.mark.slow
COHORTS = 40


@pytest.fixture(scope="module")
def counts(tmp_path_factory):
    """Return flags and cohorts by scenario and check."""
    import json

    path = tmp_path_factory.mktemp("flags") / "flags.jsonl"
    run(path, COHORTS)
    return flag_rates(json.loads(line) for line in path.read_text().splitlines())


@pytest.mark.parametrize("scenario", [name for name, check in SCENARIOS.items() if check is None])
def test_a_right_model_is_seldom_flagged(counts, scenario):
    flags = sum(counts[scenario, check][0] for check in CHECKS)
    total = sum(counts[scenario, check][1] for check in CHECKS)
    # Compatible with 1 % of verdicts.
    assert interval(flags, total)[0] <= 0.01


@pytest.mark.parametrize(
    ("scenario", "named"),
    [(name, check) for name, check in SCENARIOS.items() if check is not None and name not in HARD],
)
def test_the_named_check_finds_the_wrong_model(counts, scenario, named):
    flags, total = counts[scenario, named]
    # Compatible with 80 % of cohorts.
    assert interval(flags, total)[1] >= 0.8
