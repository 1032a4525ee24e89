"""Conjugate gradients after a factor of J^T J, against an orthogonal factor of J."""

import numpy as np
import scipy.linalg
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear import normal_equations
from pinnkan.solver.linear.system import System

CONTRAST = """
name: contrast
domain: {x: [0, 1], y: [0, 1]}
functions:
  v: sin(3*x + y) + cos(7*x*y)
unknowns: [u]
equations: [-div(exp(20*x*y)*grad(u)) = -div(exp(20*x*y)*grad(v))]
conditions:
  - {where: [left, bottom], equation: u = v}
  - {where: [right, top], equation: dn(u) = dn(v)}
"""


def test_what_a_factor_hardly_sees_beside_rows_that_are_1e8_times_as_large_is_found(monkeypatch):
    """Constants away from two sides, of which conjugate gradients had found little after 20 steps, and said 4e-6."""
    monkeypatch.setattr(normal_equations, "MAX_ORTHOGONAL_WORK", 0.0)  # no factor of the rows themselves
    model = model_of(CONTRAST)
    space = Space((Axis(np.linspace(0.0, 1.0, 7), 10),) * 2, 1)
    start, fixed = with_conditions(model, space, np.zeros(space.shape))
    equations = System(model, space).linear_solver(start, fixed)
    residuals = [r.residual for r in equations.rows]
    images = equations.apply(np.eye(fixed.size - fixed.sum()))
    jacobian = np.concatenate([i.reshape(-1, i.shape[-1]).numpy() for i in images])
    right = np.concatenate([r.reshape(-1).numpy() for r in residuals])
    basis, triangle, order = scipy.linalg.qr(jacobian / equations.column_norms, mode="economic", pivoting=True)
    exact = np.empty(len(order))
    exact[order] = -scipy.linalg.solve_triangular(triangle, basis.T @ right)
    exact /= equations.column_norms
    errors, said = [], []
    for steps in (20, normal_equations.MAX_CG_STEPS):
        monkeypatch.setattr(normal_equations, "MAX_CG_STEPS", steps)
        errors.append(float(np.abs(equations.solve(residuals)[:, 0] - exact).max() / np.abs(exact).max()))
        said.append(equations.solution_error / float(np.abs(exact).max()))
    assert errors[1] < 1e-5 < 1e-3 < errors[0] < 2.0 * said[0]
