"""Numbers that equations and conditions determine, as unknowns whose derivatives vanish.

Eigenvalues, periods and lengths are thus refined, estimated and judged with the fields. Their coefficients are as many
as those of a field, of which all but one are redundant.
"""

from dataclasses import replace

import sympy

from pinnkan.problem.statement import Equation, Jet, Problem
from pinnkan.solver.reductions.reduction import Reduction


def add_number_unknowns(problem: Problem) -> Reduction | None:
    """Return the problem with its free numbers as last unknowns; None if it has no such numbers."""
    names, first = problem.free_numbers, len(problem.unknowns)
    if not names:
        return None
    added = (
        _vanishing(problem, first + k, name, axis) for k, name in enumerate(names) for axis in range(problem.dimension)
    )
    return Reduction(replace(problem, unknowns=(*problem.unknowns, *names), equations=(*problem.equations, *added)))


def _vanishing(problem: Problem, unknown: int, name: str, axis: int) -> Equation:
    """The equation that a derivative of a number is zero."""
    coordinate = problem.coordinates[axis].name
    symbol = sympy.Symbol(f"{name}_{coordinate}")
    order = tuple(int(i == axis) for i in range(problem.dimension))
    return Equation(symbol, {symbol: Jet(unknown, order)}, f"{symbol.name} = 0")
