"""Fixtures shared by all tests; those that examples in docstrings use as well are in the root."""

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# How long an example takes says how busy the machine is, not whether the code is right. A change
# is judged on the same examples as the one before it; others are drawn once a week.
settings.register_profile("same", deadline=None, derandomize=True)
settings.register_profile("others", deadline=None, derandomize=False)
settings.load_profile("same")


def pytest_make_parametrize_id(val, argname):
    """Name bytes by their argument: what they hold, such as a time in an archive, may differ."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture(scope="session")
def shared():
    """Return the folder of data that may not be shipped, beside the repository."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("the folder of data that may not be shipped is not here")
    return folder
