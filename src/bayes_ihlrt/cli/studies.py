"""`bayes-ihlrt ladder` and `sensitivity`: one cohort under other designs and other assumptions."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import (
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
    print_json,
    tell_answer,
    tell_incomplete,
    told_plainly,
)

if TYPE_CHECKING:
    from bayes_ihlrt.ladder import figure as ladder_figure
    from bayes_ihlrt.ladder import run as ladder_run
    from bayes_ihlrt.report import answers as report_answers
    from bayes_ihlrt.report import ladder as report_ladder
    from bayes_ihlrt.report import studies as report_studies
    from bayes_ihlrt.report import terminal as report_terminal
    from bayes_ihlrt.results import files as report_files
    from bayes_ihlrt.sensitivity import study as sensitivity_study
else:
    ladder_figure = lazy_module("bayes_ihlrt.ladder.figure")
    ladder_run = lazy_module("bayes_ihlrt.ladder.run")
    report_files = lazy_module("bayes_ihlrt.results.files")
    report_answers = lazy_module("bayes_ihlrt.report.answers")
    report_ladder = lazy_module("bayes_ihlrt.report.ladder")
    report_studies = lazy_module("bayes_ihlrt.report.studies")
    report_terminal = lazy_module("bayes_ihlrt.report.terminal")
    sensitivity_study = lazy_module("bayes_ihlrt.sensitivity.study")


@app.command()
def ladder(  # noqa: PLR0913 - one an option of the command line
    spec: Spec,
    data: Data = None,
    *,
    cause: Annotated[
        str | None,
        typer.Option(help="Of competing causes the one to compare, the others being censored."),
    ] = None,
    out: Out = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    tables: Tables = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Compare designs on one cohort, from ever against never treated upward."""
    with (
        told_plainly(numbered=not keep_identifiers),
        report_files.claimed_out(out, overwrite=overwrite),
    ):
        where = inputs.where(keep=keep_identifiers)
        read, cohort = inputs.read(spec, data, seed, identifiers=where)
        with report_terminal.Stages(quiet=quiet) as stages:
            stages.tell("loading the samplers")
            result = ladder_run.bias_ladder(read, cohort, cause=cause, stage=stages.tell)
            written: tuple[Path, ...] = ()
            if out is not None:
                stages.tell("drawing and writing")
                written = report_ladder.write_ladder(result, out)
        tell_incomplete(ladder_figure.ladder_incomplete(result), silent=as_json or quiet)
        if as_json:
            print_json(result.to_dict())
        elif not quiet:
            every = partial(report_ladder.print_ladder, result=result) if tables else None
            tell_answer(report_answers.ladder_answer(result), every, written, out)


@app.command()
def sensitivity(  # noqa: PLR0913 - one an option of the command line
    spec: Spec,
    data: Data = None,
    *,
    out: Out = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    tables: Tables = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Tell what the conclusion depends on: priors, confounding, structure."""
    with (
        told_plainly(numbered=not keep_identifiers),
        report_files.claimed_out(out, overwrite=overwrite),
    ):
        where = inputs.where(keep=keep_identifiers)
        read, cohort = inputs.read(spec, data, seed, identifiers=where)
        with report_terminal.Stages(quiet=quiet) as stages:
            result = sensitivity_study.sensitivity_study(read, cohort, stage=stages.tell)
            written = report_studies.write_sensitivity(result, out) if out is not None else ()
        tell_incomplete(result.incomplete, silent=as_json or quiet)
        if as_json:
            print_json(result.to_dict())
        elif not quiet:
            every = partial(report_studies.print_sensitivity, result=result) if tables else None
            tell_answer(report_answers.sensitivity_answer(result), every, written, out)
