"""`EstimandSpec`: what is read from the posterior, as the `[estimands]` table says it."""

from enum import StrEnum
from math import ceil
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.names import DesignKind, EstimandTarget, ModifierTransform
from bayes_ihlrt.spec.model import ModifierSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec

Months = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0.0, lt=1.0, allow_inf_nan=False)]


class PopulationKind(StrEnum):
    """Who an estimand averages over."""

    SAMPLE = "sample"
    """The patients of the cohort, each with the covariates of the first row."""
    BOOTSTRAP = "bootstrap"
    """The population that they are a sample of: Bayesian bootstrap over patients."""
    TIME_ZERO = "time-zero"
    """Where patients enter late: everybody at time zero, of whom they are left (1/S(entry))."""
    ATT = "att"
    """The patients who were treated."""
    ATO = "ato"
    """Those who might as well have been treated as not; needs a propensity."""
    ATM = "atm"
    """Those whom one-to-one matching would keep; needs a propensity."""
    ENTROPY = "entropy"
    """Everybody, the more the more open the decision was; needs a propensity."""

    @property
    def words(self) -> str:
        """Who they are, for titles."""
        return _WORDS[self]


_WORDS: Final = {
    PopulationKind.SAMPLE: "the cohort",
    PopulationKind.BOOTSTRAP: "the population that the cohort was drawn from",
    PopulationKind.TIME_ZERO: "everybody at time zero, also those who died before entry",
    PopulationKind.ATT: "the treated",
    PopulationKind.ATO: "those who might as well have been treated as not",
    PopulationKind.ATM: "those whom one-to-one matching would keep",
    PopulationKind.ENTROPY: "everybody, the more the more open the decision was",
}
OF_PROPENSITY: Final = frozenset({PopulationKind.ATO, PopulationKind.ATM, PopulationKind.ENTROPY})


