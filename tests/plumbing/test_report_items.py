"""What a report says of an item or a method is there, and what is not there is missing."""

import json
from pathlib import Path
from shutil import copytree

import pytest
from validation.robust.records import filled, write_json

from bayes_ihlrt.analysis.prior_words import prior_words
from bayes_ihlrt.checks.result import Status as Found
from bayes_ihlrt.errors import InputError
from bayes_ihlrt.methods.checklists import ALWAYS, checklists
from bayes_ihlrt.methods.paragraph import methods_paragraph
from bayes_ihlrt.methods.references import cited
from bayes_ihlrt.names import Engine
from bayes_ihlrt.plots.catalogue import PLOTS
from bayes_ihlrt.report.html import facts_of, known_anchors, report_content, report_page
from bayes_ihlrt.report.plan import plan_summary, truth_words
from bayes_ihlrt.results.files import staged
from bayes_ihlrt.results.outputs import Kind, read_results
from bayes_ihlrt.schema.checks import ChecksFile
from bayes_ihlrt.schema.files import RESULTS
from bayes_ihlrt.spec.estimands import EstimandSpec
from bayes_ihlrt.spec.parameters import term_priors
from bayes_ihlrt.spec.plan import CurveSpec
from bayes_ihlrt.spec.read import load_plan, load_spec
from report_cases import (
    PRIOR,
    small_plan,
    write_everything,
    write_plan_output,
)

VERSIONS = {"bayes-ihlrt": "0", "python": "3", "pymc": "5"}
PROPENSITY = {
    "balance": [{"covariate": "nlr", "subset": "all", "unweighted": 0.2, "weighted": 0.1}],
    "sizes": [],
    "overlap": [],
}


@pytest.fixture(scope="module")
def everything(first_results, tmp_path_factory):
    """Return a folder with the outputs of every command; not to be changed."""
    return write_everything(first_results, tmp_path_factory.mktemp("everything"))


@pytest.fixture(scope="module")
def examined(first_results, tmp_path_factory):
    """Return a fit with every check and figure, adjusted by a propensity."""
    return rewritten(first_results, tmp_path_factory.mktemp("examined") / "out", checks=CHECKS)


CHECKS = {
    "flagged": [],
    "verdicts": [
        {"check": "hazard", "verdict": Found.NO_FLAG.value, "reason": "It agrees."},
        {"check": "linearity", "verdict": Found.CANNOT_TELL.value, "reason": "No covariate."},
    ],
    "loo": {"elpd": -1.0},
    "centres": {"elpd": -1.0},
    "hazard_families": [{"family": "weibull", "elpd": -1.0}],
    "effect_by_period": [{"period": "0-3", "median": 0.8}],
}


def rewritten(fit, out, *, checks, engine=Engine.LAPLACE.value, text=None):
    """Write a fit again with checks, their figures and a propensity."""
    result = json.loads((fit / "result.json").read_text())
    result["propensity"] = PROPENSITY
    result["diagnostics"]["engine"] = engine
    picture = next((fit / "figures").glob("*.png")).read_bytes()
    with staged(out) as stage:
        (stage / "specification.toml").write_text(text or (fit / "specification.toml").read_text())
        (stage / "figures").mkdir()
        for name in PLOTS if checks else ():
            (stage / "figures" / f"{name}.png").write_bytes(picture)
        if checks:
            whole = filled(ChecksFile, {"name": result["name"], **checks})
            write_json(whole, stage / "checks.json")
        write_json(json.loads((fit / "report.json").read_text()), stage / "report.json")
        write_json(filled(RESULTS["fit"], result), stage / "result.json")
    return out


def plan_of(folder, plan=None, **changes):
    return read_results(write_plan_output(folder, VERSIONS, plan, **changes))


def status(results, cite, item):
    (found,) = [c for c in report_content(results)["checklists"] if c["checklist"].cite == cite]
    (row,) = [row for row in found["rows"] if row.item.item == item]
    return row.status.name, row.where


