"""Item 14: priors are told, and told to disagree with what was observed."""

from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.spec.analysis import AnalysisSpec
from validation.examination.row import Row
from validation.outside.long_survivors import cohort


def rows() -> list[Row]:
    """Return what a fit says of its priors where a stated median is far from the data."""
    spec = AnalysisSpec.model_validate(
        {
            "name": "long survivors",
            "data": {"patient": "id", "time": "months", "event": "death"},
            "treatment": {"name": "trt", "start": "start"},
            "outcome": {"formula": "trt + x"},
            "priors": {"baseline": {"median_survival": 4.0, "upper": 8.0}},
            "sampler": {"engine": "laplace"},
            "estimands": {"horizons": [24.0]},
        }
    )
    result = run_fit(spec, cohort(138, 3))
    found = result.to_dict()
    chances = [e for e in found["estimands"] if e["prob_benefit"] is not None]
    lacking = [e["estimand"] for e in chances if e["prior_prob_benefit"] is None]
    return [
        Row(
            item="14",
            what="stated median of 4 months (8 at most), patients who live for years",
            truth="the conflict is told",
            before="nothing was said",
            after=result.prior_note or "nothing",
            mcse="none",
            verdict="right" if result.prior_note else "wrong",
        ),
        Row(
            item="14",
            what="posterior probabilities without their prior probability in result.json",
            truth="none",
            before="all but the statements on the interaction",
            after=f"{len(lacking)} of {len(chances)}; one line: {found['priors']}",
            mcse="none",
            verdict="wrong" if lacking else "right",
        ),
    ]
