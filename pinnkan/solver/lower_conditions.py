"""Conditions on a side by derivatives that an equation tells there by lower ones.

Of u_xx = v, v_xx = w, w_xx = f the condition u_xx = 0 is v = 0. As it stands it is one on u, beside an equation that
holds in the mean only: a layer of u_xx as thin as one likes fulfils it, and v there is free. And u_xxx = 0 is v_x = 0.
Of u_t = p_xx, p = 2 u the condition u_x = 0 is none on p, for the same reason: p_x = 0 holds on the side as well.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import sympy

from pinnkan.problem.expressions.jumps import SWITCHES
from pinnkan.problem.expressions.operators import JetSpace, OperatorError
from pinnkan.problem.statement import Condition, Equation, Jet, Problem, Side


def with_lower_conditions(problem: Problem) -> Problem:
    """The problem with every such condition in lower derivatives, as far as the equations are linear in what they tell.

    Its text stays that of the file.
    """
    lowered = replace(problem, conditions=tuple(_lowered(problem, c) for c in problem.conditions))
    return replace(lowered, conditions=(*lowered.conditions, *_shared(lowered)))


def _shared(problem: Problem) -> Iterator[Condition]:
    """What conditions on sides say of unknowns that an equation without derivatives ties to theirs."""
    given = [c for c in problem.conditions if isinstance(c.place, Side) and c.place.axis != problem.time_axis]
    for equation in problem.equations:
        unknowns = {j.unknown for j in equation.jets.values()}
        if any(j.total for j in equation.jets.values()) or equation.residual.has(*SWITCHES):
            continue
        for condition in given:
            side, jets = condition.place, condition.equation.jets if condition.equation else {}
            assert isinstance(side, Side)
            said = {j.unknown for c in given if c.place == side and c.equation for j in c.equation.jets.values()}
            is_open = any(_highest_across(problem, u, side.axis) for u in unknowns - said)
            own = [j for j in jets.values() if j.unknown in unknowns]
            if is_open and own and {j.unknown for j in own} == {own[0].unknown}:
                try:
                    shared = _by_partner(problem, condition, equation, own[0].unknown)
                except OperatorError:
                    continue
                yield replace(condition, equation=shared, enforce="auto")


def _by_partner(problem: Problem, condition: Condition, tie: Equation, unknown: int) -> Equation:
    """A condition on an unknown as one on those that an equation ties to it; that itself, where it is not linear in it.

    Multiplied by its slopes, so that u_x = 0 is p_x = 0 of p = u**2.
    """
    assert condition.equation is not None
    assert isinstance(condition.place, Side)
    space, residual = JetSpace([c.name for c in problem.coordinates], problem.unknowns), condition.equation.residual
    for jet in (*tie.jets.values(), *condition.equation.jets.values()):
        space.symbol(jet)
    told = tie.residual
    found: dict[sympy.Symbol, sympy.Expr] = {}
    highest = max(j.order[condition.place.axis] for j in condition.equation.jets.values() if j.unknown == unknown)
    for order in range(highest + 1):
        told = space.almost_everywhere(told, condition.place.axis) if order else told
        place = tuple(order if i == condition.place.axis else 0 for i in range(problem.dimension))
        symbol = space.symbol(Jet(unknown, place))
        slope = sympy.diff(told, symbol)
        if symbol in residual.free_symbols and symbol not in slope.free_symbols:
            found[symbol] = symbol - told / slope
    residual = sympy.fraction(sympy.together(residual.xreplace(found)))[0] if found else tie.residual
    residual = sympy.expand(residual)
    return replace(condition.equation, residual=residual, jets=space.jets_of(residual))


def _highest_across(problem: Problem, unknown: int, axis: int) -> int:
    """The highest derivative of an unknown by a coordinate in the equations."""
    jets = (j for e in problem.equations for j in e.jets.values() if j.unknown == unknown)
    return max((j.order[axis] for j in jets), default=0)


def _lowered(problem: Problem, condition: Condition) -> Condition:
    equation = condition.equation
    if equation is None or not isinstance(condition.place, Side) or condition.place.axis == problem.time_axis:
        return condition
    for symbol, jet in equation.jets.items():
        for other in problem.equations:
            told = _told(problem, other, jet, condition.place.axis)
            if told is not None:
                residual = sympy.expand(equation.residual.xreplace({symbol: told[0]}))
                known = {**equation.jets, **told[1]}
                jets = {s: known[s] for s in sorted(residual.free_symbols & set(known), key=str)}
                if jets:
                    lower = replace(condition, equation=replace(equation, residual=residual, jets=jets))
                    return _lowered(problem, lower)
    return condition


def _told(
    problem: Problem, equation: Equation, jet: Jet, axis: int
) -> tuple[sympy.Expr, Mapping[sympy.Symbol, Jet]] | None:
    """A derivative as an equation, or its derivatives by coordinate ``axis``, tell it by lower ones, and their meaning.

    None of those is in time. None where it does not.
    """
    time, residual, jets = problem.time_axis, equation.residual, equation.jets
    ranks = [jet.order[axis] - j.order[axis] for j in jets.values() if _beside(j, jet, axis)]
    if jet.total == 0 or equation.interfaces or not ranks or residual.has(*SWITCHES):
        return None
    space = JetSpace([c.name for c in problem.coordinates], problem.unknowns)
    for j in jets.values():
        space.symbol(j)
    try:
        for _ in range(min(ranks)):
            residual = space.almost_everywhere(residual, axis)
            jets = space.jets_of(residual)
    except OperatorError:
        return None
    symbol = space.symbol(jet)
    slope = sympy.diff(residual, symbol)
    others = [j for s, j in jets.items() if s != symbol]
    if not slope.is_number or slope.is_zero:
        return None
    if any(j.total >= jet.total or (time is not None and j.order[time]) for j in others):
        return None
    return symbol - residual / slope, jets


def _beside(low: Jet, high: Jet, axis: int) -> bool:
    """Whether derivatives by one coordinate make the second jet of the first."""
    rest = [b - a for a, b in zip(low.order, high.order, strict=True)]
    return low.unknown == high.unknown and rest[axis] == sum(rest) >= 0 and all(n >= 0 for n in rest)
