"""Dataset behind the figure of one replayed trial."""

import numpy as np
import xarray as xr
from scipy.special import ndtri

from bayes_ihlrt.trials.replaying import Replay

_Z = float(ndtri(0.975))


def replay_data(replay: Replay) -> xr.Dataset:
    """Return follow-up of every patient over calendar time, and the hazard ratio by look.

    Parameters
    ----------
    replay : Replay
        A trial.

    Returns
    -------
    xarray.Dataset
        Over ``patient``: ``arrival`` and ``end`` (months since the trial opened), ``arm``,
        ``observed``; over ``look``: ``months``, ``median``, ``q2.5`` and ``q97.5`` of the hazard
        ratio at the reference; attributes ``trace`` with a line for each rule and ``events``, what
        events are.
    """
    patients, looks = replay.patients, replay.looks
    mean, sd = (looks[name].isel(target=0).to_numpy() for name in ("mean", "sd"))
    return xr.Dataset(
        {
            "arrival": ("patient", patients["arrival"]),
            "end": ("patient", patients["arrival"] + patients["stop"]),
            "arm": ("patient", patients["arm"]),
            "observed": ("patient", patients["observed"]),
            "months": ("look", looks["months"].to_numpy()),
            "median": ("look", np.exp(mean)),
            "q2.5": ("look", np.exp(mean - _Z * sd)),
            "q97.5": ("look", np.exp(mean + _Z * sd)),
        },
        coords={"look": looks["look"].to_numpy()},
        attrs={
            "title": looks.attrs["title"],
            "events": looks.attrs["events"],
            "synthetic": True,
            "trace": [str(rule) for rule in replay.trace],
        },
    )
