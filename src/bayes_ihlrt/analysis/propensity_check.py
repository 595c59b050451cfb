"""Check a `[propensity]` table against design and data, without sampling."""

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from bayes_ihlrt import propensity as propensities
from bayes_ihlrt.analysis.comparability import check_overlap
from bayes_ihlrt.data.cohort import Cohort
from bayes_ihlrt.data.schema import TreatmentSpec
from bayes_ihlrt.designs.build import emulate
from bayes_ihlrt.designs.emulation import Emulation
from bayes_ihlrt.designs.person_time import Columns
from bayes_ihlrt.errors import Fault, RefusedError, SpecificationError
from bayes_ihlrt.model.formula import parse_formula
from bayes_ihlrt.model.spec import ModelSpec, ModifierSpec
from bayes_ihlrt.names import Adjustment, DesignKind
from bayes_ihlrt.propensity.comparability import Comparability
from bayes_ihlrt.propensity.one_moment import at_one_moment
from bayes_ihlrt.propensity.spec import PropensitySpec

if TYPE_CHECKING:
    from bayes_ihlrt.propensity.prepare import PreparedPropensity

_OVERCONFIDENT: Final = {
    DesignKind.SEQUENTIAL: "patients who start treatment would be compared with those who do not "
    "as if chance had decided, and a patient in several trials would count as several",
    DesignKind.CLONE_CENSOR_WEIGHT: "clones would leave follow-up when treatment is decided on as "
    "if chance had decided, and every patient would count as two",
}


@dataclass(frozen=True)
class CheckedPropensity:
    """A propensity specification bound to the decisions of the design.

    Parameters
    ----------
    spec : PropensitySpec
        The specification.
    emulation : Emulation
        Person-time and decisions.
    initiation : PreparedPropensity
        Encoder and priors of the model of initiation.
    notes : tuple of str
        Separation, if there is any.
    comparability : Comparability or None
        Whether the weighted arms can be compared, at the mode; None where nothing is weighted.
    """

    spec: PropensitySpec
    emulation: Emulation
    initiation: "PreparedPropensity"
    notes: tuple[str, ...]
    comparability: Comparability | None = None

    @property
    def warning(self) -> tuple[str, ...]:
        """What comes first: arms that cannot be compared; empty where they can."""
        found = "" if self.comparability is None else self.comparability.warning
        return (found,) if found else ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain data: what is stated, decisions, columns, priors, separated columns."""
        decisions, stated = self.emulation.decisions, self.spec.model_dump(mode="json")
        del stated["priors"]
        return {
            **stated,
            "decisions": decisions.n_rows,
            "initiated": int(decisions.initiated.sum()),
            "rule": decisions.rule.value,
            "columns": list(self.initiation.encoder.columns),
            "priors": {
                name: {
                    **found.prior.model_dump(mode="json", exclude_none=True),
                    "source": found.source,
                }
                for name, found in self.initiation.priors.items()
            },
            "separated": list(self.initiation.separated),
            "comparability": None if self.comparability is None else self.comparability.to_dict(),
        }


def check_propensity(
    spec: PropensitySpec | None,
    cohort: Cohort,
    treatment: TreatmentSpec | None,
    *,
    model: ModelSpec,
) -> CheckedPropensity | None:
    """Bind a propensity specification to the decisions of the design.

    Parameters
    ----------
    spec : PropensitySpec or None
        The specification.
    cohort : Cohort
        The data.
    treatment : TreatmentSpec or None
        The treatment and its design.
    model : ModelSpec
        The outcome model, with the modifier.

    Returns
    -------
    CheckedPropensity or None
        None without a specification.

    Raises
    ------
    RefusedError
        The design needs weights and has none, or an arm is worth too few patients and that was
        not acknowledged.
    SpecificationError
        The design has no decisions, or formula and data do not fit together.
    DataError
        A covariate of a patient is not known at a decision.
    """
    _refuse_overconfidence(spec, treatment)
    if spec is None:
        return None
    if treatment is None:
        problem = "it explains a treatment, and the analysis has none"
        fault = Fault("the table", problem, "Add a [treatment] table, or remove it")
        raise SpecificationError("[propensity]", [fault])
    _require_decisions(treatment)
    emulation = emulate(cohort, treatment)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        initiation = propensities.prepare_propensity(
            spec, emulation.decisions.columns, model.modifier
        )
        earned, notes = _check_grace(spec, emulation, model.modifier)
    found = check_overlap(
        emulation, (initiation, earned), spec=spec, model=model, grace=treatment.grace
    )
    told = dict.fromkeys(str(warning.message) for warning in caught)
    return CheckedPropensity(spec, emulation, initiation, (*told, *notes), found)


def _check_grace(
    spec: PropensitySpec, emulation: Emulation, modifier: ModifierSpec | None
) -> "tuple[PreparedPropensity | None, list[str]]":
    """Bind the model of treatment within the grace period, so that `fit` finds no other fault."""
    if emulation.grace is None:
        return None, []
    own = at_one_moment(spec, emulation.grace.columns)
    _refuse_what_has_not_happened(own, emulation.grace.columns)
    bound = propensities.prepare_propensity(own, emulation.grace.columns, modifier)
    if own is spec:
        return bound, []
    return bound, [
        "Treatment within the grace period is explained by covariates at time zero, where the time "
        "of the decision is the same for everybody: it is left out of that model, and stays in the "
        "model of starting at each visit."
    ]


def _refuse_what_has_not_happened(spec: PropensitySpec, columns: Columns) -> None:
    """Refuse covariates that tell nothing at time zero: nobody has responded then, say."""
    names = parse_formula(spec.formula).columns if spec.formula else ()
    alike = [name for name in names if name in columns and len(set(columns[name].tolist())) == 1]
    if alike:
        problem = (
            f"'baseline' reads what was known at time zero, where {', '.join(alike)} is the same "
            "for everybody"
        )
        remedy = (
            "Write grace_weights = 'time-varying', which reads it at each decision, or leave it "
            "out of the [propensity] formula"
        )
        raise SpecificationError(
            "[propensity]", [Fault("[treatment] grace_weights", problem, remedy)]
        )


def _refuse_overconfidence(spec: PropensitySpec | None, treatment: TreatmentSpec | None) -> None:
    if treatment is None or treatment.design not in _OVERCONFIDENT:
        return
    if spec is None:
        without = "without a [propensity] table"
        remedy = "Add the table with the formula of what treatment is decided on"
    elif spec.adjust is Adjustment.NONE:
        without, remedy = "with [propensity] adjust 'none'", "Set adjust = 'weights'"
    else:
        return
    problem = f"{without} {_OVERCONFIDENT[treatment.design]}"
    remedy += ", or use design 'split' or 'landmark'"
    fault = Fault(f"design '{treatment.design.value}'", problem, remedy)
    raise RefusedError("[treatment] design", [fault])


def _require_decisions(treatment: TreatmentSpec) -> None:
    if treatment.design not in {DesignKind.SPLIT, DesignKind.EVER_NEVER}:
        return
    problem = (
        f"design '{treatment.design.value}' follows patients from time zero and has no decisions "
        "on treatment, so nobody has a propensity"
    )
    remedy = (
        "Use design 'sequential', 'clone-censor-weight' or 'landmark' (`bayes-ihlrt ladder` "
        "compares them), or remove the table and put the confounders into the [outcome] formula"
    )
    raise SpecificationError("[propensity]", [Fault("[treatment] design", problem, remedy)])
