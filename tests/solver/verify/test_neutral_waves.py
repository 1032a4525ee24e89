"""Waves that equations do not see: their numbers, and that knots which do not hold them decide nothing."""

import numpy as np
import pytest
from small_models import model_of

import pinnkan
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.verify import checks
from pinnkan.solver.verify.neutral_waves import (
    SideWaveRefinement,
    has_real_characteristics,
    intervals_resolve_waves,
    neutral_wave_numbers,
    neutral_wave_numbers_at,
    resolves_neutral_waves,
    side_wave_refinement,
    space_for_growing_waves,
)
from pinnkan.verdict.records import Reason

TEXT = """
name: waves
domain: {{x: [0, 1], y: [0, 1]}}
unknowns: [u]
equations: ["{equation} = sin(pi*x)*sin(pi*y)"]
conditions: [{{where: boundary, equation: u = 0}}]
"""
TANK = """
name: tank
domain: {{x: [0, 1], y: [0, 1]}}
unknowns: [u]
equations: ["lap(u) = 0"]
conditions:
  - {{where: [left, right, bottom], equation: dn(u) = 0}}
  - {{where: top, equation: "u_y = {factor!r}*u + cos(pi*x) - {small!r}*cos({waves}*pi*x)"}}
solver: {{tolerance: 1e-2}}
"""


def tank(waves, apart, amplitude=0.1):
    """Verdict and error of a tank next to a resonance, whose wave has an amplitude."""
    k, number = waves * np.pi, np.pi
    factor = float(k * np.tanh(k) + apart)
    text = TANK.format(factor=factor, small=apart * amplitude, waves=waves)
    solution = pinnkan.solve(parse_problem(text, "t.yaml"))
    x, y = points = np.random.default_rng(0).random((2, 2000))
    true = np.cosh(number * y) * np.cos(number * x) / (number * np.sinh(number) - factor * np.cosh(number))
    true += amplitude * np.cosh(k * y) / np.cosh(k) * np.cos(k * x)
    error = np.ravel(solution(points.T)["u"]) - true
    return solution.verdict, float(np.linalg.norm(error) / np.linalg.norm(true))


def text_of(top, bottom="u_y = 0"):
    sides = f"{{where: top, equation: '{top}'}}, {{where: bottom, equation: '{bottom}'}}"
    return TEXT.format(equation="lap(u)").replace("{where: boundary,", f"{sides}, {{where: [left, right],")


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
    found = max(neutral_wave_numbers(model_of(TEXT.format(equation=equation))))
    assert found == pytest.approx(number, rel=0.05, abs=1e-9)


def test_waves_of_nonlinear_equations_are_those_at_the_solution():
    """A term of a thousandth made Helmholtz' equation one that nobody asked: the error was 0.84, the estimate 2e-4."""
    model = model_of(TEXT.format(equation="lap(u) + 400*u + 1e-3*u**3"))
    space = Space(tuple(Axis(np.linspace(0.0, 1.0, 3), 4) for _ in range(2)))
    nothing = ProductField(((space, np.zeros(space.shape)),))
    assert max(neutral_wave_numbers_at(model, nothing)) == pytest.approx(20.0)
    steep = ProductField(((space, np.full(space.shape, 10.0)),))
    assert max(neutral_wave_numbers_at(model, steep)) == pytest.approx((400.0 + 3e-3 * 100.0) ** 0.5)
    layer = model_of(TEXT.format(equation="1e-4*lap(u) + u - u**3"))
    assert max(neutral_wave_numbers_at(layer, ProductField(((space, np.full(space.shape, 1.0)),)))) == 0.0


def test_knots_hold_as_many_radians_as_their_degree():
    model = model_of(TEXT.format(equation="lap(u) + 2500*pi**2*u"))
    few, enough = (Axis(np.linspace(0.0, 1.0, n + 1), 10) for n in (15, 16))
    assert not resolves_neutral_waves(model, None, (few, few))
    assert resolves_neutral_waves(model, None, (enough, enough))
    beyond = model_of(TEXT.format(equation="lap(u) + 1e8*u"))
    assert resolves_neutral_waves(beyond, None, (few, few))


