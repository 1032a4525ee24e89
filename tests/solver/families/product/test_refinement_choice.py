"""Whether what is halved on a line closes in on something; waves and layers that fourteen levels did not reach."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_models import LINE

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.families.product.refinement_choice import (
    MarkedPiece,
    is_marking_erratic,
    mark_fewest_intervals,
    record_marked_piece,
)

AXIS = Axis(np.linspace(0.0, 1.0, 9), 4)


def estimate_of(space, size=1.0):
    return SimpleNamespace(size=size, space=space)


def line(axis):
    return Space((axis,))


def test_the_length_of_the_intervals_that_were_halved_is_kept():
    chosen = np.isin(np.arange(8), (2, 3))
    found = record_marked_piece(None, line(AXIS), line(AXIS.refined(chosen)), estimate_of(line(AXIS.halved()), 0.7))
    assert found == MarkedPiece(pytest.approx(0.25), 0.7)


def test_nothing_was_chosen_where_all_were_halved_or_there_are_more_coordinates():
    whole = line(AXIS.halved())
    assert record_marked_piece(None, line(AXIS), whole, estimate_of(whole)) is None
    plane = Space((AXIS, AXIS))
    finer = Space((AXIS.refined(np.arange(8) < 2), AXIS))
    assert record_marked_piece(None, plane, finer, estimate_of(Space((AXIS.halved(), AXIS.halved())))) is None


@pytest.mark.parametrize(("size", "kept"), [(0.9, True), (0.4, False), (60.0, True)])
def test_a_choice_that_was_in_vain_is_remembered_while_all_are_halved(size, kept):
    """Estimates of 17 after 65 are no help: as large as the solution either is as good as nothing."""
    before, whole = MarkedPiece(0.5, min(size * 3.0, 65.0) if size > 1.0 else 1.0), line(AXIS.halved())
    found = record_marked_piece(before, line(AXIS), whole, estimate_of(whole, size))
    assert found == (MarkedPiece(0.5, size) if kept else None)


def test_waves_of_a_coefficient_that_no_knots_resolve_at_first_are_reached():
    """From 500 intervals on every other level chose a few more: 6804 on the last, with 1e-3 estimated."""
    text = LINE.format(equation="-dx((2 + sin(500*pi*x))*u_x) = 1", left=0, right="u = 0")
    problem = parse_problem(text + "solver: {tolerance: 1e-5, knots: 500}\n", "t.yaml")
    assert solve(problem).verdict.converged


@pytest.mark.parametrize(
    ("before", "many", "size", "lost"),
    [
        (MarkedPiece(0.5, 1.0), 4, 0.9, True),
        (MarkedPiece(0.5, 1.0), 2, 0.9, False),  # half as long a piece: closing in
        (MarkedPiece(0.5, 1.0), 4, 0.4, False),  # it has helped
        (None, 4, 0.9, False),
    ],
)
def test_a_choice_is_lost_where_it_has_not_helped_and_closes_in_on_nothing(before, many, size, lost):
    assert is_marking_erratic(before, AXIS, np.arange(8) < many, estimate_of(None, size)) == lost


@pytest.mark.parametrize(
    ("equation", "exact"),
    [
        ("-u_xx = (300*pi)**2*sin(300*pi*x)", "sin(300*pi*x)"),
        ("-1e-7*u_xx + u_x = 1", "x - exp((x - 1)/1e-7)"),
    ],
)
def test_many_waves_and_thin_layers_are_met(equation, exact):
    text = LINE.format(equation=equation, left=0, right="u = 0") + f"exact:\n  u: {exact}\n"
    level = solve(parse_problem(text, "t.yaml")).levels[-1]
    assert level.true_error < 1e-6
    assert 0.8 < level.estimate / level.true_error < 10.0


@pytest.mark.parametrize("terms", ["u", "u - 1e-9*u_xx"])
def test_waves_far_finer_than_the_knots_are_reached_where_they_are_small(terms):
    """Two thousandths of the solution: 518 knots, a few more on each level, had been given up for not lowering it."""
    found = "sin(2*pi*x) + 2e-3*sin(400*pi*x)"
    text = f"name: n\ndomain: {{x: [0, 1]}}\nunknowns: [u]\nequations: ['{terms} = {found}']\n"
    sides = "boundary, equation: u = 0" if "u_xx" in terms else "boundary, equation: none"
    text += f"conditions: [{{where: {sides}}}]\nsolver: {{tolerance: 1e-4}}\n"
    assert solve(parse_problem(text, "t.yaml")).verdict.converged


def test_a_residual_that_rests_is_not_given_up_while_few_knots_close_in_on_something():
    """The conductivity rises tenfold within 1e-6, of which the first fifteen levels see nothing."""
    text = "name: n\ndomain: {x: [0, 1]}\nunknowns: [u]\nfunctions: {k: 1 + 9*exp(-exp(-1e6*(x - 0.3)))}\n"
    text += (
        "equations: ['-dx(k*dx(u)) = 1']\nconditions: [{where: boundary, equation: u = 0}]\nsolver: {tolerance: 1e-3}\n"
    )
    found, x = solve(parse_problem(text, "t.yaml")), np.linspace(0.0, 1.0, 101)
    assert found.verdict.converged
    # as a jump
    flux = (0.3**2 / 2 + (1 - 0.3**2) / 20) / (0.3 + 0.07)
    below = flux * x - x**2 / 2
    above = flux * 0.3 - 0.045 + (flux * (x - 0.3) - (x**2 - 0.09) / 2) / 10
    assert np.abs(found(x[:, None])["u"] - np.where(x < 0.3, below, above)).max() < 1e-4


def test_as_few_intervals_are_halved_as_bring_the_error_below_the_tolerance():
    masses = [np.array([9.0, 1.0, 0.0]), np.array([4.0, 2.0])]
    along, across = mark_fewest_intervals(masses, 0.0, 1.0)  # 7.84 of 16 may be left
    assert (along.tolist(), across.tolist()) == ([True, False, False], [False, False])
    along, across = mark_fewest_intervals(masses, 0.0, 1.4)  # 4 may be left, to rounding
    assert (along.tolist(), across.tolist()) == ([True, False, False], [True, False])


def test_all_intervals_are_halved_where_that_is_too_little():
    marks = mark_fewest_intervals([np.array([1.0, 0.1]), np.array([0.5])], 0.5, 3.0)
    assert [m.tolist() for m in marks] == [[True, True], [True]]
