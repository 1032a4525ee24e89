"""All unknowns of a slab together, one factor for each function of time: exact where nothing joins these."""

import numpy as np
import pytest
import torch
from operators import jacobian_of
from small_models import model_of, prepared

from pinnkan.assembly.integral_rows import SurrogateRows
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear import preconditioners
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.joint_modes import JointModeInverse
from pinnkan.solver.linear.time_modes import TimeModeInverse
from pinnkan.solver.predicted_work import separates_time_only

CPU = torch.device("cpu")
FLOW = """
name: flow
domain: {{x: [0, 1], y: [0, 1], z: [0, 1], t: [0, 1]}}
unknowns: [u, v, w, p]
vectors:
  velocity: [u, v, w]
equations:
  - u_t + {wind}*u_x + p_x = lap(u) + sin(y)
  - v_t + {wind}*v_x + p_y = lap(v) + cos(x)
  - w_t + {wind}*w_x + p_z = lap(w)
  - div(velocity) = 0
conditions:
  - {{where: initial, equation: u = 0}}
  - {{where: initial, equation: v = 0}}
  - {{where: initial, equation: w = 0}}
  - {{where: boundary, equation: u = 0}}
  - {{where: boundary, equation: v = 0}}
  - {{where: boundary, equation: w = 0}}
  - {{where: domain, equation: integral(p) = 0}}
"""


def flow(wind="x*z", rate=1.0, length=0.2, degree=4):
    """Rows of a flow in a slab, with so much of its derivatives in time, and the order of the free coefficients."""
    model = model_of(FLOW.format(wind=wind))
    axes = [Axis(np.array([0.0, 1.0]), degree) for _ in range(3)]
    space = Space((*axes, Axis(np.array([0.0, length]), 3)), 4)
    system, start, fixed = prepared(model, space)
    fixed[..., 0, :3] = True
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in system.patches]
    for r in rows:
        for k, jet in enumerate(r.jets):
            r.weights[..., k] *= rate if jet.order[-1] else 1.0
    return rows, order_coefficients(space, fixed, CPU)


def gram(rows, ordering):
    seen = [r.integral if isinstance(r, SurrogateRows) else r for r in rows]
    jacobian = jacobian_of(seen, ordering)
    return jacobian.T @ jacobian


def test_where_no_time_is_in_the_equations_it_is_the_inverse_whatever_they_are_in_space():
    rows, ordering = flow(rate=0.0)
    right = torch.from_numpy(np.random.default_rng(0).standard_normal((ordering.size, 2)))
    matrix = gram(rows, ordering)
    assert float((TimeModeInverse(rows, ordering)(matrix @ right) - right).abs().max()) < 1e-6
    other, _ = flow("x*z*(1 + 5*t)", rate=0.0)  # what joins functions of time it does not undo
    assert float((TimeModeInverse(other, ordering)(gram(other, ordering) @ right) - right).abs().max()) > 1e-3


def test_a_flow_between_walls_takes_few_steps(monkeypatch):
    """A third of those where functions of space are told apart."""
    rows, ordering = flow()
    assert separates_time_only(rows[0].space)
    residuals = [r.residual for r in rows]
    monkeypatch.setattr(preconditioners, "has_joint_preconditioner", lambda space: False)
    solver = ConjugateGradients(rows, ordering)
    ours = solver.solve(residuals, 1e-8)
    exact = np.linalg.solve(gram(rows, ordering).numpy(), -solver.gradient(residuals))
    assert np.abs(ours - exact).max() < 1e-6 * np.abs(exact).max()
    monkeypatch.setattr(preconditioners, "has_joint_preconditioner", lambda space: True)
    monkeypatch.setattr(preconditioners, "separates_time_only", lambda space: False)
    apart = ConjugateGradients(rows, ordering)
    apart.solve(residuals, 1e-8)
    assert 3 * solver.iterations < apart.iterations


def test_damping_stands_on_the_diagonal():
    rows, ordering = flow(rate=0.0)
    matrix = gram(rows, ordering)
    damped = matrix + 0.1 * torch.diag(matrix.diagonal())
    right = torch.from_numpy(np.random.default_rng(1).standard_normal((ordering.size, 1)))
    firm, none = (float((TimeModeInverse(rows, ordering, d)(damped @ right) - right).norm()) for d in (0.1, 0.0))
    assert firm < 0.5 * none


def test_what_is_not_finite_is_refused():
    rows, ordering = flow()
    rows[0].weights.fill_(float("nan"))
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        TimeModeInverse(rows, ordering)


def test_only_several_unknowns_between_walls_in_a_slab_of_space():
    one, wall = Axis(np.array([0.0, 1.0]), 7), Axis(np.linspace(0.0, 1.0, 3), 7)
    around = Axis(np.linspace(0.0, 1.0, 12), 5, True)
    assert separates_time_only(Space((wall, wall, wall, one), 4))
    assert not separates_time_only(Space((wall, wall, wall, one), 1))
    assert not separates_time_only(Space((wall, wall, around, one), 4))
    assert not separates_time_only(Space((wall, wall, one), 4))
    assert not separates_time_only(Space((one, one, one, wall), 4))
    long = Axis(np.linspace(0.0, 1.0, 30), 7)
    assert not separates_time_only(Space((long, long, long, one), 4))


def test_it_is_tried_where_functions_of_space_told_apart_lead_nowhere():
    """Two substances take five steps with these, each a hundredth of the factors; a flow is not left to them."""
    rows, ordering = flow(degree=5, length=0.02)
    inverses = [
        rung.make()
        for rung in preconditioners.preconditioner_options(rows, ordering, torch.ones(rows[0].space.shape), 0.0)[:2]
    ]
    assert [type(inverse) for inverse in inverses] == [JointModeInverse, TimeModeInverse]
    solver = ConjugateGradients(rows, ordering)
    solver.solve([r.residual for r in rows], 1e-8)
    assert isinstance(solver.preconditioner, TimeModeInverse)
