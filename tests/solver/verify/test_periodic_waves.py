"""Waves around circles that an equation does not hold, whatever their direction."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import pinnkan
from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.periodic_waves import _relative_residuals, free_waves

PLANE = """
name: plane
domain: {x: [0, 6.283185307179586], y: [0, 3], periodic: [x, y]}
unknowns: [u]
equations: ["EQUATION"]
conditions: [{where: domain, equation: integral(u) = 0}]
"""
SPACE = PLANE.replace("y: [0, 3], periodic: [x, y]", "y: [0, 2], z: [0, 1], periodic: [x, y, z]")
PAIR = """
name: pair
domain: {x: [0, 1], y: [0, 1], periodic: [x, y]}
unknowns: [u, v]
equations: ["EQUATION", "v_x + 3*v_y - u = 0"]
conditions: [{where: domain, equation: integral(u) = 0}]
"""


def found(text, equation):
    problem = parse_problem(text.replace("EQUATION", equation).encode(), "a.yaml")
    model = compile_model(problem, sort_conditions(problem), torch.device("cpu"))
    waves = free_waves(model, lambda points, orders: np.zeros((len(points), len(problem.unknowns), len(orders))))
    return None if waves is None else waves.slowest


@pytest.mark.parametrize(
    ("text", "equation", "first"),
    [
        (PLANE, "u_x + 25*3*u_y/(2*pi) = cos(x)", (25, -1)),
        (PLANE, "u_xx + 9*u_yy/(2*pi)**2 + 65*u = cos(x)", None),  # (8, 1), (7, 4), ..
        (SPACE, "u_x + 3*2*u_y/(2*pi) - 7*u_z/(2*pi) = cos(x)", (1, 2, 1)),
        (PAIR, "u_x + 3*u_y = cos(2*pi*x)", (3, -1)),
    ],
)
def test_waves_that_are_not_held_are_found(text, equation, first):
    waves = found(text, equation)
    assert waves is not None
    assert first is None or waves == first


@pytest.mark.parametrize(
    ("text", "equation"),
    [
        (PLANE, "u_x + sqrt(2)*u_y = cos(x)"),
        (PLANE, "u_x + 25*3*u_y/(2*pi) + 1e-3*u = cos(x)"),
        (PLANE, "-u_xx - u_yy = cos(x)"),
        (PLANE, "(1 + 0.5*sin(x))*u_x + 3*u_y/pi + u = cos(x)"),
        (SPACE, "u_x + 3*2*u_y/(2*pi) - 7*u_z/(2*pi) - 1e-3*(u_xx + u_yy) = cos(x)"),
        (PAIR, "u_x + 3*u_y + 1e-6*u = cos(2*pi*x)"),
    ],
)
def test_waves_that_are_held_are_not(text, equation):
    if text is PAIR:
        text = text.replace("v_x + 3*v_y - u", "v_x + 3*v_y + v - u")
    assert found(text, equation) is None


def test_a_wave_that_no_knots_hold_makes_the_verdict():
    """It converged with 2e-10 estimated: the knots of cos(x) hold no wave of 25."""
    text = PLANE.replace("EQUATION", "u_x + 25*3*u_y/(2*pi) = cos(x)")
    verdict = pinnkan.solve(parse_problem(text.encode(), "a.yaml")).verdict
    assert verdict.reason == "rank_deficient"
    assert "sin(25*x - 1*y)" in verdict.sentence


def test_a_share_is_that_of_the_terms_whatever_the_units_of_an_equation_and_an_unknown():
    """u_x + 3 u_y and u_x + 2 u_y at two points see 0 and 1 of 6 and 5 along (3, -1)."""
    waves, along = np.array([[3.0, -1.0], [1.0, 1.0]]), (Jet(0, (1, 0)), Jet(0, (0, 1)))
    values, other = np.array([[1.0, 3.0], [1.0, 2.0]]), (Jet(0, (2, 0)), Jet(0, (0, 0)))
    for size, unit in ((1.0, 1.0), (7.0, 1e3)):
        assert _relative_residuals([(along, unit * values)], waves, np.array([size])) == pytest.approx(
            [61.0**-0.5, 1.0]
        )
        two = [(along, values), (other, unit * np.array([[1.0, 0.0], [1.0, 8.0]]))]
        # -9 of 9 and -9 + 8 of 17 beside them, each equation over the largest sum of its terms
        least = np.sqrt((0.0 + 1.0) / 36.0 + (81.0 + 1.0) / 289.0)
        terms = np.sqrt((36.0 + 25.0) / 36.0 + (81.0 + 289.0) / 289.0)
        assert _relative_residuals(two, waves[:1], np.array([size])) == pytest.approx([least / terms])
        both = [((Jet(0, (1, 0)),), np.array([[unit]])), ((Jet(1, (0, 1)),), np.array([[1.0]]))]
        assert _relative_residuals(both, waves, np.array([1.0, size])) == pytest.approx([0.5**0.5] * 2)
