"""Numbers that an equation leaves open at points of a solution."""

import numpy as np
import pytest
from small_models import model_of

import pinnkan
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.uniqueness.undetermined_values import UndeterminedValues

PASSING = """
name: passing
domain: {{t: [0, 3]}}
unknowns: [v, w]
equations: ["v_t = {rate}", "{equation}"]
conditions: [{{where: initial, equation: v = {start}}}]
solver: {{tolerance: 1e-3}}
"""
LINE = """
name: line
domain: {{x: [0, 1]}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: left, equation: "u = 1"}}, {{where: right, equation: none}}]
solver: {{tolerance: 1e-3}}
"""


@pytest.mark.parametrize("equation", ["w + abs(w) = 2*max(v - 1, 0)", "max(w, v) = v"])
def test_what_nothing_determines_for_a_while_is_refused(equation):
    """Any w <= 0 fulfils it while v < 1, and one of them had converged."""
    verdict = pinnkan.solve(parse_problem(PASSING.format(equation=equation, start="0", rate="1"), "t.yaml")).verdict
    assert not verdict.converged
    assert f"any of many values of w fulfils `{equation}` at t = 0" in verdict.sentence


def test_what_nothing_determines_later_is_refused_there():
    """Rounding says whether that is what is met first."""
    text = PASSING.format(equation="w + abs(w) = 2*max(v - 1, 0)", start="2.5", rate="-1")
    verdict = pinnkan.solve(parse_problem(text, "t.yaml")).verdict
    assert not verdict.converged
    assert "t = 1.5" in verdict.sentence


@pytest.mark.parametrize(
    "equation", ["w + abs(w)/2 = max(v - 1, 0)", "(t - 1.5)*abs(w) = (t - 1.5)*v", "w**3 = v", "w*exp(-w) = 0*v"]
)
def test_what_one_number_fulfils_is_not(equation):
    model = model_of(PASSING.format(equation=equation, start="0", rate="1"))

    def field(points, orders):
        values = np.stack([points[:, 0], np.cbrt(points[:, 0])], 1)
        return np.stack([np.where(order == (0,), values, 1.0) for order in orders], -1)

    assert not UndeterminedValues(model).undetermined_value(field, model.problem.domain)


@pytest.mark.parametrize(
    ("equation", "several"),
    [
        ("u_x**2 = u**2", True),
        ("u_x**3 - u_x = 0.1*u", True),
        ("sin(u_x) = 0.5*u", True),
        ("u_x**3 + u_x = u", False),
        ("exp(u_x) = 2 + u", False),
        ("u_x = 1 + 1e-9*u_x**2", False),
        ("u_x + u**2 = 1", False),
    ],
)
def test_another_root_of_the_slope_is_told(equation, several):
    verdict = pinnkan.solve(parse_problem(LINE.format(equation=equation), "t.yaml")).verdict
    assert verdict.converged
    assert ("one of several solutions" in verdict.beside) == several


def test_both_roots_are_named():
    model = model_of(LINE.format(equation="u_x**2 = u**2"))
    told = UndeterminedValues(model).ambiguity(
        lambda x, orders: np.exp(x)[:, None] * np.ones((1, 1, len(orders))), (10.0,)
    )
    assert "both u_x = 11.3 and u_x = -11.3" in told  # of the file's units


ALGEBRA = """
name: algebra
domain: {domain}
unknowns: [u, {names}]
equations: {equations}
conditions: [{{where: boundary, equation: u = 0}}]
solver: {{tolerance: 1e-3}}
"""


@pytest.mark.parametrize(
    ("domain", "equations", "told"),
    [
        ("{x: [0, 1]}", ("-u_xx = 8*v", "v = 1 + 0.2*v**2 + 0*u"), "both v = 1.38 and v = 3.62"),
        ("{x: [0, 1]}", ("-u_xx = v", "v + w = 3", "v*w = 2 - x*(1 - x)"), "are taken, v = 2.1, w = 0.905 would do"),
        ("{x: [0, 1]}", ("-u_xx = v", "v + w = 3 + u", "v - w = 2 - x*(1 - x)"), ""),
        ("{x: [0, 1], y: [0, 1]}", ("-lap(u) = v*w + v", "v**2 + w**2 = 2 + x", "v - w = y"), "would do as well"),
        ("{x: [0, 1], y: [0, 1]}", ("-lap(u) = v", "v + exp(v) = 2 + u"), ""),
        ("{x: [0, 1], y: [0, 1]}", ("-lap(u) = v", "v**2 = 2 + x"), "both v ="),
    ],
)
def test_other_values_of_unknowns_without_derivatives_are_told_in_the_units_of_the_file(domain, equations, told):
    names = ", ".join(sorted({c for e in equations[1:] for c in e if c in "vw"}))
    text = ALGEBRA.format(domain=domain, names=names, equations=str(list(equations)).replace("'", '"'))
    verdict = pinnkan.solve(parse_problem(text, "t.yaml")).verdict
    assert verdict.converged
    assert (told in verdict.beside) if told else not verdict.beside
