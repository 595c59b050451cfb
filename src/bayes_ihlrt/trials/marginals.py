"""What a trial's posterior says of its targets where a normal approximation is not enough.

With few events the normal approximation is wrong in one direction: 10 deaths against none leave a
probability of 0.99998 that the hazard ratio is below 1, the approximation says 0.90. So

- where the log hazard ratio is known no better than from 60 events, the marginal posterior of every
  target is followed along its profile (`batch.profile`), for probabilities, means and sds;
- elsewhere probabilities of log hazard ratios come from one point of the profile, at their bound;
  those of survival and restricted mean survival are followed up to the worth of 200 events, and
  are the normal approximation's beyond.

The worth in events is 4 / sd^2, sd being that of the normal approximation: two arms of d/2 events
each leave an sd of sqrt(4 / d), and a tight prior is worth the events that it replaces.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.batch.density import Data, JaxDensity
from bayes_ihlrt.batch.engine import BatchGaussians
from bayes_ihlrt.batch.kernels import over_members
from bayes_ihlrt.batch.members import take
from bayes_ihlrt.batch.profile import (
    KNOTS,
    Line,
    Path,
    follow,
    moments,
    points,
    probability_below,
    tail,
)
from bayes_ihlrt.model.prepared import PreparedModel
from bayes_ihlrt.spec.rules import Quantity, Rule
from bayes_ihlrt.spec.trial import TrialDesign
from bayes_ihlrt.trials.quantities import (
    Read,
    Reading,
    Target,
    reader,
    statement_bound,
    statement_probability,
)

Floats = NDArray[np.float64]
FEW_EVENTS: Final = 60.0
"""Worth in events below which posteriors are followed: there one point of the profile is up to 0.01
deviates off, the normal approximation 0.3 (Weibull model with interaction)."""
FEW_FOR_CURVES: Final = 200.0
"""The same for differences in survival and restricted mean survival."""
SETTINGS: Final = f"profile {KNOTS}, few {FEW_EVENTS:g} {FEW_FOR_CURVES:g}"
"""What tells these posteriors from others: part of the fingerprint of stored trials."""
_CHUNK: Final = 64
"""Data sets at a time: one shape, so that nothing is compiled again."""
_ABREAST: Final = 16
"""Data sets whose tails are told side by side, each by the same steps."""


def place_of(rule: Rule, wanted: Sequence[Target]) -> int:
    """Return the number of the target that a rule is about.

    Parameters
    ----------
    rule : Rule
        Not about the future.
    wanted : sequence of Target
        What is read.

    Returns
    -------
    int
        From 0.
    """
    return wanted.index(Target.of_rule(rule))


class Normals(NamedTuple):
    """Normal approximations of posteriors and of the targets under them.

    Parameters
    ----------
    found : BatchGaussians
        In unconstrained coordinates.
    mean, sd : ndarray, shape (members, targets)
        Of the targets.
    """

    found: BatchGaussians
    mean: Floats
    sd: Floats


class Asked(NamedTuple):
    """What is asked of each posterior.

    Parameters
    ----------
    rules : tuple of Rule
        Statements, S of them.
    targets : tuple of Target
        What they are about, T of them.
    readings : tuple of Reading
        Where the targets are read.
    """

    rules: tuple[Rule, ...]
    targets: tuple[Target, ...]
    readings: tuple[Reading, ...]


@dataclass(frozen=True, eq=False)
class Told:
    """What is told of each posterior.

    Parameters
    ----------
    mean, sd : ndarray, shape (members, targets)
        Of the targets: those of the normal approximation where it was not followed.
    probability : ndarray, shape (members, statements)
        NaN for statements about the future, and where there is none.
    followed : ndarray of bool, shape (members,)
        Whether the posterior was followed along its profile.
    lost : ndarray of bool, shape (members,)
        Whether that was wanted and failed: everything else is NaN there.
    """

    mean: Floats
    sd: Floats
    probability: Floats
    followed: NDArray[np.bool_]
    lost: NDArray[np.bool_]


class _Found(NamedTuple):
    """Of one member, or of many along a leading axis."""

    mean: jax.Array
    sd: jax.Array
    below: jax.Array
    reached: jax.Array


type _Shared = tuple[Sequence[Reading], jax.Array, jax.Array]
"""Where targets are read; of each statement the number of its target among them, and the bound."""


@dataclass(frozen=True, eq=False)
class Marginals:
    """Compiled functions from modes to marginal posteriors of a design's targets.

    Parameters
    ----------
    density : JaxDensity
        The model in JAX.
    read, read_straight : callable
        All targets; those that are linear in the unconstrained coordinates.
    curved : tuple of bool
        For each target whether it is not linear.
    """

    density: JaxDensity
    read: Read
    read_straight: Read
    curved: tuple[bool, ...]
    _follow: Callable[..., _Found] = field(init=False, repr=False)
    _tails: Callable[..., jax.Array] = field(init=False, repr=False)
    _paths: Callable[..., Path] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Wrap the functions; JAX compiles each on its first use."""
        object.__setattr__(self, "_follow", jax.jit(over_members(partial(_followed, self))))
        tails = over_members(partial(_tails, self), abreast=_ABREAST)
        object.__setattr__(self, "_tails", jax.jit(tails))
        object.__setattr__(self, "_paths", jax.jit(over_members(partial(_path, self))))

    def tell(self, arrays: Mapping[str, Any], normals: Normals, asked: Asked) -> Told:
        """Return probabilities of statements, means and sds of targets.

        Parameters
        ----------
        arrays : mapping of str to array, leading axis members
            Data of the graph that differ from its own.
        normals : Normals
            Approximations of the same members.
        asked : Asked
            What is asked.

        Returns
        -------
        Told
            For every member; NaN where no mode was found.
        """
        known = {n: rule for n, rule in enumerate(asked.rules) if not rule.quantity.of_future}
        mean, sd = normals.mean.copy(), normals.sd.copy()
        probability = np.full((len(mean), len(asked.rules)), np.nan)
        for number, rule in known.items():
            place = place_of(rule, asked.targets)
            found = statement_probability(rule, mean[:, place], sd[:, place])
            probability[:, number] = found
        few = self._few(normals, asked, [place_of(rule, asked.targets) for rule in known.values()])
        # NumPy picks members ten times faster than JAX, and shares the memory on a CPU.
        host = {name: np.asarray(values) for name, values in arrays.items()}
        run = partial(_in_chunks, host, normals.found)
        straight = {n: r for n, r in known.items() if not self.curved[place_of(r, asked.targets)]}
        rest = np.flatnonzero(normals.found.converged & ~few)
        if straight and len(rest):
            below = run(self._tails, rest, self._shared(asked, straight, curves=False))
            _put(probability, rest, below, straight)
            # Where the log-density is not concave at the bound, the profile is followed.
            few[rest[~np.isfinite(below).all(axis=1)]] = True
        chosen, lost = np.flatnonzero(few), np.zeros(len(few), dtype=bool)
        if len(chosen):
            one = run(self._follow, chosen, self._shared(asked, known, curves=True))
            mean[chosen], sd[chosen] = one.mean, one.sd
            _put(probability, chosen, one.below, known)
            lost[chosen[~one.reached]] = True
        for values in (mean, sd, probability):
            values[lost] = np.nan
        return Told(mean, sd, probability, few & ~lost, lost)

    def paths(
        self,
        arrays: Mapping[str, Any],
        centres: tuple[Floats, Floats],
        where: Sequence[Reading],
    ) -> Path:
        """Return profiles of the log hazard ratio at the reference, to draw posteriors from.

        Parameters
        ----------
        arrays : mapping of str to array, leading axis members
            Data of the graph that differ from its own.
        centres : tuple of ndarray
            Modes and Cholesky factors of the same members.
        where : sequence of Reading
            Where the targets are read.

        Returns
        -------
        Path, leading axis members
            See `batch.profile.draw`.
        """
        data = {name: jnp.asarray(values) for name, values in arrays.items()}
        return self._paths(tuple(where), data, *map(jnp.asarray, centres))

    def _few(self, normals: Normals, asked: Asked, places: Sequence[int]) -> NDArray[np.bool_]:
        """Whether one of the log hazard ratios is known no better than from few events."""
        ratios = [n for n in {0, *places} if asked.targets[n].kind is Quantity.HAZARD_RATIO]
        limit = FEW_FOR_CURVES if any(self.curved[place] for place in places) else FEW_EVENTS
        with np.errstate(invalid="ignore", divide="ignore"):
            worth = 4.0 / normals.sd[:, ratios].max(axis=1) ** 2
            return np.asarray(normals.found.converged & (worth < limit))

    def _shared(self, asked: Asked, rules: Mapping[int, Rule], *, curves: bool) -> _Shared:
        kept = [place for place, bent in enumerate(self.curved) if curves or not bent]
        where = tuple(asked.readings[place] for place in kept)
        places = [kept.index(place_of(rule, asked.targets)) for rule in rules.values()]
        bounds = [statement_bound(rule) for rule in rules.values()]
        return where, jnp.asarray(places, dtype=int), jnp.asarray(bounds, dtype=float)


