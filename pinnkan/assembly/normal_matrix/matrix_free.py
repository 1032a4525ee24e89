"""J^T J of rows on grids without a matrix: products with coefficients, and the diagonal, by sum factorisation.

Inner coordinates have a single interval, such as the time of a slab, and about as many points as coefficients; they are
evaluated first and transposed last. The others are processed for some intervals of the first of them at a time, so that
the values at their points stay in the cache (matrix-free weighted quadrature: Sangalli, Tani 2018).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from pinnkan.assembly.derivative_sums import DerivativeFactors, DerivativeKey, DerivativeSums
from pinnkan.assembly.device import batch_size
from pinnkan.assembly.equation import quadrature_factors
from pinnkan.assembly.normal_matrix.banded_products import BandedProducts
from pinnkan.assembly.normal_matrix.diagonal import add_by_points, empty_diagonal
from pinnkan.assembly.normal_matrix.grouped_tables import group_table
from pinnkan.assembly.normal_matrix.separable_boxes import split_separable_boxes
from pinnkan.assembly.patch import RecomputedRows
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.table import Table
from pinnkan.problem.statement import Jet

#: Weights that are processed at once: a product of degree 8 on 192 x 192 intervals takes 48 ms, with 2^18 73 ms.
BATCH_WEIGHTS = 2**20
#: Weights per coefficient up to which they are stored (2 kB); recomputing takes half as long as a product.
MAX_WEIGHTS_PER_COEFFICIENT = 256
#: For a block of rows: the numbers of its sums of derivatives, each with the derivative whose weight it has.
_SumNumbers = list[tuple[int, int]]


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some intervals of the first outer coordinate, ``part``, with tables for evaluation and for its transpose.

    ``coefficient_index``: the coefficients of the first coordinate as numbered by ``transpose_tables``; ``weights``:
    for each block of rows those of its sums, (point of inner coordinates .., 1, interval, point, ..), None if they are
    recomputed.
    """

    evaluation_tables: tuple[Table, ...]
    transpose_tables: tuple[Table, ...]
    coefficient_index: torch.Tensor
    weights: tuple[tuple[torch.Tensor, ...] | None, ...]
    part: slice


class MatrixFree:
    """J^T J of several blocks of rows of one space; blocks at the same points share the derivatives there."""

    def __init__(self, rows: Sequence[TensorRows]) -> None:
        self.rows = tuple(rows)
        together: dict[tuple[int, ...], list[TensorRows]] = {}
        for r in rows:
            together.setdefault(tuple(map(id, r.tables)), []).append(r)
        self._rows_by_points = list(together.values())
        self._is_pointwise = False

    @cached_property
    def _groups(self) -> "list[_Group | BandedProducts]":
        """The rows in groups at the same points, as banded products or by points; built for the first product."""
        out: list[_Group | BandedProducts] = []
        for some in self._rows_by_points:
            found, left = ([], [some]) if self._is_pointwise else split_separable_boxes(some)
            out += [*found, *map(_Group, left)]
        return out

    def use_pointwise_products(self) -> bool:
        """Compute J^T (J v) by points from now on; whether that is a change.

        Banded products sum squares that cancel: near a resonance J v may be 1e-4 of v, as large as their rounding.
        """
        if self._is_pointwise or not any(isinstance(g, BandedProducts) for g in self._groups):
            return False
        self._is_pointwise = True
        del self._groups
        return True

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """J^T J of coefficients (coefficient, .., unknown, rhs), of the same shape."""
        out = torch.zeros_like(values)
        for group in self._groups:
            group.add(values, out)
        return out

    def diagonal(self) -> torch.Tensor:
        """The diagonal of J^T J: (coefficient, .., unknown)."""
        out = empty_diagonal(self.rows)
        for group in self._groups:
            if isinstance(group, BandedProducts):
                group.add_diagonal(out)
            else:
                add_by_points(group.rows, out)
        return out


