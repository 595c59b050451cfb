"""Calibration of events between scans and of causes finds planted faults, and none elsewhere."""

import numpy as np
import pytest

import sbc_outcomes
from bayes_ihlrt.model import likelihood
from sbc_outcomes import CAUSES, SCANS, between_scans, competing, found_at_scans

pytestmark = pytest.mark.slow
REPLICATES = 100
SCAN = next(iter(SCANS.values()))


def rejected(found):
    assert found.failed == 0
    return {name for name, good in found.verdicts(level=0.01).items() if not good}


def test_events_between_scans_are_calibrated():
    assert not rejected(between_scans(SCAN, REPLICATES))


def test_causes_are_calibrated():
    (name,) = CAUSES
    assert not rejected(competing(CAUSES[name], REPLICATES, name))


def test_the_scan_taken_for_the_event_is_found(monkeypatch):
    """Rows between scans counted as if the event were at the end of the last of them."""
    monkeypatch.setattr(likelihood, "_between_scans", likelihood._log_likelihood)
    assert rejected(between_scans(SCAN, REPLICATES))


def test_another_cause_counted_as_the_event_is_found(monkeypatch):
    """Deaths of any cause in the hazard of each."""
    (name,) = CAUSES
    monkeypatch.setattr(sbc_outcomes, "_mine", lambda times, first, number: np.ones(1))
    assert rejected(competing(CAUSES[name], REPLICATES, name))


def test_rows_between_scans_are_those_of_the_event():
    """A patient seen at 2, 4 and 6, treated from 3 on: the event at 3.5 lies in both rows."""
    planned = {
        "patient": np.zeros(4, dtype=int),
        "start": np.array([0.0, 2.0, 3.0, 4.0]),
        "stop": np.array([2.0, 3.0, 4.0, 6.0]),
    }
    seen = found_at_scans(planned, np.array([1, 2, 2, 3]), np.array([[3.5], [1.0], [9.0]]))
    assert seen["uncertain"].tolist() == [[0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert seen["exposure"].tolist() == [[1, 1, 1, 0], [1, 0, 0, 0], [1, 1, 1, 1]]
    assert seen["event"].tolist() == [[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    assert seen["exit_time"].ravel().tolist() == [4.0, 2.0, 6.0]
