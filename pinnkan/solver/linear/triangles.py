"""Triangular factors, applied where the numbers are: by LAPACK on the host, by products of small blocks elsewhere.

Conjugate gradients ask for them in every step. On a GPU nothing may go to the host and back then: a band of width w is
cut into blocks of w columns, whose triangles are inverted once. What remains of a solve is one product of small
matrices for each block after the other, of all bands at once (block substitution: Golub, Van Loan 2013, section 4.5).
"""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg
import torch

from pinnkan.assembly.device import is_host
from pinnkan.kan.field import Array

#: (coefficient, side) to the same.
Inverse = Callable[[torch.Tensor], torch.Tensor]


def inverse_of_band(factor: Array, count: int, device: torch.device) -> Inverse:
    """(L L^T)^-1 of columns (column, side) on a device.

    ``factor``: L as a band (diagonal, column), in which ``count`` columns after the other are joined to no others.
    """
    if not is_host(device):
        return _Blocks(factor, count, device)
    return lambda right: torch.from_numpy(
        scipy.linalg.cho_solve_banded((factor, True), right.numpy(), check_finite=False)
    )


def inverse_of_triangles(lower: Sequence[Array], device: torch.device) -> Inverse:
    """(L L^T)^-1 of each of several full matrices: (matrix, column, side) to the same.

    On the host two products with a triangle for each side, which a solver of many columns takes thrice.
    """
    if not is_host(device):
        together = torch.from_numpy(np.stack(lower)).to(device).tril()
        return lambda right: torch.cholesky_solve(right, together)
    return lambda right: torch.from_numpy(
        np.stack([_solved(own, x) for own, x in zip(lower, right.numpy(), strict=True)])
    )


def _solved(lower: Array, right: Array) -> Array:
    columns = []
    for column in right.T:
        half = scipy.linalg.blas.dtrsv(lower, column, lower=1)
        columns.append(scipy.linalg.blas.dtrsv(lower, half, lower=1, trans=1))
    return np.stack(columns, 1)


class _Blocks:
    """Bands cut into blocks; the last one of each is filled up with ones on the diagonal.

    ``_inverses``: of the triangles on the diagonal, (band, block, row, column); ``_onwards``: these times the blocks
    beneath the ones before; ``_backwards``: their transposes times those of the blocks beneath.
    """

    def __init__(self, factor: Array, count: int, device: torch.device) -> None:
        size, self._count = max(1, len(factor) - 1), count
        number = -(-count // size)
        self._missing = number * size - count
        band = torch.from_numpy(np.ascontiguousarray(factor)).to(device).unflatten(1, (-1, count))
        band = torch.nn.functional.pad(band, (0, self._missing)).unflatten(2, (number, size)).permute(1, 2, 0, 3)
        row = torch.arange(size, device=device).unsqueeze(1)
        place = torch.arange(number, device=device)[:, None, None] * size + row
        own, beneath = (
            torch.where((apart >= 0) & (apart < band.shape[2]) & (place + start < count),
                        band[:, :, apart.clamp(0, band.shape[2] - 1), row.T], 0.0)
            for start, apart in ((0, row - row.T), (size, size + row - row.T))
        )  # fmt: skip
        own = own + torch.diag_embed((place[..., 0] >= count).to(own.dtype))
        unit = torch.eye(size, dtype=own.dtype, device=device).expand_as(own)
        self._inverses = torch.linalg.solve_triangular(own, unit, upper=False)
        joined = beneath[:, :-1]
        self._onwards = self._inverses[:, 1:] @ joined
        self._backwards = (joined @ self._inverses[:, :-1]).transpose(2, 3)

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        x = right.unflatten(0, (-1, self._count))
        x = torch.nn.functional.pad(x, (0, 0, 0, self._missing)).unflatten(1, (self._inverses.shape[1], -1))
        found = list((self._inverses @ x).unbind(1))
        for k, matrix in enumerate(self._onwards.unbind(1)):
            found[k + 1] = torch.baddbmm(found[k + 1], matrix, found[k], alpha=-1.0)
        found = list((self._inverses.transpose(2, 3) @ torch.stack(found, 1)).unbind(1))
        for k, matrix in reversed([*enumerate(self._backwards.unbind(1))]):
            found[k] = torch.baddbmm(found[k], matrix, found[k + 1], alpha=-1.0)
        return torch.cat(found, 1)[:, : self._count].flatten(0, 1)
