"""Conditions on a side, or rates at the first time, with several real roots: then several solutions exist.

(u - 1)*(u - 2) = 0 has two roots, max(u, 0) = 0 any u <= 0; u = t*u_t - u_t**2 from u = -1 starts with the rate 1 or
-1. Each is a formula of one number at a point; its changes of sign on numbers of all sizes are roots. Finding only one
proves nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy

from pinnkan.domain.bisection import bisect
from pinnkan.problem.checks.sampling import Array, point_in_words, points_at
from pinnkan.problem.conditions import prescribed_value
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Jet, Problem, Side

#: Positive trial numbers of a formula (used with both signs), and the most points of a side that are sampled.
TRIAL_SIZES, POINTS = np.logspace(-12.0, 12.0, 481), 20
#: A formula that is zero at so many trial numbers leaves them free; the least size of these: powers underflow below it.
MANY_ZEROS, UNDERFLOW_SIZE = 3, 1e-2
#: At a root the formula is below this share of its values nearby, at a pole or jump it is not.
ROOT_SHARE = 1e-6


@dataclass(frozen=True, eq=False)
class _ScalarEquation:
    """An equation for one number on a side: a ``formula`` in ``symbol`` and the coordinates, and its ``text``."""

    formula: sympy.Expr
    symbol: sympy.Symbol
    text: str
    side: Side


def undetermined_start(problem: Problem) -> str:
    """A message that an initial condition holds for many values; "" if none is found to."""
    for asked in _conditions(problem):
        for values, _, where in _sampled_formulas(problem, asked):
            if is_zero_for_many(values):
                return f"`{asked.text}` holds for any of many values of {asked.symbol} at {where}"
    return ""


def several_starts(problem: Problem) -> str:
    """A message that initial values, rates or values on a side are not unique; "" if no two are found."""
    for asked in (*_conditions(problem), *_rates(problem), *_on_sides(problem)):
        for values, of, where in _sampled_formulas(problem, asked):
            roots = roots_of(values, of)
            if len(roots) > 1:
                both = " and ".join(f"{asked.symbol} = {v:.6g}" for v in sorted(roots[:2]))
                return f"one of several solutions: at {where} both {both} fulfil `{asked.text}`"
    return ""


def trial_numbers() -> Array:
    """Trial numbers of all sizes and both signs, and zero, in ascending order: (number,)."""
    return np.concatenate([-TRIAL_SIZES[::-1], [0.0], TRIAL_SIZES])


def is_zero_for_many(values: Array, size: float = 1.0, most: float = np.inf) -> np.ndarray:
    """Whether formulas at all trial numbers (.., number) are zero for many, at most ``most`` times ``size``: (..)."""
    asked = (np.abs(trial_numbers()) >= UNDERFLOW_SIZE * size) & (np.abs(trial_numbers()) <= most * size)
    return np.asarray(((values == 0.0) & asked).sum(-1) >= MANY_ZEROS)


def initial_side(problem: Problem) -> Side | None:
    """The side of the first time; None if no time is marched."""
    return None if problem.time_axis is None else Side(problem.time_axis, 0)


def prescribed_initial_values(problem: Problem) -> dict[Jet, sympy.Expr]:
    """The initial values of unknowns and time derivatives that linear conditions prescribe."""
    given = {}
    for c in problem.conditions:
        if c.place == initial_side(problem) and c.equation is not None and len(c.equation.jets) == 1:
            ((symbol, jet),) = c.equation.jets.items()
            value = prescribed_value(c.equation, symbol)
            if value is not None and not any(jet.order[:-1]):
                given[jet] = value
    return given


def _conditions(problem: Problem) -> Iterator[_ScalarEquation]:
    """Yield initial conditions as equations for one number."""
    for c in problem.conditions:
        if c.place == initial_side(problem) and c.equation is not None:
            values = [jet for jet in c.equation.jets.values() if not any(jet.order[:-1])]
            yield from _scalar_equation(problem, c.equation, values)


def _rates(problem: Problem) -> Iterator[_ScalarEquation]:
    """Yield nonlinear equations at the start for one highest time derivative (or a value, if there is none)."""
    if problem.time_axis is None:
        return
    for e in problem.equations:
        tops = {s: j for s, j in e.jets.items() if problem.is_highest(j)}
        yield from _scalar_equation(
            problem, e, [jet for symbol, jet in tops.items() if not is_linear_in(e.residual, symbol)]
        )


def _on_sides(problem: Problem) -> Iterator[_ScalarEquation]:
    """Yield nonlinear conditions on sides in space that contain one jet only."""
    for c in problem.conditions:
        if isinstance(c.place, Side) and c.place != initial_side(problem) and c.equation and len(c.equation.jets) == 1:
            (symbol,) = c.equation.jets
            if not is_linear_in(c.equation.residual, symbol):
                yield _ScalarEquation(c.equation.residual, symbol, c.equation.text, c.place)


def is_linear_in(formula: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether a formula is seen to be linear in a symbol."""
    if symbol not in formula.free_symbols or formula == symbol:
        return True
    held = [a for a in formula.args if symbol in a.free_symbols]
    may_be = isinstance(formula, sympy.Add) or (isinstance(formula, sympy.Mul) and len(held) == 1)
    return may_be and all(is_linear_in(a, symbol) for a in held)


