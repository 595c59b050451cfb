"""What a weighted analysis gives, how wide its draws are made, and additive interaction."""

import numpy as np

from bayes_ihlrt.analysis.check import check_analysis
from bayes_ihlrt.analysis.fit import run_fit
from bayes_ihlrt.report.words import summary_sentences
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.weighted.adjusted import prepare_adjusted
from bayes_ihlrt.weighted.bootstrap import (
    GROUPS,
    degrees_of_freedom,
    half_weight_covariance,
    widened,
)
from bayes_ihlrt.weighted.models import Models
from validation.examination.row import Row
from validation.examination.weighted import specification
from validation.outside import interaction, overlap

COHORTS = 4


def rows() -> list[Row]:
    """Return names, widening and RERI."""
    return [_named(), _widening(draws=400), _widening(draws=2000), _reri()]


def _named() -> Row:
    found = run_fit(specification('estimand = "ato"'), overlap.cohort(500, 1))
    kind = found.to_dict()["draws"]["probability"]
    told = " ".join((*found.notes, *summary_sentences(found)))
    honest = kind == "bootstrap probability" and "posterior probability" not in told
    return Row(
        "11",
        "probabilities of a linked bootstrap",
        "bootstrap probabilities",
        "posterior probabilities",
        f"'{kind}' in result.json, terminal and report",
        "none",
        "right" if honest else "WRONG",
    )


def _widening(*, draws: int) -> Row:
    """2,000 patients: what halving shows there is what reweighting shows, to 1 %."""
    added, asked = [], []
    for seed in range(COHORTS):
        spec = specification('estimand = "ato"')
        decided = check_analysis(spec, overlap.cohort(2000, seed)).propensity
        if decided is None:
            message = "the specification has a propensity"
            raise AssertionError(message)
        models = Models(prepare_adjusted(decided.emulation, spec.model, decided.spec))
        once, rng = models.at_once(), np.random.default_rng(seed)
        patients = len(models.analysis.patients)
        least = half_weight_covariance(models, once.starts, rng)
        weight = rng.dirichlet(np.ones(patients), draws) * patients
        parts = [
            models.draws(weight[turn.start : turn.stop], once.starts, rng)
            for turn in models.turns(draws)
        ]
        modes = np.concatenate(parts)
        known = degrees_of_freedom(patients, groups=GROUPS)
        wide = np.array([widened(modes, least, rng, freedom=known).var(axis=0) for _ in range(20)])
        added.append(np.sqrt(wide.mean(axis=0) / modes.var(axis=0)))
        asked.append(np.sqrt(np.diagonal(least) / modes.var(axis=0)))
    more, wanted = float(np.mean(added)) - 1.0, float(np.mean(asked)) - 1.0
    # Standard deviations of `draws` draws, three of them in each cohort.
    error = 1.0 / np.sqrt(2.0 * draws * COHORTS * 3)
    return Row(
        "11",
        f"widening at 2,000 patients and {draws} draws, treatment and baseline, four cohorts",
        f"{wanted:+.1%} by the halved weights themselves",
        "+2 to +7 %",
        f"{more:+.1%} of a standard deviation",
        f"{error:.1%}",
        "right" if more < max(wanted, 0.0) + 0.015 else "WRONG",
    )


def _reri() -> Row:
    """The stratum with the lowest hazard is not certain: no sign to speak of."""
    found = run_fit(parse_spec(interaction.SPECIFICATION), interaction.cohort(1500, 11))
    additive = found.to_dict()["interaction"]["additive"]
    chance = additive["prob_reference"]
    silent = additive["prob_reri_above_0"] is None and "known with probability" in str(
        additive["reason"]
    )
    return Row(
        "11",
        "RERI at NLR 1 against 8, 1,500 patients",
        "told only where the reference stratum is certain",
        "P(RERI > 0) 0.0, reference right with probability .69",
        f"P(RERI > 0) {additive['prob_reri_above_0']}, reference known with {chance:.2f}",
        "none",
        "right" if silent == (chance < 0.95) else "WRONG",
    )
