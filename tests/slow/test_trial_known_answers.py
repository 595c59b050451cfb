"""Simulated trials against closed forms: the rows of docs/validation/trials.md."""

import pytest

import trial_known_answers as known


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rows", "count"),
    [
        (known.powers, 5),
        (known.errors, 3),
        (known.delayed, 1),
        (known.goldilocks, 4),
        (known.running, 2),
    ],
)
def test_simulated_trials_know_the_answer(rows, count):
    """Powers and assurance, type I errors, and the mean hazard ratio of a delayed effect,
    a published adaptive design, a published running trial."""
    found = {name: (one.estimate - exact) / one.mcse for name, one, exact in rows()}
    assert len(found) == count
    assert {name: z for name, z in found.items() if abs(z) >= 3.0} == {}
