"""A problem compiled once for all levels, slabs and checks of a solve."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import sympy
import torch

from pinnkan.assembly.boundary_values import BoundaryValue, Conditions
from pinnkan.assembly.clock import Clock
from pinnkan.assembly.equation import CompiledEquation, interface_equation
from pinnkan.assembly.odd_powers import odd_continuation
from pinnkan.assembly.row_weights import (
    CornerWeights,
    algebraic_equations,
    algebraic_weight,
    cell_weights,
    corner_weights,
    deficit_weights,
    incompatible_corner_weights,
    offset_deficits,
)
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.value_ranges import Range, value_ranges
from pinnkan.problem.statement import Condition, Interface, Problem, Side
from pinnkan.problem.units.natural_units import natural_sizes

#: The weight, in norms of functions of an evolving system, of an unknown without derivatives in time. With weight one,
#: Taylor-Green vortices at 1e-5 failed on the pressure (degree 10 in time): 1.8e-3.
NO_RATE_WEIGHT = 1e-3


@dataclass(frozen=True, eq=False)
class Model:
    """A compiled problem: equations, interfaces and conditions that become rows, highest ``orders`` by coordinate."""

    problem: Problem
    conditions: Conditions
    device: torch.device
    equations: tuple[CompiledEquation, ...]
    rows: tuple[tuple[Condition, CompiledEquation], ...]
    orders: tuple[int, ...]
    is_linear: bool
    interfaces: tuple[tuple[Interface, CompiledEquation], ...] = ()
    clock: Clock = field(default_factory=Clock)

    @property
    def field_values(self) -> dict[str, Any]:
        """The fields by name, for building a model that differs in its weights alone."""
        return {f.name: getattr(self, f.name) for f in fields(Model)}

    @property
    def may_have_other_solutions(self) -> bool:
        """Whether further solutions are looked for: the problem is nonlinear or has a switch, and no free numbers.

        With these, the one nearest to their starts is meant.
        """
        has_more = not self.is_linear or any(e.has_switch for e in self.equations)
        return has_more and not self.problem.free_numbers

    @cached_property
    def sizes(self) -> tuple[float, ...]:
        """The natural size of each unknown."""
        return natural_sizes(self.problem)[0]

    @cached_property
    def ranges(self) -> tuple[Range, ...]:
        """The known range of values of each unknown (:mod:`pinnkan.problem.features.value_ranges`)."""
        return value_ranges(self.problem)

    @cached_property
    def norm_weights(self) -> tuple[float, ...]:
        """The weight of each unknown in norms of functions: one, or :data:`NO_RATE_WEIGHT`.

        The latter where an unknown has no finite norm, or no derivative in time although others have, as a pressure.
        """
        in_time = self.problem.time_axis is not None
        evolving = {j.unknown for e in self.equations for j in e.jets if in_time and j.order[-1]}
        little = {i for i in range(len(self.problem.unknowns)) if evolving and i not in evolving}
        little |= self.problem.unknowns_without_norm
        return tuple(NO_RATE_WEIGHT if i in little else 1.0 for i in range(len(self.problem.unknowns)))

    @cached_property
    def later_slab_model(self) -> "Model":
        """The model of a slab that starts where an earlier one ends: the whole state is prescribed at its start.

        Values and rates replace the rows of conditions there, such as a + b = 1 or those of ``enforce: penalty``.
        """
        axis = self.problem.time_axis
        rows = tuple((c, e) for c, e in self.rows if axis is None or c.place != Side(axis, 0))
        if axis is None or len(rows) == len(self.rows):
            return self
        given = {(v.unknown, v.order): v for v in self.conditions.initial}
        nothing = Tape([sympy.Integer(0)], list(self.problem.coordinates))
        for jet in (jet for e in self.equations for jet in e.jets):
            for order in range(jet.order[axis]):
                given.setdefault((jet.unknown, order), BoundaryValue(Side(axis, 0), jet.unknown, order, nothing))
        initial = tuple(sorted(given.values(), key=lambda v: v.order))
        conditions = Conditions(initial, self.conditions.boundary, tuple(c for c, _ in rows))
        return replace(self, conditions=conditions, rows=rows)

    @cached_property
    def corner_weights(self) -> CornerWeights | None:
        """Weights where conditions change (:func:`pinnkan.assembly.row_weights.corner_weights`), or None."""
        return corner_weights(self.problem)

    @cached_property
    def incompatible_corner_weights(self) -> CornerWeights | None:
        """Weights near incompatible corners; None: no such corner."""
        return incompatible_corner_weights(self.problem)

    @cached_property
    def offset_deficits(self) -> tuple[int, ...]:
        """The deficit of each equation's offset (:func:`pinnkan.assembly.row_weights.offset_deficits`)."""
        return offset_deficits(self.problem)

    @cached_property
    def algebraic_equations(self) -> tuple[bool, ...]:
        """Whether each equation is algebraic (:func:`pinnkan.assembly.row_weights.algebraic_equations`)."""
        return algebraic_equations(self.problem)

    def weights(self, space: Space, tables: Sequence[Table]) -> list[float | torch.Tensor]:
        """The weight of the rows of each equation: a number, or (interval, 1 or point, interval, ..)."""
        closing = algebraic_weight(self.problem, space) if any(self.algebraic_equations) else 1.0
        scales: list[float | torch.Tensor] = [
            f * (closing if c else 1.0)
            for f, c in zip(deficit_weights(self.offset_deficits), self.algebraic_equations, strict=True)
        ]
        if self.corner_weights is None:
            local = [cell_weights(space, s) for s in self.offset_deficits]
            scales = [f if w is None else f * w.to(self.device) for f, w in zip(scales, local, strict=True)]
        near = self.corner_weights or self.incompatible_corner_weights
        return scales if near is None else [near.grid_weights(tables, k) * s for k, s in enumerate(scales)]

    @cached_property
    def conditions_as_rows(self) -> tuple[tuple[Condition, CompiledEquation], ...]:
        """All conditions that have an equation, compiled, for families that build none into their coefficients."""
        coordinates = self.problem.coordinates
        return tuple(
            (c, CompiledEquation(c.equation, coordinates)) for c in self.problem.conditions if c.equation is not None
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class DividedModel(Model):
    """A model whose equations are divided by the numbers ``divisors``, one for each equation."""

    divisors: tuple[float, ...]

    def weights(self, space: Space, tables: Sequence[Table]) -> list[float | torch.Tensor]:
        """The weights of :class:`Model`, divided by ``by_row``."""
        return [w / size for w, size in zip(super().weights(space, tables), self.divisors, strict=True)]


def compile_model(problem: Problem, conditions: Conditions, device: torch.device, clock: Clock | None = None) -> Model:
    """Compile the equations, interfaces and conditions that become rows; ``clock``: None for no time limit."""
    equations = tuple(CompiledEquation(odd_continuation(e), problem.coordinates) for e in problem.equations)
    rows = tuple(
        (c, CompiledEquation(c.equation, problem.coordinates)) for c in conditions.rows if c.equation is not None
    )
    planes = tuple(
        (i, interface_equation(i, e.text, problem.coordinates)) for e in problem.equations for i in e.interfaces
    )
    linear = all(e.is_linear for e in (*equations, *(r for _, r in rows), *(i for _, i in planes)))
    return Model(problem, conditions, device, equations, rows, problem.orders, linear, planes, clock or Clock())
