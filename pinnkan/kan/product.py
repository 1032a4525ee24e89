"""The whole tensor-product spline space: one node per product of one-dimensional B-splines.

A block of multiplying nodes (KAN 2.0, arXiv:2408.10205; separable KANs, arXiv:2411.06286) on all coordinates is

    u(x_1, .., x_d) = sum_k c_k b_k1(x_1) ... b_kd(x_d),

linear in its coefficients c. An :class:`Axis` holds the splines of one coordinate, a :class:`Space` their product; a
coefficient array has one index per coordinate and the unknown last.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.axis import Axis, restrict_axis
from pinnkan.kan.field import Array, Field, breaks_of_pieces, evaluate_by_slab, slab_index
from pinnkan.kan.matrices import apply_matrix

#: The most values squared at once in a norm: the values of 504,100 coefficients in the plane would take 0.5 GB.
BATCH_VALUES = 2**22
#: The number of points sampled to decide whether many share their last coordinate. Heuristic.
PROBE_POINTS = 256


def unify_equal_axes(axes: Sequence[Axis]) -> tuple[Axis, ...]:
    """Return the axes with equal ones replaced by one object, so that its cached tables are computed once."""
    found: dict[tuple[object, ...], Axis] = {}
    return tuple(found.setdefault((a.breaks.tobytes(), a.degree, a.periodic, a.joints, a.smooth), a) for a in axes)


@dataclass(frozen=True, eq=False)
class Space:
    """The tensor product of the axes, for ``unknowns`` functions."""

    axes: tuple[Axis, ...]
    unknowns: int = 1

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of a coefficient array: one index per coordinate, then the unknown."""
        return (*(axis.count for axis in self.axes), self.unknowns)

    @property
    def size(self) -> int:
        """The number of coefficients."""
        return int(np.prod(self.shape))

    def with_axis(self, index: int, axis: Axis) -> "Space":
        """Return the space with the axis of coordinate ``index`` replaced."""
        return replace(self, axes=(*self.axes[:index], axis, *self.axes[index + 1 :]))

    def halved(self) -> "Space":
        """Return the space with every interval halved."""
        return replace(self, axes=tuple(axis.halved() for axis in self.axes))

    def prolong(self, coefficients: Array, fine: "Space") -> Array:
        """Return the coefficients of the same function in a space ``fine`` that contains this one."""
        for i, (coarse_axis, fine_axis) in enumerate(zip(self.axes, fine.axes, strict=True)):
            if coarse_axis is not fine_axis:
                coefficients = apply_matrix(coarse_axis.prolongation_to(fine_axis), coefficients, i)
        return coefficients

    def restrict(self, coefficients: Array, fine: "Space", restricted_axes: Sequence[int] | None = None) -> Array:
        """Return the function nearest to one of ``fine`` (in coefficients), along the axes ``restricted_axes``."""
        for i, (coarse_axis, fine_axis) in enumerate(zip(self.axes, fine.axes, strict=True)):
            if coarse_axis is not fine_axis and (restricted_axes is None or i in restricted_axes):
                coefficients = restrict_axis(coarse_axis, fine_axis, coefficients, i)
        return coefficients

    def evaluate_grid(self, coefficients: Array, axes: Sequence[Array], order: Sequence[int]) -> Array:
        """Return one derivative on a tensor grid, unknown last."""
        for i, (axis, x) in enumerate(zip(self.axes, axes, strict=True)):
            coefficients = apply_matrix(axis.sampling_matrix(np.asarray(x), order[i]), coefficients, i)
        return coefficients

    def evaluate(self, coefficients: Array, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Return derivatives at scattered points: (point, unknown, order).

        Where the points share a few last coordinates the last axis is contracted first, if that is less work.
        """
        few = _distinct_values(points[:, -1]) if len(self.axes) > 1 else None
        kinds = sorted({order[-1] for order in orders})
        width = float(np.prod([axis.degree + 1.0 for axis in self.axes]))
        if few is not None and coefficients.size * len(few[0]) * len(kinds) <= len(points) * self.unknowns * width:
            return self._evaluate_last_axis_first(coefficients, points, orders, *few)
        tables, columns = self._local(points, [max(o[i] for o in orders) for i in range(len(self.axes))])
        return _sum_products(coefficients, tables, columns, orders)

    def _evaluate_last_axis_first(
        self, coefficients: Array, points: Array, orders: Sequence[tuple[int, ...]], last: Array, place: np.ndarray
    ) -> Array:
        """Evaluate where the last coordinate of point i is ``last[place[i]]``, by contracting the last axis first."""
        kinds, rest = sorted({order[-1] for order in orders}), sorted({order[:-1] for order in orders})
        there = np.stack(
            [apply_matrix(self.axes[-1].matrix(last, k), coefficients, len(self.axes) - 1) for k in kinds], -2
        )
        others = replace(self, axes=self.axes[:-1])
        tables, columns = others._local(points[:, :-1], [max(o[i] for o in rest) for i in range(len(others.axes))])
        flat = there.reshape(*there.shape[:-2], -1)
        values = _sum_products(flat, tables, [*columns, place[:, None]], rest)
        values = values.reshape(len(points), len(kinds), self.unknowns, len(rest))
        kind, other = [kinds.index(o[-1]) for o in orders], [rest.index(o[:-1]) for o in orders]
        return values[:, kind, :, other].transpose(1, 2, 0)

    def _local(self, points: Array, highest: Sequence[int]) -> tuple[list[Array], list[np.ndarray]]:
        """Return, per coordinate, derivatives up to ``highest`` of the functions nonzero at points, and the indices."""
        tables, columns = [], []
        for axis, x, most in zip(self.axes, points.T, highest, strict=True):
            first, values = axis.local(x, most)
            tables.append(values)
            columns.append(axis.coefficient_index(first[:, None] + np.arange(axis.degree + 1)))
        return tables, columns

    def gauss_values(self, coefficients: Array) -> tuple[Array, Array]:
        """Return values on degree + 1 Gauss points per interval, and the weights of the grid (no unknown index)."""
        weights = np.ones(())
        for axis in self.axes:  # contract the first index, append its points last
            table, index = axis.gauss_tables
            rest = coefficients.shape[1:]
            local = coefficients[index].reshape(*index.shape, -1)
            values = np.matmul(table, local).reshape(-1, *rest)
            coefficients = np.moveaxis(values, 0, -1)
            weights = np.multiply.outer(weights, axis.gauss(axis.degree + 1)[1].ravel())
        return np.moveaxis(coefficients, 0, -1), weights

    def norm(self, coefficients: Array) -> Array:
        """Return the L2 norm of each unknown; without coordinates, absolute values."""
        if not self.axes:
            return np.abs(coefficients)
        longest = int(np.argmax([axis.count for axis in self.axes]))
        return np.sqrt(self.squared_norm_per_interval(coefficients, longest).sum(0))

    def squared_norm_per_interval(self, coefficients: Array, axis: int) -> Array:
        """Return the squared L2 norm over each interval of coordinate ``axis``: (interval, unknown)."""
        for i, other in enumerate(self.axes):
            if i != axis:
                coefficients = other.isometric_values(coefficients, i)
        own, moved = self.axes[axis], np.moveaxis(coefficients, axis, 0)
        moved = moved.reshape(own.count, -1, self.unknowns)
        few = max(1, BATCH_VALUES // (own.intervals * (own.degree + 1) * self.unknowns))
        parts = (own.weighted_gauss_values(moved[:, k : k + few]) ** 2 for k in range(0, moved.shape[1], few))
        return np.asarray(sum(part.reshape(own.intervals, -1, self.unknowns).sum(1) for part in parts))


def sum_terms(terms: Sequence[tuple[Space, Array]]) -> tuple[Space, Array]:
    """Return the sum of functions of spaces with nested axes, in the space of the richest axis of each coordinate."""
    richest = [max(same, key=lambda axis: axis.count) for same in zip(*(space.axes for space, _ in terms), strict=True)]
    whole = Space(tuple(richest), terms[0][0].unknowns)
    total = np.zeros(whole.shape)
    for space, coefficients in terms:  # nested axes of the same count are equal
        axes = tuple(r if a.count == r.count else a for a, r in zip(space.axes, richest, strict=True))
        total += replace(space, axes=axes).prolong(coefficients, whole)
    return whole, total


def _distinct_values(values: Array) -> tuple[Array, np.ndarray] | None:
    """Return the distinct values and the index of each entry in them; None if a sample suggests that they are many."""
    seen = values[:PROBE_POINTS]
    if len(values) < 2 or 2 * len(set(seen.tolist())) > len(seen):
        return None
    found, place = np.unique(values, return_inverse=True)
    return found, place


def _sum_products(
    coefficients: Array, tables: Sequence[Array], columns: Sequence[np.ndarray], orders: Sequence[tuple[int, ...]]
) -> Array:
    """Sum the products of local functions with their coefficients: (point, unknown, order).

    ``tables``: (order, point, function) per coordinate; ``columns``: indices (point, function). Further ``columns``
    have one function each, of weight one.
    """
    points, unknowns, widths = len(columns[0]), coefficients.shape[-1], [t.shape[-1] for t in tables]
    out, flat = np.empty((points, unknowns, len(orders))), coefficients.reshape(-1, unknowns)
    chunk = max(1, 4_000_000 // (int(np.prod(widths)) * unknowns))
    for start in range(0, points, chunk):
        part = slice(start, start + chunk)
        pick = columns[0][part]
        for c, count in zip(columns[1:], coefficients.shape[1:], strict=False):
            pick = pick[..., None] * count + c[part].reshape(len(pick), *(1,) * (pick.ndim - 1), -1)
        # contracted with the derivatives of the first coordinates, keyed by their orders
        partial: dict[tuple[int, ...], Array] = {(): flat.take(pick.reshape(len(pick), *widths), axis=0)}
        for o in orders:
            for i, table in enumerate(tables):
                if o[: i + 1] not in partial:
                    partial[o[: i + 1]] = np.einsum("pm,pm...->p...", table[o[i]][part], partial[o[:i]])
        out[part] = np.stack([partial[tuple(o)] for o in orders], -1)
    return out


def constant_piece(axes: Sequence[Axis], trace: Array, start: float, end: float) -> tuple[Space, Array]:
    """Return the piece of a slab between two times that is constant in time: a ``trace`` on the ``axes`` of space."""
    return Space((*axes, Axis(np.array([start, end]), 1)), trace.shape[-1]), np.stack([trace] * 2, axis=-2)


@dataclass(frozen=True, eq=False)
class ProductField(Field):
    """Tensor-product splines, one piece per slab; ``ends``: slab ends in time, None for a steady problem."""

    pieces: tuple[tuple[Space, Array], ...]
    ends: Array | None = None

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        def evaluate(k: int, there: Array) -> Array:
            space, c = self.pieces[k]
            return space.evaluate(c, there, orders)

        return evaluate_by_slab(self.ends, points, orders, evaluate)

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        if self.ends is None:
            space, c = self.pieces[0]
            return space.evaluate_grid(c, axes, order)
        t = np.asarray(axes[-1], dtype=np.float64)
        owner = slab_index(self.ends, t)
        parts = []
        for k in np.unique(owner):
            space, c = self.pieces[k]
            parts.append(space.evaluate_grid(c, [*axes[:-1], t[owner == k]], order))
        return np.concatenate(parts, axis=-2)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        return breaks_of_pieces(self.ends, [[a.breaks for a in space.axes] for space, _ in self.pieces], axis, time)
