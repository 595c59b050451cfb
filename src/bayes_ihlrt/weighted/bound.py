"""The outcome model of a propensity-adjusted analysis bound to its rows, given the propensities.

Nothing here imports PyMC: `bayes-ihlrt check` binds by this what `fit` binds, and refuses what it
refuses.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.decisions import Emulation
from bayes_ihlrt.errors import Fault, RefusedError
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.names import Adjustment, DesignKind, PropensityUncertainty
from bayes_ihlrt.propensity.overlap import trimmed
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.weighted.scores import ScoreColumns, score_columns, with_columns, with_terms

SCORED: Final = frozenset({Adjustment.COVARIATE, Adjustment.STRATA})
"""Adjustments that put the propensity into the outcome model."""


@dataclass(frozen=True)
class BoundOutcome:
    """An outcome model on the rows that a propensity leaves and extends.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions, trimmed, with the propensity's columns.
    outcome : PreparedModel
        The outcome model, bound to them.
    scores : ScoreColumns or None
        Columns that change with the propensities.
    """

    emulation: Emulation
    outcome: PreparedModel
    scores: ScoreColumns | None = None


def needs_propensities(spec: PropensitySpec) -> bool:
    """Return whether the rows of the outcome model depend on the propensities.

    Parameters
    ----------
    spec : PropensitySpec
        The model of treatment and what is done with it.

    Returns
    -------
    bool
        True for trimming, a spline of the propensity and strata of it.
    """
    return spec.trim is not None or spec.adjust in SCORED


def bind_outcome(
    emulation: Emulation,
    model: ModelSpec,
    spec: PropensitySpec,
    logit: Callable[[], NDArray[np.float64]],
) -> BoundOutcome:
    """Bind the outcome model to the rows that the propensity leaves and extends.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    model : ModelSpec
        The outcome model.
    spec : PropensitySpec
        The model of treatment and what is done with it.
    logit : callable
        Returns logit e at the mode, shape (decisions,); called only where it is needed.

    Returns
    -------
    BoundOutcome
        The rows and the model.

    Raises
    ------
    SpecificationError, DataError
        Formulas, options and data do not fit together.
    """
    if not needs_propensities(spec):
        return BoundOutcome(emulation, prepare(model, emulation.person_time, reduce=False))
    mode = logit()
    if spec.trim is not None:
        emulation = trimmed(emulation, propensity(mode), spec.trim)
    if spec.adjust not in SCORED:
        return BoundOutcome(emulation, prepare(model, emulation.person_time, reduce=False))
    decision = emulation.person_time.columns["decision"].astype(np.intp)
    scores = score_columns(spec.adjust, mode, decision)
    rows = with_columns(emulation.person_time, scores)
    outcome = prepare(with_terms(model, scores.names), rows, reduce=False)
    places = tuple(outcome.encoder.columns.index(name) for name in scores.names)
    return BoundOutcome(
        replace(emulation, person_time=rows), outcome, replace(scores, places=places)
    )


def refuse_misleading(emulation: Emulation, model: ModelSpec, spec: PropensitySpec) -> None:
    """Refuse combinations of design, adjustment and model that would mislead.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    model : ModelSpec
        The outcome model.
    spec : PropensitySpec
        The model of treatment and what is done with it.

    Raises
    ------
    RefusedError
        With every fault.
    """
    story = emulation.person_time.provenance
    clones = story.design is DesignKind.CLONE_CENSOR_WEIGHT
    faults = []
    if spec.adjust in SCORED and clones:
        problem = (
            f"'{spec.adjust.value}' holds the propensity of the treatment received, and a clone "
            "follows both strategies"
        )
        remedy = "Use adjust 'weights', or design 'landmark'"
        faults.append(Fault("adjust", problem, remedy))
    elif spec.adjust in SCORED and story.censored:
        problem = (
            f"'{spec.adjust.value}' cannot make up for {story.censored:,} follow-ups of controls "
            "that end when they are treated, which what happens after the decision decides"
        )
        remedy = "Use adjust 'weights', or crossover = 'ignore' in [treatment]"
        faults.append(Fault("adjust", problem, remedy))
    if spec.trim is not None and clones:
        problem = (
            "clones follow their strategies from time zero in the whole cohort, and leaving out "
            "patients by later decisions would select them by what happened in between"
        )
        remedy = "Leave it out, or use design 'landmark' or 'sequential'"
        faults.append(Fault("trim", problem, remedy))
    if spec.uncertainty is PropensityUncertainty.SANDWICH:
        faults += _corrected_groups(model)
    if faults:
        raise RefusedError("[propensity]", faults)


def refuse_groups(model: ModelSpec) -> None:
    """Raise where an outcome model that a sandwich is to correct has group effects.

    Parameters
    ----------
    model : ModelSpec
        The outcome model.

    Raises
    ------
    RefusedError
        A correction of the whole posterior by patients' scores would stretch the group effects,
        which patients share, as if they were fixed.
    """
    if faults := _corrected_groups(model):
        raise RefusedError("[propensity]", faults)


def _corrected_groups(model: ModelSpec) -> list[Fault]:
    groups = [term.group for term in model.outcome.groups]
    if not groups:
        return []
    problem = (
        "'sandwich' corrects fixed effects only, and the outcome model has group effects "
        f"({', '.join(groups)})"
    )
    remedy = (
        "Use uncertainty 'linked-bootstrap', or leave out group in [outcome] and put the column "
        "into the formula"
    )
    return [Fault("uncertainty", problem, remedy)]
