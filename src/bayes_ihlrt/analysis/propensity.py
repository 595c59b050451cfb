"""What a result says of its propensities, and of the months that clones gained by treatment.

Of propensities: who is compared with whom, balance, overlap, sums of weights, effective numbers. Of
clones: weighted survival of both strategies, reduced to summaries.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Final

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
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import follow_up
from bayes_ihlrt.designs.decisions import Decisions
from bayes_ihlrt.estimands.contrasts import contrast, finite_or_none, probability, summarise
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.multistate.states import UNTREATED, within
from bayes_ihlrt.names import STRATEGY, Adjustment, DesignKind, EstimandTarget
from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.propensity.balance import Mask, balance_data, intervals_of, levels_of
from bayes_ihlrt.propensity.comparability import TILTED, WHO, Comparability, tilt
from bayes_ihlrt.propensity.overlap import overlap_data
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.propensity.weight_sums import FollowedRows, weight_sum_data
from bayes_ihlrt.propensity.weights import balancing_weight, row_weights
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.verdicts import Decision, decide
from bayes_ihlrt.weighted.analysis import WeightedAnalysis, positions
from bayes_ihlrt.weighted.models import propensity_mode
from bayes_ihlrt.weighted.strategy_survival import strategy_survival

type Summary = dict[str, float]


@dataclass(frozen=True)
class CloneMonths:
    """Survival of clones by strategy over a window that begins at time zero.

    Parameters
    ----------
    treated, control : str
        The strategies, e.g. ``"within month 6"`` and ``"never"``.
    horizon : float
        Months of the window.
    gained : dict of str to float, or None
        ``mean, sd, median, q2.5, q97.5`` of the restricted mean under the one less that under the
        other; None where it is not known.
    survival, months : dict of str to dict
        Share alive at the end of the window, and restricted mean, by strategy.
    reason : str or None
        Why it is not known.
    """

    treated: str
    control: str
    horizon: float
    gained: Summary | None = None
    survival: dict[str, Summary] = field(default_factory=dict)
    months: dict[str, Summary] = field(default_factory=dict)
    reason: str | None = None

    @property
    def sentence(self) -> str:
        """What it says, for a reader."""
        if self.gained is None:
            return f"Survival by strategy is not reported: {self.reason}."
        low, high = self.gained["q2.5"], self.gained["q97.5"]
        numbers = (
            f"{self.gained['median']:+z.1f} months (95 % interval {low:+z.1f} to {high:+z.1f})"
        )
        known = f"in {self.horizon:g} months, by weighted survival of everybody's clones: {numbers}"
        decision = decide(1.0 - self.gained["prob_below_0"])
        if decision is Decision.OPEN:
            return (
                f"These data do not settle whether treatment {self.treated} gains or costs "
                f"event-free time against {self.control} {known}."
            )
        verb = "gains" if decision is Decision.YES else "COSTS"
        return f"Treatment {self.treated} probably {verb} time against {self.control} {known}."

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


def clone_months(
    analysis: WeightedAnalysis, grace: float, horizon: float, *, draws: int, seed: int
) -> CloneMonths:
    """Return the months gained by treatment within the grace period against never.

    Parameters
    ----------
    analysis : WeightedAnalysis
        Clones and the models of their weights.
    grace : float
        Months of grace.
    horizon : float
        Months of the window.
    draws : int
        Number of draws.
    seed : int
        The same seed gives the same draws.

    Returns
    -------
    CloneMonths
        With a reason where a strategy is not followed so long, or the propensity has no mode.
    """
    treated, never = within(grace).name, UNTREATED.name
    empty = CloneMonths(treated, never, horizon)
    found = attempted(
        "survival by strategy",
        lambda: strategy_survival(
            analysis, horizon, names=(never, treated), draws=draws, seed=seed
        ),
    )
    if isinstance(found, Failure):
        return _without(empty, str(found))
    parts = {
        name: {s: _summary(found[name].sel({STRATEGY: s})) for s in (treated, never)}
        for name in ("survival", "rmst")
    }
    months = found["rmst"]
    return CloneMonths(
        *(treated, never, horizon),
        gained=_summary(contrast(months, reference=never).sel({STRATEGY: treated}, drop=True)),
        survival=parts["survival"],
        months=parts["rmst"],
    )


def _without(empty: CloneMonths, reason: str) -> CloneMonths:
    return replace(empty, reason=reason.removesuffix("."))


def _summary(draws: xr.DataArray) -> Summary:
    found = {str(name): float(value) for name, value in summarise(draws).items()}
    return {**found, "prob_below_0": float(probability(draws < 0.0))}


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
    called = analysis.outcome.spec.labels.of(modifier.name)
    return intervals_of(called, compared.columns[modifier.column])


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
