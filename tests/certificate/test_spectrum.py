"""Eigenvalues are enclosed: against constant coefficients, Mathieu's equation and finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.special
import sympy
from smooth_fields import projected

from pinnkan.certificate import spectrum
from pinnkan.certificate.cell_ranges import grid_cells
from pinnkan.certificate.linearised import UncertifiedError, elliptic_formula, zeroth_coefficient
from pinnkan.certificate.splines import spline_of
from pinnkan.domain.box import Box
from pinnkan.problem.expressions.enclosure import interval_outputs
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.python_statement import problem_of


def inverse(equation, domain, size=1.0, **more):
    """The bound of the inverse, linearised at a function that the equations here do not depend on."""
    conditions = [("boundary", "u = 0")] if "periodic" not in more else []
    problem = problem_of(domain=domain | more, unknowns=["u"], equations=[equation], conditions=conditions)
    formula = elliptic_formula(problem)
    u = spline_of(*projected(lambda *x: 0.0 * x[0], problem.box.ranges, [4] * len(domain)).pieces[0])
    c = formula.compile_expressions(zeroth_coefficient(formula)).ranges_over(grid_cells(u.breaks), u)[1].value
    a = (Interval(np.asarray(1.0), np.asarray(1.0)),) * len(domain)
    return spectrum.spectral_inverse_bound(formula, a, problem.box, u, c)


@pytest.mark.parametrize("k2", [12.0, 30.0, 45.0])
def test_constant_coefficients_give_the_gap(k2):
    n2 = np.add.outer(np.arange(1, 9) ** 2, np.arange(1, 9) ** 2) * np.pi**2
    gap = np.abs(n2 - k2).min()
    found = inverse(f"lap(u) + {k2}*u = 1", {"x": (0, 1), "y": (0, 1)})
    assert 1.0 / gap <= found < 1.0001 / gap


def test_the_first_wave_that_is_left_out_may_be_the_nearest():
    """Between the squares of 20 pi and 21 pi, nearer to that of 21 pi, which is beyond those that are looked at."""
    gap = (21**2 - 430) * np.pi**2
    assert 1.0 / gap <= inverse("u_xx + 430*pi**2*u = 1", {"x": (0, 1)}) < 1.0001 / gap


def test_a_circle_has_waves_of_its_own():
    gap = abs((2 * np.pi) ** 2 - 30.0)
    assert 1.0 / gap <= inverse("u_xx + 30*u = 1", {"x": (0, 1)}, periodic=["x"]) < 1.0001 / gap


@pytest.mark.parametrize("ends", [(0, "pi"), ("2*pi", "3*pi")])
@pytest.mark.parametrize(("shift", "q"), [(7.0, 2.0), (20.0, 5.0)])
def test_mathieus_equation(shift, q, ends):
    # -v'' + 2 q cos(2 x) v with v = 0 at 0 and pi, or later, has the characteristic values b_n
    values = np.array([scipy.special.mathieu_b(n, q) for n in range(1, 9)])
    gap = np.abs(values - shift).min()
    found = inverse(f"-u_xx + ({2 * q}*cos(2*x) - {shift})*u = 1", {"x": ends})
    assert 1.0 / gap <= found < 1.02 / gap


def test_in_the_plane_a_sum_of_mathieus():
    b = np.array([scipy.special.mathieu_b(n, 1.0) for n in range(1, 9)])
    gap = np.abs(np.add.outer(b, b) - 6.0).min()
    found = inverse("-lap(u) + (2*cos(2*x) + 2*cos(2*y) - 6)*u = 1", {"x": (0, "pi"), "y": (0, "pi")})
    assert 1.0 / gap <= found < 1.3 / gap


@pytest.mark.parametrize(("length", "wraps"), [(10.0, False), (0.1, False), (10.0, True)])
def test_all_waves_below_a_number_are_looked_at_and_the_next_one_is_known(length, wraps):
    """In the plane, the other side half as long: n^2 (pi/length)^2 and four times that, twice the number on circles."""
    box = Box(((1.0, 1.0 + length), (0.0, 0.5 * length)), (wraps, False))
    rates = np.array([4.0 if wraps else 1.0, 4.0]) * (np.pi / length) ** 2
    below = 30.5 * (np.pi / length) ** 2
    found = spectrum.waves_below((Interval(np.asarray(1.0), np.asarray(1.0)),) * 2, box, below)
    numbers = np.stack(np.meshgrid(np.arange(-20 if wraps else 1, 21), np.arange(1, 21), indexing="ij"), -1)
    values = (rates * numbers**2).sum(-1)
    assert {tuple(n) for n in found.wave_numbers} == {tuple(n) for n in numbers[values < below]}
    exact = (rates * found.wave_numbers**2).sum(1)
    assert np.all((found.eigenvalues.lo <= exact) & (exact <= found.eigenvalues.hi))
    assert found.eigenvalues.hi == pytest.approx(found.eigenvalues.lo)
    assert found.other_eigenvalues_bound == pytest.approx(values[values >= below].min())
    assert found.other_eigenvalues_bound <= values[values >= below].min()


def test_a_resonance_is_refused():
    with pytest.raises(UncertifiedError, match="may be zero"):
        inverse("u_xx + pi**2*u = 1", {"x": (0, 1)})


def test_largest_values_are_bounded_by_the_operator():
    problem = problem_of(
        domain={"x": (0, 2), "y": (0, 1)}, unknowns=["u"], equations=["-lap(u) = 1"], conditions=[("boundary", "u = 0")]
    )
    a = (Interval(np.asarray(1.0), np.asarray(1.0)),) * 2
    bound = spectrum.supremum_factor(a, problem.box, 3.0)
    rng = np.random.default_rng(0)
    m, n = np.meshgrid(np.arange(1, 30), np.arange(1, 30), indexing="ij")
    eigenvalue = np.pi**2 * (m**2 / 4 + n**2) + 3.0
    at = 2.0 / np.sqrt(2.0) * np.sin(0.5 * np.pi * m) * np.sin(0.5 * np.pi * n)  # the waves in the middle
    for c in [at / eigenvalue, *rng.normal(size=(5, 29, 29))]:  # the first one is the worst
        value = (c / eigenvalue * at).sum()
        assert value <= bound * np.sqrt((c**2).sum())
    worst = (at / eigenvalue) ** 2
    assert bound < 2.5 * np.sqrt(worst.sum())


def test_enclosed_eigenvalues_of_a_matrix():
    rng = np.random.default_rng(0)
    q, _ = np.linalg.qr(rng.normal(size=(40, 40)))
    values = np.sort(rng.normal(size=40))
    lower, upper = spectrum._eigenvalues(q @ np.diag(values) @ q.T, 1e-13)
    assert ((lower <= values) & (values <= upper)).all()
    assert (upper - lower < 1e-10).all()
    assert not ((lower <= values + 1e-9) & (values + 1e-9 <= upper)).any()


def test_numbers_are_enclosed_not_rounded():
    for number in (sympy.Rational(1, 3), sympy.pi, sympy.Integer(2**53 + 1)):
        found = interval_outputs(Tape([number], ()), [])[0]
        assert sympy.Rational(float(found.lo)) < number < sympy.Rational(float(found.hi))


def test_waves_beyond_those_that_are_looked_at_add_to_the_largest_value():
    """The sum of n^-4 over all n is pi^4/90."""
    problem = problem_of(
        domain={"x": (0, 1)}, unknowns=["u"], equations=["-u_xx = 1"], conditions=[("boundary", "u = 0")]
    )
    bound = spectrum.supremum_factor((Interval(np.asarray(1.0), np.asarray(1.0)),), problem.box, 0.0)
    assert np.sqrt(2.0 / 90.0) <= bound < 1.0001 * np.sqrt(2.0 / 90.0)
