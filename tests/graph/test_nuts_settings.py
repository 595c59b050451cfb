"""What NUTS is tuned to when the specification leaves it to the package."""

from types import SimpleNamespace

import numpy as np
import pytest

from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.model.graph import prepare
from bayes_ihlrt.posterior import nuts
from bayes_ihlrt.spec.sampler import SamplerSpec
from graph_cases import HAZARDS, person_time, specification


class Asked(Exception):  # noqa: N818
    """Raised instead of sampling."""


@pytest.mark.parametrize("hazard", HAZARDS)
@pytest.mark.parametrize("stated", [None, 0.8])
def test_target_acceptance_is_that_of_the_hazard_unless_stated(hazard, stated, monkeypatch):
    def advance(*arguments):
        raise Asked(float(arguments[-1]))

    def place(_data, start, whitened):
        return None, np.zeros_like(whitened)

    programs = SimpleNamespace(place=place, advance=advance)
    monkeypatch.setattr(nuts, "chain_programs", lambda _: programs)
    model = compile_model(prepare(specification(hazard), person_time()))
    with pytest.raises(Asked) as raised:
        nuts.sample(model, SamplerSpec(target_accept=stated))
    walk = hazard in {"random walk", "mspline"}
    assert raised.value.args == (stated or (0.99 if walk else 0.9),)
