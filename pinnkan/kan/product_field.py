"""Product networks as a field: one, or one per slab of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space


@dataclass(frozen=True, eq=False)
class ProductField(Field):
    """Product networks, one per slab (or a single one).

    ``ends`` are the slab ends in time, one more than pieces; None when steady.
    """

    pieces: tuple[tuple[Space, Array], ...]
    ends: Array | None = None

    @property
    def _time(self) -> int:
        return len(self.pieces[0][0].axes) - 1

    def _piece(self, t: Array) -> np.ndarray:
        assert self.ends is not None
        return np.clip(np.searchsorted(self.ends, t, side="left") - 1, 0, len(self.pieces) - 1)

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        points = np.asarray(points, dtype=np.float64)
        if self.ends is None:
            space, c = self.pieces[0]
            return space.evaluate(c, points, orders)
        out = np.empty((len(points), self.pieces[0][0].unknowns, len(orders)))
        owner = self._piece(points[:, -1])
        for k in np.unique(owner):
            space, c = self.pieces[k]
            out[owner == k] = space.evaluate(c, points[owner == k], orders)
        return out

    def grid(self, axes: Sequence[Array], order: tuple[int, ...]) -> Array:
        if self.ends is None:
            space, c = self.pieces[0]
            return space.evaluate_grid(c, axes, order)
        t = np.asarray(axes[-1], dtype=np.float64)
        owner = self._piece(t)
        parts = []
        for k in np.unique(owner):
            space, c = self.pieces[k]
            parts.append(space.evaluate_grid(c, [*axes[:-1], t[owner == k]], order))
        return np.concatenate(parts, axis=-2)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        if self.ends is None:
            return self.pieces[0][0].axes[axis].breaks
        if axis == self._time:
            return self.ends
        if time is None:
            return np.unique(np.concatenate([s.axes[axis].breaks for s, _ in self.pieces]))
        return self.pieces[int(self._piece(np.array([time]))[0])][0].axes[axis].breaks

    def tensors(self) -> tuple[dict[str, Array], dict[str, object]]:
        arrays: dict[str, Array] = {}
        if self.ends is not None:
            arrays["ends"] = self.ends
        for k, (space, c) in enumerate(self.pieces):
            arrays[f"{k}.coefficients"] = np.ascontiguousarray(c)
            for i, axis in enumerate(space.axes):
                arrays[f"{k}.breaks.{i}"] = np.ascontiguousarray(axis.breaks)
        degrees = [[axis.degree for axis in s.axes] for s, _ in self.pieces]
        periodic = [axis.periodic for axis in self.pieces[0][0].axes]
        joints = [list(axis.joints) for axis in self.pieces[0][0].axes]
        return arrays, {"kind": "product", "degrees": degrees, "periodic": periodic, "joints": joints}

    @classmethod
    def restore(cls, tensors: dict[str, Array], meta: dict[str, object]) -> ProductField:
        """The inverse of :meth:`tensors`."""
        degrees, periodic = meta["degrees"], meta["periodic"]
        assert isinstance(degrees, list)
        assert isinstance(periodic, list)
        joints = meta.get("joints", [()] * len(periodic))
        assert isinstance(joints, list)
        pieces = []
        for k, row in enumerate(degrees):
            axes = tuple(
                Axis(tensors[f"{k}.breaks.{i}"], int(p), bool(periodic[i]), tuple(map(float, joints[i])))
                for i, p in enumerate(row)
            )
            c = tensors[f"{k}.coefficients"]
            pieces.append((Space(axes, c.shape[-1]), c))
        return cls(tuple(pieces), tensors.get("ends"))
