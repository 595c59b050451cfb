"""`bayes-ihlrt check`."""

from bayes_ihlrt import analysis, report
from bayes_ihlrt.cli import inputs
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Data, Json, KeepIdentifiers, Quiet, Seed, Spec
from bayes_ihlrt.cli.telling import console, print_json, told_plainly
from bayes_ihlrt.names import Identifiers


@app.command()
def check(
    spec: Spec,
    data: Data,
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
        checked = analysis.check_analysis(*inputs.read(spec, data, seed, identifiers=told))
        if as_json:
            print_json(checked.to_dict())
        elif not quiet:
            report.print_check(console(), checked)
