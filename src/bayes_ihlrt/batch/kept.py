"""Compiled functions that the next process loads without tracing them.

JAX keeps what XLA compiles, but to look it up it traces and lowers the function, and before that
the graph is rewritten: of a fit that compiles nothing, this was a quarter. A function whose
identity can be told in words, its model's structure, is looked up by identity and shapes instead.
Identity covers the source of this package and the versions of what compiles; a function without
one is compiled as ever.
"""

import hashlib
import os
import pickle
import tempfile
import zlib
from collections.abc import Callable, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple

import jax
from jax import export

from bayes_ihlrt.batch.program_cache import keep_programs

FOLDER: Final = keep_programs()
"""Where programs are kept, or why they are not."""
_MADE_BY: Final = ("jax", "jaxlib", "blackjax", "pymc", "pytensor", "numpy")
_QUICK: Final = 1
"""Level of compression: more takes longer than it saves."""


class KeptFunction[T]:
    """A function compiled once for every set of shapes, by this process or by one before.

    Parameters
    ----------
    function : callable
        Of arrays and of trees of them; static arguments by keyword.
    identity : str
        What tells it from every other function but its shapes and static arguments; empty where
        that cannot be told, so that it is never kept.
    static : sequence of str
        Names of its static arguments.
    without : callable, optional
        Told when the first argument is None: what takes its place as a constant, in words.

    Examples
    --------
    >>> import numpy as np
    >>> double = KeptFunction(lambda x: 2.0 * x, "")
    >>> float(double(np.asarray(3.0)))
    6.0
    """

    def __init__(
        self,
        function: Callable[..., T],
        identity: str,
        *,
        static: Sequence[str] = (),
        without: Callable[[], str] = str,
    ) -> None:
        self._function = jax.jit(function, static_argnames=tuple(static))
        self._identity = identity
        self._without = without
        self._programs: dict[object, Callable[..., T]] = {}
        self._lock = Lock()

    def __call__(self, *arguments: Any, **static: Any) -> T:
        """Run the program of these shapes, which the first call loads or compiles."""
        leaves, tree = jax.tree.flatten(arguments)
        if not self._identity or FOLDER.owned is None or not _plain(leaves):
            plain: T = self._function(*arguments, **static)
            return plain
        shapes = tuple((x.shape, str(x.dtype), getattr(x, "weak_type", False)) for x in leaves)
        key = (str(tree), shapes, *sorted(static.items()))
        if arguments[0] is None:
            key = (*key, self._without())
        if key not in self._programs:
            with self._lock:
                if key not in self._programs:
                    self._programs[key] = self._made(key, arguments, static)
        return self._programs[key](*arguments)

    def __len__(self) -> int:
        """Return how many programs this process has of it."""
        return len(self._programs) + int(self._function._cache_size())  # type: ignore[attr-defined]

    def _made(
        self, key: tuple[object, ...], arguments: tuple[Any, ...], static: dict[str, Any]
    ) -> Callable[..., T]:
        told = f"{_surroundings()} {self._identity} {key!r}"
        file = Path(str(FOLDER.owned), f"kept-{hashlib.sha256(told.encode()).hexdigest()}-cache")
        traced = _read(file)
        if traced is None:
            traced = self._traced(arguments, static)
            _write(file, traced)
        tree = jax.tree.structure(traced.returned)
        call = export.deserialize(bytearray(traced.program)).call
        # Compiled here: a call with arrays that a program returned would be another to JAX.
        run = jax.jit(call).lower(*jax.tree.leaves(arguments)).compile()

        def program(*arguments: Any) -> T:
            found: T = jax.tree.unflatten(tree, run(*jax.tree.leaves(arguments)))
            return found

        return program

    def _traced(self, arguments: tuple[Any, ...], static: dict[str, Any]) -> "_Traced":
        leaves, given = jax.tree.flatten(arguments)
        returned: list[Any] = []

        def flat(*leaves: Any) -> list[Any]:
            found = self._function(*jax.tree.unflatten(given, leaves), **static)
            arrays, tree = jax.tree.flatten(found)
            returned.append(jax.tree.unflatten(tree, range(len(arrays))))
            return list(arrays)

        program = export.export(jax.jit(flat))(*leaves).serialize()
        return _Traced(bytes(program), returned[-1])


class _Traced(NamedTuple):
    """A function of shapes, traced.

    Parameters
    ----------
    program : bytes
        Of flat arrays, as JAX exports it; the machine code is in JAX's own cache.
    returned : object
        What it returns, with numbers in place of arrays.
    """

    program: bytes
    returned: Any


def kept(*, static: Sequence[str] = ()) -> Callable[[Callable[..., Any]], KeptFunction[Any]]:
    """Keep what is compiled of a function that depends on nothing but its arguments.

    Parameters
    ----------
    static : sequence of str
        Names of its static arguments, given by keyword.

    Returns
    -------
    callable
        A decorator of functions of a module.
    """

    def wrap(function: Callable[..., Any]) -> KeptFunction[Any]:
        name = f"{function.__module__}.{function.__qualname__}"
        return KeptFunction(function, name, static=static)

    return wrap


def _plain(leaves: list[Any]) -> bool:
    """Whether arguments are arrays on the one CPU: no numbers of Python, nothing being traced."""
    if jax.default_backend() != "cpu" or jax.device_count() != 1:
        return False
    return all(hasattr(x, "dtype") and not isinstance(x, jax.core.Tracer) for x in leaves)


@cache
def _source() -> str:
    """Return a digest of this package and of the versions of what compiles its functions."""
    digest = hashlib.sha256()
    for name in _MADE_BY:
        digest.update(f"{name} {version(name)} ".encode())
    root = Path(__file__).parents[1]
    for file in sorted(root.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _surroundings() -> str:
    """Return what else a compiled program depends on."""
    settings = {name: told for name, told in jax.config.values.items() if "cache" not in name}
    return f"{_source()} {settings} {os.environ.get('XLA_FLAGS', '')}"


def _read(file: Path) -> _Traced | None:
    """Return what was kept; None where there is nothing or it was cut off."""
    try:
        return _Traced(*pickle.loads(zlib.decompress(file.read_bytes())))
    except (OSError, zlib.error):
        return None


def _write(file: Path, traced: _Traced) -> None:
    """Keep it whole or not at all: to be able to is no condition."""
    try:
        with tempfile.NamedTemporaryFile(
            dir=file.parent, prefix="kept-", suffix="-cache", delete=False
        ) as part:
            part.write(zlib.compress(pickle.dumps(tuple(traced)), _QUICK))
        Path(part.name).replace(file)
    except OSError:
        return
