"""Modes of the rows along one coordinate: splines that diagonalise the equations and conditions there."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from pinnkan.assembly.equation import summed_quadrature
from pinnkan.assembly.tensor_rows import TensorRows, interval_batches
from pinnkan.kan.axis import Axis
from pinnkan.kan.table import Table, gauss_table

#: Weights that differ by at most this share have the modes of constant ones, which are computed once: conjugate
#: gradients took as many steps for seven conductivities in the plane.
UNIFORM_SHARE = 0.5
#: The rounding of the squared derivative of a constant, over the largest square. Heuristic.
ROUNDING_SHARE = 1e-14
#: Intervals of one triangle of the QR factorisation.
QR_INTERVALS = 64


@dataclass(frozen=True, eq=False)
class Modes:
    """Functions of one coordinate, orthonormal in L2: ``vectors`` (free coefficient, mode), and their ``inverse``.

    ``off_diagonal_share``: the off-diagonal share of the forms of lower derivatives in these modes, 0 for sines.
    """

    vectors: torch.Tensor
    inverse: torch.Tensor
    off_diagonal_share: float


def modes(rows: Sequence[TensorRows], unknown: int, coordinate: int, free: torch.Tensor) -> Modes:
    """The singular vectors of an unknown's highest derivatives along a coordinate against the L2 norm.

    Rows on sides are included, weights averaged over the other coordinates. ``free``: mask of coefficients. Eigenvalues
    of the form would not do: those of u'''' exceed double precision on 100 intervals of degree 10.

    Raises numpy.linalg.LinAlgError where the rows are not finite.
    """
    axis = rows[0].space.axes[coordinate]
    mine = [r for r in rows if any(j.unknown == unknown for j in r.jets)]
    orders = [tuple(sorted({j.order[coordinate] for j in r.jets if j.unknown == unknown})) for r in mine]
    if len(mine) == 1 and _is_uniform(mine[0], unknown, coordinate):
        return _uniform_modes(axis, mine[0].tables[coordinate], orders[0], free.cpu().numpy().tobytes())
    vectors, inverse = _singular(axis, torch.cat([_highest_derivatives(r, unknown, coordinate) for r in mine]), free)
    parts = zip(mine, orders, strict=True)
    return Modes(vectors, inverse, max(_off_diagonal_share(r.tables[coordinate], o, vectors, free) for r, o in parts))


@lru_cache(maxsize=16)
def _uniform_modes(axis: Axis, table: Table, orders: tuple[int, ...], free: bytes) -> Modes:
    """The modes for a constant weight of the highest derivative: the same for all slabs and scales of an equation."""
    mask = torch.from_numpy(np.frombuffer(free, dtype=bool).copy()).to(table.nodes.device)
    seen = _compressed(table, table.weights.sqrt().unsqueeze(-1) * table.values[orders[-1]])
    vectors, inverse = _singular(axis, seen, mask)
    return Modes(vectors, inverse, _off_diagonal_share(table, orders, vectors, mask))


def _is_uniform(rows: TensorRows, unknown: int, coordinate: int) -> bool:
    """Whether the weight of the highest derivatives along a coordinate is nearly constant there."""
    table = rows.tables[coordinate]
    if table.nodes.numel() == 1:
        return False
    profile = _profile(rows, unknown, coordinate) / table.weights.reshape(-1)
    low, high = float(profile.min()), float(profile.max())
    return np.isfinite(high) and high - low <= UNIFORM_SHARE * high


def _singular(axis: Axis, derivatives: torch.Tensor, free: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Singular vectors of ``derivatives`` (row, coefficient), orthonormal in L2, and their inverse."""
    table = gauss_table(axis, axis.degree + 1, 0, free.device)
    mass = _compressed(table, table.weights.sqrt().unsqueeze(-1) * table.values[0])
    root = torch.linalg.qr(mass[:, free], mode="r").R
    derivatives = torch.linalg.solve_triangular(root, derivatives[:, free], upper=True, left=False)
    if not bool(torch.isfinite(derivatives).all()):
        raise np.linalg.LinAlgError("the rows are not finite")
    _, _, right = torch.linalg.svd(torch.linalg.qr(derivatives, mode="r").R)
    vectors = torch.linalg.solve_triangular(root, right.T.contiguous(), upper=True)
    return vectors, right @ root


def _compressed(table: Table, values: torch.Tensor) -> torch.Tensor:
    """Rows (row, coefficient) with the same Gram matrix as ``values`` (interval, point, function).

    Each range of intervals becomes a triangle (tall, skinny QR: Demmel, Grigori, Hoemmen, Langou 2012). Modes of 640
    intervals of degree 10 take 0.36 s instead of 1.3 s.
    """
    found = []
    for start in range(0, len(values), QR_INTERVALS):
        part = slice(start, start + QR_INTERVALS)
        own, places = table.part(part).compact()
        local = values.new_zeros((*values[part].shape[:2], own.count))
        local.scatter_add_(2, own.index.unsqueeze(1).expand(values[part].shape), values[part])
        triangle = torch.linalg.qr(local.flatten(0, 1), mode="r").R
        found.append(triangle.new_zeros((len(triangle), table.count)).index_copy_(1, places, triangle))
    return torch.cat(found)


def _highest_derivatives(rows: TensorRows, unknown: int, coordinate: int) -> torch.Tensor:
    """Weighted highest derivatives along a coordinate: (row, coefficient); on a side of it all in one row."""
    table = rows.tables[coordinate]
    jets = [(k, j) for k, j in enumerate(rows.jets) if j.unknown == unknown]
    highest = max(j.order[coordinate] for _, j in jets)
    if table.nodes.numel() == 1 and all(j.total_order == j.order[coordinate] for _, j in jets):
        out = torch.zeros(1, table.count, dtype=torch.float64, device=table.nodes.device)
        for k, j in jets:
            weight = flatten_grid(rows.weights[..., k])
            out += weight.square().mean().sqrt() * weight.sum().sign() * derivative_matrix(table, j.order[coordinate])
        return out
    profile = _profile(rows, unknown, coordinate).reshape(*table.nodes.shape, 1)
    return _compressed(table, profile.sqrt() * table.values[highest])


def _profile(rows: TensorRows, unknown: int, coordinate: int) -> torch.Tensor:
    """Squared weight of the highest derivatives at each point of a coordinate, averaged over the others: (point)."""
    jets = [(k, j.order[coordinate]) for k, j in enumerate(rows.jets) if j.unknown == unknown]
    highest = [k for k, order in jets if order == max(order for _, order in jets)]
    others = [i for i in range(len(rows.tables)) if i != coordinate]
    if rows.constant_slopes is not None:
        over = [n for i in others for n in (2 * i, 2 * i + 1)]
        squares = summed_quadrature(rows.tables, over).reshape(-1) * sum(rows.constant_slopes[k] ** 2 for k in highest)
        return squares * (len(squares) / rows.count)
    total = torch.zeros_like(rows.tables[coordinate].weights).reshape(-1)
    few = rows.with_few_points(coordinate)
    for part, (first, *_) in interval_batches(few.tables):
        weights, points = few.weights_part(part), few.tables[0].nodes.shape[1]
        here = slice(part.start * points, (part.start + len(first.index)) * points) if coordinate == 0 else slice(None)
        total[here] += sum(flatten_grid(weights[..., k]).square().sum(others) for k in highest)
    return total * (len(total) / rows.count)


def _off_diagonal_share(table: Table, orders: Sequence[int], vectors: torch.Tensor, free: torch.Tensor) -> float:
    """The largest off-diagonal share of the forms of two derivatives in the modes."""
    worst = 0.0
    if table.nodes.shape[1] == 1:
        return worst
    forms = {
        (a, b): vectors.T @ (_gram(table, a, b)[free][:, free] @ vectors) for a in orders for b in orders if b <= a
    }
    squares = {a: forms[a, a].diagonal() for a in orders}
    lengths = {a: s.clamp_min(ROUNDING_SHARE * float(s.max())).sqrt() for a, s in squares.items()}
    for (a, b), form in forms.items():
        size = torch.outer(lengths[a], lengths[b])
        share = (form + form.T) / (size + size.T).clamp_min(1e-300)
        off = share.fill_diagonal_(0.0)
        worst = max(worst, float(off.norm()) / len(off) ** 0.5)
    return worst


def _gram(table: Table, first: int, second: int) -> torch.Tensor:
    """Integrals of products of two derivatives of the splines of a coordinate: (coefficient, coefficient)."""
    local = (table.values[first] * table.weights.unsqueeze(-1)).transpose(1, 2) @ table.values[second]
    place = table.index.unsqueeze(2) * table.count + table.index.unsqueeze(1)
    out = local.new_zeros(table.count**2).index_add_(0, place.reshape(-1), local.reshape(-1))
    return out.reshape(table.count, table.count)


def derivative_matrix(table: Table, order: int) -> torch.Tensor:
    """A derivative of every spline at every point of a coordinate: (point, coefficient)."""
    values = table.values[order]
    out = values.new_zeros((*values.shape[:2], table.count))
    out.scatter_add_(2, table.index.unsqueeze(1).expand(values.shape), values)
    return out.reshape(-1, table.count)


def function_derivatives(table: Table, order: int, vectors: torch.Tensor, free: torch.Tensor) -> torch.Tensor:
    """A derivative of functions ``vectors`` (free coefficient, function) at every point: (point, function)."""
    whole = vectors.new_zeros((table.count, vectors.shape[1]))
    whole[free] = vectors
    return torch.bmm(table.values[order], table.gather_local(whole)).flatten(0, 1)


def flatten_grid(grid: torch.Tensor) -> torch.Tensor:
    """Reshape (interval, point, interval, ..) to (point, point, ..), one index per coordinate."""
    shape = grid.shape
    return grid.reshape([shape[i] * shape[i + 1] for i in range(0, len(shape), 2)])
