"""Methods of the checks of a model: those that were run and no other."""

from typing import Final

from bayes_ihlrt.checks.verdict import Status
from bayes_ihlrt.report.outputs import Output

_SCORED: Final = {
    "survival": "by treatment state, modifier and period",
    "hazard": "over time",
    "proportional hazards": "by time since the start of treatment",
    "covariates over time": "by covariate and period",
    "interaction": "along further interactions of treatment and modifier",
    "linearity": "along squares of covariates",
}
"""Checks that compare events with expected events, and along what they do."""
_PRIOR: Final = "Survival was simulated from the priors alone."
_POSTERIOR: Final = "Observed survival was set beside survival simulated from the posterior."
_BY_PERIOD: Final = (
    "The effect of treatment was also estimated for each period since the start of treatment."
)
_CENTRES: Final = "Centres were left out one at a time."
_FAMILIES: Final = (
    "Other baseline hazards were compared by leave-one-patient-out cross-validation and by "
    "stacking [@yao2018]."
)
_PREDICTED: Final = (
    "Predictions for patients whom the model had not seen, by cross-validation, were judged by "
    "calibration, and by the Brier score [@graf1999] and the area under the curve [@uno2007], both "
    "weighted for censoring."
)


def check_methods(output: Output) -> list[str]:
    """Return the methods by which a fitted model was checked, in sentences.

    Parameters
    ----------
    output : Output
        What `fit` or `diagnose` wrote.

    Returns
    -------
    list of str
        With marks for what they cite; empty where the model was not checked.
    """
    checks = output.checks
    if not checks:
        return []
    figures = {file.stem for file in output.figures}
    told = [*_scored(output)]
    if "prior_survival" in figures:
        told.append(_PRIOR)
    if "survival_check" in figures:
        told.append(_POSTERIOR)
    if checks["effect_by_period"] is not None:
        told.append(_BY_PERIOD)
    if checks["loo"] is not None:
        told.append(_left_out(grouped=bool(output.spec.outcome.groups)))
    if checks["centres"] is not None:
        told.append(_CENTRES)
    if checks["hazard_families"] is not None:
        told.append(_FAMILIES)
    if "risk_calibration" in figures:
        told.append(_PREDICTED)
    return told


def _scored(output: Output) -> list[str]:
    done = {
        row["check"]
        for row in output.checks["verdicts"]
        if row["verdict"] != Status.CANNOT_TELL.value
    }
    along = [words for check, words in _SCORED.items() if check in done]
    if not along:
        return []
    return [
        f"Events were compared with those that the model expects, {', '.join(along)}, by score "
        "tests of martingale residuals [@andersen1993]."
    ]


def _left_out(*, grouped: bool) -> str:
    inside = ", the effect of their centre integrated out [@merkle2019]" if grouped else ""
    return (
        "Patients were left out one at a time by Pareto-smoothed importance sampling "
        f"[@vehtari2017], or by refitting where that failed{inside}."
    )
