"""Rows of the residual assembler against autograd and finite differences, and against the sum over all features."""

import numpy as np
import pytest
import sympy
import torch
from patches import (
    CASES,
    CPU,
    LINE,
    PLANE,
    U_X,
    U_XX,
    U,
    X,
    Y,
    coefficients,
    jacobian_of,
    patch,
)

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.patch import Patch
from pinnkan.kan.table import gauss_table, point_table
from pinnkan.problem.statement import Equation


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
    side = point_table(space.axes[0], float(space.axes[0].breaks[-1]), 1, CPU)
    face = Patch(equation, space, [side, gauss_table(space.axes[1], 3, 0, CPU)])
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


def test_what_a_formula_makes_of_one_coordinate_is_worked_out_once_for_each_of_its_points(monkeypatch):
    space = CASES["2-D"][3]
    equation = CompiledEquation(Equation(U - sympy.sin(X) * sympy.sin(Y), {U: PLANE[U]}, ""), (X, Y))
    p = Patch(equation, space, [gauss_table(a, 4, 0, CPU) for a in space.axes])
    seen, sine = [], torch.sin
    monkeypatch.setattr(torch, "sin", lambda x: seen.append(x.numel()) or sine(x))
    zero = torch.zeros(space.shape, dtype=torch.float64)
    residual = p.residual(zero)
    assert seen == [12, 12]
    x, y = p.points.unbind(-1)
    wanted = -sine(x) * sine(y) * p.root_weight
    np.testing.assert_allclose(residual.numpy(), wanted.numpy(), rtol=0, atol=1e-15)
    equation.linearise(p.points, p.jets(zero))
    assert seen == [12, 12, 144, 144]
