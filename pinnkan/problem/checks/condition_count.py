"""Whether an equation has as many conditions along a coordinate as its order requires, where counting proves it.

A linear differential equation of order m on a line has m free constants as long as its leading coefficient does not
vanish (Coddington, Levinson 1955, Theory of Ordinary Differential Equations, chapter 3): fewer than m conditions leave
some of them free. An evolution equation of order m in a coordinate of space needs m conditions along it, on each side
as many as modes decay away from it (Gustafsson, Kreiss, Oliger 1995, Time Dependent Problems and Difference Methods,
part II). An elliptic equation of order 2 k needs k on every side. All else is not decided: coefficients that vanish or
are singular, more than k conditions on one side of an elliptic equation, mixed derivatives of the highest order in
time.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pinnkan.domain.box import Box
from pinnkan.problem.checks.linearised_system import Derivative, linearise
from pinnkan.problem.checks.system_count import MissingSideCondition, missing_side_condition
from pinnkan.problem.statement import Place, Point, Problem, Side, WholeDomain

Array = NDArray[np.float64]
#: dF/djet at all samples, by the multi-index of the jet; None if not known.
Coefficients = Mapping[tuple[int, ...], Array | None]
#: Samples per coordinate, ends included, by number of coordinates; problems with more are not decided.
SAMPLES = {1: 1001, 2: 41, 3: 13, 4: 9}
#: Directions in which the symbol of an elliptic equation is sampled.
DIRECTIONS = 200
#: A coefficient below this share of its largest value may vanish between the samples.
VANISHING_SHARE = 1e-3


@dataclass(frozen=True)
class MissingCondition:
    """A coordinate along which ``given`` conditions are fewer than the ``order``; ``side``: where one may be added.

    ``inflow``: the order is one and waves enter at this side, which has no condition.
    """

    axis: int
    order: int
    given: int
    side: Side
    inflow: bool = False

    def words(self, problem: Problem) -> str:
        """The fault in words: ``order 2 in x asks for 2 conditions along it, here is 1: one more is needed ..``."""
        coordinate = problem.coordinates[self.axis]
        if self.inflow:
            end = problem.box.ranges[self.axis][self.side.end]
            return f"waves enter at {coordinate} = {end:g}, where no condition is given"
        given = "here is 1" if self.given == 1 else f"here are {self.given or 'none'}"
        more = "one more is needed" if self.order == self.given + 1 else f"{self.order - self.given} more are needed"
        place = f"{coordinate} = {problem.box.ranges[self.axis][self.side.end]:g}"
        asked = f"order {self.order} in {coordinate} asks for {self.order} condition{'s' * (self.order > 1)} along it"
        return f"{asked}, {given}: {more}, at {place} for instance"


def missing_condition(
    problem: Problem, derivative: Derivative | None = None
) -> MissingCondition | MissingSideCondition | None:
    """Find the first coordinate that provably lacks a condition; None if none does, or nothing is proven.

    Without ``derivative`` of a solution only coefficients free of the unknown are known. Systems use their symbol.
    """
    if not isinstance(problem.domain, Box):
        return None  # on a shape nothing is proven
    if len(problem.unknowns) != 1:
        return missing_side_condition(problem, derivative)
    if problem.dimension not in SAMPLES:
        return None
    on = Counter(c.place for c in problem.conditions if c.equation is not None)
    orders = problem.equations[0].orders
    for axis, order in enumerate(orders):
        if axis == problem.time_axis or problem.box.periodic[axis]:
            continue
        ends = Side(axis, 1), Side(axis, 0)
        given = sum(on[end] for end in ends) + _conditions_within(problem, on, order)
        if given >= order and (order != 1 or problem.dimension == 1):
            continue
        of = _coefficients(problem, derivative)
        if order == 1 and problem.dimension > 1:
            side = _inflow(problem, axis, on, of)
            if side is not None and not on[side]:
                return MissingCondition(axis, 1, 0, side, inflow=True)
        elif _is_count_known(problem, axis, on, of):
            return MissingCondition(axis, order, given, min(ends, key=lambda end: on[end]))
    return None


def _conditions_within(problem: Problem, counts: Mapping[Place, int], order: int) -> int:
    """The number of integrals, and of conditions at points, that count along the only coordinate of space.

    In time, conditions at points count where the order in time is not below that in space, as for waves. Beyond a point
    inside, diffusing modes would grow with their rate, without bound.
    """
    time = problem.time_axis
    if problem.dimension - (time is not None) > 1:
        return 0
    points = time is None or order <= problem.equations[0].orders[time]
    return sum(
        n for place, n in counts.items() if isinstance(place, WholeDomain) or (points and isinstance(place, Point))
    )


def _coefficients(problem: Problem, derivative: Derivative | None) -> Coefficients:
    """dF/djet at all samples by order, None if it depends on an unknown solution; empty if one is not finite."""
    system = linearise(problem, derivative, SAMPLES[problem.dimension])
    if system is None:
        return {}
    return {jet.order: c if system.is_known[i, jet] else None for (i, jet), c in system.coefficients.items()}


def _is_count_known(problem: Problem, axis: int, counts: Mapping[Place, int], coefficients: Coefficients) -> bool:
    """Whether the number of conditions that the equation needs along ``axis`` is known."""
    if _leading(coefficients, axis) is None:
        return False
    if problem.dimension == 1:
        return True
    if any(
        _is_well_posed(axis, time, direction, coefficients)
        for time, direction in _evolution_directions(problem, axis, counts)
    ):
        return True
    orders = problem.equations[0].orders
    if problem.time_axis is not None or len(set(orders)) > 1 or max(counts.values(), default=0) > orders[0] / 2:
        return False
    return _is_elliptic(orders[0], coefficients)


def _inflow(problem: Problem, axis: int, counts: Mapping[Place, int], coefficients: Coefficients) -> Side | None:
    """The side of a coordinate of order one at which waves enter; None if not known or not the same everywhere."""
    top = _leading(coefficients, axis)
    for time, direction in _evolution_directions(problem, axis, counts):
        rate = _leading(coefficients, time)
        if top is not None and rate is not None and _is_well_posed(axis, time, direction, coefficients):
            return Side(axis, 0 if top.flat[0] * rate.flat[0] * direction > 0 else 1)
    return None


def _evolution_directions(problem: Problem, axis: int, counts: Mapping[Place, int]) -> list[tuple[int, int]]:
    """Coordinates besides ``axis`` to evolve along, with direction: time, else those with all conditions at one end."""
    if problem.time_axis is not None:
        return [(problem.time_axis, 1)]
    return [
        (other, 1 - 2 * end)
        for other, order in enumerate(problem.equations[0].orders)
        for end in (0, 1)
        if other != axis and counts[Side(other, end)] == order > 0 and counts[Side(other, 1 - end)] == 0
    ]


def _is_well_posed(axis: int, time: int, direction: int, coefficients: Coefficients) -> bool:
    """Whether modes along ``axis`` do not grow as the coordinate ``time`` advances in this ``direction``."""
    top, rate = _leading(coefficients, axis), _leading(coefficients, time)
    if top is None or rate is None or any(sum(order) > order[time] > 0 for order in coefficients):
        return False
    order, rates = (max(o[i] for o in coefficients) for i in (axis, time))
    if order % 2:
        return rates == 1
    decay = rate.flat[0] * direction**rates * top.flat[0] * (-1) ** (order // 2)  # of exp(i k x)
    return rates <= 2 and bool(decay > 0)


def _leading(coefficients: Coefficients, axis: int) -> Array | None:
    """The coefficient of the highest derivative by ``axis``, if this is a single pure one that keeps its sign."""
    highest = max((order[axis] for order in coefficients), default=0)
    top = [order for order in coefficients if order[axis] == highest]
    return _keeps_sign(coefficients[top[0]]) if len(top) == 1 and sum(top[0]) == highest else None


def _keeps_sign(value: Array | None) -> Array | None:
    """Return the values if they are known, of one sign, and bounded away from zero; else None."""
    if value is None or not (np.all(value > 0) or np.all(value < 0)):
        return None
    size = np.abs(value)
    return value if size.min() > VANISHING_SHARE * size.max() else None


def _is_elliptic(order: int, coefficients: Coefficients) -> bool:
    """Whether the terms of this order are the highest, and their symbol has one sign in all directions."""
    top = {o: value for o, value in coefficients.items() if sum(o) == order}
    dimension = len(next(iter(coefficients), ()))
    pure = [top.get(tuple(order * (k == i) for k in range(dimension))) for i in range(dimension)]
    if order % 2 or max(map(sum, coefficients)) > order or any(_keeps_sign(value) is None for value in pure):
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
    return bool(np.all(symbol > VANISHING_SHARE) or np.all(symbol < -VANISHING_SHARE))
