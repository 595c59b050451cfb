"""The compiled model: a graph, its JAX functions and data, which every engine and batch runs.

Compiling takes seconds, a fit milliseconds. Functions belong to a model's structure: other data,
weights, prior hyperparameters, cuts and knots are inputs. Rows and patients are filled up to the
next of a few sizes, the additional rows belonging to additional patients of weight zero, so that
the rungs of a ladder, cohorts of similar size or the replicates of a simulation share a program.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import jax.numpy as jnp
import numpy as np
import pymc as pm
import xarray as xr
from numpy.typing import NDArray

from bayes_ihlrt.batch.density import JaxDensity, jax_density, prepared_density, structure
from bayes_ihlrt.batch.engine import BatchEngine
from bayes_ihlrt.batch.result import of_members
from bayes_ihlrt.model.arrays import UNCERTAIN, Slot, pack
from bayes_ihlrt.model.graph import graph_coords
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.model.priors import (
    HYPERPARAMETERS,
    hyperparameter_labels,
    hyperparameter_vector,
)
from bayes_ihlrt.propensity.graph import build_propensity
from bayes_ihlrt.propensity.model import PreparedPropensity

type Labels = Sequence[object] | NDArray[np.object_]
type Arrays = Mapping[str, NDArray[np.generic]]

_UNITS: Final = frozenset({"weight", "exit_time", "ever_initiated"})
_POINTS: Final = (
    *("_centre", "_reference", "_share", "_estimate", "_information", "_places"),
    "parameters",
)
_SILENT: Final = frozenset({"weight", "event", "exposure", "initiation", UNCERTAIN})
_STEP: Final = 1.3
_KEPT: Final = 16
_ENGINES: Final[OrderedDict[str, BatchEngine]] = OrderedDict()


def filled_size(size: int) -> int:
    """Return the smallest of the sizes 64, 84, 109, ... that is not below `size`.

    Parameters
    ----------
    size : int
        Rows or patients.

    Returns
    -------
    int
        At most 30 % more.

    Examples
    --------
    >>> filled_size(64), filled_size(65), filled_size(1000)
    (64, 84, 1147)
    """
    steps = max(0.0, np.ceil(np.log(size / 64.0) / np.log(_STEP) - 1e-9))
    return max(size, int(np.ceil(64.0 * _STEP**steps)))


@dataclass(frozen=True)
class Filling:
    """How rows and patients are filled up.

    Parameters
    ----------
    rows, units : int
        Rows and patients of the data.
    """

    rows: int
    units: int

    def fill(self, arrays: Arrays, *, leading: int = 0) -> dict[str, NDArray[np.generic]]:
        """Return arrays with silent rows and patients appended.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            Arrays of a graph by name, or members of a batch.
        leading : int
            Axes before that of rows or patients: 1 for the members of a batch.

        Returns
        -------
        dict of str to ndarray
            Additional rows belong to the first additional patient, whose weight is 0.
        """
        return {name: self._one(name, np.asarray(a), leading) for name, a in arrays.items()}

    def _one(self, name: str, values: NDArray[np.generic], leading: int) -> NDArray[np.generic]:
        if name.endswith(_POINTS):
            return values
        units = filled_size(self.units + 1)
        size = units if name in _UNITS else filled_size(self.rows)
        extra = [(0, 0)] * values.ndim
        extra[leading] = (0, size - values.shape[leading])
        if name == "row_unit":
            return np.pad(values, extra, constant_values=self.units)
        if name in _SILENT:
            return np.pad(values, extra)
        return np.pad(values, extra, mode="edge")


@dataclass(frozen=True, eq=False)
class CompiledModel:
    """A model's functions, shared by all models of its structure, and the data of this one.

    Parameters
    ----------
    engine : BatchEngine
        The graph, its log-density and the batched engine, on filled-up data.
    coords : mapping of str to sequence
        Labels of the dimensions, of these data.
    filling : Filling, optional
        How rows and patients were filled up; left out where they were not.

    Examples
    --------
    With ``prepared``, a constant hazard of the heart transplants (see `prepare`):

    >>> compiled = compile_model(prepared)
    >>> compiled.density.names
    ('transplant', 'log_rate_centred')
    >>> compile_model(prepared).density is compiled.density
    True
    """

    engine: BatchEngine
    coords: Mapping[str, Labels]
    filling: Filling | None = None

    @property
    def density(self) -> JaxDensity:
        """The log-density of the structure; its own data are those of its first cohort."""
        return self.engine.density

    @property
    def data(self) -> Arrays:
        """The values of the graph's data, filled up."""
        return self.engine.data

    @property
    def unit(self) -> str:
        """Dimension of the log-likelihood: ``"patient"`` or ``"pattern"``."""
        return str(self.density.model.named_vars_to_dims["time"][0])

    def members(self, arrays: Arrays) -> dict[str, NDArray[np.generic]]:
        """Return members of a batch on the size of the engine."""
        return dict(arrays) if self.filling is None else self.filling.fill(arrays, leading=1)

    def changed(self, arrays: Arrays) -> "CompiledModel":
        """Return the model with some of its data replaced; nothing is compiled again.

        Parameters
        ----------
        arrays : mapping of str to ndarray
            By the names of the graph's data, or of arrays packed into one; patient weights, prior
            hyperparameters and the like, on the cohort's own size.

        Returns
        -------
        CompiledModel
            Shares all functions.
        """
        own = arrays if self.filling is None else self.filling.fill(arrays)
        overrides = {name: jnp.asarray(values) for name, values in own.items()}
        data = self.density.with_overrides(
            overrides, {name: jnp.asarray(values) for name, values in self.data.items()}
        )
        whole = {name: np.asarray(values) for name, values in data.items()}
        return replace(self, engine=self.engine.with_data(whole))

    def parameters(self, positions: NDArray[np.float64]) -> xr.Dataset:
        """Return what unconstrained positions mean, whatever the data and priors of a member.

        Parameters
        ----------
        positions : ndarray, shape (members, dims)
            Unconstrained.

        Returns
        -------
        xarray.Dataset
            Every parameter on its own scale, dimensions ``member, ...``.
        """
        number = np.arange(len(positions))
        values = self.engine.kernels.own_scale(self.engine.data, {}, positions)
        return of_members(self.engine.density.model, values, number, number)


