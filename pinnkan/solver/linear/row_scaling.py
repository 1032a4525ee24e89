"""Preconditioning of operators that vary: rows divided by the size of the operator, coefficients scaled in turn.

With u = v / k, the rows of div(k grad u) = f become those of the Laplacian of v, up to lower derivatives. An inverse of
these, between two scalings of the coefficients, preconditions the original rows (Loli, Montardini, Sangalli, Tani
2020). No k is needed: the size of an operator at a point is that of its weights on functions as fine as the knots.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, reduce

import numpy as np
import torch

from pinnkan.assembly.equation import broadcast_to_grid, scale_part
from pinnkan.assembly.normal_matrix.diagonal import diagonal_by_cells
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.patch import RecomputedRows
from pinnkan.assembly.tensor_rows import TensorRows, interval_batches
from pinnkan.kan.product import Space
from pinnkan.problem.statement import Jet
from pinnkan.problem.units.term_sizes import jet_sizes

#: Number of layers of coefficients at a side with rows that get the same scale: those that the rows couple.
SIDE_LAYERS = 3


@dataclass(frozen=True, eq=False)
class ScaledInverse:
    """An inverse of J^T J from ``divided_inverse``, one of rows divided by their size.

    ``scale``: (free coefficient, 1).
    """

    divided_inverse: Callable[[torch.Tensor], torch.Tensor]
    scale: torch.Tensor

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """Return the approximate inverse times ``right`` (free coefficient, rhs)."""
        return self.scale * self.divided_inverse(self.scale * right)


class OperatorSizes:
    """The size of an operator at grid points, relative to that with its mean weights: about one.

    Its square is the sum over jets of (weight * prod (degree / width)^order)^2. ``mean_squares`` (jet): mean squares of
    the weights without those of the quadrature.
    """

    def __init__(self, rows: TensorRows) -> None:
        self.rows = rows
        self._weight = [broadcast_to_grid(t.weights, i, len(rows.tables)) for i, t in enumerate(rows.tables)]
        self._squared_jet_factors = [[f.square() for f in self._jet_factors(j)] for j in rows.jets]
        self.mean_squares = self._mean_squares()
        finest = zip(self.mean_squares, self._squared_jet_factors, strict=True)
        self._mean = reduce(torch.add, (m * reduce(torch.mul, f) for m, f in finest)).clamp_min(1e-300)

    def sizes_in(self, weights: torch.Tensor, part: slice, coordinate: int = 0) -> torch.Tensor:
        """The size in some intervals of ``coordinate``, from the ``weights`` there: (interval, point, ..)."""
        total = torch.zeros_like(weights[..., 0])
        for own, finest in zip(weights.unbind(-1), self._squared_jet_factors, strict=True):
            square = own.square()
            for f, w in zip(finest, self._weight, strict=True):
                square *= torch.as_tensor(scale_part(f, part, coordinate)) / scale_part(w, part, coordinate)
            total += square
        return total.div_(scale_part(self._mean, part, coordinate)).sqrt_().clamp_min_(1e-6)

    @cached_property
    def grid_sizes(self) -> torch.Tensor:
        """The size at all points."""
        return self.sizes_in(self.rows.weights, slice(None))

    def _mean_squares(self) -> torch.Tensor:
        """The mean squares of the weights without those of the quadrature: (jet)."""
        rows = self.rows.with_few_points()
        total = rows.tables[0].values.new_zeros(len(rows.jets))
        if rows.constant_slopes is not None:
            return total + torch.tensor(rows.constant_slopes).square().to(total)
        for part, tables in interval_batches(rows.tables):
            squares = rows.weights_part(part).movedim(-1, 0).square()
            for table in reversed(tables):
                squares = squares.flatten(-2) @ (1.0 / table.weights.reshape(-1))
            total += squares
        return total / rows.count

    def size_range(self) -> tuple[float, float]:
        """The smallest and the largest size."""
        if self.rows.constant_slopes is not None:
            cells = zip(self.rows.constant_slopes, self._squared_jet_factors, strict=True)
            square = sum(number**2 * reduce(torch.mul, f) for number, f in cells) / self._mean
            assert isinstance(square, torch.Tensor)
            return float(square.min().sqrt()), float(square.max().sqrt())
        few = OperatorSizes(self.rows.with_few_points())
        found = [
            few.sizes_in(few.rows.weights_part(part), part).aminmax() for part, _ in interval_batches(few.rows.tables)
        ]
        return min(float(low) for low, _ in found), max(float(high) for _, high in found)

    def _jet_factors(self, jet: Jet) -> list[torch.Tensor]:
        """The factor (degree / width)^order of a derivative, for each coordinate."""
        out = []
        for i, table in enumerate(self.rows.tables):
            axis = self.rows.space.axes[i]
            width = torch.as_tensor(axis.breaks).diff().to(table.nodes.device)
            width = width if len(width) == len(table.nodes) else width.mean().reshape(1)
            out.append(
                broadcast_to_grid(((axis.degree / width) ** jet.order[i]).reshape(-1, 1), i, len(self.rows.tables))
            )
        return out


def coarse_mean_square(rows: TensorRows, coarse: Space, unknown: int) -> float:
    """The mean square of the rows for a function of one unknown that varies over an interval of ``coarse``.

    It varies along the coordinates that are coarser than those of the rows; zero for rows on a side.
    """
    if any(t.nodes.numel() == 1 for t in rows.tables):
        return 0.0
    pairs = zip(rows.space.axes, coarse.axes, strict=True)
    waves = jet_sizes(rows.jets, [np.inf if a is b else float(np.ptp(b.breaks)) / b.intervals for a, b in pairs])
    squares = OperatorSizes(rows.with_few_points()).mean_squares.tolist()
    found = [
        s * w**2 for s, w, j in zip(squares, waves, rows.jets, strict=True) if j.unknown == unknown and j.total_order
    ]
    return sum(found)


class DividedRows(RecomputedRows):
    """Rows that are computed on demand, divided by the sizes of their operator; without a residual."""

    _sizes: OperatorSizes

    def __init__(self, rows: RecomputedRows, sizes: OperatorSizes) -> None:
        super().__init__(rows.patch, *rows.linearisation)
        vars(self).update(_sizes=sizes)

    @property
    def constant_slopes(self) -> None:
        """None: the weights vary from point to point."""
        return None

    def with_few_points(self, coordinate: int | None = None) -> "DividedRows":
        """See :class:`pinnkan.assembly.tensor_rows.TensorRows`."""
        few = RecomputedRows(self.patch.with_few_points(coordinate), *self.linearisation)
        return DividedRows(few, OperatorSizes(few))

    def weights_part(self, part: slice, coordinate: int = 0) -> torch.Tensor:
        """See :class:`pinnkan.assembly.tensor_rows.TensorRows`."""
        weights = super().weights_part(part, coordinate)
        size: torch.Tensor = self._sizes.sizes_in(weights, part, coordinate)
        return (weights.movedim(-1, 0) / size).movedim(0, -1)


def divide_by_size(sizes: OperatorSizes) -> TensorRows:
    """Return the rows divided by the sizes of their operator."""
    rows = sizes.rows
    if isinstance(rows, RecomputedRows):
        return DividedRows(rows, sizes)
    return replace(rows, weights=(rows.weights.movedim(-1, 0) / sizes.grid_sizes).movedim(0, -1))


def coefficient_scale(
    rows: Sequence[TensorRows], divided_rows: Sequence[TensorRows], diagonal: torch.Tensor, ordering: Ordering
) -> torch.Tensor:
    """The root of the ratio of diagonals of J^T J, ``divided_rows`` over rows: (free coefficient, 1)."""
    other = diagonal_by_cells(divided_rows)
    scale = (other / torch.where(diagonal > 0.0, diagonal, other.clamp_min(1e-300))).sqrt()
    for r in rows:
        for i, table in enumerate(r.tables):
            if table.nodes.numel() == 1:
                extend_scale_to_side(scale, i, at_end=int(table.index.max()) == table.count - 1)
    return scale.reshape(-1, 1)[ordering.free]


def extend_scale_to_side(scale: torch.Tensor, index: int, at_end: bool) -> None:
    """Set the scale of the SIDE_LAYERS outermost layers of a coordinate to that of the next layer inside, in place."""
    layers = scale.movedim(index, 0)
    layers = layers.flip(0) if at_end else layers
    count = min(SIDE_LAYERS, len(layers) - 1)
    kept = layers[count].clone()
    moved = scale.movedim(index, 0)
    if at_end:
        moved[-count:] = kept
    else:
        moved[:count] = kept
