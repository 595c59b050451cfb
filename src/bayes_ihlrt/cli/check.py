"""`bayes-ihlrt check`."""

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Data, Json, Quiet, Seed, Spec
from bayes_ihlrt.cli.telling import console, print_json, told_plainly


@app.command()
def check(
    spec: Spec,
    data: Data,
    *,
    seed: Seed = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Check an analysis without fitting it."""
    with told_plainly():
        checked = analysis.check_analysis(*inputs.read(spec, data, seed))
        if as_json:
            print_json(checked.to_dict())
        elif not quiet:
            report.print_check(console(), checked)
