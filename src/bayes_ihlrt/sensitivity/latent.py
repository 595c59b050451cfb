"""The result under a latent binary confounder of outcome and start of treatment, by bias prior.

Patient i has the confounder (U = 1) with probability p. It multiplies the hazard of the event by
exp(g) and that of starting treatment by exp(d), and is summed out:

    L_i = sum over u of p(u) exp{ d_i (log h_i + g u) - e^{g u} Lambda_i } x
          exp{ a_i (z_i + d u) - e^{d u} e^{z_i} W_i }

with events d_i and cumulative hazard Lambda_i of the analysis' own model, a_i whether treatment
started, W_i the months until it did or follow-up ended, and z_i the log hazard of starting,
constant over time given the covariates at entry. The data say next to nothing of g, d and p: their
priors decide. They are data of the graph; other bias priors are members of a batch.

References
----------
McCandless LC, Gustafson P, Levy A. Bayesian sensitivity analysis for unmeasured confounding in
observational studies. Stat Med 2007;26:2331-2347, doi 10.1002/sim.2711.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt
import xarray as xr
from numpy.typing import NDArray
from pytensor.tensor import TensorVariable

from bayes_ihlrt.batch.compiled import compile_graph
from bayes_ihlrt.batch.result import MEMBER, WEIGHT
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.errors import ConvergenceError, Fault, RefusedError
from bayes_ihlrt.model.arrays import UNCERTAIN
from bayes_ihlrt.model.baseline import Theta
from bayes_ihlrt.model.graph import add_outcome, graph_coords
from bayes_ihlrt.model.likelihood import log_found
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.names import PATIENT, DesignKind, Engine
from bayes_ihlrt.parts import Failure
from bayes_ihlrt.sensitivity.cells import mended
from bayes_ihlrt.sensitivity.decisions import (
    CheckResult,
    Row,
    changed_answers,
    with_lost,
)
from bayes_ihlrt.sensitivity.quantities import (
    Quantity,
    Wanted,
    as_fit,
    read_quantities,
    summarise_quantities,
)
from bayes_ihlrt.verdicts import Decision, decide

Floats = NDArray[np.float64]
BIAS: Final = "bias_hyperparameters"
CONFOUNDER: Final = "confounder"
ON_INITIATION: Final = "confounder_initiation"
LOGIT: Final = "confounder_logit_prevalence"
RATE: Final = "initiation_log_rate"
SLOPES: Final = "initiation_coefficients"
_RATE_SD: Final = 1.0
_SIGNATURE = "(p),(p),(p),(p),(p),(p),(p),(p),(),(),(),(p),(p)->(p)"


@dataclass(frozen=True)
class LatentPrior:
    """Priors of a latent confounder: mean and sd, all on the log scale.

    Parameters
    ----------
    outcome : tuple of float
        Log hazard ratio of the confounder on the event.
    initiation : tuple of float
        Log hazard ratio of the confounder on the start of treatment.
    logit_prevalence : tuple of float
        Logit of the share of patients who have it at entry.
    """

    outcome: tuple[float, float]
    initiation: tuple[float, float]
    logit_prevalence: tuple[float, float]

    @property
    def vector(self) -> Floats:
        """Means and sds in the order of the graph's data."""
        return np.asarray([*self.outcome, *self.initiation, *self.logit_prevalence])

    def widened(self, factor: float) -> "LatentPrior":
        """Return the prior with the sds of both log hazard ratios multiplied.

        Parameters
        ----------
        factor : float
            Above 1 wider.

        Returns
        -------
        LatentPrior
            With the same means.
        """
        return LatentPrior(
            (self.outcome[0], factor * self.outcome[1]),
            (self.initiation[0], factor * self.initiation[1]),
            self.logit_prevalence,
        )


def no_confounder(prior: LatentPrior) -> LatentPrior:
    """Return a prior under which the confounder does nothing.

    Parameters
    ----------
    prior : LatentPrior
        Its prevalence is kept.

    Returns
    -------
    LatentPrior
        Log hazard ratios within 0.001 of 0.
    """
    return LatentPrior((0.0, 1e-3), (0.0, 1e-3), prior.logit_prevalence)


