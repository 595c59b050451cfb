"""Floor 7: from a specification and data to a result. Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.analysis.catalogue import packaged_specifications as packaged_specifications
    from bayes_ihlrt.analysis.checking import CheckedAnalysis as CheckedAnalysis
    from bayes_ihlrt.analysis.checking import check_analysis as check_analysis
    from bayes_ihlrt.analysis.checking import read_inputs as read_inputs
    from bayes_ihlrt.analysis.estimand_spec import EstimandSpec as EstimandSpec
    from bayes_ihlrt.analysis.estimates import Estimate as Estimate
    from bayes_ihlrt.analysis.figure_data import figure_data as figure_data
    from bayes_ihlrt.analysis.fitting import run_fit as run_fit
    from bayes_ihlrt.analysis.ladder import LadderResult as LadderResult
    from bayes_ihlrt.analysis.ladder import bias_ladder as bias_ladder
    from bayes_ihlrt.analysis.ladder_data import ladder_data as ladder_data
    from bayes_ihlrt.analysis.reading import load_spec as load_spec
    from bayes_ihlrt.analysis.reading import parse_spec as parse_spec
    from bayes_ihlrt.analysis.result import FitResult as FitResult
    from bayes_ihlrt.analysis.spec import AnalysisSpec as AnalysisSpec
    from bayes_ihlrt.analysis.spec import json_schema as json_schema
    from bayes_ihlrt.analysis.templates import write_templates as write_templates
    from bayes_ihlrt.data.validate import SparseEventsWarning as SparseEventsWarning
    from bayes_ihlrt.propensity.separation import SeparationWarning as SeparationWarning
else:
    _NAMES = {
        "packaged_specifications": "bayes_ihlrt.analysis.catalogue",
        "CheckedAnalysis": "bayes_ihlrt.analysis.checking",
        "check_analysis": "bayes_ihlrt.analysis.checking",
        "read_inputs": "bayes_ihlrt.analysis.checking",
        "Estimate": "bayes_ihlrt.analysis.estimates",
        "figure_data": "bayes_ihlrt.analysis.figure_data",
        "run_fit": "bayes_ihlrt.analysis.fitting",
        "LadderResult": "bayes_ihlrt.analysis.ladder",
        "bias_ladder": "bayes_ihlrt.analysis.ladder",
        "ladder_data": "bayes_ihlrt.analysis.ladder_data",
        "load_spec": "bayes_ihlrt.analysis.reading",
        "parse_spec": "bayes_ihlrt.analysis.reading",
        "FitResult": "bayes_ihlrt.analysis.result",
        "AnalysisSpec": "bayes_ihlrt.analysis.spec",
        "EstimandSpec": "bayes_ihlrt.analysis.estimand_spec",
        "json_schema": "bayes_ihlrt.analysis.spec",
        "write_templates": "bayes_ihlrt.analysis.templates",
        "SparseEventsWarning": "bayes_ihlrt.data.validate",
        "SeparationWarning": "bayes_ihlrt.propensity.separation",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
