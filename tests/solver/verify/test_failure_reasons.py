"""A nonlinear problem that is not solved says why, and what helps does."""

import numpy as np
import pytest

from pinnkan.errors import ResourceError
from pinnkan.problem.registry import parse_problem
from pinnkan.solver import memory
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.verify import failure_reasons
from pinnkan.verdict.advice import TIME_MARCH_HINT
from pinnkan.verdict.records import Reason

EIKONAL = """
name: eikonal
domain: {x: [0, 1]}
unknowns: [u]
equations: ["u_x**2 - 2e-3*u_xx = 1"]
conditions: [{where: boundary, equation: u = 0}]
solver: {tolerance: 1e-3}
"""
LAYER = """
name: layer
domain: {x: [0, 1]}
unknowns: [u]
equations: ["1e-4*u_xx + u - u**3 = 0"]
conditions: [{where: left, equation: u = -1}, {where: right, equation: u = 1}]
solver: {tolerance: 1e-3}
"""

#: Its source is one in the mean, its sides let nothing out.
SHUT = """
name: shut
domain: {x: [0, 1]}
unknowns: [u]
equations: ["-u_xx = SOURCE"]
conditions: [{where: boundary, equation: dn(u) = 0}, {where: domain, equation: integral(u) = 0}]
"""


def test_what_contradicts_itself_says_so_when_memory_ends(monkeypatch):
    """It asked for 39 GB."""
    monkeypatch.setattr(memory, "available_bytes", lambda device: 1e8)
    verdict = solve(parse_problem(SHUT.replace("SOURCE", "1"), "t.yaml")).verdict
    assert verdict.reason == "stalled"
    assert "contradict each other" in verdict.sentence
    assert solve(parse_problem(SHUT.replace("SOURCE", "cos(pi*x)"), "t.yaml")).verdict.converged
    monkeypatch.setattr(failure_reasons, "MIN_CONSTANT_LEVELS", 100)
    with pytest.raises(ResourceError):  # a negative control: few levels tell nothing
        solve(parse_problem(SHUT.replace("SOURCE", "1"), "t.yaml"))


@pytest.mark.parametrize(("text", "words"), [(EIKONAL, "minimum of the residual"), (LAYER, "shift of a layer")])
@pytest.mark.slow
def test_what_is_not_solved_says_why(monkeypatch, text, words):
    monkeypatch.setattr(ProductLevels, "alternative_start", lambda self, state, monitor: None)
    verdict = solve(parse_problem(text, "t.yaml")).verdict
    assert verdict.reason == "stalled"
    assert words in verdict.sentence
    assert verdict.remedy == TIME_MARCH_HINT


@pytest.mark.slow
def test_a_layer_that_nothing_holds_is_not_determined_whatever_the_start():
    skew = LAYER.replace("1e-4*u_xx", "(1e-4 + 1e-18*x)*u_xx")  # else the symmetry would
    verdict = solve(parse_problem(skew, "t.yaml")).verdict
    assert verdict.reason == "rank_deficient"
    assert TIME_MARCH_HINT in verdict.remedy


def test_the_layer_is_found_by_marching_to_rest():
    marched = LAYER.replace("x: [0, 1]", "x: [0, 1], t: [0, 30]").replace("= 0", "= u_t")
    marched = marched.replace("[{where: left", "[{where: initial, equation: u = 2*x - 1}, {where: left")
    solution = solve(parse_problem(marched, "t.yaml"))
    x = np.linspace(0, 1, 401)
    u = solution.field(np.column_stack([x, np.full(401, 30.0)]), [(0, 0)])[:, 0, 0]
    exact = np.tanh((x - 0.5) / (np.sqrt(2) * 0.01))
    assert solution.verdict.converged
    assert np.linalg.norm(u - exact) < 1e-3 * np.linalg.norm(exact)


RESONANT = """
name: resonant
domain: {x: [0, 1]}
unknowns: [u]
equations: ["EQUATION"]
conditions: [{where: boundary, equation: u = 0}]
solver: {tolerance: 1e-4, max_levels: LEVELS}
"""


@pytest.mark.parametrize(
    ("equation", "reason"),
    [
        ("-u_xx - pi**2*u = x", Reason.RANK_DEFICIENT),
        ("-u_xx - 4*pi**2*u = exp(x)", Reason.RANK_DEFICIENT),
        ("-u_xx - 1.01*pi**2*u = x + sin(9000*x)", Reason.NOT_ASYMPTOTIC),
        ("-dx(max(0.001, sin(6*pi*x))*u_x) = 1", Reason.NOT_ASYMPTOTIC),
    ],
)
def test_an_eigenvalue_that_is_excited_is_named(equation, reason):
    """It was said that features finer than the knots were not resolved, with the advice to allow more of these."""
    text = RESONANT.replace("EQUATION", equation).replace("LEVELS", "6")
    verdict = solve(parse_problem(text, "resonant.yaml")).verdict
    assert verdict.reason == reason
    assert ("eigenvalue" in verdict.sentence) == (reason == Reason.RANK_DEFICIENT)
