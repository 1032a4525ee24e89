"""Waves that equations do not see: their numbers, and that knots which do not hold them decide nothing."""

import numpy as np
import pytest
from small_models import model_of

import pinnkan
from pinnkan.kan.axis import Axis
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.neutral import is_held, neutral_waves
from pinnkan.verdict.records import Reason

TEXT = """
name: waves
domain: {{x: [0, 1], y: [0, 1]}}
unknowns: [u]
equations: ["{equation} = sin(pi*x)*sin(pi*y)"]
conditions: [{{where: boundary, equation: u = 0}}]
"""


@pytest.mark.parametrize(
    ("equation", "number"),
    [
        ("lap(u) + 2500*pi**2*u", 50 * np.pi),
        ("lap(u) + (1 + x)*u", np.sqrt(2.0)),
        ("lap(u) - 100*u", 0.0),
        ("lap(u)", 0.0),
    ],
)
def test_numbers_of_waves_are_roots_of_the_symbol(equation, number):
    found = max(neutral_waves(model_of(TEXT.format(equation=equation))))
    assert found == pytest.approx(number, rel=0.05, abs=1e-9)


def test_knots_hold_as_many_radians_as_their_degree():
    model = model_of(TEXT.format(equation="lap(u) + 2500*pi**2*u"))
    few, enough = (Axis(np.linspace(0.0, 1.0, n + 1), 10) for n in (15, 16))
    assert not is_held(model, (few, few))
    assert is_held(model, (enough, enough))
    beyond = model_of(TEXT.format(equation="lap(u) + 1e8*u"))
    assert is_held(beyond, (few, few))


@pytest.mark.slow
def test_a_resonance_that_the_source_does_not_excite_is_found():
    """sin(30 pi x) sin(40 pi y) may be added; it had converged on three intervals."""
    verdict = pinnkan.solve(parse_problem(TEXT.format(equation="lap(u) + 2500*pi**2*u"), "t.yaml")).verdict
    assert verdict.reason == Reason.RANK_DEFICIENT
    verdict = pinnkan.solve(parse_problem(TEXT.format(equation="lap(u) + 2503*pi**2*u"), "t.yaml")).verdict
    assert verdict.converged
