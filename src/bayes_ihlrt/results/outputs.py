"""What commands wrote, read as plain data; what does not belong together is refused."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from bayes_ihlrt.analysis.notes import NUMBERS
from bayes_ihlrt.errors import OPTION, Fault, InputError, SpecificationError
from bayes_ihlrt.results.files import MANIFEST, checksum
from bayes_ihlrt.schema.base import json_object
from bayes_ihlrt.schema.checks import ChecksFile
from bayes_ihlrt.schema.files import BRIEFS, RESULTS
from bayes_ihlrt.schema.others import ManifestFile
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.read import load_plan, load_spec
from bayes_ihlrt.storage.claims import finish
from bayes_ihlrt.storage.placing import MARK, in_motion


class Kind(StrEnum):
    """The command that wrote a result, and of what."""

    FIT = "fit"
    CAUSES = "fit-causes"
    LADDER = "ladder"
    SENSITIVITY = "sensitivity"
    PLAN = "plan"
    INTERIM = "interim"

    @property
    def command(self) -> str:
        """Name of the command: `fit` writes results of one event and of competing causes."""
        return "fit" if self is Kind.CAUSES else self.value


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
        Content of ``report.json``.
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
    def engine(self) -> str:
        """What drew the posterior of a fit; of competing causes one engine draws all."""
        first = self.result["causes"][0] if self.kind is Kind.CAUSES else self.result
        return str(first["diagnostics"]["engine"])

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
        external = self.result.get("external")
        if isinstance(external, Mapping):
            cohorts.append(external)
        others = bool(self.result.get("external_synthetic"))
        return others or any(cohort["synthetic"] for cohort in cohorts)


def computed(rows: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the rows of a plan's result that have numbers.

    Parameters
    ----------
    rows : iterable of mapping
        ``results`` of ``result.json`` or of one of its curves.

    Returns
    -------
    list of mapping
        Without those that could not be computed.
    """
    return [row for row in rows if row.get("not_computed") is None]


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
        """Whether any output analyses patients of a cohort, as against those of trials."""
        return any(output.kind not in OF_TRIALS for output in self.outputs)


_AGAIN: Final = "Run the command again"
_TRIES: Final = 5
_TELLS: Final = {
    Kind.FIT: "parameters",
    Kind.CAUSES: "causes",
    Kind.LADDER: "rungs",
    Kind.SENSITIVITY: "grid",
    Kind.PLAN: "results",
    Kind.INTERIM: "continuations",
}
"""The key of ``result.json`` that only one command writes."""
OF_TRIALS: Final = frozenset({Kind.PLAN, Kind.INTERIM})
"""What is specified by a plan of trials, not by an analysis of patients."""
_SPECIFICATION: Final = dict.fromkeys(OF_TRIALS, "plan.toml")
"""Where a specification is kept, other than in ``specification.toml``."""


def read_results(folder: Path, *, keep_identifiers: bool = False) -> Results:
    """Read the outputs of commands in a folder and in the folders directly in it.

    Parameters
    ----------
    folder : Path
        With a ``result.json``, or with folders that have one. A fit beside the checks of the
        same fit (specification, data, seed) is told once, by the folder of `diagnose`.
    keep_identifiers : bool
        Whether what is made of them may hold identifiers of patients.

    Returns
    -------
    Results
        At most one output of each command.

    Raises
    ------
    InputError
        With every fault: there is no result, a file is missing or not the one that was written,
        there are two outputs of one command, outputs describe different patients, or hold
        identifiers that are not to be kept.
    """
    places = _places(folder)
    faults: list[Fault] = []
    outputs = []
    for place in places:
        try:
            outputs.append(_read_whole(place))
        except InputError as error:
            faults += error.faults
    outputs = _without_diagnosed(outputs)
    faults += [*_cohorts(folder, outputs)] or [*_twice(outputs), *_changed(outputs)]
    if not keep_identifiers:
        faults += _identified(outputs)
    if faults:
        raise InputError(f"report of {folder}", faults)
    order = list(Kind)
    return Results(tuple(sorted(outputs, key=lambda output: order.index(output.kind))))


