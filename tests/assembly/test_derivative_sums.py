"""Sums of derivatives at points, and back, against derivatives one by one."""

import numpy as np
import pytest
import torch

from pinnkan.assembly.derivative_sums import DerivativeSums
from pinnkan.assembly.tensor_rows import evaluate, integrate
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import gauss_table

TABLES = [gauss_table(Axis(np.linspace(0.0, 1.0 + k, 3 + k), 3 + k), 3, 2, torch.device("cpu")) for k in range(3)]
#: Two functions: u and, as a derivative in time is told apart, u_t.
U, U_T = (0, (0,)), (0, (1,))
FLAT = ({(U_T, (0, 0)): 1.0, (U, (2, 0)): -0.3, (U, (0, 2)): -0.1}, {(U, (0, 0)): 1.0})
SPACE = ({(U, (2, 0, 0)): 2.0, (U, (0, 2, 0)): 2.0, (U, (0, 0, 2)): 2.0}, {(U, (1, 0, 0)): 1.0, (U_T, (1, 0, 0)): 3.0})


def drawn(*shape):
    return torch.from_numpy(np.random.default_rng().standard_normal(shape))


@pytest.mark.parametrize("sums", [FLAT, SPACE, ({(U, (1,)): 0.5},), ({(U, (0,)): 1.0, (U_T, (2,)): -1.0},)])
def test_sums_and_their_transpose_are_those_of_the_derivatives(sums):
    ours, tables = DerivativeSums(sums), TABLES[: len(next(iter(sums[0]))[1])]
    functions = {f: drawn(*(t.count for t in tables), 2) for f in (U, U_T)}
    found = ours.evaluate(tables, functions)
    images = [drawn(*x.shape) for x in found]
    back = ours.transpose(tables, images)
    for own, x in zip(sums, found, strict=True):
        each = [f * evaluate(tuple(tables), functions[d], [orders])[orders] for (d, orders), f in own.items()]
        torch.testing.assert_close(x, sum(each), rtol=1e-12, atol=1e-10)
    for function, total in back.items():
        each = [
            f * integrate(tuple(tables), {orders: image.movedim(0, -1)})
            for own, image in zip(sums, images, strict=True)
            for (d, orders), f in own.items()
            if d == function
        ]
        torch.testing.assert_close(total, sum(each), rtol=1e-12, atol=1e-10)


def test_what_sums_share_is_carried_once():
    """Of u_t - nu (u_xx + u_yy) and u three products in each coordinate, in place of three and four."""
    _, stages = DerivativeSums(FLAT)._plan
    assert [[len(parts) for parts in stage] for stage in stages] == [[2, 1], [2, 1]]
    _, stages = DerivativeSums(({(U, (2, 0, 0)): 2.0, (U, (0, 2, 0)): 2.0, (U, (0, 0, 2)): 2.0},))._plan
    assert [sum(map(len, stage)) for stage in stages] == [2, 3, 2]
    _, stages = DerivativeSums(({(U, (0, 1)): 1.0, (U_T, (0, 1)): 2.0}, {(U, (1, 1)): 3.0, (U_T, (1, 1)): 6.0}))._plan
    assert [sum(map(len, stage)) for stage in stages] == [2, 2]  # one sum of functions, whatever its factor
