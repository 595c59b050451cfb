"""Sensitivity against the truth: measured once, written to `docs/validation/sensitivity.md`.

    python tests/sensitivity_truth.py [--benchmark FILE]

The latent confounder is refitted with other data of the same shape: every patient has an untreated
and a treated row, the latter of no length where treatment never starts.
"""

import argparse
import json
from pathlib import Path

import numpy as np
from scipy import stats

PAGE = Path(__file__).parents[1] / "docs" / "validation" / "sensitivity.md"
COHORTS = 40
PATIENTS = 400
TRUTH = -0.4
POWERS = (0.8, 1.25)


def power_scaling():
    """Return reweighted against refitted power-scaled posteriors of a hierarchical model.

    Returns
    -------
    list of dict
        By component and power: mean and P(below 0) of the log hazard ratio by weights and by a
        refit, difference in Monte Carlo standard errors, Pareto k-hat.
    """
    from bayes_ihlrt.analysis.check import check_analysis
    from bayes_ihlrt.model.graph import prepare
    from bayes_ihlrt.sensitivity.cells import fit_cells
    from bayes_ihlrt.sensitivity.power import power_scale, scaled_cells
    from bayes_ihlrt.sensitivity.quantities import (
        Wanted,
        as_fit,
        read_quantities,
        summarise_quantities,
    )
    from bayes_ihlrt.spec.read import load_spec

    spec = load_spec("primary")
    rows = check_analysis(spec, "ihlrt_synthetic").person_time
    prepared = prepare(spec.model, rows)
    wanted = Wanted(mitigation=False)
    draws = 4000
    _, _, scaled, _ = power_scale(prepared, rows, wanted=wanted, draws=draws, seed=11)
    cells = scaled_cells(prepared)
    fits = fit_cells(prepared, list(cells.values()), draws=draws, seed=12)
    refits = summarise_quantities(
        read_quantities(as_fit(prepared, rows, fits.draws), wanted), fits.weights, fits.ess
    )
    found = []
    for number, each in enumerate(scaled):
        effect = each.quantities[0]
        mean = float(np.average(effect.values[0], weights=each.weights))
        chance = float(np.average(effect.holds[0], weights=each.weights))
        refit = refits.isel(member=number, quantity=0)
        share = each.weights / each.weights.sum()
        ess = 1.0 / np.sum(share**2)
        error = float(refit["sd"]) * np.sqrt(1.0 / ess + 1.0 / fits.ess[number])
        found.append(
            {
                "component": each.component,
                "power": each.power,
                "weighted": mean,
                "refit": float(refit["mean"]),
                "z": (mean - float(refit["mean"])) / error,
                "chance_weighted": chance,
                "chance_refit": float(refit["probability"]),
                "k_hat": each.k_hat,
            }
        )
    return found


def one_cohort(seed, *, outcome, initiation, prevalence=0.4):
    """Return two rows a patient, and when treatment started.

    Parameters
    ----------
    seed : int
        Seed.
    outcome, initiation : float
        Log hazard ratios of the condition.
    prevalence : float
        Share of the patients who have it.

    Returns
    -------
    dict of str to ndarray
        ``months, death, start`` (infinite if never), shape (patients,).
    """
    rng = np.random.default_rng(seed)
    has = rng.random(PATIENTS) < prevalence
    start = rng.exponential(1.0 / (0.06 * np.exp(initiation * has)))
    hazard = 0.05 * np.exp(outcome * has)
    target = rng.exponential(size=PATIENTS)
    after = start + (target - hazard * start) / (hazard * np.exp(TRUTH))
    time = np.where(target < hazard * start, target / hazard, after)
    end = rng.uniform(12.0, 48.0, PATIENTS)
    months = np.minimum(time, end)
    return {
        "months": months,
        "death": (time <= end).astype(float),
        "start": np.where(start < months, start, np.inf),
    }


def latent():
    """Return bias, posterior sd and coverage of the treatment effect by bias prior.

    Returns
    -------
    list of dict
        By bias prior.
    """
    from bayes_ihlrt.batch.density import jax_density
    from bayes_ihlrt.batch.engine import BatchEngine
    from bayes_ihlrt.batch.summary import summarise_batch
    from bayes_ihlrt.sensitivity.latent import BIAS, LatentPrior, build_latent, no_confounder
    from sensitivity_cases import two_row_model

    strength = {"outcome": np.log(4.0), "initiation": np.log(0.2)}
    known = LatentPrior(
        (strength["outcome"], 0.05), (strength["initiation"], 0.05), (np.log(0.4 / 0.6), 0.1)
    )
    priors = {
        "no confounder": no_confounder(known),
        "right, sd 0.05": known,
        "right, sd 0.25": known.widened(5.0),
        "right, sd 0.5": known.widened(10.0),
    }
    engine, results = None, {name: [] for name in priors}
    for number in range(COHORTS):
        prepared, rows = two_row_model(one_cohort(1000 + number, **strength))
        model = build_latent(prepared, rows, known)
        if engine is None:
            engine = BatchEngine(jax_density(model))
        here = engine.with_data({str(each.name): each.get_value() for each in model.data_vars})
        members = {BIAS: np.stack([prior.vector for prior in priors.values()])}
        found = here.posteriors(members, keep=("ihlrt",), draws=1000, seed=number)
        table = summarise_batch(found).sel(parameter="ihlrt")
        for place, name in enumerate(priors):
            part = table.isel(member=place)
            low, high = (float(part["quantile"].sel(probability=q)) for q in (0.025, 0.975))
            covered = low < TRUTH < high
            results[name].append((float(part["mean"]), float(part["sd"]), covered))
    return [
        {
            "prior": name,
            "bias": float(np.mean([m for m, _, _ in values]) - TRUTH),
            "bias_error": float(np.std([m for m, _, _ in values], ddof=1) / np.sqrt(COHORTS)),
            "sd": float(np.mean([s for _, s, _ in values])),
            "coverage": float(np.mean([c for _, _, c in values])),
        }
        for name, values in results.items()
    ]


