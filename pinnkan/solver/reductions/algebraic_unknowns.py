"""Elimination of unknowns that an algebraic equation gives as formulas of others.

Of H_t = T_xx and H = T + T**3 the first becomes (1 + 3*T**2)*T_t = T_xx, and H a formula of T. Otherwise H is
determined in the mean only: a thin layer of it fulfils any condition on its slope, and says nothing of T.
"""

from collections.abc import Iterator
from dataclasses import replace

import sympy

from pinnkan.problem.expressions.jumps import SWITCH_FUNCTIONS
from pinnkan.problem.expressions.operators import JetSpace, OperatorError
from pinnkan.problem.expressions.sign import SymbolRanges, is_bounded
from pinnkan.problem.statement import Condition, Equation, Jet, Problem


def eliminate_algebraic_unknowns(problem: Problem) -> Problem:
    """Return the problem with each unknown that can be eliminated in its own algebraic equation only.

    Nothing is eliminated without coordinates of space, or with interfaces. Unknowns with lower derivatives and fewer
    conditions go first.
    """
    done: set[int] = set()
    while problem.space_dimension and not problem.interfaces:
        rank, number, unknown = min(_possible_eliminations(problem, done), default=(None, 0, 0))
        if rank is None:
            break
        done.add(number)
        try:
            problem = _substitute(problem, number, unknown)
        except OperatorError:
            continue
    return problem


def _possible_eliminations(problem: Problem, tried_equations: set[int]) -> Iterator[tuple[tuple[int, int], int, int]]:
    """Yield ((highest order in space, number of conditions), equation, unknown) for each possible elimination."""
    together = {problem.unknowns.index(n) for names in problem.vectors.values() for n in names}
    for number, equation in enumerate(problem.equations):
        if number in tried_equations or len(equation.jets) < 2 or any(j.total_order for j in equation.jets.values()):
            continue
        if equation.residual.has(*SWITCH_FUNCTIONS):
            continue
        placed = [set(c.equation.jets.values()) for c in problem.conditions if c.equation is not None]
        elsewhere = [set(e.jets.values()) for k, e in enumerate(problem.equations) if k != number]
        derived = {j for jets in (*elsewhere, *placed) for j in jets if j.total_order}
        given = [{j.unknown for j in jets} for jets in placed]
        for symbol, jet in equation.jets.items():
            tied, own = (
                {j.unknown for j in equation.jets.values()} - {jet.unknown},
                _derivatives_of(derived, {jet.unknown}),
            )
            times = sum(jet.unknown in unknowns for unknowns in given)
            is_felt = (
                (own or times) if _derivatives_of(derived, tied) else own and any(tied & unknowns for unknowns in given)
            )
            if is_felt and jet.unknown not in together and _is_nowhere_zero(problem, equation.slopes[symbol]):
                across = max((sum(j.order[: problem.space_dimension]) for j in own), default=0)
                yield (across, times), number, jet.unknown


def _derivatives_of(jets: set[Jet], unknowns: set[int]) -> list[Jet]:
    """The derivatives among ``jets`` of the given ``unknowns``."""
    return [j for j in jets if j.unknown in unknowns]


def _is_nowhere_zero(problem: Problem, coefficient: sympy.Expr) -> bool:
    """Whether the coefficient of an unknown is a number or a formula of coordinates, and proven to vanish nowhere."""
    if coefficient.is_number:
        return not coefficient.is_zero
    box = SymbolRanges(tuple(problem.coordinates), tuple((low, high) for low, high in problem.box.ranges))
    return coefficient.free_symbols <= set(problem.coordinates) and is_bounded(1 / coefficient, box)


def _substitute(problem: Problem, number: int, unknown: int) -> Problem:
    """Substitute the formula from equation ``number`` for an unknown in all others; drop redundant conditions."""
    tie, none = problem.equations[number], (0,) * problem.dimension
    space = JetSpace([c.name for c in problem.coordinates], problem.unknowns)
    for equation in (*problem.equations, *(c.equation for c in problem.conditions if c.equation)):
        for jet in equation.jets.values():
            space.jet_symbol(jet)
    own = space.jet_symbol(Jet(unknown, none))
    formula = own - tie.residual / sympy.diff(tie.residual, own)
    known: dict[Jet, sympy.Expr] = {Jet(unknown, none): formula}

    def derived(jet: Jet) -> sympy.Expr:
        if jet not in known:
            axis = next(i for i, n in enumerate(jet.order) if n)
            lower = Jet(unknown, tuple(n - (i == axis) for i, n in enumerate(jet.order)))
            known[jet] = space.regular_derivative(derived(lower), axis)
        return known[jet]

    def written(equation: Equation, is_condition: bool = False) -> Equation:
        names = {s: derived(j) for s, j in equation.jets.items() if j.unknown == unknown}
        if not names:
            return equation
        residual = equation.residual.xreplace(names)
        if is_condition:
            residual = _simplify(residual, set(problem.coordinates))
        return replace(equation, residual=residual, jets=space.jets_of(residual))

    equations = tuple(e if k == number else written(e) for k, e in enumerate(problem.equations))
    conditions: list[Condition] = []
    for condition in problem.conditions:
        if condition.equation is not None:
            condition = replace(condition, equation=written(condition.equation, True))
        if not any(_are_equivalent(condition, other) for other in conditions):
            conditions.append(condition)
    return replace(problem, equations=equations, conditions=tuple(conditions))


def _are_equivalent(a: Condition, b: Condition) -> bool:
    """Whether two conditions at the same place have residuals that differ by a constant factor."""
    if a.place != b.place or a.equation is None or b.equation is None or a.equation.jets != b.equation.jets:
        return False
    return bool(sympy.cancel(a.equation.residual / b.equation.residual).is_number)


def _simplify(residual: sympy.Expr, coordinates: set[sympy.Symbol]) -> sympy.Expr:
    """Simplify a residual: exp(u)*u_x - exp(u) becomes u_x - 1, and exp(u) - 2 becomes u - log(2), a value."""
    factors = sympy.Mul.make_args(sympy.factor_terms(residual))
    residual = sympy.Mul(*(f for f in factors if not (isinstance(f, sympy.exp) or f.is_number)))
    held = [t for t in sympy.Add.make_args(residual) if not t.free_symbols <= coordinates]
    if len(held) == 1:
        data, factor = held[0].as_independent(sympy.exp, as_Add=False)
        if isinstance(factor, sympy.exp) and data.free_symbols <= coordinates:
            return factor.args[0] - sympy.log((held[0] - residual) / data)
    return residual
