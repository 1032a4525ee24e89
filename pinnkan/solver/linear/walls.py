"""Modes between two walls for several unknowns, numbered so that equations couple those of one number only.

The modes of an unknown diagonalise its own derivatives (:mod:`pinnkan.assembly.one_coordinate`): sines where it
vanishes on the walls, cosines where it is free. Equations couple pairs, such as the slope of a cosine and a sine of the
same frequency: they get the same number. An unknown without derivatives takes the functions that it is coupled to.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from pinnkan.assembly.one_coordinate import dense, modes
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import Table
from pinnkan.problem.statement import Jet

#: What remains of a function after orthogonalisation, relative to it, from which on it is independent (heuristic).
INDEPENDENT = 1e-6


def walls(rows: Sequence[TensorRows], coordinate: int, free: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return modes of each unknown, orthonormal in L2, by number: (unknown, coefficient, number).

    Zero where an unknown has no mode of a number. ``free``: masks of coefficients, by unknown.
    """
    unknowns = range(len(free))
    order = sorted(unknowns, key=lambda u: -_highest(rows, coordinate, u))
    placed: dict[int, torch.Tensor] = {}
    for u in order:
        if placed and not _highest(rows, coordinate, u):
            own = _taken_over(rows, coordinate, u, free[u], placed)
        else:
            own = _whole(modes(rows, u, coordinate, free[u]).vectors, free[u])
        placed = _placed(placed, u, own, _joined(rows, coordinate, u, own, placed))
    return torch.stack([placed[u] for u in unknowns])


def _highest(rows: Sequence[TensorRows], coordinate: int, unknown: int) -> int:
    return max(j.order[coordinate] for r in rows for j in r.jets if j.unknown == unknown)


def _whole(vectors: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Return functions (free coefficient, function) with all coefficients."""
    out = vectors.new_zeros(len(free), vectors.shape[1])
    out[free] = vectors
    return out


def _pairs(
    rows: Sequence[TensorRows], coordinate: int, unknown: int, others: Sequence[int]
) -> Iterator[tuple[Table, Jet, Jet]]:
    """Yield the table of the coordinate and two jets of one equation, of an unknown and of one of ``others``."""
    for r in rows:
        if r.tables[coordinate].nodes.numel() > 1:
            mine, theirs = ([j for j in r.jets if j.unknown in some] for some in ([unknown], others))
            yield from ((r.tables[coordinate], a, b) for a in mine for b in theirs)


def _joined(
    rows: Sequence[TensorRows], coordinate: int, unknown: int, own: torch.Tensor, placed: dict[int, torch.Tensor]
) -> torch.Tensor:
    """Return how much equations couple each mode with each number, (mode, number): squared cosines, summed."""
    out = own.new_zeros(own.shape[1], max((v.shape[1] for v in placed.values()), default=0))
    for table, mine, other in _pairs(rows, coordinate, unknown, list(placed)):
        root = table.weights.reshape(-1, 1).sqrt()
        left = root * (dense(table, mine.order[coordinate]) @ own)
        right = root * (dense(table, other.order[coordinate]) @ placed[other.unknown])
        sizes = torch.outer(left.norm(dim=0), right.norm(dim=0))
        out += torch.where(sizes > 0.0, (left.T @ right) / sizes.clamp_min(1e-300), 0.0).square()
    return out


def _placed(
    placed: dict[int, torch.Tensor], unknown: int, own: torch.Tensor, joined: torch.Tensor
) -> dict[int, torch.Tensor]:
    """Return all modes with those of one more unknown, each at the number it is coupled to most or at a new one."""
    from scipy.optimize import linear_sum_assignment  # importing it takes a tenth of a second

    numbers = joined.shape[1]
    mine, at = linear_sum_assignment(joined.cpu().numpy(), maximize=True)
    alone = np.setdiff1d(np.arange(own.shape[1]), mine)
    total = numbers + len(alone)
    out = {v: torch.nn.functional.pad(vectors, (0, total - numbers)) for v, vectors in placed.items()}
    new = own.new_zeros(len(own), total)
    new[:, torch.from_numpy(at)] = own[:, torch.from_numpy(mine)]
    new[:, numbers:] = own[:, torch.from_numpy(alone)]
    return {**out, unknown: new}


def _taken_over(
    rows: Sequence[TensorRows], coordinate: int, unknown: int, free: torch.Tensor, placed: dict[int, torch.Tensor]
) -> torch.Tensor:
    """Return modes of an unknown from those it is coupled to, fitted by its splines, and an orthonormal rest.

    Undifferentiated ones come first: with the velocity's modes a pressure takes 16 steps, with their derivatives 28.
    """
    axis = rows[0].space.axes[coordinate]
    pairs = sorted(_pairs(rows, coordinate, unknown, list(placed)), key=lambda pair: pair[2].order[coordinate])
    seen = []
    for table, _, other in pairs:
        root = table.weights.reshape(-1, 1).sqrt()
        values = root * (dense(table, other.order[coordinate]) @ placed[other.unknown])
        basis = root * dense(table, 0)[:, free]
        found = torch.linalg.lstsq(basis, values).solution
        seen.append(_root(axis, free) @ found)
    return _whole(_orthonormal(axis, free, seen), free)


def _root(axis: Axis, free: torch.Tensor) -> torch.Tensor:
    """The triangle R for which R^T R is the mass matrix of the free coefficients."""
    return torch.linalg.qr(torch.from_numpy(axis.rooted(0)).to(free.device)[:, free], mode="r").R


def _orthonormal(axis: Axis, free: torch.Tensor, seen: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return an orthonormal basis of all free splines that begins with those of ``seen``, in turn."""
    root = _root(axis, free)
    count = len(root)
    basis, found = torch.zeros_like(root), 0
    for v in torch.cat([*seen, torch.eye(count, dtype=root.dtype, device=root.device)], 1).T:
        w = v / v.norm().clamp_min(1e-300)
        for _ in range(2):  # the second time for the rounding of the first
            w = w - basis @ (basis.T @ w)
        if float(w.norm()) > INDEPENDENT and found < count:
            basis[:, found], found = w / w.norm(), found + 1
    return torch.linalg.solve_triangular(root, basis, upper=True)
