"""How wide should the prior of a propensity's coefficients be? Bias, spread and balance by its sd.

Small cohorts with four confounders among the covariates; no effect of treatment, so that the
weighted difference of the outcome is the error. Covariates have standard deviation 1.

    python benchmarks/propensity_prior.py
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.names import EstimandTarget
from bayes_ihlrt.propensity.weights import balancing_weight, effective_sample_size

Floats = NDArray[np.float64]

SDS = (0.5, 1.0, 1.5, 2.5, 5.0, 100.0)
INTERCEPT_SD = 1.5
ON_TREATMENT = np.array([1.0, -0.7, 0.5, 0.5])
ON_OUTCOME = np.array([0.5, -0.5, 0.4, 0.4])


@dataclass(frozen=True)
class Scenario:
    """Size of the cohort and strength of confounding."""

    patients: int
    covariates: int
    strength: float


SCENARIOS = (
    Scenario(80, 8, 0.5),
    Scenario(80, 8, 1.0),
    Scenario(60, 14, 0.5),
    Scenario(60, 14, 1.0),
)


def cohort(scenario: Scenario, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
    """Return standardised covariates, treatment and outcome."""
    x = rng.normal(size=(scenario.patients, scenario.covariates))
    logit = -1.5 + scenario.strength * x[:, :4] @ ON_TREATMENT
    treated = (rng.random(scenario.patients) < 1 / (1 + np.exp(-logit))).astype(float)
    outcome = x[:, :4] @ ON_OUTCOME + rng.normal(size=scenario.patients)
    return (x - x.mean(axis=0)) / x.std(axis=0), treated, outcome


def posterior_mode(x: Floats, treated: Floats, sd: float) -> Floats:
    """Return the propensities at the posterior mode, by damped Newton steps."""
    design = np.column_stack([np.ones(len(x)), x])
    share = treated.mean()
    centre = np.zeros(design.shape[1])
    centre[0] = np.log(share / (1 - share))
    precision = np.diag([INTERCEPT_SD**-2, *[sd**-2] * x.shape[1]])
    b = centre.copy()
    for _ in range(60):
        e = 1 / (1 + np.exp(-design @ b))
        slope = design.T @ (treated - e) - precision @ (b - centre)
        step = np.linalg.solve((design.T * (e * (1 - e))) @ design + precision, slope)
        b = b + step * min(1.0, 2.0 / np.abs(step).max())
        if np.abs(step).max() < 1e-9:
            break
    return 1 / (1 + np.exp(-design @ b))


def replicate(
    scenario: Scenario, target: EstimandTarget, rng: np.random.Generator
) -> list[tuple[float, float, float]] | None:
    """Return error, worst imbalance and treated effective sample size by prior sd, or None."""
    x, treated, outcome = cohort(scenario, rng)
    if not 8 <= treated.sum() <= scenario.patients / 2:
        return None
    rows = []
    for sd in SDS:
        weights = balancing_weight(target, posterior_mode(x, treated, sd), treated)
        means = [
            np.average(np.column_stack([outcome, x])[treated == arm], 0, weights[treated == arm])
            for arm in (1.0, 0.0)
        ]
        gap = means[0] - means[1]
        size = float(effective_sample_size(weights, treated).treated)
        rows.append((gap[0], np.abs(gap[1:]).max(), size))
    return rows


def main() -> None:
    """Print one line for each target, scenario and prior sd."""
    for target in (EstimandTarget.ATO, EstimandTarget.ATE):
        for scenario in SCENARIOS:
            rng = np.random.default_rng(1)
            found = [replicate(scenario, target, rng) for _ in range(500)]
            error, worst, size = np.moveaxis(np.array([f for f in found if f is not None]), 2, 0)
            print(f"\n{target}, {scenario}, {len(error)} cohorts")
            for i, sd in enumerate(SDS):
                print(
                    f"  sd {sd:5g}: bias {error[:, i].mean():+.3f}  "
                    f"rmse {np.sqrt(np.square(error[:, i]).mean()):.3f}  "
                    f"worst imbalance {worst[:, i].mean():.2f}  ESS treated {size[:, i].mean():.1f}"
                )


if __name__ == "__main__":
    main()
