"""Quantities and their errors, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from closed_quantities import Given, T, X, Y, on_line, read, stated
from edited import problem
from flow import ORDINARY

from pinnkan.assembly.clock import Clock
from pinnkan.problem.registry import parse_problem
from pinnkan.run.solving import solve
from pinnkan.solver.estimate.quantities import evaluate_quantities
from pinnkan.solver.outcome import SAFETY


@pytest.mark.parametrize(
    ("quantity", "expected"),
    [
        ("{integral: u}", 2 / 3 + 1),
        ("{integral: u*v, over: right}", 2 + 4 / 3),
        ("{integral: n_x*u_x + n_y*v_y, over: boundary}", 4.0),
        ("{integral: n_y*v, over: [bottom, top]}", 2.0),
        ("{value: u_x + v, at: [0.3, 1.2]}", 1.8),
        ("{max: v - v**2}", 0.25),
        ("{min: u - x - v/2}", -0.25),
        ("{max: u*v}", 4.0),
        ("{integral: abs(v - 0.4)}", 0.08 + 1.28),
    ],
)
def test_quantities_have_the_values_of_their_closed_forms(quantity: str, expected: float) -> None:
    found = read(stated(quantity), X**2 + Y / 2, Y, sympy.S.Zero)
    assert found.times is None
    assert found.errors is not None
    assert abs(found.values[0] - expected) <= found.errors[0] + 1e-9 * ("max" in quantity or "min" in quantity)
    assert found.errors[0] < 2e-2


def test_a_wrong_value_would_be_noticed() -> None:
    found = read(stated("{integral: n_x*u, over: boundary}"), X**2, Y, sympy.S.Zero)
    assert found.errors is not None
    assert abs(found.values[0] + 2.0) > 1e3 * found.errors[0]


@pytest.mark.parametrize(
    ("quantity", "change"),
    [
        ("{integral: u}", 2e-6 / 3),
        ("{integral: u**2}", 2 * 2e-6 / 5),
        ("{value: u_x, at: [0.5, 1]}", 1e-6),
        ("{max: u}", 1e-6),
        ("{integral: v}", 0.0),
    ],
)
def test_the_error_is_the_change_by_the_estimated_error(quantity: str, change: float) -> None:
    found = read(stated(quantity), X**2, Y, 1e-6 * X**2)
    assert found.errors is not None
    assert found.errors[0] == pytest.approx(SAFETY * change, rel=1e-5, abs=1e-13)


def test_without_an_error_function_there_is_no_error() -> None:
    assert read(stated("{integral: u}"), X, Y).errors is None


def test_a_quantity_over_time_is_a_curve_and_its_end_a_number() -> None:
    domain = "{x: [0, 1], t: [0, 1]}"
    curve = read(stated("{integral: u}", domain), X * T, X, X * T * 1e-6)
    assert curve.times is not None
    assert curve.errors is not None
    assert curve.values == pytest.approx([t / 2 for t in curve.times])
    assert curve.errors == pytest.approx([SAFETY * t * 5e-7 for t in curve.times], abs=2e-8)  # around zero not zero
    peak = read(stated("{max: u, time: end}", domain), T * X * (1 - X), X)
    assert (peak.times, peak.values) == (None, pytest.approx((0.25,)))
    assert peak.note == ""
    point = read(stated("{value: u_t, at: [0.5]}", domain), X * T**2, X)
    assert point.values == pytest.approx(np.linspace(0, 1, 5))


def test_a_solve_that_did_not_reach_the_end_says_of_what_time_its_end_is() -> None:
    asked = stated("{max: u, time: end}", "{x: [0, 1], t: [0, 1]}")
    given = Given((T * X * (1 - X), X), (X, T), asked.box.ranges)
    found = evaluate_quantities(asked, given, None, np.array([0.0, 0.25]))["q"]
    assert found.values == pytest.approx((0.0625,))
    assert found.note == "at t = 0.25, further the solve did not come"


def test_where_t_is_alone_quantities_are_read_off_all_of_it() -> None:
    stated_problem = problem(
        f"{ORDINARY}quantities:\n  area: {{integral: a}}\n  top: {{max: a*b}}\n  late: {{value: b, at: [1.5]}}\n"
        "  end: {value: a_t, at: [2]}\n"
    )
    field = Given((sympy.cos(T), -sympy.sin(T)), stated_problem.coordinates, stated_problem.box.ranges)
    found = evaluate_quantities(stated_problem, field, None, np.zeros(1))  # type: ignore[arg-type]
    expected = {"area": np.sin(2.0), "top": -np.sin(4.0) / 2, "late": -np.sin(1.5), "end": -np.sin(2.0)}
    assert {name: float(reading.values[0]) for name, reading in found.items()} == pytest.approx(expected, abs=1e-9)
    assert all(reading.times is None for reading in found.values())


HEAT = """\
name: warm
domain: {x: [0, 1], t: [0, 0.2]}
functions: {U: "exp(-pi**2*t)*sin(pi*x) + x*t"}
unknowns: [u]
equations: ["u_t = u_xx + x"]
conditions:
  - {where: initial, equation: u = U}
  - {where: boundary, equation: u = U}
