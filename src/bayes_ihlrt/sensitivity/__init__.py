"""Floor 6: what a conclusion depends on. Names load their module on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.sensitivity.bias import BiasPrior as BiasPrior
    from bayes_ihlrt.sensitivity.bias import bias_factor as bias_factor
    from bayes_ihlrt.sensitivity.bias import e_value as e_value
    from bayes_ihlrt.sensitivity.bias import risk_ratio as risk_ratio
    from bayes_ihlrt.sensitivity.check import CheckResult as CheckResult
    from bayes_ihlrt.sensitivity.effects import EVIDENCE as EVIDENCE
    from bayes_ihlrt.sensitivity.evidence import Discount as Discount
    from bayes_ihlrt.sensitivity.evidence import evidence_prior as evidence_prior
    from bayes_ihlrt.sensitivity.evidence import published as published
    from bayes_ihlrt.sensitivity.mixture import MixturePrior as MixturePrior
    from bayes_ihlrt.sensitivity.mixture import robust_prior as robust_prior
    from bayes_ihlrt.sensitivity.reverse_bayes import Published as Published
    from bayes_ihlrt.sensitivity.scaling import enthusiastic_prior as enthusiastic_prior
    from bayes_ihlrt.sensitivity.scaling import power_scaled as power_scaled
    from bayes_ihlrt.sensitivity.scaling import sceptical_prior as sceptical_prior
else:
    _NAMES = {
        "BiasPrior": "bayes_ihlrt.sensitivity.bias",
        "bias_factor": "bayes_ihlrt.sensitivity.bias",
        "e_value": "bayes_ihlrt.sensitivity.bias",
        "risk_ratio": "bayes_ihlrt.sensitivity.bias",
        "CheckResult": "bayes_ihlrt.sensitivity.check",
        "EVIDENCE": "bayes_ihlrt.sensitivity.effects",
        "Discount": "bayes_ihlrt.sensitivity.evidence",
        "evidence_prior": "bayes_ihlrt.sensitivity.evidence",
        "published": "bayes_ihlrt.sensitivity.evidence",
        "robust_prior": "bayes_ihlrt.sensitivity.mixture",
        "MixturePrior": "bayes_ihlrt.sensitivity.mixture",
        "Published": "bayes_ihlrt.sensitivity.reverse_bayes",
        "enthusiastic_prior": "bayes_ihlrt.sensitivity.scaling",
        "power_scaled": "bayes_ihlrt.sensitivity.scaling",
        "sceptical_prior": "bayes_ihlrt.sensitivity.scaling",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
