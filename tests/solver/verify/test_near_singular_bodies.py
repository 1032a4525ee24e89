"""Beams, columns and bodies that are nearly free to move: at a load that buckles them, in a mode, under tractions."""

import numpy as np
import pytest
from errors_of import error_on_a_line
from small_models import LINE

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve

BEAM = """
name: beam
domain:
  x: [0, 1]
unknowns: [u]
equations:
  - u_xxxx - (81*pi**4 - 1.56e-8)*u = -81*pi**4*x + 1.56e-8*x + 1.9188e-9*sin(3*pi*x)
conditions:
  - where: left
    equation: u = 0
  - where: right
    equation: u = 1
  - where: boundary
    equation: u_xx = 0
solver:
  tolerance: 1e-6
"""


def test_a_beam_so_near_its_eigenvalue_that_rounding_hides_the_mode_is_refused():
    """u = x + 0.123 sin(3 pi x): on fine knots rounding is all that is left of the residual of the mode."""
    verdict = solve(parse_problem(BEAM, "t.yaml")).verdict
    assert verdict.reason in ("tolerance_below_rounding", "rank_deficient")
    assert np.isinf(verdict.estimate)


def test_a_beam_further_from_its_eigenvalue_is_solved():
    text = BEAM.replace("1.56e-8", "1").replace("1.9188e-9", "0.123").replace("1e-6", "1e-3")
    result = solve(parse_problem(text, "t.yaml"))
    assert result.verdict.converged
    assert error_on_a_line(result, lambda x: x + 0.123 * np.sin(3 * np.pi * x)) <= 1e-3


CLAMPED = (
    LINE.format(equation="{equation}", left=0, right="u = 0")
    + """  - where: boundary
    equation: u_x = 0
"""
)


@pytest.mark.parametrize(
    "equation",
    [
        "u_xxxx + 4*pi**2*u_xx = 0",
        "u_xxxx + 8.986818915818128**2*u_xx = 0",
        "u_xxxx = 4.730040744862704**4*u",
        "u_xxxx + 4*pi**2*u_xx = cos(pi*x)",
    ],
    ids=["first Euler load", "second one", "first vibration", "first Euler load with a load across"],
)
def test_a_clamped_column_at_a_load_under_which_it_buckles_is_refused(equation):
    """On fine knots rounding of a fourth derivative makes a residual of 1e-4 that looks like one of the mode."""
    verdict = solve(parse_problem(CLAMPED.replace("{equation}", f'"{equation}"'), "t.yaml")).verdict
    assert verdict.reason == "rank_deficient"


def test_a_clamped_column_below_its_load_is_solved():
    text = CLAMPED.replace("{equation}", '"u_xxxx + 3.9*pi**2*u_xx = 3.9*pi**2"')
    result = solve(parse_problem(text, "t.yaml"))
    k = np.sqrt(3.9) * np.pi

    def exact(x):
        """x^2/2 + a cos(kx) + b sin(kx) + c + d x, with both ends clamped."""
        rows = [[1, 0, 1, 0], [0, k, 0, 1], [np.cos(k), np.sin(k), 1, 1], [-k * np.sin(k), k * np.cos(k), 0, 1]]
        a, b, c, d = np.linalg.solve(rows, [0, 0, -0.5, -1])
        return x**2 / 2 + a * np.cos(k * x) + b * np.sin(k * x) + c + d * x

    assert result.verdict.converged
    assert error_on_a_line(result, exact) <= 1e-4


CANTILEVER = """
name: cantilever
domain: {{x: [0, 1]}}
unknowns: [w]
equations: ["dx(dx((1 + x)*w_xx)) = 1"]
conditions:
  - {{where: left, equation: w{free} = 0}}
  - {{where: left, equation: w_x = 0}}
  - {{where: right, equation: w_xx = 0}}
  - {{where: right, equation: dx((1 + x)*w_xx) = 0}}
solver: {{tolerance: 1e-6}}
"""


def test_a_cantilever_is_solved_though_rounding_of_fine_knots_may_be_as_large_as_its_mode():
    """The moment is (1 - x)^2/2; its slope is (1 - x)^2/(2 (1 + x)) integrated. One that nothing clamps is refused."""
    solution = solve(parse_problem(CANTILEVER.format(free=""), "t.yaml"))
    assert solution.verdict.converged
    x = np.linspace(0.0, 1.0, 21)
    s, weights = np.polynomial.legendre.leggauss(30)
    inner = 0.5 * x[:, None] * (s + 1.0)
    truth = 0.5 * x * (((x[:, None] - inner) * 0.5 * (1.0 - inner) ** 2 / (1.0 + inner)) @ weights)
    assert np.abs(solution(x[:, None])["w"] - truth).max() < 1e-6 * truth.max()
    assert solve(parse_problem(CANTILEVER.format(free="_xxx"), "t.yaml")).verdict.reason == "rank_deficient"


def test_a_body_under_tractions_alone_may_turn():
    text = """
name: free
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u, v]
equations: ["lap(u) + 2*dx(u_x + v_y) = 0", "lap(v) + 2*dy(u_x + v_y) = 0"]
conditions:
  - {where: [left, right], equation: "2*u_x + (u_x + v_y) = 1"}
  - {where: [left, right], equation: "u_y + v_x = 0"}
  - {where: [bottom, top], equation: "2*v_y + (u_x + v_y) = 0"}
  - {where: [bottom, top], equation: "u_y + v_x = 0"}
  - {where: domain, equation: "integral(u) = 0"}
  - {where: domain, equation: "integral(v) = 0"}
"""
    assert solve(parse_problem(text, "t.yaml")).verdict.reason == "rank_deficient"
