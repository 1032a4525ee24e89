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

from pinnkan.certificate.enclosure import cells_between, ranges_of
from pinnkan.certificate.linearised import Formula
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline, spline_of
from pinnkan.domain.box import Side
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.expressions.interval import Array

#: Degree of psi; points per interval at which L psi is constrained; least coefficient as a share of the largest.
DEGREE, POINTS, LEAST = 4, 7, 0.02
#: Numbers of intervals per coordinate, coarse ones first, by number of coordinates.
INTERVALS = {1: (8, 400), 2: (6, 12), 3: (1, 3)}
#: Seconds after which the linear programme is given up.
LIMIT = {"time_limit": 20.0}


def spaces_of(field: ProductField) -> Iterator[tuple[Axis, ...]]:
    """Spline spaces for psi on subsets of the knots of a field, coarse ones first."""
    given = field.pieces[0][0].axes
    for most in INTERVALS.get(len(given), ()):
        yield tuple(Axis(_thinned(a.breaks, most), DEGREE, a.periodic) for a in given)


def _thinned(breaks: Array, most: int) -> Array:
    """A subset of breakpoints with at most ``most`` intervals."""
    count = len(breaks) - 1
    return breaks[np.unique(np.linspace(0, count, min(most, count) + 1).round().astype(int))]


def nodes_of(axes: Sequence[Axis]) -> list[Array]:
    """The points at which the linear programme requires L psi >= 1, in each coordinate."""
    zeros = np.cos(np.pi * np.arange(POINTS) / (POINTS - 1))
    found = []
    for axis in axes:
        t = axis.breaks
        x = np.unique((0.5 * (t[1:] + t[:-1]) + 0.5 * np.diff(t) * zeros[:, None]).ravel())
        found.append(np.clip(x, t[0], t[-1]))
    return found


def envelope(cells: Cells, sizes: Array, nodes: Sequence[Array]) -> Array:
    """At each point of a grid the largest of the ``sizes`` (cell) of the cells that hold the point."""
    out = np.zeros([len(x) for x in nodes])
    for low, high, size in zip(cells.lo.T, cells.hi.T, sizes, strict=True):
        ends = zip(nodes, low, high, strict=True)
        part = tuple(slice(np.searchsorted(x, a), np.searchsorted(x, b, side="right")) for x, a, b in ends)
        np.maximum(out[part], size, out=out[part])
    return out


def least(
    formula: Formula, conditions: Mapping[Side, Formula], field: ProductField, axes: Sequence[Axis],
    wanted: Array, beside: Mapping[Side, float],
) -> TensorSpline | None:  # fmt: skip
    """The psi of least maximum with L psi >= ``wanted`` at the nodes and B psi >= ``beside``; None if none is found."""
    nodes = nodes_of(axes)
    rows, right = [_rows(formula, field, axes, nodes)], [wanted.ravel()]
    for side, condition in conditions.items():
        there = [x if i != side.axis else axes[i].breaks[[-side.end]] for i, x in enumerate(nodes)]
        rows.append(_rows(condition, field, axes, there))
        right.append(np.full(rows[-1].shape[0], beside.get(side, 0.0)))
    n = rows[0].shape[1]
    # unknowns: coefficients, then the largest one, M: L psi >= wanted, B psi >= beside + LEAST M, LEAST M <= psi <= M
    shares = [0.0, *(LEAST * any(any(order) for order in c.slopes) for c in conditions.values())]
    blocks = [[-r, np.full((r.shape[0], 1), share)] for r, share in zip(rows, shares, strict=True)]
    unit = scipy.sparse.eye(n)
    blocks += [[unit, -np.ones((n, 1))], [-unit, np.full((n, 1), LEAST)]]
    upper = scipy.sparse.vstack([scipy.sparse.hstack(block) for block in blocks]).tocsr()
    if not np.isfinite(upper.data).all():
        return None
    limit = np.concatenate([-np.concatenate(right), np.zeros(2 * n)])
    found = linprog(
        np.append(np.zeros(n), 1.0), A_ub=upper, b_ub=limit, bounds=(0.0, None), method="highs", options=LIMIT
    )
    if found.status != 0:
        return None
    return spline_of(Space(tuple(axes)), found.x[:n].reshape([*(a.count for a in axes), 1]))


