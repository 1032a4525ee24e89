"""Integrals of an expression of a solution over the domain or a side at one time, by Gauss rules between knots."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np

from pinnkan.assembly.clock import Clock
from pinnkan.assembly.quasi_random import sobol_generator
from pinnkan.domain.bisection import grid_boxes
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.domain.rounding import EPS
from pinnkan.domain.shapes.shaped_domain import ShapedDomain
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Equation, Place
from pinnkan.solver.estimate.adaptive_cubature import BOX_GAUSS_POINTS, Boxes, Integrand, refine_boxes
from pinnkan.solver.estimate.extrema import MAX_GRID_AXES, SOBOL_POINTS
from pinnkan.solver.estimate.integrand_knots import knots_of_formula, refine_line, switch_equations
from pinnkan.solver.estimate.shape_integrals import integrate_over_shape
from pinnkan.solver.estimate.solution_expressions import SolutionExpressions, fixed_coordinates
from pinnkan.solver.outcome import SAFETY

#: Gauss points per knot interval in the two rules: eleven are exact for squares of splines of degree 10; and Sobol
#: sequences in many coordinates.
GAUSS_POINTS = 12, 8
_SOBOL_REPEATS = 8
#: Points of a tensor grid that are evaluated at once: 16 MB for each derivative.
_MAX_BATCH_POINTS = 2_000_000
ROUNDING = 4.0 * EPS
#: Two rules agree at this share of the integral of the absolute value, the second for curves over time; the most points
#: of adaptive cubature. Heuristic.
_TOLERANCE, _CURVE_TOLERANCE, _MOST_POINTS = 1e-9, 1e-6, 1_000_000
#: An integral counts as divergent where over so many rounds the error fell more slowly than this power of two in each,
#: and is above this share of the integral. Heuristic.
_DECAY_ROUNDS, _SLOWEST_POWER, _SETTLING_SHARE = 8, 0.1, 1e-7
DIVERGES = "infinite or not known: it does not settle as intervals are halved"

#: Points and weights by coordinate that varies.
Rules: TypeAlias = "dict[int, tuple[Array, Array]]"


@dataclass(frozen=True)
class Integral:
    """A value, its error by quadrature and rounding (``quadrature_error``), and a note for the user.

    ``axes``: the knots of the coordinates that vary, with those that the formula needs; None in many coordinates.
    """

    value: float
    quadrature_error: float
    note: str = ""
    axes: dict[int, Axis] | None = None


def integral(
    solution: SolutionExpressions,
    place: Place,
    equation: Equation,
    time: float | None,
    clock: Clock,
    points_share: float = 1.0,
) -> Integral:
    """The integral over a place at one time, with a ``points_share`` of the points it may take.

    Raises OutOfTimeError.
    """
    clock.check()
    problem = solution.problem
    if isinstance(problem.domain, ShapedDomain):
        return Integral(*integrate_over_shape(solution, problem.domain, place, equation, time))
    held = fixed_coordinates(problem, place, time)
    free = [axis for axis in range(problem.dimension) if axis not in held]
    if len(free) > MAX_GRID_AXES:
        return _by_sobol_points(solution, equation, held, free)
    axes = knots_of_formula(problem, equation, held, {a: solution.knots(a, time) for a in free})
    found = (_on_line if len(free) == 1 else _over_cells)(solution, equation, held, axes, clock, points_share)
    return replace(found, axes=axes)


def _over_cells(
    solution: SolutionExpressions,
    equation: Equation,
    held: dict[int, float],
    axes: dict[int, Axis],
    clock: Clock,
    share: float,
) -> Integral:
    free, dimension = list(axes), solution.problem.dimension
    by_cell = [_by_gauss(solution, equation, held, axes, n, clock) for n in GAUSS_POINTS]
    (value, size), (fewer, _) = ([float(part.sum()) for part in sums] for sums in by_cell)
    integrand = Integrand(solution, equation, _surface_arguments(equation), free, clock)
    fine = _TOLERANCE if share == 1.0 else _CURVE_TOLERANCE
    if not free or (not integrand.switch_arguments and abs(value - fewer) <= fine * size):
        return Integral(value, abs(value - fewer) + ROUNDING * size)
    lo, hi = _cells(dimension, held, axes)
    values, fewer_values = (sums[0].ravel() for sums in by_cell)
    boxes = Boxes(lo, hi, values, np.abs(values - fewer_values), np.full(len(values), free[0]))
    again = np.flatnonzero(
        (boxes.quadrature_error > fine * size / len(values)) | integrand.classify_boxes(lo, hi)[0].any(0)
    )
    boxes = boxes.subset(np.setdiff1d(np.arange(len(values)), again)).joined_with(
        integrand.integrate_over(lo[:, again], hi[:, again])
    )
    most = len(values) + int(share * _MOST_POINTS / BOX_GAUSS_POINTS[0] ** len(free))
    boxes, history = refine_boxes(integrand, boxes, most, fine)
    return _with_error_estimate(float(boxes.value.sum()), float(np.abs(boxes.value).sum()), history, BOX_GAUSS_POINTS)


def _on_line(
    solution: SolutionExpressions,
    equation: Equation,
    held: dict[int, float],
    axes: dict[int, Axis],
    clock: Clock,
    share: float,
) -> Integral:
    ((along, axis),) = axes.items()

    def on_line(other: Equation, x: Array) -> Array:
        clock.check()
        return solution.on_grid(
            other, [x if a == along else np.array([held[a]]) for a in range(solution.problem.dimension)]
        ).ravel()

    axis, history = refine_line(axis, equation, on_line, GAUSS_POINTS)
    found = [_by_gauss(solution, equation, held, {along: axis}, n, clock) for n in GAUSS_POINTS]
    (value, size), (fewer, _) = ([float(part.sum()) for part in sums] for sums in found)
    return _with_error_estimate(value, size, [*history[:-1], abs(value - fewer)], GAUSS_POINTS)


def _with_error_estimate(value: float, size: float, history: Sequence[float], counts: Sequence[int]) -> Integral:
    """Return an integral with an error from ``history``, the disagreement of two rules after each round of halvings.

    At a pole x^(s-1) the disagreement falls by 2^s a round, and the rule of n points has an error of order (n +
    1/2)^(-2s). The error follows from the observed s; where s is too small the integral counts as divergent.
    """
    missed = history[-1]
    if math.isinf(value):
        return Integral(math.nan, math.inf, DIVERGES)
    if len(history) <= _DECAY_ROUNDS or missed <= _TOLERANCE * size or math.isnan(value):
        return Integral(value, missed + ROUNDING * size)
    power = math.log2(history[-1 - _DECAY_ROUNDS] / missed) / _DECAY_ROUNDS if math.isfinite(missed) else 0.0
    if power < _SLOWEST_POWER and not missed <= _SETTLING_SHARE * size:
        return Integral(math.nan, math.inf, DIVERGES)
    more, fewer = (count + 0.5 for count in counts)
    unseen = SAFETY / ((more / fewer) ** (2.0 * max(power, _SLOWEST_POWER)) - 1.0)
    return Integral(value, missed * max(1.0, unseen) + ROUNDING * size)


def _surface_arguments(equation: Equation) -> list[Equation]:
    """The arguments of jumps and kinks that may vanish on curves or surfaces; planes have knots already."""
    return [bend for bend in switch_equations(equation) if bend.jets or len(bend.residual.free_symbols) > 1]


def _cells(dimension: int, held: dict[int, float], axes: dict[int, Axis]) -> tuple[Array, Array]:
    """The ends ``lo``, ``hi`` (coordinate, box) of the cells between knots, in the order of :func:`_by_gauss`."""
    return grid_boxes([axes[a].breaks if a in axes else np.array([held[a]]) for a in range(dimension)])


def _by_gauss(
    solution: SolutionExpressions,
    equation: Equation,
    held: dict[int, float],
    axes: dict[int, Axis],
    count: int,
    clock: Clock,
) -> tuple[Array, Array]:
    """The integrals of an expression and of its absolute value by cell of a tensor grid, by Gauss rules."""
    rules = {a: composite_gauss_rule(axis.breaks, count) for a, axis in axes.items()}
    others = math.prod(len(x) for x, _ in list(rules.values())[1:])
    parts = []
    for part in _batches(rules, max(1, _MAX_BATCH_POINTS // (others * count)) * count):
        clock.check()
        at = [part[a][0] if a in part else np.array([held[a]]) for a in range(solution.problem.dimension)]
        values = solution.on_grid(equation, at)
        both = np.stack([values, np.abs(values)])
        for axis in range(len(at)):
            if axis in part:
                weighed = np.moveaxis(both, axis + 1, -1) * part[axis][1]
                both = np.moveaxis(weighed.reshape(*weighed.shape[:-1], -1, count).sum(-1), -1, axis + 1)
        parts.append(both)
    first = next(iter(rules), 0) + 1
    sums, sizes = np.concatenate(parts, axis=first)
    return sums, sizes


def _batches(rules: Rules, most: int) -> Iterator[Rules]:
    """Yield the rules with at most so many points of the first axis at a time."""
    if not rules:
        yield rules
        return
    first, (x, w) = next(iter(rules.items()))
    for begin in range(0, len(x), most):
        yield {**rules, first: (x[begin : begin + most], w[begin : begin + most])}


def _by_sobol_points(
    solution: SolutionExpressions, equation: Equation, held: dict[int, float], free: Sequence[int]
) -> Integral:
    """The mean over scrambled Sobol sequences times the volume, and its standard error."""
    low, high = np.array([solution.problem.box.ranges[axis] for axis in free]).T
    measure = float(np.prod(high - low))
    means = []
    for seed in range(_SOBOL_REPEATS):
        points = np.empty((SOBOL_POINTS, solution.problem.dimension))
        points[:, free] = low + (high - low) * sobol_generator(seed)(SOBOL_POINTS, len(free))
        for axis, value in held.items():
            points[:, axis] = value
        means.append(measure * float(solution.at_points(equation, points).mean()))
    return Integral(float(np.mean(means)), float(np.std(means, ddof=1)) / math.sqrt(_SOBOL_REPEATS))
