"""What is solved with roots continued to negative numbers is a solution only where they are real."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_bvp

from pinnkan import load_problem, solve
from pinnkan.verdict.records import Reason

THOMAS_FERMI = """
name: thomas-fermi
domain: {x: [0, 20]}
unknowns: [u]
equations: [sqrt(x)*u_xx = u**1.5]
conditions: [{where: left, equation: u = 1}, {where: right, equation: u = 0}]
"""
#: A string drawn below zero, as far as its load says.
DRAWN = """
name: drawn
domain: {{x: [0, 1]}}
unknowns: [u]
equations: [u_xx = {load} + u**1.5]
conditions: [{{where: boundary, equation: u = 0.5}}]
"""


def _thomas_fermi(x: np.ndarray) -> np.ndarray:
    """With s = sqrt(x): u_ss - u_s / s = 4 s u^1.5, where s = 0 is regular, from 1e-8 on."""
    s = np.linspace(1e-4, np.sqrt(20.0), 200)

    def rates(s: np.ndarray, y: np.ndarray) -> np.ndarray:
        return np.array([y[1], y[1] / s + 4 * s * np.maximum(y[0], 0.0) ** 1.5])

    def ends(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return np.array([a[0] - 1.0, b[0]])

    start = np.array([np.exp(-s), -np.exp(-s)])
    found = solve_bvp(rates, ends, s, start, tol=1e-8, max_nodes=100_000)
    assert found.success
    return np.asarray(found.sol(np.sqrt(x))[0])


def test_a_root_that_vanishes_at_an_end_is_passed_by_and_solved() -> None:
    solution = solve(load_problem(THOMAS_FERMI))
    assert solution.verdict.converged
    x = np.linspace(0.01, 20, 2001)
    u, truth = solution(x[:, None])["u"], _thomas_fermi(x)
    size = np.linalg.norm(truth)
    assert np.linalg.norm(u - truth) < 1e-4 * size
    assert np.linalg.norm(1.001 * u - truth) > 1e-4 * size


def test_a_solution_of_what_roots_are_continued_to_is_refused_with_its_place() -> None:
    assert solve(load_problem(DRAWN.format(load=1))).verdict.converged
    verdict = solve(load_problem(DRAWN.format(load=8))).verdict
    assert verdict.reason == Reason.NOT_FINITE
    assert (
        "u**1.5 is not real near x = 0.49" in verdict.sentence or "u**1.5 is not real near x = 0.5" in verdict.sentence
    )
