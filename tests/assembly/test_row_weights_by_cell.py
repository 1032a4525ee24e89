"""Equations on small cells: weighed by what their principal terms are there, beside those of the others."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.assembly.row_weights import cell_weights, deficit_weights
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space

SYSTEM = """
name: some
domain:
  x: [0, 1]
  y: [0, 1]
unknowns: [{unknowns}]
equations:
{equations}
conditions:
{conditions}
"""


def surpluses(unknowns, *equations):
    lines = "\n".join(f"  - {e}" for e in equations)
    held = "\n".join(f"  - where: boundary\n    equation: {u} = 0" for u in unknowns.split(", ") if u != "p")
    return model_of(SYSTEM.format(unknowns=unknowns, equations=lines, conditions=held)).offset_deficits


def test_the_momentum_of_a_flow_has_one_power_more_than_its_divergence():
    momentum = "u*u_x + v*u_y + p_x = lap(u)", "u*v_x + v*v_y + p_y = lap(v)"
    assert surpluses("u, v, p", *momentum, "u_x + v_y = 0") == (1, 1, 0)
    assert surpluses("u, v, p, c", *momentum, "u_x + v_y = 0", "u*c_x + v*c_y = lap(c)") == (1, 1, 0, 1)
    assert surpluses("u, v", "lap(u) + v_xy = 1", "lap(v) + u_xy = 1") == (0, 0)
    assert surpluses("u", "lap(u) = 1") == (0,)


@pytest.fixture
def graded():
    return Axis(np.array([0.0, 0.125, 0.25, 0.5, 1.0]), 4)


def test_cells_that_are_small_in_all_coordinates_weigh_less(graded):
    weight = cell_weights(Space((graded, graded), 3), 1)
    sizes = np.array([0.25, 0.25, 0.5, 1.0])
    np.testing.assert_allclose(weight[:, 0, :, 0], np.maximum.outer(sizes, sizes))
    np.testing.assert_allclose(cell_weights(Space((graded, graded), 3), 2), weight**2)


def test_layers_lines_and_equations_of_the_largest_offset_weigh_what_they_did(graded):
    even = Axis(np.linspace(0, 1, 5), 4)
    assert cell_weights(Space((graded, even), 3), 1) is None
    assert cell_weights(Space((graded,), 3), 1) is None
    assert cell_weights(Space((graded, graded), 3), 0) is None


def test_equations_of_lower_order_weigh_more_and_those_of_one_order_the_same():
    assert deficit_weights((1, 1, 0)) == (1.0, 1.0, 10.0)
    assert deficit_weights((0, 0)) == (1.0, 1.0)
