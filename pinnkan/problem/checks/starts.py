"""What begins at the first time in more than one way: conditions there, or rates, with several real roots; or sides.

(u - 1)*(u - 2) = 0 holds for two values, max(u, 0) = 0 for any that is not positive, u = t*u_t - u_t**2 from u = -1 for
the rates 1 and -1. Each is a formula of one number at a point: its changes of sign on numbers of all sizes are roots.
That none is seen proves nothing.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import sympy

from pinnkan.problem.checks.values import Array, place, points_at
from pinnkan.problem.conditions import prescribed_value
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Jet, Problem, Side

#: Numbers at which a formula is looked at, of either sign, and points of the start.
NUMBERS, POINTS = np.logspace(-12.0, 12.0, 481), 20
#: A formula that is zero at so many of those above FLAT says nothing of some: below it powers underflow.
MANY, FLAT = 3, 1e-2
#: A root leaves this share of the values beside it, a pole or a jump does not.
CLOSE = 1e-6
#: Halvings from two numbers to rounding.
HALVINGS = 60


@dataclass(frozen=True, eq=False)
class _Open:
    """What is asked of a number on a side: a formula of the coordinates and of ``symbol``, as ``text``."""

    formula: sympy.Expr
    symbol: sympy.Symbol
    text: str
    side: Side


def free_start(problem: Problem) -> str:
    """That a condition at the first time holds for many values, in words; "" where none is seen to."""
    for asked in _conditions(problem):
        for values, _, where in _looked(problem, asked):
            if is_flat(values):
                return f"`{asked.text}` holds for any of many values of {asked.symbol} at {where}"
    return ""


def several_starts(problem: Problem) -> str:
    """That several solutions begin, or a side has several values, in words; "" where no two are seen."""
    for asked in (*_conditions(problem), *_rates(problem), *_on_sides(problem)):
        for values, of, where in _looked(problem, asked):
            roots = roots_of(values, of)
            if len(roots) > 1:
                both = " and ".join(f"{asked.symbol} = {v:.6g}" for v in sorted(roots[:2]))
                return f"one of several solutions: at {where} both {both} fulfil `{asked.text}`"
    return ""


def numbers() -> Array:
    """Of all sizes and both signs, and zero: (number,), rising."""
    return np.concatenate([-NUMBERS[::-1], [0.0], NUMBERS])


def is_flat(values: Array, size: float = 1.0, most: float = np.inf) -> np.ndarray:
    """Whether a formula, at all :func:`numbers` (..., number), is zero for many of them: (...).

    ``size``: of the number; of those more than ``most`` times as large nothing is asked.
    """
    asked = (np.abs(numbers()) >= FLAT * size) & (np.abs(numbers()) <= most * size)
    return np.asarray(((values == 0.0) & asked).sum(-1) >= MANY)


def start_of(problem: Problem) -> Side | None:
    """The first time; None without one."""
    return None if problem.time_axis is None else Side(problem.time_axis, 0)


def given_at(problem: Problem) -> dict[Jet, sympy.Expr]:
    """The values of unknowns and rates that linear conditions give at the start."""
    given = {}
    for c in problem.conditions:
        if c.place == start_of(problem) and c.equation is not None and len(c.equation.jets) == 1:
            ((symbol, jet),) = c.equation.jets.items()
            value = prescribed_value(c.equation, symbol)
            if value is not None and not any(jet.order[:-1]):
                given[jet] = value
    return given


def _conditions(problem: Problem) -> Iterator[_Open]:
    """Conditions at the start."""
    for c in problem.conditions:
        if c.place == start_of(problem) and c.equation is not None:
            values = [jet for jet in c.equation.jets.values() if not any(jet.order[:-1])]
            yield from _open(problem, c.equation, values)


def _rates(problem: Problem) -> Iterator[_Open]:
    """Equations at the start, of the highest derivatives in time, of values where there are none; lines have one."""
    if problem.time_axis is None:
        return
    for e in problem.equations:
        tops = {s: j for s, j in e.jets.items() if problem.is_highest(j)}
        yield from _open(problem, e, [jet for symbol, jet in tops.items() if not is_straight(e.residual, symbol)])


def _on_sides(problem: Problem) -> Iterator[_Open]:
    """Conditions on sides in space that are formulas of one number."""
    for c in problem.conditions:
        if isinstance(c.place, Side) and c.place != start_of(problem) and c.equation and len(c.equation.jets) == 1:
            (symbol,) = c.equation.jets
            if not is_straight(c.equation.residual, symbol):
                yield _Open(c.equation.residual, symbol, c.equation.text, c.place)


def is_straight(formula: sympy.Expr, symbol: sympy.Symbol) -> bool:
    """Whether a formula is seen to be a straight line in a symbol."""
    if symbol not in formula.free_symbols or formula == symbol:
        return True
    held = [a for a in formula.args if symbol in a.free_symbols]
    may_be = isinstance(formula, sympy.Add) or (isinstance(formula, sympy.Mul) and len(held) == 1)
    return may_be and all(is_straight(a, symbol) for a in held)


def _open(problem: Problem, equation: Equation, wanted: Sequence[Jet]) -> Iterator[_Open]:
    """What an equation asks of the only number in it that is not given, if that is ``wanted``."""
    given = given_at(problem)
    asked = [(symbol, jet) for symbol, jet in equation.jets.items() if beneath(jet) not in given]
    if len(asked) == 1 and asked[0][1] in wanted:
        known = {s: in_space(problem, given[beneath(j)], j) for s, j in equation.jets.items() if s != asked[0][0]}
        start = start_of(problem)
        assert start is not None
        yield _Open(equation.residual.xreplace(known), asked[0][0], equation.text, start)


def beneath(jet: Jet) -> Jet:
    """That of which a jet is the derivative in space."""
    return Jet(jet.unknown, (*(0,) * (len(jet.order) - 1), jet.order[-1]))


def in_space(problem: Problem, value: sympy.Expr, jet: Jet) -> sympy.Expr:
    """The derivative in space that a ``jet`` is, of what it is beneath."""
    return sympy.diff(value, *zip(problem.coordinates, (*jet.order[:-1], 0), strict=True))


def _looked(problem: Problem, asked: _Open) -> Iterator[tuple[Array, Callable[[float], float], str]]:
    """At some points of a side: values for all numbers, the formula of a number, and the point in words."""
    points = [x[:POINTS] for x in points_at(problem, asked.side)]
    tape = Tape([asked.formula], [*problem.coordinates, asked.symbol])
    for i in range(len(points[0])):
        here = [x[i] for x in points]
        values = np.broadcast_to(tape([*here, numbers()])[0], len(numbers()))
        yield values, partial(_value, tape, here), place(problem, points, i)


def _value(tape: Tape, here: Sequence[Array], number: float) -> float:
    return float(tape([*here, np.float64(number)])[0])


def roots_of(values: Array, of: Callable[[float], float]) -> list[float]:
    """Numbers between which, or at which alone, the values of a formula (:func:`numbers`) change their sign."""
    tried, signs = numbers(), np.where(np.isfinite(values), np.sign(values), np.nan)
    found = []
    for i in np.flatnonzero(signs[:-1] * signs[1:] < 0.0):
        low, high = tried[i], tried[i + 1]
        for _ in range(HALVINGS):
            middle = 0.5 * (low + high)
            low, high = (middle, high) if np.sign(of(middle)) == signs[i] else (low, middle)
        if abs(of(low)) <= CLOSE * (abs(values[i]) + abs(values[i + 1])):
            found.append(float(low))
    alone = np.flatnonzero((signs[1:-1] == 0.0) & (np.abs(signs[:-2] * signs[2:]) == 1.0)) + 1
    return sorted([*found, *map(float, tried[alone])], key=lambda root: (abs(root), root))
