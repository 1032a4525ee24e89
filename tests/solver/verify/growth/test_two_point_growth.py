"""Rates that conditions of sides allow, against their equations in closed form."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import brentq

from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.growth.two_point_growth import DOUBLINGS, REFINEMENT_PARTS, REFINEMENTS, TwoPointProblem

VALUE = [((0, (0, 0)), 1.0)]
HEAT = [((0, (0, 1)), 1.0), ((0, (2, 0)), -1.0)]
WAVE = [((0, (0, 2)), 1.0), ((0, (2, 0)), -1.0)]


def rows(*equations):
    """Each a list of ((unknown, order), weight)."""
    return [([Jet(*jet) for jet, _ in e], np.array([[weight for _, weight in e]])) for e in equations]


def rate(equations, lower, upper, along=(0.0,), length=1.0, sizes=(1.0,), least=1e-2):
    across = TwoPointProblem(rows(*equations), (rows(*lower), rows(*upper)), 0, along, length, np.array(sizes))
    return across.growth_rate(least)[0]


def robin(factor, outwards=1.0):
    """u_n = factor u."""
    return [((0, (1, 0)), outwards), ((0, (0, 0)), -factor)]


def test_a_side_that_feeds_itself_grows_in_its_layer():
    exact = brentq(lambda k: k - 10.0 * np.tanh(k), 5.0, 10.0) ** 2
    assert rate([HEAT], [VALUE], [robin(10.0)]) == pytest.approx(exact, rel=1e-3)


def test_both_sides_count_where_the_layer_is_wider_than_the_domain():
    exact = brentq(lambda k: k * np.tanh(k / 2.0) - 0.5, 0.1, 3.0) ** 2
    found = rate([HEAT], [robin(0.5, -1.0)], [robin(0.5)])
    assert found == pytest.approx(exact, rel=1e-3)
    assert found > 4 * 0.5**2  # that of each side alone


@pytest.mark.parametrize(
    ("gain", "length"), [(2.0, 1.0), (-2.0, 1.0), (-1e4, 1.0), (5.0, 0.3), (0.9, 1.0), (-1.0, 1.0)]
)
def test_what_comes_back_larger_grows_be_it_with_another_sign(gain, length):
    """u goes to the right, v to the left; u = gain v where v arrives, v = u where u does."""
    right, left = ([((0, (0, 1)), 1.0), ((0, (1, 0)), 1.0)], [((1, (0, 1)), 1.0), ((1, (1, 0)), -1.0)])
    lower, upper = [((0, (0, 0)), 1.0), ((1, (0, 0)), -gain)], [((1, (0, 0)), 1.0), ((0, (0, 0)), -1.0)]
    exact = max(np.log(abs(gain)) / (2.0 * length), 0.0)
    equations, sides = rows(right, left), (rows(lower), rows(upper))
    found = TwoPointProblem(equations, sides, 0, (0.0,), length, np.ones(2)).round_trip_rate(1e-2)[0]
    assert found == pytest.approx(exact, rel=3e-2)


@pytest.mark.parametrize("upper", [VALUE, [((0, (1, 0)), 1.0)], robin(-10.0)])
def test_what_grows_inside_is_no_echo(upper):
    growing = [*HEAT, ((0, (0, 0)), -50.0)]
    across = TwoPointProblem(rows(growing), (rows(VALUE), rows(upper)), 0, (0.0,), 1.0, np.ones(1))
    assert across.round_trip_rate(1e-2)[0] == 0.0


@pytest.mark.parametrize("upper", [VALUE, [((0, (1, 0)), 1.0)], robin(-10.0)])
def test_sides_that_let_out_what_there_is_do_not_grow(upper):
    assert rate([HEAT], [VALUE], [upper]) == 0.0


def test_rounding_is_looked_at_once(monkeypatch):
    """Where a soliton has gone two dips are none of rounding; that of a side that feeds itself is followed."""
    cases, own = [], TwoPointProblem._singular_values
    monkeypatch.setattr(
        TwoPointProblem, "_singular_values", lambda self, at, *s: (cases.append(len(at)), own(self, at, *s))[1]
    )
    for weight in np.linspace(0.001, 0.01, 5):
        cases.clear()
        soliton = [((0, (0, 1)), 1.0), ((0, (1, 0)), 1e-12), ((0, (3, 0)), weight)]
        assert rate([soliton], [VALUE], [VALUE, [((0, (1, 0)), 1.0)]], length=3.0) == 0.0
        assert max(cases[2:], default=0) <= 2 * (REFINEMENT_PARTS + 1)
    cases.clear()
    assert rate([HEAT], [VALUE], [robin(11.0)]) > 0.0
    assert cases[1:] == [REFINEMENT_PARTS + 1] * REFINEMENTS + [1] * 3


def test_sides_of_what_has_no_derivative_across_say_nothing():
    """u_t = -u with values at its sides was a bug: negative dimensions."""
    assert rate([[((0, (0, 1)), 1.0), ((0, (0, 0)), 1.0)]], [VALUE], [VALUE]) == 0.0


@pytest.mark.parametrize("drift", [5.0, -5.0, 0.3])
def test_a_potential_beside_diffusion_does_not_grow(drift):
    """A constant and exp(-5 x / s) are nearly one: a rate of 1e8 was found, and slabs became too short."""
    charge = [*HEAT, ((1, (1, 0)), -drift)]
    potential, zero = [((1, (2, 0)), -1.0), ((0, (0, 0)), -1.0)], [((1, (0, 0)), 1.0)]
    assert rate([charge, potential], [VALUE, zero], [VALUE, zero], sizes=(1.0, 1.0), least=1.0) == 0.0


def test_clamped_ends_of_a_beam_do_not_grow():
    beam, clamped = [((0, (0, 2)), 1.0), ((0, (4, 0)), 1.0)], [VALUE, [((0, (1, 0)), 1.0)]]
    assert rate([beam], clamped, clamped) == 0.0


def test_what_the_equation_itself_lets_grow_is_found_between_its_sides_too():
    reacting = [*HEAT, ((0, (0, 0)), -40.0)]
    assert rate([reacting], [VALUE], [VALUE]) == pytest.approx(40.0 - np.pi**2, rel=1e-3)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_equations_without_a_derivative_across_have_an_infinite_exponent_and_units_do_not_matter(unit):
    """u_t = q_x, q = u_x, q in any unit."""
    equations = [[((0, (0, 1)), 1.0), ((1, (1, 0)), -1.0 / unit)], [((1, (0, 0)), 1.0 / unit), ((0, (1, 0)), -1.0)]]
    feeding = [((1, (0, 0)), 1.0 / unit), ((0, (0, 0)), -10.0)]
    exact = brentq(lambda k: k - 10.0 * np.tanh(k), 5.0, 10.0) ** 2
    assert rate(equations, [VALUE], [feeding], sizes=(1.0, unit)) == pytest.approx(exact, rel=1e-3)


def test_two_equations_with_the_same_exponents_are_no_singular_matrix():
    second = [((1, order), weight) for (_, order), weight in HEAT]
    values = [VALUE, [((1, (0, 0)), 1.0)]]
    assert rate([HEAT, second], values, values, sizes=(1.0, 1.0)) == 0.0


def test_a_wave_that_comes_back_larger_grows():
    """u_t + v_x = 0 = v_t + u_x, u = 0 and u = -v / 2: tanh(s) = 1/2."""
    equations = [[((0, (0, 1)), 1.0), ((1, (1, 0)), 1.0)], [((1, (0, 1)), 1.0), ((0, (1, 0)), 1.0)]]
    upper = [((0, (0, 0)), 1.0), ((1, (0, 0)), 0.5)]
    assert rate(equations, [VALUE], [upper], sizes=(1.0, 1.0)) == pytest.approx(np.arctanh(0.5), rel=1e-3)


def test_a_side_that_lets_everything_grow_has_the_largest_rate_that_is_looked_at():
    """u_tt = u_xx with u_n = u_t: exp(s (t + x)) for any s."""
    assert rate([WAVE], [VALUE], [[((0, (1, 0)), 1.0), ((0, (0, 1)), -1.0)]]) >= 1e-2 * 2.0 ** (DOUBLINGS - 4)


def test_waves_along_a_side_grow_with_their_number_where_its_own_equation_is_ill_posed():
    """Heat in the plane, u_t = u_n on a side: l^2 = l + k^2, s = l; u_t = -u_n decays."""
    heat = [((0, (0, 0, 1)), 1.0), ((0, (2, 0, 0)), -1.0), ((0, (0, 2, 0)), -1.0)]
    value = [((0, (0, 0, 0)), 1.0)]
    for k in (1e2, 1e4):
        upper = [((0, (0, 0, 1)), 1.0), ((0, (1, 0, 0)), -1.0)]
        assert rate([heat], [value], [upper], along=(0.0, k)) == pytest.approx(0.5 + np.sqrt(0.25 + k**2), rel=1e-3)
        assert rate([heat], [value], [[upper[0], ((0, (1, 0, 0)), 1.0)]], along=(0.0, k)) == 0.0


def test_as_many_conditions_as_exponents_are_needed_to_say_anything():
    assert rate([HEAT], [], [robin(10.0)]) == 0.0


def waves(upper, lower=VALUE):
    """Laplace's equation in (y, x), the last order that along x as well."""
    laplace = [((0, (2, 0, 0)), 1.0), ((0, (0, 2, 2)), 1.0)]
    across = TwoPointProblem(rows(laplace), (rows(lower), rows(upper)), 0, (0.0, 1.0), 1.0, np.ones(1))
    return across.find_singular_numbers(2.0 ** (np.arange(80) / 8))


