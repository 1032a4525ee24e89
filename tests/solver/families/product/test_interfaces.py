"""Coefficients that jump along an axis: two materials against closed forms, a composite rod against Chebyshev's."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.linalg
from stored_state import stored

from pinnkan.errors import UsageError
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve

BAR = """
name: bar
domain: {{x: [0, 1]}}
functions: {{k: "{low} + {more}*heaviside(x - {place})"}}
unknowns: [u]
equations: ["-dx(k*dx(u)){more_terms} = 1"]
conditions: [{{where: boundary, equation: u = 0}}]
solver: {{tolerance: {tolerance}}}
"""
PLANE = """
name: plane
domain: {x: [0, 1], y: [0, 1]}
functions:
  k: (1 + 4*heaviside(x - 0.4))*(2 - heaviside(y - 0.7))
  w: x**2 + heaviside(x - 0.4)*(0.16 + 0.16*(x - 0.4) + (x - 0.4)**2 - x**2)
  r: y + heaviside(y - 0.7)*(y - 0.7)
  v: w*r
unknowns: [u]
equations: ["-div(k*grad(u)) = -2*k*r"]
conditions: [{where: boundary, equation: u = v}]
solver: {tolerance: 1e-8}
"""
ROD = """
name: rod
domain: {x: [0, 1], t: [0, 0.3]}
functions: {k: 0.1 + 0.9*heaviside(x - 0.5)}
unknowns: [u]
equations: ["u_t = dx(k*dx(u))"]
conditions: [{where: initial, equation: "u = sin(pi*x)"}, {where: boundary, equation: u = 0}]
solver: {tolerance: 1e-5}
"""


def relative(found, exact):
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


def bar(low, high, place, tolerance=1e-8, more_terms=""):
    text = BAR.format(low=low, more=high - low, place=place, tolerance=tolerance, more_terms=more_terms)
    return parse_problem(text, "t.yaml")


def bent(x, low, high, place):
    """-(k u')' = 1, u = 0 at both ends: k u' = a - x."""
    a = 0.5 * (place**2 / low + (1 - place**2) / high) / (place / low + (1 - place) / high)
    above = (a * place - place**2 / 2) / low + (a * (x - place) - (x**2 - place**2) / 2) / high
    return np.where(x < place, (a * x - x**2 / 2) / low, above)


def values(result, *columns):
    points = np.stack(columns, -1)
    return result.field(points, [(0,) * len(columns)])[:, 0, 0]


@pytest.mark.parametrize(("low", "high", "place"), [(1, 10, 0.5), (1, 1e4, 0.3), (1e-3, 1, 0.7123), (2, 1, 0.123456)])
def test_two_materials_on_a_line(low, high, place):
    result = solve(bar(low, high, place))
    x = np.linspace(0, 1, 500)
    assert result.verdict.converged
    assert relative(values(result, x), bent(x, low, high, place)) < 1e-8


def test_without_the_flux_the_answer_is_another():
    problem = bar(1, 10, 0.5)
    smooth = replace(problem, equations=tuple(replace(e, interfaces=()) for e in problem.equations))
    result, x = solve(smooth), np.linspace(0, 1, 500)
    assert relative(values(result, x), bent(x, 1, 10, 0.5)) > 0.1


def test_a_flow_through_two_materials():
    """-(k u')' + 30 u' = 1: u = x / 30 + c + d exp(30 (x - 0.6) / k) on either side."""
    k = np.array([1.0, 6.0])
    rows, right = np.zeros((4, 4)), np.array([0.0, -1 / 30, 0.0, (k[1] - k[0]) / 30])
    rows[0, :2] = 1.0, np.exp(-30 * 0.6 / k[0])
    rows[1, 2:] = 1.0, np.exp(30 * 0.4 / k[1])
    rows[2] = 1.0, 1.0, -1.0, -1.0
    rows[3] = 0.0, 30.0, 0.0, -30.0
    c = np.linalg.solve(rows, right)
    x = np.linspace(0, 1, 700)
    exact = x / 30 + np.where(x < 0.6, c[0] + c[1] * np.exp(30 * (x - 0.6) / k[0]),
                              c[2] + c[3] * np.exp(30 * (x - 0.6) / k[1]))  # fmt: skip
    result = solve(bar(1, 6, 0.6, 1e-7, " + 30*u_x"))
    assert result.verdict.converged
    assert relative(values(result, x), exact) < 1e-7


def test_layers_across_both_coordinates_of_a_plane():
    result = solve(parse_problem(PLANE, "t.yaml"))
    x, y = np.random.default_rng(0).random((2, 2000))
    w = np.where(x < 0.4, x**2, 0.16 + 0.16 * (x - 0.4) + (x - 0.4) ** 2)
    assert result.verdict.converged
    assert relative(values(result, x, y), w * np.where(y < 0.7, y, 2 * y - 0.7)) < 1e-8


def cooled(time, nodes=40):
    """Chebyshev collocation on either half (Trefethen 2000, chapter 6), the middle value from the continuous flux."""
    angle = np.pi * np.arange(nodes + 1) / nodes
    z, c = np.cos(angle), (-1.0) ** np.arange(nodes + 1)
    c[[0, -1]] *= 2.0
    slopes = np.outer(c, 1.0 / c) / (z[:, None] - z + np.eye(nodes + 1))
    slopes = 4.0 * (slopes - np.diag(slopes.sum(1)))
    x = np.concatenate([(z + 1) / 4, (z + 3) / 4])
    second = scipy.linalg.block_diag(0.1 * slopes @ slopes, slopes @ slopes)
    inner = np.r_[1:nodes, nodes + 2 : 2 * nodes + 1]
    flux = np.concatenate([-0.1 * slopes[0], slopes[-1]]) / (0.1 * slopes[0, 0] - slopes[-1, -1])
    full = np.eye(2 * nodes + 2)[:, inner]
    full[[0, 2 * nodes + 1]] = flux[inner]
    u = full @ scipy.linalg.expm(time * (second @ full)[inner]) @ np.sin(np.pi * x[inner])
    return x, u


def test_a_composite_rod_cools_as_it_should():
    result = solve(parse_problem(ROD, "t.yaml"))
    x, exact = cooled(0.3)
    assert result.verdict.converged
    assert relative(values(result, x, np.full(len(x), 0.3)), exact) < 1e-5


def test_a_stored_field_has_its_kink():
    field, x = solve(bar(1, 10, 0.5)).field, np.linspace(0, 1, 101)
    again = stored(field)
    np.testing.assert_array_equal(again.grid([x], (1,)), field.grid([x], (1,)))
    slope = again.grid([np.array([0.5 - 1e-9, 0.5 + 1e-9])], (1,))[:, 0]
    assert slope[0] == pytest.approx(10.0 * slope[1], rel=1e-6)


def test_other_networks_say_that_they_cannot():
    problem = bar(1, 10, 0.5)
    with pytest.raises(UsageError, match="a flux that jumps"):
        solve(replace(problem, solver=replace(problem.solver, network="deep")))


LAYERS = """
name: layers
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["-div((1 + 9*heaviside(x - 0.3))*grad(u)) = 1"]
conditions: [{where: boundary, equation: u = 0}]
solver: {tolerance: 1e-3}
"""


def layered(x, y):
    """A sine series in y, whose factors g'' - (n pi)^2 g = -4 / (n pi k) are exponentials in each layer."""
    out, c, (inner, outer) = np.zeros_like(x), 0.3, (1.0, 10.0)
    for n in range(1, 80, 2):
        a, source = n * np.pi, 4.0 / (n * np.pi)
        near, far = (source / (a * a * k) for k in (inner, outer))
        # near + p exp(-a x) + q exp(a (x - c)) below c, far + r exp(a (c - x)) + s exp(a (x - 1)) above
        low, high = np.exp(-a * c), np.exp(a * (c - 1))
        rows = [
            [1.0, low, 0.0, 0.0],
            [0.0, 0.0, high, 1.0],
            [low, 1.0, -1.0, -high],
            [-inner * low, inner, outer, -outer * high],
        ]
        p, q, r, s = np.linalg.solve(rows, [-near, -far, far - near, 0.0])
        below = near + p * np.exp(-a * x) + q * np.exp(a * (np.minimum(x, c) - c))
        above = far + r * np.exp(a * (c - np.maximum(x, c))) + s * np.exp(a * (x - 1))
        out += np.where(x < c, below, above) * np.sin(a * y)
    return out


def test_a_layered_square_is_judged_among_functions_whose_flux_is_continuous():
    """Among smooth ones the least residual was half as large: what corners leave counted in full, for any knots."""
    solution = solve(parse_problem(LAYERS, "t.yaml"))
    assert solution.verdict.converged, solution.verdict.sentence
    assert len(solution.levels) < 4
    x, y = np.random.default_rng(0).random((2, 500))
    error = solution.field(np.column_stack([x, y]), [(0, 0)])[:, 0, 0] - layered(x, y)
    relative = np.linalg.norm(error) / np.linalg.norm(layered(x, y))
    assert relative <= solution.verdict.estimate < 20.0 * relative