class EstimandSpec(BaseModel):
    """What is read from the posterior: when, at which values of the modifier, for whom.

    Examples
    --------
    >>> EstimandSpec(at=[2.0, 3.0, 5.0]).horizons
    (12.0, 24.0)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    horizons: Annotated[tuple[Months, ...], Field(min_length=1)] = Field(
        default=(12.0, 24.0),
        description="Months at which survival and restricted mean survival are read.",
    )
    at: tuple[Finite, ...] = Field(
        default=(), description="Values of the effect modifier, on the scale of the data."
    )
    treat_from: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] | None = Field(
        default=None,
        description="Month from which the treated strategy treats those who are alive then. Left "
        "out, the earliest observed start of treatment, rounded up to a tenth of a month: nobody "
        "tells what treatment does before it. An earlier month is extrapolated, and said to be. "
        "Other designs than 'split' begin at time zero or the landmark.",
    )
    population: PopulationKind | None = Field(
        default=None,
        description="Whose covariates are averaged over; whom the weights of [propensity] stand "
        "for, or else the cohort, by default.",
    )
    quantiles: tuple[Share, ...] = Field(
        default=(),
        description="Shares of the population with the event; the months by which, beside 0.5.",
    )
    gain: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = Field(
        default=1.0, description="Months of restricted mean survival that matter."
    )
    levels: tuple[Share, ...] = Field(
        default=(0.5, 0.8, 0.95),
        description="Probabilities of benefit whose crossings over the modifier are looked for.",
    )
    subgroups: tuple[str, ...] = Field(
        default=(),
        description="Columns whose levels are the subgroups of the forest; the model reads them.",
    )


def treated_month(estimands: EstimandSpec, design: DesignKind, first: float | None) -> float:
    """Return the month from which the treated strategy treats.

    Parameters
    ----------
    estimands : EstimandSpec
        With a month or without.
    design : DesignKind
        How treated time is told from untreated time.
    first : float or None
        Earliest observed start of treatment, months; None where it is not known.

    Returns
    -------
    float
        The stated month; else of the design ``split`` the earliest observed start, rounded up to a
        tenth of a month; else 0, where these designs begin.

    Examples
    --------
    >>> treated_month(EstimandSpec(), DesignKind.SPLIT, 1.872)
    1.9
    >>> treated_month(EstimandSpec(treat_from=0.0), DesignKind.SPLIT, 1.872)
    0.0
    """
    if estimands.treat_from is not None:
        return estimands.treat_from
    if design is not DesignKind.SPLIT or first is None:
        return 0.0
    # Rounding in the last digit is no tenth of a month.
    return ceil(round(first * 10.0, 6)) / 10.0


def stated_population(
    estimands: EstimandSpec, weighted_to: EstimandTarget | None
) -> PopulationKind:
    """Return whom estimands average over.

    What the outcome model does not hold is as in the patients whom weights stand for, so that an
    average over others would be of nobody.

    Parameters
    ----------
    estimands : EstimandSpec
        With a population or without.
    weighted_to : EstimandTarget or None
        Whom weights stand for.

    Returns
    -------
    PopulationKind
        The stated one; else that of the weights, everybody being the cohort; else the cohort.

    Examples
    --------
    >>> stated_population(EstimandSpec(), EstimandTarget.ATT).value
    'att'
    """
    if estimands.population is not None:
        return estimands.population
    if weighted_to is None or weighted_to is EstimandTarget.ATE:
        return PopulationKind.SAMPLE
    return PopulationKind(weighted_to.value)


def estimand_faults(
    estimands: EstimandSpec,
    treatment: TreatmentSpec | None,
    modifier: ModifierSpec | None,
    *,
    has_propensity: bool,
) -> list[Fault]:
    """Return where the estimands do not fit the treatment and the modifier.

    Parameters
    ----------
    estimands : EstimandSpec
        What is to be read from the posterior.
    treatment : TreatmentSpec or None
        The treatment.
    modifier : ModifierSpec or None
        The effect modifier.
    has_propensity : bool
        Whether there is a model of who is treated.

    Returns
    -------
    list of Fault
        Values of a modifier that is not there or has no logarithm, a start of treatment that
        the design cannot follow, a population or subgroups that need a treatment.
    """
    faults = _population_faults(estimands, treatment, has_propensity=has_propensity)
    where = "[estimands] at"
    if estimands.at and modifier is None:
        problem = "it gives values of the effect modifier, and the analysis has none"
        faults.append(Fault(where, problem, "Add a [modifier] table, or remove `at`"))
    elif modifier is not None and modifier.transform is ModifierTransform.LOG2:
        low = [f"{value:g}" for value in estimands.at if value <= 0.0]
        if low:
            problem = f"transform 'log2' needs positive values; found {', '.join(low)}"
            faults.append(Fault(where, problem, "Correct the values"))
    # What is left out follows the data and the design.
    start = estimands.treat_from or 0.0
    where = "[estimands] treat_from"
    if start > 0.0 and treatment is None:
        problem = f"treatment starts in month {start:g}, and the analysis has no treatment"
        faults.append(Fault(where, problem, "Add a [treatment] table, or remove `treat_from`"))
    elif start > 0.0 and treatment is not None and treatment.design is not DesignKind.SPLIT:
        problem = f"design '{treatment.design.value}' knows no start in month {start:g}"
        faults.append(Fault(where, problem, "Use design 'split', or remove `treat_from`"))
    if start >= max(estimands.horizons):
        problem = f"month {start:g} is not before the last horizon, {max(estimands.horizons):g}"
        faults.append(Fault(where, problem, "Start treatment earlier, or add a later horizon"))
    return faults


def _population_faults(
    estimands: EstimandSpec, treatment: TreatmentSpec | None, *, has_propensity: bool
) -> list[Fault]:
    faults = []
    where, who = "[estimands] population", estimands.population
    if who is not None and who in {PopulationKind.ATT, *OF_PROPENSITY} and treatment is None:
        problem = f"'{who.value}' is told by treatment, and the analysis has none"
        faults.append(Fault(where, problem, "Add a [treatment] table, or use 'sample'"))
    elif who is not None and who in OF_PROPENSITY and not has_propensity:
        problem = f"'{who.value}' needs to know how probable treatment was"
        faults.append(Fault(where, problem, "Add a [propensity] table, or use 'sample' or 'att'"))
    if estimands.subgroups and treatment is None:
        problem = "there is no treatment whose effect could differ between subgroups"
        remedy = "Add a [treatment] table, or remove `subgroups`"
        faults.append(Fault("[estimands] subgroups", problem, remedy))
    return faults
