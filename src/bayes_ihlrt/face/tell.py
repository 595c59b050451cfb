"""What every result tells: the answer as a page, its table, its figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from bayes_ihlrt.analysis.cause_figures import cause_figure_data
from bayes_ihlrt.analysis.cause_fit import CausesResult
from bayes_ihlrt.analysis.causes import CheckedCauses
from bayes_ihlrt.analysis.check import CheckedAnalysis
from bayes_ihlrt.analysis.diagnose import Diagnosis
from bayes_ihlrt.analysis.estimates import Estimate
from bayes_ihlrt.analysis.figures import figure_data
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.prior_words import prior_words
from bayes_ihlrt.errors import Fault, InputError, nearest
from bayes_ihlrt.face.estimates import HAZARD_RATIO, Estimates
from bayes_ihlrt.ladder.figure import ladder_data
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.plots.catalogue import draw_figure
from bayes_ihlrt.report.answers import (
    SYNTHETIC,
    diagnosis_answer,
    ladder_answer,
    sensitivity_answer,
    treatment_label,
)
from bayes_ihlrt.report.causes import cause_summary
from bayes_ihlrt.report.html import environment
from bayes_ihlrt.report.narrative import fit_summary
from bayes_ihlrt.report.plan_table import plan_answer
from bayes_ihlrt.results.table import chance_words, interval, number
from bayes_ihlrt.sensitivity.figures import sensitivity_figures
from bayes_ihlrt.sensitivity.study import SensitivityResult
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.trials.figures import plan_figures
from bayes_ihlrt.trials.operating import Estimated
from bayes_ihlrt.trials.run import TrialPlanResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

type Drawn = Mapping[str, tuple[str, xr.Dataset]]
"""Name of a figure to the kind that draws it, and what it draws; the first is the default."""


_WORDS: Final = {
    "hazard_ratio": "Hazard ratio",
    "survival": "Survival",
    "event_probability": "Probability of the event",
    "hazard": "Events per person-month",
    "cumulative_hazard": "Cumulative hazard",
    "rmst": "Event-free months",
    "time_lost": "Months lost",
    "median_survival": "Median survival, months",
}
_DIGITS: Final = {
    "hazard_ratio": 2,
    "survival": 2,
    "event_probability": 2,
    "hazard": 4,
    "cumulative_hazard": 2,
    "rmst": 1,
    "time_lost": 1,
    "median_survival": 1,
}
"""Decimals of a table, the same in each row: months are told in tenths."""


@dataclass(frozen=True)
class View:
    """How one kind of result is told.

    Parameters
    ----------
    table : callable
        From a result to its table.
    figures : callable
        From a result to what its figures draw.
    answer : callable
        From a result to its answer, as `report.narrative.fit_summary`.
    """

    table: Callable[[Any], pd.DataFrame]
    figures: Callable[[Any], Drawn]
    answer: Callable[[Any], Mapping[str, Any]]


def summary(result: object) -> pd.DataFrame:
    """Return the table of a result.

    Parameters
    ----------
    result : FitResult, CausesResult, Estimates, LadderResult, Diagnosis or another
        What a verb returned.

    Returns
    -------
    DataFrame
        Of a fit its parameters (log hazard ratios), with interval, R-hat and effective sample
        sizes; of estimates a row for each strategy, month and value, and for each difference, and
        where the model extrapolates some of them, which (``attrs["notes"]`` says why); of a ladder
        its rungs; of a sensitivity study every choice of priors; of a diagnosis its verdicts; of a
        plan success by design and scenario; of a check its priors.

    Raises
    ------
    InputError
        It is no result.

    Examples
    --------
    With ``result = bi.fit("primary", "ihlrt_synthetic")``:

    >>> import bayes_ihlrt as bi
    >>> bi.summary(result).loc["ihlrt", ["q2.5", "q97.5"]].size
    2
    >>> bi.summary(bi.estimates(result, "rmst", horizon=24)).index.tolist()
    ['never', 'from month 1.9', 'from month 1.9 - never']
    """
    for kind, table in _CHECKED.items():
        if isinstance(result, kind):
            return table(result)
    return _view("summary", result, *_CHECKED).table(result)


def plot(
    result: object,
    name: str | None = None,
    *,
    ax: "Axes | None" = None,
    width: float | None = None,
) -> "Figure":
    """Draw a figure of a result.

    Parameters
    ----------
    result : FitResult, CausesResult, Estimates, LadderResult, Diagnosis or another
        What a verb returned.
    name : str, optional
        Which of its figures, as the gallery calls them; the first without it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a figure of its own without it.
    width : float, optional
        Millimetres of a figure of its own, for which it lays itself out.

    Returns
    -------
    matplotlib.figure.Figure
        Units on every axis, and "Synthetic data" across figures of simulated data.

    Raises
    ------
    InputError
        It is no result, or has no such figure.

    Examples
    --------
    With ``result = bi.fit("primary", "ihlrt_synthetic")``:

    >>> import bayes_ihlrt as bi
    >>> len(bi.plot(result, "hazard_ratio").axes)
    2
    >>> bi.plot(result, "hazard")
    Traceback (most recent call last):
    bayes_ihlrt.errors.InputError: plot: 1 fault
      - the figure: this result has no 'hazard'. Did you mean 'hazard_ratio'? Allowed: ...
    """
    if isinstance(result, tuple(_CHECKED)):
        fault = Fault("the result", "a check has no figures", "Use `summary`, or plot its `fit`")
        raise InputError("plot", [fault])
    figures = _view("plot", result).figures(result)
    if not figures:
        raise InputError("plot", [Fault("the result", "it has no figures", "Use `summary`")])
    if name is not None and name not in figures:
        remedy = nearest(str(name), figures)
        raise InputError("plot", [Fault("the figure", f"this result has no '{name}'", remedy)])
    kind, data = figures[name or next(iter(figures))]
    return draw_figure(kind, data, ax=ax, width=width)


def answer_page(result: object) -> str:
    """Return the answer of a result as a piece of HTML, for notebooks.

    Parameters
    ----------
    result : object
        What a verb returned.

    Returns
    -------
    str
        One ``div``; every text of a user is escaped.
    """
    told = _view("the notebook's view", result).answer(result)
    template = environment().get_template("answer.html.jinja")
    found: str = template.render(answer=told)
    return found


def _view(verb: str, result: object, *beside: type) -> View:
    for kind, view in _VIEWS.items():
        if isinstance(result, kind):
            return view
    known = ", ".join(kind.__name__ for kind in (*_VIEWS, *beside))
    fault = Fault("the result", f"it is of type {type(result).__name__}", f"Allowed: {known}")
    raise InputError(verb, [fault])


def _same(figures: Mapping[str, xr.Dataset]) -> Drawn:
    return {name: (name, data) for name, data in figures.items()}


def _parameters(result: FitResult) -> pd.DataFrame:
    return _of_parameters(result.parameters)


def _of_parameters(table: Mapping[str, Mapping[str, float | None]]) -> pd.DataFrame:
    found = pd.DataFrame(list(table.values()), index=pd.Index(table, name="parameter"))
    return found.astype(np.float64)


def _of_causes(result: CausesResult) -> pd.DataFrame:
    parts = {name: _of_parameters(table) for name, table in result.parameters.items()}
    return pd.concat(parts, names=["cause", "parameter"])


def _of_estimates(result: Estimates) -> pd.DataFrame:
    rows = []
    for row in result.rows:
        kept = {"": row.strategy or row.contrast, "horizon": row.horizon, "at": row.at}
        told = {**row.summary, "P(better)": row.prob_benefit}
        rows.append({**kept, **told, "extrapolated": not result.within_data(row)})
    found = pd.DataFrame(rows).set_index("")
    found.attrs["notes"] = list(result.notes)
    # What was not asked for has no column, and neither has what holds for no row.
    beyond = bool(found["extrapolated"].any())
    asked = {"horizon": bool(result.horizons), "at": bool(result.at), "extrapolated": beyond}
    return found.drop(columns=[name for name, there in asked.items() if not there])


def _of_ladder(result: LadderResult) -> pd.DataFrame:
    data = ladder_data(result)
    alone = [name for name, values in data.data_vars.items() if values.ndim == 1]
    return data[alone].to_dataframe()


def _of_study(result: SensitivityResult) -> pd.DataFrame:
    rows = result.checks["grid"].to_list() if "grid" in result.checks else []
    return pd.DataFrame(rows)


def _of_checks(result: Diagnosis) -> pd.DataFrame:
    rows = [(each.check, each.status.value, each.reason) for each in result.checks.verdicts]
    return pd.DataFrame(rows, columns=["check", "verdict", "why"]).set_index("check")


def _of_plan(result: TrialPlanResult) -> pd.DataFrame:
    rows = {}
    for cell in result.result.cells:
        found, success = cell.found, cell.found.success_told
        rows[cell.design, cell.scenario] = {
            "success": success.estimate,
            "low": success.low,
            "high": success.high,
            "patients": _mean(found.expected_n),
            "events": _mean(found.expected_events),
            "months": _mean(found.expected_months),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(["design", "scenario"])


def _mean(value: Estimated | None) -> float:
    return float("nan") if value is None else value.estimate


def _of_check(result: CheckedAnalysis) -> pd.DataFrame:
    worths = result.worths
    rows = {
        name: {
            "prior": prior_words(stated.prior),
            "events it is worth": worths[name].words if name in worths else "",
            "source": stated.source,
        }
        for name, stated in result.priors.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")


def _of_checked_causes(result: CheckedCauses) -> pd.DataFrame:
    parts = {name: _of_check(part) for name, part in result.parts.items()}
    return pd.concat(parts, names=["cause", "parameter"])


def _shown(result: Estimates) -> list[Estimate]:
    """Differences, or the ratio; of a model without treatment its patients."""
    return [row for row in result.rows if row.contrast is not None] or list(result.rows)


def _title(result: Estimates) -> str:
    row, what = _shown(result)[0], _WORDS[result.estimand]
    if result.estimand == HAZARD_RATIO:
        return f"{what}, {treatment_label(result.spec)}"
    if row.contrast is None:
        return f"{what}: {row.strategy}"
    return f"{what}, {treatment_label(result.spec)} {row.contrast.replace(' - ', ' less ')}"


def _setting(row: Estimate, spec: AnalysisSpec) -> str:
    """Month and value of the modifier in words."""
    parts = [] if row.horizon is None else [f"month {row.horizon:g}"]
    if row.at is not None and spec.modifier is not None:
        parts.append(f"{spec.labels.of(spec.modifier.name)} {row.at:g}")
    return ", ".join(parts) or "patients as they are"


def _estimates_answer(result: Estimates) -> dict[str, Any]:
    rows, digits = [], _DIGITS[result.estimand]
    for row in _shown(result):
        middle = row.summary["median"]
        between = interval(row.summary["q2.5"], row.summary["q97.5"], digits=digits)
        chance = "" if row.prob_benefit is None else chance_words(row.prob_benefit)
        rows.append([_setting(row, result.spec), number(middle, digits), between, chance])
    table = {"head": ["", "median", "95 %", "P(better)"], "rows": rows}
    first = [SYNTHETIC] if result.synthetic else []
    return {
        "first": first,
        "parts": [{"title": _title(result), "told": list(result.notes), "table": table}],
    }


def _estimates_figure(result: Estimates) -> Drawn:
    rows = _shown(result)
    told = {name: [row.summary[name] for row in rows] for name in ("median", "q2.5", "q97.5")}
    values = {name: ("row", np.array(given, dtype=np.float64)) for name, given in told.items()}
    labels = [_setting(row, result.spec) for row in rows]
    about = {
        "title": result.spec.description or result.spec.name,
        "label": _title(result),
        "ratio": int(result.estimand == HAZARD_RATIO),
        "contrast": int(rows[0].contrast is not None),
        "synthetic": int(result.synthetic),
    }
    return {"estimates": ("estimates", xr.Dataset(values, coords={"row": labels}, attrs=about))}


_VIEWS: Final[Mapping[type, View]] = {
    FitResult: View(_parameters, lambda result: _same(figure_data(result)), fit_summary),
    CausesResult: View(_of_causes, lambda result: _same(cause_figure_data(result)), cause_summary),
    Estimates: View(_of_estimates, _estimates_figure, _estimates_answer),
    LadderResult: View(
        _of_ladder, lambda result: _same({"ladder": ladder_data(result)}), ladder_answer
    ),
    SensitivityResult: View(
        _of_study, lambda result: _same(sensitivity_figures(result)), sensitivity_answer
    ),
    Diagnosis: View(_of_checks, lambda result: _same(result.figures), diagnosis_answer),
    TrialPlanResult: View(_of_plan, lambda result: plan_figures(result.result), plan_answer),
}

_CHECKED: Final[Mapping[type, Callable[[Any], pd.DataFrame]]] = {
    CheckedAnalysis: _of_check,
    CheckedCauses: _of_checked_causes,
}
"""What is no result: a table is all that is told of it."""
