"""Corrections where Newton's method halves the error only: the sum of those to come is the estimate."""

from types import SimpleNamespace

import numpy as np
import pytest

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product import level_estimate
from pinnkan.solver.families.product.newton_series import add_step_remainder
from pinnkan.solver.verify.stability import MissedPart, NearNull

ROOT = """
name: root
domain:
  x: [0, 1]
unknowns: [u{more}]
equations:
  - ({operator})**{power} = 0{beside}
conditions:
  - where: boundary
    equation: u = exp(x){condition}
solver:
  tolerance: 1e-4
"""
BESIDE = {
    "more": ", v",
    "beside": "\n  - v_xx = -100*sin(10*x)",
    "condition": "\n  - {where: boundary, equation: v = sin(10*x)}",
}


def effectivity(operator="u_xx - exp(x)", power=2, beside=None):
    text = ROOT.format(operator=operator, power=power, **(beside or dict.fromkeys(BESIDE, "")))
    solution, x = solve(parse_problem(text, "t.yaml")), np.linspace(0.0, 1.0, 1001)
    assert solution.verdict.converged
    error = np.linalg.norm(solution(x[:, None])["u"] - np.exp(x)) / np.linalg.norm(np.exp(x))
    return solution.levels[-1].estimates[0] / error if beside else solution.verdict.estimate / error


@pytest.mark.parametrize("power", [2, 3, 4])
def test_at_a_root_of_several_equal_ones_all_steps_to_come_are_counted(monkeypatch, power):
    """Each step leaves 1 - 1/m of the error: of the first alone the estimate was 0.63 and 0.42 of the error."""
    assert 1.0 < effectivity(power=power) < 1.6
    monkeypatch.setattr(level_estimate, "sum_newton_series", lambda system, *_: (np.ones(system.space.unknowns), False))
    assert effectivity(power=power) < 0.7


def test_so_are_those_of_one_unknown_whose_residual_is_hidden_by_another():
    assert 1.0 < effectivity(beside=BESIDE) < 1.6


@pytest.mark.parametrize(("rate", "there"), [(3.5138306, True), (3.513831, False), (3.5139, False)])
def test_past_a_fold_nothing_is_converged(rate, there):
    """Bratu's equation has two solutions up to 3.513830719: one of 1e-7 less is within the tolerance of none beyond."""
    text = f"""
name: bratu
domain:
  x: [0, 1]
unknowns: [u]
equations:
  - u_xx + {rate}*exp(u) = 0
conditions:
  - where: boundary
    equation: u = 0
solver:
  tolerance: 1e-2
"""
    assert solve(parse_problem(text, "t.yaml")).verdict.converged == there


def test_a_simple_root_has_one_step_only(monkeypatch):
    """One that is nonlinear, and bends: u_xx e^u = e^x e^(e^x)."""
    operator = "u_xx*exp(u) - exp(x + exp(x))"
    found = effectivity(operator, power=1)
    monkeypatch.setattr(level_estimate, "sum_newton_series", lambda system, *_: (np.ones(system.space.unknowns), False))
    assert effectivity(operator, power=1) == found


def test_an_exponential_of_what_is_no_solution_yet_is_no_fault_of_the_program():
    """On the second level a step of a function of 1e3 ended in `array must not contain infs or NaNs`."""
    text = ROOT.replace("({operator})**{power} = 0", "-dx(exp(u)*u_x) = 40").replace("1e-4", "1e-3")
    solution = solve(parse_problem(text.format(**dict.fromkeys(BESIDE, "")).replace("exp(x)", "0"), "t.yaml"))
    assert solution.verdict.converged
    assert solution([[0.5]])["u"][0] == pytest.approx(np.log(6.0), abs=1e-3)


def test_steps_that_are_rounding_lead_nowhere_and_say_nothing():
    """u, apart, is as exact as numbers are; beside the side's sin(u) its steps had led away, v never converged."""
    text = """
name: beside
domain: {x: [0, 1]}
unknowns: [u, v]
equations:
  - u - 0.2*u_xx = 2 + (1 - 0.2*2.23**2)*exp(-2.23*x)
  - -0.1*v_xx + v = 2 + (1 + 0.1*16.24**2)*cos(16.24*x)
conditions:
  - {where: left, equation: u = 3}
  - {where: left, equation: v = 3}
  - {where: right, equation: u_x = -0.23978839920282274}
  - {where: right, equation: v_x + v + 0.2*sin(u) = 9.548484278402174}
solver: {tolerance: 1e-4}
"""
    assert solve(parse_problem(text, "t.yaml")).verdict.converged


POISEUILLE = """
name: channel
domain: {x: [0, 2], y: [0, 1]}
unknowns: [u, v, p]
equations: ["u*u_x + v*u_y + p_x = 0.1*lap(u)", "u*v_x + v*v_y + p_y = 0.1*lap(v)", "u_x + v_y = 0"]
conditions:
  - {where: left, equation: p = 1.6}
  - {where: right, equation: p = 0}
  - {where: [left, right], equation: v = 0}
  - {where: [bottom, top], equation: u = 0}
  - {where: [bottom, top], equation: v = 0}
solver: {tolerance: 1e-3}
"""


def test_nor_do_those_of_an_unknown_that_is_zero():
    """Poiseuille's flow, which knots hold exactly, had no estimate for the rounding of v."""
    solution = solve(parse_problem(POISEUILLE, "t.yaml"))
    assert solution.verdict.converged
    assert len(solution.levels) == 1
    y = np.linspace(0.0, 1.0, 21)
    assert np.abs(solution(np.column_stack([np.full_like(y, 0.7), y]))["u"] - 4.0 * y * (1.0 - y)).max() < 1e-10


@pytest.mark.parametrize(("iterated", "size", "added"), [(True, 1.0, True), (True, 1e-6, False), (False, 1.0, False)])
def test_what_conjugate_gradients_have_left_is_added_where_it_counts(iterated, size, added):
    """Of a factor it is nothing, or a contradiction."""
    space = Space((Axis(np.linspace(0.0, 1.0, 4), 3),))
    base, step = np.ones(space.shape), np.zeros(space.shape)
    search = SimpleNamespace(
        is_iterative=iterated, find_missed_part=lambda at: MissedPart(size, np.full_like(at, size))
    )
    null = NearNull(1e-4, lambda: 0.0, missed_part_search=search, step=step)
    found = add_step_remainder(null, space, base, 1e-2)
    assert (found.step is not step) == added
    if added:
        np.testing.assert_allclose(found.step, size)


TORUS = """
name: torus
domain: {x: [0, 1], y: [0, 1], periodic: [x, y]}
unknowns: [u]
equations: ["u_x + 1.618*u_y + 0.01*u = sin(2*pi*x) + 0.01*cos(2*pi*(13*x - 8*y))"]
solver: {tolerance: 1e-2}
"""


def test_a_wave_of_which_a_preconditioner_takes_the_residual_for_settled_is_found():
    """The wave is an eighth of the solution, and conjugate gradients stopped before it, with 1.1e-3 estimated."""
    solution = solve(parse_problem(TORUS, "t.yaml"))
    assert solution.verdict.converged
    x, y = np.random.default_rng(0).random((2, 2000))
    slow, fine = 2j * np.pi + 0.01, 2j * np.pi * (13 - 8 * 1.618) + 0.01
    exact = (np.exp(2j * np.pi * x) / slow).imag + 0.01 * (np.exp(2j * np.pi * (13 * x - 8 * y)) / fine).real
    found = solution(np.column_stack([x, y]))["u"]
    assert np.linalg.norm(found - exact) < 1e-2 * np.linalg.norm(exact)
