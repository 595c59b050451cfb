"""`LadderSpec`: what the bias ladder runs beside the specification's own design."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Months = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class LadderSpec(BaseModel):
    """Settings of the bias ladder.

    Examples
    --------
    >>> LadderSpec().landmarks
    (3.0,)
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    landmarks: Annotated[tuple[Months, ...], Field(min_length=1)] = Field(
        default=(3.0,), description="Landmarks in months, each a rung of its own."
    )
    grace: Months = Field(
        default=3.0,
        description="Months within which the strategy 'treated' of the clones starts treatment.",
    )
    horizon: Months | None = Field(
        default=None,
        description="Months up to which survival time is compared; the last of [estimands] "
        "horizons if left out.",
    )
    draws: Annotated[int, Field(ge=200)] = Field(
        default=2000, description="Draws of each rung, bootstrap draws included."
    )
    null_replicates: Annotated[int, Field(ge=100)] = Field(
        default=1000, description="Cohorts simulated without any effect of treatment."
    )
