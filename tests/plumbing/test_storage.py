"""Writers that are killed, that fail, and that meet: what is seen afterwards is one result."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bayes_ihlrt.errors import InputError
from bayes_ihlrt.storage import claims
from bayes_ihlrt.storage.claims import claimed, finish, replace_file, replaced

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def broken():
    """Return what came of breaking writers at each operation, in processes of their own."""
    command = [sys.executable, "-W", "ignore", "-m", "validation.robust.kills", "--quick"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return json.loads(done.stdout)


def test_a_reader_sees_one_result_and_the_next_writer_writes(broken):
    faults = [
        f"{row['command']}, {row['case']}, {row['fault']}: {row['broken']}"
        for row in broken["rows"]
        if row["broken"]
    ]
    assert not faults
    assert sum(row["points"] for row in broken["rows"]) > 200


def test_every_fault_meets_both_sides_of_the_step_that_decides(broken):
    for row in broken["rows"]:
        assert set(row["found"]) == {"nothing" if row["case"] == "fresh" else "old", "new"}


def test_the_second_writer_is_told_and_a_dead_one_is_in_nobodys_way(broken):
    assert broken["two writers"] == (
        "folder /out: another command is writing to it. Wait until that has ended, or name another "
        "folder."
    )


def write(folder, text, **options):
    with replaced(folder, **options) as stage:
        (stage / "result.json").write_text(text)


def test_a_folder_that_stays_empty_is_not_left(tmp_path):
    with claimed(tmp_path / "deep" / "out"):
        assert (tmp_path / "deep" / "out").is_dir()
    assert list(tmp_path.iterdir()) == []


def test_another_thread_is_another_writer(tmp_path, monkeypatch):
    with claimed(tmp_path):
        monkeypatch.setattr(claims.threading, "get_ident", lambda: -1)
        with pytest.raises(InputError, match="another command is writing to it"), claimed(tmp_path):
            pass


def test_what_cannot_be_moved_away_stays_and_the_new_is_kept(tmp_path, monkeypatch):
    out = tmp_path / "out"
    write(out, "old")
    (out / "figures").mkdir()
    own = Path.rename

    def refuse(path, target):
        if path == out / "result.json":
            raise PermissionError(13, "Permission denied")
        return own(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(InputError, match=r"permission denied.*kept in .*out\.unfinished"):
        write(out, "new", replaces=["figures"], keep=True)
    assert {path.name for path in out.iterdir()} == {"result.json", "figures"}
    assert (out / "result.json").read_text() == "old"
    kept = tmp_path / "out.unfinished"
    assert {path.name: path.read_text() for path in kept.iterdir()} == {"result.json": "new"}


def test_a_reader_who_may_not_write_is_told_what_to_do(tmp_path, monkeypatch):
    (tmp_path / ".unfinished.placing").mkdir()

    def refuse(file):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(claims, "take_lock", refuse)
    with pytest.raises(InputError, match=r"cut off while .* Read it once as a user who may write"):
        finish(tmp_path, "report")


def test_leftovers_of_earlier_versions_are_removed(tmp_path):
    (tmp_path / ".unfinished-a1b2").mkdir()
    (tmp_path / "report.html.unfinished").write_text("half")
    (tmp_path / "mine.unfinished").write_text("of a user")
    write(tmp_path, "new")
    assert {path.name for path in tmp_path.iterdir()} == {"result.json", "mine.unfinished"}


def test_names_that_leave_the_folder_are_not_moved(tmp_path):
    whole = tmp_path / "out" / ".unfinished.whole"
    whole.mkdir(parents=True)
    (tmp_path / "precious").write_text("of a user")
    order = {"replaces": ["../precious", ".."], "last": None}
    (whole / ".unfinished.json").write_text(json.dumps(order))
    finish(tmp_path / "out", "report")
    assert (tmp_path / "precious").read_text() == "of a user"


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path):
    file = tmp_path / "report.html"
    replace_file(file, lambda path: path.write_text("old"))

    def half(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match="no space left on device"):
        replace_file(file, half)
    assert file.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]


def test_a_file_that_is_being_written_is_not_removed_by_the_writer_of_its_folder(tmp_path):
    def meanwhile(path):
        path.write_text("new")
        write(tmp_path, "result")

    replace_file(tmp_path / "report.html", meanwhile)
    assert (tmp_path / "report.html").read_text() == "new"
