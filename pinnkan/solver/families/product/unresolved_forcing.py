"""Waves of a source or a coefficient that the knots of the initial data do not resolve.

Residuals of waves finer than the halved knots average out, so that corrections miss what these drive: of u_t = 0.1
sin(120 pi x) 99 %. So rates are sampled as data are (:mod:`pinnkan.solver.families.product.unresolved_data`).
"""

from collections.abc import Iterator
from math import factorial

import numpy as np
import sympy

from pinnkan.assembly.boundary_values import BoundaryValue
from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import ProductField, Space, constant_piece
from pinnkan.problem.checks.initial_values import (
    differentiate_in_space,
    prescribed_initial_values,
    without_space_derivatives,
)
from pinnkan.problem.expressions.jumps import SWITCH_FUNCTIONS
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Problem, Side
from pinnkan.solver.families.product.unresolved_data import unresolved_data_masses
from pinnkan.solver.verify.symbol import frozen_equations, largest_wave_rates, wave_directions

#: Times at which rates are sampled, as shares of the whole; points for damping rates, and for sizes.
SAMPLE_TIMES, DAMPING_POINTS, SIZE_POINTS = (0.0, 0.37, 0.74), 16, 256
#: What is missing in a smaller share of the intervals is local, no wave: jumps and kinks have their own breakpoints.
WAVE_SHARE = 0.25


def unresolved_forcing_masses(
    model: Model, halved: Space, time: Axis, trace: Array, scale: Array, is_time_dependent: bool = False
) -> Iterator[tuple[Array, ...]]:
    """Yield the unresolved masses that the rate of each unknown adds to it over the whole time T.

    A rate of order k (in time) adds T^k / k! / (1 + d T) times itself, for a decay rate d of the finest waves; it is
    taken at several times. ``trace``: the data in ``halved``, ``scale`` (unknown): their sizes; ``is_time_dependent``:
    only rates that depend on time.
    """
    problem, (start, end) = model.problem, time.breaks[[0, -1]]
    rates = [r for r in _initial_rates(problem) if not is_time_dependent or r[2].has(problem.coordinates[-1])]
    damping = (
        _damping(model, ProductField((constant_piece(halved.axes, trace, start, end),)), halved)
        if rates
        else (0.0, 0.0)
    )
    for unknown, order, rate in rates:
        of_long, of_fine = ((end - start) ** order / factorial(order) / (1.0 + d * (end - start)) for d in damping)
        for share in SAMPLE_TIMES:
            clock = problem.coordinates[-1]  # shifted: sympy would evaluate exp(-exp(1e9))
            then = rate.xreplace({clock: clock + sympy.Float(share * (end - start))})
            driven = Tape([of_fine * then], problem.coordinates)
            given = BoundaryValue(Side(len(halved.axes), 0), unknown, 0, driven)
            size = _initial_root_mean_square(driven, problem) * of_long / of_fine
            if 0.0 < size < np.inf:
                masses = unresolved_data_masses(given, halved, time, np.maximum(scale, size))
                yield tuple(m if m.sum() ** 2 > WAVE_SHARE * len(m) * (m**2).sum() else 0.0 * m for m in masses)


def _initial_rates(problem: Problem) -> Iterator[tuple[int, int, sympy.Expr]]:
    """Yield (unknown, order, formula) of the highest derivative in time at the data, where an equation has just one."""
    data = prescribed_initial_values(problem)
    for equation in problem.equations:
        highest = [(s, j) for s, j in equation.jets.items() if j.order[-1] and j.order[-1] == j.total_order]
        if len(highest) != 1 or highest[0][1].order[-1] != problem.orders_in_time[highest[0][1].unknown]:
            continue
        symbol, jet = highest[0]
        at = {
            s: differentiate_in_space(problem, data.get(without_space_derivatives(j), sympy.S.Zero), j)
            for s, j in equation.jets.items()
        }
        if not any(
            value.has(*SWITCH_FUNCTIONS) for s, value in at.items() if s != symbol and equation.jets[s].total_order
        ):
            slope = equation.slopes[symbol]
            yield jet.unknown, jet.order[-1], (-equation.residual / slope).subs(at | {symbol: sympy.S.Zero})


def _damping(model: Model, field: ProductField, space: Space) -> tuple[float, float]:
    """Return the decay rates of the longest waves and of the finest that ``space`` holds; zero where they grow."""
    problem, finest = model.problem, min((a.intervals * a.degree for a in space.axes), default=1)
    weights = frozen_equations(model.equations, field, problem.domain.sample(DAMPING_POINTS, kronecker_points))
    ways, numbers = wave_directions(problem.box.lengths[:-1]), [np.pi, np.pi * finest]
    rates = np.max([largest_wave_rates(weights, space.unknowns, way, numbers).real.max(1) for way in ways], axis=0)
    long, fine = np.maximum(-np.where(np.isfinite(rates), rates, 0.0), 0.0)
    return float(long), float(fine)


def _initial_root_mean_square(formula: Tape, problem: Problem) -> float:
    """Return the root mean square of a formula over space at the first time."""
    points = problem.domain.sample(SIZE_POINTS, kronecker_points)
    points[:, -1] = problem.box.ranges[-1][0]
    values = np.broadcast_to(np.asarray(formula(list(points.T))[0], dtype=np.float64), len(points))
    return float(np.sqrt(np.mean(values**2)))
