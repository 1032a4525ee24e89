"""A problem compiled once, for all levels, slabs and checks of a solve."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import sympy
import torch

from pinnkan.assembly.boundary_values import BoundaryValue, Conditions
from pinnkan.assembly.clock import Clock
from pinnkan.assembly.equation import CompiledEquation, on_plane
from pinnkan.assembly.roots import continued
from pinnkan.assembly.row_weights import (
    CornerWeights,
    bent_weights,
    closing_weight,
    closures,
    corner_weights,
    finer,
    local_weight,
    surpluses,
)
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.value_ranges import Range, value_ranges
from pinnkan.problem.statement import Condition, Interface, Problem, Side
from pinnkan.problem.units.natural_units import natural_sizes

#: What counts of an unknown without derivatives in time, in a system that evolves. With all of it Taylor and Green's
#: vortices at 1e-5 were refused for a pressure of degree 10 in time: 1.8e-3, and 7.5e-4 with more knots.
FOLLOWING = 1e-3


@dataclass(frozen=True, eq=False)
class Model:
    """A problem compiled: equations, conditions, interfaces that become rows; its ``clock``."""

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
    def parts(self) -> dict[str, Any]:
        """What it is made of, for one that differs from it in its weights alone."""
        return {f.name: getattr(self, f.name) for f in fields(Model)}

    @property
    def may_have_others(self) -> bool:
        """Whether it is no linear problem, of which a solution that is held is the only one."""
        return not self.is_linear or any(e.has_switch for e in self.equations)

    @cached_property
    def sizes(self) -> tuple[float, ...]:
        """Natural sizes of the unknowns."""
        return natural_sizes(self.problem)[0]

    @cached_property
    def ranges(self) -> tuple[Range, ...]:
        """What is known of the values of the unknowns, see :mod:`pinnkan.problem.features.value_ranges`."""
        return value_ranges(self.problem)

    @cached_property
    def counted(self) -> tuple[float, ...]:
        """How much of an unknown counts in the size of a function: all of it, FOLLOWING where others evolve and it not.

        Of flow the pressure is a derivative in time of the rest: one that oscillates in a slab hardly moves anything.
        As little counts of an unknown that has no finite norm.
        """
        in_time = self.problem.time_axis is not None
        evolving = {j.unknown for e in self.equations for j in e.jets if in_time and j.order[-1]}
        little = {i for i in range(len(self.problem.unknowns)) if evolving and i not in evolving}
        little |= self.problem.unbounded
        return tuple(FOLLOWING if i in little else 1.0 for i in range(len(self.problem.unknowns)))

    @cached_property
    def after_start(self) -> "Model":
        """That of a slab of time which begins where another has ended: with the whole state there.

        It stands for conditions at the start that are no values of an unknown or its rates (a + b = 1), and for those
        with ``enforce: penalty``. As rows of every slab they began each of them anew: a_t = b, b_t = -a from
        a + b = 1, a - b = 0 was 1.2 off.
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
        """Where conditions change, if they do; see :func:`pinnkan.assembly.row_weights.corner_weights`."""
        return corner_weights(self.problem)

    @cached_property
    def bent_weights(self) -> CornerWeights | None:
        """Where curvatures contradict an equation; see :mod:`pinnkan.assembly.row_weights`."""
        return bent_weights(self.problem)

    @cached_property
    def surpluses(self) -> tuple[int, ...]:
        """See :func:`pinnkan.assembly.row_weights.surpluses`."""
        return surpluses(self.problem)

    @cached_property
    def closures(self) -> tuple[bool, ...]:
        """See :func:`pinnkan.assembly.row_weights.closures`."""
        return closures(self.problem)

    def weights(self, space: Space, tables: Sequence[Table]) -> list[float | torch.Tensor]:
        """What each equation weighs: one, or by cell or point, (interval, 1 or point, interval, ..)."""
        closing = closing_weight(self.problem, space) if any(self.closures) else 1.0
        scales: list[float | torch.Tensor] = [
            f * (closing if c else 1.0) for f, c in zip(finer(self.surpluses), self.closures, strict=True)
        ]
        if self.corner_weights is None:
            local = [local_weight(space, s) for s in self.surpluses]
            scales = [f if w is None else f * w.to(self.device) for f, w in zip(scales, local, strict=True)]
        near = self.corner_weights or self.bent_weights
        return scales if near is None else [near.on(tables, k) * s for k, s in enumerate(scales)]

    @cached_property
    def conditions_as_rows(self) -> tuple[tuple[Condition, CompiledEquation], ...]:
        """Every condition that says something, for families that build none into their coefficients."""
        coordinates = self.problem.coordinates
        return tuple(
            (c, CompiledEquation(c.equation, coordinates)) for c in self.problem.conditions if c.equation is not None
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class DividedModel(Model):
    """A model whose equations are divided by numbers, ``by_row``."""

    by_row: tuple[float, ...]

    def weights(self, space: Space, tables: Sequence[Table]) -> list[float | torch.Tensor]:
        """See :class:`Model`."""
        return [w / size for w, size in zip(super().weights(space, tables), self.by_row, strict=True)]


def compile_model(problem: Problem, conditions: Conditions, device: torch.device, clock: Clock | None = None) -> Model:
    """Compile the equations, and the conditions that become rows, once for all levels; without a ``clock`` no limit."""
    equations = tuple(CompiledEquation(continued(e), problem.coordinates) for e in problem.equations)
    rows = tuple(
        (c, CompiledEquation(c.equation, problem.coordinates)) for c in conditions.rows if c.equation is not None
    )
    orders = tuple(max(e.orders[i] for e in problem.equations) for i in range(problem.dimension))
    planes = tuple((i, on_plane(i, e.text, problem.coordinates)) for e in problem.equations for i in e.interfaces)
    linear = all(e.is_linear for e in (*equations, *(r for _, r in rows), *(i for _, i in planes)))
    return Model(problem, conditions, device, equations, rows, orders, linear, planes, clock or Clock())
