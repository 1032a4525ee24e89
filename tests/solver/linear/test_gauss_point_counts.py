"""How many Gauss points a space is given."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear.gauss_point_counts import (
    least_step_work,
    points_by_coordinate,
    points_per_interval,
    predicted_step_work,
)

HEAT = """
name: heat
domain: {x: [0, 1], y: [0, 1], t: [0, 1]}
unknowns: [u]
equations: ["u_t = lap(u)"]
conditions:
  - {where: initial, equation: u = 1}
  - {where: boundary, equation: u = 0}
"""


@pytest.mark.parametrize("degree", range(3, 9))
@pytest.mark.parametrize("intervals", [1, 2, 3, 8])
def test_there_are_at_least_as_many_rows_as_coefficients(degree, intervals):
    """Two end values are fixed for an equation of order two; every further order needs no more."""
    for order in (1, 2):
        assert intervals * points_per_interval(degree, intervals, order) >= intervals + degree - order


def test_half_of_the_points_are_spared_unless_all_are_needed():
    assert [points_per_interval(10, 50, 2, every) for every in (False, True)] == [6, 8]
    assert [points_per_interval(8, 50, 3, every) for every in (False, True)] == [5, 5]
    assert [points_per_interval(4, 50, 2, every) for every in (False, True)] == [3, 3]
    assert [points_per_interval(5, 50, 2, every) for every in (False, True)] == [3, 3]  # never more than all


def test_of_few_intervals_no_points_are_spared_that_determine_the_coefficients():
    """On two intervals a correction with two fewer had fewer rows than coefficients; on eight they are spared."""
    model, time = model_of(HEAT), Axis(np.array([0.0, 1.0]), 5)
    for intervals, spared in ((2, 0), (8, 1)):
        space = Axis(np.linspace(0.0, 1.0, intervals + 1), 6)
        counts = points_by_coordinate(model, Space((space, space, time), 1), fewer_points=2)
        assert intervals * counts[0] >= space.count - 2
        assert points_by_coordinate(model, Space((space, space, time), 1))[0] - counts[0] == spared
        assert counts[2] == points_by_coordinate(model, Space((space, space, time), 1))[2]


COUPLED = """
name: coupled
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u, v]
equations: ["lap(u) + v = 0", "lap(v) - u = 0"]
conditions: [{where: boundary, equation: u = 1}, {where: boundary, equation: v = 0}]
"""


def test_of_conjugate_gradients_the_least_that_they_may_take_is_predicted():
    """Their steps ask for the time one by one: a correction of one step had not been begun."""
    model = model_of(COUPLED)

    def of(intervals):
        space = Space((Axis(np.linspace(0.0, 1.0, intervals + 1), 10),) * 2, 2)
        return *least_step_work(model, space), predicted_step_work(model, space)

    who, least, predicted = of(12)
    assert (who, least) == ("a factor", predicted)
    who, least, predicted = of(400)
    assert who == "conjugate gradients"
    assert least == pytest.approx(predicted / 20.0)
