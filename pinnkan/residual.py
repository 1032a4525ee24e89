"""The KAN residual assembler: equations compiled once, their rows assembled cell by cell.

With features f_k and u = sum_k c_k f_k, the Jacobian of a residual F(x, D^alpha u) is
``dF/dc_k = sum_alpha dF/d(D^alpha u) * D^alpha f_k``; the weights dF/d(D^alpha u) come from here, differentiated
symbolically, for any equation a user can write.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
import torch

from pinnkan.kan.product import Axis, Space
from pinnkan.problem.statement import Equation, Jet
from pinnkan.problem.tape import Tape


class CompiledEquation:
    """F and its derivatives by every jet, evaluated on tensors.

    ``jets``: the derivatives of unknowns that occur, in the order of the columns below. ``is_linear``: whether F is
    affine in all of them, so that one least-squares solve suffices.
    """

    def __init__(self, equation: Equation, coordinates: Sequence[sympy.Symbol]) -> None:
        self.text = equation.text
        self.symbols = tuple(equation.jets)
        self.jets: tuple[Jet, ...] = tuple(equation.jets.values())
        weights = [sympy.diff(equation.residual, s) for s in self.symbols]
        self.is_linear = not any(w.free_symbols & set(self.symbols) for w in weights)
        self._tape = Tape([equation.residual, *weights], [*coordinates, *self.symbols])

    def linearise(self, points: torch.Tensor, jets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """F, shape (...), and dF/djet, shape (..., jet), at ``points`` (..., coordinate) and ``jets`` (..., jet)."""
        values: list[Any] = [*points.unbind(-1), *jets.unbind(-1)]
        outputs = self._tape(values, torch)
        shape = points.shape[:-1]
        full = [_filled(o, shape, points) for o in outputs]
        weights = torch.stack(full[1:], -1) if len(full) > 1 else points.new_zeros((*shape, 0))
        return full[0], weights

    def linearise_numpy(self, points: np.ndarray, jets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same on numpy arrays."""
        f, w = self.linearise(torch.from_numpy(points), torch.from_numpy(jets))
        return f.numpy(), w.numpy()


def _filled(value: Any, shape: torch.Size, like: torch.Tensor) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.expand(shape)
    return like.new_full(shape, float(value))


@dataclass(frozen=True, eq=False)
class Table:
    """One coordinate of a patch: nodes and weights (interval, point), and what lives there.

    ``values``: (order, interval, point, function); ``index``: coefficient of each function, (interval, function).
    """

    nodes: torch.Tensor
    weights: torch.Tensor
    values: torch.Tensor
    index: torch.Tensor


def gauss_table(axis: Axis, points: int, order: int, device: torch.device) -> Table:
    """Gauss points in every interval of an axis."""
    nodes, weights = (torch.from_numpy(a) for a in axis.gauss(points))
    values, first = axis.basis.local(nodes, order)
    return _table(axis, nodes, weights, values, first[:, 0], device)


def end_table(axis: Axis, end: int, order: int, device: torch.device) -> Table:
    """The single point at one end of an axis, weight one."""
    nodes = torch.from_numpy(axis.breaks[[0 if end == 0 else -1]]).reshape(1, 1)
    values, first = axis.basis.local(nodes, order)
    return _table(axis, nodes, torch.ones_like(nodes), values, first[:, 0], device)


def _table(
    axis: Axis,
    nodes: torch.Tensor,
    weights: torch.Tensor,
    values: torch.Tensor,
    first: torch.Tensor,
    device: torch.device,
) -> Table:
    index = axis.fold(first.numpy()[:, None] + np.arange(axis.degree + 1))
    return Table(nodes.to(device), weights.to(device), values.to(device), torch.from_numpy(index).to(device))


@dataclass(frozen=True, eq=False)
class Rows:
    """Least-squares rows of a batch of cells: ``jacobian`` (cell, row, column), ``residual`` (cell, row, side).

    ``index`` (cell, column) is the flat coefficient each column stands for.
    """

    jacobian: torch.Tensor
    residual: torch.Tensor
    index: torch.Tensor


