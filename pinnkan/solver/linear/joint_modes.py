"""Diagonalisation of several unknowns together, along periodic coordinates or between the walls of a slab.

Derivatives of a periodic wave are waves of the same frequency. So equations with constant coefficients couple sin(kx)
and cos(kx) of all unknowns to nothing else: a small matrix for each k, of the size of the other coordinates.
Coefficients are averaged along the periodic ones. Unlike :mod:`pinnkan.solver.linear.diagonalisation` this has what
couples a pressure to a velocity: 18 steps instead of 649 for a periodic flow in time.
"""

from collections.abc import Sequence
from math import prod

import numpy as np
import torch

from pinnkan.assembly.coordinate_modes import derivative_matrix, flatten_grid
from pinnkan.assembly.integral_rows import PointValueRows
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import Table
from pinnkan.solver.linear.diagonalisation import free_masks
from pinnkan.solver.linear.scaled_system import factorise_shifted
from pinnkan.solver.linear.solver import require_finite
from pinnkan.solver.linear.wall_modes import coupled_wall_modes
from pinnkan.solver.predicted_work import separated_coordinates

#: Forms (number, function, function) by two derivatives of a block of rows.
Forms = dict[tuple[int, int], torch.Tensor]


class JointModeInverse:
    """An approximate inverse of J^T J (1 + damping on its diagonal), of all unknowns together.

    In :func:`periodic_modes` of periodic coordinates; without any, in modes between walls, but not in the time of a
    slab. Raises numpy.linalg.LinAlgError where rows leave coefficients undetermined.
    """

    def __init__(self, rows: Sequence[TensorRows], ordering: Ordering, damping: float = 0.0) -> None:
        self._space, self._ordering = rows[0].space, ordering
        self._block_coordinates, self._modes = _block_modes(rows, ordering)
        last = len(self._space.axes)
        self._full_coordinates = [i for i in range(last) if i not in self._block_coordinates]
        self._input_order = (last, last + 1, *self._block_coordinates, *self._full_coordinates)
        free = self._free_mask()
        matrix = self._normal_blocks(rows)
        matrix *= free.unsqueeze(1) & free.unsqueeze(2)
        diagonal = matrix.diagonal(dim1=1, dim2=2)
        self._scale = torch.where(free & (diagonal > 0.0), diagonal, 1.0).rsqrt()
        matrix *= self._scale.unsqueeze(1) * self._scale.unsqueeze(2)
        self._factor = _factor(matrix, damping)

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """Return the approximate inverse times ``right`` (free coefficient, rhs)."""
        x = self._ordering.extend_by_zeros(right).reshape(*self._space.shape, -1).permute(self._input_order)
        for n, functions in enumerate(self._modes, 2):
            x = _apply_transposed(x, functions.flatten(2), n)
        x, shape = self._blocks(x)
        x = torch.cholesky_solve(x * self._scale.unsqueeze(-1), self._factor) * self._scale.unsqueeze(-1)
        x = x.reshape(shape).permute(np.argsort(self._block_order(len(shape))).tolist())
        for n, functions in enumerate(self._modes, 2):
            x = _apply_transposed(x.flatten(n, n + 1), functions.flatten(2).transpose(1, 2), n)
        x = x.permute(np.argsort(self._input_order).tolist())
        return x.reshape(self._space.size, -1)[self._ordering.free]

    def _blocks(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Size]:
        """Reshape (unknown, rhs, mode, .., rest) to (block, function, rhs); return the shape in between as well.

        That is (number, .., unknown, mode of the number, .., rest, rhs).
        """
        for n, functions in enumerate(self._modes):
            x = x.unflatten(2 + 2 * n, functions.shape[2:])
        x = x.permute(self._block_order(x.ndim))
        return x.reshape(prod(x.shape[: len(self._block_coordinates)]), -1, x.shape[-1]), x.shape

    def _block_order(self, indices: int) -> list[int]:
        """The permutation of indices that puts the numbers of blocks first."""
        pairs = range(2, 2 + 2 * len(self._block_coordinates))
        return [*pairs[::2], 0, *pairs[1::2], *range(2 + len(pairs), indices), 1]

    def _free_mask(self) -> torch.Tensor:
        """Return the mask of free functions of every block: (block, function)."""
        there = (
            (self._ordering.position >= 0).to(torch.float64).reshape(*self._space.shape, 1).permute(self._input_order)
        )
        for n, functions in enumerate(self._modes, 2):
            there = (_apply_transposed(there, functions.flatten(2).abs(), n) > 0.0).to(torch.float64)
        return self._blocks(there)[0][..., 0] > 0.0

    def _normal_blocks(self, rows: Sequence[TensorRows]) -> torch.Tensor:
        """Return J^T J with coefficients averaged along :attr:`_zero_planes`: (block, function, function)."""
        unknowns = self._space.unknowns
        blocks = prod(f.shape[2] for f in self._modes)
        size = prod(f.shape[3] for f in self._modes) * prod(self._space.axes[i].count for i in self._full_coordinates)
        device = self._ordering.position.device
        matrix = torch.zeros(blocks, unknowns, size, unknowns, size, dtype=torch.float64, device=device)
        for r in rows:
            whole = rows[0].tables
            inner = [self._forms(r, n, whole[i]) for n, i in enumerate(self._block_coordinates)]
            outer = {j.order: self._full_values(r, j.order, whole) for j in r.jets}
            for k, first in enumerate(r.jets):
                for m, second in enumerate(r.jets[: k + 1]):
                    form = outer[first.order].T @ (self._averaged_weights(r, k, m) * outer[second.order])
                    form = form.unsqueeze(0)
                    for forms in reversed(inner):
                        form = _kron(forms[k, m], form)
                    matrix[:, first.unknown, :, second.unknown] += form
                    if m < k:
                        matrix[:, second.unknown, :, first.unknown] += form.transpose(1, 2)
        return matrix.reshape(blocks, unknowns * size, unknowns * size)

    def _forms(self, rows: TensorRows, number: int, full_table: Table) -> Forms:
        """Return the forms of modes of one number along a coordinate; for values at a point those of the mean."""
        i, functions = self._block_coordinates[number], self._modes[number]
        orders = {j.order[i] for j in rows.jets}
        if isinstance(rows, PointValueRows):
            splines = {a: _mean_values(full_table, a) for a in orders}
        else:
            root = rows.tables[i].weights.reshape(-1, 1).sqrt()
            splines = {a: root * derivative_matrix(rows.tables[i], a) for a in orders}
        values = {
            (u, a): torch.einsum("pc,ckf->pkf", splines[a], functions[u])
            for u, a in {(j.unknown, j.order[i]) for j in rows.jets}
        }
        jets = [values[j.unknown, j.order[i]] for j in rows.jets]
        return {(k, m): torch.einsum("pka,pkb->kab", jets[k], jets[m]) for k in range(len(jets)) for m in range(k + 1)}

    def _averaged_weights(self, rows: TensorRows, k: int, m: int) -> torch.Tensor:
        """Return the product of two weights at the points of the other coordinates, averaged: (point, 1)."""
        across = [rows.tables[i] for i in self._block_coordinates]
        measure = 1.0 if isinstance(rows, PointValueRows) else prod(float(t.weights.sum()) for t in across)
        return (
            flatten_grid(rows.weights[..., k] * rows.weights[..., m]).sum(self._block_coordinates).reshape(-1, 1)
            / measure
        )

    def _full_values(self, rows: TensorRows, order: Sequence[int], full_tables: Sequence[Table]) -> torch.Tensor:
        """Return a derivative of products of functions of the others, the mean for a point: (point, function)."""
        out = rows.weights.new_ones((1, 1))
        for i in self._full_coordinates:
            table = rows.tables[i]
            is_point = isinstance(rows, PointValueRows) and table.nodes.numel() == 1
            out = torch.kron(
                out, _mean_values(full_tables[i], order[i]) if is_point else derivative_matrix(table, order[i])
            )
        return out


