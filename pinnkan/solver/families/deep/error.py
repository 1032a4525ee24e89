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


def samples_of(problem: Problem, field: DeepField) -> Samples:
    """A field on random points, for its true error."""
    points = _sample(problem)
    values = field(points, [(0,) * problem.dimension])[..., 0]
    return Samples(list(points.T), np.full(len(points), 1.0 / len(points)), values)
