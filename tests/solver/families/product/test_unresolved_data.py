"""Waves of the initial data that neither the knots nor those between them hold are seen all the same."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product import initial_data
from pinnkan.solver.families.product import unresolved_data as module
from pinnkan.solver.families.product.initial_data import first_slab_start

CARRIED = """
name: carried
domain:
  x: [0, 2*pi]
  t: [0, 0.5]
  periodic: [x]
unknowns: [u]
equations:
  - u_t + u_x = 0
conditions:
  - where: initial
    equation: u = {data}
solver:
  tolerance: 1e-5
"""


def begun(data, tolerance=1e-5):
    """Knots and coefficients of the start, and its intervals."""
    first = first_slab_start(model_of(CARRIED.format(data=data)), (8, 8), 4, tolerance)
    return first, first.axes[0]


def missed(first, values):
    """Root mean square of what the knots do not hold."""
    axis, x = first.axes[0], np.linspace(0.0, 2.0 * np.pi, 20001)
    return float(np.sqrt(np.mean((axis.matrix(x, 0) @ first.traces[0][:, 0] - values(x)) ** 2)))


@pytest.mark.parametrize("waves", [29, 40, 83, 200])
def test_small_waves_of_any_length_are_held_to_the_tolerance(monkeypatch, waves):
    def values(x):
        return np.sin(x) + 1e-4 * np.sin(waves * x)

    data = f"sin(x) + 1e-4*sin({waves}*x)"
    assert missed(begun(data)[0], values) < 1e-6
    monkeypatch.setattr(
        initial_data,
        "unresolved_data_masses",
        lambda given, halved, time, scale: (np.zeros(halved.axes[0].intervals // 2),),
    )
    monkeypatch.setattr(initial_data, "unresolved_forcing_masses", lambda *_: [])
    assert missed(begun(data)[0], values) > 5e-5


def test_data_without_any_and_waves_far_below_the_tolerance_ask_for_no_knots():
    plain = begun("sin(x)")[1].intervals
    assert begun("sin(x) + 1e-8*sin(40*x)")[1].intervals == plain
    assert begun("sin(x) + 1e-4*sin(40*x)")[1].intervals > 2 * plain


def test_rounding_of_the_data_is_nothing_that_is_missing(monkeypatch):
    model = model_of(CARRIED.format(data="sin(x + 628.5)"))  # the argument is rounded by 1e-13
    space, time = Space((begun("sin(x)", 1e-12)[1].halved(),), 1), Axis(np.array([0.0, 0.5]), 8)
    (given,) = model.conditions.initial
    assert not module.unresolved_data_masses(given, space, time, np.ones(1))[0].any()
    monkeypatch.setattr(module, "ROUNDING_SHARE", 0.0)
    assert module.unresolved_data_masses(given, space, time, np.ones(1))[0].any()


def test_a_small_wave_is_carried_around_a_circle(monkeypatch):
    x = np.linspace(0.0, 2.0 * np.pi, 2001)
    exact, points = np.sin(x - 0.5) + 1e-4 * np.sin(40.0 * (x - 0.5)), np.stack([x, np.full_like(x, 0.5)], -1)
    problem = parse_problem(CARRIED.format(data="sin(x) + 1e-4*sin(40*x)"), "t.yaml")

    def error(solution):
        return np.linalg.norm(solution(points)["u"] - exact) / np.linalg.norm(exact)

    solution = solve(problem)
    assert solution.verdict.converged
    assert error(solution) < 1e-5
    monkeypatch.setattr(
        initial_data,
        "unresolved_data_masses",
        lambda given, halved, time, scale: (np.zeros(halved.axes[0].intervals // 2),),
    )
    monkeypatch.setattr(initial_data, "unresolved_forcing_masses", lambda *_: [])
    lost = solve(problem)
    assert lost.verdict.converged  # wrongly
    assert error(lost) > 5e-5


CUBIC = """
name: cubic
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: ['u_t + u_x + 0.1*u**3 = 0.1*(5e-4*sin(120*(x - t)) + cos(t + x))**3 - 2*sin(t + x)']
conditions:
  - {where: initial, equation: 'u = cos(x) + 5e-4*sin(120*x)'}
  - {where: left, equation: 'u = cos(t) - 5e-4*sin(120*t)'}
  - {where: right, equation: none}
solver: {tolerance: 1e-3}
"""


def test_a_small_wave_of_a_nonlinear_transport_is_in_the_solution():
    """It was dropped and not told: an error of 5.9e-4, an estimate of 8.4e-5."""
    solution = solve(parse_problem(CUBIC, "t.yaml"))
    assert solution.verdict.converged
    nodes, weights = np.polynomial.legendre.leggauss(200)
    x, t = (a.ravel() for a in np.meshgrid((nodes + 1) / 2, (nodes + 1) / 2, indexing="ij"))
    weight = np.outer(weights, weights).ravel()
    exact = np.cos(x + t) + 5e-4 * np.sin(120 * (x - t))
    off = np.ravel(solution(np.stack([x, t], -1))["u"]) - exact
    error = np.sqrt((weight @ off**2) / (weight @ exact**2))
    assert error < solution.verdict.estimate < 2e-4
