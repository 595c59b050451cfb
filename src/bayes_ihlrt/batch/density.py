"""A model's graph as JAX functions of an unconstrained position and of the graph's data.

Every `pm.Data` of the graph becomes an input, so that one compiled function serves any data set,
any patient weights and any prior hyperparameters of the same shape. Nothing of the model is written
a second time.
"""

import hashlib
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from threading import Lock
from typing import Any, Final
from weakref import WeakKeyDictionary

import jax
import jax.numpy as jnp
import numpy as np
import pymc as pm
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pymc.initial_point import make_initial_point_expression
from pymc.logprob.utils import local_remove_check_parameter
from pytensor.compile.mode import JAX, Mode
from pytensor.compile.sharedvalue import SharedVariable
from pytensor.graph.basic import Apply, Constant, Variable
from pytensor.graph.fg import FunctionGraph
from pytensor.graph.replace import clone_replace
from pytensor.graph.rewriting.basic import in2out, node_rewriter
from pytensor.graph.traversal import ancestors
from pytensor.link.jax.dispatch import jax_funcify
from pytensor.tensor import TensorVariable
from pytensor.tensor.elemwise import Elemwise
from pytensor.tensor.math import Sum
from pytensor.tensor.subtensor import AdvancedIncSubtensor

from bayes_ihlrt.batch import kept as _programs  # noqa: F401 which it lets JAX keep
from bayes_ihlrt.model.arrays import CENTRE_POINTS, Slot, pack
from bayes_ihlrt.model.graph import build_graph
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.names import COVARIATE
from bayes_ihlrt.spec.model import HazardSpec

jax.config.update("jax_enable_x64", val=True)  # type: ignore[no-untyped-call]

type Data = Mapping[str, jax.Array]
type Values = NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class JaxDensity:
    """The log-density of one graph and what its positions mean.

    Parameters
    ----------
    model : pymc.Model
        The graph.
    names : tuple of str
        Unconstrained coordinates, one a dimension of a position: the value variable's name, with
        its index for a vector.
    start : ndarray, shape (dims,)
        The graph's initial point.
    data : mapping of str to ndarray
        The values of the graph's `pm.Data` when it was converted.
    slots : mapping of str to Slot
        Where arrays that were packed together lie.
    log_density : callable
        (position, data) to the log of prior x likelihood x Jacobian, a scalar.
    log_likelihood : callable
        (position, data) to the weighted log-likelihood of each patient, shape (patients,).
    log_prior : callable
        (position, data) to the log-density of every free parameter on its own scale, without
        Jacobian, by name.
    constrained : callable
        (position, data) to every parameter on its own scale, by name.
    identity : str
        What the functions depend on but their inputs, the same in every process; empty where that
        cannot be told.
    """

    model: pm.Model
    names: tuple[str, ...]
    start: NDArray[np.float64]
    data: Mapping[str, Values]
    slots: Mapping[str, Slot]
    log_density: Callable[[jax.Array, Data], jax.Array]
    log_likelihood: Callable[[jax.Array, Data], jax.Array]
    log_prior: Callable[[jax.Array, Data], dict[str, jax.Array]]
    constrained: Callable[[jax.Array, Data], dict[str, jax.Array]]
    identity: str = ""

    @cached_property
    def digest(self) -> str:
        """Of the graph's own data, which are constants of programs that are given none."""
        found = hashlib.sha256()
        for name, values in sorted(self.data.items()):
            found.update(f"{name} {values.dtype} {values.shape} ".encode())
            found.update(np.ascontiguousarray(values).tobytes())
        return found.hexdigest()

    @property
    def scales(self) -> tuple[int, ...]:
        """Positions of the coordinates of group and smoothing scales."""
        return tuple(
            number for number, name in enumerate(self.names) if name.startswith(_SCALE_NAMES)
        )

    def arrays(self, data: Mapping[str, Values] | None = None) -> dict[str, Values]:
        """Return data by name, packed arrays also one by one.

        Parameters
        ----------
        data : mapping of str to ndarray, optional
            Values of all `pm.Data`; the graph's own by default.

        Returns
        -------
        dict of str to ndarray
            Every name that a batch may override.
        """
        whole = self.data if data is None else data
        found = dict(whole)
        for name, slot in self.slots.items():
            part = whole[slot.array][slot.first : slot.last]
            if slot.array == CENTRE_POINTS:
                found[name] = part
            else:
                found[name] = part[0] if slot.ndim == 1 else part.T
        return found

    def with_overrides(
        self, overrides: Mapping[str, jax.Array], data: Data | None = None
    ) -> dict[str, jax.Array]:
        """Return the graph's data with some arrays replaced.

        Parameters
        ----------
        overrides : mapping of str to array
            By the name of a `pm.Data`, or of an array that was packed into one.
        data : mapping of str to array, optional
            Values of all `pm.Data`; the graph's own by default, which XLA then treats as constants:
            twice as fast as data that are inputs.

        Returns
        -------
        dict of str to array
            Input of the functions of this class.
        """
        own = self.data if data is None else data
        whole = {name: jnp.asarray(values) for name, values in own.items()}
        whole |= {name: values for name, values in overrides.items() if name in whole}
        for name, values in overrides.items():
            if name not in whole:
                slot = self.slots[name]
                flat = slot.array == CENTRE_POINTS
                part = values if flat else jnp.atleast_2d(values.T)
                whole[slot.array] = whole[slot.array].at[slot.first : slot.last].set(part)
        return whole

    def bind(
        self, overrides: Mapping[str, jax.Array], data: Data | None = None
    ) -> Callable[[jax.Array], jax.Array]:
        """Return the log-density as a function of the position alone.

        Parameters
        ----------
        overrides : mapping of str to array
            Data that differ from `data`.
        data : mapping of str to array, optional
            Values of all `pm.Data`; the graph's own by default.

        Returns
        -------
        callable
            Position of shape (dims,) to a scalar.
        """
        whole = self.with_overrides(overrides, data)
        return lambda position: self.log_density(position, whole)


