"""Functions between walls: each unknown's own, paired with those that equations join them to."""

import numpy as np
import pytest
import torch
from operators import jacobian_of
from small_models import model_of, prepared

from pinnkan.assembly.coordinate_modes import derivative_matrix
from pinnkan.assembly.ordering import order_coefficients
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.linear import preconditioners
from pinnkan.solver.linear.conjugate_gradients import ConjugateGradients
from pinnkan.solver.linear.diagonalisation import free_masks
from pinnkan.solver.linear.joint_modes import JointModeInverse
from pinnkan.solver.linear.wall_modes import coupled_wall_modes

CPU = torch.device("cpu")
CAVITY = """
name: cavity
domain: {x: [0, 1], y: [0, 1], t: [0, 1]}
unknowns: [e, a, b]
equations:
  - e_t = b_x - a_y + sin(x)
  - a_t = -e_y
  - b_t = e_x
conditions:
  - {where: initial, equation: e = 0}
  - {where: initial, equation: a = 0}
  - {where: initial, equation: b = 0}
  - {where: boundary, equation: e = 0}
"""


def cavity(intervals=(6, 7)):
    """Rows of Maxwell's equations in a short slab, and the order of the free coefficients."""
    model = model_of(CAVITY)
    axes = [Axis(np.linspace(0, 1, n + 1), 5) for n in intervals]
    space = Space((*axes, Axis(np.array([0.0, 0.3]), 4)), 3)
    system, start, fixed = prepared(model, space)
    fixed[..., 0, :] = True
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in system.patches]
    return rows, order_coefficients(space, fixed, CPU)


def found(rows, ordering, coordinate=0):
    shape = rows[0].space.shape
    masks = [torch.from_numpy(free_masks(ordering, shape, u)[coordinate]) for u in range(3)]
    return coupled_wall_modes(rows, coordinate, masks), masks


def test_functions_of_each_unknown_are_all_there_and_orthonormal():
    rows, ordering = cavity()
    (vectors, masks), axis = found(rows, ordering), rows[0].space.axes[0]
    nodes, weights = (a.reshape(-1) for a in axis.gauss(axis.degree + 1))
    splines = torch.from_numpy(np.sqrt(weights)[:, None] * axis.matrix(nodes))
    for own, mask in zip(vectors, masks, strict=True):
        assert not own[~mask].any()
        gram = (splines @ own).T @ (splines @ own)
        there = own.abs().sum(0) > 0.0
        assert int(there.sum()) == int(mask.sum())
        np.testing.assert_allclose(gram[there][:, there], np.eye(int(there.sum())), atol=1e-8)


def test_the_slope_of_a_cosine_has_the_number_of_the_sine_it_is():
    """Smooth ones at least: a third of all, the others feel the ends of the splines."""
    rows, ordering = cavity((12, 7))
    (e, a, b), _ = found(rows, ordering)
    table = rows[0].tables[0]
    root = table.weights.reshape(-1, 1).sqrt()
    sines, slopes, same = (root * derivative_matrix(table, k) @ v for k, v in ((0, e), (1, b), (0, a)))

    def angles(left, right):
        sizes = torch.outer(left.norm(dim=0), right.norm(dim=0))
        return torch.where(sizes > 1e-12, (left.T @ right).abs() / sizes.clamp_min(1e-300), 0.0).diagonal()

    count = int((e.abs().sum(0) > 0.0).sum())
    assert int((angles(sines, slopes) > 0.999).sum()) >= count // 3
    assert int((angles(sines, same) > 0.999).sum()) >= count - 1  # a is not differentiated along x: it takes them over
    shifted = torch.roll(slopes, 1, dims=1)
    assert int((angles(sines, shifted) > 0.999).sum()) == 0


@pytest.mark.slow
def test_a_cavity_takes_fewer_steps_than_with_each_unknown_by_itself(monkeypatch):
    rows, ordering = cavity()
    residuals = [r.residual for r in rows]
    solver = ConjugateGradients(rows, ordering)
    ours = solver.solve(residuals, 1e-10)
    jacobian = jacobian_of(rows, ordering)
    exact = np.linalg.solve((jacobian.T @ jacobian).numpy(), -solver.gradient(residuals))
    assert np.abs(ours - exact).max() < 1e-7 * np.abs(exact).max()
    monkeypatch.setattr(preconditioners, "has_joint_preconditioner", lambda space: False)
    apart = ConjugateGradients(rows, ordering)
    apart.solve(residuals, 1e-10)
    assert 1.5 * solver.iterations < apart.iterations


def test_what_leaves_something_free_is_refused():
    rows, ordering = cavity()
    rows[0].weights.fill_(float("nan"))
    with pytest.raises(np.linalg.LinAlgError, match="not finite"):
        JointModeInverse(rows, ordering)


def test_on_one_interval_unknowns_are_joined_as_well():
    """In time: a pressure has the functions of the velocity, whose derivative stands first in the equation."""
    model = model_of(CAVITY.replace("a_t = -e_y", "a_t = -e_y + b").replace("b_t = e_x", "0 = e_x - b").replace(
        "  - {where: initial, equation: b = 0}\n", ""))  # fmt: skip
    space = Space((*[Axis(np.array([0.0, 1.0]), 4)] * 2, Axis(np.array([0.0, 0.3]), 4)), 3)
    system, start, fixed = prepared(model, space)
    fixed[..., 0, :2] = True
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in system.patches]
    (e, _, b), _ = found(rows, order_coefficients(space, fixed, CPU), 2)
    splines = rows[0].tables[2].weights.reshape(-1, 1).sqrt() * derivative_matrix(rows[0].tables[2], 0)
    angles = ((splines @ e).T @ (splines @ b)).abs()
    np.testing.assert_allclose(angles.diagonal()[:4], 1.0, atol=1e-8)
    assert float(torch.roll(angles, 1, dims=1).diagonal()[:4].max()) < 1e-8
