"""Halving uniform knots by a stencil, as the paper does."""

import numpy as np
import pytest
import torch

from pinnkan.kan.spline import Basis, prolongation, uniform_breaks
from pinnkan.study.nesting import dyadic_stencil, halve_coefficients


def relative(a, b):
    return float(np.abs(a - b).max() / np.abs(b).max())


@pytest.mark.parametrize("degree", [1, 2, 3, 4, 7])
def test_halving_uniform_knots_by_the_stencil_is_exact_also_outside(degree):
    rough = Basis.extended(uniform_breaks(-1, 1, 5), degree)
    c = torch.randn(2, rough.count, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    fine = halve_coefficients(c, degree)
    rich = rough.halved()
    assert fine.shape == (2, rich.count)
    x = torch.linspace(-1.4, 1.4, 203, dtype=torch.float64)
    for k in range(min(degree, 3) + 1):
        before, after = rough.dense(x, k)[k] @ c.T, rich.dense(x, k)[k] @ fine.T
        assert relative(after.numpy(), before.numpy()) < 1e-12 * 10**k
    torch.testing.assert_close(fine.T, prolongation(rough, rich) @ c.T, rtol=0, atol=1e-11)
    printed = 0.5 * fine  # the stencil as printed in arXiv:2603.04827
    assert relative((rich.dense(x)[0] @ printed.T).numpy(), (rough.dense(x)[0] @ c.T).numpy()) > 0.4


def test_the_stencil_sums_to_two():
    assert float(dyadic_stencil(3).sum()) == pytest.approx(2.0, abs=1e-15)
