"""Starts on a switch: one that lets a solution leave to either side is told, one that is passed or rested on is not."""

import numpy as np
import pytest

import pinnkan
from pinnkan.problem.registry import parse_problem

TEXT = """
name: switch
domain: {{{domain}}}
unknowns: [{unknowns}]
equations: [{equations}]
conditions: [{conditions}]
solver: {{tolerance: 1e-3, max_time: 20}}
"""


def verdict_of(equations, starts, domain="t: [0, 1]", unknowns="u", sides=""):
    conditions = [f'{{where: initial, equation: "{start}"}}' for start in starts] + ([sides] if sides else [])
    text = TEXT.format(
        domain=domain,
        unknowns=unknowns,
        equations=", ".join(f'"{e}"' for e in equations),
        conditions=", ".join(conditions),
    )
    return pinnkan.solve(parse_problem(text, "t.yaml")).verdict


@pytest.mark.parametrize(
    ("equations", "starts", "unknowns"),
    [
        (["u_t = sign(u)"], ["u = 0"], "u"),
        (["u_t = 3*sign(u - sin(t)) + cos(t)"], ["u = 0"], "u"),
        (["u_t = heaviside(u - t) + 0.5"], ["u = 0"], "u"),
        (["u_t = v", "v_t = 1 + sign(u - 0.5*t**2)"], ["u = 0", "v = 0"], "u, v"),
        (["u_tt = 1 + sign(u - 0.5*t**2)"], ["u = 0", "u_t = 0"], "u"),
        (["u_t = sign(v)", "v_t = u"], ["u = 0", "v = 0"], "u, v"),
        (["u_t = sign(u - 1)*max(t - 0.5, 0)"], ["u = 1"], "u"),  # which leads away from there on
        (["v_t = -sign(v)*(0.5 - t)", "x_t = 1"], ["v = 0", "x = 0"], "v, x"),  # the same within one slab
    ],
)
def test_a_switch_that_leads_away_is_refused(equations, starts, unknowns):
    """Each of them had converged to one of three solutions without a word."""
    verdict = verdict_of(equations, starts, unknowns=unknowns)
    assert not verdict.converged
    assert "may leave that to more than one side" in verdict.sentence


def test_so_it_is_with_something_that_diffuses():
    side = '{where: boundary, equation: "u = 0"}'
    verdict = verdict_of(["u_t = 0.1*u_xx + sign(u)"], ["u = 0"], "x: [0, 1], t: [0, 1]", sides=side)
    assert "may leave that to more than one side" in verdict.sentence


@pytest.mark.parametrize(
    "equation", ["u_t = 2 + sign(u)", "u_t = -1 + 0.5*sign(u)", "u_t = 1 + abs(u)", "u_t = sign(t)", "u_t = -sign(u)"]
)
def test_a_switch_that_is_passed_is_not(equation):
    assert verdict_of([equation], ["u = 0"]).converged


@pytest.mark.parametrize(
    ("equations", "starts", "unknowns", "time"),
    [
        (["T_t = -0.5*(T - 10) + 10*heaviside(20 - T)"], ["T = 15"], "T", "t = 0.81"),
        (["v_t = -0.5*sign(v)"], ["v = 0.25"], "v", "t = 0.5"),
        (["x_t = v", "v_t = -sign(x + v)"], ["x = 0.5", "v = -0.4"], "x, v", "t = 0.069"),
    ],
)
def test_a_switch_that_holds_the_solution_is_said_with_its_time(equations, starts, unknowns, time):
    """Slabs of a billionth had followed each other: the rest was to take twelve hours."""
    sentence = verdict_of(equations, starts, unknowns=unknowns).sentence
    assert time in sentence
    assert f"on either side of a threshold in `{equations[-1]}` it leads back to that" in sentence
    assert "tanh(a/w)" in sentence


def test_a_switch_that_is_passed_to_and_fro_holds_nothing():
    verdict = verdict_of(["u_t = v", "v_t = -u - 0.02*sign(v)"], ["u = 1", "v = 0"], "t: [0, 7]", "u, v")
    assert verdict.converged


def test_a_switch_beside_an_unknown_without_a_rate_is_passed():
    """What is left of it where the slab begins lasts for 1e-21 of the time: it had been `undersampled`."""
    assert verdict_of(["u_t = sign(u) + v", "v = 2 + t"], ["u = 0"], unknowns="u, v").converged


def test_one_from_just_beside_it_is_followed():
    problem = TEXT.format(
        domain="t: [0, 1]",
        unknowns="u",
        equations='"u_t = sign(u)"',
        conditions='{where: initial, equation: "u = 1e-3"}',
    )
    solution = pinnkan.solve(parse_problem(problem, "t.yaml"))
    assert solution.verdict.converged
    assert float(solution(np.array([[1.0]]))["u"][0]) == pytest.approx(1.001, rel=1e-3)


def test_a_steady_one_is_said_to_be_one_of_several():
    """No slope of sign(u) shows it: -u_xx = sign(u) had counted as linear, and 0 as its only solution."""
    text = (
        "name: n\ndomain: {x: [0, 1]}\nunknowns: [u]\nequations: ['-u_xx = sign(u)']\n"
        "conditions: [{where: boundary, equation: u = 0}]\nsolver: {tolerance: 1e-3}\n"
    )
    assert "one of several solutions: u is 0" in pinnkan.solve(parse_problem(text, "t.yaml")).verdict.beside
