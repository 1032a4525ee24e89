"""Whether an equation has as many conditions along a coordinate as its order asks for, where counting proves it.

A linear differential equation of order m on a line has m free functions as long as its leading coefficient does not
vanish (Coddington, Levinson 1955, Theory of Ordinary Differential Equations, chapter 3): fewer than m conditions leave
some of them free, however fast those grow. An evolution equation with an order m in a coordinate of space needs m
conditions along it, those that belong to its decaying modes at either side (Gustafsson, Kreiss, Oliger 1995, Time
Dependent Problems and Difference Methods, part II), and an elliptic equation of order 2 k needs k on every side.
Everything else (a coefficient that vanishes or is singular at an end, more than k conditions on one side of an elliptic
equation, mixed derivatives of the highest order in time) is not decided here.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinnkan.problem.checks.linearised import Derivative, linearised
from pinnkan.problem.checks.system_count import Lacking, lacking
from pinnkan.problem.statement import Place, Point, Problem, Side, Whole

Array = NDArray[np.float64]
#: dF/djet at all samples by the order of the jet; None where it is not known.
Coefficients = Mapping[tuple[int, ...], Array | None]
#: Samples per coordinate, ends included, by number of coordinates; more coordinates are not looked at.
SAMPLES = {1: 1001, 2: 41, 3: 13, 4: 9}
#: Directions in which the symbol of an elliptic equation is looked at.
DIRECTIONS = 200
#: A coefficient below this share of its largest value may vanish between the samples.
LEAST = 1e-3


@dataclass(frozen=True)
class Missing:
    """A coordinate along which ``given`` conditions are fewer than the ``order`` of the equation; a ``side`` for one.

    Of order one the side is the one where waves enter, if that is known; ``given`` then counts its conditions only.
    """

    axis: int
    order: int
    given: int
    side: Side
    inflow: bool = False

    def words(self, problem: Problem) -> str:
        """``order 2 in x asks for 2 conditions along it, here is 1: one more is needed, at x = 1 for instance``."""
        coordinate = problem.coordinates[self.axis]
        if self.inflow:
            end = problem.box.ranges[self.axis][self.side.end]
            return f"waves enter at {coordinate} = {end:g}, where no condition is given"
        given = "here is 1" if self.given == 1 else f"here are {self.given or 'none'}"
        more = "one more is needed" if self.order == self.given + 1 else f"{self.order - self.given} more are needed"
        place = f"{coordinate} = {problem.box.ranges[self.axis][self.side.end]:g}"
        asked = f"order {self.order} in {coordinate} asks for {self.order} condition{'s' * (self.order > 1)} along it"
        return f"{asked}, {given}: {more}, at {place} for instance"


def missing_condition(problem: Problem, derivative: Derivative | None = None) -> Missing | Lacking | None:
    """The first coordinate that provably lacks a condition; None where none does, or nothing is proven.

    Without ``derivative`` of a solution only coefficients free of the unknown are known.
    """
    if len(problem.unknowns) != 1:
        return lacking(problem, derivative)
    if problem.dimension not in SAMPLES:
        return None
    on = Counter(c.place for c in problem.conditions if c.equation is not None)
    orders = problem.equations[0].orders
    for axis, order in enumerate(orders):
        if axis == problem.time_axis or problem.box.periodic[axis]:
            continue
        ends = Side(axis, 1), Side(axis, 0)
        given = sum(on[end] for end in ends) + _within(problem, on, order)
        if given >= order and (order != 1 or problem.dimension == 1):
            continue
        of = _coefficients(problem, derivative)
        if order == 1 and problem.dimension > 1:
            side = _inflow(problem, axis, on, of)
            if side is not None and not on[side]:
                return Missing(axis, 1, 0, side, inflow=True)
        elif _is_counted(problem, axis, on, of):
            return Missing(axis, order, given, min(ends, key=lambda end: on[end]))
    return None


def _within(problem: Problem, on: Mapping[Place, int], order: int) -> int:
    """Conditions at points and integrals, which count along the only coordinate of space.

    In time those at points do where the equation is of the same order in both, as that of waves: beyond a point inside
    of what diffuses, waves grow with their rate, without bound.
    """
    time = problem.time_axis
    if problem.dimension - (time is not None) > 1:
        return 0
    points = time is None or order <= problem.equations[0].orders[time]
    return sum(n for place, n in on.items() if isinstance(place, Whole) or (points and isinstance(place, Point)))


def _coefficients(problem: Problem, derivative: Derivative | None) -> Coefficients:
    """dF/djet by order, at all samples; None where it depends on the unknown, which is not known.

    Empty where one of them is not finite somewhere, the unknown being anything.
    """
    system = linearised(problem, derivative, SAMPLES[problem.dimension])
    if system is None:
        return {}
    return {jet.order: c if system.known[i, jet] else None for (i, jet), c in system.coefficients.items()}


def _is_counted(problem: Problem, axis: int, on: Mapping[Place, int], of: Coefficients) -> bool:
    """Whether the equation is one of those for which the number of conditions along ``axis`` is known."""
    if _leading(of, axis) is None:
        return False
    if problem.dimension == 1:
        return True
    if any(_evolves(axis, time, direction, of) for time, direction in _onward(problem, axis, on)):
        return True
    orders = problem.equations[0].orders
    if problem.time_axis is not None or len(set(orders)) > 1 or max(on.values(), default=0) > orders[0] / 2:
        return False
    return _is_elliptic(orders[0], of)


def _inflow(problem: Problem, axis: int, on: Mapping[Place, int], of: Coefficients) -> Side | None:
    """The side of a coordinate of order one through which waves enter, the same everywhere; None where not known."""
    top = _leading(of, axis)
    for time, direction in _onward(problem, axis, on):
        rate = _leading(of, time)
        if top is not None and rate is not None and _evolves(axis, time, direction, of):
            return Side(axis, 0 if top.flat[0] * rate.flat[0] * direction > 0 else 1)
    return None


def _onward(problem: Problem, axis: int, on: Mapping[Place, int]) -> list[tuple[int, int]]:
    """Coordinates along which the equation may evolve, other than ``axis``, and in which direction.

    That is time; without it those that have all conditions at one end, as many as their order.
    """
    if problem.time_axis is not None:
        return [(problem.time_axis, 1)]
    return [
        (other, 1 - 2 * end)
        for other, order in enumerate(problem.equations[0].orders)
        for end in (0, 1)
        if other != axis and on[Side(other, end)] == order > 0 and on[Side(other, 1 - end)] == 0
    ]


def _evolves(axis: int, time: int, direction: int, of: Coefficients) -> bool:
    """Whether waves along ``axis`` decay or oscillate as the coordinate ``time`` goes on in this ``direction``."""
    top, rate = _leading(of, axis), _leading(of, time)
    if top is None or rate is None or any(sum(order) > order[time] > 0 for order in of):
        return False
    order, rates = (max(o[i] for o in of) for i in (axis, time))
    if order % 2:
        return rates == 1
    decay = rate.flat[0] * direction**rates * top.flat[0] * (-1) ** (order // 2)  # of exp(i k x)
    return rates <= 2 and bool(decay > 0)


def _leading(of: Coefficients, axis: int) -> Array | None:
    """The coefficient of the highest derivative by ``axis``: a single, pure one, that keeps its sign."""
    highest = max((order[axis] for order in of), default=0)
    top = [order for order in of if order[axis] == highest]
    return _keeps_sign(of[top[0]]) if len(top) == 1 and sum(top[0]) == highest else None


def _keeps_sign(value: Array | None) -> Array | None:
    """The same values if they are known, of one sign, and nowhere near zero."""
    if value is None or not (np.all(value > 0) or np.all(value < 0)):
        return None
    size = np.abs(value)
    return value if size.min() > LEAST * size.max() else None


def _is_elliptic(order: int, of: Coefficients) -> bool:
    """Whether the terms of that order are the highest, and their symbol has one sign in all directions, everywhere."""
    top = {o: value for o, value in of.items() if sum(o) == order}
    dimension = len(next(iter(of), ()))
    pure = [top.get(tuple(order * (k == i) for k in range(dimension))) for i in range(dimension)]
    if order % 2 or max(map(sum, of)) > order or any(_keeps_sign(value) is None for value in pure):
        return False
    sizes = [np.abs(value) ** (1 / order) for value in pure if value is not None]
    directions = np.random.default_rng(0).standard_normal((DIRECTIONS, dimension))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    symbol = np.zeros((DIRECTIONS, *sizes[0].shape))
    for powers, value in top.items():
        if value is None:
            return False
        scaled = value / np.prod([size**n for size, n in zip(sizes, powers, strict=True)], axis=0)
        symbol += np.multiply.outer(np.prod(directions**powers, axis=1), scaled)
    return bool(np.all(symbol > LEAST) or np.all(symbol < -LEAST))
