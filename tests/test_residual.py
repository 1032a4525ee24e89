"""Rows of the residual assembler against autograd and finite differences, and against the sum over all features."""

import numpy as np
import pytest
import sympy
import torch

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.kan.table import end_table, gauss_table
from pinnkan.ordering import order_coefficients
from pinnkan.problem.statement import Equation, Jet
from pinnkan.residual import CompiledEquation, Patch

CPU = torch.device("cpu")
X, Y = sympy.symbols("x y")
U, U_X, U_XX, U_Y, U_XY, V, V_Y = sympy.symbols("u u_x u_xx u_y u_xy v v_y")
LINE = {U: Jet(0, (0,)), U_X: Jet(0, (1,)), U_XX: Jet(0, (2,))}
PLANE = {U: Jet(0, (0, 0)), U_X: Jet(0, (1, 0)), U_XX: Jet(0, (2, 0)), U_Y: Jet(0, (0, 1)), U_XY: Jet(0, (1, 1))}
PAIR = {U: Jet(0, (0, 0)), U_XX: Jet(0, (2, 0)), V: Jet(1, (0, 0)), V_Y: Jet(1, (0, 1))}
ON_LINE = U_XX * U**2 + sympy.exp(X) * U_X**3 - sympy.sin(U) + X
ON_PLANE = U_XX * (1 + U**2) + U * U_X + sympy.cos(X * Y) * U_Y**2 + U_XY * U_Y - sympy.exp(U)
OF_PAIR = U * V + V_Y**2 * U_XX + X

EVEN, UNEVEN = np.linspace(0.0, 1.0, 4), np.array([0.0, 0.2, 0.7, 1.0])
CASES = {
    "1-D": (ON_LINE, LINE, (X,), Space((Axis(UNEVEN, 5),))),
    "1-D periodic, folded": (ON_LINE, LINE, (X,), Space((Axis(UNEVEN, 6, True),))),
    "2-D": (ON_PLANE, PLANE, (X, Y), Space((Axis(UNEVEN, 4), Axis(EVEN, 3)))),
    "2-D periodic, folded": (ON_PLANE, PLANE, (X, Y), Space((Axis(EVEN, 5, True), Axis(UNEVEN, 3)))),
    "two unknowns": (OF_PAIR, PAIR, (X, Y), Space((Axis(EVEN, 4), Axis(UNEVEN, 3)), 2)),
}


def patch(case, scale=1.3):
    residual, jets, coordinates, space = CASES[case]
    used = {s: j for s, j in jets.items() if s in residual.free_symbols}
    equation = CompiledEquation(Equation(residual, used, str(residual)), coordinates)
    order = [max(j.order[i] for j in used.values()) for i in range(len(coordinates))]
    tables = [gauss_table(a, 4, k, CPU) for a, k in zip(space.axes, order, strict=True)]
    return Patch(equation, space, tables, scale)


def coefficients(space, seed=0):
    return torch.from_numpy(0.5 * np.random.default_rng(seed).standard_normal(space.shape))


def jacobian_of(rows):
    """The Jacobian of all rows, (row, coefficient), column by column."""
    ordering = order_coefficients(rows.space, np.zeros(rows.space.shape, dtype=bool), CPU)
    columns = rows.apply(ordering, torch.eye(ordering.size, dtype=torch.float64))
    return columns.reshape(-1, ordering.size)[:, ordering.position]


@pytest.mark.parametrize("case", CASES)
def test_rows_agree_with_autograd_and_with_finite_differences(case):
    p = patch(case)
    c = coefficients(p.space)
    rows = p.rows(c, [])

    def residual(flat):
        f, _ = p.equation.linearise(p.points, p.jets(flat.reshape(p.space.shape)))
        return (f * p.root_weight).reshape(-1)

    ours = jacobian_of(rows)
    theirs = torch.autograd.functional.jacobian(residual, c.reshape(-1))
    scale = float(theirs.abs().max())
    assert float((ours - theirs).abs().max()) < 1e-10 * scale
    assert float((rows.residual.reshape(-1) - residual(c.reshape(-1))).abs().max()) < 1e-12 * scale
    elsewhere = jacobian_of(p.rows(c + 1e-6, []))
    assert float((elsewhere - theirs).abs().max()) > 1e-10 * scale
    direction, h = coefficients(p.space, 1).reshape(-1), 1e-5
    difference = (residual(c.reshape(-1) + h * direction) - residual(c.reshape(-1) - h * direction)) / (2 * h)
    # Central differences: h^2 f'''/6 and rounding eps/h, both near 1e-10 of the scale.
    assert float((ours @ direction - difference).abs().max()) < 1e-7 * float(difference.abs().max())


