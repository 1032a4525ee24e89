"""Equations compiled once and linearised at all points of a patch.

The Jacobian of a residual F(x, D^alpha u), u = sum_k c_k f_k, is ``dF/dc_k = sum_alpha dF/d(D^alpha u) * D^alpha f_k``.
The weights dF/d(D^alpha u) are differentiated symbolically.
"""

from collections.abc import Iterable, Sequence
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy
import torch

from pinnkan.assembly.device import batch_size
from pinnkan.assembly.indeterminate_forms import fill_limits, may_be_undefined
from pinnkan.assembly.tensor_rows import interval_index
from pinnkan.kan.table import Table
from pinnkan.problem.expressions.functions import Signum, UnitStep
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Interface, Jet, Problem

#: Points at which formulas are evaluated at once; long ones leave dozens of intermediate values at each.
BATCH_POINTS = 2**16
#: The offset of derivative orders below an interface: one more than the highest order across it.
BELOW_SHIFT = 2


class CompiledEquation:
    """F and its slopes dF/djet, evaluated on tensors.

    ``jets``: the derivatives of unknowns in F, in the order of the columns; ``value_tape``: the tape of F; ``slopes``:
    symbolic dF/djet, ``slopes_tape``: their tape; ``constants``: each slope as a number, None if it varies;
    ``is_linear``: whether F is affine in all jets, but for signs and steps of them (``has_switch``).
    """

    def __init__(self, equation: Equation, coordinates: Sequence[sympy.Symbol]) -> None:
        self.text = equation.text
        self.symbols = tuple(equation.jets)
        self.jets: tuple[Jet, ...] = tuple(equation.jets.values())
        self.slopes = tuple(equation.slopes.values())
        self.is_linear = equation.is_linear
        self.has_switch = any(a.free_symbols & set(self.symbols) for a in equation.residual.atoms(Signum, UnitStep))
        self._tape = Tape([equation.residual, *self.slopes], [*coordinates, *self.symbols])
        self.value_tape = self._tape.first_output()
        self.constants = tuple(float(w) if w.is_number else None for w in self.slopes)
        self.slopes_tape = Tape(self.slopes, [*coordinates, *self.symbols])
        self._terms = Tape(sympy.Add.make_args(equation.residual), [*coordinates, *self.symbols])

    @cached_property
    def constant_slopes(self) -> tuple[float, ...] | None:
        """The slopes, if all of them are constant; else None."""
        known = tuple(c for c in self.constants if c is not None)
        return known if len(known) == len(self.constants) else None

    @cached_property
    def _may_be_undefined(self) -> bool:
        """Whether a formula may be 0/0 at some values of the unknowns."""
        return may_be_undefined(self._tape, self._tape.input_count - len(self.jets))

    def to_data(self) -> tuple[Any, ...]:
        """The jets and instructions as plain data."""
        jets = [(j.unknown, j.order) for j in self.jets]
        return jets, self._tape.input_count, list(self._tape.instructions), self._tape.outputs, self.constants

    @classmethod
    def from_data(
        cls,
        jets: Sequence[tuple[int, Sequence[int]]],
        inputs: int,
        code: Sequence[Any],
        outputs: Sequence[int],
        constants: Sequence[float | None],
    ) -> "CompiledEquation":
        """Rebuild an equation from its plain data, for evaluation only: without text and symbols."""
        equation = cls.__new__(cls)
        equation.jets = tuple(Jet(unknown, tuple(order)) for unknown, order in jets)
        equation._tape = Tape.from_instructions(inputs, code, outputs)
        equation.value_tape = equation._tape.first_output()
        equation.constants = tuple(constants)
        return equation

    def linearise(self, points: torch.Tensor, jets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """F (..) and dF/djet (.., jet) at ``points`` (.., coordinate) and ``jets`` (.., jet)."""
        return self.linearise_grid(points.unbind(-1), jets)

    def linearise_grid(
        self, coordinates: Sequence[torch.Tensor], jets: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """As :meth:`linearise`, with each of the ``coordinates`` as an array that broadcasts to the points.

        Formulas of one coordinate are then evaluated once per line of a grid.
        """
        shape, most = jets.shape[:-1], batch_size(BATCH_POINTS, jets.device)
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

    def grid_value(self, coordinates: Sequence[torch.Tensor], jets: Sequence[torch.Tensor]) -> torch.Tensor:
        """F at points, with ``coordinates`` and each of the ``jets`` as arrays that broadcast to the points."""
        shape = np.broadcast_shapes(*(x.shape for x in (*coordinates, *jets)))
        value = _filled(self.value_tape([*coordinates, *jets], torch)[0], shape, coordinates[0])
        return fill_limits(self.value_tape, coordinates, jets, [value])[0] if self._may_be_undefined else value

    def grid_slopes(self, coordinates: Sequence[torch.Tensor]) -> list[Any]:
        """dF/djet for each jet of a linear equation: numbers, or arrays that broadcast to the points."""
        return self.slopes_tape([*coordinates, *([0.0] * len(self.jets))], torch)

    def _linearised(self, coordinates: Sequence[torch.Tensor], jets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        values: list[Any] = [*coordinates, *jets.unbind(-1)]
        outputs = self._tape(values, torch)
        shape = jets.shape[:-1]
        full = [_filled(o, shape, jets) for o in outputs]
        if self._may_be_undefined:
            full = fill_limits(self._tape, coordinates, jets.unbind(-1), full)
        weights = stack_last(full[1:]) if len(full) > 1 else jets.new_zeros((*shape, 0))
        return full[0], weights

    def squared_terms_numpy(self, points: np.ndarray, jets: np.ndarray) -> np.ndarray:
        """The sum of the squared terms of F (..); infinite on overflow."""
        outputs = self._terms([*np.moveaxis(points, -1, 0), *np.moveaxis(jets, -1, 0)])
        with np.errstate(over="ignore"):
            return sum((np.square(o) for o in outputs), np.zeros(points.shape[:-1]))

    def linearise_numpy(self, points: np.ndarray, jets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """As :meth:`linearise`, for numpy arrays."""
        f, w = self.linearise(torch.from_numpy(points), torch.from_numpy(jets))
        return f.numpy(), w.numpy()


def where_not_finite(problem: Problem, patches: Iterable[tuple[CompiledEquation, torch.Tensor, torch.Tensor]]) -> str:
    """Describe the first point at which an equation or its slopes are not finite.

    ``patches``: equations with points (.., coordinate) and jets (.., jet).
    """
    for equation, points, jets in patches:
        value, slopes = equation.linearise(points, jets)
        bad = ~(torch.isfinite(value) & torch.isfinite(slopes).all(-1))
        if bool(bad.any()):
            return f"at {problem.format_point(points[bad][0].tolist(), digits=6)} in '{equation.text}'"
    return "in a sum of squares"


def stack_last(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Stack arrays along a new last index, each part contiguous in memory."""
    return torch.stack(tuple(parts)).movedim(0, -1)


def grid_coordinates(tables: Sequence[Table]) -> list[torch.Tensor]:
    """The points of each coordinate, as arrays that broadcast to (interval, point, interval, ..)."""
    return [broadcast_to_grid(t.nodes, i, len(tables)) for i, t in enumerate(tables)]


def broadcast_to_grid(values: torch.Tensor, index: int, coordinates: int) -> torch.Tensor:
    """Reshape (interval, point) of coordinate ``index`` to broadcast to (interval, point, interval, ..)."""
    return values.reshape([1] * (2 * index) + list(values.shape) + [1] * (2 * (coordinates - 1 - index)))


def quadrature_factors(tables: Sequence[Table], part: slice, coordinate: int) -> list[torch.Tensor]:
    """Return the quadrature weights in the intervals ``part`` of ``coordinate``, one factor for each coordinate."""
    weights = (t.weights[part] if i == coordinate else t.weights for i, t in enumerate(tables))
    return [broadcast_to_grid(w, i, len(tables)) for i, w in enumerate(weights)]


def summed_quadrature(tables: Sequence[Table], indices: Sequence[int]) -> torch.Tensor:
    """Return quadrature weights summed over the grid indices ``indices``, which keep length one: (interval, ..)."""
    summed = [[n for n in (0, 1) if 2 * i + n in indices] for i in range(len(tables))]
    sums = [t.weights.sum(dims, keepdim=True) if dims else t.weights for t, dims in zip(tables, summed, strict=True)]
    return reduce(torch.mul, [broadcast_to_grid(s, i, len(sums)) for i, s in enumerate(sums)])


def scale_part(scale: float | torch.Tensor, part: slice, coordinate: int) -> float | torch.Tensor:
    """The part of a scale, a number or (interval, 1, interval, ..), in some intervals of a coordinate."""
    if isinstance(scale, float) or scale.ndim == 0 or scale.shape[2 * coordinate] == 1:
        return scale
    return scale[interval_index(part, coordinate)]


def _filled(value: Any, shape: tuple[int, ...], like: torch.Tensor) -> torch.Tensor:
    if isinstance(value, torch.Tensor):
        return value.to(like.device).expand(shape)  # a scalar may lie on the host
    return like.new_full(shape, float(value))


def interface_equation(interface: Interface, text: str, coordinates: Sequence[sympy.Symbol]) -> CompiledEquation:
    """The condition on a plane across which the slope may jump, as an equation of one-sided derivatives.

    A derivative of order k across the plane is the one above, of order k + :data:`BELOW_SHIFT` that of order k below,
    so the rows are those of any equation on a table of two-sided derivatives (:func:`pinnkan.kan.table.joint_table`).
    """
    jets = {**interface.jets_above, **{s: _jet_below(j, interface.axis) for s, j in interface.jets_below.items()}}
    return CompiledEquation(Equation(interface.residual, jets, f"the flux of {text}"), coordinates)


def _jet_below(jet: Jet, axis: int) -> Jet:
    return Jet(jet.unknown, tuple(n + BELOW_SHIFT * (i == axis) for i, n in enumerate(jet.order)))
