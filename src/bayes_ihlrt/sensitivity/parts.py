"""From the tables of a specification to the parts of its sensitivity study."""

from dataclasses import dataclass, replace

import numpy as np

from bayes_ihlrt.analysis.check import CheckedAnalysis
from bayes_ihlrt.batch.importance import resample
from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.clinical.evidence import Discount, evidence_prior, published
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.priors import HazardRatioPrior, Prior
from bayes_ihlrt.sensitivity.bias import BiasPrior
from bayes_ihlrt.sensitivity.cells import CellFits, fit_cells, per_unit
from bayes_ihlrt.sensitivity.confounding import ConfounderGrid, Effect
from bayes_ihlrt.sensitivity.decisions import CheckResult, with_lost
from bayes_ihlrt.sensitivity.latent import LatentPrior
from bayes_ihlrt.sensitivity.prior_grid import (
    Alternatives,
    grid_cells,
    main_parameters,
    named_priors,
    read_grid,
)
from bayes_ihlrt.sensitivity.published import Selection
from bayes_ihlrt.sensitivity.quantities import Wanted, as_fit, read_quantities

type Named = dict[str, dict[str, Prior]]


@dataclass(frozen=True, eq=False)
class Study:
    """A checked analysis, ready to be questioned.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data.
    prepared : PreparedModel
        The model on its person-time.
    """

    checked: CheckedAnalysis
    prepared: PreparedModel

    @property
    def wanted(self) -> Wanted:
        """Everything that is read."""
        spec = self.checked.spec
        return Wanted(
            at=spec.estimands.at,
            horizon=max(spec.estimands.horizons),
            margin=spec.sensitivity.margin,
            interaction_margin=spec.sensitivity.interaction_margin,
            treat_from=spec.treat_from,
        )

    @property
    def main(self) -> Wanted:
        """The hazard ratio at the reference and the gain in survival time only."""
        return replace(self.wanted, at=(), mitigation=False)

    @property
    def selection(self) -> Selection:
        """Published effects and their discount."""
        own = self.checked.spec.sensitivity
        discount = Discount(own.between_sd, own.bias_mean, own.bias_sd)
        return Selection(published(own.evidence), discount, own.mixture_weight)

    @property
    def bias(self) -> BiasPrior:
        """What is believed of a confounder."""
        own = self.checked.spec.sensitivity.confounder
        shares = [
            (share * own.certainty, (1.0 - share) * own.certainty)
            for share in (own.treated, own.untreated)
        ]
        return BiasPrior(_moments(own.hazard_ratio), *shares)

    @property
    def latent(self) -> dict[str, LatentPrior]:
        """Bias priors of a latent confounder, by how wide they are."""
        own = self.checked.spec.sensitivity.confounder
        treated = self.checked.person_time.provenance.treated["patients"]
        share = treated / len(self.checked.person_time.patients)
        prevalence = share * own.treated + (1.0 - share) * own.untreated
        certainty = own.certainty * prevalence * (1.0 - prevalence)
        stated = LatentPrior(
            _moments(own.hazard_ratio),
            _moments(own.initiation),
            (float(np.log(prevalence / (1.0 - prevalence))), float(certainty**-0.5)),
        )
        return {
            "bias prior as stated" if factor == 1.0 else f"bias prior {factor:g} times as wide": (
                stated.widened(factor)
            )
            for factor in own.widths
        }

    @property
    def confounders(self) -> ConfounderGrid:
        """Confounders to try."""
        own = self.checked.spec.sensitivity.confounder
        return ConfounderGrid(own.strengths, own.treated, own.shares)


def _moments(prior: HazardRatioPrior) -> tuple[float, float]:
    normal = prior.to_prior()
    return float(normal.mu or 0.0), float(normal.sigma or 1.0)


def grid(study: Study) -> tuple[CellFits, CheckResult]:
    """Fit the prior grid and read it.

    Parameters
    ----------
    study : Study
        The analysis.

    Returns
    -------
    fits : CellFits
        Posteriors, the stated one first.
    table : CheckResult
        Estimands and decisions.
    """
    prepared, spec = study.prepared, study.checked.spec
    own = spec.sensitivity
    terms = dict(prepared.encoder.terms)
    further: Named = {}
    for name in prepared.priors:
        # A prior may be stated for a term, which has several columns, or under an alias.
        for alias in (name, terms[name] if name in terms else name):
            if alias in own.priors:
                further[name] = {
                    label: per_unit(prepared, name, prior)
                    for label, prior in own.priors[alias].items()
                }
    choice = Alternatives(
        own.treatment_hr, evidence_prior(study.selection.effects, study.selection.discount), further
    )
    named = named_priors(prepared, choice)
    cells = grid_cells(named, main_parameters(prepared.spec), called=prepared.spec.labels.term)
    # Every other choice is compared with the stated one.
    fits = fit_cells(prepared, cells, draws=own.draws, seed=spec.sampler.seed, needed=(0,))
    table = read_grid(
        prepared,
        study.checked.person_time,
        fits,
        wanted=study.wanted,
        threshold=own.threshold,
    )
    lost = [
        ({"prior": cells[place].name, "priors": dict(cells[place].labels)}, failure)
        for place, failure in fits.lost.items()
    ]
    rows, gone = with_lost(table.rows, lost), tuple(fits.lost.values())
    return fits, replace(table, rows=rows, lost=gone)


def measured_effect(study: Study, fits: CellFits) -> Effect:
    """Return equally weighted draws of the log hazard ratio as stated, at the reference.

    Parameters
    ----------
    study : Study
        The analysis.
    fits : CellFits
        The grid, the stated cell first.

    Returns
    -------
    Effect
        Draws, share of patients with the event, threshold, effective sample size.
    """
    rows = study.checked.person_time
    fit = as_fit(study.prepared, rows, fits.draws.isel({MEMBER: [0]}))
    first = read_quantities(fit, study.main)[0]
    size = first.values.shape[1]
    picked = resample(fits.weights[:1], draws=size, seed=study.checked.spec.sampler.seed)[0]
    return Effect(
        first.values[0, picked],
        rows.events / len(rows.patients),
        study.checked.spec.sensitivity.threshold,
        # Drawn by weights, and then picked from these draws.
        1.0 / (1.0 / float(fits.ess[0]) + 1.0 / size),
    )
