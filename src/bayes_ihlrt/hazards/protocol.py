"""What every baseline hazard can do, whatever the array library, and checks of its cut points."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import isfinite
from types import ModuleType
from typing import Any, ClassVar, Protocol

from bayes_ihlrt.errors import Fault
from bayes_ihlrt.names import HazardFamily

# NumPy, JAX and PyTensor arrays share no static type, so arrays are not checked further.
type Array = Any
type Namespace = ModuleType
type Theta = Mapping[str, Array]
type Shapes = Mapping[str, tuple[int, ...]]


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
    name : HazardFamily
        The family.
    parameters : tuple of str
        Keys of `theta`.
    proportional_hazards : bool
        Whether covariates multiply the hazard (their coefficients are log hazard ratios).
    accelerated_failure_time : bool
        Whether the same model can also be told as covariates that stretch time.
    """

    name: ClassVar[HazardFamily]
    parameters: ClassVar[tuple[str, ...]]
    proportional_hazards: ClassVar[bool]
    accelerated_failure_time: ClassVar[bool]

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
