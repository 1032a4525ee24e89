"""A positive function psi with L psi > 0, which bounds the solution of L v = r by the maximum principle.

Let psi > 0 on the closed box, L psi >= m > 0 inside, B psi >= b > 0 on the sides (psi itself, or its outward derivative
and more). Then w = v/psi solves an equation whose term of order zero is L psi > 0, so that

    |v| <= psi max(sup |L v|/m, sup |B v|/b)

(Protter and Weinberger 1967, section 2.5; Gilbarg and Trudinger 2001, sections 3.3 and 9.1 for v in W^2,p), and L v = r
has exactly one solution (the same, theorem 9.30). A linear programme finds a spline psi of least largest coefficient
with L psi >= 1 at points. The inequalities are then enclosed. A second psi, with L psi >= |r|, bounds v for that r.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy.sparse
from scipy.optimize import linprog

from pinnkan.certificate.cell_ranges import grid_cells, ranges_of
from pinnkan.certificate.linearised import Formula
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline, spline_of
from pinnkan.domain.box import Side
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.expressions.interval import Array

#: Degree of psi; points per interval at which L psi is constrained; least coefficient as a share of the largest.
DEGREE, POINTS, LEAST_COEFFICIENT_SHARE = 4, 7, 0.02
#: Numbers of intervals per coordinate, coarse ones first, by number of coordinates.
INTERVALS = {1: (8, 400), 2: (6, 12), 3: (1, 3)}
#: Seconds after which the linear programme is given up.
PROGRAMME_OPTIONS = {"time_limit": 20.0}


def barrier_spaces(field: ProductField) -> Iterator[tuple[Axis, ...]]:
    """Spline spaces for psi on subsets of the knots of a field, coarse ones first."""
    given = field.pieces[0][0].axes
    for most in INTERVALS.get(len(given), ()):
        yield tuple(Axis(_thinned(a.breaks, most), DEGREE, a.periodic) for a in given)


def _thinned(breaks: Array, most: int) -> Array:
    """A subset of breakpoints with at most ``most`` intervals."""
    count = len(breaks) - 1
    return breaks[np.unique(np.linspace(0, count, min(most, count) + 1).round().astype(int))]


def programme_nodes(axes: Sequence[Axis]) -> list[Array]:
    """The points at which the linear programme requires L psi >= 1, in each coordinate."""
    zeros = np.cos(np.pi * np.arange(POINTS) / (POINTS - 1))
    found = []
    for axis in axes:
        t = axis.breaks
        x = np.unique((0.5 * (t[1:] + t[:-1]) + 0.5 * np.diff(t) * zeros[:, None]).ravel())
        found.append(np.clip(x, t[0], t[-1]))
    return found


def cell_maxima(cells: Cells, sizes: Array, nodes: Sequence[Array]) -> Array:
    """At each point of a grid the largest of the ``sizes`` (cell) of the cells that hold the point."""
    out = np.zeros([len(x) for x in nodes])
    for low, high, size in zip(cells.lo.T, cells.hi.T, sizes, strict=True):
        ends = zip(nodes, low, high, strict=True)
        part = tuple(slice(np.searchsorted(x, a), np.searchsorted(x, b, side="right")) for x, a, b in ends)
        np.maximum(out[part], size, out=out[part])
    return out


def least_barrier_spline(
    formula: Formula, conditions: Mapping[Side, Formula], field: ProductField, axes: Sequence[Axis],
    operator_bounds: Array, side_bounds: Mapping[Side, float],
) -> TensorSpline | None:  # fmt: skip
    """The psi of least maximum with L psi >= ``operator_bounds`` at the nodes and B psi >= ``side_bounds``.

    None if none is found.
    """
    nodes = programme_nodes(axes)
    rows, right = [_rows(formula, field, axes, nodes)], [operator_bounds.ravel()]
    for side, condition in conditions.items():
        there = [x if i != side.axis else axes[i].breaks[[-side.end]] for i, x in enumerate(nodes)]
        rows.append(_rows(condition, field, axes, there))
        right.append(np.full(rows[-1].shape[0], side_bounds.get(side, 0.0)))
    n = rows[0].shape[1]
    # unknowns: coefficients, then the largest one, M: L psi >= wanted, B psi >= beside + LEAST M, LEAST M <= psi <= M
    shares = [
        0.0,
        *(LEAST_COEFFICIENT_SHARE * any(any(order) for order in c.partial_derivatives) for c in conditions.values()),
    ]
    blocks = [[-r, np.full((r.shape[0], 1), share)] for r, share in zip(rows, shares, strict=True)]
    unit = scipy.sparse.eye(n)
    blocks += [[unit, -np.ones((n, 1))], [-unit, np.full((n, 1), LEAST_COEFFICIENT_SHARE)]]
    upper = scipy.sparse.vstack([scipy.sparse.hstack(block) for block in blocks]).tocsr()
    if not np.isfinite(upper.data).all():
        return None
    limit = np.concatenate([-np.concatenate(right), np.zeros(2 * n)])
    found = linprog(
        np.append(np.zeros(n), 1.0),
        A_ub=upper,
        b_ub=limit,
        bounds=(0.0, None),
        method="highs",
        options=PROGRAMME_OPTIONS,
    )
    if found.status != 0:
        return None
    return spline_of(Space(tuple(axes)), found.x[:n].reshape([*(a.count for a in axes), 1]))


def _rows(
    formula: Formula, field: ProductField, axes: Sequence[Axis], nodes: Sequence[Array]
) -> scipy.sparse.csr_matrix:
    """The matrix from the coefficients of v to L v at a grid of points."""
    orders = list(formula.partial_derivatives)
    grid = np.meshgrid(*nodes, indexing="ij")
    compiled = formula.compile_expressions(*(formula.partial_derivatives[o] for o in orders))
    weights = compiled.tape([*grid, *(field.grid(nodes, order)[..., 0] for order in compiled.u_orders)])
    total = 0.0
    for order, weight in zip(orders, weights, strict=True):
        tables = [scipy.sparse.csr_matrix(a.matrix(x, k)) for a, x, k in zip(axes, nodes, order, strict=True)]
        weight = np.broadcast_to(np.asarray(weight, dtype=float), grid[0].shape).ravel()
        total = total + scipy.sparse.diags(weight) @ reduce(scipy.sparse.kron, tables)
    return scipy.sparse.csr_matrix(total)


#: Least accepted L psi between the points, where 1 is required at them (heuristic).
LEAST_OPERATOR_VALUE = 0.2
#: Least L psi required in a cell, over the largest residual; with more cells the uniform bound is used.
RESIDUAL_FLOOR, MOST_CELLS = 0.02, 20_000


@dataclass(frozen=True, eq=False)
class Barrier:
    """psi in [``minimum``, ``maximum``], L psi >= ``operator_bound`` inside, B psi >= ``side_bounds`` on sides."""

    axes: tuple[Axis, ...]
    minimum: float
    maximum: float
    operator_bound: float
    side_bounds: Mapping[Side, float]

    @property
    def is_valid(self) -> bool:
        """Whether psi, L psi and B psi are proven positive."""
        return min(self.minimum, self.operator_bound, *self.side_bounds.values()) > 0.0

    def side_mismatch_ratio(self, side_mismatch: Mapping[Side, float]) -> float:
        """The largest ratio of the mismatch ``side_mismatch`` on a side to B psi there."""
        return max((size / self.side_bounds[side] for side, size in side_mismatch.items()), default=0.0)


def find_barrier(
    formula: Formula, conditions: Mapping[Side, Formula], field: ProductField, u: TensorSpline
) -> Barrier | None:
    """A proven barrier of the equation linearised at u, the spline of ``field``; None if none is found."""
    for axes in barrier_spaces(field):
        wanted = np.ones([len(x) for x in programme_nodes(axes)])
        psi = least_barrier_spline(formula, conditions, field, axes, wanted, {})
        if psi is not None:
            _, inside = formula.compile_expressions(formula.linearisation).ranges_over(grid_cells(u.breaks), u, psi)
            found = _proven(conditions, u, axes, psi, float(inside.value.lo.min()))
            if found.is_valid and found.operator_bound > LEAST_OPERATOR_VALUE:
                return found
    return None


def solution_bound(
    barrier: Barrier, formula: Formula, conditions: Mapping[Side, Formula], field: ProductField, u: TensorSpline,
    cells: Cells, residual: Array, side_mismatch: Mapping[Side, float],
) -> float:  # fmt: skip
    """A bound of |v| for L v = r, with |r| <= ``residual`` (cell) and |B v| <= ``side_mismatch`` on the sides."""
    largest = float(residual.max())
    uniform = (
        barrier.maximum * max(largest / barrier.operator_bound, barrier.side_mismatch_ratio(side_mismatch)) * MARGIN
    )
    scale = max([largest, *side_mismatch.values()])
    if cells.count > MOST_CELLS or not scale > 0.0:
        return uniform
    wanted = cell_maxima(cells, np.maximum(residual / scale, RESIDUAL_FLOOR), programme_nodes(barrier.axes))
    beside = {side: size / scale for side, size in side_mismatch.items()}
    psi = least_barrier_spline(formula, conditions, field, barrier.axes, wanted, beside)
    if psi is None:
        return uniform
    compiled = formula.compile_expressions(formula.linearisation)
    inside = ranges_of(compiled.tape, cells, compiled.input_splines(u, psi)).value.lo[0]
    found = _proven(conditions, u, barrier.axes, psi, float(inside.min()))
    if not found.is_valid:
        return uniform
    return min(
        uniform,
        found.maximum * max(float((residual / inside).max()), found.side_mismatch_ratio(side_mismatch)) * MARGIN,
    )


def _proven(
    conditions: Mapping[Side, Formula],
    u: TensorSpline,
    axes: tuple[Axis, ...],
    psi: TensorSpline,
    operator_bound: float,
) -> Barrier:
    """The barrier psi with enclosed bounds, given L psi >= ``operator_bound``.

    A spline lies between its coefficients.
    """
    beside = {}
    for side, condition in conditions.items():
        there = [b if i != side.axis else b[[-side.end]] for i, b in enumerate(u.breaks)]
        _, found = condition.compile_expressions(condition.linearisation).ranges_over(grid_cells(there), u, psi)
        beside[side] = float(found.value.lo.min())
    c = psi.coefficients.mid
    return Barrier(axes, float(c.min()), float(c.max()), operator_bound, beside)
