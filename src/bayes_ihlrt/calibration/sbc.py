"""Simulation-based calibration, batched or by NUTS: posteriors right on average over their prior.

Parameters are drawn from the prior, a data set from them, and the posterior given the data set is
computed. Then the posterior probability of a value below the true one is uniform over data sets,
for any quantity; a fault in the density, in the prior or in the approximation makes it not so. NUTS
is given the same data sets, one sampler run each.

References
----------
Talts S, Betancourt M, Simpson D, Vehtari A, Gelman A. Validating Bayesian inference algorithms with
simulation-based calibration. 2018, arXiv:1804.06788. Modrák M et al. Bayesian Anal 2025;20:461-488,
doi 10.1214/23-BA1404.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.compiled import compile_model
from bayes_ihlrt.batch.density import prepared_density
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.result import MEMBER, WEIGHT
from bayes_ihlrt.calibration.bands import ecdf_counts, holm, uniformity_p_value
from bayes_ihlrt.calibration.quantities import Quantities
from bayes_ihlrt.calibration.scenario import Scenario
from bayes_ihlrt.calibration.simulate import Simulated, Template, build_template, simulate
from bayes_ihlrt.limits import MAX_K_HAT
from bayes_ihlrt.model.graph import build_graph
from bayes_ihlrt.posterior.nuts import sample_many
from bayes_ihlrt.posterior.quality import convergence
from bayes_ihlrt.spec.sampler import SamplerSpec

Floats = NDArray[np.float64]
QUANTITY: Final = "quantity"
REPLICATES: Final = 1000
LEVEL: Final = 0.05
"""Probability of any false alarm within one family of tests."""

_PLACES: Final = 7_001


@dataclass(frozen=True, eq=False)
class Calibration:
    """Probabilities of a value below the true one, by data set and quantity.

    Parameters
    ----------
    scenario : Scenario
        Model and design.
    pit : xarray.DataArray
        Dimensions ``member, quantity``; uniform if calibrated. Data sets without a posterior are
        absent.
    k_hat : ndarray, shape (replicates,)
        Pareto shape of the importance weights of each data set; infinite without a posterior. For
        NUTS, 0 where the chains passed the convergence gate and infinite where they did not.
    events : ndarray of int, shape (replicates,)
        Events of each data set.
    """

    scenario: Scenario
    pit: xr.DataArray
    k_hat: Floats
    events: NDArray[np.int64]

    @property
    def failed(self) -> int:
        """Data sets without a posterior: they depend on the data, so losing them biases."""
        return len(self.k_hat) - self.pit.sizes[MEMBER]

    @property
    def flagged(self) -> int:
        """Data sets with a posterior that is not to be trusted; they are used all the same."""
        return int((~(self.k_hat <= MAX_K_HAT)).sum()) - self.failed

    @property
    def counts(self) -> dict[str, NDArray[np.int64]]:
        """How many probabilities lie at or below each grid point, by quantity."""
        return {
            str(name): ecdf_counts(self.pit.sel(quantity=name).to_numpy())
            for name in self.pit[QUANTITY].to_numpy()
        }

    @cached_property
    def p_values(self) -> dict[str, float]:
        """Probability of a larger ECDF deviation, by quantity."""
        return {
            str(name): uniformity_p_value(self.pit.sel(quantity=name).to_numpy())
            for name in self.pit[QUANTITY].to_numpy()
        }

    def verdicts(self, *, level: float = LEVEL) -> Mapping[str, bool]:
        """Tell which quantities are calibrated.

        Parameters
        ----------
        level : float
            Probability of any false alarm over the quantities of this scenario (Holm).

        Returns
        -------
        mapping of str to bool
            False where uniformity is rejected.
        """
        return {name: p >= level for name, p in holm(self.p_values).items()}


def calibrate(
    scenarios: Iterable[Scenario],
    *,
    replicates: int = REPLICATES,
    draws: int = 1000,
    seed: int = 0,
    chunk: int | None = None,
) -> Iterator[Calibration]:
    """Check the calibration of scenarios with the batched engine, one after the other.

    Parameters
    ----------
    scenarios : iterable of Scenario
        Models and designs; neighbours that differ in entry alone share what was compiled.
    replicates : int
        Data sets of each.
    draws : int
        Weighted draws of each posterior.
    seed : int
        Of parameters, data sets and draws; every scenario has streams of its own.
    chunk : int, optional
        Data sets at a time; chosen from the shapes by default.

    Yields
    ------
    Calibration
        Look at `verdicts`, and at `failed` beside them.
    """
    for plain, family in groupby(scenarios, lambda scenario: scenario.without_delay):
        engine = BatchEngine(prepared_density(build_template(plain).prepared))
        for scenario in family:
            template, own = build_template(scenario), scenario.seed(seed)
            simulated = simulate(template, engine.density.model, replicates=replicates, seed=own)
            yield locate_truth(template, engine, simulated, draws=draws, seed=own, chunk=chunk)


def locate_truth(
    template: Template,
    engine: BatchEngine,
    simulated: Simulated,
    *,
    draws: int,
    seed: int,
    chunk: int | None = None,
    quantities: Quantities | None = None,
) -> Calibration:
    """Compute the posteriors of simulated data sets and where the truth lies in them.

    Parameters
    ----------
    template : Template
        The scenario.
    engine : BatchEngine
        Of the template's graph.
    simulated : Simulated
        Data sets and truth.
    draws : int
        Weighted draws of each posterior.
    seed : int
        Of the draws.
    chunk : int, optional
        Data sets at a time; chosen from the shapes by default.
    quantities : Quantities, optional
        Those of the template by default.

    Returns
    -------
    Calibration
        Of all data sets together.
    """
    quantities = quantities or Quantities(template)

    def reduce(part: xr.Dataset) -> xr.Dataset:
        arrays = {name: part[name].to_numpy() for name in quantities.parameters}
        weights = part[WEIGHT].to_numpy()
        members = part[MEMBER].to_numpy()
        rows = [
            truth_probabilities(
                quantities,
                {name: values[place] for name, values in arrays.items()},
                simulated,
                member=member,
                weights=weights[place],
            )
            for place, member in enumerate(members.tolist())
        ]
        shaped = np.reshape(rows, (len(members), len(quantities.labels)))
        return labelled(shaped, members, quantities).to_dataset(name="pit")

    found = engine.posteriors(
        simulated.members,
        keep=quantities.parameters,
        draws=draws,
        seed=seed,
        reduce=reduce,
        chunk=chunk,
    )
    k_hat = found.diagnostics["k_hat"].to_numpy()
    return Calibration(template.scenario, found.draws["pit"], k_hat, simulated.events)


def truth_probabilities(
    quantities: Quantities,
    values: Mapping[str, Floats],
    simulated: Simulated,
    *,
    member: int,
    weights: Floats,
) -> Floats:
    """Return the posterior probability of a value below the true one.

    The truth counts as one more draw, with the weight of one of n equal draws where n is the
    effective sample size; its place among ties and within its own weight is random. With equal
    weights the result is then exactly uniform, however few the draws.

    Parameters
    ----------
    quantities : Quantities
        Of the scenario.
    values : mapping of str to ndarray, shape (draws, ...)
        Draws of one posterior.
    simulated : Simulated
        Data sets and truth.
    member : int
        Number of the data set.
    weights : ndarray, shape (draws,)
        With sum 1.

    Returns
    -------
    ndarray, shape (quantities,)
        Between 0 and 1.
    """
    both = {
        name: np.concatenate([simulated.truth[name][member][None], drawn])
        for name, drawn in values.items()
    }
    data = {name: array[member] for name, array in simulated.members.items()}
    table = quantities.evaluate(both, data)
    below = weights @ (table[1:] < table[0])
    tied = weights @ (table[1:] == table[0])
    of_truth = 1.0 / (1.0 + 1.0 / np.square(weights).sum())
    place = np.random.default_rng([_PLACES, member]).uniform(size=below.shape)
    return np.asarray((1.0 - of_truth) * (below + place * tied) + of_truth * place)


def labelled(rows: Floats, members: NDArray[np.int64], quantities: Quantities) -> xr.DataArray:
    """Return probabilities of shape (members, quantities) with their labels."""
    coords = {MEMBER: members, QUANTITY: list(quantities.labels)}
    return xr.DataArray(rows, dims=(MEMBER, QUANTITY), coords=coords)


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
    compiled = compile_model(template.prepared)
    simulated = simulate(template, model, replicates=replicates, seed=scenario.seed(seed))
    quantities = Quantities(template)
    rows, k_hat = [], np.zeros(replicates)
    own = [
        compiled.changed({name: values[member] for name, values in simulated.members.items()})
        for member in range(replicates)
    ]
    trees = sample_many(own, settings, seeds=[settings.seed] * replicates)
    for member, tree in enumerate(trees):
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
