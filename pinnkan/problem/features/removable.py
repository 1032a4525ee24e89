"""Removable singularities: sin(x)/x, (1 - cos(x))/x**2, x/(exp(x) - 1), 1/tanh(x) - 1/x, of coordinates or unknowns.

Where what a formula is divided by vanishes it is 0/0, and beside it digits cancel. All that multiplies one product of
other things is gathered, as far as it is a function f of one expression w (a coordinate, an unknown, x - y). Its
Laurent coefficients about a zero c of a denominator are means over a circle in the complex plane (Lyness and Moler
1967; Fornberg 1981),

    a_k = (1/N) sum_j f(c + R z_j) (R z_j)^-k,    z_j = exp(2 pi i j/N),

all to rounding of the largest value on the circle, where nothing cancels. Those of negative powers vanish where the
singularity is removable, those of high ones where nothing else is in the circle: then f is a polynomial near c. Circles
are no wider than WIDER times the smallest that shows that, since a pole is nothing on a wide one: a*(1/a**4 + 1) is a
where a is 1e5, and was taken for that at a = 1. It may be nothing on any circle, so f is compared with the polynomial
in FIGURES digits towards c: a pole stays what it is.
"""

from collections.abc import Iterable, Iterator

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.problem.expressions.arithmetic import is_real
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.functions import (
    ARGUMENT,
    Continued,
    HyperbolicCosine,
    HyperbolicSine,
    HyperbolicTangent,
    Near,
    continued_function,
)
from pinnkan.problem.expressions.jumps import SWITCHES, settled
from pinnkan.problem.expressions.sign import SymbolRanges
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kinks import zeros

Array = NDArray[np.float64]

#: Points on a circle; powers up to a quarter of them are kept.
POINTS = 64
#: Coefficients on the circle below this share of the largest value are rounding: of sin(5 x)/x they are 1e-16.
ROUNDING = 1e-13
#: A circle on which the formula is larger than this many times what it is on the real axis costs digits.
HIGHEST = 8.0
#: How often the radius is halved: x/(exp(x) - 1) has poles at 2 pi i, whatever the range of x is.
HALVINGS = 40
#: Circles so much wider than the smallest have two digits more and more.
WIDER = 256.0
#: Decimal figures of the formula towards a place, and how near that is looked at: where the place is zero, and relative
#: to one that is not, which is rounded.
FIGURES, NEAREST, NEAREST_ROUNDED = 80, 1e-24, 1e-4
#: The polynomial stands for the formula up to this share of the radius, and agrees with it from there on so well.
SHARE, AGREEMENT = 0.5, 1e-9
#: Places of one function; a choice.
MOST_PLACES = 16
#: Where an unknown is looked at.
ANYTHING = -1e6, 1e6


def continued(e: sympy.Expr, box: SymbolRanges) -> sympy.Expr:
    """The same expression with its limits where what depends on coordinates, or on values, is 0/0.

    The rate (V + 40)/(1 - exp(-(V + 40)/10)) of a neuron (Hodgkin and Huxley 1952) was a threshold at V = -40, and
    errors of 1e-13 were asked for to know on which side of it a V is.
    """
    for base in dict.fromkeys(b for b in _denominators(e) if b.free_symbols):
        values = _range(base, box)
        if values is not None and not values[0] <= 0.0 <= values[1]:
            continue
        for w, names in _arguments(base, e):
            ends = _range(w, box) or ANYTHING
            found = _gathered(e.xreplace(names), ends)
            if found.has(Continued) and is_real(found):
                e = found.xreplace({ARGUMENT: w})
                break
    return e


def _denominators(e: sympy.Expr) -> Iterator[sympy.Expr]:
    """What the parts of an expression that are no function yet are divided by."""
    for node in sympy.preorder_traversal(e):
        if isinstance(node, sympy.tan):
            yield sympy.cos(node.args[0])
        if isinstance(node, sympy.Pow) and node.exp.is_number and node.exp.is_negative and node.base.free_symbols:
            yield node.base


