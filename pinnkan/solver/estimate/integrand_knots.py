"""Where an integrand needs more points than the knots of the solution give it.

What formulas of the coordinates hold is found by interval arithmetic (:mod:`pinnkan.problem.features`): kinks and jumps
get a break, narrow spikes intervals as narrow as they are. Along a line intervals are halved besides where two rules of
Gauss disagree (de Doncker, Robinson 1984), and there are breaks where the argument of a jump or bend changes its sign
with the solution.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import sympy

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.functions import switching
from pinnkan.problem.features.kinks import kinks
from pinnkan.problem.features.narrow import features
from pinnkan.problem.features.subdivision import Feature
from pinnkan.problem.statement import Equation, Problem
from pinnkan.solver.estimate.cells import zeros_between

#: Intervals at a narrow feature are halved to this many of its widths.
WIDTHS = 4.0
#: Intervals are no narrower than this share of the coordinate: 4000 units of its rounding.
NARROWEST = 1e-12
#: Halvings along a line, of intervals with more than SHARE of the largest disagreement and MATTERS of the integral.
ROUNDS, SHARE, MATTERS = 24, 0.05, 1e-12
#: So many of them before breaks are looked for.
FIRST_ROUNDS = 4
#: Points so close to each other, relative to the coordinate, tell what rounding makes of an integrand; closer where an
#: interval is narrower than this share of it, as at a pole.
BESIDE, FINE = 2.0**-48, 2.0**32
#: Points of an interval between which a sign is seen to change.
SIGNS = 9

Values = Callable[[Equation, Array], Array]


def narrowed(axes: Sequence[Axis], place: Array, width: Array) -> tuple[Axis, ...]:
    """The axes with their intervals at a place halved until they are about as narrow as something there."""
    out = []
    for axis, centre, size in zip(axes, place, width, strict=False):
        narrowest = max(1e-9 * float(np.ptp(axis.breaks)), NARROWEST * float(np.abs(axis.breaks).max()))
        reach = WIDTHS * max(float(size), narrowest)
        marked = np.ones(1, dtype=bool)
        while marked.any():
            near = (axis.breaks[:-1] <= centre + reach) & (axis.breaks[1:] >= centre - reach)
            marked = near & (np.diff(axis.breaks) > reach)
            axis = axis.inserted(marked)
        out.append(axis)
    return tuple(out)


def of_formulas(
    problem: Problem, equation: Equation, held: dict[int, float], knots: dict[int, Array]
) -> dict[int, Axis]:
    """The knots of some coordinates, the others ``held``, with those that the formula of an integrand asks for."""
    coordinates = problem.coordinates
    formula = equation.residual.subs({coordinates[i]: x for i, x in held.items()})
    free, box = [coordinates[i] for i in knots], [problem.box.ranges[i] for i in knots]
    axes = [Axis(x, 1) for x in knots.values()]
    if formula.free_symbols & set(free):
        planes, narrow = _asked_for(formula, tuple(free), tuple(box))
        axes = [_with_breaks(axis, places) for axis, places in zip(axes, planes, strict=True)]
        for feature in narrow:
            is_narrow = feature.width < np.ptp(box, axis=1)
            axes = list(narrowed(axes, feature.place, np.where(is_narrow, feature.width, np.inf)))
    return dict(zip(knots, axes, strict=True))


@lru_cache(maxsize=64)
def _asked_for(
    formula: sympy.Expr, free: tuple[sympy.Symbol, ...], box: tuple[tuple[float, float], ...]
) -> tuple[tuple[tuple[float, ...], ...], tuple[Feature, ...]]:
    """Planes of kinks and narrow features, which are the same at every time where the formula does not hold it."""
    return kinks([formula], free, box).planes, features([formula], free, box).features


def _with_breaks(axis: Axis, places: Sequence[float]) -> Axis:
    inside = [x for x in places if axis.breaks[0] < x < axis.breaks[-1]]
    return Axis(np.union1d(axis.breaks, inside), 1) if inside else axis


def along_line(axis: Axis, equation: Equation, values: Values, counts: Sequence[int]) -> tuple[Axis, list[float]]:
    """A line with the breaks and halvings that an integrand needs; ``values`` of an expression at points of it.

    ``counts``: Gauss points of the two rules that are to agree. Beside it the disagreement before each halving.
    """
    for _ in range(FIRST_ROUNDS):  # what bends more often than there are points is seen when the halvings have begun
        axis, _ = _halved(axis, equation, values, counts)
    history: list[float] = []
    arguments = [argument for argument in bends(equation) if argument.jets]
    for _ in range(1 + bool(arguments)):  # two changes of sign between two points are seen when these have moved closer
        for argument in arguments:
            axis = _with_breaks(axis, _changes(axis, argument, values))
        history = []
        for _ in range(ROUNDS):
            finer, disagreement = _halved(axis, equation, values, counts)
            history.append(disagreement)
            if finer is axis:
                break
            axis = finer
    return axis, history


def bends(equation: Equation) -> list[Equation]:
    """The arguments of jumps and bends in an integrand."""
    return [
        Equation(bend, {s: j for s, j in equation.jets.items() if s in bend.free_symbols}, str(bend))
        for bend in dict.fromkeys(switching(equation.residual))
    ]


def _halved(axis: Axis, equation: Equation, values: Values, counts: Sequence[int]) -> tuple[Axis, float]:
    """The axis with intervals halved where two rules disagree, itself where they do not; and how far they do.

    Not where the expression differs as much between points that rounding hardly tells apart: no halving lowers that.
    """
    sums = []
    for count in counts:
        x, w = axis.gauss(count)
        found = values(equation, x.ravel()).reshape(x.shape)
        sums.append((found * w).sum(1))
    difference, size = np.abs(sums[0] - sums[-1]), float((np.abs(found) * w).sum())
    marked = difference > max(SHARE * float(difference.max()), MATTERS * size)
    if marked.any():
        steps = BESIDE * np.minimum(np.abs(axis.breaks).max(), FINE * np.diff(axis.breaks)[marked])
        beside = values(equation, (x[marked] + steps[:, None]).ravel()).reshape(-1, x.shape[1])
        marked[marked] = difference[marked] > (np.abs(beside - found[marked]) * w[marked]).sum(1)
    return axis.inserted(marked) if marked.any() else axis, float(difference.sum())


def _changes(axis: Axis, argument: Equation, values: Values) -> list[float]:
    """Where an expression changes its sign along a line."""
    steps = np.linspace(0.0, 1.0, SIGNS)[:-1]
    x = np.append((axis.breaks[:-1, None] + np.diff(axis.breaks)[:, None] * steps).ravel(), axis.breaks[-1])
    signs = np.sign(values(argument, x))
    at = np.flatnonzero(signs[:-1] * signs[1:] < 0.0)
    if not len(at):
        return []
    return [float(c) for c in zeros_between(lambda inside: values(argument, inside), x[at], x[at + 1])]
