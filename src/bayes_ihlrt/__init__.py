"""Bayesian survival models for a treatment that starts during follow-up.

Does the treatment prolong survival, and does its effect depend on a biomarker? See the README for a
first analysis. Names load their module on first use: importing the package costs neither PyMC nor
pandas.
"""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt import clinical as clinical
    from bayes_ihlrt import hazards as hazards
    from bayes_ihlrt import plots as plots
    from bayes_ihlrt.analysis.checking import check_analysis as check_analysis
    from bayes_ihlrt.analysis.counterparts import published_counterparts as published_counterparts
    from bayes_ihlrt.analysis.diagnosing import Diagnosis as Diagnosis
    from bayes_ihlrt.analysis.diagnosing import diagnose as diagnose
    from bayes_ihlrt.analysis.estimand_spec import EstimandSpec as EstimandSpec
    from bayes_ihlrt.analysis.figures import figure_data as figure_data
    from bayes_ihlrt.analysis.fitting import run_fit as run_fit
    from bayes_ihlrt.analysis.ladder import LadderResult as LadderResult
    from bayes_ihlrt.analysis.ladder import bias_ladder as bias_ladder
    from bayes_ihlrt.analysis.ladder_figure import ladder_data as ladder_data
    from bayes_ihlrt.analysis.outcome_table import adverse_event_table as adverse_event_table
    from bayes_ihlrt.analysis.outcome_table import response_table as response_table
    from bayes_ihlrt.analysis.plan_reading import load_plan as load_plan
    from bayes_ihlrt.analysis.reading import load_spec as load_spec
    from bayes_ihlrt.analysis.reading import parse_spec as parse_spec
    from bayes_ihlrt.analysis.result import FitResult as FitResult
    from bayes_ihlrt.analysis.spec import AnalysisSpec as AnalysisSpec
    from bayes_ihlrt.analysis.spec import json_schema as json_schema
    from bayes_ihlrt.analysis.table_one import table_one as table_one
    from bayes_ihlrt.data import datasets as datasets
    from bayes_ihlrt.data.cohort import Cohort as Cohort
    from bayes_ihlrt.data.cohort import load_cohort as load_cohort
    from bayes_ihlrt.data.schema import DataSpec as DataSpec
    from bayes_ihlrt.data.schema import TreatmentSpec as TreatmentSpec
    from bayes_ihlrt.data.simulate import SimulatedCohort as SimulatedCohort
    from bayes_ihlrt.data.simulate import simulate_cohort as simulate_cohort
    from bayes_ihlrt.data.visits_spec import VisitsSpec as VisitsSpec
    from bayes_ihlrt.designs import PersonTime as PersonTime
    from bayes_ihlrt.designs import emulate as emulate
    from bayes_ihlrt.designs import person_time as person_time
    from bayes_ihlrt.errors import BayesIhlrtError as BayesIhlrtError
    from bayes_ihlrt.errors import ConvergenceError as ConvergenceError
    from bayes_ihlrt.errors import DataError as DataError
    from bayes_ihlrt.errors import Fault as Fault
    from bayes_ihlrt.errors import InputError as InputError
    from bayes_ihlrt.errors import MissingExtraError as MissingExtraError
    from bayes_ihlrt.errors import RefusedError as RefusedError
    from bayes_ihlrt.errors import SpecificationError as SpecificationError
    from bayes_ihlrt.estimands.additive import additive_interaction as additive_interaction
    from bayes_ihlrt.estimands.conditional import conditional_survival as conditional_survival
    from bayes_ihlrt.estimands.conditional import residual_life as residual_life
    from bayes_ihlrt.estimands.contrasts import contrast as contrast
    from bayes_ihlrt.estimands.contrasts import number_needed_to_treat as number_needed_to_treat
    from bayes_ihlrt.estimands.crossing_values import crossings as crossings
    from bayes_ihlrt.estimands.curves import NEVER as NEVER
    from bayes_ihlrt.estimands.curves import median_survival as median_survival
    from bayes_ihlrt.estimands.curves import rmst as rmst
    from bayes_ihlrt.estimands.curves import survival as survival
    from bayes_ihlrt.estimands.curves import survival_quantile as survival_quantile
    from bayes_ihlrt.estimands.curves import treated_from as treated_from
    from bayes_ihlrt.estimands.external import external_population as external_population
    from bayes_ihlrt.estimands.interaction import log_hazard_ratio as log_hazard_ratio
    from bayes_ihlrt.estimands.measures import cumulative_hazard as cumulative_hazard
    from bayes_ihlrt.estimands.measures import event_probability as event_probability
    from bayes_ihlrt.estimands.measures import hazard as hazard
    from bayes_ihlrt.estimands.measures import (
        interval_event_probability as interval_event_probability,
    )
    from bayes_ihlrt.estimands.measures import time_lost as time_lost
    from bayes_ihlrt.estimands.mitigation import interaction_contrasts as interaction_contrasts
    from bayes_ihlrt.estimands.patients import bootstrap_weights as bootstrap_weights
    from bayes_ihlrt.estimands.patients import overlap_weights as overlap_weights
    from bayes_ihlrt.estimands.patients import subgroup_weights as subgroup_weights
    from bayes_ihlrt.estimands.patients import treated_weights as treated_weights
    from bayes_ihlrt.estimands.population import sample_population as sample_population
    from bayes_ihlrt.estimands.product_limit import kaplan_meier as kaplan_meier
    from bayes_ihlrt.estimands.proportions import compare_proportions as compare_proportions
    from bayes_ihlrt.estimands.subgroups import (
        subgroup_log_hazard_ratio as subgroup_log_hazard_ratio,
    )
    from bayes_ihlrt.estimands.summary import probability as probability
    from bayes_ihlrt.estimands.summary import summarise as summarise
    from bayes_ihlrt.inference.batch import BatchEngine as BatchEngine
    from bayes_ihlrt.inference.batch_result import BatchModes as BatchModes
    from bayes_ihlrt.inference.batch_result import BatchPosterior as BatchPosterior
    from bayes_ihlrt.inference.batch_summary import summarise_batch as summarise_batch
    from bayes_ihlrt.inference.fitted import FittedModel as FittedModel
    from bayes_ihlrt.inference.fitted import fit_model as fit_model
    from bayes_ihlrt.inference.jax_density import prepared_density as prepared_density
    from bayes_ihlrt.inference.nuts_audit import Audit as Audit
    from bayes_ihlrt.inference.nuts_audit import audit as audit
    from bayes_ihlrt.inference.sampling import sample as sample
    from bayes_ihlrt.inference.settings import SamplerSpec as SamplerSpec
    from bayes_ihlrt.inference.store import load as load
    from bayes_ihlrt.inference.store import save as save
    from bayes_ihlrt.model.build import build_model as build_model
    from bayes_ihlrt.model.build import prepare as prepare
    from bayes_ihlrt.model.spec import ModelSpec as ModelSpec
    from bayes_ihlrt.priors import HazardRatioPrior as HazardRatioPrior
    from bayes_ihlrt.priors import MedianSurvivalPrior as MedianSurvivalPrior
    from bayes_ihlrt.priors import Prior as Prior
    from bayes_ihlrt.trials.calibration import calibrate_threshold as calibrate_threshold
    from bayes_ihlrt.trials.calibration import sample_size as sample_size
    from bayes_ihlrt.trials.calibration import simulate_design as simulate_design
    from bayes_ihlrt.trials.design import TrialDesign as TrialDesign
    from bayes_ihlrt.trials.plan import run_plan as run_plan
    from bayes_ihlrt.trials.plan_spec import TrialPlan as TrialPlan
    from bayes_ihlrt.trials.scenario import ScenarioSpec as ScenarioSpec

    __version__: str
