"""Inner coordinates: the inverse, the chain rule against sympy, the box that covers the domain."""

import numpy as np
import pytest
import sympy
from stored_state import stored

from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates, FittedField, FittedPiece, rotated_coordinates
from pinnkan.kan.field import jets_on_grid
from pinnkan.kan.product import Space
from pinnkan.problem.statement import Jet

X, Y, T, S, R = sympy.symbols("x y t s r")
RANGES = ((0.0, 1.0), (-0.5, 1.0), (0.0, 2.0))


def bent(timed, seed=0):
    """A cubic warp of r (and a quadratic one of t), and the same as a sympy expression."""
    axes = (Axis(np.array([-1.5, 1.5]), 3), *([Axis(np.array([0.0, 2.0]), 2)] if timed else []))
    space = Space(axes)
    bend = np.random.default_rng(seed).uniform(-0.3, 0.3, space.shape)
    a, b = (R + 1.5) / 3, T / 2
    cubic = [sympy.binomial(3, k) * a**k * (1 - a) ** (3 - k) for k in range(4)]
    square = [sympy.binomial(2, k) * b**k * (1 - b) ** (2 - k) for k in range(3)] if timed else [1]
    flat = bend.reshape(4, -1)
    c = sum(float(flat[i, j]) * cubic[i] * square[j] for i in range(4) for j in range(len(square)))
    return Coordinates(0.7, space, bend), c


def points(timed, count=8):
    low, high = np.array(RANGES[: 3 if timed else 2]).T
    return np.random.default_rng(1).uniform(low, high, (count, len(low)))


@pytest.mark.parametrize("timed", [False, True])
def test_the_inverse_leads_back(timed):
    coordinates, _ = bent(timed)
    x = points(timed)
    assert np.abs(coordinates.inverse(coordinates.forward(x)) - x).max() < 1e-14
    assert np.abs(coordinates.forward(x) - x).max() > 0.1


@pytest.mark.parametrize(
    ("timed", "orders"),
    [
        (False, [(0, 0), (1, 0), (0, 2), (1, 1), (2, 1)]),
        (True, [(0, 0, 0), (0, 0, 1), (2, 0, 0), (1, 0, 1)]),
    ],
)
def test_the_chain_rule_is_that_of_sympy(timed, orders):
    """f = sin(2 s) exp(r / 2) [cos t], with all its derivatives known, against sympy on f(s(x), r(x), t)."""
    coordinates, c = bent(timed)
    x = points(timed)
    inner = coordinates.forward(x)
    f = sympy.sin(2 * S) * sympy.exp(R / 2) * (sympy.cos(T) if timed else 1)
    betas, transfer = coordinates.chain_rule(inner[:, 1:], orders)
    names = (S, R, T)[: inner.shape[1]]
    derivatives = [sympy.lambdify(names, _derivative(f, names, beta)) for beta in betas]
    values = np.stack([np.broadcast_to(d(*inner.T), len(x)) for d in derivatives], -1)
    ours = np.zeros((len(x), len(orders)))
    for (a, b), factor in transfer.items():
        ours[:, a] += values[:, b] * factor
    r = -np.sin(0.7) * X + np.cos(0.7) * Y
    composed = f.subs({S: np.cos(0.7) * X + np.sin(0.7) * Y - c.subs(R, r)}).subs(R, r)
    outer = (X, Y, T)[: inner.shape[1]]
    for k, order in enumerate(orders):
        theirs = sympy.lambdify(outer, _derivative(composed, outer, order))(*x.T)
        np.testing.assert_allclose(ours[:, k], theirs, rtol=1e-10, atol=1e-10)
    assert np.abs(ours[:, 1] - ours[:, 2]).max() > 0.1


def _derivative(f, names, order):
    for name, n in zip(names, order, strict=True):
        f = sympy.diff(f, name, n)
    return f


@pytest.mark.parametrize("timed", [False, True])
def test_the_box_covers_the_domain(timed):
    coordinates, _ = bent(timed)
    ranges = RANGES[: 3 if timed else 2]
    inner = coordinates.forward(points(timed, 4000))
    for column, (low, high) in zip(inner.T, coordinates.covering_ranges(ranges), strict=True):
        assert low <= column.min()
        assert column.max() <= high
        assert high - low < 1.5 * np.ptp(column)


def test_a_rotation_turns_a_slanted_line_into_s_equal_to_zero():
    coordinates = rotated_coordinates(np.radians(120), RANGES[:2], 0.25)
    line = 0.25 * coordinates.normal + np.linspace(-1, 1, 9)[:, None] * coordinates.tangent
    assert np.abs(coordinates.forward(line)[:, 0]).max() < 1e-15
    assert str(coordinates) == "front at 30.000 degrees"


def field(timed):
    coordinates, _ = bent(timed)
    ranges = RANGES[: 3 if timed else 2]
    pieces = []
    for seed in (0, 1) if timed else (0,):
        space = Space(tuple(Axis(np.linspace(a, b, 4), 4) for a, b in coordinates.covering_ranges(ranges)), 2)
        c = np.random.default_rng(seed).standard_normal(space.shape)
        pieces.append(FittedPiece(coordinates, ((space, c), (space, 0.1 * c**2))))
    return FittedField(tuple(pieces), ranges, np.array([0.0, 0.8, 2.0]) if timed else None)


