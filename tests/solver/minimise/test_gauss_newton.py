"""Gauss-Newton on the coefficients of a product network: against scipy's minimum and against solutions in the space."""

from itertools import pairwise

import numpy as np
import pytest
import scipy.optimize
import torch
from small_models import PLANE, jacobian, line, model_of, prepared, residual

from pinnkan.assembly.boundary_values import sort_conditions
from pinnkan.assembly.model import compile_model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import Space
from pinnkan.problem.registry import parse_problem
from pinnkan.solver.families.product.start import initial_space, with_conditions
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import (
    FORCING_TERM,
    MAX_STEPS,
    TOLERANCE_SHARE,
    _step_accuracy,
    contraction_constant,
    gauss_newton,
)
from pinnkan.verdict.records import Iteration


def scipys_minimum(system, start, fixed):
    def at(z):
        c = start.copy()
        c[~fixed] = z
        return c

    return at(
        scipy.optimize.least_squares(
            lambda z: residual(system, at(z)), start[~fixed],
            lambda z: jacobian(system, at(z))[:, ~fixed.ravel()], xtol=1e-15, ftol=1e-15, gtol=1e-15,
        ).x
    )  # fmt: skip


@pytest.mark.parametrize("right", ["u = 0", "u_x + u**3 = 1"])
def test_the_minimum_is_that_of_scipy(right):
    """A coarse space, so that the residual at the minimum is not zero."""
    model = line(right=right)
    system, start, fixed = prepared(model, Space((Axis(np.linspace(0, 1, 4), 4),)))
    found = gauss_newton(system, start, fixed, 1e-12)
    theirs = scipys_minimum(system, start, fixed)
    scale = np.abs(theirs).max()
    assert found.is_stationary
    assert system.loss(theirs) > 1e-9
    assert np.abs(found.coefficients - theirs).max() < 1e-8 * scale  # scipy stops where the loss no longer changes
    other = prepared(line("u_xx = 3.00001*exp(u) + sin(5*x)", right=right), system.space)[0]
    assert np.abs(gauss_newton(other, start, fixed, 1e-12).coefficients - theirs).max() > 1e-8 * scale


@pytest.mark.parametrize("right", ["u = v", "dn(u) + 2*u = dn(v) + 2*v"])
def test_a_solution_inside_the_spline_space_is_found(right):
    """A polynomial of the degree of the space; one degree less misses it."""
    v = "1 + x**3*y - x*y**3/2 + y**2"
    model = model_of(PLANE.format(v=v, right=right))
    x, y = np.meshgrid(np.linspace(0, 1, 20), np.linspace(0, 2, 20), indexing="ij")
    exact = 1 + x**3 * y - x * y**3 / 2 + y**2
    errors = {}
    for degree in (5, 3, 2):
        space = Space((Axis(np.array([0, 0.3, 1.0]), degree), Axis(np.array([0, 1.2, 2.0]), degree)))
        system, start, fixed = prepared(model, space)
        found = gauss_newton(system, start, fixed, 1e-12)
        values = space.evaluate_grid(found.coefficients, [x[:, 0], y[0]], (0, 0))[..., 0]
        errors[degree] = np.abs(values - exact).max() / np.abs(exact).max()
    assert errors[3] < 1e-10
    assert errors[5] < 1e-10
    assert errors[2] > 1e-4


def test_a_known_contraction_spares_the_step_that_would_only_confirm():
    space = Space((Axis(np.linspace(0, 1, 5), 7),))
    system, start, fixed = prepared(line(), space)
    whole = gauss_newton(system, start, fixed, 1e-13)
    history = [Iteration(0, n, s.loss, s.size, s.damping, 0.0) for n, s in enumerate(whole.steps)]
    near = start + 0.999 * (whole.coefficients - start)
    alone = gauss_newton(system, near, fixed, 1e-5)
    spared = gauss_newton(system, near, fixed, 1e-5, contraction=contraction_constant(history))
    assert len(spared.steps) == 1 < len(alone.steps)
    scale = np.abs(whole.coefficients).max()
    assert np.abs(spared.coefficients - whole.coefficients).max() < 1e-5 * scale
    assert np.abs(near - whole.coefficients).max() > 1e-5 * scale


def test_steps_of_different_attempts_or_that_do_not_shrink_show_no_contraction():
    attempts = [Iteration(0, 0, 0.0, 1e-2, 0.0, 0.0), Iteration(0, 0, 0.0, 1e-5, 0.0, 0.0)]
    assert contraction_constant(attempts) == np.inf
    assert contraction_constant([Iteration(0, n, 0.0, 1e-2, 0.0, 0.0) for n in range(3)]) == np.inf
    assert contraction_constant(
        [Iteration(0, n, 0.0, s, 0.0, 0.0) for n, s in enumerate((1e-2, 3e-4))]
    ) == pytest.approx(3.0)


