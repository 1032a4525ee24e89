"""What a formula holds that is narrow in the solution: found where the solution passes through it."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.estimate.solution_features import SolutionFeatures
from pinnkan.solver.verify.hidden_errors.feature_check import FeatureCheck

TEXT = """
name: narrow
domain: {{{domain}}}
unknowns: [u]
equations: ["{equation}"]
conditions: [{{where: {where}, equation: u = 0}}]
"""
LINE = {"domain": "t: [0, 2]", "where": "initial"}
PLANE = {"domain": "x: [0, 1], y: [0, 1]", "where": "boundary"}


def sloped(*directions):
    """The function (x - 0.1) . directions, on broken lines."""
    axes = tuple(Axis(np.linspace(0, 2 if len(directions) == 1 else 1, 4), 1) for _ in directions)
    nodes = np.meshgrid(*(axis.breaks for axis in axes), indexing="ij")
    values = sum(d * (x - 0.1) for d, x in zip(directions, nodes, strict=True))
    return ProductField(((Space(axes), np.ascontiguousarray(values[..., None])),))


def found(field, equation, **place):
    model = model_of(TEXT.format(equation=equation, **place))
    problem = model.problem
    points = problem.domain.sample(200, kronecker_points)
    jets = [field(points, [jet.order])[:, jet.unknown, 0] for jet in model.equations[0].jets]
    values = SolutionFeatures(problem.equations[0], problem.coordinates)
    return list(values.features(field, problem.domain, np.stack(jets, 1), problem.time_axis))


@pytest.mark.parametrize("width", [1e-3, 1e-6])
def test_a_place_where_the_solution_passes_a_narrow_value_is_found(width):
    (feature,) = found(sloped(0.5), f"u_t = exp(-((u - 0.3)/{width})**2)", **LINE)
    assert feature.place == pytest.approx([0.7], abs=2 * width)
    assert 0.1 * width < feature.width[0] < 10 * width


@pytest.mark.parametrize("sign", [1, -1])
def test_a_value_next_to_an_extremum_is_found(sign):
    """Between corners and middle of a cell the solution goes further than there."""
    axis = Axis(np.array([0.0, 2.0]), 2)
    square = [0.35123**2, -0.35123 * (2 - 0.35123), (2 - 0.35123) ** 2]  # of (t - 0.35123)^2 by Bernstein polynomials
    field = ProductField(((Space((axis,)), sign * np.array(square)[:, None]),))
    features = found(field, f"u_t = exp(-((u - {sign * 1e-6})/1e-7)**2)", **LINE)
    assert features
    assert all(abs(feature.place[0] - 0.35123) < 3e-3 for feature in features)


def test_a_value_that_the_solution_does_not_pass_is_none():
    assert found(sloped(0.5), "u_t = exp(-((u - 1.3)/1e-4)**2)", **LINE) == []


@pytest.mark.parametrize("term", ["exp(u)", "u**5", "sin(3*u)", "u/(1 + u**2)", "u*u_t**2", "exp(-u**2)*cos(t)"])
def test_formulas_that_are_smooth_in_the_solution_are_not_looked_at_closer(term):
    assert found(sloped(0.5), f"u_t = {term}", **LINE) == []


def test_a_steep_derivative_counts_as_well():
    (feature,) = found(sloped(0.5), "u_t = tanh(((t - 1)*u_t - 0.1)/1e-5)", **LINE)
    assert feature.place == pytest.approx([1.2], abs=1e-4)


def test_in_the_plane_places_lie_on_the_curve_of_the_value():
    features = found(sloped(1.0, 2.0), "lap(u) = exp(-((u - 0.7)/1e-4)**2)", **PLANE)
    assert len(features) > 2
    for feature in features:
        assert feature.place @ [1.0, 2.0] - 0.3 == pytest.approx(0.7, abs=1e-3)


def test_the_residual_is_looked_at_there():
    model = model_of(TEXT.format(equation="u_t = 0.5 - 0.5*exp(-((u - 0.3)/1e-5)**2)", **LINE))
    missed = FeatureCheck(model).examine(sloped(0.5), model.problem.domain, 0.0)
    assert missed is not None
    assert missed.place == pytest.approx([0.7], abs=1e-4)
    other = model_of(TEXT.format(equation="u_t = 0.5 - 0.5*exp(-((u - 1.3)/1e-5)**2)", **LINE))
    assert FeatureCheck(other).examine(sloped(0.5), other.problem.domain, 0.0) is None


def test_a_point_of_training_that_hits_one_by_chance_hides_it_only_where_knots_may_hold_it():
    """All that such a point has left would be as much as what lies beside it."""
    model = model_of(TEXT.format(equation="u_t = 0.5 - 0.5*exp(-((u - 0.3)/1e-4)**2)", **LINE))
    check, domain, (space, c) = FeatureCheck(model), model.problem.domain, sloped(0.5).pieces[0]
    (axis,) = space.axes
    for _ in range(9):
        axis = axis.halved()
    fine = Space((axis,))
    held = ProductField(((fine, space.prolong(c, fine)),))
    assert check.examine(sloped(0.5), domain, 1e-2) is not None
    assert check.examine(held, domain, 1e-2) is None
    assert check.examine(held, domain, 0.0) is not None


@pytest.mark.slow
def test_a_kick_at_a_threshold_is_solved():
    """v jumps by 1/u' where u = 0.54321; without, 1e-8 was estimated for 0.6."""
    text = """
name: kick
domain: {t: [0, 2]}
unknowns: [u, v]
equations: ["u_t = 1 - 0.2*u", "v_t = -v + exp(-((u - 0.54321)/1e-5)**2)/(1e-5*sqrt(pi))"]
conditions: [{where: initial, equation: u = 0}, {where: initial, equation: v = 1}]
"""
    solution = solve(parse_problem(text, "t.yaml"))
    t = np.linspace(0, 2, 200)
    kick = -np.log(1 - 0.2 * 0.54321) / 0.2
    v = np.exp(-t) + np.where(t > kick, np.exp(kick - t) / (1 - 0.2 * 0.54321), 0.0)
    error = solution(t[:, None])["v"] - v
    assert solution.verdict.converged
    assert np.linalg.norm(error) <= 1e-4 * np.linalg.norm(v)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "least"), [(1e-4, 1e-6), (1e-5, 1e-8)])