exact: {u: U}
solver: {tolerance: 1e-5}
output: {times: 11}
quantities:
  mass: {integral: u}
  flux: {integral: dn(u), over: boundary}
  peak: {max: u}
  mid: {value: u_x, at: [0.3]}
"""


def test_the_errors_of_a_solve_are_those_against_the_exact_solution() -> None:
    """Effectivities from 1.07 to 2.6 were seen, where the errors are not rounding, nor pass through zero."""
    stated_problem = problem(HEAT)
    solution = solve(stated_problem)
    exact = Given((stated_problem.exact["u"],), stated_problem.coordinates, stated_problem.box.ranges, 30)  # type: ignore[index]
    known = evaluate_quantities(stated_problem, exact, None, solution.times())  # type: ignore[arg-type]
    for name, found in solution.quantities.items():
        true = np.abs(np.array(found.values) - known[name].values)
        seen = true > 0.05 * true.max()
        assert found.errors is not None
        assert true.max() > 1e-12
        errors = np.array(found.errors)[seen]
        assert np.all(errors >= 0.8 * true[seen])
        assert np.all(errors <= 4 * np.maximum(true[seen], 0.25 * true.max()))


def test_a_quantity_that_is_not_finite_says_so() -> None:
    top = on_line("{max: 1/u}", X)
    assert top.values == (np.inf,)
    assert top.errors == (np.inf,)
    assert "infinite" in top.note
    assert on_line("{max: 1/(1 + u)}", X).note == ""
    assert "not known" in on_line("{integral: log(u - 0.5)}", X).note


def test_quantities_end_with_the_time_limit() -> None:
    clock = Clock(1.0, spent=2.0)
    late = on_line("{integral: u}", X, clock)
    assert np.isnan(late.values[0])
    assert "not computed" in late.note
    assert on_line("{integral: u}", X, Clock(1e3)).values[0] == pytest.approx(0.5)


STEEP = """
name: steep
domain: {x: [0, 1]}
unknowns: [u]
equations: ["-sqrt(x)*u_xx = 1"]
conditions: [{where: boundary, equation: u = 0}]
quantities: {slope: {value: u_x, at: [0]}}
solver: {tolerance: TOLERANCE}
"""


@pytest.mark.parametrize("tolerance", ["1e-4", "1e-6"])
def test_a_slope_that_converges_like_a_root_has_the_errors_of_all_levels_to_come(tolerance: str) -> None:
    """u = 4/3 (x - x^1.5): an interval half as wide leaves seven tenths of the error in the slope at 0."""
    text = STEEP.replace("TOLERANCE", tolerance)
    solution = solve(parse_problem(text.encode(), "steep.yaml"))
    slope = solution.quantities["slope"]
    (value,), (error,) = slope.values, slope.errors
    assert abs(value - 4 / 3) < error < 6 * abs(value - 4 / 3)
    (next_alone,) = evaluate_quantities(solution.problem, solution.field, solution.error, np.zeros(1))["slope"].errors
    assert next_alone < 0.5 * abs(value - 4 / 3)


FLUX = """
name: flux
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u]
equations: ["-lap(u) = 1"]
conditions:
  - {where: left, equation: u = 0}
  - {where: [right, bottom, top], equation: dn(u) = 0.3}