def test_a_linear_equation_takes_one_step_and_a_nonlinear_one_converges_quadratically():
    space = Space((Axis(np.linspace(0, 1, 5), 7),))
    linear = line("u_xx + u = x", right="u = 1")
    assert len(gauss_newton(*prepared(linear, space), 1e-10).steps) == 1
    found = gauss_newton(*prepared(line(), space), 1e-13)
    sizes = [s.size for s in found.steps]
    assert found.is_stationary
    assert 3 <= len(sizes) <= 8
    small = [(a, b) for a, b in pairwise(sizes) if a < 0.1]
    assert small
    assert all(b < 10 * a**2 + 1e-13 for a, b in small)


def test_the_loss_never_rises_from_a_bad_start():
    model = line("u_xx = 40*u**3 - 20*u")
    system, start, fixed = prepared(model, Space((Axis(np.linspace(0, 1, 9), 5),)))
    bad = np.where(fixed, start, 5.0 * np.random.default_rng(1).standard_normal(start.shape))
    found = gauss_newton(system, bad, fixed, 1e-10)
    losses = [system.loss(bad), *(s.loss for s in found.steps)]
    assert all(b <= a * (1 + 1e-6) for a, b in pairwise(losses))
    assert losses[-1] < 1e-3 * losses[0]


LOGARITHM = """
name: logarithm
domain: {x: [0, 1]}
functions: {v: "-0.9*sin(pi*x)"}
unknowns: [u]
equations: ["u_xx - 20*log(1 + u) = dx(dx(v)) - 20*log(1 + v)"]
conditions: [{where: boundary, equation: u = 0}]
"""


def logarithm(text: str = LOGARITHM) -> tuple[System, np.ndarray, np.ndarray]:
    stated = parse_problem(text, "t.yaml")
    model = compile_model(stated, sort_conditions(stated), torch.device("cpu"))
    space = initial_space(model, 7, 6)
    return System(model, space), *with_conditions(model, space, np.zeros(space.shape))


def test_a_step_out_of_the_domain_of_a_logarithm_is_rejected_and_damped():
    system, start, fixed = logarithm()
    whole = system.gauss_newton_steps(start, [start], fixed)[0]
    assert not np.isfinite(system.loss(start + whole))
    found = gauss_newton(system, start, fixed, 1e-10)
    assert found.is_stationary
    assert found.steps[0].damping > 0.0
    x = np.linspace(0, 1, 101)
    u = system.space.evaluate_grid(found.coefficients, [x], (0,))[:, 0]
    np.testing.assert_allclose(u, -0.9 * np.sin(np.pi * x), atol=1e-5)


def test_a_step_that_has_to_be_damped_more_than_is_worth_while_is_given_up():
    system, start, fixed = logarithm()
    needed = gauss_newton(system, start, fixed, 1e-10).steps[0].damping
    assert gauss_newton(system, start, fixed, 1e-10, max_damping=needed).is_stationary
    with pytest.raises(SolverError, match="makes the residual not finite"):
        gauss_newton(system, start, fixed, 1e-10, max_damping=0.9 * needed)


def test_values_that_are_not_finite_at_the_start_are_named_with_their_place():
    system, start, fixed = logarithm(LOGARITHM.replace("log(1 + u)", "log(u)"))
    with pytest.raises(SolverError, match=r"not finite at x = 0\.\d+ in 'u_xx") as failure:
        gauss_newton(system, start, fixed, 1e-10)
    assert failure.value.reason == "not_finite"


def test_the_last_step_takes_the_matrix_of_the_one_before(monkeypatch):
    """A matrix less, the same minimum; where the step is larger than expected another matrix is made."""
    system, start, fixed = prepared(line(right="u_x + u**3 = 1"), Space((Axis(np.linspace(0, 1, 4), 4),)))
    made = []
    steps = System.gauss_newton_steps
    monkeypatch.setattr(System, "gauss_newton_steps", lambda self, *a, **k: made.append(1) or steps(self, *a, **k))
    plain = gauss_newton(system, start, fixed, 1e-12)
    without = len(made)
    keeping = System(system.model, system.space, keeps_solver=True)
    found = gauss_newton(keeping, start, fixed, 1e-12)
    assert found.is_stationary
    assert len(made) - without == without - 1
    assert np.abs(found.coefficients - plain.coefficients).max() < 3e-11  # the last step is 4e-9
    assert keeping.chord_step(found.coefficients, fixed) is None  # it was used up
    monkeypatch.setattr(System, "chord_step", lambda self, c, fixed: 0.1 * np.ones_like(c))
    other = gauss_newton(keeping, start, fixed, 1e-12)
    np.testing.assert_array_equal(other.coefficients, plain.coefficients)


