"""A deep network on random points, for its error."""

from __future__ import annotations

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.layers.deep_field import DeepField
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.true_error import Samples


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


def samples_of(problem: Problem, field: DeepField) -> Samples:
    """A field on random points, for its true error."""
    points = _sample(problem)
    values = field(points, [(0,) * problem.dimension])[..., 0]
    return Samples(list(points.T), np.full(len(points), 1.0 / len(points)), values)