def compile_model(prepared: PreparedModel) -> CompiledModel:
    """Compile an outcome model; JAX does so at the first use of each function.

    Parameters
    ----------
    prepared : PreparedModel
        Specification bound to person-time.

    Returns
    -------
    CompiledModel
        Shares compiled functions with every model of the same structure.

    Examples
    --------
    With ``prepared``, a constant hazard of the heart transplants (see `prepare`), and with a prior
    centred elsewhere, for which nothing is compiled again:

    >>> compiled = compile_model(prepared)
    >>> list(compiled.coords["hyperparameter"])
    ['transplant.mu', 'transplant.sigma', 'log_rate.mu', 'log_rate.sigma']
    >>> sceptical = compiled.changed({"hyperparameters": np.array([0.0, 0.1, -4.0, 2.0])})
    >>> sceptical.density is compiled.density
    True
    """
    arrays = prepared.arrays.data
    filling = Filling(len(arrays["row_unit"]), len(arrays["weight"]))
    data, slots = pack(filling.fill(arrays))
    key = structure(prepared, slots)
    engine = _ENGINES.get(key)
    if engine is None:
        engine = BatchEngine(prepared_density(prepared, slots))
    hyperparameters = {HYPERPARAMETERS: hyperparameter_vector(prepared.priors)}
    own = _kept(key, engine).with_data({**data, **hyperparameters})
    labels = {"hyperparameter": hyperparameter_labels(prepared.priors)}
    return CompiledModel(own, {**graph_coords(prepared), **labels}, filling)


def compile_propensity(prepared: PreparedPropensity) -> CompiledModel:
    """Compile a model of treatment initiation.

    Parameters
    ----------
    prepared : PreparedPropensity
        Specification bound to decisions.

    Returns
    -------
    CompiledModel
        Shares compiled functions with every model of the same structure.
    """
    filling = Filling(len(prepared.data["row_unit"]), len(prepared.data["weight"]))
    data = filling.fill(prepared.data)
    priors = {name: (found.prior.dist, found.prior.on) for name, found in prepared.priors.items()}
    key = repr((prepared.encoder.columns, prepared.encoder.levels, sorted(priors.items())))
    engine = _ENGINES.get(key)
    if engine is None:
        graph = build_propensity(prepared)
        engine = BatchEngine(jax_density(graph, identity=f"initiation {key}"))
    hyperparameters = {HYPERPARAMETERS: hyperparameter_vector(prepared.priors)}
    own = _kept(key, engine).with_data({**data, **hyperparameters})
    return CompiledModel(own, engine.density.model.coords, filling)


def compile_graph(model: pm.Model, slots: Mapping[str, Slot] | None = None) -> CompiledModel:
    """Compile any graph with the data that it holds, which are not filled up.

    Parameters
    ----------
    model : pymc.Model
        Graph whose data are all `pm.Data`.
    slots : mapping of str to Slot, optional
        Where packed arrays lie, to address them by their own names.

    Returns
    -------
    CompiledModel
        Of this model object alone.

    Examples
    --------
    With ``prepared``, a constant hazard of the heart transplants (see `prepare`):

    >>> from bayes_ihlrt.model.graph import build_graph
    >>> compile_graph(build_graph(prepared)).density.names
    ('transplant', 'log_rate_centred')
    """
    return CompiledModel(BatchEngine(jax_density(model, slots)), model.coords)


def _kept(key: str, engine: BatchEngine) -> BatchEngine:
    _ENGINES[key] = engine
    _ENGINES.move_to_end(key)
    while len(_ENGINES) > _KEPT:
        _ENGINES.popitem(last=False)
    return engine
