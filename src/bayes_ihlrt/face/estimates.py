"""Labelled draws of an estimand, at horizons and values of the modifier, from a fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Final

import numpy as np
import xarray as xr
from pydantic import ValidationError

from bayes_ihlrt.analysis.cause_fit import CausesResult
from bayes_ihlrt.analysis.estimates import (
    RATIO,
    Estimate,
    Quantity,
    by_strategy,
    reduced,
    strategies,
    weigher,
)
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.analysis.notes import clock_notes
from bayes_ihlrt.analysis.uninformed import Reach, outside_notes, reach_of
from bayes_ihlrt.errors import Fault, InputError, SpecificationError, nearest
from bayes_ihlrt.estimands import curves
from bayes_ihlrt.estimands.contrasts import chance_above, contrast
from bayes_ihlrt.estimands.curves import NEVER, Strategy, treated_from
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import Population, populations_at
from bayes_ihlrt.names import STRATEGY, TIME
from bayes_ihlrt.plain import Shown, short_repr
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.estimands import EstimandSpec, estimand_faults

AT: Final = "at"
HORIZON: Final = "horizon"
HAZARD_RATIO: Final = "hazard_ratio"
_AT_MONTHS: Final[Mapping[str, Callable[..., xr.DataArray]]] = {
    "survival": curves.survival,
    "event_probability": curves.event_probability,
    "hazard": curves.hazard,
    "cumulative_hazard": curves.cumulative_hazard,
}
_UP_TO: Final[Mapping[str, Callable[..., xr.DataArray]]] = {
    "rmst": curves.rmst,
    "time_lost": curves.time_lost,
}
_ALONE: Final[Mapping[str, Callable[..., xr.DataArray]]] = {
    "median_survival": curves.median_survival,
}
ESTIMANDS: Final = (HAZARD_RATIO, *_AT_MONTHS, *_UP_TO, *_ALONE)
"""What `estimates` gives."""
_LESS_IS_BETTER: Final = frozenset(
    {"event_probability", "hazard", "cumulative_hazard", "time_lost"}
)


@short_repr("estimand", "draws.dims", "at", "horizons")
@dataclass(frozen=True, eq=False)
class Estimates(Shown):
    """Draws of one estimand.

    Parameters
    ----------
    estimand : str
        One of `ESTIMANDS`.
    draws : xarray.DataArray
        Dimensions ``chain, draw``, and ``at``, ``horizon`` and ``strategy`` where they were asked
        for: months, probabilities, hazards per month, or hazard ratios (treated over untreated).
    spec : AnalysisSpec
        Of the analysis.
    start : float
        Month from which the treated strategy treats.
    synthetic : bool
        Whether the data were simulated.
    reach : Reach
        How far the data reach.
    notes : tuple of str
        What lies outside the data, and where months count from.

    Examples
    --------
    With ``result = bi.fit("primary", "ihlrt_synthetic")``:

    >>> import bayes_ihlrt as bi
    >>> gain = bi.estimates(result, "rmst", horizon=24, at=[2, 5])
    >>> gain.difference.dims
    ('chain', 'draw', 'at', 'horizon')
    >>> bi.probability(gain.difference > 1.0).dims
    ('at', 'horizon')
    """

    estimand: str
    draws: xr.DataArray
    spec: AnalysisSpec
    start: float
    synthetic: bool
    reach: Reach
    notes: tuple[str, ...]

    @property
    def at(self) -> tuple[float, ...]:
        """Values of the modifier; empty where patients keep their own."""
        return tuple(self.draws[AT].to_numpy().tolist()) if AT in self.draws.dims else ()

    @property
    def horizons(self) -> tuple[float, ...]:
        """Months; empty where the estimand has none."""
        return tuple(self.draws[HORIZON].to_numpy().tolist()) if HORIZON in self.draws.dims else ()

    @property
    def difference(self) -> xr.DataArray:
        """Treated less never inside each draw; of a hazard ratio the ratio itself."""
        if STRATEGY not in self.draws.dims:
            return self.draws
        return contrast(self.draws).squeeze(STRATEGY, drop=True)

    @property
    def rows(self) -> tuple[Estimate, ...]:
        """Summary of each strategy, horizon and value, and of differences, as a fit has them."""
        quantities = [row for part in self._parts() for row in self._quantities(*part)]
        return reduced(quantities, None, population=self.spec.population.value)

    def within_data(self, row: Estimate) -> bool:
        """Whether the data reach to a row; the model extrapolates to others.

        Parameters
        ----------
        row : Estimate
            One of `rows`.

        Returns
        -------
        bool
            False beyond the last follow-up, at values of the modifier that nobody has, and of
            treatment from before anybody was treated.
        """
        treated = self.spec.treatment is not None and self.estimand != HAZARD_RATIO
        start = self.start if treated and row.strategy != NEVER.name else None
        return self.reach.holds(month=row.horizon, value=row.at, start=start)

    def _parts(self) -> Iterator[tuple[xr.DataArray, float | None, float | None]]:
        for at in self.at or (None,):
            here = self.draws if at is None else self.draws.sel({AT: at}, drop=True)
            for month in self.horizons or (None,):
                yield (here if month is None else here.sel({HORIZON: month}, drop=True)), at, month

    def _quantities(
        self, draws: xr.DataArray, at: float | None, month: float | None
    ) -> list[Quantity]:
        if self.estimand == HAZARD_RATIO:
            values = np.asarray(draws.transpose("chain", "draw").to_numpy())
            better = chance_above(np.ones_like(values), values)
            return [Quantity(HAZARD_RATIO, values, contrast=RATIO, at=at, benefit=better)]
        less = self.estimand in _LESS_IS_BETTER
        about: dict[str, Any] = {"start": self.start, "horizon": month, "at": at, "less": less}
        return by_strategy(self.estimand, draws, **about)


def estimates(
    fit: FitResult | CausesResult,
    estimand: str,
    *,
    horizon: float | Sequence[float] | None = None,
    at: float | Sequence[float] | None = None,
    treat_from: float | None = None,
) -> Estimates:
    """Return labelled draws of an estimand, averaged over patients within each draw.

    Parameters
    ----------
    fit : FitResult
        From `fit`.
    estimand : str
        ``hazard_ratio``; ``survival``, ``event_probability``, ``hazard`` or ``cumulative_hazard``
        at months; ``rmst`` or ``time_lost`` up to months; ``median_survival``.
    horizon : float or sequence of float, optional
        Months since time zero; those of the specification without it.
    at : float or sequence of float, optional
        Set everybody's modifier to these values; patients keep their own without it.
    treat_from : float, optional
        Month from which the treated strategy treats; that of the analysis without it.

    Returns
    -------
    Estimates
        For `summary` and `plot`; its ``draws`` and ``difference`` are labelled arrays.

    Raises
    ------
    InputError
        It is no fit of one event.
    SpecificationError
        There is no such estimand, or a month or value that cannot be; every fault is told.
    RefusedError
        Survival by strategy is not defined for this analysis.

    Examples
    --------
    With ``result = bi.fit("primary", "ihlrt_synthetic")``:

    >>> import bayes_ihlrt as bi
    >>> bi.estimates(result, "hazard_ratio", at=[2, 3, 5]).draws.dims
    ('chain', 'draw', 'at')
    >>> bi.estimates(result, "rmst", horizon=24).draws.dims
    ('chain', 'draw', 'horizon', 'strategy')
    >>> bi.estimates(result, "rmsd", horizon=-24)
    Traceback (most recent call last):
    bayes_ihlrt.errors.SpecificationError: estimates: 2 faults
      - the estimand: there is no 'rmsd'. Did you mean 'rmst'? Allowed: ...
      - horizon: it is -24. Give months above 0.
    """
    if not isinstance(fit, FitResult):
        found, remedy = type(fit).__name__, "Give what `fit` returned for one event"
        fault = Fault("the first argument", f"it is of type {found}", remedy)
        raise InputError("estimates", [fault])
    said, faults = _asked(estimand, fit, horizon=horizon, at=at, treat_from=treat_from)
    if faults:
        raise SpecificationError("estimates", faults)
    asked = said.at or None
    if estimand == HAZARD_RATIO:
        weights = weigher(fit.spec, fit.propensity)(fit.fit)
        log_ratio = log_hazard_ratio(fit.fit, asked, weights=weights)
        draws = log_ratio.copy(data=np.exp(log_ratio.to_numpy()))
        last = [name for name in draws.dims if name not in {"chain", "draw"}]
        draws = draws.rename(dict.fromkeys(last, AT))
        return _as_estimates(fit, estimand, draws, fit.spec.treat_from)
    compared = _compared(fit.spec, treat_from)
    months = said.horizons if estimand in {*_AT_MONTHS, *_UP_TO} else ()
    draws = _drawn(fit, estimand, compared, months, asked)
    return _as_estimates(fit, estimand, draws, compared[-1].start)


def _as_estimates(fit: FitResult, estimand: str, draws: xr.DataArray, start: float) -> Estimates:
    draws, rows = draws.rename(estimand).transpose("chain", "draw", ...), fit.checked.person_time
    bare = Estimates(
        estimand, draws, fit.spec, start, fit.synthetic, reach_of(fit.spec, rows), notes=()
    )
    curves = estimand != HAZARD_RATIO
    notes = outside_notes(
        fit.spec,
        bare.reach,
        months=bare.horizons,
        values=bare.at,
        start=start if curves and fit.spec.treatment is not None else None,
    )
    return replace(bare, notes=(*(clock_notes(rows) if curves else ()), *notes))


def _compared(spec: AnalysisSpec, month: float | None) -> tuple[Strategy, ...]:
    known = strategies(spec)
    return known if month is None or len(known) == 1 else (known[0], treated_from(month))


def _drawn(
    fit: FitResult,
    estimand: str,
    compared: Sequence[Strategy],
    months: Sequence[float],
    asked: Sequence[float] | None,
) -> xr.DataArray:
    """Draw at every value of the modifier, or at the patients' own."""
    weights = weigher(fit.spec, fit.propensity)(fit.fit)
    values: Sequence[float | None] = (None,) if asked is None else asked
    found = [
        _at(fit, estimand, compared, months, patients)
        for patients in populations_at(fit.fit, values, weights=weights)
    ]
    if asked is None:
        return found[0]
    return xr.concat(found, dim=xr.Variable(AT, np.asarray(asked, dtype=np.float64)))


