"""The models and designs over which calibration is checked."""

from dataclasses import dataclass, replace
from itertools import product
from typing import Final, Self
from zlib import crc32

import numpy as np

from bayes_ihlrt.names import Smoothing
from bayes_ihlrt.spec.model import HazardSpec, ModelSpec

CUTS: Final = (6.0, 12.0, 24.0)
"""Inner cut points of the piecewise hazards, months."""

HAZARDS: Final = {
    "exponential": HazardSpec(family="exponential"),
    "weibull": HazardSpec(family="weibull"),
    "gompertz": HazardSpec(family="gompertz"),
    "piecewise, random walk": HazardSpec(family="piecewise", cuts=CUTS),
    "piecewise, independent": HazardSpec(
        family="piecewise", cuts=CUTS, smoothing=Smoothing.INDEPENDENT
    ),
    "m-spline": HazardSpec(family="mspline", knots=2),
}
"""Baseline hazards by the name that tables use."""

GROUPS: Final = {
    "none": "",
    "intercept": "(1 | centre)",
    "intercept + slope": "(1 + treated | centre)",
}
"""Group effects by the name that tables use."""


def _priors(hazard: str, *, interaction: bool) -> dict[str, dict[str, object]]:
    """Priors under which most of the data sets that they give can be followed for months."""
    found: dict[str, dict[str, object]] = {
        "treated": {"dist": "Normal", "mu": 0.0, "sigma": 0.5},
        "nlr": {"dist": "Normal", "mu": 0.3, "sigma": 0.2},
        "baseline": {"median_survival": 20.0, "upper": 60.0},
    }
    if interaction:
        found["treated:nlr"] = {"dist": "Normal", "mu": 0.0, "sigma": 0.25}
    if hazard == "piecewise, independent":
        found["log_hazard_deviation"] = {"dist": "Normal", "mu": 0.0, "sigma": 0.6}
    return found


@dataclass(frozen=True)
class Scenario:
    """One model and design.

    Parameters
    ----------
    hazard : str
        Key of `HAZARDS`.
    group : str
        Key of `GROUPS`.
    delayed_entry : bool
        Half of the patients come under observation after time zero.
    time_varying : bool
        Treatment starts during follow-up; otherwise it is an arm, fixed at time zero.
    interaction : bool
        The effect of treatment depends on the modifier.

    Examples
    --------
    >>> print(Scenario("weibull", "none", delayed_entry=True, time_varying=True, interaction=False))
    weibull; group none; delayed entry, time-varying
    """

    hazard: str
    group: str
    delayed_entry: bool
    time_varying: bool
    interaction: bool

    @property
    def features(self) -> str:
        """What makes the design harder, e.g. ``"delayed entry, interaction"``."""
        names = {
            "delayed entry": self.delayed_entry,
            "time-varying": self.time_varying,
            "interaction": self.interaction,
        }
        return ", ".join(name for name, present in names.items() if present) or "plain"

    @property
    def spec(self) -> ModelSpec:
        """The model, with priors that are proper and moderately informative."""
        effect = "treated * nlr" if self.interaction else "treated + nlr"
        return ModelSpec.model_validate(
            {
                "treatment": "treated",
                "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
                "outcome": {
                    "formula": f"{effect} + albi",
                    "group": GROUPS[self.group],
                    "hazard": HAZARDS[self.hazard],
                },
                "priors": _priors(self.hazard, interaction=self.interaction),
            }
        )

    @property
    def without_delay(self) -> Self:
        """The scenario whose graph this one shares: entry is in the data alone."""
        return replace(self, delayed_entry=False)

    def seed(self, seed: int) -> int:
        """Return a seed of the scenario's own: tests of different scenarios are then independent.

        Parameters
        ----------
        seed : int
            Of all scenarios together.

        Returns
        -------
        int
            Depends on the scenario's name alone, not on its place in a list.
        """
        return int(np.random.SeedSequence([seed, crc32(str(self).encode())]).generate_state(1)[0])

    def __str__(self) -> str:
        """Name the scenario."""
        return f"{self.hazard}; group {self.group}; {self.features}"


def all_scenarios() -> tuple[Scenario, ...]:
    """Return every hazard x group x delayed entry x time-varying treatment x interaction.

    Returns
    -------
    tuple of Scenario
        Those that share a graph follow one another.

    Examples
    --------
    >>> len(all_scenarios())
    144
    """
    flags = (False, True)
    return tuple(
        Scenario(hazard, group, delayed_entry=late, time_varying=switch, interaction=both)
        for hazard, group, switch, both, late in product(HAZARDS, GROUPS, flags, flags, flags)
    )
