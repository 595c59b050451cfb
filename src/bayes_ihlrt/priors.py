"""Priors as frozen objects, stated as distributions or as clinical statements.

Every prior of a specification is one of

- `Prior`: a distribution with its hyperparameters;
- `HazardRatioPrior`: a hazard ratio with its 95 % interval;
- `MedianSurvivalPrior`: a median survival with an upper bound;
- `AdjacentHazardPrior`: how much the hazard may change between neighbouring intervals.

The last three are elicitations and become a `Prior` by `to_prior()`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import exp, expm1, isclose, log, nan, sqrt
from statistics import NormalDist
from types import SimpleNamespace as Numbers
from typing import Annotated, Any, Final, Self

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


@dataclass(frozen=True)
class Distribution:
    """What is asked of a kind of prior; PyMC knows it by the same name.

    Parameters
    ----------
    hyperparameters : tuple of str
        In the order of its definition.
    positive : bool
        Whether it lives on positive numbers only.
    information : callable
        From hyperparameters to E[-d2 log p / dx2] of the parameter, of its logarithm where
        positive.
    draw : callable
        From hyperparameters, a generator of random numbers and a shape to draws.
    below : callable
        From hyperparameters and a number to the probability of less.
    power : callable
        From hyperparameters and a power to those of the density raised to it.
    middle : callable
        From hyperparameters to about the median.
    """

    hyperparameters: tuple[str, ...]
    positive: bool
    information: Callable[[Numbers], float]
    draw: Callable[[Numbers, Any, tuple[int, ...]], Any]
    below: Callable[[Numbers, float], float]
    power: Callable[[Numbers, float], dict[str, float]]
    middle: Callable[[Numbers], float]


def _student_below(h: Numbers, x: float) -> float:
    from scipy.special import stdtr

    return float(stdtr(h.nu, (x - h.mu) / h.sigma))


def _half_student_below(h: Numbers, x: float) -> float:
    return 2.0 * _student_below(Numbers(nu=h.nu, mu=0.0, sigma=h.sigma), x) - 1.0


def _gamma_below(h: Numbers, x: float) -> float:
    from scipy.special import gammainc

    return float(gammainc(h.alpha, h.beta * x))


def _student_power(h: Numbers, power: float) -> dict[str, float]:
    nu = power * (h.nu + 1.0) - 1.0
    return {"nu": nu, "sigma": h.sigma * sqrt(h.nu / nu) if nu > 0.0 else h.sigma}


_MEDIAN_OF_HALF_NORMAL: Final = 0.6744897501960817

DISTRIBUTIONS: Final[Mapping[Dist, Distribution]] = {
    Dist.NORMAL: Distribution(
        hyperparameters=("mu", "sigma"),
        positive=False,
        information=lambda h: h.sigma**-2,
        draw=lambda h, rng, size: rng.normal(h.mu, h.sigma, size),
        below=lambda h, x: NormalDist(h.mu, h.sigma).cdf(x),
        power=lambda h, a: {"mu": h.mu, "sigma": h.sigma / sqrt(a)},
        middle=lambda h: h.mu,
    ),
    Dist.STUDENT_T: Distribution(
        hyperparameters=("nu", "mu", "sigma"),
        positive=False,
        information=lambda h: (h.nu + 1.0) / ((h.nu + 3.0) * h.sigma**2),
        draw=lambda h, rng, size: h.mu + h.sigma * rng.standard_t(h.nu, size),
        below=_student_below,
        power=lambda h, a: {"mu": h.mu, **_student_power(h, a)},
        middle=lambda h: h.mu,
    ),
    Dist.HALF_NORMAL: Distribution(
        hyperparameters=("sigma",),
        positive=True,
        information=lambda _: 2.0,
        draw=lambda h, rng, size: abs(rng.normal(0.0, h.sigma, size)),
        below=lambda h, x: 2.0 * NormalDist(0.0, h.sigma).cdf(x) - 1.0,
        power=lambda h, a: {"sigma": h.sigma / sqrt(a)},
        middle=lambda h: _MEDIAN_OF_HALF_NORMAL * h.sigma,
    ),
    Dist.HALF_STUDENT_T: Distribution(
        hyperparameters=("nu", "sigma"),
        positive=True,
        information=lambda h: 2.0 * h.nu / (h.nu + 3.0),
        draw=lambda h, rng, size: abs(h.sigma * rng.standard_t(h.nu, size)),
        below=_half_student_below,
        power=_student_power,
        middle=lambda h: _MEDIAN_OF_HALF_NORMAL * h.sigma,
    ),
    Dist.EXPONENTIAL: Distribution(
        hyperparameters=("lam",),
        positive=True,
        information=lambda _: 1.0,
        draw=lambda h, rng, size: rng.exponential(1.0 / h.lam, size),
        below=lambda h, x: -expm1(-h.lam * x),
        power=lambda h, a: {"lam": a * h.lam},
        middle=lambda h: log(2.0) / h.lam,
    ),
    Dist.GAMMA: Distribution(
        hyperparameters=("alpha", "beta"),
        positive=True,
        information=lambda h: h.alpha,
        draw=lambda h, rng, size: rng.gamma(h.alpha, 1.0 / h.beta, size),
        below=_gamma_below,
        power=lambda h, a: {"alpha": a * (h.alpha - 1.0) + 1.0, "beta": a * h.beta},
        middle=lambda h: h.alpha / h.beta,
    ),
    Dist.LOG_NORMAL: Distribution(
        hyperparameters=("mu", "sigma"),
        positive=True,
        information=lambda h: h.sigma**-2,
        draw=lambda h, rng, size: rng.lognormal(h.mu, h.sigma, size),
        below=lambda h, x: NormalDist(h.mu, h.sigma).cdf(log(x)),
        power=lambda h, a: {"mu": h.mu - (a - 1.0) * h.sigma**2 / a, "sigma": h.sigma / sqrt(a)},
        middle=lambda h: exp(h.mu),
    ),
}
"""The one list of kinds of priors."""

POSITIVE: Final = tuple(kind.value for kind, own in DISTRIBUTIONS.items() if own.positive)
"""Names of those that live on positive numbers only."""

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
        wanted = self.distribution.hyperparameters
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
    def distribution(self) -> Distribution:
        """What its kind of prior knows of itself."""
        return DISTRIBUTIONS[self.dist]

    @property
    def hyperparameters(self) -> dict[str, float]:
        """Hyperparameters by name, in the order of the distribution's definition."""
        return {name: getattr(self, name) for name in self.distribution.hyperparameters}

    @property
    def numbers(self) -> Numbers:
        """Hyperparameters as `Distribution` takes them."""
        return Numbers(**self.hyperparameters)

    @property
    def positive(self) -> bool:
        """Whether the distribution lives on positive numbers only."""
        return self.distribution.positive

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
        return self.distribution.information(self.numbers) if kept else nan

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