class _Group:
    """Blocks of rows at the same points, evaluated by points.

    ``outer``: coordinates with many intervals, last one first, at least one; ``inner``: the others.
    ``derivative_sums``: the sums of derivatives taken to the points; ``row_sums``: for each block the sums it uses.
    """

    def __init__(self, rows: Sequence[TensorRows]) -> None:
        self.rows, self.tables = tuple(rows), rows[0].tables
        many = [i for i, t in enumerate(self.tables) if len(t.index) > 1]
        self.outer = many[::-1] or [0]
        self.inner = [i for i in range(len(self.tables)) if i not in self.outer]
        self.grouped = [group_table(self.tables[i]) for i in self.outer]
        sums, self.row_sums = min(
            (self._sums(alike) for alike in (_separate_derivatives, _merged_derivatives)),
            key=lambda found: len(found[0]),
        )
        self.derivative_sums = DerivativeSums(sums)

    def _sums(
        self, partition: Callable[[TensorRows], list[dict[int, float]]]
    ) -> tuple[tuple[DerivativeFactors, ...], list[_SumNumbers]]:
        """The distinct sums of derivatives that blocks weigh ``partition``, and the sums of each block."""
        sums: dict[frozenset[tuple[DerivativeKey, float]], int] = {}
        out: list[_SumNumbers] = []
        for r in self.rows:
            found = [
                ({self._derivative(r.jets[k]): f for k, f in part.items()}, next(iter(part))) for part in partition(r)
            ]
            out.append([(sums.setdefault(frozenset(s.items()), len(sums)), k) for s, k in found])
        return tuple(dict(s) for s in sums), out

    def _derivative(self, jet: Jet) -> DerivativeKey:
        """A jet as a function, by unknown and inner orders, and its orders in the outer coordinates."""
        return (jet.unknown, tuple(jet.order[i] for i in self.inner)), tuple(jet.order[i] for i in self.outer)

    def add(self, values: torch.Tensor, out: torch.Tensor) -> None:
        """Add J^T J of ``values`` (coefficient, .., unknown, rhs) to ``out``."""
        seen = {key: self._inner_values(values, *key) for key in {k for s in self.derivative_sums.sums for k, _ in s}}
        sums = {key: torch.zeros_like(v) for key, v in seen.items()}
        for chunk in self.chunks:
            found = self.derivative_sums.evaluate(chunk.evaluation_tables, seen)
            images: dict[int, torch.Tensor] = {}
            for r, own, kept in zip(self.rows, self.row_sums, chunk.weights, strict=True):
                if r.constant_slopes is not None:
                    self._add_constant_images(r.constant_slopes, own, chunk.part, found, images)
                    continue
                weights = self._sum_weights(r, own, chunk.part) if kept is None else kept
                image = weights[0] * found[own[0][0]]
                for (n, _), weight in zip(own[1:], weights[1:], strict=True):
                    image.addcmul_(weight, found[n])
                is_last = r is self.rows[-1]  # then the derivatives may be overwritten
                for (n, _), weight in zip(own, weights, strict=True):
                    if n in images:
                        images[n].addcmul_(weight, image)
                    else:
                        images[n] = torch.mul(weight, image, out=found[n] if is_last else None)
            for key, part in self.derivative_sums.transpose(
                chunk.transpose_tables, [images[n] for n in range(len(found))]
            ).items():
                sums[key].index_add_(0, chunk.coefficient_index, part)
        for key, total in sums.items():
            self._add_inner_transpose(total, *key, out)

    def _add_constant_images(
        self, slopes: Sequence[float], sum_numbers: _SumNumbers, part: slice,
        derivatives: Sequence[torch.Tensor], images: dict[int, torch.Tensor],
    ) -> None:  # fmt: skip
        """Add the contribution to ``images`` of rows with constant slopes ``slopes`` in some intervals."""
        (first, k), *others = sum_numbers
        image = slopes[k] * derivatives[first]
        for n, k in others:
            image.add_(derivatives[n], alpha=slopes[k])
        for factor in quadrature_factors(self.tables, part, self.outer[0]):
            image.mul_(self._grouped_weights(factor))
        for n, k in sum_numbers:
            images[n] = images[n].add_(image, alpha=slopes[k]) if n in images else slopes[k] * image

    def _inner_values(self, values: torch.Tensor, unknown: int, orders: Sequence[int]) -> torch.Tensor:
        """An unknown at the points of the inner coordinates: (coefficient of outer .., point of inner .., rhs)."""
        x = values.select(-2, unknown).permute(*self.outer, *self.inner, len(self.tables))
        for n, known in enumerate(self.grouped):
            x = known.expand(x, n)
        for n, (i, order) in enumerate(zip(self.inner, orders, strict=True), len(self.outer)):
            t = self.tables[i]
            x = torch.tensordot(x.index_select(n, t.index[0]), t.values[order, 0], dims=([n], [1])).movedim(-1, n)
        return x.contiguous()

    def _add_inner_transpose(self, total: torch.Tensor, unknown: int, orders: Sequence[int], out: torch.Tensor) -> None:
        """Add the transpose of :meth:`_taken` to ``out``."""
        for n, (known, i) in enumerate(zip(self.grouped, self.outer, strict=True)):
            total = known.expand_transpose(total, n, self.tables[i].count)
        for n, (i, order) in enumerate(zip(self.inner, orders, strict=True), len(self.outer)):
            t = self.tables[i]
            x = torch.tensordot(total, t.values[order, 0], dims=([n], [0])).movedim(-1, n)
            shape = [*x.shape[:n], t.count, *x.shape[n + 1 :]]
            total = x.new_zeros(shape).index_add_(n, t.index[0], x)
        back = np.argsort([*self.outer, *self.inner, len(self.tables)]).tolist()
        out[..., unknown, :] += total.permute(back)

    @cached_property
    def chunks(self) -> list[_Chunk]:
        """All chunks of intervals with their weights; built for the first product, as the diagonal needs none."""
        first, *others = (known.table for known in self.grouped)
        pairs = list(zip(self.rows, self.row_sums, strict=True))
        points = max(1, max(r.count * len(own) for r, own in pairs) // len(first.index))
        size, out = max(1, batch_size(BATCH_WEIGHTS, first.nodes.device) // points), []
        for start in range(0, len(first.index), size):
            there = first.part(slice(start, start + size))
            back, places = there.compact()
            part = self.grouped[0].interval_slice(slice(start, start + size), len(self.tables[self.outer[0]].index))
            some = tuple(None if _is_recomputed(r, own) else self._sum_weights(r, own, part) for r, own in pairs)
            out.append(_Chunk((there, *others), (back, *others), places, some, part))
        return out

    def _sum_weights(self, rows: TensorRows, sum_numbers: _SumNumbers, part: slice) -> tuple[torch.Tensor, ...]:
        """The weights of the sums ``sum_numbers`` in some intervals of the first outer coordinate."""
        weights = rows.weights_part(part, self.outer[0])
        return tuple(_in_product_order(self._grouped_weights(weights[..., k])) for _, k in sum_numbers)

    def _grouped_weights(self, weight: torch.Tensor) -> torch.Tensor:
        """Permute (interval, point, ..) to (point of inner .., 1, group of intervals, point of outer, ..)."""
        grid = [n for i in self.outer for n in (2 * i, 2 * i + 1)]
        inner = [n for i in self.inner for n in (2 * i, 2 * i + 1)]
        moved = weight.permute(*inner, *grid)
        for n in range(len(self.inner)):
            moved = moved.squeeze(n)
        for n, known in enumerate(self.grouped):
            moved = known.group_points(moved, len(self.inner) + 2 * n)
        return moved.unsqueeze(len(self.inner))


def _separate_derivatives(rows: TensorRows) -> list[dict[int, float]]:
    """Each derivative as a sum by itself."""
    return [{k: 1.0} for k in range(len(rows.jets))]


def _merged_derivatives(rows: TensorRows) -> list[dict[int, float]]:
    """Derivatives with constant slopes as one sum, over the first of these slopes, and each other one by itself."""
    known = {k: c for k, c in enumerate(rows.constants) if c}
    first = next(iter(known.values()), 1.0)
    others = [{k: 1.0} for k in range(len(rows.jets)) if k not in known]
    return ([{k: c / first for k, c in known.items()}] if known else []) + others


def _is_recomputed(rows: TensorRows, sum_numbers: _SumNumbers) -> bool:
    """Whether weights are recomputed for every product; else a copy is stored in the memory order of products."""
    return rows.constant_slopes is not None or (
        isinstance(rows, RecomputedRows)
        and rows.count * len(sum_numbers) > MAX_WEIGHTS_PER_COEFFICIENT * rows.space.size
    )


def _in_product_order(weight: torch.Tensor) -> torch.Tensor:
    """A copy in the memory order of :func:`pinnkan.assembly.tensor_rows.evaluate`: last coordinate first."""
    return weight.movedim((-2, -1), (0, 1)).contiguous().movedim((0, 1), (-2, -1))
