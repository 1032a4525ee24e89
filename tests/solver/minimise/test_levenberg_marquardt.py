import numpy as np
import pytest
import torch
from scipy.optimize import least_squares

from pinnkan.errors import SolverError
from pinnkan.solver.minimise import levenberg_marquardt as lm

T = torch.linspace(0.0, 2.0, 30, dtype=torch.float64)
DATA = 1.7 * torch.exp(-1.3 * T) + 0.4 * torch.sin(3.0 * T) + 0.02 * torch.cos(40.0 * T)
START = torch.tensor([1.0, 0.3, 0.1, 2.5], dtype=torch.float64)


def residual(x):
    return x[0] * torch.exp(-x[1] * T) + x[2] * torch.sin(x[3] * T) - DATA


def with_autograd(function):
    return lambda x: (function(x), lambda: torch.autograd.functional.jacobian(function, x))


evaluate = with_autograd(residual)


def minimise(evaluate, x, most_steps=200, least_gain=1e-12):
    """Steps until one brings less than a share of the loss, or none is possible."""

    def is_over(before, now):
        return now.number > 0 and before.loss - now.loss < least_gain * before.loss

    return lm.levenberg_marquardt(lm.normal_equations(evaluate), x, is_over, most_steps)


def test_the_minimum_is_that_of_scipy():
    ours = minimise(evaluate, START)
    theirs = least_squares(
        lambda x: residual(torch.from_numpy(x)).numpy(), START.numpy(), method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    assert theirs.cost > 1e-4  # not a zero-residual problem
    np.testing.assert_allclose(ours.point.x.numpy(), theirs.x, rtol=1e-6)  # the sum is flat to 1e-13 over that distance
    np.testing.assert_allclose(ours.loss, 2 * theirs.cost, rtol=1e-12)
    early = minimise(evaluate, START, most_steps=2)
    assert early.loss > 1.001 * ours.loss


def test_rosenbrock_is_solved_to_rounding():
    def valley(x):
        return torch.stack([10 * (x[1] - x[0] ** 2), 1 - x[0]])

    state = minimise(with_autograd(valley), torch.tensor([-1.2, 1.0], dtype=torch.float64))
    assert state.loss < 1e-25
    assert state.number < 60


def test_a_step_that_is_not_finite_is_rejected():
    def wall(x):
        return torch.where(x > 0, torch.log(x) + 3.0, torch.nan)

    def tangent(x):
        return wall(x), lambda: torch.diag(1 / x)

    after = minimise(tangent, torch.tensor([1.0], dtype=torch.float64), 1)  # the full step is to -2, where log is nan
    assert 0 < float(after.point.x[0]) < 1.0
    assert after.loss < 9.0
    assert after.control > lm.FIRST_DAMPING
    with pytest.raises(SolverError, match="not finite"):
        minimise(tangent, torch.tensor([-1.0], dtype=torch.float64))


def test_a_column_of_zeros_and_equal_columns_do_no_harm():
    matrix = torch.randn((20, 4), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix[:, 1] = matrix[:, 0]
    matrix[:, 2] = 0.0
    state = minimise(lambda x: (matrix @ x - 1.0, lambda: matrix), torch.zeros(4, dtype=torch.float64))
    best = np.linalg.lstsq(matrix.numpy(), np.ones(20), rcond=None)[1]
    reference = float(((matrix.numpy() @ np.linalg.pinv(matrix.numpy()) @ np.ones(20) - 1) ** 2).sum())
    assert best.size == 0  # rank deficient
    assert state.loss == pytest.approx(reference, rel=1e-10)


def test_at_a_minimum_no_step_is_accepted():
    assert minimise(evaluate, START, least_gain=0.0).number < 200


def test_a_descent_goes_on_from_its_point_scale_and_damping():
    whole, half = (minimise(evaluate, START, n, -np.inf) for n in (6, 3))
    known = half.point.x, lambda *_: False, 3, half.point.scale, half.next_control
    rest = lm.levenberg_marquardt(lm.normal_equations(evaluate), *known)
    assert torch.equal(rest.point.x, whole.point.x)
    without = lm.levenberg_marquardt(lm.normal_equations(evaluate), *known[:3])
    assert not torch.equal(without.point.x, whole.point.x)
