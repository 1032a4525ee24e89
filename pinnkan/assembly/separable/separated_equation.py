"""A linearised equation as sums of products of functions of one coordinate each.

    sum_t c_t prod_i a_ti(x_i) D^alpha_ti v  =  sum_s c_s prod_i f_si(x_i)

Polynomial nonlinearities keep this form where they are linearised at a sum of products.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product

import numpy as np
import sympy

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.separable import Separable
from pinnkan.problem.expressions.separation import SeparatedProduct, Separation
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation


@dataclass(frozen=True)
class EdgeDerivative:
    """A derivative of one factor (edge) of a sum of products, as a function of its coordinate."""

    axis: Axis
    coefficients: Array
    order: int

    def __call__(self, x: Array) -> Array:
        return self.axis.matrix(x, self.order) @ self.coefficients


@dataclass(frozen=True, eq=False)
class SeparatedEquation:
    """A separated equation: the coefficient and multi-index of each of its ``terms``, and ``sources`` on the right.

    ``splines``: the functions that further symbols in these stand for.
    """

    coordinates: tuple[sympy.Symbol, ...]
    terms: tuple[tuple[SeparatedProduct, tuple[int, ...]], ...]
    sources: tuple[SeparatedProduct, ...]
    splines: Mapping[sympy.Symbol, EdgeDerivative] = field(default_factory=dict)

    def factor_values(self, expressions: Sequence[sympy.Expr], coordinate: int, x: Array) -> Array:
        """Evaluate functions of one ``coordinate`` at points x: (function, point)."""
        if not expressions:
            return np.zeros((0, len(x)))
        used = sorted({s for e in expressions for s in e.free_symbols} & self.splines.keys(), key=str)
        tape = _tape(tuple(expressions), (self.coordinates[coordinate], *used))
        found = tape([x, *(self.splines[s](x) for s in used)])
        return np.stack([np.broadcast_to(np.asarray(f, dtype=np.float64), len(x)) for f in found])

    def factors(self, coordinate: int) -> tuple[sympy.Expr, ...]:
        """The distinct nonconstant factors of terms and sources in a coordinate."""
        every = [t.factors[coordinate] for t, _ in self.terms] + [s.factors[coordinate] for s in self.sources]
        return tuple(dict.fromkeys(e for e in every if e.free_symbols))


@lru_cache(maxsize=1024)
def _tape(expressions: tuple[sympy.Expr, ...], symbols: tuple[sympy.Symbol, ...]) -> Tape:
    """A compiled tape, cached for all knots."""
    return Tape(expressions, symbols)


def separated_linearisation(
    equation: Equation,
    coordinates: Sequence[sympy.Symbol],
    ranges: Sequence[tuple[float, float]],
    base_function: Separable | None,
) -> SeparatedEquation | None:
    """The equation linearised at a function (None: zero) for the next iterate v: J v = J u - F(u).

    None if it is not a sum of few products.
    """
    weights: Mapping[sympy.Symbol, sympy.Expr] = equation.slopes
    splines: dict[sympy.Symbol, EdgeDerivative] = {}
    if base_function is None:
        zero = {s: sympy.S.Zero for s in equation.jets}
        weights = {s: w.subs(zero) for s, w in weights.items()}
        source, separation = -equation.residual.subs(zero), Separation(coordinates, ranges)
    else:
        source = sum((w * s for s, w in weights.items()), sympy.S.Zero) - equation.residual
        sums, owners, splines = _symbols(base_function, equation)
        separation = Separation(coordinates, ranges, owners, sums)
    parts = {s: separation(w) for s, w in weights.items()}
    sources = separation(sympy.expand(source) if base_function is not None else source)
    if sources is None or any(p is None for p in parts.values()):
        return None
    terms = tuple((p, equation.jets[s].order) for s, found in parts.items() for p in found or ())
    return SeparatedEquation(tuple(coordinates), terms, sources, splines)


def _symbols(
    base_function: Separable, equation: Equation
) -> tuple[
    dict[sympy.Symbol, tuple[SeparatedProduct, ...]], dict[sympy.Symbol, int], dict[sympy.Symbol, EdgeDerivative]
]:
    """Jets as sums of products of new symbols, the coordinate of each symbol, and the spline that it stands for."""
    owners: dict[sympy.Symbol, int] = {}
    splines: dict[sympy.Symbol, EdgeDerivative] = {}
    made: dict[tuple[int, int, int], sympy.Symbol] = {}
    orders = [jet.order for jet in equation.jets.values()]
    for term, (i, axis) in product(range(base_function.terms), enumerate(base_function.axes)):
        for order in {o[i] for o in orders}:
            symbol = sympy.Dummy(f"edge_{term}_{i}_{order}")
            made[term, i, order] = symbol
            owners[symbol], splines[symbol] = i, EdgeDerivative(axis, base_function.edges[i][term], order)
    sums = {
        s: tuple(
            SeparatedProduct(1.0, tuple(made[term, i, n] for i, n in enumerate(jet.order)))
            for term in range(base_function.terms)
        )
        for s, jet in equation.jets.items()
    }
    return sums, owners, splines
