"""Starts at which Gauss-Newton would stay although they solve nothing."""

import numpy as np
import pytest
from small_models import LINE, line, model_of, prepared

from pinnkan.errors import SolverError
from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.families.product import levels, stationary_start
from pinnkan.solver.families.product.start import initial_space
from pinnkan.solver.families.product.stationary_start import (
    is_stationary,
    leave_stationary_point,
    lowest_eigenfunction,
    minimise_with_restart,
)
from pinnkan.solver.monitor import Monitor

EIKONAL = LINE.format(equation="u_x**2 = 1", left=0, right="none")
EIGENVALUE = """
name: eigenvalue
domain:
  x: [0, 1]
unknowns: [u, l]
equations:
  - u_xx + l*u = 0
  - l_x = 0
conditions:
  - where: boundary
    equation: u = 0
  - where: domain
    equation: integral(u**2) = 0.5
"""


def start_of(model):
    space = initial_space(model, 9, 3)
    system, start, fixed = prepared(model, space)
    return space, system, start, fixed


@pytest.mark.parametrize("text", [EIKONAL, EIGENVALUE])
def test_what_is_stationary_is_moved_to_less_of_what_it_does_not_fulfil(text):
    _, system, start, fixed = start_of(model_of(text))
    assert is_stationary(system, start, fixed)
    beside = leave_stationary_point(system, start, fixed)
    assert not is_stationary(system, beside, fixed)
    np.testing.assert_array_equal(beside[fixed], start[fixed])


P_LAPLACIAN = """
name: p_laplacian
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["-div((u_x**2 + u_y**2)**0.5*grad(u)) = 1"]
conditions: [{where: boundary, equation: u = 0}]
"""


@pytest.mark.parametrize("text", [P_LAPLACIAN, LINE.format(equation="-u_xx + 1/u = 1", left=0, right="u = 0")])
def test_a_start_without_slopes_or_a_finite_residual_is_moved(text):
    """The p-Laplacian is 0/0 where u is flat: it was refused as not finite."""
    _, system, start, fixed = start_of(model_of(text))
    assert is_stationary(system, start, fixed) or not np.isfinite(system.loss(start))
    beside = leave_stationary_point(system, start, fixed)
    assert np.isfinite(system.loss(beside))
    assert not is_stationary(system, beside, fixed)
    np.testing.assert_array_equal(beside[fixed], start[fixed])


def test_a_start_that_leads_nowhere_is_moved():
    """sqrt(u) has no finite slope at zero: it was refused as not finite."""
    _, system, start, fixed = start_of(model_of(LINE.format(equation="-u_xx + sqrt(u) = 3", left=0, right="u = 0")))
    assert is_stationary(system, start, fixed)
    with pytest.raises(SolverError, match="not finite"):
        minimise_with_restart(system, start, fixed, 1e-6, Monitor(None, None), is_first=False)
    found = minimise_with_restart(system, start, fixed, 1e-6, Monitor(None, None), is_first=True)
    assert found.is_stationary
    assert found.coefficients.max() > 0.1


def test_what_goes_on_or_solves_it_stays():
    _, system, start, fixed = start_of(line(left=1.0))
    assert not is_stationary(system, start, fixed)
    assert leave_stationary_point(system, start, fixed) is start
    _, solved, zero, held = start_of(line("u_xx + u**2 = 0", right="u = 0"))
    assert leave_stationary_point(solved, zero, held) is zero


def test_the_slowest_wave_between_two_zeros_is_half_a_sine():
    space, _, _, fixed = start_of(line(right="u = 0"))
    wave = lowest_eigenfunction(space, fixed[..., 0])
    x = np.linspace(0.0, 1.0, 41)
    found = space.evaluate_grid(wave[..., None], [x], (0,))[..., 0]
    np.testing.assert_allclose(found / found[20], np.sin(np.pi * x), atol=1e-8)
    assert np.abs(found / found[20] - np.sin(1.01 * np.pi * x)).max() > 1e-2


@pytest.mark.parametrize("end", [1.0, 3.0])
def test_the_equation_of_light_is_solved(end):
    """u_x**2 = 1 was 'at a minimum of the residual that is no solution' at u = 0."""
    level = solve(parse_problem(EIKONAL.replace("[0, 1]", f"[0, {end}]") + "exact:\n  u: x\n", "t.yaml")).levels[-1]
    assert level.estimate < 1e-5


def test_an_eigenvalue_is_found_by_the_size_of_its_function():
    found = solve(parse_problem(EIGENVALUE, "t.yaml"))
    assert found.verdict.converged
    assert found(np.array([[0.5]]))["l"][0] == pytest.approx(np.pi**2, rel=1e-5)


@pytest.mark.slow
def test_where_knots_inherit_a_minimum_that_is_no_solution_the_iteration_begins_anew(monkeypatch):
    """Three knots cannot hold cos(18.56 x): u ended where 24 did not come away from in 30 steps."""
    text = """
name: inherited
domain: {x: [0, 1]}
unknowns: [u, v]
functions: {a: 1.49 + exp(-2.02*x), b: 2 + cos(18.56*x)}
equations:
  - -0.202*u_xx + 0.13*u_x + u - 0.115*exp(-v**2) = -0.202*dx(dx(a)) + 0.13*dx(a) + a - 0.115*exp(-b**2)
  - -0.1011*v_xx + 0.435*v_x + v + 0.085*v/(1 + u**2) = -0.1011*dx(dx(b)) + 0.435*dx(b) + b + 0.085*b/(1 + a**2)
conditions:
  - {where: left, equation: u = a}
  - {where: right, equation: u_x + u + 0.2*sin(v) = dx(a) + a + 0.2*sin(b)}
  - {where: left, equation: v = b}
  - {where: right, equation: v_x = dx(b)}
exact: {u: a, v: b}
solver: {tolerance: 1e-4}
"""
    solution, x = solve(parse_problem(text, "t.yaml")), np.linspace(0.0, 1.0, 201)
    assert solution.verdict.converged
    assert np.abs(solution(x[:, None])["u"] - 1.49 - np.exp(-2.02 * x)).max() < 1e-4
    monkeypatch.setattr(stationary_start, "_restart", lambda *_: None)
    monkeypatch.setattr(
        levels, "continue_from_milder_problem", lambda *_: None
    )  # from a milder problem it is found as well, in 12 s
    assert not solve(parse_problem(text, "t.yaml")).verdict.converged
