"""The application that every command joins, and its version."""

from typing import Annotated

import typer

from bayes_ihlrt import analysis

app = typer.Typer(
    help="Bayesian survival models for a treatment that starts during follow-up.",
    epilog="Start with `bayes-ihlrt demo`, then `bayes-ihlrt init my-analysis`.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(*, wanted: bool) -> None:
    if wanted:
        found = analysis.versions()
        own = found.pop("bayes-ihlrt")
        libraries = "\n".join(f"  {name} {number}" for name, number in found.items())
        typer.echo(f"bayes-ihlrt {own}\n{libraries}")
        raise typer.Exit


@app.callback()
def common(
    *,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print versions and stop."
        ),
    ] = False,
) -> None:
    """Bayesian survival models for a treatment that starts during follow-up."""
