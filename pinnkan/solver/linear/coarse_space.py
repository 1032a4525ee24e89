"""A coarse space nested in that of the rows, in which least squares are solved by a factor.

The same rows are solved for splines on knots a few times further apart, and the solution is prolongated exactly. Added
to an inverse for the highest derivatives, it takes care of smooth functions (Bramble, Pasciak, Xu 1990).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from pinnkan.assembly.ordering import Ordering, order_coefficients
from pinnkan.assembly.patch import RecomputedRows
from pinnkan.assembly.tensor_rows import TensorRows, interval_batches
from pinnkan.domain.gauss import gauss_legendre
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.solver.linear.diagonalisation import apply_along
from pinnkan.solver.linear.normal_equations import NormalEquations
from pinnkan.solver.linear.triangular_inverse import Inverse
from pinnkan.solver.predicted_work import factor_work

#: Most multiplications of the factor of the coarse space: a twentieth of a second.
MAX_COARSE_WORK = 5e8
#: A coarse interval of FINE_PER_COARSE or more fine ones has about POINTS points. With six instead conjugate gradients
#: take 32 steps, not 25, on 96 x 96 intervals of degree 10.
FINE_PER_COARSE, COARSE_POINTS = 3, 9


@dataclass(frozen=True, eq=False)
class FactoredSpace:
    """The inverse of J^T J in a ``space`` by a factor, for coefficients in an ``ordering``."""

    space: Space
    ordering: Ordering
    inverse: Inverse

    def is_nested_in(self, fine: Space, ordering: Ordering) -> bool:
        """Whether its space is nested in a ``fine`` one, with the same coefficients fixed by conditions."""
        own = self.space
        if own.unknowns != fine.unknowns or own.shape == fine.shape or len(own.axes) != len(fine.axes):
            return False
        pairs = list(zip(own.axes, fine.axes, strict=True))
        if not all(a.degree == b.degree and a.periodic == b.periodic for a, b in pairs):
            return False
        if not all(np.isin(a.breaks, b.breaks).all() for a, b in pairs):
            return False
        fixed = (self.ordering.position < 0).cpu().numpy().reshape(own.shape)
        return bool((fixed == _fixed_mask(ordering, fine, own)).all())


class CoarseSpaceInverse:
    """The inverse of J^T J in a coarse space, 0 outside; ``known``: a factor to use if nested and no coarser."""

    def __init__(
        self, rows: Sequence[TensorRows], ordering: Ordering, factored_space: FactoredSpace | None = None
    ) -> None:
        self._ordering, self._fine_space = ordering, rows[0].space
        space = coarse_space(self._fine_space)
        if (
            factored_space is None
            or factored_space.space.size < space.size
            or not factored_space.is_nested_in(self._fine_space, ordering)
        ):
            fixed = _fixed_mask(ordering, self._fine_space, space)
            inner = order_coefficients(space, fixed, ordering.position.device)
            factored_space = FactoredSpace(
                space, inner, NormalEquations([_coarse_rows(r, space) for r in rows], inner).inverse()
            )
        self.factored_space = factored_space
        self.space, self._coarse_ordering, self._inverse = (
            factored_space.space,
            factored_space.ordering,
            factored_space.inverse,
        )
        self._prolongations = [
            None if a is b else torch.from_numpy(_full_prolongation(a, b)).to(ordering.position.device)
            for a, b in zip(self._fine_space.axes, self.space.axes, strict=True)
        ]

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """Return the inverse in the coarse space times ``right`` (free coefficient, rhs)."""
        x = self._ordering.extend_by_zeros(right).reshape(*self._fine_space.shape, -1)
        for i, matrix in enumerate(self._prolongations):
            x = x if matrix is None else apply_along(matrix.T, x, i)
        solved = self._inverse(x.reshape(self.space.size, -1)[self._coarse_ordering.free])
        y = self._coarse_ordering.extend_by_zeros(solved).reshape(*self.space.shape, -1)
        for i, matrix in enumerate(self._prolongations):
            y = y if matrix is None else apply_along(matrix, y, i)
        return y.reshape(self._fine_space.size, -1)[self._ordering.free]


def _full_prolongation(fine: Axis, coarse: Axis) -> Array:
    """Return the prolongation matrix (fine.count, coarse.count) as a full one."""
    unit = np.eye(coarse.count)
    return np.ascontiguousarray(Space((coarse,), coarse.count).prolong(unit, Space((fine,), coarse.count)))


def coarse_space(fine: Space) -> Space:
    """The finest space of every second, third, .. knot whose factor takes no more than MAX_COARSE_WORK."""
    ratio = 2
    while True:
        space = replace(fine, axes=tuple(_coarse_axis(a, ratio) for a in fine.axes))
        smallest = all(a.intervals <= fewest_intervals(a) for a in space.axes)
        if smallest or factor_work(space) <= MAX_COARSE_WORK:
            return space
        ratio += 1


def fewest_intervals(axis: Axis) -> int:
    """The fewest intervals of a coarse axis: so many on a periodic one that no function overlaps itself."""
    return axis.degree + 1 if axis.periodic else 2


def _coarse_axis(axis: Axis, ratio: int) -> Axis:
    count = max(fewest_intervals(axis), -(-axis.intervals // ratio))
    if count >= axis.intervals:
        return axis
    return replace(axis, breaks=axis.breaks[np.unique(np.round(np.linspace(0, axis.intervals, count + 1)).astype(int))])


def _fixed_mask(ordering: Ordering, fine: Space, coarse: Space) -> np.ndarray:
    """Return the mask of fixed coarse coefficients: as many layers at each end as of the fine ones."""
    fixed = (ordering.position < 0).cpu().numpy().reshape(fine.shape)
    for i, (a, b) in enumerate(zip(fine.axes, coarse.axes, strict=True)):
        low = (b.count + 1) // 2
        kept = [*range(low), *range(a.count - (b.count - low), a.count)]
        fixed = fixed if a is b else fixed.take(kept, i)
    return np.ascontiguousarray(fixed)


def _coarse_rows(rows: TensorRows, coarse: Space) -> TensorRows:
    """Return the rows for coarse functions, on fewer points where those of the fine intervals are more than enough."""
    axes = zip(coarse.axes, rows.space.axes, rows.tables, strict=True)
    found = [_coarse_table(axis, fine, table) for axis, fine, table in axes]
    thin = {i: table.nodes.shape[1] for i, (table, is_thin) in enumerate(found) if is_thin}
    if isinstance(rows, RecomputedRows) and rows.patch.has_cell_scale:
        few = RecomputedRows(rows.patch.with_tables([table for table, _ in found]), *rows.linearisation)
        pieces = [few.weights_part(part) for part, _ in interval_batches(few.tables)]
    else:
        pieces = [
            _interpolate_weights(rows.weights_part(part), tables, thin)
            for part, tables in interval_batches(rows.tables)
        ]
    weights, tables = torch.cat(pieces), [table.merged(_fine_per_coarse(table)) for table, _ in found]
    weights = weights.reshape(*(n for table in tables for n in table.nodes.shape), -1)
    weights = weights.movedim(-1, 0).contiguous().movedim(0, -1)
    return TensorRows(coarse, tuple(tables), rows.jets, weights, weights[..., :1])


def _fine_per_coarse(table: Table) -> int:
    """The number of fine intervals in each coarse one where that is the same, else 1."""
    seen = torch.unique_consecutive(table.index[:, 0], return_counts=True)[1]
    return int(seen[0]) if bool((seen == seen[0]).all()) else 1


def _coarse_table(axis: Axis, fine: Axis, table: Table) -> tuple[Table, bool]:
    """Return the table of the functions of a coarse axis, and whether it has fewer points than that of the fine one."""
    if axis is fine:
        return table, False
    points = -(-COARSE_POINTS * axis.intervals // fine.intervals)
    is_thin = table.nodes.shape[1] > points and fine.intervals >= FINE_PER_COARSE * axis.intervals
    if is_thin:
        nodes, weights = (torch.from_numpy(a).to(table.nodes.device) for a in fine.gauss(points))
        table = replace(table, nodes=nodes, weights=weights)
    values, first = axis.basis.local(table.nodes.cpu(), len(table.values) - 1)
    index = torch.from_numpy(axis.coefficient_index(first[:, 0].numpy()[:, None] + np.arange(axis.degree + 1)))
    device = table.nodes.device
    return replace(table, values=values.to(device), index=index.to(device), count=axis.count), is_thin


def _interpolate_weights(
    weights: torch.Tensor, tables: Sequence[Table], point_counts: Mapping[int, int]
) -> torch.Tensor:
    """Interpolate weights to fewer Gauss points of every interval; ``point_counts``: their number by coordinate."""
    for i, points in point_counts.items():
        own = tables[i].weights
        old, gauss = gauss_legendre(own.shape[1])
        new, few = gauss_legendre(points)
        between = np.linalg.solve(np.vander(old, increasing=True).T, np.vander(new, len(old), increasing=True).T).T
        matrix = np.sqrt(few)[:, None] * between / np.sqrt(gauss)  # weights contain roots of those of the quadrature
        moved = torch.tensordot(weights, torch.from_numpy(matrix).to(weights.device), dims=([2 * i + 1], [1]))
        weights = moved.movedim(-1, 2 * i + 1)
    return weights
