"""Numbers that equations and conditions determine, without data: eigenvalues, periods, lengths.

An equation holds such a number as a jet without derivatives, after the jets of the unknowns.
"""

from collections.abc import Mapping
from dataclasses import replace

import sympy

from pinnkan.problem.statement import Condition, Equation, Interface, Jet, Problem


def at_start_values(problem: Problem) -> Problem:
    """Return the problem with the start values of its free numbers, as if these were parameters.

    Of a problem that has these as unknowns, the one without.
    """
    first = field_count(problem)
    starts = [sympy.Float(problem.numbers[name].start) for name in problem.free_numbers]
    if not starts:
        return problem

    def known(jets: Mapping[sympy.Symbol, Jet]) -> dict[sympy.Symbol, sympy.Expr]:
        return {symbol: starts[jet.unknown - first] for symbol, jet in jets.items() if jet.unknown >= first}

    def left(jets: Mapping[sympy.Symbol, Jet]) -> dict[sympy.Symbol, Jet]:
        return {symbol: jet for symbol, jet in jets.items() if jet.unknown < first}

    def interface(i: Interface) -> Interface:
        residual = i.residual.xreplace({**known(i.jets_above), **known(i.jets_below)})
        return replace(i, residual=residual, jets_above=left(i.jets_above), jets_below=left(i.jets_below))

    def equation(e: Equation) -> Equation:
        residual, planes = e.residual.xreplace(known(e.jets)), tuple(map(interface, e.interfaces))
        return replace(e, residual=residual, jets=left(e.jets), interfaces=planes)

    def condition(c: Condition) -> Condition:
        return c if c.equation is None else replace(c, equation=equation(c.equation))

    return replace(
        problem,
        unknowns=problem.unknowns[:first],
        equations=tuple(equation(e) for e in problem.equations if holds_field(e, first)),
        conditions=tuple(map(condition, problem.conditions)),
    )


def field_count(problem: Problem) -> int:
    """The number of unknowns that are no numbers."""
    return sum(name not in problem.numbers for name in problem.unknowns)


def holds_field(equation: Equation, count: int) -> bool:
    """Whether one of the first ``count`` unknowns stands in the equation."""
    return any(jet.unknown < count for jet in equation.jets.values())


def stated_equations(problem: Problem) -> list[Equation]:
    """The equations of a problem, then those of its conditions."""
    return [*problem.equations, *(c.equation for c in problem.conditions if c.equation is not None)]


def has_zero(equation: Equation, count: int) -> bool:
    """Whether the equation holds where the first ``count`` unknowns are zero everywhere."""
    zeros = {symbol: sympy.S.Zero for symbol, jet in equation.jets.items() if jet.unknown < count}
    return sympy.expand(equation.residual.xreplace(zeros)) == 0


def is_homogeneous(equation: Equation, count: int) -> bool:
    """Whether the equation holds for zero, and is linear in the first ``count`` unknowns."""
    return has_zero(equation, count) and is_linear_in(equation, count)


def is_linear_in(equation: Equation, count: int) -> bool:
    """Whether the equation is linear in the first ``count`` unknowns."""
    own = {symbol for symbol, jet in equation.jets.items() if jet.unknown < count}
    return not any(equation.slopes[symbol].free_symbols & own for symbol in own)
