"""Structure: the same question under other hazards, covariates, designs and populations.

Each analysis that might have been is a variant of the stated specification.

References
----------
Steegen S, Tuerlinckx F, Gelman A, Vanpaemel W. Increasing transparency through a multiverse
analysis. Perspect Psychol Sci 2016;11:702-712, doi 10.1177/1745691616658637.
Simonsohn U, Simmons JP, Nelson LD. Specification curve analysis. Nat Hum Behav 2020;4:1208-1214,
doi 10.1038/s41562-020-0912-z.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Any, Final

import numpy as np
import xarray as xr

from bayes_ihlrt.analysis.check import CohortSource, check_analysis
from bayes_ihlrt.batch.result import MEMBER
from bayes_ihlrt.designs.person_time import PersonTime
from bayes_ihlrt.model.prepared import PreparedModel, prepare
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.parts import Failure, attempted
from bayes_ihlrt.posterior.fitted import FittedModel, fit_shared
from bayes_ihlrt.sensitivity.cells import fit_cells
from bayes_ihlrt.sensitivity.decisions import CheckResult, Row, differ
from bayes_ihlrt.sensitivity.populations import (
    Exclusion,
    exclusions,
    from_dict,
    population_cell,
    remaining,
)
from bayes_ihlrt.sensitivity.quantities import (
    Quantity,
    Wanted,
    as_fit,
    read_quantities,
    summarise_quantities,
)
from bayes_ihlrt.sensitivity.scans import SHARES, TIMES, taken
from bayes_ihlrt.spec.analysis import AnalysisSpec
from bayes_ihlrt.spec.formula import without_terms
from bayes_ihlrt.spec.model import hazard_label
from bayes_ihlrt.spec.parameters import of_one_coefficient, term_priors
from bayes_ihlrt.spec.read import parse_spec
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.treatment import TreatmentSpec
from bayes_ihlrt.verdicts import Decision, decide

STATED: Final = "as stated"
HAZARD: Final = "hazard"
COVARIATES: Final = "covariates"
DESIGN: Final = "design"
POPULATION: Final = "population"
_ALIASES: Final = frozenset({"default", "baseline", "group_sd"})


@dataclass(frozen=True, eq=False)
class Variant:
    """One analysis of a study of structure.

    Parameters
    ----------
    choices : mapping of str to str
        Hazard, covariates, design and population.
    spec : AnalysisSpec
        The specification.
    exclusion : Exclusion or None
        Patients who are left out.
    """

    choices: Mapping[str, str]
    spec: AnalysisSpec
    exclusion: Exclusion | None = None

    @property
    def name(self) -> str:
        """What differs from the stated analysis."""
        changed = [f"{key} {value}" for key, value in self.choices.items() if value != STATED]
        return "; ".join(changed) or STATED


def variants(spec: AnalysisSpec) -> tuple[Variant, ...]:
    """Return the analyses that `[sensitivity.structure]` asks for, the stated one first.

    Parameters
    ----------
    spec : AnalysisSpec
        With a treatment.

    Returns
    -------
    tuple of Variant
        One change at a time, or every combination of hazard, covariates and design; then the event
        at single times where it lies between scans.
    """
    hazards, covariates, designs = _hazards(spec), _covariates(spec), _designs(spec)
    if spec.sensitivity.structure.crossed:
        picked = list(product(hazards, covariates, designs))
    else:
        picked = [(STATED, STATED, STATED)]
        picked += [(name, STATED, STATED) for name in hazards if name != STATED]
        picked += [(STATED, name, STATED) for name in covariates if name != STATED]
        picked += [(STATED, STATED, name) for name in designs if name != STATED]
    found = []
    for hazard, kept, design in picked:
        changes = hazards[hazard] | covariates[kept] | designs[design]
        choices = {HAZARD: hazard, COVARIATES: kept, DESIGN: design, POPULATION: STATED}
        found.append(Variant(choices, _changed(spec, changes)))
    if spec.data.interval is not None:
        found = [replace(each, choices={**each.choices, TIMES: STATED}) for each in found]
        found += [Variant({**found[0].choices, TIMES: name}, spec) for name in SHARES]
    return tuple(found)


def population_variant(spec: AnalysisSpec, exclusion: Exclusion) -> Variant:
    """Return the stated analysis of other patients.

    Parameters
    ----------
    spec : AnalysisSpec
        The stated analysis.
    exclusion : Exclusion
        Patients who are left out.

    Returns
    -------
    Variant
        With the stated specification.
    """
    times = () if spec.data.interval is None else (TIMES,)
    choices = dict.fromkeys((HAZARD, COVARIATES, DESIGN, *times), STATED)
    return Variant({**choices, POPULATION: exclusion.name}, spec, exclusion)


type Changes = dict[str, Any]


def _hazards(spec: AnalysisSpec) -> dict[str, Changes]:
    found: dict[str, Changes] = {STATED: {}}
    for hazard in spec.sensitivity.structure.hazards:
        if hazard != spec.outcome.hazard:
            found[hazard_label(hazard)] = {"hazard": hazard}
    return found


def _covariates(spec: AnalysisSpec) -> dict[str, Changes]:
    found: dict[str, Changes] = {STATED: {}}
    if not spec.sensitivity.structure.covariates or spec.treatment is None:
        return found
    own = {spec.treatment.name} | (set() if spec.modifier is None else {spec.modifier.name})
    adjusting = [name for name in spec.outcome.parsed.columns if name not in own]
    for name in adjusting:
        found[f"without {name}"] = {"formula": without_terms(spec.outcome.formula, {name})}
    if len(adjusting) > 1:
        left = without_terms(spec.outcome.formula, set(adjusting))
        found["none"] = {"formula": left}
    if spec.outcome.group:
        found["without groups"] = {"group": ""}
    return found


def _designs(spec: AnalysisSpec) -> dict[str, Changes]:
    found: dict[str, Changes] = {STATED: {}}
    treatment = spec.treatment
    if treatment is None or treatment.design is not DesignKind.SPLIT or treatment.start is None:
        return found
    if spec.data.interval is not None:
        # Refused where they are stated (`spec.states.interval_faults`): the default does not hold.
        return found
    for month in spec.sensitivity.structure.landmarks:
        design = TreatmentSpec(
            name=treatment.name,
            start=treatment.start,
            design=DesignKind.LANDMARK,
            landmark=month,
        )
        found[f"landmark {month:g}"] = {"treatment": design}
    return found


def _changed(spec: AnalysisSpec, changes: Changes) -> AnalysisSpec:
    """Return a specification with other structure, without the priors of what it lacks."""
    outcome = spec.outcome.model_copy(
        update={k: v for k, v in changes.items() if k in {"hazard", "formula", "group"}}
    )
    update: Changes = {"outcome": outcome}
    if "treatment" in changes:
        update["treatment"] = changes["treatment"]
        update["estimands"] = spec.estimands.model_copy(update={"treat_from": 0.0})
    bare = spec.model_copy(update={**update, "priors": {}})
    known = set(term_priors(bare.model)) | _ALIASES
    priors = {
        name: prior
        for name, prior in spec.priors.items()
        if name in known or of_one_coefficient(name, bare.model)
    }
    if not outcome.group:
        priors = {name: prior for name, prior in priors.items() if name != "group_sd"}
    return bare.model_copy(update={"priors": priors})


_NUMBERS: Final = ("mean", "sd", "q2.5", "median", "q97.5", "probability", "mcse")
_CHAINS: Final = 4


def structure(spec: AnalysisSpec, data: CohortSource, prepared: PreparedModel) -> CheckResult:
    """Run every variant of an analysis.

    A variant that these data do not allow keeps its rows, with the reason.

    Parameters
    ----------
    spec : AnalysisSpec
        The stated analysis.
    data : str, Path, Cohort, DataFrame or mapping
        The data.
    prepared : PreparedModel
        The stated model on its person-time.

    Returns
    -------
    CheckResult
        Rows by analysis and quantity, each with the specification that reproduces it; data for the
        specification curve.
    """
    done: list[Done] = [(variant, _attempt(variant, data)) for variant in variants(spec)]
    if spec.sensitivity.structure.populations:
        done += _populations(spec, data, prepared)
    rows = [row for variant, found in done for row in _rows(variant, found)]
    rows = _compared(rows, spec.sensitivity.threshold)
    known = any(row["changed"] is not None for row in rows)
    stable = not any(row["changed"] for row in rows) if known else None
    lost = tuple(found for _, found in done if isinstance(found, Failure))
    curve = _curve(done, spec)
    return CheckResult("structure", tuple(rows), curve, _sentences(rows), stable, lost)


def reproduce(row: Row, data: CohortSource) -> tuple[dict[str, Any], ...]:
    """Run the analysis of a row again.

    Parameters
    ----------
    row : mapping
        A row of `structure`: its ``specification`` and ``exclusion`` say everything.
    data : str, Path, Cohort, DataFrame or mapping
        The same data.

    Returns
    -------
    tuple of dict
        The rows of that analysis, one a quantity.
    """
    spec = parse_spec(row["specification"])
    choices = {**row["choices"]}
    if row["exclusion"] is None:
        variant = Variant(choices, spec)
        return tuple(dict(r) for r in _rows(variant, _attempt(variant, data)))
    checked = check_analysis(spec, data)
    variant = Variant(choices, checked.spec, from_dict(row["exclusion"]))
    rows = checked.person_time
    (found,) = _fit_populations([variant], prepare(checked.spec.model, rows), rows)
    return tuple(dict(r) for r in _rows(*found))


type Done = tuple[Variant, xr.Dataset | Failure]


def _attempt(variant: Variant, data: CohortSource) -> xr.Dataset | Failure:
    """Fit one variant, or tell why it cannot be."""
    spec = variant.spec
    settings = SamplerSpec(
        draws=-(-spec.sensitivity.draws // _CHAINS), chains=_CHAINS, seed=spec.sampler.seed
    )

    def fitted() -> xr.Dataset:
        checked = check_analysis(spec, taken(variant.choices, spec, data))
        return _table(fit_shared(checked.spec.model, checked.person_time, settings), checked.spec)

    return attempted(variant.name, fitted)


def _table(fit: FittedModel, spec: AnalysisSpec) -> xr.Dataset:
    found = [
        Quantity(q.estimand, q.at, q.statement, q.values.reshape(1, -1), q.holds.reshape(1, -1))
        for q in read_quantities(fit, _wanted(spec))
    ]
    size = found[0].values.shape[1]
    weights = np.full((1, size), 1.0 / size)
    effective = np.array([fit.convergence.effective])
    return summarise_quantities(found, weights, effective).isel({MEMBER: 0})


def _wanted(spec: AnalysisSpec) -> Wanted:
    return Wanted(
        horizon=max(spec.estimands.horizons),
        margin=spec.sensitivity.margin,
        treat_from=spec.treat_from,
        mitigation=False,
    )


def _populations(spec: AnalysisSpec, data: CohortSource, prepared: PreparedModel) -> list[Done]:
    rows = check_analysis(spec, data).person_time
    found = [population_variant(spec, each) for each in exclusions(prepared, rows)]
    return _fit_populations(found, prepared, rows) if found else []


def _fit_populations(
    found: Sequence[Variant], prepared: PreparedModel, rows: PersonTime
) -> list[Done]:
    """Fit the stated model without some patients: weights of zero, one member of a batch each."""
    spec = found[0].spec
    left_out = [variant.exclusion for variant in found if variant.exclusion is not None]
    cells = [population_cell(prepared, rows, each) for each in left_out]
    size = spec.sensitivity.draws, spec.sampler.seed
    fits = attempted(
        POPULATION, lambda: fit_cells(prepared, cells, draws=size[0], seed=size[1], needed=())
    )
    if isinstance(fits, Failure):
        return [(variant, replace(fits, part=variant.name)) for variant in found]
    done: list[Done] = [
        (found[place], replace(failure, part=found[place].name))
        for place, failure in fits.lost.items()
    ]
    for number, place in enumerate(fits.places):
        variant, each = found[place], left_out[place]
        draws = fits.draws.isel({MEMBER: [number]})
        fit = as_fit(prepared, remaining(rows, each), draws)
        quantities = read_quantities(fit, _wanted(spec))
        sizes = fits.ess[[number]]
        table = summarise_quantities(quantities, fits.weights[[number]], sizes).isel({MEMBER: 0})
        done.append((variant, table))
    return done


def _rows(variant: Variant, table: xr.Dataset | Failure) -> list[Row]:
    spec = variant.spec
    failure = table if isinstance(table, Failure) else None
    common: dict[str, Any] = {
        "analysis": variant.name,
        "choices": dict(variant.choices),
        "specification": spec.to_toml(),
        "exclusion": None if variant.exclusion is None else variant.exclusion.to_dict(),
        "reason": None if failure is None else str(failure),
        "failed": None if failure is None else failure.to_dict(),
    }
    if isinstance(table, Failure):
        nothing = dict.fromkeys((*_NUMBERS, "quantity", "statement", "decision"))
        return [{**common, **nothing}]
    rows: list[Row] = []
    for label in table["quantity"].to_numpy():
        here = table.sel(quantity=label)
        chance = float(here["probability"])
        rows.append(
            {
                **common,
                "quantity": str(label),
                "statement": str(here["statement"].item()),
                **{name: float(here[name]) for name in _NUMBERS},
                "decision": decide(chance, spec.sensitivity.threshold).value,
            }
        )
    return rows


def _compared(rows: Sequence[Row], threshold: float) -> list[Row]:
    """Tell of each row whether its answer differs from the stated one, beyond Monte Carlo error."""
    stated = {row["quantity"]: row for row in rows if row["analysis"] == STATED}
    found: list[Row] = []
    for row in rows:
        changed = None
        if row["reason"] is None and row["quantity"] in stated:
            first = stated[row["quantity"]]
            pairs = [(each["probability"], each["mcse"]) for each in (first, row)]
            changed = differ(pairs[0], pairs[1], threshold)
        found.append({**row, "changed": changed})
    return found


def _curve(done: Sequence[Done], spec: AnalysisSpec) -> xr.Dataset:
    """Hazard ratios by analysis, and which choices each of them makes."""
    names = [variant.name for variant, _ in done]
    marks = list(
        dict.fromkeys((key, value) for variant, _ in done for key, value in variant.choices.items())
    )
    marks.sort(key=lambda mark: list(done[0][0].choices).index(mark[0]))
    made = [[variant.choices[key] == value for variant, _ in done] for key, value in marks]
    columns = {
        name: (
            "analysis",
            [_ratio(found, name) for _, found in done],
        )
        for name in ("q2.5", "median", "q97.5")
    }
    return xr.Dataset(
        {
            **columns,
            "made": (("choice", "analysis"), np.asarray(made)),
            "stated": ("analysis", [name == STATED for name in names]),
        },
        coords={"analysis": names, "choice": [f"{key}: {value}" for key, value in marks]},
        attrs={"threshold": spec.sensitivity.threshold},
    )


def _ratio(found: xr.Dataset | Failure, name: str) -> float:
    return np.nan if isinstance(found, Failure) else float(np.exp(found[name].to_numpy()[0]))


def _sentences(rows: Sequence[Row]) -> tuple[str, ...]:
    found = []
    done = [row for row in rows if row["reason"] is None]
    for quantity in dict.fromkeys(row["quantity"] for row in done):
        here = [row for row in done if row["quantity"] == quantity]
        chances = [row["probability"] for row in here]
        other = [row for row in here if row["changed"]]
        words = (
            f"P({here[0]['statement']}) lies between {min(chances):.2f} and {max(chances):.2f} "
            f"over {len(here)} analyses: "
        )
        if here[0]["analysis"] != STATED:
            found.append(f"{words}the stated one is missing, and none is compared with it.")
            continue
        words += f"'{Decision(here[0]['decision']).words}' as stated, "
        said = ", ".join(
            f"{row['analysis']} ('{Decision(row['decision']).words}')" for row in other
        )
        found.append(
            words
            + (
                f"another answer under {said}."
                if other
                else "and in all others, up to Monte Carlo error."
            )
        )
    return tuple(found)
