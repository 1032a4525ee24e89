"""Kinks that a solution passes for a moment: what they make is none of what points have seen."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.estimate.undecided import Undecided, turns
from pinnkan.solver.verify.missed.cut_cells import CutCells

KICKED = """
name: kicked
domain: {{t: [0, 3]}}
unknowns: [u, v]
equations: ["u_t = cos(t)", "v_t = {kick}"]
conditions: [{{where: initial, equation: u = 0}}, {{where: initial, equation: v = 0}}]
solver: {{tolerance: 1.0e-3}}
"""
WIDTH = np.arccos(0.9999)  #: of the time with sin(t) > 0.9999, half
GIVEN = 2 * (np.sin(WIDTH) - 0.9999 * WIDTH)


@pytest.mark.parametrize("kick", ["max(u - 0.9999, 0)", "u - min(u, 0.9999)", "(abs(u - 0.9999) + u - 0.9999)/2"])
def test_what_a_kink_gives_while_it_is_passed_is_not_nothing(kick):
    """2e-6 of a natural size of one: the last two converged to nothing."""
    solution = solve(parse_problem(KICKED.format(kick=kick), "t.yaml"))
    assert solution.verdict.converged
    assert solution([[3.0]])["v"][0] == pytest.approx(GIVEN, rel=1e-2)


def cells(right, values):
    """What is looked at of a = t on [0, 1] with b = 0, whose rate is ``right``."""
    text = KICKED.format(kick=right).replace("u_t = cos(t)", "u_t = 1").replace("[0, 3]", "[0, 1]")
    model, axis = model_of(text), Axis(np.linspace(0.0, 1.0, 4), 1)
    field = ProductField(((Space((axis,), 2), np.stack([values(axis.breaks), 0.0 * axis.breaks], 1)),))
    return Undecided(model), model.equations[1], field, model.problem.domain


def missed(right, unresolved=0.0, values=lambda t: t):
    undecided, equation, field, domain = cells(right, values)
    points = np.linspace(0.01, 0.99, 50)[:, None]
    looked = field(points, [(0,), (1,)])
    jets = np.stack([looked[:, j.unknown, j.total] for j in equation.jets], 1)
    return list(CutCells(undecided, equation, field, domain).missed(points, jets, 1e-12, unresolved))


def test_a_residual_beyond_a_kink_is_found_with_its_place_and_share():
    ((place, _, share),) = missed("max(u - 0.9, 0)")
    assert 0.9 < place[0] < 1.0
    assert share > 1e6  # of terms that all cancel elsewhere
    assert missed("max(u - 1.1, 0)") == []  # not passed
    assert missed("exp(u) - exp(u)*1") == []  # nothing there
    assert missed("u**2") == []  # a polynomial


def test_beside_terms_that_do_not_cancel_it_counts_where_less_is_left_elsewhere():
    small = "1 - 1*exp(-u)*exp(u) + 0.1*u*cos(u) + max(u - 0.9, 0)"
    assert missed(small)
    assert missed(small, unresolved=1.0) == []


def test_slopes_turn_at_kinks_and_steep_steps_not_over_smooth_formulas():
    low, high = np.linspace(0.0, 0.9, 10)[None], np.linspace(0.1, 1.0, 10)[None]
    steps = "max(u - 0.55, 0)", "tanh((u - 0.55)/1e-3)", "heaviside(u - 0.55)", "abs(u - 0.55)"
    for right, sharp in (*((step, [5]) for step in steps), ("sin(u**2)", [])):
        undecided, equation, field, _ = cells(right, lambda t: t)
        ((_, places),) = undecided.asked
        found = turns(equation, places, field, low, high)
        assert [int(k) for k in np.flatnonzero(found > 4.0)] == sharp
