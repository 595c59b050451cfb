"""Floor 3: who gets treated. Propensities, weights, balance; never samples. Names load on use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.propensity.balance import balance_data as balance_data
    from bayes_ihlrt.propensity.covariate import PropensitySpline as PropensitySpline
    from bayes_ihlrt.propensity.covariate import PropensityStrata as PropensityStrata
    from bayes_ihlrt.propensity.graph import build_propensity as build_propensity
    from bayes_ihlrt.propensity.graph import logit_propensity as logit_propensity
    from bayes_ihlrt.propensity.overlap import overlap_data as overlap_data
    from bayes_ihlrt.propensity.overlap import positivity_table as positivity_table
    from bayes_ihlrt.propensity.prepare import PreparedPropensity as PreparedPropensity
    from bayes_ihlrt.propensity.prepare import prepare_propensity as prepare_propensity
    from bayes_ihlrt.propensity.spec import PropensitySpec as PropensitySpec
    from bayes_ihlrt.propensity.targets import balancing_weight as balancing_weight
    from bayes_ihlrt.propensity.targets import effective_sample_size as effective_sample_size
    from bayes_ihlrt.propensity.weight_sums import weight_sum_data as weight_sum_data
else:
    _NAMES = {
        "balance_data": "bayes_ihlrt.propensity.balance",
        "PropensitySpline": "bayes_ihlrt.propensity.covariate",
        "PropensityStrata": "bayes_ihlrt.propensity.covariate",
        "build_propensity": "bayes_ihlrt.propensity.graph",
        "logit_propensity": "bayes_ihlrt.propensity.graph",
        "overlap_data": "bayes_ihlrt.propensity.overlap",
        "positivity_table": "bayes_ihlrt.propensity.overlap",
        "PreparedPropensity": "bayes_ihlrt.propensity.prepare",
        "prepare_propensity": "bayes_ihlrt.propensity.prepare",
        "PropensitySpec": "bayes_ihlrt.propensity.spec",
        "balancing_weight": "bayes_ihlrt.propensity.targets",
        "effective_sample_size": "bayes_ihlrt.propensity.targets",
        "weight_sum_data": "bayes_ihlrt.propensity.weight_sums",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
