"""A deep network on random points, for its error."""

from __future__ import annotations

import numpy as np

from pinnkan.assembly.quasi_random import pseudo_random
from pinnkan.kan.layers.deep_field import DeepField
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.true_error import Samples

#: Random points: a mean square to two per cent.
POINTS = 4000


def samples_of(problem: Problem, field: DeepField) -> Samples:
    """A field on random points, for its true error."""
    points = problem.domain.sample(POINTS, pseudo_random(0))
    values = field(points, [(0,) * problem.dimension])[..., 0]
    return Samples(list(points.T), np.full(len(points), 1.0 / len(points)), values)
