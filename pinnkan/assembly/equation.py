"""The KAN residual assembler: equations compiled once, linearised at all points of a patch.

With features f_k and u = sum_k c_k f_k, the Jacobian of a residual F(x, D^alpha u) is
``dF/dc_k = sum_alpha dF/d(D^alpha u) * D^alpha f_k``; the weights dF/d(D^alpha u) come from here, differentiated
symbolically, for any equation a user can write.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import sympy
import torch

from pinnkan.assembly.device import at_once
from pinnkan.assembly.limits import may_be_undefined, with_limits
from pinnkan.assembly.tensor_rows import within
from pinnkan.kan.table import Table
from pinnkan.problem.expressions.functions import Signum, UnitStep
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Interface, Jet, Problem

#: Points at which formulas are worked out at once: long ones leave dozens of numbers behind at each.
AT_ONCE = 2**16
#: One more than the highest order of derivative across a plane.
SHIFT = 2


class CompiledEquation:
    """F and its derivatives by every jet, evaluated on tensors.

    ``jets``: the derivatives of unknowns that occur, in the order of the columns below; ``value``: F as instructions;
    ``slopes``: dF/djet of each, ``slopes_tape``: as instructions; ``constants``: as numbers, each where it is one.
    ``is_linear``: whether F is affine in all jets, so that one least-squares solve suffices, but for a sign or a step
    of them, ``has_switch``.
    """

    def __init__(self, equation: Equation, coordinates: Sequence[sympy.Symbol]) -> None:
        self.text = equation.text
        self.symbols = tuple(equation.jets)
        self.jets: tuple[Jet, ...] = tuple(equation.jets.values())
        self.slopes = tuple(sympy.diff(equation.residual, s) for s in self.symbols)
        self.is_linear = not any(w.free_symbols & set(self.symbols) for w in self.slopes)
        self.has_switch = any(a.free_symbols & set(self.symbols) for a in equation.residual.atoms(Signum, UnitStep))
        self._tape = Tape([equation.residual, *self.slopes], [*coordinates, *self.symbols])
        self.value = self._tape.first()
        self.constants = tuple(float(w) if w.is_number else None for w in self.slopes)
        self.slopes_tape = Tape(self.slopes, [*coordinates, *self.symbols])
        self._terms = Tape(sympy.Add.make_args(equation.residual), [*coordinates, *self.symbols])

    @cached_property
    def numbers(self) -> tuple[float, ...] | None:
        """The slopes where all of them are numbers."""
        known = tuple(c for c in self.constants if c is not None)
        return known if len(known) == len(self.constants) else None

    @cached_property
    def _is_undefined_somewhere(self) -> bool:
        """Whether a formula may be 0/0 at some values of the unknowns."""
        return may_be_undefined(self._tape, self._tape.inputs - len(self.jets))

    def written(self) -> tuple[Any, ...]:
        """Jets and instructions as plain data, for :meth:`read`."""
        jets = [(j.unknown, j.order) for j in self.jets]
        return jets, self._tape.inputs, list(self._tape.instructions), self._tape.outputs, self.constants

    @classmethod
    def read(
        cls,
        jets: Sequence[tuple[int, Sequence[int]]],
        inputs: int,
        code: Sequence[Any],
        outputs: Sequence[int],
        constants: Sequence[float | None],
    ) -> "CompiledEquation":
        """One that was :meth:`written`, to be evaluated only: without text and symbols."""
        equation = cls.__new__(cls)
        equation.jets = tuple(Jet(unknown, tuple(order)) for unknown, order in jets)
        equation._tape = Tape.written(inputs, code, outputs)
        equation.value = equation._tape.first()
        equation.constants = tuple(constants)
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
        shape, most = jets.shape[:-1], at_once(AT_ONCE, jets.device)
        few = max(1, most * len(jets) // max(jets[..., 0:1].numel(), 1))
        if jets.ndim == 1 or few >= len(jets):
            return self._linearised(coordinates, jets)
        f = jets.new_empty(shape)
        weights = jets.new_empty((len(self.jets), *shape)).movedim(0, -1)
        for start in range(0, len(jets), few):
            part = slice(start, start + few)
            own = [x[part] if len(x) > 1 else x for x in coordinates]
            f[part], weights[part] = self._linearised(own, jets[part])
        return f, weights

    def value_on(self, coordinates: Sequence[torch.Tensor], jets: Sequence[torch.Tensor]) -> torch.Tensor:
        """F alone at points as :meth:`linearise_on` has them, ``jets`` one after the other."""
        shape = np.broadcast_shapes(*(x.shape for x in (*coordinates, *jets)))
        value = _filled(self.value([*coordinates, *jets], torch)[0], shape, coordinates[0])
        return with_limits(self.value, coordinates, jets, [value])[0] if self._is_undefined_somewhere else value

    def slopes_on(self, coordinates: Sequence[torch.Tensor]) -> list[Any]:
        """The derivatives of F by every jet of a linear equation: numbers, or arrays that broadcast to the points."""
        return self.slopes_tape([*coordinates, *([0.0] * len(self.jets))], torch)

    def _linearised(self, coordinates: Sequence[torch.Tensor], jets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values: list[Any] = [*coordinates, *jets.unbind(-1)]
        outputs = self._tape(values, torch)
        shape = jets.shape[:-1]
        full = [_filled(o, shape, jets) for o in outputs]
        if self._is_undefined_somewhere:
            full = with_limits(self._tape, coordinates, jets.unbind(-1), full)
        weights = last(full[1:]) if len(full) > 1 else jets.new_zeros((*shape, 0))
        return full[0], weights

    def terms_numpy(self, points: np.ndarray, jets: np.ndarray) -> np.ndarray:
        """The sum of the squares of what F is a sum of, shape (...); infinite where one is too large."""
        outputs = self._terms([*np.moveaxis(points, -1, 0), *np.moveaxis(jets, -1, 0)])
        with np.errstate(over="ignore"):
            return sum((np.square(o) for o in outputs), np.zeros(points.shape[:-1]))

    def linearise_numpy(self, points: np.ndarray, jets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The same on numpy arrays."""
        f, w = self.linearise(torch.from_numpy(points), torch.from_numpy(jets))
        return f.numpy(), w.numpy()