type _Function = Callable[[jax.Array, Data], tuple[jax.Array, ...]]

_CONVERTING: Final = Lock()
_SCALE_NAMES: Final = ("sd_", "smoothing_sd", "precision_sd_", "precision_smoothing_sd")
_DENSITIES: Final[WeakKeyDictionary[pm.Model, JaxDensity]] = WeakKeyDictionary()


def structure(prepared: PreparedModel, slots: Mapping[str, Slot]) -> str:
    """Return what tells the graph of a prepared model from others: everything but its data.

    Parameters
    ----------
    prepared : PreparedModel
        Specification bound to person-time.
    slots : mapping of str to Slot
        Where packed arrays lie.

    Returns
    -------
    str
        The same in every process.
    """
    priors = {name: (found.prior.dist, found.prior.on) for name, found in prepared.priors.items()}
    outcome, arrays = prepared.spec.outcome, prepared.arrays
    # Cuts and knots of a walk are data of the graph, the number of pieces is not.
    hazard = (outcome.hazard.family, prepared.hazard.shapes, str(prepared.hazard))
    if "smoothing_sd" in prepared.priors:
        hazard = (*hazard[:2], "")
    model = outcome.model_copy(update={"hazard": HazardSpec()})
    told = (
        model,
        hazard,
        prepared.encoder.columns,
        prepared.encoder.levels,
        sorted(priors.items()),
    )
    return repr((*told, arrays.unit, arrays.from_zero, sorted(slots.items(), key=str)))


def _own_hazard(prepared: PreparedModel) -> bool:
    """Whether the hazard is one of this package, whose source tells it from others of its name."""
    return type(prepared.hazard).__module__.startswith(f"{__package__.partition('.')[0]}.")


def prepared_density(
    prepared: PreparedModel, slots: Mapping[str, Slot] | None = None
) -> JaxDensity:
    """Build the graph of a prepared model and convert it.

    Parameters
    ----------
    prepared : PreparedModel
        Specification bound to person-time.
    slots : mapping of str to Slot, optional
        Where packed arrays lie, where that is known.

    Returns
    -------
    JaxDensity
        Ready for `fit_batch`.

    Examples
    --------
    With ``prepared``, a constant hazard of the heart transplants (see `prepare`):

    >>> prepared_density(prepared).names
    ('transplant', 'log_rate_centred')
    """
    known = pack(prepared.arrays.data)[1] if slots is None else slots
    identity = f"outcome {structure(prepared, known)}" if _own_hazard(prepared) else ""
    return jax_density(build_graph(prepared), known, identity=identity)


