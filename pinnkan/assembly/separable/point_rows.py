"""Least-squares rows at quasi-random points, for an equation that is not a sum of few products.

The Sobol sequence is stretched in every coordinate towards the knots, and each row is weighted by the volume of its
point, so that the rows resolve layers as the knots do.
"""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.quasi_random import sobol_generator
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.waves import Waves

#: The share of points that follow the knots; the others are uniform, so that no weight exceeds twice the mean.
GRADED_SHARE = 0.5


def graded_points(axes: Sequence[Axis], count: int, seed: int) -> tuple[Array, Array]:
    """Points (point, coordinate) and weights (point) of a mean over the box, which sum to about one.

    The density in a coordinate is a mean of that of the knots and the uniform one.
    """
    unit = sobol_generator(seed)(count, len(axes))
    points, weights = np.empty_like(unit), np.full(count, 1.0 / count)
    for i, axis in enumerate(axes):
        x = axis.breaks
        places = np.linspace(0.0, 1.0, len(x))
        distribution = GRADED_SHARE * places + (1.0 - GRADED_SHARE) * (x - x[0]) / (x[-1] - x[0])
        points[:, i] = np.interp(unit[:, i], distribution, x)
        density = np.diff(distribution) * (x[-1] - x[0]) / np.diff(x)
        cell = np.clip(np.searchsorted(x, points[:, i], side="right") - 1, 0, len(x) - 2)
        weights /= density[cell]
    return points, weights


class PointRows:
    """Implements :class:`pinnkan.assembly.separable.system.SeparableRows` at points.

    ``terms``: coefficients (point) by multi-index; ``source`` (point); both times the root of the quadrature weight.
    """

    def __init__(
        self, waves: Sequence[Waves], points: Array, terms: dict[tuple[int, ...], Array], source: Array
    ) -> None:
        self.terms, self.source = terms, source
        self.tables = [
            {n: w.matrix(points[:, i], n) for n in {0} | {order[i] for order in terms}} for i, w in enumerate(waves)
        ]
        self.source_square = float(source @ source)

    def _values(self, edges: Sequence[Array]) -> list[dict[int, Array]]:
        """Derivatives of every edge at the points: (point, term) by order, per coordinate."""
        return [{n: t @ e.T for n, t in tables.items()} for tables, e in zip(self.tables, edges, strict=True)]

    def _residual(self, edges: Sequence[Array], values: list[dict[int, Array]]) -> Array:
        """f - J u at the points."""
        out = self.source.copy()
        for order, weight in self.terms.items():
            product = np.ones((len(out), len(edges[0])))
            for i, n in enumerate(order):
                product *= values[i][n]
            out -= weight * product.sum(1)
        return out

    def _rows(self, edges: Sequence[Array], values: list[dict[int, Array]], k: int) -> Array:
        """J by the edges of coordinate ``k``: (point, term * function)."""
        by_order: dict[int, Array] = {}
        for order, weight in self.terms.items():
            product = np.repeat(weight[:, None], len(edges[0]), axis=1)
            for i, n in enumerate(order):
                if i != k:
                    product = product * values[i][n]
            by_order[order[k]] = by_order.get(order[k], 0.0) + product
        rows = sum(p[:, :, None] * self.tables[k][n][:, None, :] for n, p in by_order.items())
        return np.asarray(rows).reshape(len(self.source), -1)

    def residual_moments(self, edges: Sequence[Array], test_edges: Sequence[Array], k: int) -> Array:
        """Products as those of :class:`.separated_rows.SeparatedRows`, weighted by root weights."""
        left = self._residual(edges, self._values(edges))
        for i, (table, one) in enumerate(zip(self.tables, test_edges, strict=True)):
            if i != k:
                left = left * (table[0] @ one[0])
        return np.asarray(left @ self.tables[k][0])

    def loss(self, edges: Sequence[Array]) -> float:
        """The weighted sum of squares of J u - f."""
        left = self._residual(edges, self._values(edges))
        return float(left @ left)

    def image_norm_squared(self, edges: Sequence[Array]) -> float:
        image = self.source - self._residual(edges, self._values(edges))
        return float(image @ image)

    def edge_normal_equations(self, edges: Sequence[Array], k: int) -> tuple[Array, Array]:
        rows = self._rows(edges, self._values(edges), k)
        return rows.T @ rows, rows.T @ self.source

    def joint_normal_equations(self, edges: Sequence[Array]) -> tuple[Array, Array]:
        values = self._values(edges)
        rows = np.concatenate([self._rows(edges, values, k) for k in range(len(edges))], axis=1)
        return rows.T @ rows, rows.T @ self._residual(edges, values)
