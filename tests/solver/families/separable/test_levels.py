"""Sums of products of all coordinates: solved, judged, refined; closed-form truth."""

from dataclasses import replace

import numpy as np
import pytest
from errors_of import true_error
from many_problems import UNIT, VARIANTS, model_of, stated, told
from stored_state import Ending, same_bits, stored

from pinnkan.assembly.separable.point_rows import PointRows, graded_points
from pinnkan.assembly.separable.separated_rows import SeparatedRows, gauss_rule
from pinnkan.assembly.separable.system import SeparableModel, linearise_at_points
from pinnkan.kan.axis import Axis
from pinnkan.solver.driver import solve
from pinnkan.solver.families.separable.knots import predicted_size, resolve_functions
from pinnkan.solver.families.separable.levels import SeparableLevels
from pinnkan.solver.families.separable.minimise import alternating_least_squares, levenberg_marquardt
from pinnkan.solver.families.separable.state import SeparableState
from pinnkan.solver.level_loop import initial_levels_state, solve_levels
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.verify.findings import Decision, NeedsKnots
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature
from pinnkan.solver.verify.verifier import Verifier
from pinnkan.verdict.records import Reason


def sines(*numbers):
    return "*".join(f"sin({n}*pi*x{i})" for i, n in enumerate(numbers, 1))


def cube(dimension):
    return {f"x{i}": "[0, 1]" for i in range(1, dimension + 1)}


def poisson(exact, dimension=4, **settings):
    return stated("-lap(u) = -lap(v)", exact, cube(dimension), **settings)


THREE = f"{sines(1, 1, 1, 1)} + {sines(2, 1, 3, 1)} + {sines(1, 2, 2, 3)}"


def levels(problem, most=8):
    return SeparableLevels(model_of(problem), None, most, "asked for")


def solved(problem, most=8):
    """The state and the outcome of a solve that converged; checks what every level promises."""
    family, states = levels(problem, most), []
    monitor = Monitor(None, None, lambda state, _: states.append(state))
    outcome, _ = solve_levels(family, Verifier(family.model), monitor, initial_levels_state(family))
    for level in outcome.levels:
        assert level.estimate >= 0.8 * level.true_error, level
    assert outcome.reason == Reason.CONVERGED
    assert outcome.levels[-1].true_error <= problem.solver.tolerance
    return states[-1].family_state, outcome


def minimised(family, state):
    return family.minimise(state, 0, Monitor(None, None))[0]


def true(problem, family, state):
    return true_error(problem, family.samples(state))


@pytest.mark.parametrize("dimension", [4, 5, pytest.param(10, marks=pytest.mark.slow)])
def test_a_product_of_all_coordinates_takes_one_term_and_coefficients_linear_in_their_number(dimension):
    state, _ = solved(poisson(sines(*[1] * dimension), dimension, solver="tolerance: 1e-6"), 1)
    assert state.product_count == 1
    assert state.parameter_count == 12 * dimension


def test_three_products_that_couple_all_coordinates_are_found_as_three_terms():
    state, _ = solved(poisson(THREE))
    assert state.product_count == 3


def test_a_layer_in_one_coordinate_takes_knots_there_and_nowhere_else():
    state, _ = solved(poisson(f"tanh((x1 - 0.5)/0.02)*{sines(0, 1, 1, 1).split('*', 3)[3]}"))
    assert state.product_count == 1
    counts = [a.intervals for a in state.function.axes]
    assert counts[0] > 20
    assert counts[1:] == [3, 3, 3]
    assert np.diff(state.function.axes[0].breaks).min() < 0.02


@pytest.mark.slow
def test_a_fast_product_beside_functions_of_one_coordinate_is_solved():
    state, _ = solved(poisson(f"x1 + x2 + x3 + x4 + 0.5*{sines(9, 8, 7, 9)}", solver="tolerance: 1e-4"))
    assert state.singles == (0, 1, 2, 3)