def _at(
    fit: FitResult,
    estimand: str,
    compared: Sequence[Strategy],
    months: Sequence[float],
    patients: Population,
) -> xr.DataArray:
    if estimand in _AT_MONTHS:
        found = _AT_MONTHS[estimand](fit.fit, list(months), compared, population=patients)
        return found.rename({TIME: HORIZON})
    if estimand in _ALONE:
        return _ALONE[estimand](fit.fit, compared, population=patients)
    read = partial(_UP_TO[estimand], fit.fit, strategies=compared, population=patients)
    parts = [read(horizon=month) for month in months]
    return xr.concat(parts, dim=xr.Variable(HORIZON, np.asarray(months, dtype=np.float64)))


def _asked(
    estimand: object, fit: FitResult, *, horizon: object, at: object, treat_from: object
) -> tuple[EstimandSpec, list[Fault]]:
    """Return what is asked for as ``[estimands]`` would say it, and what is wrong with it."""
    spec, said = fit.spec, {"horizons": horizon, "at": at, "treat_from": treat_from}
    faults, refused = _refused(estimand, spec, said)
    given = {key: value for key, value in said.items() if value is not None and key not in refused}
    # What is no number is no month and no value either.
    stated: dict[str, Any] = {key: _numbers(value) or [np.nan] for key, value in given.items()}
    if "treat_from" in stated:
        stated["treat_from"] = stated["treat_from"][0] if len(stated["treat_from"]) == 1 else np.nan
    try:
        EstimandSpec.model_validate(stated)
    except ValidationError as error:
        for key in dict.fromkeys(str(each["loc"][0]) for each in error.errors()):
            faults.append(Fault(_NAMES[key], f"it is {given[key]!r}", _remedy(key, spec)))
            del stated[key]
    for key in ("horizons", "at"):
        values = stated.get(key, [])
        if len(set(values)) < len(values):
            faults.append(Fault(_NAMES[key], f"it is {given[key]!r}", "Give each value once"))
        elif key == "horizons" and values != sorted(values):
            faults.append(Fault(HORIZON, f"it is {given[key]!r}", "Give months that increase"))
    own = sorted(set(spec.estimands.horizons))
    if estimand in {HAZARD_RATIO, *_ALONE}:
        # Without a horizon every start is before the last one.
        own.append(stated.get("treat_from", 0.0) + 1.0)
    found = EstimandSpec.model_validate({"horizons": own, **stated})
    beside = estimand_faults(
        found, spec.treatment, spec.modifier, has_propensity=fit.propensity is not None
    )
    faults += [replace(each, where=each.where.removeprefix("[estimands] ")) for each in beside]
    return found, faults


