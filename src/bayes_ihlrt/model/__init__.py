"""Floor 3: from a specification and person-time to one graph. Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.model.build import PreparedModel as PreparedModel
    from bayes_ihlrt.model.build import build_graph as build_graph
    from bayes_ihlrt.model.build import build_model as build_model
    from bayes_ihlrt.model.build import prepare as prepare
    from bayes_ihlrt.model.encode import build_encoder as build_encoder
    from bayes_ihlrt.model.spec import HazardSpec as HazardSpec
    from bayes_ihlrt.model.spec import ModelSpec as ModelSpec
    from bayes_ihlrt.model.spec import ModifierSpec as ModifierSpec
    from bayes_ihlrt.model.spec import OutcomeSpec as OutcomeSpec
else:
    _NAMES = {
        "PreparedModel": "bayes_ihlrt.model.build",
        "build_graph": "bayes_ihlrt.model.build",
        "build_model": "bayes_ihlrt.model.build",
        "prepare": "bayes_ihlrt.model.build",
        "build_encoder": "bayes_ihlrt.model.encode",
        "HazardSpec": "bayes_ihlrt.model.spec",
        "ModelSpec": "bayes_ihlrt.model.spec",
        "ModifierSpec": "bayes_ihlrt.model.spec",
        "OutcomeSpec": "bayes_ihlrt.model.spec",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
