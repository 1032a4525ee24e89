from dataclasses import replace

import numpy as np
import pytest
import sympy
import torch

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.kan.layers.deep_field import Piece
from pinnkan.kan.layers.inputs import Inputs
from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.network import random_network
from pinnkan.problem.statement import Condition, Equation, Jet, Problem, Side, SolverSettings
from pinnkan.solver.families.deep.points import equidistributed, gauss_cells, tensor
from pinnkan.solver.families.deep.rows import Group, NetworkSystem
from pinnkan.solver.families.deep.settings import choose_settings, choose_slabs
from pinnkan.solver.families.deep.starts import continuations
from pinnkan.solver.families.deep.sweeps import DeepField, slabs_of, solve_deep
from pinnkan.solver.families.deep.system import Slab, cells_for, heldout_loss, make_system, mean_square

X, T = sympy.symbols("x t")
U, UX, UXX, UT = sympy.symbols("u u_x u_xx u_t")


def equation(residual, **jets):
    symbols = {s.name: s for s in residual.free_symbols}
    return Equation(residual, {symbols[name]: Jet(0, order) for name, order in jets.items()}, str(residual))


def poisson(**settings):
    exact = sympy.sin(2 * X) + X**2
    value = equation(U - exact, u=(0,))
    return Problem(
        name="poisson",
        about="",
        coordinates=(X,),
        ranges=((0.0, 2.0),),
        periodic=(False,),
        time_axis=None,
        unknowns=("u",),
        equations=(equation(UXX - sympy.diff(exact, X, 2), u_xx=(2,)),),
        conditions=tuple(Condition(Side(0, end), value, "auto", "side") for end in (0, 1)),
        exact={"u": exact},
        solver=SolverSettings(hidden=(3,), **settings),
    )


def burgers(**settings):
    """Burgers' equation with a travelling exact solution: Dirichlet data that move, and slabs."""
    exact = 1 - sympy.tanh((X - T) / 2)  # c - a tanh(a (x - c t) / (2 nu)) with a = c = nu = 1
    value = equation(U - exact, u=(0, 0))
    start = equation(U - exact.subs(T, 0), u=(0, 0))
    return Problem(
        name="burgers",
        about="",
        coordinates=(X, T),
        ranges=((-2.0, 2.0), (0.0, 1.0)),
        periodic=(False, False),
        time_axis=1,
        unknowns=("u",),
        equations=(equation(UT + U * UX - UXX, u=(0, 0), u_t=(0, 1), u_x=(1, 0), u_xx=(2, 0)),),
        conditions=(
            Condition(Side(1, 0), start, "auto", "initial"),
            Condition(Side(0, 0), value, "auto", "left"),
            Condition(Side(0, 1), value, "auto", "right"),
        ),
        exact={"u": exact},
        solver=SolverSettings(hidden=(3,), time_slabs=2, knots=2, **settings),
    )


@pytest.fixture(scope="module")
def moving():
    return solve_deep(burgers(max_levels=2, tolerance=1e-4), estimate=None)


def test_a_steady_problem_reaches_its_tolerance_and_says_so():
    seen = []
    result = solve_deep(poisson(tolerance=1e-5), progress=seen.append)
    assert result.reason == ""
    assert result.levels[-1].true_error < 1e-5
    assert result.levels[0].true_error > result.levels[-1].true_error  # the levels do something
    assert seen.count(result.levels[-1]) == 1
    assert result.widths == (1, 3, 1)


def test_a_tolerance_out_of_reach_is_not_reported_as_reached():
    result = solve_deep(poisson(tolerance=1e-13, max_levels=2))
    assert result.reason == "max_levels"
    assert len(result.levels) == 2
    hurried = solve_deep(poisson(tolerance=1e-13, max_time=0.0))
    assert hurried.reason == "max_time"


def test_the_estimate_that_is_handed_in_decides():
    result = solve_deep(poisson(tolerance=1e-13), estimate=lambda field: (1e-14, None))
    assert result.reason == ""
    assert [level.estimate for level in result.levels] == [1e-14]


def test_slabs_follow_a_moving_front(moving):
    assert moving.levels[-1].true_error < 2e-4
    x = np.linspace(-2, 2, 50)
    low, high = (moving.field(np.stack([x, np.full(50, t)], 1), [(0, 0)])[:, 0, 0] for t in (0.5, 0.5 + 1e-9))
    np.testing.assert_allclose(low, high, atol=1e-3)  # the trace carries over
    last = Piece(Inputs(((-2.0, 2.0), (0.0, 0.5)), (False, False)), moving.field.pieces[1].network, ())
    wrong = last.jets(np.stack([x, np.full(50, 0.5)], 1), [(0, 0)])[:, 0, 0]  # a slab shifted in time is seen
    assert np.abs(low - wrong).max() > 1e-2


