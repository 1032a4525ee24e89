"""Removable singularities: sin(x)/x, (1 - cos(x))/x**2, x/(exp(x) - 1), 1/tanh(x) - 1/x, of coordinates or unknowns.

Where a denominator vanishes a formula is 0/0, and near it digits cancel. All factors of one product of other terms are
collected, as far as they are a function f of one expression w (a coordinate, an unknown, x - y). The Laurent
coefficients of f about a zero c of a denominator are means over a circle in the complex plane (Lyness and Moler 1967;
Fornberg 1981),

    a_k = (1/N) sum_j f(c + R z_j) (R z_j)^-k,    z_j = exp(2 pi i j/N),

all to rounding of the largest value on the circle. If those of negative and of high powers vanish, the singularity is
removable and no other is in the circle; then f is a polynomial near c. Wide circles hide poles: a*(1/a**4 + 1) is a at
a = 1e5. So the radius is limited relative to the smallest circle that shows this, and f is compared with the polynomial
in many digits towards c.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.rounding import EPS
from pinnkan.problem.expressions.arithmetic import is_real
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.functions import (
    ARGUMENT,
    HyperbolicCosine,
    HyperbolicSine,
    HyperbolicTangent,
    LimitFunction,
    LocalPolynomial,
    limit_function,
)
from pinnkan.problem.expressions.jumps import SWITCH_FUNCTIONS, resolve_fixed_switches
from pinnkan.problem.expressions.sign import SymbolRanges
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kinks import find_zeros

Array = NDArray[np.float64]

#: Points on a circle; powers up to a quarter of them are kept. Heuristic.
CIRCLE_POINTS = 64
#: Coefficients on the circle below this share of the largest value are rounding: of sin(5 x)/x they are 1e-16.
COEFFICIENT_TOLERANCE = 1e-13
#: The most that the formula may be larger on a circle than on the real axis, since that costs digits. Heuristic.
MAX_CIRCLE_GROWTH = 8.0
#: How often the radius is halved: x/(exp(x) - 1) has poles at 2 pi i, whatever the range of x is.
MAX_RADIUS_HALVINGS = 40
#: The largest radius of a circle over the smallest: a circle so much wider gains two digits or more.
MAX_RADIUS_RATIO = 256.0
#: Decimal digits of the comparison of formula and polynomial, and the smallest distance from the place: absolute for a
#: place zero, relative for another, which is rounded.
CHECK_DIGITS, CHECK_DISTANCE, ROUNDED_CHECK_DISTANCE = 80, 1e-24, 1e-4
#: The polynomial replaces the formula up to this share of the radius; the relative agreement required from there on.
RADIUS_SHARE, AGREEMENT = 0.5, 1e-9
#: The most singularities of one function. Heuristic.
MAX_SINGULARITIES = 16
#: The range of an expression without known bounds. Heuristic.
UNKNOWN_RANGE = -1e6, 1e6


def remove_singularities(e: sympy.Expr, box: SymbolRanges) -> sympy.Expr:
    """Return the expression with 0/0 of coordinates or unknowns replaced by limits, as x/(exp(x) - 1) at 0."""
    for base in dict.fromkeys(b for b in _denominators(e) if b.free_symbols):
        values = _range(base, box)
        if values is not None and not values[0] <= 0.0 <= values[1]:
            continue
        for w, names in _arguments(base, e):
            ends = _range(w, box) or UNKNOWN_RANGE
            found = _collect(e.xreplace(names), ends)
            if found.has(LimitFunction) and is_real(found):
                e = found.xreplace({ARGUMENT: w})
                break
    return e


def _denominators(e: sympy.Expr) -> Iterator[sympy.Expr]:
    """Yield the denominators in an expression, cos of a tangent among them."""
    for node in sympy.preorder_traversal(e):
        if isinstance(node, sympy.tan):
            yield sympy.cos(node.args[0])
        if isinstance(node, sympy.Pow) and node.exp.is_number and node.exp.is_negative and node.base.free_symbols:
            yield node.base


def _arguments(base: sympy.Expr, e: sympy.Expr) -> Iterator[tuple[sympy.Expr, dict[sympy.Expr, sympy.Expr]]]:
    """Yield candidates w of which the formula may be a function, with what ARGUMENT replaces: w, or its root."""
    rooted = {p.base for p in e.atoms(sympy.Pow) if p.exp.is_Rational and p.exp.q == 2}
    parts = [p for p in sympy.preorder_traversal(base) if p.free_symbols == base.free_symbols]
    for w in dict.fromkeys(reversed(parts)):
        yield w, {w: ARGUMENT}
        if w in rooted:
            powers = {p: ARGUMENT ** (2 * p.exp) for p in e.atoms(sympy.Pow) if p.base == w and p.exp.is_Rational}
            yield sympy.sqrt(w), {**powers, w: ARGUMENT**2}


def _range(w: sympy.Expr, box: SymbolRanges) -> tuple[float, float] | None:
    """Return an enclosure of the range of an expression; None if it is unbounded or a point."""
    symbols = sorted(w.free_symbols, key=str)
    found = enclose(Tape([w], symbols), *box.ends(symbols), np.ones(len(symbols))).value
    low, high = float(found.lo[0, 0]), float(found.hi[0, 0])
    return (low, high) if np.isfinite(low) and np.isfinite(high) and low < high else None


def _collect(e: sympy.Expr, ends: tuple[float, float]) -> sympy.Expr:
    """Replace, in an expression that contains ARGUMENT, the functions of it alone by continued ones."""
    if not e.has(ARGUMENT) or e == ARGUMENT:
        return e
    if e.free_symbols == {ARGUMENT}:
        return _remove_in_function(e, ends)
    if not isinstance(e, sympy.Add | sympy.Mul):
        return e.func(*(_collect(a, ends) for a in e.args))
    groups: dict[sympy.Expr, list[sympy.Expr]] = {}
    for term in sympy.Add.make_args(e):
        own = [a for a in sympy.Mul.make_args(term) if a.is_number or a.free_symbols == {ARGUMENT}]
        other = sympy.Mul(*(_collect(a, ends) for a in sympy.Mul.make_args(term) if a not in own))
        groups.setdefault(other, []).append(sympy.Mul(*own))
    return sympy.Add(*(_sum(parts, ends) * other for other, parts in groups.items()))


def _sum(parts: list[sympy.Expr], ends: tuple[float, float]) -> sympy.Expr:
    """Return the sum of functions of ARGUMENT, those with denominators replaced together."""
    singular = [p for p in parts if any(True for _ in _denominators(p))]
    rest = sympy.Add(*(p for p in parts if p not in singular))
    number, f = sympy.Add(*singular).as_coeff_Mul()
    return rest + number * _remove_in_function(f, ends)


def _remove_in_function(f: sympy.Expr, ends: tuple[float, float]) -> sympy.Expr:
    """Return a formula of ARGUMENT alone with its limits; unchanged if it has no removable singularity."""
    places = {c for base in _denominators(f) if base.has(ARGUMENT) for c in _zeros(base, ends)}
    found = (_local_polynomial(f, c, ends) for c in sorted(places)[:MAX_SINGULARITIES])
    limits = tuple(near for near in found if near is not None)
    return limit_function(f, limits)(ARGUMENT) if limits else f


def _zeros(base: sympy.Expr, ends: tuple[float, float]) -> Iterable[float]:
    """Return the zeros of a denominator, at the ends of the range too."""
    points = np.array([*ends, *np.linspace(*ends, 9)[1:-1]])
    values = np.abs(np.broadcast_to(Tape([base], [ARGUMENT])([points])[0], len(points)))
    largest = np.max(values, where=np.isfinite(values), initial=0.0)
    at_ends = [c for c, value in zip(ends, values[:2], strict=True) if value <= COEFFICIENT_TOLERANCE * largest]
    return [*at_ends, *find_zeros(base, ARGUMENT, np.array(ends))]


def _local_polynomial(f: sympy.Expr, c: float, ends: tuple[float, float]) -> LocalPolynomial | None:
    """Return the polynomial that equals a formula near c; None if there is none."""
    written, found = Tape([f], [ARGUMENT]), None
    for radius in (ends[1] - ends[0]) / 2.0 ** np.arange(MAX_RADIUS_HALVINGS)[::-1]:
        plain = _resolve_switches(f, c, ends, radius)
        if plain is None or (found is not None and radius > MAX_RADIUS_RATIO * found[1]):
            break
        values = _circle_coefficients(Tape([plain], [ARGUMENT]), c, radius)
        near = None if values is None else _polynomial(values, c, radius)
        if near is not None and _agrees(near, written, ends):
            found = near, radius if found is None else found[1], plain
    return None if found is None or _has_pole(found[2], found[0]) else found[0]


def _resolve_switches(f: sympy.Expr, c: float, ends: tuple[float, float], radius: float) -> sympy.Expr | None:
    """Return a formula with its switches replaced by their branches within ``radius``; None if one switches there."""
    if not f.has(*SWITCH_FUNCTIONS):
        return f
    plain = resolve_fixed_switches(
        f, SymbolRanges((ARGUMENT,), ((max(ends[0], c - radius), min(ends[1], c + radius)),))
    )
    return plain if is_real(plain) and not plain.has(*SWITCH_FUNCTIONS) else None


def _circle_coefficients(tape: Tape, c: float, radius: float) -> Array | None:
    """Return the coefficients times powers of the radius; None if the circle contains a pole or another singularity."""
    circle = np.exp(2j * np.pi * np.arange(CIRCLE_POINTS) / CIRCLE_POINTS)
    values = np.broadcast_to(tape.evaluate_once([c + radius * circle])[0], CIRCLE_POINTS)
    largest = float(np.abs(values).max())
    if not 0.0 < largest < np.inf:
        return None
    found, few = np.fft.fft(values / largest) / CIRCLE_POINTS, CIRCLE_POINTS // 4
    is_all = max(np.abs(found[few:]).max(), np.abs(found.imag).max()) <= COEFFICIENT_TOLERANCE
    return found[:few].real * largest if is_all else None


def _polynomial(found: Array, c: float, radius: float) -> LocalPolynomial | None:
    """Return the polynomial of these coefficients; None if it is much smaller on the axis than on the circle."""
    size = np.abs(found)
    if (
        size.max()
        > MAX_CIRCLE_GROWTH * np.abs(np.polynomial.polynomial.polyval(np.linspace(-1.0, 1.0, 17), found)).max()
    ):
        return None
    kept = np.flatnonzero(size * RADIUS_SHARE ** np.arange(len(size)) > EPS * 2.0**-6 * size.max())
    count = int(kept[-1]) + 1
    return LocalPolynomial(c, RADIUS_SHARE * radius, tuple(map(float, found[:count] / radius ** np.arange(count))))


def _has_pole(f: sympy.Expr, near: LocalPolynomial) -> bool:
    """Whether formula and polynomial differ in many-digit arithmetic at points that approach the place."""
    known = f.xreplace({number: sympy.Rational(float(number)) for number in f.atoms(sympy.Float)})
    known = known.replace(HyperbolicSine, sympy.sinh).replace(HyperbolicCosine, sympy.cosh)
    known = known.replace(HyperbolicTangent, sympy.tanh)
    nearest = max(ROUNDED_CHECK_DISTANCE * abs(near.centre), CHECK_DISTANCE)
    steps = near.radius * 10.0 ** -np.arange(0.0, 1.0 + np.log10(max(near.radius / nearest, 1.0)))
    size = max(abs(near.value(near.radius)), abs(near.value(-near.radius)))
    for step in map(float, (*steps, *-steps)):
        point = sympy.Rational(float(near.centre)) + sympy.Rational(step)
        value, series = known.evalf(CHECK_DIGITS, subs={ARGUMENT: point}), near.value(step)
        if not value.is_number or not value.is_finite:
            continue
        value = complex(value)
        if abs(value - series) > AGREEMENT * max(abs(value), abs(series)) + COEFFICIENT_TOLERANCE * size:
            return True
    return False


def _agrees(near: LocalPolynomial, tape: Tape, ends: tuple[float, float]) -> bool:
    """Whether the polynomial agrees with the formula at the end of its radius and beyond."""
    points = near.centre + near.radius * np.array([-1.9, -1.5, -1.1, -1.0, 1.0, 1.1, 1.5, 1.9])
    points = points[(points >= ends[0]) & (points <= ends[1])]
    values, series = tape([points])[0], near.value(points - near.centre)
    return bool(np.all(np.abs(values - series) <= AGREEMENT * np.abs(series).max(initial=0.0)))