else:
    _NAMES = {
        "published_counterparts": "bayes_ihlrt.analysis.counterparts",
        "adverse_event_table": "bayes_ihlrt.analysis.outcome_table",
        "response_table": "bayes_ihlrt.analysis.outcome_table",
        "table_one": "bayes_ihlrt.analysis.table_one",
        "additive_interaction": "bayes_ihlrt.estimands.additive",
        "conditional_survival": "bayes_ihlrt.estimands.conditional",
        "residual_life": "bayes_ihlrt.estimands.conditional",
        "contrast": "bayes_ihlrt.estimands.contrasts",
        "number_needed_to_treat": "bayes_ihlrt.estimands.contrasts",
        "crossings": "bayes_ihlrt.estimands.crossing_values",
        "survival_quantile": "bayes_ihlrt.estimands.curves",
        "external_population": "bayes_ihlrt.estimands.external",
        "cumulative_hazard": "bayes_ihlrt.estimands.measures",
        "event_probability": "bayes_ihlrt.estimands.measures",
        "hazard": "bayes_ihlrt.estimands.measures",
        "interval_event_probability": "bayes_ihlrt.estimands.measures",
        "time_lost": "bayes_ihlrt.estimands.measures",
        "interaction_contrasts": "bayes_ihlrt.estimands.mitigation",
        "bootstrap_weights": "bayes_ihlrt.estimands.patients",
        "overlap_weights": "bayes_ihlrt.estimands.patients",
        "subgroup_weights": "bayes_ihlrt.estimands.patients",
        "treated_weights": "bayes_ihlrt.estimands.patients",
        "sample_population": "bayes_ihlrt.estimands.population",
        "compare_proportions": "bayes_ihlrt.estimands.proportions",
        "subgroup_log_hazard_ratio": "bayes_ihlrt.estimands.subgroups",
        "check_analysis": "bayes_ihlrt.analysis.checking",
        "Diagnosis": "bayes_ihlrt.analysis.diagnosing",
        "diagnose": "bayes_ihlrt.analysis.diagnosing",
        "figure_data": "bayes_ihlrt.analysis.figures",
        "run_fit": "bayes_ihlrt.analysis.fitting",
        "LadderResult": "bayes_ihlrt.analysis.ladder",
        "bias_ladder": "bayes_ihlrt.analysis.ladder",
        "ladder_data": "bayes_ihlrt.analysis.ladder_figure",
        "load_spec": "bayes_ihlrt.analysis.reading",
        "parse_spec": "bayes_ihlrt.analysis.reading",
        "FitResult": "bayes_ihlrt.analysis.result",
        "AnalysisSpec": "bayes_ihlrt.analysis.spec",
        "EstimandSpec": "bayes_ihlrt.analysis.estimand_spec",
        "json_schema": "bayes_ihlrt.analysis.spec",
        "Cohort": "bayes_ihlrt.data.cohort",
        "load_cohort": "bayes_ihlrt.data.cohort",
        "DataSpec": "bayes_ihlrt.data.schema",
        "TreatmentSpec": "bayes_ihlrt.data.schema",
        "SimulatedCohort": "bayes_ihlrt.data.simulate",
        "simulate_cohort": "bayes_ihlrt.data.simulate",
        "VisitsSpec": "bayes_ihlrt.data.visits_spec",
        "PersonTime": "bayes_ihlrt.designs",
        "emulate": "bayes_ihlrt.designs",
        "person_time": "bayes_ihlrt.designs",
        "BayesIhlrtError": "bayes_ihlrt.errors",
        "ConvergenceError": "bayes_ihlrt.errors",
        "DataError": "bayes_ihlrt.errors",
        "Fault": "bayes_ihlrt.errors",
        "InputError": "bayes_ihlrt.errors",
        "MissingExtraError": "bayes_ihlrt.errors",
        "RefusedError": "bayes_ihlrt.errors",
        "SpecificationError": "bayes_ihlrt.errors",
        "NEVER": "bayes_ihlrt.estimands.curves",
        "median_survival": "bayes_ihlrt.estimands.curves",
        "rmst": "bayes_ihlrt.estimands.curves",
        "survival": "bayes_ihlrt.estimands.curves",
        "treated_from": "bayes_ihlrt.estimands.curves",
        "log_hazard_ratio": "bayes_ihlrt.estimands.interaction",
        "kaplan_meier": "bayes_ihlrt.estimands.product_limit",
        "probability": "bayes_ihlrt.estimands.summary",
        "summarise": "bayes_ihlrt.estimands.summary",
        "Audit": "bayes_ihlrt.inference.nuts_audit",
        "audit": "bayes_ihlrt.inference.nuts_audit",
        "BatchEngine": "bayes_ihlrt.inference.batch",
        "BatchModes": "bayes_ihlrt.inference.batch_result",
        "BatchPosterior": "bayes_ihlrt.inference.batch_result",
        "summarise_batch": "bayes_ihlrt.inference.batch_summary",
        "FittedModel": "bayes_ihlrt.inference.fitted",
        "fit_model": "bayes_ihlrt.inference.fitted",
        "prepared_density": "bayes_ihlrt.inference.jax_density",
        "sample": "bayes_ihlrt.inference.sampling",
        "SamplerSpec": "bayes_ihlrt.inference.settings",
        "load": "bayes_ihlrt.inference.store",
        "save": "bayes_ihlrt.inference.store",
        "build_model": "bayes_ihlrt.model.build",
        "prepare": "bayes_ihlrt.model.build",
        "ModelSpec": "bayes_ihlrt.model.spec",
        "HazardRatioPrior": "bayes_ihlrt.priors",
        "MedianSurvivalPrior": "bayes_ihlrt.priors",
        "Prior": "bayes_ihlrt.priors",
        "TrialDesign": "bayes_ihlrt.trials.design",
        "TrialPlan": "bayes_ihlrt.trials.plan_spec",
        "ScenarioSpec": "bayes_ihlrt.trials.scenario",
        "calibrate_threshold": "bayes_ihlrt.trials.calibration",
        "sample_size": "bayes_ihlrt.trials.calibration",
        "simulate_design": "bayes_ihlrt.trials.calibration",
        "run_plan": "bayes_ihlrt.trials.plan",
        "load_plan": "bayes_ihlrt.analysis.plan_reading",
    }
    _MODULES = {
        "clinical": "bayes_ihlrt.clinical",
        "datasets": "bayes_ihlrt.data.datasets",
        "hazards": "bayes_ihlrt.hazards",
        "plots": "bayes_ihlrt.plots",
    }
    __all__ = list(_MODULES | _NAMES)
    _load, __dir__ = lazy_names(__name__, _NAMES, modules=_MODULES)

    def __getattr__(name: str) -> object:
        """Load a public name, or read the installed version."""
        if name == "__version__":
            from importlib.metadata import version

            return version("bayes-ihlrt")
        return _load(name)