_NAMES: Final = {"horizons": HORIZON, "at": AT, "treat_from": "treat_from"}
"""Keys of ``[estimands]`` to arguments."""


def _remedy(key: str, spec: AnalysisSpec) -> str:
    if key == "at":
        return f"Give values of {spec.modifier.column}" if spec.modifier else "Leave it out"
    return "Give months above 0" if key == "horizons" else "Give one month, 0 or later"


def _refused(
    estimand: object, spec: AnalysisSpec, said: Mapping[str, object]
) -> tuple[list[Fault], set[str]]:
    """Tell an estimand that there is not, and what does not belong to one that there is."""
    if not isinstance(estimand, str) or estimand not in ESTIMANDS:
        remedy = nearest(str(estimand), ESTIMANDS)
        return [Fault("the estimand", f"there is no '{estimand}'", remedy)], set()
    faults = []
    if estimand == HAZARD_RATIO and spec.treatment is None:
        remedy = "Ask for 'survival', say"
        faults.append(Fault("the estimand", "the analysis has no treatment", remedy))
    wrong = {}
    if estimand in {HAZARD_RATIO, *_ALONE}:
        wrong["horizons"] = f"{estimand} has no horizon"
    if estimand == HAZARD_RATIO:
        wrong["treat_from"] = f"{estimand} compares time under treatment with time before it"
    elif spec.treatment is None:
        wrong["treat_from"] = "the analysis has no treatment"
    told = {key: problem for key, problem in wrong.items() if said[key] is not None}
    faults += [Fault(_NAMES[key], problem, "Leave it out") for key, problem in told.items()]
    return faults, set(told)


def _numbers(value: object) -> list[float]:
    """Return one number or several as a list; an empty one where they are no numbers."""
    try:
        found = np.atleast_1d(np.asarray(value))
    except ValueError:
        return []
    # Truth is no month, and neither is text that looks like one.
    if found.ndim != 1 or found.dtype.kind not in "iuf":
        return []
    return [float(number) for number in found]
