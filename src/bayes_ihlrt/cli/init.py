"""`bayes-ihlrt init`: the files that an analysis starts from."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bayes_ihlrt._lazy import lazy_module
from bayes_ihlrt.cli.app import Json, Quiet, app, print_json, say, told_plainly
from bayes_ihlrt.errors import Fault, InputError

if TYPE_CHECKING:
    from bayes_ihlrt.cli import starting
    from bayes_ihlrt.spec import catalogue as spec_catalogue
else:
    starting = lazy_module("bayes_ihlrt.cli.starting")
    spec_catalogue = lazy_module("bayes_ihlrt.spec.catalogue")


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder for the new files.")],
    *,
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="Data file, to be recognised.")
    ] = None,
    every_key: Annotated[
        bool, typer.Option("--every-key", help="Write every key of a specification, explained.")
    ] = False,
    seed: Annotated[
        int | None, typer.Option("--seed", min=0, help="Seed to write into the specification.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace these files.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the files that an analysis starts from."""
    with told_plainly():
        if source is None:
            files = spec_catalogue.write_templates(
                folder, seed=seed, overwrite=overwrite, every_key=every_key
            )
            told = starting.next_step(files)
        elif every_key:
            fault = Fault("--every-key", "it does not go with --from", "Leave one of both out")
            raise InputError("init", [fault])
        else:
            ask = sys.stdin.isatty() and not (quiet or as_json)
            files, told = starting.start_from(folder, source, seed, overwrite=overwrite, ask=ask)
        if as_json:
            print_json({"schema": 1, "written": [str(file) for file in files]})
        elif not quiet:
            say(f"Written: {', '.join(map(str, files))}\n{told}")
