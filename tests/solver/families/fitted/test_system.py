"""Least squares in turned coordinates: the domain immersed in their box, conditions and starts as rows."""

import numpy as np
import torch
from askew_problems import SMOOTH, TURNING, error_of, model_of, steady_system, step_from

from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import FittedPiece
from pinnkan.kan.product import Space
from pinnkan.solver.families.fitted.initial_front import extrapolate_coordinates, front_coordinates, initial_values
from pinnkan.solver.families.fitted.system import PARTS_PER_INTERVAL, ImmersedSystem

MIXED = """
name: mixed
domain:
  x: [0, 1]
  y: [0, 1]
functions:
  v: sin(2*x + y)*exp(y)
unknowns: [u]
equations:
  - lap(u) - u**3 = lap(v) - v**3
conditions:
  - where: [left, bottom]
    equation: u = v
  - where: right
    equation: dn(u) = dn(v)
  - where: top
    equation: dn(u) + u = dn(v) + v
exact:
  u: v
"""


def solved(system):
    return step_from(system, np.zeros(system.space.shape))


def test_an_immersed_problem_converges_like_the_order_of_its_splines():
    errors = []
    for n in (4, 8):
        system = steady_system(SMOOTH, (n, n), degree=5)
        errors.append(error_of(system, solved(system)))
    assert errors[1] < 1e-5
    assert errors[0] / errors[1] > 2**4  # degree 5, two orders lost at most
    assert errors[0] / errors[1] < 2**9


def test_every_kind_of_condition_and_a_nonlinear_equation_are_met_in_turned_coordinates():
    system = steady_system(MIXED, (4, 4))
    c = np.zeros(system.space.shape)
    for _ in range(7):
        c = step_from(system, c)
    assert error_of(system, c) < 1e-6
    assert error_of(system, 1.001 * c) > 5e-4


def test_a_function_is_fitted_exactly_where_the_space_holds_it():
    system = steady_system(SMOOTH, (4, 3))
    c = solved(system)
    again = system.fit_function(FittedPiece(system.coordinates, ((system.space, c),)).values)
    assert float(np.sqrt((system.squared_norms(again - c)[0] / system.squared_norms(c)[0]).max())) < 1e-8


def test_rows_at_the_start_weigh_what_an_error_there_costs_whatever_the_knots_across():
    model = model_of(TURNING)
    domain = model.problem.domain.time_part(0.0, 0.1)
    first = extrapolate_coordinates(front_coordinates(model.problem, initial_values(model)), domain.box.ranges)
    weights = []
    for n in (6, 24):
        axes = [
            Axis(np.linspace(*ends, k + 1), 4)
            for ends, k in zip(first.covering_ranges(domain.box.ranges), (n, 3, 1), strict=True)
        ]
        system = ImmersedSystem(model, Space(tuple(axes)), first, domain)
        start = next(p for p, _ in system.patches if np.all(p.places.outer[..., 2] == 0.0))
        weights.append(start.root_weight / torch.from_numpy(start.places.weights).sqrt())
    for w in weights:  # u_t changes over a quarter of the slab, its square is summed over as long
        np.testing.assert_allclose(w, 10 / 0.025 * 0.025**0.5)


def test_residuals_are_checked_between_the_points_trained_on_in_space_and_in_time():
    """One Gauss point more in each part of an interval, none of them in common with the rule that was trained on."""
    model = model_of(TURNING)
    domain = model.problem.domain.time_part(0.0, 0.1)
    ranges = domain.box.ranges
    first = extrapolate_coordinates(front_coordinates(model.problem, initial_values(model)), ranges)
    axes = [
        Axis(np.linspace(*ends, k + 1), 4) for ends, k in zip(first.covering_ranges(ranges), (6, 3, 2), strict=True)
    ]
    trained = ImmersedSystem(model, Space(tuple(axes)), first, domain)
    checked = trained.held_out_system()
    for axis, parts, known, new in zip(
        axes, (PARTS_PER_INTERVAL, PARTS_PER_INTERVAL, 1), trained.grid.axes, checked.grid.axes, strict=True
    ):
        assert len(new) == len(known) + parts * axis.intervals
        assert np.abs(new[:, None] - known).min() > 1e-3 * np.diff(axis.breaks).min()
    for (on_side, _), (new_on_side, _) in zip(trained.patches[2:], checked.patches[2:], strict=True):
        times, others = (np.unique(p.places.outer[..., 2]) for p in (on_side, new_on_side))
        assert len(others) == len(times) + axes[2].intervals
    assert np.abs(trained.grid.axes[2][:, None] - trained.in_space(trained.space).grid.axes[2]).min() == 0.0
