"""All unknowns together around circles: exact where coefficients are constant and knots even, a few steps elsewhere."""

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
from pinnkan.solver.linear.joint_modes import JointModeInverse, periodic_modes
from pinnkan.solver.predicted_work import (
    PERIODIC_FACTOR,
    has_joint_preconditioner,
    iteration_work,
    mode_work,
    separated_coordinates,
)

CPU = torch.device("cpu")
FLOW = """
name: flow
domain:
  x: [0, 2*pi]
  {y}
  t: [0, 1]
  periodic: [{around}]
unknowns: [u, v, p]
equations:
  - u_t + {wind}*u_x + p_x = lap(u)/10 + sin(y)
  - v_t + {wind}*v_x + p_y = lap(v)/10 + cos(x)
  - u_x + v_y = 0
conditions:
  - where: initial
    equation: u = 0
  - where: initial
    equation: v = 0
{walls}  - where: domain
    equation: integral(p) = 0
"""
WALLS = "  - where: [bottom, top]\n    equation: u = 0\n  - where: [bottom, top]\n    equation: v = 0\n"


def flow(wind="0", around="x, y", intervals=(7, 8), uneven=0.0):
    """Rows of a flow in a short slab, and the order of the free coefficients."""
    walls = "" if "y" in around else WALLS
    model = model_of(FLOW.format(wind=wind, around=around, y="y: [0, 2*pi]", walls=walls))
    axes = []
    for n, name in zip(intervals, "xy", strict=True):
        breaks = np.linspace(0.0, 2 * np.pi, n + 1)
        breaks[1:-1] += uneven * np.sin(5.0 * breaks[1:-1]) / n
        axes.append(Axis(breaks, 4, name in around))
    space = Space((*axes, Axis(np.array([0.0, 0.2]), 4)), 3)
    system, start, fixed = prepared(model, space)
    fixed[..., 0, :2] = True
    rows = [p.rows(torch.from_numpy(start), [torch.from_numpy(start)]) for p in system.patches]
    return rows, order_coefficients(space, fixed, CPU)


def gram(rows, ordering):
    seen = [r.integral if isinstance(r, SurrogateRows) else r for r in rows]
    jacobian = jacobian_of(seen, ordering)
    return jacobian.T @ jacobian


@pytest.mark.parametrize("around", ["x, y", "x"])
def test_with_constant_coefficients_on_even_knots_it_is_the_inverse(around):
    rows, ordering = flow(around=around)
    inverse = JointModeInverse(rows, ordering)
    right = torch.from_numpy(np.random.default_rng(0).standard_normal((ordering.size, 2)))
    matrix = gram(rows, ordering)
    assert float((inverse(matrix @ right) - right).abs().max()) < 1e-6
    other, _ = flow("(1 + cos(x))", around)  # what it has averaged it does not undo
    assert float((JointModeInverse(other, ordering)(gram(other, ordering) @ right) - right).abs().max()) > 1e-2


def test_an_integral_stays_as_it_is_and_a_flow_takes_few_steps(monkeypatch):
    rows, ordering = flow("(1 + cos(y))", uneven=0.3)
    residuals = [r.residual for r in rows]
    solver = ConjugateGradients(rows, ordering)
    ours = solver.solve(residuals, 1e-10)
    matrix = gram(rows, ordering).numpy()
    exact = np.linalg.solve(matrix, -solver.gradient(residuals))
    assert np.abs(ours - exact).max() < 1e-8 * np.abs(exact).max()
    assert 0 < solver.iterations < 80
    monkeypatch.setattr(preconditioners, "has_joint_preconditioner", lambda space: False)
    apart = ConjugateGradients(rows, ordering)
    apart.solve(residuals, 1e-10)
    assert 2 * solver.iterations < apart.iterations


@pytest.mark.parametrize("count", [7, 8])
def test_waves_of_one_frequency_stand_together(count):
    axis = Axis(np.linspace(0.0, 2 * np.pi, count + 1), 4, True)
    found = periodic_modes(axis, CPU).numpy()
    nodes, weights = (a.reshape(-1) for a in axis.gauss(6))
    values = np.sqrt(weights)[:, None] * (axis.matrix(nodes) @ found)
    there = np.abs(found).sum(0) > 0.0
    assert there.sum() == count
    np.testing.assert_allclose((values.T @ values)[np.ix_(there, there)], np.eye(count), atol=1e-10)
    slopes = values.T @ (np.sqrt(weights)[:, None] * (axis.matrix(nodes, 1) @ found))
    pairs = np.abs(slopes).reshape(len(slopes) // 2, 2, -1, 2).max((1, 3))
    assert np.abs(pairs - np.diag(np.diag(pairs))).max() < 1e-8


def test_several_unknowns_and_several_circles_are_taken_together():
    around, wall = Axis(np.linspace(0, 1, 21), 5, True), Axis(np.linspace(0, 1, 21), 5)
    several = Space((around, around, Axis(np.array([0.0, 1.0]), 5)), 3)
    assert has_joint_preconditioner(several)
    assert not has_joint_preconditioner(Space((wall, wall), 3))
    assert has_joint_preconditioner(Space((around, around), 1))
    assert not has_joint_preconditioner(Space((around, wall), 1))
    assert (
        iteration_work(several, 1e4, 5)
        < PERIODIC_FACTOR * iteration_work(Space(several.axes, 1), 1e4, 5) + mode_work(several) + 1
    )
    long = Axis(np.linspace(0, 1, 3001), 5)
    assert not has_joint_preconditioner(Space((around, long), 3))


def test_in_a_slab_of_one_interval_each_way_all_but_the_time_is_told_apart():
    """A flow in a cube on one interval of degree 7 takes 40 to 190 steps then, each a hundredth of its factor."""
    one, three = Axis(np.array([0.0, 1.0]), 7), Axis(np.linspace(0.0, 1.0, 4), 7)
    cube = Space((one, one, one, Axis(np.array([0.0, 0.2]), 5)), 4)
    assert separated_coordinates(cube) == [0, 1, 2]
    assert has_joint_preconditioner(cube)
    assert separated_coordinates(Space((three, three, three, one), 4)) == [0, 1, 2]
    assert separated_coordinates(Space((Axis(np.linspace(0.0, 1.0, 9), 4, True), three, one), 3)) == [0]
