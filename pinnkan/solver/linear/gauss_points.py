"""How many Gauss points a space is given, and what its rows then take: memory and multiplications."""

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.normal_matrix.matrix_free import MOST_KEPT
from pinnkan.assembly.patch import are_fleeting
from pinnkan.kan.product import Space
from pinnkan.solver import memory
from pinnkan.solver.work import STEPS_AT_POINT, factor_work, is_factored, steps_work


def points_per_interval(degree: int, intervals: int, order: int, all_of_them: bool = False) -> int:
    """Gauss points per interval and coordinate; on few intervals one more than collocation needs.

    A spline has one coefficient per interval. With half of degree - order, and two more, errors and estimates were
    those of degree - order within 3 % on seven shipped problems. With one point less the splines come near to
    interpolating the equation: a residual between the points up to 5 times the one that was trained. ``all_of_them``,
    degree - order, where the domain cuts intervals (with half of them the layer at 30 degrees took twice as long), and
    in a single coordinate, where they cost nothing.
    """
    enough = degree - order if all_of_them else min(degree - order, 2 - (order - degree) // 2)
    return max(3, enough, _fewest(degree, intervals, order))


def _fewest(degree: int, intervals: int, order: int) -> int:
    """Points per interval of which there are one more than coefficients that no side fixes, at least."""
    return -(-(intervals + degree + 2 - order) // intervals)


def points_of(model: Model, space: Space, extra: int = 0, fewer: int = 0) -> list[int]:
    """Gauss points per interval of each coordinate: ``extra`` more, ``fewer`` in space as far as that determines.

    A step on two intervals of degree 6 with fewer than there are coefficients made a correction 600 times too large of
    a flow in a cube, with a larger residual than before.
    """
    alone, found = len(space.axes) == 1, []
    for i, (axis, order) in enumerate(zip(space.axes, model.orders, strict=True)):
        count = points_per_interval(axis.degree, axis.fewest, order, alone) + extra
        least = max(3, _fewest(axis.degree, axis.fewest, order))
        found.append(count if i == model.problem.time_axis else max(least, count - fewer))
    return found


def require_memory(model: Model, space: Space, extra: int = 0) -> None:
    """Raises ResourceError if a step in ``space`` needs more memory than there is."""
    points, jets = _all_points(model, space, extra), sum(len(e.jets) for e in model.equations)
    grid = float(np.prod([float(p) for p in points]))
    are_made_again = all(are_fleeting(e, grid) for e in model.equations)
    weights = [grid * len(e.jets) for e in model.equations if e.numbers is None]
    kept = sum(w for w in weights if w <= MOST_KEPT * space.size) if are_made_again else None
    what = f"a step with {'x'.join(str(a.intervals) for a in space.axes)} intervals, {space.size} coefficients,"
    memory.require(memory.bytes_of_space(space, points, jets, kept), what, model.device)


def predicted_work(model: Model, space: Space) -> float:
    """Multiplications that a step in ``space`` is predicted to take, whoever solves."""
    points, jets = _points_and_jets(model, space)
    return min(factor_work(space), steps_work(space, points, jets))


def least_work(model: Model, space: Space) -> tuple[str, float]:
    """Who is predicted to take a step in ``space``, and multiplications that it takes at least.

    Of conjugate gradients those of one unknown: where they turn out to take longer each step asks for the time. Two
    coupled equations had been given up after 13 of 30 s for 87 s of a correction that took one step.
    """
    points, jets = _points_and_jets(model, space)
    if is_factored(space, points, jets):
        return "a factor", factor_work(space)
    return "conjugate gradients", STEPS_AT_POINT * points * (jets + 1.0)


def _points_and_jets(model: Model, space: Space) -> tuple[float, int]:
    counts = [float(p) for p in _all_points(model, space, 0)]
    return float(np.prod(counts)), sum(len(e.jets) for e in model.equations)


def _all_points(model: Model, space: Space, extra: int) -> list[int]:
    return [a.intervals * n for a, n in zip(space.axes, points_of(model, space, extra), strict=True)]
