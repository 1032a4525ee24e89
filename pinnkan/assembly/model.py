"""A problem compiled once, for all levels, slabs and checks of a solve."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch

from pinnkan.assembly.boundary_values import Conditions
from pinnkan.assembly.equation import CompiledEquation
from pinnkan.problem.natural_units import natural_sizes
from pinnkan.problem.statement import Condition, Problem


@dataclass(frozen=True, eq=False)
class Model:
    """A problem compiled for a device: equations, and conditions that become rows; ``sizes`` of the unknowns."""

    problem: Problem
    conditions: Conditions
    device: torch.device
    equations: tuple[CompiledEquation, ...]
    rows: tuple[tuple[Condition, CompiledEquation], ...]
    orders: tuple[int, ...]
    is_linear: bool
    sizes: tuple[float, ...]

    @cached_property
    def conditions_as_rows(self) -> tuple[tuple[Condition, CompiledEquation], ...]:
        """Every condition that says something, for families that build none into their coefficients."""
        coordinates = self.problem.coordinates
        return tuple(
            (c, CompiledEquation(c.equation, coordinates)) for c in self.problem.conditions if c.equation is not None
        )


def compile_model(problem: Problem, conditions: Conditions, device: torch.device) -> Model:
    """Compile the equations, and the conditions that become rows, once for all levels."""
    equations = tuple(CompiledEquation(e, problem.coordinates) for e in problem.equations)
    rows = tuple(
        (c, CompiledEquation(c.equation, problem.coordinates)) for c in conditions.rows if c.equation is not None
    )
    orders = tuple(max(e.orders[i] for e in problem.equations) for i in range(problem.dimension))
    linear = all(e.is_linear for e in equations) and all(r.is_linear for _, r in rows)
    sizes = natural_sizes(problem)[0]
    return Model(problem, conditions, device, equations, rows, orders, linear, sizes)
