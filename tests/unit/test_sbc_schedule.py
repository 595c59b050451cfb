"""Within a year every scenario has its turn, and a week's run fails where it should."""

from types import SimpleNamespace

import pytest

import sbc_nuts
from bayes_ihlrt.calibration.scenario import all_scenarios
from sbc_nuts import A_WEEK, main, of_week


def test_every_scenario_has_its_week():
    weeks = [of_week(week) for week in range(1, 53)]
    assert {len(set(week)) for week in weeks} == {A_WEEK}
    assert {scenario for week in weeks for scenario in week} == set(all_scenarios())


@pytest.mark.parametrize(
    ("calibrated", "strayed", "status"), [(True, 20, 0), (True, 21, 1), (False, 0, 1)]
)
def test_a_week_fails_where_it_should(monkeypatch, capsys, calibrated, strayed, status):
    found = SimpleNamespace(flagged=strayed, verdicts=lambda level: {"treated": calibrated})
    monkeypatch.setattr(sbc_nuts, "calibrate_by_nuts", lambda *_, **__: found)
    assert main(202648) == status
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == A_WEEK
    assert all(f"the chains of {strayed} of 100 data sets" in line for line in lines)
    assert all(("not calibrated: treated" in line) is not calibrated for line in lines)
