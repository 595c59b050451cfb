"""`AnalysisSpec`: a whole analysis as plain frozen data, one TOML file each.

It tells which columns of the data file its parts read.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_serializer,
    model_validator,
)
from pydantic.json_schema import SkipJsonSchema

from bayes_ihlrt.errors import Fault, SpecificationError
from bayes_ihlrt.frozen import FrozenDict, Kept
from bayes_ihlrt.labels import Labels, labels_of
from bayes_ihlrt.names import Adjustment, DesignKind, EstimandTarget, TimeUnit
from bayes_ihlrt.priors import AnyPrior
from bayes_ihlrt.spec.data import DataSpec
from bayes_ihlrt.spec.estimands import (
    EstimandSpec,
    PopulationKind,
    estimand_faults,
    stated_population,
    treated_month,
)
from bayes_ihlrt.spec.external import EXTERNAL, ExternalSpec, difference_words, external_rules
from bayes_ihlrt.spec.faults import described, translated
from bayes_ihlrt.spec.ladder import LadderSpec, ladder_faults, response_effect_faults
from bayes_ihlrt.spec.model import HeldScales, ModelSpec, ModifierSpec, OutcomeSpec, parameter_words
from bayes_ihlrt.spec.parameters import prior_faults
from bayes_ihlrt.spec.prior_sets import (
    BASE,
    JUSTIFICATION,
    Justification,
    with_base,
    with_justification,
    words_schema,
)
from bayes_ihlrt.spec.propensity import (
    PropensitySpec,
    adjustment_faults,
    decided_on,
    with_target_of_clones,
)
from bayes_ihlrt.spec.sampler import SamplerSpec
from bayes_ihlrt.spec.sensitivity import SensitivitySpec, sensitivity_faults
from bayes_ihlrt.spec.states import CauseSpec, cause_faults, interval_faults, outcomes_of
from bayes_ihlrt.spec.treatment import TreatmentSpec, VisitsSpec


def covariates(
    treatment: TreatmentSpec | None, modifier: ModifierSpec | None, outcome: OutcomeSpec
) -> tuple[str, ...]:
    """Return the columns that a cohort must carry for a model, in the order of the formula.

    Parameters
    ----------
    treatment : TreatmentSpec or None
        The treatment.
    modifier : ModifierSpec or None
        The effect modifier.
    outcome : OutcomeSpec
        The outcome model.

    Returns
    -------
    tuple of str
        Column names of the data file, without the treatment and without ``centre``, which the
        cohort has of itself.
    """
    read = [*outcome.parsed.columns]
    for group in outcome.groups:
        read += [group.group] if group.slope is None else [group.group, group.slope]
    own = {"centre"} if treatment is None else {"centre", treatment.name}
    columns = [name for name in read if name not in own]
    if modifier is not None:
        columns = [modifier.column if name == modifier.name else name for name in columns]
    return tuple(dict.fromkeys(columns))


def file_data(
    data: DataSpec, treatment: TreatmentSpec | None, modifier: ModifierSpec | None
) -> DataSpec:
    """Return what is said of the columns of the file.

    Parameters
    ----------
    data : DataSpec
        The table.
    treatment : TreatmentSpec or None
        The treatment.
    modifier : ModifierSpec or None
        The effect modifier.

    Returns
    -------
    DataSpec
        Without labels of treatment, modifier and centre, where these are names of the analysis.
    """
    own = {found.name for found in (treatment, modifier) if found is not None}
    own |= set() if data.centre is None else {"centre"}
    labels = {name: label for name, label in data.labels.items() if name not in own}
    # A copy is not checked again, so that nothing else would freeze them.
    return data.model_copy(update={"labels": FrozenDict(labels)})


def weighted_to(propensity: PropensitySpec | None) -> EstimandTarget | None:
    """Return whom the weights of a propensity stand for.

    Parameters
    ----------
    propensity : PropensitySpec or None
        The propensity.

    Returns
    -------
    EstimandTarget or None
        None where nothing is weighted.

    Examples
    --------
    >>> weighted_to(PropensitySpec(formula="albi", estimand="att")).value
    'att'
    """
    if propensity is None or propensity.adjust is not Adjustment.WEIGHTS:
        return None
    return propensity.estimand


class AnalysisSpec(BaseModel):
    """A whole analysis: data, treatment, model, priors, sampler and estimands.

    `load_spec` reads one from a file and tells every fault of it in plain words.

    Raises
    ------
    pydantic.ValidationError
        A table is at fault, or two tables contradict each other.

    Examples
    --------
    >>> from bayes_ihlrt.spec.read import parse_spec
    >>> spec = parse_spec('''
    ... schema = 2
    ... name = "os"
    ... [data]
    ... patient = "id"
    ... time = "months"
    ... event = "death"
    ... [treatment]
    ... name = "ihlrt"
    ... start = "ihlrt_months"
    ... [outcome]
    ... formula = "ihlrt + albi"
    ... ''')
    >>> spec.covariates
    ('albi',)
    >>> parse_spec(spec.to_toml()) == spec
    True
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = Field(
        default=2, alias="schema", description="Version of this format: 2."
    )
    name: Annotated[str, Field(min_length=1)] = Field(description="Short name of the analysis.")
    description: str = Field(default="", description="What it is for, in one line.")
    data: DataSpec = Field(description="Columns of the data file and their units.")
    treatment: TreatmentSpec | None = Field(
        default=None, description="The treatment whose effect is estimated; none if left out."
    )
    visits: VisitsSpec | None = Field(
        default=None, description="Covariates that change during follow-up; none if left out."
    )
    modifier: ModifierSpec | None = Field(
        default=None, description="The continuous effect modifier; none if left out."
    )
    outcome: OutcomeSpec = Field(description="Linear predictor, group effects, baseline hazard.")
    causes: Kept[str, CauseSpec] = Field(
        default_factory=FrozenDict, description="Hazards of competing causes."
    )
    external: ExternalSpec | None = Field(
        default=None, description="Control patients from elsewhere; none if left out."
    )
    propensity: PropensitySpec | None = Field(
        default=None,
        description="What treatment is decided on, for designs that weight; none if left out.",
    )
    priors: Kept[str, AnyPrior] = Field(
        default_factory=FrozenDict,
        description="Priors by term or parameter; the package's own where left out. `base` names a "
        "packaged set that the other lines override; `justification` says what informative ones "
        "rest on.",
    )
    prior_base: SkipJsonSchema[str | None] = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Name of the packaged set that `priors` rests on; set by `base` there.",
    )
    prior_justification: SkipJsonSchema[Justification | None] = Field(
        default=None,
        exclude=True,
        repr=False,
        description="What informative priors rest on; set by `justification` in `priors`.",
    )
    scales: HeldScales = Field(
        default=None,
        exclude=True,
        repr=False,
        description="Reference time and standard deviations of the cohort; set when it is read.",
    )
    sampler: SamplerSpec = Field(default=SamplerSpec(), description="Draws, chains, seed.")
    estimands: EstimandSpec = Field(
        default=EstimandSpec(), description="What is read from the posterior."
    )
    ladder: LadderSpec = Field(
        default=LadderSpec(), description="What `bayes-ihlrt ladder` runs beside this design."
    )
    sensitivity: SensitivitySpec = Field(
        default=SensitivitySpec(), description="What `bayes-ihlrt sensitivity` changes."
    )

    @model_validator(mode="before")
    @classmethod
    def _with_base(cls, given: Any) -> Any:
        return with_base(with_justification(given))

    @model_serializer(mode="wrap")
    def _name_base(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        words = {BASE: self.prior_base, JUSTIFICATION: self.prior_justification}
        kept = {key: text for key, text in words.items() if text is not None}
        return written | {"priors": {**kept, **written["priors"]}} if kept else written

    @field_validator("propensity", mode="after")
    @classmethod
    def _clones_stand_for_everybody(
        cls, propensity: PropensitySpec | None, info: ValidationInfo
    ) -> PropensitySpec | None:
        return with_target_of_clones(propensity, info.data.get("treatment"))

    @model_validator(mode="after")
    def _tables_agree(self) -> Self:
        tables = {name: getattr(self, name) for name in type(self).model_fields}
        if faults := agreement_faults(tables, priors=self.priors):
            raise ValueError("; ".join(str(fault) for fault in faults))
        return self

    @property
    def model(self) -> ModelSpec:
        """The survival model of the cohort, apart from the data."""
        return ModelSpec(
            treatment=None if self.treatment is None else self.treatment.name,
            modifier=self.modifier,
            outcome=self.outcome,
            priors=self.priors,
            prior_base=self.prior_base,
            scales=self.scales,
            labels=self.labels,
        )

    @property
    def labels(self) -> Labels:
        """What columns, treatment and modifier are called before people."""
        data, modifier = self.data, self.modifier
        pairs = [*data.aliases.items()]
        pairs += [] if modifier is None else [(modifier.name, modifier.column)]
        pairs += [] if data.centre is None else [("centre", data.centre)]

        def same(name: str) -> list[str]:
            near = [short for short, column in pairs if column == name]
            return [*near, *(short for short, column in pairs if column in near)]

        units = {n: u for n, u in data.units.items() if u not in list(TimeUnit)}
        found = labels_of(data.labels, units=units, same=same)
        groups = tuple(term.group for term in self.outcome.groups)
        words = parameter_words(self.outcome.hazard) | difference_words(self.external)
        return found.model_copy(update={"groups": groups, "parameters": words})

    @property
    def population(self) -> PopulationKind:
        """Whom estimands average over: as stated, whom the weights stand for, or the cohort."""
        return stated_population(self.estimands, weighted_to(self.propensity))

    def __repr_args__(self) -> list[tuple[str | None, Any]]:
        """Say the name alone in a `repr`; `to_toml` says everything."""
        return [("name", self.name)]

    @property
    def treat_from(self) -> float:
        """Month from which the treated strategy treats; as stated, or as the cohort tells."""
        design = DesignKind.FIXED if self.treatment is None else self.treatment.design
        first = None if self.scales is None else self.scales.first_treated
        return treated_month(self.estimands, design, first)

    @property
    def covariates(self) -> tuple[str, ...]:
        """Columns of the data file that the analysis reads beside follow-up and treatment."""
        outcomes = outcomes_of(self.data.causes, self.causes, self.outcome).values()
        parts = [covariates(self.treatment, self.modifier, o) for o in (self.outcome, *outcomes)]
        read = tuple(name for part in parts for name in part)
        read += decided_on(self.propensity, self.modifier)
        read += tuple(name for name in self.estimands.subgroups if name != "centre")
        return tuple(dict.fromkeys(read))

    def with_prior(
        self, name: str, prior: AnyPrior, *, justification: str | None = None
    ) -> "AnalysisSpec":
        """Return the specification with another prior of one term or parameter.

        Parameters
        ----------
        name : str
            Term or parameter, such as ``"ihlrt:nlr"``.
        prior : Prior, HazardRatioPrior, MedianSurvivalPrior or AdjacentHazardPrior
            Its prior.
        justification : str, optional
            What informative priors rest on, in words; as before without it.

        Returns
        -------
        AnalysisSpec
            Another; this one stays as it is.

        Raises
        ------
        SpecificationError
            There is no such term or parameter, or the prior does not suit it.

        Examples
        --------
        >>> import bayes_ihlrt as bi
        >>> sceptical = bi.load("primary").with_prior("ihlrt:nlr", bi.Normal(0, 0.35))
        >>> sceptical.priors["ihlrt:nlr"].sigma
        0.35
        """
        if name in {BASE, JUSTIFICATION}:
            problem, remedy = (
                "it is a key of [priors], and no parameter",
                "Name a term or parameter",
            )
            remedy += "; `justification=` says what priors rest on" * (name == JUSTIFICATION)
            raise SpecificationError(self.name, [Fault(f"prior '{name}'", problem, remedy)])
        stated = {**self.to_dict(), "priors": {**self.to_dict()["priors"], name: prior}}
        if justification is not None:
            stated["priors"][JUSTIFICATION] = justification
        try:
            found = type(self).model_validate({**stated, "scales": self.scales})
        except ValidationError as error:
            faults = translated(error, "", fields=described(type(self)))
            raise SpecificationError(self.name, faults) from None
        if faults := prior_faults(found.model):
            raise SpecificationError(self.name, faults)
        return found

    def to_toml(self) -> str:
        """Return the specification as TOML text that `parse_spec` reads back equal."""
        return tomli_w.dumps(self.to_dict())

    def to_dict(self) -> dict[str, Any]:
        """Return plain data (strings, numbers, lists) without what is not set."""
        left: dict[str, Any] = {} if self.causes else {"causes": True}
        if self.data.interval is not None:
            # Landmarks are refused where they are stated, and what is written is stated.
            left["sensitivity"] = {"structure": {"landmarks": True}}
        return self.model_dump(mode="json", by_alias=True, exclude_none=True, exclude=left)


def agreement_faults(
    tables: Mapping[str, Any],
    *,
    priors: Mapping[str, AnyPrior],
    unreadable: frozenset[str] = frozenset(),
    names: Mapping[str, str] | None = None,
) -> list[Fault]:
    """Return where tables contradict each other: every rule between tables, and each once.

    Parameters
    ----------
    tables : mapping of str to object
        Every table, with its defaults where a file has none; None where there is none, or where it
        cannot be read.
    priors : mapping of str to prior
        Stated priors.
    unreadable : frozenset of str
        Tables that a file has and that cannot be read: rules that need them are passed over.
    names : mapping of str to str, optional
        Names of ``treatment`` and ``modifier`` where their tables cannot be read.

    Returns
    -------
    list of Fault
        Those that were found.
    """
    parts = {name: tables[name] for name in ("treatment", "modifier")}
    named = {**(names or {}), **{name: part.name for name, part in parts.items() if part}}
    missing = {name for name in ("outcome",) if tables[name] is None} | unreadable
    # With external controls a population that needs a propensity is told as one fault, by them.
    weighs = "propensity" in unreadable or any(tables[n] for n in ("propensity", EXTERNAL))
    rules = _rules_between(tables, named, priors, weighs=weighs)
    return [fault for needed, rule in rules if not needed & missing for fault in rule()]


type _Rule = tuple[set[str], Callable[[], list[Fault]]]


def _rules_between(
    tables: Mapping[str, Any],
    named: Mapping[str, str],
    priors: Mapping[str, AnyPrior],
    *,
    weighs: bool,
) -> tuple[_Rule, ...]:
    """Every rule between tables, with the tables that it cannot do without."""
    treatment, modifier, outcome = (tables[name] for name in ("treatment", "modifier", "outcome"))
    propensity, sampler, visits = (tables[name] for name in ("propensity", "sampler", "visits"))
    estimands, ladder = tables["estimands"], tables["ladder"]

    def of_sensitivity() -> list[Fault]:
        model = ModelSpec(
            treatment=named.get("treatment"),
            modifier=modifier,
            outcome=outcome,
            priors=dict(priors),
        )
        return sensitivity_faults(tables["sensitivity"], model)

    return (
        ({"outcome"}, lambda: contradictions(tables["data"], named, outcome)),
        ({"sensitivity", "outcome"}, of_sensitivity),
        (
            {"estimands", "treatment", "modifier"},
            lambda: estimand_faults(estimands, treatment, modifier, has_propensity=weighs),
        ),
        ({"propensity", "sampler"}, lambda: adjustment_faults(propensity, treatment, sampler)),
        ({"ladder", "visits"}, lambda: ladder_faults(ladder, visits, treatment)),
        ({"data", "causes"}, lambda: cause_faults(tables, priors)),
        ({"data", "treatment", "propensity", "sensitivity"}, lambda: interval_faults(tables)),
        *external_rules(tables, outcome),
        (
            {"ladder", "visits", "modifier"},
            lambda: response_effect_faults(ladder, visits, modifier),
        ),
    )


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of a specification file.

    Returns
    -------
    dict
        For editors that check and complete TOML by a schema.

    Examples
    --------
    >>> sorted(json_schema()["required"])
    ['data', 'name', 'outcome']
    """
    schema = AnalysisSpec.model_json_schema(by_alias=True)
    schema["properties"]["priors"]["properties"] = words_schema()
    return schema


def contradictions(
    data: DataSpec | None, named: Mapping[str, str], outcome: OutcomeSpec
) -> list[Fault]:
    """Return where the tables of a specification contradict each other.

    Parameters
    ----------
    data : DataSpec or None
        Meaning of the columns; None where it could not be read.
    named : mapping of str to str
        Names of the ``treatment`` and the ``modifier``, where there are such tables.
    outcome : OutcomeSpec
        The outcome model.

    Returns
    -------
    list of Fault
        Terms that the formula lacks, names with two meanings, groups without a column.
    """
    faults = []
    shown = outcome.formula or "(empty)"
    for table, name in named.items():
        if name not in outcome.parsed.columns:
            problem = f"the {table} '{name}' does not occur in '{shown}'"
            remedy = f"Add its name to the formula, or remove the [{table}] table"
            faults.append(Fault("[outcome] formula", problem, remedy))
    if len(named) == 2 and len(set(named.values())) == 1:
        problem = f"treatment and modifier are both called '{named['modifier']}'"
        faults.append(Fault("[modifier] name", problem, "Give each a name of its own"))
    read = (*outcome.parsed.columns, *(group.group for group in outcome.groups))
    if "centre" in read and data is not None and data.centre is None:
        problem = "it names 'centre', and [data] does not say which column that is"
        remedy = 'Add the line centre = "..." to [data], with the name of the column'
        faults.append(Fault("[outcome]", problem, remedy))
    return faults
