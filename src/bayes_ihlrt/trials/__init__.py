"""Floor 6: randomised trials planned by simulation. Names load their module on first use.

A `TrialDesign` and a `ScenarioSpec` make a `Task`; `run_trials` simulates and analyses it;
`operating_characteristics` sums it up. `simulate_design` does all three, `run_plan` for a whole
`TrialPlan`.
"""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt.trials.calibration import SampleSize as SampleSize
    from bayes_ihlrt.trials.calibration import Simulated as Simulated
    from bayes_ihlrt.trials.calibration import calibrate_threshold as calibrate_threshold
    from bayes_ihlrt.trials.calibration import sample_size as sample_size
    from bayes_ihlrt.trials.calibration import simulate_design as simulate_design
    from bayes_ihlrt.trials.decisions import decide as decide
    from bayes_ihlrt.trials.design import TrialDesign as TrialDesign
    from bayes_ihlrt.trials.engine import LocalPool as LocalPool
    from bayes_ihlrt.trials.engine import open_pool as open_pool
    from bayes_ihlrt.trials.engine import run_trials as run_trials
    from bayes_ihlrt.trials.frames import Frames as Frames
    from bayes_ihlrt.trials.nuts_audit import PlanAudit as PlanAudit
    from bayes_ihlrt.trials.nuts_audit import audit_plan as audit_plan
    from bayes_ihlrt.trials.operating import OperatingCharacteristics as OperatingCharacteristics
    from bayes_ihlrt.trials.operating import operating_characteristics as operating_characteristics
    from bayes_ihlrt.trials.plan import PlanResult as PlanResult
    from bayes_ihlrt.trials.plan import run_plan as run_plan
    from bayes_ihlrt.trials.plan_spec import TrialPlan as TrialPlan
    from bayes_ihlrt.trials.replaying import Replay as Replay
    from bayes_ihlrt.trials.replaying import replay_trial as replay_trial
    from bayes_ihlrt.trials.rules import LookSpec as LookSpec
    from bayes_ihlrt.trials.rules import Rule as Rule
    from bayes_ihlrt.trials.scenario import ScenarioSpec as ScenarioSpec
    from bayes_ihlrt.trials.store import Store as Store
    from bayes_ihlrt.trials.truth import DesignPrior as DesignPrior
    from bayes_ihlrt.trials.units import Task as Task
else:
    _NAMES = {
        "DesignPrior": "bayes_ihlrt.trials.truth",
        "Frames": "bayes_ihlrt.trials.frames",
        "LocalPool": "bayes_ihlrt.trials.engine",
        "LookSpec": "bayes_ihlrt.trials.rules",
        "OperatingCharacteristics": "bayes_ihlrt.trials.operating",
        "PlanAudit": "bayes_ihlrt.trials.nuts_audit",
        "PlanResult": "bayes_ihlrt.trials.plan",
        "Replay": "bayes_ihlrt.trials.replaying",
        "Rule": "bayes_ihlrt.trials.rules",
        "SampleSize": "bayes_ihlrt.trials.calibration",
        "ScenarioSpec": "bayes_ihlrt.trials.scenario",
        "Simulated": "bayes_ihlrt.trials.calibration",
        "Store": "bayes_ihlrt.trials.store",
        "Task": "bayes_ihlrt.trials.units",
        "TrialDesign": "bayes_ihlrt.trials.design",
        "TrialPlan": "bayes_ihlrt.trials.plan_spec",
        "audit_plan": "bayes_ihlrt.trials.nuts_audit",
        "calibrate_threshold": "bayes_ihlrt.trials.calibration",
        "decide": "bayes_ihlrt.trials.decisions",
        "open_pool": "bayes_ihlrt.trials.engine",
        "operating_characteristics": "bayes_ihlrt.trials.operating",
        "replay_trial": "bayes_ihlrt.trials.replaying",
        "run_plan": "bayes_ihlrt.trials.plan",
        "run_trials": "bayes_ihlrt.trials.engine",
        "sample_size": "bayes_ihlrt.trials.calibration",
        "simulate_design": "bayes_ihlrt.trials.calibration",
    }
    __all__ = list(_NAMES)
    __getattr__, __dir__ = lazy_names(__name__, _NAMES)
