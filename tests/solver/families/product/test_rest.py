"""What is at rest until something happens is resolved beside its natural size, or beside what it turns out to be."""

import numpy as np

from pinnkan.problem.registry import parse_problem
from pinnkan.solver import slab_loop
from pinnkan.solver.driver import solve

PULSE = """
name: pulse
domain: {x: [0, 1], t: [0, 1]}
unknowns: [c]
equations: [c_t + c_x = 0]
conditions:
  - {where: initial, equation: c = 0}
  - {where: left, equation: "c = exp(-((t - 0.5)/0.1)**2)"}
  - {where: right, equation: none}
"""
X, T = np.meshgrid(np.linspace(0, 1, 101), np.linspace(0, 1, 101), indexing="ij")
EXACT = np.exp(-(((T - X - 0.5) / 0.1) ** 2))


def solved():
    result = solve(parse_problem(PULSE, "t.yaml"))
    error = result.field.grid([X[:, 0], T[0]], (0, 0))[..., 0] - EXACT
    return result, np.linalg.norm(error) / np.linalg.norm(EXACT)


def test_a_pulse_that_enters_a_box_at_rest_takes_slabs_as_long_as_it():
    result, error = solved()
    assert result.verdict.converged
    assert len(result.levels) < 30
    assert 0.8 * error <= result.verdict.estimate


def test_where_all_is_smaller_than_it_was_taken_for_the_next_pass_counts_from_what_it_is(monkeypatch):
    monkeypatch.setattr(slab_loop, "MIN_SIZE_SHARE", 1e5)
    result, error = solved()
    assert result.verdict.converged
    assert 0.8 * error <= result.verdict.estimate