def summaries(results: Results) -> list[str]:
    """Return what each command told on the terminal.

    Parameters
    ----------
    results : Results
        Outputs of commands.

    Returns
    -------
    list of str
        In the order fit, ladder, sensitivity, plan.

    Raises
    ------
    InputError
        With every output that has no ``summary.txt``.
    """
    files = [output.folder / "summary.txt" for output in results.outputs]
    problem = "it is missing: it holds what the command told"
    remedy = "Run the command again, or lay the output out by `bayes-ihlrt report`"
    faults = [Fault(f"file {file}", problem, remedy) for file in files if not file.is_file()]
    if faults:
        raise InputError("show", faults)
    return [file.read_text("utf-8").rstrip() for file in files]


def _places(folder: Path) -> list[Path]:
    if not folder.is_dir():
        found = "it is a file" if folder.exists() else "it does not exist"
        fault = Fault(f"folder {folder}", found, "Name a folder that a command wrote")
        raise InputError("report", [fault])
    inside = sorted(path for path in folder.iterdir() if path.is_dir() and MARK not in path.name)
    for place in (folder, *inside):
        finish(place, "report")
    places = [place for place in (folder, *inside) if (place / "result.json").is_file()]
    if not places:
        remedy = "Name a folder that `fit`, `ladder`, `sensitivity` or `plan` wrote"
        fault = Fault(f"folder {folder}", "no result.json in it, nor in a folder in it", remedy)
        raise InputError("report", [fault])
    return places


def _read_whole(place: Path) -> Output:
    """Read one output; again where another command put the next one in its place meanwhile."""
    for _ in range(_TRIES):
        finish(place, "report")
        before = _seal_of(place)
        found: Output | InputError | FileNotFoundError
        try:
            found = _read(place)
        except (InputError, FileNotFoundError) as error:
            found = error
        if _seal_of(place) != before or in_motion(place):
            continue
        if isinstance(found, Output):
            return found
        raise found
    fault = Fault(f"folder {place}", "it changes while it is read", "Wait until it does not")
    raise InputError("report", [fault])


def _seal_of(place: Path) -> tuple[int, int] | None:
    """Tell one manifest from the next."""
    try:
        about = (place / MANIFEST).stat()
    except FileNotFoundError:
        return None
    return about.st_ino, about.st_mtime_ns


def _read(place: Path) -> Output:
    result = json_object(place / "result.json", "report")
    kinds = [kind for kind, key in _TELLS.items() if key in result]
    if len(kinds) != 1 or result.get("schema") != 1:
        keys = ", ".join(sorted(result)[:8])
        problem = f"it is no result of a known command, schema 1 (found: {keys})"
        raise InputError("report", [Fault(f"file {place / 'result.json'}", problem, _AGAIN)])
    check_manifest(place, "report")
    kind = kinds[0]
    brief, checks = place / "report.json", place / "checks.json"
    specification = place / _SPECIFICATION.get(kind, "specification.toml")
    lacking = [file for file in (specification, brief) if not file.is_file()]
    if faults := [Fault(f"file {file}", "it is missing", _AGAIN) for file in lacking]:
        raise InputError("report", faults)
    RESULTS[kind].check(result, place / "result.json", "report")
    output = Output(
        kind=kind,
        folder=place,
        result=result,
        brief=BRIEFS[kind].read(brief, "report"),
        checks=ChecksFile.read(checks, "report") if checks.is_file() else {},
        specification=specification.read_text("utf-8"),
        figures=tuple(sorted((place / "figures").glob("*.png"))),
        checksum=checksum(place / "result.json"),
    )
    _check_names(output)
    return output


