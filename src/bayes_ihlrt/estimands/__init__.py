"""Floor 5: from draws to the quantities that a clinician asks for. Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.estimands.additive import additive_interaction as additive_interaction
    from bayes_ihlrt.estimands.conditional import conditional_survival as conditional_survival
    from bayes_ihlrt.estimands.conditional import residual_life as residual_life
    from bayes_ihlrt.estimands.contrasts import contrast as contrast
    from bayes_ihlrt.estimands.contrasts import number_needed_to_treat as number_needed_to_treat
    from bayes_ihlrt.estimands.courses import natural_course as natural_course
    from bayes_ihlrt.estimands.courses import strategy_contrasts as strategy_contrasts
    from bayes_ihlrt.estimands.courses import strategy_survival as strategy_survival
    from bayes_ihlrt.estimands.crossing_values import crossings as crossings
    from bayes_ihlrt.estimands.crossing_values import gain_by_modifier as gain_by_modifier
    from bayes_ihlrt.estimands.curves import NEVER as NEVER
    from bayes_ihlrt.estimands.curves import Strategy as Strategy
    from bayes_ihlrt.estimands.curves import median_survival as median_survival
    from bayes_ihlrt.estimands.curves import rmst as rmst
    from bayes_ihlrt.estimands.curves import survival as survival
    from bayes_ihlrt.estimands.curves import survival_quantile as survival_quantile
    from bayes_ihlrt.estimands.curves import treated_from as treated_from
    from bayes_ihlrt.estimands.external import external_population as external_population
    from bayes_ihlrt.estimands.interaction import joint_log_hazard as joint_log_hazard
    from bayes_ihlrt.estimands.interaction import log_hazard_ratio as log_hazard_ratio
    from bayes_ihlrt.estimands.measures import cumulative_hazard as cumulative_hazard
    from bayes_ihlrt.estimands.measures import event_probability as event_probability
    from bayes_ihlrt.estimands.measures import hazard as hazard
    from bayes_ihlrt.estimands.measures import (
        interval_event_probability as interval_event_probability,
    )
    from bayes_ihlrt.estimands.measures import time_lost as time_lost
    from bayes_ihlrt.estimands.mitigation import Question as Question
    from bayes_ihlrt.estimands.mitigation import Statement as Statement
    from bayes_ihlrt.estimands.mitigation import interaction_contrasts as interaction_contrasts
    from bayes_ihlrt.estimands.mitigation import mitigation_statements as mitigation_statements
    from bayes_ihlrt.estimands.mitigation import (
        multiplicative_interaction as multiplicative_interaction,
    )
    from bayes_ihlrt.estimands.occupation import state_occupation as state_occupation
    from bayes_ihlrt.estimands.patients import bootstrap_weights as bootstrap_weights
    from bayes_ihlrt.estimands.patients import overlap_weights as overlap_weights
    from bayes_ihlrt.estimands.patients import subgroup_weights as subgroup_weights
    from bayes_ihlrt.estimands.patients import treated_weights as treated_weights
    from bayes_ihlrt.estimands.population import Population as Population
    from bayes_ihlrt.estimands.population import sample_population as sample_population
    from bayes_ihlrt.estimands.product_limit import kaplan_meier as kaplan_meier
    from bayes_ihlrt.estimands.product_limit import restricted_area as restricted_area
    from bayes_ihlrt.estimands.proportions import Counts as Counts
    from bayes_ihlrt.estimands.proportions import compare_proportions as compare_proportions
    from bayes_ihlrt.estimands.strategies import AS_OBSERVED as AS_OBSERVED
    from bayes_ihlrt.estimands.strategies import AT_RESPONSE as AT_RESPONSE
    from bayes_ihlrt.estimands.strategies import UNTREATED as UNTREATED
    from bayes_ihlrt.estimands.strategies import Course as Course
    from bayes_ihlrt.estimands.strategies import from_month as from_month
    from bayes_ihlrt.estimands.strategies import within as within
    from bayes_ihlrt.estimands.subgroups import crude_rate_ratios as crude_rate_ratios
    from bayes_ihlrt.estimands.subgroups import (
        subgroup_log_hazard_ratio as subgroup_log_hazard_ratio,
    )
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
        "conditional_survival": "bayes_ihlrt.estimands.conditional",
        "residual_life": "bayes_ihlrt.estimands.conditional",
        "contrast": "bayes_ihlrt.estimands.contrasts",
        "number_needed_to_treat": "bayes_ihlrt.estimands.contrasts",
        "survival_quantile": "bayes_ihlrt.estimands.curves",
        "cumulative_hazard": "bayes_ihlrt.estimands.measures",
        "event_probability": "bayes_ihlrt.estimands.measures",
        "hazard": "bayes_ihlrt.estimands.measures",
        "interval_event_probability": "bayes_ihlrt.estimands.measures",
        "time_lost": "bayes_ihlrt.estimands.measures",
        "Population": "bayes_ihlrt.estimands.population",
        "external_population": "bayes_ihlrt.estimands.external",
        "sample_population": "bayes_ihlrt.estimands.population",
        "bootstrap_weights": "bayes_ihlrt.estimands.patients",
        "overlap_weights": "bayes_ihlrt.estimands.patients",
        "subgroup_weights": "bayes_ihlrt.estimands.patients",
        "treated_weights": "bayes_ihlrt.estimands.patients",
        "additive_interaction": "bayes_ihlrt.estimands.additive",
        "crossings": "bayes_ihlrt.estimands.crossing_values",
        "gain_by_modifier": "bayes_ihlrt.estimands.crossing_values",
        "joint_log_hazard": "bayes_ihlrt.estimands.interaction",
        "Question": "bayes_ihlrt.estimands.mitigation",
        "Statement": "bayes_ihlrt.estimands.mitigation",
        "interaction_contrasts": "bayes_ihlrt.estimands.mitigation",
        "mitigation_statements": "bayes_ihlrt.estimands.mitigation",
        "multiplicative_interaction": "bayes_ihlrt.estimands.mitigation",
        "crude_rate_ratios": "bayes_ihlrt.estimands.subgroups",
        "subgroup_log_hazard_ratio": "bayes_ihlrt.estimands.subgroups",
        "Counts": "bayes_ihlrt.estimands.proportions",
        "compare_proportions": "bayes_ihlrt.estimands.proportions",
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
        "restricted_area": "bayes_ihlrt.estimands.product_limit",
        "summarise": "bayes_ihlrt.estimands.summary",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
