"""Functions between two walls for several unknowns at once, so that equations join those of one number only.

Every unknown has the functions that diagonalise its own derivatives (:mod:`pinnkan.assembly.one_coordinate`): sines
where it vanishes on the walls, cosines where it is free. What an equation joins are pairs of these, the slope of a
cosine and a sine of the same frequency: they are given the same number. An unknown that is not differentiated along the
coordinate may have any functions, so it takes those that it is joined to.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from pinnkan.assembly.one_coordinate import dense, modes
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import Table
from pinnkan.problem.statement import Jet

#: What is left of a function beside others, relative to it, from which on it is one of its own.
INDEPENDENT = 1e-6


def walls(rows: Sequence[TensorRows], coordinate: int, free: Sequence[torch.Tensor]) -> torch.Tensor:
    """Functions of each unknown, orthonormal in L2, by the number they share: (unknown, coefficient, number).

    Zero where an unknown has none of that number. ``free``: mask of coefficients, by unknown.
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
    """Functions of free coefficients among all of them."""
    out = vectors.new_zeros(len(free), vectors.shape[1])
    out[free] = vectors
    return out


def _pairs(
    rows: Sequence[TensorRows], coordinate: int, unknown: int, others: Sequence[int]
) -> Iterator[tuple[Table, Jet, Jet]]:
    """Derivatives of an unknown and of others that stand in one equation, with the points of the coordinate."""
    for r in rows:
        if r.tables[coordinate].nodes.numel() > 1:
            mine, theirs = ([j for j in r.jets if j.unknown in some] for some in ([unknown], others))
            yield from ((r.tables[coordinate], a, b) for a in mine for b in theirs)


def _joined(
    rows: Sequence[TensorRows], coordinate: int, unknown: int, own: torch.Tensor, placed: dict[int, torch.Tensor]
) -> torch.Tensor:
    """How much equations join each function to what is placed at each number, by the angles between them."""
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
    """All with the functions of one more unknown: at the number each is joined to most, or at one of its own."""
    from scipy.optimize import linear_sum_assignment  # a tenth of a second, and only here

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
    """The functions that an unknown is joined to, as far as its splines hold them, and what these hold beside.

    Those that are not differentiated first: in time a pressure with the functions of the velocity takes 16 and 85 steps
    where one with those of its derivative takes 28 and 109.
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
    """R with R^T R the mass of the free coefficients."""
    return torch.linalg.qr(torch.from_numpy(axis.rooted(0)).to(free.device)[:, free], mode="r").R


def _orthonormal(axis: Axis, free: torch.Tensor, seen: Sequence[torch.Tensor]) -> torch.Tensor:
    """An orthonormal basis of all free splines that begins with those of ``seen``, in turn."""
    root = _root(axis, free)
    count = len(root)
    basis, found = torch.zeros_like(root), 0
    for v in torch.cat([*seen, torch.eye(count, dtype=root.dtype, device=root.device)], 1).T:
        w = v / v.norm().clamp_min(1e-300)
        for _ in range(2):  # twice is enough: what rounding leaves of the first time
            w = w - basis @ (basis.T @ w)
        if float(w.norm()) > INDEPENDENT and found < count:
            basis[:, found], found = w / w.norm(), found + 1
    return torch.linalg.solve_triangular(root, basis, upper=True)
