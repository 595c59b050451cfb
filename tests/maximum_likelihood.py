"""Maximum likelihood from a model's own graph: what R and others can be compared with."""

from dataclasses import dataclass

import numpy as np
import pytensor
from scipy.optimize import minimize

from bayes_ihlrt.model.graph import build_model

# Steps of central differences of an exact gradient: error about 1e-10 of the Hessian.
STEP = 1e-5


@dataclass(frozen=True)
class Maximum:
    """Where a likelihood is largest."""

    parameters: dict[str, np.ndarray]
    loglik: float
    largest_gradient: float


def maximise(spec, person_time):
    """Maximise the likelihood of a survival model's graph."""
    return maximise_graph(build_model(spec, person_time))


def maximise_graph(model, mode="FAST_COMPILE"):
    """Maximise a graph's likelihood without its priors, by BFGS and then Newton.

    `mode` is PyTensor's: ``"JAX"`` is worth its compilation from some ten thousand rows on.
    """
    evaluate = _function(model, mode)
    point = model.initial_point()
    shapes = [np.shape(point[value.name]) for value in model.value_vars]

    def split(x):
        ends = np.cumsum([int(np.prod(shape)) for shape in shapes])
        parts = np.split(x, ends[:-1])
        return [part.reshape(shape) for part, shape in zip(parts, shapes, strict=True)]

    def value_and_gradient(x):
        loglik, gradient, _ = evaluate(split(x))
        return loglik, gradient

    start = np.concatenate([np.ravel(point[value.name]) for value in model.value_vars])
    found = minimize(lambda x: tuple(-part for part in value_and_gradient(x)), start, jac=True)
    best = _newton(found.x, lambda x: value_and_gradient(x)[1])
    loglik, gradient, named = evaluate(split(best))
    return Maximum(named, loglik, float(np.max(np.abs(gradient))))


def _function(model, mode):
    """Return log-likelihood, its gradient and the named parameters as functions of coordinates."""
    values = model.value_vars
    loglik = model.logp(vars=model.observed_RVs)
    named = model.unobserved_value_vars
    outputs = [loglik, *pytensor.gradient.grad(loglik, values), *named]
    compiled = pytensor.function(values, outputs, mode=mode)

    def evaluate(parts):
        first, *rest = map(np.asarray, compiled(*parts))
        gradient = np.concatenate([np.ravel(part) for part in rest[: len(values)]])
        names = [variable.name for variable in named]
        return float(first), gradient, dict(zip(names, rest[len(values) :], strict=True))

    return evaluate


def _newton(x, gradient):
    for _ in range(10):
        hessian = np.stack(
            [
                (gradient(x + step) - gradient(x - step)) / (2 * STEP)
                for step in STEP * np.eye(len(x))
            ]
        )
        move = np.linalg.solve((hessian + hessian.T) / 2, gradient(x))
        x = x - move
        if np.max(np.abs(move)) < 1e-12:
            break
    return x
