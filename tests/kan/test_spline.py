import numpy as np
import pytest
import torch
from scipy.interpolate import BSpline

from pinnkan.kan.spline import Basis, prolongation

BREAKS = [-1.0, -0.4, -0.1, 0.05, 0.5, 0.8, 1.0]
MAKERS = [Basis.extended, Basis.clamped, Basis.periodic]


def relative(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


def spline(basis, coefficients, x, order):
    return (basis.dense(x, order) @ coefficients).numpy()


@pytest.mark.parametrize("degree", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("make", MAKERS)
def test_values_and_derivatives_agree_with_scipy(make, degree):
    basis = make(BREAKS, degree)
    rng = np.random.default_rng(0)
    c = rng.standard_normal(basis.count)
    x = np.concatenate([rng.uniform(-1.3, 1.3, 200), [-1.0, 1.0]])
    ours = spline(basis, torch.from_numpy(c), torch.from_numpy(x), degree + 1)
    reference = BSpline(basis.knots.numpy(), c, degree)
    for k in range(degree + 2):
        if k > degree:
            assert np.all(ours[k] == 0.0)
        else:
            assert relative(ours[k], reference(x, nu=k)) < 1e-12
    assert relative(ours[0], BSpline(basis.knots.numpy() + 1e-9, c, degree)(x)) > 1e-12  # the test sees a shift


@pytest.mark.parametrize("degree", [1, 2, 5, 10])
def test_polynomials_of_a_single_interval_agree_with_scipy(degree):
    """Inside and outside, up to a derivative that is zero."""
    basis = Basis.clamped([0.3, 0.8], degree)
    assert basis.is_bernstein
    assert not Basis.clamped([0.3, 0.5, 0.8], degree).is_bernstein
    assert not Basis.extended([0.3, 0.8], degree).is_bernstein
    c = np.random.default_rng(0).standard_normal(basis.count)
    x = np.array([0.3, 0.41, 0.66, 0.8, 0.85, 0.2])
    ours = spline(basis, torch.from_numpy(c), torch.from_numpy(x), degree + 1)
    reference = BSpline(basis.knots.numpy(), c, degree)
    for k in range(degree + 1):
        assert relative(ours[k], reference(x, nu=k)) < 1e-12
    assert np.all(ours[degree + 1] == 0.0)
    assert relative(ours[0], reference(x + 1e-9)) > 1e-12  # the test sees a shift


@pytest.mark.parametrize("make", MAKERS)
def test_functions_sum_to_one_and_greville_gives_the_identity(make):
    basis = make(BREAKS, 4)
    x = torch.linspace(-1.2, 1.2, 50, dtype=torch.float64)
    table = basis.dense(x)[0]
    torch.testing.assert_close(table.sum(-1), torch.ones_like(x), rtol=0, atol=1e-13)
    torch.testing.assert_close(table @ basis.identity_coefficients(), x, rtol=0, atol=1e-13)


def test_wrapped_coefficients_make_a_periodic_spline():
    basis, m = Basis.periodic(BREAKS, 3), len(BREAKS) - 1
    c = torch.randn(m, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    ends = torch.tensor([-1.0, 1.0], dtype=torch.float64)
    jets = basis.dense(ends, 2) @ c[torch.arange(basis.count) % m]
    torch.testing.assert_close(jets[:, 0], jets[:, 1], rtol=0, atol=1e-11)
    broken = basis.dense(ends, 2) @ torch.arange(basis.count, dtype=torch.float64)
    assert abs(float(broken[0, 0] - broken[0, 1])) > 0.1


@pytest.mark.parametrize("degree", [1, 3, 5])
@pytest.mark.parametrize(("coarse", "fine"), [(a, b) for a in MAKERS[:2] for b in MAKERS])
def test_inserting_any_knots_leaves_the_function_unchanged_everywhere(coarse, fine, degree):
    rough = coarse(BREAKS, degree)
    rich = fine(sorted([*BREAKS, -0.7, -0.25, 0.25, 0.4, 0.9]), degree)
    c = torch.randn(rough.count, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    matrix = prolongation(rough, rich)
    x = torch.linspace(-1.3, 1.3, 301, dtype=torch.float64)
    before, after = spline(rough, c, x, 2), spline(rich, matrix @ c, x, 2)
    for k in range(min(degree, 2) + 1):
        assert relative(after[k], before[k]) < 1e-12 * 10**k
    assert relative(spline(rich, matrix @ c * (1 + 1e-9), x, 0), before[:1]) > 1e-12
    moved = fine(sorted([*BREAKS[:-2], 0.81, 1.0, -0.7, -0.25, 0.3]), degree)  # 0.8 is missing: not nested
    assert relative(spline(moved, prolongation(rough, moved) @ c, x, 0), before[:1]) > 1e-4


def test_raising_the_degree_is_exact_when_multiplicities_are_raised_too():
    rough = Basis.clamped(BREAKS, 3)
    inner = [b for b in BREAKS[1:-1] for _ in range(2)]
    knots = torch.tensor([-1.0] * 5 + inner + [1.0] * 5, dtype=torch.float64)
    rich = Basis(knots, 4)
    c = torch.randn(rough.count, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    x = torch.linspace(-1.1, 1.1, 101, dtype=torch.float64)
    before = spline(rough, c, x, 2)
    assert relative(spline(rich, prolongation(rough, rich) @ c, x, 2), before) < 1e-12
    smooth = Basis.clamped(BREAKS, 4)  # one knot too few at each break: does not contain the cubics
    assert relative(spline(smooth, prolongation(rough, smooth) @ c, x, 2), before) > 1e-3


def test_breaks_must_increase():
    with pytest.raises(ValueError, match="strictly increasing"):
        Basis.extended([0.0, 0.0, 1.0], 3)
