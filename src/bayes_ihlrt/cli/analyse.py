"""`bayes-ihlrt fit`, `demo`, `check` and `diagnose`: a single analysis."""

import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import (
    AllowNonconverged,
    Data,
    Json,
    KeepIdentifiers,
    Out,
    Overwrite,
    Quiet,
    Seed,
    Spec,
    Tables,
    app,
    console,
    print_json,
    tell_answer,
    tell_incomplete,
    tell_written,
    told_plainly,
)
from bayes_ihlrt.errors import Fault, InputError, OutputError
from bayes_ihlrt.names import Identifiers

if TYPE_CHECKING:
    from bayes_ihlrt.analysis import cause_fit as analysis_cause_fit
    from bayes_ihlrt.analysis import causes as analysis_causes
    from bayes_ihlrt.analysis import check as analysis_check
    from bayes_ihlrt.analysis import diagnose as analysis_diagnose
    from bayes_ihlrt.analysis.cause_fit import CausesResult
    from bayes_ihlrt.analysis.causes import CheckedCauses
    from bayes_ihlrt.analysis.check import CheckedAnalysis
    from bayes_ihlrt.analysis.diagnose import Diagnosis
    from bayes_ihlrt.analysis.fit import FitResult
    from bayes_ihlrt.cohort import read as cohort_read
    from bayes_ihlrt.cohort.load import Cohort
    from bayes_ihlrt.propensity import model as propensity_model
    from bayes_ihlrt.report import answers as report_answers
    from bayes_ihlrt.report import causes as report_causes
    from bayes_ihlrt.report import check_table as report_check_table
    from bayes_ihlrt.report import checks as report_checks
    from bayes_ihlrt.report import html as report_html
    from bayes_ihlrt.report import narrative as report_narrative
    from bayes_ihlrt.report import terminal as report_terminal
    from bayes_ihlrt.report import writing as report_writing
    from bayes_ihlrt.results import files as report_files
    from bayes_ihlrt.results import outputs as report_outputs
    from bayes_ihlrt.results import shared as results_shared
    from bayes_ihlrt.spec import external as spec_external
    from bayes_ihlrt.spec.analysis import AnalysisSpec
else:
    analysis_cause_fit = lazy_module("bayes_ihlrt.analysis.cause_fit")
    analysis_causes = lazy_module("bayes_ihlrt.analysis.causes")
    analysis_check = lazy_module("bayes_ihlrt.analysis.check")
    analysis_diagnose = lazy_module("bayes_ihlrt.analysis.diagnose")
    cohort_read = lazy_module("bayes_ihlrt.cohort.read")
    propensity_model = lazy_module("bayes_ihlrt.propensity.model")
    report_answers = lazy_module("bayes_ihlrt.report.answers")
    report_causes = lazy_module("bayes_ihlrt.report.causes")
    report_checks = lazy_module("bayes_ihlrt.report.checks")
    report_files = lazy_module("bayes_ihlrt.results.files")
    report_check_table = lazy_module("bayes_ihlrt.report.check_table")
    report_html = lazy_module("bayes_ihlrt.report.html")
    report_outputs = lazy_module("bayes_ihlrt.results.outputs")
    results_shared = lazy_module("bayes_ihlrt.results.shared")
    spec_external = lazy_module("bayes_ihlrt.spec.external")
    report_narrative = lazy_module("bayes_ihlrt.report.narrative")
    report_terminal = lazy_module("bayes_ihlrt.report.terminal")
    report_writing = lazy_module("bayes_ihlrt.report.writing")


