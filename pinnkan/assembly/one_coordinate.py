"""Rows seen along one coordinate: the splines that diagonalise what equations and conditions make of it there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.table import Table


@dataclass(frozen=True, eq=False)
class Modes:
    """Functions of one coordinate, orthonormal in L2: ``vectors`` (free coefficient, mode), and their ``inverse``.

    ``mixed``: how far the forms of lower derivatives are from diagonal in them, 0 for sines.
    """

    vectors: torch.Tensor
    inverse: torch.Tensor
    mixed: float


def modes(rows: Sequence[TensorRows], unknown: int, coordinate: int, free: torch.Tensor) -> Modes:
    """Singular vectors of the highest derivatives along a coordinate, sides included, against the L2 norm.

    Weights are averaged over the other coordinates. Singular values, not eigenvalues: those of u'''' on a hundred
    intervals of degree ten span more than the digits of a number, their roots do not. ``free``: mask of coefficients.

    Raises numpy.linalg.LinAlgError where the rows are not finite.
    """
    axis = rows[0].space.axes[coordinate]
    nodes, weights = (a.reshape(-1) for a in axis.gauss(axis.degree + 1))
    mass = torch.from_numpy(np.sqrt(weights)[:, None] * axis.matrix(nodes)).to(free.device)[:, free]
    root = torch.linalg.qr(mass, mode="r").R
    blocks = [_seen(r, unknown, coordinate)[:, free] for r in rows if any(j.unknown == unknown for j in r.jets)]
    seen = torch.linalg.solve_triangular(root, torch.cat(blocks), upper=True, left=False)
    if not bool(torch.isfinite(seen).all()):
        raise np.linalg.LinAlgError("the rows are not finite")
    _, _, right = torch.linalg.svd(torch.linalg.qr(seen, mode="r").R)
    vectors = torch.linalg.solve_triangular(root, right.T.contiguous(), upper=True)
    return Modes(vectors, right @ root, _mixed(rows, unknown, coordinate, vectors, free))


def _seen(rows: TensorRows, unknown: int, coordinate: int) -> torch.Tensor:
    """Weighted derivatives along a coordinate: (point, coefficient); of a side all of them, as they are combined."""
    table = rows.tables[coordinate]
    jets = [(k, j) for k, j in enumerate(rows.jets) if j.unknown == unknown]
    others = [i for i in range(len(rows.tables)) if i != coordinate]
    highest = max(j.order[coordinate] for _, j in jets)
    if table.nodes.numel() == 1 and all(j.total == j.order[coordinate] for _, j in jets):
        out = torch.zeros(1, table.count, dtype=torch.float64, device=table.nodes.device)
        for k, j in jets:
            weight = flat(rows.weights[..., k])
            out += weight.square().mean().sqrt() * weight.sum().sign() * dense(table, j.order[coordinate])
        return out
    square = sum(flat(rows.weights[..., k]).square().mean(others) for k, j in jets if j.order[coordinate] == highest)
    return torch.as_tensor(square).reshape(-1, 1).sqrt() * dense(table, highest)


def _mixed(
    rows: Sequence[TensorRows], unknown: int, coordinate: int, vectors: torch.Tensor, free: torch.Tensor
) -> float:
    """The largest share of a form of two derivatives that lies off the diagonal."""
    worst = 0.0
    for r in rows:
        table = r.tables[coordinate]
        if table.nodes.shape[1] == 1:
            continue
        orders = sorted({j.order[coordinate] for j in r.jets if j.unknown == unknown})
        root = table.weights.reshape(-1, 1).sqrt()
        values = [root * dense(table, order)[:, free] @ vectors for order in orders]
        for k, left in enumerate(values):
            for right in values[: k + 1]:
                size = torch.outer(left.norm(dim=0), right.norm(dim=0))
                form = left.T @ right
                share = (form + form.T) / (size + size.T).clamp_min(1e-300)
                off = share - torch.diag(share.diagonal())
                worst = max(worst, float(off.norm()) / len(off) ** 0.5)
    return worst


def dense(table: Table, order: int) -> torch.Tensor:
    """A derivative of every function at every point of a coordinate: (point, coefficient)."""
    values = table.values[order]
    out = values.new_zeros((*values.shape[:2], table.count))
    out.scatter_add_(2, table.index.unsqueeze(1).expand(values.shape), values)
    return out.reshape(-1, table.count)


def flat(grid: torch.Tensor) -> torch.Tensor:
    """(interval, point, interval, ..) to (point, point, ..), one index per coordinate."""
    shape = grid.shape
    return grid.reshape([shape[i] * shape[i + 1] for i in range(0, len(shape), 2)])
