"""What the equations hardly see beyond the knots of a solve is found among products of finer functions."""

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.special import airy
from small_models import LINE, model_of, square
from threadpoolctl import threadpool_limits

from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.verify.products import probe as module
from pinnkan.solver.verify.products.lattice import Fineness
from pinnkan.solver.verify.products.probe import probe


def probed(model):
    axes = tuple(Axis(np.array(ends), 5) for ends in model.problem.box.ranges)
    space = Space(axes, len(model.problem.unknowns))
    module._probe_linear.cache_clear()
    with threadpool_limits(limits=1, user_api="blas"):  # as in a solve
        return probe(model, ProductField(((space, np.zeros(space.shape)),)), np.inf)


def line(equation, right="u = 0"):
    return model_of(LINE.format(equation=equation, left=0, right=right))


RESONANT_WAVE = square("u_xx - u_yy = 0", height="8/7")
CAUCHY = square("lap(u) = 0", "none", "u_y = 0")
TRICOMI = """
name: tricomi
domain: {x: [0, 1], y: [-%r, 1]}
unknowns: [u]
equations: [y*u_xx + u_yy = 1]
conditions: [{where: boundary, equation: u = 0}]
"""
OUTFLOW = line("-0.01*u_xx + u_x = 1", "none")
TURN = line("0.005*u_xx - (x - 0.48)*u_x = 0")


@pytest.mark.parametrize(
    ("model", "value"),
    [
        (square("lap(u) = 0"), 2 * np.pi**2),
        (square("lap(u) + (41*pi**2 - 1e-5)*u = 0"), 1e-5),
        (square("lap(u) = 0", top="u_y = 0"), 1.25 * np.pi**2),
        (line("u_xx + (9*pi)**2*u - 1e-3*u = 1"), 1e-3),
    ],
    ids=["poisson", "resonance", "neumann", "line"],
)
def test_the_value_of_a_product_is_the_nearest_eigenvalue(model, value):
    found = probed(model)
    assert found.is_settled
    assert found.sigma == pytest.approx(value, rel=1e-2)


def test_data_all_around_a_wave_equation_leave_waves_free_if_its_sides_are_rational():
    """sin(7 pi x) sin(7 pi y), whose eigenvalue is zero; the square root of two is not near to any ratio."""
    found = probed(RESONANT_WAVE)
    assert found.is_hidden or (not found.is_settled and found.share < 1e-8)
    n = np.arange(1, 200)
    nearest = np.abs(n[:, None] ** 2 - n**2 / 1.41421356**2).min() * np.pi**2
    apart = probed(square("u_xx - u_yy = 0", height=1.41421356))
    assert apart.is_settled
    assert apart.sigma == pytest.approx(nearest, rel=1e-3)


def test_a_wave_of_which_coarser_products_see_nothing_is_found_where_the_type_changes(monkeypatch):
    """y u_xx + u_yy does not see sin(7 pi x) times a function of Airy's whose root is the lower side."""
    scale = (7 * np.pi) ** (2 / 3)  # Ai(s y) and Bi(s y) between y = -h and 1
    above = airy(scale)

    def both_ends(h):
        below = airy(-scale * h)
        return below[0] * above[2] - below[2] * above[0]

    tricomi = model_of(TRICOMI % brentq(both_ends, 1.0, 1.02, xtol=1e-15))
    known = 0.80  # on the knots of a solve
    assert module._search(tricomi, None, known).is_hidden
    monkeypatch.setattr(module, "WAVE_SEARCH", module.SEARCHES[2])
    assert module._search(tricomi, None, known).sigma > 0.5


@pytest.mark.parametrize("model", [CAUCHY, OUTFLOW, TURN], ids=["cauchy", "outflow", "turning point"])
def test_a_function_that_no_knots_hold_is_found_to_fall(model):
    found = probed(model)
    assert not found.is_settled
    assert found.share < 1e-9


def test_on_coarse_knots_none_of_them_is_seen(monkeypatch):
    """A control: the values of the first knots are those of well-posed problems."""
    coarse = Fineness(3, 0, 5)
    monkeypatch.setattr(module, "SEARCHES", {1: (coarse, 0, 0), 2: (coarse, 3, 0)})
    monkeypatch.setattr(module, "WAVE_SEARCH", (coarse, 3, 0))
    assert probed(RESONANT_WAVE).sigma > 2.0
    assert probed(OUTFLOW).sigma > 1.0
    assert probed(TURN).share > 1e-3


def test_constants_under_derivatives_are_lost_in_rounding():
    free = model_of(LINE.format(equation="-u_xx + 1e-14*u = 1", left=0, right="u_x = 0").replace("u = 0", "u_x = 0"))
    assert probed(free).is_hidden
    assert not probed(line("-u_xx = 1")).is_hidden


def test_growth_along_a_line_settles_at_its_true_value():
    """min |u' - 20 u| / |u| for u(0) = 0: with u = v exp(20 x) by spectral collocation, 8.2e-8."""
    found = probed(line("u_x = 20*(u - 1)", "none"))
    assert found.is_settled
    x, w = np.polynomial.legendre.leggauss(120)
    x, w = 0.5 * (x + 1), 0.5 * w
    # the inverse is u(x) = integral over s < x of exp(20 (x - s)) f(s): its norm is 1 / sigma
    kernel = np.where(x[:, None] >= x, np.exp(20 * (x[:, None] - x)), 0.0) * np.sqrt(w[:, None] * w)
    assert found.sigma == pytest.approx(1.0 / np.linalg.norm(kernel, 2), rel=0.05)


SOUND = """
name: sound
domain: {x: [0, 1], y: [0, 1]}
unknowns: [u, v, p]
equations: ["p_x = -u", "p_y = -v", "u_x + v_y = (8*pi**2 - 1e-3)*p"]
conditions: [{where: [left, right], equation: u = 0}, {where: [bottom, top], equation: v = 0}]
"""


def test_cosines_of_one_unknown_go_with_sines_of_another():
    """Sound between walls, next to cos(2 pi x) cos(2 pi y)."""
    assert probed(model_of(SOUND)).sigma < 1e-3


def test_linear_equations_in_the_plane_are_looked_at_once_whatever_the_field(monkeypatch):
    """Of others the field says what they are; so do, on a line, its knots."""
    looks, own = [], module.build_lattice
    monkeypatch.setattr(module, "build_lattice", lambda *given: (looks.append(given[1]), own(*given))[1])
    for model, is_once in ((square("lap(u) = 0"), True), (square("lap(u) = u**3"), False), (OUTFLOW, False)):
        looks.clear()
        probed(model)
        first = len(looks)
        space = Space(tuple(Axis(np.array([a, 0.3, b]), 3) for a, b in model.problem.box.ranges), 1)
        with threadpool_limits(limits=1, user_api="blas"):
            probe(model, ProductField(((space, np.ones(space.shape)),)), np.inf)
        assert (len(looks) == first > 0) == is_once