def marginals(
    design: TrialDesign, prepared: PreparedModel, density: JaxDensity, wanted: Sequence[Target]
) -> Marginals:
    """Return the functions from modes to marginal posteriors.

    Parameters
    ----------
    design : TrialDesign
        The design.
    prepared : PreparedModel
        The model.
    density : JaxDensity
        The same in JAX.
    wanted : sequence of Target
        What is read; of each the kind alone.

    Returns
    -------
    Marginals
        Nothing is compiled yet.
    """
    plain = set(prepared.encoder.columns) <= set(density.names)
    curved = tuple(not plain or one.kind is not Quantity.HAZARD_RATIO for one in wanted)
    straight = [one for one, bent in zip(wanted, curved, strict=True) if not bent]
    return Marginals(
        density, reader(design, prepared, wanted), reader(design, prepared, straight), curved
    )


def _put(probability: Floats, chosen: NDArray[np.int64], below: Any, rules: Any) -> None:
    """Store probabilities of lying below the bounds as those of the statements."""
    for column, (number, rule) in enumerate(rules.items()):
        found = below[:, column]
        probability[chosen, number] = found if rule.below is not None else 1.0 - found


def _in_chunks(
    arrays: Mapping[str, Any],
    found: BatchGaussians,
    work: Callable[..., Any],
    chosen: NDArray[np.int64],
    shared: _Shared,
) -> Any:
    """Run some members, the last one repeated to fill a chunk."""
    parts = []
    for first in range(0, len(chosen), _CHUNK):
        some = chosen[first : first + _CHUNK]
        filled = np.pad(some, (0, _CHUNK - len(some)), mode="edge")
        one = work(shared, take(arrays, filled), found.mean[filled], found.factor[filled])
        parts.append(jax.tree.map(np.asarray, one))
    return jax.tree.map(lambda *each: np.concatenate(each)[: len(chosen)], *parts)


