import numpy as np
import pytest
import torch
from scipy.optimize import minimize

from pinnkan.solver.minimise.first_order import adam, cyclic_rate, geometric_decay, lbfgs, linear_ramp

SCALES = torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)


def by_autograd(loss):
    """The objective of a differentiable function from x (..., parameter) to losses (...)."""

    def objective(x):
        leaf = x.detach().requires_grad_()
        values = loss(leaf)
        return values.detach(), torch.autograd.grad(values.sum(), leaf)[0]

    return objective


def bowl(x):
    """Losses (...) with the minimum 0 at (1, 2, 3)."""
    return (SCALES * (x - torch.tensor([1.0, 2.0, 3.0], dtype=x.dtype)) ** 2).sum(-1)


def valley(x):
    return 100 * (x[..., 1] - x[..., 0] ** 2) ** 2 + (1 - x[..., 0]) ** 2


def starts(count, size=3):
    return torch.randn((count, size), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_adam_steps_as_its_paper_says():
    x, m, v = starts(1)[0].numpy().copy(), np.zeros(3), np.zeros(3)
    ours = adam(by_autograd(bowl), torch.from_numpy(x.copy()), 25, linear_ramp(0.0, 0.1, 10))
    for n in range(25):
        g = 2 * SCALES.numpy() * (x - np.array([1.0, 2.0, 3.0]))
        m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
        rate = 0.1 * min(n / 10, 1.0)
        x -= rate * (m / (1 - 0.9 ** (n + 1))) / (np.sqrt(v / (1 - 0.999 ** (n + 1))) + 1e-8)
    np.testing.assert_allclose(ours.x.numpy(), x, rtol=1e-10)
    assert ours.losses.shape == (26,)
    assert float(ours.losses[-1]) == pytest.approx(float(bowl(ours.x)), rel=1e-15)
    constant = adam(by_autograd(bowl), starts(1)[0], 25, lambda n: 0.1)
    assert float((constant.x - ours.x).abs().max()) > 1e-3  # the ramp does something


def test_seeds_trained_together_end_where_each_ends_alone():
    together = adam(by_autograd(bowl), starts(3), 50, cyclic_rate(1e-3, 0.2, 10, 0.99))
    for seed in range(3):
        alone = adam(by_autograd(bowl), starts(3)[seed], 50, cyclic_rate(1e-3, 0.2, 10, 0.99))
        torch.testing.assert_close(together.x[seed], alone.x, rtol=1e-13, atol=0)
        torch.testing.assert_close(together.losses[:, seed], alone.losses, rtol=1e-13, atol=0)
    assert float((together.x[0] - together.x[1]).abs().max()) > 1e-6


def test_lbfgs_finds_the_minimum_of_scipy():
    start = torch.tensor([-1.2, 1.0], dtype=torch.float64)
    ours = lbfgs(by_autograd(valley), start, 10, lambda n: 1.0, line_search=True)
    theirs = minimize(lambda x: float(valley(torch.from_numpy(x))), start.numpy(), method="L-BFGS-B", tol=1e-14)
    np.testing.assert_allclose(ours.x.numpy(), [1.0, 1.0], rtol=1e-8)
    np.testing.assert_allclose(ours.x.numpy(), theirs.x, rtol=1e-4)  # scipy differentiates numerically here
    early = lbfgs(by_autograd(valley), start, 1, lambda n: 1.0, iterations=5, line_search=True)
    assert float(early.losses[-1]) > 1e-3
    with pytest.raises(ValueError, match="one run at a time"):
        lbfgs(by_autograd(bowl), starts(2), 1, lambda n: 1.0)


def test_lbfgs_evaluates_no_point_twice_and_goes_on_across_steps():
    seen = []

    def objective(x):
        seen.append(tuple(x.tolist()))
        return by_autograd(bowl)(x)

    in_steps = lbfgs(objective, starts(1)[0], 12, lambda n: 0.5, iterations=1)
    assert len(seen) == len(set(seen)) == 13
    at_once = lbfgs(by_autograd(bowl), starts(1)[0], 1, lambda n: 0.5, iterations=12)
    torch.testing.assert_close(in_steps.x, at_once.x, rtol=1e-12, atol=1e-12)


def test_a_run_that_is_no_longer_finite_keeps_its_last_good_state_and_the_others_go_on():
    def cliff(x):
        return torch.log(1.5 - x).sum(-1)

    start = torch.tensor([[1.45], [-5.0]], dtype=torch.float64)
    found = adam(by_autograd(cliff), start, 30, lambda n: 0.02)
    assert 1.45 < float(found.x[0, 0]) <= 1.5
    assert float(found.x[1, 0]) == pytest.approx(-5.0 + 30 * 0.02, rel=2e-3)  # the gradient hardly changes
    assert bool(torch.isfinite(found.losses[-1]).tolist()[1])
    alone = adam(by_autograd(cliff), start[0], 30, lambda n: 0.02)
    assert len(alone.losses) < 10


def test_the_watch_sees_every_step_and_ends_the_training():
    seen = []

    def monitor(step, losses, rate):
        seen.append((step, float(losses), rate))
        return step == 4

    found = adam(by_autograd(bowl), starts(1)[0], 100, linear_ramp(0.0, 1.0, 10), monitor)
    assert [s for s, _, _ in seen] == [1, 2, 3, 4]
    assert [loss for _, loss, _ in seen] == found.losses[:4].tolist()
    assert seen[3][2] == pytest.approx(0.3)


def test_schedules_have_their_corners_where_they_say():
    climb = linear_ramp(1e-4, 1e-2, 10)
    assert [climb(0), climb(5), climb(10), climb(99)] == pytest.approx([1e-4, 5.05e-3, 1e-2, 1e-2])
    wave = cyclic_rate(0.0, 1.0, 100, 0.9995)
    assert wave(0) == 0.0
    assert wave(100) == pytest.approx(0.9995**100)
    assert wave(200) == pytest.approx(0.0, abs=1e-15)
    assert wave(50) == pytest.approx(0.5 * 0.9995**50)
    fade = geometric_decay(climb, 1e-2, 50)
    assert fade(50) == pytest.approx(1e-4)
    assert fade(1000) == pytest.approx(1e-4)
