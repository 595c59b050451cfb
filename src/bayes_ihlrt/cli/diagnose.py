"""`bayes-ihlrt diagnose`."""

import warnings
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Data, Json, KeepIdentifiers, Out, Overwrite, Quiet, Seed, Spec
from bayes_ihlrt.cli.telling import console, print_json, told_plainly
from bayes_ihlrt.names import Identifiers

if TYPE_CHECKING:
    from bayes_ihlrt.analysis import AnalysisSpec


@app.command()
def diagnose(  # noqa: PLR0913 - one an option of the command line
    spec: Spec,
    data: Data,
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
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Fit an analysis and check the model: predictions, residuals, influence, other hazards."""
    with told_plainly(numbered=not keep_identifiers):
        if out is not None:
            report.check_folder(out, overwrite=overwrite)
        where = inputs.where(keep=keep_identifiers)
        read, cohort = inputs.read(spec, data, seed, identifiers=where)
        entry = _entry(read, data, observed_from, where)
        with report.Stages(quiet=quiet) as stages, warnings.catch_warnings():
            # The printed notes of `fit` say it.
            warnings.simplefilter("ignore", analysis.SparseEventsWarning)
            warnings.simplefilter("ignore", analysis.SeparationWarning)
            result = analysis.run_fit(
                read, cohort, progress=stages.shows_progress, stage=stages.tell
            )
            diagnosis = analysis.diagnose(result, observed_from=entry, stage=stages.tell)
            written = report.write_diagnosis(diagnosis, out) if out is not None else ()
        if as_json:
            print_json(diagnosis.to_dict())
        elif not quiet:
            report.print_diagnosis(console(), diagnosis, written=written)


def _entry(
    spec: "AnalysisSpec", data: str, column: str | None, where: Identifiers
) -> dict[str, float] | None:
    if column is None:
        return None
    return analysis.read_observed_from(spec, data, column, identifiers=where)
