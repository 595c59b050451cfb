"""What the figures of a result show, as datasets: everything drawn can be had without drawing."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats
from numpy.typing import NDArray

from bayes_ihlrt.analysis.estimates import observed_values, strategies, weigher
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.follow_up import (
    flow_data,
    patient_flow,
    swimmer_data,
    treatment_starts,
    treatment_starts_data,
)
from bayes_ihlrt.analysis.interaction import InteractionResult
from bayes_ihlrt.analysis.notes import clock
from bayes_ihlrt.analysis.parameters import flat_draws, result_names, unit_of
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.contrasts import chance_above, probability, summarise
from bayes_ihlrt.estimands.curves import survival
from bayes_ihlrt.estimands.draws import at_value, gained
from bayes_ihlrt.estimands.interaction import (
    crude_rate_ratios,
    log_hazard_ratio,
    subgroup_log_hazard_ratio,
)
from bayes_ihlrt.estimands.population import sample_population, undefined_survival
from bayes_ihlrt.estimands.product_limit import kaplan_meier, on_curve
from bayes_ihlrt.estimands.turnbull import called, turnbull_of
from bayes_ihlrt.model.predictor import linear_in_modifier
from bayes_ihlrt.names import HORIZON, TIME, ModifierTransform
from bayes_ihlrt.spec.analysis import AnalysisSpec

Floats = NDArray[np.float64]
_DENSITY_POINTS: Final = 200
_RANK_BINS: Final = 20


def prior_posterior_data(result: FitResult) -> xr.Dataset:
    """Return the prior and posterior density of every top-level parameter.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    xarray.Dataset
        ``x`` and ``density`` over (source, parameter, point); ``low`` and ``high`` over parameter,
        the range that holds the posterior and the central 95 % of the prior.
    """
    names = [name for name in result_names(result.fit) if name in result.prior]
    posterior = flat_draws(result.fit, tuple(names))
    labels = [result.spec.labels.term(str(p)) for p in posterior["parameter"].to_numpy()]
    prior = _flat_prior(result.prior, names, len(labels))
    grids, densities = [], []
    for values in (prior, posterior.to_numpy().reshape(-1, len(labels))):
        pairs = [density(values[:, i]) for i in range(len(labels))]
        grids.append([x for x, _ in pairs])
        densities.append([y for _, y in pairs])
    dims = ("source", "parameter", "point")
    low, high = np.quantile(prior, [0.025, 0.975], axis=0)
    return xr.Dataset(
        {
            "x": (dims, np.array(grids)),
            "density": (dims, np.array(densities)),
            "low": ("parameter", np.minimum(low, np.min(grids[1], axis=1))),
            "high": ("parameter", np.maximum(high, np.max(grids[1], axis=1))),
        },
        coords={"source": ["prior", "posterior"], "parameter": labels},
    )


def trace_data(result: FitResult) -> xr.Dataset:
    """Return the draws and the rank histogram of each chain, for every top-level parameter.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    xarray.Dataset
        ``draws`` over (chain, draw, parameter); ``ranks``, the share of each chain's draws by bin
        of their rank among all draws, over (chain, parameter, bin). Uniform when chains agree.
    """
    names = tuple(name for name in result_names(result.fit) if name in result.prior)
    draws = flat_draws(result.fit, names)
    called = [result.spec.labels.term(str(p)) for p in draws["parameter"].to_numpy()]
    draws = draws.assign_coords(parameter=called)
    values = draws.to_numpy()
    chains, length, count = values.shape
    ranks = values.reshape(-1, count).argsort(axis=0).argsort(axis=0).reshape(values.shape)
    bins = ranks * _RANK_BINS // (chains * length)
    shares = [
        [np.bincount(bins[c, :, p], minlength=_RANK_BINS) / length for p in range(count)]
        for c in range(chains)
    ]
    return xr.Dataset(
        {"draws": draws, "ranks": (("chain", "parameter", "bin"), np.array(shares))},
        coords={"chain": np.arange(chains), "draw": np.arange(length)},
    )


def _flat_prior(prior: xr.Dataset, names: list[str], count: int) -> Floats:
    parts = [prior[name].to_numpy().reshape(prior.sizes["draw"], -1) for name in names]
    flat = np.concatenate(parts, axis=-1)
    if flat.shape[1] != count:
        message = f"prior and posterior do not match: {flat.shape[1]} and {count} parameters"
        raise AssertionError(message)
    return flat


def density(values: Floats) -> tuple[Floats, Floats]:
    """Return a kernel estimate of the density of draws, between their 0.05 and 99.95 % quantiles.

    Parameters
    ----------
    values : ndarray, shape (draws,)
        Draws.

    Returns
    -------
    x : ndarray, shape (points,)
        Where.
    density : ndarray, shape (points,)
        How dense.
    """
    low, high = np.quantile(values, [0.0005, 0.9995])
    inside = values[(values >= low) & (values <= high)]
    grid, height, _ = array_stats.kde(inside, grid_len=_DENSITY_POINTS)
    return np.asarray(grid), np.asarray(height)


_SAMPLE = ("chain", "draw")


def gain_data(result: FitResult) -> xr.Dataset:
    """Return the posterior density of the months gained, and how probable each decision region is.

    Restricted mean survival under treatment less that under never, up to the last horizon, for the
    cohort's own modifier values and with everybody's modifier set to each value.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment.

    Returns
    -------
    xarray.Dataset
        ``x`` (months) and ``density`` over (setting, point); ``probability`` over (setting,
        region), regions being ``harm`` (below 0), ``gain too small`` (0 to `gain`) and ``gain``.
        Attributes ``gain`` and ``horizon`` (months) and the strategy ``treated``.
    """
    spec = result.spec
    horizon, gain = max(spec.estimands.horizons), spec.estimands.gain
    name = spec.labels.of(None if spec.modifier is None else spec.modifier.name)
    grids, heights, chances, settings = [], [], [], []
    for at in (None, *spec.estimands.at):
        months = gained(at_value(result.draws, at)["rmst"].sel({HORIZON: horizon}))
        x, height = density(months.to_numpy().ravel())
        grids.append(x)
        heights.append(height)
        below = [float(probability(months < edge)) for edge in (0.0, gain)]
        chances.append([below[0], below[1] - below[0], 1.0 - below[1]])
        settings.append(spec.population.words if at is None else f"{name} {at:g}")
    return xr.Dataset(
        {
            "x": (("setting", "point"), np.array(grids)),
            "density": (("setting", "point"), np.array(heights)),
            "probability": (("setting", "region"), np.array(chances)),
        },
        coords={"setting": settings, "region": ["harm", "gain too small", "gain"]},
        attrs={"gain": gain, "horizon": horizon, "treated": strategies(spec)[-1].name},
    )


def subgroup_data(result: FitResult) -> xr.Dataset:
    """Return the hazard ratio in each subgroup, shrunken and by itself.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment and subgroups.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5, prob_benefit`` of the model's hazard ratio, and the last before the
        data, ``prior_prob_benefit`` (NaN where it is not known); ``ratio, low, high`` of the crude
        rate ratio, ``patients``, ``events_treated``, ``events_untreated``, all over ``subgroup``,
        NaN where nobody of the population is in it. Attribute ``overall``, the hazard ratio over
        the population.
    """
    columns = result.spec.estimands.subgroups
    weights = weigher(result.spec, result.propensity)(result.fit)
    log_hr = subgroup_log_hazard_ratio(result.fit, columns, weights=weights)
    found = summarise(xr.apply_ufunc(np.exp, log_hr))[["median", "q2.5", "q97.5"]]
    overall = summarise(xr.apply_ufunc(np.exp, log_hazard_ratio(result.fit, weights=weights)))[
        "median"
    ]
    crude = crude_rate_ratios(result.fit, columns)
    chance = probability(log_hr < 0.0).where(log_hr.notnull().all(_SAMPLE))
    before = _subgroups_before(result, chance)
    return (
        found.assign(prob_benefit=chance, prior_prob_benefit=before)
        .merge(crude)
        .assign_attrs(overall=float(overall))
    )


def _subgroups_before(result: FitResult, after: xr.DataArray) -> xr.DataArray:
    """Prior probability that treatment lowers the hazard, where there is a posterior one."""
    if result.before is None:
        return xr.full_like(after, np.nan)
    weights = weigher(result.spec, result.propensity)(result.before)
    columns = result.spec.estimands.subgroups
    draws = subgroup_log_hazard_ratio(result.before, columns, weights=weights).to_numpy()
    return after.copy(data=chance_above(np.zeros_like(draws), draws).mean(axis=(0, 1))).where(
        after.notnull()
    )


def round_times(end: float) -> Floats:
    """Return times in months at which to count patients: multiples of 1, 3, 6, 12, 24 or 60.

    Parameters
    ----------
    end : float
        Last month of follow-up.

    Returns
    -------
    ndarray
        From zero; seven times at most.

    Examples
    --------
    >>> round_times(45.6).tolist()
    [0.0, 12.0, 24.0, 36.0]
    """
    step = next((s for s in (1.0, 3.0, 6.0, 12.0, 24.0, 60.0) if end / s <= 6.0), end / 6.0)
    return np.arange(0.0, end, step)


_TIMES: Final = 81
_TITLES: Final[Mapping[str, str]] = {
    "survival": "Survival by strategy",
    "hazard_ratio": "Hazard ratio of {treatment} by {modifier}",
    "gain": "Months gained with {treatment}",
    "subgroups": "Hazard ratio of {treatment} in subgroups",
    "forest": "Coefficients of the hazard",
    "prior_posterior": "What the data added to the priors",
    "trace": "Draws and ranks by chain",
    "flow": "Patients in the design",
    "treatment_starts": "When {treatment} started",
    "swimmer": "Course of each patient",
    "love": "Balance of the covariates",
    "connect_s": "Balance within thirds of {modifier}",
    "overlap": "Overlap of the propensities",
    "weight_sums": "Sums of the clones' weights",
}


def figure_data(result: FitResult, *, swimmer: bool = False) -> dict[str, xr.Dataset]:
    """Return the data of every figure that a result has.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.
    swimmer : bool
        Whether that of every patient's own course is among them: it tells single patients' months,
        to be asked for only where that may be passed on.

    Returns
    -------
    dict of str to xarray.Dataset
        By figure: ``survival``, ``hazard_ratio`` (with a treatment and a modifier), ``gain`` (with
        a treatment), ``subgroups`` (where there are any), ``forest`` (with coefficients),
        ``prior_posterior``, ``trace`` (of Markov chains), ``flow``, ``treatment_starts`` (where
        treatment starts under observation), ``swimmer``, and of propensities ``love``,
        ``connect_s`` (with a modifier), ``overlap``, ``weight_sums`` (of clones). No ``survival``
        and ``gain`` where survival by strategy is not defined. Attributes tell the title and
        whether the data are synthetic.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")``:

    >>> sorted(figure_data(result))[:6]
    ['flow', 'forest', 'gain', 'hazard_ratio', 'prior_posterior', 'survival']
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
    if result.fit.convergence.chains:
        found["trace"] = trace_data(result)
    if result.propensity is not None:
        found |= result.propensity.figures
    found |= _of_patients(result, swimmer=swimmer)
    spec = result.spec
    named = {
        "treatment": spec.labels.of(None if spec.treatment is None else spec.treatment.name),
        "modifier": spec.labels.of(None if spec.modifier is None else spec.modifier.name),
    }
    about = {"synthetic": result.synthetic, "draws": result.draws_name}
    return {
        name: data.assign_attrs(about, title=_TITLES[name].format(**named))
        for name, data in found.items()
    }


