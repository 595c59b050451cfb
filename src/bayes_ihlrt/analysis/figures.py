"""What the figures show, as datasets: everything drawn can be had without drawing."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.estimates import strategies
from bayes_ihlrt.analysis.figure_draws import prior_posterior_data, trace_data
from bayes_ihlrt.analysis.figure_gain import gain_data, subgroup_data
from bayes_ihlrt.analysis.interaction_result import InteractionResult
from bayes_ihlrt.analysis.marks import round_times
from bayes_ihlrt.analysis.notes import clock
from bayes_ihlrt.analysis.populations import weigher
from bayes_ihlrt.analysis.result import FitResult, modifier_of_patients
from bayes_ihlrt.analysis.summaries import flat_draws, unit_of
from bayes_ihlrt.estimands.curves import survival
from bayes_ihlrt.estimands.population import sample_population, undefined_survival
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.estimands.summary import summarise
from bayes_ihlrt.inference.gate import Convergence
from bayes_ihlrt.names import TIME, ModifierTransform

Floats = NDArray[np.float64]
_TIMES: Final = 81


def figure_data(result: FitResult) -> dict[str, xr.Dataset]:
    """Return the data of every figure that a result has.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    dict of str to xarray.Dataset
        By figure: ``survival``, ``hazard_ratio`` (with a treatment and a modifier), ``gain`` (with
        a treatment), ``subgroups`` (where there are any), ``forest`` (with coefficients),
        ``prior_posterior``, ``trace`` (of Markov chains), and of propensities ``love``,
        ``connect_s`` (with a modifier), ``overlap``, ``weight_sums`` (of clones). No ``survival``
        and ``gain`` where survival by strategy is not defined. Attributes tell the title and
        whether the data are synthetic.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")``:

    >>> sorted(figure_data(result))
    ['forest', 'gain', 'hazard_ratio', 'prior_posterior', 'survival', 'trace']
    >>> figure_data(result)["survival"]["median"].dims
    ('strategy', 'time')
    """
    defined = not undefined_survival(result.fit)
    found = {"survival": survival_data(result)} if defined else {}
    if result.interaction is not None:
        found["hazard_ratio"] = hazard_ratio_data(result, result.interaction)
    if result.spec.treatment is not None and defined:
        found["gain"] = gain_data(result)
    if result.spec.estimands.subgroups:
        found["subgroups"] = subgroup_data(result)
    if result.fit.prepared.encoder.columns:
        found["forest"] = forest_data(result)
    found["prior_posterior"] = prior_posterior_data(result)
    if isinstance(result.fit.convergence, Convergence):
        found["trace"] = trace_data(result)
    if result.propensity is not None:
        found |= result.propensity.figures
    title = result.spec.description or result.spec.name
    about = {"title": title, "synthetic": result.synthetic, "draws": result.draws_name}
    return {name: data.assign_attrs(about) for name, data in found.items()}


def survival_data(result: FitResult) -> xr.Dataset:
    """Return survival by strategy, Kaplan-Meier by treatment state, and numbers at risk.

    The Kaplan-Meier curves of a weighted analysis are weighted, the numbers at risk are not.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5`` over (strategy, time); ``km`` over (state, step) at ``km_time``,
        from the first month at which anybody is at risk in that state, NaN beyond the
        last; ``at_risk`` over (state, risk_time). Time in months since the attribute ``clock``.
    """
    rows = result.checked.person_time
    end = float(rows.exit_time.max())
    times = np.linspace(0.0, end, _TIMES)
    weights = weigher(result.spec, result.propensity)(result.fit)
    patients = sample_population(result.fit, weights=weights)
    curves_of = survival(result.fit, times, strategies(result.spec), population=patients)
    summary = summarise(curves_of)
    marks = round_times(end)
    curves, at_risk = [], []
    row_weights = None if result.propensity is None else result.propensity.row_weights
    states = _states(result)
    for mask in states.values():
        start, stop, event = (
            rows.columns[name][mask].astype(np.float64) for name in ("start", "stop", "event")
        )
        weight = None if row_weights is None else row_weights[mask]
        curves.append(_product_limit(start, stop, event, weight))
        at_risk.append([int(((start < max(t, 1e-9)) & (stop >= t)).sum()) for t in marks])
    longest = max(len(times) for times, _ in curves)
    padded = [
        [np.pad(part, (0, longest - len(part)), constant_values=np.nan) for part in curve]
        for curve in curves
    ]
    kaplan = np.array(padded, dtype=np.float64)
    return (
        summary[["median", "q2.5", "q97.5"]]
        .assign(
            km_time=(("state", "step"), kaplan[:, 0]),
            km=(("state", "step"), kaplan[:, 1]),
            at_risk=(("state", "risk_time"), np.array(at_risk)),
            state=list(states),
            risk_time=marks,
        )
        .assign_attrs(clock=clock(rows))
    )


def hazard_ratio_data(result: FitResult, interaction: InteractionResult) -> xr.Dataset:
    """Return the hazard ratio of treatment over the modifier, and the chance of benefit.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment and a modifier.
    interaction : InteractionResult
        What it says of the interaction.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5, prob_benefit, prob_gain`` over the modifier's ``value``, and before
        the data ``prior_prob_benefit, prior_prob_gain``;
        ``patients`` holds each patient's value; ``cross_at`` and ``cross_level`` over ``crossing``
        where ``cross_of`` (0: prob_benefit, 1: prob_gain) passes a level. Attributes: the
        modifier's ``label``, its ``reference`` and ``log``; ``gain`` and ``horizon`` (months);
        ``levels``.
    """
    modifier, observed = result.spec.modifier, modifier_of_patients(result)
    if modifier is None:
        message = "the analysis has no modifier"
        raise ValueError(message)
    crossed = [
        (number, each.level, each.at)
        for number, name in enumerate(("prob_benefit", "prob_gain"))
        for each in interaction.crossings.get(name, ())
        if each.at is not None
    ]
    columns = np.array(crossed, dtype=np.float64).reshape(-1, 3).T
    named = zip(("cross_of", "cross_level", "cross_at"), columns, strict=True)
    crossing = xr.Dataset({name: ("crossing", values) for name, values in named})
    found = interaction.curve.assign(patients=("patient", np.sort(observed)))
    return found.merge(crossing).assign_attrs(
        label=modifier.name,
        reference=modifier.reference,
        log=modifier.transform is ModifierTransform.LOG2,
        gain=interaction.question.gain,
        horizon=interaction.question.horizon,
        levels=list(result.spec.estimands.levels),
    )


def forest_data(result: FitResult) -> xr.Dataset:
    """Return the hazard ratios of the coefficients.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with coefficients.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5`` over ``coefficient``, on the hazard ratio scale; ``label`` names
        the coefficient and the step that it refers to.
    """
    columns = result.fit.prepared.encoder.columns
    draws = flat_draws(result.fit, columns).rename(parameter="coefficient")
    units = [unit_of(name, result.spec) for name in columns]
    labels = [
        f"{name}, {unit}" if unit else name for name, unit in zip(columns, units, strict=True)
    ]
    summary = summarise(xr.apply_ufunc(np.exp, draws))[["median", "q2.5", "q97.5"]]
    return summary.assign(label=("coefficient", labels))


def _states(result: FitResult) -> Mapping[str, NDArray[np.bool_]]:
    """Rows by treatment state; of a model without treatment all rows."""
    treatment, rows = result.spec.treatment, result.checked.person_time
    if treatment is None:
        return {"all patients": np.ones(rows.n_rows, dtype=bool)}
    treated = rows.columns[treatment.name].astype(np.float64) == 1.0
    return {"untreated": ~treated, "treated": treated}


def _product_limit(
    start: Floats, stop: Floats, event: Floats, weight: Floats | None
) -> tuple[Floats, Floats]:
    """Times and survival of one state, from its first entry to its last exit."""
    curve = kaplan_meier(start, stop, event, weight=weight)
    times, alive = curve[TIME].to_numpy(), curve["survival"].to_numpy()
    first, last = (start.min(), stop.max()) if len(start) else (np.nan, np.nan)
    return np.array([first, *times[1:], last]), np.append(alive, alive[-1])
