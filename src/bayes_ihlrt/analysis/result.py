"""The result of an analysis: posterior, summaries and where they came from."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.checking import CheckedAnalysis
from bayes_ihlrt.analysis.data_summary import data_summary
from bayes_ihlrt.analysis.draws_naming import draws_name, naming
from bayes_ihlrt.analysis.estimand_spec import PopulationKind
from bayes_ihlrt.analysis.estimates import Estimate
from bayes_ihlrt.analysis.flexible_baseline import BaselineComparison, baseline_notes
from bayes_ihlrt.analysis.interaction_result import InteractionResult
from bayes_ihlrt.analysis.library_versions import versions
from bayes_ihlrt.analysis.prior_words import prior_sentence
from bayes_ihlrt.analysis.propensity_result import PropensityResult
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.analysis.summaries import Loo
from bayes_ihlrt.estimands.time_zero import effective_share, time_zero_weights
from bayes_ihlrt.inference.fitted import FittedModel
from bayes_ihlrt.inference.gate import Convergence
from bayes_ihlrt.plain import json_text
from bayes_ihlrt.propensity.comparability import Overlap

_DIAGNOSTICS: Final = (
    *("engine", "r_hat", "ess_bulk", "ess_tail", "divergences", "worst"),
    *("k_hat", "ess"),
)


_THIN: Final = 0.5
"""Effective share of patients below which the population at time zero is told by few."""


@dataclass(frozen=True)
class FitResult:
    """A fitted analysis.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification, cohort, person-time and notes.
    fit : FittedModel
        The posterior and its convergence.
    prior : xarray.Dataset
        Draws of the priors of top-level parameters.
    parameters : dict of str to dict
        Summary and diagnostics of each parameter; coefficients are log hazard ratios.
    estimates : tuple of Estimate
        Hazard ratios, survival, restricted mean and median survival.
    loo : Loo
        Leave-one-patient-out cross-validation.
    propensity : PropensityResult or None
        Weights, balance and overlap; None without ``[propensity]``.
    interaction : InteractionResult or None
        Whether the effect depends on the modifier; None without a treatment and a modifier.
    baseline : BaselineComparison or None
        The effect under a flexible baseline too; None unless treatment changes during follow-up.
    before : FittedModel or None
        The model with draws of its prior, for probabilities before the data.
    prior_note : str or None
        Where observed untreated survival lies outside what the priors expected.

    Examples
    --------
    With ``result = run_fit(load_spec("primary"), "ihlrt_synthetic")``:

    >>> result.converged, result.synthetic
    (True, True)
    >>> sorted(result.parameters["ihlrt"])
    ['ess_bulk', 'ess_tail', 'mcse_mean', 'mean', 'median', 'q2.5', 'q97.5', 'r_hat', 'sd']
    >>> result.to_dict()["data"]["patients"]
    80
    """

    checked: CheckedAnalysis
    fit: FittedModel
    prior: xr.Dataset
    parameters: dict[str, dict[str, float | None]]
    estimates: tuple[Estimate, ...]
    loo: Loo
    propensity: PropensityResult | None = None
    interaction: InteractionResult | None = None
    baseline: BaselineComparison | None = None
    before: FittedModel | None = None
    prior_note: str | None = None

    @property
    def spec(self) -> AnalysisSpec:
        """The specification."""
        return self.checked.spec

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader has to know, most important first."""
        found = self.fit.convergence
        quality = () if isinstance(found, Convergence) else (f"{found.quality}.",)
        baseline = baseline_notes(self.baseline)
        prior = () if self.prior_note is None else (self.prior_note,)
        rest = (*self._standing_for, *prior, *self.checked.notes)
        if self.propensity is None:
            return (*baseline, *quality, *rest)
        # First what no interval shows.
        first, weighting = (*self.propensity.warning, *baseline), self.propensity.notes
        return (*first, *quality, *weighting, *rest)

    @cached_property
    def _standing_for(self) -> tuple[str, ...]:
        """How few patients the population at time zero rests on."""
        if self.spec.population is not PopulationKind.TIME_ZERO:
            return ()
        share = effective_share(time_zero_weights(self.fit))
        if share > _THIN:
            return ()
        patients = len(self.checked.person_time.patients)
        return (
            f"Everybody at time zero is told by few: late entrants stand for so many who died "
            f"before that {patients} patients weigh like {share * patients:.0f}. Intervals do not "
            "know it.",
        )

    @property
    def synthetic(self) -> bool:
        """Whether the data were simulated."""
        return bool(self.checked.cohort.attrs.get("synthetic", False))

    @property
    def comparable(self) -> bool:
        """Whether the arms have enough in common to be compared; True without weights."""
        arms = None if self.propensity is None else self.propensity.comparability
        return arms is None or arms.overlap is not Overlap.FAILED

    @property
    def draws_name(self) -> str:
        """What the draws are: ``"posterior"``, or by the way a weighted analysis made them."""
        return draws_name(str(self.fit.convergence.numbers["engine"]))

    @property
    def converged(self) -> bool:
        """Whether the draws can be trusted."""
        return not self.fit.convergence.failures

    @cached_property
    def tree(self) -> xr.DataTree:
        """Draws with the specification, versions, seed and data fingerprint in the attributes."""
        tree = self.fit.tree.copy()
        tree["prior"] = xr.DataTree(self.prior)
        tree.attrs = {
            **tree.attrs,
            "specification": json_text(self.spec.to_dict(), indent=None),
            "versions": json_text(versions(), indent=None),
            "seed": self.spec.sampler.seed,
            "data": json_text(
                data_summary(self.checked.cohort, self.checked.person_time), indent=None
            ),
            "data_fingerprint": self.checked.cohort.fingerprint,
            "synthetic": int(self.synthetic),
        }
        return tree

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``result.json``: what is not defined is None, never absent."""
        return {
            "schema": 1,
            "name": self.spec.name,
            "versions": versions(),
            "seed": self.spec.sampler.seed,
            "data": data_summary(self.checked.cohort, self.checked.person_time),
            "design": {
                "name": self.checked.person_time.provenance.design.value,
                "immortal_months": self.checked.person_time.provenance.immortal_months,
            },
            "priors": prior_sentence(self.spec, self.checked.priors),
            "parameters": self.parameters,
            "estimands": [estimate.to_dict() for estimate in self.estimates],
            "interaction": None if self.interaction is None else self.interaction.to_dict(),
            "draws": naming(str(self.fit.convergence.numbers["engine"])),
            "baseline": None if self.baseline is None else self.baseline.to_dict(),
            "diagnostics": self._diagnostics(),
            "loo": self.loo.to_dict(),
            "propensity": None if self.propensity is None else self.propensity.to_dict(),
            "notes": list(self.notes),
        }

    def _diagnostics(self) -> dict[str, Any]:
        found = self.fit.convergence
        numbers = {name: found.numbers[name] for name in _DIAGNOSTICS}
        return {**numbers, "converged": self.converged, "failures": list(found.failures)}


def modifier_of_patients(result: FitResult) -> np.ndarray:
    """Return each patient's value of the effect modifier, shape (patients,).

    Parameters
    ----------
    result : FitResult
        Of an analysis with a modifier.

    Returns
    -------
    ndarray of float
        From the patient's first row, on the scale of the data; empty without a modifier.
    """
    modifier, rows = result.spec.modifier, result.checked.person_time
    if modifier is None:
        return np.empty(0)
    first = np.flatnonzero(np.diff(rows.patient_index, prepend=-1))
    return rows.columns[modifier.column][first].astype(np.float64)
