"""What speaks against a solution that its own estimate has accepted, from the file to the verdict."""

from dataclasses import replace

import numpy as np
import pytest

from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product import level_estimate
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.verify import stability_check

ORDINARY = """
name: t
domain: {t: [START, 4]}
unknowns: [a]
equations: ["EQUATION"]
conditions: [{where: initial, equation: a = A}]
"""
SPREADING = """
name: t
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: ["t*u_t = 0.1*t*u_xx + u"]
conditions: [{where: initial, equation: u = 0}, {where: boundary, equation: u = 0}]
"""
BEAM = """
name: beam
domain: {x: [0, 1]}
unknowns: [w, r]
equations:
  - -r_xx - (w_x - r)/1e-8 = 0
  - -(w_xx - r_x)/1e-8 = -4*pi**2*(2*pi*x*cos(2*pi*x) + 3*sin(2*pi*x))
conditions:
  - {where: left, equation: w = 0}
  - {where: right, equation: w = -0.15915500592374841}
  - {where: [left, right], equation: r = 0}
solver: {tolerance: 1e-4}
"""


def ordinary(equation, value=0, start=0):
    text = ORDINARY.replace("EQUATION", equation).replace("A}", f"{value}}}").replace("START", str(start))
    return solve(parse_problem(text, "t.yaml")).verdict


@pytest.mark.parametrize("equation", ["t*a_t = a", "t*a_t = 2*a + t**3", "t*a_t = a*(1 - a)"])
def test_a_start_from_which_other_solutions_begin_is_refused(equation):
    """c t, c t^2, c t / (1 + c t): none is told from the others by a(0) = 0."""
    verdict = ordinary(equation)
    assert verdict.reason == "rank_deficient"
    assert "at t = 0" in verdict.sentence


def test_where_the_highest_derivative_has_no_weight_on_the_way_other_solutions_begin_too():
    """Beyond pi c sin(t)^2 is added for any c."""
    verdict = ordinary("sin(t)*a_t = 2*cos(t)*a", 0.22984884706593, 0.5)
    assert verdict.reason == "rank_deficient"
    assert "at t = 3.14159" in verdict.sentence


def test_a_highest_derivative_that_has_weight_where_it_starts_is_no_reason():
    assert ordinary("(1 + t)*a_t = a", 1).converged


def test_other_solutions_that_no_polynomial_is_are_seen_as_well():
    """Every c t times a solution of the heat equation."""
    assert solve(parse_problem(SPREADING, "t.yaml")).verdict.reason == "rank_deficient"


def test_a_residual_small_beside_its_terms_but_not_beside_the_stability_constant_is_looked_at_again():
    """A thin beam: on three intervals the residual is 3e-9 of the terms, the error 8e-4; a halving lowers neither."""
    solution, x = solve(parse_problem(BEAM, "t.yaml")), np.linspace(0, 1, 1001)
    exact = x * np.sin(2 * np.pi * x)
    error = np.linalg.norm(solution(x[:, None])["r"] - exact) / np.linalg.norm(exact)
    assert solution.verdict.converged
    assert error <= solution.verdict.estimate


def test_a_residual_that_stands_on_its_own_is_reason_enough(monkeypatch):
    """Without the look with more knots, which sees the same."""
    monkeypatch.setattr(level_estimate, "RESOLVED_RATIO", 2.0)
    solution, x = solve(parse_problem(BEAM, "t.yaml")), np.linspace(0, 1, 1001)
    exact = x * np.sin(2 * np.pi * x)
    assert solution.verdict.converged
    assert np.linalg.norm(solution(x[:, None])["r"] - exact) < 1e-4 * np.linalg.norm(exact)
    monkeypatch.setattr(stability_check, "ROUNDED_SHARE", 1e-4)
    found = solve(parse_problem(BEAM, "t.yaml"))
    assert found.verdict.converged  # wrongly
    assert np.linalg.norm(found(x[:, None])["r"] - exact) > 5e-4 * np.linalg.norm(exact)


def test_what_a_step_has_left_below_the_tolerance_joins_the_estimate(monkeypatch):
    own = stability_check.stability_bounds
    monkeypatch.setattr(stability_check, "stability_bounds", lambda *given: replace(own(*given), step_error=1e-3))
    text = SAYS_TWICE.replace(", {where: PLACE, equation: SAID}", "").replace("SIDES", "u = 0")
    found = solve(parse_problem(text.replace("EQUATION", "-u_xx = sin(3*x)"), "t.yaml")).verdict
    assert found.converged
    assert found.estimate == pytest.approx(SAFETY * 1e-3)


SAYS_TWICE = """
name: t
domain: {x: [0, 1]}
unknowns: [u]
equations: ["EQUATION"]
conditions: [{where: boundary, equation: SIDES}, {where: PLACE, equation: SAID}]
solver: {tolerance: 1e-2}
"""


@pytest.mark.parametrize(
    ("equation", "sides", "place", "said", "slip"),
    [
        ("-u_xx = SLIP + cos(pi*x)", "dn(u) = 0", "domain", "integral(u) = 0", 1e-4),
        ("-u_xx = 1", "u = 0", "{point: [0.5]}", "u = 0.125 + SLIP", 1e-4),
        ("-u_xx = 1", "u = 0", "domain", "integral(u) = 1/12 + SLIP", 1e-4),
    ],
)
def test_a_contradiction_below_the_tolerance_is_said_beside_the_verdict(equation, sides, place, said, slip):
    """The residual that stands is of the size of the slip, and what it may hide is part of the estimate."""

    def verdict(by):
        text = SAYS_TWICE.replace("EQUATION", equation).replace("SIDES", sides).replace("PLACE", place)
        return solve(parse_problem(text.replace("SAID", said).replace("SLIP", repr(by)), "t.yaml")).verdict

    slipped, right = verdict(slip), verdict(0.0)
    assert slipped.converged
    assert "may contradict each other" in slipped.beside
    assert slipped.beside in slipped.sentence
    assert slipped.estimate > 0.1 * slip
    assert right.converged
    assert right.beside == ""
    assert not verdict(300 * slip).converged


def test_a_residual_that_falls_slowly_contradicts_nothing():
    """Of |x|^1.8 a halving leaves two thirds of its square."""
    text = SAYS_TWICE.replace(", {where: PLACE, equation: SAID}", "").replace("SIDES", "u = 0")
    verdict = solve(parse_problem(text.replace("EQUATION", "-u_xx = abs(x - 0.3)**(-0.2)"), "t.yaml")).verdict
    assert verdict.converged
    assert verdict.beside == ""
