"""Finished units on disk: written whole or not at all, found again by a later run."""

import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from bayes_ihlrt.trials.units import Statistics

FOLDER: Final = "trials"
"""Where finished units lie below a plan's folder."""


@dataclass(frozen=True)
class Store:
    """A folder of finished units.

    Parameters
    ----------
    folder : Path
        Made when the first unit is written.
    """

    folder: Path

    def path(self, fingerprint: str, unit: int) -> Path:
        """Return the file of a unit."""
        return self.folder / fingerprint / f"{unit:06d}.npz"

    def read(self, fingerprint: str, unit: int) -> Statistics | None:
        """Return a finished unit, or None where there is none that can be read.

        Parameters
        ----------
        fingerprint : str
            Of the task.
        unit : int
            Number of the unit.

        Returns
        -------
        dict of str to ndarray or None
            Its statistics.
        """
        path = self.path(fingerprint, unit)
        if not path.is_file():
            return None
        try:
            with np.load(path, allow_pickle=False) as found:
                return {name: found[name] for name in found.files}
        except (zipfile.BadZipFile, EOFError, ValueError, KeyError):
            # A disk that lost power may leave a torn file; the unit is simulated again.
            return None

    def write(self, fingerprint: str, unit: int, found: Statistics) -> None:
        """Write a finished unit.

        Parameters
        ----------
        fingerprint : str
            Of the task.
        unit : int
            Number of the unit.
        found : dict of str to ndarray
            Its statistics.
        """
        path = self.path(fingerprint, unit)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.stem}.{os.getpid()}.npz")
        with unfinished.open("wb") as file:
            np.savez(file, **found)  # type: ignore[arg-type]  # stub takes names for options
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(path)
