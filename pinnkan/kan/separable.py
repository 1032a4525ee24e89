"""A sum of products of one-dimensional splines in all coordinates, with trained splines.

    u(x) = sum_r prod_i phi_ri(x_i)

Every edge phi_ri is a spline with its own coefficients; the edges of a coordinate share their knots. The number of
coefficients is linear in the number of coordinates. Such sums occur in separable KANs (arXiv:2411.06286), the
multiplying nodes of KAN 2.0 (arXiv:2408.10205), the canonical decomposition (Hitchcock 1927) and separated
representations (Beylkin, Mohlenkamp 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field

#: The most points that are evaluated at once.
BATCH_POINTS = 16384


@dataclass(frozen=True, eq=False)
class Separable(Field):
    """A sum of products of functions of one coordinate, for one unknown; ``edges[i]`` is (term, coefficient)."""

    axes: tuple[Axis, ...]
    edges: tuple[Array, ...]

    @classmethod
    def zero(cls, axes: Sequence[Axis]) -> Separable:
        """Return the sum without products."""
        return cls(tuple(axes), tuple(np.zeros((0, a.count)) for a in axes))

    @property
    def terms(self) -> int:
        """The number of products."""
        return len(self.edges[0])

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Return derivatives (point, unknown, order)."""
        points = np.asarray(points, dtype=np.float64)
        out = np.empty((len(points), 1, len(orders)))
        for start in range(0, len(points), BATCH_POINTS):
            part = slice(start, start + BATCH_POINTS)
            tables: dict[tuple[int, int], Array] = {}
            for k, order in enumerate(orders):
                out[part, 0, k] = self._product(points[part], order, tables).sum(-1)
        return out

    def _product(self, points: Array, order: tuple[int, ...], tables: dict[tuple[int, int], Array]) -> Array:
        """Return one derivative of every term (point, term); ``tables`` caches edge values by (coordinate, order)."""
        product = np.ones((len(points), self.terms))
        for i, n in enumerate(order):
            if (i, n) not in tables:
                tables[i, n] = self.axes[i].matrix(points[:, i], n) @ self.edges[i].T
            product *= tables[i, n]
        return product

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        """Return one derivative on the tensor grid of ``axes``, unknown last."""
        values = np.ones((1, self.terms))
        for axis, x, n, edge in zip(self.axes, axes, order, self.edges, strict=True):
            along = axis.matrix(np.asarray(x, dtype=np.float64), n) @ edge.T
            values = (values[:, None, :] * along).reshape(-1, self.terms)
        return values.sum(-1).reshape(*(len(a) for a in axes), 1)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Return the knots of a coordinate; there are no slabs, so ``time`` has no effect."""
        return self.axes[axis].breaks

    def prolonged(self, axes: Sequence[Axis]) -> Separable:
        """Return the same function on axes whose knots contain the present ones."""
        both = zip(self.edges, self.axes, axes, strict=True)
        kept = (e if np.array_equal(a.breaks, b.breaks) else e @ a.prolongation_to(b).T for e, a, b in both)
        return Separable(tuple(axes), tuple(kept))

    def plus(self, other: Separable, scale: float = 1.0) -> Separable:
        """Return this plus ``scale`` times another sum on the same knots: the terms of both, concatenated."""
        first, *rest = other.edges
        pairs = zip(self.edges, (scale * first, *rest), strict=True)
        return Separable(self.axes, tuple(np.concatenate(p) for p in pairs))

    def norm(self) -> float:
        """Return the root mean square over the box; cancelling terms leave an error of the square root of rounding."""
        total = np.ones((self.terms, self.terms))
        for axis, edge in zip(self.axes, self.edges, strict=True):
            x, w = axis.mean_rule()
            values = axis.matrix(x) @ edge.T
            total *= (values * w[:, None]).T @ values
        return float(np.sqrt(max(total.sum(), 0.0)))
