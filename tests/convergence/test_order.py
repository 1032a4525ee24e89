"""The observed order of convergence on a line is degree + 1 in L2."""

import numpy as np
import pytest
from errors_of import true_error
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.sampling import samples_of
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import gauss_newton

LINE = """
name: line
domain:
  x: [0, 1]
unknowns: [u]
functions:
  v: sin(7*x + 1)
equations:
  - u_xx - u = dx(dx(v)) - v
conditions:
  - where: boundary
    equation: u = v
exact:
  u: v
"""
#: Intervals whose errors lie between 1e-2 and the rounding of second derivatives, about 1e-11.
INTERVALS = {3: (16, 32, 64), 4: (16, 32, 64), 5: (8, 16, 32), 6: (8, 12, 16, 24), 7: (8, 12, 16, 24)}


def observed_order(degree):
    model = model_of(LINE)
    errors = []
    for n in INTERVALS[degree]:
        space = Space((Axis(np.linspace(0, 1, n + 1), degree),))
        start, fixed = with_conditions(model, space, np.zeros(space.shape))
        found = gauss_newton(System(model, space), start, fixed, 1e-12)
        errors.append(true_error(model.problem, samples_of(space, found.coefficients)))
    return -np.polyfit(np.log(INTERVALS[degree]), np.log(errors), 1)[0]


@pytest.mark.parametrize("degree", [3, 4, 5, 6, 7])
def test_the_order_is_degree_plus_one(degree):
    order = observed_order(degree)
    assert order >= degree + 1 - 0.5
    assert not order >= degree + 2.5  # a wrong expectation is noticed
