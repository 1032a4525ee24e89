"""Equations that vanish somewhere are believed where the same with rows of one size determine the solution."""

import numpy as np
import pytest
from scipy.special import jn_zeros, jv
from small_models import LINE, model_of

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.driver import solve
from pinnkan.solver.verify import balanced_rows, stability_check
from pinnkan.solver.verify.balanced_rows import balanced_model

DISK = """
name: disk
domain: {x: [0, 1], y: [0, 2*pi], periodic: [y]}
unknowns: [u]
equations: ["x**2*u_xx + x*u_x + u_yy = 0"]
conditions: [{where: left, equation: none}, {where: right, equation: RIGHT}]
"""
PLATE = """
name: plate
domain: {x: [INNER, 1]}
unknowns: [w]
equations: ["x**3*w_xxxx + 2*x**2*w_xxx - x*w_xx + w_x = 64*x**3"]
conditions:
  - {where: left, equation: w_x = 0}
  - {where: left, equation: LEFT}
  - {where: right, equation: EDGE}
  - {where: right, equation: RIM}
"""
MIDDLE = {"INNER": 0, "LEFT": "w_xxx = 0", "EDGE": "w = 0", "RIM": "w_x = 0"}
RING = {"INNER": 0.1, "LEFT": "w = 0", "EDGE": "w_xx + 0.3*w_x = 0", "RIM": "w_xxx + w_xx - w_x = 0"}
FIRST_ORDER = """
name: t
domain: {x: [START, 1]}
unknowns: [u]
equations: ["EQUATION"]
conditions: [{where: left, equation: LEFT}, {where: right, equation: RIGHT}]
"""
COOLING = """
name: cooling
domain: {x: [0, 1], y: [0, 2*pi], t: [0, 0.02], periodic: [y]}
unknowns: [u]
equations: ["EQUATION"]
conditions:
  - {where: initial, equation: u = x*(1 - x**2)*cos(y)}
  - {where: left, equation: none}
  - {where: right, equation: u = 0}
solver: {tolerance: 1e-3}
"""


def solved(text, **words):
    for word, value in words.items():
        text = text.replace(word, str(value))
    return solve(parse_problem(text, "t.yaml"))


def space_on(model, intervals):
    ranges = zip(model.problem.box.ranges, model.problem.box.periodic, strict=True)
    return Space(tuple(Axis(np.linspace(*ends, intervals + 1), 6, p) for ends, p in ranges), 1)


def test_laplaces_equation_on_a_disk_in_polar_coordinates_is_determined():
    found = solved(DISK, RIGHT="u = cos(3*y) + sin(y)")
    x, y = np.random.default_rng(0).random((2, 1000)) * [[1.0], [2 * np.pi]]
    exact = x**3 * np.cos(3 * y) + x * np.sin(y)
    error = np.linalg.norm(found(np.stack([x, y], 1))["u"] - exact) / np.linalg.norm(exact)
    assert found.verdict.converged
    assert error <= found.verdict.estimate


def test_with_slopes_alone_it_is_not():
    assert solved(DISK, RIGHT="u_x = cos(3*y) + sin(y)").verdict.reason == "rank_deficient"


def ring(x):
    """x^4 + a + b x^2 + c log x + d x^2 log x, by the conditions of a ring."""

    def terms(x):
        log = np.log(x)
        return np.array(
            [
                [x**4, x**0, x**2, log, x**2 * log],
                [4 * x**3, 0 * x, 2 * x, 1 / x, 2 * x * log + x],
                [12 * x**2, 0 * x, 2 * x**0, -1 / x**2, 2 * log + 3],
                [24 * x, 0 * x, 0 * x, 2 / x**3, 2 / x],
            ]
        )

    inner, (_, slope, bend, shear) = terms(0.1), terms(1.0)
    rows = np.array([inner[0], inner[1], bend + 0.3 * slope, shear + bend - slope])
    return np.tensordot(np.r_[1.0, -np.linalg.solve(rows[:, 1:], rows[:, 0])], terms(x)[0], 1)


