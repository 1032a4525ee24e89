"""Factorise expressions over the rational numbers: a number and factors with multiplicities."""

from collections.abc import Callable
from typing import Any

import sympy

from pinnkan.problem.expressions.functions import Larger, Magnitude, Signum, Smaller, UnitStep

_MOST_DEGREE = 8  # largest total degree and number of terms of a polynomial that is factored (milliseconds)
_MOST_TERMS = 30
#: The exact values of the switching functions at numbers.
_AT_NUMBERS: dict[Any, Callable[..., sympy.Expr]] = {
    Signum: sympy.sign,
    UnitStep: lambda a: (1 + sympy.sign(a)) / 2,
    Magnitude: sympy.Abs,
    Larger: sympy.Max,
    Smaller: sympy.Min,
}


def as_fractions(e: sympy.Expr, cache: dict[sympy.Expr, sympy.Expr]) -> sympy.Expr:
    """The expression with decimals as fractions and even powers under roots as abs; ``cache`` is a cache."""
    if e in cache:
        return cache[e]
    if e.is_Float:
        result = sympy.Rational(repr(float(e)))
    elif not e.args:
        result = e
    else:
        result = e.func(*(as_fractions(a, cache) for a in e.args))
        if isinstance(result, sympy.Pow) and result.exp.is_number and not result.exp.is_integer:
            result = _root(result)
        if result.func in _AT_NUMBERS and all(a.is_number for a in result.args):
            result = _AT_NUMBERS[result.func](*result.args)
    cache[e] = result
    return result


def as_decimals(e: sympy.Expr) -> sympy.Expr:
    """The expression with its fractions as decimal numbers."""
    return e.xreplace({r: sympy.Float(float(r)) for r in e.atoms(sympy.Rational) if not r.is_Integer})


def _root(e: sympy.Expr) -> sympy.Expr:
    """Write (c f**2 h)**r as abs(f)**(2 r) * (c h)**r, for every even power in the base."""
    number, found = factors(e.base)
    even = {f: n for f, n in found.items() if n % 2 == 0}
    if not even:
        return e
    rest = sympy.Mul(number, *(f**n for f, n in found.items() if f not in even))
    return sympy.Mul(rest**e.exp, *(Magnitude(f) ** (n * e.exp) for f, n in even.items()))


def factors(g: sympy.Expr) -> tuple[sympy.Expr, dict[sympy.Expr, int]]:
    """A number and factors with multiplicities whose product is g; no factor has a common minus sign."""
    number, found = sympy.S.One, dict[sympy.Expr, int]()
    for part in sympy.Mul.make_args(g):
        base, times = part.as_base_exp()
        if not times.is_Integer or isinstance(part, sympy.exp):
            base, times = part, sympy.S.One
        if base.is_number:
            number *= part
            continue
        scale, pieces = _polynomial_factors(base)
        number *= scale**times
        for f, n in pieces:
            if f.could_extract_minus_sign():
                f, number = -f, number * (-1) ** (n * times)
            found[f] = found.get(f, 0) + int(n * times)
    return number, found


def _polynomial_factors(g: sympy.Expr) -> tuple[sympy.Expr, list[tuple[sympy.Expr, int]]]:
    symbols = sorted(g.free_symbols, key=str)
    if not isinstance(g, sympy.Add) or not g.is_polynomial(*symbols) or g.has(sympy.Dummy):
        return sympy.S.One, [(g, 1)]
    numbers = [a for a in sympy.preorder_traversal(g) if a.is_number]
    if not all(n.is_Rational for n in numbers):  # e.g. pi*x - 1: no polynomial over the rationals
        return sympy.S.One, [(g, 1)]
    if len(g.args) > _MOST_TERMS or sympy.Poly(g, *symbols).total_degree() > _MOST_DEGREE:
        return sympy.S.One, [(g, 1)]
    g = sympy.expand(g)
    if g.is_number:
        return g, []
    scale, pieces = sympy.factor_list(g)
    return scale, list(pieces)
