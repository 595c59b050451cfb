"""Within a year every scenario has its turn."""

from bayes_ihlrt.checks.scenario import all_scenarios
from sbc_nuts import A_WEEK, of_week


def test_every_scenario_has_its_week():
    weeks = [of_week(week) for week in range(1, 53)]
    assert {len(set(week)) for week in weeks} == {A_WEEK}
    assert {scenario for week in weeks for scenario in week} == set(all_scenarios())
