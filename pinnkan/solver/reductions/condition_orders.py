"""Conditions on a side rewritten by lower derivatives, which an equation gives for the higher ones.

Of u_xx = v, v_xx = w, w_xx = f the condition u_xx = 0 becomes v = 0, and u_xxx = 0 becomes v_x = 0. Otherwise a thin
layer of u_xx fulfils the condition, and v is free there.
"""

from collections.abc import Mapping
from dataclasses import replace

import sympy

from pinnkan.problem.expressions.jumps import SWITCH_FUNCTIONS
from pinnkan.problem.expressions.operators import JetSpace, OperatorError
from pinnkan.problem.statement import Condition, Equation, Jet, Problem, Side


def reduce_condition_orders(problem: Problem) -> Problem:
    """Return the problem with conditions in the lowest derivatives that linear equations give; the text stays."""
    return replace(problem, conditions=tuple(_reduce_order(problem, c) for c in problem.conditions))


def _reduce_order(problem: Problem, condition: Condition) -> Condition:
    equation = condition.equation
    if equation is None or not isinstance(condition.place, Side) or condition.place.axis == problem.time_axis:
        return condition
    for symbol, jet in equation.jets.items():
        for other in problem.equations:
            told = _solve_for_derivative(problem, other, jet, condition.place.axis)
            if told is not None:
                residual = sympy.expand(equation.residual.xreplace({symbol: told[0]}))
                known = {**equation.jets, **told[1]}
                jets = {s: known[s] for s in sorted(residual.free_symbols & set(known), key=str)}
                if jets:
                    lower = replace(condition, equation=replace(equation, residual=residual, jets=jets))
                    return _reduce_order(problem, lower)
    return condition


def _solve_for_derivative(
    problem: Problem, equation: Equation, jet: Jet, axis: int
) -> tuple[sympy.Expr, Mapping[sympy.Symbol, Jet]] | None:
    """Solve an equation, or its derivatives along ``axis``, for a jet; return the formula and the jets of its symbols.

    None if the jet has no constant coefficient, or the formula holds derivatives in time or of no lower order.
    """
    time, residual, jets = problem.time_axis, equation.residual, equation.jets
    ranks = [jet.order[axis] - j.order[axis] for j in jets.values() if _is_derivative_along(j, jet, axis)]
    if jet.total_order == 0 or equation.interfaces or not ranks or residual.has(*SWITCH_FUNCTIONS):
        return None
    space = JetSpace([c.name for c in problem.coordinates], problem.unknowns)
    for j in jets.values():
        space.jet_symbol(j)
    try:
        for _ in range(min(ranks)):
            residual = space.regular_derivative(residual, axis)
            jets = space.jets_of(residual)
    except OperatorError:
        return None
    symbol = space.jet_symbol(jet)
    slope = sympy.diff(residual, symbol)
    others = [j for s, j in jets.items() if s != symbol]
    if not slope.is_number or slope.is_zero:
        return None
    if any(j.total_order >= jet.total_order or (time is not None and j.order[time]) for j in others):
        return None
    return symbol - residual / slope, jets


def _is_derivative_along(low: Jet, high: Jet, axis: int) -> bool:
    """Whether the jet ``high`` is a derivative of ``low`` along the coordinate ``axis`` alone."""
    rest = [b - a for a, b in zip(low.order, high.order, strict=True)]
    return low.unknown == high.unknown and rest[axis] == sum(rest) >= 0 and all(n >= 0 for n in rest)