def limits():
    """Return sceptical limits of the published effects."""
    from bayes_ihlrt.clinical.effects import EVIDENCE

    return [each for each in EVIDENCE if np.isfinite(each.effect.sceptical_limit)]


def page(powers, confounders, benchmark):
    """Return the page.

    Parameters
    ----------
    powers, confounders : list of dict
        From `power_scaling` and `latent`.
    benchmark : dict or None
        What `benchmarks/sensitivity.py` wrote.

    Returns
    -------
    str
        Markdown.
    """
    lines = [
        "# Sensitivity",
        "",
        "Written by `python tests/sensitivity_truth.py`; closed forms are tested in "
        "`tests/unit/test_sensitivity_exact.py` to 1e-3, fits in "
        "`tests/graph/test_sensitivity_fits.py`.",
        "",
        "## Sceptical limits of published effects",
        "",
        "From the hazard ratio's interval alone: the sceptical prior whose posterior interval just "
        "reaches 1 has its own interval from this limit to its inverse, and is worth so many "
        "events.",
        "",
        "| effect | hazard ratio | sceptical limit | events |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {e.name} | {e.effect.ratio:g} ({e.effect.low:g} to {e.effect.high:g}) "
        f"| {e.effect.sceptical_limit:.3f} | {e.effect.sceptical_events:.0f} |"
        for e in limits()
    ]
    worst = max(abs(row["z"]) for row in powers)
    gap = max(abs(row["chance_weighted"] - row["chance_refit"]) for row in powers)
    expected = stats.norm.ppf(1.0 - 0.025 / len(powers))
    lines += [
        "",
        "## Power-scaling by weights against refits",
        "",
        f"`primary` on the packaged cohort (80 patients, five centres), 4,000 draws each: the log "
        f"hazard ratio at the reference with one component to the power 0.8 and 1.25, by weighting "
        f"draws of the stated posterior and by fitting the scaled one. Largest difference of means "
        f"{worst:.1f} Monte Carlo standard errors ({expected:.1f} would be exceeded by chance in "
        f"5 % of such tables), of P(hazard ratio below 1) {gap:.3f}; largest Pareto k-hat "
        f"{max(row['k_hat'] for row in powers):.2f}.",
        "",
        "| component | power | mean, weighted | mean, refitted | difference / error | k-hat |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| `{r['component']}` | {r['power']:g} | {r['weighted']:+.3f} | {r['refit']:+.3f} "
        f"| {r['z']:+.1f} | {r['k_hat']:.2f} |"
        for r in powers
    ]
    coverage_error = np.sqrt(0.95 * 0.05 / COHORTS)
    lines += [
        "",
        "## Latent confounder",
        "",
        f"{COHORTS} cohorts of {PATIENTS} patients; 40 % have a condition that multiplies the "
        f"hazard of death by 4 and that of starting treatment by 0.2. True log hazard ratio of "
        f"treatment given the condition {TRUTH:g}. Coverage of the 95 % interval; by chance alone "
        f"its standard error is {coverage_error:.1%}.",
        "",
        "| bias prior | error of the mean | posterior sd | coverage |",
        "|---|---:|---:|---:|",
    ]
    lines += [
        f"| {r['prior']} | {r['bias']:+.3f} ({r['bias_error']:.3f}) | {r['sd']:.3f} "
        f"| {r['coverage']:.0%} |"
        for r in confounders
    ]
    if benchmark is not None:
        lines += ["", "## Speed", "", *_speed(benchmark)]
    return "\n".join(lines) + "\n"


def _speed(found):
    """Lines about the benchmark."""
    total = found["batch_cpu"] + found["read_cpu"]
    return [
        f"`benchmarks/sensitivity.py`, {found['priors']} prior specifications for the packaged 80 "
        f"patients, {found['draws']:,} draws each, on {found['cores']} cores with a load of "
        f"{found['load']:.0f} from other work, so CPU seconds are what compares:",
        "",
        "| | CPU seconds | wall seconds |",
        "|---|---:|---:|",
        f"| posteriors, batched engine | {found['batch_cpu']:.1f} | {found['batch_wall']:.1f} |",
        f"| estimands of all of them | {found['read_cpu']:.1f} | {found['read_wall']:.1f} |",
        f"| {found['nuts_refits']} refits by NUTS, without estimands | {found['nuts_cpu']:.1f} "
        f"| {found['nuts_wall']:.1f} |",
        "",
        f"Together the grid takes {total:.1f} CPU seconds after compilation. Largest Pareto k-hat "
        f"{found['k_hat']:.2f}, smallest effective sample {found['ess']:.0f}; posterior means of "
        f"the log hazard ratio differ from those of NUTS by {found['mean_difference']:.3f} "
        f"posterior sd on average, at most {found['largest_difference']:.2f}.",
    ]


def main():
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--benchmark", type=Path)
    options = parser.parse_args()
    benchmark = None
    if options.benchmark is not None:
        benchmark = json.loads(options.benchmark.read_text())
    PAGE.write_text(page(power_scaling(), latent(), benchmark), "utf-8")


if __name__ == "__main__":
    main()