def where_not_finite(problem: Problem, patches: Iterable[tuple[CompiledEquation, torch.Tensor, torch.Tensor]]) -> str:
    """The first point at which an equation or its derivatives are not finite, in words.

    ``patches``: equations with points (..., coordinate) and jets (..., jet) there.
    """
    for equation, points, jets in patches:
        value, slopes = equation.linearise(points, jets)
        bad = ~(torch.isfinite(value) & torch.isfinite(slopes).all(-1))
        if bool(bad.any()):
            return f"at {problem.at(points[bad][0].tolist(), digits=6)} in '{equation.text}'"
    return "in a sum of squares"


def last(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stacked along a new last index, but each part in one piece of memory."""
    return torch.stack(tuple(parts)).movedim(0, -1)


def coordinates_on(tables: Sequence[Table]) -> list[torch.Tensor]:
    """The points of every coordinate, as an array that broadcasts to (interval, point, interval, ..)."""
    return [on_grid(t.nodes, i, len(tables)) for i, t in enumerate(tables)]


def on_grid(values: torch.Tensor, index: int, coordinates: int) -> torch.Tensor:
    """(interval, point) of one of the coordinates, so that it broadcasts to (interval, point, interval, ..)."""
    return values.reshape([1] * (2 * index) + list(values.shape) + [1] * (2 * (coordinates - 1 - index)))


def in_part(scale: float | torch.Tensor, part: slice, along: int) -> float | torch.Tensor:
    """A scale, one or (interval, 1, interval, ..), in some intervals of a coordinate."""
    if isinstance(scale, float) or scale.ndim == 0 or scale.shape[2 * along] == 1:
        return scale
    return scale[within(part, along)]


def _filled(value: Any, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.to(like.device).expand(shape)  # a number by itself may be one of the host
    return like.new_full(shape, float(value))


def on_plane(interface: Interface, text: str, coordinates: Sequence[sympy.Symbol]) -> CompiledEquation:
    """What holds on a plane across which the slope may jump, as an equation of derivatives on both sides of it.

    A derivative across the plane of order k is that above it, one of order k + SHIFT that of order k below it: so the
    rows of an interface are those of any equation, on a table of two-sided derivatives
    (:func:`pinnkan.kan.table.joint_table`).
    """
    jets = {**interface.above, **{s: _beneath(j, interface.axis) for s, j in interface.below.items()}}
    return CompiledEquation(Equation(interface.residual, jets, f"the flux of {text}"), coordinates)


def _beneath(jet: Jet, axis: int) -> Jet:
    return Jet(jet.unknown, tuple(n + SHIFT * (i == axis) for i, n in enumerate(jet.order)))