def _block_modes(rows: Sequence[TensorRows], ordering: Ordering) -> tuple[list[int], list[torch.Tensor]]:
    """Return the coordinates of the blocks, and modes of each: (unknown, coefficient, number, mode of the number)."""
    space, device = rows[0].space, ordering.position.device
    around = [i for i, a in enumerate(space.axes) if a.periodic]
    if around:
        of_all = (space.unknowns, -1, -1, -1)
        return around, [periodic_modes(space.axes[i], device).unflatten(1, (-1, 2)).expand(of_all) for i in around]
    across = separated_coordinates(space)
    free = [free_masks(ordering, space.shape, u) for u in range(space.unknowns)]
    masks = [[torch.from_numpy(f[i]).to(device) for f in free] for i in across]
    return across, [coupled_wall_modes(rows, i, mask).unsqueeze(-1) for i, mask in zip(across, masks, strict=True)]


def _apply_transposed(x: torch.Tensor, matrices: torch.Tensor, index: int) -> torch.Tensor:
    """Apply to one index of (unknown, ..) the transpose of every unknown's matrix: (unknown, old, new)."""
    x = x.movedim(index, -1)
    found = torch.bmm(x.reshape(len(x), -1, x.shape[-1]), matrices)
    return found.reshape(*x.shape[:-1], -1).movedim(-1, index)


def _mean_values(table: Table, order: int) -> torch.Tensor:
    """The mean of a derivative of every function of a coordinate: (1, coefficient)."""
    return table.weights.reshape(1, -1) @ derivative_matrix(table, order) / table.weights.sum()


def periodic_modes(axis: Axis, device: torch.device) -> torch.Tensor:
    """Return periodic modes, orthonormal in L2: (coefficient, 2 * frequency), two of each, lowest first.

    Singular vectors of the derivative; beside the constant stands the highest of an even number of modes, or zero.
    """
    value, slope = axis.weighted_table(0), axis.weighted_table(1)
    root = np.asarray(np.linalg.qr(value, mode="r"))
    seen = np.linalg.solve(root.T, slope.T).T
    right = np.linalg.svd(np.asarray(np.linalg.qr(seen, mode="r")))[2]
    vectors = np.linalg.solve(root, right.T)[:, ::-1]
    alone = vectors[:, -1:] if axis.count % 2 == 0 else np.zeros((axis.count, 1))
    paired = vectors[:, 1 : axis.count - (axis.count % 2 == 0)]
    return torch.from_numpy(np.concatenate([vectors[:, :1], alone, paired], 1)).to(device)


def _kron(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Return Kronecker products of each matrix of ``left`` with each of ``right``: (left * right, row, column)."""
    out = torch.einsum("iab,jcd->ijacbd", left, right)
    shape = out.shape
    return out.reshape(shape[0] * shape[1], shape[2] * shape[3], shape[4] * shape[5])


def _factor(matrix: torch.Tensor, damping: float) -> torch.Tensor:
    """Return the Cholesky factors of matrices with a unit diagonal, after damping."""
    unit = require_finite(matrix).diagonal(dim1=1, dim2=2)

    def factorise(shift: float) -> torch.Tensor | None:
        shifted = matrix.clone()
        shifted.diagonal(dim1=1, dim2=2).copy_(torch.where(unit > 0.0, unit + damping + shift, 1.0))
        factor, failed = torch.linalg.cholesky_ex(shifted)
        return None if bool(failed.any()) else factor

    return factorise_shifted(factorise)[0]