quantities: {out: {integral: -dn(u), over: left}}
solver: {tolerance: 1e-3}
"""


def test_a_flux_between_corners_that_disagree_has_the_errors_of_levels_that_were_not_needed() -> None:
    """What enters must leave: 1 + 3 * 0.3. One level is enough for u; half of that of a flux is to come."""
    solution = solve(parse_problem(FLUX.encode(), "flux.yaml"))
    (value,), (error,) = solution.quantities["out"].values, solution.quantities["out"].errors
    assert len(solution.levels) == 1
    assert abs(value - 1.9) < error < 5 * abs(value - 1.9)
    (next_alone,) = evaluate_quantities(solution.problem, solution.field, solution.error, np.zeros(1))["out"].errors
    assert next_alone < 0.7 * abs(value - 1.9)


SQUARE = "{x: [0, 1], y: [0, 1]}"
KNOWN = {
    "layer": ("{x: [0, 1]}", "-0.01*u_xx + u_x = 1", [("[left, right]", "u = 0")], {"value: u_x, at: [1]": -99.0}),
    "reaction": (
        "{x: [0, 1]}",
        "-0.001*u_xx + u = 1",
        [("[left, right]", "u = 0")],
        {"integral: u": 1 - 2 * 1e-3**0.5, "integral: 0.001*u_x**2 + u**2": 1 - 2 * 1e-3**0.5},
    ),
    "root": (
        "{x: [0, 1]}",
        "-sqrt(x)*u_xx = 1",
        [("[left, right]", "u = 0")],
        {"integral: u": 2 / 15, "integral: u_x**2": 2 / 9, "max: u_x": 4 / 3},
    ),
    "exponential": (
        "{x: [0, 1]}",
        "-dx(exp(u)*u_x) = 40",
        [("[left, right]", "u = 0")],
        {"value: exp(u)*u_x, at: [0]": 20.0, "max: u": np.log(6.0)},
    ),
    "square": (SQUARE, "-lap(u) = 1", [("boundary", "u = 0")], {"integral: -dn(u), over: left": 0.25}),
    "nonlinear": (
        SQUARE,
        "-div(u**(-0.5)*grad(u)) = 10",
        [("boundary", "u = 1")],
        {"integral: -u**(-0.5)*dn(u), over: top": 2.5},
    ),
    "convection": (
        SQUARE,
        "-0.05*lap(u) + u_x + 0.5*u_y = 1",
        [("boundary", "u = 0")],
        {"integral: -0.05*dn(u), over: boundary": 1.0},
    ),
    "corners": (
        SQUARE,
        "-lap(u) = 1",
        [("[left, right, top]", "u = 0"), ("bottom", "dn(u) = 1")],
        {"integral: -dn(u), over: [left, right, top]": 2.0},
    ),
}


@pytest.mark.parametrize("name", KNOWN)
def test_quantities_are_within_their_errors_which_are_not_far_above(name: str) -> None:
    """Of eighty-five of steady problems 98 in a hundred are, by 2.4 times in the median."""
    domain, equation, conditions, known = KNOWN[name]
    lines = [f"name: known\ndomain: {domain}\nunknowns: [u]", f'equations: ["{equation}"]', "conditions:"]
    lines += [f'  - {{where: {where}, equation: "{what}"}}' for where, what in conditions]
    lines += ["quantities:", *(f"  q{i}: {{{q}}}" for i, q in enumerate(known)), "solver: {tolerance: 1e-3}"]
    solution = solve(parse_problem("\n".join(lines).encode(), "known.yaml"))
    assert solution.verdict.converged
    for i, value in enumerate(known.values()):
        found = solution.quantities[f"q{i}"]
        off = abs(found.values[0] - value)
        assert off <= found.errors[0] <= max(40 * off, 1e-9)  # some are all but exact


LAYERS = """
name: layers
domain: {x: [0, 1]}
functions: {k: 1 + 9*heaviside(x - 0.3)}
unknowns: [u]
equations: [-dx(k*u_x) = exp(x)]
conditions: [{where: boundary, equation: u = 0}]
quantities:
  flux: {value: k*u_x, at: [0.3]}
  slope: {value: u_x, at: [0.3]}
  beside: {value: u_x, at: [0.4]}
  crossing: {value: u - 0.5*u, at: [0.3]}
"""


def test_a_flux_through_a_jump_has_one_value_a_slope_two() -> None:
    """The flux was taken with half of the jump and the slope of one side: two stated errors off."""
    found = solve(parse_problem(LAYERS, "t.yaml")).quantities
    # k u_x = c - exp(x), with c so that the integral of u_x is zero
    c = ((np.exp(0.3) - 1) + 0.1 * (np.e - np.exp(0.3))) / (0.3 + 0.07)
    assert found["flux"].values[0] == pytest.approx(c - np.exp(0.3), rel=1e-7)
    assert found["flux"].note == found["beside"].note == found["crossing"].note == ""
    assert found["slope"].note.startswith("two values")
    assert f"{c - np.exp(0.3):.6g} below" in found["slope"].note