def _of_patients(result: FitResult, *, swimmer: bool) -> dict[str, xr.Dataset]:
    """What describes the patients, whatever the model."""
    cohort, treatment = result.checked.cohort, result.spec.treatment
    rows, name = result.checked.person_time, None if treatment is None else treatment.name
    found = {
        "flow": flow_data(patient_flow(cohort, rows, treatment, called=result.spec.labels.of(name)))
    }
    if name is not None and treatment_starts(cohort, name)["started"]:
        end = float(cohort.columns["stop"].max())
        found["treatment_starts"] = treatment_starts_data(cohort, name, round_times(end))
    if swimmer:
        found["swimmer"] = swimmer_data(cohort, name)
    return found


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
        last; ``censored`` over (state, tick) at ``censored_time``, the curve where follow-up of
        patients ended without the event, none where patients have several histories;
        ``at_risk`` over (state, risk_time). Time in months since the attribute ``clock``.
    """
    rows = result.checked.person_time
    end = float(rows.exit_time.max())
    times = np.linspace(0.0, end, _TIMES)
    weights = weigher(result.spec, result.propensity)(result.fit)
    patients = sample_population(result.fit, weights=weights)
    curves_of = survival(result.fit, times, strategies(result.spec), population=patients)
    summary = summarise(curves_of)
    marks = round_times(end)
    curves, at_risk, ticks = [], [], []
    left = _lost(rows)
    row_weights = None if result.propensity is None else result.propensity.row_weights
    scans = rows.uncertain is not None
    known = turnbull_of(rows) if scans else xr.Dataset()
    states = {"all patients": left | True} if scans else treatment_states(result.spec, rows)
    for mask in states.values():
        start, stop, event = (
            rows.columns[name][mask].astype(np.float64) for name in ("start", "stop", "event")
        )
        weight = None if row_weights is None else row_weights[mask]
        drawn = (known[TIME].to_numpy(), known["survival"].to_numpy()) if scans else None
        curves.append(drawn or _product_limit(start, stop, event, weight))
        ticks.append(on_curve(curves[-1], np.unique(stop[left[mask]]), straight=scans))
        at_risk.append([int(((start < max(t, 1e-9)) & (stop >= t)).sum()) for t in marks])
    kaplan, censored = _padded(curves), _padded(ticks)
    return (
        summary[["median", "q2.5", "q97.5"]]
        .assign(
            km_time=(("state", "step"), kaplan[:, 0]),
            km=(("state", "step"), kaplan[:, 1]),
            censored_time=(("state", "tick"), censored[:, 0]),
            censored=(("state", "tick"), censored[:, 1]),
            at_risk=(("state", "risk_time"), np.array(at_risk)),
            state=list(states),
            risk_time=marks,
        )
        .assign_attrs(clock=clock(rows), **({"observed": called(known)} if scans else {}))
    )


def _lost(rows: PersonTime) -> NDArray[np.bool_]:
    """Rows at the end of which a patient's follow-up ends without the event."""
    if rows.overlapping:
        return np.zeros(rows.n_rows, dtype=bool)
    last = np.diff(rows.patient_index, append=-1) != 0
    return np.asarray(last & (rows.columns["event"].astype(np.float64) == 0.0))


