"""Conditions on a side by derivatives that an equation tells there by lower ones.

Of u_xx = v, v_xx = w, w_xx = f the condition u_xx = 0 is v = 0. As it stands it is one on u, beside an equation that
holds in the mean only: a layer of u_xx as thin as one likes fulfils it, and v there is free.
"""

from dataclasses import replace

import sympy

from pinnkan.problem.statement import Condition, Equation, Jet, Problem, Side


def with_lower_conditions(problem: Problem) -> Problem:
    """The problem with every such condition in lower derivatives, as far as the equations are linear in what they tell.

    Its text stays that of the file.
    """
    return replace(problem, conditions=tuple(_lowered(problem, c) for c in problem.conditions))


def _lowered(problem: Problem, condition: Condition) -> Condition:
    equation = condition.equation
    if equation is None or not isinstance(condition.place, Side) or condition.place.axis == problem.time_axis:
        return condition
    for symbol, jet in equation.jets.items():
        for other in problem.equations:
            told = _told(problem, other, jet)
            if told is not None:
                residual = sympy.expand(equation.residual.xreplace({symbol: told}))
                known = {**equation.jets, **other.jets}
                jets = {s: known[s] for s in sorted(residual.free_symbols & set(known), key=str)}
                if not jets:
                    continue
                lower = replace(condition, equation=replace(equation, residual=residual, jets=jets))
                return _lowered(problem, lower)
    return condition


def _told(problem: Problem, equation: Equation, jet: Jet) -> sympy.Expr | None:
    """A derivative as an equation tells it by lower ones, none of them in time; None where it does not."""
    symbol = next((s for s, j in equation.jets.items() if j == jet), None)
    if symbol is None or jet.total == 0 or equation.interfaces:
        return None
    slope = sympy.diff(equation.residual, symbol)
    others = [j for s, j in equation.jets.items() if s != symbol]
    time = problem.time_axis
    if not slope.is_number or any(j.total >= jet.total or (time is not None and j.order[time]) for j in others):
        return None
    return symbol - equation.residual / slope
