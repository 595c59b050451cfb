"""Compiled programs kept between processes, in a folder of the user's cache.

What JAX compiles is machine code, so the folder belongs to the user alone and to one kind of
processor and version of JAX. Keeping is a convenience and never a condition: a folder that cannot
be made, written or trusted is not used, and an entry that a killed process or a full disk left
unfinished is compiled anew and removed when the next process starts.
"""

import hashlib
import os
import platform
import shutil
import stat
import warnings
import zlib
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

import platformdirs

SWITCH: Final = "BAYES_IHLRT_PROGRAMS"
"""Environment variable: another folder, or ``off``."""
_OFF: Final = frozenset({"off", "0", "no", "false"})
_CHECKED: Final = ".checked"
_ENTRY: Final = "*-cache"
_ZLIB: Final = b"\x78"
_LEAST_FREE: Final = 200_000_000
_MOST_BYTES: Final = 500_000_000


@dataclass(frozen=True)
class ProgramFolder:
    """Where programs are kept, or why they are not.

    Parameters
    ----------
    path : Path or None
        The folder; None where programs are not kept.
    problem : str
        Why not, in words; empty otherwise.
    stated : bool
        Whether the user has told JAX this folder, of which nothing was looked at.
    """

    path: Path | None
    problem: str = ""
    stated: bool = False

    @property
    def owned(self) -> Path | None:
        """The folder where it is this package's own, which nobody else can write."""
        return None if self.stated else self.path

    def __str__(self) -> str:
        """Tell it in one line."""
        if self.path is None:
            return f"not kept between runs: {self.problem}"
        return f"{self.path} (set {SWITCH}=off to keep none)"


def program_folder() -> ProgramFolder:
    """Return the folder of this user, processor and version of JAX, made if need be.

    Returns
    -------
    ProgramFolder
        Writable and not to be written by others; or the reason why there is none.
    """
    stated = os.environ.get(SWITCH, "").strip()
    if stated.lower() in _OFF:
        return ProgramFolder(None, f"{SWITCH}={stated}")
    root = Path(stated) if stated else Path(platformdirs.user_cache_dir("bayes_ihlrt"))
    path = root / f"programs-{version('jax')}-{_processor()}"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        free = shutil.disk_usage(path).free
        about = path.stat()
        (path / _CHECKED).touch()
    except OSError as error:
        return ProgramFolder(None, f"{path} cannot be written ({error.strerror or error})")
    if hasattr(os, "getuid") and (
        about.st_uid != os.getuid() or about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    ):
        return ProgramFolder(
            None, f"{path} can be written by others, who could run code through it"
        )
    if free < _LEAST_FREE:
        return ProgramFolder(None, f"{path} has less than {_LEAST_FREE // 10**6} MB left")
    return ProgramFolder(path)


def keep_programs() -> ProgramFolder:
    """Let JAX keep what it compiles, unless the user has told JAX itself where to.

    Returns
    -------
    ProgramFolder
        What is used from now on.
    """
    import jax  # `--version` asks for the folder without it

    if jax.config.jax_compilation_cache_dir:
        return ProgramFolder(Path(jax.config.jax_compilation_cache_dir), stated=True)
    found = program_folder()
    if found.path is None:
        return found
    _tidy(found.path)
    # An entry that cannot be read or written is compiled as if there were no folder.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation")
    settings = {
        "jax_compilation_cache_dir": str(found.path),
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    for name, value in settings.items():
        jax.config.update(name, value)  # type: ignore[no-untyped-call]
    return found


def _tidy(path: Path) -> None:
    """Remove entries that were cut off since the last look, and the oldest of too many."""
    stamp = path / f"{_CHECKED}-until"
    looked = stamp.stat().st_mtime if stamp.exists() else 0.0
    try:
        stamp.touch()
        ages = {entry: entry.stat() for entry in path.glob(_ENTRY)}
        fresh = [entry for entry, about in ages.items() if about.st_mtime >= looked - 1.0]
        for entry in [entry for entry in fresh if not _whole(entry.read_bytes())]:
            entry.unlink(missing_ok=True)
        total = sum(about.st_size for about in ages.values())
        for entry in sorted(ages, key=lambda entry: ages[entry].st_mtime):
            if total <= _MOST_BYTES:
                break
            total -= ages[entry].st_size
            entry.unlink(missing_ok=True)
    except OSError:
        # Another process tidies too; what is left is looked at by the next.
        return


def _whole(content: bytes) -> bool:
    """Whether an entry ends where it should; other compressions than zlib are left to JAX."""
    if not content:
        return False
    if content[:1] != _ZLIB:
        return True
    reader = zlib.decompressobj()
    try:
        reader.decompress(content)
    except zlib.error:
        return False
    return reader.eof


def _processor() -> str:
    """Return a name for what machine code depends on: instructions differ within one folder."""
    told = [platform.machine(), platform.processor()]
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines()
        told += [line for line in lines if line.startswith(("flags", "Features"))][:1]
    return hashlib.sha256("\n".join(told).encode()).hexdigest()[:12]
