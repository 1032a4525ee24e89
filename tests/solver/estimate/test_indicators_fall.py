"""The fall of the residual per coordinate against the true fall of the error, and what is judged by it."""

import numpy as np
import pytest
from small_models import model_of
from solved import on_levels

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.indicators import _low_degree, _residual_by_coordinate, residual_decay
from pinnkan.solver.estimate.norms import true_errors
from pinnkan.solver.families.product import enriched_correction
from pinnkan.solver.families.product.sampling import samples_of
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import gauss_newton
from pinnkan.verdict.records import Evidence

WAVES = """
name: waves
domain:
  x: [0, 1]
  y: [0, 1]
unknowns: [u]
equations:
  - lap(u) = -32*pi**2*sin(4*pi*x)*sin(4*pi*y)
conditions:
  - where: boundary
    equation: u = 0
exact:
  u: sin(4*pi*x)*sin(4*pi*y)
solver:
  tolerance: 1e-8
"""


@pytest.fixture(scope="module")
def model():
    return model_of(WAVES)


def solved(model, x, y):
    space = Space((Axis(np.linspace(0, 1, x + 1), 7), Axis(np.linspace(0, 1, y + 1), 7)))
    start, fixed = with_conditions(model, space, np.zeros(space.shape))
    c = gauss_newton(System(model, space), start, fixed, 1e-8).coefficients
    return System(model, space, extra_points=1), c, max(true_errors(model.problem, samples_of(space, c)))


@pytest.mark.parametrize(("before", "after", "coordinate"), [((5, 24), (10, 24), 0), ((24, 6), (24, 12), 1)])
def test_the_refined_coordinate_falls_by_no_more_than_the_error(model, before, after, coordinate):
    coarse, c, error = solved(model, *before)
    fine, f, less = solved(model, *after)
    moved = f - coarse.space.prolong(c, fine.space)
    fall = residual_decay(coarse, c, fine, f, moved)
    true = less / error
    assert true <= fall[coordinate] <= 20 * true  # 2^m = 4 too large in theory
    assert fall[coordinate] < 0.1
    assert residual_decay(fine, f, fine, f, moved)[coordinate] == 1.0


def test_where_a_coefficient_is_small_the_error_may_fall_by_less_than_the_residual():
    """Left of the jump the error is larger and its residual smaller: the whole residual fell more than the error."""
    text = WAVES.replace(
        "lap(u) = -32*pi**2*sin(4*pi*x)*sin(4*pi*y)",
        "-1e-4*lap(u) + (1 + 99*heaviside(x - 0.5))*u = -1e-4*lap(v) + (1 + 99*heaviside(x - 0.5))*v",
    )
    bump = "v: x*(1 - x)*y*(1 - y)*(exp(-((x - 0.25)/0.02)**2) + exp(-((x - 0.75)/0.06)**2))"
    text = text.replace("unknowns: [u]", f"functions:\n  {bump}\nunknowns: [u]").replace(
        "u: sin(4*pi*x)*sin(4*pi*y)", "u: v"
    )
    model = model_of(text)
    coarse, c, error = solved(model, 16, 4)
    fine, f, less = solved(model, 32, 8)
    moved = f - coarse.space.prolong(c, fine.space)
    true, whole = less / error, np.sqrt(fine.mean_square(f) / coarse.mean_square(c))
    assert whole < 0.7 * true
    assert true <= 1.2 * residual_decay(coarse, c, fine, f, moved)[0] <= 20 * true


def test_a_level_judged_by_the_fall_has_an_estimate_above_its_error(model, monkeypatch):
    monkeypatch.setattr(enriched_correction, "EXPENSIVE_WORK", 0.0)
    out = on_levels(model, 7, 3, 8)
    last = out.levels[-1]
    assert out.reason == ""
    assert last.evidence == Evidence.FALL
    assert 0.8 * last.true_error <= last.estimate <= 10 * last.true_error
    assert last.estimate <= 1e-8
    monkeypatch.undo()
    by_correction = on_levels(model, 7, 3, 8).levels[-1]
    assert by_correction.evidence == Evidence.CORRECTION


def test_weighted_polynomials_up_to_the_degree_are_kept_and_those_above_it_vanish():
    nodes, weights = np.polynomial.legendre.leggauss(8)
    kept = _low_degree(8, 3).numpy()
    low = np.sqrt(weights) * (nodes**3 - 0.5 * nodes)
    high = np.sqrt(weights) * np.polynomial.legendre.legval(nodes, [0, 0, 0, 0, 1.0])
    np.testing.assert_allclose(kept.T @ (kept @ low), low, rtol=0, atol=1e-14)
    np.testing.assert_allclose(kept @ high, 0.0, rtol=0, atol=1e-14)
    np.testing.assert_allclose(kept @ kept.T, np.eye(4), rtol=0, atol=1e-14)
    every = _low_degree(3, 5).numpy()
    np.testing.assert_allclose(every.T @ every, np.eye(3), rtol=0, atol=1e-14)


@pytest.mark.parametrize("rough", [0, 1])
def test_what_oscillates_within_intervals_belongs_to_the_coordinate_along_which_it_does(model, rough):
    """Across an interval it is Legendre's polynomial of degree five, of which those of degree two see nothing."""
    wave = Axis(np.linspace(0, 1, 2), 7)
    axes = (Axis(np.linspace(0, 1, 5), 7), wave) if rough == 1 else (wave, Axis(np.linspace(0, 1, 5), 7))
    space, bent = Space(axes), np.polynomial.Legendre([0, 0, 0, 0, 0, 1], domain=[0, 1]).integ(2)
    along = 1e6 * wave.project(bent(wave.projection_points()), 0)
    c = np.zeros(space.shape)
    c[..., 0] = along if rough == 1 else along[:, None]
    own, other = (_residual_by_coordinate(System(model, space, extra_points=1), c)[i].sum() for i in (rough, 1 - rough))
    assert own > 1e6 * other
