"""Outputs of every command in one folder: a fit as it was written, the others from their schema."""

import json
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import numpy as np
from validation.robust.records import filled, write_json

import trial_cases
from bayes_ihlrt.results.files import staged
from bayes_ihlrt.schema.files import BRIEFS, RESULTS
from bayes_ihlrt.spec.read import load_spec
from bayes_ihlrt.trials.audit import AuditedFit, PlanAudit
from bayes_ihlrt.trials.corrected import Redone, check_rules, corrected_shares, judged
from bayes_ihlrt.trials.operating import operating_characteristics
from bayes_ihlrt.trials.plan import Cell, PlanResult, plan_dict, run_curve
from bayes_ihlrt.trials.quantities import statements, targets
from bayes_ihlrt.trials.units import Task

LOOKS = [{"events": events, "efficacy": [trial_cases.SUCCESS]} for events in (50, 100)]
PRIOR = {
    "scenario": "effect",
    "data": "ihlrt_synthetic",
    "synthetic": True,
    "fingerprint": "5" * 64,
}


def write_output(folder, result, brief, *, specification="", name="specification.toml"):
    """Write a result as a command does, manifest and all."""
    with staged(folder) as stage:
        if specification:
            (stage / name).write_text(specification)
        write_json(brief, stage / "report.json")
        write_json(result, stage / "result.json")


def plain_brief(kind, name):
    """Return what a report says of a result whose answer has no parts."""
    return filled(BRIEFS[kind], {"schema": 1, "of": kind, "name": name})


def log_hr(median):
    return {
        "mean": median,
        "sd": 0.3,
        "median": median,
        "q2.5": median - 0.6,
        "q97.5": median + 0.6,
    }


def rung(name, adjustment, median, *, reason=None):
    known = reason is None
    counts = {"patients": 80, "events": 51, "person_months": 1524.1, "immortal_months": 0.0}
    return {
        "rung": name,
        "adjustment": adjustment,
        "assumption": "Fair if the covariates tell all",
        "log_hr": log_hr(median) if known else None,
        "log_hr_at": [{"at": 3.0, **log_hr(median)}] if known else None,
        "rmst_difference": log_hr(1.5) if known else None,
        **(counts if known else dict.fromkeys(counts)),
        "ess_treated": None,
        "ess_control": None,
        "target": None,
        "engine": "laplace" if known else None,
        "reason": reason,
    }


def ladder_output(data, versions):
    spec = load_spec("ladder")
    rungs = [
        rung("ever-never", "none", -0.7),
        rung("split", "covariates", -0.4),
        rung("sequential", "weights", 0.0, reason="nobody was treated at a visit"),
    ]
    result = {
        "schema": 1,
        "name": spec.name,
        "versions": versions,
        "seed": 1,
        "data": data,
        "horizon": 24.0,
        "rungs": rungs,
        "null_simulation": {"replicates": 1000, "prob_as_extreme": 0.07},
    }
    brief = {
        "schema": 1,
        "of": "ladder",
        "name": spec.name,
        "sentences": ["The naive contrast credits 127 person-months."],
        "labels": [
            "Ever against never treated, crude",
            "Treated from the day it starts, covariates",
            "A trial at every decision, weights",
        ],
    }
    whole = filled(RESULTS["ladder"], result), filled(BRIEFS["ladder"], brief)
    return *whole, spec.to_toml()


def sensitivity_output(name, data, versions):
    def numbers(mean):
        return {"mean": mean, "sd": 0.2, "q2.5": mean - 0.3, "q97.5": mean + 0.4}

    def row(prior, mean, decision):
        about = {"prior": prior, "priors": {"ihlrt": prior}, "estimand": "hazard_ratio at 3"}
        return about | numbers(mean) | {"decision": decision, "k_hat": 0.21, "engine": "laplace"}

    found = {
        "schema": 1,
        "name": name,
        "versions": versions,
        "seed": 1,
        "data": data,
        "threshold": 0.95,
        "summary": ["Hazard ratio below 1 at nlr 3? It depends on the prior."],
        "grid": [row("default", 0.61, "yes"), row("sceptical", 0.78, "cannot tell")],
        "power_scaling": [{"component": "ihlrt", "sensitivity": 0.08, "k_hat": 0.1}],
        "tipping": [{"path": "prior mean", "quantity": "log_hazard_ratio", "value": 0.12}],
        "evidence": [{"prior": "robust mixture", "prior_events": 12.0, **numbers(0.6)}],
        "confounding": {
            "e_value": {"median": 2.35, "q2.5": 1.0, "q97.5": 4.1},
            "bias_prior": {"hazard_ratio": 0.7},
            "tipping_factor": 0.95,
            "grid": [{"strength": 1.25, "treated": 0.2, "hazard_ratio": 0.63}],
            "latent": [{"prior": "bias prior as stated", **numbers(0.7)}],
            "negative_control": [{"control": "fall_months, fall", "control_hazard_ratio": 0.9}],
        },
        "external": [
            {"borrowing": borrowing, **numbers(0.6)}
            for borrowing in ("nothing borrowed", "power prior 0.5", "commensurate prior, sd 0.3")
        ],
        "structure": [{"analysis": "as stated", "quantity": "hazard ratio", **numbers(0.6)}],
        "audit": {"fits": 3, "max_difference": 0.01},
    }
    return filled(RESULTS["sensitivity"], found)