def jax_density(
    model: pm.Model, slots: Mapping[str, Slot] | None = None, *, identity: str = ""
) -> JaxDensity:
    """Convert a graph, once for the life of the model object.

    Parameters
    ----------
    model : pymc.Model
        Graph whose data are all `pm.Data`.
    slots : mapping of str to Slot, optional
        Where packed arrays lie, to address them by their own names.
    identity : str
        What tells the graph from every other but its data, in any process; none by default.

    Returns
    -------
    JaxDensity
        Later calls return the same object.
    """
    found = _DENSITIES.get(model)
    if found is None:
        told = f"{identity} {_constants(model)}" if identity else ""
        found = _convert(model, slots or {}, told)
        _DENSITIES[model] = found
    return found


def _constants(model: pm.Model) -> str:
    """Return a digest of the constants of a graph, which no structure has to tell.

    A program that was kept and another that is traced have to mean the same by a position, also
    where data went into the graph as a constant.
    """
    found = hashlib.sha256()
    outputs = [*model.basic_RVs, *model.deterministics, *model.potentials]
    for variable in ancestors(outputs):
        if isinstance(variable, Constant):
            found.update(f"{variable.type} {np.asarray(variable.data).tolist()!r} ".encode())
    return found.hexdigest()


def _convert(model: pm.Model, slots: Mapping[str, Slot], identity: str) -> JaxDensity:
    initial = _initial_point(model)
    shapes = {variable.name: initial[variable.name].shape for variable in model.value_vars}
    sizes = [int(np.prod(shape, dtype=int)) for shape in shapes.values()]
    ends = np.cumsum(sizes).tolist()
    blocks = [
        (slice(end - size, end), shape)
        for end, size, shape in zip(ends, sizes, shapes.values(), strict=True)
    ]
    names = [variable.name for variable in model.unobserved_RVs]
    free = [str(variable.name) for variable in model.free_RVs]

    # Asked for once: each time the whole graph is rewritten.
    @cache
    def terms() -> list[TensorVariable]:
        parts = [*model.free_RVs, *model.observed_RVs, *model.potentials]
        return list(model.logp(vars=parts, sum=False))

    def whole() -> list[TensorVariable]:
        return [pt.sum([pt.sum(term) for term in terms()])]

    # Of many models nothing is asked but some of these, and nothing where their programs are kept.
    density = _once(lambda: _function(model, whole(), blocks))
    likelihood = _once(lambda: _function(model, [terms()[len(free)]], blocks))
    prior = _once(lambda: _function(model, _on_own_scale(model, terms()[: len(free)]), blocks))
    constrained = _once(lambda: _function(model, _own_scale(model), blocks, rewritten=False))
    return JaxDensity(
        model=model,
        names=tuple(_coordinates(shapes)),
        start=np.concatenate([np.ravel(initial[name]) for name in shapes]),
        data={variable.name: variable.get_value() for variable in model.data_vars},
        slots=slots,
        log_density=lambda position, data: density()(position, data)[0],
        log_likelihood=lambda position, data: likelihood()(position, data)[0],
        log_prior=lambda position, data: dict(zip(free, prior()(position, data), strict=True)),
        constrained=lambda position, data: dict(
            zip(names, constrained()(position, data), strict=True)
        ),
        identity=identity,
    )


def _once(make: Callable[[], _Function]) -> Callable[[], _Function]:
    """Make a function at its first use; JAX traces in several threads, PyTensor works in one.

    The first use is inside a trace, to which constants of the function must not belong.
    """
    made: list[_Function] = []

    def found() -> _Function:
        with _CONVERTING, jax.ensure_compile_time_eval():
            if not made:
                made.append(make())
        return made[0]

    return found


