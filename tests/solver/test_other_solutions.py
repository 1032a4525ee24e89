"""A nonlinear problem with several solutions is said to have them, and one with a single solution is not."""

from __future__ import annotations

import re

import numpy as np
import pytest

from pinnkan import load_problem, solve
from pinnkan.solver.monitor import OutOfTimeError
from pinnkan.solver.other_solutions import STEPS_PER_START, _StepBudget
from pinnkan.solver.solver_state import Step

TEXT = """
name: a
domain: {{x: [0, {length}]}}
unknowns: [u]
equations: [{equation}]
conditions: [{{where: boundary, equation: u = 0}}]
"""
SAID = r"one of several solutions: u is (\S+) at x = (\S+), and (\S+) in another"


def _sentence(equation: str, length: float = 1) -> str:
    verdict = solve(load_problem(TEXT.format(equation=equation, length=length))).verdict
    assert verdict.converged
    return verdict.sentence


@pytest.mark.parametrize(("rate", "thetas"), [(1.0, (1.51716, 10.9387)), (3.5, (4.55185, 5.05543))])
def test_both_solutions_of_bratus_equation_are_said(rate: float, thetas: tuple[float, float]) -> None:
    said = re.search(SAID, _sentence(f"u_xx + {rate}*exp(u) = 0"))
    assert said is not None
    here, x, there = map(float, said.groups())
    for theta, value in zip(thetas, (here, there), strict=True):
        assert abs(theta - np.sqrt(2 * rate) * np.cosh(theta / 4)) < 1e-3
        assert abs(value + 2 * np.log(np.cosh((x - 0.5) * theta / 2) / np.cosh(theta / 4))) < 2e-2


def test_the_state_beside_one_that_is_zero_is_said() -> None:
    assert re.search(SAID, _sentence("u_xx + u - u**3 = 0", 10))
    assert "zero everywhere" in _sentence("u_xx + u - u**3 = 0", 2)


def test_steps_from_a_start_are_few_and_so_are_those_in_all() -> None:
    counting, step = _StepBudget(2.0), Step(1.0, 1e-3, 0.0)
    counting.check_time_if_usable([step])
    counting.check_time_if_usable([step] * (STEPS_PER_START - 1))
    with pytest.raises(OutOfTimeError):  # none is left
        counting.check_time_if_usable([step])
    with pytest.raises(OutOfTimeError):  # too many from here
        _StepBudget(99.0).check_time_if_usable([step] * STEPS_PER_START)


@pytest.mark.parametrize("equation", ["u_xx = exp(u)", "u_xx = u**3 - 1", "u_xx + 5*u*u_x = 1", "u_xx + 8*u = 1"])
def test_of_one_solution_nothing_is_said(equation: str) -> None:
    assert "(" not in _sentence(equation)


FLOW = """
name: flow
domain: {{x: [0, {length}]}}
unknowns: [f]
equations: ["f_xxx + f*f_xx + 1 - f_x**2 = 0"]
conditions: [{{where: left, equation: f = 0}}, {{where: left, equation: f_x = 0}}, {{where: right, equation: f_x = 1}}]
"""


@pytest.mark.parametrize("length", [5, 8, 12])
def test_of_several_flows_the_one_is_given_that_more_viscosity_leads_to(length: int) -> None:
    """Hiemenz' flow (Schlichting 1979, table 5.1); the others of a long line turn back, f_x down to -1.3."""
    solution = solve(load_problem(FLOW.format(length=length)))
    assert solution.verdict.converged
    assert np.ravel(solution([[1.0], [2.0]])["f"]) == pytest.approx([0.4592, 1.3620], abs=3e-4)
    assert ("one of several" in solution.verdict.sentence) == (length > 6)


def test_the_flow_that_coarse_knots_lead_to_is_given_where_no_step_is_left_to_follow_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pinnkan.solver.other_solutions.CONTINUATION_WORK", 0)
    solution = solve(load_problem(FLOW.format(length=8)))
    assert np.ravel(solution([[2.0]])["f"])[0] < 1.2
