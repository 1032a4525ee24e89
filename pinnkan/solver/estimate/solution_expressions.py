"""Expressions of a solution, or of it plus its estimated error: on grids, at points, over boxes, and their uncertainty.

Over boxes a derivative is enclosed by its values at centre and corners and by its slopes there: no proof, unlike the
interval arithmetic of the formulas that contain it.

The change Q(u + e) - Q(u) says little of the error at a place where e passes zero, or is as small as the solution. So
each derivative of an unknown is moved, independently, by the root mean square of its estimated error around the place,
and the expression is enclosed by interval arithmetic. A ratio whose denominator may vanish then has no bound.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from pinnkan.domain.bisection import grid_boxes
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.domain.rounding import EPS
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, DerivativeFunction, Field, jets_at, jets_on_grid
from pinnkan.problem.expressions.enclosure import Enclosure, enclose
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Equation, Jet, Place, Problem, Side
from pinnkan.solver.outcome import SAFETY


@dataclass(frozen=True, eq=False)
class SolutionExpressions:
    """A field, plus its estimated error where one is given."""

    problem: Problem
    field: Field
    error: Field | None

    def on_grid(self, equation: Equation, axes: Sequence[Array]) -> Array:
        """The values of an expression on a tensor grid, one dimension per coordinate."""
        jets = list(equation.jets.values())
        shape = tuple(len(a) for a in axes)
        table = np.zeros((*shape, 0))
        if jets:
            table = jets_on_grid(self.field, axes, jets)
            table = table if self.error is None else table + jets_on_grid(self.error, axes, jets)
        at = [np.reshape(a, [-1 if i == k else 1 for k in range(len(axes))]) for i, a in enumerate(axes)]
        return self._value(equation, at, table, shape)

    def at_points(self, equation: Equation, points: Array) -> Array:
        """The values of an expression at points (point, coordinate), (point,)."""
        table = jets_at(self.derivatives, points, list(equation.jets.values()))
        return self._value(equation, list(points.T), table, (len(points),))

    def derivatives(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives of all unknowns at points: (point, unknown, order)."""
        values = self.field(points, orders)
        return values if self.error is None else values + self.error(points, orders)

    def enclose_expressions(
        self, equations: Sequence[Equation], lo: Array, hi: Array, free_axes: Sequence[int]
    ) -> Enclosure:
        """Enclose expressions over boxes (coordinate, box) with a width in the coordinates ``free_axes`` only."""
        jets = {symbol: jet for equation in equations for symbol, jet in equation.jets.items()}
        scale = np.ptp(np.array(self.problem.box.ranges, dtype=np.float64), axis=1)
        tape = Tape([equation.residual for equation in equations], [*self.problem.coordinates, *jets])
        return enclose(
            tape, lo, hi, scale, enclose_derivatives(self.derivatives, jets.values(), lo, hi, free_axes, scale)
        )

    def _value(self, equation: Equation, at: Sequence[Array], table: Array, shape: tuple[int, ...]) -> Array:
        tape = Tape([equation.residual], [*self.problem.coordinates, *equation.jets])
        value = tape([*at, *np.moveaxis(table, -1, 0)])[0]
        return np.asarray(np.broadcast_to(np.asarray(value, dtype=np.float64), shape))

    def knots(self, axis: int, time: float | None) -> Array:
        """The knots of a coordinate at one time, both ends included."""
        return self.field.breaks(axis) if time is None else self.field.breaks(axis, time)


def fixed_coordinates(problem: Problem, place: Place, time: float | None) -> dict[int, float]:
    """The values of the coordinates that a place at one time fixes, by axis."""
    held = {} if time is None else {problem.dimension - 1: time}
    return held | ({place.axis: problem.box.ranges[place.axis][place.end]} if isinstance(place, Side) else {})