def initiation_data(prepared: PreparedModel, person_time: PersonTime) -> dict[str, Floats]:
    """Return when each patient started treatment, and the covariates at entry.

    Parameters
    ----------
    prepared : PreparedModel
        The model.
    person_time : PersonTime
        Rows of the design ``split``.

    Returns
    -------
    dict of str to ndarray
        ``waiting`` (months untreated at risk) and ``started`` (0 or 1), shape (patients,);
        ``covariates``, shape (patients, columns), standardised, without those of the treatment.

    Raises
    ------
    RefusedError
        The design does not follow patients until treatment starts, or the model was reduced to
        covariate patterns.
    """
    design = person_time.provenance.design
    if design is not DesignKind.SPLIT or prepared.arrays.unit != PATIENT:
        problem = f"design '{design.value}' does not follow every patient until treatment starts"
        if design is DesignKind.SPLIT:
            problem = "single patients are not known: the model was reduced to covariate patterns"
        remedy = "Use design 'split' at the level of patients"
        raise RefusedError("latent confounder", [Fault("[treatment] design", problem, remedy)])
    treatment = str(prepared.spec.treatment)
    rows, patient = person_time.columns, person_time.patient_index
    treated = rows[treatment].astype(np.float64)
    length = rows["stop"].astype(np.float64) - rows["start"].astype(np.float64)
    waiting = np.bincount(patient, (1.0 - treated) * length)
    started = np.bincount(patient, treated * length) > 0.0
    first = np.flatnonzero(np.diff(patient, prepend=-1))
    entry = {name: values[first] for name, values in rows.items()}
    entry[treatment] = np.zeros(len(first))
    kept = [
        number
        for number, name in enumerate(prepared.encoder.columns)
        if treatment not in name.split(":")
    ]
    values = prepared.encoder.design(entry)[:, kept]
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0.0, spread, 1.0)
    return {"waiting": waiting, "started": started.astype(np.float64), "covariates": scaled}


def build_latent(prepared: PreparedModel, person_time: PersonTime, prior: LatentPrior) -> pm.Model:
    """Return the graph of a model with a latent confounder.

    Parameters
    ----------
    prepared : PreparedModel
        The analysis' own model.
    person_time : PersonTime
        Rows of the design ``split``.
    prior : LatentPrior
        Bias priors, data of the graph under `BIAS`.

    Returns
    -------
    pymc.Model
        With the parameters of the analysis, the confounder's, and those of initiation.

    Raises
    ------
    RefusedError
        The design does not follow patients until treatment starts.
    """
    own = initiation_data(prepared, person_time)
    crude = np.log((own["started"].sum() + 0.5) / (own["waiting"].sum() + 0.5))
    coords = {**graph_coords(prepared), "entry_covariate": np.arange(own["covariates"].shape[1])}
    with pm.Model(coords=coords) as model:
        theta, eta, data = add_outcome(prepared)
        waiting, started = pm.Data("waiting", own["waiting"]), pm.Data("started", own["started"])
        covariates = pm.Data("entry_covariates", own["covariates"])
        bias = pm.Data(BIAS, prior.vector)
        confounder = pm.Normal(CONFOUNDER, bias[0], bias[1])
        initiation = pm.Normal(ON_INITIATION, bias[2], bias[3])
        logit = pm.Normal(LOGIT, bias[4], bias[5])
        rate = pm.Normal(RATE, crude, _RATE_SD)
        slopes = pm.Normal(SLOPES, 0.0, 1.0, dims="entry_covariate")
        log_start = rate + pt.dot(covariates, slopes)
        pm.CustomDist(
            "time",
            *_of_patients(prepared, theta, eta, data),
            started,
            log_start,
            waiting,
            confounder,
            initiation,
            logit,
            data["weight"],
            data["exit_time"],
            logp=_log_likelihood,
            signature=_SIGNATURE,
            observed=data["exit_time"],
            dims=PATIENT,
        )
    return model


