"""Synthetic cohorts with known truth: on-demand treatment, confounded by response and reserve.

Nothing here is a patient's data. Parameters and their sources are in `truth`; what the
coefficients of an outcome model should come out as is told there too.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.data.mechanism import (
    Floats,
    Patients,
    death_time,
    draw_patients,
    progression_time,
    treatment_start,
)
from bayes_ihlrt.data.truth import CohortTruth, NullTruth
from bayes_ihlrt.errors import Fault, SpecificationError

if TYPE_CHECKING:
    import pandas as pd

DEFAULT_TRUTH: Final = CohortTruth()
DEFAULT_NULL: Final = NullTruth()
MIN_PATIENTS: Final = 2


@dataclass(frozen=True, eq=False)
class SimulatedCohort:
    """A synthetic cohort and the truth that it was drawn from.

    Parameters
    ----------
    columns : mapping of str to array
        One value a patient, read-only: numbers as float64, text as str objects; times in months,
        missing times (no response, never treated) as NaN.
    truth : CohortTruth or NullTruth
        Parameters.
    attrs : mapping of str to object
        ``synthetic`` (True), ``title``, ``seed`` and, where there are centres,
        ``centre_effects``: the log hazard ratio of each centre that was drawn.

    Examples
    --------
    >>> cohort = simulate_cohort(80, seed=1)
    >>> cohort.truth.log_hr_ihlrt, cohort.frame.shape
    (-0.29, (80, 13))
    """

    columns: Mapping[str, NDArray[Any]]
    truth: CohortTruth | NullTruth
    attrs: Mapping[str, Any]

    @property
    def frame(self) -> "pd.DataFrame":
        """The columns as a data frame; ``frame.attrs`` says that it is synthetic."""
        import pandas as pd

        frame = pd.DataFrame({name: values.copy() for name, values in self.columns.items()})
        frame.attrs.update(self.attrs)
        return frame


def simulate_cohort(
    n: int = 80, *, seed: int, truth: CohortTruth = DEFAULT_TRUTH
) -> SimulatedCohort:
    """Draw a synthetic cohort with on-demand treatment.

    Parameters
    ----------
    n : int
        Number of patients.
    seed : int
        Seed, 0 or more; the same seed gives the same cohort.
    truth : CohortTruth
        Parameters.

    Returns
    -------
    SimulatedCohort
        Columns patient_id, centre, age, male, nlr, albi, afp_high, response_months, ihlrt_months,
        pfs_months, progression_or_death, os_months, death. Response and treatment come before
        progression and death, and PFS is never longer than OS.

    Raises
    ------
    SpecificationError
        When `n` or `seed` is out of range.

    Examples
    --------
    >>> cohort = simulate_cohort(80, seed=1)
    >>> cohort.attrs["synthetic"], len(cohort.columns["os_months"])
    (True, 80)
    """
    _check("simulate_cohort", n, seed)
    rng = np.random.default_rng(seed)
    centre_effects = truth.centre_sd * rng.standard_normal(truth.centres)
    centre = rng.integers(truth.centres, size=n)
    patients = draw_patients(truth, centre_effects[centre], rng)
    names = np.array([f"centre-{k + 1}" for k in range(truth.centres)], dtype=object)
    columns = {
        "patient_id": _patient_ids(n),
        "centre": names[centre],
        **{name: getattr(patients, name) for name in ("age", "male", "nlr", "albi", "afp_high")},
        **_follow_up(truth, patients),
    }
    attrs = {
        "synthetic": True,
        "title": "Synthetic cohort: on-demand IHLRT during systemic therapy, effect by NLR",
        "seed": seed,
        "centre_effects": dict(zip(names.tolist(), centre_effects.tolist(), strict=True)),
    }
    return SimulatedCohort(_frozen(columns), truth, MappingProxyType(attrs))


def simulate_null(n: int = 80, *, seed: int, truth: NullTruth = DEFAULT_NULL) -> SimulatedCohort:
    """Draw a synthetic cohort in which on-demand treatment does nothing.

    Whatever separates the ever from the never treated is immortal time: with the defaults their
    median PFS is about 17.0 and 8.6 months, the ratio of event rates 0.58 (0.65 without
    censoring), and a log-rank test of 80 patients has p < 0.05 in 46 % of cohorts.

    Parameters
    ----------
    n : int
        Number of patients.
    seed : int
        Seed, 0 or more; the same seed gives the same cohort.
    truth : NullTruth
        Parameters.

    Returns
    -------
    SimulatedCohort
        Columns patient_id, ihlrt_months, pfs_months, progression_or_death.

    Raises
    ------
    SpecificationError
        When `n` or `seed` is out of range.

    Examples
    --------
    >>> sorted(simulate_null(80, seed=1).columns)
    ['ihlrt_months', 'patient_id', 'pfs_months', 'progression_or_death']
    """
    _check("simulate_null", n, seed)
    rng = np.random.default_rng(seed)
    event = rng.standard_exponential(n) / truth.hazard
    follow_up = rng.uniform(truth.first_follow_up, truth.last_follow_up, n)
    willing = rng.random(n) < truth.willing
    start = rng.uniform(truth.first_start, truth.last_start, n)
    last_seen = np.minimum(event, follow_up)
    columns = {
        "patient_id": _patient_ids(n),
        "ihlrt_months": np.where(willing & (start < last_seen), start, np.nan),
        "pfs_months": last_seen,
        "progression_or_death": (event <= follow_up).astype(np.float64),
    }
    title = "Synthetic cohort: on-demand treatment without any effect on PFS"
    attrs = {"synthetic": True, "title": title, "seed": seed}
    return SimulatedCohort(_frozen(columns), truth, MappingProxyType(attrs))


def _follow_up(truth: CohortTruth, patients: Patients) -> dict[str, Floats]:
    """Return what is observed of response, treatment, progression and death."""
    start = treatment_start(truth, patients)
    death = death_time(truth, patients, start)
    progression = progression_time(truth, patients, start)
    os_months = np.minimum(death, patients.follow_up)
    pfs_months = np.minimum(progression, os_months)
    responded = patients.response < os_months
    died = death <= patients.follow_up
    return {
        "response_months": np.where(responded, patients.response, np.nan),
        "ihlrt_months": np.where(np.isfinite(start), start, np.nan),
        "pfs_months": pfs_months,
        "progression_or_death": (died | (progression <= patients.follow_up)).astype(np.float64),
        "os_months": os_months,
        "death": died.astype(np.float64),
    }


def _patient_ids(n: int) -> NDArray[np.object_]:
    width = len(str(n))
    return np.array([f"synthetic-{k:0{width}d}" for k in range(1, n + 1)], dtype=object)


def _frozen(columns: dict[str, NDArray[Any]]) -> Mapping[str, NDArray[Any]]:
    """Make the columns read-only."""
    for values in columns.values():
        values.setflags(write=False)
    return MappingProxyType(columns)


def size_faults(subject: str, n: int, seed: int) -> list[Fault]:
    """Return what is wrong with a number of patients and a seed.

    Parameters
    ----------
    subject : str
        Name of the function that was called.
    n : int
        Number of patients.
    seed : int
        Seed.

    Returns
    -------
    list of Fault
        Empty when both can be used.
    """
    found = []
    if n < MIN_PATIENTS:
        remedy = f"Give {MIN_PATIENTS} patients or more"
        found.append(Fault(f"{subject}, n", f"{n} is out of range", remedy))
    if seed < 0:
        found.append(Fault(f"{subject}, seed", f"{seed} is negative", "Give 0 or more"))
    return found


def _check(subject: str, n: int, seed: int) -> None:
    faults = size_faults(subject, n, seed)
    if faults:
        raise SpecificationError(subject, faults)
