"""`bayes-ihlrt protocol`: the target trial of an analysis, before any fit."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cli import app as completing
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import (
    NOT_WRITTEN,
    Data,
    Json,
    Out,
    Overwrite,
    Quiet,
    Spec,
    app,
    console,
    print_json,
    say,
    told_plainly,
)

if TYPE_CHECKING:
    from bayes_ihlrt.analysis import check as analysis_check
    from bayes_ihlrt.methods import differences as methods_differences
    from bayes_ihlrt.methods import protocol as methods_protocol
    from bayes_ihlrt.report import protocol as report_protocol
    from bayes_ihlrt.results import files as results_files
    from bayes_ihlrt.spec import read as spec_read
else:
    analysis_check = lazy_module("bayes_ihlrt.analysis.check")
    methods_differences = lazy_module("bayes_ihlrt.methods.differences")
    methods_protocol = lazy_module("bayes_ihlrt.methods.protocol")
    report_protocol = lazy_module("bayes_ihlrt.report.protocol")
    results_files = lazy_module("bayes_ihlrt.results.files")
    spec_read = lazy_module("bayes_ihlrt.spec.read")


@app.command()
def protocol(
    spec: Spec,
    data: Data = None,
    *,
    against: Annotated[
        str | None,
        typer.Option(
            "--against",
            metavar="SPEC",
            help="Another specification, file or packaged name: tell in words what differs.",
            autocompletion=completing.specifications,
        ),
    ] = None,
    out: Out = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Tell the target trial that an analysis emulates, before any fit and blind to results."""
    with told_plainly(numbered=True):
        holding = report_protocol.PROTOCOLS
        with results_files.claimed_out(out, overwrite=overwrite, holding=holding):
            other = None if against is None else spec_read.load_spec(against)
            checked = analysis_check.check_analysis(*inputs.read(spec, data, None))
            found = methods_protocol.protocol_of(checked)
            compared = None
            if other is not None:
                rows = methods_differences.differences(checked.spec, other)
                compared = report_protocol.Compared(str(against), rows)
            written: tuple[Path, ...] = ()
            if out is not None:
                written = report_protocol.write_protocol(found, out, compared=compared)
        if as_json:
            print_json(report_protocol.protocol_dict(found, compared))
        elif not quiet:
            report_protocol.print_protocol(console(), found, compared)
            files = ", ".join(map(str, written))
            say(f"Written: {files}" if files else NOT_WRITTEN)
