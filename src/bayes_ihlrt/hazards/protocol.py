"""What every baseline hazard is and can do, whatever the array library; checks of its cut points.

A family owns itself: mathematics, default priors, the parameter of its level, sampling coordinates,
coordinates of its vectors, words and citation stand in its file, and `hazards.registry` names it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import isfinite
from types import ModuleType
from typing import Any, ClassVar, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.names import Dist, Smoothing
from bayes_ihlrt.priors import Prior

# NumPy, JAX and PyTensor arrays share no static type, so arrays are not checked further.
type Array = Any
type Namespace = ModuleType
type Theta = Mapping[str, Array]
type Shapes = Mapping[str, tuple[int, ...]]


class Options(Protocol):
    """What ``[outcome.hazard]`` says beside the family."""

    @property
    def cuts(self) -> tuple[float, ...] | None:
        """Inner cut points in months; None where they are to be placed."""
        ...

    @property
    def knots(self) -> int | None:
        """Number of inner knots; None where it follows from the events."""
        ...

    @property
    def smoothing(self) -> Smoothing | None:
        """Prior that ties pieces together; None for the family's own."""
        ...


class Draw(Protocol):
    """Draws the parameters of a family: as nodes of a graph, or as samples of their prior."""

    @property
    def xp(self) -> Namespace:
        """Array library of the draws."""
        ...

    @property
    def log_time(self) -> Array:
        """Log of a typical time in months."""
        ...

    @property
    def zero(self) -> Array:
        """A level of 0, of the shape of one parameter."""
        ...

    def has(self, name: str) -> bool:
        """Whether a parameter has a prior."""
        ...

    def sample(self, name: str, *, stretch: Array = 1.0, stored: str | None = None) -> Array:
        """Return a parameter, times `stretch`, from its prior."""
        ...

    def keep(self, name: str, value: Array, dims: str | None = None) -> Array:
        """Return what follows from draws, and keep it under its name."""
        ...

    def walk(self, trend: Array) -> Array:
        """Return a random walk whose steps are those of a trend, with scale ``smoothing_sd``."""
        ...

    def places(self, constants: Array) -> Array:
        """Return constants of the data, which a graph holds as data, shape as given."""
        ...

    def mean_over_events(self, values: Array) -> Array:
        """Return the mean of the pieces' values over the events."""
        ...

    def contrasts(self, name: str, count: int) -> Array:
        """Return `count` deviations of mean zero that have nothing to do with their neighbours."""
        ...


@dataclass(frozen=True)
class Simple:
    """The hazard of level zero that a statement on survival is about.

    A statement is one piece of information: it fixes the level given the shape of a parametric
    hazard. A flexible hazard departs from a Weibull by deviations that have a prior of their own,
    so the statement is about that Weibull.

    Parameters
    ----------
    hazard : Hazard
        A parametric one.
    theta : mapping of str to array
        Its parameters, with level 0.
    offset : array or float
        The family's level is this much above the level of `hazard`.
    stretched : bool
        Whether a stated upper bound of the median holds exactly too: not where the hazard has
        several levels.
    """

    hazard: "Hazard"
    theta: Theta
    offset: Array = 0.0
    stretched: bool = True


@dataclass(frozen=True)
class Coordinates:
    """The parameters of a family other than its level, and where its level is sampled.

    Parameters
    ----------
    shape : mapping of str to array
        The other parameters; under the level's own name deviations, to which the level is added.
    shift : array or float
        Log hazard at a typical time less the level: level and shape hardly correlate there.
    simple : Simple
        What a statement on survival is about.
    """

    shape: Theta
    shift: Array
    simple: Simple


