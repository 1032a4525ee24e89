"""J^T J without a matrix, and its diagonal, against the Jacobian written out."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from patches import CASES, coefficients, jacobian_of, patch

from pinnkan.assembly.normal_matrix import matrix_free
from pinnkan.assembly.normal_matrix.matrix_free import MatrixFree


def difference(a, b):
    return float((a - b).abs().max() / b.abs().max())


@pytest.mark.parametrize("at_once", [1, 2**19])
@pytest.mark.parametrize("case", CASES)
def test_the_product_and_the_diagonal_are_those_of_the_jacobian(case, at_once, monkeypatch):
    """Interval by interval, and all at once; two blocks of rows add up."""
    monkeypatch.setattr(matrix_free, "BATCH_WEIGHTS", at_once)
    rows = [patch(case, scale).rows(coefficients(patch(case).space), []) for scale in (1.3, 0.2)]
    shape = rows[0].space.shape
    jacobian = torch.cat([jacobian_of(r) for r in rows])
    some = torch.from_numpy(np.random.default_rng(1).standard_normal((*shape, 2)))
    gram = jacobian.T @ jacobian
    ours = MatrixFree(rows)
    # Sums of a few hundred products, as for the matrix itself.
    assert difference(ours(some).reshape(-1, 2), gram @ some.reshape(-1, 2)) < 1e-13
    if "folded" not in case:
        assert difference(ours.diagonal().reshape(-1), gram.diagonal()) < 1e-13
    assert difference(MatrixFree(rows[:1])(some).reshape(-1, 2), gram @ some.reshape(-1, 2)) > 1e-3


def test_what_weighs_alike_is_carried_to_the_points_as_one():
    """u_xx - u_xy/2 + u_y/4 beside sin(u) x; not where it would be carried beside the derivatives of others."""
    alike = patch("much weighs alike")
    rows = alike.rows(coefficients(alike.space), [])
    (group,) = MatrixFree([rows])._groups
    assert len(group.derivative_sums.sums) == 2 < len(rows.jets)
    (group,) = MatrixFree([rows, replace(rows, constants=())])._groups
    assert len(group.derivative_sums.sums) == len(rows.jets)
