"""The same event at the scan that found it, half-way between two scans, and anywhere between.

Taking the date of the scan for the date of the event adds about half of the time between scans to
every event. Where one arm is scanned less often it adds more there, and that arm seems to do
better: the months of that shift are what these variants show.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

import numpy as np

from bayes_ihlrt.analysis.check import CohortSource, read_cohort
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.names import LAST_FREE
from bayes_ihlrt.spec.analysis import AnalysisSpec

TIMES: Final = "event"
SHARES: Final[Mapping[str, float]] = {"at the scan": 1.0, "half-way between scans": 0.5}
"""Share of the time between two scans after which the event is put, by what that is called."""


def taken(choices: Mapping[str, str], spec: AnalysisSpec, data: CohortSource) -> CohortSource:
    """Return the data with the time of the event that an analysis takes.

    Parameters
    ----------
    choices : mapping of str to str
        What the analysis chooses; under `TIMES` one of `SHARES`, or as stated.
    spec : AnalysisSpec
        The analysis.
    data : str, Path, Cohort, DataFrame or mapping
        The data.

    Returns
    -------
    str, Path, Cohort, DataFrame or mapping
        The same where nothing is chosen.
    """
    share = SHARES.get(choices.get(TIMES, ""))
    return data if share is None else at_share(read_cohort(spec, data), share)


def at_share(cohort: Cohort, share: float) -> Cohort:
    """Return a cohort in which the event between two scans has one time.

    Parameters
    ----------
    cohort : Cohort
        With an event between scans.
    share : float
        Share of the time between them, above 0: 1 at the scan that found it, 0.5 half-way.

    Returns
    -------
    Cohort
        Events at exact times; treatment that starts later counts as never given.

    Examples
    --------
    >>> columns = {"patient": np.array(["a"]), "start": np.zeros(1), "stop": np.array([6.0]),
    ...            "event": np.ones(1), "last_free": np.array([4.0])}
    >>> at_share(Cohort(columns), 0.5).columns["stop"].tolist()
    [5.0]
    """
    columns = {name: values for name, values in cohort.columns.items() if name != LAST_FREE}
    free, found = cohort.columns[LAST_FREE], cohort.columns["stop"]
    between = np.isfinite(free)
    stop = np.where(between, found - (1.0 - share) * (found - np.where(between, free, 0.0)), found)
    columns["stop"] = stop
    if "treatment_start" in columns:
        start = columns["treatment_start"]
        columns["treatment_start"] = np.where(start >= stop, np.inf, start)
    return replace(cohort, columns=columns)
