"""The error of a deep network on random points: against the exact solution, or another network."""

from __future__ import annotations

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.layers.deep_field import DeepField
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem


def _sample(problem: Problem) -> Array:
    rng = np.random.default_rng(0)
    low, high = np.array(problem.ranges).T
    points: Array = low + (high - low) * rng.random((4000, problem.dimension))
    return points


def _relative(error: Array, values: Array) -> float:
    norms = np.sqrt((values**2).mean(0))
    return float((np.sqrt((error**2).mean(0)) / np.maximum(norms, 1e-300)).max())


def difference(a: DeepField, b: DeepField, problem: Problem) -> float:
    """Relative L2 difference of two fields, worst unknown, on random points."""
    points, zero = _sample(problem), [(0,) * problem.dimension]
    u = a(points, zero)[..., 0]
    return _relative(u - b(points, zero)[..., 0], u)


def true_error(field: DeepField, problem: Problem) -> float | None:
    """Relative L2 error against ``exact``, worst unknown, on random points; None without ``exact``."""
    if problem.exact is None or any(name not in problem.exact for name in problem.unknowns):
        return None
    points = _sample(problem)
    tape = Tape([problem.exact[name] for name in problem.unknowns], problem.coordinates)
    exact = np.stack([np.broadcast_to(v, len(points)) for v in tape(list(points.T))], -1)
    return _relative(field(points, [(0,) * problem.dimension])[..., 0] - exact, exact)