def _line(value: jax.Array, slope: jax.Array, mean: jax.Array) -> Callable[[jax.Array], jax.Array]:
    return lambda position: value + slope @ (position - mean)


def _tails(
    own: Marginals,
    shared: _Shared,
    overrides: Mapping[str, jax.Array],
    mean: jax.Array,
    factor: jax.Array,
) -> jax.Array:
    """Return the probability that each statement's target, a linear one, is below its bound."""
    where, places, bounds = shared
    data = own.density.with_overrides(overrides)
    values, slopes = _straight(own, data, mean, where)

    def one(asked: tuple[jax.Array, jax.Array]) -> jax.Array:
        place, bound = asked
        density = partial(_log_density, own.density, data)
        return tail(density, mean, factor, _line(values[place], slopes[place], mean), bound)

    found: jax.Array = jax.lax.map(one, (places, bounds))
    return found


def _followed(
    own: Marginals,
    shared: _Shared,
    overrides: Mapping[str, jax.Array],
    mean: jax.Array,
    factor: jax.Array,
) -> _Found:
    """Follow every target of one posterior."""
    where, places, bounds = shared
    data = own.density.with_overrides(overrides)
    density = partial(_log_density, own.density, data)
    lines: dict[int, Line] = {}
    straight = [place for place, bent in enumerate(own.curved) if not bent]
    if straight:
        found = jax.lax.map(
            lambda one: (
                follow(density, mean, factor, _line(one[0], one[1], mean), curved=False).line
            ),
            _straight(own, data, mean, [where[place] for place in straight]),
        )
        lines = {p: jax.tree.map(lambda part, n=n: part[n], found) for n, p in enumerate(straight)}
    for place in set(range(len(own.curved))) - set(straight):
        quantity = partial(_target, own, data, where, place)
        lines[place] = follow(density, mean, factor, quantity, curved=True).line
    each = [lines[place] for place in range(len(own.curved))]
    whole = jax.tree.map(lambda *parts: jnp.stack(parts), *each)
    spread_out = jax.vmap(points)(whole)
    middle, sd = jax.vmap(moments)(spread_out)
    chosen = jax.tree.map(lambda part: part[places], spread_out)
    below = jax.vmap(partial(probability_below, curved=any(own.curved)))(chosen, bounds)
    return _Found(middle, sd, below, whole.reached.all())


def _path(
    own: Marginals,
    where: Sequence[Reading],
    overrides: Mapping[str, jax.Array],
    mean: jax.Array,
    factor: jax.Array,
) -> Path:
    data = own.density.with_overrides(overrides)
    density = partial(_log_density, own.density, data)
    return follow(density, mean, factor, partial(_target, own, data, where, 0), curved=False)


def _log_density(density: JaxDensity, data: Data, position: jax.Array) -> jax.Array:
    return density.log_density(position, data)


def _target(
    own: Marginals, data: Data, where: Sequence[Reading], place: int, position: jax.Array
) -> jax.Array:
    return own.read(own.density.constrained(position, data), where)[place]


def _straight(
    own: Marginals, data: Data, mean: jax.Array, where: Sequence[Reading]
) -> tuple[jax.Array, jax.Array]:
    """Return values of the linear targets at the mode, and their slopes."""

    def values(position: jax.Array) -> jax.Array:
        return own.read_straight(own.density.constrained(position, data), where)

    return values(mean), jax.jacrev(values)(mean)
