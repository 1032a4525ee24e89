"""Heat2d-LT agrees with a method of lines that shares no transform and no step with it, and with itself unfolded."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_ivp

from .heat_long_time import DIFFUSION, growth, heat_long_time

PLACES = np.linspace(0.03, 0.97, 25)


def test_few_sines_agree_with_collocation_at_the_same_points() -> None:
    """Dense sine collocation in both directions, and DOP853 in time."""
    n, end = 47, 0.25
    x = np.arange(1, n + 1) / (n + 1)
    k = np.pi * np.arange(1, n + 1)
    values = np.sin(np.outer(x, k))
    second = values @ np.diag(-(k**2)) @ np.linalg.inv(values)
    shape = np.outer(np.sin(4 * np.pi * x), np.sin(2 * np.pi * x))

    def rate(t: float, v: np.ndarray) -> np.ndarray:
        u = v.reshape(n, n)
        return np.asarray(DIFFUSION * (second @ u + u @ second.T) + growth(t) * shape * np.sin(u**2)).ravel()

    start = np.outer(np.sin(4 * np.pi * x), np.sin(3 * np.pi * x)).ravel()
    lines = solve_ivp(rate, (0.0, end), start, "DOP853", rtol=1e-10, atol=1e-12).y[:, -1].reshape(n, n)
    series = heat_long_time((end,), (n, n), 2.5e-3, 1).on_grid(x, x)[0]
    np.testing.assert_allclose(series, lines, atol=2e-8)


def test_a_quarter_of_the_square_is_enough() -> None:
    whole = heat_long_time((0.5, 1.0), (63, 47), 0.02, 1).on_grid(PLACES, PLACES)
    folded = heat_long_time((0.5, 1.0), (15, 47), 0.02, 4).on_grid(PLACES, PLACES)
    np.testing.assert_allclose(folded, whole, atol=1e-12)


def test_a_step_half_as_long_is_sixteen_times_as_exact() -> None:
    coarse, middle, fine = (heat_long_time((0.5,), (15, 47), h).on_grid(PLACES, PLACES) for h in (0.02, 0.01, 0.005))
    ratio = np.linalg.norm(coarse - middle) / np.linalg.norm(middle - fine)
    assert 12 < ratio < 24