def _of_patients(
    prepared: PreparedModel,
    theta: Theta,
    eta: TensorVariable,
    data: Mapping[str, TensorVariable],
) -> tuple[TensorVariable, ...]:
    """Sums over each patient's rows: log hazards of events, events, and hazards lived through.

    An event between two scans is none of these: its rows are summed and counted apart.
    """
    zero, unit = pt.zeros_like(data["exit_time"]), data["row_unit"]
    uncertain = data.get(UNCERTAIN, pt.zeros_like(eta))
    event = (1.0 - uncertain) * data["event"]
    log_hazard = prepared.hazard.log_hazard(pt, data["hazard_basis"], theta)
    increment = prepared.hazard.cumulative_hazard(pt, data["increment_basis"], theta)
    risk = data["exposure"] * pt.exp(eta) * increment
    rows = (event * (log_hazard + eta), event, (1.0 - uncertain) * risk)
    return tuple(
        pt.inc_subtensor(zero[unit], each) for each in (*rows, uncertain * risk, uncertain)
    )


def _log_likelihood(value: TensorVariable, *parameters: TensorVariable) -> TensorVariable:
    scored, events, spent, between, apart, started, log_start, waiting = parameters[:8]
    confounder, initiation, logit, weight, exit_time = parameters[8:]

    def given(u: float) -> TensorVariable:
        outcome = scored + events * confounder * u - spent * pt.exp(confounder * u)
        outcome = outcome + log_found(between * pt.exp(confounder * u), apart)
        begun = started * (log_start + initiation * u)
        return outcome + begun - waiting * pt.exp(log_start + initiation * u)

    without = given(0.0) - pt.softplus(logit)
    having = given(1.0) - pt.softplus(-logit)
    mixed = pt.logaddexp(without, having)
    return pt.switch(pt.eq(value, exit_time), weight * mixed, -np.inf)


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
    draws, about, engines, lost = _fit(model, list(tried.values()), list(tried), size=size)
    gone = [({"prior": failure.part}, failure) for failure in lost.values()]
    tried = {name: tried[name] for place, name in enumerate(tried) if place not in lost}
    # Survival time would have to be averaged over the confounder too: only hazard ratios are read.
    fit = as_fit(prepared, person_time, draws)
    ratios = tuple(q for q in read_quantities(fit, wanted) if q.estimand == "log_hazard_ratio")
    weights = draws[WEIGHT].transpose(MEMBER, "draw").to_numpy()
    data = summarise_quantities(ratios, weights, about["ess"])
    data = data.assign_coords(prior=(MEMBER, list(tried)))
    rows = _rows(tried, ratios, data, threshold=threshold, fitted=(about["k_hat"], engines))
    chance, errors = (data[name].to_numpy() for name in ("probability", "mcse"))
    stable = not changed_answers(chance, errors, threshold).any()
    words, failed = _sentences(rows), tuple(lost.values())
    return CheckResult("latent", with_lost(rows, gone), data, words, stable, failed)


def _fit(
    model: pm.Model,
    priors: Sequence[LatentPrior],
    names: Sequence[str],
    *,
    size: tuple[int, int],
) -> tuple[xr.Dataset, dict[str, Floats], list[str], dict[int, Failure]]:
    members = {BIAS: np.stack([prior.vector for prior in priors])}
    compiled = compile_graph(model)
    found = compiled.engine.posteriors(members, draws=size[0], seed=size[1])
    draws = found.draws.sortby(MEMBER)
    about = {name: found.diagnostics[name].to_numpy() for name in ("k_hat", "ess")}
    lost: dict[int, Failure] = {}
    if len(found.flagged):
        draws, about["ess"], lost = mended(compiled, members, found, names)
    if 0 in lost:
        # The others are compared with the model without a confounder.
        raise ConvergenceError(lost[0].reason, lost[0].remedy)
    engines = np.full(len(priors), Engine.LAPLACE.value, dtype=object)
    engines[found.flagged] = Engine.NUTS.value
    kept = [place for place in range(len(priors)) if place not in lost]
    about = {name: values[kept] for name, values in about.items()}
    draws = draws.assign_coords({MEMBER: np.arange(len(kept))})
    return draws, about, engines[kept].tolist(), lost


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
        f"{row['probability']:.2f}: '{Decision(row['decision']).words}'."
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
