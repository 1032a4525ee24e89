"""Weighted residual rows of a deep network and their exact Jacobian.

A :class:`RowGroup` is a list of equations at a list of points: inside, a condition on a side, or values at the start of
a slab. A :class:`NetworkSystem` stacks groups.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.kan.field import Array
from pinnkan.kan.layers.deep_field import Inputs
from pinnkan.kan.layers.jet import JetSet, MultiIndex
from pinnkan.kan.layers.network import Network


@dataclass(frozen=True)
class RowGroup:
    """Equations at ``points`` (point, coordinate), with rows ``weights * (F - targets)``.

    ``weights``: (point,); ``targets``: (equation, point).
    """

    equations: tuple[CompiledEquation, ...]
    points: torch.Tensor
    weights: torch.Tensor
    targets: torch.Tensor

    @classmethod
    def build(
        cls, equations: Sequence[CompiledEquation], points: Array, weights: Array, device: str, targets: Array | None
    ) -> "RowGroup":
        """Build a group from numpy arrays; ``targets`` None are zeros."""
        aim = np.zeros((len(equations), len(points))) if targets is None else targets
        x, w, t = (torch.from_numpy(np.ascontiguousarray(a)).to(device) for a in (points, weights, aim))
        return cls(tuple(equations), x, w, t)

    def scaled(self, factor: float) -> "RowGroup":
        """Return the same rows multiplied by ``factor``."""
        return RowGroup(self.equations, self.points, factor * self.weights, self.targets)

    def linearise(self, equation: int, jets: JetSet, u: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the rows (point,) of one equation and their derivatives (alpha, point, unknown) by the jets ``u``."""
        compiled = self.equations[equation]
        columns = [u[jets.position[jet.order], :, jet.unknown] for jet in compiled.jets]
        stacked = torch.stack(columns, -1) if columns else self.points.new_zeros((len(self.points), 0))
        value, slopes = compiled.linearise(self.points, stacked)
        adjoint = torch.zeros_like(u)
        for column, jet in enumerate(compiled.jets):
            adjoint[jets.position[jet.order], :, jet.unknown] += slopes[:, column] * self.weights
        return self.weights * (value - self.targets[equation]), adjoint


class NetworkSystem:
    """The rows of all groups in one batch: one forward pass, and one backward pass per equation."""

    def __init__(self, groups: Sequence[RowGroup], inputs: Inputs) -> None:
        self.groups = tuple(groups)
        dimension = len(inputs.ranges)
        orders: set[MultiIndex] = {jet.order for g in groups for e in g.equations for jet in e.jets}
        self.jets = JetSet(orders | {(0,) * dimension})
        self.inputs = inputs.jets(self.jets, torch.cat([g.points for g in groups]))
        ends = np.cumsum([0, *(len(g.points) for g in groups)]).tolist()
        self.group_slices = tuple(slice(a, b) for a, b in pairwise(ends))
        self.row_count = sum(len(g.equations) * len(g.points) for g in groups)

    @property
    def is_linear(self) -> bool:
        """Whether all rows are affine in the function."""
        return all(e.is_linear for g in self.groups for e in g.equations)

    def linearise(self, u: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
        """Return for equation 1, 2, .. of all groups: rows (row,), their points (row,), adjoints of the jets ``u``."""
        found = []
        for number in range(max(len(g.equations) for g in self.groups)):
            adjoint, rows, pick = torch.zeros_like(u), [], []
            for group, place in zip(self.groups, self.group_slices, strict=True):
                if number < len(group.equations):
                    row, adjoint[:, place] = group.linearise(number, self.jets, u[:, place])
                    rows.append(row)
                    pick.append(torch.arange(place.start, place.stop, device=u.device))
            found.append((torch.cat(rows), torch.cat(pick), adjoint))
        return found

    def rows_and_jacobian(self, network: Network) -> tuple[torch.Tensor, Callable[[], torch.Tensor]]:
        """Return the rows and a function that computes their Jacobian (row, coefficient)."""
        u, traces = network.forward(self.jets, self.inputs)
        found = self.linearise(u)

        def tangent() -> torch.Tensor:
            return torch.cat([network.jacobian(traces, adjoint)[pick] for _, pick, adjoint in found])

        return torch.cat([rows for rows, _, _ in found]), tangent

    def loss_and_gradient(self, network: Network) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the sum of the squared rows and its gradient (coefficient,), without a Jacobian."""
        u, traces = network.forward(self.jets, self.inputs)
        total, loss = torch.zeros_like(u), u.new_zeros(())
        for rows, pick, adjoint in self.linearise(u):
            loss = loss + rows @ rows
            total[:, pick] += 2.0 * rows.unsqueeze(-1) * adjoint[:, pick]
        return loss, network.gradient(traces, total)