def check_manifest(place: Path, subject: str) -> None:
    """Raise where a file of a result is not there, or is not the one that was written.

    Parameters
    ----------
    place : Path
        Folder of the result.
    subject : str
        What asks.

    Raises
    ------
    InputError
        With every such file.
    """
    manifest = place / MANIFEST
    if not manifest.is_file():
        problem = "it is missing: without it nobody can tell whether the files are of one run"
        raise InputError(subject, [Fault(f"file {manifest}", problem, _AGAIN)])
    sums: Mapping[str, str] = ManifestFile.read(manifest, subject)["sha256"]
    faults = []
    for name, expected in sums.items():
        file = place / name
        if not file.is_file():
            faults.append(Fault(f"file {file}", "it is missing", _AGAIN))
        elif checksum(file) != expected:
            problem = "it is not the file that was written with this result"
            remedy = "Restore the file, or run the command again"
            faults.append(Fault(f"file {file}", problem, remedy))
    if faults:
        raise InputError(subject, faults)


def _check_names(output: Output) -> None:
    """Result, brief and specification carry one name."""
    name = output.result["name"]
    named = {"report.json": output.brief["name"]}
    if output.checks:
        named["checks.json"] = output.checks["name"]
    try:
        if output.kind in OF_TRIALS:
            named["plan.toml"] = output.plan.name
        else:
            named["specification.toml"] = output.spec.name
    except SpecificationError as error:
        raise InputError("report", error.faults) from error
    faults = [
        Fault(
            f"file {output.folder / file}",
            f"it belongs to '{found}', result.json to '{name}'",
            _AGAIN,
        )
        for file, found in named.items()
        if found != name
    ]
    if faults:
        raise InputError("report", faults)


def _without_diagnosed(outputs: Sequence[Output]) -> list[Output]:
    """Leave out a fit beside the checks of the same fit, whose folder holds the fit too."""
    diagnosed = [_run_of(output) for output in outputs if output.checks]
    return [
        output
        for output in outputs
        if output.kind is not Kind.FIT or output.checks or _run_of(output) not in diagnosed
    ]


def _run_of(output: Output) -> tuple[object, ...]:
    """What was run on which data with which seed."""
    fingerprint = None if output.data is None else output.data["fingerprint"]
    return output.specification, output.result["seed"], fingerprint


def _twice(outputs: Iterable[Output]) -> Iterator[Fault]:
    seen: dict[str, Path] = {}
    for output in outputs:
        command = output.kind.command
        if command in seen:
            problem = f"a second output of `{command}`, beside {seen[command]}"
            yield Fault(f"folder {output.folder}", problem, "Keep one of them, report them apart")
        seen.setdefault(command, output.folder)


def _identified(outputs: Iterable[Output]) -> Iterator[Fault]:
    """Outputs that call patients by their identifiers."""
    for output in outputs:
        if output.data is not None and output.data["patient_labels"] != NUMBERS:
            problem = "its files call patients by the identifiers of the data file"
            remedy = f"Make the result again without them, or give {OPTION} to pass them on"
            where = f"folder {output.folder}"
            yield Fault(where, problem, remedy, option="keep_identifiers=True")


def _cohorts(folder: Path, outputs: Iterable[Output]) -> Iterator[Fault]:
    """Outputs with a cohort are of one: told by what lies where."""
    groups: dict[str, list[str]] = {}
    for output in outputs:
        if output.data is not None:
            place = output.folder.name if output.folder != folder else "itself"
            groups.setdefault(output.data["follow_up"], []).append(place)
    if len(groups) > 1:
        lists = "; ".join(" with ".join(places) for places in groups.values())
        problem = f"{len(groups)} cohorts (patients, times or events differ) have outputs in it: "
        remedy = (
            "A report is of one cohort: name one of these folders, or give the outputs of each "
            "cohort a folder of their own"
        )
        yield Fault(f"folder {folder}", problem + lists, remedy)


def _changed(outputs: Iterable[Output]) -> Iterator[Fault]:
    """Outputs of one analysis are of the same data, covariates included."""
    known = [(output, output.data) for output in outputs if output.data is not None]
    for output, data in known[1:]:
        first, reference = known[0]
        found, expected = data["fingerprint"], reference["fingerprint"]
        if output.result["name"] == first.result["name"] and found != expected:
            yield Fault(
                f"folder {output.folder}",
                f"its data are not those of {first.folder} (fingerprints {found[:12]} and "
                f"{expected[:12]})",
                "Run both on the same data, or report them apart",
            )
