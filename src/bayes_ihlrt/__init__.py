"""Bayesian survival models for a treatment that starts during follow-up.

Does the treatment prolong survival, and does its effect depend on a biomarker? See the README for a
first analysis. Names load their module on first use: importing the package costs neither PyMC nor
pandas.
"""

from bayes_ihlrt._lazy import lazy_names

# Not that of `typing`, which takes half of the time until a command looks after Ctrl+C.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from bayes_ihlrt.analysis.cause_fit import run_causes as run_causes
    from bayes_ihlrt.analysis.causes import check_causes as check_causes
    from bayes_ihlrt.analysis.check import check_analysis as check_analysis
    from bayes_ihlrt.analysis.counterparts import published_counterparts as published_counterparts
    from bayes_ihlrt.analysis.diagnose import Diagnosis as Diagnosis
    from bayes_ihlrt.analysis.diagnose import diagnose as diagnose
    from bayes_ihlrt.analysis.figures import figure_data as figure_data
    from bayes_ihlrt.analysis.fit import FitResult as FitResult
    from bayes_ihlrt.analysis.fit import run_fit as run_fit
    from bayes_ihlrt.analysis.patients import adverse_event_table as adverse_event_table
    from bayes_ihlrt.analysis.patients import response_table as response_table
    from bayes_ihlrt.analysis.patients import table_one as table_one
    from bayes_ihlrt.batch.compiled import CompiledModel as CompiledModel
    from bayes_ihlrt.batch.compiled import compile_graph as compile_graph
    from bayes_ihlrt.batch.compiled import compile_model as compile_model
    from bayes_ihlrt.batch.density import prepared_density as prepared_density
    from bayes_ihlrt.batch.engine import BatchEngine as BatchEngine
    from bayes_ihlrt.batch.result import BatchModes as BatchModes
    from bayes_ihlrt.batch.result import BatchPosterior as BatchPosterior
    from bayes_ihlrt.batch.summary import summarise_batch as summarise_batch
    from bayes_ihlrt.cohort import datasets as datasets
    from bayes_ihlrt.cohort.load import Cohort as Cohort
    from bayes_ihlrt.cohort.load import load_cohort as load_cohort
    from bayes_ihlrt.designs.build import emulate as emulate
    from bayes_ihlrt.designs.build import person_time as person_time
    from bayes_ihlrt.designs.person_time import PersonTime as PersonTime
    from bayes_ihlrt.errors import BayesIhlrtError as BayesIhlrtError
    from bayes_ihlrt.errors import ConvergenceError as ConvergenceError
    from bayes_ihlrt.errors import DataError as DataError
    from bayes_ihlrt.errors import Fault as Fault
    from bayes_ihlrt.errors import InputError as InputError
    from bayes_ihlrt.errors import MissingExtraError as MissingExtraError
    from bayes_ihlrt.errors import RefusedError as RefusedError
    from bayes_ihlrt.errors import SpecificationError as SpecificationError
    from bayes_ihlrt.estimands.causes import cumulative_incidence as cumulative_incidence
    from bayes_ihlrt.estimands.contrasts import contrast as contrast
    from bayes_ihlrt.estimands.contrasts import number_needed_to_treat as number_needed_to_treat
    from bayes_ihlrt.estimands.contrasts import probability as probability
    from bayes_ihlrt.estimands.contrasts import summarise as summarise
    from bayes_ihlrt.estimands.curves import NEVER as NEVER
    from bayes_ihlrt.estimands.curves import conditional_survival as conditional_survival
    from bayes_ihlrt.estimands.curves import cumulative_hazard as cumulative_hazard
    from bayes_ihlrt.estimands.curves import event_probability as event_probability
    from bayes_ihlrt.estimands.curves import hazard as hazard
    from bayes_ihlrt.estimands.curves import (
        interval_event_probability as interval_event_probability,
    )
    from bayes_ihlrt.estimands.curves import median_survival as median_survival
    from bayes_ihlrt.estimands.curves import residual_life as residual_life
    from bayes_ihlrt.estimands.curves import rmst as rmst
    from bayes_ihlrt.estimands.curves import survival as survival
    from bayes_ihlrt.estimands.curves import survival_quantile as survival_quantile
    from bayes_ihlrt.estimands.curves import time_lost as time_lost
    from bayes_ihlrt.estimands.curves import treated_from as treated_from
    from bayes_ihlrt.estimands.interaction import additive_interaction as additive_interaction
    from bayes_ihlrt.estimands.interaction import log_hazard_ratio as log_hazard_ratio
    from bayes_ihlrt.estimands.interaction import (
        subgroup_log_hazard_ratio as subgroup_log_hazard_ratio,
    )
    from bayes_ihlrt.estimands.mitigation import crossings as crossings
    from bayes_ihlrt.estimands.mitigation import interaction_contrasts as interaction_contrasts
    from bayes_ihlrt.estimands.population import bootstrap_weights as bootstrap_weights
    from bayes_ihlrt.estimands.population import external_population as external_population
    from bayes_ihlrt.estimands.population import overlap_weights as overlap_weights
    from bayes_ihlrt.estimands.population import sample_population as sample_population
    from bayes_ihlrt.estimands.population import subgroup_weights as subgroup_weights
    from bayes_ihlrt.estimands.population import treated_weights as treated_weights
    from bayes_ihlrt.estimands.product_limit import aalen_johansen as aalen_johansen
    from bayes_ihlrt.estimands.product_limit import kaplan_meier as kaplan_meier
    from bayes_ihlrt.estimands.proportions import compare_proportions as compare_proportions
    from bayes_ihlrt.ladder.figure import ladder_data as ladder_data
    from bayes_ihlrt.ladder.figure import ladder_sentences as ladder_sentences
    from bayes_ihlrt.ladder.run import LadderResult as LadderResult
    from bayes_ihlrt.ladder.run import bias_ladder as bias_ladder
    from bayes_ihlrt.model.graph import build_model as build_model
    from bayes_ihlrt.model.prepared import prepare as prepare
    from bayes_ihlrt.plots.catalogue import draw_figure as draw_figure
    from bayes_ihlrt.plots.saving import save_figure as save_figure
    from bayes_ihlrt.posterior.audit import Audit as Audit
    from bayes_ihlrt.posterior.audit import audit as audit
    from bayes_ihlrt.posterior.fitted import FittedModel as FittedModel
    from bayes_ihlrt.posterior.fitted import fit_model as fit_model
    from bayes_ihlrt.posterior.fitted import sample as sample
    from bayes_ihlrt.posterior.store import load as load
    from bayes_ihlrt.posterior.store import save as save
    from bayes_ihlrt.priors import HazardRatioPrior as HazardRatioPrior
    from bayes_ihlrt.priors import MedianSurvivalPrior as MedianSurvivalPrior
    from bayes_ihlrt.priors import Prior as Prior
    from bayes_ihlrt.report.effects import needed_words as needed_words
    from bayes_ihlrt.report.words import summary_sentences as summary_sentences
    from bayes_ihlrt.sensitivity.study import SensitivityResult as SensitivityResult
    from bayes_ihlrt.sensitivity.study import sensitivity_study as sensitivity_study
    from bayes_ihlrt.spec.analysis import AnalysisSpec as AnalysisSpec
    from bayes_ihlrt.spec.analysis import json_schema as json_schema
    from bayes_ihlrt.spec.data import DataSpec as DataSpec
    from bayes_ihlrt.spec.estimands import EstimandSpec as EstimandSpec
    from bayes_ihlrt.spec.model import ModelSpec as ModelSpec
    from bayes_ihlrt.spec.plan import TrialPlan as TrialPlan
    from bayes_ihlrt.spec.read import load_plan as load_plan
    from bayes_ihlrt.spec.read import load_spec as load_spec
    from bayes_ihlrt.spec.read import parse_spec as parse_spec
    from bayes_ihlrt.spec.sampler import SamplerSpec as SamplerSpec
    from bayes_ihlrt.spec.scenario import ScenarioSpec as ScenarioSpec
    from bayes_ihlrt.spec.treatment import TreatmentSpec as TreatmentSpec
    from bayes_ihlrt.spec.treatment import VisitsSpec as VisitsSpec
    from bayes_ihlrt.spec.trial import TrialDesign as TrialDesign
    from bayes_ihlrt.synthetic.simulate import SimulatedCohort as SimulatedCohort
    from bayes_ihlrt.synthetic.simulate import simulate_cohort as simulate_cohort
    from bayes_ihlrt.trials.calibration import calibrate_threshold as calibrate_threshold
    from bayes_ihlrt.trials.calibration import sample_size as sample_size
    from bayes_ihlrt.trials.calibration import simulate_design as simulate_design
    from bayes_ihlrt.trials.plan import run_plan as run_plan

    __version__: str
