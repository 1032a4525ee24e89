"""Conditions on a box: which become exact layers of coefficients, and what those layers impose."""

import numpy as np
import pytest
import sympy

from pinnkan.assembly.boundary_values import (
    BoundaryValue,
    end_trace,
    face_coefficients,
    face_samples,
    fix_coefficients,
    sort_conditions,
)
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.expressions.functions import UnitStep
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.registry import parse_problem
from pinnkan.problem.statement import Side

SQUARE = """
name: square
domain:
  x: [0, 2]
  y: [-1, 1]
unknowns: [u]
equations:
  - lap(u) = 0
conditions:
"""
WAVE = """
name: wave
domain:
  x: [0, 1]
  t: [0, 2]
unknowns: [u]
equations:
  - u_tt = u_xx
conditions:
  - where: initial
    equation: u = sin(2*x)
  - where: initial
    equation: u_t = 3*x
  - where: left
    equation: u = 0
  - where: right
    equation: u_x + u = 0
"""


def square(*conditions):
    return parse_problem(SQUARE + "".join(f"  - {{where: {w}, equation: {e!r}}}\n" for w, e in conditions), "t.yaml")


def space(degree=6):
    return Space((Axis(np.array([0.0, 0.4, 1.3, 2.0]), degree), Axis(np.array([-1.0, 0.1, 1.0]), degree - 1)))


def filled(problem, of):
    layers = [(x, face_coefficients(x, of)) for x in sort_conditions(problem).boundary]
    noise = np.random.default_rng(0).standard_normal(of.shape)
    return noise, *fix_coefficients(of, layers, noise, np.zeros(of.shape, dtype=bool))


def test_a_value_and_a_slope_on_one_side_are_exact_and_a_mixture_is_a_row():
    found = sort_conditions(parse_problem(WAVE, "t.yaml"))
    assert [(x.side, x.order) for x in found.initial] == [(Side(1, 0), 0), (Side(1, 0), 1)]
    assert [(x.side, x.order) for x in found.boundary] == [(Side(0, 0), 0)]
    assert [c.place for c in found.rows] == [Side(0, 1)]


def test_a_slope_without_a_value_is_a_row():
    found = sort_conditions(square(("left", "dn(u) = 1"), ("right", "u = 0"), ("bottom", "u = 0"), ("top", "u = 0")))
    assert len(found.boundary) == 3
    assert [c.place for c in found.rows] == [Side(0, 0)]


def test_a_factor_that_varies_makes_a_row_and_a_constant_one_is_divided_out():
    sides = [("right", "u = 0"), ("bottom", "u = 0"), ("top", "u = 0")]
    assert len(sort_conditions(square(("left", "(2 + y)*u = 0"), *sides)).rows) == 1
    found = sort_conditions(square(("left", "-4*u = 8*y"), *sides))
    assert not found.rows
    layer = next(x for x in found.boundary if x.side == Side(0, 0))
    y = np.array([0.5])
    assert layer.value([np.zeros(1), y])[0] == -2 * y


def test_penalty_is_obeyed():
    text = SQUARE + "  - {where: boundary, equation: 'u = 0', enforce: penalty}\n"
    found = sort_conditions(parse_problem(text, "t.yaml"))
    assert (len(found.boundary), len(found.rows)) == (0, 4)


@pytest.mark.parametrize("side", [Side(0, 0), Side(0, 1), Side(1, 0), Side(1, 1)])
def test_fixed_layers_impose_value_slope_and_curvature_exactly(side):
    """Cubics along the side lie in the space: what is left is rounding, times degree^2 / h^2 for a curvature."""
    import sympy

    x, y = sympy.symbols("x y")
    along_side = y if side.axis == 0 else x
    data = [1 + along_side**3, 2 - along_side, 3 * along_side**2]
    of = space()
    layers = [BoundaryValue(side, 0, k, Tape([g], [x, y])) for k, g in enumerate(data)]
    noise = np.random.default_rng(0).standard_normal(of.shape)
    c, fixed = fix_coefficients(
        of, [(q, face_coefficients(q, of)) for q in layers], noise, np.zeros(of.shape, dtype=bool)
    )
    s = np.linspace(0.0, 1.0, 40)
    for k, g in enumerate(data):
        axes = [np.array([of.axes[0].breaks[-side.end]]), np.array([of.axes[1].breaks[-side.end]])]
        low, high = of.axes[1 - side.axis].breaks[[0, -1]]
        axes[1 - side.axis] = low + (high - low) * s
        order = [0, 0]
        order[side.axis] = k
        wanted = np.array([float(g.subs(along_side, v)) for v in axes[1 - side.axis]])
        assert np.abs(of.evaluate_grid(c, axes, order).ravel() - wanted).max() < 1e-11
        assert np.abs(of.evaluate_grid(noise, axes, order).ravel() - wanted).max() > 1e-2
    assert fixed.sum() == 3 * of.axes[1 - side.axis].count
    assert np.array_equal(c[~fixed], noise[~fixed])


