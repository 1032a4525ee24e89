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
from pinnkan.problem.natural_units import natural_sizes
from pinnkan.problem.statement import Condition, Interface, Problem


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
    equations = tuple(CompiledEquation(e, problem.coordinates) for e in problem.equations)
    rows = tuple(
        (c, CompiledEquation(c.equation, problem.coordinates)) for c in conditions.rows if c.equation is not None
    )
    orders = tuple(max(e.orders[i] for e in problem.equations) for i in range(problem.dimension))
    planes = tuple((i, compiled(i, e.text, problem.coordinates)) for e in problem.equations for i in e.interfaces)
    linear = all(e.is_linear for e in (*equations, *(r for _, r in rows), *(i for _, i in planes)))
    return Model(problem, conditions, device, equations, rows, orders, linear, planes, clock or Clock())
