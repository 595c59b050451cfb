"""Floor 5: is a model, or the way it is fitted, to be trusted? Names load on first use."""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.checks.sbc import Calibration as Calibration
    from bayes_ihlrt.checks.sbc import calibrate as calibrate
    from bayes_ihlrt.checks.sbc_nuts import calibrate_by_nuts as calibrate_by_nuts
    from bayes_ihlrt.checks.scenario import Scenario as Scenario
    from bayes_ihlrt.checks.scenario import all_scenarios as all_scenarios
else:
    _NAMES = {
        "Calibration": "bayes_ihlrt.checks.sbc",
        "Scenario": "bayes_ihlrt.checks.scenario",
        "all_scenarios": "bayes_ihlrt.checks.scenario",
        "calibrate": "bayes_ihlrt.checks.sbc",
        "calibrate_by_nuts": "bayes_ihlrt.checks.sbc_nuts",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
