"""A network of multiplying nodes of all coordinates with trained edges: a sum of few products.

    u(x) = sum_r prod_i phi_ri(x_i)

Every edge phi_ri is a spline with coefficients of its own; the edges of a coordinate share their knots. The number of
coefficients is linear in the number of coordinates. Such a sum is what separable KANs (arXiv:2411.06286) and the
multiplying nodes of KAN 2.0 (arXiv:2408.10205) make of the canonical decomposition (Hitchcock 1927) and of separated
representations (Beylkin, Mohlenkamp 2005).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field

#: Points that are evaluated at once.
CHUNK = 16384


@dataclass(frozen=True, eq=False)
class Separable(Field):
    """A sum of products of functions of one coordinate, for one unknown; ``edges[i]`` is (term, coefficient)."""

    axes: tuple[Axis, ...]
    edges: tuple[Array, ...]

    @classmethod
    def zero(cls, axes: Sequence[Axis]) -> Separable:
        """A sum of no products."""
        return cls(tuple(axes), tuple(np.zeros((0, a.count)) for a in axes))

    @property
    def terms(self) -> int:
        """Number of products."""
        return len(self.edges[0])

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives (point, unknown, order)."""
        points = np.asarray(points, dtype=np.float64)
        out = np.empty((len(points), 1, len(orders)))
        for start in range(0, len(points), CHUNK):
            part = slice(start, start + CHUNK)
            tables: dict[tuple[int, int], Array] = {}
            for k, order in enumerate(orders):
                out[part, 0, k] = self._product(points[part], order, tables).sum(-1)
        return out

    def _product(self, points: Array, order: tuple[int, ...], tables: dict[tuple[int, int], Array]) -> Array:
        """A derivative of every term: (point, term)."""
        product = np.ones((len(points), self.terms))
        for i, n in enumerate(order):
            if (i, n) not in tables:
                tables[i, n] = self.axes[i].matrix(points[:, i], n) @ self.edges[i].T
            product *= tables[i, n]
        return product

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        """One derivative on the tensor grid of ``axes``, unknown last."""
        values = np.ones((1, self.terms))
        for axis, x, n, edge in zip(self.axes, axes, order, self.edges, strict=True):
            along = axis.matrix(np.asarray(x, dtype=np.float64), n) @ edge.T
            values = (values[:, None, :] * along).reshape(-1, self.terms)
        return values.sum(-1).reshape(*(len(a) for a in axes), 1)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Knots of a coordinate; there are no slabs, so ``time`` makes no difference."""
        return self.axes[axis].breaks

    def prolonged(self, axes: Sequence[Axis]) -> Separable:
        """The same function on knots that contain these."""
        both = zip(self.edges, self.axes, axes, strict=True)
        kept = (e if np.array_equal(a.breaks, b.breaks) else e @ a.prolongation_to(b).T for e, a, b in both)
        return Separable(tuple(axes), tuple(kept))

    def plus(self, other: Separable, scale: float = 1.0) -> Separable:
        """This and ``scale`` times another on the same knots, the terms of both one after the other."""
        first, *rest = other.edges
        pairs = zip(self.edges, (scale * first, *rest), strict=True)
        return Separable(self.axes, tuple(np.concatenate(p) for p in pairs))

    def norm(self) -> float:
        """Root of the mean square over the box: products of one-dimensional integrals, good to the root of rounding."""
        total = np.ones((self.terms, self.terms))
        for axis, edge in zip(self.axes, self.edges, strict=True):
            nodes, weights = axis.gauss(axis.degree + 1)
            values = axis.matrix(nodes.ravel()) @ edge.T
            total *= (values * (weights.ravel() / weights.sum())[:, None]).T @ values
        return float(np.sqrt(max(total.sum(), 0.0)))