def test_a_matrix_is_kept_until_the_next_or_until_it_is_released():
    system, start, fixed = prepared(line(), Space((Axis(np.linspace(0, 1, 4), 4),)))
    keeping = System(system.model, system.space, keeps_solver=True)
    step = keeping.gauss_newton_steps(start, [start], fixed)[0]
    chord = keeping.chord_step(start, fixed)
    np.testing.assert_allclose(chord, step, rtol=1e-6, atol=1e-9 * np.abs(step).max())
    keeping.gauss_newton_steps(start, [start], fixed)
    keeping.release_solver()
    assert keeping.chord_step(start, fixed) is None
    assert system.gauss_newton_steps(start, [start], fixed)
    assert system.chord_step(start, fixed) is None


class Hasty(System):
    """A system whose steps leave out the share of themselves that they may."""

    def gauss_newton_steps(self, coefficients, targets, fixed, damping=0.0, accuracy=0.0):
        self.asked = [*getattr(self, "asked", []), accuracy]
        found = super().gauss_newton_steps(coefficients, targets, fixed, damping)
        self.iteration_error = accuracy
        return [(1.0 - self.iteration_error) * step for step in found]


def test_a_step_that_leaves_more_than_the_tolerance_is_not_the_last_one():
    model = line("u_xx = exp(u) + sin(5*x)")
    system, start, fixed = prepared(model, Space((Axis(np.linspace(0, 1, 4), 4),)))
    hasty = Hasty(model, system.space)
    without, found = (gauss_newton(s, start, fixed, 1e-3) for s in (system, hasty))
    assert len(found.steps) > len(without.steps)
    assert np.abs(found.coefficients - without.coefficients).max() < 1e-3


def test_early_steps_are_asked_for_less_accuracy_than_the_last_ones():
    model = line("u_xx = 3*exp(u) + sin(5*x)")
    system, start, fixed = prepared(model, Space((Axis(np.linspace(0, 1, 4), 4),)))
    hasty = Hasty(model, system.space)
    found = gauss_newton(hasty, start, fixed, 1e-10)
    sizes = [s.size for s in found.steps]
    expected = [_step_accuracy(before, 1e-10) for before in [np.inf, *sizes]]
    assert hasty.asked == pytest.approx(expected[: len(hasty.asked)])
    assert min(hasty.asked) < 1e-2 * hasty.asked[0]


class Turning(System):
    """A linear system with a sign, whose loss says of its steps what it is told."""

    told = ()

    def loss(self, coefficients):
        first, *self.told = self.told
        return first


@pytest.mark.parametrize(
    ("told", "losses"),
    [
        ((1.0, 1e-4), (1e-4,)),
        ((1.0, 0.25, 0.01, 1e-8), (0.25, 0.01, 1e-8)),
        ((1.0, 0.5, 0.4), (0.5, 0.4)),
        ((1.0, 0.5, 0.6), (0.5,)),
    ],
)
def test_a_linear_problem_steps_while_its_signs_turn(told, losses):
    """Until a step has turned none that counts, lowers the loss by little, or would raise it."""
    model = line("u_xx = sign(u - 0.1)", right="u = 0")
    assert model.is_linear
    system, start, fixed = prepared(model, Space((Axis(np.linspace(0, 1, 4), 4),)))
    turning = Turning(model, system.space)
    turning.told = told
    assert tuple(s.loss for s in gauss_newton(turning, start, fixed, 0.0).steps) == losses


class Rounded(System):
    """A system that takes a residual of so much more than its least for rounding."""

    residual_rounding = 0.0

    def gauss_newton_steps(self, *args, **options):
        found = super().gauss_newton_steps(*args, **options)
        self.residual_rounding = 0.05
        return found


def test_one_step_is_taken_from_a_residual_that_is_rounding_and_no_other():
    """Else the iteration would go on until chance makes a step small."""
    model = line("u_xx = 3*exp(u) + sin(5*x)")
    system, start, fixed = prepared(model, Space((Axis(np.linspace(0, 1, 4), 4),)))
    without = gauss_newton(system, start, fixed, 0.0)
    found = gauss_newton(Rounded(model, system.space), start, fixed, 0.0)
    losses = [s.loss for s in found.steps]
    assert len(without.steps) == MAX_STEPS
    assert found.is_stationary
    assert losses[-2] <= 0.05**2 < losses[-3]
    assert len(losses) < 10


@pytest.mark.parametrize(
    ("previous", "tolerance", "expected"),
    [
        (np.inf, 1e-12, FORCING_TERM),
        (1e-2, 1e-12, 1e-2 * FORCING_TERM),
        (1e-2, 1e-5, 1e-5 * TOLERANCE_SHARE / 1e-3),
        (1e-6, 1e-3, FORCING_TERM),
    ],
)
def test_a_step_is_no_more_accurate_than_the_next_one_or_the_tolerance_asks_for(previous, tolerance, expected):
    assert _step_accuracy(previous, tolerance) == pytest.approx(expected)
