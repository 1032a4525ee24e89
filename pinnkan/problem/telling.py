"""Places where a formula may hide something narrow: found from the formula itself, before any point is sampled.

A spike ``exp(-((x - 0.3)/1e-4)**2)`` is zero in float64 at every point that a grid is likely to have; its exponent is a
smooth function whose maximum any grid finds. So the argument g of every sharp function in the data of a problem is
looked at instead: exp is largest where g is, tanh, erf, sign, heaviside and abs turn where g vanishes, a negative power
or a logarithm is largest where \\|g\\| is least. Each place is found on a grid and by zooming in, without derivatives.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.problem.expressions.functions import (
    HyperbolicCosine,
    HyperbolicSine,
    HyperbolicTangent,
    Larger,
    Magnitude,
    Signum,
    Smaller,
    Step,
)
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem, Side

Array = NDArray[np.float64]

#: Grid of the search, intervals per coordinate by number of coordinates; local minima that are kept of one argument.
_GRID = {1: 60, 2: 24, 3: 10, 4: 6}
_KEPT = 6
#: Zooms by a third each: from a sixtieth of the range to 1e-14 of it.
_ZOOMS = 26
#: Arguments looked at, and places returned; a choice that bounds the work.
_MOST_ARGUMENTS, _MOST_PLACES = 24, 8

_TURNS = (
    sympy.tanh,
    sympy.erf,
    sympy.atan,
    HyperbolicTangent,
    HyperbolicSine,
    HyperbolicCosine,
    Signum,
    Step,
    Magnitude,
)


def telling_points(problem: Problem) -> Array:
    """Points (point, coordinate) of the closed box where data of the equations or conditions may change abruptly."""
    expressions: list[tuple[sympy.Expr, dict[sympy.Symbol, float]]] = [(e.residual, {}) for e in problem.equations]
    for c in problem.conditions:
        if c.equation is not None and isinstance(c.place, Side):
            symbol = problem.coordinates[c.place.axis]
            expressions.append((c.equation.residual, {symbol: problem.ranges[c.place.axis][c.place.end]}))
    symbols = set(problem.coordinates)
    goals: dict[sympy.Expr, None] = {}
    for residual, fixed in expressions:
        for node in sympy.preorder_traversal(residual):
            for goal in _goals(node):
                free = goal.subs(fixed) if fixed else goal
                if free.free_symbols and free.free_symbols <= symbols:
                    goals[free] = None
    found: list[Array] = []
    for goal in list(goals)[:_MOST_ARGUMENTS]:
        found.extend(_minima(goal, problem.coordinates, problem.ranges))
    return _distinct(found, problem.ranges)


def _goals(node: sympy.Basic) -> Iterator[sympy.Expr]:
    """What is least where a node may change abruptly."""
    if isinstance(node, sympy.exp):
        yield -node.args[0]
        yield node.args[0] ** 2
    elif isinstance(node, _TURNS):
        yield node.args[0] ** 2
    elif isinstance(node, Larger | Smaller) and len(node.args) == 2:
        yield (node.args[0] - node.args[1]) ** 2
    elif isinstance(node, sympy.log) or (isinstance(node, sympy.Pow) and _is_sharp(node.args[1])):
        yield node.args[0] ** 2


def _is_sharp(exponent: sympy.Expr) -> bool:
    return bool(exponent.is_number and (float(exponent) < 0 or not exponent.is_integer))


def _minima(
    goal: sympy.Expr, coordinates: Sequence[sympy.Symbol], ranges: Sequence[tuple[float, float]]
) -> list[Array]:
    """Local minima of an expression on a grid of the coordinates it holds, zoomed in; the others at their middle."""
    axes = [i for i, c in enumerate(coordinates) if c in goal.free_symbols]
    tape = Tape([goal], [coordinates[i] for i in axes])
    low, high = np.array([ranges[i] for i in axes]).T
    n = _GRID[len(axes)]
    nodes = [np.linspace(a, b, n + 1) for a, b in zip(low, high, strict=True)]
    values = np.broadcast_to(tape(np.meshgrid(*nodes, indexing="ij"))[0], (n + 1,) * len(axes))
    values = np.where(np.isfinite(values), values, np.inf)
    least = np.ones(values.shape, dtype=bool)
    for axis in range(len(axes)):
        edge = np.full((*values.shape[:axis], 1, *values.shape[axis + 1 :]), np.inf)
        padded = np.concatenate([edge, values, edge], axis)
        least &= values <= np.take(padded, np.arange(n + 1), axis)
        least &= values <= np.take(padded, np.arange(2, n + 3), axis)
    index = np.argwhere(least & np.isfinite(values))
    index = index[np.argsort(values[tuple(index.T)], kind="stable")]
    if len(index) > _KEPT:  # a curve or a plateau: places spread over it
        index = index[np.linspace(0, len(index) - 1, _KEPT).round().astype(int)]
    points = np.array([[nodes[i][k] for i, k in enumerate(row)] for row in index]).reshape(-1, len(axes))
    out = np.tile([0.5 * (a + b) for a, b in ranges], (len(points), 1))
    out[:, axes] = _zoomed(tape, points, (high - low) / n, low, high)
    return list(out)


def _zoomed(tape: Tape, points: Array, step: Array, low: Array, high: Array) -> Array:
    """Each point moved to the best of five per coordinate within a step, again and again with a third of the step."""
    d = points.shape[1]
    offsets = np.stack(np.meshgrid(*[np.linspace(-1, 1, 5)] * d, indexing="ij"), -1).reshape(-1, d)
    for _ in range(_ZOOMS):
        tried = np.clip(points[:, None] + offsets * step, low, high)
        values = np.broadcast_to(np.asarray(tape(list(np.moveaxis(tried, -1, 0)))[0]), tried.shape[:2])
        best = np.argmin(np.where(np.isfinite(values), values, np.inf), axis=1)
        points = tried[np.arange(len(points)), best]
        step = step / 3.0
    return points


def _distinct(points: Sequence[Array], ranges: Sequence[tuple[float, float]]) -> Array:
    """The points without near repetitions, at most as many as are worth the work."""
    low, high = np.array(ranges).T
    kept: list[Array] = []
    for p in points:
        if all(np.abs((p - q) / (high - low)).max() > 1e-6 for q in kept):
            kept.append(p)
    if len(kept) > _MOST_PLACES:
        kept = [kept[i] for i in np.linspace(0, len(kept) - 1, _MOST_PLACES).round().astype(int)]
    return np.array(kept).reshape(-1, len(ranges))
