"""Modes between two walls for several unknowns, numbered so that equations couple those of one number only.

The modes of an unknown diagonalise its own derivatives (:mod:`pinnkan.assembly.coordinate_modes`): sines where it
vanishes on the walls, cosines where it is free. Equations couple pairs, such as the slope of a cosine and a sine of the
same frequency: they get the same number. An unknown without derivatives takes the functions that it is coupled to.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch

from pinnkan.assembly.coordinate_modes import derivative_matrix, modes
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import Table
from pinnkan.problem.statement import Jet

#: What remains of a function after orthogonalisation, relative to it, from which on it is independent (heuristic).
INDEPENDENT_NORM = 1e-6


def coupled_wall_modes(rows: Sequence[TensorRows], coordinate: int, free: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return modes of each unknown, orthonormal in L2, by number: (unknown, coefficient, number).

    Zero where an unknown has no mode of a number. ``free``: masks of coefficients, by unknown.
    """
    unknowns = range(len(free))
    order = sorted(unknowns, key=lambda u: -_highest_order(rows, coordinate, u))
    placed: dict[int, torch.Tensor] = {}
    for u in order:
        if placed and not _highest_order(rows, coordinate, u):
            own = _modes_from_coupled(rows, coordinate, u, free[u], placed)
        else:
            own = _with_all_coefficients(modes(rows, u, coordinate, free[u]).vectors, free[u])
        placed = _add_numbered_modes(placed, u, own, _couplings(rows, coordinate, u, own, placed))
    return torch.stack([placed[u] for u in unknowns])


def _highest_order(rows: Sequence[TensorRows], coordinate: int, unknown: int) -> int:
    return max(j.order[coordinate] for r in rows for j in r.jets if j.unknown == unknown)


def _with_all_coefficients(vectors: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """Return functions (free coefficient, function) with all coefficients."""
    out = vectors.new_zeros(len(free), vectors.shape[1])
    out[free] = vectors
    return out


def _coupled_jets(
    rows: Sequence[TensorRows], coordinate: int, unknown: int, other_unknowns: Sequence[int]
) -> Iterator[tuple[Table, Jet, Jet]]:
    """Yield the table and two jets of one equation, of an unknown and of one of ``other_unknowns``."""
    for r in rows:
        if r.tables[coordinate].nodes.numel() > 1:
            mine, theirs = ([j for j in r.jets if j.unknown in some] for some in ([unknown], other_unknowns))
            yield from ((r.tables[coordinate], a, b) for a in mine for b in theirs)


def _couplings(
    rows: Sequence[TensorRows],
    coordinate: int,
    unknown: int,
    unknown_modes: torch.Tensor,
    numbered_modes: dict[int, torch.Tensor],
) -> torch.Tensor:
    """Return how much equations couple each mode with each number, (mode, number): squared cosines, summed."""
    out = unknown_modes.new_zeros(unknown_modes.shape[1], max((v.shape[1] for v in numbered_modes.values()), default=0))
    for table, mine, other in _coupled_jets(rows, coordinate, unknown, list(numbered_modes)):
        root = table.weights.reshape(-1, 1).sqrt()
        left = root * (derivative_matrix(table, mine.order[coordinate]) @ unknown_modes)
        right = root * (derivative_matrix(table, other.order[coordinate]) @ numbered_modes[other.unknown])
        sizes = torch.outer(left.norm(dim=0), right.norm(dim=0))
        out += torch.where(sizes > 0.0, (left.T @ right) / sizes.clamp_min(1e-300), 0.0).square()
    return out


def _add_numbered_modes(
    numbered_modes: dict[int, torch.Tensor], unknown: int, unknown_modes: torch.Tensor, couplings: torch.Tensor
) -> dict[int, torch.Tensor]:
    """Return all modes with those of one more unknown, each at the number it is coupled to most or at a new one."""
    from scipy.optimize import linear_sum_assignment  # importing it takes a tenth of a second

    numbers = couplings.shape[1]
    mine, at = linear_sum_assignment(couplings.cpu().numpy(), maximize=True)
    alone = np.setdiff1d(np.arange(unknown_modes.shape[1]), mine)
    total = numbers + len(alone)
    out = {v: torch.nn.functional.pad(vectors, (0, total - numbers)) for v, vectors in numbered_modes.items()}
    new = unknown_modes.new_zeros(len(unknown_modes), total)
    new[:, torch.from_numpy(at)] = unknown_modes[:, torch.from_numpy(mine)]
    new[:, numbers:] = unknown_modes[:, torch.from_numpy(alone)]
    return {**out, unknown: new}


def _modes_from_coupled(
    rows: Sequence[TensorRows],
    coordinate: int,
    unknown: int,
    free: torch.Tensor,
    numbered_modes: dict[int, torch.Tensor],
) -> torch.Tensor:
    """Return modes of an unknown from those it is coupled to, fitted by its splines, and an orthonormal rest.

    Undifferentiated ones come first: with the velocity's modes a pressure takes 16 steps, with their derivatives 28.
    """
    axis = rows[0].space.axes[coordinate]
    pairs = sorted(
        _coupled_jets(rows, coordinate, unknown, list(numbered_modes)), key=lambda pair: pair[2].order[coordinate]
    )
    seen = []
    for table, _, other in pairs:
        root = table.weights.reshape(-1, 1).sqrt()
        values = root * (derivative_matrix(table, other.order[coordinate]) @ numbered_modes[other.unknown])
        basis = root * derivative_matrix(table, 0)[:, free]
        found = torch.linalg.lstsq(basis, values).solution
        seen.append(_mass_root(axis, free) @ found)
    return _with_all_coefficients(_orthonormal(axis, free, seen), free)


def _mass_root(axis: Axis, free: torch.Tensor) -> torch.Tensor:
    """The triangle R for which R^T R is the mass matrix of the free coefficients."""
    return torch.linalg.qr(torch.from_numpy(axis.weighted_table(0)).to(free.device)[:, free], mode="r").R


def _orthonormal(axis: Axis, free: torch.Tensor, leading: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return an orthonormal basis of all free splines that begins with those of ``leading``, in turn."""
    root = _mass_root(axis, free)
    count = len(root)
    basis, found = torch.zeros_like(root), 0
    for v in torch.cat([*leading, torch.eye(count, dtype=root.dtype, device=root.device)], 1).T:
        w = v / v.norm().clamp_min(1e-300)
        for _ in range(2):  # the second time for the rounding of the first
            w = w - basis @ (basis.T @ w)
        if float(w.norm()) > INDEPENDENT_NORM and found < count:
            basis[:, found], found = w / w.norm(), found + 1
    return torch.linalg.solve_triangular(root, basis, upper=True)
