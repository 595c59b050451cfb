"""Floor 4: from a graph to draws. Names load their module on first use: samplers are heavy."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.inference.fitted import FittedModel as FittedModel
    from bayes_ihlrt.inference.fitted import fit_model as fit_model
    from bayes_ihlrt.inference.gate import Convergence as Convergence
    from bayes_ihlrt.inference.gate import check_convergence as check_convergence
    from bayes_ihlrt.inference.gate import convergence as convergence
    from bayes_ihlrt.inference.nuts import compile_model as compile_model
    from bayes_ihlrt.inference.nuts import sample as sample
    from bayes_ihlrt.inference.settings import SamplerSpec as SamplerSpec
    from bayes_ihlrt.inference.store import load as load
    from bayes_ihlrt.inference.store import save as save
else:
    _NAMES = {
        "FittedModel": "bayes_ihlrt.inference.fitted",
        "fit_model": "bayes_ihlrt.inference.fitted",
        "Convergence": "bayes_ihlrt.inference.gate",
        "check_convergence": "bayes_ihlrt.inference.gate",
        "compile_model": "bayes_ihlrt.inference.nuts",
        "SamplerSpec": "bayes_ihlrt.inference.settings",
        "load": "bayes_ihlrt.inference.store",
        "save": "bayes_ihlrt.inference.store",
        "convergence": "bayes_ihlrt.inference.gate",
        "sample": "bayes_ihlrt.inference.nuts",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
