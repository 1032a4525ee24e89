"""Fast diagonalisation: an approximate inverse of J^T J by the eigenfunctions of all coordinates but one.

Where the operator is a sum of products, J^T J is a sum of Kronecker products, nearly diagonal in the modes of
:mod:`pinnkan.assembly.coordinate_modes`. A banded matrix along the last coordinate remains for each product of modes,
with weights averaged by these; the coordinate whose forms are furthest from diagonal keeps its band. The cost is that
of a few products with J (Lynch, Rice, Thomas 1964; for splines, with no band, Sangalli, Tani 2016).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import torch

from pinnkan.assembly.coordinate_modes import Modes, flatten_grid, function_derivatives, modes
from pinnkan.assembly.device import batch_size
from pinnkan.assembly.equation import summed_quadrature
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import TensorRows, coordinate_batches
from pinnkan.kan.field import Array
from pinnkan.kan.table import Table, gauss_table
from pinnkan.solver.linear.normal_equations import column_major_band, factorise_band
from pinnkan.solver.linear.scaled_system import factorise_shifted
from pinnkan.solver.linear.solver import require_finite
from pinnkan.solver.linear.triangular_inverse import Inverse, inverse_of_band

#: Numbers of products of two functions that are added up at once.
BATCH_NUMBERS = 2**20


@dataclass(frozen=True, eq=False)
class UnknownInverse:
    """The inverse for one unknown, from the ``inverse`` of banded matrices, one after the other.

    ``position`` (mode coordinates .., last): its coefficients in vectors; ``band_indices``: those along the last
    coordinate, in the order of the band; ``modes``: of each coordinate but the last.
    """

    position: torch.Tensor
    band_indices: torch.Tensor
    modes: tuple[Modes, ...]
    inverse: Inverse

    def write_inverse(self, right: torch.Tensor, out: torch.Tensor) -> None:
        """Write the inverse times ``right`` (free coefficient, rhs) into ``out``."""
        self.write_from_modes(self.solve_modes(self.to_modes(right)), out)

    def to_modes(self, right: torch.Tensor) -> torch.Tensor:
        """Return V^T ``right`` for modes V: (mode, .., last, rhs) of (free coefficient, rhs)."""
        x = right[self.position]
        for i, m in enumerate(self.modes):
            x = apply_along(m.vectors.T, x, i)
        return x

    def solve_modes(self, x: torch.Tensor) -> torch.Tensor:
        """Return the banded inverses times x (mode, .., last, rhs)."""
        return self.inverse(x.reshape(-1, x.shape[-1])).reshape(x.shape)

    def write_from_modes(self, x: torch.Tensor, out: torch.Tensor) -> None:
        """Write V x for modes V and x (mode, .., last, rhs) into ``out`` (free coefficient, rhs)."""
        for i, m in enumerate(self.modes):
            x = apply_along(m.vectors, x, i)
        out[self.position] = x


class FastDiagonalisation:
    """An approximate inverse of J^T J (1 + damping on its diagonal), one unknown after the other.

    ``smooth``: multiples of the mass matrix to add, by unknown. ``last``: the coordinate that keeps its band, None for
    that with the most mixed modes. Raises numpy.linalg.LinAlgError where rows leave coefficients undetermined.
    """

    def __init__(
        self,
        rows: Sequence[TensorRows],
        ordering: Ordering,
        damping: float = 0.0,
        mass_multiples: Sequence[float] = (),
        band_coordinate: int | None = None,
    ) -> None:
        shape, device = rows[0].space.shape, ordering.position.device
        masks = [free_masks(ordering, shape, u) for u in range(shape[-1])]
        d = len(shape) - 1
        found = [[modes(rows, u, i, torch.from_numpy(m[i]).to(device)) for i in range(d)] for u, m in enumerate(masks)]
        mixed = [max(of_unknown[i].off_diagonal_share for of_unknown in found) for i in range(d)]
        band_coordinate = (
            max(range(d), key=lambda i: (round(mixed[i], 1), shape[i])) if band_coordinate is None else band_coordinate
        )
        added = mass_multiples or [0.0] * shape[-1]
        self.unknown_inverses = [
            _unknown_inverse(rows, ordering, u, band_coordinate, masks[u], found[u], damping, added[u])
            for u in range(shape[-1])
        ]

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """Return the approximate inverse times ``right`` (free coefficient, rhs)."""
        out = torch.zeros_like(right)
        for part in self.unknown_inverses:
            part.write_inverse(right, out)
        return out


def _unknown_inverse(
    rows: Sequence[TensorRows],
    ordering: Ordering,
    unknown: int,
    band_coordinate: int,
    masks: Sequence[np.ndarray],
    coordinate_modes: Sequence[Modes],
    damping: float,
    mass_multiple: float,
) -> UnknownInverse:
    space = rows[0].space
    others = [i for i in range(len(masks)) if i != band_coordinate]
    axis, count = space.axes[band_coordinate], int(masks[band_coordinate].sum())
    own = np.flatnonzero(masks[band_coordinate])
    order = interleaved_order(count) if axis.periodic else np.arange(count)
    place = np.full(axis.count, -1)
    place[own[order]] = np.arange(count)
    kept = [np.flatnonzero(masks[i]) for i in others] + [own[order]]
    index = np.arange(space.size).reshape(space.shape)[..., unknown].transpose(*others, band_coordinate)[np.ix_(*kept)]
    position = ordering.position[torch.from_numpy(np.ascontiguousarray(index)).to(ordering.position.device)]
    width = min(2 * axis.degree + 1 if axis.periodic else axis.degree, count - 1)
    chosen = tuple(coordinate_modes[i] for i in others)
    free = [torch.from_numpy(masks[i]).to(position.device) for i in others]
    band = position.new_zeros(((width + 1) * count + 1, prod(m.vectors.shape[1] for m in chosen)), dtype=torch.float64)
    at = torch.from_numpy(place).to(position.device)
    for r in rows:
        for table, forms in _mode_weights(r, unknown, band_coordinate, chosen, free):
            _assemble(band, table, forms, at, count)
    if mass_multiple > 0.0:
        table = gauss_table(axis, axis.degree + 1, 0, position.device)
        mass = band.new_zeros((len(band), 1))
        _assemble(mass, table, {(0, 0): (mass_multiple * table.weights).reshape(-1, 1)}, at, count)
        band += mass
    factor = _factor(band[1:].T.unflatten(1, (width + 1, count)), damping)
    return UnknownInverse(
        position,
        torch.from_numpy(own[order]).to(position.device),
        chosen,
        inverse_of_band(factor, count, position.device),
    )


def _mode_weights(
    rows: TensorRows,
    unknown: int,
    band_coordinate: int,
    coordinate_modes: Sequence[Modes],
    free: Sequence[torch.Tensor],
) -> Iterator[tuple[Table, dict[tuple[int, int], torch.Tensor]]]:
    """Yield tables of some intervals of ``band_coordinate``, and weights by the orders of two derivatives along it.

    Weights (point of ``band_coordinate``, mode): products of two, averaged over intervals and products of modes of the
    others.
    """
    others = [i for i in range(len(rows.tables)) if i != band_coordinate]
    jets = {k: j.order for k, j in enumerate(rows.jets) if j.unknown == unknown}
    values = [
        {a: function_derivatives(rows.tables[i], a, m.vectors, mask) for a in {order[i] for order in jets.values()}}
        for i, mask, m in zip(others, free, coordinate_modes, strict=True)
    ]
    pairs = [(k, m) for k in jets for m in jets if m <= k]
    means = {(k, m): [_means(rows.tables[i], own[jets[k][i]] * own[jets[m][i]])
                      for i, own in zip(others, values, strict=True)] for k, m in pairs}  # fmt: skip
    for table, sums in _weight_products(rows, pairs, band_coordinate) if pairs else ():
        out: dict[tuple[int, int], torch.Tensor] = {}
        for (k, m), total in sums.items():
            weight = flatten_grid(total).permute(*others, band_coordinate)
            for mean in means[k, m]:
                weight = torch.tensordot(weight, mean, dims=([0], [0]))
            weight = weight.reshape(len(weight), -1) * (1.0 if k == m else 2.0)
            key = jets[k][band_coordinate], jets[m][band_coordinate]
            out[key] = out[key].add_(weight) if key in out else weight
        yield table, out


def _weight_products(
    rows: TensorRows, pairs: Sequence[tuple[int, int]], band_coordinate: int
) -> Iterator[tuple[Table, dict[tuple[int, int], torch.Tensor]]]:
    """Yield tables of some intervals of ``band_coordinate``, and weights summed over other points."""
    inner = [2 * i + 1 for i in range(len(rows.tables)) if i != band_coordinate]
    if rows.constant_slopes is not None:
        squares = summed_quadrature(rows.tables, inner)
        yield (
            rows.tables[band_coordinate],
            {(k, m): rows.constant_slopes[k] * rows.constant_slopes[m] * squares for k, m in pairs},
        )
        return
    few = rows.with_few_points(band_coordinate)
    for part, table in coordinate_batches(few.tables, band_coordinate):
        weights = few.weights_part(part, band_coordinate)
        yield table, {(k, m): (weights[..., k] * weights[..., m]).sum(inner, keepdim=True) for k, m in pairs}


def _means(table: Table, values: torch.Tensor) -> torch.Tensor:
    """Return the means over every interval, (interval, mode), of values (point, mode)."""
    return (values.reshape(*table.weights.shape, -1) * table.weights.unsqueeze(-1)).sum(1) / table.weights.sum(1, True)


def _assemble(
    band: torch.Tensor, table: Table, forms: dict[tuple[int, int], torch.Tensor], places: torch.Tensor, count: int
) -> None:
    """Add symmetrised forms along the last coordinate, weights by orders, to the ``band`` (place, mode)."""
    pairs, weights, functions = [], [], table.index.shape[1]
    first, second = torch.tril_indices(functions, functions, device=places.device)
    for (a, b), weight in forms.items():
        u, v = table.values[a], table.values[b]
        pairs.append(0.5 * (u[..., first] * v[..., second] + u[..., second] * v[..., first]))
        weights.append(weight.reshape(*table.nodes.shape, -1))  # (interval, point, mode)
    where = places[table.index]
    row, column = where[:, first], where[:, second]
    twice = (row == column) & (first != second)  # a periodic function that overlaps itself
    low = torch.minimum(row, column)
    place = ((row - column).abs() * count + low + 1).masked_fill_(low < 0, 0)
    together = torch.where(twice.unsqueeze(1), 2.0, 1.0) * torch.cat(pairs, 1)
    of_modes = torch.cat(weights, 1)
    few = max(1, batch_size(BATCH_NUMBERS, places.device) // (place.shape[1] * band.shape[1]))
    for start in range(0, len(place), few):
        some = slice(start, start + few)
        local = torch.bmm(together[some].transpose(1, 2), of_modes[some])
        band.index_add_(0, place[some].reshape(-1), local.flatten(0, 1))


def _factor(bands: torch.Tensor, damping: float) -> Array:
    """Return the Cholesky factor of bands (mode, diagonal, column), put one after the other into one."""
    require_finite(bands)

    def factorise(shift: float) -> Array | None:
        shifted = column_major_band(bands)
        shifted[0] = np.where(shifted[0] <= 0.0, 1.0, shifted[0] * (1.0 + damping + shift))
        return factorise_band(shifted)

    return factorise_shifted(factorise)[0]


def are_free_products(ordering: Ordering, shape: Sequence[int]) -> bool:
    """Whether the free coefficients of every unknown are a product of those of the coordinates."""
    free = (ordering.position >= 0).cpu().numpy().reshape(shape)
    counts = [prod(int(m.sum()) for m in free_masks(ordering, shape, u)) for u in range(shape[-1])]
    return all(count == int(free[..., u].sum()) for u, count in enumerate(counts))


def free_masks(ordering: Ordering, shape: Sequence[int], unknown: int) -> list[np.ndarray]:
    """Return one mask per coordinate: where some coefficient of the unknown is free."""
    free = (ordering.position >= 0).cpu().numpy().reshape(shape)[..., unknown]
    others = [tuple(j for j in range(free.ndim) if j != i) for i in range(free.ndim)]
    return [np.asarray(free.any(axis=axes)) for axes in others]


def interleaved_order(count: int) -> np.ndarray:
    """The order 0, n-1, 1, n-2, ..: neighbours on a periodic coordinate stay near each other."""
    index = np.arange(count)
    return np.argsort(np.where(2 * index < count, 2 * index, 2 * (count - 1 - index) + 1))


def apply_along(matrix: torch.Tensor, values: torch.Tensor, index: int) -> torch.Tensor:
    """Apply a matrix (new, old) to one index of an array."""
    return torch.tensordot(matrix, values, dims=([1], [index])).movedim(0, index)
