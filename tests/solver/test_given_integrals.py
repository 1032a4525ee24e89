"""Integrals that fix more than a level: numbers of ions between walls that they do not leave."""

from __future__ import annotations

import numpy as np
from scipy.integrate import solve_bvp

from pinnkan import load_problem, solve

IONS = """
name: ions
domain: {x: [-1, 1]}
parameters: {eps: 0.3}
unknowns: [p, m, phi]
equations:
  - p_x + p*phi_x = 0
  - m_x - m*phi_x = 0
  - -eps**2*phi_xx = p - m
conditions:
  - {where: domain, equation: integral(p) = 2}
  - {where: domain, equation: integral(m) = 2}
  - {where: left, equation: phi = -1}
  - {where: right, equation: phi = 1}
"""


def _boltzmann(x: np.ndarray) -> np.ndarray:
    """p = A exp(-phi), m = A exp(phi), phi: (row, point), A so that the integral of p is 2, by symmetry that of m."""

    def rates(x: np.ndarray, y: np.ndarray, a: np.ndarray) -> np.ndarray:
        return np.array([y[1], 2 * a[0] * np.sinh(y[0]) / 0.3**2, a[0] * np.exp(-y[0])])

    def ends(left: np.ndarray, right: np.ndarray, a: np.ndarray) -> np.ndarray:
        return np.array([left[0] + 1, right[0] - 1, left[2], right[2] - 2])

    nodes = np.linspace(-1, 1, 101)
    found = solve_bvp(rates, ends, nodes, np.array([nodes, 1 + 0 * nodes, 1 + nodes]), p=[0.8], tol=1e-6)
    assert found.success
    phi = found.sol(x)[0]
    return np.array([found.p[0] * np.exp(-phi), found.p[0] * np.exp(phi), phi])


def test_ions_whose_numbers_are_given_are_those_of_boltzmann() -> None:
    solution = solve(load_problem(IONS))
    assert solution.verdict.converged
    x = np.linspace(-1, 1, 401)
    truth, found = _boltzmann(x), solution(x[:, None])
    for name, expected in zip(("p", "m", "phi"), truth, strict=True):
        size = np.linalg.norm(expected)
        assert np.linalg.norm(found[name] - expected) < 1e-4 * size
        assert np.linalg.norm(1.001 * found[name] - expected) > 1e-4 * size
