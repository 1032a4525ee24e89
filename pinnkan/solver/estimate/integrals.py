"""Integrals of an expression of a solution over the domain or a side at one time, by Gauss's rules between knots."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from pinnkan.assembly.clock import Clock
from pinnkan.assembly.quasi_random import sobol
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Equation, Place
from pinnkan.solver.estimate.extrema import MOST_AXES, SCATTERED
from pinnkan.solver.estimate.integrand_knots import along_line, of_formulas
from pinnkan.solver.estimate.substituted import Substituted, held_at

#: Gauss points per knot interval, and as many as their result is compared with: squares of splines of degree 10 are
#: exact with eleven. In more coordinates than MOST_AXES it is Sobol's points, so many times, and the spread between.
COUNTS = 12, 8
_SPREADS = 8
#: Points of a tensor grid that are held at once: 16 MB for each derivative.
_MOST_AT_ONCE = 2_000_000
ROUNDING = 4 * float(np.finfo(np.float64).eps)

#: Points and weights along each coordinate that varies.
Rules: TypeAlias = "dict[int, tuple[Array, Array]]"


@dataclass(frozen=True)
class Integral:
    """A value, what quadrature and rounding may have ``missed`` of it, and what else is to be said."""

    value: float
    missed: float
    note: str = ""


def integral(solution: Substituted, place: Place, equation: Equation, time: float | None, clock: Clock) -> Integral:
    """The integral over a place at one time.

    Raises:
        OutOfTimeError: the clock's limit is over.
    """
    clock.check()
    problem = solution.problem
    held = held_at(problem, place, time)
    free = [axis for axis in range(problem.dimension) if axis not in held]
    if len(free) > MOST_AXES:
        return _scattered(solution, equation, held, free)
    axes = of_formulas(problem, equation, held, {a: solution.knots(a, time) for a in free})
    if len(free) == 1:
        ((along, axis),) = axes.items()

        def on_line(other: Equation, x: Array) -> Array:
            clock.check()
            return solution.on_grid(
                other, [x if a == along else np.array([held[a]]) for a in range(problem.dimension)]
            ).ravel()

        axes = {along: along_line(axis, equation, on_line, COUNTS)}
    rules = [{a: _gauss(axis, n) for a, axis in axes.items()} for n in COUNTS]
    found = [_by_gauss(solution, equation, held, rule, clock) for rule in rules]
    (value, size), (fewer, _) = found
    return Integral(value, abs(value - fewer) + ROUNDING * size)


def _by_gauss(
    solution: Substituted,
    equation: Equation,
    held: dict[int, float],
    rules: dict[int, tuple[Array, Array]],
    clock: Clock,
) -> tuple[float, float]:
    """The sums of an expression and of its size over a tensor grid, in parts along the first axis that fit memory."""
    others = math.prod(len(x) for x, _ in list(rules.values())[1:])
    total = size = 0.0
    for part in _parts(rules, max(1, _MOST_AT_ONCE // others)):
        clock.check()
        axes = [part[a][0] if a in part else np.array([held[a]]) for a in range(solution.problem.dimension)]
        values = solution.on_grid(equation, axes)
        sizes = np.abs(values)
        for axis in reversed(range(len(axes))):
            weights = part[axis][1] if axis in part else np.ones(1)
            values, sizes = np.tensordot(values, weights, (axis, 0)), np.tensordot(sizes, weights, (axis, 0))
        total, size = total + float(values), size + float(sizes)
    return total, size


def _parts(rules: Rules, most: int) -> Iterator[Rules]:
    """The rules with at most so many points of the first axis at a time; once where there is no axis."""
    if not rules:
        yield rules
        return
    first, (x, w) = next(iter(rules.items()))
    for begin in range(0, len(x), most):
        yield {**rules, first: (x[begin : begin + most], w[begin : begin + most])}


def _gauss(axis: Axis, count: int) -> tuple[Array, Array]:
    x, w = axis.gauss(count)
    return x.ravel(), w.ravel()


def _scattered(solution: Substituted, equation: Equation, held: dict[int, float], free: Sequence[int]) -> Integral:
    """Mean over scrambled Sobol sequences times the measure, and the standard error of it."""
    low, high = np.array([solution.problem.box.ranges[axis] for axis in free]).T
    measure = float(np.prod(high - low))
    means = []
    for seed in range(_SPREADS):
        points = np.empty((SCATTERED, solution.problem.dimension))
        points[:, free] = low + (high - low) * sobol(seed)(SCATTERED, len(free))
        for axis, value in held.items():
            points[:, axis] = value
        means.append(measure * float(solution.at(equation, points).mean()))
    return Integral(float(np.mean(means)), float(np.std(means, ddof=1)) / math.sqrt(_SPREADS))