def _arguments(base: sympy.Expr, e: sympy.Expr) -> Iterator[tuple[sympy.Expr, dict[sympy.Expr, sympy.Expr]]]:
    """Expressions of which the formula may be a function, with what stands for ARGUMENT: themselves, or their roots."""
    rooted = {p.base for p in e.atoms(sympy.Pow) if p.exp.is_Rational and p.exp.q == 2}
    parts = [p for p in sympy.preorder_traversal(base) if p.free_symbols == base.free_symbols]
    for w in dict.fromkeys(reversed(parts)):
        yield w, {w: ARGUMENT}
        if w in rooted:
            powers = {p: ARGUMENT ** (2 * p.exp) for p in e.atoms(sympy.Pow) if p.base == w and p.exp.is_Rational}
            yield sympy.sqrt(w), {**powers, w: ARGUMENT**2}


def _range(w: sympy.Expr, box: SymbolRanges) -> tuple[float, float] | None:
    """Where an expression is; None where that is not known, or a point."""
    symbols = sorted(w.free_symbols, key=str)
    found = enclose(Tape([w], symbols), *box.ends(symbols), np.ones(len(symbols))).value
    low, high = float(found.lo[0, 0]), float(found.hi[0, 0])
    return (low, high) if np.isfinite(low) and np.isfinite(high) and low < high else None


def _gathered(e: sympy.Expr, ends: tuple[float, float]) -> sympy.Expr:
    """An expression that holds ARGUMENT, with what is a function of it alone as one that has its limits."""
    if not e.has(ARGUMENT) or e == ARGUMENT:
        return e
    if e.free_symbols == {ARGUMENT}:
        return _function(e, ends)
    if not isinstance(e, sympy.Add | sympy.Mul):
        return e.func(*(_gathered(a, ends) for a in e.args))
    groups: dict[sympy.Expr, list[sympy.Expr]] = {}
    for term in sympy.Add.make_args(e):
        own = [a for a in sympy.Mul.make_args(term) if a.is_number or a.free_symbols == {ARGUMENT}]
        other = sympy.Mul(*(_gathered(a, ends) for a in sympy.Mul.make_args(term) if a not in own))
        groups.setdefault(other, []).append(sympy.Mul(*own))
    return sympy.Add(*(_sum(parts, ends) * other for other, parts in groups.items()))


def _sum(parts: list[sympy.Expr], ends: tuple[float, float]) -> sympy.Expr:
    """The sum of functions of ARGUMENT, those that are divided by something together."""
    singular = [p for p in parts if any(True for _ in _denominators(p))]
    rest = sympy.Add(*(p for p in parts if p not in singular))
    number, f = sympy.Add(*singular).as_coeff_Mul()
    return rest + number * _function(f, ends)


def _function(f: sympy.Expr, ends: tuple[float, float]) -> sympy.Expr:
    """A formula of ARGUMENT alone with its limits, itself where there are none."""
    places = {c for base in _denominators(f) if base.has(ARGUMENT) for c in _zeros(base, ends)}
    found = (_near(f, c, ends) for c in sorted(places)[:MOST_PLACES])
    limits = tuple(near for near in found if near is not None)
    return continued_function(f, limits)(ARGUMENT) if limits else f


def _zeros(base: sympy.Expr, ends: tuple[float, float]) -> Iterable[float]:
    """Where a denominator vanishes, at the ends too."""
    points = np.array([*ends, *np.linspace(*ends, 9)[1:-1]])
    values = np.abs(np.broadcast_to(Tape([base], [ARGUMENT])([points])[0], len(points)))
    largest = np.max(values, where=np.isfinite(values), initial=0.0)
    at_ends = [c for c, value in zip(ends, values[:2], strict=True) if value <= ROUNDING * largest]
    return [*at_ends, *zeros(base, ARGUMENT, np.array(ends))]