def _initial_point(model: pm.Model) -> dict[str, NDArray[np.float64]]:
    """Start exponentials of parameters at 1: the mean of a vague prior may be a shape of 1,000.

    Evaluated as it stands and once: rewriting it for speed took five times as long.
    """
    covariates = model.coords.get(COVARIATE, ())
    # Together with them, since the starts of others follow from theirs.
    strategies: dict[TensorVariable, Any] = {
        variable: np.ones(
            [len(model.coords[dim]) for dim in model.named_vars_to_dims.get(variable.name, ())]
        )
        for variable in model.free_RVs
        if variable.name.startswith("exp_") and variable.name not in covariates
    }
    points = make_initial_point_expression(
        free_rvs=model.free_RVs,
        rvs_to_transforms=model.rvs_to_transforms,
        initval_strategies={**model.rvs_to_initial_values, **strategies},
        return_transformed=True,
    )
    evaluate = pytensor.function([], points, mode=Mode(linker="py", optimizer=None))
    names = [str(variable.name) for variable in model.value_vars]
    return dict(zip(names, map(np.asarray, evaluate()), strict=True))


def _on_own_scale(model: pm.Model, terms: Sequence[TensorVariable]) -> list[TensorVariable]:
    """Take the Jacobians out of the log-densities of the free variables."""
    found = []
    for variable, term in zip(model.free_RVs, terms, strict=True):
        transform = model.rvs_to_transforms[variable]
        if transform is not None:
            value = model.rvs_to_values[variable]
            volume = transform.log_jac_det(value, *variable.owner.inputs)
            found.append(term - model.replace_rvs_by_values([volume])[0])
        else:
            found.append(term)
    return found


def _own_scale(model: pm.Model) -> list[Variable[Any, Any]]:
    return list(model.replace_rvs_by_values(model.unobserved_RVs))


def _coordinates(shapes: Mapping[str, tuple[int, ...]]) -> list[str]:
    return [
        f"{name}[{', '.join(map(str, index))}]" if index else name
        for name, shape in shapes.items()
        for index in np.ndindex(*shape)
    ]


def _function(
    model: pm.Model,
    outputs: Sequence[Variable[Any, Any]],
    blocks: Sequence[tuple[slice, tuple[int, ...]]],
    *,
    rewritten: bool = True,
) -> _Function:
    """Turn outputs of the graph into a JAX function of a flat position and the data.

    Parameters on their own scale need no rewriting: nothing is differentiated or added up.
    """
    inputs = {variable: variable.type() for variable in model.data_vars}
    lengths = {
        length: pt.constant(length.get_value())
        for length in model.dim_lengths.values()
        if isinstance(length, SharedVariable)
    }
    replaced = clone_replace(list(outputs), replace={**inputs, **lengths})
    graph = FunctionGraph([*model.value_vars, *inputs.values()], replaced, clone=True)
    # Hyperparameters are checked where priors are made; JAX could not raise for them.
    in2out(local_remove_check_parameter).rewrite(graph)
    if rewritten:
        JAX.optimizer.rewrite(graph)
        in2out(_sum_of_scattered).rewrite(graph)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Skipping Check")
        function = jax_funcify(graph)
    names = [variable.name for variable in model.data_vars]

    # Traced once for all programs that call it: of a program that was kept, tracing takes longest.
    @jax.jit
    def evaluate(position: jax.Array, data: Data) -> tuple[jax.Array, ...]:
        values = [position[where].reshape(shape) for where, shape in blocks]
        return tuple(function(*values, *(data[name] for name in names)))

    return evaluate


@node_rewriter([Sum])  # type: ignore[untyped-decorator]  # PyTensor publishes no types for it
def _sum_of_scattered(_: FunctionGraph, node: Apply[Any]) -> list[Variable[Any, Any]] | None:
    """Replace sum_i a_i sum_(r: k_r = i) y_r by sum_r a_(k_r) y_r.

    A patient's rows are added up only to be added up over patients: gathering the weights instead
    halves the time of a Hessian.
    """
    product = node.inputs[0].owner
    if node.op.axis is not None or product is None or not isinstance(product.op, Elemwise):
        return None
    if product.op.scalar_op.name != "mul":
        return None
    for factor in product.inputs:
        if factor.owner is None or not isinstance(factor.owner.op, AdvancedIncSubtensor):
            continue
        zeros, rows, index = factor.owner.inputs[:3]
        filled = zeros.owner.inputs[0] if zeros.owner is not None else zeros
        if factor.owner.op.set_instead_of_inc or not np.all(getattr(filled, "data", 1.0) == 0.0):
            continue
        for other in product.inputs:
            rows = rows if other is factor else rows * other[index]
        return [rows.sum()]
    return None
