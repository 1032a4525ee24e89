"""What grows since coefficients change with time: rates against a matrix that turns, and Floquet multipliers."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from small_models import model_of

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.growth.parametric_growth import ParametricGrowth

#: All eigenvalues of its matrix decay at all times, and it grows as exp(10 t) (-cos, sin)(20 t).
TURNING = """
name: turning
domain: {t: [0, 2.5]}
unknowns: [u, v, b]
vectors: {w: [u, v, b]}
equations:
  - u_t = 0
  - v_t = 20*((-1 + 1.5*cos(20*t)**2)*v + (1 - 1.5*sin(20*t)*cos(20*t))*b)
  - b_t = 20*((-1 - 1.5*sin(20*t)*cos(20*t))*v + (-1 + 1.5*sin(20*t)**2)*b)
conditions:
  - {where: initial, equation: u = 1}
  - {where: initial, equation: v = -1e-10}
  - {where: initial, equation: b = 0}
solver: {tolerance: 1.0e-2}
"""
#: A string whose tension swings, with twice the frequency of its twelfth mode.
STRING = """
name: string
domain: {{x: [0, 1], t: [0, 3]}}
unknowns: [u]
equations: ["u_tt = {tension}*u_xx"]
conditions:
  - {{where: initial, equation: u = sin(pi*x)}}
  - {{where: initial, equation: u_t = 0}}
  - {{where: boundary, equation: u = 0}}
"""
SWINGING = "(1 + 0.4*cos(24*pi*t))"


def driven(text):
    model = model_of(text)
    return ParametricGrowth(model, None, model.problem.box.ranges[-1][0])


def multiplier(number, time):
    """The growth of a mode of the string, by Runge and Kutta's method: of the largest solution."""
    k = np.pi * number

    def rate(t, y):
        return [y[1], -((k) ** 2) * (1 + 0.4 * np.cos(24 * np.pi * t)) * y[0]]

    columns = [solve_ivp(rate, (0, time), start, rtol=1e-9, atol=1e-12).y[:, -1] for start in ([1.0, 0.0], [0.0, 1.0])]
    return float(np.log(np.abs(np.linalg.eigvals(np.array(columns).T)).max()))


def test_a_matrix_that_turns_grows_as_it_does():
    found = driven(TURNING)
    assert found.has_varying_coefficients
    assert found.rates((), [0.0])[0].real == pytest.approx(10.0, rel=0.02)  # of e^25 cos(50) the rate is 9.99
    assert found.rates((), [0.0])[0].imag == pytest.approx(20.0 * np.sqrt(7.0) / 4.0, rel=1e-3)


def test_a_swinging_tension_makes_one_mode_grow():
    found = driven(STRING.format(tension=SWINGING))
    assert found.has_varying_coefficients
    rates = found.rates((1.0,), [np.pi * k for k in range(1, 17)]).real
    assert rates.argmax() == 11
    assert 3.0 * rates[11] == pytest.approx(multiplier(12, 3.0), rel=0.02)
    assert 3.0 * rates[[0, 4, 8, 15]].max() < 0.05  # away from resonance nothing grows


def test_what_does_not_change_or_is_of_first_order_is_not_asked():
    assert not driven(STRING.format(tension="(1 + x)")).has_varying_coefficients
    diffusing = STRING.format(tension=SWINGING).replace("u_tt", "u_t")
    assert not driven(diffusing.replace("  - {where: initial, equation: u_t = 0}\n", "")).has_varying_coefficients


@pytest.mark.slow
def test_a_part_of_1e_10_that_grows_is_carried():
    """Converged with an estimate of 1e-8 in three slabs, 0.7 off."""
    solution = pinnkan.solve(parse_problem(TURNING, "t.yaml"))
    assert solution.verdict.converged
    t = np.linspace(0.0, 2.5, 1001)
    known = np.array([np.ones_like(t), *(1e-10 * np.exp(10 * t) * [-np.cos(20 * t), np.sin(20 * t)])])
    found = np.array([solution(t[:, None])[name] for name in "uvb"]).reshape(3, -1)
    error = np.sqrt(((found - known) ** 2).sum() / (known**2).sum())
    assert error < 1e-2
    assert 0.5 * error < solution.verdict.estimate
