"""The front of the initial data: its coordinates, and knots that represent the data in them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.immersed_points import GridPoints
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates, FittedPiece, rotated_coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.marking import refine_marked
from pinnkan.solver.families.fitted.front import (
    COURSE_DEGREE,
    direction_of_gradients,
    front_on_lines,
    sample_grid,
    shift_axis,
    straighten_coordinates,
)
from pinnkan.solver.families.fitted.levels import Corrections, first_space, mark_intervals
from pinnkan.solver.families.fitted.system import fit_function, quadrature_grid

Values = Callable[[Array], Array]
#: An oblique front: largest ratio of eigenvalues, least |sin| of the angle to an axis. Heuristic.
MOST_EIGENVALUE_RATIO, LEAST_OBLIQUENESS = 0.15, 0.02
#: Samples per axis for the structure tensor; Gauss intervals in s for the ridge.
SAMPLES, INTERVALS_ACROSS = 300, 600
#: Step of the difference quotients of the data, relative to the domain.
DIFFERENCE_STEP = 1e-5
#: First numbers of intervals across and along the front; maximum number of rounds of insertion.
FIRST_INTERVALS, MOST_ROUNDS = (8, 2), 60


def initial_values(model: Model) -> Values | None:
    """Return the initial data, points (point, (x, y)) to (point, unknown); None if some unknown has none."""
    given = {x.unknown: x for x in model.conditions.initial if x.order == 0}
    if len(given) != len(model.problem.unknowns):
        return None
    start = model.problem.box.ranges[-1][0]

    def values(points: Array) -> Array:
        columns = [*points.T, np.full(len(points), start)]
        found = [given[u].value(columns)[0] for u in range(len(given))]
        return np.stack([np.broadcast_to(np.asarray(v, dtype=np.float64), len(points)) for v in found], -1)

    return values


def front_coordinates(problem: Problem, values: Values) -> Coordinates | None:
    """Return coordinates of (x, y) in which the front of the data is straight, None if no front is oblique."""
    domain = problem.domain.projected(2)
    axes, inside = sample_grid(domain, SAMPLES)
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1)[inside]
    step = DIFFERENCE_STEP * float(domain.box.lengths[0])
    found = direction_of_gradients(np.stack([_slope(values, points, unit, step) for unit in np.eye(2)]))
    if found.eigenvalue_ratio > MOST_EIGENVALUE_RATIO or found.obliqueness < LEAST_OBLIQUENESS:
        return None
    ranges = domain.box.ranges
    coordinates = rotated_coordinates(found.angle, ranges)
    for _ in range(4):
        here = coordinates
        box = here.covering_ranges(ranges)

        def slope(grid: Sequence[Array], here: Coordinates = here) -> Array:
            inner = np.stack([g.ravel() for g in np.meshgrid(*grid, indexing="ij")], -1)
            return _slope(values, here.inverse(inner), here.normal, step).reshape(len(grid[0]), -1)

        rule = Axis(np.linspace(*box[0], INTERVALS_ACROSS + 1), 1).gauss(2)
        course = front_on_lines(slope, rule, box[1], [], here, domain)
        moved = straighten_coordinates(here, course, ranges)
        if moved is None:
            return here.with_warp(here.warp, here.warp_coefficients + course.mean_position)
        coordinates = moved
    return coordinates


def _slope(values: Values, points: Array, direction: Array, step: float) -> Array:
    return ((values(points + step * direction) - values(points - step * direction)) / (2.0 * step))[:, 0]


def axes_for_data(
    values: Values, coordinates: Coordinates, problem: Problem, degrees: Sequence[int], tolerance: float
) -> tuple[Axis, ...] | None:
    """Return axes of (s, r) on which the data are represented to ``tolerance``, None if that needs too many knots."""
    ranges, unknowns = problem.box.ranges[:2], len(problem.unknowns)
    space = first_space(coordinates, ranges, degrees, FIRST_INTERVALS, unknowns)
    for _ in range(MOST_ROUNDS):
        base = fit_function(space, _grid(space, coordinates, problem), values)
        found = _halving_corrections(space, base, values, coordinates, problem)
        if sum(found.sizes) <= tolerance:
            return space.axes
        if space.size > 200_000:
            return None
        marks = mark_intervals(found, tolerance)
        space = Space(refine_marked(space.axes, marks), unknowns)
    return None


def _grid(space: Space, coordinates: Coordinates, problem: Problem) -> GridPoints:
    return quadrature_grid(space, coordinates, problem.domain.projected(2), (0, 0))


def constant_piece(
    values: Values, data_coordinates: Coordinates, data_axes: Sequence[Axis], problem: Problem, length: float
) -> FittedPiece:
    """Return the data as a function of (x, y, t), constant in time over ``length``, on axes of (s, r) like these."""
    start = problem.box.ranges[-1][0]
    domain = problem.domain.time_part(start, start + length)
    ranges = domain.box.ranges
    coordinates = extrapolate_coordinates(data_coordinates, ranges)
    across = (shift_axis(a, ends, 0.0) for a, ends in zip(data_axes, coordinates.covering_ranges(ranges), strict=False))
    space = Space((*across, Axis(np.array(ranges[2]), 1)), len(problem.unknowns))
    grid = quadrature_grid(space, coordinates, domain, (0, 0, 0))
    return FittedPiece(coordinates, ((space, fit_function(space, grid, lambda points: values(points[:, :2]))),))


@dataclass(frozen=True, eq=False)
class ComovingValues:
    """Values at one time, constant along moving coordinates: (x, y, t) to (point, unknown); ``domain``: of (x, y)."""

    values: Values
    coordinates: Coordinates
    time: float
    domain: Domain

    def __call__(self, points: Array) -> Array:
        inner = self.coordinates.forward(points)
        inner[:, 2] = self.time
        return self.values(self.domain.nearest(self.coordinates.inverse(inner)[:, :2]))


def _halving_corrections(
    space: Space, base: Array, values: Values, coordinates: Coordinates, problem: Problem
) -> Corrections:
    """Return the changes of the fit of the data when each coordinate is halved, as corrections."""
    pieces, sizes, masses = [], [], []
    for i, axis in enumerate(space.axes):
        fine = space.with_axis(i, axis.halved())
        grid = _grid(fine, coordinates, problem)
        change = fit_function(fine, grid, values) - space.prolong(base, fine)
        strip = np.zeros((fine.axes[i].intervals, space.unknowns))
        np.add.at(strip, grid.cells[:, i], grid.values(fine, change) ** 2 * grid.weights[:, None])
        total = grid.integral(values(grid.outer) ** 2)
        mass = (strip / np.where(total > 0.0, total, 1.0)).max(-1).reshape(axis.intervals, 2).sum(1)
        pieces.append((fine, change))
        masses.append(mass)
        sizes.append(float(np.sqrt(mass.sum())))
    return Corrections(tuple(pieces), tuple(sizes), tuple(masses))


def extrapolate_coordinates(previous: Coordinates, ranges: Sequence[tuple[float, float]]) -> Coordinates:
    """Extrapolate the course of ``previous`` to the times of ``ranges``, rotated along the front at their start."""
    times = np.linspace(*ranges[2], 2 * COURSE_DEGREE + 1)
    low, high = previous.warp.axes[0].breaks[[0, -1]]
    r = low + (high - low) * np.linspace(0.1, 0.9, 17)
    grid = np.stack([g.ravel() for g in np.meshgrid(r, times, indexing="ij")], -1)
    along = grid if len(previous.warp.axes) == 2 else grid[:, :1]
    place = previous.warp_derivatives(along, [(0,) * along.shape[1]])[:, 0]
    outer = place[:, None] * previous.normal + grid[:, :1] * previous.tangent
    first = grid[:, 1] == times[0]
    slope = np.polyfit(grid[first, 0], place[first], 1)[0]
    angle = previous.angle - float(np.arctan(slope))
    n, m = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    corners = np.array([[x, y] for x in ranges[0] for y in ranges[1]]) @ m
    old = previous.warp.axes[0]
    axes = (
        Axis(np.linspace(corners.min(), corners.max(), old.intervals + 1), old.degree),
        Axis(np.array(ranges[2]), COURSE_DEGREE),
    )
    table = axes[0].matrix(outer @ m)[:, :, None] * axes[1].matrix(grid[:, 1])[:, None, :]
    solved = np.linalg.lstsq(table.reshape(len(grid), -1), outer @ n, rcond=1e-10)[0]
    space = Space(axes)
    return Coordinates(angle, space, solved.reshape(space.shape))