def enclose_derivatives(
    function: DerivativeFunction, jets: Iterable[Jet], lo: Array, hi: Array, free_axes: Sequence[int], scale: Array
) -> list[tuple[Interval, Interval]]:
    """Enclose value and slope of each derivative, over boxes (coordinate, box) first, then at their centres.

    Boxes have a width in the coordinates ``free_axes`` only; slopes are times ``scale`` (coordinate).
    """
    jets = list(jets)
    slopes = {jet: [tuple(n + (i == axis) for i, n in enumerate(jet.order)) for axis in free_axes] for jet in jets}
    orders = sorted({order for jet in jets for order in (jet.order, *slopes[jet])})
    if not orders:
        return []
    centre, radius = 0.5 * (lo + hi), 0.5 * (hi - lo)
    corners = [centre.copy() for _ in range(2 ** len(free_axes))]
    for corner, ends in zip(corners, product((lo, hi), repeat=len(free_axes)), strict=True):
        for axis, end in zip(free_axes, ends, strict=True):
            corner[axis] = end[axis]
    values = function(np.ascontiguousarray(np.concatenate([centre, *corners], 1).T), orders)
    shaped = values.reshape(1 + len(corners), lo.shape[1], *values.shape[1:])
    out = []
    for jet in jets:
        own = shaped[:, :, jet.unknown, orders.index(jet.order)]
        steep = np.zeros((len(shaped), *lo.shape))
        for axis, order in zip(free_axes, slopes[jet], strict=True):
            steep[:, axis] = shaped[:, :, jet.unknown, orders.index(order)]
        out.append(_enclose_by_corners(own, steep, radius, scale))
    return out


def cell_ends(knots: Array, pieces: int, most: int) -> Array:
    """The ends of knot intervals cut into so many ``pieces`` each, thinned to at most ``most`` intervals."""
    ends = np.interp(np.arange(pieces * (len(knots) - 1) + 1) / pieces, np.arange(len(knots)), knots)
    return ends[np.unique(np.linspace(0, len(ends) - 1, most + 1).astype(int))]


def cell_boxes(field: Field, box: Array, pieces: int, most: int) -> tuple[Array, Array, tuple[int, ...]]:
    """The lower and upper ends (coordinate, box) of the cells of a field in a box, and their counts."""
    axes = []
    for i, (start, end) in enumerate(box):
        inside = field.breaks(i)
        inside = inside[(inside > start) & (inside < end)]
        axes.append(cell_ends(np.unique(np.concatenate([[start], inside, [end]])), pieces, most))
    return *grid_boxes(axes), tuple(len(ends) - 1 for ends in axes)


def _enclose_by_corners(own: Array, slopes: Array, radius: Array, scale: Array) -> tuple[Interval, Interval]:
    """Value and slope over boxes and at centres, from those at points (point, box), (point, coordinate, box)."""
    reach = (np.abs(slopes).max(0) * radius).sum(0)
    low, high = np.minimum(own.min(0), own[0] - reach), np.maximum(own.max(0), own[0] + reach)
    value = Interval(np.concatenate([low, own[0]]), np.concatenate([high, own[0]]))
    ends = [np.concatenate([pick(slopes, 0), slopes[0]], 1) * scale[:, None] for pick in (np.min, np.max)]
    return value, Interval(*ends)


#: Half-width of the surroundings of a place, over the knot interval that contains it, and their sample points: about
#: the zeros of a polynomial of degree 9 in the interval.
NEIGHBOURHOOD_SHARE, NEIGHBOURHOOD_POINTS = 0.125, 16
#: Share of the change that is taken as an error. Heuristic.
ERROR_SHARE = 0.5
#: Derivatives in an integral are moved by the root mean square of their error less so many means: even errors cancel as
#: estimated, concentrated ones may not (root mean square of a point source: 11 means, of a sine: 1.1).
MEAN_MULTIPLE = 2.0
#: And by this share of the root mean square at least: where the error of an integral cancelled to 3e-5 of itself it was
#: 13 times too small.
RMS_SHARE = 0.02
#: The most sample points of an integral.
MAX_POINTS = 60_000


