"""Write an expression as a sum of products of functions of one coordinate each.

    g(x) = sum_p prod_i g_pi(x_i)

Sums, products, whole powers and exponentials are separated by rules. Any other function of several coordinates is
sampled, and separated by cross approximation where its rank is low, one coordinate after the other (Tyrtyshnikov 2000;
Oseledets, Tyrtyshnikov 2010):

    g(x, y) = sum_jk g(x, y_j) C_jk g(x_k, y),    C = g(x_k, y_j)^-1

This is exact where g has that rank, whatever its formula.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.problem.expressions.tape import Tape

Array = NDArray[np.float64]

#: Most products of one expression; an assembly costs the square of their number.
MAX_PRODUCTS = 256
#: Most products per coordinate of a sampled function, and number of sample points per group of coordinates.
MAX_RANK, SAMPLE_POINTS = 16, 160
#: Least pivot, relative to the largest value: the factor of a pivot of 1e-13 would be known to 1e-3 only. Largest error
#: of the sum at other points, relative to the largest value.
PIVOT_SHARE, MISFIT_SHARE = 1e-11, 1e-9


@dataclass(frozen=True)
class SeparatedProduct:
    """``constant * prod_i factors[i]``; factor i depends on coordinate i, or on symbols that are functions of it."""

    constant: float
    factors: tuple[sympy.Expr, ...]

    def __mul__(self, other: "SeparatedProduct") -> "SeparatedProduct":
        factors = zip(self.factors, other.factors, strict=True)
        return SeparatedProduct(self.constant * other.constant, tuple(a * b for a, b in factors))


class Separation:
    """Separates expressions of the same coordinates.

    ``ranges``: ends of each coordinate, for the samples. ``owners``: further symbols, each with the index of the
    coordinate that it is a function of. ``symbol_products``: symbols that stand for a sum of products.
    """

    def __init__(
        self,
        coordinates: Sequence[sympy.Symbol],
        ranges: Sequence[tuple[float, float]],
        symbol_axes: Mapping[sympy.Symbol, int] | None = None,
        symbol_products: Mapping[sympy.Symbol, tuple[SeparatedProduct, ...]] | None = None,
    ) -> None:
        self.coordinates, self.ranges = tuple(coordinates), tuple(ranges)
        self.symbol_axis = {c: i for i, c in enumerate(coordinates)} | dict(symbol_axes or {})
        self.symbol_products = dict(symbol_products or {})

    def __call__(self, expression: sympy.Expr) -> tuple[SeparatedProduct, ...] | None:
        """The products, equal ones added; None if there are more than MOST or none can be found."""
        parts = self._apart(sympy.Add(expression))
        if parts is None:
            return None
        added: dict[tuple[sympy.Expr, ...], float] = {}
        for part in parts:
            added[part.factors] = added.get(part.factors, 0.0) + part.constant
        found = tuple(SeparatedProduct(c, f) for f, c in added.items() if c != 0.0)
        return found if len(found) <= MAX_PRODUCTS else None

    def _apart(self, e: sympy.Expr) -> list[SeparatedProduct] | None:
        symbols = e.free_symbols
        if not symbols & self.symbol_products.keys():
            owners = {self.symbol_axis[s] for s in symbols}
            if len(owners) <= 1:
                return [self._single(e, owners)]
        elif e in self.symbol_products:
            return list(self.symbol_products[e])
        if isinstance(e, sympy.Add):
            parts = [self._apart(a) for a in e.args]
            if any(p is None for p in parts):
                return None
            return [q for p in parts if p is not None for q in p]
        if isinstance(e, sympy.Mul):
            return self._product([self._apart(a) for a in e.args])
        if isinstance(e, sympy.Pow) and e.exp.is_Integer and 0 < int(e.exp) <= 8:
            return self._product([self._apart(e.base)] * int(e.exp))
        if isinstance(e, sympy.exp):
            sums = self._apart(e.args[0])
            split = None if sums is None else _exponential(sums, len(self.coordinates))
            if split is not None:
                return split
        return None if symbols & self.symbol_products.keys() else self._sampled(e)

    def _single(self, e: sympy.Expr, owners: set[int]) -> SeparatedProduct:
        one = [sympy.S.One] * len(self.coordinates)
        if not owners:
            return SeparatedProduct(float(e), tuple(one))
        constant, factor = e.as_coeff_Mul()
        one[owners.pop()] = factor
        return SeparatedProduct(float(constant), tuple(one))

    def _product(self, sums: Sequence[list[SeparatedProduct] | None]) -> list[SeparatedProduct] | None:
        out = None
        for factor in sums:
            if factor is None or (out is not None and len(out) * len(factor) > MAX_PRODUCTS):
                return None
            out = factor if out is None else [a * b for a, b in product(out, factor)]
        return out

    def _sampled(self, e: sympy.Expr) -> list[SeparatedProduct] | None:
        """The products of a function that no rule separates, by cross approximation; None where that fails."""
        if not e.free_symbols <= set(self.coordinates):
            return None
        parts = self._crossed(e, 0.0)
        return parts if parts is not None and self._holds(e, parts) else None

    def _crossed(self, e: sympy.Expr, floor: float) -> list[SeparatedProduct] | None:
        """Cross approximation between the first coordinate of a function and its others, then between those.

        With C = L U the factors are g(x, y_j) U^-1, which is of size one, and L^-1 g(x_k, y). C^-1 itself would lose
        the digits of the last pivots. Values below ``floor`` count as rounding.
        """
        owners = sorted({self.symbol_axis[s] for s in e.free_symbols})
        if len(owners) <= 1:
            return [self._single(e, set(owners))]
        first, *others = owners
        rng = np.random.default_rng(0)
        one, rest = self._places([first], rng), self._places(others, rng)
        values = self._values(e, first, one, others, rest)
        floor = max(floor, PIVOT_SHARE * float(np.abs(values).max()))
        pivots = _cross(values, floor)
        if pivots is None:
            return None
        rows, columns = pivots
        if len(rows) ** len(others) > MAX_PRODUCTS:
            return None
        lower, upper = _triangles(values[np.ix_(rows, columns)])
        sections = [e.subs({self.coordinates[i]: rest[c, n] for n, i in enumerate(others)}) for c in columns]
        across = [e.subs(self.coordinates[first], float(one[r, 0])) for r in rows]
        out: list[SeparatedProduct] = []
        for k in range(len(rows)):
            right = self._crossed(_combined(lower[k], across), floor)
            if right is None or len(out) + len(right) > MAX_PRODUCTS:
                return None
            factor = self._single(_combined(upper[:, k], sections), {first})
            out += [factor * part for part in right]
        return out

    def _places(self, which: Sequence[int], rng: np.random.Generator) -> Array:
        """SAMPLE_POINTS random points in some coordinates, denser towards the ends: (point, coordinate)."""
        low, high = np.array([self.ranges[i] for i in which], dtype=np.float64).T
        return np.asarray(low + (high - low) * (0.5 - 0.5 * np.cos(np.pi * rng.random((SAMPLE_POINTS, len(which))))))

    def _values(self, e: sympy.Expr, first: int, one: Array, others: Sequence[int], rest: Array) -> Array:
        """The values of e: (point of the first coordinate, point of the others)."""
        symbols = [self.coordinates[i] for i in (first, *others)]
        (value,) = Tape([e], symbols)([one, *rest.T[:, None, :]])
        return np.asarray(np.broadcast_to(value, (len(one), len(rest))))

    def _holds(self, e: sympy.Expr, parts: Sequence[SeparatedProduct]) -> bool:
        points = self._places(range(len(self.coordinates)), np.random.default_rng(1))
        found = Tape([e], self.coordinates)(list(points.T))[0]
        missed = np.abs(values_at(parts, self.coordinates, points) - found).max()
        return bool(missed <= MISFIT_SHARE * np.abs(found).max())


def values_at(parts: Sequence[SeparatedProduct], coordinates: Sequence[sympy.Symbol], points: Array) -> Array:
    """The sum of the products at points (point, coordinate); the factors hold no symbols but the coordinates."""
    total = np.zeros(len(points))
    for part in parts:
        factors = Tape(part.factors, coordinates)(list(points.T))
        total = total + part.constant * np.prod(np.stack([np.broadcast_to(f, len(points)) for f in factors]), axis=0)
    return total


def _exponential(sums: Sequence[SeparatedProduct], dimension: int) -> list[SeparatedProduct] | None:
    """exp of a sum of functions of one coordinate each, as one product; None for any other sum."""
    factors = [sympy.S.One] * dimension
    for part in sums:
        on = [i for i, f in enumerate(part.factors) if f is not sympy.S.One]
        if len(on) > 1:
            return None
        i = on[0] if on else 0
        factors[i] = factors[i] * sympy.exp(part.constant * part.factors[i])
    return [SeparatedProduct(1.0, tuple(factors))]


def _cross(values: Array, floor: float) -> tuple[list[int], list[int]] | None:
    """Rows and columns of complete pivoting until all is at most ``floor``; None if too many, or not finite."""
    left = values.copy()
    if not np.isfinite(left).all():
        return None
    rows: list[int] = []
    columns: list[int] = []
    while len(rows) <= MAX_RANK:
        r, c = np.unravel_index(np.abs(left).argmax(), left.shape)
        if np.abs(left[r, c]) <= floor:
            return rows, columns
        rows.append(int(r))
        columns.append(int(c))
        left = left - np.outer(left[:, c], left[r]) / left[r, c]
    return None


def _triangles(matrix: Array) -> tuple[Array, ...]:
    """L^-1 and U^-1 of a matrix whose pivots are in order already."""
    n = len(matrix)
    upper, lower = matrix.copy(), np.eye(n)
    for k in range(n):
        lower[k + 1 :, k] = upper[k + 1 :, k] / upper[k, k]
        upper[k + 1 :] -= lower[k + 1 :, k : k + 1] * upper[k]
    return tuple(np.asarray(np.linalg.inv(m), dtype=np.float64) for m in (lower, np.triu(upper)))


def _combined(weights: Array, expressions: Sequence[sympy.Expr]) -> sympy.Expr:
    return sympy.Add(*(float(w) * e for w, e in zip(weights, expressions, strict=True) if w != 0.0))