@pytest.mark.parametrize("case", CASES)
def test_jets_by_sum_factorisation_are_those_of_the_space(case):
    p = patch(case)
    c = coefficients(p.space)
    points = p.points.reshape(-1, len(p.tables)).numpy()
    orders = [j.order for j in p.equation.jets]
    values = p.space.evaluate(c.numpy(), points, orders)
    expected = np.stack([values[:, j.unknown, k] for k, j in enumerate(p.equation.jets)], -1)
    ours = p.jets(c).reshape(expected.shape).numpy()
    assert np.abs(ours - expected).max() < 1e-12 * np.abs(expected).max()
    assert np.abs(ours[::-1] - expected).max() > 1e-3 * np.abs(expected).max()


@pytest.mark.parametrize("case", CASES)
def test_a_prescribed_move_adds_its_image_to_the_right_hand_side(case):
    p = patch(case)
    c, moves = coefficients(p.space), [coefficients(p.space, 1), coefficients(p.space, 2)]
    plain, moved = p.rows(c, []), p.rows(c, moves)
    jacobian = jacobian_of(plain)
    for side, move in enumerate(moves):
        expected = plain.residual.reshape(-1) + jacobian @ move.reshape(-1)
        ours = moved.residual[..., side].reshape(-1)
        assert float((ours - expected).abs().max()) < 1e-11 * float(expected.abs().max())
        assert float((ours - plain.residual.reshape(-1)).abs().max()) > 1e-3 * float(expected.abs().max())


def test_the_loss_is_the_integral_of_the_squared_residual():
    p = patch("1-D", 2.0)
    c = coefficients(p.space)
    assert float((p.rows(c, []).residual ** 2).sum()) == pytest.approx(p.loss(c), rel=1e-13)
    assert p.volume == pytest.approx(1.0, rel=1e-14)
    assert p.loss(c) == pytest.approx(4.0 * patch("1-D", 1.0).loss(c), rel=1e-13)


def test_a_side_sees_its_end_only():
    space = CASES["2-D"][3]
    equation = CompiledEquation(Equation(U_X + 2 * U, {U: PLANE[U], U_X: PLANE[U_X]}, ""), (X, Y))
    face = Patch(equation, space, [end_table(space.axes[0], 1, 1, CPU), gauss_table(space.axes[1], 3, 0, CPU)])
    assert face.count == 9
    assert bool((face.points[..., 0] == 1.0).all())
    c = coefficients(space)
    y = face.points[0, 0, ..., 1].reshape(-1).numpy()
    u, slope = (space.evaluate_grid(c.numpy(), [np.ones(1), y], (k, 0)).ravel() for k in (0, 1))
    f, _ = equation.linearise(face.points, face.jets(c))
    np.testing.assert_allclose(f.reshape(-1).numpy(), slope + 2 * u, rtol=0, atol=1e-12 * np.abs(slope).max())


def test_only_an_equation_affine_in_the_unknown_is_linear():
    linear = CompiledEquation(Equation(sympy.exp(X) * U_XX + X**3 - U, {U: LINE[U], U_XX: LINE[U_XX]}, ""), (X,))
    assert linear.is_linear
    assert not CompiledEquation(Equation(U * U_X, {U: LINE[U], U_X: LINE[U_X]}, ""), (X,)).is_linear


def test_a_residual_that_is_not_finite_makes_the_loss_not_finite():
    equation = CompiledEquation(Equation(sympy.log(U), {U: LINE[U]}, ""), (X,))
    space = CASES["1-D"][3]
    p = Patch(equation, space, [gauss_table(space.axes[0], 4, 0, CPU)])
    assert not np.isfinite(p.loss(torch.full(space.shape, -1.0, dtype=torch.float64)))
    assert np.isfinite(p.loss(torch.full(space.shape, 2.0, dtype=torch.float64)))
