"""`TrialPlan`: a design, its variants and the truths it is tried under; one TOML file each."""

import tomllib
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import ConfigDict, Field, model_validator

from bayes_ihlrt.trials.curve_spec import CurveSpec
from bayes_ihlrt.trials.design import TrialDesign
from bayes_ihlrt.trials.rules import Frozen
from bayes_ihlrt.trials.scenario import ScenarioSpec


class TrialPlan(Frozen):
    """A design, its variants and the scenarios it is simulated under.

    Examples
    --------
    >>> plan = TrialPlan.from_toml('''
    ... schema = 2
    ... name = "small"
    ... [design]
    ... patients = 100
    ... accrual = { rates = [10.0] }
    ... treatment = { name = "ihlrt" }
    ... outcome = { formula = "ihlrt" }
    ... [[design.looks]]
    ... events = 60
    ... efficacy = [{ quantity = "hazard-ratio", below = 1.0, more_than = 0.975 }]
    ... [[scenarios]]
    ... name = "null"
    ... control = { median = 19.2 }
    ... ''')
    >>> plan.designs["small"].looks[0].events
    60
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[2] = Field(default=2, alias="schema", description="Version: 2.")
    name: Annotated[str, Field(min_length=1)] = Field(description="Short name of the plan.")
    description: str = Field(default="", description="What it is for, in one line.")
    seed: Annotated[int, Field(ge=0)] = Field(default=20_260_101, description="Seed.")
    design: TrialDesign = Field(description="The trial.")
    variants: dict[str, dict[str, Any]] = Field(
        default={}, description="Further designs by name: what differs from `design`."
    )
    scenarios: Annotated[tuple[ScenarioSpec, ...], Field(min_length=1)] = Field(
        description="Truths."
    )
    curves: tuple[CurveSpec, ...] = Field(
        default=(), description="Figures of success over sample size or over a cut-off."
    )

    @model_validator(mode="after")
    def _reads_designs(self) -> Self:
        names = [scenario.name for scenario in self.scenarios]
        if len(set(names)) != len(names):
            message = f"scenarios need different names; found {', '.join(names)}"
            raise ValueError(message)
        if self.name in self.variants:
            message = f"the variant '{self.name}' has the name of the plan"
            raise ValueError(message)
        self.designs  # noqa: B018 - every variant is a valid design, or this raises
        if faulty := [one for curve in self.curves for one in curve.problems(self.design)]:
            raise ValueError("; ".join(faulty))
        return self

    @property
    def designs(self) -> dict[str, TrialDesign]:
        """The design under the plan's name, and its variants."""
        base = self.design.model_dump(mode="json", exclude_none=True)
        others = {
            name: TrialDesign.model_validate(_merged(base, changes))
            for name, changes in self.variants.items()
        }
        return {self.name: self.design, **others}

    @classmethod
    def from_toml(cls, text: str) -> Self:
        """Read a plan from TOML text.

        Parameters
        ----------
        text : str
            TOML with the keys of this class.

        Returns
        -------
        TrialPlan
            The validated plan.

        Raises
        ------
        pydantic.ValidationError
            With pydantic's wording; `load_plan` tells the same in plain words.
        """
        return cls.model_validate(tomllib.loads(text))

    def to_toml(self) -> str:
        """Return the plan as TOML text that `from_toml` reads back equal."""
        return tomli_w.dumps(self.model_dump(mode="json", by_alias=True, exclude_none=True))


def _merged(base: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """Put changes into nested tables; lists are replaced as a whole."""
    merged = dict(base)
    for key, value in changes.items():
        old = merged[key] if key in merged else None
        merged[key] = (
            _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
        )
    return merged
