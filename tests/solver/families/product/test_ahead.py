"""Looks at a correction on narrower intervals, whoever solves for them."""

from types import SimpleNamespace

import pytest
from small_models import model_of

from pinnkan.solver import work
from pinnkan.solver.families.product import ahead, judging
from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.linear.system import System
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import Outcome

VARYING = """
name: varying
domain: {x: [0, 1], y: [0, 1]}
functions:
  k: 1 + 0.9*sin(2*pi*x)*cos(2*pi*y)
  v: sin(pi*x)*sin(pi*y)/k
unknowns: [u]
equations: [-div(k*grad(u)) = -div(k*grad(v))]
conditions: [{where: boundary, equation: u = 0}]
exact: {u: v}
solver: {tolerance: 1e-6}
"""


def test_the_look_ahead_of_conjugate_gradients_is_as_large_as_that_of_a_factor(monkeypatch):
    varying = model_of(VARYING)
    family = ProductLevels(varying, 6, 10, 2)
    state, _ = family.minimise(family.first(), 0, Monitor(None, None))
    measured = family.measured(state)
    found = family.estimate(state, measured, Outcome(measured.field, None))
    size = (varying, state.space, state.coefficients, found.correction)
    factored = ahead.ahead(*size)
    monkeypatch.setattr(work, "STEPS_AT_POINT", 1e-3)
    monkeypatch.setattr(work, "CHEAP", 0.0)
    made = []
    monkeypatch.setattr(ahead, "System", lambda *of: made.append(System(*of)) or made[-1])
    looked = ahead.ahead(*size)
    assert factored <= looked * (1.0 + ahead.GLANCE)
    assert looked == pytest.approx(factored, rel=3.0 * ahead.GLANCE)
    monkeypatch.setattr(ahead, "GLANCE", 0.0)
    assert ahead.ahead(*size) == pytest.approx(factored / 1.01, rel=1e-6)
    glance, whole = (int(system.words.split()[-2]) for system in made)
    assert glance < 0.6 * whole


def test_a_look_for_which_there_is_no_time_asks_for_another_level(monkeypatch):
    """Of two coupled equations it was predicted to take 50 s of 24 that were left, and the solve ended there."""

    def out_of_time(*_):
        raise OutOfTimeError

    varying = model_of(VARYING)
    monkeypatch.setattr(judging, "ahead", out_of_time)
    solved = SimpleNamespace(model=varying, space=None), None
    assert judging._unresolved(solved, solved, None, None) == pytest.approx(10.0 * 1e-6)