@app.command()
def fit(  # noqa: PLR0913 - one an option of the command line
    spec: Spec,
    data: Data = None,
    *,
    out: Out = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    allow_nonconverged: AllowNonconverged = False,
    quiet: Quiet = False,
    tables: Tables = False,
    swimmer: Annotated[
        bool,
        typer.Option(
            "--swimmer",
            help="Draw every patient's own course as well, by number: it tells single patients' "
            "months, so ask where that may be passed on.",
        ),
    ] = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Fit an analysis and write its results."""
    if swimmer and out is None:
        with told_plainly():
            fault = Fault("--swimmer", "nothing is drawn without a folder", "Name one with --out")
            raise InputError("fit", [fault])
    with (
        told_plainly(numbered=not keep_identifiers),
        report_files.claimed_out(out, overwrite=overwrite),
    ):
        _fit(
            partial(inputs.read, spec, data, seed, identifiers=inputs.where(keep=keep_identifiers)),
            out,
            allow_nonconverged=allow_nonconverged,
            quiet=quiet,
            tables=tables,
            as_json=as_json,
            swimmer=swimmer,
        )


@app.command()
def demo(
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for results [default: demo, replaced]."),
    ] = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    tables: Tables = False,
    as_json: Json = False,
) -> None:
    """Fit the packaged synthetic cohort."""
    folder = out or Path("demo")
    replace = overwrite or out is None
    with told_plainly(), report_files.claimed_out(folder, overwrite=replace):
        _fit(
            partial(inputs.read, "primary", "ihlrt_synthetic", seed),
            folder,
            allow_nonconverged=False,
            quiet=quiet,
            tables=tables,
            as_json=as_json,
            page=True,
        )


def _fit(
    source: "Callable[[], tuple[AnalysisSpec, Cohort]]",
    out: Path | None,
    *,
    allow_nonconverged: bool,
    quiet: bool,
    tables: bool,
    as_json: bool,
    page: bool = False,
    swimmer: bool = False,
) -> None:
    read, cohort = source()
    if swimmer and read.data.causes:
        fault = Fault("--swimmer", "courses by cause of death are not drawn", "Leave it out")
        raise InputError("fit", [fault])
    checked = _checked(read, cohort)
    with report_terminal.Stages(quiet=quiet) as stages, warnings.catch_warnings():
        # The printed notes say it.
        warnings.simplefilter("ignore", cohort_read.SparseEventsWarning)
        warnings.simplefilter("ignore", propensity_model.SeparationWarning)
        stages.tell("loading the samplers")
        run = partial(analysis_cause_fit.run_either, allow_nonconverged=allow_nonconverged)
        result = run(checked, progress=stages.shows_progress, stage=stages.tell)
        # The answer first: figures and files take as long again.
        stages.rest()
        untold = _answer(result, quiet=quiet, tables=tables, as_json=as_json)
        written: tuple[Path, ...] = ()
        if out is not None:
            stages.tell("drawing and writing")
            written = _written(result, out, page=page, swimmer=swimmer)
    if untold is not None:
        raise untold
    if not quiet and not as_json:
        tell_written(written, out, page=page, tables=tables)


def _checked(read: "AnalysisSpec", cohort: "Cohort") -> "CheckedAnalysis | CheckedCauses":
    if read.data.causes:
        return analysis_causes.check_causes(read, cohort)
    return analysis_check.check_analysis(read, cohort)


def _answer(
    result: "FitResult | CausesResult",
    *,
    quiet: bool,
    tables: bool,
    as_json: bool,
) -> OutputError | None:
    """Print a result; where that fails, files can still be written."""
    try:
        if as_json:
            print_json(result.to_dict())
        elif not quiet:
            _tell(result, tables=tables)
        sys.stdout.flush()
    except OutputError as error:
        return error
    return None


def _tell(result: "FitResult | CausesResult", *, tables: bool) -> None:
    if isinstance(result, analysis_cause_fit.CausesResult):
        report_terminal.print_summary(console(tables=False), report_causes.cause_summary(result))
        if tables:
            report_causes.print_causes(console(), result)
        return
    report_terminal.print_summary(console(tables=False), report_narrative.fit_summary(result))
    if tables:
        report_terminal.print_fit(console(), result)


def _written(
    result: "FitResult | CausesResult", out: Path, *, page: bool, swimmer: bool
) -> tuple[Path, ...]:
    written = report_writing.write_fit(result, out, swimmer=swimmer)
    if not page:
        return written
    results = report_outputs.read_results(out)
    return (*written, report_html.write_report(results, out / "report.html", overwrite=True))


@app.command()
def check(
    spec: Spec,
    data: Data = None,
    *,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Check an analysis without fitting it."""
    with told_plainly(numbered=as_json and not keep_identifiers):
        # On the terminal faults name patients as their file does: somebody has to find the row.
        told = inputs.where(keep=keep_identifiers)
        if not (as_json or keep_identifiers):
            told = Identifiers.FAULTS
        checked = _checked(*inputs.read(spec, data, seed, identifiers=told))
        if as_json:
            print_json(checked.to_dict())
        elif not quiet:
            report_check_table.print_check(console(), checked)


@app.command()
def diagnose(  # noqa: PLR0913 - one an option of the command line
    spec: Spec,
    data: Data = None,
    *,
    out: Out = None,
    observed_from: Annotated[
        str | None,
        typer.Option(
            "--observed-from",
            metavar="COLUMN",
            help="Column with the time at which a patient came under observation, where the "
            "specification counts follow-up from an earlier time.",
        ),
    ] = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    tables: Tables = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Fit an analysis and check the model: predictions, residuals, influence, other hazards."""
    with (
        told_plainly(numbered=not keep_identifiers),
        report_files.claimed_out(out, overwrite=overwrite),
    ):
        where = inputs.where(keep=keep_identifiers)
        read, cohort = inputs.read(spec, data, seed, identifiers=where)
        spec_external.refuse_external(read.name, read.external, command="diagnose")
        checked = analysis_check.check_analysis(read, cohort)
        entry = _entry(read, inputs.named_data(spec, data), observed_from, where)
        with report_terminal.Stages(quiet=quiet) as stages, warnings.catch_warnings():
            # The printed notes of `fit` say it.
            warnings.simplefilter("ignore", cohort_read.SparseEventsWarning)
            warnings.simplefilter("ignore", propensity_model.SeparationWarning)
            shown, tell = stages.shows_progress, stages.tell
            result = results_shared.read_or_fit(checked, out, progress=shown, stage=tell)
            diagnosis = analysis_diagnose.diagnose(result, observed_from=entry, stage=tell)
            written = report_checks.write_diagnosis(diagnosis, out) if out is not None else ()
        _tell_diagnosis(diagnosis, written, out, quiet=quiet, tables=tables, as_json=as_json)


def _tell_diagnosis(
    diagnosis: "Diagnosis",
    written: tuple[Path, ...],
    out: Path | None,
    *,
    quiet: bool,
    tables: bool,
    as_json: bool,
) -> None:
    tell_incomplete(diagnosis.checks.incomplete, silent=as_json or quiet)
    if as_json:
        print_json(diagnosis.to_dict())
    elif not quiet:
        every = partial(report_checks.print_diagnosis, diagnosis=diagnosis) if tables else None
        tell_answer(report_answers.diagnosis_answer(diagnosis), every, written, out)


def _entry(
    spec: "AnalysisSpec", data: "str | Path", column: str | None, where: Identifiers
) -> dict[str, float] | None:
    if column is None:
        return None
    return analysis_diagnose.read_observed_from(spec, data, column, identifiers=where)
