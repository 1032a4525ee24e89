"""What an expression may be within the error of the solution: near a place, and on the mean over the domain.

Q(u + e) - Q(u) is no more than the estimated error makes it at one place: where e passes through zero, or is as small
as the solution itself, that says little. So each derivative of an unknown is moved, on its own, by the root mean square
of its estimated error around the place, and the expression enclosed by interval arithmetic. A ratio whose denominator
may vanish then has no bound.
"""

import math

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, jets_at, jets_on
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Equation
from pinnkan.solver.estimate.substituted import Substituted
from pinnkan.solver.outcome import SAFETY

#: Around a place is this share of the interval between knots that holds it, to either side, and so many points:
#: a polynomial of degree 9 has about as many zeros in the interval.
NEAR, POINTS = 0.125, 16
#: This part of the change is taken as an error.
PART = 0.5
#: Of an integral only what the root mean square is beyond so many means of the size: errors all over the place cancel
#: as far as the estimate says, but one that stands at a few points is not seen whole. The integral of u with a point
#: source of width 1e-5 was off by 0.56 of the root mean square, which was 11 means; of a sine it is 1.1.
SPREAD = 2.0
#: And this share of the root mean square at least: an estimated error is no better known. Where it cancelled in an
#: integral to 3e-5 of itself, on a cube, that was off by 13 times as much.
KNOWN = 0.02
#: Points of an integral that are looked at.
MOST = 60_000
_ROUNDING = float(np.finfo(np.float64).eps)


def at_places(solution: Substituted, error: Substituted, equation: Equation, places: Array) -> Array:
    """The error (place,) by what is around places (place, coordinate); infinite where nothing bounds it."""
    known = np.isfinite(places).all(1)
    out = np.zeros(len(places))
    if not known.any() or not equation.jets:
        return out
    points = places[known]
    around = _around(solution, points)
    jets = list(equation.jets.values())
    size = jets_at(error.derivatives, around.reshape(-1, points.shape[1]), jets).T.reshape(len(jets), -1, POINTS)
    own = jets_at(solution.derivatives, points, jets).T
    out[known] = _changes(equation, solution, points.T, own, np.sqrt((size**2).mean(-1)))
    return np.where(np.isfinite(out), PART * out, np.inf)


def over_place(
    solution: Substituted, error: Substituted, equation: Equation, held: dict[int, float], axes: dict[int, Axis]
) -> float:
    """The same of an integral, by what error stands at few points of its place; poles are left out."""
    jets = list(equation.jets.values())
    cells = math.prod(axis.intervals for axis in axes.values())
    count = int(np.clip((MOST / max(cells, 1)) ** (1.0 / max(len(axes), 1)), 1, 4))
    dimension = solution.problem.dimension
    rules = [
        tuple(part.ravel() for part in axes[a].gauss(count)) if a in axes else (np.array([held[a]]), np.ones(1))
        for a in range(dimension)
    ]
    at = [x for x, _ in rules]
    weights = np.ones(1)
    for _, w in rules:
        weights = np.multiply.outer(weights, w)
    weights = weights[0]
    if not jets or not weights.size:
        return 0.0
    table = np.abs(jets_on(error.field, at, jets))
    mean, square = ((part * weights[..., None]).reshape(-1, len(jets)).sum(0) for part in (table, table**2))
    root = np.sqrt(square / weights.sum())
    size = np.maximum(root - SPREAD * mean / weights.sum(), KNOWN * root)
    own = jets_on(solution.field, at, jets).reshape(-1, len(jets)).T
    points = np.stack([x.ravel() for x in np.meshgrid(*at, indexing="ij")])
    changes = _changes(equation, solution, points, own, np.repeat(size[:, None], own.shape[1], 1))
    return PART * float((np.where(np.isfinite(changes), changes, 0.0) * weights.ravel()).sum())


def _changes(equation: Equation, solution: Substituted, points: Array, own: Array, size: Array) -> Array:
    """How far an expression may move (point,) where its derivatives ``own`` (jet, point) move by their ``size``."""
    reach = SAFETY * size + _ROUNDING * np.abs(own).max(1, keepdims=True)
    lo, hi = np.concatenate([points, own - reach]), np.concatenate([points, own + reach])
    tape = Tape([equation.residual], [*solution.problem.coordinates, *equation.jets])
    look = enclose(tape, lo, hi, np.ones(len(lo)))
    value = np.broadcast_to(np.asarray(tape([*points, *own])[0], dtype=np.float64), points.shape[1:])
    with np.errstate(invalid="ignore"):
        changes = np.maximum(look.value.hi[0] - value, value - look.value.lo[0])
    return np.where(np.isnan(changes), np.inf, changes)


def _around(solution: Substituted, points: Array) -> Array:
    """Points (place, point, coordinate) around places, within the domain and the time reached."""
    dimension = points.shape[1]
    offsets = 2.0 * kronecker(POINTS, dimension) - 1.0
    reach, low, high = np.empty_like(points), np.empty(dimension), np.empty(dimension)
    for axis in range(dimension):
        knots = solution.field.breaks(axis)
        interval = np.clip(np.searchsorted(knots, points[:, axis]) - 1, 0, len(knots) - 2)
        reach[:, axis], low[axis], high[axis] = NEAR * np.diff(knots)[interval], knots[0], knots[-1]
    return np.clip(points[:, None] + offsets * reach[:, None], low, high)
