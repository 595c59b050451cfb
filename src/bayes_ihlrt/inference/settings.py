"""How to sample: plain frozen settings, read from the `[sampler]` table."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class SamplerSpec(BaseModel):
    """Settings of the sampler.

    Parameters
    ----------
    draws : int
        Posterior draws kept in each chain.
    tune : int
        Warm-up draws of each chain.
    chains : int
        Number of chains.
    target_accept : float
        Acceptance rate that the step size is tuned to.
    seed : int
        Seed; the same seed gives the same result within Monte Carlo error.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    draws: Annotated[int, Field(ge=100)] = 1000
    tune: Annotated[int, Field(ge=100)] = 1000
    chains: Annotated[int, Field(ge=2, le=64)] = 4
    target_accept: Annotated[float, Field(gt=0.5, lt=1.0)] = 0.9
    seed: Annotated[int, Field(ge=0)] = 20260101
