"""Item 13: a statement on median survival is one piece of information, whatever the intervals."""

import pandas as pd

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.spec.analysis import AnalysisSpec
from validation.examination.row import Row
from validation.outside.long_survivors import cohort, maximum_likelihood, quantile_cuts

FLAT = {"dist": "Normal", "mu": 0.0, "sigma": 100.0}
MEDIAN = {"median_survival": 19.2, "upper": 60.0}


def rows() -> list[Row]:
    """Return how far the treatment's mode lies from maximum likelihood with the same cuts."""
    found = []
    frame = cohort(138, 3)
    for intervals in (1, 3, 9, 20):
        cuts = quantile_cuts(frame, intervals)
        likely, error = maximum_likelihood(frame, cuts)
        default = _mode(frame, cuts, {})
        stated = _mode(frame, cuts, {"baseline": MEDIAN})
        moved = abs(default - likely[0])
        found.append(
            Row(
                item="13",
                what=f"{intervals} independent intervals, {int(frame.death.sum())} deaths among "
                "long survivors, flat treatment prior: log HR at the mode",
                truth=f"{likely[0]:.3f} ({error[0]:.3f}) by maximum likelihood with the same cuts",
                before="nine intervals: -0.360 where maximum likelihood gives -0.153",
                after=f"{default:.3f}; with a stated median of 19.2 months {stated:.3f}",
                mcse="none: a mode",
                verdict="right" if moved <= 0.02 else f"off by {moved:.3f}",
            )
        )
    return found


def _mode(frame: pd.DataFrame, cuts: list[float], priors: dict[str, object]) -> float:
    hazard = {"family": "piecewise", "cuts": cuts, "smoothing": "independent"}
    spec = AnalysisSpec.model_validate(
        {
            "name": "long survivors",
            "data": {"patient": "id", "time": "months", "event": "death"},
            "treatment": {"name": "trt", "start": "start"},
            "outcome": {
                "formula": "trt + x",
                "hazard": hazard if cuts else {"family": "exponential"},
            },
            "priors": {"trt": FLAT, "x": FLAT, **priors},
        }
    )
    checked = check_analysis(spec, frame)
    prepared = prepare(checked.spec.model, checked.person_time)
    shared = compile_model(prepared)
    modes = shared.engine.modes(shared.members({"weight": prepared.arrays.data["weight"][None]}))
    return float(modes.positions[0][shared.engine.density.names.index("trt")])
