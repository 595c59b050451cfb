"""Arguments and options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from bayes_ihlrt.cli import completing

Spec = Annotated[
    str,
    typer.Argument(
        metavar="SPEC",
        help="TOML file, or name of a packaged specification.",
        autocompletion=completing.specifications,
    ),
]
Data = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="CSV|NAME",
        help="CSV file, or name of a packaged data set.",
        autocompletion=completing.data_sets,
    ),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Folder for results; without it none are written."),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Seed, instead of that of the specification.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no tables.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier results.")]
KeepIdentifiers = Annotated[
    bool,
    typer.Option(
        "--keep-identifiers",
        help="Call patients by the identifiers of the data file, in what is written as well; "
        "without it they are numbered in the order of the file.",
    ),
]
AllowNonconverged = Annotated[
    bool,
    typer.Option("--allow-nonconverged", help="Report draws that did not converge, and say so."),
]
