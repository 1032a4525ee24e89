"""Gauss-Newton where only the outer layer is trained."""

import numpy as np
import pytest
import torch

from pinnkan.solver.minimise.levenberg_marquardt import minimise_by_svd


def test_gauss_newton_finds_the_least_solution_of_dependent_columns():
    matrix = torch.randn((30, 6), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    matrix[:, 5] = matrix[:, 0] + matrix[:, 1]
    aim = torch.linspace(0, 1, 30, dtype=torch.float64)
    zero = torch.zeros(6, dtype=torch.float64)
    found = minimise_by_svd(lambda x: (matrix @ x - aim, lambda: matrix), zero, 10, lambda loss, size: False)
    theirs = np.linalg.lstsq(matrix.numpy(), aim.numpy(), rcond=1e-10)[0]
    assert found.number <= 2
    assert found.loss == pytest.approx(float(np.sum((matrix.numpy() @ theirs - aim.numpy()) ** 2)), rel=1e-12)
    assert float(found.point[0].norm()) < 1.5 * np.linalg.norm(theirs)
    stopped = minimise_by_svd(lambda x: (x**3 - 1, lambda: 3 * torch.diag(x**2)), zero + 2, 50, lambda *_: True)
    assert stopped.number == 1
    whole = minimise_by_svd(lambda x: (x**3 - 1, lambda: 3 * torch.diag(x**2)), zero + 2, 50, lambda *_: False)
    torch.testing.assert_close(whole.point[0], zero + 1, rtol=1e-8, atol=0)