@pytest.mark.slow
def test_a_resonant_mode_that_no_start_holds_is_in_the_estimate_and_then_in_the_solution():
    k2 = "(18*pi**2 - 1e-2)"
    problem = stated(f"lap(u) + {k2}*u = lap(v) + {k2}*v", f"x1 + {sines(2, 3, 1, 2)}", solver="tolerance: 1e-4")
    family = levels(problem)
    state = minimised(family, family.initial_state())
    assert state.loss < 1e-5  # of 9e6 without the solution: the residual alone would be believed
    assert true(problem, family, state) > 0.3
    found = family.estimate(state, None, None)
    assert found.sigma < 0.02
    assert found.size > 0.3
    solved(problem)


CONDITIONS = {
    "normal": stated("u - lap(u) = v - lap(v)", "cos(pi*x1)*cos(pi*x2)*cos(pi*x3)*cos(pi*x4)", UNIT,
                     (("boundary", "dn(u) = 0"),)),
    "robin": stated("-lap(u) = -lap(v)", "exp(x1)*sin(x2 + 0.3)*cos(x3)*(1 + x4)", UNIT,
                    (("[x1_low, x1_high]", "u = v"),
                     ("[x2_low, x2_high, x3_low, x3_high, x4_low, x4_high]", "dn(u) + u = dn(v) + v"))),
    "periodic": stated("u - lap(u) = v - lap(v)", "exp(sin(x1)/2)*sin(pi*x2)*cos(x3)*exp(x4)",
                       UNIT | {"x1": "[0, 2*pi]"},
                       (("[x2_low, x2_high, x3_low, x3_high, x4_low, x4_high]", "u = v"),), "x1"),
    "time": stated("u_t = lap(u)/9 + dt(v) - lap(v)/9", f"exp(-t)*{sines(1, 1, 1, 1)}", UNIT | {"t": "[0, 2]"},
                   (("initial", "u = v"), ("boundary", "u = v"))),
    "variable": stated("-lap(u) - x1*x2*dx1(u) + exp(x1*x3)*u = -lap(v) - x1*x2*dx1(v) + exp(x1*x3)*v",
                       sines(1, 1, 1, 1)),
    "cubic": stated("lap(u) = u**3 + lap(v) - v**3", sines(1, 1, 1, 1)),
    "exponential": stated("lap(u) = exp(u) + lap(v) - exp(v)", sines(1, 1, 1, 1)),
    "entangled": stated("-lap(u) + u/sqrt(1 + x1 + x2*x3 + x4**2) = -lap(v) + v/sqrt(1 + x1 + x2*x3 + x4**2)",
                        sines(1, 1, 1, 1)),
}  # fmt: skip


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=() if n in ("cubic", "entangled") else pytest.mark.slow) for n in CONDITIONS]
)
def test_conditions_of_every_kind_time_and_terms_that_do_not_separate_are_solved(name):
    solved(CONDITIONS[name], 3)


def system_of_three(terms=3, seed=0):
    """Rows of a sum of three products with free ends, at a random sum of so many."""
    problem = poisson("exp(x1)*cos(x2)*sin(x3)*x4 + x1*x2*x3 + cos(x4)")
    model = SeparableModel(model_of(problem))
    axes = [Axis(np.array([0.0, 0.4, 1.0]), 5) for _ in range(4)]
    system = model.system(axes, None, terms, 0)
    rng = np.random.default_rng(seed)
    smooth = tuple(rng.standard_normal((terms, w.count)) / (1.0 + np.arange(w.count)) ** 3 for w in system.waves)
    return model, system, smooth


def test_integrals_of_one_dimension_are_the_mean_over_the_box():
    model, system, edges = system_of_three()
    rule = gauss_rule(system.axes)
    points = np.stack([g.ravel() for g in np.meshgrid(*(x for x, _ in rule), indexing="ij")], -1)
    weights = np.einsum("a,b,c,d->abcd", *(w for _, w in rule)).ravel()
    residual, _, _ = linearise_at_points(model.placed_equations[0].compiled, points, system.function(edges))
    assert isinstance(system.rows[0], SeparatedRows)
    assert system.rows[0].loss(edges) == pytest.approx(weights @ residual**2, rel=1e-9)
    more = (2.0 * edges[0], *edges[1:])
    assert system.rows[0].loss(more) != pytest.approx(weights @ residual**2, rel=0.1)


