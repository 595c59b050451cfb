"""Priors as frozen objects, stated as distributions or as clinical statements.

Every prior of a specification is one of

- `Prior`: a distribution with its hyperparameters;
- `HazardRatioPrior`: a hazard ratio with its 95 % interval;
- `MedianSurvivalPrior`: a median survival with an upper bound;
- `AdjacentHazardPrior`: how much the hazard may change between neighbouring intervals.

The last three are elicitations and become a `Prior` by `to_prior()`.
"""

from collections.abc import Callable, Mapping
from enum import StrEnum
from math import isclose, log, nan, sqrt
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, model_validator

from bayes_ihlrt.names import Dist

Z_975: Final = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


class PriorScale(StrEnum):
    """Quantity whose distribution a `Prior` states."""

    PARAMETER = "parameter"
    """The parameter itself (a log hazard ratio, a log rate, a standard deviation)."""
    EXP = "exp"
    """The exponential of the parameter, e.g. the Weibull shape rather than its logarithm."""
    PRECISION = "precision"
    """One over the square of a standard deviation, as in BUGS."""
    LOG_MEDIAN = "log-median"
    """The log of the median survival (months) of an untreated patient with average covariates."""
    LOG_CUMULATIVE_HAZARD = "log-cumulative-hazard"
    """The log of that patient's cumulative hazard, -log S, `at` a number of months."""


class PerUnit(StrEnum):
    """Unit of the covariate that a coefficient's prior refers to."""

    UNIT = "unit"
    SD = "sd"
    """Standard deviation over patients at time zero, of the column as it enters the model."""
    ROW_SD = "row-sd"
    """Standard deviation over rows of person-time, to which schema 1 referred."""


_HYPERPARAMETERS: Final = {
    Dist.NORMAL: ("mu", "sigma"),
    Dist.STUDENT_T: ("nu", "mu", "sigma"),
    Dist.HALF_NORMAL: ("sigma",),
    Dist.HALF_STUDENT_T: ("nu", "sigma"),
    Dist.EXPONENTIAL: ("lam",),
    Dist.GAMMA: ("alpha", "beta"),
    Dist.LOG_NORMAL: ("mu", "sigma"),
}
_POSITIVE_ONLY: Final = frozenset(
    {Dist.HALF_NORMAL, Dist.HALF_STUDENT_T, Dist.EXPONENTIAL, Dist.GAMMA, Dist.LOG_NORMAL}
)

_INFORMATION: Final[Mapping[Dist, Callable[..., float]]] = {
    Dist.NORMAL: lambda mu, sigma: sigma**-2,  # noqa: ARG005 - called by name
    Dist.STUDENT_T: lambda nu, mu, sigma: (nu + 1.0) / ((nu + 3.0) * sigma**2),  # noqa: ARG005
    Dist.LOG_NORMAL: lambda mu, sigma: sigma**-2,  # noqa: ARG005
    Dist.GAMMA: lambda alpha, beta: alpha,  # noqa: ARG005
    Dist.EXPONENTIAL: lambda lam: 1.0,  # noqa: ARG005
    Dist.HALF_NORMAL: lambda sigma: 2.0,  # noqa: ARG005
    Dist.HALF_STUDENT_T: lambda nu, sigma: 2.0 * nu / (nu + 3.0),  # noqa: ARG005
}