def _padded(curves: list[tuple[Floats, Floats]]) -> Floats:
    """Curves of one length, shape (curves, 2, points), NaN beyond the last."""
    longest = max(len(times) for times, _ in curves)
    padded = [
        [np.pad(part, (0, longest - len(part)), constant_values=np.nan) for part in curve]
        for curve in curves
    ]
    return np.array(padded, dtype=np.float64)


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
    modifier, observed = result.spec.modifier, observed_values(result.fit)
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
        label=result.spec.labels.with_unit(modifier.name),
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
        the coefficient and the step that it refers to; ``of_ratios`` is true of interactions,
        whose exponential is a ratio of hazard ratios.
    """
    columns = result.fit.prepared.encoder.columns
    draws = flat_draws(result.fit, columns).rename(parameter="coefficient")
    labels = [_coefficient(name, result.spec) for name in columns]
    ratios = [":" in name for name in columns]
    summary = summarise(xr.apply_ufunc(np.exp, draws))[["median", "q2.5", "q97.5"]]
    return summary.assign(label=("coefficient", labels), of_ratios=("coefficient", ratios))


def _coefficient(name: str, spec: AnalysisSpec) -> str:
    """A coefficient with its step, that of treatment with the modifier that it holds at."""
    modifier, treatment, called = spec.modifier, spec.treatment, spec.labels.term(name)
    if modifier is not None and treatment is not None and name == treatment.name:
        crossed = any({name, modifier.name} <= set(term) for term in spec.outcome.parsed.terms)
        if crossed and linear_in_modifier(spec.model):
            return f"{called}, at {spec.labels.of(modifier.name)} {modifier.reference:g}"
    unit = unit_of(name, spec)
    return f"{called}, {unit}" if unit else called


def treatment_states(spec: AnalysisSpec, rows: PersonTime) -> Mapping[str, NDArray[np.bool_]]:
    """Return the rows of each treatment state; of a model without treatment all rows.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    rows : PersonTime
        Rows of a design.

    Returns
    -------
    mapping of str to ndarray of bool, shape (rows,)
        ``untreated`` and ``treated``, or ``all patients``.
    """
    treatment = spec.treatment
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
