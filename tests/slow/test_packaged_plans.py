"""Every packaged plan in Python: run, shown, summarised, drawn, saved, and loaded as it was.

Sixteen trials are run: compiling and the audit take most of the time, and are those of any number.
"""

import pytest

import bayes_ihlrt as bi
from bayes_ihlrt.spec.catalogue import packaged_plans
from bayes_ihlrt.trials.figures import plan_figures
from face_cases import check_result, told

pytestmark = pytest.mark.slow

TRIALS = 16


def test_there_are_plans():
    assert "fixed_os" in packaged_plans()


@pytest.mark.parametrize("name", packaged_plans())
def test_a_packaged_plan_is_run_shown_and_kept(name, tmp_path):
    found = bi.plan(name, trials=TRIALS)
    assert found.incomplete == ()
    plan = found.result.plan
    assert {row["trials"] for row in found.to_dict()["results"]} == {TRIALS}
    loaded = check_result(found, tmp_path, figure=None, words="Would it find what is there")
    assert loaded.result.plan == plan == bi.load(name)
    table = bi.summary(loaded)
    cells = [(design, one.name) for design in plan.designs for one in plan.scenarios]
    assert sorted(table.index) == sorted(cells)
    assert table["success"].between(0.0, 1.0).all()
    for figure in plan_figures(found.result):
        assert bi.plot(loaded, figure).axes
    page = bi.report(loaded, tmp_path / "page.html")
    assert plan.name in page.read_text("utf-8")
    assert told(bi.load(bi.save(loaded, tmp_path / "again"))) == told(found)
