"""Powers that are real only of numbers that are not negative, continued so that an iteration may pass by others.

The Thomas-Fermi equation, sqrt(x) u'' = u^(3/2) with u = 0 at an end, has u > 0, but what approximates u crosses zero
next to that end, and Newton's iteration does so on its way. With |b|^p sign(b) in place of b^p it is solved within 1 s,
and without it no step is finite. The odd continuation keeps what is monotone so: u'' = u^p has one solution still.
"""

from dataclasses import replace

import sympy

from pinnkan.problem.expressions.functions import Magnitude, Signum
from pinnkan.problem.statement import Equation


def rooted(equation: Equation) -> tuple[sympy.Pow, ...]:
    """The powers of what depends on an unknown whose exponents are numbers, and not whole ones."""
    unknown = set(equation.jets)
    powers = equation.residual.atoms(sympy.Pow)
    broken = (p for p in powers if p.exp.is_Number and float(p.exp) % 1.0)
    return tuple(p for p in broken if p.base.free_symbols & unknown)


def continued(equation: Equation) -> Equation:
    """The equation with the odd continuation of its :func:`rooted` powers to negative bases; else as it is."""
    powers = set(rooted(equation))
    if not powers:
        return equation
    odd = equation.residual.replace(lambda e: e in powers, lambda e: Signum(e.base) * Magnitude(e.base) ** e.exp)
    return replace(equation, residual=odd)
