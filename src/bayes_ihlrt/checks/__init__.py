"""Floor 5: is a model, or the way it is fitted, to be trusted? Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.checks.cross_validation import cross_validate as cross_validate
    from bayes_ihlrt.checks.examination import examine as examine
    from bayes_ihlrt.checks.families import compare_hazards as compare_hazards
    from bayes_ihlrt.checks.families import stacking_weights as stacking_weights
    from bayes_ihlrt.checks.leave_out import LeaveOut as LeaveOut
    from bayes_ihlrt.checks.leave_out import leave_one_out as leave_one_out
    from bayes_ihlrt.checks.periods import effect_by_period as effect_by_period
    from bayes_ihlrt.checks.prior_curves import prior_survival as prior_survival
    from bayes_ihlrt.checks.residuals import residual_check as residual_check
    from bayes_ihlrt.checks.result import ModelChecks as ModelChecks
    from bayes_ihlrt.checks.risk_sets import hazard_check as hazard_check
    from bayes_ihlrt.checks.risk_sets import survival_check as survival_check
    from bayes_ihlrt.checks.sbc import Calibration as Calibration
    from bayes_ihlrt.checks.sbc import calibrate as calibrate
    from bayes_ihlrt.checks.sbc_nuts import calibrate_by_nuts as calibrate_by_nuts
    from bayes_ihlrt.checks.scenario import Scenario as Scenario
    from bayes_ihlrt.checks.scenario import all_scenarios as all_scenarios
    from bayes_ihlrt.checks.verdict import Status as Status
    from bayes_ihlrt.checks.verdict import Verdict as Verdict
else:
    _NAMES = {
        "Calibration": "bayes_ihlrt.checks.sbc",
        "Scenario": "bayes_ihlrt.checks.scenario",
        "all_scenarios": "bayes_ihlrt.checks.scenario",
        "calibrate": "bayes_ihlrt.checks.sbc",
        "calibrate_by_nuts": "bayes_ihlrt.checks.sbc_nuts",
        "ModelChecks": "bayes_ihlrt.checks.result",
        "Status": "bayes_ihlrt.checks.verdict",
        "Verdict": "bayes_ihlrt.checks.verdict",
        "LeaveOut": "bayes_ihlrt.checks.leave_out",
        "leave_one_out": "bayes_ihlrt.checks.leave_out",
        "examine": "bayes_ihlrt.checks.examination",
        "stacking_weights": "bayes_ihlrt.checks.families",
        "compare_hazards": "bayes_ihlrt.checks.families",
        "survival_check": "bayes_ihlrt.checks.risk_sets",
        "hazard_check": "bayes_ihlrt.checks.risk_sets",
        "residual_check": "bayes_ihlrt.checks.residuals",
        "prior_survival": "bayes_ihlrt.checks.prior_curves",
        "cross_validate": "bayes_ihlrt.checks.cross_validation",
        "effect_by_period": "bayes_ihlrt.checks.periods",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
