"""Where Gauss-Newton begins in a slab: on fewer knots, where the slab before says nothing of it."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.solver.families.product import slab
from pinnkan.solver.families.product.initial_data import first_slab_start
from pinnkan.solver.families.product.slab import first_guess, side_values, taylor_guess, with_fixed_values
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import gauss_newton

FRONTS = """
name: fronts
domain:
  x: [0, 1]
  t: [0, 1]
unknowns: [u]
equations:
  - u_t = 0.001*u_xx + {reaction}
conditions:
  - where: initial
    equation: u = 0.3*sin(3*pi*x)
  - where: boundary
    equation: u = 0
"""
TIME = Axis(np.array([0.0, 0.8]), 6)


def begun(reaction):
    model = model_of(FRONTS.format(reaction=reaction))
    return model, first_slab_start(model, (6, 6), 32, 1e-3)


def solved(model, start, near):
    space = Space((*start.axes, TIME), 1)
    c, fixed = with_fixed_values(model, space, start.traces, side_values(model, space), near)
    return gauss_newton(System(model, space), c, fixed, 1e-4)


def test_fronts_that_form_within_a_slab_are_begun_near_its_solution(monkeypatch):
    """Two steps are left of those that the Taylor polynomial needs."""
    monkeypatch.setattr(slab, "MANY_COEFFICIENTS", 0)
    model, start = begun("3*(u - u**3)")
    plain, near = taylor_guess(start, TIME), first_guess(model, start, TIME)
    without, found = solved(model, start, plain), solved(model, start, near)
    solution = without.coefficients
    assert found.coefficients == pytest.approx(solution, abs=1e-4)
    assert np.abs(near - solution).max() < 0.5 * np.abs(plain - solution).max()
    assert len(found.steps) <= len(without.steps) - 2


def test_what_is_known_at_the_start_stays_as_it_is(monkeypatch):
    monkeypatch.setattr(slab, "MANY_COEFFICIENTS", 0)
    model, start = begun("3*(u - u**3)")
    assert first_guess(model, start, TIME)[:, 0] == pytest.approx(start.traces[0], abs=1e-12)


@pytest.mark.parametrize(("reaction", "many"), [("u", 0), ("3*(u - u**3)", 1000)])
def test_a_linear_problem_and_a_small_one_begin_with_the_taylor_polynomial(reaction, many, monkeypatch):
    monkeypatch.setattr(slab, "MANY_COEFFICIENTS", many)
    model, start = begun(reaction)
    assert (first_guess(model, start, TIME) == taylor_guess(start, TIME)).all()


def test_on_two_intervals_there_are_no_fewer_knots(monkeypatch):
    """A solve on the same knots was made there, at the cost of the slab's."""
    monkeypatch.setattr(slab, "MANY_COEFFICIENTS", 0)
    asked = []
    monkeypatch.setattr(slab, "gauss_newton", lambda *given: asked.append(1) or gauss_newton(*given))
    model = model_of(FRONTS.format(reaction="3*(u - u**3)"))
    start = first_slab_start(model, (9, 6), 1, 1e-1)
    assert start.axes[0].intervals == 2
    assert first_guess(model, start, TIME) == pytest.approx(taylor_guess(start, TIME))
    assert not asked
    first_guess(*begun("3*(u - u**3)"), TIME)
    assert asked
