"""A solved function as the rest of the program sees it, whatever the network behind it."""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pinnkan.problem.statement import Jet

Array = NDArray[np.float64]
Complex = NDArray[np.complex128]
#: A function of points (point, coordinate) and orders: derivatives (point, unknown, order). None is the zero function.
Jets = Callable[[Array, Sequence[tuple[int, ...]]], Array]


class Field(Protocol):
    """Values and derivatives of all unknowns on the whole domain (all slabs, when there are any).

    A class of fields gives :meth:`grid` or :meth:`grids`; the other follows.
    """

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives at scattered points.

        Args:
            points: (point, coordinate), inside the closed box; periodic coordinates may lie anywhere.
            orders: multi-indices, one order per coordinate.

        Returns (point, unknown, order).
        """

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        """One derivative on the tensor grid of ``axes`` (one sorted array per coordinate), unknown last."""
        return self.grids(axes, [order])[0]

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        """Several derivatives on a tensor grid, as :meth:`grid` gives each; what they share is worked out once."""
        return [self.grid(axes, order) for order in orders]

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Knots of a coordinate, both ends included (for time: ends of the slabs); ``time`` picks the slab."""


def slab_of(ends: Array, t: Array) -> np.ndarray:
    """The slab between ``ends`` that each time lies in; of a common end, the earlier one."""
    return np.clip(np.searchsorted(ends, t, side="left") - 1, 0, len(ends) - 2)


def by_slab(
    ends: Array | None, points: Array, orders: Sequence[tuple[int, ...]], evaluate: Callable[[int, Array], Array]
) -> Array:
    """``evaluate`` of a slab's number at its points, in the order of ``points``, whose last coordinate is time.

    Without ``ends`` there is one piece. Of one coordinate, as ``orders`` say, (point,) will do; of several it is one.
    """
    points = np.asarray(points, dtype=np.float64)
    points = points.reshape(-1, len(orders[0])) if points.ndim < 2 and orders else points
    if ends is None:
        return evaluate(0, points)
    owner = slab_of(ends, points[:, -1])
    order = np.argsort(owner, kind="stable")
    numbers = np.unique(owner) if len(owner) else [0]
    values = np.concatenate([evaluate(int(k), points[owner == k]) for k in numbers])
    out = np.empty_like(values)
    out[order] = values
    return out


def breaks_of(ends: Array | None, pieces: Sequence[Sequence[Array]], axis: int, time: float | None) -> Array:
    """Knots of an axis of pieces with ``pieces[piece][axis]``: of the one at ``time``, or of all; of time the ends."""
    if ends is None:
        return pieces[0][axis]
    if axis == len(pieces[0]) - 1:
        return ends
    if time is not None:
        return pieces[int(slab_of(ends, np.array([time]))[0])][axis]
    return np.unique(np.concatenate([p[axis] for p in pieces]))


def on_grid(field: Field, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
    """:meth:`Field.grids` of a field that knows scattered points only."""
    grids = np.meshgrid(*axes, indexing="ij")
    values = field(np.stack([g.ravel() for g in grids], -1), orders)
    return [values[..., k].reshape(*grids[0].shape, -1) for k in range(len(orders))]


def picked(values: Array, orders: Sequence[tuple[int, ...]], jets: Iterable[Jet]) -> Array:
    """The derivatives that an equation needs among values (point, unknown, order): (point, jet)."""
    return np.stack([values[:, jet.unknown, orders.index(jet.order)] for jet in jets], -1)


def jets_at(function: Jets | None, points: Array, jets: Sequence[Jet]) -> Array:
    """The derivatives that an equation needs of a function: (point, jet)."""
    if function is None or not jets:
        return np.zeros((len(points), len(jets)))
    orders = sorted({jet.order for jet in jets})
    return picked(function(points, orders), orders, jets)


def jets_on(field: Field | None, axes: Sequence[Array], jets: Sequence[Jet]) -> Array:
    """The derivatives that an equation needs on the tensor grid of ``axes``, jet last; None is the zero function."""
    if field is None:
        return np.zeros((*map(len, axes), len(jets)))
    orders = sorted({jet.order for jet in jets})
    tables = dict(zip(orders, field.grids(axes, orders), strict=True))
    return np.stack([tables[jet.order][..., jet.unknown] for jet in jets], -1)