def test_every_evidence_can_be_produced_and_every_fact_can_hold(everything, examined, tmp_path):
    spec = load_spec("hepatocellular")
    plain = {
        "name": load_spec("primary").name,
        "modifier": None,
        "outcome": spec.outcome.model_copy(update={"formula": "TNM"}),
        "priors": {"baseline": spec.priors["baseline"]},
        "estimands": EstimandSpec(),
    }
    untreated = spec.model_copy(update=plain)
    other = rewritten(
        examined, tmp_path, checks=None, engine=Engine.NUTS.value, text=untreated.to_toml()
    )
    reports = [read_results(folder) for folder in (everything, examined)]
    known = {anchor for results in reports for anchor in known_anchors(results)}
    facts = {ALWAYS, *facts_of(reports[1]), *facts_of(read_results(other))}
    items = [item for c in checklists(patients=True, plan=True) for item in c.items]
    assert {anchor for item in items for anchor in item.evidence} <= known
    assert {fact for item in items for fact in item.unless} <= facts


def test_every_evidence_is_a_place_on_the_page(everything, examined):
    for folder in (everything, examined):
        results = read_results(folder)
        page = report_page(results)
        assert [anchor for anchor in known_anchors(results) if f'id="{anchor}"' not in page] == []


def test_aims_and_assurance_come_from_the_plan(everything, tmp_path):
    results = read_results(everything)
    assert status(results, "morris2019", "Aims") == ("HERE", ("plan-aim",))
    assert "How large a trial has to be" in report_page(results)
    here = ("HERE", ("table-plan-assurance",))
    assert status(results, "fda2026", "Bayesian operating characteristics") == here
    fixed = small_plan()
    kept = fixed.model_copy(update={"scenarios": fixed.scenarios[:1], "description": ""})
    results = plan_of(tmp_path / "fixed", kept, design_priors=[])
    assert status(results, "morris2019", "Aims")[0] == "MISSING"
    assert status(results, "fda2026", "Bayesian operating characteristics")[0] == "MISSING"


@pytest.mark.parametrize("name", ["fixed_os", "group_sequential", "enriched", "on_demand"])
def test_packaged_plans_state_aims_and_assurance(name, tmp_path):
    """What a report says of a plan is read from its specification alone."""
    plan = load_plan(name)
    told = {scenario.name: truth_words(scenario) for scenario in plan.scenarios}
    assert plan.description
    assert all(told.values())
    small = plan.model_copy(update={"design": small_plan().design, "variants": {}, "curves": ()})
    priors = [PRIOR | {"scenario": s.name} for s in plan.scenarios if s.posterior is not None]
    results = plan_of(tmp_path / name, small, design_priors=priors)
    assert status(results, "morris2019", "Aims")[0] == "HERE"
    drawn = name in {"group_sequential", "on_demand"}
    found = status(results, "fda2026", "Bayesian operating characteristics")[0]
    assert (found == "HERE") is drawn
    assert results.synthetic is (name == "on_demand")


def test_a_curve_is_a_table_of_the_report(tmp_path):
    curve = CurveSpec(over="patients", values=[200, 300])
    plan = small_plan().model_copy(update={"curves": (curve,)})
    page = report_page(plan_of(tmp_path, plan))
    assert "Success over sample size" in page
    assert "Maximum sample size, patients" in page
    assert f"Along curves {2 * len(plan.scenarios):,},000 more trials" in page
    assert "own design was also simulated over sample size, at 200, 300, looks" in page
    table = page[page.index("Success over sample size") :]
    table = table[: table.index("</table>")]
    assert table.count("0.600 (0.569 to 0.630)") == 2 * len(plan.scenarios)