def test_waves_that_a_side_lets_be_are_near_those_of_the_closed_form():
    """sinh(k y) cos(k x) fulfils u_y = 30.3 u where k = 30.3 tanh(k)."""
    assert waves([((0, (1, 0, 0)), 1.0), ((0, (0, 0, 0)), -30.3)]) == pytest.approx([30.3], rel=0.05)
    both = waves([((0, (1, 0, 0)), 1.0), ((0, (0, 0, 0)), -30.3)], [((0, (1, 0, 0)), -1.0), ((0, (0, 0, 0)), -47.0)])
    assert both == pytest.approx([30.3, 47.0], rel=0.05)


@pytest.mark.parametrize(
    "upper", [VALUE, [((0, (1, 0, 0)), 1.0)], [((0, (1, 0, 0)), 1.0), ((0, (0, 0, 0)), 30.3)]],
    ids=["value", "slope", "leaving"],
)  # fmt: skip
def test_no_waves_are_let_be_by_sides_of_the_usual_sign(upper):
    assert not len(waves([((0, tuple(order) + (0,) * (3 - len(order))), weight) for (_, order), weight in upper]))


def test_equations_that_say_nothing_have_no_waves():
    """Singular matrices were a bug: LinAlgError."""
    nothing, side = [((0, (2, 0, 0)), 0.0), ((0, (0, 2, 2)), 0.0)], [((0, (0, 0, 0)), 1.0)]
    across = TwoPointProblem(rows(nothing), (rows(side), rows(side)), 0, (0.0, 1.0), 1.0, np.ones(1))
    assert not len(across.find_singular_numbers(2.0 ** np.arange(9)))
