"""The rows of one slab: points, conditions, and weights.

Points are products of Gauss points of one-dimensional cells, which equidistribute a monitor function of the last
network along each coordinate (de Boor 1974): points concentrate at a known front.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import prod

import numpy as np
import sympy

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.domain.box import Ranges
from pinnkan.domain.domain import Domain
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.kan.field import Array
from pinnkan.kan.layers.deep_field import Piece
from pinnkan.problem.statement import Equation, Jet, Place, Problem, Side, position_of
from pinnkan.solver import memory
from pinnkan.solver.families.deep.rows import NetworkSystem, RowGroup

#: Rows per coefficient. Heuristic: with two, coarse networks oscillate between the points.
ROWS_PER_COEFFICIENT = 4.0

#: Least number of time cells; there is at least one per knot interval, or edges of time oscillate.
LEAST_TIME_CELLS = 4

#: Gauss points per cell and coordinate.
POINTS_PER_CELL = 3


@dataclass(frozen=True)
class SlabDomain:
    """A domain, between two times if there is time."""

    domain: Domain
    time_axis: int | None

    @property
    def ranges(self) -> Ranges:
        """The ranges of its box, which networks scale to [-1, 1]."""
        return self.domain.box.ranges


def training_cells(slab: SlabDomain, piece: Piece, density: float = 1.0) -> tuple[Array, ...]:
    """Return cell breaks per coordinate: enough rows for the network, in space by the slope of the piece."""
    dimension = len(slab.ranges)
    rows = density * ROWS_PER_COEFFICIENT * piece.network.parameters
    time = slab.time_axis
    time_cells = round(max(LEAST_TIME_CELLS, piece.network.intervals) * density ** (1.0 / dimension))
    space = dimension - (time is not None)
    if not space:  # time alone
        time_cells = max(time_cells, int(np.ceil(rows / POINTS_PER_CELL)))
    elif time is not None:
        rows /= time_cells * POINTS_PER_CELL
    count = max(4, int(np.ceil(rows ** (1.0 / max(space, 1)) / POINTS_PER_CELL)))
    cells = []
    for axis, (a, b) in enumerate(slab.ranges):
        if axis == time:
            cells.append(np.linspace(a, b, time_cells + 1))
        elif not piece.cells:
            cells.append(np.linspace(a, b, count + 1))
        else:
            x, samples = _values_on_lines(slab, piece, axis)
            cells.append(equidistribute(x, slope_monitor(x, samples), count))
    return tuple(cells)


def _values_on_lines(slab: SlabDomain, piece: Piece, axis: int) -> tuple[Array, Array]:
    """Return points x and values (x, other) of all unknowns along coordinate ``axis`` on a coarse grid of lines."""
    axes = [np.linspace(a, b, 401 if i == axis else 6) for i, (a, b) in enumerate(slab.ranges)]
    grids = np.meshgrid(*axes, indexing="ij")
    points = np.stack([g.ravel() for g in grids], -1)
    values = piece.jets(points, [(0,) * len(axes)])[..., 0].reshape(*grids[0].shape, -1)
    return axes[axis], np.moveaxis(values, axis, 0).reshape(401, -1)


def make_system(
    problem: Problem,
    slab: SlabDomain,
    piece: Piece,
    previous: Piece | None,
    device: str,
    points_per_cell: int = POINTS_PER_CELL,
) -> NetworkSystem:
    """Return the rows of equations inside, conditions, and initial values of ``previous`` in a later slab.

    Another number of points ``points_per_cell`` gives held-out rows with weights of the same integrals.
    """
    rules = [composite_gauss_rule(c, points_per_cell) for c in piece.cells]
    count = prod(len(x) for x, _ in rules)
    coefficients = piece.network.parameters
    what = f"a network of {coefficients} coefficients at {count} points"
    memory.require_bytes(memory.bytes_of_network(coefficients, count), what, device)
    points, weights = tensor_rule(rules)
    inner = slab.domain.contains(points)
    points, weights = points[inner], weights[inner]
    equations = [CompiledEquation(e, problem.coordinates) for e in problem.equations]
    inside = RowGroup.build(equations, points, np.sqrt(weights), device, None)
    sizes = _coefficient_sizes(inside, piece)
    groups = [inside]
    for place, equation in _conditions(problem, slab, previous):
        at, w = _place_quadrature(place, slab, rules)
        aim = None
        if previous is not None and place == Side(_time_axis(slab), 0):
            (jet,) = equation.jets
            aim = previous.jets(at, [jet.order])[:, jet.unknown, 0][None]
        group = RowGroup.build([equation], at, np.sqrt(w), device, aim)
        groups.append(group.scaled(_condition_weight(equation, place, sizes, piece)))
    return NetworkSystem(groups, piece.inputs)


def _time_axis(slab: SlabDomain) -> int:
    return -1 if slab.time_axis is None else slab.time_axis


def _conditions(problem: Problem, slab: SlabDomain, previous: Piece | None) -> list[tuple[Place, CompiledEquation]]:
    """Return places and equations of the conditions; values of ``previous`` replace the initial ones."""
    start = Side(_time_axis(slab), 0)
    found: list[tuple[Place, CompiledEquation]] = []
    for condition in problem.conditions:
        if condition.equation is not None and not (condition.place == start and previous is not None):
            found.append((condition.place, CompiledEquation(condition.equation, problem.coordinates)))
    if previous is None:
        return found
    for unknown, (name, highest) in enumerate(zip(problem.unknowns, problem.orders_along(start.axis), strict=True)):
        for n in range(highest):
            symbol = sympy.Symbol(f"{name}_start_{n}")
            order = tuple(n * (i == start.axis) for i in range(problem.dimension))
            carried = Equation(symbol, {symbol: Jet(unknown, order)}, f"{name} continues")
            found.append((start, CompiledEquation(carried, problem.coordinates)))
    return found


def _place_quadrature(place: Place, slab: SlabDomain, rules: list[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return the points (point, coordinate) and quadrature weights (point,) of a place."""
    if not isinstance(place, Side):
        return np.array([position_of(place)]), np.ones(1)
    side = slab.domain.boundary_pieces[place]
    parameters, weights = tensor_rule([rule for i, rule in enumerate(rules) if i != place.axis])
    return side.map_parameters(parameters), weights * side.measure_density(parameters)