def test_what_a_report_cannot_know_is_missing(everything):
    results = read_results(everything)
    for cite, item in [
        ("fda2026", "Prior: influence"),
        ("cashin2025", "Methods: assumptions"),
    ]:
        assert status(results, cite, item)[0] == "MISSING", item
    assert status(results, "vonelm2007", "13") == ("HERE", ("table-flow",))
    assert status(results, "vonelm2007", "14a") == ("HERE", ("characteristics",))
    assert status(results, "vonelm2007", "14c") == ("HERE", ("table-follow-up",))
    assert status(results, "cashin2025", "Results: baseline") == ("HERE", ("characteristics",))
    assert status(results, "morris2019", "Methods") == ("HERE", ("methods-plan",))


def test_patients_at_time_zero(everything, first_results):
    brief = json.loads((first_results / "report.json").read_text())["table_one"]
    assert brief["arms"] == ["ever ihlrt", "never ihlrt"]
    assert sum(brief["patients"]) == 80
    page = report_page(read_results(everything))
    treated, untreated = brief["patients"]
    assert f"ever ihlrt (n = {treated})" in page
    assert f"never ihlrt (n = {untreated})" in page
    assert all(row["treated"] in page for row in brief["rows"])
    assert "known in hindsight only" in page


def test_priors_of_a_plan_are_those_of_its_analysis(tmp_path):
    plan = load_plan("group_sequential")
    (section,) = [
        s
        for s in report_content(plan_of(tmp_path, plan, design_priors=[]))["body"]
        if s.anchor == "plan"
    ]
    (table,) = [table for table in section.tables if table.name == "plan-priors"]
    expected = term_priors(plan.design.model)
    assert [row["prior"] for row in table.records] == [
        prior_words(stated.prior) for stated in expected.values()
    ]
    words = {"log_rate": "baseline rate (log)", "log_shape": "baseline shape (log)"}
    assert [row["parameter"] for row in table.records] == [words.get(e, e) for e in expected]


def test_methods_of_a_plan(everything):
    results = read_results(everything)
    told = methods_paragraph(results)[-2]
    for words in [
        "4 designs were simulated under 2 scenarios, 1,000 trials of each",
        "a constant (exponential) baseline hazard [@kalbfleisch2002] and the linear predictor arm",
        "all other parameters integrated by Laplace's method [@tierney1986]: at many points",
        "elsewhere at the rule's bound [@diciccio1991].",
        "Look 1 was at 50 events: success if P(hazard ratio < 1) > 0.975.",
        "In 'effect' the truth of each trial was drawn from a design prior",
        "The posterior of the cohort ihlrt_synthetic (synthetic data)",
        "checked against the No-U-Turn sampler [@hoffman2014] on 20 fits",
    ]:
        assert words in told, words


def test_methods_of_richer_rules(tmp_path):
    plan = load_plan("group_sequential")
    rule = {"quantity": "predictive-probability", "less_than": 0.1}
    looks = [look.model_dump(exclude_none=True) for look in plan.design.looks]
    looks[0] |= {"futility": [rule], "combine": "any"}
    content = plan.model_dump(mode="json", exclude_none=True, by_alias=True)
    content["design"] |= {"looks": looks}
    results = plan_of(tmp_path, type(plan).model_validate(content), design_priors=[])
    told = methods_paragraph(results)[0]
    assert "90 events or 6 months of follow-up of the first 200 patients, whichever came" in told
    assert "stop for futility if predictive probability < 0.1" in told
    assert "Predictive probability of success was found by simulating" in told
    assert "differences were read by the delta method beyond" in told
    assert "nlr entered as log2(nlr / 3)" in told


