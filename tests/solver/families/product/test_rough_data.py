"""Data that are not smooth in time: kinks that run through the slabs, and conditions that disagree at a corner."""

from dataclasses import replace

import numpy as np
import pytest
from deep_problems import model_of
from scipy.optimize import brentq
from scipy.special import erf, erfc

from pinnkan.problem.registry import load_problem, parse_problem
from pinnkan.solver import time_pass
from pinnkan.solver.driver import solve
from pinnkan.solver.families.product import initial_data, slab_correction, slabs
from pinnkan.solver.families.product.initial_data import first_slab_start
from pinnkan.solver.families.product.slabs import ProductSlabs
from pinnkan.solver.families.product.step_control import FEW_DEGREES, MANY_DEGREES
from pinnkan.verdict.records import Reason

STRING = """
name: plucked
domain: {x: [0, 1], t: [0, 2]}
unknowns: [u]
equations: [u_tt = u_xx]
conditions:
  - {where: initial, equation: "u = min(x, 1 - x)"}
  - {where: initial, equation: u_t = 0}
  - {where: boundary, equation: u = 0}
solver: {tolerance: 2.0e-2}
"""
COOLED = """
name: cooled
domain: {x: [0, 1], t: [0, 0.1]}
unknowns: [u]
equations: [u_t = u_xx]
conditions: [{where: initial, equation: u = 1}, {where: boundary, equation: u = 0}]
solver: {tolerance: 1.0e-3}
"""
HEATED = """
name: heated
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: [u_t = u_xx]
conditions:
  - {where: initial, equation: u = 0}
  - {where: left, equation: u_x = -1}
  - {where: right, equation: u = 0}
solver: {tolerance: 1.0e-3}
"""


BOX = """
name: box
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: [u_t = u_xx]
conditions:
  - {where: initial, equation: "u = heaviside(x - 0.3) - heaviside(x - 0.303)"}
  - {where: boundary, equation: dn(u) = 0}
quantities: {mass: {integral: u}}
solver: {tolerance: 1.0e-2, max_time: 100}
"""
STEP = BOX.replace(" - heaviside(x - 0.303)", "").replace("= u_xx", "= dx((0.1 + u)*u_x)")


def box(x, t):
    """Images of its error functions; a reflection is one at -x, seven periods are too many."""
    width = 2.0 * np.sqrt(t)
    at = [x + 2 * n for n in range(-7, 8)] + [2 * n - x for n in range(-7, 8)]
    return sum(0.5 * (erf((z - 0.3) / width) - erf((z - 0.303) / width)) for z in at)


def string(x, t):
    """d'Alembert, the initial shape continued as an odd function of period two."""

    def shape(z):
        z = (z + 1.0) % 2.0 - 1.0
        return np.sign(z) * np.minimum(np.abs(z), 1.0 - np.abs(z))

    return 0.5 * (shape(x + t) + shape(x - t))


def cooled(x, t):
    """Images of the error function at both ends; 30 are too many."""
    width = 2.0 * np.sqrt(t)
    return 1.0 - sum((-1) ** n * (erfc((n + x) / width) + erfc((n + 1 - x) / width)) for n in range(30))


def heated(x, t):
    """Images of its integral: Carslaw and Jaeger (1959), 2.9."""
    width = 2.0 * np.sqrt(t)

    def ierfc(z):
        return np.exp(-z * z) / np.sqrt(np.pi) - z * erfc(z)

    return sum((-1) ** n * width * (ierfc((2 * n + x) / width) - ierfc((2 * n + 2 - x) / width)) for n in range(30))


def gauss(ends):
    nodes, weights = np.polynomial.legendre.leggauss(6)
    half = 0.5 * np.diff(ends)[:, None]
    return (0.5 * (ends[1:] + ends[:-1])[:, None] + half * nodes).ravel(), (half * weights).ravel()


def true_error(field, exact, x_ends, t_ends):
    (x, of_x), (t, of_t) = gauss(x_ends), gauss(t_ends)
    weights, theirs = np.multiply.outer(of_x, of_t), exact(x[:, None], t[None, :])
    ours = field.grid([x, t], (0, 0))[..., 0]
    return float(np.sqrt((weights * (ours - theirs) ** 2).sum() / (weights * theirs**2).sum()))


