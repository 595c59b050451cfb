"""The sensitivity study of an analysis: one data set, everything else in question."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import xarray as xr

from bayes_ihlrt.analysis.check import CheckedAnalysis, CohortSource, check_analysis
from bayes_ihlrt.analysis.external import CheckedExternal
from bayes_ihlrt.analysis.fit import versions
from bayes_ihlrt.analysis.notes import data_summary
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError
from bayes_ihlrt.files.messages import counted
from bayes_ihlrt.model.prepared import prepare
from bayes_ihlrt.names import Adjustment, DesignKind
from bayes_ihlrt.parts import Failure, attempted, known, listed, missing, nothing_left
from bayes_ihlrt.plain import Shown, short_repr
from bayes_ihlrt.sensitivity.audit import audit_grid
from bayes_ihlrt.sensitivity.cells import CellFits
from bayes_ihlrt.sensitivity.confounding import SUMMARY, Effect, confounding
from bayes_ihlrt.sensitivity.decisions import CheckResult
from bayes_ihlrt.sensitivity.external import borrow
from bayes_ihlrt.sensitivity.latent import latent_confounding
from bayes_ihlrt.sensitivity.negative_control import checked_control, negative_control
from bayes_ihlrt.sensitivity.parts import Study, grid, measured_effect
from bayes_ihlrt.sensitivity.power import power_scaling
from bayes_ihlrt.sensitivity.published import published_priors
from bayes_ihlrt.sensitivity.structure import structure
from bayes_ihlrt.sensitivity.tipping import tipping_points
from bayes_ihlrt.sensitivity.words import about_answers, verdict
from bayes_ihlrt.spec.analysis import AnalysisSpec

type Stage = Callable[[str], None]
TITLES: Final[Mapping[str, str]] = {
    "grid": "Priors",
    "audit": "Check of the approximation",
    "power_scaling": "Power-scaling",
    "tipping": "Tipping points",
    "evidence": "Published effects as priors",
    "confounding": "Unmeasured confounding",
    "latent": "A latent confounder in the model",
    "negative_control": "Negative control",
    "external": "Patients from elsewhere",
    "structure": "Structure",
}
"""What each study is called, in the order in which they are told."""


APART: Final = (
    "External controls are borrowed in the study of patients from elsewhere alone: all else here "
    "is of the cohort's own patients, and differs so far from `fit`."
)


@short_repr("checked", "incomplete")
@dataclass(frozen=True, eq=False)
class SensitivityResult(Shown):
    """What the conclusion of an analysis depends on.

    Parameters
    ----------
    checked : CheckedAnalysis
        Specification and data.
    checks : mapping of str to CheckResult
        Studies by name, in the order of `TITLES`.
    confounding : dict
        The part of ``result.json`` of this name.
    failed : mapping of str to Failure
        Studies that could not be done at all.

    Examples
    --------
    What is missing of studies none of which failed, whatever was checked:

    >>> SensitivityResult(checked=None, checks={}, confounding={}).failures
    ()
    """

    checked: CheckedAnalysis
    checks: Mapping[str, CheckResult]
    confounding: dict[str, Any]
    failed: Mapping[str, Failure] = field(default_factory=dict)

    @property
    def failures(self) -> tuple[Failure, ...]:
        """Studies, and choices within studies, that could not be computed."""
        lost = [
            replace(each, part=f"{name}: {each.part}")
            for name, check in self.checks.items()
            for each in check.lost
        ]
        return (*self.failed.values(), *lost)

    @property
    def incomplete(self) -> tuple[str, ...]:
        """What is missing, in a sentence or two; empty where nothing is."""
        asked = len(self.checks) + len(self.failed)
        named = [replace(each, part=TITLES[name]) for name, each in self.failed.items()]
        told = missing(named, asked, "studies")
        for name, check in self.checks.items():
            if check.lost:
                many = counted(len(check.lost), "choice is", "choices are")
                told += (f"INCOMPLETE: of the study '{TITLES[name]}' {many} missing.",)
        return told

    @property
    def spec(self) -> AnalysisSpec:
        """The specification."""
        return self.checked.spec

    @property
    def synthetic(self) -> bool:
        """Whether the data were simulated, be it those of external controls."""
        return self.checked.synthetic

    @property
    def summary(self) -> tuple[str, ...]:
        """What the conclusion depends on, in a few sentences."""
        answers, careful = self.told
        return (*self.incomplete, *answers, *careful)

    @property
    def told(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The answer to each question with what it depends on, and what is to be known beside."""
        found, count = verdict(self.spec, self.checks, self.failed), about_answers(self.checks)
        apart = () if self.spec.external is None else (APART,)
        return found[:count], (*apart, *found[count:])

    @property
    def tree(self) -> xr.DataTree:
        """The numbers of every study, one group each."""
        tree = xr.DataTree.from_dict({name: check.data for name, check in self.checks.items()})
        tree.attrs = {
            "specification": self.spec.to_toml(),
            "seed": self.spec.sampler.seed,
            "data_fingerprint": self.checked.cohort.fingerprint,
            "synthetic": int(self.synthetic),
        }
        return tree

    def to_dict(self) -> dict[str, Any]:
        """Return the content of ``result.json``: what was not done is None, never absent."""
        parts = {
            name: self.checks[name].to_list() if name in self.checks else None
            for name in TITLES
            if name not in {"confounding", "audit", "latent", "negative_control"}
        }
        audit = self.checks["audit"].rows[0] if "audit" in self.checks else None
        latent, control = (
            self.checks[name].to_list() if name in self.checks else None
            for name in ("latent", "negative_control")
        )
        others = self.checked.external
        return {
            "schema": 1,
            "name": self.spec.name,
            "versions": versions(),
            "seed": self.spec.sampler.seed,
            "data": data_summary(self.checked.cohort, self.checked.person_time),
            "threshold": self.spec.sensitivity.threshold,
            "summary": list(self.summary),
            **parts,
            "confounding": {**self.confounding, "latent": latent, "negative_control": control},
            "audit": audit if audit is None else dict(audit),
            "external_synthetic": None if others is None else others.synthetic,
            "failed": listed(self.failures),
        }


