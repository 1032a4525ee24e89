"""A solved deep network, one per time slab, as the field that the rest of the program sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch

from pinnkan.kan.field import Array, Field, on_grid
from pinnkan.kan.layers.inputs import Inputs
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.stored import restored, stored

#: Points evaluated at once: keeps the jets of all layers within some tens of megabytes.
CHUNK = 4096


@dataclass(frozen=True)
class Piece:
    """A network on one slab (the whole box when steady) and, per coordinate, the cells of its training points."""

    inputs: Inputs
    network: Network
    cells: tuple[Array, ...]

    def jets(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """(point, unknown, order)."""
        jets = JetSet(orders)
        pick = [jets.position[tuple(order)] for order in orders]
        device = self.network.device
        parts = []
        for start in range(0, len(points), CHUNK):
            x = torch.from_numpy(np.ascontiguousarray(points[start : start + CHUNK], dtype=np.float64)).to(device)
            u, _ = self.network.forward(jets, self.inputs.jets(jets, x))
            parts.append(u[pick].permute(1, 2, 0).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.network.outputs, len(orders)))


@dataclass(frozen=True)
class DeepField(Field):
    """Deep networks, one per slab; ``time_axis`` is None when there is one and no time."""

    pieces: tuple[Piece, ...]
    time_axis: int | None

    @property
    def slab_ends(self) -> Array:
        """Ends of the time slabs, both ends of the whole included."""
        axis = cast(int, self.time_axis)
        ends = [p.inputs.ranges[axis] for p in self.pieces]
        return np.array([ends[0][0], *(b for _, b in ends)])

    @property
    def parameters(self) -> int:
        """Coefficients of all pieces."""
        return sum(p.network.parameters for p in self.pieces)

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Derivatives (point, unknown, order); at a common end, those of the earlier slab."""
        points = np.asarray(points, dtype=np.float64)
        if self.time_axis is None:
            return self.pieces[0].jets(points, orders)
        which = self._slab(points[:, self.time_axis])
        out = np.zeros((len(points), self.pieces[0].network.outputs, len(orders)))
        for n in np.unique(which):
            out[which == n] = self.pieces[n].jets(points[which == n], orders)
        return out

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        return on_grid(self, axes, orders)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Cells of the training points, which follow the fronts as the uniform knots of a deep network do not."""
        if self.time_axis is None:
            return self.pieces[0].cells[axis]
        if axis == self.time_axis:
            return self.slab_ends
        if time is not None:
            return self.pieces[int(self._slab(np.array([time]))[0])].cells[axis]
        return np.unique(np.concatenate([p.cells[axis] for p in self.pieces]))

    def tensors(self) -> tuple[dict[str, Array], dict[str, object]]:
        """Arrays and JSON-able data from which :meth:`restore` makes the same field."""
        arrays: dict[str, Array] = {}
        for n, piece in enumerate(self.pieces):
            parts, kinds = stored(piece.network)
            arrays |= {f"piece{n}.{name}": value for name, value in parts.items()}
            for axis, cells in enumerate(piece.cells):
                arrays[f"piece{n}.cells{axis}"] = cells
        meta: dict[str, object] = {
            "kind": "deep",
            "time_axis": self.time_axis,
            "network": kinds,
            "periodic": list(self.pieces[0].inputs.periodic),
            "ranges": [[list(r) for r in p.inputs.ranges] for p in self.pieces],
        }
        return arrays, meta

    @classmethod
    def restore(cls, tensors: dict[str, Array], meta: dict[str, object]) -> DeepField:
        """The inverse of :meth:`tensors`; KeyError if something is missing."""
        data = cast(dict[str, Any], meta)
        pieces = []
        for n, ranges in enumerate(data["ranges"]):
            inputs = Inputs(tuple((float(a), float(b)) for a, b in ranges), tuple(bool(p) for p in data["periodic"]))
            prefix = f"piece{n}."
            parts = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
            cells = tuple(np.array(tensors[f"piece{n}.cells{axis}"]) for axis in range(len(ranges)))
            pieces.append(Piece(inputs, restored(parts, data["network"]), cells))
        return cls(tuple(pieces), data["time_axis"])

    def _slab(self, t: Array) -> np.ndarray:
        return np.clip(np.searchsorted(self.slab_ends[1:-1], t, side="left"), 0, len(self.pieces) - 1)
