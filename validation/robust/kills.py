"""Break writers at every operation that changes the file system, and look at what is left.

python -m validation.robust.kills            # every writer and fault, as JSON
python -m validation.robust.kills --quick    # `fit` killed and on a full disk, `init` killed

Each try is a process of its own, forked from this one, in which an audit hook counts the operations
(open to write, rename, remove, mkdir, rmdir, fsync) and breaks the one whose turn it is.
"""

import errno
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path

from bayes_ihlrt.errors import InputError
from bayes_ihlrt.storage.claims import abandon, claimed
from validation.robust.faults import FAULTS
from validation.robust.writers import NOTHING, WRITERS, Writer

_CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
_GROWS = {"os.mkdir", "open", "os.fsync"}
_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_KILLED, _TOLD, _STOPPED, _TRACEBACK = 9, 10, 130, 12
_MOST = 500


class _Turn:
    """Counts operations, and breaks one."""

    armed = False
    at = 0
    fault = ""
    count = 0

    def __call__(self, event: str, arguments: tuple[object, ...]) -> None:
        if not self.armed:
            return
        if event == "open":
            path, _, flags = arguments
            if not isinstance(flags, int) or not flags & _WRITING or path == os.devnull:
                return
        elif event not in _CHANGES and event != "os.fsync":
            return
        self.count += 1
        if self.fault == "full disk" and self.count >= self.at and event in _GROWS:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.count == self.at:
            self._break()

    def _break(self) -> None:
        if self.fault == "killed":
            os._exit(_KILLED)
        if self.fault == "interrupted":
            self.armed = False
            abandon(0.1)
            os._exit(_STOPPED)
        if self.fault == "KeyboardInterrupt":
            raise KeyboardInterrupt
        if self.fault == "one error":
            raise OSError(errno.EIO, os.strerror(errno.EIO))


TURN = _Turn()
_OWN_FSYNC = os.fsync


def _fsync(descriptor: int) -> None:
    TURN("os.fsync", ())
    _OWN_FSYNC(descriptor)


@dataclass(frozen=True)
class Row:
    """What came of one fault at every operation of one writer."""

    command: str
    case: str
    fault: str
    points: int
    found: dict[str, int]
    broken: tuple[str, ...]


def tried(writer: Writer, case: str, fault: str, base: Path) -> Row:
    """Break a writer at each of its operations in turn."""
    found: Counter[str] = Counter()
    broken: list[str] = []
    before = base / "before"
    # Whatever loads on first use is loaded before processes are forked.
    writer.write(before / "out", "old")
    writer.read(before / "out")
    shutil.rmtree(before)
    before.mkdir()
    if case == "overwrite":
        writer.write(before / "out", "old")
    earlier = NOTHING if case == "fresh" else "old"
    for at in range(1, _MOST):
        place = base / "try"
        shutil.copytree(before, place)
        status, count = _forked(writer, place / "out", fault, at)
        if count < at and status == 0:
            shutil.rmtree(place)
            break
        seen = _look(writer, place / "out", fault, status, earlier)
        found[seen] += 1
        if seen not in {earlier, "new"}:
            broken.append(f"operation {at}: {seen}")
        shutil.rmtree(place)
    shutil.rmtree(before)
    return Row(writer.name, case, fault, sum(found.values()), dict(found), tuple(broken))


def _forked(writer: Writer, out: Path, fault: str, at: int) -> tuple[int, int]:
    """Run a writer that is broken at one operation; return its status and the operations."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = _TRACEBACK
        try:
            TURN.fault, TURN.at, TURN.count, TURN.armed = fault, at, 0, True
            writer.write(out, "new")
            status = 0
        except InputError as error:
            status = _TOLD if len(error.faults) == 1 else _TRACEBACK
        except KeyboardInterrupt:
            status = _STOPPED
        except BaseException:  # noqa: BLE001 - a traceback is what is looked for
            traceback.print_exc()
        finally:
            TURN.armed = False
            os.write(writing, str(TURN.count).encode())
            os._exit(status)
    os.close(writing)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    count = int(os.read(reading, 20) or at)
    os.close(reading)
    return status, count


def _look(writer: Writer, out: Path, fault: str, status: int, earlier: str) -> str:
    """Return what a reader sees, or what is wrong with it, or with the next writer."""
    if status == _TRACEBACK:
        return "traceback"
    try:
        seen = writer.read(out)
        if status == 0 and seen != "new":
            return f"said to be written, and {seen} is seen"
        if status == _TOLD and fault == "full disk" and seen != earlier:
            return f"a full disk, and {seen} is seen"
        writer.write(out, "next")
        after = writer.read(out)
    except Exception as error:  # noqa: BLE001 - whatever a reader or writer says is the finding
        return f"refused: {type(error).__name__}: {error}"
    if after != "next":
        return f"the next writer wrote, and {after} is seen"
    if left := [path.name for path in out.rglob(".unfinished*")]:
        return f"left: {left}"
    return seen


def _is_quick(writer: Writer, fault: str) -> bool:
    asked = {(WRITERS[0].name, "killed"), (WRITERS[0].name, "full disk"), ("init", "killed")}
    return (writer.name, fault) in asked


def two_writers(base: Path) -> str:
    """Return what the second of two writers is told, once while the first lives and once after."""
    writer, out = WRITERS[0], base / "out"
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with claimed(out):
            os.write(writing, b"1")
            time.sleep(60)
        os._exit(0)
    os.read(reading, 1)
    told = ""
    try:
        writer.write(out, "new")
    except InputError as error:
        told = str(error.faults[0]).replace(str(base), "")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    writer.write(out, "new")
    return told if writer.read(out) == "new" else "the lock outlived its process"


def main(*, quick: bool) -> None:
    """Print rows as JSON."""
    sys.dont_write_bytecode = True
    sys.addaudithook(TURN)
    os.fsync = _fsync
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for writer in WRITERS:
            for fault in FAULTS:
                if quick and not _is_quick(writer, fault):
                    continue
                for case in ("fresh", "overwrite"):
                    rows.append(asdict(tried(writer, case, fault, Path(folder))))
        second = two_writers(Path(folder))
    print(json.dumps({"rows": rows, "two writers": second}))


if __name__ == "__main__":
    main(quick="--quick" in sys.argv)