Positive = Annotated[float, Field(ge=1e-12, le=1e12, allow_inf_nan=False)]
Finite = Annotated[float, Field(ge=-1e12, le=1e12, allow_inf_nan=False)]
Clinical = Annotated[float, Field(ge=1e-6, le=1e6, allow_inf_nan=False)]  # ratios, months


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Prior(_Frozen):
    """A prior distribution with its hyperparameters.

    Parameters
    ----------
    dist : Dist
        Normal(mu, sigma), StudentT(nu, mu, sigma), HalfNormal(sigma), HalfStudentT(nu, sigma),
        Exponential(lam), Gamma(alpha, beta) or LogNormal(mu, sigma); `lam` and `beta` are rates.
    mu, sigma, nu, alpha, beta, lam : float, optional
        Hyperparameters: exactly those of `dist`.
    on : PriorScale
        Quantity that the distribution describes; the parameter itself by default.
    at : float, optional
        For `on` ``"log-cumulative-hazard"``: months from time zero.
    per : PerUnit
        For a coefficient: per unit of the covariate (default), or per standard deviation of the
        column as it enters the model, over patients at time zero (``"sd"``) or over rows of
        person-time (``"row-sd"``). A 0/1 column has sd sqrt(p (1 - p)).

    Examples
    --------
    >>> Prior(dist="Normal", mu=0.0, sigma=0.25).hyperparameters
    {'mu': 0.0, 'sigma': 0.25}
    """

    dist: Dist
    mu: Finite | None = None
    sigma: Positive | None = None
    nu: Positive | None = None
    alpha: Positive | None = None
    beta: Positive | None = None
    lam: Positive | None = None
    on: PriorScale = PriorScale.PARAMETER
    at: Positive | None = None
    per: PerUnit = PerUnit.UNIT

    @model_validator(mode="after")
    def _has_its_hyperparameters(self) -> Self:
        wanted = _HYPERPARAMETERS[self.dist]
        given = {
            name
            for name in ("mu", "sigma", "nu", "alpha", "beta", "lam")
            if getattr(self, name) is not None
        }
        if given != set(wanted):
            found = ", ".join(sorted(given)) or "none"
            message = f"{self.dist} takes exactly {', '.join(wanted)}; found {found}"
            raise ValueError(message)
        if (self.on is PriorScale.LOG_CUMULATIVE_HAZARD) != (self.at is not None):
            message = f'at (months) belongs to on = "log-cumulative-hazard"; found at = {self.at}'
            raise ValueError(f"{message} with on = {self.on.value}")
        return self

    @property
    def hyperparameters(self) -> dict[str, float]:
        """Hyperparameters by name, in the order of the distribution's definition."""
        return {name: getattr(self, name) for name in _HYPERPARAMETERS[self.dist]}

    @property
    def positive(self) -> bool:
        """Whether the distribution lives on positive numbers only."""
        return self.dist in _POSITIVE_ONLY

    @property
    def information(self) -> float:
        """What the prior says of its parameter: E[-d2 log p / dx2], its curvature averaged over it.

        Normal 1 / sigma^2; Student t (nu + 1) / ((nu + 3) sigma^2). Of the logarithm of what has a
        positive prior (`on` = "exp"): log-normal 1 / sigma^2, gamma alpha, exponential 1,
        half-normal 2, half-t 2 nu / (nu + 3). NaN where the prior is of survival or a precision.

        Neuenschwander B, Weber S, Schmidli H, O'Hagan A. Biometrics 2020;76:578-587,
        doi 10.1111/biom.13252.
        """
        kept = self.on is PriorScale.EXP if self.positive else self.on is PriorScale.PARAMETER
        return _INFORMATION[self.dist](**self.hyperparameters) if kept else nan

    def to_prior(self) -> "Prior":
        """Return the prior itself, as elicitations return theirs."""
        return self

    def rescaled(self, sd: float) -> "Prior":
        """Return the prior per unit of a covariate whose standard deviation is `sd`.

        A coefficient per unit is the coefficient per standard deviation divided by `sd`.

        Parameters
        ----------
        sd : float
            Standard deviation of the covariate.

        Returns
        -------
        Prior
            The same prior when it is already per unit.

        Examples
        --------
        >>> Prior(dist="Normal", mu=0.5, sigma=0.25, per="sd").rescaled(0.5).hyperparameters
        {'mu': 1.0, 'sigma': 0.5}
        """
        if self.per is PerUnit.UNIT:
            return self
        scaled = {
            name: value / sd if name in {"mu", "sigma"} else value
            for name, value in self.hyperparameters.items()
        }
        return self.model_copy(update={**scaled, "per": PerUnit.UNIT})


