"""The references of systems agree with a second method, or satisfy their equations."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from . import systems
from .cavity import clamped, lid_driven
from .error import worst_relative_l2
from .heated_cavity import heated_cavity
from .lids import corner
from .ordinary import SYSTEMS, ordinary
from .periodic_plane import fitzhugh_nagumo2d, gray_scott2d, reacting_in_the_plane
from .periodic_systems import cahn_hilliard, fitzhugh_nagumo, gray_scott, reacting, shallow_water


def change(found: np.ndarray, other: np.ndarray) -> float:
    """Relative, of the worst unknown (unknown, point)."""
    return float(np.max(np.linalg.norm(found - other, axis=1) / np.linalg.norm(other, axis=1)))


@pytest.mark.parametrize(
    ("name", "other", "seen"),
    [("lotka_volterra", "LSODA", 1e-11), ("lorenz", "LSODA", 1e-10), ("robertson", "BDF", 1e-10)],
)
def test_two_methods_of_scipy_agree(name: str, other: str, seen: float) -> None:
    t = np.linspace(0, SYSTEMS[name].end, 5001)
    assert change(ordinary(name)(t), ordinary(name, other)(t)) < seen


@pytest.mark.parametrize(
    ("solve", "end", "interval", "modes", "step", "seen"),
    [
        (fitzhugh_nagumo, 2.0, (0, 20), 512, 4e-3, 1e-9),
        (gray_scott, 20.0, (-1, 1), 512, 0.05, 1e-8),
        (shallow_water, 0.1, (0, 1), 128, 2e-4, 1e-9),
        (cahn_hilliard, 0.01, (0, 1), 64, 2e-5, 1e-9),
    ],
)
def test_series_do_not_change_with_modes_or_steps(solve, end, interval, modes, step, seen) -> None:
    x, times = np.linspace(*interval, 101), (end,)
    fine, coarse = (np.stack([u(x, end) for u in solve(times, *how)]) for how in ((2 * modes, step / 2), (modes, step)))
    worse = np.stack([u(x, end) for u in solve(times, 8, step)])
    assert change(coarse, fine) < seen < change(worse, fine)


@pytest.mark.parametrize(
    ("solve", "end", "side", "modes", "step", "seen"),
    [(fitzhugh_nagumo2d, 1.0, 10, 48, 0.02, 1e-8), (gray_scott2d, 5.0, 1, 48, 0.1, 1e-5)],
)
def test_series_in_the_plane_do_not_change_with_modes_or_steps(solve, end, side, modes, step, seen) -> None:
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(-side, side, 21), np.linspace(-side, side, 21)))
    ways = ((2 * modes, step / 2), (modes, step), (8, step))
    fine, coarse, worse = (solve((end,), *how)(x, y, np.full(x.size, end)) for how in ways)
    assert change(coarse, fine) < seen < change(worse, fine)


def test_series_in_the_plane_are_those_on_a_line_where_nothing_varies_across() -> None:
    line = reacting(
        (lambda k: -(k**2), lambda k: np.full(k.size, -0.1)),
        lambda y: (y[0] - y[0] ** 3, y[0] ** 2),
        lambda x: (np.cos(np.pi * x), np.sin(np.pi * x)),
        (-1.0, 1.0), (0.2,), 32, 0.01,
    )  # fmt: skip
    plane = reacting_in_the_plane(
        (lambda q: -q, lambda q: np.full(q.shape, -0.1)),
        lambda y: (y[0] - y[0] ** 3, y[0] ** 2),
        lambda x, y: (np.cos(np.pi * x) + 0 * y, np.sin(np.pi * x) + 0 * y),
        (-1.0, 1.0), (0.2,), 32, 0.01,
    )  # fmt: skip
    x = np.linspace(-1, 1, 17)
    np.testing.assert_allclose(plane(x, 0.3 + 0 * x, 0.2 + 0 * x), [u(x, 0.2) for u in line], atol=1e-13)


def test_the_cavity_does_not_change_with_the_degree() -> None:
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21)))
    coarse, fine = (np.stack(lid_driven(100.0, n)(x, y)) for n in (12, 16))
    assert change(coarse, fine) < 2e-3
    top = y == 1.0
    np.testing.assert_allclose(fine[0][top], 16 * x[top] ** 2 * (1 - x[top]) ** 2, atol=1e-12)


def test_the_cavity_is_followed_to_higher_reynolds_numbers() -> None:
    """Newton's method leads nowhere from rest at Re = 1000, or to another flow."""
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21)))
    coarse, fine = (np.stack(lid_driven(400.0, n)(x, y)) for n in (16, 20))
    assert change(coarse, fine) < 2e-3
    assert change(np.stack(lid_driven(200.0, 20)(x, y)), fine) > 0.1


def test_the_heated_cavity_does_not_change_with_the_degree_and_passes_the_heat_that_is_known() -> None:
    """De Vahl Davis (1983), table III: 1.118 at Ra = 1e3, and 2.243 at 1e4."""
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21)))
    coarse, fine = (heated_cavity(1e4, n) for n in (16, 20))
    assert change(*(np.stack([*at(x, y).values()]) for at in (coarse, fine))) < 2e-5
    assert abs(fine.nusselt - 2.2448) < 1e-4
    assert abs(heated_cavity(1e3, 12).nusselt - 1.118) < 1e-3


@pytest.mark.slow
def test_the_heated_cavity_at_a_high_rayleigh_number_passes_the_heat_of_another_spectral_method() -> None:
    """Le Quere (1991), Chebyshev polynomials: 8.8252."""
    assert abs(heated_cavity(1e6, 44).nusselt - 8.8252) < 5e-5


