"""A problem compiled once, for all levels, slabs and checks of a solve."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch

from pinnkan.assembly.boundary_values import Conditions
from pinnkan.assembly.clock import Clock
from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.interfaces import compiled
from pinnkan.assembly.local_weights import surpluses
from pinnkan.assembly.roots import continued
from pinnkan.problem.natural_units import natural_sizes
from pinnkan.problem.statement import Condition, Interface, Problem

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

    @cached_property
    def sizes(self) -> tuple[float, ...]:
        """Natural sizes of the unknowns."""
        return natural_sizes(self.problem)[0]

    @cached_property
    def counted(self) -> tuple[float, ...]:
        """How much of an unknown counts in the size of a function: all of it, FOLLOWING where others evolve and it not.

        Of flow the pressure is a derivative in time of the rest: one that oscillates in a slab hardly moves anything.
        """
        in_time = self.problem.time_axis is not None
        evolving = {j.unknown for e in self.equations for j in e.jets if in_time and j.order[-1]}
        return tuple(FOLLOWING if evolving and i not in evolving else 1.0 for i in range(len(self.problem.unknowns)))

    @cached_property
    def surpluses(self) -> tuple[int, ...]:
        """See :func:`pinnkan.assembly.local_weights.surpluses`."""
        return surpluses(self.problem)

    @cached_property
    def conditions_as_rows(self) -> tuple[tuple[Condition, CompiledEquation], ...]:
        """Every condition that says something, for families that build none into their coefficients."""
        coordinates = self.problem.coordinates
        return tuple(
            (c, CompiledEquation(c.equation, coordinates)) for c in self.problem.conditions if c.equation is not None
        )


def compile_model(problem: Problem, conditions: Conditions, device: torch.device, clock: Clock | None = None) -> Model:
    """Compile the equations, and the conditions that become rows, once for all levels; without a ``clock`` no limit."""
    equations = tuple(CompiledEquation(continued(e), problem.coordinates) for e in problem.equations)
    rows = tuple(
        (c, CompiledEquation(c.equation, problem.coordinates)) for c in conditions.rows if c.equation is not None
    )
    orders = tuple(max(e.orders[i] for e in problem.equations) for i in range(problem.dimension))
    planes = tuple((i, compiled(i, e.text, problem.coordinates)) for e in problem.equations for i in e.interfaces)
    linear = all(e.is_linear for e in (*equations, *(r for _, r in rows), *(i for _, i in planes)))
    return Model(problem, conditions, device, equations, rows, orders, linear, planes, clock or Clock())
