"""Describe the propensities of an analysis: who is compared with whom, and how alike they are."""

from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.comparability import (
    Chances,
    Compared,
    arm_sizes,
    balance_covariates,
    compared_rows,
    judge,
)
from bayes_ihlrt.analysis.propensity_result import PropensityResult
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.data.starts import follow_up
from bayes_ihlrt.designs.decisions import Decisions
from bayes_ihlrt.inference.shared_modes import propensity_mode
from bayes_ihlrt.inference.weighting import WeightedAnalysis, positions
from bayes_ihlrt.names import Adjustment, DesignKind, EstimandTarget
from bayes_ihlrt.propensity.balance import balance_data
from bayes_ihlrt.propensity.comparability import Comparability
from bayes_ihlrt.propensity.overlap import overlap_data
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.propensity.spec import PropensitySpec
from bayes_ihlrt.propensity.subsets import Mask, intervals_of, levels_of
from bayes_ihlrt.propensity.targets import balancing_weight
from bayes_ihlrt.propensity.tilting import TILTED, tilt
from bayes_ihlrt.propensity.weight_sums import FollowedRows, weight_sum_data
from bayes_ihlrt.propensity.weights import row_weights

Floats = NDArray[np.float64]
_TIMES: Final = 121


def describe_propensity(
    analysis: WeightedAnalysis,
    cohort: Cohort,
    treatment: TreatmentSpec,
    *,
    spec: PropensitySpec,
    ess: tuple[float, float] | None,
) -> PropensityResult:
    """Describe the propensities of an analysis.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Person-time, decisions and models, as they were fitted.
    cohort : Cohort
        The data.
    treatment : TreatmentSpec
        The treatment, with the grace period of clones.
    spec : PropensitySpec
        The specification.
    ess : tuple of float, or None
        Effective numbers of treated and untreated; None where nothing was weighted.

    Returns
    -------
    PropensityResult
        For the result's tables, figures and JSON.

    Raises
    ------
    ConvergenceError
        A model of treatment has no mode.
    """
    emulation, story = analysis.emulation, analysis.emulation.person_time.provenance
    chance = propensity(propensity_mode(analysis.initiation))
    earned = None if analysis.grace is None else propensity(propensity_mode(analysis.grace))
    clones = story.design is DesignKind.CLONE_CENSOR_WEIGHT
    # Clones stand for everybody at risk; stabilised, they would stand for those left.
    passed = _passing(analysis)
    given = {"grace": earned, "passing": passed}
    weights = row_weights(emulation, chance, target=analysis.target, **given, stabilise=not clones)
    compared = compared_rows(emulation, weights, grace=treatment.grace)
    trials = _trials(compared)
    decided = _decided(emulation.decisions, chance) if clones else compared
    decision = emulation.person_time.columns["decision"].astype(np.intp)[analysis.entries]
    return PropensityResult(
        spec=spec,
        target=analysis.target,
        patients=arm_sizes(emulation),
        ess=ess,
        trimmed=tuple(story.trimmed),
        separated=analysis.initiation.separated,
        balance=_balance(compared, analysis, spec, _thirds(compared, analysis)),
        by_trial=_balance(compared, analysis, spec, trials) if trials else None,
        overlap=overlap_data(chance if clones else chance[decision], decided.arm, decided.weight),
        weight_sums=_sums(analysis, cohort, treatment, weights) if clones else None,
        row_weights=weights if analysis.adjust is Adjustment.WEIGHTS and ess is not None else None,
        patient_weights=patient_weights(analysis, chance),
        comparability=None
        if ess is None
        else _judged(analysis, weights, (chance, passed), spec=spec, grace=treatment.grace),
    )


def _judged(
    analysis: WeightedAnalysis,
    weights: Floats,
    chances: Chances,
    *,
    spec: PropensitySpec,
    grace: float | None,
) -> Comparability:
    model, emulation = analysis.outcome.spec, analysis.emulation
    return judge(emulation, weights, spec=spec, model=model, grace=grace, chances=chances)


def _passing(analysis: WeightedAnalysis) -> Floats | None:
    if analysis.passing is None:
        return None
    return propensity(propensity_mode(analysis.initiation, at=analysis.passing))


def patient_weights(analysis: WeightedAnalysis, chance: Floats) -> dict[EstimandTarget, Floats]:
    """Return what each patient of the person-time weighs in the populations of propensities.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Person-time and decisions.
    chance : ndarray, shape (decisions,)
        Probability of treatment.

    Returns
    -------
    dict of EstimandTarget to ndarray, shape (patients,)
        The sum of h(e) over the patient's decisions, for ``ato``, ``atm`` and ``entropy``.
    """
    decisions, rows = analysis.emulation.decisions, analysis.emulation.person_time
    place = positions(rows.patients, decisions.patients)
    count = len(decisions.patients)
    return {
        target: np.bincount(decisions.patient_index, tilt(target, chance), minlength=count)[place]
        for target in TILTED
    }


def _decided(decisions: Decisions, chance: Floats) -> Compared:
    """All decisions, weighted to everybody."""
    weight = balancing_weight(EstimandTarget.ATE, chance, decisions.initiated)
    return Compared(decisions.columns, decisions.initiated, weight)


def _thirds(compared: Compared, analysis: WeightedAnalysis) -> dict[str, Mask]:
    """Thirds of the modifier; empty without one."""
    modifier = analysis.outcome.spec.modifier
    if modifier is None or modifier.column not in compared.columns:
        return {}
    return intervals_of(modifier.name, compared.columns[modifier.column])


def _trials(compared: Compared) -> dict[str, Mask]:
    """Trials in which somebody starts and somebody waits; empty for other designs."""
    if "trial" not in compared.columns:
        return {}
    each = levels_of("trial", compared.columns["trial"])
    return {name: own for name, own in each.items() if len(set(compared.arm[own].tolist())) > 1}


def _balance(
    compared: Compared, analysis: WeightedAnalysis, spec: PropensitySpec, subsets: dict[str, Mask]
) -> xr.Dataset | None:
    """Balance of what either model reads, over everybody and within subsets."""
    columns = balance_covariates(
        compared, analysis.emulation, formula=spec.formula, model=analysis.outcome.spec
    )
    if not columns:
        return None
    return balance_data(
        columns,
        compared.arm,
        compared.weight,
        patient=compared.columns["patient"],
        subsets=subsets,
    )


def _sums(
    analysis: WeightedAnalysis, cohort: Cohort, treatment: TreatmentSpec, weights: Floats
) -> xr.Dataset:
    """Sums of the clones' weights beside the patients whom they stand for."""
    rows, known = analysis.emulation.person_time, follow_up(cohort.columns)
    start, stop = (rows.columns[name].astype(np.float64) for name in ("start", "stop"))

    def strategy(arm: float) -> FollowedRows:
        own = analysis.arm == arm
        return FollowedRows(start[own], stop[own], weights[own])

    used = positions(rows.patients, known.patients)
    natural = FollowedRows(known.entry[used], known.end[used], np.ones(len(used)))
    strategies = {f"within {treatment.grace:g} months": strategy(1.0), "never": strategy(0.0)}
    return weight_sum_data(strategies, natural, times=np.linspace(0.0, stop.max(), _TIMES))
