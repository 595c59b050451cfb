"""Point estimates of the package's designs in one cohort: modes, without draws around them.

Rungs are planned, emulated, weighted and fitted by the package's own code; the many refits by which
it draws are left out, because bias is asked for, and a mode tells it.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from bayes_ihlrt.batch.compiled import CompiledModel, compile_model
from bayes_ihlrt.cohort.load import Cohort
from bayes_ihlrt.designs.build import emulate, person_time
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.estimands.curves import NEVER, rmst, treated_from
from bayes_ihlrt.estimands.interaction import log_hazard_ratio
from bayes_ihlrt.estimands.population import Population
from bayes_ihlrt.ladder.rungs import RungPlan, plan_rungs
from bayes_ihlrt.model.graph import PreparedModel, prepare
from bayes_ihlrt.names import Adjustment, EstimandTarget, PropensityUncertainty
from bayes_ihlrt.posterior.fitted import FittedModel
from bayes_ihlrt.posterior.quality import check_convergence
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.propensity import PropensitySpec
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.weighted.adjusted import prepare_adjusted
from bayes_ihlrt.weighted.analysis import WeightedAnalysis
from bayes_ihlrt.weighted.models import Models, centre
from bayes_ihlrt.weighted.strategy_survival import weighted_survival
from validation.bias.row import Bias, over_cohorts


class Study(NamedTuple):
    """A cohort as a specification reads it.

    Parameters
    ----------
    spec : AnalysisSpec
        The specification.
    cohort : Cohort
        The patients.
    """

    spec: AnalysisSpec
    cohort: Cohort

    @property
    def plans(self) -> dict[str, RungPlan]:
        """The ladder's rungs, by design and adjustment."""
        plans = plan_rungs(self.spec, self.cohort)
        return {f"{plan.rung} {plan.adjustment}": plan for plan in plans}


def study(text: str, frame: pd.DataFrame, visits: pd.DataFrame | None = None) -> Study:
    """Read patients, and their visits where there are some, by a specification."""
    spec = parse_spec(text)
    cohort = Cohort.from_frame(
        frame,
        spec.data,
        spec.treatment,
        covariates=spec.covariates,
        visits=spec.visits,
        visit_rows=visits,
    )
    return Study(spec, cohort)


def modelled(own: Study, plan: RungPlan | None = None) -> FittedModel:
    """Fit the specification's own model, or a rung's, to person-time that nothing weighs."""
    treatment = own.spec.treatment if plan is None else plan.treatment
    model = own.spec.model if plan is None else plan.model
    changing = () if own.cohort.visits is None else own.cohort.visits.updated
    read = [name for name in model.outcome.parsed.columns if name in changing]
    follows = treatment.design.value in {"split", "ever-never"}
    rows = person_time(own.cohort, treatment, updated=read if follows else ())
    prepared = prepare(model, rows)
    engine = compile_model(prepared)
    weight = {"weight": prepared.arrays.data["weight"][None]}
    return _at(prepared, rows, engine, centre(engine, weight))


def weighted(own: Study, plan: RungPlan | None, target: str = "ato") -> FittedModel:
    """Fit a weighted rung, or the specification's own design, for a population."""
    analysis = _analysis(own, plan, target)
    models = Models(analysis)
    rows = analysis.emulation.person_time
    return _at(analysis.outcome, rows, models.outcome, models.at_once().starts.outcome)


def clone_months(own: Study, plan: RungPlan, horizon: float) -> float:
    """Return the months gained by the strategy that treats, of weighted clones."""
    analysis = _analysis(own, plan, EstimandTarget.ATE.value)
    weights, rows = Models(analysis).at_once().row_weights, analysis.emulation.person_time
    months = []
    for arm in (0.0, 1.0):
        kept = analysis.arm == arm
        table = {name: rows.columns[name][kept] for name in ("start", "stop", "event")}
        _, found = weighted_survival(table, weights[None, kept], horizon)
        months.append(float(found[0]))
    return months[1] - months[0]


def log_hr(fit: FittedModel, at: Sequence[float] = ()) -> np.ndarray:
    """Return the log hazard ratio of treatment, at values of the modifier where some are given."""
    return np.asarray(log_hazard_ratio(fit, tuple(at)) if at else log_hazard_ratio(fit)).ravel()


def gained(fit: FittedModel, horizon: float, population: Population | None = None) -> float:
    """Return the months gained by treatment from time zero on."""
    always = treated_from(0.0)
    months = rmst(fit, horizon, [always, NEVER], population=population)
    return (months.sel(strategy=always.name) - months.sel(strategy=NEVER.name)).item()


class Asked(NamedTuple):
    """What a row asks.

    Parameters
    ----------
    design, estimand, unit : str
        As the row tells them.
    truth, truth_mcse : float
        Truth and, where it was simulated, its Monte Carlo standard error.
    expected : bool
        Whether the design is meant to be right.
    """

    design: str
    estimand: str
    unit: str
    truth: float = 0.0
    truth_mcse: float = 0.0
    expected: bool = True


def tell(
    asked: Sequence[Asked], found: Iterable[Sequence[float]], mechanism: str, size: str
) -> list[Bias]:
    """Return a row for everything asked, from the values of each cohort in the same order."""
    made = []
    for one, values in zip(asked, zip(*found, strict=True), strict=True):
        estimate, mcse = over_cohorts(list(values), one.truth_mcse)
        made.append(
            Bias(
                design=one.design,
                estimand=one.estimand,
                mechanism=mechanism,
                truth=one.truth,
                estimate=estimate,
                mcse=mcse,
                unit=one.unit,
                size=size,
                expected=one.expected,
            )
        )
    return made


def _analysis(own: Study, plan: RungPlan | None, target: str) -> WeightedAnalysis:
    treatment = own.spec.treatment if plan is None else plan.treatment
    model = own.spec.model if plan is None else plan.model
    given: PropensitySpec = own.spec.propensity
    decided = given.model_copy(
        update={"adjust": Adjustment.WEIGHTS, "estimand": EstimandTarget(target)}
    )
    return prepare_adjusted(emulate(own.cohort, treatment), model, decided)


def _at(
    prepared: PreparedModel, rows: PersonTime, engine: CompiledModel, position: np.ndarray
) -> FittedModel:
    found = engine.parameters(position[None]).rename({"member": "draw"}).expand_dims("chain")
    found = found.assign_coords(chain=[0], draw=[0])
    tree = xr.DataTree.from_dict({"posterior": found})
    # Told as one draw of a bootstrap, of which a verdict needs no diagnostics of a sampler.
    name = PropensityUncertainty.LINKED_BOOTSTRAP.value
    tree.attrs = {
        "engine": name,
        "uncertainty": name,
        "failed": 0,
        "sample_dims": ["chain", "draw"],
    }
    return FittedModel(prepared, rows, tree, check_convergence(tree))
