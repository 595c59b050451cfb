"""Smaller statements: crossings, comparisons with nobody affected, landmarks, medians."""

from functools import partial

import numpy as np
from scipy.stats import norm

from bayes_ihlrt.analysis.patients import adverse_event_table, table_one
from bayes_ihlrt.analysis.prior import prior_draws
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.person_time import PersonTime, Provenance
from bayes_ihlrt.estimands.mitigation import crossings
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.model import ModelSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from validation.examination.row import Row


def rows() -> list[Row]:
    """Return what is said now."""
    return [*_crossings(), _upper_bound(), _nobody(), _landmark()]


def _crossings() -> list[Row]:
    """P(b + c z < 0) of normal b passes a level at a value that is known in closed form."""
    found = []
    for name, low, high, centre, slope, log in (
        ("log2 scale, 1 to 40", 1.0, 40.0, -0.16, -0.5, True),
        ("identity, 5 to 2,000", 5.0, 2000.0, 0.13, -0.0005, False),
    ):
        chance = partial(_chance, line=(centre, slope), log=log)
        z = (-norm.ppf(0.8) * 0.1 - centre) / slope
        truth = 3.0 * 2.0**z if log else z
        values = np.geomspace(low, high, 21) if log else np.linspace(low, high, 21)
        p = chance(values)
        left = int(np.flatnonzero((p[1:] >= 0.8) != (p[:-1] >= 0.8))[0])
        scale = np.log(values) if log else values
        part = (0.8 - p[left]) / (p[left + 1] - p[left])
        coarse = scale[left] + part * (scale[left + 1] - scale[left])
        (now,) = crossings(chance, values, [0.8], log=log)
        found.append(
            Row(
                "19",
                f"where P(benefit) passes 0.8; modifier on {name}",
                f"{truth:.4g}",
                f"{np.exp(coarse) if log else coarse:.4g} (2.204 for 2.123, 270 for 259.5)",
                f"{now.at:.4g}",
                "none",
                "right" if abs(now.at / truth - 1.0) < 1e-3 else "WRONG",
            )
        )
    return found


def _chance(at: np.ndarray, *, line: tuple[float, float], log: bool) -> np.ndarray:
    z = np.log2(at / 3.0) if log else at
    return norm.cdf(-(line[0] + line[1] * z) / 0.1)


def _upper_bound() -> Row:
    """The share of prior draws whose median survival lies above the bound."""
    time = np.linspace(1.0, 40.0, 50)
    columns = {
        "patient": np.arange(50).astype(str).astype(object),
        "start": np.zeros(50),
        "stop": time,
        "event": np.ones(50),
        "weight": np.ones(50),
    }
    rows = PersonTime(columns, Provenance(DesignKind.FIXED, {}, 0.0, {}, {}))
    median = {"baseline": {"median_survival": 19.2, "upper": 60.0}}
    outcome = {"hazard": {"family": "gompertz"}}
    spec = ModelSpec.model_validate({"outcome": outcome, "priors": median})
    draws = prior_draws(prepare(spec, rows), seed=1, draws=200_000)
    rate, slope = (draws[name].to_numpy()[0] for name in ("log_rate", "slope"))
    # A Gompertz hazard exp(rate + slope t), integrated by hand.
    spent = np.exp(rate) * np.expm1(slope * 60.0) / slope
    share = float((spent < np.log(2.0)).mean())
    return Row(
        "19",
        "Gompertz, median 19.2 and above 60 with probability 2.5 %",
        "0.025",
        "0.048",
        f"{share:.4f}",
        "0.0004",
        "right" if abs(share - 0.025) < 4 * 0.0004 else "WRONG",
    )


def _nobody() -> Row:
    treated = np.repeat([1, 0], [10, 40])
    (row,) = adverse_event_table({"severe": np.zeros(50, int)}, treated, seed=1).rows
    return Row(
        "19",
        "0 of 10 and 0 of 40 affected",
        "the numbers do not say in which arm it is commoner",
        "P(higher) 0.70, ratio 3.8",
        f"P(higher) {row.prob_higher}, ratio {row.ratio['median']}; {row.note}",
        "none",
        "right" if row.prob_higher is None and row.note else "WRONG",
    )


def _landmark() -> Row:
    frame = {
        "id": ["a", "b", "c", "d"],
        "entry": [0.0, 0.0, 5.0, 0.0],
        "months": [9.0, 9.0, 12.0, 2.0],
        "death": [1, 1, 1, 1],
        "start": [2.0, None, None, None],
        "age": [70.0, 60.0, 20.0, 22.0],
    }
    data = DataSpec(patient="id", time="months", event="death", entry="entry")
    drug = TreatmentSpec(name="ihlrt", start="start")
    found = table_one(Cohort.from_frame(frame, data, drug, covariates=["age"]), "ihlrt", landmark=3)
    return Row(
        "19",
        "table one at landmark 3; one patient enters at month 5, one is dead at month 2",
        "1 treated and 1 untreated are there",
        "1 and 2",
        f"{found.patients[0]} and {found.patients[1]}; {found.note}",
        "none",
        "right" if found.patients == (1, 1) else "WRONG",
    )
