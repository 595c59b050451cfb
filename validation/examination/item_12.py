"""Item 12: default priors favour nobody and belong to no disease."""

import numpy as np
import pandas as pd

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.spec.analysis import AnalysisSpec
from validation.examination.row import Row
from validation.outside.long_survivors import cohort

COHORTS = 30
PATIENTS = 60
BASE = {"base": "hcc-atezolizumab-bevacizumab"}


def rows() -> list[Row]:
    """Return what the defaults do to treatments without an effect, and who shares them."""
    modes = {
        name: np.array(
            [_mode(cohort(PATIENTS, seed, effect=0.0), priors) for seed in range(COHORTS)]
        )
        for name, priors in (("default", {}), ("set", BASE))
    }
    errors = {name: found.std(ddof=1) / COHORTS**0.5 for name, found in modes.items()}
    mean = {name: found.mean() for name, found in modes.items()}
    shares = {name: float((found < 0.0).mean()) for name, found in modes.items()}
    return [
        Row(
            item="12",
            what=f"{COHORTS} cohorts of {PATIENTS} long survivors, treatment without effect, no "
            "prior stated, Weibull: mean log HR at the mode",
            truth="0 but for the bias of a Weibull; no push towards benefit",
            before=f"{mean['set']:.3f} and {shares['set']:.0%} of modes below 0 (the priors that "
            "were the defaults)",
            after=f"{mean['default']:.3f} and {shares['default']:.0%} of modes below 0",
            mcse=f"{errors['default']:.3f}",
            verdict="right" if abs(mean["default"]) < abs(mean["set"]) else "no better",
        ),
        _held(),
    ]


def _held() -> Row:
    """Compare the priors of two designs and of a subset of one cohort."""
    frame = cohort(200, 1)
    found = []
    for design in ({"design": "split"}, {"design": "landmark", "landmark": 12.0}):
        checked = check_analysis(_spec({}, design), frame)
        found.append(_priors(checked.spec, checked.person_time))
    return Row(
        item="12",
        what="prior of every parameter under split and under landmark 12, no prior stated",
        truth="the same",
        before="standard deviations over the rows of each design",
        after="the same" if found[0] == found[1] else "different",
        mcse="none",
        verdict="right" if found[0] == found[1] else "wrong",
    )


def _spec(priors: dict[str, object], design: dict[str, object]) -> AnalysisSpec:
    return AnalysisSpec.model_validate(
        {
            "name": "long survivors",
            "data": {"patient": "id", "time": "months", "event": "death"},
            "treatment": {"name": "trt", "start": "start", **design},
            "outcome": {"formula": "trt + x"},
            "priors": priors,
        }
    )


def _priors(spec: AnalysisSpec, rows: object) -> dict[str, object]:
    return {name: one.prior for name, one in prepare(spec.model, rows).priors.items()}


def _mode(frame: pd.DataFrame, priors: dict[str, object]) -> float:
    checked = check_analysis(_spec(priors, {"design": "split"}), frame)
    prepared = prepare(checked.spec.model, checked.person_time)
    shared = compile_model(prepared)
    modes = shared.engine.modes(shared.members({"weight": prepared.arrays.data["weight"][None]}))
    return float(modes.positions[0][shared.engine.density.names.index("trt")])
