"""Made-up datasets of the figures of a sensitivity study."""

import numpy as np
import xarray as xr


def prior_grid():
    return xr.Dataset(
        {
            "q2.5": ("cell", [0.3, 0.4, 0.5]),
            "median": ("cell", [0.5, 0.6, 0.8]),
            "q97.5": ("cell", [0.8, 0.9, 1.2]),
            "probability": ("cell", [0.99, 0.96, 0.85]),
            "stated": ("cell", [False, True, False]),
            "label": ("cell", ["ihlrt flat", "stated", "ihlrt sceptical"]),
        },
        attrs={"threshold": 0.95},
    )


def tipping_points():
    paths = ["prior mean", "prior sd", "sceptical events"]
    statements = ["hazard ratio below 1", "24-month gain above 1 month"]
    chance = np.linspace(0.99, 0.2, 30).reshape(3, 5, 2)
    return xr.Dataset(
        {
            "probability": (("path", "step", "quantity"), chance),
            "value": (("path", "step"), np.tile(np.linspace(0.1, 2.0, 5), (3, 1))),
        },
        coords={"path": paths, "statement": ("quantity", statements)},
        attrs={"threshold": 0.95, "stated_mean": -0.3, "stated_sd": 0.4},
    )


def confounding_contour():
    strength, share = np.linspace(1.1, 5.0, 6), np.linspace(0.0, 1.0, 5)
    return xr.Dataset(
        {
            "probability": (("strength", "untreated"), np.exp(-np.outer(strength, share))),
            "contour": ("strength", [np.nan, 0.8, 0.6, 0.5, 0.45, 0.4]),
        },
        coords={"strength": strength, "untreated": share},
        attrs={"threshold": 0.95, "treated": 0.2, "holds": 1},
    )


def specification_curve():
    return xr.Dataset(
        {
            "q2.5": ("analysis", [0.3, 0.4, np.nan]),
            "median": ("analysis", [0.6, 0.5, np.nan]),
            "q97.5": ("analysis", [0.8, 0.9, np.nan]),
            "made": (("choice", "analysis"), [[True, False, True], [False, True, False]]),
            "stated": ("analysis", [True, False, False]),
        },
        coords={
            "analysis": ["as stated", "hazard gompertz", "design landmark 3"],
            "choice": ["hazard: as stated", "hazard: gompertz"],
        },
        attrs={"threshold": 0.95},
    )


DATASETS = {
    "prior_grid": prior_grid,
    "tipping_points": tipping_points,
    "confounding_contour": confounding_contour,
    "specification_curve": specification_curve,
}
