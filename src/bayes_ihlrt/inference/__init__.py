"""Floor 4: from a graph to draws. Names load their module on first use: samplers are heavy."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.inference.adjusted import fit_propensity_adjusted as fit_propensity_adjusted
    from bayes_ihlrt.inference.adjusted import prepare_adjusted as prepare_adjusted
    from bayes_ihlrt.inference.batch import BatchEngine as BatchEngine
    from bayes_ihlrt.inference.batch_result import BatchModes as BatchModes
    from bayes_ihlrt.inference.batch_result import BatchPosterior as BatchPosterior
    from bayes_ihlrt.inference.batch_summary import summarise_batch as summarise_batch
    from bayes_ihlrt.inference.bootstrap import linked_bootstrap as linked_bootstrap
    from bayes_ihlrt.inference.cut import cut_posterior as cut_posterior
    from bayes_ihlrt.inference.fitted import FittedModel as FittedModel
    from bayes_ihlrt.inference.fitted import fit_model as fit_model
    from bayes_ihlrt.inference.gate import Approximation as Approximation
    from bayes_ihlrt.inference.gate import Convergence as Convergence
    from bayes_ihlrt.inference.gate import check_convergence as check_convergence
    from bayes_ihlrt.inference.gate import convergence as convergence
    from bayes_ihlrt.inference.jax_density import prepared_density as prepared_density
    from bayes_ihlrt.inference.nuts import compile_model as compile_model
    from bayes_ihlrt.inference.nuts_audit import Audit as Audit
    from bayes_ihlrt.inference.nuts_audit import audit as audit
    from bayes_ihlrt.inference.plugin import plugin_posterior as plugin_posterior
    from bayes_ihlrt.inference.sampling import sample as sample
    from bayes_ihlrt.inference.sandwich import sandwich_posterior as sandwich_posterior
    from bayes_ihlrt.inference.settings import SamplerSpec as SamplerSpec
    from bayes_ihlrt.inference.store import load as load
    from bayes_ihlrt.inference.store import save as save
    from bayes_ihlrt.inference.weighted_fit import WeightedFit as WeightedFit
    from bayes_ihlrt.inference.weighted_gate import AtMode as AtMode
    from bayes_ihlrt.inference.weighted_gate import CutPosterior as CutPosterior
    from bayes_ihlrt.inference.weighted_gate import Resampling as Resampling
    from bayes_ihlrt.inference.weighting import WeightedAnalysis as WeightedAnalysis
    from bayes_ihlrt.inference.weighting import prepare_weighted as prepare_weighted
else:
    _NAMES = {
        "Resampling": "bayes_ihlrt.inference.weighted_gate",
        "AtMode": "bayes_ihlrt.inference.weighted_gate",
        "CutPosterior": "bayes_ihlrt.inference.weighted_gate",
        "WeightedFit": "bayes_ihlrt.inference.weighted_fit",
        "WeightedAnalysis": "bayes_ihlrt.inference.weighting",
        "prepare_weighted": "bayes_ihlrt.inference.weighting",
        "linked_bootstrap": "bayes_ihlrt.inference.bootstrap",
        "plugin_posterior": "bayes_ihlrt.inference.plugin",
        "sandwich_posterior": "bayes_ihlrt.inference.sandwich",
        "cut_posterior": "bayes_ihlrt.inference.cut",
        "fit_propensity_adjusted": "bayes_ihlrt.inference.adjusted",
        "prepare_adjusted": "bayes_ihlrt.inference.adjusted",
        "Audit": "bayes_ihlrt.inference.nuts_audit",
        "audit": "bayes_ihlrt.inference.nuts_audit",
        "BatchEngine": "bayes_ihlrt.inference.batch",
        "BatchModes": "bayes_ihlrt.inference.batch_result",
        "BatchPosterior": "bayes_ihlrt.inference.batch_result",
        "summarise_batch": "bayes_ihlrt.inference.batch_summary",
        "FittedModel": "bayes_ihlrt.inference.fitted",
        "fit_model": "bayes_ihlrt.inference.fitted",
        "Approximation": "bayes_ihlrt.inference.gate",
        "Convergence": "bayes_ihlrt.inference.gate",
        "check_convergence": "bayes_ihlrt.inference.gate",
        "prepared_density": "bayes_ihlrt.inference.jax_density",
        "compile_model": "bayes_ihlrt.inference.nuts",
        "SamplerSpec": "bayes_ihlrt.inference.settings",
        "load": "bayes_ihlrt.inference.store",
        "save": "bayes_ihlrt.inference.store",
        "convergence": "bayes_ihlrt.inference.gate",
        "sample": "bayes_ihlrt.inference.sampling",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
