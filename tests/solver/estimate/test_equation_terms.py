import numpy as np
import pytest
from small_models import ALGEBRAIC, RATE, model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate.equation_terms import squared_residual_and_terms, term_floor, unknown_sizes


@pytest.mark.parametrize(
    ("second", "least"), [("min(w, q) = 0", 2.0), ("w = max(v - w, 0)", 2.0), ("max(w - 1, 0) = 0", 0.0)]
)
def test_the_least_term_is_what_coefficients_leave_for_any_values(second, least):
    model = model_of(ALGEBRAIC.format(first="q = v", second=second))
    equation, points = model.equations[-1], np.linspace(0.0, 7.0, 20)[:, None]
    seen = points, equation.linearise_numpy(points, np.tile(np.arange(1.0, len(equation.jets) + 1), (20, 1)))[1]
    assert term_floor(model, equation, seen, np.array([3.0, 3.0, 2.0, 3.0])) == pytest.approx(least)


def test_sizes_are_those_before_at_least():
    model, axis = model_of(RATE.format(right="a")), Axis(np.linspace(0.0, 1.0, 4), 1)
    field, points = ProductField(((Space((axis,)), axis.breaks[:, None]),)), np.full((5, 1), 0.5)
    assert unknown_sizes(model, field, points) == pytest.approx([0.5])
    assert unknown_sizes(model, field, points, np.array([3.0])) == pytest.approx([3.0])
    assert unknown_sizes(model, field, points, np.array([np.inf])) == pytest.approx([0.5])


def test_what_a_term_may_be_for_some_values_has_a_square():
    model = model_of(ALGEBRAIC.format(first="q = v", second="max(w - 1, 0) + max(1 - w, 0) = 0"))
    equation, points = model.equations[-1], np.linspace(0.0, 7.0, 20)[:, None]
    seen = points, np.ones((20, len(equation.jets)))
    assert np.isfinite(term_floor(model, equation, seen, np.full(4, 1e200)) ** 2)


def test_residual_and_terms_of_a_linear_equation_are_squared_with_its_data():
    equation = model_of(RATE.format(right="3*a - 2")).equations[0]
    values = {1: 5.0, 0: 2.0}  # a_t - 3 a + 2 = 1
    jets = np.array([[values[jet.order[0]] for jet in equation.jets]])
    squares, terms = squared_residual_and_terms(equation, np.zeros((1, 1)), jets)
    assert (squares.item(), terms.item()) == pytest.approx((1.0, 25.0 + 36.0 + 4.0))
