"""Every formula satisfies its equation: tenth-order finite differences of u, put into the equation, leave rounding."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from . import closed_form as exact

Function = Callable[..., np.ndarray]
SEED = np.random.default_rng(1)
# Central differences of order 10: weights at the offsets -5..5, from the derivatives of the interpolating polynomial.
OFFSETS = np.arange(-5, 6)
POWERS = np.vander(OFFSETS, increasing=True).T.astype(float)
WEIGHTS = [np.linalg.solve(POWERS, np.eye(11)[m] * float(np.prod(np.arange(1, m + 1)))) for m in range(4)]


def derivative(u: Function, at: tuple, axis: int, order: int, step: float) -> np.ndarray:
    """Return d^order u / d(coordinate axis)^order at the points `at`, one array per coordinate."""
    total = np.zeros(np.shape(at[0]))
    for offset, weight in zip(OFFSETS, WEIGHTS[order], strict=True):
        moved = [c + offset * step if i == axis else c for i, c in enumerate(at)]
        total += weight * u(*moved)
    return total / step**order


def sampled(*ranges: tuple[float, float]) -> tuple:
    return tuple(SEED.uniform(low, high, 50) for low, high in ranges)


def relative(residual: np.ndarray, *terms: np.ndarray) -> float:
    return float(np.max(np.abs(residual)) / max(np.max(np.abs(term)) for term in terms))


def evolution(u: Function, right: Function, places: tuple, step: float) -> float:
    """Return the relative residual of u_t = right(u, u_x, u_xx, u_xxx)."""
    now = derivative(u, places, 1, 1, step)
    return relative(now - right(u(*places), *(derivative(u, places, 0, m, step) for m in (1, 2, 3))), now)


EVOLUTIONS = {
    "burgers_front": (
        lambda x, t: exact.burgers_front(x, t, nu=0.05),
        lambda u, u1, u2, u3: -u * u1 + 0.05 * u2,
    ),
    "bistable_front": (
        lambda x, t: exact.bistable_front(x, t, diffusion=0.01, rate=2.0),
        lambda u, u1, u2, u3: 0.01 * u2 + 2 * u * (1 - u) * (u - 0.25),
    ),
    "fisher_front": (
        lambda x, t: exact.fisher_front(x, t, diffusion=0.01, rate=2.0),
        lambda u, u1, u2, u3: 0.01 * u2 + 2 * u * (1 - u),
    ),
    "two_solitons": (
        lambda x, t: exact.two_solitons(x, t),
        lambda u, u1, u2, u3: -u * u1 - 0.0025 * u3,
    ),
    "heat_mode": (
        lambda x, t: exact.heat_mode(x, t, diffusion=0.1),
        lambda u, u1, u2, u3: 0.1 * u2,
    ),
}


@pytest.mark.parametrize("name", EVOLUTIONS)
def test_a_travelling_formula_satisfies_its_evolution_equation(name: str) -> None:
    u, right = EVOLUTIONS[name]
    places = sampled((-0.6, 0.6), (0.0, 0.5))
    assert evolution(u, right, places, step=2e-3) < 1e-6


def test_the_check_notices_a_wrong_speed() -> None:
    def wrong(x: np.ndarray, t: np.ndarray) -> np.ndarray:
        return exact.two_solitons(x, 1.001 * t)

    assert evolution(wrong, EVOLUTIONS["two_solitons"][1], sampled((-0.6, 0.6), (0.0, 0.5)), step=2e-3) > 5e-4


def laplacian(u: Function, at: tuple, axes: tuple[int, ...], step: float) -> np.ndarray:
    return np.sum([derivative(u, at, axis, 2, step) for axis in axes], axis=0)


def test_products_of_sines_are_eigenfunctions() -> None:
    at = sampled((-1, 1), (-1, 1))
    u = lambda x, y: exact.sines(x, y, waves=(1, 4))  # noqa: E731
    assert relative(laplacian(u, at, (0, 1), 0.01) + 17 * np.pi**2 * u(*at), u(*at)) < 1e-8 * 17 * np.pi**2


def test_the_five_dimensional_gaussian_and_cosines_solve_poisson() -> None:
    at = sampled(*[(0, 1)] * 5)
    points = np.stack(at, axis=-1)
    axes = tuple(range(5))
    bell = laplacian(lambda *x: exact.gaussian(np.stack(x, axis=-1)), at, axes, 0.05)
    np.testing.assert_allclose(-bell, (5 - (points**2).sum(axis=-1)) * exact.gaussian(points), rtol=0, atol=1e-9)
    waves = laplacian(lambda *x: exact.cosine_sum(np.stack(x, axis=-1)), at, axes, 0.02)
    np.testing.assert_allclose(-waves, np.pi**2 * exact.cosine_sum(points), rtol=0, atol=1e-8)


def test_a_boundary_layer_of_one_in_ten_thousand_keeps_its_digits() -> None:
    eps = 1e-4
    x = 1 - eps * np.array([0.0, 0.5, 1.0, 5.0])
    np.testing.assert_allclose(exact.boundary_layer(x, eps), x - np.exp((x - 1) / eps), rtol=1e-13, atol=1e-15)
    at = (x[1:] - 5e-5,)
    u = lambda x: exact.boundary_layer(x, eps)  # noqa: E731
    residual = -eps * derivative(u, at, 0, 2, 5e-6) + derivative(u, at, 0, 1, 5e-6) - 1
    assert np.max(np.abs(residual)) < 1e-6  # against terms of size 1/eps


def test_the_oblique_layer_solves_convection_diffusion() -> None:
    eps, width, angle = 1e-3, 0.05, np.pi / 6
    u = lambda x, y: exact.oblique_layer(x, y, angle, width)  # noqa: E731
    at = sampled((0.3, 0.7), (0.3, 0.7))
    along = np.cos(angle) * derivative(u, at, 0, 1, 2e-3) + np.sin(angle) * derivative(u, at, 1, 1, 2e-3)
    source = 2 * eps / width**2 * u(*at) * (1 - u(*at) ** 2)
    assert relative(-eps * laplacian(u, at, (0, 1), 2e-3) + along - source, source) < 1e-6


def test_the_mixing_layer_solves_convection_diffusion_without_a_source() -> None:
    eps, angle = 1e-2, np.pi / 6
    u = lambda x, y: exact.mixing_layer(x, y, eps, angle)  # noqa: E731
    at = sampled((0.2, 0.8), (0.2, 0.8))
    along = np.cos(angle) * derivative(u, at, 0, 1, 2e-3) + np.sin(angle) * derivative(u, at, 1, 1, 2e-3)
    diffusion = eps * laplacian(u, at, (0, 1), 2e-3)
    assert relative(diffusion - along, along) < 1e-6
    assert relative(2 * diffusion - along, along) > 0.1


def test_the_rotating_and_the_oblique_front_solve_their_equations() -> None:
    at = sampled((-0.5, 0.5), (-0.5, 0.5), (0.0, 0.5))
    x, y, _ = at
    u = lambda x, y, t: exact.rotating_front(x, y, t, eps=5e-3)  # noqa: E731
    now, u_x, u_y = (derivative(u, at, axis, 1, 2e-3) for axis in (2, 0, 1))
    wind = 2 * np.pi * (-y * u_x + x * u_y)
    assert relative(now + wind - 5e-3 * laplacian(u, at, (0, 1), 2e-3), now) < 1e-6
    u = lambda x, y, t: exact.burgers_oblique_front(x, y, t, nu=0.02)  # noqa: E731
    now, u_x, u_y = (derivative(u, at, axis, 1, 2e-3) for axis in (2, 0, 1))
    assert relative(now + u(*at) * (u_x + u_y) - 0.02 * laplacian(u, at, (0, 1), 2e-3), now) < 1e-6


def test_a_spot_and_two_modes_solve_the_equations_of_heat_and_of_waves_in_space() -> None:
    at = sampled((0, 1), (0, 1), (0, 1), (0.05, 1))
    right = 0.05 * laplacian(exact.heat_spot, at, (0, 1, 2), 5e-3)
    assert relative(derivative(exact.heat_spot, at, 3, 1, 5e-3) - right, right) < 1e-6
    assert relative(derivative(exact.heat_spot, at, 3, 1, 5e-3) - 1.01 * right, right) > 1e-3
    now = derivative(exact.cube_modes, at, 3, 2, 0.01)
    assert relative(now - laplacian(exact.cube_modes, at, (0, 1, 2), 0.01), now) < 1e-6
    assert relative(now - laplacian(exact.cube_modes, at, (0, 1), 0.01), now) > 1e-3


def test_a_standing_wave_solves_the_wave_and_the_klein_gordon_equation() -> None:
    at = sampled((0, 1), (0, 20))
    for mass in (0.0, 3.0):
        u = lambda x, t, mass=mass: exact.standing_wave(x, t, waves=2, speed=1.5, mass=mass)  # noqa: E731
        now = derivative(u, at, 1, 2, 0.01)
        assert relative(now - 1.5**2 * derivative(u, at, 0, 2, 0.01) + mass**2 * u(*at), now) < 1e-8
