"""Inverses from triangular factors: by LAPACK on the host, by products of small blocks on other devices.

So nothing moves from a GPU to the host in a step of conjugate gradients. There a band of width w is cut into blocks of
w columns, with triangles inverted once; a solve is one product of small matrices per block, for all bands at once
(block substitution: Golub, Van Loan 2013, section 4.5).
"""

from collections.abc import Callable, Sequence

import numpy as np
import scipy.linalg
import torch

from pinnkan.assembly.device import is_host
from pinnkan.kan.field import Array

#: A linear map of vectors (coefficient, rhs) to vectors of the same shape.
Inverse = Callable[[torch.Tensor], torch.Tensor]


def inverse_of_band(factor: Array, count: int, device: torch.device) -> Inverse:
    """Return (L L^T)^-1 as a function of vectors (column, rhs) on a device.

    ``factor``: L as a band (diagonal, column), of independent matrices of ``count`` columns.
    """
    if not is_host(device):
        return _BlockSubstitution(factor, count, device)
    return lambda right: torch.from_numpy(
        scipy.linalg.cho_solve_banded((factor, True), right.numpy(), check_finite=False)
    )


def inverse_of_triangles(lower: Sequence[Array], device: torch.device) -> Inverse:
    """Return (L L^T)^-1 of full matrices as a function of (matrix, column, rhs); on the host column by column."""
    if not is_host(device):
        together = torch.from_numpy(np.stack(lower)).to(device).tril()
        return lambda right: torch.cholesky_solve(right, together)
    return lambda right: torch.from_numpy(
        np.stack([_solve_columns(own, x) for own, x in zip(lower, right.numpy(), strict=True)])
    )


def _solve_columns(lower: Array, right: Array) -> Array:
    columns = []
    for column in right.T:
        half = scipy.linalg.blas.dtrsv(lower, column, lower=1)
        columns.append(scipy.linalg.blas.dtrsv(lower, half, lower=1, trans=1))
    return np.stack(columns, 1)


class _BlockSubstitution:
    """Block substitution for bands L; the last block of each is filled up with a unit diagonal.

    (band, block, row, column): ``_inverses`` L_kk^-1, ``_forward_blocks`` L_kk^-1 L_k,k-1, ``_backward_blocks``
    (L_k+1,k L_kk^-1)^T.
    """

    def __init__(self, factor: Array, count: int, device: torch.device) -> None:
        size, self._count = max(1, len(factor) - 1), count
        number = -(-count // size)
        self._padding = number * size - count
        band = torch.from_numpy(np.ascontiguousarray(factor)).to(device).unflatten(1, (-1, count))
        band = torch.nn.functional.pad(band, (0, self._padding)).unflatten(2, (number, size)).permute(1, 2, 0, 3)
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
        self._forward_blocks = self._inverses[:, 1:] @ joined
        self._backward_blocks = (joined @ self._inverses[:, :-1]).transpose(2, 3)

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        x = right.unflatten(0, (-1, self._count))
        x = torch.nn.functional.pad(x, (0, 0, 0, self._padding)).unflatten(1, (self._inverses.shape[1], -1))
        found = list((self._inverses @ x).unbind(1))
        for k, matrix in enumerate(self._forward_blocks.unbind(1)):
            found[k + 1] = torch.baddbmm(found[k + 1], matrix, found[k], alpha=-1.0)
        found = list((self._inverses.transpose(2, 3) @ torch.stack(found, 1)).unbind(1))
        for k, matrix in reversed([*enumerate(self._backward_blocks.unbind(1))]):
            found[k] = torch.baddbmm(found[k], matrix, found[k + 1], alpha=-1.0)
        return torch.cat(found, 1)[:, : self._count].flatten(0, 1)
