"""What equations switch within the error of a solution: a = sin(t) passes 1 - 1e-8 for 2.8e-4 of the time."""

import numpy as np
import pytest
from small_models import ALGEBRAIC, RATE, model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.estimate import linearisation_check
from pinnkan.solver.estimate.linearisation_check import FieldContext, LinearisationCheck

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
solver: {{tolerance: {tolerance}, max_time: 300}}
"""


def sine(switch="heaviside(a - c)", short=1e-8, tolerance="1.0e-2"):
    rate = 0.5 / np.arccos(1 - short) if short > 0 else 1e3
    text = SINE.format(c=1 - short, rate=float(rate), switch=switch, tolerance=tolerance)
    return solve(parse_problem(text, "sine.yaml"))


@pytest.mark.parametrize("short", [1e-4, 1e-6, 1e-8])
@pytest.mark.parametrize("tolerance", ["1.0e-2", "1.0e-4", "1.0e-5"])
def test_what_is_switched_for_a_moment_is_switched(short, tolerance):
    solution = sine(short=short, tolerance=tolerance)
    assert solution.verdict.converged
    assert solution(np.array([[3.0]]))["b"] == pytest.approx(2.0, abs=2 * float(tolerance))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("switch", "kick"),
    [
        ("(1 + tanh((a - c)/1e-11))/2", 1.0),
        ("(1 + tanh((a - c)/d))/2", 1.0),
        ("(1 + erf((a - c)/1e-11))/2", 1.0),
        ("exp(-((a - 1)/d)**2)", 0.2866),  # 0.5/arccos(c) times 2 gamma(5/4) (2 d)^(1/2)
        ("max(a - c, 0)/d", 20.0 / 3.0),
        ("1e7*max(a - c, 0)**2/d", 8.0 / 15.0),  # a was bent by 1e-9 not to pass c, and that taken for rounding
        ("min(max((a - c)/1e-12, 0), 1)", 1.0),
        ("(1 + sign(a - c))/2", 1.0),
    ],
)
def test_what_else_is_narrow_at_the_top_is_met_or_refused(switch, kick):
    solution = sine(switch)
    assert not solution.verdict.converged or abs(solution(np.array([[3.0]]))["b"] - 1.0 - kick) < 0.02 * (1.0 + kick)


@pytest.mark.parametrize("short", [-1e-6, -1e-8])
def test_a_threshold_beyond_the_top_is_not_passed(short):
    """A negative control; the latter needs a better known sine."""
    solution = sine(short=short)
    assert solution.verdict.converged
    assert solution(np.array([[3.0]]))["b"] == pytest.approx(1.0, abs=1e-9)


def line(right, off):
    """What is asked of a = t with the error ``off``."""
    model, axis = model_of(RATE.format(right=right)), Axis(np.linspace(0.0, 1.0, 4), 1)
    both = axis.breaks, off + 0.0 * axis.breaks
    solution, error = (ProductField(((Space((axis,)), values[:, None]),)) for values in both)
    return LinearisationCheck(model).largest_change(solution, FieldContext(error), model.problem.domain)


def test_a_jump_that_is_passed_counts_by_the_time_within_the_error():
    found = line("1 + heaviside(a - 0.4)", 0.01)
    assert found.place == pytest.approx([0.4], abs=0.04)
    assert found.text == "a_t = 1 + heaviside(a - 0.4)"
    assert found.relative_change == pytest.approx(
        0.04 / 4 / 1.6, rel=0.4
    )  # twice the error to either side, over the terms
    assert line("1 + heaviside(a - 0.4)", 1e-3).relative_change == pytest.approx(0.1 * found.relative_change, rel=0.5)
    assert line("1 + heaviside(a - 0.4)", 1e-4) is None  # a negative control


def test_what_is_smooth_across_the_error_is_no_switch():
    for right in ("exp(-a)", "1/(1 + a)", "1 + tanh(a - 0.4)", "cos(a)**2 + exp(a)"):
        assert line(right, 0.01) is None
    assert line("1 + tanh((a - 0.4)/1e-3)", 0.01) is not None


def test_a_slope_that_varies_with_coordinates_alone_is_decided_in_the_first_boxes(monkeypatch):
    """Of Heat2d-LT's 5*sin(u**2)*sin(4*pi*x) up to 3672 boxes had been looked at in a slab."""
    monkeypatch.setattr(linearisation_check, "cut_boxes", lambda *_: pytest.fail("boxes were cut"))
    assert line("sin(a**2)*sin(40*t)", 1e-3) is None


def test_polynomials_and_what_has_no_error_are_not_asked():
    assert LinearisationCheck(model_of(RATE.format(right="a - a**3"))).nonpolynomial_equations == ()
    model = model_of(RATE.format(right="heaviside(a - 0.4)"))
    assert len(LinearisationCheck(model).nonpolynomial_equations) == 1
    assert LinearisationCheck(model).largest_change(None, FieldContext(), model.problem.domain) is None


@pytest.mark.parametrize(("right", "told"), [("-sqrt(max(a - t, 0))", False), ("sqrt(max(a - t, 0))", True)])
def test_a_slope_that_damps_an_unknown_is_no_switch_however_steep(right, told):
    """An error of 1e-4 of a tank's height is less at once, while a root of it feeds on itself."""
    assert (line(f"1 + {right}", 1e-4) is not None) == told


@pytest.mark.parametrize(
    ("first", "second", "exact"),
    [
        ("w = max(v - w, 0)", "q = w", lambda v: np.maximum(v, 0.0) / 2),
        ("min(w, q) = 0", "w - q = v", lambda v: np.maximum(v, 0.0)),
    ],
)
def test_next_to_a_bend_at_zero_terms_are_compared_with_what_was_before(first, second, exact):
    """Those of a short slab are nothing there: 1e-12 was known, and the bend still not decided at 1e-4."""
    solution = solve(parse_problem(ALGEBRAIC.format(first=first, second=second), "t.yaml"))
    t = np.linspace(0.0, 7.0, 29)
    assert solution.verdict.converged
    np.testing.assert_allclose(solution(t[:, None])["w"], exact(np.cos(t)), atol=2e-4)


def test_a_term_that_has_no_square_is_refused():
    """exp(350) can be held, its square not: an OverflowError of Python had ended the run."""
    text = RATE.format(right="350*a").replace("a = 0", "a = 1")
    verdict = solve(parse_problem(text, "t.yaml")).verdict
    assert verdict.reason == "not_finite"
    assert "float64 has no squares" in verdict.sentence
