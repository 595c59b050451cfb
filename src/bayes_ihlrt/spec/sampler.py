"""How to sample: plain frozen settings, read from the `[sampler]` table."""

from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bayes_ihlrt.names import Engine


class SamplerSpec(BaseModel):
    """Settings of the sampler.

    Parameters
    ----------
    draws : int
        Posterior draws kept in each chain.
    tune : int
        Warm-up draws of each chain; NUTS only.
    chains : int
        Number of chains.
    target_accept : float or None
        Acceptance rate that the step size is tuned to; NUTS only. None takes 0.9, and 0.99 where
        the baseline hazard is a random walk over intervals or splines: at 0.9 one in ten fits of
        100 patients had divergent transitions, which are refused.
    seed : int
        Seed; the same seed gives the same result within Monte Carlo error.
    engine : Engine
        ``"nuts"``, or ``"laplace"``: an approximation with importance correction, whose draws come
        in as many equal parts as there are chains.

    Examples
    --------
    >>> SamplerSpec(engine="laplace").total
    4000
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    draws: Annotated[int, Field(ge=100)] = 1000
    tune: Annotated[int, Field(ge=100)] = 1000
    chains: Annotated[int, Field(ge=2, le=64)] = 4
    target_accept: Annotated[float, Field(gt=0.5, lt=1.0)] | None = None
    seed: Annotated[int, Field(ge=0)] = 20260101
    engine: Engine = Engine.NUTS

    @property
    def total(self) -> int:
        """Draws of all chains."""
        return self.chains * self.draws

    def numbered(self, number: int) -> Self:
        """Return these settings with a seed of their own, derived from this one.

        Posteriors that are drawn apart and read together need random numbers apart: with one seed
        two of the same dimension would get the same ones.

        Parameters
        ----------
        number : int
            Which of the posteriors, from 0.

        Returns
        -------
        SamplerSpec
            Equal but for the seed.

        Examples
        --------
        >>> SamplerSpec(seed=1).numbered(0).seed == SamplerSpec(seed=1).numbered(1).seed
        False
        """
        own = int(np.random.SeedSequence([self.seed, number]).generate_state(1)[0])
        return self.model_copy(update={"seed": own})

    @property
    def plan(self) -> str:
        """What sampling will do, in a few words."""
        if self.engine is Engine.LAPLACE:
            return f"approximating the posterior (Laplace) by {self.total:,} weighted draws"
        return f"sampling {self.chains} chains of {self.tune} + {self.draws} draws"

    @model_validator(mode="after")
    def _check_engine(self) -> Self:
        fields = type(self).model_fields
        given = {"tune": self.tune, "target_accept": self.target_accept}
        changed = [name for name, value in given.items() if value != fields[name].default]
        if self.engine is Engine.LAPLACE and changed:
            message = (
                f"{' and '.join(changed)} tune(s) NUTS and would be ignored by engine 'laplace': "
                "leave it out, or use engine 'nuts'"
            )
            raise ValueError(message)
        return self
