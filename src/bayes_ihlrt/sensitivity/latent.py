"""The result under a latent confounder in the model, for several bias priors."""

from collections.abc import Mapping, Sequence

import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.inference.batch import BatchEngine
from bayes_ihlrt.inference.batch_result import MEMBER, WEIGHT
from bayes_ihlrt.inference.jax_density import jax_density
from bayes_ihlrt.model.build import PreparedModel
from bayes_ihlrt.names import Engine
from bayes_ihlrt.sensitivity.cells import mended
from bayes_ihlrt.sensitivity.check import CheckResult, Row
from bayes_ihlrt.sensitivity.decisions import changed_answers, decide
from bayes_ihlrt.sensitivity.latent_graph import BIAS, LatentPrior, build_latent, no_confounder
from bayes_ihlrt.sensitivity.quantities import (
    Quantity,
    Wanted,
    as_fit,
    read_quantities,
    summarise_quantities,
)

Floats = NDArray[np.float64]


def latent_confounding(
    prepared: PreparedModel,
    person_time: PersonTime,
    priors: Mapping[str, LatentPrior],
    *,
    wanted: Wanted,
    threshold: float,
    size: tuple[int, int],
) -> CheckResult:
    """Fit the model with a latent confounder under several bias priors.

    Parameters
    ----------
    prepared : PreparedModel
        The analysis' own model.
    person_time : PersonTime
        Rows of the design ``split``.
    priors : mapping of str to LatentPrior
        Bias priors by name; one without a confounder is added first.
    wanted : Wanted
        Where the hazard ratio is read.
    threshold : float
        Probability from which a statement holds.
    size : tuple of int
        Draws and seed.

    Returns
    -------
    CheckResult
        Rows by bias prior: the hazard ratio of treatment given the confounder.

    Raises
    ------
    RefusedError
        The design does not follow patients until treatment starts.
    ConvergenceError
        A posterior is not to be trusted.
    """
    first = next(iter(priors.values()))
    tried = {"no confounder": no_confounder(first), **priors}
    model = build_latent(prepared, person_time, first)
    draws, about, engines = _fit(model, list(tried.values()), list(tried), size=size)
    # Survival time would have to be averaged over the confounder too: only hazard ratios are read.
    fit = as_fit(prepared, person_time, draws)
    ratios = tuple(q for q in read_quantities(fit, wanted) if q.estimand == "log_hazard_ratio")
    weights = draws[WEIGHT].transpose(MEMBER, "draw").to_numpy()
    data = summarise_quantities(ratios, weights, about["ess"])
    data = data.assign_coords(prior=(MEMBER, list(tried)))
    rows = _rows(tried, ratios, data, threshold=threshold, fitted=(about["k_hat"], engines))
    chance, errors = (data[name].to_numpy() for name in ("probability", "mcse"))
    stable = not changed_answers(chance, errors, threshold).any()
    return CheckResult("latent", tuple(rows), data, _sentences(rows), stable)


def _fit(
    model: pm.Model,
    priors: Sequence[LatentPrior],
    names: Sequence[str],
    *,
    size: tuple[int, int],
) -> tuple[xr.Dataset, dict[str, Floats], list[str]]:
    members = {BIAS: np.stack([prior.vector for prior in priors])}
    engine = BatchEngine(jax_density(model))
    found = engine.posteriors(members, draws=size[0], seed=size[1])
    draws = found.draws.sortby(MEMBER)
    about = {name: found.diagnostics[name].to_numpy() for name in ("k_hat", "ess")}
    if len(found.flagged):
        draws, about["ess"] = mended(model, members, found, names)
    engines = [Engine.LAPLACE.value] * len(priors)
    for member in found.flagged.tolist():
        engines[member] = Engine.NUTS.value
    return draws, about, engines


def _rows(
    tried: Mapping[str, LatentPrior],
    ratios: Sequence[Quantity],
    data: xr.Dataset,
    *,
    threshold: float,
    fitted: tuple[Floats, Sequence[str]],
) -> list[Row]:
    names = ("mean", "sd", "q2.5", "median", "q97.5", "probability")
    k_hat, engines = fitted
    rows: list[Row] = []
    for number, (name, prior) in enumerate(tried.items()):
        for place, each in enumerate(ratios):
            here = data.isel({MEMBER: number, "quantity": place})
            rows.append(
                {
                    "prior": name,
                    "outcome_hr": float(np.exp(prior.outcome[0])),
                    "outcome_sd": prior.outcome[1],
                    "initiation_hr": float(np.exp(prior.initiation[0])),
                    "initiation_sd": prior.initiation[1],
                    "estimand": each.estimand,
                    "at": each.at,
                    **{key: float(here[key]) for key in names},
                    "statement": each.statement,
                    "decision": decide(float(here["probability"]), threshold).value,
                    "k_hat": float(k_hat[number]) if np.isfinite(k_hat[number]) else None,
                    "engine": engines[number],
                }
            )
    return rows


def _sentences(rows: Sequence[Row]) -> tuple[str, ...]:
    at = rows[0]["at"]
    here = [row for row in rows if row["at"] == at]
    found = [
        f"{row['prior'][0].upper()}{row['prior'][1:]}: hazard ratio {np.exp(row['median']):.2f} "
        f"({np.exp(row['q2.5']):.2f} to {np.exp(row['q97.5']):.2f}), P({row['statement']}) "
        f"{row['probability']:.2f}: '{row['decision']}'."
        for row in here
    ]
    found.append(
        "These hazard ratios are given the confounder; averaged over it they would be nearer 1."
    )
    believed = here[1:]
    surest = max(believed, key=lambda row: row["probability"], default=None)
    if surest is not None and surest["probability"] > believed[0]["probability"]:
        name = str(surest["prior"])
        found.append(
            f"{name[0].upper()}{name[1:]}, P is higher than under the narrowest one: wider doubt "
            "also admits confounders that make treatment look worse than it is, or none at all. It "
            "is no evidence for treatment; for the confounder that is feared read "
            f"'{believed[0]['prior']}'."
        )
    return tuple(found)
