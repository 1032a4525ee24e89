"""The KAN residual assembler, symbolic half: an equation and its linearisation, compiled once.

With features f_k and u = sum_k c_k f_k, the Jacobian of a residual F(x, D^alpha u) is
``dF/dc_k = sum_alpha dF/d(D^alpha u) * D^alpha f_k``; the weights dF/d(D^alpha u) come from here, differentiated
symbolically, for any equation a user can write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy
import torch

from pinnkan.problem.statement import Equation, Jet
from pinnkan.problem.tape import Tape


class CompiledEquation:
    """F and its derivatives by every jet, evaluated on tensors.

    ``jets``: the derivatives of unknowns that occur, in the order of the columns below. ``is_linear``: whether F is affine
    in all of them, so that one least-squares solve suffices.
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