@pytest.mark.slow
def test_a_resonance_that_the_source_does_not_excite_is_found():
    """sin(30 pi x) sin(40 pi y) may be added; it had converged on three intervals."""
    solution = pinnkan.solve(parse_problem(TEXT.format(equation="lap(u) + 2500*pi**2*u"), "t.yaml"))
    assert solution.verdict.reason == Reason.RANK_DEFICIENT
    assert solution.levels[-1].parameters < 20_000  # two levels more say the same in nine times as long
    verdict = pinnkan.solve(parse_problem(TEXT.format(equation="lap(u) + 2503*pi**2*u"), "t.yaml")).verdict
    assert verdict.converged


def held(top, axes, left=(1.0, 1.0)):
    return side_wave_refinement(model_of(text_of(top)), None, axes, lambda: left)


@pytest.mark.parametrize(("top", "least"), [("u_y = 30.5*u", 30.5), ("u_y = (25 + 5*sin(3*x))*u", 27.0)])
def test_waves_that_a_side_does_not_see_ask_for_knots_along_it_and_beside_it(top, least):
    x, y = held(top, (Axis(np.array([0.0, 1.0]), 10),) * 2).axes
    assert least / 4 < 1.0 / np.diff(x.breaks).max() < 2 * least
    assert np.diff(y.breaks)[-1] * least <= 2.0 < np.diff(y.breaks).max() * least
    assert [a.intervals for a in held(top, (x, y)).axes] == [x.intervals, y.intervals]


@pytest.mark.parametrize("top", ["u_y = -30.5*u", "u_y = 1", "u = x", "u_y = (9 + x)*1e5*u"])
def test_sides_that_see_every_wave_ask_for_none_nor_those_whose_waves_are_too_fine(top):
    axes = (Axis(np.array([0.0, 1.0]), 10),) * 2
    found = held(top, axes)
    assert found.axes == axes
    assert found.condition_share == np.inf


def test_whole_waves_in_which_nothing_can_hide_ask_for_no_knots():
    """Whole waves are 10 pi apart from 9 pi and 11 pi: of 10.3 pi sides see a fiftieth."""
    axes = (Axis(np.array([0.0, 1.0]), 10),) * 2
    assert held("u_y = 32.4*u", axes, (1e-3, 1e-3)).axes == axes
    assert held("u_y = 32.4*u", axes, (1e-3, 0.1)).axes != axes
    assert held("u_y = (32.4 + 1e-9*x)*u", axes, (1e-3, 1e-3)).axes != axes  # not known


@pytest.mark.parametrize(("factor", "is_lost"), [(1000 * np.pi, True), (1000.4 * np.pi, False)])
def test_waves_too_fine_for_knots_are_lost_next_to_a_resonance_only(factor, is_lost):
    axes = (Axis(np.array([0.0, 1.0]), 10),) * 2
    found = held(f"u_y = {factor!r}*u", axes, (1e-6, 1.0))
    assert found.axes == axes
    assert (found.condition_share < 1e-11) == is_lost == (found.wavelength > 0.0)


def test_a_resonance_of_a_side_that_its_data_do_not_excite_is_refused():
    """cosh(8 pi y) cos(8 pi x) may be added; it had converged on three intervals."""
    verdict, _ = tank(8, 0.0)
    assert verdict.reason == Reason.RANK_DEFICIENT
    assert "waves 2.5e-01 long along a side" in verdict.sentence


def test_between_two_resonances_of_a_side_there_is_a_solution():
    verdict, error = tank(8, 0.5 * np.pi, 0.0)
    assert verdict.converged
    assert error < 1e-3


def test_a_wave_next_to_a_resonance_of_a_side_is_found(monkeypatch):
    """Its data are 1e-4 of the others, the wave more than the rest of the solution."""
    verdict, error = tank(12, 1e-3)
    assert verdict.converged
    assert error < 1e-2
    monkeypatch.setattr(
        checks, "side_wave_refinement", lambda model, field, axes, left: SideWaveRefinement(axes)
    )  # a negative control
    verdict, error = tank(12, 1e-3)
    assert verdict.converged
    assert error > 0.5


def test_knots_of_a_line_go_on_until_they_may_hold_its_waves():
    """Beside exp(x) the residual of a hundred half waves is 1e-5 of the terms: it rested, and that was the end."""
    text = """
name: line
domain: {x: [0, 1]}
parameters: {kk: 10000*pi**2 + 1.0}
functions: {v: exp(x) + sin(100*pi*x)}
unknowns: [u]
equations: ["u_xx + kk*u = dx(dx(v)) + kk*v"]
conditions: [{where: boundary, equation: u = v}]
solver: {tolerance: 1e-2}
"""
    solution, x = pinnkan.solve(parse_problem(text, "t.yaml")), np.linspace(0.0, 1.0, 1001)
    true = np.exp(x) + np.sin(100 * np.pi * x)
    assert solution.verdict.converged
    assert np.linalg.norm(solution(x[:, None])["u"] - true) < 1e-2 * np.linalg.norm(true)


