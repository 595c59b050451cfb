"""`bayes-ihlrt ladder`."""

from pathlib import Path

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Data, Json, KeepIdentifiers, Out, Overwrite, Quiet, Seed, Spec
from bayes_ihlrt.cli.telling import console, print_json, told_plainly


@app.command()
def ladder(
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
    """Compare designs on one cohort, from ever against never treated upward."""
    with told_plainly(numbered=not keep_identifiers):
        if out is not None:
            report.check_folder(out, overwrite=overwrite)
        where = inputs.where(keep=keep_identifiers)
        read, cohort = inputs.read(spec, data, seed, identifiers=where)
        with report.Stages(quiet=quiet) as stages:
            stages.tell("loading the samplers")
            result = analysis.bias_ladder(read, cohort, stage=stages.tell)
            written: tuple[Path, ...] = ()
            if out is not None:
                stages.tell("drawing and writing")
                written = report.write_ladder(result, out)
        if as_json:
            print_json(result.to_dict())
        elif not quiet:
            report.print_ladder(console(), result, written=written)