def test_the_joint_gradient_and_matrix_are_those_of_the_loss():
    _, system, edges = system_of_three()
    rng = np.random.default_rng(2)
    move = tuple(1e-5 * rng.standard_normal(e.shape) for e in edges)
    flat = np.concatenate([m.ravel() for m in move])
    up = system.loss(tuple(e + m for e, m in zip(edges, move, strict=True)))
    down = system.loss(tuple(e - m for e, m in zip(edges, move, strict=True)))
    matrix, left = system.joint_normal_equations(edges)
    assert up - down == pytest.approx(-4.0 * flat @ left, rel=1e-6)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-9, atol=1e-9 * np.abs(matrix).max())
    for k in range(4):
        own, right = system.edge_normal_equations(edges, k)
        here = slice(sum(e.size for e in edges[:k]), sum(e.size for e in edges[: k + 1]))
        np.testing.assert_allclose(matrix[here, here], own, rtol=1e-9, atol=1e-9 * np.abs(own).max())
        np.testing.assert_allclose(left[here], right - own @ edges[k].ravel(), atol=1e-9 * np.abs(right).max())


def test_rows_at_points_are_the_integrals_that_they_sample():
    _, system, edges = system_of_three()
    points, weights = graded_points(system.axes, 2**15, 0)
    model = SeparableModel(model_of(poisson("exp(x1)*cos(x2)*sin(x3)*x4 + x1*x2*x3 + cos(x4)")))
    residual, slopes, _ = linearise_at_points(model.placed_equations[0].compiled, points, None)
    orders = [j.order for j in model.placed_equations[0].compiled.jets]
    root = np.sqrt(weights)
    rows = PointRows(system.waves, points, {o: root * slopes[:, k] for k, o in enumerate(orders)}, -root * residual)
    exact = system.rows[0]
    assert rows.loss(edges) == pytest.approx(exact.loss(edges), rel=0.02)
    assert rows.image_norm_squared(edges) == pytest.approx(exact.image_norm_squared(edges), rel=0.02)
    for mine, theirs in zip(rows.joint_normal_equations(edges), exact.joint_normal_equations(edges), strict=True):
        assert np.linalg.norm(mine - theirs) < 0.05 * np.linalg.norm(theirs)


def test_levenberg_marquardt_on_all_edges_goes_where_alternation_stalls():
    """From the same start: three products of fast growth that are much alike."""
    problem = poisson("exp(x1 - x2)*cos(2*x3)*(1 + x4**2) + x1*x2*sin(3*x3)*exp(-x4) + cos(x1)*x2*x3*x4")
    family = levels(problem)
    system = family.rows.system(family.initial_state().function.axes, None, 3, 0)
    rng = np.random.default_rng(0)
    edges = tuple(rng.standard_normal((3, w.count)) / (1.0 + np.arange(w.count)) ** 2 for w in system.waves)
    trained = system.trained_masks(3)
    alone = alternating_least_squares(system, edges, trained, 60)
    first, last = (alternating_least_squares(system, edges, trained, sweeps).loss for sweeps in (1, 61))
    assert last == alone.loss < 0.9 * first  # it has stalled, and no sooner
    assert levenberg_marquardt(system, alone.edges, trained, 60).loss < 1e-3 * alone.loss


def test_points_follow_the_knots_and_their_weights_are_a_mean():
    axis = Axis(np.array([0.0, 0.48, 0.49, 0.5, 0.51, 0.52, 1.0]), 3)
    points, weights = graded_points([axis, Axis(np.array([0.0, 1.0]), 3)], 4096, 0)
    inside = (points[:, 0] > 0.48) & (points[:, 0] < 0.52)
    assert inside.mean() > 0.3  # 4 % of the range
    assert weights.sum() == pytest.approx(1.0, abs=1e-3)
    assert weights @ points[:, 0] ** 2 == pytest.approx(1.0 / 3.0, abs=1e-3)


def test_there_are_more_points_than_coefficients_of_all_terms():
    model = SeparableModel(model_of(VARIANTS["nonlinear"]))
    axes = (Axis(np.linspace(0.0, 1.0, 41), 9),) * 4
    few, many = (model.system(axes, None, terms, 0).rows[0] for terms in (10, 20))
    assert isinstance(few, PointRows)
    assert 2 < len(few.source) / (10 * sum(axis.count for axis in axes)) < 4
    assert len(many.source) == 2 * len(few.source)


