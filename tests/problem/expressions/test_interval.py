"""Interval arithmetic and enclosures hold every value, and no more than they must where a function rises."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from pinnkan.problem.expressions import interval
from pinnkan.problem.expressions.enclosure import enclose
from pinnkan.problem.expressions.functions import FUNCTIONS
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape

X, Y = sympy.symbols("x y")
UNARY = [name for name, entry in FUNCTIONS.items() if entry[2] == 1]
NUMBERS = st.floats(-1e3, 1e3) | st.floats(-2.0, 2.0) | st.sampled_from([0.0, 1.0, -1.0, 1e-300, 1e10, -1e10])


@pytest.fixture(autouse=True)
def silent_floats() -> Iterator[None]:
    """Infinite ends are results here, as a tape's registers are."""
    with np.errstate(all="ignore"):
        yield


def expressions() -> st.SearchStrategy[sympy.Expr]:
    """Random formulas of the language, constants kept away from what sympy would fold into infinity."""
    leaves = st.sampled_from([X, Y, X, Y, sympy.Float(0.3), sympy.Integer(2), sympy.Float(-1.7)])

    def grown(inner: st.SearchStrategy[sympy.Expr]) -> st.SearchStrategy[sympy.Expr]:
        pairs = st.tuples(inner, inner)
        unary = st.tuples(st.sampled_from(UNARY), inner).map(lambda p: FUNCTIONS[p[0]][0](p[1]))
        power = st.tuples(inner, st.sampled_from([2, 3, -1, -2, 0.5, -0.5, 1.3])).map(lambda p: sympy.Pow(*p))
        joined = pairs.map(lambda p: p[0] + p[1]) | pairs.map(lambda p: p[0] * p[1]) | pairs.map(lambda p: p[0] - p[1])
        larger = pairs.map(lambda p: FUNCTIONS["max"][0](*p)) | pairs.map(lambda p: FUNCTIONS["min"][0](*p))
        return unary | power | joined | larger

    return st.recursive(leaves, grown, max_leaves=8).filter(lambda e: bool(e.free_symbols) and _plain(e))


def _plain(e: sympy.Expr) -> bool:
    return not e.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I) and all(
        node.is_real is not False for node in sympy.preorder_traversal(e) if node.is_number
    )


