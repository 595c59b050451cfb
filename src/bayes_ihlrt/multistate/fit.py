"""Fit every transition between a patient's states, each by the survival model of its own rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.cohort.starts import follow_up
from bayes_ihlrt.designs.person_time import Columns, PersonTime
from bayes_ihlrt.errors import ConvergenceError, Fault, SpecificationError
from bayes_ihlrt.files.messages import counted, patients
from bayes_ihlrt.hazards.piecewise import Piecewise
from bayes_ihlrt.multistate.rows import Transitions, transitions
from bayes_ihlrt.posterior.fitted import FittedModel, fit_model, fit_shared
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.states import StatesSpec, Transition
from bayes_ihlrt.spec.treatment import TreatmentSpec

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class HazardRatios:
    """Hazards relative to the baseline, exp(x'b + u_group).

    Parameters
    ----------
    coefficients : ndarray, shape (samples, covariates)
        Log hazard ratios b.
    design : ndarray, shape (patients, covariates)
        Covariates x.
    groups : tuple of (ndarray, ndarray, ndarray)
        Effects (samples, levels), each patient's level, and what the effect is multiplied by.
    """

    coefficients: Floats
    design: Floats
    groups: tuple[tuple[Floats, NDArray[np.int64], Floats], ...]

    def of(self, part: NDArray[np.intp]) -> Floats:
        """Return the hazard ratios of some patients, shape (samples, patients)."""
        eta = self.coefficients @ self.design[part].T
        for effects, level, factor in self.groups:
            eta += effects[:, level[part]] * factor[part]
        return np.asarray(np.exp(eta), dtype=np.float64)


@dataclass(frozen=True)
class TransitionFit:
    """Posteriors of all transitions, which together are that of the multistate model.

    The likelihood of a history is the product of those of its transitions, and their parameters
    have independent priors: the posterior is a product too. Draw s of the whole is draw s of every
    part, whichever way they are paired.

    Parameters
    ----------
    spec : StatesSpec
        States and hazards.
    data : Transitions
        The rows that were fitted, and the states at time zero.
    fits : mapping of Transition to FittedModel
        The posterior of each transition, with equally many chains and draws.
    """

    spec: StatesSpec
    data: Transitions
    fits: Mapping[Transition, FittedModel]

    def __post_init__(self) -> None:
        """Check that the parts can be paired."""
        sizes = {kind: (self._chains(kind), self._draws(kind)) for kind in self.fits}
        if set(sizes) != set(self.spec.transitions) or len(set(sizes.values())) != 1:
            found = ", ".join(f"{kind.value} {size}" for kind, size in sizes.items())
            message = f"every transition has equally many chains and draws; found {found}"
            raise ValueError(message)

    @property
    def chains(self) -> int:
        """Number of chains."""
        return self._chains(Transition.EVENT)

    @property
    def draws(self) -> int:
        """Draws in each chain."""
        return self._draws(Transition.EVENT)

    def cuts(self, transition: Transition) -> tuple[float, ...]:
        """Return the months at which a hazard may change, given or placed by its events."""
        hazard = self.fits[transition].prepared.hazard
        if not isinstance(hazard, Piecewise):
            message = "the hazards between states are piecewise constant"
            raise TypeError(message)
        return hazard.cuts

    def log_hazard(self, transition: Transition) -> Floats:
        """Return the log baseline hazard by interval, shape (samples, intervals)."""
        return self.fits[transition].baseline["log_hazard"]

    def hazard_ratios(self, transition: Transition, columns: Columns) -> HazardRatios:
        """Return the hazard of some patients relative to the baseline.

        Parameters
        ----------
        transition : Transition
            Which hazard.
        columns : mapping of str to ndarray, shape (patients,)
            Covariates, and the 0/1 columns of the state.

        Returns
        -------
        HazardRatios
            Evaluated for some patients at a time.
        """
        fit = self.fits[transition]
        encoder = fit.prepared.encoder
        groups = []
        for term in encoder.spec.outcome.groups:
            level = encoder.group_index(columns, term.group)
            groups.append((fit.draws(f"{term.group}_effect"), level, np.ones(len(level))))
            if term.slope is not None:
                slope = fit.draws(f"{term.group}_effect:{term.slope}")
                groups.append((slope, level, encoder.slope_values(columns, term.slope)))
        return HazardRatios(fit.coefficients, encoder.design(columns), tuple(groups))

    def _chains(self, transition: Transition) -> int:
        return self.fits[transition].posterior.sizes["chain"]

    def _draws(self, transition: Transition) -> int:
        return self.fits[transition].posterior.sizes["draw"]


def fit_transitions(
    cohort: Cohort,
    treatment: TreatmentSpec,
    *,
    spec: StatesSpec,
    settings: SamplerSpec | None = None,
    allow_nonconverged: bool = False,
    progress: bool = False,
) -> TransitionFit:
    """Fit the hazard of every transition between the states of a cohort.

    Covariates hold their value at time zero, those measured at visits as well: only treatment,
    response and progression change, since only their course under a strategy is modelled.

    Parameters
    ----------
    cohort : Cohort
        Validated cohort, months, with the times of its switches.
    treatment : TreatmentSpec
        The treatment, with design ``split``.
    spec : StatesSpec
        States and hazards.
    settings : SamplerSpec, optional
        Draws, chains, engine, seed; each transition gets a seed of its own, derived from it.
    allow_nonconverged : bool
        Return draws that did not converge instead of raising.
    progress : bool
        Show a progress bar for each transition.

    Returns
    -------
    TransitionFit
        One posterior a transition.

    Raises
    ------
    SpecificationError
        When specification and cohort do not fit together; a covariate changes during follow-up.
    DataError
        When a transition never happens, or times contradict each other.
    ConvergenceError
        When draws are not to be trusted.

    References
    ----------
    Robins J. Math Model 1986;7:1393-1512, doi 10.1016/0270-0255(86)90088-6 (g-formula).
    """
    fit = partial(fit_model, allow_nonconverged=allow_nonconverged, progress=progress)
    return _fitted(fit, cohort, treatment, spec, settings or SamplerSpec())


def fit_shared_transitions(
    cohort: Cohort, treatment: TreatmentSpec, *, spec: StatesSpec, settings: SamplerSpec
) -> TransitionFit:
    """Fit the hazard of every transition as the rungs of a ladder are fitted, by `fit_shared`.

    Cohorts of about the same size share compiled functions, and log-likelihoods by patient, which
    no strategy asks for, are left out.

    Parameters
    ----------
    cohort : Cohort
        Validated cohort, months, with the times of its switches.
    treatment : TreatmentSpec
        The treatment, with design ``split``.
    spec : StatesSpec
        States and hazards.
    settings : SamplerSpec
        Draws, chains, seed; each transition gets a seed of its own, derived from it.

    Returns
    -------
    TransitionFit
        One posterior a transition.

    Raises
    ------
    SpecificationError
        When specification and cohort do not fit together; a covariate changes during follow-up.
    DataError
        When a transition never happens, or times contradict each other.
    ConvergenceError
        When draws are not to be trusted.
    """
    return _fitted(fit_shared, cohort, treatment, spec, settings)


def _fitted(
    fit: Callable[[ModelSpec, PersonTime, SamplerSpec], FittedModel],
    cohort: Cohort,
    treatment: TreatmentSpec,
    spec: StatesSpec,
    settings: SamplerSpec,
) -> TransitionFit:
    data = transitions(
        cohort,
        treatment,
        response=spec.response.switch if spec.response is not None else None,
        progression=spec.progression.switch if spec.progression is not None else None,
    )
    _check_fixed(cohort, spec, data)
    fits, failed = {}, {}
    for number, kind in enumerate(spec.transitions):
        # One seed would give two posteriors of one dimension the same random numbers.
        own = settings.numbered(number)
        model = spec.model_of(kind, treatment=treatment.name)
        try:
            fits[kind] = fit(model, data.rows[kind], own)
        except ConvergenceError as error:
            failed[kind] = error
    if failed:
        found = [f"hazard of '{kind.value}': {error.problem}" for kind, error in failed.items()]
        first = next(iter(failed.values()))
        raise ConvergenceError("; ".join(found), first.remedy) from first
    return TransitionFit(spec, data, MappingProxyType(fits))


def _check_fixed(cohort: Cohort, spec: StatesSpec, data: Transitions) -> None:
    """Refuse covariates that change: their own course under a strategy is not modelled."""
    modifier = spec.modifier
    who = follow_up(cohort.columns).row_patient
    _, first = np.unique(who, return_index=True)
    measured = () if cohort.visits is None else cohort.visits.measured
    faults = []
    for kind in spec.transitions:
        model = spec.model_of(kind, treatment=data.treatment)
        names = [*model.outcome.parsed.columns, *(term.group for term in model.outcome.groups)]
        if modifier is not None:
            names = [modifier.column if name == modifier.name else name for name in names]
        for name in dict.fromkeys(names):
            where = f"hazard of '{kind.value}', column '{name}'"
            if name in measured and name not in data.baseline:
                problem = "it is measured at visits, and its course is not among the states"
                remedy = "Add a column of this name to the data file with the value at time zero"
                faults.append(Fault(where, problem, remedy))
            elif name in data.baseline and name not in data.flags:
                values = cohort.columns[name]
                changed = np.unique(who[values != values[first][who]])
                if len(changed):
                    named = patients(cohort.columns["patient"][first], changed)
                    many = counted(len(changed), "patient", "patients")
                    problem = f"it changes during follow-up in {many} ({named})"
                    remedy = "Repeat its value at time zero in every row of the patient"
                    faults.append(Fault(where, problem, remedy))
    if faults:
        raise SpecificationError("states", faults)