def _coefficient_sizes(inside: RowGroup, piece: Piece) -> list[tuple[tuple[int, ...], float]]:
    """Return each derivative order in the equations with the root mean square of its coefficient at the piece."""
    system = NetworkSystem([inside], piece.inputs)
    u, _ = piece.network.forward(system.jets, system.inputs)
    found = []
    for number, equation in enumerate(inside.equations):
        slopes = inside.linearise(number, system.jets, u)[1] / inside.weights.unsqueeze(-1)
        for jet in equation.jets:
            size = slopes[system.jets.position[jet.order], :, jet.unknown].square().mean().sqrt()
            found.append((jet.order, float(size)))
    return found


def _condition_weight(
    condition: CompiledEquation, place: Place, sizes: list[tuple[tuple[int, ...], float]], piece: Piece
) -> float:
    """Return the weight of a condition: the residual of a unit mismatch that fades out over one knot interval h.

    A term ``a D_n^m u`` on a layer of width h and height h^q (q: order of the condition) has the L2 norm a h^(q + 1/2 -
    m); the largest term counts. It is h^-3/2 for values and equations of second order.
    """
    axes = [place.axis] if isinstance(place, Side) else list(range(len(piece.cells)))
    own = max((max(j.order[i] for i in axes) for j in condition.jets), default=0)
    best = 0.0
    for axis in axes:
        a, b = piece.inputs.ranges[axis]
        h = (b - a) / piece.network.intervals
        costs = [size * h ** (own + 0.5 - order[axis]) for order, size in sizes if order[axis] > own]
        best = max([best, *costs])
    return best if best > 0.0 else 1.0


def mean_square(system: NetworkSystem, slab: SlabDomain, piece: Piece) -> float:
    """Return the sum of the squared rows over the volume of the slab."""
    r, _ = system.rows_and_jacobian(piece.network)
    return float(r @ r) / slab.domain.measure


def heldout_loss(problem: Problem, slab: SlabDomain, piece: Piece, previous: Piece | None, device: str) -> float:
    """:func:`mean_square` at points between the training points."""
    return mean_square(make_system(problem, slab, piece, previous, device, POINTS_PER_CELL + 1), slab, piece)


def tensor_rule(axes: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Return points (point, coordinate) and product weights (point,) of one-dimensional rules."""
    if not axes:  # an end of an interval
        return np.zeros((1, 0)), np.ones(1)
    grids = np.meshgrid(*(x for x, _ in axes), indexing="ij")
    return np.stack([g.ravel() for g in grids], -1), reduce(np.multiply.outer, (w for _, w in axes)).ravel()


def equidistribute(x: Array, density: Array, cells: int) -> Array:
    """Return ``cells`` + 1 breaks between which ``density`` (sampled at x) has equal integrals."""
    integral = np.concatenate([[0.0], np.cumsum(0.5 * (density[1:] + density[:-1]) * np.diff(x))])
    return np.interp(np.linspace(0.0, integral[-1], cells + 1), integral, x)


def slope_monitor(x: Array, samples: Array) -> Array:
    """Return a monitor function at x: the largest slope of ``samples`` (x, other), smoothed, plus its mean.

    Half of the cells are then spread evenly, and half follow the slope.
    """
    slope = np.abs(np.gradient(samples, x, axis=0)).max(1)
    kernel = np.array([0.25, 0.5, 0.25])
    for _ in range(4):
        slope = np.convolve(np.pad(slope, 1, mode="edge"), kernel, mode="valid")
    mean = np.trapezoid(slope, x) / (x[-1] - x[0])
    return np.asarray(slope + mean + 1e-12)
