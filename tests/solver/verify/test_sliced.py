"""The smallest singular value of compressed rows."""

import numpy as np
import pytest
import scipy.linalg

from pinnkan.solver.verify.sliced import smallest


def test_the_smallest_value_is_found_below_the_root_of_the_rounding_unit():
    rng = np.random.default_rng(0)
    left, right = (np.linalg.qr(rng.standard_normal((n, 20)))[0] for n in (60, 20))
    matrix = left @ np.diag(np.geomspace(1.0, 1e-11, 20)) @ right.T
    root = np.triu(rng.standard_normal((20, 20))) + 5 * np.eye(20)
    exact = scipy.linalg.svdvals(scipy.linalg.solve_triangular(root, matrix.T, trans="T").T)[-1]
    vector, sigma = smallest(matrix, root)
    assert sigma == pytest.approx(exact, rel=1e-2)
    assert np.linalg.norm(root @ vector) == pytest.approx(1.0)
    squared = np.linalg.eigvalsh(matrix.T @ matrix)[0]
    assert abs(squared) > 1e3 * exact**2