@pytest.mark.parametrize(
    ("words", "exact"), [(MIDDLE, lambda x: (1 - x**2) ** 2), (RING, ring)], ids=["middle", "ring"]
)
def test_so_is_a_plate_in_polar_coordinates(words, exact):
    """About its middle, where the equation vanishes, and as a ring, on which it varies by a factor of a thousand."""
    found, x = solved(PLATE, **words), np.linspace(words["INNER"], 1, 1001)
    assert found.verdict.converged
    error = np.linalg.norm(found(x[:, None])["w"] - exact(x)) / np.linalg.norm(exact(x))
    assert error <= found.verdict.estimate + 1e-12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param(DISK, {"RIGHT": "u = cos(3*y) + sin(y)"}, marks=pytest.mark.slow, id="disk"),
        pytest.param(PLATE, MIDDLE, id="middle"),
    ],
)
def test_rows_as_they_stand_see_too_little_of_them(monkeypatch, text, words):
    """A control: without the second look both are refused."""
    monkeypatch.setattr(stability_check, "balanced_bounds", lambda *_: None)
    assert solved(text, **words).verdict.reason == "rank_deficient"


@pytest.mark.parametrize(
    ("start", "equation", "left", "right"),
    [
        (-1, "x*u_x = 2*u + x", "none", "u = 1"),  # c x^2 where x < 0
        (0, "x*u_x = 0.6*u + x", "u = 0", "none"),  # c x^0.6
        (0, "x*u_x = 0.4*u + x", "u = 0", "none"),
        (0, "x**2*u_xx - 3.5*x*u_x + 4.5*u = 4.5", "u = 1", "u = 1"),  # c (x^1.5 - x^3)
        (0, "x*(-0.01*u_xx + u_x - 1) = 0", "u = 0", "none"),  # a layer
        (0, "x**2*u_x = u - 1", "u = 1", "none"),  # c exp(-1 / x)
        (0, "(x + 0.01)*(u_xx + pi**2*u - pi**2) = 0", "u = 1", "u = 1"),  # a resonance
        (0, "x*u_xx + u_x + 5.78318596294678*x*(u - 1) = 0", "none", "u = 1"),  # of a membrane
    ],
)
def test_what_other_solutions_may_be_added_to_is_refused_with_any_rows(start, equation, left, right):
    found = solved(FIRST_ORDER, START=start, EQUATION=equation, LEFT=left, RIGHT=right)
    assert found.verdict.reason == "rank_deficient"


def test_rows_of_one_size_are_not_looked_at_again():
    for equation, alike in (("-u_xx = 1", True), ("x*u_xx + u_x = 1", False)):
        model = model_of(LINE.format(equation=equation, left=0, right="u = 0"))
        space, halved = space_on(model, 3), space_on(model, 6)
        assert (balanced_model(model, space, np.zeros(space.shape), halved) is None) == alike


@pytest.mark.slow
def test_heat_on_a_disk_is_determined_and_backwards_it_is_not():
    """By Bessel functions: the first of them is J_1."""
    forwards = solved(COOLING, EQUATION="x**2*u_t = x**2*u_xx + x*u_x + u_yy")
    backwards = solved(COOLING, EQUATION="x**2*u_t = -x**2*u_xx - x*u_x - u_yy")
    r, w = np.polynomial.legendre.leggauss(200)
    r, w = 0.5 * (r + 1), 0.5 * w
    zeros, x = jn_zeros(1, 60), np.linspace(0, 1, 101)
    shares = (jv(1, zeros[:, None] * r) * r**2 * (1 - r**2) * w).sum(1) * 2 / jv(2, zeros) ** 2
    exact = (shares * np.exp(-0.02 * zeros**2)) @ jv(1, zeros[:, None] * x)
    points = np.stack([x, np.zeros(101), np.full(101, 0.02)], 1)
    assert forwards.verdict.converged
    assert np.linalg.norm(forwards(points)["u"] - exact) < 1e-3 * np.linalg.norm(exact)
    assert not backwards.verdict.converged


DECAYING = """
name: decaying
domain: {t: [0, 12]}
unknowns: [u, w]
equations: [u_t = -u, "w_t = -0.5*w*u_t/u - 0.4*w"]
conditions: [{where: initial, equation: u = 1}, {where: initial, equation: w = 1}]
solver: {tolerance: 1e-4}
"""


def test_what_has_decayed_counts_as_it_is(monkeypatch):
    """w = exp(0.1 t); from t = 9.4 on a change of 1e-4 in u, 8e-5 by then, was taken for a second solution."""
    problem = parse_problem(DECAYING, "t.yaml")
    solution = solve(problem)
    assert solution.verdict.converged
    t = np.linspace(0.0, 12.0, 101)
    assert np.abs(solution(t)["w"] - np.exp(0.1 * t)).max() < 1e-3
    monkeypatch.setattr(balanced_rows, "slab_scaled_model", lambda *given: None)
    assert not solve(problem).verdict.converged
