"""An ANOVA sum of tensor products of splines in few coordinates each.

    u(x) = c + sum_S u_S(x_S),    u_S = sum_k c_k phi_k1(x_s1) ... phi_km(x_sm)

over sets S of coordinates. The functions of a coordinate are splines of zero mean, orthonormal in mean(f g) over the
range, ordered by levels: polynomials two by two, then what four intervals add, what eight, ... A group of a
:class:`BlockSum` is the product of one level per coordinate, 0 for none: (0, 2, 0) are the functions of level 2 of the
second coordinate, (0, 0, 0) is the constant. All products are orthonormal, so the norm of a function is that of its
coefficients (Hoeffding 1948; Sobol 1993). Blocks on one coordinate are the KAN layer [d, 1].
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise, product

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field

#: A multi-index of a derivative, one order per coordinate.
MultiIndex = tuple[int, ...]
#: One level per coordinate, 0 if a product does not depend on it.
GroupLevels = tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Edge:
    """Splines of zero mean on one coordinate, orthonormal, ordered by levels.

    ``transform`` (axis.count, function): their coefficients in the B-splines of ``axis``; ``level_ends``: the number of
    functions up to each level, starting with 0.
    """

    axis: Axis
    transform: Array
    level_ends: tuple[int, ...]

    @classmethod
    def coarsest(cls, low: float, high: float, degree: int, periodic: bool) -> Edge:
        """Return the edge of polynomials up to ``degree``, two per level; on a periodic coordinate, cosine and sine."""
        axis = Axis(np.linspace(low, high, (2 * degree if periodic else 1) + 1), degree, periodic)
        x, w = axis.mean_rule()
        scaled = 2.0 * (x - low) / (high - low) - 1.0
        if periodic:
            waves = [f(np.pi * j * (scaled + 1.0)) for j in range(1, degree) for f in (np.cos, np.sin)]
            values = np.stack([np.ones_like(x), *waves], 1)
        else:
            values = np.polynomial.legendre.legvander(scaled, degree)
        root = np.sqrt(w)[:, None]
        coefficients = np.linalg.lstsq(root * axis.matrix(x), root * values, rcond=None)[0]
        transform = coefficients @ np.linalg.inv(np.linalg.qr(root * (axis.matrix(x) @ coefficients), mode="r"))
        count = values.shape[1] - 1
        return cls(axis, transform[:, 1:], (*range(0, count, 2), count))

    def refined(self) -> Edge:
        """Return the edge with intervals halved, a single one twice: the same functions, and one more level."""
        fine = self.axis.halved() if self.axis.intervals > 1 else self.axis.halved().halved()
        old = self.axis.prolongation_to(fine) @ self.transform
        x, w = fine.mean_rule()
        root, table = np.sqrt(w)[:, None], fine.matrix(x)
        known = root * np.column_stack([np.ones_like(x), table @ old])
        rest = root * table
        for _ in range(2):  # twice is enough (Kahan, in Parlett 1980)
            rest = rest - known @ (known.T @ rest)
        left, _, _ = np.linalg.svd(rest, full_matrices=False)
        new = left[:, : fine.count - known.shape[1]]
        added = np.linalg.lstsq(root * table, new, rcond=None)[0]
        return Edge(fine, np.column_stack([old, added]), (*self.level_ends, self.level_ends[-1] + new.shape[1]))

    def with_level(self, level: int) -> Edge:
        """Return the edge refined until it has at least ``level`` levels."""
        edge = self
        while len(edge.level_ends) <= level:
            edge = edge.refined()
        return edge

    def level_functions(self, level: int) -> range:
        """Return the indices of the functions of a level."""
        return range(self.level_ends[level - 1], self.level_ends[level])

    def table(self, x: Array, order: int = 0) -> Array:
        """Return a derivative of every function at points x: (point, function)."""
        return np.asarray(self.axis.matrix(x, order) @ self.transform)


def _matrix(rows: list[tuple[int, ...]], width: int) -> np.ndarray:
    return np.array(rows, dtype=np.int64).reshape(len(rows), width)


def support(levels: GroupLevels) -> tuple[int, ...]:
    """Return the coordinates on which a product depends."""
    return tuple(i for i, level in enumerate(levels) if level)


@dataclass(frozen=True, eq=False)
class BlockSum:
    """The span of the products of all ``groups``, for ``unknowns`` functions; coefficients are (product, unknown)."""

    edges: tuple[Edge, ...]
    groups: tuple[GroupLevels, ...]
    unknowns: int = 1

    @property
    def size(self) -> int:
        """The number of coefficients."""
        return self.products * self.unknowns

    @property
    def products(self) -> int:
        """The number of products."""
        return self.group_slices[-1].stop

    @cached_property
    def group_slices(self) -> tuple[slice, ...]:
        """The slice of the products of each group."""
        ends = [0]
        for group in self.groups:
            ends.append(ends[-1] + self.group_size(group))
        return tuple(slice(a, b) for a, b in pairwise(ends))

    def group_size(self, group: GroupLevels) -> int:
        """Return the number of products of a group."""
        return int(np.prod([len(self.edges[i].level_functions(group[i])) for i in support(group)]))

    @cached_property
    def _runs(self) -> tuple[tuple[tuple[int, ...], np.ndarray], ...]:
        """Runs of groups on the same coordinates: these, and the functions (product, coordinate) of each product."""
        return tuple(
            (on, _matrix([row for g in groups for row in self._rows(g, on)], len(on)))
            for on, groups in groupby(self.groups, support)
        )

    def _rows(self, group: GroupLevels, on: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        return product(*(self.edges[i].level_functions(group[i]) for i in on))

    def operator_matrix(
        self,
        points: Array,
        terms: Mapping[MultiIndex, Array | float],
        tables: dict[tuple[int, int], Array] | None = None,
    ) -> Array:
        """Return ``sum_alpha terms[alpha] D^alpha`` of every product at points (point, coordinate): (point, product).

        ``tables`` caches the values of edges by (coordinate, order) for further calls at the same points.
        """
        tables = {} if tables is None else tables
        parts = [self._run(on, index, points, terms, tables) for on, index in self._runs]
        return np.concatenate(parts, axis=1)

    def _run(
        self,
        on: tuple[int, ...],
        index: np.ndarray,
        points: Array,
        terms: Mapping[MultiIndex, Array | float],
        tables: dict[tuple[int, int], Array],
    ) -> Array:
        """Evaluate products on the coordinates ``on``, one by one; terms with equal later orders are added first."""
        grouped: dict[MultiIndex, Array] = {}
        for order, term in terms.items():
            if all(n == 0 or i in on for i, n in enumerate(order)):
                grouped[tuple(order[i] for i in on)] = np.asarray(term, dtype=np.float64).reshape(-1, 1)
        for column, coordinate in enumerate(on):
            after: dict[MultiIndex, Array] = {}
            for order, value in grouped.items():
                key = coordinate, order[0]
                if key not in tables:
                    tables[key] = self.edges[coordinate].table(points[:, coordinate], order[0])
                term = value * tables[key][:, index[:, column]]
                if order[1:] in after:
                    after[order[1:]] += term
                else:
                    after[order[1:]] = term
            grouped = after
        if not grouped:
            return np.zeros((len(points), len(index)))
        return np.broadcast_to(grouped[()], (len(points), len(index)))

    def evaluate(self, coefficients: Array, points: Array, orders: Sequence[MultiIndex], chunk: int = 4096) -> Array:
        """Return derivatives at scattered points: (point, unknown, order)."""
        out = np.empty((len(points), self.unknowns, len(orders)))
        for start in range(0, len(points), chunk):
            part = slice(start, start + chunk)
            tables: dict[tuple[int, int], Array] = {}
            for k, order in enumerate(orders):
                out[part, :, k] = self.operator_matrix(points[part], {order: 1.0}, tables) @ coefficients
        return out

    def evaluate_grid(self, coefficients: Array, axes: Sequence[Array], order: MultiIndex) -> Array:
        """Return one derivative on a tensor grid, unknown last; each block is evaluated on its own coordinates only."""
        out = np.zeros((*(len(a) for a in axes), self.unknowns))
        tables: dict[int, Array] = {}
        for group, place in zip(self.groups, self.group_slices, strict=True):
            on = support(group)
            if any(n and i not in on for i, n in enumerate(order)):
                continue
            values = coefficients[place].reshape(*(len(self.edges[i].level_functions(group[i])) for i in on), -1)
            for position, i in enumerate(on):
                if i not in tables:
                    tables[i] = self.edges[i].table(np.asarray(axes[i], dtype=np.float64), order[i])
                part = tables[i][:, self.edges[i].level_functions(group[i])]
                values = np.moveaxis(np.tensordot(part, values, axes=(1, position)), 0, position)
            out += values.reshape(*(len(a) if i in on else 1 for i, a in enumerate(axes)), self.unknowns)
        return out

    def norm(self, coefficients: Array) -> Array:
        """Return the root mean square over the box, per unknown; exact, as the products are orthonormal."""
        return np.asarray(np.sqrt((coefficients**2).sum(0)))

    def group_mean_squares(self, coefficients: Array) -> Array:
        """Return the mean square of the part of each group: (group, unknown)."""
        return np.stack([(coefficients[p] ** 2).sum(0) for p in self.group_slices])

    def map_coefficients(self, coefficients: Array, other: BlockSum) -> Array:
        """Return the coefficients on the groups of another sum with equal or refined edges; others are dropped."""
        known = dict(zip(self.groups, self.group_slices, strict=True))
        out = np.zeros((other.products, self.unknowns))
        for group, place in zip(other.groups, other.group_slices, strict=True):
            if group in known:
                out[place] = coefficients[known[group]]
        return out


@dataclass(frozen=True, eq=False)
class BlockField(Field):
    """A sum of blocks with its ``coefficients`` (product, unknown)."""

    space: BlockSum
    coefficients: Array

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Return derivatives (point, unknown, order)."""
        return self.space.evaluate(self.coefficients, np.asarray(points, dtype=np.float64), orders)

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        """Return one derivative on the tensor grid of ``axes``, unknown last."""
        return self.space.evaluate_grid(self.coefficients, axes, order)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Return the knots of a coordinate; there are no slabs, so ``time`` has no effect."""
        return self.space.edges[axis].axis.breaks
