"""`bayes-ihlrt sensitivity`."""

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Data, Json, KeepIdentifiers, Out, Overwrite, Quiet, Seed, Spec
from bayes_ihlrt.cli.telling import console, print_json, told_plainly


@app.command()
def sensitivity(
    spec: Spec,
    data: Data,
    *,
    out: Out = None,
    seed: Seed = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    as_json: Json = False,
    keep_identifiers: KeepIdentifiers = False,
) -> None:
    """Tell what the conclusion depends on: priors, confounding, structure."""
    with told_plainly(numbered=not keep_identifiers):
        if out is not None:
            report.check_folder(out, overwrite=overwrite)
        where = inputs.where(keep=keep_identifiers)
        read, cohort = inputs.read(spec, data, seed, identifiers=where)
        with report.Stages(quiet=quiet) as stages:
            result = analysis.sensitivity_study(read, cohort, stage=stages.tell)
            written = report.write_sensitivity(result, out) if out is not None else ()
        if as_json:
            print_json(result.to_dict())
        elif not quiet:
            report.print_sensitivity(console(), result, written=written)
