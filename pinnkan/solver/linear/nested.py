"""A coarse space, nested in that of the rows, in which least squares are solved by a factor.

The paper's hierarchy as a preconditioner: what knots hold that are a few times further apart is solved there, with
the same rows at the same points, and carried over exactly. Added to one that sees the highest derivatives only, it
takes the smooth functions that this does not know (Bramble, Pasciak, Xu 1990).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pinnkan.assembly.ordering import Ordering, order_coefficients
from pinnkan.assembly.patch import FleetingRows
from pinnkan.assembly.tensor_rows import TensorRows, parts
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.solver.linear.band import NormalEquations
from pinnkan.solver.linear.diagonalisation import along
from pinnkan.solver.linear.triangles import Inverse
from pinnkan.solver.work import factor_work

#: Multiplications that the factor of the coarse space may take, a twentieth of a second.
MOST_WORK = 5e8
#: Points in every coarse interval that are enough for the coarse rows where it has THIN fine ones or more: of six, on
#: 96 x 96 intervals of degree 10, what is left in the coarse space took 32 steps in place of 25.
THIN, POINTS = 3, 9


@dataclass(frozen=True, eq=False)
class Factored:
    """A ``space``, the ``ordering`` of its coefficients, and the inverse of J^T J there by a factor."""

    space: Space
    ordering: Ordering
    inverse: Inverse

    def fits(self, fine: Space, ordering: Ordering) -> bool:
        """Whether it is nested in a ``fine`` space, and what conditions fix there is fixed here."""
        own = self.space
        if own.unknowns != fine.unknowns or own.shape == fine.shape or len(own.axes) != len(fine.axes):
            return False
        pairs = list(zip(own.axes, fine.axes, strict=True))
        if not all(a.degree == b.degree and a.periodic == b.periodic for a, b in pairs):
            return False
        if not all(np.isin(a.breaks, b.breaks).all() for a, b in pairs):
            return False
        fixed = (self.ordering.position < 0).cpu().numpy().reshape(own.shape)
        return bool((fixed == _fixed(ordering, fine, own)).all())


class NestedSpace:
    """The inverse of J^T J in a coarse space of the same functions; zero outside of it.

    ``known``: one of the same rows that has been factored before, and is taken where it knows no less.
    """

    def __init__(self, rows: Sequence[TensorRows], ordering: Ordering, known: Factored | None = None) -> None:
        self._ordering, self._fine = ordering, rows[0].space
        space = coarse_space(self._fine)
        if known is None or known.space.size < space.size or not known.fits(self._fine, ordering):
            fixed = _fixed(ordering, self._fine, space)
            inner = order_coefficients(space, fixed, ordering.position.device)
            known = Factored(space, inner, NormalEquations([_seen(r, space) for r in rows], inner).inverse())
        self.factored = known
        self.space, self._inner, self._inverse = known.space, known.ordering, known.inverse
        self._maps = [
            None if a is b else torch.from_numpy(_full(a, b)).to(ordering.position.device)
            for a, b in zip(self._fine.axes, self.space.axes, strict=True)
        ]

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """The inverse in the coarse space times (free coefficient, side)."""
        x = self._ordering.spread(right).reshape(*self._fine.shape, -1)
        for i, matrix in enumerate(self._maps):
            x = x if matrix is None else along(matrix.T, x, i)
        solved = self._inverse(x.reshape(self.space.size, -1)[self._inner.free])
        y = self._inner.spread(solved).reshape(*self.space.shape, -1)
        for i, matrix in enumerate(self._maps):
            y = y if matrix is None else along(matrix, y, i)
        return y.reshape(self._fine.size, -1)[self._ordering.free]


def _full(fine: Axis, coarse: Axis) -> Array:
    """The matrix (fine.count, coarse.count) of the way from one axis to the other, with its zeros."""
    unit = np.eye(coarse.count)
    return np.ascontiguousarray(Space((coarse,), coarse.count).prolong(unit, Space((fine,), coarse.count)))


def coarse_space(fine: Space) -> Space:
    """The finest space of every second, third, .. knot whose factor takes no more than MOST_WORK."""
    ratio = 2
    while True:
        space = replace(fine, axes=tuple(_every(a, ratio) for a in fine.axes))
        smallest = all(a.intervals <= fewest(a) for a in space.axes)
        if smallest or factor_work(space) <= MOST_WORK:
            return space
        ratio += 1


def fewest(axis: Axis) -> int:
    """The fewest intervals of a coarse coordinate: round a circle functions should not meet themselves."""
    return axis.degree + 1 if axis.periodic else 2


def _every(axis: Axis, ratio: int) -> Axis:
    count = max(fewest(axis), -(-axis.intervals // ratio))
    if count >= axis.intervals:
        return axis
    return replace(axis, breaks=axis.breaks[np.unique(np.round(np.linspace(0, axis.intervals, count + 1)).astype(int))])


def _fixed(ordering: Ordering, fine: Space, coarse: Space) -> np.ndarray:
    """Which coarse coefficients are fixed: as many layers at each end as of the fine ones."""
    fixed = (ordering.position < 0).cpu().numpy().reshape(fine.shape)
    for i, (a, b) in enumerate(zip(fine.axes, coarse.axes, strict=True)):
        low = (b.count + 1) // 2
        kept = [*range(low), *range(a.count - (b.count - low), a.count)]
        fixed = fixed if a is b else fixed.take(kept, i)
    return np.ascontiguousarray(fixed)


def _seen(rows: TensorRows, coarse: Space) -> TensorRows:
    """The same rows of coarse functions, on fewer points where those of the fine intervals are more than enough."""
    axes = zip(coarse.axes, rows.space.axes, rows.tables, strict=True)
    found = [_seen_by(axis, fine, table) for axis, fine, table in axes]
    thin = {i: table.nodes.shape[1] for i, (table, is_thin) in enumerate(found) if is_thin}
    if isinstance(rows, FleetingRows) and rows.patch.weighs_cells:
        few = FleetingRows(rows.patch.on([table for table, _ in found]), *rows.at)
        pieces = [few.weights_in(part) for part, _ in parts(few.tables)]
    else:
        pieces = [_thinned(rows.weights_in(part), tables, thin) for part, tables in parts(rows.tables)]
    weights, tables = torch.cat(pieces), [table.merged(_in_one(table)) for table, _ in found]
    weights = weights.reshape(*(n for table in tables for n in table.nodes.shape), -1)
    weights = weights.movedim(-1, 0).contiguous().movedim(0, -1)
    return TensorRows(coarse, tuple(tables), rows.jets, weights, weights[..., :1])


def _in_one(table: Table) -> int:
    """Fine intervals in each coarse one, where they are as many in all: pairs of functions are taken of all at once."""
    seen = torch.unique_consecutive(table.index[:, 0], return_counts=True)[1]
    return int(seen[0]) if bool((seen == seen[0]).all()) else 1


def _seen_by(axis: Axis, fine: Axis, table: Table) -> tuple[Table, bool]:
    """The table of the functions of a coarse axis, and whether it has fewer points than the one of the fine axis."""
    if axis is fine:
        return table, False
    points = -(-POINTS * axis.intervals // fine.intervals)
    is_thin = table.nodes.shape[1] > points and fine.intervals >= THIN * axis.intervals
    if is_thin:
        nodes, weights = (torch.from_numpy(a).to(table.nodes.device) for a in fine.gauss(points))
        table = replace(table, nodes=nodes, weights=weights)
    values, first = axis.basis.local(table.nodes.cpu(), len(table.values) - 1)
    index = torch.from_numpy(axis.fold(first[:, 0].numpy()[:, None] + np.arange(axis.degree + 1)))
    device = table.nodes.device
    return replace(table, values=values.to(device), index=index.to(device), count=axis.count), is_thin


def _thinned(weights: torch.Tensor, tables: Sequence[Table], thin: Mapping[int, int]) -> torch.Tensor:
    """Weights on so many Gauss points of every interval of some coordinates, interpolated."""
    for i, points in thin.items():
        own = tables[i].weights
        old, gauss = np.polynomial.legendre.leggauss(own.shape[1])
        new, few = np.polynomial.legendre.leggauss(points)
        between = np.linalg.solve(np.vander(old, increasing=True).T, np.vander(new, len(old), increasing=True).T).T
        matrix = np.sqrt(few)[:, None] * between / np.sqrt(gauss)  # roots of weights go with them
        moved = torch.tensordot(weights, torch.from_numpy(matrix).to(weights.device), dims=([2 * i + 1], [1]))
        weights = moved.movedim(-1, 2 * i + 1)
    return weights