def test_the_cavity_with_singular_corners_does_not_change_with_the_degree() -> None:
    x, y = (a.ravel() for a in np.meshgrid(np.linspace(0, 1, 21), np.linspace(0, 1, 21)))
    coarse, fine = (np.stack(lid_driven(100.0, n, "parabola")(x, y)) for n in (12, 16))
    assert change(coarse, fine) < 1e-3
    top, walls = y == 1.0, (x == 0.0) | (x == 1.0) | (y == 0.0)
    np.testing.assert_allclose(fine[0][top], 4 * x[top] * (1 - x[top]), atol=1e-12)
    np.testing.assert_allclose(fine[:, walls & ~top], 0.0, atol=1e-10)


def test_the_corner_function_is_biharmonic_and_moves_with_the_lid() -> None:
    along, below = mpmath.mpf("0.3"), mpmath.mpf("0.2")

    def psi(s, d):
        return 0.5 * (mpmath.pi * d**2 - 2 * (s**2 + d**2) * mpmath.atan2(d, s) - 2 * s * d)

    def lap(s, d):
        return mpmath.diff(psi, (s, d), (2, 0)) + mpmath.diff(psi, (s, d), (0, 2))

    found = corner(np.array(0.3), np.array(0.2), 2.0)
    assert abs(found["lap"] - float(lap(along, below))) < 1e-10
    assert abs(found["below"] - float(mpmath.diff(psi, (along, below), (0, 1)))) < 1e-10
    assert abs(found["along"] - float(mpmath.diff(psi, (along, below), (1, 0)))) < 1e-10
    on_lid, on_wall = (corner(np.array(a), np.array(b), 2.0) for a, b in ((0.3, 0.0), (0.0, 0.3)))
    np.testing.assert_allclose([on_lid["psi"], on_lid["below"]], [0.0, -0.6], atol=1e-15)
    np.testing.assert_allclose([on_wall["psi"], on_wall["along"], on_wall["below"]], 0.0, atol=1e-15)


def test_clamped_functions_vanish_with_their_slopes() -> None:
    value, slope, _ = clamped(9, np.array([0.0, 1.0]))
    assert max(abs(value).max(), abs(slope).max()) < 1e-12


def schroedinger_residual(of, x: float, t: float, potential) -> float:
    """i psi_t + psi_xx / 2 - potential(x, |psi|^2) psi by finite differences of high order, relative."""

    def psi(x: float, t: float) -> complex:
        found = of(np.array([x]), np.array([t]))
        return complex(found["u"][0], found["v"][0])

    h = 1e-3
    points = np.arange(-3, 4)
    first = np.array([-1, 9, -45, 0, 45, -9, 1]) / 60 / h
    second = np.array([2, -27, 270, -490, 270, -27, 2]) / 180 / h**2
    psi_t = sum(c * psi(x, t + k * h) for c, k in zip(first, points, strict=True))
    psi_xx = sum(c * psi(x + k * h, t) for c, k in zip(second, points, strict=True))
    here = psi(x, t)
    return abs(1j * psi_t + psi_xx / 2 - potential(x, abs(here) ** 2) * here)


@pytest.mark.parametrize(
    ("of", "potential"),
    [
        (systems.soliton, lambda x, square: -square),
        (systems.two_bound_solitons, lambda x, square: -square),
        (systems.coherent_state, lambda x, square: x**2 / 2),
    ],
)
def test_waves_satisfy_schroedingers_equation(of, potential) -> None:
    for x, t in ((0.3, 0.2), (-0.7, 1.1), (1.6, 0.6)):
        assert schroedinger_residual(of, x, t, potential) < 1e-8
        assert schroedinger_residual(of, x, t, lambda x, square: -potential(x, square)) > 1e-3


def test_kovasznays_flow_satisfies_its_equations_in_thirty_digits() -> None:
    with mpmath.workdps(30):
        k = 20 - mpmath.sqrt(400 + 4 * mpmath.pi**2)
        at = (mpmath.mpf("0.3"), mpmath.mpf("0.2"))

        def u(x, y):
            return 1 - mpmath.exp(k * x) * mpmath.cos(2 * mpmath.pi * y)

        def v(x, y):
            return k / (2 * mpmath.pi) * mpmath.exp(k * x) * mpmath.sin(2 * mpmath.pi * y)

        def p(x, y):
            return (1 - mpmath.exp(2 * k * x)) / 2

        d = lambda f, *orders: mpmath.diff(f, at, orders)  # noqa: E731
        momentum = u(*at) * d(u, 1, 0) + v(*at) * d(u, 0, 1) + d(p, 1, 0) - (d(u, 2, 0) + d(u, 0, 2)) / 40
        assert abs(momentum) < 1e-10
        assert abs(d(u, 1, 0) + d(v, 0, 1)) < 1e-10
        ours = systems.kovasznay(*np.array([[0.3], [0.2]]))
        np.testing.assert_allclose([ours[n][0] for n in "uvp"], [float(f(*at)) for f in (u, v, p)], rtol=1e-14)


def test_the_worst_group_counts_and_a_vector_is_one() -> None:
    weights, one = np.ones(4), np.ones(4)
    exact = {"u": one, "v": 1e-3 * one, "p": 2 * one}
    found = {"u": one, "v": 2e-3 * one, "p": 2.2 * one, "q": one}
    assert worst_relative_l2(found, exact, {"w": ["u", "v"]}, weights) == pytest.approx(0.1)
    assert worst_relative_l2(found, exact, {}, weights) == pytest.approx(1.0)