def small_plan():
    """Return a plan of four sizes under no effect and under a cohort's posterior."""
    control = {"median": 12.0}
    posterior = {"analysis": "primary", "data": "ihlrt_synthetic"}
    return trial_cases.plan(
        name="n-100",
        description="How large a trial has to be",
        design=trial_cases.content(patients=100, looks=LOOKS),
        variants={f"n-{size}": {"patients": size} for size in (200, 300, 1000)},
        scenarios=[
            {"name": "null", "control": control},
            {"name": "effect", "posterior": posterior},
        ],
    )


def statistics(design, *, share, trials=1000):
    """Return statistics of trials, `share` of which succeed at the first look; two fits failed."""
    rng = np.random.default_rng(design.patients)
    wanted, shape = targets(design), (trials, len(design.looks))
    probability = np.full((*shape, len(statements(design))), 0.5)
    probability[: int(share * trials), 0] = 0.99
    number = np.arange(1.0, len(design.looks) + 1.0)
    events = np.tile(25.0 * number, (trials, 1))
    events_control = events.copy()
    converged = np.ones(shape, dtype=bool)
    converged[-2:, 0], events_control[-2:, 0], probability[-2:, 0] = False, 0.0, np.nan
    return {
        "probability": probability,
        "mean": rng.normal(0.0, 0.2, (*shape, len(wanted))),
        "sd": np.full((*shape, len(wanted)), 0.2),
        "truth": np.zeros((trials, len(wanted))),
        "converged": converged,
        "untrusted": np.zeros(shape, dtype=bool),
        "followed": np.zeros(shape, dtype=bool),
        "enrolled": np.full(shape, design.patients),
        "events_control": events_control,
        "events_treated": events,
        "months": np.tile(12.0 * number, (trials, 1)),
    }


def plan_audit(cell, future):
    """Return an audit of 20 fits of a cell's first look, one of which strayed."""
    rule = cell.task.design.looks[-1].efficacy[0]
    where = (cell.design, cell.scenario, len(cell.task.design.looks))
    redone = [(Redone(rule.statement, 0.97 + n / 2000, 0.968 + n / 2000, 4e3),) for n in range(20)]
    fits = [
        AuditedFit(*where[:2], 7 + n, where[2], n < 10, one, 0.05, 0, 0, True)
        for n, one in enumerate(redone)
    ]
    fits[-1] = replace(fits[-1], converged=False)
    rules = judged(check_rules(where, [rule], redone))
    shares = tuple(corrected_shares(cell, rules))
    return PlanAudit(tuple(fits), 8000, future, rules=rules, shares=shares)


def plan_output(versions, plan=None):
    """Return what `plan` writes, from made-up statistics."""
    plan = plan or small_plan()
    cells = []
    for name, design in plan.designs.items():
        for scenario in plan.scenarios:
            drawn = scenario.is_drawn
            share = 0.03 if scenario.without_effect else 0.5 + design.patients / 3000
            table, wanted = statistics(design, share=share), targets(design)
            found = operating_characteristics(
                design, table, wanted, names=(name, scenario.name), drawn=drawn
            )
            task = Task(design, scenario, plan.seed)
            cells.append(Cell(name, scenario.name, task, table, wanted, found))
    future = ("predictive probability > 0.9",)
    audit = plan_audit(cells[0], future).to_dict()
    own = {cell.scenario: cell.task for cell in cells if cell.design == plan.name}
    curves = [
        run_curve(spec, own, lambda _, task: statistics(task.design, share=0.6))
        for spec in plan.curves
    ]
    found = plan_dict(PlanResult(plan, tuple(cells), tuple(curves), seconds=12.0, simulated=8000))
    # Written by the command itself.
    found |= {"audit": audit}
    found |= {"versions": versions, "design_priors": [PRIOR]}
    return filled(RESULTS["plan"], found)


def write_everything(fit, folder):
    """Write a folder with the outputs of every command; `fit` is that of a fit."""
    copytree(fit, Path(folder) / "fit")
    result = json.loads((Path(fit) / "result.json").read_text())
    data, versions = result["data"], result["versions"]
    ladder, brief, text = ladder_output(data, versions)
    write_output(folder / "ladder", ladder, brief, specification=text)
    own = (Path(fit) / "specification.toml").read_text()
    sensitivity = sensitivity_output(result["name"], data, versions)
    brief = plain_brief("sensitivity", result["name"])
    write_output(folder / "sensitivity", sensitivity, brief, specification=own)
    write_plan_output(folder / "plan", versions)
    return folder


def write_plan_output(folder, versions, plan=None, **changes):
    """Write a plan's output, some of its keys changed."""
    plan = plan or small_plan()
    result = filled(RESULTS["plan"], plan_output(versions, plan) | changes)
    brief = plain_brief("plan", plan.name)
    write_output(folder, result, brief, specification=plan.to_toml(), name="plan.toml")
    return folder