def _scalar_equation(problem: Problem, equation: Equation, wanted: Sequence[Jet]) -> Iterator[_ScalarEquation]:
    """Yield an equation at the start for its only jet without given value, if that is ``wanted``."""
    given = prescribed_initial_values(problem)
    asked = [(symbol, jet) for symbol, jet in equation.jets.items() if without_space_derivatives(jet) not in given]
    if len(asked) == 1 and asked[0][1] in wanted:
        known = {
            s: differentiate_in_space(problem, given[without_space_derivatives(j)], j)
            for s, j in equation.jets.items()
            if s != asked[0][0]
        }
        start = initial_side(problem)
        assert start is not None
        yield _ScalarEquation(equation.residual.xreplace(known), asked[0][0], equation.text, start)


def without_space_derivatives(jet: Jet) -> Jet:
    """The jet with its derivatives in space removed."""
    return Jet(jet.unknown, (*(0,) * (len(jet.order) - 1), jet.order[-1]))


def differentiate_in_space(problem: Problem, value: sympy.Expr, jet: Jet) -> sympy.Expr:
    """Differentiate a formula in space as often as a ``jet`` does."""
    return sympy.diff(value, *zip(problem.coordinates, (*jet.order[:-1], 0), strict=True))


def _sampled_formulas(
    problem: Problem, asked: _ScalarEquation
) -> Iterator[tuple[Array, Callable[[float], float], str]]:
    """Yield, at some points of a side: values at all trial numbers, the formula, and the point in words."""
    points = [x[:POINTS] for x in points_at(problem, asked.side)]
    tape = Tape([asked.formula], [*problem.coordinates, asked.symbol])
    for i in range(len(points[0])):
        here = [x[i] for x in points]
        values = np.broadcast_to(tape([*here, trial_numbers()])[0], len(trial_numbers()))
        yield values, partial(_value, tape, here), point_in_words(problem, points, i)


def _value(tape: Tape, here: Sequence[Array], number: float) -> float:
    return float(tape([*here, np.float64(number)])[0])


def roots_of(values: Array, formula: Callable[[float], float]) -> list[float]:
    """The roots of a formula from the changes of sign of its ``values`` at all trial numbers, smallest first."""
    tried, signs = trial_numbers(), np.where(np.isfinite(values), np.sign(values), np.nan)
    at = np.flatnonzero(signs[:-1] * signs[1:] < 0.0)
    low, _ = bisect(lambda x: signs[at] * [formula(one) for one in x], tried[at], tried[at + 1])
    most = ROOT_SHARE * (np.abs(values[at]) + np.abs(values[at + 1]))
    found = [float(x) for x, size in zip(low, most, strict=True) if abs(formula(x)) <= size]
    alone = np.flatnonzero((signs[1:-1] == 0.0) & (np.abs(signs[:-2] * signs[2:]) == 1.0)) + 1
    return sorted([*found, *map(float, tried[alone])], key=lambda root: (abs(root), root))
