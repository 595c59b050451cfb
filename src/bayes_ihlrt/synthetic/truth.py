"""The truth behind synthetic cohorts: every parameter, with the source of its default.

Notes
-----
What the coefficient `ihlrt` of an outcome model should come out as: death follows a Weibull
proportional hazards model given the covariates, the centre, response so far R(t) and treatment so
far A(t)::

    log h(t) = log h0(t) + b_A A(t) + b_z z + b_Az A(t) z + b_R R(t) + covariates + centre

with z = log2(NLR / 3). Response is to the systemic therapy; the treatment neither brings it about
nor prevents it, so R(t) confounds and does not mediate.

- An outcome model on split person-time **with R(t) as a time-varying covariate**, the covariates
  and the centre has `log_hazard_ratios` as its true coefficients, without remainder.
- A model **without R(t)** has no such truth: the hazards averaged over response are not exactly
  proportional. Responders start the treatment more often and die later, so `ihlrt` looks better
  than it is. With the defaults and a Weibull baseline it tends to -0.45 instead of -0.29, and to
  -0.17 when the treatment does nothing; `ihlrt:nlr` hardly moves (-0.195 instead of -0.20).
- Starting the treatment needs freedom from progression, and responders are free of it for longer:
  `initiation_log_hr_response = 0` alone lessens that confounding (-0.37) and does not end it.
  `CohortTruth.without_response_confounding` ends it by making response irrelevant to death;
  b_A is then the truth of both models.

Survival curves need more than coefficients: averaged with R(t) in the model, they need the process
of response as well (a g-formula). `true_estimands` gives their true values.
"""

from dataclasses import dataclass, fields
from math import isfinite, log2
from typing import Final, Self

from bayes_ihlrt.errors import Fault, SpecificationError

NLR_REFERENCE: Final = 3.0
"""NLR at which the main effect of treatment is read; z = log2(NLR / 3)."""

_POSITIVE: Final = frozenset(
    {"shape", "scale", "nlr_median", "response_median", "hazard", "first_follow_up"}
)
_NON_NEGATIVE: Final = frozenset(
    {
        *("centre_sd", "nlr_log_sd", "albi_sd", "age_sd", "response_log_sd", "progression_rate"),
        *("initiation_rate", "initiation_delay", "first_start"),
    }
)
_SHARES: Final = frozenset(
    {"afp_high_share", "male_share", "response_share", "amenable_share", "willing"}
)