def sensitivity_study(
    spec: AnalysisSpec, data: CohortSource, *, stage: Stage | None = None
) -> SensitivityResult:
    """Refit an analysis under other priors, other confounding and other structure.

    Parameters
    ----------
    spec : AnalysisSpec
        With a treatment; ``[sensitivity]`` says what is changed.
    data : str, Path, Cohort, DataFrame or mapping
        Data file, name of a packaged data set, cohort, or columns in memory.
    stage : callable, optional
        Told what begins, in a few words.

    Returns
    -------
    SensitivityResult
        Numbers, tables and words.

    Raises
    ------
    DataError
        With every fault of the data.
    SpecificationError
        There is no treatment, or specification and data do not fit together.
    RefusedError
        The treatment effect is adjusted by a propensity, whose priors are not part of the study.
    BayesIhlrtError
        No study could be done.

    Examples
    --------
    >>> from bayes_ihlrt.spec.read import load_spec
    >>> try:
    ...     sensitivity_study(load_spec("hepatocellular"), "hepatocellular")
    ... except SpecificationError as error:
    ...     print(error.faults[0].problem)
    there is none
    """
    tell = stage or _silent
    _check_study(spec)
    whole = check_analysis(spec, data)
    # Studies other than that of external controls are of the cohort's own patients.
    spec = whole.spec.model_copy(update={"external": None})
    checked = replace(whole, spec=spec, external=None)
    _check_further(spec)
    tell("building the model")
    study = Study(checked, prepare(spec.model, checked.person_time))
    done = _Done({}, {})
    tell("priors: a grid")
    fits = done.also("grid", lambda: grid(study)[::-1])
    if spec.sensitivity.audit:
        tell("priors: corners of the grid by NUTS")
        done.add("audit", lambda: audit_grid(study, known(fits)))
    _about_priors(study, tell, done)
    tell("unmeasured confounding")
    effect = fits if isinstance(fits, Failure) else _effect(study, fits)
    about = done.also("confounding", lambda: _confounding(study, known(effect)))
    _where_possible(study, effect, tell, done, external=whole.external)
    tell("structure: other hazards, covariates, designs and populations")
    done.add("structure", lambda: structure(spec, checked.cohort, study.prepared))
    if not done.checks:
        raise nothing_left(list(done.failed.values()))
    checks = {name: done.checks[name] for name in TITLES if name in done.checks}
    failed = {name: done.failed[name] for name in TITLES if name in done.failed}
    told = dict.fromkeys(SUMMARY) if isinstance(about, Failure) else about
    return SensitivityResult(whole, checks, told, failed)


