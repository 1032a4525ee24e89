"""The KAN residual assembler: equations compiled once, linearised at all points of a patch.

With features f_k and u = sum_k c_k f_k, the Jacobian of a residual F(x, D^alpha u) is
``dF/dc_k = sum_alpha dF/d(D^alpha u) * D^alpha f_k``; the weights dF/d(D^alpha u) come from here, differentiated
symbolically, for any equation a user can write.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy
import torch

from pinnkan.assembly.tensor_rows import Rows, TensorRows, grid_jets, parts
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Jet, Problem

#: Points at which formulas are worked out at once: long ones leave dozens of numbers behind at each.
AT_ONCE = 2**16


class CompiledEquation:
    """F and its derivatives by every jet, evaluated on tensors.

    ``jets``: the derivatives of unknowns that occur, in the order of the columns below; ``slopes``: dF/djet of each.
    ``is_linear``: whether F is affine in all of them, so that one least-squares solve suffices.
    """

    def __init__(self, equation: Equation, coordinates: Sequence[sympy.Symbol]) -> None:
        self.text = equation.text
        self.symbols = tuple(equation.jets)
        self.jets: tuple[Jet, ...] = tuple(equation.jets.values())
        self.slopes = tuple(sympy.diff(equation.residual, s) for s in self.symbols)
        self.is_linear = not any(w.free_symbols & set(self.symbols) for w in self.slopes)
        self._tape = Tape([equation.residual, *self.slopes], [*coordinates, *self.symbols])
        self._terms = Tape(sympy.Add.make_args(equation.residual), [*coordinates, *self.symbols])

    def written(self) -> tuple[Any, ...]:
        """Jets and instructions as plain data, for :meth:`read`."""
        jets = [(j.unknown, j.order) for j in self.jets]
        return jets, self._tape.inputs, list(self._tape.instructions), self._tape.outputs

    @classmethod
    def read(
        cls, jets: Sequence[tuple[int, Sequence[int]]], inputs: int, code: Sequence[Any], outputs: Sequence[int]
    ) -> CompiledEquation:
        """One that was :meth:`written`, to be evaluated only: without text and symbols."""
        equation = cls.__new__(cls)
        equation.jets = tuple(Jet(unknown, tuple(order)) for unknown, order in jets)
        equation._tape = Tape.written(inputs, code, outputs)
        return equation

    def linearise(self, points: torch.Tensor, jets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """F, shape (...), and dF/djet, shape (..., jet), at ``points`` (..., coordinate) and ``jets`` (..., jet)."""
        return self.linearise_on(points.unbind(-1), jets)

    def linearise_on(
        self, coordinates: Sequence[torch.Tensor], jets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """The same, each of the ``coordinates`` as an array that broadcasts to (...): what it does not vary is shared.

        sin(8 pi x) sin(8 pi y) sin(8 pi z) on a grid takes as many sines as the grid has lines.
        """
        shape, few = jets.shape[:-1], max(1, AT_ONCE * len(jets) // max(jets[..., 0:1].numel(), 1))
        if jets.ndim == 1 or few >= len(jets):
            return self._linearised(coordinates, jets)
        f = jets.new_empty(shape)
        weights = jets.new_empty((len(self.jets), *shape)).movedim(0, -1)
        for start in range(0, len(jets), few):
            part = slice(start, start + few)
            own = [x[part] if len(x) > 1 else x for x in coordinates]
            f[part], weights[part] = self._linearised(own, jets[part])
        return f, weights

    def _linearised(self, coordinates: Sequence[torch.Tensor], jets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values: list[Any] = [*coordinates, *jets.unbind(-1)]
        outputs = self._tape(values, torch)
        shape = jets.shape[:-1]
        full = [_filled(o, shape, jets) for o in outputs]
        weights = _last(full[1:]) if len(full) > 1 else jets.new_zeros((*shape, 0))
        return full[0], weights

    def terms_numpy(self, points: np.ndarray, jets: np.ndarray) -> np.ndarray:
        """The sum of the squares of what F is a sum of, shape (...)."""
        outputs = self._terms([*np.moveaxis(points, -1, 0), *np.moveaxis(jets, -1, 0)])
        return sum((np.square(o) for o in outputs), np.zeros(points.shape[:-1]))

    def linearise_numpy(self, points: np.ndarray, jets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same on numpy arrays."""
        f, w = self.linearise(torch.from_numpy(points), torch.from_numpy(jets))
        return f.numpy(), w.numpy()


def where_not_finite(problem: Problem, patches: Iterable[tuple[CompiledEquation, torch.Tensor, torch.Tensor]]) -> str:
    """The first point at which an equation or its derivatives are not finite, in words.

    ``patches``: equations with points (..., coordinate) and jets (..., jet) there.
    """
    names = [s.name for s in problem.coordinates]
    for equation, points, jets in patches:
        value, slopes = equation.linearise(points, jets)
        bad = ~(torch.isfinite(value) & torch.isfinite(slopes).all(-1))
        if bool(bad.any()):
            place = points[bad][0].tolist()
            at = ", ".join(f"{name} = {x:.6g}" for name, x in zip(names, place, strict=True))
            return f"at {at} in '{equation.text}'"
    return "in a sum of squares"