@st.composite
def boxes(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ends (coordinate) of a box, wide, thin or a point, and points (coordinate, point) in it."""
    low, high, share = [], [], draw(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=8))
    for _ in range(2):
        a = draw(NUMBERS)
        width = draw(st.sampled_from([0.0, 1e-12, 1e-3, 0.5, 10.0, 1e5]))
        low.append(a)
        high.append(a + width)
    lo, hi = np.array(low), np.array(high)
    inside = lo[:, None] + (hi - lo)[:, None] * np.stack([share, np.roll(share, 1)])
    return lo, hi, np.clip(np.column_stack([inside, lo, hi]), lo[:, None], hi[:, None])


@settings(max_examples=300, deadline=None)
@given(expressions(), boxes())
def test_every_value_in_a_box_is_enclosed(expression: sympy.Expr, box: tuple[np.ndarray, ...]) -> None:
    lo, hi, points = box
    tape = Tape([expression], [X, Y])
    look = enclose(tape, lo[:, None], hi[:, None], np.maximum(hi - lo, 1e-3))
    values = np.broadcast_to(np.asarray(tape(list(points))[0], dtype=np.float64), points.shape[1])
    known = values[np.isfinite(values)]
    assert (known >= look.value.lo).all(), (expression, look.value, known)
    assert (known <= look.value.hi).all(), (expression, look.value, known)


def test_a_value_outside_would_be_noticed() -> None:
    look = enclose(Tape([sympy.exp(X)], [X]), np.zeros((1, 1)), np.ones((1, 1)), np.ones(1))
    assert not np.exp(1.0) * (1.0 + 1e-12) <= look.value.hi[0, 0]


RISING = ["sinh", "tanh", "atan", "exp", "erf", "asin", "log", "sqrt"]


@pytest.mark.parametrize("name", RISING)
@given(a=st.floats(1e-6, 0.999), b=st.floats(1e-6, 0.999))
@settings(max_examples=50, deadline=None)
def test_enclosures_of_rising_functions_are_their_ends(name: str, a: float, b: float) -> None:
    a, b = min(a, b), max(a, b)
    build, value, _ = FUNCTIONS[name]
    look = enclose(Tape([build(X)], [X]), np.array([[a]]), np.array([[b]]), np.ones(1))
    ends = value(a), value(b)  # a few units in the last place, of numpy's function and of the widening
    assert look.value.lo[0, 0] == pytest.approx(ends[0], rel=4e-15)
    assert look.value.hi[0, 0] == pytest.approx(ends[1], rel=4e-15)


@pytest.mark.parametrize(
    ("operand", "expected"),
    [
        ((2.0, 4.0), (0.25, 0.5)),
        ((-4.0, -2.0), (-0.5, -0.25)),
        ((0.0, 2.0), (0.5, math.inf)),
        ((-2.0, 0.0), (-math.inf, -0.5)),
        ((-1.0, 2.0), (-math.inf, math.inf)),
        ((2.0, math.inf), (0.0, 0.5)),
        ((0.0, 0.0), (-math.inf, math.inf)),
    ],
)
def test_division_by_intervals_that_hold_zero(operand: tuple[float, float], expected: tuple[float, float]) -> None:
    found = Interval(*map(np.float64, operand)).reciprocal()
    np.testing.assert_allclose([found.lo, found.hi], expected, rtol=1e-15, atol=1e-300)


def test_zero_times_the_whole_line_is_zero_and_nothing_times_anything_nothing() -> None:
    line, zero, void = Interval(-np.inf, np.inf), interval.point_interval(0.0), Interval(np.nan, np.nan)  # type: ignore[arg-type]
    product = zero * line
    assert product.lo == pytest.approx(0.0, abs=1e-300)
    assert product.hi == pytest.approx(0.0, abs=1e-300)
    assert np.isnan((void * line).lo)


@pytest.mark.parametrize(
    "tiny",
    [
        interval.point_interval(1e-200) * interval.point_interval(1e-200),
        interval.exp(interval.point_interval(-1000.0)),
        interval.power(interval.point_interval(1e-200), 2.0),
        -interval.power(interval.point_interval(-1e-200), 3.0),
    ],
)
def test_what_underflows_is_not_zero_and_what_is_zero_stays_so(tiny: Interval) -> None:
    assert tiny.lo <= 0.0 < tiny.hi
    rooms = Interval(np.float64(0.0), np.float64(2.0)), Interval(np.float64(-3.0), np.float64(0.0))
    for lo, hi in ((x.lo, x.hi) for x in (rooms[0] * rooms[0], -rooms[1], interval.power(rooms[1], 2.0) + rooms[0])):
        assert lo == 0.0 < hi


def test_a_constant_that_float64_rounds_is_enclosed() -> None:
    third, half = (Tape([sympy.Rational(1, n) + X], [X]).instructions[0] for n in (3, 2))
    found = interval.apply_instruction("constant", (), third[2])
    assert Fraction(float(found.lo)) < Fraction(1, 3) < Fraction(float(found.hi))
    assert interval.apply_instruction("constant", (), half[2]).lo == half[2] == 0.5


def test_a_coordinate_may_be_the_whole_line() -> None:
    """x**2 - 0.6 x + exp(-y**2): the mean value theorem still goes through in x."""
    tape = Tape([X**2 - sympy.Float(0.6) * X + sympy.exp(-(Y**2))], [X, Y])
    look = enclose(tape, np.array([[0.3], [-np.inf]]), np.array([[0.301], [np.inf]]), np.ones(2))
    assert -0.09 - 1e-4 < look.value.lo[0, 0] <= -0.09
    assert 0.91 <= look.value.hi[0, 0] < 0.91 + 1e-4


def test_overflow_keeps_a_finite_lower_end() -> None:
    found = interval.exp(Interval(np.array([800.0]), np.array([900.0])))
    assert np.isfinite(found.lo).all()
    assert np.isinf(found.hi).all()


@given(st.floats(-50.0, 50.0), st.floats(1e-3, 8.0))
@settings(max_examples=100, deadline=None)
def test_waves_reach_their_crests_only_where_they_do(a: float, width: float) -> None:
    x = np.linspace(a, a + width, 4001)
    found = interval.sin(Interval(x[:1], x[-1:]))
    assert found.lo[0] <= np.sin(x).min() <= found.lo[0] + width**2 * 1e-6 + 1e-12
    assert found.hi[0] - width**2 * 1e-6 - 1e-12 <= np.sin(x).max() <= found.hi[0]


def test_slopes_hold_the_derivative() -> None:
    e = sympy.exp(-X * Y) * sympy.sin(3 * X) / (1 + Y**2) + FUNCTIONS["tanh"][0](X - Y) ** 3
    rng = np.random.default_rng(3)
    lo = rng.uniform(-1, 1, (2, 50))
    hi = lo + rng.uniform(0, 0.3, (2, 50))
    look = enclose(Tape([e], [X, Y]), lo, hi, np.array([1.0, 2.0]))
    for share in (0.0, 0.4, 1.0):
        at = list(lo + share * (hi - lo))
        for i, (symbol, scale) in enumerate([(X, 1.0), (Y, 2.0)]):
            slope = scale * Tape([sympy.diff(e, symbol)], [X, Y])(at)[0]
            assert (look.slope.lo[0, i] <= slope + 1e-13).all()
            assert (slope <= look.slope.hi[0, i] + 1e-13).all()


def test_the_mean_value_theorem_makes_the_excess_fall_with_the_square_of_the_width() -> None:
    """x**2 - 0.6 x around its minimum: plain intervals are too wide by 0.6 h, whatever h."""
    tape = Tape([X**2 - sympy.Float(0.6) * X], [X])
    excess = []
    for h in (1e-2, 1e-3):
        look = enclose(tape, np.array([[0.3]]), np.array([[0.3 + h]]), np.ones(1))
        excess.append(float(look.value.hi[0, 0] - look.value.lo[0, 0]))
    assert excess[1] < 0.02 * excess[0]
    plain = Interval(np.float64(0.3), np.float64(0.301))
    wide = interval.power(plain, 2.0) - interval.point_interval(0.6) * plain
    assert wide.hi - wide.lo > 10.0 * excess[1]


def test_an_exponent_that_float64_rounds_is_enclosed() -> None:
    for base in (1e-300, 0.3, 7.0, 1e300):
        found = interval.power(Interval(np.asarray(base), np.asarray(base)), 1 / 3)
        cubes = [Fraction(float(end)) ** 3 for end in (found.lo, found.hi)]
        assert cubes[0] < Fraction(base) < cubes[1]
        assert float(found.hi / found.lo) < 1.0 + 1e-11
