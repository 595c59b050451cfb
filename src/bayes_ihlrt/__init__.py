"""Bayesian survival models for a treatment that starts during follow-up.

Does the treatment prolong survival, and does its effect depend on a biomarker? See the README for a
first analysis. Names load their module on first use: importing the package costs neither PyMC nor
pandas.
"""

from typing import TYPE_CHECKING

from bayes_ihlrt._lazy import lazy_names

if TYPE_CHECKING:
    from bayes_ihlrt import clinical as clinical
    from bayes_ihlrt import hazards as hazards
    from bayes_ihlrt.data import datasets as datasets
    from bayes_ihlrt.data.cohort import Cohort as Cohort
    from bayes_ihlrt.data.cohort import load_cohort as load_cohort
    from bayes_ihlrt.data.schema import DataSpec as DataSpec
    from bayes_ihlrt.data.schema import TreatmentSpec as TreatmentSpec
    from bayes_ihlrt.data.simulate import SimulatedCohort as SimulatedCohort
    from bayes_ihlrt.data.simulate import simulate_cohort as simulate_cohort
    from bayes_ihlrt.designs import PersonTime as PersonTime
    from bayes_ihlrt.designs import person_time as person_time
    from bayes_ihlrt.errors import BayesIhlrtError as BayesIhlrtError
    from bayes_ihlrt.errors import ConvergenceError as ConvergenceError
    from bayes_ihlrt.errors import DataError as DataError
    from bayes_ihlrt.errors import Fault as Fault
    from bayes_ihlrt.errors import InputError as InputError
    from bayes_ihlrt.errors import MissingExtraError as MissingExtraError
    from bayes_ihlrt.errors import RefusedError as RefusedError
    from bayes_ihlrt.errors import SpecificationError as SpecificationError
    from bayes_ihlrt.inference.nuts import sample as sample
    from bayes_ihlrt.model.build import build_model as build_model
    from bayes_ihlrt.model.spec import ModelSpec as ModelSpec
    from bayes_ihlrt.priors import HazardRatioPrior as HazardRatioPrior
    from bayes_ihlrt.priors import MedianSurvivalPrior as MedianSurvivalPrior
    from bayes_ihlrt.priors import Prior as Prior

    __version__: str
else:
    _NAMES = {
        "Cohort": "bayes_ihlrt.data.cohort",
        "load_cohort": "bayes_ihlrt.data.cohort",
        "DataSpec": "bayes_ihlrt.data.schema",
        "TreatmentSpec": "bayes_ihlrt.data.schema",
        "SimulatedCohort": "bayes_ihlrt.data.simulate",
        "simulate_cohort": "bayes_ihlrt.data.simulate",
        "PersonTime": "bayes_ihlrt.designs",
        "person_time": "bayes_ihlrt.designs",
        "BayesIhlrtError": "bayes_ihlrt.errors",
        "ConvergenceError": "bayes_ihlrt.errors",
        "DataError": "bayes_ihlrt.errors",
        "Fault": "bayes_ihlrt.errors",
        "InputError": "bayes_ihlrt.errors",
        "MissingExtraError": "bayes_ihlrt.errors",
        "RefusedError": "bayes_ihlrt.errors",
        "SpecificationError": "bayes_ihlrt.errors",
        "sample": "bayes_ihlrt.inference.nuts",
        "build_model": "bayes_ihlrt.model.build",
        "ModelSpec": "bayes_ihlrt.model.spec",
        "HazardRatioPrior": "bayes_ihlrt.priors",
        "MedianSurvivalPrior": "bayes_ihlrt.priors",
        "Prior": "bayes_ihlrt.priors",
    }
    _MODULES = {
        "clinical": "bayes_ihlrt.clinical",
        "datasets": "bayes_ihlrt.data.datasets",
        "hazards": "bayes_ihlrt.hazards",
    }
    __all__ = list(_MODULES | _NAMES)
    _load, __dir__ = lazy_names(__name__, _NAMES, modules=_MODULES)

    def __getattr__(name: str) -> object:
        """Load a public name, or read the installed version."""
        if name == "__version__":
            from importlib.metadata import version

            return version("bayes-ihlrt")
        return _load(name)