def _last(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stacked along a new last index, but each part in one piece of memory."""
    return torch.stack(tuple(parts)).movedim(0, -1)


def _coordinates(tables: Sequence[Table]) -> list[torch.Tensor]:
    """The points of every coordinate, as an array that broadcasts to (interval, point, interval, ..)."""
    d = len(tables)
    return [
        t.nodes.reshape([1] * (2 * i) + list(t.nodes.shape) + [1] * (2 * (d - 1 - i))) for i, t in enumerate(tables)
    ]


def _filled(value: Any, shape: torch.Size, like: torch.Tensor) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.expand(shape)
    return like.new_full(shape, float(value))


class Patch:
    """An equation on a set of cells: all cells of a box, or those along a side.

    Points are a product of those of each coordinate, so that values and rows are computed by sum factorisation.
    ``scale``: weight of the rows, one or (interval, 1, interval, ..).
    """

    def __init__(
        self, equation: CompiledEquation, space: Space, tables: Sequence[Table], scale: float | torch.Tensor = 1.0
    ) -> None:
        self.equation, self.space, self.tables = equation, space, tuple(tables)
        d = len(tables)
        self.shape = tuple(n for t in tables for n in t.nodes.shape)
        weight = torch.ones((), dtype=torch.float64, device=tables[0].nodes.device)
        for i, t in enumerate(tables):
            weight = weight * t.weights.reshape([1] * (2 * i) + list(t.nodes.shape) + [1] * (2 * (d - 1 - i)))
        self.root_weight = weight.sqrt() * scale
        self.count = int(np.prod(self.shape))
        self.volume = float(weight.sum())

    @cached_property
    def points(self) -> torch.Tensor:
        """Where the rows are: (interval, point, interval, .., coordinate)."""
        return _last([x.expand(self.shape) for x in _coordinates(self.tables)])

    def jets(self, coefficients: torch.Tensor) -> torch.Tensor:
        """The equation's derivatives at the points by sum factorisation: (interval, point, interval, .., jet)."""
        return self._jets(self.tables, coefficients)

    def loss(self, coefficients: torch.Tensor) -> float:
        """Weighted sum of squares of the residual; nan or inf where it is not finite."""
        return float((self.residual(coefficients) ** 2).sum())

    def residual(self, coefficients: torch.Tensor) -> torch.Tensor:
        """Residual at the points times the root of their weights: (interval, point, interval, ..)."""
        out = coefficients.new_empty(self.shape)
        for part, tables in parts(self.tables):
            jets = self._jets(tables, coefficients)
            torch.mul(self.equation.linearise_on(_coordinates(tables), jets)[0], self.root_weight[part], out=out[part])
        return out

    def rows(self, coefficients: torch.Tensor, moves: Sequence[torch.Tensor]) -> Rows:
        """Jacobian at ``coefficients``; one right-hand side F + J move for each prescribed move of coefficients."""
        return self._rows(lambda part, tables: self._jets(tables, coefficients), moves)

    def rows_at(self, jets: torch.Tensor, moves: Sequence[torch.Tensor]) -> Rows:
        """The same, linearised at any function given by its jets at :attr:`points`."""
        rows = self.tensor_rows(jets, moves)
        return rows.written() if len(self.tables) == 1 and self.tables[0].is_whole else rows

    def tensor_rows(self, jets: torch.Tensor, moves: Sequence[torch.Tensor]) -> TensorRows:
        """:meth:`rows_at`, one row for each point."""
        return self._rows(lambda part, tables: jets[part], moves)

    def _rows(
        self, jets: Callable[[slice, tuple[Table, ...]], torch.Tensor], moves: Sequence[torch.Tensor]
    ) -> TensorRows:
        """One row for each point, some intervals of the first coordinate after the other: so little lies between."""
        sides = [m if bool(m.any()) else None for m in moves] or [None]
        weights, residual = (
            self.root_weight.new_empty((n, *self.shape)).movedim(0, -1) for n in (len(self.equation.jets), len(sides))
        )
        for part, tables in parts(self.tables):
            f, slopes = self.equation.linearise_on(_coordinates(tables), jets(part, tables))
            root = self.root_weight[part]
            for k, move in enumerate(sides):
                moved = f if move is None else f + (slopes * self._jets(tables, move)).sum(-1)
                torch.mul(moved, root, out=residual[part][..., k])
            torch.mul(slopes, root.unsqueeze(-1), out=weights[part])
        return TensorRows(self.space, self.tables, self.equation.jets, weights, residual)

    def _jets(self, tables: tuple[Table, ...], coefficients: torch.Tensor) -> torch.Tensor:
        return _last(grid_jets(tables, coefficients, self.equation.jets))
