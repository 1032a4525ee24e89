"""Times at which a slab has to end."""

import sympy

from pinnkan.problem.expressions.functions import Magnitude
from pinnkan.problem.features.formulas import formulas
from pinnkan.problem.features.kinks import find_kinks
from pinnkan.problem.statement import Equation, Problem


def required_slab_ends(problem: Problem) -> tuple[float, ...]:
    """Times at which formulas jump or have kinks, or a leading coefficient in time vanishes; and the end of time."""
    singular = [Magnitude(factor) for equation in problem.equations for factor in leading_coefficients(equation)]
    planes = find_kinks([*formulas(problem), *singular], problem.coordinates, problem.box.ranges).planes
    return (*planes[-1], problem.box.ranges[-1][1])


def leading_coefficients(equation: Equation) -> tuple[sympy.Expr, ...]:
    """The coefficients of the highest derivatives in time of an equation; none if it has no derivative in time."""
    most = max((jet.order[-1] for jet in equation.jets.values()), default=0)
    if most == 0:
        return ()
    return tuple(equation.slopes[s] for s, jet in equation.jets.items() if jet.order[-1] == most)
