"""What a preconditioner of means does not see of a slab, and what follows for its length."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from reference.heat_long_time import heat_long_time
from small_models import model_of
from solved import on_slabs

import pinnkan
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver import predicted_work
from pinnkan.solver.linear import solver_choice
from pinnkan.solver.linear.rate_spread import MOST_RATE_SPREAD, rate_spread
from pinnkan.solver.linear.system import System
from pinnkan.solver.monitor import Monitor

#: u_t = lap u / 100 + r u with a rate from -range / 2 to range / 2.
UNEVEN = """
name: uneven
domain: {{x: [0, 1], y: [0, 1], t: [0, 1]}}
unknowns: [u]
equations: ["{left} = (u_xx + u_yy)/100 + ({right})*{range}"]
conditions:
  - {{where: initial, equation: u = sin(pi*x)*sin(pi*y)}}
  - {{where: boundary, equation: u = 0}}
"""


def rows_of(right, left="u_t", length=0.25, high=40.0):
    text = UNEVEN.format(left=left, right=right, range=high)
    if left == "u_tt":
        text += "  - {where: initial, equation: u_t = 0}\n"
    model = model_of(text)
    axis = Axis(np.linspace(0, 1, 9), 4)
    space = Space((axis, axis, Axis(np.array([0.0, length]), 4)))
    system = System(model, space)
    zero = torch.ones(space.shape, dtype=torch.float64)
    return [p.rows(zero, []) for p in system.patches]


@pytest.mark.parametrize(
    ("left", "expected"), [("u_t", 40.0 * 0.25), ("3*u_t", 40.0 * 0.25 / 3), ("u_tt", 40**0.5 / 4)]
)
def test_it_is_the_range_of_the_rate_over_the_time_of_the_slab(left, expected):
    assert rate_spread(rows_of("(x - 1/2)*u", left), 0.25) == pytest.approx(expected, rel=0.03)


def test_a_rate_that_is_the_same_everywhere_is_none():
    assert rate_spread(rows_of("u"), 0.25) < 1e-10
    assert rate_spread(rows_of("0"), 0.25) == 0.0


def test_rows_without_time_have_none():
    (rows,) = rows_of("(x - 1/2)*u")
    kept = [k for k, j in enumerate(rows.jets) if not j.order[-1]]
    without = [replace(rows, jets=tuple(rows.jets[k] for k in kept), weights=rows.weights[..., kept])]
    assert not any(j.order[-1] for r in without for j in r.jets)
    assert rate_spread(without, 0.25) == 0.0


def lengths(monkeypatch, steps_of_gradients):
    monkeypatch.setattr(solver_choice, "is_factor_cheaper", lambda *given: not steps_of_gradients)
    monkeypatch.setattr(predicted_work, "is_factor_cheaper", lambda *given: not steps_of_gradients)
    model = model_of(UNEVEN.format(left="u_t", right="(x - 1/2)*sin(u)", range=60.0), tolerance=1e-2)
    out = on_slabs(model, 4, 4, 1, Monitor(None, None))
    return [b - a for a, b in (level.time for level in out.levels)]


def test_slabs_are_held_short_where_conjugate_gradients_solve(monkeypatch):
    """Twice the length takes them twice the steps; a factor knows every rate."""
    held, free = lengths(monkeypatch, True), lengths(monkeypatch, False)
    assert max(held[2:]) * 60.0 < 1.3 * MOST_RATE_SPREAD  # sin(u) grows no faster than u
    assert max(free[2:]) > 1.5 * max(held[2:])


FRONTS = """
name: fronts
domain: {x: [0, 1], y: [0, 1], t: [0, 0.4]}
unknowns: [u]
equations: ["u_t = lap(u)/1000 + 5*sin(u**2)*(1 + 2*sin(pi*t/4))*sin(4*pi*x)*sin(2*pi*y)"]
conditions:
  - {where: initial, equation: u = sin(4*pi*x)*sin(3*pi*y)}
  - {where: boundary, equation: u = 0}
solver: {tolerance: 1e-3}
"""


@pytest.mark.slow
def test_fronts_of_a_reaction_in_the_plane_are_within_the_tolerance():
    """PINNacle's Heat2d-LT, until the fronts have begun: against sines."""
    solution = pinnkan.solve(pinnkan.load_problem(FRONTS))
    assert solution.verdict.converged
    times = np.array([0.1, 0.2, 0.3, 0.4])
    x, y = np.linspace(0.0, 0.25, 33)[1:-1], np.linspace(0.0, 1.0, 65)[1:-1]
    truth = heat_long_time(tuple(times), (31, 127), 0.01).on_grid(x, y)
    t, x, y = np.meshgrid(times, x, y, indexing="ij")
    found = solution(np.stack([x.ravel(), y.ravel(), t.ravel()], 1))["u"].reshape(truth.shape)
    assert np.linalg.norm(found - truth) < 1e-3 * np.linalg.norm(truth)
    assert np.linalg.norm(1.002 * found - truth) > 1e-3 * np.linalg.norm(truth)