def _effect(study: Study, fits: CellFits) -> Effect | Failure:
    return attempted("grid", lambda: measured_effect(study, fits))


def _confounding(study: Study, effect: Effect) -> tuple[CheckResult, dict[str, Any]]:
    seed = study.checked.spec.sampler.seed
    return confounding(effect, grid=study.confounders, prior=study.bias, seed=seed)


@dataclass(frozen=True)
class _Done:
    """Studies that are done, and those that could not be."""

    checks: dict[str, CheckResult]
    failed: dict[str, Failure]

    def add(self, name: str, study: Callable[[], CheckResult]) -> None:
        """Do a study, or keep why it cannot be done."""
        found = attempted(name, study)
        if isinstance(found, Failure):
            self.failed[name] = found
        else:
            self.checks[name] = found

    def also[T](self, name: str, study: Callable[[], tuple[CheckResult, T]]) -> T | Failure:
        """Do a study that leaves something for others; return that."""
        found = attempted(name, study)
        if isinstance(found, Failure):
            self.failed[name] = found
            return found
        self.checks[name] = found[0]
        return found[1]


def _about_priors(study: Study, tell: Stage, done: _Done) -> None:
    """Scale the priors, walk to the tipping points, and put published effects in their place."""
    prepared, rows = study.prepared, study.checked.person_time
    own, seed = study.checked.spec.sensitivity, study.checked.spec.sampler.seed
    size: dict[str, int] = {"draws": own.draws, "seed": seed}
    tell("power-scaling priors and likelihood")
    done.add("power_scaling", lambda: power_scaling(prepared, rows, wanted=study.wanted, **size))
    tell("tipping points")
    done.add(
        "tipping",
        lambda: tipping_points(prepared, rows, wanted=study.main, threshold=own.threshold, **size),
    )
    tell("published effects as priors")
    done.add(
        "evidence",
        lambda: published_priors(
            prepared,
            rows,
            study.selection,
            wanted=study.main,
            threshold=own.threshold,
            size=(own.draws, seed),
        ),
    )


def _where_possible(
    study: Study,
    effect: Effect | Failure,
    tell: Stage,
    done: _Done,
    *,
    external: CheckedExternal | None,
) -> None:
    """Run what needs a design that follows patients until treatment, or further data."""
    checked, own = study.checked, study.checked.spec.sensitivity
    if checked.person_time.provenance.design is DesignKind.SPLIT:
        tell("a latent confounder")
        done.add(
            "latent",
            lambda: latent_confounding(
                study.prepared,
                checked.person_time,
                study.latent,
                wanted=study.main,
                threshold=own.threshold,
                size=(own.draws, checked.spec.sampler.seed),
            ),
        )
    control = own.negative_control
    if control is not None:
        tell("a negative control")
        done.add(
            "negative_control",
            lambda: negative_control(checked.spec, control, control.data, effect=known(effect)),
        )
    if external is not None:
        tell("patients from elsewhere")
        done.add("external", lambda: borrow(checked, external, wanted=study.main))


def _check_further(spec: AnalysisSpec) -> None:
    """Read further data first: a wrong name is told before minutes of fitting."""
    control = spec.sensitivity.negative_control
    if control is not None:
        checked_control(spec, control, control.data)


def _check_study(spec: AnalysisSpec) -> None:
    if spec.treatment is None:
        remedy = "Add a [treatment] table; without one there is no effect to be sensitive"
        fault = Fault("[treatment]", "there is none", remedy)
        raise SpecificationError("sensitivity", [fault])
    propensity = spec.propensity
    if propensity is not None and propensity.adjust is not Adjustment.NONE:
        problem = (
            f"the effect is adjusted by '{propensity.adjust.value}', and the study refits the "
            "outcome model alone"
        )
        remedy = (
            "Set adjust = 'none' to study the outcome model, and compare adjustments with "
            "`bayes-ihlrt ladder`"
        )
        raise RefusedError("sensitivity", [Fault("[propensity] adjust", problem, remedy)])


def _silent(_: str) -> None:
    return None
