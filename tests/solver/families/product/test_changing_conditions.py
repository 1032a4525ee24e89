"""Conditions that change along the boundary of a rectangle: solved, and judged as what they are."""

import numpy as np
import pytest
from flow import LID

from pinnkan.assembly import row_weights
from pinnkan.assembly.model import Model
from pinnkan.problem import corners
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.verdict.records import Reason

HEATED = """
name: heated
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: [lap(u) = 0]
conditions:
  - {where: [left, right, bottom], equation: u = 0}
  - {where: top, equation: u = 100}
solver: {tolerance: TOLERANCE, max_time: 100}
"""
#: Motz (1947): the coefficients of r^(k + 1/2) cos((k + 1/2) theta) are known to many digits (Li, Mathon, Sermer 1987).
MOTZ = """
name: motz
domain: {x: [-1, 1], y: [0, 1]}
unknowns: [u]
equations: [lap(u) = 0]
conditions:
  - {where: [left, top], equation: dn(u) = 0}
  - {where: right, equation: u = 500}
  - {where: bottom, equation: heaviside(-x)*u + heaviside(x)*dn(u) = 0}
solver: {tolerance: 1.0e-2, max_time: 100}
"""
SERIES = (401.1624537452, 87.6559201951, 17.2379150795, -8.0712152597, 1.4402727170, 0.3310548859, 0.2754373445)


def heated(x, y):
    """The strip without a bottom in closed form, and what the bottom makes of it, which converges fast."""
    out = 200.0 / np.pi * np.arctan2(np.sin(np.pi * x), np.sinh(np.pi * (1.0 - y)))
    for a in np.pi * np.arange(1, 40, 2):
        rises = np.exp(a * (y - 1.0))
        out += 400.0 / a * np.sin(a * x) * (rises * -np.expm1(-2.0 * a * y) / -np.expm1(-2.0 * a) - rises)
    return out


def lines():
    """Gauss points and weights on intervals that are halved towards both ends, 2^-20 wide at last."""
    ends = np.unique([0.0, 1.0, *0.5 ** np.arange(1, 21), *(1.0 - 0.5 ** np.arange(1, 21))])
    nodes, weights = np.polynomial.legendre.leggauss(4)
    widths = np.diff(ends)[:, None]
    return (ends[:-1, None] + 0.5 * widths * (nodes + 1.0)).ravel(), (0.5 * widths * weights).ravel()


@pytest.mark.parametrize("tolerance", ["1.0e-2", "1.0e-3"])
def test_a_square_with_one_hot_side_is_solved_and_judged(tolerance):
    result = solve(parse_problem(HEATED.replace("TOLERANCE", tolerance), "t.yaml"))
    x, w = lines()
    grid = np.stack(np.meshgrid(x, x, indexing="ij"), -1)
    exact, found = heated(grid[..., 0], grid[..., 1]), result.field(grid.reshape(-1, 2), [(0, 0)]).reshape(len(x), -1)
    error = np.sqrt(w @ (found - exact) ** 2 @ w / (w @ exact**2 @ w))
    assert result.verdict.converged
    assert error < float(tolerance)
    assert 0.8 < result.verdict.estimate / error < 5.0


@pytest.mark.slow
def test_without_weights_it_is_not(monkeypatch):
    monkeypatch.setattr(Model, "corner_weights", None)
    text = HEATED.replace("TOLERANCE, max_time: 100", "1.0e-2, max_levels: 5")
    verdict = solve(parse_problem(text, "t.yaml")).verdict
    assert not verdict.converged
    assert verdict.estimate > 10.0


def test_a_value_that_becomes_a_slope_inside_of_a_side_is_solved_and_judged():
    """It said `converged` at 4.7e-2 with an error of one half, in rotated coordinates."""
    result = solve(parse_problem(MOTZ, "t.yaml"))
    r, angle = np.meshgrid(np.linspace(0.05, 0.4, 8), np.linspace(0.1, 3.0, 7))
    exact = sum(a * r ** (k + 0.5) * np.cos((k + 0.5) * angle) for k, a in enumerate(SERIES))
    found = result.field(np.stack([r * np.cos(angle), r * np.sin(angle)], -1).reshape(-1, 2), [(0, 0)])
    assert result.verdict.converged
    assert np.abs(found.reshape(r.shape) - exact).max() < 2e-2 * 300.0  # of the root mean square of u


#: Im(z log z), whose slope at x = 0 is pi / 2, while its values along y = 0 are zero.
SLOPED = """
name: sloped
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: [lap(u) = 0]
conditions:
  - {where: left, equation: u_x = pi/2}
  - {where: bottom, equation: u = 0}
  - {where: right, equation: u = y*log(1 + y**2)/2 + atan(y)}
  - {where: top, equation: u = log(1 + x**2)/2 + x*(pi/2 - atan(x))}
solver: {tolerance: 1.0e-5}
"""


#: Its integral by Chebyshev collocation of degrees 24 to 56: 0.0782971867, .. 989, 990.
ASKEW = """
name: askew
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: [-u_xx - 0.01*u_yy - 0.1*u_xy = 1]
conditions: [{where: boundary, equation: u = 0}]
quantities: {whole: {integral: u}}
solver: {tolerance: 1.0e-5, max_levels: 5}
"""


def test_second_derivatives_that_are_askew_are_solved_on_knots_graded_to_the_corners(monkeypatch):
    result = solve(parse_problem(ASKEW, "t.yaml"))
    assert result.verdict.converged, result.verdict.sentence
    assert result.quantities["whole"].values[0] == pytest.approx(0.078297199, abs=1e-7)
    monkeypatch.setattr(corners, "has_oblique_laplacian", lambda *_: False)
    monkeypatch.setattr(row_weights, "clamped_corners", lambda _: ())
    assert solve(parse_problem(ASKEW, "t.yaml")).verdict.estimate > 1e-3


def test_values_that_contradict_the_slope_of_the_next_side_are_a_corner():
    """Its residual fell on no knots, and the solve was refused."""
    result = solve(parse_problem(SLOPED, "t.yaml"))
    assert result.verdict.converged, result.verdict.sentence
    x, y = np.random.default_rng(0).random((2, 500))
    z = x + 1j * y
    exact = (z * np.log(z)).imag
    found = result.field(np.stack([x, y], -1), [(0, 0)])[:, 0, 0]
    error = np.linalg.norm(found - exact) / np.linalg.norm(exact)
    assert 0.8 * error <= result.verdict.estimate
    assert result.levels[-1].parameters < 2000


@pytest.mark.slow
def test_a_lid_at_full_speed_is_refused_for_its_pressure_and_says_what_the_flow_is_within():
    result = solve(parse_problem(LID.replace("TOLERANCE", "1.0e-2"), "t.yaml"))
    assert result.verdict.reason == Reason.NO_FINITE_NORM
    assert "can be used as it is" in result.verdict.remedy
    assert not np.isfinite(result.verdict.estimate)
    assert "p grows without bound at x = 0, y = 1" in result.verdict.sentence
    velocity, pressure = result.levels[-1].estimates
    assert velocity < 1e-2
    assert not np.isfinite(pressure)
    u = result.field(np.array([[0.5, 0.5], [0.5, 0.9]]), [(0, 0)])[:, 0, 0]
    assert u[0] == pytest.approx(-0.2055, abs=3e-3)
