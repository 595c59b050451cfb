"""Floor 5: from draws to the quantities that a clinician asks for. Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.estimands.courses import natural_course as natural_course
    from bayes_ihlrt.estimands.courses import strategy_contrasts as strategy_contrasts
    from bayes_ihlrt.estimands.courses import strategy_survival as strategy_survival
    from bayes_ihlrt.estimands.curves import NEVER as NEVER
    from bayes_ihlrt.estimands.curves import Strategy as Strategy
    from bayes_ihlrt.estimands.curves import median_survival as median_survival
    from bayes_ihlrt.estimands.curves import rmst as rmst
    from bayes_ihlrt.estimands.curves import survival as survival
    from bayes_ihlrt.estimands.curves import treated_from as treated_from
    from bayes_ihlrt.estimands.interaction import log_hazard_ratio as log_hazard_ratio
    from bayes_ihlrt.estimands.occupation import state_occupation as state_occupation
    from bayes_ihlrt.estimands.product_limit import kaplan_meier as kaplan_meier
    from bayes_ihlrt.estimands.strategies import AS_OBSERVED as AS_OBSERVED
    from bayes_ihlrt.estimands.strategies import AT_RESPONSE as AT_RESPONSE
    from bayes_ihlrt.estimands.strategies import UNTREATED as UNTREATED
    from bayes_ihlrt.estimands.strategies import Course as Course
    from bayes_ihlrt.estimands.strategies import from_month as from_month
    from bayes_ihlrt.estimands.strategies import within as within
    from bayes_ihlrt.estimands.summary import diagnostics as diagnostics
    from bayes_ihlrt.estimands.summary import probability as probability
    from bayes_ihlrt.estimands.summary import summarise as summarise
    from bayes_ihlrt.estimands.transition_fit import TransitionFit as TransitionFit
    from bayes_ihlrt.estimands.transition_fit import fit_transitions as fit_transitions
    from bayes_ihlrt.estimands.transition_spec import StatesSpec as StatesSpec
    from bayes_ihlrt.estimands.transition_spec import SwitchSpec as SwitchSpec
    from bayes_ihlrt.estimands.transition_spec import TransitionSpec as TransitionSpec
else:
    _NAMES = {
        "natural_course": "bayes_ihlrt.estimands.courses",
        "strategy_contrasts": "bayes_ihlrt.estimands.courses",
        "strategy_survival": "bayes_ihlrt.estimands.courses",
        "state_occupation": "bayes_ihlrt.estimands.occupation",
        "AS_OBSERVED": "bayes_ihlrt.estimands.strategies",
        "AT_RESPONSE": "bayes_ihlrt.estimands.strategies",
        "UNTREATED": "bayes_ihlrt.estimands.strategies",
        "Course": "bayes_ihlrt.estimands.strategies",
        "from_month": "bayes_ihlrt.estimands.strategies",
        "within": "bayes_ihlrt.estimands.strategies",
        "TransitionFit": "bayes_ihlrt.estimands.transition_fit",
        "fit_transitions": "bayes_ihlrt.estimands.transition_fit",
        "StatesSpec": "bayes_ihlrt.estimands.transition_spec",
        "SwitchSpec": "bayes_ihlrt.estimands.transition_spec",
        "TransitionSpec": "bayes_ihlrt.estimands.transition_spec",
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