def uncertainty_at_places(
    solution: SolutionExpressions, error: SolutionExpressions, equation: Equation, places: Array
) -> Array:
    """The uncertainty (place,) at places (place, coordinate) by errors around each; inf where nothing bounds it."""
    known = np.isfinite(places).all(1)
    out = np.zeros(len(places))
    if not known.any() or not equation.jets:
        return out
    points = places[known]
    around = _surroundings(solution, points)
    jets = list(equation.jets.values())
    size = jets_at(error.derivatives, around.reshape(-1, points.shape[1]), jets).T.reshape(
        len(jets), -1, NEIGHBOURHOOD_POINTS
    )
    own = jets_at(solution.derivatives, points, jets).T
    out[known] = _largest_changes(equation, solution, points.T, own, np.sqrt((size**2).mean(-1)))
    return np.where(np.isfinite(out), ERROR_SHARE * out, np.inf)


def integral_uncertainty(
    solution: SolutionExpressions,
    error: SolutionExpressions,
    equation: Equation,
    fixed: dict[int, float],
    axes: dict[int, Axis],
) -> float:
    """The uncertainty of an integral, by errors concentrated at few points; poles are left out."""
    jets = list(equation.jets.values())
    cells = math.prod(axis.intervals for axis in axes.values())
    count = int(np.clip((MAX_POINTS / max(cells, 1)) ** (1.0 / max(len(axes), 1)), 1, 4))
    dimension = solution.problem.dimension
    rules = [
        composite_gauss_rule(axes[a].breaks, count) if a in axes else (np.array([fixed[a]]), np.ones(1))
        for a in range(dimension)
    ]
    at = [x for x, _ in rules]
    weights = np.ones(1)
    for _, w in rules:
        weights = np.multiply.outer(weights, w)
    weights = weights[0]
    if not jets or not weights.size:
        return 0.0
    table = np.abs(jets_on_grid(error.field, at, jets))
    mean, square = ((part * weights[..., None]).reshape(-1, len(jets)).sum(0) for part in (table, table**2))
    root = np.sqrt(square / weights.sum())
    size = np.maximum(root - MEAN_MULTIPLE * mean / weights.sum(), RMS_SHARE * root)
    own = jets_on_grid(solution.field, at, jets).reshape(-1, len(jets)).T
    points = np.stack([x.ravel() for x in np.meshgrid(*at, indexing="ij")])
    changes = _largest_changes(equation, solution, points, own, np.repeat(size[:, None], own.shape[1], 1))
    return ERROR_SHARE * float((np.where(np.isfinite(changes), changes, 0.0) * weights.ravel()).sum())


def _largest_changes(
    equation: Equation, solution: SolutionExpressions, points: Array, own: Array, size: Array
) -> Array:
    """The largest change (point,) of an expression when its derivatives ``own`` (jet, point) move by their ``size``."""
    reach = SAFETY * size + EPS * np.abs(own).max(1, keepdims=True)
    lo, hi = np.concatenate([points, own - reach]), np.concatenate([points, own + reach])
    tape = Tape([equation.residual], [*solution.problem.coordinates, *equation.jets])
    look = enclose(tape, lo, hi, np.ones(len(lo)))
    value = np.broadcast_to(np.asarray(tape([*points, *own])[0], dtype=np.float64), points.shape[1:])
    with np.errstate(invalid="ignore"):
        changes = np.maximum(look.value.hi[0] - value, value - look.value.lo[0])
    return np.where(np.isnan(changes), np.inf, changes)


def _surroundings(solution: SolutionExpressions, points: Array) -> Array:
    """Points (place, point, coordinate) around places, within the domain and the time reached."""
    dimension = points.shape[1]
    offsets = 2.0 * kronecker_points(NEIGHBOURHOOD_POINTS, dimension) - 1.0
    reach, low, high = np.empty_like(points), np.empty(dimension), np.empty(dimension)
    for axis in range(dimension):
        knots = solution.field.breaks(axis)
        interval = np.clip(np.searchsorted(knots, points[:, axis]) - 1, 0, len(knots) - 2)
        reach[:, axis], low[axis], high[axis] = NEIGHBOURHOOD_SHARE * np.diff(knots)[interval], knots[0], knots[-1]
    return np.clip(points[:, None] + offsets * reach[:, None], low, high)