class HazardRatioPrior(_Frozen):
    """A normal prior on a log hazard ratio, told as a hazard ratio with its 95 % interval.

    log HR ~ Normal(log(hr_median), (log(upper) - log(lower)) / (2 x 1.96)); the interval is centred
    on the median on the log scale, within 5 %.

    Parameters
    ----------
    hr_median : float
        Prior median of the hazard ratio (below 1: the hazard is lowered).
    hr_interval : tuple of float
        Central 95 % prior interval of the hazard ratio.

    Examples
    --------
    >>> prior = HazardRatioPrior(hr_median=0.75, hr_interval=(0.34, 1.64)).to_prior()
    >>> round(prior.mu, 3), round(prior.sigma, 3)
    (-0.288, 0.401)
    """

    hr_median: Clinical
    hr_interval: tuple[Clinical, Clinical]

    @model_validator(mode="after")
    def _is_an_interval_around_the_median(self) -> Self:
        lower, upper = self.hr_interval
        if not lower < self.hr_median < upper:
            message = f"hr_interval must contain hr_median; found {lower} to {upper}"
            raise ValueError(message)
        centre = sqrt(lower * upper)
        if not isclose(centre, self.hr_median, rel_tol=0.05):
            message = (
                f"hr_interval {lower} to {upper} is centred on {centre:.3g} on the log scale, "
                f"not on hr_median {self.hr_median}; a normal prior on the log hazard ratio "
                "needs sqrt(lower x upper) = median"
            )
            raise ValueError(message)
        return self

    def to_prior(self) -> Prior:
        """Return the normal prior on the log hazard ratio."""
        lower, upper = self.hr_interval
        sigma = (log(upper) - log(lower)) / (2.0 * Z_975)
        return Prior(dist=Dist.NORMAL, mu=log(self.hr_median), sigma=sigma)


class MedianSurvivalPrior(_Frozen):
    """A prior on the baseline, told as a median survival and an upper bound for it.

    log(median) ~ Normal(log(median_survival), log(upper / median_survival) / 1.96) for an
    untreated patient with average covariates, so that the median exceeds `upper` with
    probability 2.5 %. For the Weibull given its shape k this is exactly
    log_rate ~ Normal(log(log 2) - k log(median_survival), k x sd).

    Parameters
    ----------
    median_survival : float
        Prior median of the median survival, months.
    upper : float
        Value (months) that the median survival exceeds with probability 2.5 %.

    Examples
    --------
    >>> round(MedianSurvivalPrior(median_survival=19.2, upper=60.0).to_prior().sigma, 3)
    0.581
    """

    median_survival: Clinical
    upper: Clinical

    @model_validator(mode="after")
    def _upper_is_above(self) -> Self:
        if self.upper <= self.median_survival:
            message = (
                f"upper must be above median_survival; found {self.upper} against "
                f"{self.median_survival} months"
            )
            raise ValueError(message)
        return self

    def to_prior(self) -> Prior:
        """Return the normal prior on the log of the median survival."""
        return Prior(
            dist=Dist.NORMAL,
            mu=log(self.median_survival),
            sigma=log(self.upper / self.median_survival) / Z_975,
            on=PriorScale.LOG_MEDIAN,
        )


class AdjacentHazardPrior(_Frozen):
    """A prior on a random walk's scale, told as a ratio of neighbouring hazards.

    scale ~ HalfNormal(log(hr_adjacent) / 1.96): at that scale, the hazards of two neighbouring
    intervals differ by less than a factor `hr_adjacent` (95 %) beyond the Weibull's difference.

    Parameters
    ----------
    hr_adjacent : float
        Ratio of neighbouring hazards, above 1.

    Examples
    --------
    >>> round(AdjacentHazardPrior(hr_adjacent=2.0).to_prior().sigma, 3)
    0.354
    """

    hr_adjacent: Annotated[float, Field(gt=1.0, le=1e6, allow_inf_nan=False)]

    def to_prior(self) -> Prior:
        """Return the half-normal prior on the random walk's scale."""
        return Prior(dist=Dist.HALF_NORMAL, sigma=log(self.hr_adjacent) / Z_975)


def _kind(value: object) -> str:
    """Tell which way of stating a prior was meant, so that its faults alone are reported."""
    if isinstance(value, BaseModel):
        keys = set(type(value).model_fields)
    else:
        keys = set(value) if isinstance(value, dict) else set()
    if "dist" in keys:
        return "distribution"
    if keys & {"hr_median", "hr_interval"}:
        return "hazard-ratio"
    if keys & {"median_survival", "upper"}:
        return "median-survival"
    return "adjacent-hazards" if "hr_adjacent" in keys else "distribution"


AnyPrior = Annotated[
    Annotated[Prior, Tag("distribution")]
    | Annotated[HazardRatioPrior, Tag("hazard-ratio")]
    | Annotated[MedianSurvivalPrior, Tag("median-survival")]
    | Annotated[AdjacentHazardPrior, Tag("adjacent-hazards")],
    Discriminator(_kind),
]
"""Any of the four ways to state a prior; a TOML table is told apart by its keys."""
