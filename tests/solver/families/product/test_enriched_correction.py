"""Looks at a correction on narrower intervals, whoever solves for them."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.solver import predicted_work
from pinnkan.solver.families.product import enriched_correction
from pinnkan.solver.families.product.levels import ProductLevels
from pinnkan.solver.linear.system import System
from pinnkan.solver.monitor import Monitor
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

LINE = """
name: line
domain: {x: [0, 1]}
unknowns: [u]
equations: [u_xx = sin(7*x)]
conditions: [{where: boundary, equation: u = 0}]
"""


def test_the_look_ahead_of_conjugate_gradients_is_as_large_as_that_of_a_factor(monkeypatch):
    varying = model_of(VARYING)
    family = ProductLevels(varying, 6, 10, 2)
    state, _ = family.minimise(family.initial_state(), 0, Monitor(None, None))
    measured = family.evaluate_minimum(state)
    found = family.estimate(state, measured, Outcome(measured.field, None))
    size = (varying, state.space, state.coefficients, found.correction)
    factored = enriched_correction.enriched_correction_size(*size)
    monkeypatch.setattr(predicted_work, "WORK_PER_POINT", 1e-3)
    monkeypatch.setattr(predicted_work, "CHEAP_WORK", 0.0)
    made = []
    monkeypatch.setattr(enriched_correction, "System", lambda *of: made.append(System(*of)) or made[-1])
    looked = enriched_correction.enriched_correction_size(*size)
    assert factored <= looked * (1.0 + enriched_correction.ROUGH_ACCURACY)
    assert looked == pytest.approx(factored, rel=3.0 * enriched_correction.ROUGH_ACCURACY)
    monkeypatch.setattr(enriched_correction, "ROUGH_ACCURACY", 0.0)
    assert enriched_correction.enriched_correction_size(*size) == pytest.approx(factored / 1.01, rel=1e-6)
    glance, whole = (int(system.solver_words.split()[-2]) for system in made)
    assert glance < 0.6 * whole


@pytest.mark.parametrize(("text", "times"), [(VARYING, 2), (LINE, 3)])
def test_intervals_are_halved_three_times_on_a_line_and_twice_off_it(text, times, monkeypatch):
    model, made = model_of(text), []
    family = ProductLevels(model, 6, 4, 2)
    state, _ = family.minimise(family.initial_state(), 0, Monitor(None, None))
    found = family.estimate(state, family.evaluate_minimum(state), Outcome(family.field_of(state), None))
    monkeypatch.setattr(enriched_correction, "System", lambda *of: made.append(System(*of)) or made[-1])
    enriched_correction.enriched_correction_size(model, state.space, state.coefficients, found.correction)
    (system,) = made
    narrowest = [min(float(np.diff(a.breaks).min()) for a in s.axes) for s in (state.space, system.space)]
    assert narrowest[0] / narrowest[1] == pytest.approx(2.0**times)
