"""The application that every command joins, and its version."""

from importlib.metadata import version
from typing import Annotated

import typer

app = typer.Typer(
    help="Bayesian survival models for a treatment that starts during follow-up.",
    epilog="Start with `bayes-ihlrt demo`, then `bayes-ihlrt init my-analysis`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        typer.echo(f"bayes-ihlrt {version('bayes-ihlrt')}")
        raise typer.Exit


@app.callback()
def common(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
        ),
    ] = False,
) -> None:
    """Bayesian survival models for a treatment that starts during follow-up."""