else:
    _NAMES = {
        "published_counterparts": "bayes_ihlrt.analysis.counterparts",
        "adverse_event_table": "bayes_ihlrt.analysis.patients",
        "response_table": "bayes_ihlrt.analysis.patients",
        "table_one": "bayes_ihlrt.analysis.patients",
        "draw_figure": "bayes_ihlrt.plots.catalogue",
        "save_figure": "bayes_ihlrt.plots.saving",
        "additive_interaction": "bayes_ihlrt.estimands.interaction",
        "conditional_survival": "bayes_ihlrt.estimands.curves",
        "residual_life": "bayes_ihlrt.estimands.curves",
        "contrast": "bayes_ihlrt.estimands.contrasts",
        "number_needed_to_treat": "bayes_ihlrt.estimands.contrasts",
        "crossings": "bayes_ihlrt.estimands.mitigation",
        "survival_quantile": "bayes_ihlrt.estimands.curves",
        "external_population": "bayes_ihlrt.estimands.population",
        "cumulative_hazard": "bayes_ihlrt.estimands.curves",
        "event_probability": "bayes_ihlrt.estimands.curves",
        "hazard": "bayes_ihlrt.estimands.curves",
        "interval_event_probability": "bayes_ihlrt.estimands.curves",
        "time_lost": "bayes_ihlrt.estimands.curves",
        "interaction_contrasts": "bayes_ihlrt.estimands.mitigation",
        "bootstrap_weights": "bayes_ihlrt.estimands.population",
        "overlap_weights": "bayes_ihlrt.estimands.population",
        "subgroup_weights": "bayes_ihlrt.estimands.population",
        "treated_weights": "bayes_ihlrt.estimands.population",
        "sample_population": "bayes_ihlrt.estimands.population",
        "compare_proportions": "bayes_ihlrt.estimands.proportions",
        "subgroup_log_hazard_ratio": "bayes_ihlrt.estimands.interaction",
        "run_causes": "bayes_ihlrt.analysis.cause_fit",
        "check_causes": "bayes_ihlrt.analysis.causes",
        "cumulative_incidence": "bayes_ihlrt.estimands.causes",
        "aalen_johansen": "bayes_ihlrt.estimands.product_limit",
        "check_analysis": "bayes_ihlrt.analysis.check",
        "Diagnosis": "bayes_ihlrt.analysis.diagnose",
        "diagnose": "bayes_ihlrt.analysis.diagnose",
        "figure_data": "bayes_ihlrt.analysis.figures",
        "run_fit": "bayes_ihlrt.analysis.fit",
        "LadderResult": "bayes_ihlrt.ladder.run",
        "bias_ladder": "bayes_ihlrt.ladder.run",
        "ladder_data": "bayes_ihlrt.ladder.figure",
        "ladder_sentences": "bayes_ihlrt.ladder.figure",
        "needed_words": "bayes_ihlrt.report.effects",
        "summary_sentences": "bayes_ihlrt.report.words",
        "SensitivityResult": "bayes_ihlrt.sensitivity.study",
        "sensitivity_study": "bayes_ihlrt.sensitivity.study",
        "load_spec": "bayes_ihlrt.spec.read",
        "parse_spec": "bayes_ihlrt.spec.read",
        "FitResult": "bayes_ihlrt.analysis.fit",
        "AnalysisSpec": "bayes_ihlrt.spec.analysis",
        "EstimandSpec": "bayes_ihlrt.spec.estimands",
        "json_schema": "bayes_ihlrt.spec.analysis",
        "Cohort": "bayes_ihlrt.cohort.load",
        "load_cohort": "bayes_ihlrt.cohort.load",
        "DataSpec": "bayes_ihlrt.spec.data",
        "TreatmentSpec": "bayes_ihlrt.spec.treatment",
        "SimulatedCohort": "bayes_ihlrt.synthetic.simulate",
        "simulate_cohort": "bayes_ihlrt.synthetic.simulate",
        "VisitsSpec": "bayes_ihlrt.spec.treatment",
        "PersonTime": "bayes_ihlrt.designs.person_time",
        "emulate": "bayes_ihlrt.designs.build",
        "person_time": "bayes_ihlrt.designs.build",
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
        "probability": "bayes_ihlrt.estimands.contrasts",
        "summarise": "bayes_ihlrt.estimands.contrasts",
        "Audit": "bayes_ihlrt.posterior.audit",
        "audit": "bayes_ihlrt.posterior.audit",
        "BatchEngine": "bayes_ihlrt.batch.engine",
        "BatchModes": "bayes_ihlrt.batch.result",
        "BatchPosterior": "bayes_ihlrt.batch.result",
        "summarise_batch": "bayes_ihlrt.batch.summary",
        "FittedModel": "bayes_ihlrt.posterior.fitted",
        "fit_model": "bayes_ihlrt.posterior.fitted",
        "CompiledModel": "bayes_ihlrt.batch.compiled",
        "compile_graph": "bayes_ihlrt.batch.compiled",
        "compile_model": "bayes_ihlrt.batch.compiled",
        "prepared_density": "bayes_ihlrt.batch.density",
        "sample": "bayes_ihlrt.posterior.fitted",
        "SamplerSpec": "bayes_ihlrt.spec.sampler",
        "load": "bayes_ihlrt.posterior.store",
        "save": "bayes_ihlrt.posterior.store",
        "build_model": "bayes_ihlrt.model.graph",
        "prepare": "bayes_ihlrt.model.prepared",
        "ModelSpec": "bayes_ihlrt.spec.model",
        "HazardRatioPrior": "bayes_ihlrt.priors",
        "MedianSurvivalPrior": "bayes_ihlrt.priors",
        "Prior": "bayes_ihlrt.priors",
        "TrialDesign": "bayes_ihlrt.spec.trial",
        "TrialPlan": "bayes_ihlrt.spec.plan",
        "ScenarioSpec": "bayes_ihlrt.spec.scenario",
        "calibrate_threshold": "bayes_ihlrt.trials.calibration",
        "sample_size": "bayes_ihlrt.trials.calibration",
        "simulate_design": "bayes_ihlrt.trials.calibration",
        "run_plan": "bayes_ihlrt.trials.plan",
        "load_plan": "bayes_ihlrt.spec.read",
    }
    _MODULES = {
        "datasets": "bayes_ihlrt.cohort.datasets",
    }
    __all__ = list(_MODULES | _NAMES)
    _load, __dir__ = lazy_names(__name__, _NAMES, modules=_MODULES)

    def __getattr__(name: str) -> object:
        """Load a public name, or read the installed version."""
        if name == "__version__":
            from importlib.metadata import version

            return version("bayes-ihlrt")
        return _load(name)
