"""Describe the propensities of an analysis: who is compared with whom, and how alike they are."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.analysis.propensity_result import PropensityResult
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.data.starts import SAME_TIME, follow_up
from bayes_ihlrt.designs.decisions import Decisions
from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.estimands.patients import overlap_weights
from bayes_ihlrt.inference.shared_modes import propensity_mode
from bayes_ihlrt.inference.weighting import WeightedAnalysis, positions
from bayes_ihlrt.model.formula import parse_formula
from bayes_ihlrt.names import Adjustment, DesignKind, EstimandTarget
from bayes_ihlrt.propensity.balance import balance_data
from bayes_ihlrt.propensity.graph import propensity
from bayes_ihlrt.propensity.overlap import overlap_data
from bayes_ihlrt.propensity.spec import PropensitySpec
from bayes_ihlrt.propensity.subsets import Mask, covariate_columns, intervals_of, levels_of
from bayes_ihlrt.propensity.targets import balancing_weight
from bayes_ihlrt.propensity.weight_sums import FollowedRows, weight_sum_data
from bayes_ihlrt.propensity.weights import row_weights

Floats = NDArray[np.float64]
_TIMES: Final = 121


@dataclass(frozen=True)
class _Compared:
    """Rows whose arms are compared: covariates, arm, weight and patient of each."""

    columns: Columns
    arm: Floats
    weight: Floats


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
    given = {"grace": earned, "passing": _passing(analysis)}
    weights = row_weights(emulation, chance, target=analysis.target, **given, stabilise=not clones)
    compared = (
        _at_end_of_grace(analysis, weights, treatment) if clones else _at_entry(analysis, weights)
    )
    trials = _trials(compared)
    decided = _decided(emulation.decisions, chance) if clones else compared
    decision = emulation.person_time.columns["decision"].astype(np.intp)[analysis.entries]
    return PropensityResult(
        spec=spec,
        target=analysis.target,
        patients=(int(story.treated["patients"]), int(story.untreated["patients"])),
        ess=ess,
        trimmed=tuple(story.trimmed),
        separated=analysis.initiation.separated,
        balance=_balance(compared, analysis, spec, _thirds(compared, analysis)),
        by_trial=_balance(compared, analysis, spec, trials) if trials else None,
        overlap=overlap_data(chance if clones else chance[decision], decided.arm, decided.weight),
        weight_sums=_sums(analysis, cohort, treatment, weights) if clones else None,
        row_weights=weights if analysis.adjust is Adjustment.WEIGHTS and ess is not None else None,
        patient_overlap=_patient_overlap(analysis, chance),
    )


def _passing(analysis: WeightedAnalysis) -> Floats | None:
    if analysis.passing is None:
        return None
    return propensity(propensity_mode(analysis.initiation, at=analysis.passing))


def _patient_overlap(analysis: WeightedAnalysis, chance: Floats) -> Floats:
    """How open the decisions of each patient of the person-time were, summed."""
    decisions, rows = analysis.emulation.decisions, analysis.emulation.person_time
    total = np.bincount(
        decisions.patient_index, overlap_weights(chance), minlength=len(decisions.patients)
    )
    return np.asarray(total[positions(rows.patients, decisions.patients)])


def _at_entry(analysis: WeightedAnalysis, weights: Floats) -> _Compared:
    """Each follow-up once, with what was known at its decision."""
    rows = np.flatnonzero(analysis.entries)
    decision = analysis.emulation.person_time.columns["decision"].astype(np.intp)[rows]
    columns = {name: v[decision] for name, v in analysis.emulation.decisions.columns.items()}
    trial = analysis.emulation.person_time.columns.get("trial")
    if trial is not None:
        columns["trial"] = trial[rows]
    return _Compared(columns, analysis.arm[rows], weights[rows])


def _at_end_of_grace(
    analysis: WeightedAnalysis, weights: Floats, treatment: TreatmentSpec
) -> _Compared:
    """Clones followed at the end of the grace period, with what was known at time zero."""
    rows = analysis.emulation.person_time.columns
    month = float(treatment.grace or 0.0)
    start, stop = rows["start"].astype(np.float64), rows["stop"].astype(np.float64)
    kept = np.flatnonzero((start <= month + SAME_TIME) & (stop > month + SAME_TIME))
    columns = {name: values[kept] for name, values in rows.items()}
    return _Compared(columns, analysis.arm[kept], weights[kept])


def _decided(decisions: Decisions, chance: Floats) -> _Compared:
    """All decisions, weighted to everybody."""
    weight = balancing_weight(EstimandTarget.ATE, chance, decisions.initiated)
    return _Compared(decisions.columns, decisions.initiated, weight)


def _thirds(compared: _Compared, analysis: WeightedAnalysis) -> dict[str, Mask]:
    """Thirds of the modifier; empty without one."""
    modifier = analysis.outcome.spec.modifier
    if modifier is None or modifier.column not in compared.columns:
        return {}
    return intervals_of(modifier.name, compared.columns[modifier.column])


def _trials(compared: _Compared) -> dict[str, Mask]:
    """Trials in which somebody starts and somebody waits; empty for other designs."""
    if "trial" not in compared.columns:
        return {}
    each = levels_of("trial", compared.columns["trial"])
    return {name: own for name, own in each.items() if len(set(compared.arm[own].tolist())) > 1}


def _balance(
    compared: _Compared, analysis: WeightedAnalysis, spec: PropensitySpec, subsets: dict[str, Mask]
) -> xr.Dataset | None:
    """Balance of what either model reads, over everybody and within subsets."""
    outcome = analysis.outcome.spec
    modifier = outcome.modifier
    read = [*parse_formula(spec.formula).columns] if spec.formula else []
    read += outcome.outcome.parsed.columns
    if modifier is not None:
        read = [modifier.column if name == modifier.name else name for name in read]
    own = {analysis.emulation.treatment}
    names = [name for name in dict.fromkeys(read) if name in compared.columns and name not in own]
    if not names:
        return None
    return balance_data(
        covariate_columns(compared.columns, names),
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
