"""Programs kept between processes: where, and that nothing about the folder can do harm."""

import os
import subprocess
import sys
from collections import namedtuple

import pytest

from bayes_ihlrt.batch import program_cache
from bayes_ihlrt.batch.program_cache import SWITCH, program_folder

COMPILE = """
import warnings
warnings.simplefilter("error")
from bayes_ihlrt.batch.program_cache import keep_programs
import jax
kept = keep_programs()
print(float(jax.jit(lambda x: x * 2.0 + 1.0)(3.0)), kept.path)
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(SWITCH, str(tmp_path / "kept"))
    return program_folder().path


def compiled(**environment):
    """Compile a small function in a new process; return what it gives."""
    told = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    command = [sys.executable, "-c", COMPILE]
    done = subprocess.run(
        command, env=told | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def entries(folder):
    return sorted(folder.glob("*-cache"))


def test_programs_are_kept_for_the_user_alone(folder):
    assert folder.stat().st_mode & 0o077 == 0
    assert compiled(**{SWITCH: str(folder.parent)}) == ["7.0", str(folder)]
    first = {entry: entry.stat().st_mtime_ns for entry in entries(folder)}
    assert first
    compiled(**{SWITCH: str(folder.parent)})
    assert {entry: entry.stat().st_mtime_ns for entry in entries(folder)} == first


def test_sums_of_saved_draws_are_kept_too(tmp_path):
    """They need double precision and no kernels, which nothing else of a report loads."""
    look = "import bayes_ihlrt.estimands.sums, jax; print(jax.config.jax_compilation_cache_dir)"
    told = {k: v for k, v in os.environ.items() if not k.startswith("JAX_")}
    command = [sys.executable, "-c", look]
    done = subprocess.run(
        command, env=told | {SWITCH: str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(str(tmp_path))


@pytest.mark.parametrize("word", ["off", "OFF", "0", "no"])
def test_keeping_can_be_switched_off(word, monkeypatch):
    monkeypatch.setenv(SWITCH, word)
    found = program_folder()
    assert found.path is None
    assert str(found) == f"not kept between runs: {SWITCH}={word}"
    assert compiled(**{SWITCH: word}) == ["7.0", "None"]


@pytest.mark.parametrize("content", [b"", b"no program", "half"])
def test_an_entry_that_was_cut_off_is_compiled_anew(folder, content):
    compiled(**{SWITCH: str(folder.parent)})
    whole = {entry: entry.read_bytes() for entry in entries(folder)}
    for entry, kept in whole.items():
        entry.write_bytes(kept[: len(kept) // 2] if content == "half" else content)
    assert compiled(**{SWITCH: str(folder.parent)})[0] == "7.0"
    if content != b"no program":
        # Without zlib's mark an entry is JAX's to judge, which ignores what it cannot read.
        assert all(len(entry.read_bytes()) > len(whole[entry]) // 2 for entry in entries(folder))


def test_two_processes_may_begin_at_once(folder):
    told = os.environ | {SWITCH: str(folder.parent)}
    command = [sys.executable, "-c", COMPILE]
    both = [
        subprocess.Popen(command, env=told, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        out, err = process.communicate()
        assert process.returncode == 0, err
        assert out.split()[0] == b"7.0"


def test_a_folder_that_cannot_be_made_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv(SWITCH, str(tmp_path / "file"))
    found = program_folder()
    assert found.path is None
    assert "cannot be written" in str(found)
    assert compiled(**{SWITCH: str(tmp_path / "file")}) == ["7.0", "None"]


def test_a_folder_that_others_can_write_is_not_trusted(folder):
    folder.chmod(0o777)
    assert "can be written by others, who could run code through it" in str(program_folder())


def test_a_full_disk_is_not_written_to(folder, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(program_cache.shutil, "disk_usage", lambda _: usage(10, 9, 1))
    found = program_folder()
    assert found.path is None
    assert "less than 200 MB left" in str(found)


def test_the_oldest_of_too_many_are_removed(folder, monkeypatch):
    monkeypatch.setattr(program_cache, "_MOST_BYTES", 250)
    for number in range(4):
        entry = folder / f"{number}-cache"
        entry.write_bytes(b"y" * 100)
        os.utime(entry, (number, number))
    program_cache._tidy(folder)
    assert [entry.name for entry in entries(folder)] == ["2-cache", "3-cache"]


def test_what_jax_was_told_stands(tmp_path):
    own = tmp_path / "own"
    assert compiled(JAX_COMPILATION_CACHE_DIR=str(own))[1] == str(own)
