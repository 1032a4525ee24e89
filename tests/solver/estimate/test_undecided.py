"""What equations switch within the error of a solution: a = sin(t) passes 1 - 1e-8 for 2.8e-4 of the time."""

import numpy as np
import pytest
from small_models import model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.estimate.undecided import Undecided

SINE = """
name: sine
domain: {{t: [0, 3]}}
parameters: {{c: {c!r}, d: 1e-9}}
unknowns: [a, e, b]
equations: ["a_t = e", "e_t = -a", "b_t = {rate!r}*{switch}"]
conditions:
  - {{where: initial, equation: a = 0}}
  - {{where: initial, equation: e = 1}}
  - {{where: initial, equation: b = 1}}
solver: {{tolerance: {tolerance}}}
"""
LINE = """
name: line
domain: {{t: [0, 1]}}
unknowns: [a]
equations: ["a_t = {right}"]
conditions: [{{where: initial, equation: a = 0}}]
solver: {{tolerance: 1.0e-3}}
"""


def sine(switch="heaviside(a - c)", short=1e-8, tolerance="1.0e-2"):
    rate = 0.5 / np.arccos(1 - short) if short > 0 else 1e3
    text = SINE.format(c=1 - short, rate=float(rate), switch=switch, tolerance=tolerance)
    return solve(parse_problem(text, "sine.yaml"))


@pytest.mark.parametrize("short", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("tolerance", ["1.0e-2", "1.0e-4"])
def test_what_is_switched_for_a_moment_is_switched(short, tolerance):
    solution = sine(short=short, tolerance=tolerance)
    assert solution.verdict.converged
    assert solution(np.array([[3.0]]))["b"] == pytest.approx(2.0, abs=2 * float(tolerance))


@pytest.mark.slow
@pytest.mark.parametrize(
    "switch",
    ["(1 + tanh((a - c)/1e-11))/2", "(1 + tanh((a - c)/d))/2", "(1 + erf((a - c)/1e-11))/2", "exp(-((a - 1)/d)**2)",
     "max(a - c, 0)/d", "1e7*max(a - c, 0)**2/d", "min(max((a - c)/1e-12, 0), 1)", "(1 + sign(a - c))/2"],
)  # fmt: skip
def test_what_else_is_narrow_at_the_top_is_met_or_refused(switch):
    solution = sine(switch)
    assert not solution.verdict.converged or abs(solution(np.array([[3.0]]))["b"] - 2.0) < 0.02


@pytest.mark.parametrize("short", [-1e-6, -1e-8])
def test_a_threshold_beyond_the_top_is_not_passed(short):
    """A negative control; the latter needs a better known sine."""
    solution = sine(short=short)
    assert solution.verdict.converged
    assert solution(np.array([[3.0]]))["b"] == pytest.approx(1.0, abs=1e-9)


def line(right, off):
    """What is asked of a = t with the error ``off``."""
    model, axis = model_of(LINE.format(right=right)), Axis(np.linspace(0.0, 1.0, 4), 1)
    made = [ProductField(((Space((axis,)), values[:, None]),)) for values in (axis.breaks, off + 0.0 * axis.breaks)]
    return Undecided(model).change(*made, model.problem.domain)


def test_a_jump_that_is_passed_counts_by_the_time_within_the_error():
    found = line("1 + heaviside(a - 0.4)", 0.01)
    assert found.place == pytest.approx([0.4], abs=0.04)
    assert found.text == "a_t = 1 + heaviside(a - 0.4)"
    assert found.share == pytest.approx(0.04 / 4 / 1.6, rel=0.4)  # twice the error to either side, over the terms
    assert line("1 + heaviside(a - 0.4)", 1e-3).share == pytest.approx(0.1 * found.share, rel=0.5)
    assert line("1 + heaviside(a - 0.4)", 1e-4) is None  # a negative control


def test_what_is_smooth_across_the_error_is_no_switch():
    for right in ("exp(-a)", "1/(1 + a)", "1 + tanh(a - 0.4)", "cos(a)**2 + exp(a)"):
        assert line(right, 0.01) is None
    assert line("1 + tanh((a - 0.4)/1e-3)", 0.01) is not None


def test_polynomials_and_what_has_no_error_are_not_asked():
    assert Undecided(model_of(LINE.format(right="a - a**3"))).asked == ()
    model = model_of(LINE.format(right="heaviside(a - 0.4)"))
    assert len(Undecided(model).asked) == 1
    assert Undecided(model).change(None, None, model.problem.domain) is None


@pytest.mark.parametrize(("right", "told"), [("-sqrt(max(a - t, 0))", False), ("sqrt(max(a - t, 0))", True)])
def test_a_slope_that_damps_an_unknown_is_no_switch_however_steep(right, told):
    """An error of 1e-4 of a tank's height is less at once, while a root of it feeds on itself."""
    assert (line(f"1 + {right}", 1e-4) is not None) == told
