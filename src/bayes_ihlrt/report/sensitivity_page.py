"""A sensitivity study on one page, and in a folder."""

from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bayes_ihlrt.analysis.sensitivity import TITLES, SensitivityResult
from bayes_ihlrt.analysis.sensitivity_datasets import sensitivity_figures
from bayes_ihlrt.inference.store import save
from bayes_ihlrt.report.files import Parts, write_json, write_parts
from bayes_ihlrt.report.writing import write_figures
from bayes_ihlrt.sensitivity.check import Row


def print_sensitivity(
    console: Console, result: SensitivityResult, *, written: Iterable[Path] = ()
) -> None:
    """Print what a conclusion depends on.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    result : SensitivityResult
        The study.
    written : iterable of Path
        Files that were written.
    """
    if result.synthetic:
        console.print(Text("Synthetic data: no patient is in them.", style="bold"))
    console.print(Text(f"{result.spec.name}: what the conclusion depends on", style="bold"))
    console.print()
    for sentence in result.summary:
        console.print(Text(sentence, style="bold"))
    console.print()
    for name, check in result.checks.items():
        console.print(Text(TITLES[name], style="bold"))
        if name == "grid":
            console.print(_grid(result))
        for sentence in check.sentences:
            console.print(Text(f"- {sentence}"))
        console.print()
    files = [str(path) for path in written]
    told = (
        "Written: " + ", ".join(files) if files else "Nothing was written: name a folder (--out)."
    )
    console.print(Text(told))


def write_sensitivity(result: SensitivityResult, out: Path) -> tuple[Path, ...]:
    """Write ``result.json``, the numbers, the specification and the figures.

    Parameters
    ----------
    result : SensitivityResult
        The study.
    out : Path
        Folder; made if it is not there.

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    parts: Parts = {
        "result.json": lambda file: write_json(result.to_dict(), file),
        "posterior.nc": lambda file: save(result.tree, file),
        "specification.toml": lambda file: file.write_text(result.spec.to_toml(), "utf-8"),
        "figures": lambda folder: write_figures(folder, lambda: sensitivity_figures(result)),
    }
    return write_parts(parts, out)


def _grid(result: SensitivityResult) -> Table:
    """Priors of the treatment, everything else as stated, in a small table."""
    data = result.checks["grid"].data
    treatment = "" if result.spec.treatment is None else result.spec.treatment.name
    cells = [row for row in result.checks["grid"].rows if set(row["priors"]) <= {treatment}]
    labels = list(dict.fromkeys(row["prior"] for row in cells))
    table = Table(box=None, pad_edge=False)
    table.add_column(f"prior of {treatment}")
    shown = [label for label in data["quantity"].to_numpy() if _is_main(str(label))]
    for label in shown:
        table.add_column(str(label), justify="right", no_wrap=True)
    for prior in labels:
        here = {_key(row): row for row in cells if row["prior"] == prior}
        table.add_row(
            prior.removeprefix(f"{treatment} "),
            *(
                f"{here[str(label)]['median']:+.2f}, P {here[str(label)]['probability']:.2f}"
                for label in shown
            ),
        )
    return table


def _cell(row: Row) -> str:
    return f"{row['median']:+.2f}, P {row['probability']:.2f}"


def _is_main(label: str) -> bool:
    return label.startswith(("log_hazard_ratio", "rmst_difference"))


def _key(row: Row) -> str:
    estimand, at = row["estimand"], row["at"]
    return str(estimand) if at is None else f"{estimand} at {at:g}"