def test_edges_agree_at_corners_whatever_the_data():
    """Data outside the space, so that each face is a projection: the corner must not depend on which face came last."""
    sides = [("left", "u = exp(3*x*y)"), ("right", "u = exp(3*x*y)"), ("bottom", "u = exp(3*x*y)"),
             ("top", "u = exp(3*x*y)")]  # fmt: skip
    of = space(4)
    _, forward, fixed = filled(square(*sides), of)
    _, backward, _ = filled(square(*sides[::-1]), of)
    assert np.abs(forward - backward)[fixed].max() < 1e-13 * np.abs(forward[fixed]).max()
    for i, x in ((0, 0.0), (-1, 2.0)):
        for j, y in ((0, -1.0), (-1, 1.0)):
            assert abs(forward[i, j, 0] - np.exp(3 * x * y)) < 1e-12 * np.exp(6)
    wrong = filled(square(*sides[:3], ("top", "u = exp(3*x*y) + 1e-9")), of)[1]
    assert np.abs(forward - wrong)[fixed].max() > 1e-13 * np.abs(forward[fixed]).max()


def test_initial_value_and_velocity_leave_the_trace_at_the_end_free():
    problem = parse_problem(WAVE, "t.yaml")
    of = Space((Axis(np.linspace(0, 1, 4), 8), Axis(np.array([0.0, 2.0]), 6)))
    found = sort_conditions(problem)
    noise = np.random.default_rng(0).standard_normal(of.shape)
    layers = [(x, face_coefficients(x, of)) for x in found.initial]
    c, fixed = fix_coefficients(of, layers, noise, np.zeros(of.shape, dtype=bool))
    x = np.linspace(0, 1, 30)
    value, slope = (of.evaluate_grid(c, [x, np.zeros(1)], (0, k)).ravel() for k in (0, 1))
    assert np.abs(value - np.sin(2 * x)).max() < 1e-9  # projection of a sine, degree 8 on thirds: 3^-9 * 2^9 / 9! / 2^8
    assert np.abs(slope - 3 * x).max() < 1e-11
    assert np.array_equal(end_trace(of.axes[1], c, 0, 1)[:, 0], c[:, -1, 0])
    assert not fixed[:, -1].any()


def test_a_trace_is_the_derivative_at_the_upper_end():
    of = space()
    c = np.random.default_rng(0).standard_normal(of.shape)
    y = np.linspace(-1, 1, 20)
    for order in range(3):
        line = Space(of.axes[1:])
        trace = line.evaluate_grid(end_trace(of.axes[0], c, order, 0), [y], (0,))
        full = of.evaluate_grid(c, [np.array([2.0]), y], (order, 0))[0]
        np.testing.assert_allclose(trace, full, rtol=0, atol=1e-12 * np.abs(full).max())


def test_a_formula_on_a_face_is_worked_out_on_the_lines_of_its_grid():
    """Not at each of its points, which in space are millions."""
    seen = []

    class Recorded(Tape):
        def __call__(self, values, namespace=np):
            seen.extend(np.size(v) for v in values)
            return super().__call__(values, namespace)

    x, y = sympy.symbols("x y")
    of, axis = space(), space().axes[0]
    found = face_coefficients(BoundaryValue(Side(1, 0), 0, 0, Recorded([sympy.sin(x) + y], [x, y])), of)
    assert seen == [len(axis.projection_points()), 1] * 2  # at the ends, and from inside
    np.testing.assert_allclose(axis.matrix(np.array([0.7])) @ found, np.sin(0.7) - 1.0, atol=1e-6)
    assert abs((axis.matrix(np.array([0.7])) @ found)[0] - np.sin(0.7)) > 0.9


@pytest.mark.parametrize(("end", "first", "last"), [(1.0, 1.0, 1.0), (1.5, 1.0, 0.0), (2.0, 0.0, 0.0)])
def test_data_that_jump_at_an_end_are_taken_from_inside(end, first, last):
    """What is switched off at t = 1: a slab before it, one across and one after it."""
    x, t = sympy.symbols("x t", real=True)
    given = BoundaryValue(Side(0, 0), 0, 0, Tape([1 - UnitStep(t - 1)], [x, t]))
    start = 1.0 if end == 2.0 else 0.5
    space = Space((Axis(np.linspace(0.0, 1.0, 3), 3), Axis(np.array([start, end]), 3)))
    samples = face_samples(given, space)[0]
    assert (samples[0], samples[-1]) == (first, last)


def test_data_that_do_not_jump_are_taken_at_the_ends():
    x, t = sympy.symbols("x t", real=True)
    given = BoundaryValue(Side(0, 0), 0, 0, Tape([sympy.exp(t)], [x, t]))
    space = Space((Axis(np.linspace(0.0, 1.0, 3), 3), Axis(np.array([0.5, 1.0]), 3)))
    samples = face_samples(given, space)[0]
    assert (samples[0], samples[-1]) == (np.exp(0.5), np.exp(1.0))
