"""What the formulas alone say about whether a solution is determined."""

from __future__ import annotations

from collections.abc import Sequence

from pinnkan.kan.field import Array, Field
from pinnkan.problem.checks.condition_count import missing_condition
from pinnkan.problem.statement import Jet, Problem


def undetermined(problem: Problem, field: Field | None = None) -> str:
    """Why nothing determines the solution, in words; "" where the formulas do not show it.

    With a solved ``field`` the equation is linearised there, and coefficients that depend on the unknown are known too.
    """
    if problem.time_axis is None and not level_fixed(problem):
        return f"nothing fixes the level of {problem.unknowns[0]}: any constant may be added"

    def derivative(nodes: Sequence[Array], jet: Jet) -> Array:
        assert field is not None
        return field.grid(nodes, jet.order)[..., jet.unknown]

    found = missing_condition(problem, None if field is None else derivative)
    return "" if found is None else found.words(problem)


def level_fixed(problem: Problem) -> bool:
    """Whether every unknown itself, not only its derivatives, occurs somewhere: else constants can be added freely."""
    equations = [*problem.equations, *(c.equation for c in problem.conditions if c.equation is not None)]
    present = {jet.unknown for e in equations for jet in e.jets.values() if jet.total == 0}
    return len(present) == len(problem.unknowns)