@pytest.mark.parametrize("timed", [False, True])
def test_a_field_differentiates_in_the_coordinates_of_the_problem(timed):
    u = field(timed)
    x = points(timed)[:10]
    h = 1e-5
    for axis in range(x.shape[1]):
        order = tuple(int(i == axis) for i in range(x.shape[1]))
        step = h * np.eye(x.shape[1])[axis]
        zero = [(0,) * x.shape[1]]
        difference = (u(x + step, zero) - u(x - step, zero))[..., 0] / (2 * h)
        np.testing.assert_allclose(u(x, [order])[..., 0], difference, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("timed", [False, True])
def test_a_field_restored_from_its_tensors_is_the_same(timed):
    u = field(timed)
    again = stored(u)
    x = points(timed)
    orders = [(1,) + (0,) * (x.shape[1] - 1)]
    assert np.array_equal(again(x, orders), u(x, orders))
    if timed:
        early, late = np.array([[0.5, 0.5, 0.8]]), np.array([[0.5, 0.5, 0.81]])
        assert u(early, [(0, 0, 0)])[0, 0, 0] == u.pieces[0](early, [(0, 0, 0)])[0, 0, 0]
        assert u(late, [(0, 0, 0)])[0, 0, 0] == u.pieces[1](late, [(0, 0, 0)])[0, 0, 0]


def test_samples_are_fine_enough_to_see_the_front_and_knot_lines_lie_on_it():
    u = field(False)
    steps = np.diff(u.breaks(0))
    assert steps.max() < 0.1
    coordinates, (space, _) = u.pieces[0].coordinates, u.pieces[0].terms[0]
    lines = u.knot_lines()
    assert len(lines) == sum(u.intervals()) + 2
    assert np.abs(coordinates.forward(lines[1])[:, 0] - space.axes[0].breaks[1]).max() < 1e-14


def test_samples_are_as_fine_as_the_narrowest_interval_across_the_front():
    axes = Axis(np.array([-2.0, -0.01, 0.01, 2.0]), 3), Axis(np.array([-2.0, 2.0]), 3)
    turned, space = rotated_coordinates(np.radians(60), RANGES[:2]), Space(axes)
    narrow = FittedField((FittedPiece(turned, ((space, np.zeros(space.shape)),)),), RANGES[:2])
    for axis in (0, 1):
        step = np.diff(narrow.breaks(axis)).max()
        assert step * abs(turned.normal[axis]) == pytest.approx(0.02, rel=0.05)


def test_at_a_single_time_a_field_is_what_it_is_at_many():
    u = field(True)
    x = points(True)[:6]
    x[:, 2] = 0.7
    orders = [(0, 0, 0), (1, 0, 1), (0, 0, 2), (0, 2, 0)]
    with_another = np.concatenate([x, [[0.1, 0.2, 0.75]]])
    np.testing.assert_allclose(u(x, orders), u(with_another, orders)[:-1], rtol=1e-11, atol=1e-11)
    assert u(x[:0], orders).shape == (0, 2, 4)


@pytest.mark.parametrize("timed", [False, True])
def test_derivatives_on_a_grid_are_those_at_its_points(timed):
    u = field(timed)
    axes = [np.linspace(a, b, n) for (a, b), n in zip(u.ranges, (3, 4, 3), strict=False)]
    grids = np.meshgrid(*axes, indexing="ij")
    orders = [(0,) * len(axes), (1, 0, 0)[: len(axes)]]
    for order, table in zip(orders, u.grids(axes, orders), strict=True):
        theirs = u(np.stack([g.ravel() for g in grids], -1), [order])[..., 0]
        np.testing.assert_allclose(table.reshape(-1, 2), theirs, rtol=1e-12, atol=1e-12)
        np.testing.assert_array_equal(u.grid(axes, order), table)
    jets = jets_on_grid(u, axes, (Jet(1, orders[1]), Jet(0, orders[0]), Jet(0, orders[1])))
    np.testing.assert_array_equal(jets[..., 0], u.grid(axes, orders[1])[..., 1])
    np.testing.assert_array_equal(jets[..., 1], u.grid(axes, orders[0])[..., 0])


def test_the_box_is_a_hundredth_wider_than_what_the_sides_of_the_domain_need():
    coordinates, _ = bent(False)
    t = np.linspace(0.0, 1.0, 65)
    (a, b), (c, d) = RANGES[:2]
    sides = [(np.full(65, x), c + (d - c) * t) for x in (a, b)] + [(a + (b - a) * t, np.full(65, y)) for y in (c, d)]
    across = np.concatenate([coordinates.forward(np.stack(s, 1))[:, 0] for s in sides])
    low, high = coordinates.covering_ranges(RANGES[:2])[0]
    assert (across.min() - low, high - across.max()) == pytest.approx((0.01 * np.ptp(across),) * 2)
