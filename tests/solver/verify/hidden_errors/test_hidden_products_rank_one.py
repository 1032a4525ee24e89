"""The smallest Rayleigh quotient over products: known eigenvalues, and a resonance that blocks do not see."""

import numpy as np
import pytest
from many_problems import UNIT, model_of, stated

from pinnkan.assembly.separable.system import SeparableModel
from pinnkan.kan.axis import Axis
from pinnkan.solver.verify.hidden_errors.least_product import lower_quotient, smallest_product


def found(problem, intervals=8, looked=256):
    model = SeparableModel(model_of(problem))
    axes = [Axis(np.linspace(a, b, intervals + 1), 9) for a, b in problem.box.ranges]
    system = model.homogeneous_system(axes, None, 0)
    return smallest_product(system, system.waves, 0, looked)


def helmholtz(k2):
    return stated(f"lap(u) + {k2}*u = lap(v) + {k2}*v", "x1 + x2")


def test_of_a_laplacian_it_is_the_first_eigenvalue_whatever_the_boundary_values():
    mode = found(stated("-lap(u) = -lap(v)", "x1 + exp(x2)*x3"))
    assert mode.sigma == pytest.approx(4 * np.pi**2, rel=1e-6)
    assert mode.function.norm() == pytest.approx(1.0, rel=1e-9)


@pytest.mark.parametrize(("k2", "gap"), [("(18*pi**2 - 1e-2)", 1e-2), ("(18*pi**2 + 0.3)", 0.3)])
def test_a_mode_near_resonance_that_couples_all_coordinates_is_seen(k2, gap):
    assert found(helmholtz(k2)).sigma == pytest.approx(gap, rel=0.05)


def test_away_from_a_resonance_the_gap_is_that_of_the_spectrum():
    assert found(helmholtz("(18.5*pi**2)")).sigma == pytest.approx(0.5 * np.pi**2, rel=1e-3)


def test_the_slowest_product_alone_ends_in_a_local_minimum():
    """Why many products are looked at: alternation from the slowest one stops at a mode of another number."""
    assert found(helmholtz("(18*pi**2 - 1e-2)"), looked=1).sigma > 1.0


def test_factors_are_swept_as_long_as_they_lower_the_quotient():
    problem = helmholtz("(18*pi**2 - 1e-2)")
    system = SeparableModel(model_of(problem)).homogeneous_system([Axis(np.linspace(0, 1, 9), 9)] * 4, None, 0)
    rng = np.random.default_rng(0)
    start = tuple(rng.standard_normal((1, w.count)) / (1 + np.arange(w.count)) for w in system.waves)
    start = tuple(edge / np.linalg.norm(edge) for edge in start)
    assert lower_quotient(system, start)[0] < 0.1 * lower_quotient(system, start, 1)[0]


def test_without_values_on_the_sides_a_constant_is_what_is_seen_least():
    problem = stated("0.01*u - lap(u) = 0.01*v - lap(v)", "cos(pi*x1)", UNIT, (("boundary", "dn(u) = dn(v)"),))
    assert found(problem).sigma == pytest.approx(0.01, rel=0.1)  # rounding: 1e-16 of the square of 1e5
