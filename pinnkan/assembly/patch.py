"""An equation on a grid of cells: its residuals and rows there, for all intervals or for some at a time."""

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, reduce

import numpy as np
import torch

from pinnkan.assembly.derivative_sums import DerivativeKey, DerivativeSums
from pinnkan.assembly.equation import CompiledEquation, broadcast_to_grid, grid_coordinates, scale_part, stack_last
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import Rows, TensorRows, grid_jets, interval_batches, interval_index
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table, gauss_table

#: Rows of a linear equation with more weights than this are recomputed when needed; the second limit is for constant
#: weights. Recomputing varying ones takes half as long as a product with J^T J, constant ones no time.
MAX_KEPT_WEIGHTS, MAX_KEPT_CONSTANTS = 2**24, 2**20
#: Points per interval for means of weights over it: conjugate gradients take as many steps.
FEW_POINTS = 2


def are_recomputed(equation: CompiledEquation, points: float) -> bool:
    """Whether the rows of an equation at so many ``points`` are recomputed rather than stored."""
    most = MAX_KEPT_WEIGHTS if equation.constant_slopes is None else MAX_KEPT_CONSTANTS
    return equation.is_linear and points * len(equation.jets) > most


class Patch:
    """An equation on a grid: all cells of a box, or those along a side. Sum factorisation applies to it.

    ``tables``: points by coordinate; ``scale``: weight of the rows, a number or (interval, 1 or point, interval, ..).
    """

    def __init__(
        self, equation: CompiledEquation, space: Space, tables: Sequence[Table], scale: float | torch.Tensor = 1.0
    ) -> None:
        self.equation, self.space, self.tables = equation, space, tuple(tables)
        self.shape = tuple(n for t in tables for n in t.nodes.shape)
        self.scale = scale
        self.quadrature_roots = [broadcast_to_grid(t.weights, i, len(tables)).sqrt() for i, t in enumerate(tables)]
        self.count = int(np.prod(self.shape))
        self.volume = float(np.prod([float(t.weights.sum()) for t in tables]))

    @property
    def device(self) -> torch.device:
        """The device of the tables."""
        return self.tables[0].nodes.device

    def with_few_points(self, coordinate: int | None) -> "Patch":
        """The patch on few points per interval except in one ``coordinate``; unchanged if scales vary by point."""
        tables = list(self.tables)
        for i, (axis, t) in enumerate(zip(self.space.axes, tables, strict=True)):
            if i != coordinate and len(t.nodes) == axis.intervals and t.nodes.shape[1] > FEW_POINTS:
                tables[i] = gauss_table(axis, FEW_POINTS, len(t.values) - 1, self.device)
        same = all(a is b for a, b in zip(tables, self.tables, strict=True))
        return self if same or not self.has_cell_scale else self.with_tables(tables)

    def with_tables(self, tables: Sequence[Table]) -> "Patch":
        """The patch at other points of the same intervals."""
        return Patch(self.equation, self.space, tables, self.scale)

    @property
    def has_cell_scale(self) -> bool:
        """Whether the scale is constant in every cell."""
        return isinstance(self.scale, float) or all(n == 1 for n in self.scale.shape[1::2])

    @property
    def root_weight(self) -> torch.Tensor:
        """The roots of the weights of all rows: (interval, point, interval, ..)."""
        return self.root_weight_part(slice(None))

    def root_weight_part(self, part: slice, coordinate: int = 0) -> torch.Tensor:
        """The roots of the weights in the intervals ``part`` of the coordinate ``coordinate``."""
        index = interval_index(part, coordinate)
        roots = [r[index] if i == coordinate else r for i, r in enumerate(self.quadrature_roots)]
        return reduce(torch.mul, roots) * scale_part(self.scale, part, coordinate)

    @cached_property
    def points(self) -> torch.Tensor:
        """The points of the rows: (interval, point, interval, .., coordinate)."""
        return stack_last([x.expand(self.shape) for x in grid_coordinates(self.tables)])

    def jets(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The jets of the equation at the points for given coefficients: (interval, point, interval, .., jet)."""
        return self._jets(self.tables, coefficients)

    def loss(self, coefficients: torch.Tensor) -> float:
        """The weighted sum of squares of the residual; nan or inf where it is not finite."""
        return sum(float(r.square().sum()) for _, r in self.residual_parts(coefficients))

    def residual(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The residual at the points times the root of the weights: (interval, point, interval, ..)."""
        out = coefficients.new_empty(self.shape)
        for part, residual in self.residual_parts(coefficients):
            out[part] = residual
        return out

    def residual_parts(self, coefficients: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Iterate over the residual in consecutive ranges of intervals of the first coordinate."""
        for part, tables in interval_batches(self.tables):
            yield part, self._value(tables, coefficients) * self.root_weight_part(part)

    def directional_squares(self, coefficients: torch.Tensor, smooth_basis: Sequence[torch.Tensor]) -> torch.Tensor:
        """The squared residual by cell, projected on ``smooth_basis`` in all coordinates but one.

        ``smooth_basis``: for each coordinate orthonormal functions on an interval, (function, point).
        """
        count, points = len(self.tables), tuple(range(1, 2 * len(self.tables), 2))
        total = coefficients.new_zeros((count, *self.shape[::2]))
        for place, residual in self.residual_parts(coefficients):
            for i in range(count):
                part = residual
                for j in range(count):
                    if j != i:  # the number of values falls with each projection
                        part = torch.tensordot(part, smooth_basis[j], dims=([2 * j + 1], [1])).movedim(-1, 2 * j + 1)
                total[i, place] += part.square().sum(points)
        return total

    def rows(self, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> Rows:
        """Rows at ``coefficients``, with a right-hand side F + J move for each prescribed step of fixed ones."""
        if are_recomputed(self.equation, self.count):
            return RecomputedRows(self, coefficients, prescribed_steps)
        return self._written_out(self._rows(lambda part, tables: self._jets(tables, coefficients), prescribed_steps))

    def rows_from_jets(self, jets: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> Rows:
        """The rows linearised at a function given by its ``jets`` at the points."""
        return self._written_out(self.tensor_rows(jets, prescribed_steps))

    def _written_out(self, rows: TensorRows) -> Rows:
        """The rows written out where there is one coordinate with a single interval, else unchanged."""
        return rows.to_cell_rows() if len(self.tables) == 1 and self.tables[0].is_single_interval else rows

    def tensor_rows(self, jets: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> TensorRows:
        """The rows linearised at ``jets``, always as tensor rows."""
        return self._rows(lambda part, tables: jets[part], prescribed_steps)

    def _rows(
        self, jets: Callable[[slice, tuple[Table, ...]], torch.Tensor], prescribed_steps: Sequence[torch.Tensor]
    ) -> TensorRows:
        """Tensor rows, computed for some intervals of the first coordinate at a time to save memory."""
        sides, given = max(1, len(prescribed_steps)), nonzero_steps(prescribed_steps)
        empty, counts = self.quadrature_roots[0].new_empty, (len(self.equation.jets), sides)
        weights, residual = (empty((n, *self.shape)).movedim(0, -1) for n in counts)
        for part, tables in interval_batches(self.tables):
            f, slopes = self.equation.linearise_grid(grid_coordinates(tables), jets(part, tables))
            root = self.root_weight_part(part).unsqueeze(-1)
            torch.mul(self._residual_after_steps(tables, f, slopes, given), root, out=residual[part])
            torch.mul(slopes, root, out=weights[part])
        constants = self.equation.constants
        return TensorRows(
            self.space, self.tables, self.equation.jets, weights, residual, scale=self.scale, constants=constants
        )

    def residual_part(
        self,
        part: slice,
        tables: tuple[Table, ...],
        coefficients: torch.Tensor,
        prescribed_steps: Sequence[torch.Tensor | None],
    ) -> torch.Tensor:
        """Weighted F + J move in the intervals ``part`` of the first coordinate, by move: (interval, .., rhs)."""
        root = self.root_weight_part(part).unsqueeze(-1)
        if all(m is None for m in prescribed_steps):
            value = self._value(tables, coefficients).unsqueeze(-1) * root
            return value.expand(*value.shape[:-1], max(1, len(prescribed_steps)))
        f, slopes = self.equation.linearise_grid(grid_coordinates(tables), self._jets(tables, coefficients))
        return self._residual_after_steps(tables, f, slopes, prescribed_steps) * root

    def _residual_after_steps(
        self,
        tables: tuple[Table, ...],
        f: torch.Tensor,
        slopes: torch.Tensor,
        prescribed_steps: Sequence[torch.Tensor | None],
    ) -> torch.Tensor:
        """F + J move for each of ``prescribed_steps``: (interval, point, .., rhs); F alone without any."""
        changed = (f if m is None else f + (slopes * self._jets(tables, m)).sum(-1) for m in prescribed_steps)
        return stack_last(list(changed) or [f])

    def _value(self, tables: tuple[Table, ...], coefficients: torch.Tensor) -> torch.Tensor:
        """F at the points of the tables."""
        return self.equation.grid_value(grid_coordinates(tables), grid_jets(tables, coefficients, self.equation.jets))

    def _jets(self, tables: tuple[Table, ...], coefficients: torch.Tensor) -> torch.Tensor:
        return stack_last(grid_jets(tables, coefficients, self.equation.jets))


def nonzero_steps(prescribed_steps: Sequence[torch.Tensor]) -> list[torch.Tensor | None]:
    """The moves, with None in place of those that are zero."""
    return [m if bool(m.any()) else None for m in prescribed_steps]


class RecomputedRows(TensorRows):
    """The rows of a linear equation on a :class:`Patch`, recomputed when needed, some intervals at a time.

    ``weights`` and ``residual`` compute all at once. ``linearisation``: coefficients of the linearisation, and
    prescribed moves.
    """

    patch: Patch
    linearisation: tuple[torch.Tensor, Sequence[torch.Tensor]]

    def __init__(self, patch: Patch, coefficients: torch.Tensor, prescribed_steps: Sequence[torch.Tensor]) -> None:
        own = {"space": patch.space, "tables": patch.tables, "jets": patch.equation.jets, "scale": patch.scale}
        at = coefficients, prescribed_steps
        vars(self).update(own, constants=patch.equation.constants, patch=patch, linearisation=at)

    @property
    def constant_slopes(self) -> tuple[float, ...] | None:
        has_weight_one = isinstance(self.patch.scale, float) and self.patch.scale == 1.0
        return self.patch.equation.constant_slopes if has_weight_one else None

    @cached_property
    def _operator_sum(self) -> DerivativeSums | None:
        """The operator as one sum of derivatives, where its slopes are constant; None if not, or if it is zero."""
        pairs = zip(self.jets, self.constant_slopes or [0.0] * len(self.jets), strict=True)
        found: dict[DerivativeKey, float] = {((j.unknown, ()), j.order): number for j, number in pairs if number}
        return DerivativeSums((found,)) if found else None

    def with_few_points(self, coordinate: int | None = None) -> "RecomputedRows":
        patch = self.patch if self.constant_slopes is not None else self.patch.with_few_points(coordinate)
        return self if patch is self.patch else RecomputedRows(patch, *self.linearisation)

    @cached_property
    def _prescribed_steps(self) -> list[torch.Tensor | None]:
        """The prescribed moves, None where zero; computed once."""
        return nonzero_steps(self.linearisation[1])

    @property
    def weights(self) -> torch.Tensor:
        return self.weights_part(slice(None))

    @property
    def residual(self) -> torch.Tensor:
        return torch.cat([self.residual_part(part) for part, _ in interval_batches(self.tables)])

    def weights_part(self, part: slice, coordinate: int = 0) -> torch.Tensor:
        root = self.patch.root_weight_part(part, coordinate)
        tables = [t.part(part) if i == coordinate else t for i, t in enumerate(self.tables)]
        slopes = self.patch.equation.grid_slopes(grid_coordinates(tables))
        return stack_last([slope * root for slope in slopes])

    def residual_part(self, part: slice) -> torch.Tensor:
        first, *others = self.tables
        tables = first.part(part), *others
        return self.patch.residual_part(part, tables, self.linearisation[0], self._prescribed_steps)

    def image_part(self, part: slice, tables: tuple[Table, ...], values: torch.Tensor) -> torch.Tensor:
        if self._operator_sum is None:
            return super().image_part(part, tables, values)
        unknowns = {j.unknown for j in self.jets}
        (found,) = self._operator_sum.evaluate(tables, {(u, ()): values[..., u, :] for u in unknowns})
        return (found * self.patch.root_weight_part(part)).movedim(0, -1)

    def add_transpose(self, part: slice, tables: tuple[Table, ...], residual: torch.Tensor, out: torch.Tensor) -> None:
        if self._operator_sum is None:
            super().add_transpose(part, tables, residual, out)
            return
        first, *others = tables
        own, places = first.compact()
        weighed = residual.movedim(-1, 0) * self.patch.root_weight_part(part)
        for (u, _), found in self._operator_sum.transpose((own, *others), [weighed]).items():
            out[..., u, :].index_add_(0, places, found)

    def gradient_after_step(self, ordering: Ordering, step: torch.Tensor | None) -> torch.Tensor:
        """J^T (r + J d) for the residual r and a step d, both (free coefficient, rhs); None: d = 0."""
        values = None if step is None else ordering.extend_by_zeros(step).reshape(*self.space.shape, step.shape[1])
        return self.full_gradient(values).reshape(self.space.size, -1)[ordering.free]

    def full_gradient(self, values: torch.Tensor | None) -> torch.Tensor:
        """J^T (r + J d) for ``values`` d of all coefficients: (coefficient, .., unknown, rhs); None: d = 0."""
        sides = max(1, len(self.linearisation[1]))
        out = self.linearisation[0].new_zeros((*(t.count for t in self.tables), self.space.unknowns, sides))
        for part, tables in interval_batches(self.tables):
            left = self.residual_part(part)  # unlike F after the step, always with the same rounding
            left = left if values is None else left + self.image_part(part, tables, values)
            self.add_transpose(part, tables, left, out)
        return out