def _rows(
    formula: Formula, field: ProductField, axes: Sequence[Axis], nodes: Sequence[Array]
) -> scipy.sparse.csr_matrix:
    """The matrix from the coefficients of v to L v at a grid of points."""
    orders = list(formula.slopes)
    grid = np.meshgrid(*nodes, indexing="ij")
    compiled = formula.compiled(*(formula.slopes[o] for o in orders))
    weights = compiled.tape([*grid, *(field.grid(nodes, order)[..., 0] for order in compiled.of_u)])
    total = 0.0
    for order, weight in zip(orders, weights, strict=True):
        tables = [scipy.sparse.csr_matrix(a.matrix(x, k)) for a, x, k in zip(axes, nodes, order, strict=True)]
        weight = np.broadcast_to(np.asarray(weight, dtype=float), grid[0].shape).ravel()
        total = total + scipy.sparse.diags(weight) @ reduce(scipy.sparse.kron, tables)
    return scipy.sparse.csr_matrix(total)


#: Least accepted L psi between the points, where 1 is required at them (heuristic).
WORTH = 0.2
#: Least L psi required in a cell, over the largest residual; with more cells the uniform bound is used.
FLOOR, MOST_CELLS = 0.02, 20_000


@dataclass(frozen=True, eq=False)
class Barrier:
    """psi in [``least``, ``most``], with L psi >= ``inside`` in the box and B psi >= ``beside`` on each side."""

    axes: tuple[Axis, ...]
    least: float
    most: float
    inside: float
    beside: Mapping[Side, float]

    @property
    def holds(self) -> bool:
        """Whether psi, L psi and B psi are proven positive."""
        return min(self.least, self.inside, *self.beside.values()) > 0.0

    def lifted(self, missed: Mapping[Side, float]) -> float:
        """The largest ratio of the mismatch ``missed`` on a side to B psi there."""
        return max((size / self.beside[side] for side, size in missed.items()), default=0.0)


def barrier_of(
    formula: Formula, conditions: Mapping[Side, Formula], field: ProductField, u: TensorSpline
) -> Barrier | None:
    """A proven barrier of the equation linearised at u, the spline of ``field``; None if none is found."""
    for axes in spaces_of(field):
        wanted = np.ones([len(x) for x in nodes_of(axes)])
        psi = least(formula, conditions, field, axes, wanted, {})
        if psi is not None:
            _, inside = formula.compiled(formula.linear).over(cells_between(u.breaks), u, psi)
            found = _proven(conditions, u, axes, psi, float(inside.value.lo.min()))
            if found.holds and found.inside > WORTH:
                return found
    return None


def effect(
    barrier: Barrier, formula: Formula, conditions: Mapping[Side, Formula], field: ProductField, u: TensorSpline,
    cells: Cells, residual: Array, missed: Mapping[Side, float],
) -> float:  # fmt: skip
    """A bound of |v| for L v = r, with |r| <= ``residual`` (cell) and |B v| <= ``missed`` on the sides."""
    largest = float(residual.max())
    uniform = barrier.most * max(largest / barrier.inside, barrier.lifted(missed)) * MARGIN
    scale = max([largest, *missed.values()])
    if cells.count > MOST_CELLS or not scale > 0.0:
        return uniform
    wanted = envelope(cells, np.maximum(residual / scale, FLOOR), nodes_of(barrier.axes))
    beside = {side: size / scale for side, size in missed.items()}
    psi = least(formula, conditions, field, barrier.axes, wanted, beside)
    if psi is None:
        return uniform
    compiled = formula.compiled(formula.linear)
    inside = ranges_of(compiled.tape, cells, compiled.jets(u, psi)).value.lo[0]
    found = _proven(conditions, u, barrier.axes, psi, float(inside.min()))
    if not found.holds:
        return uniform
    return min(uniform, found.most * max(float((residual / inside).max()), found.lifted(missed)) * MARGIN)


def _proven(
    conditions: Mapping[Side, Formula], u: TensorSpline, axes: tuple[Axis, ...], psi: TensorSpline, inside: float
) -> Barrier:
    """The barrier psi with enclosed bounds, given L psi >= ``inside``; a spline lies between its coefficients."""
    beside = {}
    for side, condition in conditions.items():
        there = [b if i != side.axis else b[[-side.end]] for i, b in enumerate(u.breaks)]
        _, found = condition.compiled(condition.linear).over(cells_between(there), u, psi)
        beside[side] = float(found.value.lo.min())
    c = psi.coefficients.mid
    return Barrier(axes, float(c.min()), float(c.max()), inside, beside)
