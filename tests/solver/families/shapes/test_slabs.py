"""Slabs of time on shapes, against closed forms."""

from textwrap import dedent

import numpy as np
import pytest
from scipy.special import j0, j1, jn_zeros

import pinnkan
from pinnkan.problem.registry import parse_problem

K = float(jn_zeros(0, 1)[0])
#: J_0(k r) by its power series in (k r / 2)^2, to rounding for k r <= 2.5.
BESSEL = "1"
for n in range(13, 0, -1):
    BESSEL = f"1 - k**2*(x**2 + y**2)/{4 * n * n}*({BESSEL})"


def _problem(equation, more="", end=0.1, tolerance=1e-5):
    text = f"""\
    name: disk
    domain:
      shape: {{disk: {{center: [0, 0], radius: 1}}}}
      t: [0, {end}]
    parameters: {{k: {K!r}}}
    unknowns: [u]
    equations:
      - {equation}
    conditions:
      - where: boundary
        equation: u = 0
      - where: initial
        equation: u = {BESSEL}
    """
    return parse_problem((dedent(text) + more + f"solver: {{tolerance: {tolerance}}}\n").encode(), "disk.yaml", {})


def _error(solution, time, factor):
    angle, r = np.linspace(0.0, 6.0, 40), np.linspace(0.0, 1.0, 40)
    points = np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(40, time)])
    found = solution.field(points, [(0, 0, 0)])[:, 0, 0]
    return float(np.abs(found - factor * j0(K * r)).max())


def test_heat_in_a_disk_decays_as_bessel_function():
    solution = pinnkan.solve(_problem("u_t = lap(u)"))
    assert solution.verdict.converged
    factor = float(np.exp(-0.1 * K**2))
    error = _error(solution, 0.1, factor)
    assert error < 2e-6
    assert _error(solution, 0.1, 1.0001 * factor) > 10.0 * error
    assert error / factor < 10.0 * solution.verdict.estimate


def test_wave_in_a_disk_swings_as_bessel_function():
    given = "  - where: initial\n    equation: u_t = 0\n"
    solution = pinnkan.solve(_problem("u_tt = lap(u)", given, end=0.5, tolerance=1e-4))
    assert solution.verdict.converged
    assert _error(solution, 0.5, float(np.cos(0.5 * K))) < 1e-5
    assert _error(solution, 0.5, float(np.cos(0.501 * K))) > 1e-4


COUPLED = """\
name: coupled
domain:
  shape:
    difference:
      - disk: {center: [0, 0], radius: 1, name: rim}
      - disk: {center: [0.3, 0], radius: 0.3, name: hole}
  t: [0, 0.1]
unknowns: [u, v]
equations:
  - u_t = lap(u) + v*u - exp(-3*t)*sin(x)*cos(y)*cos(x)
  - v_t = lap(v)
conditions:
  - where: boundary
    equation: u = exp(-2*t)*sin(x)*cos(y)
  - where: rim
    equation: v = exp(-t)*cos(x)
  - where: hole
    equation: dn(v) = -n_x*exp(-t)*sin(x)
  - where: initial
    equation: u = sin(x)*cos(y)
  - where: initial
    equation: v = cos(x)
exact: {u: exp(-2*t)*sin(x)*cos(y), v: exp(-t)*cos(x)}
quantities:
  last: {integral: v, time: end}
  out: {integral: dn(v), over: hole, time: end}
"""


@pytest.mark.slow
def test_two_nonlinear_unknowns_around_a_hole():
    solution = pinnkan.solve(parse_problem(COUPLED.encode(), "coupled.yaml", {}))
    assert solution.verdict.converged
    assert solution.levels[-1].true_error < 1e-6
    assert solution.levels[-1].true_error < solution.verdict.estimate
    # the integral of cos(x) over a disk about (a, 0) is 2 pi r J_1(r) cos(a)
    whole = 2.0 * np.pi * (j1(1.0) - 0.3 * j1(0.3) * np.cos(0.3)) * np.exp(-0.1)
    assert abs(solution.quantities["last"].values[-1] - whole) < 1e-7
