"""Reflections of a box that leave a problem invariant, and the problem on the remaining half.

With u_j(R x) = s_j u_j(x), R x_i = low_i + high_i - x_i and s_j = 1 or -1, an equation must become itself or its
negative, and a condition that of the opposite side. This is decided exactly, from the formulas. On one half the
symmetric functions are those whose even (s = -1) or odd (s = 1) derivatives across the middle, below the order of the
equations, vanish there.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product

import sympy

from pinnkan.domain.box import Box, Side
from pinnkan.problem.statement import Condition, Equation, Jet, Problem

#: The most unknowns for which all signs are tried.
MOST_UNKNOWNS = 4
#: The name of the place of a condition in the middle; no place of a file has it.
MIDDLE = "middle"


@dataclass(frozen=True)
class Reflection:
    """The reflection of coordinate ``axis`` about its middle; ``signs``: the factor of each unknown."""

    axis: int
    signs: tuple[int, ...]

    def words(self, problem: Problem) -> str:
        """The symmetry of each unknown in words: ``u(1 - x) = -u(x)``."""
        name, total = problem.coordinates[self.axis].name, sum(problem.box.ranges[self.axis])
        there = f"{total:g} - {name}" if total else f"-{name}"
        pairs = zip(problem.unknowns, self.signs, strict=True)
        return ", ".join(f"{u}({there}) = {'-' * (s < 0)}{u}({name})" for u, s in pairs)


def find_reflections(problem: Problem) -> Iterator[Reflection]:
    """Yield every reflection of one coordinate of space that leaves the problem invariant."""
    whole = all(isinstance(c.place, Side) and c.equation is not None for c in problem.conditions)
    plain = isinstance(problem.domain, Box) and not problem.interfaces
    if not (whole and plain and len(problem.unknowns) <= MOST_UNKNOWNS):
        return
    for axis, wraps in enumerate(problem.box.periodic[: problem.space_dimension]):
        for signs in product((1, -1), repeat=len(problem.unknowns)):
            mirror = Reflection(axis, signs)
            if not wraps and _is_invariant(problem, mirror):
                yield mirror


def symmetric_half(problem: Problem, reflection: Reflection) -> Problem:
    """Return the problem on the lower half of the box, with conditions of the symmetry in the middle."""
    axis, (low, high) = reflection.axis, problem.box.ranges[reflection.axis]
    middle = 0.5 * (low + high)
    ranges = (*problem.box.ranges[:axis], (low, middle), *problem.box.ranges[axis + 1 :])
    kept = [c for c in problem.conditions if c.place != Side(axis, 1)]
    for j, (sign, most) in enumerate(zip(reflection.signs, problem.orders_along(axis), strict=True)):
        kept += [_symmetry_condition(problem, axis, j, k) for k in range(0 if sign < 0 else 1, most, 2)]
    inside = tuple(p for p in problem.disagreements if p.position[axis] != high)
    return replace(
        problem, domain=Box(ranges, problem.box.periodic), conditions=tuple(kept), quantities={}, disagreements=inside
    )


def _symmetry_condition(problem: Problem, axis: int, unknown: int, order: int) -> Condition:
    jet = Jet(unknown, tuple(order if i == axis else 0 for i in range(problem.dimension)))
    symbol = _symbol(jet)
    return Condition(Side(axis, 1), Equation(symbol, {symbol: jet}, f"{symbol} = 0"), "auto", MIDDLE)


def _is_invariant(problem: Problem, reflection: Reflection) -> bool:
    if not all(_are_same(*_residual_and_reflection(problem, e, reflection)) for e in problem.equations):
        return False
    ends = [sympy.Rational(end) for end in problem.box.ranges[reflection.axis]]
    own: list[tuple[Side, sympy.Expr]] = []
    mirrored: list[tuple[Side, sympy.Expr]] = []
    for c in problem.conditions:
        assert isinstance(c.place, Side)
        assert c.equation is not None
        here, there = _residual_and_reflection(problem, c.equation, reflection)
        x, place = problem.coordinates[reflection.axis], c.place
        if place.axis == reflection.axis:
            here, there = here.subs(x, ends[place.end]), there.subs(x, ends[1 - place.end])
            mirrored.append((Side(place.axis, 1 - place.end), there))
        else:
            mirrored.append((place, there))
        own.append((place, here))
    return all(any(p == q and _are_same(a, b) for q, b in own) for p, a in mirrored)


def _residual_and_reflection(
    problem: Problem, equation: Equation, reflection: Reflection
) -> tuple[sympy.Expr, sympy.Expr]:
    """The residual in symbols that depend on the jet only, and the residual after the reflection."""
    x, total = problem.coordinates[reflection.axis], sum(map(sympy.Rational, problem.box.ranges[reflection.axis]))
    own = {s: _symbol(jet) for s, jet in equation.jets.items()}
    turned = {
        s: reflection.signs[jet.unknown] * (-1) ** jet.order[reflection.axis] * _symbol(jet)
        for s, jet in equation.jets.items()
    }
    residual = equation.residual
    return residual.xreplace(own), residual.xreplace({**turned, x: total - x})


def _symbol(jet: Jet) -> sympy.Symbol:
    return sympy.Symbol(f"u{jet.unknown}_{'_'.join(map(str, jet.order))}", real=True)


def _are_same(one: sympy.Expr, other: sympy.Expr) -> bool:
    return any(sympy.expand(one + sign * other) == 0 for sign in (1, -1))
