"""Floor 7: from a specification and data to a result. Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.analysis.catalogue import packaged_data as packaged_data
    from bayes_ihlrt.analysis.catalogue import packaged_specifications as packaged_specifications
    from bayes_ihlrt.analysis.checking import CheckedAnalysis as CheckedAnalysis
    from bayes_ihlrt.analysis.checking import check_analysis as check_analysis
    from bayes_ihlrt.analysis.checking import read_inputs as read_inputs
    from bayes_ihlrt.analysis.diagnosing import Diagnosis as Diagnosis
    from bayes_ihlrt.analysis.diagnosing import diagnose as diagnose
    from bayes_ihlrt.analysis.diagnosing import read_observed_from as read_observed_from
    from bayes_ihlrt.analysis.estimand_spec import EstimandSpec as EstimandSpec
    from bayes_ihlrt.analysis.estimates import Estimate as Estimate
    from bayes_ihlrt.analysis.figures import figure_data as figure_data
    from bayes_ihlrt.analysis.fitting import run_fit as run_fit
    from bayes_ihlrt.analysis.ladder import LadderResult as LadderResult
    from bayes_ihlrt.analysis.ladder import bias_ladder as bias_ladder
    from bayes_ihlrt.analysis.ladder_figure import ladder_data as ladder_data
    from bayes_ihlrt.analysis.library_versions import versions as versions
    from bayes_ihlrt.analysis.plan_reading import load_plan as load_plan
    from bayes_ihlrt.analysis.reading import load_spec as load_spec
    from bayes_ihlrt.analysis.reading import parse_spec as parse_spec
    from bayes_ihlrt.analysis.result import FitResult as FitResult
    from bayes_ihlrt.analysis.sensitivity import SensitivityResult as SensitivityResult
    from bayes_ihlrt.analysis.sensitivity import sensitivity_study as sensitivity_study
    from bayes_ihlrt.analysis.sensitivity_datasets import (
        sensitivity_figures as sensitivity_figures,
    )
    from bayes_ihlrt.analysis.spec import AnalysisSpec as AnalysisSpec
    from bayes_ihlrt.analysis.spec import json_schema as json_schema
    from bayes_ihlrt.analysis.templates import write_templates as write_templates
    from bayes_ihlrt.analysis.trial_plan import TrialPlanResult as TrialPlanResult
    from bayes_ihlrt.analysis.trial_plan import replay_planned as replay_planned
    from bayes_ihlrt.analysis.trial_plan import run_trial_plan as run_trial_plan
    from bayes_ihlrt.data.validate import SparseEventsWarning as SparseEventsWarning
    from bayes_ihlrt.propensity.separation import SeparationWarning as SeparationWarning
else:
    _NAMES = {
        "packaged_data": "bayes_ihlrt.analysis.catalogue",
        "packaged_specifications": "bayes_ihlrt.analysis.catalogue",
        "CheckedAnalysis": "bayes_ihlrt.analysis.checking",
        "check_analysis": "bayes_ihlrt.analysis.checking",
        "read_inputs": "bayes_ihlrt.analysis.checking",
        "Estimate": "bayes_ihlrt.analysis.estimates",
        "Diagnosis": "bayes_ihlrt.analysis.diagnosing",
        "diagnose": "bayes_ihlrt.analysis.diagnosing",
        "read_observed_from": "bayes_ihlrt.analysis.diagnosing",
        "figure_data": "bayes_ihlrt.analysis.figures",
        "run_fit": "bayes_ihlrt.analysis.fitting",
        "LadderResult": "bayes_ihlrt.analysis.ladder",
        "bias_ladder": "bayes_ihlrt.analysis.ladder",
        "ladder_data": "bayes_ihlrt.analysis.ladder_figure",
        "load_spec": "bayes_ihlrt.analysis.reading",
        "parse_spec": "bayes_ihlrt.analysis.reading",
        "FitResult": "bayes_ihlrt.analysis.result",
        "SensitivityResult": "bayes_ihlrt.analysis.sensitivity",
        "sensitivity_study": "bayes_ihlrt.analysis.sensitivity",
        "sensitivity_figures": "bayes_ihlrt.analysis.sensitivity_datasets",
        "AnalysisSpec": "bayes_ihlrt.analysis.spec",
        "EstimandSpec": "bayes_ihlrt.analysis.estimand_spec",
        "json_schema": "bayes_ihlrt.analysis.spec",
        "write_templates": "bayes_ihlrt.analysis.templates",
        "versions": "bayes_ihlrt.analysis.library_versions",
        "SparseEventsWarning": "bayes_ihlrt.data.validate",
        "SeparationWarning": "bayes_ihlrt.propensity.separation",
        "load_plan": "bayes_ihlrt.analysis.plan_reading",
        "run_trial_plan": "bayes_ihlrt.analysis.trial_plan",
        "TrialPlanResult": "bayes_ihlrt.analysis.trial_plan",
        "replay_planned": "bayes_ihlrt.analysis.trial_plan",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
