"""Floor 5: from draws to the quantities that a clinician asks for. Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.estimands.curves import NEVER as NEVER
    from bayes_ihlrt.estimands.curves import Strategy as Strategy
    from bayes_ihlrt.estimands.curves import median_survival as median_survival
    from bayes_ihlrt.estimands.curves import rmst as rmst
    from bayes_ihlrt.estimands.curves import survival as survival
    from bayes_ihlrt.estimands.curves import treated_from as treated_from
    from bayes_ihlrt.estimands.interaction import log_hazard_ratio as log_hazard_ratio
    from bayes_ihlrt.estimands.product_limit import kaplan_meier as kaplan_meier
    from bayes_ihlrt.estimands.summary import diagnostics as diagnostics
    from bayes_ihlrt.estimands.summary import probability as probability
    from bayes_ihlrt.estimands.summary import summarise as summarise
else:
    _NAMES = {
        "NEVER": "bayes_ihlrt.estimands.curves",
        "Strategy": "bayes_ihlrt.estimands.curves",
        "median_survival": "bayes_ihlrt.estimands.curves",
        "rmst": "bayes_ihlrt.estimands.curves",
        "survival": "bayes_ihlrt.estimands.curves",
        "treated_from": "bayes_ihlrt.estimands.curves",
        "log_hazard_ratio": "bayes_ihlrt.estimands.interaction",
        "diagnostics": "bayes_ihlrt.estimands.summary",
        "probability": "bayes_ihlrt.estimands.summary",
        "kaplan_meier": "bayes_ihlrt.estimands.product_limit",
        "summarise": "bayes_ihlrt.estimands.summary",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