class Patch:
    """An equation on a set of cells: all cells of a box, or those along a side.

    A cell is a product of knot intervals; its rows touch only the (degree + 1)^d coefficients that live on it, so that
    all cells are one batch of small dense matrices.
    """

    def __init__(self, equation: CompiledEquation, space: Space, tables: Sequence[Table], scale: float = 1.0) -> None:
        self.equation, self.space, self.tables, self.scale = equation, space, tuple(tables), scale
        d = len(tables)
        self.dimension = d
        self.cells = tuple(len(t.index) for t in tables)
        shape = [n for t in tables for n in t.nodes.shape]
        nodes = [
            t.nodes.reshape([1] * (2 * i) + list(t.nodes.shape) + [1] * (2 * (d - 1 - i))) for i, t in enumerate(tables)
        ]
        self.points = torch.stack([x.expand(shape) for x in nodes], -1)
        weight = torch.ones((), dtype=torch.float64, device=self.points.device)
        for i, t in enumerate(tables):
            weight = weight * t.weights.reshape([1] * (2 * i) + list(t.nodes.shape) + [1] * (2 * (d - 1 - i)))
        self.root_weight = weight.sqrt() * scale
        self.count = int(np.prod(shape))
        self.volume = float(weight.sum())

    def jets(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The equation's derivatives at the points by sum factorisation: (interval, point, interval, .., jet)."""
        return torch.stack([self._contract(coefficients[..., j.unknown], j.order) for j in self.equation.jets], -1)

    def _contract(self, values: torch.Tensor, order: Sequence[int]) -> torch.Tensor:
        for t, k in zip(self.tables, order, strict=True):
            values = torch.einsum("iqk,ik...->...iq", t.values[k], values[t.index])
        return values

    def loss(self, coefficients: torch.Tensor) -> float:
        """Weighted sum of squares of the residual; nan or inf where it is not finite."""
        f, _ = self.equation.linearise(self.points, self.jets(coefficients))
        return float(((f * self.root_weight) ** 2).sum())

    def rows(self, coefficients: torch.Tensor, moves: Sequence[torch.Tensor]) -> Rows:
        """Jacobian at ``coefficients``; one right-hand side F + J move for each prescribed move of coefficients."""
        return self.rows_at(self.jets(coefficients), moves)

    def rows_at(self, jets: torch.Tensor, moves: Sequence[torch.Tensor]) -> Rows:
        """The same, linearised at any function given by its jets at :attr:`points`."""
        f, weights = self.equation.linearise(self.points, jets)
        sides = [f]
        for move in moves:
            sides.append(f + (weights * self.jets(move)).sum(-1))
        weights = weights * self.root_weight.unsqueeze(-1)
        residual = torch.stack([s * self.root_weight for s in (sides[1:] or sides)], -1)
        cells_first = [2 * i for i in range(self.dimension)] + [2 * i + 1 for i in range(self.dimension)]
        blocks = []
        for unknown in range(self.space.unknowns):
            terms: dict[tuple[int, ...], torch.Tensor] = {}
            for k, jet in enumerate(self.equation.jets):
                if jet.unknown == unknown:
                    terms[jet.order] = weights[..., k].permute(cells_first)
            blocks.append(self._features(terms))
        n_cells = int(np.prod(self.cells))
        residual = residual.permute([*cells_first, 2 * self.dimension])
        return Rows(
            torch.cat(blocks, -1) if len(blocks) > 1 else blocks[0],
            residual.reshape(n_cells, -1, residual.shape[-1]),
            self.index(),
        )

    def _features(self, terms: dict[tuple[int, ...], torch.Tensor]) -> torch.Tensor:
        """sum_alpha w_alpha D^alpha[products of splines], one coordinate after the other: (cell, row, column)."""
        d = self.dimension
        for axis, t in enumerate(self.tables):
            grouped: dict[tuple[int, ...], torch.Tensor] = {}
            for order, term in terms.items():
                table = t.values[order[0]]
                shape = [1] * (2 * d + axis) + [table.shape[-1]]
                shape[axis], shape[d + axis] = table.shape[0], table.shape[1]
                factor = table.reshape(shape)
                rest = order[1:]
                if rest in grouped:
                    grouped[rest].addcmul_(term.unsqueeze(-1), factor)
                else:
                    grouped[rest] = term.unsqueeze(-1) * factor
            terms = grouped
        n_cells = int(np.prod(self.cells))
        columns = int(np.prod([t.values.shape[-1] for t in self.tables]))
        if not terms:
            return self.points.new_zeros((n_cells, self.count // n_cells, columns))
        return next(iter(terms.values())).reshape(n_cells, -1, columns)

    def index(self) -> torch.Tensor:
        """Flat index into the coefficient array of every column: (cell, column), unknown outermost."""
        d, shape = self.dimension, self.space.shape
        flat = torch.zeros((), dtype=torch.int64, device=self.points.device)
        for i, t in enumerate(self.tables):
            view = [1] * (2 * d)
            view[i], view[d + i] = t.index.shape
            flat = flat + t.index.reshape(view) * int(np.prod(shape[i + 1 :]))
        flat = flat.reshape(int(np.prod(self.cells)), -1)
        return torch.cat([flat + u for u in range(self.space.unknowns)], -1)
