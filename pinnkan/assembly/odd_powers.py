"""Odd continuation of fractional powers to negative bases: |b|^p sign(b) in place of b^p.

Iterates may cross zero where the solution is positive, as in the Thomas-Fermi equation sqrt(x) u'' = u^(3/2); no Newton
step is finite there without continuation. The odd one keeps monotonicity, and thus the uniqueness of u'' = u^p.
"""

from dataclasses import replace

import sympy

from pinnkan.problem.expressions.functions import Magnitude, Signum
from pinnkan.problem.statement import Equation


def fractional_powers(equation: Equation) -> tuple[sympy.Pow, ...]:
    """The powers with a constant fractional exponent whose base depends on an unknown."""
    unknown = set(equation.jets)
    powers = equation.residual.atoms(sympy.Pow)
    broken = (p for p in powers if p.exp.is_Number and float(p.exp) % 1.0)
    return tuple(p for p in broken if p.base.free_symbols & unknown)


def odd_continuation(equation: Equation) -> Equation:
    """The equation with the odd continuation of its fractional powers (:func:`fractional_powers`)."""
    powers = set(fractional_powers(equation))
    if not powers:
        return equation
    odd = equation.residual.replace(lambda e: e in powers, lambda e: Signum(e.base) * Magnitude(e.base) ** e.exp)
    return replace(equation, residual=odd)
