"""What commands wrote, as plain data: one output a command, and those that belong together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from bayes_ihlrt.analysis.plan_reading import load_plan
from bayes_ihlrt.analysis.reading import load_spec
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.trials.plan_spec import TrialPlan


class Kind(StrEnum):
    """The command that wrote a result."""

    FIT = "fit"
    LADDER = "ladder"
    SENSITIVITY = "sensitivity"
    PLAN = "plan"


@dataclass(frozen=True)
class Output:
    """What one command wrote.

    Parameters
    ----------
    kind : Kind
        The command.
    folder : Path
        Where it lies.
    result : dict
        Content of ``result.json``.
    brief : dict
        Content of ``report.json``; empty where the command writes none.
    checks : dict
        Content of ``checks.json``; empty where the model was not checked.
    specification : str
        Text of ``specification.toml``, of a plan ``plan.toml``.
    figures : tuple of Path
        PNG files, by name.
    checksum : str
        SHA-256 of ``result.json``.
    """

    kind: Kind
    folder: Path
    result: Mapping[str, Any]
    brief: Mapping[str, Any]
    checks: Mapping[str, Any]
    specification: str
    figures: tuple[Path, ...]
    checksum: str

    @property
    def spec(self) -> AnalysisSpec:
        """The specification of an analysis of patients."""
        return load_spec(self.folder / "specification.toml")

    @property
    def plan(self) -> TrialPlan:
        """The specification of a plan of trials."""
        return load_plan(self.folder / "plan.toml")

    @property
    def data(self) -> Mapping[str, Any] | None:
        """Counts and fingerprints of the cohort; None where a command reads no cohort."""
        found: Mapping[str, Any] | None = self.result.get("data")
        return found

    @property
    def design_priors(self) -> Sequence[Mapping[str, Any]]:
        """Cohorts whose posterior is the truth of a plan's scenario; empty for other commands."""
        if self.kind is not Kind.PLAN:
            return ()
        found: Sequence[Mapping[str, Any]] = self.result["design_priors"]
        return found

    @property
    def synthetic(self) -> bool:
        """Whether any of the data that it rests on were simulated."""
        cohorts = [*([] if self.data is None else [self.data]), *self.design_priors]
        return any(cohort["synthetic"] for cohort in cohorts)


@dataclass(frozen=True)
class Results:
    """Outputs that belong together, at most one of each command.

    Parameters
    ----------
    outputs : tuple of Output
        In the order fit, ladder, sensitivity, plan.
    """

    outputs: tuple[Output, ...]

    def of(self, kind: Kind) -> Output | None:
        """Return what one command wrote.

        Parameters
        ----------
        kind : Kind
            The command.

        Returns
        -------
        Output or None
            None where it was not run.
        """
        return next((output for output in self.outputs if output.kind is kind), None)

    @property
    def first(self) -> Output:
        """The output that names the report."""
        return self.outputs[0]

    @property
    def synthetic(self) -> bool:
        """Whether any of the data were simulated."""
        return any(output.synthetic for output in self.outputs)

    @property
    def of_patients(self) -> bool:
        """Whether any output analyses patients, as against simulated trials."""
        return any(output.kind is not Kind.PLAN for output in self.outputs)