@pytest.mark.parametrize("slabs", [None, 6])
def test_the_estimate_sees_kinks_that_run_through_the_slabs(slabs, monkeypatch):
    """One degree more in time sees half of their error: effectivity 0.52 and 0.64, `converged` above the tolerance."""
    problem = parse_problem(STRING, "t.yaml")
    problem = replace(problem, solver=replace(problem.solver, time_slabs=slabs))
    ends = np.linspace(0, 1, 121), np.linspace(0, 2, 81)
    result = solve(problem)
    assert 0.95 < result.verdict.estimate / true_error(result.field, string, *ends) < 1.5
    monkeypatch.setattr(ProductSlabs, "is_doubtful", lambda *_: False)
    blind = solve(problem)
    assert blind.verdict.estimate / true_error(blind.field, string, *ends) < 0.9


def test_a_smooth_solution_needs_no_more_degrees():
    taken = []
    original = slabs.correct_slab
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slabs, "correct_slab", lambda *given: taken.append(given[-3]) or original(*given))
        solve(load_problem("heat1d"))
    assert set(taken) == {FEW_DEGREES} != {MANY_DEGREES}


@pytest.mark.slow
def test_a_narrow_step_of_the_data_widens_from_its_first_instant_on():
    """In slabs of 1e-7 of the time at least it was refused, or 1.5 off and believed, and its mass was made."""
    result = solve(parse_problem(BOX, "t.yaml"))
    assert result.verdict.converged, result.verdict.sentence
    near = graded(1e-6, 0.3)
    x_ends = np.unique([*(0.3 - near), *(0.303 + near), *(0.3 + near[near < 2e-3]), *np.linspace(0.3, 1, 15)])
    error = true_error(result.field, box, x_ends, graded(1e-9, 1.0))
    assert 0.8 < result.verdict.estimate / error < 10.0
    mass = result.quantities["mass"]
    assert np.all(np.abs(np.array(mass.values) - 0.003) <= 1.1 * np.array(mass.errors))
    assert min(np.diff(result.levels[-1].time)) > 0.1


@pytest.mark.slow
def test_a_box_under_a_fourth_derivative_begins_in_slabs_as_short_as_its_order_asks_for():
    """1e-13 of the time is a thousand million times longer than it takes to widen: an estimate of 528 of its mass."""
    text = BOX.replace("u_t = u_xx", "u_t = -u_xxxx").replace("0.303", "0.35").replace("t: [0, 1]", "t: [0, 0.01]")
    text = text.replace("quantities", '  - {where: boundary, equation: "dn(lap(u)) = 0"}\nquantities')
    result = solve(parse_problem(text, "t.yaml"))
    assert result.verdict.converged, result.verdict.sentence
    n = np.pi * np.arange(1, 400)
    x, t = np.linspace(0.0, 1.0, 41), np.array([1e-7, 1e-5, 1e-3])
    sizes = 2.0 * (np.sin(0.35 * n) - np.sin(0.3 * n)) / n
    theirs = 0.05 + np.einsum("k,ki,kj->ij", sizes, np.cos(np.outer(n, x)), np.exp(-np.outer(n**4, t)))
    ours = result.field.grid([x, t], (0, 0))[..., 0]
    assert np.linalg.norm(ours - theirs) < 1e-3 * np.linalg.norm(theirs)


@pytest.mark.slow
def test_a_step_that_diffuses_the_faster_the_higher_it_is_is_solved(monkeypatch):
    """Gauss-Newton settles in no slab that is much longer than the knots of the data take to widen."""
    result = solve(parse_problem(STEP, "t.yaml"))
    assert result.verdict.converged, result.verdict.sentence
    mass = result.quantities["mass"]
    assert np.all(np.abs(np.array(mass.values) - 0.7) <= 1.1 * np.array(mass.errors))
    monkeypatch.setattr(time_pass, "JUMP_WIDTH", 1e-7**0.5)
    assert solve(parse_problem(STEP, "t.yaml")).verdict.reason == Reason.DIVERGED


def graded(start, end):
    return np.concatenate([[0.0], np.geomspace(start, end, 30)])


@pytest.mark.slow
@pytest.mark.parametrize(("text", "exact"), [(COOLED, cooled), (HEATED, heated)], ids=["value", "flux"])
def test_data_that_disagree_at_a_corner_are_solved_and_judged(text, exact):
    problem = parse_problem(text, "t.yaml")
    result = solve(problem)
    assert result.verdict.converged
    x_ends = graded(1e-6, 0.5)
    error = true_error(
        result.field, exact, np.unique([*x_ends, *(1 - x_ends)]), graded(1e-9, float(problem.box.ranges[1][1]))
    )
    assert error <= 1.3 * result.verdict.estimate
    assert error < 1e-4


