"""Each reference agrees with a second method that shares nothing with it but the equation."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from . import allen_cahn as elements
from .allen_cahn import allen_cahn
from .burgers import burgers
from .closed_form import two_solitons
from .error import allen_cahn_grid, relative_l2
from .etdrk4 import march
from .periodic import advected, korteweg_de_vries, kuramoto_sivashinsky

NU = 0.01 / np.pi
LINE = np.linspace(-1, 1, 801)


# --------------------------------------------------------------------------------------------------------- Burgers


def burgers_in_forty_digits(x: float, t: float) -> float:
    """Return Cole-Hopf by the trapezoidal rule in y over four periods, 40 digits, step 1/500 of the Gaussian."""
    with mpmath.workdps(40):
        nu, at = mpmath.mpf(NU), mpmath.mpf(x)
        scale = mpmath.sqrt(4 * nu * mpmath.mpf(t))
        above = below = mpmath.mpf(0)
        for j in range(-600, 601):
            s = mpmath.mpf(j) / 40
            y = at + scale * s
            weight = mpmath.exp(-mpmath.cos(mpmath.pi * y) / (2 * mpmath.pi * nu) - s * s)
            above, below = above + mpmath.sin(mpmath.pi * y) * weight, below + weight
        return float(-above / below)


def test_burgers_agrees_with_forty_digits_at_all_times() -> None:
    for t in (1e-8, 1e-3, 0.1, 0.3183, 0.5, 1.0):
        for x in (1e-4, 0.003, 0.5):
            assert abs(burgers(x, t, NU) - burgers_in_forty_digits(x, t)) < 1e-14


def test_burgers_does_not_change_with_the_step_of_the_rule() -> None:
    x, t = np.meshgrid(LINE[::4], [1e-6, 0.01, 0.3, 1.0])
    fine, coarse = (burgers(x, t, NU, step=step) for step in (0.125, 0.5))
    np.testing.assert_allclose(coarse, fine, rtol=0, atol=1e-14)


def test_burgers_agrees_with_a_fourier_series() -> None:
    times = (0.1, 0.3, 1.0)
    series = advected(lambda x: -np.sin(np.pi * x), lambda k: -NU * k**2, (-1, 1), times, 2048, 2.5e-4)
    x, t = np.meshgrid(LINE, times)
    assert series.tail() < 1e-14
    np.testing.assert_allclose(series(x, t), burgers(x, t, NU), rtol=0, atol=1e-10)


def test_burgers_agrees_with_a_hundred_gauss_hermite_nodes_and_not_with_fifty() -> None:
    x, t = np.meshgrid(np.linspace(-0.1, 0.1, 81), np.linspace(0.1, 1, 10))

    def error(nodes: int) -> float:
        s, w = np.polynomial.hermite.hermgauss(nodes)
        y = x[..., None] + np.sqrt(4 * NU * t)[..., None] * s  # (time, place, node)
        weight = w * np.exp(-(np.cos(np.pi * y) + 1) / (2 * np.pi * NU))
        u = -np.sum(np.sin(np.pi * y) * weight, axis=-1) / np.sum(weight, axis=-1)
        return float(np.abs(u - burgers(x, t, NU)).max())

    assert error(100) < 1e-14
    assert error(50) > 1e-7


def test_burgers_starts_from_the_sine_and_refuses_to_run_backwards() -> None:
    np.testing.assert_allclose(burgers(LINE, 0.0, NU), -np.sin(np.pi * LINE), rtol=0, atol=1e-15)
    with pytest.raises(ValueError, match="forwards"):
        burgers(0.5, -0.1, NU)


# ----------------------------------------------------------------------------- Korteweg-de Vries, Kuramoto-Sivashinsky


@pytest.mark.slow
def test_korteweg_de_vries_agrees_with_an_eighth_order_runge_kutta_method() -> None:
    modes = 256
    k = np.pi * np.arange(modes // 2 + 1)
    rate = np.append(0.0025j * k[:-1] ** 3, 0.0)
    slope = np.append(-0.5j * k[:-1], 0.0)

    def right(t: float, state: np.ndarray) -> np.ndarray:
        turn = np.exp(rate * t)
        return (slope * np.fft.rfft(np.fft.irfft(state.view(complex) * turn, modes) ** 2) / turn).view(float)

    x = -1 + 2 / modes * np.arange(modes)
    start = np.fft.rfft(np.cos(np.pi * x)).view(float)
    end = solve_ivp(right, (0, 0.5), start, "DOP853", rtol=2.3e-14, atol=3e-15, t_eval=[0.5]).y[:, -1].copy()
    u = np.fft.irfft(end.view(complex) * np.exp(0.5 * rate), modes)
    np.testing.assert_allclose(korteweg_de_vries()(x, 0.5), u, rtol=0, atol=1e-11)


def test_korteweg_de_vries_converges_with_order_four_in_time_and_is_resolved_in_space() -> None:
    best = korteweg_de_vries()(LINE, 0.5)
    coarse, fine = (np.abs(korteweg_de_vries(longest=h)(LINE, 0.5) - best).max() for h in (1e-3, 5e-4))
    assert 3.8 < np.log2(coarse / fine) < 4.2
    more = korteweg_de_vries(modes=512, longest=2e-4)(LINE, 0.5)
    np.testing.assert_allclose(korteweg_de_vries(longest=2e-4)(LINE, 0.5), more, rtol=0, atol=1e-13)


def test_the_fourier_march_follows_two_solitons_through_their_collision() -> None:
    def rate(k: np.ndarray) -> np.ndarray:
        return np.append(0.0025j * k[:-1] ** 3, 0.0)

    times = (0.25, 0.5, 0.75)
    series = advected(lambda x: two_solitons(x, 0.0), rate, (-3, 3), times, 1024, 5e-5)
    x, t = np.meshgrid(np.linspace(-1, 1.5, 501), times)
    np.testing.assert_allclose(series(x, t), two_solitons(x, t), rtol=0, atol=2e-10)


def test_kuramoto_sivashinsky_agrees_with_an_implicit_method() -> None:
    modes, length = 64, 8 * np.pi
    x = length / modes * np.arange(modes)
    k = 2 * np.pi / length * np.fft.rfftfreq(modes, 1 / modes)
    slope = np.append(1j * k[:-1], 0.0)

    def right(_: float, u: np.ndarray) -> np.ndarray:
        return np.fft.irfft((k**2 - k**4) * np.fft.rfft(u) - 0.5 * slope * np.fft.rfft(u**2), modes)

    def initial(x: np.ndarray) -> np.ndarray:
        return np.cos(x / 4) * (1 + np.sin(x / 4))

    u = solve_ivp(right, (0, 2), initial(x), "Radau", rtol=1e-9, atol=1e-10).y[:, -1]
    series = kuramoto_sivashinsky(initial, (0, length), [2.0], modes)
    np.testing.assert_allclose(series(x, 2.0), u, rtol=0, atol=1e-9)


def test_kuramoto_sivashinsky_on_the_published_domain_does_not_change_with_the_step() -> None:
    def initial(x: np.ndarray) -> np.ndarray:
        return np.cos(x / 16) * (1 + np.sin(x / 16))

    x = np.linspace(0, 32 * np.pi, 301)
    coarse, fine = (kuramoto_sivashinsky(initial, (0, 32 * np.pi), [10.0], longest=h) for h in (5e-3, 2.5e-3))
    assert fine.tail() < 1e-15
    np.testing.assert_allclose(coarse(x, 10.0), fine(x, 10.0), rtol=0, atol=1e-10)


@pytest.mark.slow
def test_kuramoto_sivashinsky_into_chaos_changes_little_with_the_step() -> None:
    """Until t = 100 of the published 150: 2.8e-7 with twice the step, sixteen times less with the one in use."""

    def initial(x: np.ndarray) -> np.ndarray:
        return np.cos(x / 16) * (1 + np.sin(x / 16))

    x = np.linspace(0, 32 * np.pi, 301)
    coarse, fine = (kuramoto_sivashinsky(initial, (0, 32 * np.pi), [100.0], longest=h)(x, 100.0) for h in (1e-2, 5e-3))
    assert 1e-8 < np.linalg.norm(coarse - fine) / np.linalg.norm(fine) < 1e-6


def test_a_time_that_was_not_saved_is_refused() -> None:
    with pytest.raises(ValueError, match="not saved"):
        korteweg_de_vries()(LINE, 0.4)


# ------------------------------------------------------------------------------------------------------ Allen-Cahn

TIMES = (1e-3, 0.1, 0.5, 1.0)


def places() -> tuple[np.ndarray, np.ndarray]:
    return np.meshgrid(allen_cahn_grid([1.0]).points[:, 0], TIMES)


@pytest.mark.slow
def test_allen_cahn_does_not_change_with_elements_or_steps() -> None:
    x, t = places()
    u = allen_cahn(TIMES)(x, t)
    np.testing.assert_allclose(allen_cahn(TIMES, longest=5e-4)(x, t), u, rtol=0, atol=4e-11)
    np.testing.assert_allclose(allen_cahn(TIMES, degree=20, front=0.007)(x, t), u, rtol=0, atol=2e-12)
    np.testing.assert_allclose(allen_cahn(TIMES, kink=1e-4, first=1e-8)(x, t), u, rtol=0, atol=2e-12)


def test_allen_cahn_without_elements_at_the_kink_is_worse() -> None:
    x, t = places()
    blunt = allen_cahn(TIMES, kink=0.02)(x, t)
    assert np.abs(blunt - allen_cahn(TIMES)(x, t)).max() > 1e-7


def test_allen_cahn_agrees_with_a_multistep_method_on_the_nodal_values() -> None:
    reference = allen_cahn(TIMES)
    gradient, mass = elements.gradient_and_mass(reference.edges, 16)
    matrix = -1e-4 * (gradient.T @ gradient) / mass[:, None]
    x = np.append(
        (reference.edges[:-1, None] + np.diff(reference.edges)[:, None] * (reference.nodes + 1) / 2)[:, :-1], 1
    )

    def right(_: float, u: np.ndarray) -> np.ndarray:
        return matrix @ u + 5 * (u - u**3)

    start = x**2 * np.cos(np.pi * x)
    run = solve_ivp(right, (0, 1), start, "LSODA", t_eval=TIMES, rtol=1e-12, atol=1e-13, lband=16, uband=16)
    np.testing.assert_allclose(run.y.T, reference(*np.meshgrid(x, TIMES)), rtol=0, atol=1e-10)


def fourier_error(modes: int, time: float) -> float:
    """Return the relative L2 distance of the Fourier march with `modes` points from the reference."""
    x = 2 / modes * np.arange(modes)
    k = np.pi * np.arange(modes // 2 + 1)

    def nonlinear(v: np.ndarray) -> np.ndarray:
        u = np.fft.irfft(v, modes)
        return 5 * np.fft.rfft(u - u**3)

    folded = np.where(x > 1, x - 2, x)
    start = np.fft.rfft(folded**2 * np.cos(np.pi * folded))
    u = np.fft.irfft(march(-1e-4 * k**2, nonlinear, start, [time], 1e-3)[0], modes)
    return relative_l2(u, allen_cahn(TIMES)(x, time))


def test_a_fourier_series_tends_to_allen_cahn_with_order_two() -> None:
    assert 1.9 < np.log2(fourier_error(512, 0.1) / fourier_error(2048, 0.1)) / 2 < 2.1
    assert fourier_error(2048, 1.0) < 2e-10


def test_times_that_do_not_increase_are_refused_by_the_march_and_sorted_for_allen_cahn() -> None:
    with pytest.raises(ValueError, match="increase"):
        korteweg_de_vries((0.5, 0.1))
    swapped = allen_cahn((0.1, 0.0))
    start = LINE**2 * np.cos(np.pi * LINE)
    np.testing.assert_allclose(swapped(LINE, 0.0), start, rtol=0, atol=1e-12)
    np.testing.assert_allclose(swapped(LINE, 0.1), allen_cahn(TIMES)(LINE, 0.1), rtol=0, atol=1e-11)
