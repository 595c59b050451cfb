"""What else an analysis could have been: variants of a specification."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Final

from bayes_ihlrt.analysis.prior_names import of_one_coefficient, term_priors
from bayes_ihlrt.analysis.spec import AnalysisSpec
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.model.formula import without_terms
from bayes_ihlrt.model.spec import HazardSpec
from bayes_ihlrt.names import DesignKind
from bayes_ihlrt.sensitivity.populations import Exclusion

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
        One change at a time, or every combination of hazard, covariates and design.
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
    choices = dict.fromkeys((HAZARD, COVARIATES, DESIGN), STATED)
    return Variant({**choices, POPULATION: exclusion.name}, spec, exclusion)


def hazard_label(hazard: HazardSpec) -> str:
    """Return what a baseline hazard is called.

    Parameters
    ----------
    hazard : HazardSpec
        Family and options.

    Returns
    -------
    str
        For example ``"piecewise 6, 18"``.

    Examples
    --------
    >>> hazard_label(HazardSpec(family="piecewise", cuts=(6.0, 18.0)))
    'piecewise 6, 18'
    """
    options = [", ".join(f"{cut:g}" for cut in hazard.cuts or ())]
    options += [] if hazard.smoothing is None else [hazard.smoothing.value]
    options += [] if hazard.knots is None else [f"{hazard.knots} knots"]
    return " ".join([hazard.family.value, *(option for option in options if option)])


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
