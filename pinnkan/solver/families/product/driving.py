"""What equations make of the data, from the first time on, that no knots hold: waves of a source or of a coefficient.

The solution grows by a rate, and the waves of that do for as long as nothing damps them: of u_t = 0.1 sin(120 pi x) all
corrections saw a hundredth of what was missing, since residuals of waves finer than the halved knots average out. So
rates are sampled as data are (:mod:`pinnkan.solver.families.product.unheld`), times how long they last.
"""

from collections.abc import Iterator, Mapping
from math import factorial

import numpy as np
import sympy

from pinnkan.assembly.boundary_values import BoundaryValue
from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.conditions import prescribed_value
from pinnkan.problem.expressions.jumps import SWITCHES
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Jet, Problem, Side
from pinnkan.solver.families.product.unheld import unheld
from pinnkan.solver.verify.symbol import directions, fastest, frozen

#: Times at which rates are looked at, as shares of all of it, and points at which their waves are asked for damping.
TIMES, POINTS = (0.0, 0.37, 0.74), 16
#: What is missing in a smaller share of the intervals is a place, not a wave: jumps and kinks have knots of their own.
SPREAD = 0.25


def undriven(model: Model, halved: Space, time: Axis, trace: Array, scale: Array) -> Iterator[tuple[Array, ...]]:
    """What :func:`unheld` says of the rates of every unknown; ``trace``: the data on ``halved``, of that ``scale``."""
    problem = model.problem
    for unknown, order, rate in _rates(problem):
        damping = _damping(model, halved, time, trace)
        lasts = [float(np.ptp(time.breaks)) ** order / factorial(order) / (1.0 + d) for d in damping]
        for share in TIMES:
            at = float(time.breaks[0] + share * np.ptp(time.breaks))
            driven = Tape([lasts[1] * rate.subs(problem.coordinates[-1], at)], list(problem.coordinates))
            given = BoundaryValue(Side(len(halved.axes), 0), unknown, 0, driven)
            size = _size(driven, problem) * lasts[0] / lasts[1]
            if 0.0 < size < np.inf:
                masses = unheld(given, halved, time, np.maximum(scale, size))
                yield tuple(m if m.sum() ** 2 > SPREAD * len(m) * (m**2).sum() else 0.0 * m for m in masses)


def _rates(problem: Problem) -> Iterator[tuple[int, int, sympy.Expr]]:
    """Unknowns, orders and values of their highest derivatives in time at the data, where equations give them one each.

    None where data have no derivatives.
    """
    data = _data(problem)
    for equation in problem.equations:
        highest = [(s, j) for s, j in equation.jets.items() if j.order[-1] and j.order[-1] == j.total]
        if len(highest) != 1 or highest[0][1].order[-1] != problem.orders_in_time[highest[0][1].unknown]:
            continue
        symbol, jet = highest[0]
        at = {s: _derivative(problem, data, j) for s, j in equation.jets.items()} | {symbol: sympy.S.Zero}
        if not any(value.has(*SWITCHES) for s, value in at.items() if equation.jets[s].total):
            slope = sympy.diff(equation.residual, symbol)
            yield jet.unknown, jet.order[-1], (-equation.residual / slope).subs(at)


def _data(problem: Problem) -> Mapping[tuple[int, int], sympy.Expr]:
    """What conditions at the start say of unknowns and their rates."""
    found = {}
    for condition in problem.conditions:
        if condition.equation is not None and condition.place == Side(problem.dimension - 1, 0):
            for symbol, jet in condition.equation.jets.items():
                value = prescribed_value(condition.equation, symbol)
                if value is not None and len(condition.equation.jets) == 1:
                    found[jet.unknown, jet.order[-1]] = value
    return found


def _derivative(problem: Problem, data: Mapping[tuple[int, int], sympy.Expr], jet: Jet) -> sympy.Expr:
    value = data.get((jet.unknown, jet.order[-1]), sympy.S.Zero)
    for coordinate, times in zip(problem.coordinates[:-1], jet.order[:-1], strict=True):
        value = sympy.diff(value, coordinate, times) if times else value
    return value


def _damping(model: Model, space: Space, time: Axis, trace: Array) -> tuple[float, float]:
    """By how many e-folds until the end waves decay, of the longest and of the finest that knots hold."""
    ranges = np.array(model.problem.box.ranges)
    ends = Axis(time.breaks[[0, -1]], 1)
    field = ProductField(((Space((*space.axes, ends), space.unknowns), np.stack([trace] * 2, axis=-2)),))
    points = ranges[:, 0] + np.ptp(ranges, axis=1) * kronecker(POINTS, len(ranges))
    weights, numbers = frozen(model.equations, field, points), [np.pi * n for n in (1, _finest(space))]
    ways = directions(np.ptp(ranges[:-1], axis=1))
    rates = np.max([fastest(weights, space.unknowns, way, numbers).real.max(1) for way in ways], axis=0)
    long, fine = np.maximum(-np.where(np.isfinite(rates), rates, 0.0), 0.0) * float(np.ptp(time.breaks))
    return float(long), float(fine)


def _finest(space: Space) -> int:
    return min((a.intervals * a.degree for a in space.axes), default=1)


def _size(formula: Tape, problem: Problem) -> float:
    points = np.array(problem.box.ranges)[:, 0] + problem.box.lengths * kronecker(256, problem.dimension)
    values = np.broadcast_to(np.asarray(formula(list(points.T))[0], dtype=np.float64), len(points))
    return float(np.sqrt(np.mean(values**2)))
