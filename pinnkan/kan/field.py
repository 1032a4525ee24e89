"""The protocol of a solution, independent of the network that represents it, and helpers to evaluate it."""

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pinnkan.problem.statement import Jet

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
#: A function of points (point, coordinate) and orders that returns derivatives (point, unknown, order).
DerivativeFunction = Callable[[Array, Sequence[tuple[int, ...]]], Array]


class Field(Protocol):
    """Values and derivatives of all unknowns on the whole domain.

    A class defines :meth:`sample_grid` or :meth:`grids`.
    """

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Return derivatives at scattered points.

        Args:
            points: (point, coordinate), inside the closed box; periodic coordinates may lie anywhere.
            orders: multi-indices, one order per coordinate.

        Returns (point, unknown, order).
        """

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        """Return one derivative on the tensor grid of ``axes`` (one sorted array per coordinate), unknown last."""
        return self.grids(axes, [order])[0]

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        """Return several derivatives on a tensor grid, each as from :meth:`sample_grid`.

        Common work may be done once.
        """
        return [self.grid(axes, order) for order in orders]

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Return the knots of a coordinate with both ends (of time: the slab ends); ``time`` selects a slab."""


def slab_index(ends: Array, t: Array) -> np.ndarray:
    """Return the index of the slab between ``ends`` in which each time lies; at a common end, of the earlier one."""
    return np.clip(np.searchsorted(ends, t, side="left") - 1, 0, len(ends) - 2)


def evaluate_by_slab(
    ends: Array | None, points: Array, orders: Sequence[tuple[int, ...]], evaluate: Callable[[int, Array], Array]
) -> Array:
    """Evaluate every point by its slab, ``evaluate(slab, points of it)``; the last coordinate is time.

    Without ``ends`` there is one piece. One-dimensional ``points`` are of one coordinate, or one point of several.
    """
    points = np.asarray(points, dtype=np.float64)
    points = points.reshape(-1, len(orders[0])) if points.ndim < 2 and orders else points
    if ends is None:
        return evaluate(0, points)
    owner = slab_index(ends, points[:, -1])
    order = np.argsort(owner, kind="stable")
    numbers = np.unique(owner) if len(owner) else [0]
    values = np.concatenate([evaluate(int(k), points[owner == k]) for k in numbers])
    out = np.empty_like(values)
    out[order] = values
    return out


def breaks_of_pieces(ends: Array | None, pieces: Sequence[Sequence[Array]], axis: int, time: float | None) -> Array:
    """Return the knots of an axis from ``pieces[piece][axis]``: at ``time``, or of all pieces; of time, ``ends``."""
    if ends is None:
        return pieces[0][axis]
    if axis == len(pieces[0]) - 1:
        return ends
    if time is not None:
        return pieces[int(slab_index(ends, np.array([time]))[0])][axis]
    return np.unique(np.concatenate([p[axis] for p in pieces]))


def evaluate_on_grid(field: Field, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
    """Evaluate a field on a tensor grid as scattered points; result as of :meth:`Field.grids`."""
    grids = np.meshgrid(*axes, indexing="ij")
    values = field(np.stack([g.ravel() for g in grids], -1), orders)
    return [values[..., k].reshape(*grids[0].shape, -1) for k in range(len(orders))]


def jets_of_each(function: DerivativeFunction, points: Array, groups: Sequence[Sequence[Jet]]) -> list[Array]:
    """Return the derivatives of a function that each of several equations needs (point, jet), evaluated together."""
    orders = sorted({jet.order for jets in groups for jet in jets})
    values = function(points, orders)
    return [np.stack([values[:, j.unknown, orders.index(j.order)] for j in jets], -1) for jets in groups]


def jets_at(function: DerivativeFunction | None, points: Array, jets: Sequence[Jet]) -> Array:
    """Return the derivatives of a function that an equation needs (point, jet); None is the zero function."""
    if function is None or not jets:
        return np.zeros((len(points), len(jets)))
    return jets_of_each(function, points, [jets])[0]


def jets_on_grid(field: Field | None, axes: Sequence[Array], jets: Sequence[Jet]) -> Array:
    """Return the derivatives that an equation needs on a tensor grid, jet last; None is the zero function."""
    if field is None:
        return np.zeros((*map(len, axes), len(jets)))
    orders = sorted({jet.order for jet in jets})
    tables = dict(zip(orders, field.grids(axes, orders), strict=True))
    return np.stack([tables[jet.order][..., jet.unknown] for jet in jets], -1)
