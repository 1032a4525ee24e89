"""What the formulas alone say about whether a solution is determined."""

from collections.abc import Sequence

from pinnkan.kan.field import Array, Field
from pinnkan.problem.checks.condition_count import missing_condition
from pinnkan.problem.checks.levels import free_level
from pinnkan.problem.statement import Jet, Problem


def undetermined(problem: Problem, field: Field | None = None) -> str:
    """Why nothing determines the solution, in words; "" where the formulas do not show it.

    With a solved ``field`` the equation is linearised there, and coefficients that depend on the unknown are known too.
    """
    level = free_level(problem)
    if level:
        return level

    def derivative(nodes: Sequence[Array], jet: Jet) -> Array:
        assert field is not None
        return field.grid(nodes, jet.order)[..., jet.unknown]

    found = missing_condition(problem, None if field is None else derivative)
    return "" if found is None else found.words(problem)