class Hazard(Protocol):
    r"""Baseline hazard :math:`h(t)` and cumulative hazard :math:`H(t)`, time in months.

    A family is written once and evaluated with ``numpy``, ``jax.numpy`` or ``pytensor.tensor``,
    passed as `xp`. Each quantity is computed in two steps: a *basis* that depends on the data
    (times) alone and may be computed once, and its combination with the parameters `theta`.

    With batch shape ``B`` (``()`` for one parameter vector, ``(chain, draw)`` for a posterior),
    ``theta`` holds arrays of shape ``B`` for scalar parameters and ``B + (J,)`` for vectors, times
    have shape ``(T,)`` with ``0 <= start <= stop``, and results have shape ``B + (T,)``.
    Values and derivatives with respect to `theta` are finite at every ``0 <= t <= 600``.

    The hazards are on the log hazard scale throughout: a linear predictor ``eta`` multiplies
    ``h`` and ``H`` by ``exp(eta)``.

    Attributes
    ----------
    name : str
        The family.
    parameters : tuple of str
        Keys of `theta`.
    level : str
        The one of them that sets the level; ``baseline`` in a specification states its prior.
    words : mapping of str to str
        What each parameter that has a prior, or is in `theta`, is called before people.
    told : str
        The family in the words of methods, with the key of its citation.
    options : frozenset of str
        What `Options` it uses.
    flexible : bool
        Whether it bends where the events are, unless its options are given.
    additive : bool
        Whether its bases may be added over patients, which makes sufficient statistics.
    proportional_hazards : bool
        Whether covariates multiply the hazard (their coefficients are log hazard ratios).
    accelerated_failure_time : bool
        Whether the same model can also be told as covariates that stretch time.
    """

    name: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    level: ClassVar[str]
    words: ClassVar[Mapping[str, str]]
    told: ClassVar[str]
    options: ClassVar[frozenset[str]]
    flexible: ClassVar[bool]
    additive: ClassVar[bool]
    proportional_hazards: ClassVar[bool]
    accelerated_failure_time: ClassVar[bool]

    @classmethod
    def placed(cls, options: Options, times: Array, events: int | None) -> Self:
        """Return the hazard of a specification.

        Parameters
        ----------
        options : Options
            Cuts, knots, smoothing, as far as they are given.
        times : ndarray, shape (event rows,)
            Months at which events happened, at whose quantiles cuts and knots lie.
        events : int or None
            Number of different events, where a patient's event stands in several rows.

        Returns
        -------
        Hazard
            Ready to be evaluated.
        """
        ...

    @classmethod
    def default_priors(cls, months: float, options: Options) -> dict[str, Prior]:
        """Return the package's priors of everything but the level.

        Parameters
        ----------
        months : float
            Reference time: the longest follow-up, rounded.
        options : Options
            Cuts, knots, smoothing, as far as they are given.

        Returns
        -------
        dict of str to Prior
            By parameter.
        """
        ...

    def coordinates(self, draw: Draw) -> Coordinates:
        """Draw the parameters other than the level, and say where the level is sampled.

        Parameters
        ----------
        draw : Draw
            A graph, or samples of the prior.

        Returns
        -------
        Coordinates
            In the arrays of `draw`.
        """
        ...

    @property
    def coords(self) -> Mapping[str, Sequence[str]]:
        """Labels of the dimensions of vector parameters; empty where there are none."""
        ...

    @property
    def places(self) -> NDArray[np.float64]:
        """Constants that a graph holds as data, shape (pieces, 3), or (0, 3) for none.

        They are data so that hazards with other cuts or knots share one compiled function.
        """
        ...

    @property
    def shapes(self) -> Shapes:
        """Shape of each parameter, without batch dimensions: ``()`` or ``(J,)``."""
        ...

    def increment_basis(self, xp: Namespace, start: Array, stop: Array) -> Array:
        """Return what `cumulative_hazard` needs to know of the intervals.

        Parameters
        ----------
        xp : module
            ``numpy``, ``jax.numpy`` or ``pytensor.tensor``.
        start, stop : array, shape (T,)
            Ends of the intervals in months, ``0 <= start <= stop``.

        Returns
        -------
        array, shape (T, F)
            One row per interval.
        """
        ...

    def cumulative_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``H(stop) - H(start)``.

        Parameters
        ----------
        xp : module
            ``numpy``, ``jax.numpy`` or ``pytensor.tensor``.
        basis : array, shape (T, F)
            From `increment_basis`.
        theta : mapping of str to array
            Parameters, batch shape ``B``.

        Returns
        -------
        array, shape B + (T,)
            Cumulative hazards of the intervals.
        """
        ...

    def log_hazard_basis(self, xp: Namespace, t: Array) -> Array:
        """Return what `log_hazard` needs to know of the times.

        Parameters
        ----------
        xp : module
            ``numpy``, ``jax.numpy`` or ``pytensor.tensor``.
        t : array, shape (T,)
            Times in months.

        Returns
        -------
        array, shape (T, F)
            One row per time.
        """
        ...

    def log_hazard(self, xp: Namespace, basis: Array, theta: Theta) -> Array:
        """Return ``log h(t)``, hazard per month.

        Parameters
        ----------
        xp : module
            ``numpy``, ``jax.numpy`` or ``pytensor.tensor``.
        basis : array, shape (T, F)
            From `log_hazard_basis`.
        theta : mapping of str to array
            Parameters, batch shape ``B``.

        Returns
        -------
        array, shape B + (T,)
            Log hazards per month.
        """
        ...

    def time_at(self, xp: Namespace, start: Array, target: Array, theta: Theta) -> Array:
        """Return the time at which `target` more cumulative hazard has been spent.

        The time ``t`` solves ``H(t) - H(start) = target``. With ``target = -log(U) * exp(-eta)``,
        ``U`` uniform on (0, 1), it is an event time given survival to `start` [1]_.

        Parameters
        ----------
        xp : module
            ``numpy``, ``jax.numpy`` or ``pytensor.tensor``.
        start : array, shape (T,)
            Times from which the hazard is spent, in months.
        target : array, shape (T,) or B + (T,)
            Cumulative hazard, at least 0.
        theta : mapping of str to array
            Parameters, batch shape ``B``.

        Returns
        -------
        array, shape B + (T,)
            Months; ``inf`` where `target` is never reached.

        References
        ----------
        .. [1] Bender R, Augustin T, Blettner M. Generating survival times to simulate Cox
           proportional hazards models. Stat Med 2005. https://doi.org/10.1002/sim.2059
        """
        ...


NO_PLACES: Final = np.empty((0, 3))


class Parametric:
    """What families of a few scalar parameters have in common: no options, pieces or knots."""

    parameters: ClassVar[tuple[str, ...]]
    options: ClassVar[frozenset[str]] = frozenset()
    flexible: ClassVar[bool] = False
    proportional_hazards: ClassVar[bool] = True

    @classmethod
    def placed(cls, options: Options, times: Array, events: int | None) -> Self:
        """Return the hazard: it has no cuts and no knots."""
        del options, times, events
        return cls()

    @property
    def coords(self) -> Mapping[str, Sequence[str]]:
        """Labels of vector parameters: there are none."""
        return {}

    @property
    def places(self) -> NDArray[np.float64]:
        """Constants of a trend: there are none."""
        return NO_PLACES

    @property
    def shapes(self) -> Shapes:
        """Shape of each parameter, without batch dimensions."""
        return dict.fromkeys(self.parameters, ())


LOG_RATE: Final = "baseline rate (log)"
LOG_SHAPE_WORDS: Final = "baseline shape (log)"
LOG_SHAPE: Final = Prior(dist=Dist.NORMAL, mu=0.0, sigma=0.5)
"""Weibull shapes between 0.38 and 2.66 with probability 95 %."""


def cut_faults(where: str, cuts: Sequence[float]) -> list[Fault]:
    """Return what is wrong with cut points that must be positive, finite and increasing.

    Parameters
    ----------
    where : str
        Name of the option, for the message.
    cuts : sequence of float
        Times in months.

    Returns
    -------
    list of Fault
        Empty when all is well.
    """
    faults = [
        Fault(
            where,
            f"found {cut:g}, which is not a time after 0",
            "Give every time as a positive, finite number of months; the start, 0, is implied",
        )
        for cut in cuts
        if not (isfinite(cut) and cut > 0)
    ]
    faults += [
        Fault(
            where,
            f"{later:g} follows {earlier:g}",
            "List the times in increasing order, each one once",
        )
        for earlier, later in pairwise(cuts)
        if later <= earlier
    ]
    return faults
