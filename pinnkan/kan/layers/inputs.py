"""Coordinates as a deep network sees them, with their exact jets."""

from dataclasses import dataclass
from math import cos, pi, sin

import torch

from pinnkan.kan.layers.jet import JetSet


@dataclass(frozen=True)
class Inputs:
    """Coordinates as the network sees them: scaled to [-1, 1], a periodic one as cosine and sine of its angle."""

    ranges: tuple[tuple[float, float], ...]
    periodic: tuple[bool, ...]

    @property
    def width(self) -> int:
        """Number of inputs of the network."""
        return len(self.ranges) + sum(self.periodic)

    def jets(self, jets: JetSet, points: torch.Tensor) -> torch.Tensor:
        """Exact jets (alpha, point, input) at ``points`` (point, coordinate)."""
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
    """n-th derivative of cos(theta + shift pi): the phase grows by pi/2 with each."""
    rate, phase = 2.0 * pi / (b - a), (n / 2.0 + shift) * pi
    theta = rate * (x - a)
    return rate**n * (torch.cos(theta) * cos(phase) - torch.sin(theta) * sin(phase))
