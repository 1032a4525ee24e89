"""What a residual that stands says of the error, and how few points show it."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_models import model_of
from solved import on_levels

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product import judging
from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.families.product.start import initial_space
from pinnkan.solver.linear.system import System
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.outcome import Outcome
from pinnkan.solver.verify.near_singular import nulls_of
from pinnkan.verdict.records import Evidence

EIKONAL = """
name: eikonal
domain:
  x: [0, 1]
unknowns: [u]
equations:
  - u_x**2 - 1.45e-3*u_xx = 1
conditions:
  - where: boundary
    equation: u = 0
solver:
  tolerance: 1e-5
"""


@pytest.mark.slow
def test_at_a_spurious_minimum_of_a_nonlinear_residual_the_estimate_says_so(monkeypatch):
    """The error is 1.9, the corrections are 4e-4: it is nearly minus the solution."""
    monkeypatch.setattr(ProductLevels, "elsewhere", lambda self, state, monitor: None)
    verdict = solve(parse_problem(EIKONAL, "t.yaml")).verdict
    assert not verdict.converged
    assert verdict.estimate > 1.0
    monkeypatch.setattr(judging, "STANDS", 2.0)
    assert solve(parse_problem(EIKONAL, "t.yaml")).verdict.estimate < 1e-2


def kinked(x, eps):
    """The viscosity solution of u_x^2 - eps u_xx = 1, u(0) = u(1) = 0, by the Cole-Hopf transform."""

    def log_cosh(z):
        return np.abs(z) + np.log1p(np.exp(-2.0 * np.abs(z))) - np.log(2.0)

    return eps * (log_cosh(0.5 / eps) - log_cosh((x - 0.5) / eps))


def test_a_correction_that_its_knots_do_not_resolve_is_looked_at_with_more_where_it_is(monkeypatch):
    """Knots 5e-3 apart at a kink 1e-3 wide: a correction of 4e-4, an error of 6.7e-3."""
    problem = parse_problem(EIKONAL.replace("1.45e-3", "1e-3").replace("1e-5", "1e-3"), "t.yaml")
    solution, x = solve(problem), np.linspace(0.0, 1.0, 2001)
    u, exact = solution(x[:, None])["u"], kinked(x, 1e-3)
    error = np.linalg.norm(u - exact) / np.linalg.norm(exact)
    assert solution.verdict.converged
    assert error <= solution.verdict.estimate
    monkeypatch.setattr(judging, "RESOLVING", 2.0)
    solution = solve(problem)
    error = np.linalg.norm(solution(x[:, None])["u"] - exact) / np.linalg.norm(exact)
    assert solution.verdict.converged  # wrongly
    assert error > 5.0 * solution.verdict.estimate


VARYING = """
name: varying
domain:
  x: [0, 1]
  y: [0, 1]
functions:
  k: 1 + 0.9*sin(2*pi*x)*cos(2*pi*y)
  v: sin(pi*x)*sin(pi*y)/k
unknowns: [u]
equations:
  - -div(k*grad(u)) = -div(k*grad(v))
conditions:
  - where: boundary
    equation: u = 0
exact:
  u: v
solver:
  tolerance: 1e-6
"""


@pytest.fixture(scope="module")
def varying():
    return model_of(VARYING)


@pytest.mark.parametrize(
    ("intervals", "heldout", "fewer", "spared"),
    [(64, 1.0, 0, 1), (64, 1.0, 1, 2), (64, 1.0, 2, 2), (64, 1.2, 2, 1), (64, 1.2, 0, 0), (4, 1.0, 0, 0)],
)
def test_points_are_spared_one_after_the_other_while_those_between_them_agree_and_no_factor_solves(
    varying, intervals, heldout, fewer, spared
):
    """Six of degree 10, four at least."""
    system = System(varying, initial_space(varying, 10, intervals), fewer=fewer)
    assert judging.spared(system, SimpleNamespace(loss=1.0, heldout=heldout)) == spared


def test_on_spared_points_a_large_problem_has_the_same_error_and_an_honest_estimate(varying, monkeypatch):
    """The last level is judged by its fall."""
    monkeypatch.setattr(judging, "LARGE_WORK", 0.0)
    monkeypatch.setattr("pinnkan.solver.work.STEPS_AT_POINT", 1.0)  # steps wherever they are possible
    out = on_levels(varying, 8, 3, 8)
    last = out.levels[-1]
    assert (out.reason, last.evidence) == ("", Evidence.FALL)
    assert 0.8 * last.true_error <= last.estimate <= 10 * last.true_error
    assert last.points < 5**2 * np.prod(last.intervals)
    monkeypatch.setattr(judging, "ALIKE", 0.0)
    full = on_levels(varying, 8, 3, 8).levels[-1]
    assert (full.points, full.intervals) == (5**2 * np.prod(full.intervals), last.intervals)
    assert last.true_error == pytest.approx(full.true_error, rel=0.2)


def test_the_matrix_of_the_last_step_finds_the_least_determined_function_that_a_new_one_does(varying, monkeypatch):
    model = model_of(VARYING, tolerance=10.0)
    family = ProductLevels(model, 8, 6, 2)
    state, _ = family.minimise(family.first(), 0, Monitor(None, None))
    measured = family.measured(state)
    monkeypatch.setattr(judging, "null_of", lambda *_: pytest.fail("made again"))
    found = family.estimate(state, measured, Outcome(measured.field, None)).spaces
    again = nulls_of(model, found.space, found.coefficients, found.halved)
    assert [n.sigma for n in found.nulls] == pytest.approx([n.sigma for n in again], rel=1e-6)
