"""What the figures show, as datasets: everything drawn can be had without drawing."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats
from numpy.typing import NDArray

from bayes_ihlrt.analysis.estimates import strategies
from bayes_ihlrt.analysis.marks import round_times
from bayes_ihlrt.analysis.result import FitResult, modifier_of_patients
from bayes_ihlrt.analysis.summaries import flat_draws, result_names, unit_of
from bayes_ihlrt.estimands.curves import survival
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.product_limit import kaplan_meier
from bayes_ihlrt.estimands.summary import probability, summarise
from bayes_ihlrt.inference.gate import Convergence
from bayes_ihlrt.names import TIME, ModifierTransform

Floats = NDArray[np.float64]
_TIMES: Final = 81
_MODIFIER_VALUES: Final = 21
_DENSITY_POINTS: Final = 200
_RANK_BINS: Final = 20


def figure_data(result: FitResult) -> dict[str, xr.Dataset]:
    """Return the data of every figure that a result has.

    Parameters
    ----------
    result : FitResult
        A fitted analysis.

    Returns
    -------
    dict of str to xarray.Dataset
        By figure: ``survival``, ``hazard_ratio`` (with a treatment and a modifier), ``forest``
        (with coefficients), ``prior_posterior``, ``trace`` (of Markov chains), and of propensities
        ``love``, ``connect_s`` (with a modifier), ``overlap``, ``weight_sums`` (of clones).
        Attributes tell the title and whether the data are synthetic.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")``:

    >>> sorted(figure_data(result))
    ['forest', 'hazard_ratio', 'prior_posterior', 'survival', 'trace']
    >>> figure_data(result)["survival"]["median"].dims
    ('strategy', 'time')
    """
    found = {"survival": survival_data(result)}
    if result.spec.treatment is not None and result.spec.modifier is not None:
        found["hazard_ratio"] = hazard_ratio_data(result)
    if result.fit.prepared.encoder.columns:
        found["forest"] = forest_data(result)
    found["prior_posterior"] = prior_posterior_data(result)
    if isinstance(result.fit.convergence, Convergence):
        found["trace"] = trace_data(result)
    if result.propensity is not None:
        found |= result.propensity.figures
    title = result.spec.description or result.spec.name
    about = {"title": title, "synthetic": result.synthetic}
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
        last; ``at_risk`` over (state, risk_time). Time in months.
    """
    rows = result.checked.person_time
    end = float(rows.exit_time.max())
    times = np.linspace(0.0, end, _TIMES)
    summary = summarise(survival(result.fit, times, strategies(result.spec)))
    marks = round_times(end)
    curves, at_risk = [], []
    weights = None if result.propensity is None else result.propensity.row_weights
    states = _states(result)
    for mask in states.values():
        start, stop, event = (
            rows.columns[name][mask].astype(np.float64) for name in ("start", "stop", "event")
        )
        weight = None if weights is None else weights[mask]
        curves.append(_product_limit(start, stop, event, weight))
        at_risk.append([int(((start < max(t, 1e-9)) & (stop >= t)).sum()) for t in marks])
    longest = max(len(times) for times, _ in curves)
    padded = [
        [np.pad(part, (0, longest - len(part)), constant_values=np.nan) for part in curve]
        for curve in curves
    ]
    kaplan = np.array(padded, dtype=np.float64)
    return summary[["median", "q2.5", "q97.5"]].assign(
        km_time=(("state", "step"), kaplan[:, 0]),
        km=(("state", "step"), kaplan[:, 1]),
        at_risk=(("state", "risk_time"), np.array(at_risk)),
        state=list(states),
        risk_time=marks,
    )


def hazard_ratio_data(result: FitResult) -> xr.Dataset:
    """Return the hazard ratio of treatment over the modifier.

    Parameters
    ----------
    result : FitResult
        A fitted analysis with a treatment and a modifier.

    Returns
    -------
    xarray.Dataset
        ``median, q2.5, q97.5, prob_benefit`` over the modifier's ``value``; ``patients`` holds
        each patient's value. Attributes: the modifier's ``label``, its ``reference`` and ``log``.
    """
    modifier, observed = result.spec.modifier, modifier_of_patients(result)
    if modifier is None:
        message = "the analysis has no modifier"
        raise ValueError(message)
    log = modifier.transform is ModifierTransform.LOG2
    space = np.geomspace if log else np.linspace
    values = space(observed.min(), observed.max(), _MODIFIER_VALUES)
    draws = log_hazard_ratio(result.fit, values).rename({modifier.name: "value"})
    summary = summarise(xr.apply_ufunc(np.exp, draws))[["median", "q2.5", "q97.5"]]
    return summary.assign(
        prob_benefit=probability(draws < 0.0), patients=("patient", np.sort(observed))
    ).assign_attrs(label=modifier.name, reference=modifier.reference, log=log)


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
    labels = [str(label) for label in posterior["parameter"].to_numpy()]
    prior = _flat_prior(result.prior, names, len(labels))
    grids, densities = [], []
    for values in (prior, posterior.to_numpy().reshape(-1, len(labels))):
        pairs = [_density(values[:, i]) for i in range(len(labels))]
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


def _flat_prior(prior: xr.Dataset, names: list[str], count: int) -> Floats:
    parts = [prior[name].to_numpy().reshape(prior.sizes["draw"], -1) for name in names]
    flat = np.concatenate(parts, axis=-1)
    if flat.shape[1] != count:
        message = f"prior and posterior do not match: {flat.shape[1]} and {count} parameters"
        raise AssertionError(message)
    return flat


def _density(values: Floats) -> tuple[Floats, Floats]:
    low, high = np.quantile(values, [0.0005, 0.9995])
    inside = values[(values >= low) & (values <= high)]
    grid, density, _ = array_stats.kde(inside, grid_len=_DENSITY_POINTS)
    return np.asarray(grid), np.asarray(density)