def test_methods_of_every_part_of_a_sensitivity_study(everything, tmp_path):
    told = methods_paragraph(read_results(everything))[2]
    assert set(cited([told])) == {
        *("spiegelhalter1994", "tierney1986", "rue2009", "vehtari2024", "kallioinen2024"),
        *("neuenschwander2010", "schmidli2014", "neuenschwander2020", "steegen2016"),
        *("simonsohn2020", "vanderweele2017", "lin1998", "mccandless2007", "lipsitch2010"),
        *("ibrahim2000", "hobbs2011", "hoffman2014"),
    }
    out = Path(copytree(everything / "sensitivity", tmp_path / "out"))
    result = json.loads((out / "result.json").read_text())
    parts = ("power_scaling", "tipping", "evidence", "external", "structure", "audit")
    result |= dict.fromkeys(parts)
    result["confounding"] |= dict.fromkeys(result["confounding"])
    text = (out / "specification.toml").read_text()
    with staged(tmp_path / "less") as stage:
        (stage / "specification.toml").write_text(text)
        write_json(json.loads((out / "report.json").read_text()), stage / "report.json")
        write_json(result, stage / "result.json")
    alone = methods_paragraph(read_results(tmp_path / "less"))[0]
    grid = {"spiegelhalter1994", "tierney1986", "rue2009", "vehtari2024"}
    assert set(cited([alone])) == grid


def test_methods_of_checks_that_were_run(everything, examined, tmp_path):
    told = methods_paragraph(read_results(examined))[0]
    checked = {"andersen1993", "merkle2019", "yao2018", "graf1999", "uno2007", "vehtari2017"}
    assert checked <= set(cited([told]))
    assert "model expects, over time, by score tests" in told
    unchecked = methods_paragraph(read_results(everything))[0]
    assert not (checked - {"vehtari2017"}) & set(cited([unchecked]))
    nothing = dict.fromkeys(("loo", "centres", "hazard_families", "effect_by_period"))
    verdicts = [row | {"verdict": Found.CANNOT_TELL.value} for row in CHECKS["verdicts"]]
    little = CHECKS | nothing | {"verdicts": verdicts}
    found = methods_paragraph(read_results(rewritten(examined, tmp_path / "o", checks=little)))[0]
    assert not {"andersen1993", "merkle2019", "yao2018"} & set(cited([found]))


def test_a_synthetic_design_prior_marks_the_report(tmp_path):
    results = plan_of(tmp_path / "synthetic")
    assert results.synthetic
    page = report_page(results)
    assert "(synthetic data)</title>" in page
    assert "SYNTHETIC DATA" in page
    assert "the cohort ihlrt_synthetic, which is synthetic." in page
    (table,) = [t for t in report_content(results)["closing"][-1].tables if "prior" in t.name]
    assert table.rows == (("effect", "ihlrt_synthetic", "yes", "5" * 64),)
    real = PRIOR | {"data": "registry.csv", "synthetic": False}
    results = plan_of(tmp_path / "real", design_priors=[real])
    assert not results.synthetic
    page = report_page(results)
    assert "(synthetic data)</title>" not in page
    assert "SYNTHETIC DATA" not in page


def test_a_plan_that_lacks_a_key_is_refused(tmp_path):
    folder = write_plan_output(tmp_path, VERSIONS)
    result = json.loads((folder / "result.json").read_text())
    del result["curves"]
    with staged(folder) as stage:
        (stage / "plan.toml").write_text(small_plan().to_toml())
        write_json(json.loads((folder / "report.json").read_text()), stage / "report.json")
        write_json(result, stage / "result.json")
    with pytest.raises(InputError, match="lacks 'curves', which every such file has"):
        read_results(folder)


def test_the_audit_is_told_as_it_was(tmp_path):
    audit = {"fits": 20, "decisions_changed": 1, "not_converged": 2, "left_out": ["a < 1", "b"]}
    output = plan_of(tmp_path / "some", audit=audit).of(Kind.PLAN)
    told = " ".join(plan_summary(output))
    assert "20 fits were done again by Markov chains" in told
    assert "1 decision changed." in told
    assert "The chains of 2 fits did not converge" in told
    assert "The audit does not compare: a < 1; b." in told
    audit = {"fits": 0, "decisions_changed": 0, "not_converged": 0, "left_out": []}
    results = plan_of(tmp_path / "none", audit=audit)
    assert "No fit was checked against Markov chains." in plan_summary(results.of(Kind.PLAN))
    assert status(results, "fda2026", "Computation")[0] == "MISSING"