def test_what_waits_at_a_value_waits_as_long_as_it_should(width, least):
    """u' = 1 - (1 - d) exp(-((u - 1/2)/w)^2) waits pi w / sqrt(d) at 1/2; without, 9e-17 was estimated for 0.28.

    With d = 1e-8 an error of 2e-8 there makes it wait for ever, which the linearised equation does not see.
    """
    text = TEXT.format(equation=f"u_t = 1 - (1 - {least})*exp(-((u - 0.5)/{width})**2)", **LINE)
    solution = solve(parse_problem(text, "t.yaml"))
    s = np.sinh(np.linspace(-20, 20, 400001))
    u = 0.5 + 0.5 * s / s[-1]
    gone = np.exp(-(((u - 0.5) / width) ** 2))
    slowness = 1.0 / (-np.expm1(-(((u - 0.5) / width) ** 2)) + least * gone)
    arrival = np.sum(0.5 * (slowness[1:] + slowness[:-1]) * np.diff(u))
    assert arrival == pytest.approx(1.3140, abs=3e-4)
    assert solution.verdict.converged
    assert solution([[arrival + 0.5]])["u"][0] == pytest.approx(1.5, abs=1e-4)


def test_a_threshold_that_is_passed_all_over_space_at_once_ends_a_slab():
    """v = t but for rounding, so that it passes 0.4 here and there first: no slab had been short enough for that."""
    text = """
name: at_once
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u, v]
equations: ["u_t = 0.1*u_xx + 1 + heaviside(v - 0.4)", "v_t = 0.1*v_xx + 1"]
conditions:
  - {where: initial, equation: u = cos(pi*x)}
  - {where: initial, equation: v = 0}
  - {where: [left, right], equation: dn(u) = 0}
  - {where: [left, right], equation: dn(v) = 0}
"""
    solution = solve(parse_problem(text, "t.yaml"))
    points = np.random.default_rng(0).uniform(size=(50, 2))
    x, t = points.T
    exact = np.cos(np.pi * x) * np.exp(-0.1 * np.pi**2 * t) + t + np.maximum(t - 0.4, 0.0)
    assert solution.verdict.converged
    np.testing.assert_allclose(solution(points)["u"], exact, atol=1e-4)


@pytest.mark.parametrize("rate", ["max(u - C, 0)", "u - min(u, C)", "max(u, C) - C", "abs(u - C) + u - C"])
def test_what_bends_is_looked_at_on_either_side(rate):
    """min(u, c) is narrow nowhere, but u - min(u, c) is where u passes c for a moment; from below as from above."""
    axis = Axis(np.array([0.0, 2.0]), 2)
    for sign in (1, -1):  # of sign t (2 - t), which is 1 at the most
        field = ProductField(((Space((axis,)), sign * np.array([0.0, 2.0, 0.0])[:, None]),))
        text = rate.replace("u", f"({sign}*u)").replace("C", "0.9999")
        features = found(field, f"u_t = {text}", **LINE)
        assert features
        assert all(abs(feature.place[0] - 1.0) < 0.02 for feature in features)
    assert not found(sloped(0.5), f"u_t = {rate.replace('C', '0.3')}", **LINE)  # passed once, not for a moment
