"""What the shell offers when a user presses Tab."""

from pathlib import Path

from bayes_ihlrt import analysis


def specifications(incomplete: str) -> list[str]:
    """Return the specifications that begin as typed: packaged ones, then files.

    Parameters
    ----------
    incomplete : str
        What was typed.

    Returns
    -------
    list of str
        Names, TOML files and folders.
    """
    return _offered(incomplete, analysis.packaged_specifications(), ".toml")


def data_sets(incomplete: str) -> list[str]:
    """Return the data sets that begin as typed: packaged ones, then files.

    Parameters
    ----------
    incomplete : str
        What was typed.

    Returns
    -------
    list of str
        Names, CSV files and folders.
    """
    return _offered(incomplete, analysis.packaged_data(), ".csv")


def folders(incomplete: str) -> list[str]:
    """Return the folders that begin as typed.

    Parameters
    ----------
    incomplete : str
        What was typed.

    Returns
    -------
    list of str
        Folders.
    """
    return _offered(incomplete, (), "")


def _offered(incomplete: str, names: tuple[str, ...], suffix: str) -> list[str]:
    """Names and paths; a folder ends in a slash, so that the next Tab goes into it."""
    found = [name for name in names if name.startswith(incomplete)]
    typed, _, start = incomplete.rpartition("/")
    folder = Path(typed or ("/" if incomplete.startswith("/") else "."))
    if not folder.is_dir():
        return found
    before = f"{typed}/" if "/" in incomplete else ""
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(start) or path.name.startswith("."):
            continue
        if path.is_dir():
            found.append(f"{before}{path.name}/")
        elif suffix and path.suffix == suffix:
            found.append(f"{before}{path.name}")
    return found
