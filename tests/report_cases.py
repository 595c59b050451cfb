"""Outputs of every command in one folder: a fit as it was written, the others from their schema."""

import json
from pathlib import Path
from shutil import copytree

import tomli_w

from bayes_ihlrt.analysis.reading import load_spec
from bayes_ihlrt.report.files import staged, write_json


def write_output(folder, result, *, brief=None, specification="", name="specification.toml"):
    """Write a result as a command does, manifest and all."""
    with staged(folder) as stage:
        if specification:
            (stage / name).write_text(specification)
        if brief is not None:
            write_json(brief, stage / "report.json")
        write_json(result, stage / "result.json")


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
        "assumption": f"Rests on {name}",
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
        "labels": [f"{rung['rung']}, {rung['adjustment']}" for rung in rungs],
    }
    return result, brief, spec.to_toml()


def sensitivity_output(name, data, versions):
    def row(prior, mean, decision):
        return {
            "prior": prior,
            "priors": {"ihlrt": prior},
            "estimand": "hazard_ratio at 3",
            "mean": mean,
            "sd": 0.2,
            "q2.5": mean - 0.3,
            "q97.5": mean + 0.4,
            "decision": decision,
            "k_hat": 0.21,
        }

    return {
        "schema": 1,
        "name": name,
        "versions": versions,
        "seed": 1,
        "data": data,
        "summary": ["Hazard ratio below 1 at nlr 3? It depends on the prior."],
        "grid": [row("default", 0.61, "benefit"), row("sceptical", 0.78, "not settled")],
        "power_scaling": [{"parameter": "ihlrt", "prior": 0.08, "likelihood": 0.11, "k_hat": 0.1}],
        "tipping": [{"quantity": "prior mean", "value": 0.12}],
        "confounding": {
            "e_value": {"median": 2.35, "q2.5": 1.0, "q97.5": 4.1},
            "tipping_factor": 0.95,
            "grid": [{"strength": 1.25, "treated": 0.2, "hazard_ratio": 0.63}],
            "latent": None,
        },
        "structure": None,
        "audit": {"fits": 3, "max_difference": 0.01},
    }


def plan_output(versions):
    def measure(value):
        return {"estimate": value, "mcse": 0.01, "low": value - 0.02, "high": value + 0.02}

    rows = [
        {
            "design": f"n-{size}",
            "scenario": scenario,
            "trials": 1000,
            "failed": 2,
            "causes": {"no events": 2},
            "targets": [{"target": "log_hr", "truth": 0.0, "bias": measure(-0.01), "rmse": None}],
            "success": measure(success),
            "futility": measure(0.1),
            "expected_n": measure(float(size)),
            "bias": measure(-0.01),
            "coverage": measure(0.95),
            "by_look": [{"look": 1, "stopped": measure(0.2)}],
        }
        for size in (100, 200, 300, 1000)
        for scenario, success in (("null", 0.03), ("effect", 0.5 + size / 3000))
    ]
    return {
        "schema": 1,
        "name": "ihlrt-trial",
        "versions": versions,
        "seed": 1,
        "results": rows,
        "audit": {"fits": 20, "max_difference": 0.004, "decisions_changed": 0},
        "seconds": 12.0,
        "trials_per_second": 666.0,
    }


def write_everything(fit, folder):
    """Write a folder with the outputs of every command; `fit` is that of a fit."""
    copytree(fit, Path(folder) / "fit")
    result = json.loads((Path(fit) / "result.json").read_text())
    data, versions = result["data"], result["versions"]
    ladder, brief, text = ladder_output(data, versions)
    write_output(folder / "ladder", ladder, brief=brief, specification=text)
    own = (Path(fit) / "specification.toml").read_text()
    sensitivity = sensitivity_output(result["name"], data, versions)
    write_output(folder / "sensitivity", sensitivity, specification=own)
    design = tomli_w.dumps({"name": "ihlrt-trial", "trials": 1000})
    write_output(folder / "plan", plan_output(versions), specification=design, name="plan.toml")
    return folder
