"""Knots that an integrand needs beyond those of the solution.

Formulas of coordinates are searched by interval arithmetic (:mod:`pinnkan.problem.features`): breakpoints at kinks and
jumps, narrow intervals at narrow features. Along a line intervals are also halved where two Gauss rules disagree (de
Doncker, Robinson 1984), with breakpoints where the argument of a jump or kink changes sign with the solution.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np
import sympy

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.functions import switch_arguments
from pinnkan.problem.features.kinks import find_kinks
from pinnkan.problem.features.narrow_features import find_narrow_features
from pinnkan.problem.features.subdivision import Feature
from pinnkan.problem.statement import Equation, Problem
from pinnkan.solver.estimate.adaptive_cubature import zeros_between
from pinnkan.solver.estimate.marking import refine_while

#: Intervals at a narrow feature are at most this many of its widths long. Heuristic.
INTERVAL_WIDTHS = 4.0
#: The narrowest interval, over the coordinate: 4000 units of its rounding.
NARROWEST_INTERVAL = 1e-12
#: Rounds of halving along a line; intervals are halved above this share of the largest disagreement and this share of
#: the integral. Heuristic.
MAX_ROUNDS, HALVING_SHARE, NEGLIGIBLE_SHARE = 24, 0.05, 1e-12
#: Rounds of halving before breakpoints are looked for. Heuristic.
FIRST_ROUNDS = 4
#: Points this share of the largest coordinate apart show the rounding of an integrand; in intervals below the inverse
#: of the second, its multiple of the interval (poles).
ROUNDING_STEP, FINE_INTERVAL_FACTOR = 2.0**-48, 2.0**32
#: Points of an interval between which changes of sign are detected. Heuristic.
SIGN_POINTS = 9

LineEvaluation = Callable[[Equation, Array], Array]


def refine_towards_place(axes: Sequence[Axis], place: Array, width: Array) -> tuple[Axis, ...]:
    """Halve the intervals of axes around a place until they are about as narrow as the ``width`` of a feature."""
    out = []
    for axis, centre, size in zip(axes, place, width, strict=False):
        narrowest = max(1e-9 * float(np.ptp(axis.breaks)), NARROWEST_INTERVAL * float(np.abs(axis.breaks).max()))
        out.append(refine_while(axis, partial(_wide_nearby, centre, INTERVAL_WIDTHS * max(float(size), narrowest))))
    return tuple(out)


def _wide_nearby(centre: float, reach: float, breaks: Array) -> np.ndarray:
    """The mask of intervals within ``reach`` of a place that are longer than that."""
    return (breaks[:-1] <= centre + reach) & (breaks[1:] >= centre - reach) & (np.diff(breaks) > reach)


def knots_of_formula(
    problem: Problem, equation: Equation, fixed: dict[int, float], solution_knots: dict[int, Array]
) -> dict[int, Axis]:
    """The ``solution_knots`` of coordinates that vary, and those that a formula needs.

    ``fixed``: the fixed coordinates.
    """
    coordinates = problem.coordinates
    formula = equation.residual.subs({coordinates[i]: x for i, x in fixed.items()})
    free, box = [coordinates[i] for i in solution_knots], [problem.box.ranges[i] for i in solution_knots]
    axes = [Axis(x, 1) for x in solution_knots.values()]
    if formula.free_symbols & set(free):
        planes, narrow = _formula_features(formula, tuple(free), tuple(box))
        axes = [_with_breaks(axis, places) for axis, places in zip(axes, planes, strict=True)]
        for feature in narrow:
            is_narrow = feature.width < np.ptp(box, axis=1)
            axes = list(refine_towards_place(axes, feature.place, np.where(is_narrow, feature.width, np.inf)))
    return dict(zip(solution_knots, axes, strict=True))


@lru_cache(maxsize=64)
def _formula_features(
    formula: sympy.Expr, free: tuple[sympy.Symbol, ...], box: tuple[tuple[float, float], ...]
) -> tuple[tuple[tuple[float, ...], ...], tuple[Feature, ...]]:
    """The planes of kinks and the narrow features of a formula, cached for formulas that do not contain time."""
    return find_kinks([formula], free, box).planes, find_narrow_features([formula], free, box).features


def _with_breaks(axis: Axis, places: Sequence[float]) -> Axis:
    inside = [x for x in places if axis.breaks[0] < x < axis.breaks[-1]]
    return Axis(np.union1d(axis.breaks, inside), 1) if inside else axis


def refine_line(
    axis: Axis, equation: Equation, values: LineEvaluation, counts: Sequence[int]
) -> tuple[Axis, list[float]]:
    """Return a line with the breakpoints and halvings that an integrand needs, and the disagreement before each.

    ``values``: an expression at points of the line; ``counts``: Gauss points of the two rules that are to agree.
    """
    for _ in range(FIRST_ROUNDS):  # else switches that outnumber the points are missed
        axis, _ = _halve_intervals(axis, equation, values, counts)
    history: list[float] = []
    arguments = [argument for argument in switch_equations(equation) if argument.jets]
    for _ in range(1 + bool(arguments)):  # finer intervals separate pairs of sign changes
        for argument in arguments:
            axis = _with_breaks(axis, _sign_changes(axis, argument, values))
        history = []
        for _ in range(MAX_ROUNDS):
            finer, disagreement = _halve_intervals(axis, equation, values, counts)
            history.append(disagreement)
            if finer is axis:
                break
            axis = finer
    return axis, history


def switch_equations(equation: Equation) -> list[Equation]:
    """The arguments of jumps and kinks in an integrand, as equations."""
    return [
        Equation(bend, {s: j for s, j in equation.jets.items() if s in bend.free_symbols}, str(bend))
        for bend in dict.fromkeys(switch_arguments(equation.residual))
    ]


def _halve_intervals(
    axis: Axis, equation: Equation, values: LineEvaluation, counts: Sequence[int]
) -> tuple[Axis, float]:
    """Return the axis with intervals halved where two rules disagree, itself where none do, and the disagreement.

    An interval is not halved where points that differ by rounding have values that differ as much.
    """
    sums = []
    for count in counts:
        x, w = axis.gauss(count)
        found = values(equation, x.ravel()).reshape(x.shape)
        sums.append((found * w).sum(1))
    difference, size = np.abs(sums[0] - sums[-1]), float((np.abs(found) * w).sum())
    marked = difference > max(HALVING_SHARE * float(difference.max()), NEGLIGIBLE_SHARE * size)
    if marked.any():
        steps = ROUNDING_STEP * np.minimum(
            np.abs(axis.breaks).max(), FINE_INTERVAL_FACTOR * np.diff(axis.breaks)[marked]
        )
        beside = values(equation, (x[marked] + steps[:, None]).ravel()).reshape(-1, x.shape[1])
        marked[marked] = difference[marked] > (np.abs(beside - found[marked]) * w[marked]).sum(1)
    return axis.refined(marked) if marked.any() else axis, float(difference.sum())


def _sign_changes(axis: Axis, argument: Equation, values: LineEvaluation) -> list[float]:
    """Where an expression changes its sign along a line."""
    steps = np.linspace(0.0, 1.0, SIGN_POINTS)[:-1]
    x = np.append((axis.breaks[:-1, None] + np.diff(axis.breaks)[:, None] * steps).ravel(), axis.breaks[-1])
    signs = np.sign(values(argument, x))
    at = np.flatnonzero(signs[:-1] * signs[1:] < 0.0)
    if not len(at):
        return []
    return [float(c) for c in zeros_between(lambda inside: values(argument, inside), x[at], x[at + 1])]