@dataclass(frozen=True)
class CohortTruth:
    """Parameters of the mechanism that `simulate_cohort` draws from.

    Times are in months, rates per month, effects log hazard ratios unless named otherwise.

    - Death: H(t) = (t / scale)^shape exp(eta) for a patient with NLR 3, mean ALBI and the
      average of both AFP groups, untreated and without response.
    - Response: a share of patients responds, at a log-normal time; who responds does not
      progress before.
    - Progression: a constant hazard, from response on for responders; death does not depend on it.
    - Treatment of the amenable starts at a constant hazard from `initiation_delay` on, while alive,
      free of progression and under observation.

    Parameters
    ----------
    shape, scale : float
        Weibull of overall survival: IMbrave150. Over the covariates and response the median
        without treatment is 22.7 months, within IMbrave150's 19.2 (17.0 to 23.7).
    log_hr_ihlrt : float
        Effect of treatment at NLR 3, from its start on: centre of the packaged liver-cancer
        prior (HR 0.75).
    log_hr_ihlrt_nlr : float
        Interaction per doubling of NLR; our assumption (no estimate exists), within its prior.
    log_hr_nlr : float
        Per doubling of NLR: centre of that prior.
    log_hr_albi : float
        Per point of ALBI: 0.50 per standard deviation, the centre of its packaged prior.
    log_hr_afp_high : float
        AFP >= 100 ng/mL: HR 2.0, one point of CRAFITY (2.61 when AFP is taken alone).
    log_hr_response : float
        From response on: HR 0.45, weaker than the published 0.32 of best overall response, which
        conditions on the future.
    centres, centre_sd : int, float
        Number of centres, and standard deviation of their effects on log hazard; our assumption.
    nlr_median, nlr_log_sd : float
        Normal distribution of log NLR; our assumption.
    albi_mean, albi_sd, afp_high_share, age_mean, age_sd, male_share : float
        A Japanese cohort of 297 patients. Age and sex have no effect.
    response_share : float
        Probability of response at NLR 3: 27 to 30 % respond.
    response_log_or_nlr : float
        Log odds ratio of response per doubling of NLR; our assumption.
    response_median, response_log_sd : float
        Log-normal time to response: median 2.8 months; spread our assumption.
    progression_rate : float
        Hazard of progression of a non-responder, chosen for a median PFS near IMbrave150's 6.9
        (5.7 to 8.6): 7.1 without treatment, 7.4 as observed.
    progression_share : float
        Covariate and centre effects on progression as a share of those on death; our assumption.
    progression_log_hr_response, progression_log_hr_ihlrt : float
        Our assumption; and the pooled PFS hazard ratio 0.70 of randomised combinations.
    amenable_share, initiation_rate, initiation_delay : float
        Share with lesions amenable to treatment, whatever else they have; hazard of initiation
        among them; month from which it holds (imaging at six weeks). A quarter is ever treated.
    initiation_log_hr_response, initiation_log_hr_albi : float
        Confounding by response (HR 2.5) and by hepatic reserve (-0.40 per standard deviation of
        ALBI); our assumption.
    first_follow_up, last_follow_up : float
        Administrative censoring, uniform between the two.

    Raises
    ------
    SpecificationError
        When a parameter is outside its range; every fault is listed.

    References
    ----------
    Tajiri et al. 2026, doi 10.3390/cancers18061021 (the study whose margins are imitated).

    Examples
    --------
    >>> CohortTruth().log_hazard_ratios["ihlrt:nlr"]
    -0.2
    """

    shape: float = 1.183
    scale: float = 26.17
    log_hr_ihlrt: float = -0.29
    log_hr_ihlrt_nlr: float = -0.20
    log_hr_nlr: float = 0.40
    log_hr_albi: float = 1.16
    log_hr_afp_high: float = 0.70
    log_hr_response: float = -0.80
    centres: int = 5
    centre_sd: float = 0.25
    nlr_median: float = 2.7
    nlr_log_sd: float = 0.55
    albi_mean: float = -2.43
    albi_sd: float = 0.43
    afp_high_share: float = 0.41
    age_mean: float = 73.0
    age_sd: float = 7.4
    male_share: float = 0.82
    response_share: float = 0.29
    response_log_or_nlr: float = -0.30
    response_median: float = 2.8
    response_log_sd: float = 0.50
    progression_rate: float = 0.10
    progression_share: float = 0.50
    progression_log_hr_response: float = -0.90
    progression_log_hr_ihlrt: float = -0.36
    amenable_share: float = 0.52
    initiation_rate: float = 0.10
    initiation_delay: float = 1.5
    initiation_log_hr_response: float = 0.90
    initiation_log_hr_albi: float = -0.93
    first_follow_up: float = 12.0
    last_follow_up: float = 48.0

    def __post_init__(self) -> None:
        """Check every parameter."""
        faults = _faults(self)
        if self.centres < 1:
            problem = f"must be at least 1; found {self.centres}"
            faults.append(Fault("CohortTruth, centres", problem, "Give the number of centres"))
        _raise("CohortTruth", faults, self.first_follow_up, self.last_follow_up)

    @classmethod
    def without_response_confounding(cls) -> Self:
        """Return the defaults with response irrelevant to death and to treatment initiation.

        Returns
        -------
        CohortTruth
            Confounding by ALBI remains, which is among the columns.
        """
        return cls(log_hr_response=0.0, initiation_log_hr_response=0.0)

    @property
    def log_hazard_ratios(self) -> dict[str, float]:
        """True coefficients of ``ihlrt * nlr + albi + afp_high + response`` by term.

        `nlr` stands for log2(NLR / 3), `response` for the time-varying R(t).
        """
        return {
            "ihlrt": self.log_hr_ihlrt,
            "nlr": self.log_hr_nlr,
            "ihlrt:nlr": self.log_hr_ihlrt_nlr,
            "albi": self.log_hr_albi,
            "afp_high": self.log_hr_afp_high,
            "response": self.log_hr_response,
        }

    def log_hr_at(self, nlr: float) -> float:
        """Return the log hazard ratio of treatment at an NLR, b_A + b_Az log2(NLR / 3).

        Parameters
        ----------
        nlr : float
            Neutrophil-to-lymphocyte ratio, above 0.

        Returns
        -------
        float
            Log hazard ratio, conditional on covariates and response.
        """
        return self.log_hr_ihlrt + self.log_hr_ihlrt_nlr * log2(nlr / NLR_REFERENCE)


@dataclass(frozen=True)
class NullTruth:
    """Parameters of `simulate_null`: on-demand treatment without any effect.

    PFS is exponential; the willing who are still at risk start the treatment at a uniform time.

    Parameters
    ----------
    hazard : float
        Hazard of progression or death, per month.
    willing : float
        Share of patients who will be treated if still at risk when their time comes.
    first_start, last_start : float
        Range of the uniform treatment time, months.
    first_follow_up, last_follow_up : float
        Range of the uniform administrative censoring, months.

    Raises
    ------
    SpecificationError
        When a parameter is outside its range; every fault is listed.

    Examples
    --------
    >>> NullTruth().willing
    0.36
    """

    hazard: float = 0.0619
    willing: float = 0.36
    first_start: float = 2.0
    last_start: float = 10.0
    first_follow_up: float = 12.0
    last_follow_up: float = 48.0

    def __post_init__(self) -> None:
        """Check every parameter."""
        faults = _faults(self)
        if not self.first_start <= self.last_start:
            problem = f"{self.last_start} comes before first_start {self.first_start}"
            faults.append(Fault("NullTruth, last_start", problem, "Give first_start or later"))
        _raise("NullTruth", faults, self.first_follow_up, self.last_follow_up)


def _faults(truth: CohortTruth | NullTruth) -> list[Fault]:
    """Check each parameter against the range that its name has."""
    found = []
    for field in fields(truth):
        name, value = field.name, getattr(truth, field.name)
        if not isfinite(value):
            allowed = "a finite number"
        elif name in _POSITIVE and value <= 0.0:
            allowed = "a number above 0"
        elif name in _NON_NEGATIVE and value < 0.0:
            allowed = "0 or a number above 0"
        elif name in _SHARES and not 0.0 <= value <= 1.0:
            allowed = "a share between 0 and 1"
        else:
            continue
        where = f"{type(truth).__name__}, {name}"
        found.append(Fault(where, f"{value} is out of range", f"Give {allowed}"))
    return found


def _raise(subject: str, faults: list[Fault], first: float, last: float) -> None:
    if not first <= last:
        problem = f"{last} comes before first_follow_up {first}"
        remedy = "Give first_follow_up or later (months)"
        faults.append(Fault(f"{subject}, last_follow_up", problem, remedy))
    if faults:
        raise SpecificationError(subject, faults)
