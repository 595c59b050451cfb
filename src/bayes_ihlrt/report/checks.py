"""The checks of a model on the terminal and in a folder."""

from pathlib import Path

from rich.console import Console

from bayes_ihlrt.analysis.diagnose import Diagnosis
from bayes_ihlrt.analysis.figures import figure_data
from bayes_ihlrt.report.answers import diagnosis_answer
from bayes_ihlrt.report.fit import verdict_table
from bayes_ihlrt.report.narrative import fit_summary
from bayes_ihlrt.report.terminal import print_fit, print_summary, print_tables
from bayes_ihlrt.report.writing import fit_parts, write_figures, write_summary
from bayes_ihlrt.results.files import NOTHING, Parts, write_parts
from bayes_ihlrt.schema.base import writes
from bayes_ihlrt.schema.checks import ChecksFile


def print_diagnosis(console: Console, diagnosis: Diagnosis) -> None:
    """Print the tables of a fit and the verdict of every check of it.

    Parameters
    ----------
    console : rich.console.Console
        Where to.
    diagnosis : Diagnosis
        What was found.
    """
    fitted = fit_summary(diagnosis.result)
    # The answer to the first question is printed already.
    print_summary(console, {"first": (), "parts": fitted["parts"][1:]})
    print_fit(console, diagnosis.result)
    print_tables(console, (verdict_table(diagnosis.to_dict()),))


def write_diagnosis(diagnosis: Diagnosis, out: Path, *, also: Parts = NOTHING) -> tuple[Path, ...]:
    """Write what `write_fit` writes, ``checks.json`` and the figures of the checks.

    Parameters
    ----------
    diagnosis : Diagnosis
        What was found.
    out : Path
        Folder; made if it is not there.
    also : mapping of str to callable
        What else is written with it; see `results.files.write_parts`.

    Returns
    -------
    tuple of Path
        Files that were written.

    Raises
    ------
    InputError
        The folder cannot be written.
    """
    result = diagnosis.result
    parts: Parts = {
        **fit_parts(result),
        "summary.txt": lambda file: write_summary(
            file, lambda console: print_summary(console, diagnosis_answer(diagnosis))
        ),
        "checks.json": writes(ChecksFile, diagnosis.to_dict),
        "figures": lambda folder: write_figures(
            folder, lambda: figure_data(result), lambda: diagnosis.figures
        ),
    }
    return write_parts({**parts, **also}, out)
