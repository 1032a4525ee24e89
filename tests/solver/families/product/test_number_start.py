"""Eigenvalues, periods and lengths: the number nearest to the start, as accurate as its stated error."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import mathieu_a

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.solution import Solution

STRING = """
name: string
domain: {x: [0, 1]}
unknowns: [u]
estimate: {lam: START}
equations: [u_xx + lam*u = 0]
conditions: [{where: boundary, equation: u = 0}]
"""
SQUARE = """
name: square
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
estimate: {lam: START}
equations: [-lap(u) = lam*u]
conditions: [{where: boundary, equation: u = 0}]
"""


def solved(text: str, tolerance: float = 1e-4) -> Solution:
    return pinnkan.solve(parse_problem(f"{text}\nsolver: {{tolerance: {tolerance}}}\n", "numbers.yaml"))


def agrees(solution: Solution, name: str, value: float, factor: float = 3.0) -> bool:
    """Whether a number is within a few times its stated error of a known value, which is not vast."""
    found = solution.estimate[name]
    error = abs(found.value - value)
    return solution.verdict.converged and error <= factor * found.error + 1e-14 * abs(value)


@pytest.mark.parametrize(("start", "wave"), [(1.0, 1), (10.0, 1), (9.8696, 1), (38.0, 2), (1000.0, 10), (-50.0, 1)])
def test_the_mode_nearest_to_the_start_is_found(start: float, wave: int) -> None:
    assert agrees(solved(STRING.replace("START", str(start))), "lam", (wave * np.pi) ** 2)


def test_a_square_has_eleven_digits() -> None:
    exact = "exact: {u: -2*sin(pi*x)*sin(pi*y), lam: 2*pi**2}"
    solution = solved(SQUARE.replace("START", "20") + exact, 1e-11)
    assert agrees(solution, "lam", 2 * np.pi**2)
    assert abs(solution.estimate["lam"].value - 2 * np.pi**2) < 2e-11 * 2 * np.pi**2
    assert solution.true_error is not None  # with the sign of `exact`
    assert solution.true_error < 2e-11


@pytest.mark.slow
def test_two_functions_of_one_number_are_said() -> None:
    solution = solved(SQUARE.replace("START", "48"))
    assert solution.verdict.reason == "multiple_eigenvalue"
    assert solution.estimate["lam"].value == pytest.approx(5 * np.pi**2, rel=1e-8)
    assert "half of the domain" in solution.verdict.remedy


def test_half_a_square_has_one_of_them() -> None:
    half = SQUARE.replace("START", "48").replace("x: [0, 1]", "x: [0, 0.5]")
    assert agrees(solved(half), "lam", 5 * np.pi**2)


def test_zero_is_an_eigenvalue_of_a_free_bar() -> None:
    free = STRING.replace("START", "0.1").replace("equation: u = 0", "equation: u_x = 0")
    assert agrees(solved(free), "lam", 0.0)


def test_mathieu_characteristic_values_are_those_of_scipy() -> None:
    text = """
name: mathieu
domain: {x: [0, pi/2]}
unknowns: [u]
parameters: {q: 5}
estimate: {a: -6}
equations: ["u_xx + (a - 2*q*cos(2*x))*u = 0"]
conditions: [{where: boundary, equation: u_x = 0}]
"""
    assert agrees(solved(text, 1e-10), "a", float(mathieu_a(0, 5)))


def test_a_clamped_beam_has_its_frequency() -> None:
    text = STRING.replace("START", "400").replace("u_xx + lam*u = 0", "u_xxxx = lam*u")
    clamped = "{where: boundary, equation: u = 0}, {where: boundary, equation: dn(u) = 0}"
    root = brentq(lambda k: np.cos(k) * np.cosh(k) - 1, 4.5, 5.0, xtol=1e-14)
    assert agrees(solved(text.replace("{where: boundary, equation: u = 0}", clamped), 1e-8), "lam", root**4)


def test_a_length_is_found_from_a_condition_too_many() -> None:
    text = """
name: projectile
domain: {x: [0, 1]}
unknowns: [h]
estimate: {T: 2}
equations: ["h_xx = -9.81*T**2"]
conditions:
  - {where: [left, right], equation: h = 0}
  - {where: left, equation: h_x = 10*T}
"""
    assert agrees(solved(text), "T", 2 * 10 / 9.81)


def test_a_limit_cycle_has_its_period_and_amplitude() -> None:
    text = """
name: cycle
domain: {x: [0, 1], periodic: [x]}
unknowns: [q, v]
estimate: {T: 6, A: 2}
equations: ["q_x = T*v", "v_x = T*((1 - q**2)*v - q)"]
conditions:
  - {where: {point: [0]}, equation: v = 0}
  - {where: {point: [0]}, equation: q = A}
"""
    solution = solved(text, 1e-8)
    assert agrees(solution, "T", 6.6632868593231301896996820305)
    assert agrees(solution, "A", 2.00861986087484313650940188)


def test_a_nonlinear_ground_state_starts_from_the_linear_one() -> None:
    text = """
name: condensate
domain: {x: [-8, 8]}
unknowns: [u]
estimate: {m: 2}
equations: ["-u_xx/2 + x**2/2*u + 10*u**3 = m*u"]
conditions:
  - {where: boundary, equation: u = 0}
  - {where: domain, equation: "integral(u**2) = 1"}
"""
    solution = solved(text, 1e-6)
    assert solution.verdict.converged
    points = np.linspace(-8, 8, 4001)[:, None]
    u, slope = solution(points)["u"], solution.derivative("u_x", points)
    energy = slope**2 / 2 + points[:, 0] ** 2 / 2 * u**2 + 10 * u**4
    assert solution.estimate["m"].value == pytest.approx(float(np.trapezoid(energy, points[:, 0])), rel=1e-5)


@pytest.mark.slow
def test_a_complex_number_is_a_pair() -> None:
    """Plane Poiseuille flow at a Reynolds number of 10,000 (Orszag 1971): c = 0.23752649 + 0.00373967 i."""
    real, imaginary = "({0}_yy - {0})", "U*({0}_yy - {0}) + 2*{0}"
    a, b = real.format("a"), real.format("b")
    ahead, beside = imaginary.format("a"), imaginary.format("b")
    text = f"""
name: orr_sommerfeld
domain: {{y: [-1, 1]}}
unknowns: [a, b]
parameters: {{R: 10000}}
estimate: {{cr: 0.23, ci: 0.004}}
functions: {{U: 1 - y**2}}
equations:
  - "a_yyyy - 2*a_yy + a + R*({beside} - cr*{b} - ci*{a}) = 0"
  - "b_yyyy - 2*b_yy + b - R*({ahead} - cr*{a} + ci*{b}) = 0"
conditions:
  - {{where: boundary, equation: a = 0}}
  - {{where: boundary, equation: b = 0}}
  - {{where: boundary, equation: dn(a) = 0}}
  - {{where: boundary, equation: dn(b) = 0}}
  - {{where: {{point: [0]}}, equation: a = 1}}
  - {{where: {{point: [0]}}, equation: b = 0}}
"""
    solution = solved(text)
    assert solution.verdict.converged
    found = [solution.estimate[name] for name in ("cr", "ci")]
    for number, value in zip(found, (0.23752649, 0.00373967), strict=True):
        assert abs(number.value - value) <= 5 * number.error + 1e-8
