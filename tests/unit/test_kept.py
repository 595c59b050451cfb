"""The key that seals saved results: kept once, whole, and wherever a file can be written."""

import os
import stat

import pytest

from bayes_ihlrt.results import kept


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return the folder in which this test's user keeps a key."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    return tmp_path / "bayes_ihlrt"


def no_links(*_):
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("links", [True, False])
def test_a_key_is_made_once_and_kept(home, monkeypatch, links):
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    assert kept._key() is None
    made = kept._new_key()
    assert len(made) == 32
    assert kept._key() == made
    assert [each.name for each in home.iterdir()] == ["seal"]
    assert stat.S_IMODE((home / "seal").stat().st_mode) == 0o600


def test_what_a_killed_process_left_does_not_matter(home):
    home.mkdir()
    for name in ("seal", f"seal-{os.getpid()}"):
        (home / name).write_bytes(b"half")
    assert kept._key() is None
    assert kept._new_key() == kept._key() is not None


def test_the_key_of_a_process_that_was_first_counts(home, monkeypatch):
    link = os.link

    def late(new, place):
        place.write_bytes(bytes(32))
        link(new, place)

    monkeypatch.setattr(os, "link", late)
    assert kept._new_key() == bytes(32)
