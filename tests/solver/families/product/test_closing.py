"""Whether what is halved on a line closes in on something; waves and layers that fourteen levels did not reach."""

from types import SimpleNamespace

import numpy as np
import pytest
from small_models import LINE

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.families.product.closing import Halved, halved_of, is_lost

AXIS = Axis(np.linspace(0.0, 1.0, 9), 4)


def estimate_of(space, size=1.0):
    return SimpleNamespace(size=size, space=space)


def line(axis):
    return Space((axis,))


def test_the_length_of_the_intervals_that_were_halved_is_kept():
    chosen = np.isin(np.arange(8), (2, 3))
    found = halved_of(line(AXIS), line(AXIS.inserted(chosen)), estimate_of(line(AXIS.halved()), 0.7))
    assert found == Halved(pytest.approx(0.25), 0.7)


def test_nothing_was_chosen_where_all_were_halved_or_there_are_more_coordinates():
    whole = line(AXIS.halved())
    assert halved_of(line(AXIS), whole, estimate_of(whole)) is None
    plane = Space((AXIS, AXIS))
    finer = Space((AXIS.inserted(np.arange(8) < 2), AXIS))
    assert halved_of(plane, finer, estimate_of(Space((AXIS.halved(), AXIS.halved())))) is None


@pytest.mark.parametrize(
    ("before", "many", "size", "lost"),
    [
        (Halved(0.5, 1.0), 4, 0.9, True),
        (Halved(0.5, 1.0), 2, 0.9, False),  # half as long a piece: closing in
        (Halved(0.5, 1.0), 4, 0.4, False),  # it has helped
        (None, 4, 0.9, False),
    ],
)
def test_a_choice_is_lost_where_it_has_not_helped_and_closes_in_on_nothing(before, many, size, lost):
    assert is_lost(before, AXIS, np.arange(8) < many, estimate_of(None, size)) == lost


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
