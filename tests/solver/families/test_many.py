"""More than three coordinates: blocks where they are needed, compositions where they pay, and honest estimates."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from many_problems import UNIT, bell, coupled, stated

import pinnkan
from pinnkan.errors import UsageError
from pinnkan.kan.blocks import support
from pinnkan.kan.layers.network import random_network
from pinnkan.solver.families.blocks.growth import first_groups, in_words, margin, worthwhile
from pinnkan.solver.families.blocks.judging import judge_by_blocks
from pinnkan.solver.families.blocks.levels import block_levels, first_space, richer
from pinnkan.solver.families.blocks.scattered import scattered, sobol, state
from pinnkan.solver.families.blocks.system import Factor, jacobian
from pinnkan.solver.families.deep.composed import Training
from pinnkan.solver.families.deep.variable_projection import inner, linearised, projected, with_inner
from pinnkan.solver.families.many import forecast
from pinnkan.solver.monitor import Monitor


def levels(problem, count):
    return list(islice(block_levels(state(problem), None, 20, Monitor(None, None)), count))


def solved(problem):
    solution = pinnkan.solve(problem)
    assert solution.verdict.converged, solution.verdict.sentence
    assert solution.true_error <= problem.solver.tolerance
    assert solution.verdict.estimate >= 0.8 * solution.true_error
    return solution


def test_only_the_coordinates_that_the_problem_couples_share_a_block():
    solution = solved(coupled())
    found = {support(g) for g in solution.field.space.groups}
    assert found == {(), (0,), (1,), (2,), (3,), (2, 3)}
    assert "1 on two (x3 x4)" in solution.network


def test_a_block_that_is_missing_is_part_of_the_estimate():
    problem = bell()
    for reached in levels(problem, 2):  # one coordinate, then two: the bell curve needs five
        assert reached.reason is None
        assert reached.level.true_error > 5e-3
        assert 0.8 * reached.level.true_error <= reached.level.estimate <= 10 * reached.level.true_error
    singles = levels(problem, 1)[0]
    alone = judge_by_blocks(state(problem), singles.field, first_space(state(problem), None), 7)
    assert alone.explained < 0.3 * singles.level.true_error  # the same blocks again see little of it
    assert alone.estimate > singles.level.true_error  # what they leave over does


def test_a_function_of_all_coordinates_that_no_block_begins_to_see_is_not_called_solved():
    product = "*".join(f"sin(2*pi*x{i})" for i in range(1, 5))
    problem = stated("lap(u) = lap(v)", product, conditions=(("boundary", "u = 0"),))
    for reached in levels(problem, 3):
        assert reached.reason is None
        assert reached.level.estimate > 1.0


def test_a_tolerance_out_of_reach_ends_without_a_verdict_of_success():
    solution = pinnkan.solve(coupled(solver="tolerance: 1e-13, max_levels: 1"))
    assert solution.verdict.reason == "max_levels"
    assert solution.verdict.estimate >= 0.8 * solution.true_error


VARIANTS = {
    "time": stated("u_t = lap(u)/9 + dt(v) - lap(v)/9", "exp(-t)*sin(x1) + x2*t + x3 - x4", UNIT | {"t": "[0, 2]"},
                   (("initial", "u = v"), ("boundary", "u = v"))),
    "normal": stated("u - lap(u) = v - lap(v)", "cos(pi*x1) + cos(pi*x2)*cos(pi*x3)", UNIT,
                     (("boundary", "dn(u) = 0"),), solver="tolerance: 1e-3"),
    "nonlinear": stated("lap(u) = u**3 + lap(v) - v**3", "sin(x1) + x2*x3 + exp(-x4)"),
    "periodic": stated("u - lap(u) = v - lap(v)", "exp(sin(x1)/2) + x2*cos(x1) + x3 + x4", UNIT | {"x1": "[0, 2*pi]"},
                       (("[x2_low, x2_high, x3_low, x3_high, x4_low, x4_high]", "u = v"),), "x1"),
    "wide": stated("lap(u) = lap(v)", "cos(x1/100) + x2*x3/9e4 + x4/100", {c: "[-300, 500]" for c in UNIT}),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in ("time", "wide") else pytest.mark.slow) for n in VARIANTS]
)
def test_time_normal_derivatives_nonlinear_terms_periods_and_wide_boxes_are_solved(name):
    solved(VARIANTS[name])


def test_a_condition_cannot_be_exact_in_many_coordinates():
    text = coupled().source.replace("equation: u = v", "equation: u = v\n    enforce: exact")
    with pytest.raises(UsageError, match="cannot be exact"):
        pinnkan.solve(pinnkan.problem.registry.parse_problem(text, "many.yaml"))


def test_the_margin_is_one_level_above_with_all_its_lower_neighbours():
    first = first_groups(3, 2)
    assert margin(first) == ((3, 0, 0), (0, 3, 0), (0, 0, 3), (1, 1, 0), (1, 0, 1), (0, 1, 1))
    assert (1, 1, 1) in margin([*first, (1, 1, 0), (1, 0, 1), (0, 1, 1)])
    assert (1, 1, 1) not in margin([*first, (1, 1, 0), (1, 0, 1)])


def test_the_groups_that_carry_the_correction_are_added_first():
    statement = state(coupled())
    space = richer(first_space(statement, None))
    known = len(first_space(statement, None).groups)
    correction = np.full((space.products, 1), 1e-6)
    correction[space.places[space.groups.index((0, 0, 1, 1))]] = 0.1
    noise = np.full((space.products, 1), 1e-14)
    assert worthwhile(space, correction, noise, known) == ((0, 0, 1, 1),)
    assert len(worthwhile(space, 0.0 * correction + 1.0, noise, known)) > 5
    assert worthwhile(space, correction, noise + 0.1, known) == ()  # all of it could be noise


def test_blocks_are_told_in_words():
    assert in_words(((0, 0), (1, 0), (0, 2), (1, 1)), ("x1", "x2")) == "2 on one coordinate, 1 on two (x1 x2)"


@pytest.mark.parametrize("columns", [0, 10_000])
def test_one_factor_solves_the_first_columns_and_all(monkeypatch, columns):
    monkeypatch.setattr("pinnkan.solver.families.blocks.system.QR_COLUMNS", columns)
    statement = state(coupled())
    space = first_space(statement, None)
    matrix, residual = jacobian(scattered(statement, 400, 3), space, None)
    factor = Factor.of(matrix, residual)
    for count in (5, space.size):
        expected = np.linalg.lstsq(matrix[:, :count], -residual, rcond=None)[0]
        np.testing.assert_allclose(factor.step(count), expected, rtol=1e-7, atol=1e-9)
    left = residual + matrix @ factor.step(space.size)
    variance = left @ left / (len(matrix) - space.size)
    expected = variance * np.diag(np.linalg.inv(matrix.T @ matrix))
    np.testing.assert_allclose(factor.chance(), expected, rtol=1e-3)
    smallest = np.linalg.svd(matrix, compute_uv=False)[-1]
    assert factor.smallest() == pytest.approx(smallest, rel=0.1)
    with pytest.raises(np.linalg.LinAlgError):
        Factor.of(np.column_stack([matrix, matrix[:, :1]]), residual)


def test_points_fill_the_box_and_every_side_lies_on_its_face():
    statement = state(VARIANTS["wide"])
    inside, *sides = scattered(statement, 256, 1)
    assert inside.points.min() < -290
    assert inside.points.max() > 490
    for (place, _), rows in zip(statement.conditions, sides, strict=True):
        assert (rows.points[:, place.axis] == (-300, 500)[place.end]).all()
    assert np.abs(sobol([(0.0, 1.0)] * 6, 256, 5).mean(0) - 0.5).max() < 0.01
    assert np.abs(np.random.default_rng(0).random((256, 6)).mean(0) - 0.5).max() > 0.01  # chance does worse


def test_conditions_weigh_the_same_in_any_unit_of_length():
    near, far = (state(coupled(ranges={c: ends for c in UNIT})) for ends in ("[0, 1]", "[0, 100]"))
    weights = [scattered(s, 100, 1)[1].weight for s in (near, far)]
    assert weights[0] / weights[1] == pytest.approx(1e4)


def test_the_forecast_follows_the_order_of_the_levels():
    states = levels(bell(), 2)
    needed, seconds = forecast(states, 1e-6)
    assert needed > 5 * states[-1].level.parameters
    assert seconds > 0
    assert forecast(states, 1.0)[0] == states[-1].level.parameters
    assert forecast(states[:1], 1e-6) == (0.0, 0.0)
    assert forecast([states[1], states[0]], 1e-6)[0] == float("inf")


def small_system():
    statement = state(bell())
    run = Training(statement, richer(first_space(statement, None)), Monitor(None, None))
    network = random_network((5, 1, 1), 5, 2, 0.1, 0)
    return run.system(150, 0, network), network


def test_the_outer_layer_is_at_its_best_in_every_step():
    system, network = small_system()
    rows, _, best = projected(system, network, True)
    again, _, outer = linearised(system, best)
    np.testing.assert_allclose(again.numpy(), rows.numpy(), atol=1e-8)
    assert float((outer.T @ rows).norm()) < 1e-8 * float(outer.norm() * rows.norm())
    assert float((outer.T @ linearised(system, network)[0]).norm()) > 1.0  # not so before


def test_the_projected_jacobian_gives_the_gradient_of_the_projected_loss():
    system, network = small_system()
    rows, jacobian, _ = projected(system, network, True)
    gradient = 2.0 * jacobian().T @ rows
    direction = torch.randn(len(gradient), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    step = 1e-6 * direction
    losses = [
        float(projected(system, with_inner(network, inner(network) + s), True)[0].square().sum()) for s in (step, -step)
    ]
    slope = float(gradient @ direction)
    assert (losses[0] - losses[1]) / 2e-6 == pytest.approx(slope, rel=1e-4)
    plain = 2.0 * linearised(system, network)[1]()[:, : len(gradient)].T @ linearised(system, network)[0]
    assert abs(float(plain @ direction) - slope) > 0.1 * abs(slope)  # without projection it is another one


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_composition_is_found_and_chosen_where_blocks_would_need_thousands(seed):
    solution = solved(bell(f"tolerance: 1e-6, seed: {seed}"))
    assert solution.parameters < 200
    assert "KAN [5, 1, 1]" in solution.network


@pytest.mark.slow
def test_blocks_alone_reach_the_bell_curve_too():
    solution = solved(bell("tolerance: 1e-4, network: product"))
    assert solution.parameters > 500


@pytest.mark.slow
def test_a_composition_gets_points_until_the_residual_off_them_agrees():
    """From this seed the estimate is below the tolerance while the residual between the points is out of proportion."""
    problem = pinnkan.load_problem("poisson5d_gaussian")
    solution = pinnkan.solve(replace(problem, solver=replace(problem.solver, tolerance=1e-4, seed=10)))
    assert solution.verdict.converged
    assert solution.true_error < 1e-4
    assert len(solution.levels) > 1