@pytest.mark.parametrize(("intervals", "held"), [(11, False), (30, False), (33, True)])
def test_circles_hold_half_as_many_waves_as_they_have_intervals(intervals: int, held: bool) -> None:
    """Of lap(u) + 169.01 u waves of 13 lengths around the circle, whatever the degree."""
    text = TEXT.format(equation="lap(u) + 169.01*u").replace("[0, 1]", "[0, 2*pi]")
    text = text.replace("y: [0, 2*pi]", "y: [0, 2*pi], periodic: [x, y]")
    model = model_of(text[: text.index("conditions")])
    assert intervals_resolve_waves(model, (intervals,) * 2, (10, 10)) is held


SPLIT = """
name: split
domain: {x: [0, 200], t: [0, 10]}
unknowns: [u, mu]
equations: [u_t = SIGN*mu_xx, mu = u**3 - u - u_xx]
conditions:
  - {where: initial, equation: u = 0.01*cos(pi*x/100)}
  - {where: boundary, equation: dn(u) = 0}
  - {where: boundary, equation: dn(mu) = 0}
"""


def held_of(text, intervals):
    """What holds the waves that grow in a slab, where the solution is nothing."""
    model = model_of(text)
    axes = Axis(np.linspace(0.0, 200.0, intervals + 1), 8), Axis(np.array([0.0, 1.0]), 8)
    space = Space(axes, len(model.problem.unknowns))
    return space_for_growing_waves(model, space, np.zeros(space.shape))


def test_waves_that_grow_and_end_to_grow_are_held():
    """Those of length one do: 200 / 4 intervals of degree eight hold them."""
    (space, _, halved) = held_of(SPLIT.replace("SIGN", "1"), 8)
    assert [(a.intervals, b.intervals) for a, b in zip(space.axes, halved.axes, strict=True)] == [(64, 128), (1, 2)]
    assert held_of(SPLIT.replace("SIGN", "1"), 64) is None


def test_waves_that_grow_without_end_are_held_by_no_knots():
    assert held_of(SPLIT.replace("SIGN", "-1"), 8) is None


def test_coarse_knots_that_see_only_what_grows_decide_nothing():
    """Refused, "the least residual falls on": on 8 and 16 intervals of 200 it is anti-diffusion."""
    solution = pinnkan.solve(parse_problem(SPLIT.replace("SIGN", "1"), "t.yaml"))
    assert solution.verdict.converged, solution.verdict.sentence
    x, k = np.linspace(0.0, 200.0, 101), np.pi / 100.0
    linear = 0.01 * np.exp(10.0 * (k**2 - k**4)) * np.cos(k * x)
    u = solution(np.column_stack([x, np.full(101, 10.0)]))["u"]
    assert np.linalg.norm(np.ravel(u) - linear) < 1e-4 * np.linalg.norm(linear)


@pytest.mark.parametrize(
    ("equation", "has"),
    [
        ("lap(u) + 900*u", False),
        ("-(2 + x)*u_xx - 0.01*u_yy - 0.1*u_xy + 50*u_x", False),
        ("lap(lap(u))", False),
        ("(y - 0.5)*u_xx + u_yy", True),
        ("(1 + x)*u_xx - u_yy", True),
        ("u_xx + 2*u_xy + u_yy + u", True),  # diffusion along one direction alone
        ("u_x + 0.3*u_y + u", True),
    ],
)
def test_an_elliptic_equation_has_no_characteristics(equation, has):
    model = model_of(TEXT.format(equation=equation))
    assert has_real_characteristics(model, None) == has


@pytest.mark.parametrize(("sign", "has"), [("+", False), ("-", True)])
def test_of_two_equations_the_determinant_tells(sign, has):
    """Cauchy and Riemann's, and those of sound in one dimension and time."""
    text = f"""
name: pair
domain: {{x: [0, 1], y: [0, 1]}}
unknowns: [u, w]
equations: ["u_x = w_y + 1", "w_x {sign} u_y = 0"]
conditions: [{{where: [left, right], equation: u = 0}}, {{where: [bottom, top], equation: w = 0}}]
"""
    assert has_real_characteristics(model_of(text), None) == has
