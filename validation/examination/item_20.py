"""Trial plans, sensitivity and model checks on inputs with known answers."""

import numpy as np
from pydantic import ValidationError
from scipy.stats import norm

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.checks.accuracy import cross_validate
from bayes_ihlrt.checks.verdicts import calibration_verdict, omitted_centres, residual_verdicts
from bayes_ihlrt.posterior.fitted import fit_shared
from bayes_ihlrt.priors import Prior
from bayes_ihlrt.sensitivity.bias import BiasPrior
from bayes_ihlrt.sensitivity.confounding import ConfounderGrid, Effect, confounding
from bayes_ihlrt.sensitivity.tipping import Path, as_prior
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.plan import TrialPlan
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.audit import audit_plan
from bayes_ihlrt.trials.plan import run_plan
from validation.examination.row import Row
from validation.outside.early_look import exact_success
from validation.outside.misfits import cohort

TRIALS = 4096
NORMAL = {"dist": "Normal", "mu": 0.0, "sigma": 10.0}
DESIGN = {
    "patients": 100,
    "max_months": 60.0,
    "accrual": {"rates": [10.0]},
    "treatment": {"name": "arm"},
    "outcome": {"formula": "arm", "hazard": {"family": "exponential"}},
    "priors": {"default": NORMAL},
    "looks": [
        {
            "events": events,
            "efficacy": [{"quantity": "hazard-ratio", "below": 1.0, "more_than": threshold}],
        }
        for events, threshold in ((20, 0.9985), (40, 0.976))
    ],
}
SCENARIOS = [
    {"name": "no effect", "control": {"median": 12.0}},
    {"name": "hr 0.5", "control": {"median": 12.0}, "effect": {"hr": [0.5]}},
]
SPEC = AnalysisSpec.model_validate(
    {
        "schema": 2,
        "name": "misfits",
        "data": {"patient": "id", "time": "months", "event": "death", "centre": "centre"},
        "treatment": {"name": "treated", "start": "start"},
        "modifier": {"name": "nlr", "column": "nlr", "reference": 3.0},
        "outcome": {"formula": "treated * nlr + albi"},
        "priors": {
            "default": {"dist": "Normal", "mu": 0.0, "sigma": 2.0},
            "baseline": {"median_survival": 18.0, "upper": 90.0},
        },
    }
)


def rows() -> list[Row]:
    """Return what comes out now."""
    return [*_early(), _resolution(), _confounders(), _student(), *_checks()]


def _early() -> list[Row]:
    plan = TrialPlan.model_validate(
        {"schema": 2, "name": "early", "seed": 9, "design": DESIGN, "scenarios": SCENARIOS}
    )
    found = []
    rate = np.log(2.0) / 12.0
    audit = audit_plan(run_plan(plan, TRIALS), fits=120)
    for look, hazard, before in zip(
        [share for share in audit.shares if (share.ending, share.look) == ("success", 1)],
        (rate, 0.5 * rate),
        ("told as 0.04 %", "told as 2.52 %"),
        strict=True,
    ):
        exact, error = exact_success((rate, hazard))
        now = look.corrected
        far = abs(now.estimate - exact) / np.hypot(now.mcse, error)
        found.append(
            Row(
                "20 (trials 3.1)",
                f"stop for success at 20 events, P > .9985, {look.scenario}",
                f"{exact:.2%} (exact Gamma posterior, own simulation)",
                before,
                f"told as {look.simulated.estimate:.2%} as simulated, {now.estimate:.2%} "
                f"corrected by chains; audit {audit.verdict}",
                f"{now.mcse:.2%}",
                "right" if far < 3.0 else f"off by {far:.1f} errors",
            )
        )
    return found


def _resolution() -> Row:
    try:
        TrialDesign.model_validate({**DESIGN, "approximation": "corrected"})
        told = "accepted"
    except ValidationError as error:
        told = error.errors()[0]["msg"].removeprefix("Value error, ")
    return Row(
        "20 (trials 3.3)",
        "threshold .9985 with 1,000 corrected draws",
        "refused: 1.5 draws are expected beyond it",
        "accepted",
        told,
        "-",
        "right" if "cannot be told" in told else "wrong",
    )


def _confounders() -> Row:
    draws = norm(-norm.ppf(0.94) * 0.2, 0.2).ppf((np.arange(4000) + 0.5) / 4000)
    grid = ConfounderGrid((1.2, 5.0), 0.2, (0.3, 0.8))
    found, _ = confounding(Effect(draws, 0.6, 0.95), grid=grid, prior=BiasPrior(), seed=1)
    told = found.sentences[-1]
    agrees = "turns it into 'no'" in told and not found.stable
    return Row(
        "20 (trials 3.5)",
        "P(benefit) .94, and a confounder that turns 'cannot tell' into 'no'",
        "summary and section say the same",
        "'nothing for one to overturn' beside 'a confounder changes it'",
        told,
        "-",
        "right" if agrees else "wrong",
    )


def _student() -> Row:
    told = as_prior(Path.SD, Prior(dist="StudentT", nu=3.0, mu=0.0, sigma=0.2), 0.4)
    low, high, events = (told[f"prior_{name}"] for name in ("hr_low", "hr_high", "events"))
    right = abs(high - 3.571) < 1e-3 and abs(events - 16.667) < 1e-3
    return Row(
        "20 (trials 3.6)",
        "tipping prior StudentT(3, 0, .4)",
        "HR .28 to 3.57, 16.7 events",
        "HR .46 to 2.19, 25 events",
        f"HR {low:.2f} to {high:.2f}, {events:.1f} events",
        "-",
        "right" if right else "wrong",
    )


def _checks() -> list[Row]:
    found = []
    for kind, check, truth, before in (
        ("centres", "centres", "flag: hazard ratio 11 between centres", "cannot tell"),
        ("shaped", "calibration", "flag: the hazard is wrong by a factor of 10", "no flag (p .85)"),
        ("curved", "linearity", "flag, in words", "flag, '21.3 observed, -16.2 expected'"),
        ("right", "centres", "no flag", "cannot tell"),
        ("right", "calibration", "no flag", "no flag"),
    ):
        verdict = _verdicts(kind)[check]
        right = verdict.status.value == truth.split(":")[0].split(",")[0]
        found.append(
            Row(
                "20 (trials 4)",
                f"200 patients, truth '{kind}', check '{check}'",
                truth,
                before,
                verdict.status.value + ": " + verdict.reason,
                "-",
                "right" if right and "-16" not in verdict.reason else "wrong",
            )
        )
    return found


def _verdicts(kind: str) -> dict:
    checked = check_analysis(SPEC, cohort(kind, 200, seed=1))
    settings = SamplerSpec(engine="laplace", draws=500, chains=4, seed=1)
    fit = fit_shared(SPEC.model, checked.person_time, settings)
    each = [*residual_verdicts(fit, None), omitted_centres(fit, "centre")]
    each.append(calibration_verdict(cross_validate(fit, (12.0, 24.0), seed=1)))
    return {one.check: one for one in each}
