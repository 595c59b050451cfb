"""What a result says of its propensities: balance, overlap, sums of weights, effective numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.clone_months import CloneMonths
from bayes_ihlrt.analysis.estimates import finite_or_none
from bayes_ihlrt.data.listing import counted
from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.comparability import WHO, Comparability
from bayes_ihlrt.propensity.spec import PropensitySpec

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PropensityResult:
    """Propensities of an analysis, at their mode, every patient counted once.

    Parameters
    ----------
    spec : PropensitySpec
        The specification.
    target : EstimandTarget
        Population of the balancing weights.
    patients : tuple of int
        Treated and untreated patients who contribute time; a patient can be both.
    ess : tuple of float, or None
        Effective numbers of treated and of untreated patients; None where nothing was weighted.
    trimmed : tuple of str
        Patients who lost follow-up by `trim`.
    separated : tuple of str
        Columns that tell some treated from the others without error.
    balance : xarray.Dataset or None
        From `balance_data`: at the decisions; of clones among those followed at the end of the
        grace period, by covariates at time zero. None without covariates.
    by_trial : xarray.Dataset or None
        The same within each trial of a sequential design in which somebody starts and somebody
        waits; None for other designs.
    overlap : xarray.Dataset
        From `overlap_data`, at the decisions.
    weight_sums : xarray.Dataset or None
        From `weight_sum_data`, of clones.
    row_weights : ndarray, shape (rows,), or None
        Weights of the person-time; None where nothing was weighted.
    patient_weights : mapping of EstimandTarget to ndarray, shape (patients,)
        What each patient weighs in the populations that propensities make (``ato``, ``atm``,
        ``entropy``): the sum of h(e) over the patient's decisions.
    comparability : Comparability or None
        Whether the weighted arms can be compared; None where nothing was weighted.
    strategies : CloneMonths or None
        Of clones: weighted survival by strategy.
    """

    spec: PropensitySpec
    target: EstimandTarget
    patients: tuple[int, int]
    ess: tuple[float, float] | None
    trimmed: tuple[str, ...]
    separated: tuple[str, ...]
    balance: xr.Dataset | None
    by_trial: xr.Dataset | None
    overlap: xr.Dataset
    weight_sums: xr.Dataset | None
    row_weights: Floats | None
    patient_weights: Mapping[EstimandTarget, Floats]
    comparability: Comparability | None = None
    strategies: CloneMonths | None = None

    @property
    def warning(self) -> tuple[str, ...]:
        """What no interval shows: arms that cannot be compared; empty where they can."""
        found = "" if self.comparability is None else self.comparability.warning
        return (found,) if found else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Population and effective numbers in words, and who lost follow-up."""
        found = []
        if self.ess is not None:
            found.append(
                f"Weighted to {WHO[self.target]}: the effective number of treated "
                f"patients is {self.ess[0]:.1f} of {self.patients[0]}, of untreated patients "
                f"{self.ess[1]:.1f} of {self.patients[1]}."
            )
        if self.trimmed:
            trim = self.spec.trim or 0.0
            found.append(
                f"{counted(len(self.trimmed), 'patient', 'patients')} lost follow-up, some or all, "
                f"that begins at a propensity outside {trim:g} to {1.0 - trim:g}."
            )
        return tuple(found)

    def to_dict(self) -> dict[str, Any]:
        """Return the part of ``result.json``: what is not defined is None, never absent."""
        treated, control = self.ess or (None, None)
        stated = self.spec.model_dump(mode="json")
        del stated["priors"]
        return {
            **stated,
            "target": self.target.value,
            "ess_treated": treated,
            "ess_control": control,
            "comparability": None if self.comparability is None else self.comparability.to_dict(),
            "trimmed": list(self.trimmed),
            "separated": list(self.separated),
            "strategies": None if self.strategies is None else self.strategies.to_dict(),
            "balance": _smd_rows(self.balance),
            "sizes": _size_rows(self.balance),
            "balance_by_trial": _smd_rows(self.by_trial),
            "sizes_by_trial": _size_rows(self.by_trial),
            "overlap": [
                {
                    "arm": str(arm),
                    "decisions": int(self.overlap["rows"].sel(arm=arm)),
                    "beyond": float(self.overlap["beyond"].sel(arm=arm)),
                }
                for arm in self.overlap["arm"].to_numpy()
            ],
        }

    @property
    def figures(self) -> dict[str, xr.Dataset]:
        """Data of the figures of comparability, by name."""
        found = {"overlap": self.overlap}
        if self.balance is not None:
            found["love"] = self.balance
        if self.balance is not None and self.balance.sizes["subset"] > 1:
            found["connect_s"] = self.balance
        if self.weight_sums is not None:
            found["weight_sums"] = self.weight_sums
        return found


def _smd_rows(balance: xr.Dataset | None) -> list[dict[str, Any]]:
    if balance is None:
        return []
    return [
        {
            "subset": str(subset),
            "covariate": str(covariate),
            **{
                str(sample): finite_or_none(
                    balance["smd"].sel(subset=subset, covariate=covariate, sample=sample)
                )
                for sample in balance["sample"].to_numpy()
            },
        }
        for subset in balance["subset"].to_numpy()
        for covariate in balance["covariate"].to_numpy()
    ]


def _size_rows(balance: xr.Dataset | None) -> list[dict[str, Any]]:
    if balance is None:
        return []
    return [
        {
            "subset": str(subset),
            "arm": str(arm),
            **{
                name: finite_or_none(balance[name].sel(subset=subset, arm=arm))
                for name in ("rows", "patients", "ess", "max_weight")
            },
        }
        for subset in balance["subset"].to_numpy()
        for arm in balance["arm"].to_numpy()
    ]
