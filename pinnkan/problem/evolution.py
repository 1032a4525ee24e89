"""Steady problems that are marched along a coordinate of space, as if that were time.

This is done where all conditions along the coordinate are given at one of its ends. Slabs then march along it, and the
checks of equations in time (error growth, ill-posedness) apply. Solved as a steady problem, the ill-posed u_x = -u_yy
from the left would converge to a wrong solution.
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import sympy

from pinnkan.domain.box import Box, Side
from pinnkan.problem.checks.sampling import evaluate
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Condition, Equation, Jet, Point, Problem

#: The most coordinates of a problem that is marched.
MOST_COORDINATES = 4
#: Positions along a coordinate, points at each position, and the share of its largest value below which the factor of
#: a highest derivative vanishes (as that of x u_x = 0.6 u + x at x = 0): heuristic.
POSITIONS, POINTS_PER_POSITION, VANISHING_SHARE = 201, 16, 1e-3


@dataclass(frozen=True)
class Evolution:
    """A ``problem`` that evolves along coordinate ``axis`` from its lower (``end = 0``) or upper (``end = 1``) end."""

    problem: Problem
    axis: int
    end: int

    @property
    def coordinate_order(self) -> tuple[int, ...]:
        """The coordinates in the order of the rewritten problem: that of the march last."""
        return (*(i for i in range(self.problem.dimension) if i != self.axis), self.axis)

    @property
    def sum_of_ends(self) -> float | None:
        """The sum of the ends of the coordinate if the march runs down it (to sum - x), else None."""
        return float(sum(self.problem.box.ranges[self.axis])) if self.end else None

    @cached_property
    def time_problem(self) -> Problem:
        """The rewritten problem: the coordinate of the march takes the place of time. It has no quantities."""
        problem, order, box = self.problem, self.coordinate_order, self.problem.box
        coordinates = tuple(self._march_symbol if i == self.axis else problem.coordinates[i] for i in order)
        ranges = tuple(box.ranges[i] for i in order), tuple(box.periodic[i] for i in order)
        exact = problem.exact and {
            name: formula.xreplace(self._coordinate_substitution) for name, formula in problem.exact.items()
        }
        return replace(
            problem, coordinates=coordinates, domain=Box(*ranges), time_axis=problem.dimension - 1,
            equations=tuple(map(self._equation, problem.equations)), exact=exact, quantities={},
            solver=replace(problem.solver, time_slabs=None),
            conditions=tuple(self._condition(c) for c in problem.conditions if self._is_kept(c)),
            disagreements=tuple(Point(self._position(p)) for p in problem.disagreements),
        )  # fmt: skip

    @property
    def _march_symbol(self) -> sympy.Symbol:
        """The symbol of the march: the coordinate x, or the symbol that stands for total - x."""
        x = self.problem.coordinates[self.axis]
        words = f"{self.sum_of_ends:g} - {x.name}" if self.sum_of_ends else f"-{x.name}"
        return x if self.sum_of_ends is None else sympy.Symbol(words, real=True)

    @property
    def _coordinate_substitution(self) -> dict[sympy.Symbol, sympy.Expr]:
        """The substitution of the coordinate by the symbol of the march; empty where these are the same."""
        x, total = self.problem.coordinates[self.axis], sum(map(sympy.Rational, self.problem.box.ranges[self.axis]))
        return {} if self.sum_of_ends is None else {x: total - self._march_symbol}

    def _equation(self, equation: Equation) -> Equation:
        jets = {s: Jet(j.unknown, tuple(j.order[i] for i in self.coordinate_order)) for s, j in equation.jets.items()}
        odd = {s: -s for s, j in equation.jets.items() if self.end and j.order[self.axis] % 2}
        return replace(
            equation, residual=equation.residual.xreplace({**odd, **self._coordinate_substitution}), jets=jets
        )

    def _condition(self, condition: Condition) -> Condition:
        side = condition.place
        assert isinstance(side, Side)
        place = Side(self.coordinate_order.index(side.axis), 0 if side.axis == self.axis else side.end)
        return replace(
            condition, place=place, equation=None if condition.equation is None else self._equation(condition.equation)
        )

    def _is_kept(self, condition: Condition) -> bool:
        """Whether a condition is kept: all but ``none`` on the sides of the coordinate of the march."""
        side = condition.place
        return condition.equation is not None or (isinstance(side, Side) and side.axis != self.axis)

    def _position(self, point: Point) -> tuple[float | None, ...]:
        there = list(point.position)
        if self.sum_of_ends is not None and there[self.axis] is not None:
            there[self.axis] = self.sum_of_ends - float(there[self.axis] or 0.0)
        return tuple(there[i] for i in self.coordinate_order)


def find_evolution(problem: Problem) -> Evolution | None:
    """Find the first coordinate of space along which a steady problem evolves; None if there is none.

    One end must have as many conditions as the sum of the orders of the unknowns along the coordinate, the other none.
    The equations must determine the highest derivatives along it, with factors that do not vanish.
    """
    plain = isinstance(problem.domain, Box) and not problem.interfaces
    sides = all(isinstance(c.place, Side) for c in problem.conditions if c.equation is not None)
    is_asked = problem.time_axis is None and problem.dimension <= MOST_COORDINATES
    if not (plain and sides and is_asked and problem.solver.family in ("auto", "product")):
        return None
    on = Counter(c.place for c in problem.conditions if c.equation is not None)
    for axis, wraps in enumerate(problem.box.periodic):
        for end in (0, 1) if not wraps else ():
            given = on[Side(axis, end)]
            if on[Side(axis, 1 - end)] == 0 < given == sum(problem.orders_along(axis)) and _determines_highest(
                problem, axis
            ):
                return Evolution(problem, axis, end)
    return None


def as_time_problem(problem: Problem) -> Problem:
    """Return the problem itself, or its rewriting as a problem in time where it evolves along a coordinate."""
    found = find_evolution(problem)
    return problem if found is None else found.time_problem


def _determines_highest(problem: Problem, axis: int) -> bool:
    """Whether equations are linear in the highest derivatives along a coordinate, with factors that nowhere vanish."""
    orders = problem.orders_along(axis)
    for equation in problem.equations:
        tops = [s for s, j in equation.jets.items() if j.order[axis] == orders[j.unknown] > 0]
        slopes = [equation.slopes[s] for s in tops]
        if any(slope.free_symbols & set(tops) for slope in slopes):
            return False
        symbols = set().union(*(slope.free_symbols for slope in slopes))
        if symbols and symbols <= set(problem.coordinates) and _vanish_or_change_sign(problem, axis, slopes):
            return False
    return True


def _vanish_or_change_sign(problem: Problem, axis: int, weights: list[sympy.Expr]) -> bool:
    """Whether formulas are all small at a position along a coordinate, or all change their sign between two."""
    low, high = np.array(problem.box.ranges).T
    units = np.broadcast_to(
        kronecker_points(POINTS_PER_POSITION, len(low)), (POSITIONS, POINTS_PER_POSITION, len(low))
    ).copy()
    units[..., axis] = np.linspace(0.0, 1.0, POSITIONS)[:, None]
    points = low + (high - low) * units.reshape(-1, len(low))
    values = evaluate(weights, problem.coordinates, list(points.T)).reshape(
        len(weights), POSITIONS, POINTS_PER_POSITION
    )
    sizes, means = np.abs(values).max((0, 2)), values.mean(2)
    return bool(sizes.min() < VANISHING_SHARE * sizes.max() or (means[:, 1:] * means[:, :-1] < 0.0).all(0).any())
