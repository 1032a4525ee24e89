"""What begins with a symmetry in time is solved on a part of its domain, and is told on all of it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from edited import edited, problem, without_exact

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.driver import solve
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.reductions.chain import reduce_problem
from pinnkan.solver.reductions.symmetric_part import halve_by_reflections

#: Odd about x = 1/2 and x = 1/4; in y nothing. Two modes that decay.
PLATE = """\
name: plate
domain: {x: [0, 1], y: [0, 1], t: [0, 0.5]}
unknowns: [u]
equations: ["u_t = 0.01*lap(u)"]
conditions:
  - {where: initial, equation: "u = sin(4*pi*x)*(sin(pi*y) + sin(2*pi*y))"}
  - {where: boundary, equation: u = 0}
solver: {tolerance: 1e-4}
"""


def exact(x: np.ndarray, y: np.ndarray, t: np.ndarray) -> np.ndarray:
    modes = [np.exp(-0.01 * np.pi**2 * (16 + k**2) * t) * np.sin(k * np.pi * y) for k in (1, 2)]
    return np.sin(4 * np.pi * x) * sum(modes)


@pytest.mark.slow
def test_a_fourth_of_the_plate_tells_all_of_it() -> None:
    part = reduce_problem(problem(PLATE))
    assert part.problem.box.ranges == ((0.0, 0.25), (0.0, 1.0), (0.0, 0.5))
    solution = solve(problem(PLATE))
    points = np.random.default_rng(0).random((4000, 3)) * [1.0, 1.0, 0.5]
    true = exact(*points.T)
    error = np.linalg.norm(solution(points)["u"] - true) / np.linalg.norm(true)
    assert solution.verdict.converged
    assert 0.8 * error <= solution.verdict.estimate <= 1e-4
    assert solution.field.breaks(0)[[0, -1]].tolist() == [0.0, 1.0]
    assert "on one of 4 equal parts, since u(1 - x) = -u(x), u(0.5 - x) = -u(x)" in solution.network
    told = part.restore_field(solve(part.problem).field)
    np.testing.assert_array_equal(told(points, [(0, 0, 0)]), solution.field(points, [(0, 0, 0)]))
    *before, halves = part.steps
    even = replace(halves, reflections=tuple(replace(m, signs=(1,)) for m in halves.reflections))
    wrong = replace(part, steps=(*before, even)).restore_field(solve(part.problem).field)
    assert np.linalg.norm(wrong(points, [(0, 0, 0)])[:, 0, 0] - true) > 0.5 * np.linalg.norm(true)


def test_what_is_the_same_everywhere_is_not_folded_without_end() -> None:
    """Between slopes that vanish: every half had the reflection of the whole, and no limit of time was kept."""
    text = PLATE.replace("0.01*lap(u)", "lap(u) - u**3").replace("sin(4*pi*x)*(sin(pi*y) + sin(2*pi*y))", "1")
    text = text.replace("boundary, equation: u = 0", "boundary, equation: dn(u) = 0")
    assert reduce_problem(problem(text)).problem.box.ranges == ((0.0, 0.125), (0.0, 0.125), (0.0, 0.5))
    solution = solve(problem(text))
    points = np.random.default_rng(0).random((100, 3)) * [1.0, 1.0, 0.5]
    assert solution.verdict.converged
    np.testing.assert_allclose(solution(points)["u"], (1 + 2 * points[:, 2]) ** -0.5, rtol=1e-4)


def test_slopes_across_a_whole_field_are_those_of_the_solution() -> None:
    solution = solve(problem(PLATE))
    x = np.linspace(0.0, 1.0, 101)
    points = np.column_stack([x, np.full(101, 0.3), np.full(101, 0.2)])
    waves = 4 * np.pi * np.cos(4 * np.pi * x) * exact(np.full(1, 0.125), np.full(1, 0.3), np.full(1, 0.2))
    assert np.abs(solution.derivative("u_x", points) - waves).max() < 1e-3 * np.abs(waves).max()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("lap(u)", "lap(u) + 1e-9*x"),
        ("lap(u)", "lap(u) + u**2"),
        ("sin(4*pi*x)*", "sin(4*pi*x)*(1 + 1e-12*x)*"),
        ("sin(4*pi*x)*", "abs(x - 1/2)*sin(4*pi*x)*"),
        ("tolerance: 1e-4", "tolerance: 1e-4, knots: 8"),
        ("sin(4*pi*x)*", "sin(pi*x)*"),
    ],
    ids=["source", "nonlinear", "initial", "kink", "knots", "even"],
)
def test_what_has_no_symmetry_that_can_be_built_in_is_solved_as_it_is(old: str, new: str) -> None:
    assert halve_by_reflections(problem(edited(old, new, PLATE))) is None


def test_on_a_line_nothing_is_halved() -> None:
    line = problem(edited("sin(pi*x)", "sin(2*pi*x)", without_exact()))
    assert halve_by_reflections(line) is None


def test_what_is_shown_when_time_is_over_is_all_of_the_domain() -> None:
    monitor = Monitor(0.0, None)
    shown = solve(problem(PLATE), monitor=monitor)
    assert not shown.verdict.converged
    assert shown.field.breaks(0)[[0, -1]].tolist() == [0.0, 1.0]


def test_an_error_in_single_precision_is_told_on_the_whole_in_single_precision() -> None:
    part = reduce_problem(problem(PLATE))
    axes = tuple(Axis(np.linspace(a, b, 4), 3) for a, b in part.problem.box.ranges)
    space = Space(axes, 1)
    c = np.random.default_rng(0).random(space.shape)
    whole, single = (part.restore_field(ProductField(((space, x),))).pieces[0][1] for x in (c, c.astype(np.float32)))
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, whole, rtol=1e-6)
