"""The first space of a solve, and the conditions that are written into its coefficients."""

from __future__ import annotations

import numpy as np

from pinnkan.conditions import face_values, fix
from pinnkan.kan.field import Array
from pinnkan.kan.product import Axis, Space
from pinnkan.solver.system import Model

#: First knots are moved by up to half this share of an interval. On a symmetric grid a knot in a symmetry point of the
#: solution adds nothing, the refined space is no better and the correction blind: effectivity 0.2 for sin(pi x)
#: sin(pi y).
UNEVEN = 0.15
GOLDEN = 0.6180339887498949


def initial_space(model: Model, degree: int, intervals: int) -> Space:
    """Nearly uniform knots on every coordinate, see UNEVEN."""
    axes = []
    for (a, b), periodic in zip(model.problem.ranges, model.problem.periodic, strict=True):
        n = max(intervals, degree + 1) if periodic else intervals
        place = np.arange(n + 1.0)
        place[1:-1] += UNEVEN * (np.mod(place[1:-1] * GOLDEN, 1.0) - 0.5)
        axes.append(Axis(a + (b - a) * place / n, degree, periodic))
    return Space(tuple(axes), len(model.problem.unknowns))


def with_conditions(model: Model, space: Space, start: Array) -> tuple[Array, np.ndarray]:
    """``start`` with all exact conditions written in, and the mask of the coefficients they fix."""
    layers = [(layer, face_values(layer, space)) for layer in model.conditions.layers]
    return fix(space, layers, start, np.zeros(space.shape, dtype=bool))
