"""One factorisation of all rows serves every prefix of the blocks."""

import numpy as np
import pytest
from many_problems import coupled, model_of

from pinnkan.solver.families.blocks.levels import first_space
from pinnkan.solver.families.blocks.system import RowFactor, jacobian, scattered_rows


@pytest.mark.parametrize("columns", [0, 10_000])
def test_one_factor_solves_the_first_columns_and_all(monkeypatch, columns):
    monkeypatch.setattr("pinnkan.solver.families.blocks.system.QR_COLUMNS", columns)
    model = model_of(coupled())
    space = first_space(model, None)
    matrix, residual = jacobian(scattered_rows(model, 400, 3), space, None)
    factor = RowFactor.factorise(matrix, residual)
    for count in (5, space.size):
        expected = np.linalg.lstsq(matrix[:, :count], -residual, rcond=None)[0]
        np.testing.assert_allclose(factor.step(count), expected, rtol=1e-7, atol=1e-9)
    left = residual + matrix @ factor.step(space.size)
    variance = left @ left / (len(matrix) - space.size)
    expected = variance * np.diag(np.linalg.inv(matrix.T @ matrix))
    np.testing.assert_allclose(factor.noise_squares(), expected, rtol=1e-3)
    smallest = np.linalg.svd(matrix, compute_uv=False)[-1]
    assert factor.smallest_singular_value() == pytest.approx(smallest, rel=0.1)
    with pytest.raises(np.linalg.LinAlgError):
        RowFactor.factorise(np.column_stack([matrix, matrix[:, :1]]), residual)
