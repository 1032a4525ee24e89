"""Solutions that have passed through a pole of an equation."""

import numpy as np
import pytest
from small_models import model_of

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.uniqueness.poles import Poles

BESIDE = """
name: beside
domain: {{t: [0, 3]}}
unknowns: [v, w]
equations: ["v_t = 1", "{equation}"]
conditions: [{{where: initial, equation: v = -1.51}}]
"""
TITRATION = """
name: titration
domain: {t: [0, 1]}
unknowns: [n, h]
equations: [n_t = 0.15, h + n = 1e-14/h + 0.1*1.8e-5/(h + 1.8e-5)]
conditions: [{where: initial, equation: n = 0}]
solver: {tolerance: 1e-4}
"""


def both(points, orders):
    """v = w = t - 1.51, rates too."""
    values = np.stack([points[:, 0] - 1.51 if order == (0,) else np.ones(len(points)) for order in orders], -1)
    return np.stack([values, values], 1)


@pytest.mark.parametrize(("equation", "passes"), [("w = 1/w", True), ("w = v + 1/v", True), ("w/v = 1", False)])
def test_what_is_divided_by_may_change_its_sign_only_where_the_equation_is_fulfilled_beside(equation, passes):
    model = model_of(BESIDE.format(equation=equation))
    assert ("t = 1.51 it passes through a pole" in Poles(model).objection(both, model.problem.domain)) is passes


def test_a_number_without_rates_may_not_jump_over_a_pole_between_two_slabs():
    model = model_of(BESIDE.format(equation="w = 1/w"))
    poles, first, last = (
        Poles(model),
        model.problem.domain.time_part(0.0, 1.0),
        model.problem.domain.time_part(1.0, 1.2),
    )
    assert not poles.objection(both, first)
    assert not poles.objection(both, last)
    poles.objection(both, first)
    assert "t = 1 " in poles.objection(lambda points, orders: -both(points, orders), last)


def test_a_titration_does_not_go_over_to_its_other_root():
    """They are 1e-9 apart where it is neutral: 1.5e-2 off, with an estimate of 1.7e-8. Its logarithm is right."""
    found = pinnkan.solve(parse_problem(TITRATION, "t.yaml")).verdict
    assert not found.converged
    assert "it passes through a pole" in found.sentence
    logarithm = TITRATION.replace("[n, h]", "[n, p]").replace("1e-14/h", "1e-14*exp(-p)")
    logarithm = logarithm.replace("h + n", "exp(p) + n").replace("(h + ", "(exp(p) + ")
    solution = pinnkan.solve(parse_problem(logarithm, "t.yaml"))
    assert solution.verdict.converged
    p = float(solution(np.array([1.0]))["p"][0])
    right = 1e-14 * np.exp(-p) + 0.1 * 1.8e-5 / (np.exp(p) + 1.8e-5)
    assert np.exp(p) + 0.15 == pytest.approx(right, rel=1e-3)