def test_first_knots_find_a_spike_in_a_source_that_coarse_points_miss():
    axis = Axis(np.linspace(0.0, 1.0, 4), 9)
    spiky = resolve_functions(axis, lambda x: np.exp(-(((x - 0.41237) / 1e-5) ** 2))[None])
    assert np.diff(spiky.breaks).min() < 1e-4
    assert resolve_functions(axis, lambda x: np.sin(3 * x)[None]) is axis


def test_the_prediction_counts_terms_and_is_silent_where_the_family_is_no_choice():
    one, three = predicted_size(model_of(poisson(sines(1, 1, 1, 1)))), predicted_size(model_of(poisson(THREE)))
    assert one == 48.0
    assert 2 * one <= three <= 6 * one
    assert predicted_size(model_of(poisson("sin(pi*x1)*x2*x3", 3))) is None
    assert predicted_size(model_of(CONDITIONS["entangled"])) is None


@pytest.mark.slow
def test_a_solve_goes_on_from_every_stored_state_to_the_same_bits():
    problem = poisson(f"{sines(1, 1, 1, 1)} + 0.01*{sines(2, 3, 1, 1)}", solver="tolerance: 1e-4")
    whole, states = told(problem)
    own = [s for s in states if isinstance(s.family_state, SeparableState)]
    assert whole.verdict.converged
    assert len(own) > 3
    assert {s.family_state.is_solved for s in own} == {True, False}
    for state in own:
        again = solve(problem, monitor=Monitor(None, None, resumed=stored(state)))
        assert same_bits(again, whole)
        assert [replace(x, seconds=0) for x in again.levels] == [replace(x, seconds=0) for x in whole.levels]
        assert again.network == whole.network
    last = own[-1].family_state
    moved = replace(own[-1], family_state=replace(last, function=last.function.plus(last.function, 1e-9)))
    assert not same_bits(solve(problem, monitor=Monitor(None, None, resumed=moved)), whole)


def test_the_time_limit_cuts_a_level_short():
    family = levels(poisson(THREE))
    whole, steps = family.minimise(replace(family.initial_state(), target_products=3), 0, Monitor(None, None))
    assert (whole.function.terms, [s.iteration for s in steps]) == (3, list(range(len(steps))))
    assert family.minimise(replace(family.initial_state(), target_products=3), 0, Ending(1))[0].function.terms < 3
    system = family.rows.system(whole.function.axes, None, 3, 0)
    edges = tuple(1.1 * e for e in system.edges(whole.function))
    assert levenberg_marquardt(system, edges, system.trained_masks(3), 5).steps
    assert not levenberg_marquardt(system, edges, system.trained_masks(3), 5, lambda: True).steps


def test_a_feature_that_was_missed_gets_knots():
    family = levels(poisson(sines(1, 1, 1, 1)))
    state = minimised(family, family.initial_state())
    found = family.estimate(state, None, None)
    missed = HiddenFeature(np.array([0.3, 0.5, 0.5, 0.5]), np.array([1e-4, 1.0, 1.0, 1.0]), 1.0)
    counts = [a.intervals for a in family.refine(state, found, Decision(findings=(NeedsKnots(missed),))).function.axes]
    assert counts[0] > 10
    assert counts[1:] == [3, 3, 3]
    assert [a.intervals for a in family.refine(state, found, Decision()).function.axes] != counts


def test_levels_that_lower_no_estimate_are_in_vain_and_too_many_coefficients_the_end():
    _, outcome = solved(poisson(sines(1, 1, 1, 1)))
    family, level = levels(poisson(sines(1, 1, 1, 1))), outcome.levels[0]
    resting = [replace(level, estimate=e) for e in (1e-2, 9e-3, 8e-3, 9e-3, 7e-3)]
    assert family.stagnation_reason(resting)
    assert not family.stagnation_reason(resting[:-1])
    assert not family.stagnation_reason([*resting, replace(level, estimate=1e-4)])
    state = minimised(family, family.initial_state())
    found = family.estimate(state, None, None)
    assert family.refine(state, found, Decision()) is not None
    assert family.refine(replace(state, target_products=100), found, Decision()) is None
