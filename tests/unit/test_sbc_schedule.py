"""Within a year every scenario has its turn, a week's run fails where it should, and all of them
can be run in pieces."""

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

import sbc_nuts
from bayes_ihlrt.calibration.bands import grid_points
from bayes_ihlrt.calibration.scenario import GROUPS, HAZARDS, all_scenarios
from sbc import page, read
from sbc_nuts import A_WEEK, CHAINS, calibrate_week, in_turn, of_week, run


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
    assert calibrate_week(202648) == status
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == A_WEEK
    assert all(f"the chains of {strayed} of 100 data sets" in line for line in lines)
    assert all(("not calibrated: treated" in line) is not calibrated for line in lines)


@pytest.fixture
def chains(monkeypatch):
    """Stand in for NUTS; the first call after `left` others is cut off."""
    calls = SimpleNamespace(made=[], left=1000)

    def calibrated(scenario, *, replicates, seed):
        if not calls.left:
            raise KeyboardInterrupt
        calls.left -= 1
        calls.made.append((scenario, seed))
        counts = np.rint(replicates * grid_points()).astype(int)
        return SimpleNamespace(
            scenario=scenario,
            failed=0,
            flagged=3,
            events=np.arange(replicates),
            p_values={"treated": 0.4},
            counts={"treated": counts},
        )

    monkeypatch.setattr(sbc_nuts, "calibrate_by_nuts", calibrated)
    return calls


def test_a_run_begins_with_every_hazard_and_group_at_its_hardest():
    first = in_turn()[: len(HAZARDS) * len(GROUPS)]
    assert {(each.hazard, each.group) for each in first} == set(product(HAZARDS, GROUPS))
    assert {each.features for each in first} == {"delayed entry, time-varying, interaction"}
    assert set(in_turn()) == set(all_scenarios())


def test_a_run_goes_on_where_it_was_cut_off(tmp_path, chains):
    results = tmp_path / "chains"
    chains.left = 5
    with pytest.raises(KeyboardInterrupt):
        run(results, replicates=50)
    chains.left = 1000
    assert run(results, most=2, replicates=50) == 2
    # The parts share what is done before they begin, and nothing of what they do.
    for part in range(3):
        run(results, part=(part, 3), replicates=50)
    made = [scenario for scenario, _ in chains.made]
    assert len(made) == len(set(made)) == len(all_scenarios())
    lines = read(results)
    assert len(lines) == len(made)
    assert {line["replicates"] for line in lines} == {50}
    told = page(lines, CHAINS)
    assert "144 of 144 scenarios, 50 data sets each, 7,200 posteriors in all, by NUTS" in told
    assert "432 (6.000%) did not pass the convergence gate" in told
    with pytest.raises(SystemExit, match="has 50 data sets a scenario, not 60"):
        run(results, replicates=60)
