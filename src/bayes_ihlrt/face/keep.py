"""Results and specifications to disk and back, and the report of results."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bayes_ihlrt.analysis.cause_fit import CausesResult
from bayes_ihlrt.analysis.diagnose import Diagnosis
from bayes_ihlrt.analysis.fit import FitResult
from bayes_ihlrt.errors import Fault, InputError
from bayes_ihlrt.ladder.run import LadderResult
from bayes_ihlrt.posterior.store import load as read_draws
from bayes_ihlrt.report.checks import write_diagnosis
from bayes_ihlrt.report.html import write_report
from bayes_ihlrt.report.ladder import write_ladder
from bayes_ihlrt.report.plan_table import PLANS, write_plan
from bayes_ihlrt.report.studies import write_sensitivity
from bayes_ihlrt.report.writing import write_fit
from bayes_ihlrt.results.files import RESULTS, check_file, claimed_out
from bayes_ihlrt.results.kept import keeping, read_kept, warn_if_unsealed
from bayes_ihlrt.results.outputs import read_results
from bayes_ihlrt.sensitivity.study import SensitivityResult
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.catalogue import packaged_plans
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.read import document, load_plan, load_spec, read_text
from bayes_ihlrt.storage.claims import finish, replace_file
from bayes_ihlrt.trials.run import TrialPlanResult

_WRITERS: Final[Mapping[type, Callable[..., tuple[Path, ...]]]] = {
    FitResult: write_fit,
    CausesResult: write_fit,
    LadderResult: write_ladder,
    SensitivityResult: write_sensitivity,
    Diagnosis: write_diagnosis,
    TrialPlanResult: write_plan,
}


def save(result: object, path: str | Path, *, overwrite: bool = False) -> Path:
    """Write a result into a folder, or a specification into a TOML file.

    A folder holds what the command of the result writes with ``--out`` (numbers as JSON, draws,
    specification, figures), so that commands read it, and the result itself, which `load` reads
    back. That one holds the cohort, patients as numbers unless identifiers were kept: pass the
    folder on as you would the data.

    Parameters
    ----------
    result : FitResult, CausesResult, LadderResult, SensitivityResult, Diagnosis or another
        What a verb returned; or an `AnalysisSpec` or `TrialPlan`.
    path : str or Path
        The folder, made if it is not there; of a specification the file.
    overwrite : bool
        Replace an earlier result, or an earlier file.

    Returns
    -------
    Path
        The folder or the file.

    Raises
    ------
    InputError
        It is no result, or the place holds something else or cannot be written.

    Warns
    -----
    UnsealedWarning
        No key can be kept in your home: `load` will read the result only as trusted.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> import bayes_ihlrt as bi
    >>> spec = bi.load("heart")
    >>> with TemporaryDirectory() as folder:
    ...     bi.load(bi.save(spec, f"{folder}/heart.toml")) == spec
    True
    """
    place = _path("save", path)
    if isinstance(result, AnalysisSpec | TrialPlan):
        check_file(place, "save", overwrite=overwrite)
        text = result.to_toml()
        replace_file(place, lambda file: file.write_text(text, "utf-8"), "save")
        return place
    write = _writer("save", result)
    holding = PLANS if isinstance(result, TrialPlanResult) else RESULTS
    with claimed_out(place, overwrite=overwrite, holding=holding):
        warn_if_unsealed()
        write(result, place, also=keeping(result))
    return place


def load(source: str | Path, *, trusted: bool = False) -> Any:
    """Read a specification, a plan of trials, a result that was saved, or draws.

    Reading a result runs what its file says (it is a pickle), so that one which you did not save
    yourself on this machine is refused unless you say that you trust it.

    Parameters
    ----------
    source : str or Path
        A TOML file, the name of a packaged specification or plan, a folder that `save` wrote, or
        the draws of any command (``posterior.nc``).
    trusted : bool
        Read a result that another user or machine saved.

    Returns
    -------
    AnalysisSpec, TrialPlan, FitResult, CausesResult, LadderResult, ..., or xarray.DataTree
        The same specification or result; of draws their tree, dimensions ``chain, draw, ...``.

    Raises
    ------
    SpecificationError
        The file cannot be read, or with every fault of it.
    InputError
        The folder holds no saved result, not the one that was written, or another's.

    Examples
    --------
    >>> import bayes_ihlrt as bi
    >>> bi.load("heart").treatment.name, bi.load("fixed_os").design.patients
    ('transplant', 300)
    """
    place = _path("load", source)
    if place.suffix == ".nc" and place.is_file():
        return read_draws(place)
    if place.is_dir():
        finish(place, "load")
    result = (place / "result.json").is_file() or not (place / "specification.toml").is_file()
    if place.is_dir() and result:
        return read_kept(place, trusted=trusted)
    if place.is_file() and "design" in document(read_text(place), place.name):
        return load_plan(place)
    if not place.exists() and str(source) in packaged_plans():
        return load_plan(source)
    return load_spec(source)


def report(
    result: object, path: str | Path, *, overwrite: bool = False, keep_identifiers: bool = False
) -> Path:
    """Write results into one HTML file that needs no network.

    Parameters
    ----------
    result : FitResult, LadderResult, ... or sequence of these
        Results of one cohort, at most one of each verb.
    path : str or Path
        The HTML file.
    overwrite : bool
        Replace an earlier file.
    keep_identifiers : bool
        Whether the page may hold identifiers of patients, where the cohort kept them.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    InputError
        It is no result, results do not belong together, or the file exists or cannot be written.

    Examples
    --------
    >>> import bayes_ihlrt as bi
    >>> bi.report("primary", "liver.html")
    Traceback (most recent call last):
    bayes_ihlrt.errors.InputError: report: 1 fault
      - the result: it is of type str. Allowed: FitResult, CausesResult, LadderResult, ...
    """
    several = isinstance(result, Sequence) and not isinstance(result, str)
    results = list(result) if several else [result]  # type: ignore[call-overload]
    if not results:
        raise InputError("report", [Fault("the results", "there are none", "Give what `fit` gave")])
    writers = [_writer("report", each) for each in results]
    file = _path("report", path)
    check_file(file, "report", overwrite=overwrite)
    with TemporaryDirectory() as folder:
        for i, (write, each) in enumerate(zip(writers, results, strict=True), start=1):
            write(each, Path(folder) / f"result {i}")
        try:
            found = read_results(Path(folder), keep_identifiers=keep_identifiers)
        except InputError as error:
            told = [_of_results(fault, folder) for fault in error.faults]
            raise InputError("report", told) from None
        return write_report(found, file, overwrite=overwrite)


def _of_results(fault: Fault, folder: str) -> Fault:
    """Tell a fault of folders and of options as one of what `report` was given."""
    where, problem = (
        words.replace(f"folder {folder}{os.sep}", "")
        .replace(f"{folder}{os.sep}", "")
        .replace(f"folder {folder}", "the results")
        for words in (fault.where, fault.problem)
    )
    remedy = fault.remedy
    if "folder" in remedy:
        problem = problem.replace("have outputs in it", "have results")
        remedy = "A report is of one cohort: report those of each cohort apart"
    return replace(fault, where=where, problem=problem, remedy=remedy)


def _path(verb: str, given: object) -> Path:
    if isinstance(given, str | Path):
        return Path(given)
    fault = Fault("the path", f"it is of type {type(given).__name__}", "Give a path or a name")
    raise InputError(verb, [fault])


def _writer(verb: str, result: object) -> Callable[..., tuple[Path, ...]]:
    for kind, write in _WRITERS.items():
        if isinstance(result, kind):
            return write
    allowed = ", ".join(kind.__name__ for kind in _WRITERS)
    fault = Fault("the result", f"it is of type {type(result).__name__}", f"Allowed: {allowed}")
    raise InputError(verb, [fault])