NARROW = """
name: narrow
domain: {x: [0, 1], t: [0, 1]}
unknowns: [u]
equations: [u_t = u_xx]
conditions:
  - {where: initial, equation: "u = heaviside(x - 0.3) - heaviside(x - 0.305)"}
  - {where: [left, right], equation: u_x = 0}
solver: {tolerance: 1.0e-2}
"""


@pytest.mark.slow
def test_a_narrow_step_at_the_start_leaves_its_integral():
    """With knots 1e-9 apart at both jumps a flux grew there: 8e-2 off, and converged."""
    result = solve(parse_problem(NARROW, "t.yaml"))
    assert result.verdict.converged, result.verdict.sentence
    x, t = np.linspace(0.0, 1.0, 201), 0.05
    k = np.pi * np.arange(1, 40)
    waves = 2.0 * (np.sin(0.305 * k) - np.sin(0.3 * k)) / k * np.exp(-k * k * t)
    exact = 0.005 + np.cos(np.outer(x, k)) @ waves
    found = result.field(np.column_stack([x, np.full_like(x, t)]), [(0, 0)])[:, 0, 0]
    assert np.linalg.norm(found - exact) < 1e-2 * np.linalg.norm(exact)


SPREAD = """
name: step
domain: {x: [0, 1], t: [0, 0.05]}
unknowns: [u]
equations: [u_t = u_xx]
conditions:
  - {where: initial, equation: "u = heaviside(x - 0.3) - heaviside(x - 0.6)"}
  - {where: [left, right], equation: u_x = 0}
quantities: {mass: {integral: u}}
solver: {tolerance: 1.0e-3}
output: {times: 11}
"""


@pytest.mark.slow
def test_the_integral_of_a_step_that_diffuses_stays_within_its_error():
    """On knots as narrow as the tolerance asks for at the start (1e-8) it was 1e-7 off, its error 1e-9.

    It is 1.1e-7 off, its error 1.4e-7. Narrower knots, never merged, made fluxes of their rounding: 3.5e-4 at 1e-4.
    """
    found = solve(parse_problem(SPREAD, "t.yaml"))
    mass = found.quantities["mass"]
    off = np.abs(np.array(mass.values) - 0.3)
    assert found.verdict.converged
    assert off.max() < 2e-7
    assert np.all(off <= 1.5 * np.array(mass.errors) + 1e-14)
    assert found.levels[-1].intervals[0] < 60  # knots of the step are merged as it diffuses: there were 199


def test_jumps_begin_on_wide_knots_where_the_root_of_the_tolerance_is_enough(monkeypatch):
    model = model_of(parse_problem(SPREAD, "t.yaml"))
    wide = first_slab_start(model, (8, 8), 1, 1e-3).axes[0]
    monkeypatch.setattr(initial_data, "NARROWING", np.inf)
    tight = first_slab_start(model, (8, 8), 1, 1e-3).axes[0]
    assert np.diff(wide.breaks).min() > 1e2 * np.diff(tight.breaks).min()


@pytest.mark.slow
@pytest.mark.parametrize(("data", "side"), [("1", "u_x = -2*u"), ("abs(x - 0.4)", "u_x = 0")])
def test_what_a_first_slab_leaves_is_in_the_errors_of_integrals(data, side, monkeypatch):
    """Data that a side contradicts, and kinks, are seen by half: 1.5 errors off at all times."""
    sides = f'left, equation: u_x = 0}}\n  - {{where: right, equation: "{side}"'
    text = SPREAD.replace("heaviside(x - 0.3) - heaviside(x - 0.6)", data).replace(
        "[left, right], equation: u_x = 0", sides
    )
    problem = parse_problem(text, "t.yaml")
    exact = robin_mass if data == "1" else lambda t: 0.26 + 0.0 * t
    assert worst_of_mass(problem, exact) <= 1.0
    monkeypatch.setattr(slab_correction, "SLOW_RATIO", np.inf)
    assert worst_of_mass(problem, exact) > 1.3


def worst_of_mass(problem, exact):
    mass = solve(problem).quantities["mass"]
    t, off = np.array(mass.times[1:]), np.array(mass.values[1:])
    return float(np.max(np.abs(off - exact(t)) / np.array(mass.errors[1:])))


def robin_mass(t):
    """u = 1 at first, u_x = 0 on the left, u_x = -2 u on the right: Carslaw and Jaeger (1959), 3.11."""
    roots = np.array(
        [brentq(lambda z: z * np.sin(z) - 2 * np.cos(z), k * np.pi, (k + 0.5) * np.pi) for k in range(400)]
    )
    share = 4.0 * np.sin(roots) ** 2 / roots / (2.0 * roots + np.sin(2.0 * roots))
    return np.exp(-np.outer(t, roots**2)) @ share
