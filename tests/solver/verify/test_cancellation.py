"""Formulas that cancel: what float64 leaves of them, and formulas that cancel nothing that counts."""

import numpy as np
import pytest
from small_models import model_of

import pinnkan
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify.cancellation import CancellationCheck
from pinnkan.verdict.records import Reason

STEADY = """
name: n
domain: {x: [0, 1]}
unknowns: [u]
equations: ["%s"]
conditions: [{where: boundary, equation: u = 0}]
solver: {tolerance: %s}
"""
DECAY = """
name: n
domain: {t: [0, 2]}
unknowns: [u]
equations: ["%s"]
conditions: [{where: initial, equation: "%s"}]
solver: {tolerance: 1e-4}
"""


RESTS = """
name: n
domain: {t: [0, %s]}
unknowns: [u, v]
equations: [u_t = cos(t), "v_t = 1e6*(1 + tanh((u - 1.2)/0.03))"]
conditions: [{where: initial, equation: u = 0}, {where: initial, equation: v = 0}]
solver: {tolerance: 1e-4}
"""


def test_a_rate_that_is_nothing_but_rounding_at_first_is_known_by_what_it_becomes():
    assert ended(RESTS % 3).converged
    assert ended(RESTS % 0.5).reason == Reason.BELOW_ROUNDING  # all that v ever is is rounding


def test_the_last_slab_is_one_whose_end_is_rounded():
    model = model_of(RESTS % 3)
    axis = Axis(np.linspace(0.0, 3.0, 2), 3)
    nothing = ProductField(((Space((axis,), 2), np.zeros((axis.count, 2))),))
    for end, is_known in ((1.5, True), (np.nextafter(3.0, 0.0), False)):  # v is 1e-10 of rounding for ever
        during = model.problem.domain.time_part(0.0, float(end))
        assert (CancellationCheck(model).lost_digits(nothing, during) == (0.0, "")) == is_known


def ended(text):
    return pinnkan.solve(parse_problem(text.encode(), "t.yaml")).verdict


@pytest.mark.parametrize(
    "text",
    [
        STEADY % ("u_xx = 2e16*(cos(1e-8*x) - 1)", "1e-3"),  # -x**2: had converged to u = 0
        STEADY % ("u_xx = 2e14*(cos(1e-7*x) - 1)", "1e-4"),
        STEADY % ("u_xx = sqrt(1e20 + x) - 1e10", "1e-3"),  # 5e-11*x
        STEADY % ("u_xx = 1e17*(exp(1e-17*u) - 1) + 1", "1e-4"),  # u + 1
        STEADY % ("u_xx = (1e8 + u)**2 - 1e16 - 2e8*u + 1", "1e-3"),  # u**2 + 1
        DECAY % ("u_t = -1e15*log(1 + 1e-15*u)", "u = 1"),  # -u
        STEADY.replace("u = 0", "u = 1e14*(1 - cos(1.4e-7*(1 + x)))") % ("u_xx = u", "1e-4"),
    ],
)
def test_what_is_rounding_is_not_solved(text):
    found = ended(text)
    assert found.reason == Reason.BELOW_ROUNDING
    assert "in other words" in found.sentence


@pytest.mark.parametrize(
    "text",
    [
        STEADY % ("u_xx = -2e16*2*sin(0.5e-8*x)**2", "1e-3"),
        STEADY % ("u_xx = 2e4*(cos(1e-2*x) - 1)", "1e-9"),  # twelve digits are left
        STEADY % ("u_xx = sin(pi*x)*(cos(2*pi*x) - 1)**2*1e-20", "1e-8"),  # small, but known
        STEADY % ("-u_xx = -1e-3*dx(dx(1/(1 + exp(-(x - 0.5)/1e-3))))", "1e-4"),  # e^1000 on the way
        STEADY.replace("u = 0", "u = tanh((x - 0.501)/1e-4)")
        % ("-1e-4*u_xx + u_x = -1e-4*dx(dx(tanh((x - 0.501)/1e-4))) + dx(tanh((x - 0.501)/1e-4))", "1e-8"),
        DECAY % ("u_t = -30*u", "u = sin(1)"),
        DECAY % ("u_t = -u", "u = 1e6*(1 - cos(1.4e-3))"),
    ],
)
def test_what_is_known_is(text):
    assert ended(text).reason == Reason.CONVERGED


def test_a_value_that_is_rounding_counts_beside_what_it_is_a_value_of():
    """sin(pi) at the right end: 1e-16 of the solution at the start, all of it much later."""
    text = (
        "name: n\ndomain: {x: [0, 1], t: [0, 4]}\nunknowns: [u]\nequations: [u_t = u_xx]\n"
        "conditions:\n  - {where: [left, right], equation: u = sin(pi*x)}\n"
        "  - {where: initial, equation: u = sin(pi*x)}\nsolver: {tolerance: 1e-6}\n"
    )
    assert ended(text).reason == Reason.CONVERGED
    assert CancellationCheck(model_of(text)).term_sizes == {}
