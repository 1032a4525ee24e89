"""Triangular factors, as they are applied on the host and on other devices, against full matrices."""

import numpy as np
import pytest
import scipy.linalg
import torch
from elsewhere import DEVICE, pretended

from pinnkan.solver.linear import triangular_inverse


def bands(width, count, systems, rng):
    """A factor of bands one after the other, and the full matrix."""
    lower = np.zeros((width + 1, systems * count))
    for k in range(width + 1):
        lower[k].reshape(systems, count)[:, : count - k] = rng.standard_normal((systems, count - k))
    lower[0] += 4.0 + width
    matrix = sum(np.diag(row[: len(row) - k], -k) for k, row in enumerate(lower))
    return scipy.linalg.cholesky_banded(_gram(matrix, width), lower=True), matrix @ matrix.T


def _gram(matrix, width):
    gram = matrix @ matrix.T
    return np.array([np.append(gram.diagonal(-k), np.zeros(k)) for k in range(width + 1)])


@pytest.mark.parametrize(("width", "count", "systems"), [(3, 17, 4), (3, 3, 2), (5, 10, 1), (0, 6, 3), (7, 4, 2)])
def test_bands_are_solved_alike_on_every_device(width, count, systems):
    rng = np.random.default_rng(0)
    factor, matrix = bands(min(width, count - 1), count, systems, rng)
    right = rng.standard_normal((systems * count, 2))
    expected = np.linalg.solve(matrix, right)
    here = triangular_inverse.inverse_of_band(factor, count, torch.device("cpu"))(torch.from_numpy(right))
    np.testing.assert_allclose(here.numpy(), expected, rtol=1e-10, atol=1e-12)
    with pretended():
        inverse = triangular_inverse.inverse_of_band(factor, count, DEVICE)
        there = inverse(torch.from_numpy(right).to(DEVICE))
        assert there.device == DEVICE
        np.testing.assert_allclose(there.cpu().numpy(), expected, rtol=1e-10, atol=1e-12)


def test_full_triangles_are_solved_alike_on_every_device():
    rng = np.random.default_rng(1)
    lower = [np.asfortranarray(np.tril(rng.standard_normal((9, 9))) + 9.0 * np.eye(9)) for _ in range(3)]
    right = rng.standard_normal((3, 9, 2))
    expected = np.stack([np.linalg.solve(a @ a.T, x) for a, x in zip(lower, right, strict=True)])
    dirty = [np.asfortranarray(a + np.triu(np.ones((9, 9)), 1)) for a in lower]  # LAPACK leaves what is above
    here = triangular_inverse.inverse_of_triangles(dirty, torch.device("cpu"))(torch.from_numpy(right))
    np.testing.assert_allclose(here.numpy(), expected, rtol=1e-10)
    with pretended():
        there = triangular_inverse.inverse_of_triangles(dirty, DEVICE)(torch.from_numpy(right).to(DEVICE))
        np.testing.assert_allclose(there.cpu().numpy(), expected, rtol=1e-10)
