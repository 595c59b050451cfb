"""A weighted outcome analysis: person-time, its decisions, and the two models that share patients.

The weights of a draw are w_r = c_a s_i v_r(e): s_i belongs to the patient, v_r to the row and the
propensities e. In each arm a, c_a makes the weights at entry into follow-up add up to the arm's
effective number of patients (sum v_i)^2 / sum v_i^2, with v_i a patient's average over follow-up:
the weighted likelihood is worth as many patients as it is, and the prior keeps its influence.
Scaling an arm does not change the population that it stands for.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.designs.decisions import Decisions, Emulation
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.names import Adjustment, DesignKind, EstimandTarget
from bayes_ihlrt.propensity.clock import at_one_moment, passing_model
from bayes_ihlrt.propensity.graph import logit_propensity
from bayes_ihlrt.propensity.model import PreparedPropensity, prepare_propensity
from bayes_ihlrt.propensity.overlap import effective_patients, entry_rows
from bayes_ihlrt.propensity.point import propensity
from bayes_ihlrt.propensity.weights import row_weights
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.weighted.scores import ScoreColumns

Floats = NDArray[np.float64]
type Parameters = dict[str, Floats]


@dataclass(frozen=True)
class WeightedAnalysis:
    """An outcome model on weighted person-time, and the models of its weights.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    outcome : PreparedModel
        Outcome model, bound to the person-time.
    initiation : PreparedPropensity
        Model of initiation at the decisions.
    grace : PreparedPropensity or None
        Model of treatment within the grace period, for clones.
    target : EstimandTarget
        Population of the weights.
    adjust : Adjustment
        Unless it is ``weights``, v_r = 1.
    scores : ScoreColumns or None
        Columns of the outcome's design that change with the propensities.
    """

    emulation: Emulation
    outcome: PreparedModel
    initiation: PreparedPropensity
    grace: PreparedPropensity | None
    target: EstimandTarget
    adjust: Adjustment = Adjustment.WEIGHTS
    scores: ScoreColumns | None = None

    @property
    def patients(self) -> NDArray[np.object_]:
        """All patients of the cohort."""
        return self.emulation.decisions.patients

    @cached_property
    def of_outcome(self) -> NDArray[np.intp]:
        """Position among all patients of those in the outcome model."""
        return positions(self.emulation.person_time.patients, self.patients)

    @cached_property
    def entries(self) -> NDArray[np.bool_]:
        """Rows at which somebody enters follow-up: once a patient, trial, clone and arm."""
        return entry_rows(self.emulation.person_time, self.arm)

    def weights(
        self, parameters: Parameters, grace: Parameters | None, patient_weight: Floats
    ) -> Floats:
        """Return the weights of the rows of person-time, patients' own not multiplied in.

        Parameters
        ----------
        parameters : dict of str to ndarray, shape (draws, ...)
            Of the model of initiation.
        grace : dict of str to ndarray, shape (draws, ...), or None
            Of the model of treatment within the grace period.
        patient_weight : ndarray, shape (draws, patients)
            Weights of all patients.

        Returns
        -------
        ndarray, shape (draws, rows)
            In each arm, the sum over entries is the arm's effective number of patients.
        """
        raw = self._unscaled(parameters, grace, patient_weight)
        scaled = np.empty_like(raw)
        for arm, size in enumerate(self.effective_patients(raw)):
            rows = self.arm == arm
            total = raw[:, rows & self.entries].sum(axis=1)
            scaled[:, rows] = raw[:, rows] * (size / total)[:, None]
        return scaled

    def _unscaled(
        self, parameters: Parameters, grace: Parameters | None, patient_weight: Floats
    ) -> Floats:
        if self.adjust is not Adjustment.WEIGHTS:
            return np.ones((len(patient_weight), self.emulation.person_time.n_rows))
        earned = passed = None
        if self.passing is not None:
            passed = propensity(logit_propensity(self.passing, parameters))
        if self.grace is not None and grace is not None:
            earned = propensity(logit_propensity(self.grace, grace))
        return row_weights(
            self.emulation,
            propensity(logit_propensity(self.initiation, parameters)),
            target=self.target,
            grace=earned,
            passing=passed,
            patient_weight=patient_weight,
            stabilise=self._design is not DesignKind.CLONE_CENSOR_WEIGHT,
        )

    @cached_property
    def passing(self) -> PreparedPropensity | None:
        """The model of initiation at the intervals that controls pass, where there are such."""
        return passing_model(self.initiation, self.emulation)

    @property
    def _design(self) -> DesignKind:
        return self.emulation.person_time.provenance.design

    @cached_property
    def arm(self) -> Floats:
        """Whether each row is treated, 0/1."""
        rows = self.emulation.person_time.columns
        return rows[self.emulation.treatment].astype(np.float64)

    def effective_patients(self, weights: Floats) -> tuple[Floats, Floats]:
        """Return the effective number of untreated and of treated patients.

        (sum v_i)^2 / sum v_i^2 over patients, v_i being the average weight of the patient's
        months in the arm, over all trials.

        Parameters
        ----------
        weights : ndarray, shape (draws, rows)
            Row weights.

        Returns
        -------
        tuple of ndarray, each of shape (draws,)
            Effective numbers in the untreated and in the treated arm.
        """
        return effective_patients(self.emulation.person_time, self.arm, weights)


def prepare_weighted(
    emulation: Emulation, outcome: ModelSpec, propensity_spec: PropensitySpec
) -> WeightedAnalysis:
    """Bind an outcome model and a propensity model to the person-time of a design.

    Clones follow their strategies in the whole cohort: their target is ``ate`` whatever the
    specification says.

    Parameters
    ----------
    emulation : Emulation
        Person-time and decisions.
    outcome : ModelSpec
        The outcome model, with the modifier.
    propensity_spec : PropensitySpec
        The model of initiation and the target.

    Returns
    -------
    WeightedAnalysis
        For `linked_bootstrap` and its relatives.

    Raises
    ------
    SpecificationError
        When a formula and the data do not fit together.
    """
    clones = emulation.person_time.provenance.design is DesignKind.CLONE_CENSOR_WEIGHT

    def bind(spec: PropensitySpec, table: Decisions) -> PreparedPropensity:
        return prepare_propensity(spec, table.columns, outcome.modifier)

    grace = None
    if emulation.grace is not None:
        # Read at time zero, where the time of the decision is one for everybody.
        own = at_one_moment(propensity_spec, emulation.grace.columns)
        grace = bind(own, emulation.grace)

    return WeightedAnalysis(
        emulation=emulation,
        outcome=prepare(outcome, emulation.person_time, reduce=False),
        initiation=bind(propensity_spec, emulation.decisions),
        grace=grace,
        target=EstimandTarget.ATE if clones else propensity_spec.estimand,
    )


def positions(some: NDArray[np.object_], everybody: NDArray[np.object_]) -> NDArray[np.intp]:
    """Return where some patients stand among all, shape of `some`."""
    where = {name: number for number, name in enumerate(everybody.tolist())}
    return np.asarray([where[name] for name in some.tolist()], dtype=np.intp)
