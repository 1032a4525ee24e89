"""The number of Gauss points of a space, and the memory and multiplications of its rows."""

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.assembly.normal_matrix.matrix_free import MAX_WEIGHTS_PER_COEFFICIENT
from pinnkan.assembly.patch import are_recomputed
from pinnkan.kan.product import Space
from pinnkan.solver import memory
from pinnkan.solver.predicted_work import WORK_PER_POINT, factor_work, is_factor_cheaper, iteration_work


def points_per_interval(degree: int, intervals: int, order: int, is_full_rule: bool = False) -> int:
    """The number of Gauss points per interval of a coordinate, for derivatives up to ``order``.

    min(m, 2 + ceil(m / 2)) with m = degree - order, but at least 3, and on few intervals one more than collocation
    needs. Errors and estimates are those of m points within 3 %; with one point less splines come near to interpolating
    the equation. ``is_full_rule``: m, where the domain cuts intervals, and in a single coordinate.
    """
    enough = degree - order if is_full_rule else min(degree - order, 2 - (order - degree) // 2)
    return max(3, enough, _fewest_points(degree, intervals, order))


def _fewest_points(degree: int, intervals: int, order: int) -> int:
    """The least number of points per interval: ceil((intervals + degree + 2 - order) / intervals)."""
    return -(-(intervals + degree + 2 - order) // intervals)


def points_by_coordinate(model: Model, space: Space, extra_points: int = 0, fewer_points: int = 0) -> list[int]:
    """Return Gauss points per interval by coordinate: ``extra_points`` more, ``fewer_points`` less in space.

    No less than determine the coefficients: otherwise a correction was 600 times too large.
    """
    alone, found = len(space.axes) == 1, []
    for i, (axis, order) in enumerate(zip(space.axes, model.orders, strict=True)):
        count = points_per_interval(axis.degree, axis.min_intervals_between_joints, order, alone) + extra_points
        least = max(3, _fewest_points(axis.degree, axis.min_intervals_between_joints, order))
        found.append(count if i == model.problem.time_axis else max(least, count - fewer_points))
    return found


def require_memory(model: Model, space: Space, extra_points: int = 0) -> None:
    """Raise ResourceError if a step in ``space`` needs more memory than there is."""
    points, jets = _all_points(model, space, extra_points), sum(len(e.jets) for e in model.equations)
    grid = float(np.prod([float(p) for p in points]))
    are_made_again = all(are_recomputed(e, grid) for e in model.equations)
    weights = [grid * len(e.jets) for e in model.equations if e.constant_slopes is None]
    kept = sum(w for w in weights if w <= MAX_WEIGHTS_PER_COEFFICIENT * space.size) if are_made_again else None
    what = f"a step with {'x'.join(str(a.intervals) for a in space.axes)} intervals, {space.size} coefficients,"
    memory.require_bytes(memory.bytes_of_space(space, points, jets, kept), what, model.device)


def predicted_step_work(model: Model, space: Space) -> float:
    """The predicted multiplications of a step in ``space`` by the cheaper solver."""
    points, jets = _points_and_jets(model, space)
    return min(factor_work(space), iteration_work(space, points, jets))


def least_step_work(model: Model, space: Space) -> tuple[str, float]:
    """Return the predicted solver of a step in ``space``, as text, and a lower bound of its multiplications.

    For conjugate gradients that of one unknown: each of their steps asks the clock.
    """
    points, jets = _points_and_jets(model, space)
    if is_factor_cheaper(space, points, jets):
        return "a factor", factor_work(space)
    return "conjugate gradients", WORK_PER_POINT * points * (jets + 1.0)


def _points_and_jets(model: Model, space: Space) -> tuple[float, int]:
    counts = [float(p) for p in _all_points(model, space, 0)]
    return float(np.prod(counts)), sum(len(e.jets) for e in model.equations)


def _all_points(model: Model, space: Space, extra_points: int) -> list[int]:
    return [a.intervals * n for a, n in zip(space.axes, points_by_coordinate(model, space, extra_points), strict=True)]
