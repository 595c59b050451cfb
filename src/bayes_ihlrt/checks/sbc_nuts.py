"""Simulation-based calibration by NUTS: the same data sets, one sampler run each."""

from collections.abc import Mapping
from typing import Final

import numpy as np
import pymc as pm
from numpy.typing import NDArray

from bayes_ihlrt.checks.generator import Simulated, simulate
from bayes_ihlrt.checks.quantities import Quantities
from bayes_ihlrt.checks.sbc import Calibration, labelled, truth_probabilities
from bayes_ihlrt.checks.scenario import Scenario
from bayes_ihlrt.checks.template import Template, build_template
from bayes_ihlrt.inference.gate import convergence
from bayes_ihlrt.inference.nuts import sample
from bayes_ihlrt.inference.settings import SamplerSpec
from bayes_ihlrt.model.build import build_graph
from bayes_ihlrt.model.pack import pack

Floats = NDArray[np.float64]
SETTINGS: Final = SamplerSpec(draws=500, tune=500, chains=4, seed=1)


def calibrate_by_nuts(
    scenario: Scenario,
    *,
    replicates: int = 100,
    seed: int = 0,
    settings: SamplerSpec = SETTINGS,
) -> Calibration:
    """Check the calibration of one scenario with NUTS.

    Parameters
    ----------
    scenario : Scenario
        Model and design.
    replicates : int
        Data sets.
    seed : int
        Of parameters and data sets.
    settings : SamplerSpec
        Draws and chains.

    Returns
    -------
    Calibration
        Every run is used; those that missed the convergence gate are counted as `flagged`.
    """
    template = build_template(scenario)
    # Bound to follow-up from time zero, as the batched engine's graph is.
    model = build_graph(template.prepared)
    simulated = simulate(template, model, replicates=replicates, seed=scenario.seed(seed))
    quantities = Quantities(template)
    rows, k_hat = [], np.zeros(replicates)
    for member in range(replicates):
        pm.set_data(_packed(template, simulated, member), model=model)
        tree = sample(model, settings)
        if convergence(tree).failures:
            k_hat[member] = np.inf
        draws = tree["posterior"].to_dataset().stack(sample=("chain", "draw"))
        values = {
            name: np.moveaxis(draws[name].to_numpy(), -1, 0) for name in quantities.parameters
        }
        count = draws.sizes["sample"]
        weights = np.full(count, 1.0 / count)
        rows.append(
            truth_probabilities(quantities, values, simulated, member=member, weights=weights)
        )
    pit = labelled(np.stack(rows), np.arange(replicates), quantities)
    return Calibration(scenario, pit, k_hat, simulated.events)


def _packed(
    template: Template, simulated: Simulated, member: int
) -> Mapping[str, NDArray[np.generic]]:
    own = {name: values[member] for name, values in simulated.members.items()}
    return pack({**template.prepared.arrays.data, **own})[0]
