"""A deep network, one per time slab, as a :class:`pinnkan.kan.field.Field`."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import cos, pi, sin

import numpy as np
import torch

from pinnkan.kan.field import Array, Field, breaks_of_pieces, evaluate_by_slab, evaluate_on_grid
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import Network


@dataclass(frozen=True)
class Inputs:
    """The map from coordinates to network inputs: scaled to [-1, 1], a periodic one to cosine and sine of its angle."""

    ranges: tuple[tuple[float, float], ...]
    periodic: tuple[bool, ...]

    @property
    def width(self) -> int:
        """The number of inputs of the network."""
        return len(self.ranges) + sum(self.periodic)

    def jets(self, jets: JetSet, points: torch.Tensor) -> torch.Tensor:
        """Return exact jets (alpha, point, input) at ``points`` (point, coordinate)."""
        columns = []
        for axis, ((a, b), wrapped) in enumerate(zip(self.ranges, self.periodic, strict=True)):
            x = points[:, axis]
            along = [jets.position.get(tuple(n * (i == axis) for i in range(len(self.ranges)))) for n in range(9)]
            shifts = (0.0, -0.5) if wrapped else (None,)
            for shift in shifts:
                column = points.new_zeros((len(jets), len(points)))
                for n, position in enumerate(along):
                    if position is not None:
                        column[position] = _scaled(x, a, b, n) if shift is None else _wave(x, a, b, n, shift)
                columns.append(column)
        return torch.stack(columns, -1)


def _scaled(x: torch.Tensor, a: float, b: float, n: int) -> torch.Tensor:
    if n == 0:
        return 2.0 * (x - a) / (b - a) - 1.0
    return torch.full_like(x, 2.0 / (b - a) if n == 1 else 0.0)


def _wave(x: torch.Tensor, a: float, b: float, n: int, shift: float) -> torch.Tensor:
    """Return the n-th derivative of cos(theta + shift pi), with theta the angle of x: the phase grows by pi/2 each."""
    rate, phase = 2.0 * pi / (b - a), (n / 2.0 + shift) * pi
    theta = rate * (x - a)
    return rate**n * (torch.cos(theta) * cos(phase) - torch.sin(theta) * sin(phase))


#: The most points evaluated at once: the jets of all layers take some tens of megabytes.
BATCH_POINTS = 4096


@dataclass(frozen=True)
class Piece:
    """A network on one slab (the whole box if steady); ``cells``: per coordinate, cell ends of its training points."""

    inputs: Inputs
    network: Network
    cells: tuple[Array, ...]

    def jets(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Return derivatives (point, unknown, order)."""
        jets = JetSet(orders)
        pick = [jets.position[tuple(order)] for order in orders]
        device = self.network.device
        parts = []
        for start in range(0, len(points), BATCH_POINTS):
            x = torch.from_numpy(np.ascontiguousarray(points[start : start + BATCH_POINTS], dtype=np.float64)).to(
                device
            )
            u, _ = self.network.forward(jets, self.inputs.jets(jets, x))
            parts.append(u[pick].permute(1, 2, 0).cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros((0, self.network.outputs, len(orders)))


@dataclass(frozen=True)
class DeepField(Field):
    """Deep networks, one per slab; ``time_axis`` is None for a single one of a steady problem."""

    pieces: tuple[Piece, ...]
    time_axis: int | None

    @property
    def ends(self) -> Array | None:
        """The ends of the time slabs, both ends of the whole range included; None for a steady problem."""
        if self.time_axis is None:
            return None
        ends = [p.inputs.ranges[self.time_axis] for p in self.pieces]
        return np.array([ends[0][0], *(b for _, b in ends)])

    @property
    def parameters(self) -> int:
        """The number of coefficients of all pieces."""
        return sum(p.network.parameters for p in self.pieces)

    def __call__(self, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
        """Return derivatives (point, unknown, order); at a common end, those of the earlier slab."""
        return evaluate_by_slab(self.ends, points, orders, lambda k, there: self.pieces[k].jets(there, orders))

    def grids(self, axes: Sequence[Array], orders: Sequence[tuple[int, ...]]) -> list[Array]:
        return evaluate_on_grid(self, axes, orders)

    def breaks(self, axis: int, time: float | None = None) -> Array:
        """Return the cells of the training points, which follow fronts, unlike the uniform knots of a deep network."""
        return breaks_of_pieces(self.ends, [p.cells for p in self.pieces], axis, time)
