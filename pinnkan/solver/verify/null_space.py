"""What the formulas alone say about whether a solution is determined."""

from __future__ import annotations

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


def constraint(problem: Problem) -> str:
    """An equation that tells an unknown without rates by its second derivative in time only, in words; "" for none.

    A differential-algebraic system of index three (Hairer, Wanner 1996, section VII.1): x**2 + y**2 = 1 of a pendulum's
    x_tt = -l*x. Errors of l are those of x over the square of a step.
    """
    jets = [jet for equation in problem.equations for jet in equation.jets.values()]
    if problem.time_axis is None:
        return ""
    rates = [max((j.order[-1] for j in jets if j.unknown == i), default=0) for i in range(len(problem.unknowns))]
    told = [problem.unknowns[i] for i, rate in enumerate(rates) if rate == 0]
    for equation in problem.equations:
        if told and equation.jets and all(rates[j.unknown] > 1 and j.order[-1] == 0 for j in equation.jets.values()):
            names = ", ".join(told)
            return f"'{equation.text}' tells {names} by its second derivative in time only (index three): write that"
    return ""
