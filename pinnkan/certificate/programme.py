"""The positive function of :mod:`pinnkan.certificate.barrier`, sought as a spline by a linear programme."""

from collections.abc import Iterator, Mapping, Sequence
from functools import reduce

import numpy as np
import scipy.sparse
from scipy.optimize import linprog

from pinnkan.certificate.linearised import Formula
from pinnkan.certificate.splines import Cells, TensorSpline, spline_of
from pinnkan.domain.box import Side
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.expressions.interval import Array

#: Degree of psi, points per interval at which it is asked for, and its least coefficient as a share of the largest.
DEGREE, POINTS, LEAST = 4, 7, 0.02
#: Most intervals per coordinate, coarse ones first, by number of coordinates.
INTERVALS = {1: (8, 400), 2: (6, 12), 3: (1, 3)}
#: Seconds after which a programme is given up.
LIMIT = {"time_limit": 20.0}


def spaces_of(field: ProductField) -> Iterator[tuple[Axis, ...]]:
    """Spaces for psi with some of the knots of a field, coarse ones first."""
    given = field.pieces[0][0].axes
    for most in INTERVALS.get(len(given), ()):
        yield tuple(Axis(_thinned(a.breaks, most), DEGREE, a.periodic) for a in given)


def _thinned(breaks: Array, most: int) -> Array:
    """At most so many intervals, ends of the given ones."""
    count = len(breaks) - 1
    return breaks[np.unique(np.linspace(0, count, min(most, count) + 1).round().astype(int))]


def nodes_of(axes: Sequence[Axis]) -> list[Array]:
    """Where L psi is asked for, in each coordinate."""
    zeros = np.cos(np.pi * np.arange(POINTS) / (POINTS - 1))
    found = []
    for axis in axes:
        t = axis.breaks
        x = np.unique((0.5 * (t[1:] + t[:-1]) + 0.5 * np.diff(t) * zeros[:, None]).ravel())
        found.append(np.clip(x, t[0], t[-1]))
    return found


def envelope(cells: Cells, sizes: Array, nodes: Sequence[Array]) -> Array:
    """Of a number for each cell the largest one of the cells at each point of a grid."""
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
    """psi with L psi >= ``wanted`` at the nodes, B psi >= ``beside``, the least largest coefficient; None if none."""
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
    """L v at a grid of points from the coefficients of v."""
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
