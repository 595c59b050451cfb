"""`bayes-ihlrt init`."""

from pathlib import Path
from typing import Annotated

import typer

from bayes_ihlrt import analysis
from bayes_ihlrt.cli.app import app
from bayes_ihlrt.cli.options import Json, Quiet
from bayes_ihlrt.cli.telling import print_json, say, told_plainly


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the new files.")],
    *,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed to write into the specification.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace these files.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the files that an analysis starts from."""
    with told_plainly():
        files = analysis.write_templates(folder, seed=seed, overwrite=overwrite)
        if as_json:
            print_json({"schema": 1, "written": [str(file) for file in files]})
        elif not quiet:
            specification, table, dictionary = files
            say(
                f"Written: {', '.join(map(str, files))}\n"
                f"Next: fill in {table} as {dictionary} explains, change {specification} to your "
                f"columns, then run\n"
                f"  bayes-ihlrt check {specification} --data {table}"
            )