def _near(f: sympy.Expr, c: float, ends: tuple[float, float]) -> Near | None:
    """The polynomial that a formula is near c; None where it is none."""
    written, found = Tape([f], [ARGUMENT]), None
    for radius in (ends[1] - ends[0]) / 2.0 ** np.arange(HALVINGS)[::-1]:
        plain = _settled(f, c, ends, radius)
        if plain is None or (found is not None and radius > WIDER * found[1]):
            break
        values = _on_circle(Tape([plain], [ARGUMENT]), c, radius)
        near = None if values is None else _polynomial(values, c, radius)
        if near is not None and _agrees(near, written, ends):
            found = near, radius if found is None else found[1], plain
    return None if found is None or _has_pole(found[2], found[0]) else found[0]


def _settled(f: sympy.Expr, c: float, ends: tuple[float, float], radius: float) -> sympy.Expr | None:
    """A formula with what does not switch within a radius as its branch; None where something does."""
    if not f.has(*SWITCHES):
        return f
    plain = settled(f, SymbolRanges((ARGUMENT,), ((max(ends[0], c - radius), min(ends[1], c + radius)),)))
    return plain if is_real(plain) and not plain.has(*SWITCHES) else None


def _on_circle(tape: Tape, c: float, radius: float) -> Array | None:
    """The coefficients, times powers of the radius, if the circle holds no other singularity and no pole."""
    circle = np.exp(2j * np.pi * np.arange(POINTS) / POINTS)
    values = np.broadcast_to(tape.plainly([c + radius * circle])[0], POINTS)
    largest = float(np.abs(values).max())
    if not 0.0 < largest < np.inf:
        return None
    found, few = np.fft.fft(values / largest) / POINTS, POINTS // 4
    is_all = max(np.abs(found[few:]).max(), np.abs(found.imag).max()) <= ROUNDING
    return found[:few].real * largest if is_all else None


def _polynomial(found: Array, c: float, radius: float) -> Near | None:
    """The polynomial of these coefficients; None where it is much smaller on the axis than on the circle."""
    size = np.abs(found)
    if size.max() > HIGHEST * np.abs(np.polynomial.polynomial.polyval(np.linspace(-1.0, 1.0, 17), found)).max():
        return None
    kept = np.flatnonzero(size * SHARE ** np.arange(len(size)) > np.finfo(float).eps * 2.0**-6 * size.max())
    count = int(kept[-1]) + 1
    return Near(c, SHARE * radius, tuple(map(float, found[:count] / radius ** np.arange(count))))


def _has_pole(f: sympy.Expr, near: Near) -> bool:
    """Whether the polynomial is not what a formula is in many figures, nearer and nearer to the place."""
    known = f.xreplace({number: sympy.Rational(float(number)) for number in f.atoms(sympy.Float)})
    known = known.replace(HyperbolicSine, sympy.sinh).replace(HyperbolicCosine, sympy.cosh)
    known = known.replace(HyperbolicTangent, sympy.tanh)
    nearest = max(NEAREST_ROUNDED * abs(near.place), NEAREST)
    steps = near.radius * 10.0 ** -np.arange(0.0, 1.0 + np.log10(max(near.radius / nearest, 1.0)))
    size = max(abs(near.value(near.radius)), abs(near.value(-near.radius)))
    for step in map(float, (*steps, *-steps)):
        point = sympy.Rational(float(near.place)) + sympy.Rational(step)
        value, series = known.evalf(FIGURES, subs={ARGUMENT: point}), near.value(step)
        if not value.is_number or not value.is_finite:
            continue
        value = complex(value)
        if abs(value - series) > AGREEMENT * max(abs(value), abs(series)) + ROUNDING * size:
            return True
    return False


def _agrees(near: Near, tape: Tape, part: tuple[float, float]) -> bool:
    """Whether the polynomial is the formula where its radius ends, and beyond."""
    points = near.place + near.radius * np.array([-1.9, -1.5, -1.1, -1.0, 1.0, 1.1, 1.5, 1.9])
    points = points[(points >= part[0]) & (points <= part[1])]
    values, series = tape([points])[0], near.value(points - near.place)
    return bool(np.all(np.abs(values - series) <= AGREEMENT * np.abs(series).max(initial=0.0)))