def test_the_field_keeps_its_values_when_stored_and_restored(moving):
    field = moving.field
    tensors, meta = field.tensors()
    again = DeepField.restore(tensors, meta)
    axes = [np.linspace(-2, 2, 9), np.array([0.0, 0.3, 0.5, 0.9])]
    for order in [(0, 0), (2, 0), (0, 1)]:
        np.testing.assert_array_equal(field.grid(axes, order), again.grid(axes, order))
    np.testing.assert_array_equal(field.breaks(1), [0.0, 0.5, 1.0])
    assert field.breaks(0, time=0.7)[[0, -1]].tolist() == [-2.0, 2.0]
    del tensors["piece1.layer0.weight"]
    with pytest.raises(KeyError):
        DeepField.restore(tensors, meta)


def test_derivatives_of_the_field_are_those_of_its_values(moving):
    points = np.array([[-1.2, 0.2], [0.3, 0.7]])
    jets = moving.field(points, [(0, 0), (1, 0), (0, 1)])[:, 0]
    h = 1e-6
    for axis in range(2):
        shift = np.eye(2)[axis] * h
        ahead, behind = (moving.field(points + s * shift, [(0, 0)])[:, 0, 0] for s in (1, -1))
        np.testing.assert_allclose(jets[:, 1 + axis], (ahead - behind) / (2 * h), rtol=1e-6, atol=1e-8)
    assert np.abs(jets[:, 1] - jets[:, 2]).max() > 1e-2


def test_the_jacobian_of_all_rows_agrees_with_autograd():
    problem = burgers()
    slab = slabs_of(problem, 2)[1]
    inputs = Inputs(slab.ranges, problem.periodic)
    piece = Piece(inputs, random_network((2, 3, 1), 4, 2, 0.3, seed=1), ())
    piece = replace(piece, cells=cells_for(slab, piece))
    system = make_system(problem, slab, piece, piece, "cpu")
    network = piece.network
    rows, tangent = system.evaluate(network)
    theirs = torch.autograd.functional.jacobian(lambda w: system.evaluate(network.with_flat(w))[0], network.flat())
    scale = float(theirs.abs().max())
    assert rows.shape == (system.rows,)
    torch.testing.assert_close(tangent(), theirs, rtol=0, atol=1e-10 * scale)
    loss, gradient = system.descend(network)
    torch.testing.assert_close(loss, rows @ rows, rtol=1e-13, atol=0)
    torch.testing.assert_close(gradient, 2 * theirs.T @ rows, rtol=1e-10, atol=1e-10 * float(gradient.abs().max()))
    moved = system.evaluate(network.with_flat(network.flat() * (1 + 1e-6)))[1]()
    assert float((moved - theirs).abs().max()) > 1e-10 * scale


def test_several_unknowns_and_equations_have_the_right_rows():
    v = sympy.Symbol("v")
    first = Equation(U * v - X, {U: Jet(0, (0,)), v: Jet(1, (0,))}, "")
    second = Equation(UX - v, {UX: Jet(0, (1,)), v: Jet(1, (0,))}, "")
    inputs = Inputs(((0.0, 1.0),), (True,))
    network = random_network((2, 3, 2), 3, 2, 0.3, seed=2)
    x = np.linspace(0.1, 0.9, 5)[:, None]
    equations = [CompiledEquation(e, (X,)) for e in (first, second)]
    groups = [Group.build(equations, x, np.ones(5), "cpu"), Group.build(equations[:1], x, 2 * np.ones(5), "cpu")]
    system = NetworkSystem(groups, inputs)
    rows, tangent = system.evaluate(network)
    theirs = torch.autograd.functional.jacobian(lambda w: system.evaluate(network.with_flat(w))[0], network.flat())
    assert rows.shape == (15,)
    torch.testing.assert_close(rows[5:10], 2.0 * rows[:5])  # first equation, both groups; then the second
    torch.testing.assert_close(tangent(), theirs, rtol=0, atol=1e-10 * float(theirs.abs().max()))


def test_periodic_inputs_have_exact_jets_and_wrap():
    inputs = Inputs(((-1.0, 2.0), (0.0, 4.0)), (True, False))
    jets = JetSet([(3, 0), (0, 2)])
    x = torch.tensor([[0.3, 1.0], [3.3, 1.0]], dtype=torch.float64)
    z = inputs.jets(jets, x)
    torch.testing.assert_close(z[:, 0], z[:, 1], rtol=0, atol=1e-12)
    rate = 2 * np.pi / 3
    theta = rate * 1.3
    for n, value in enumerate(
        [np.cos(theta), -rate * np.sin(theta), -(rate**2) * np.cos(theta), rate**3 * np.sin(theta)]
    ):
        assert float(z[jets.position[(n, 0)], 0, 0]) == pytest.approx(value, rel=1e-12)
    assert float(z[0, 0, 1]) == pytest.approx(np.sin(theta), rel=1e-12)
    assert float(z[jets.position[(0, 1)], 0, 2]) == 0.5


def test_continuations_meet_the_end_of_the_slab_before():
    network = random_network((2, 3, 1), 5, 3, 0.3, seed=4)
    x = torch.linspace(-1, 1, 11, dtype=torch.float64)
    jets = JetSet([(0, 1)])
    inputs = Inputs(((-1.0, 1.0), (-1.0, 1.0)), (False, False))

    def values(n, t):
        return n.forward(jets, inputs.jets(jets, torch.stack([x, torch.full_like(x, t)], 1)))[0][..., 0]

    end = values(network, 1.0)
    same, still, tangent = (values(n, -1.0) for n in continuations(network))
    torch.testing.assert_close(still[0], end[0], rtol=0, atol=1e-12)
    torch.testing.assert_close(still[1], torch.zeros_like(x), rtol=0, atol=1e-11)
    torch.testing.assert_close(tangent, end, rtol=0, atol=1e-11)
    assert float((same[0] - end[0]).abs().max()) > 1e-3


def test_points_integrate_and_follow_a_steep_place():
    points, weights = tensor([gauss_cells(np.array([0.0, 0.2, 1.0]), 3), gauss_cells(np.array([-1.0, 2.0]), 3)])
    assert float(weights @ (points[:, 0] ** 5 * points[:, 1] ** 2)) == pytest.approx(1 / 6 * 3, rel=1e-12)
    x = np.linspace(-1, 1, 401)
    breaks = equidistributed(x, 1 + 50 * np.exp(-((x / 0.02) ** 2)), 20)
    assert breaks[[0, -1]].tolist() == [-1.0, 1.0]
    assert np.diff(breaks).min() < 0.1 * np.diff(breaks).max()
    assert np.ptp(np.diff(equidistributed(x, np.ones(401), 20))) < 1e-12


def test_conditions_weigh_as_the_operator_scales():
    problem = poisson()
    inputs = Inputs(problem.ranges, problem.periodic)
    slab = Slab(problem.ranges, None, True)
    weights = []
    for knots in (4, 8):
        piece = Piece(inputs, random_network((1, 3, 1), 5, knots, 0.1, seed=0), (np.array([0.0, 1.0, 2.0]),))
        weights.append(float(make_system(problem, slab, piece, None, "cpu").groups[1].weights[0]))
    assert weights[1] / weights[0] == pytest.approx(2**1.5, rel=1e-12)
    assert weights[0] == pytest.approx(0.5**-1.5, rel=1e-12)


def test_heldout_points_are_not_training_points():
    problem = poisson()
    inputs = Inputs(problem.ranges, problem.periodic)
    slab = Slab(problem.ranges, None, True)
    piece = Piece(inputs, random_network((1, 3, 1), 5, 4, 0.1, seed=0), (np.linspace(0, 2, 40),))
    system = make_system(problem, slab, piece, None, "cpu")
    assert heldout_loss(problem, slab, piece, None, "cpu") == pytest.approx(mean_square(system, piece), rel=1e-6)
    coarse = replace(piece, cells=(np.array([0.0, 2.0]),))
    seen = mean_square(make_system(problem, slab, coarse, None, "cpu"), coarse)
    assert heldout_loss(problem, slab, coarse, None, "cpu") != pytest.approx(seen, rel=1e-6)


def test_the_degree_covers_the_order_of_the_equation():
    assert choose_settings(poisson()).degree == 5
    high = Equation(UXX, {UXX: Jet(0, (4,))}, "")
    assert choose_settings(replace(poisson(), equations=(high,))).degree == 6
    assert choose_settings(poisson(degree=8)).degree == 8


def test_slabs_follow_the_kind_of_equation():
    assert choose_slabs(poisson()) == 1
    assert choose_slabs(burgers()) == 8
    heat = equation(UT - UXX, u_t=(0, 1), u_xx=(2, 0))
    assert choose_slabs(replace(burgers(), equations=(heat,))) == 2
    wave = equation(UT - UXX + U**3, u=(0, 0), u_t=(0, 2), u_xx=(2, 0))
    assert choose_slabs(replace(burgers(), equations=(wave,))) == 4
    assert choose_settings(burgers()).slabs == 2  # the user's word
