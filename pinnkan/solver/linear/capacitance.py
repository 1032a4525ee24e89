"""Preconditioner for sides whose rows contain derivatives along the side, such as u_t = -dn(u): a low-rank correction.

No functions of the coordinates diagonalise such rows: they couple the slope across the side to a derivative in time.
But they depend on few numbers: the value and the derivatives across, of every function along the side. So
J^T J = B + U K U^T. B is the fast diagonalisation of the other rows and of the highest derivatives across alone, U the
functionals of these numbers, K what the rows make of them:

    (B + U K U^T)^-1 = B^-1 - B^-1 U (1 + K G)^-1 K U^T B^-1,    G = U^T B^-1 U

(Woodbury; the capacitance matrix of Buzbee, Dorr, George, Golub 1971). A wave that leaves a square takes 3 to 25 steps
in slabs of 15 x 30 intervals instead of 90 to 490.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import torch

from pinnkan.assembly.coordinate_modes import derivative_matrix, flatten_grid, function_derivatives
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.product import Space
from pinnkan.solver.linear.diagonalisation import FastDiagonalisation, UnknownInverse, free_masks
from pinnkan.solver.linear.solver import require_finite

#: An inverse is indefinite where the cosine of a gradient and its image is below minus this.
INDEFINITE_COSINE = 1e-8


@dataclass(frozen=True, eq=False)
class CoupledSideRows:
    """The indices of side rows that contain derivatives of several orders along ``band_coordinate``."""

    rows: tuple[int, ...]
    band_coordinate: int


def find_coupled_side_rows(rows: Sequence[TensorRows]) -> CoupledSideRows | None:
    """Find side rows that couple derivatives along a coordinate, preferably the last; None of several unknowns."""
    if rows[0].space.unknowns > 1:
        return None
    found = [_coupled_coordinates(r) for r in rows]
    along = [i for own in found for i in own]
    if not along:
        return None
    last = max(set(along), key=lambda i: (i == len(rows[0].tables) - 1, along.count(i)))
    return CoupledSideRows(tuple(n for n, own in enumerate(found) if last in own), last)


def capacitance_size(rows: Sequence[TensorRows], coupled: CoupledSideRows) -> int:
    """The size of the capacitance matrix, or more: how many numbers of all coefficients the rows depend on."""
    space = rows[0].space
    return sum(
        len(_normal_orders(rows[n])) * space.size // space.axes[_point_coordinates(rows[n])[0]].count
        for n in coupled.rows
    )


def capacitance_bytes(size: int) -> float:
    """The memory of a capacitance matrix of that ``size`` while it is made and factorised."""
    return 3.0 * 8.0 * size**2


def capacitance_work(space: Space, size: int) -> float:
    """The multiplications to make and factorise a capacitance matrix of that ``size``."""
    return size**3 / 1.5 + size * space.size


class CapacitanceInverse:
    """An approximate inverse of J^T J (1 + damping on its diagonal) for one unknown.

    ``added_share``: multiple of the squares of the highest derivatives across that is added, since B is not exact and
    the sum may be indefinite without. ``is_definite``: False once a product has shown that it is not. Raises
    numpy.linalg.LinAlgError where rows leave coefficients undetermined.
    """

    def __init__(
        self,
        rows: Sequence[TensorRows],
        ordering: Ordering,
        coupled: CoupledSideRows,
        added_share: float,
        damping: float = 0.0,
    ) -> None:
        space, last, self.added_share = rows[0].space, coupled.band_coordinate, added_share
        self.is_definite = True
        simple = [_normal_derivative_rows(r) if n in coupled.rows else r for n, r in enumerate(rows)]
        self._unknown_inverse: UnknownInverse = FastDiagonalisation(
            simple, ordering, damping, band_coordinate=last
        ).unknown_inverses[0]
        masks = free_masks(ordering, space.shape, 0)
        free = [torch.from_numpy(m).to(ordering.position.device) for m in masks]
        self._sides = [_Side(rows[n], last, self._unknown_inverse, free, added_share) for n in coupled.rows]
        self._factor = self._lu_factors()

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """Return the approximate inverse times ``right`` (free coefficient, rhs)."""
        first = self._unknown_inverse.solve_modes(self._unknown_inverse.to_modes(right))
        numbers = torch.cat([s.coupling_product(s.side_values(first)).flatten(0, -2) for s in self._sides])
        numbers = torch.linalg.lu_solve(*self._factor, numbers)
        sizes = [prod(s.shape) for s in self._sides]
        back = torch.zeros_like(first)
        for s, own in zip(self._sides, numbers.split(sizes), strict=True):
            back += s.transposed_values(own.reshape(*s.shape, -1))
        out = torch.zeros_like(right)
        self._unknown_inverse.write_from_modes(first - self._unknown_inverse.solve_modes(back), out)
        lowest = (right * out).sum(0) + INDEFINITE_COSINE * right.norm(dim=0) * out.norm(dim=0)
        self.is_definite = self.is_definite and not bool((lowest < 0.0).any())
        return out

    def _lu_factors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the LU factors of 1 + K G."""
        count = len(self._unknown_inverse.band_indices)
        modes = [m.vectors.shape[1] for m in self._unknown_inverse.modes]
        unit = torch.eye(count, dtype=torch.float64, device=self._unknown_inverse.position.device)
        blocks = self._unknown_inverse.solve_modes(unit.expand(*modes, count, count))
        sizes = [prod(s.shape) for s in self._sides]
        matrix = unit.new_empty((sum(sizes), sum(sizes)))
        for one, line in zip(self._sides, matrix.split(sizes), strict=True):
            for other, block in zip(self._sides, line.split(sizes, 1), strict=True):
                block.copy_(one.coupling_product(one.inverse_block(other, blocks)).reshape(block.shape))
        matrix.diagonal().add_(1.0)
        lu, pivots = torch.linalg.lu_factor(require_finite(matrix))
        return lu, pivots


def is_known_indefinite(inverse: Callable[[torch.Tensor], torch.Tensor]) -> bool:
    """Whether an inverse is a :class:`CapacitanceInverse` that has proved to be indefinite."""
    return isinstance(inverse, CapacitanceInverse) and not inverse.is_definite


class _Side:
    """The numbers that a side's rows depend on; ``shape``: (function along, .., order of derivative across, last)."""

    def __init__(
        self,
        rows: TensorRows,
        band_coordinate: int,
        unknown_inverse: UnknownInverse,
        free: Sequence[torch.Tensor],
        added_share: float,
    ) -> None:
        (self.normal_coordinate,) = _point_coordinates(rows)
        self._mode_coordinates = [i for i in range(len(rows.tables)) if i != band_coordinate]
        self.normal_index = self._mode_coordinates.index(self.normal_coordinate)
        self.orders = _normal_orders(rows)
        of_side = unknown_inverse.modes[self.normal_index].vectors
        found = [
            function_derivatives(rows.tables[self.normal_coordinate], b, of_side, free[self.normal_coordinate])[0]
            for b in self.orders
        ]
        self.functions = torch.stack(found)
        self.tangential = [i for i in range(len(self._mode_coordinates)) if i != self.normal_index]
        self._forms = self._coupling_matrix(rows, band_coordinate, unknown_inverse, free, added_share)
        self.shape = (
            *(unknown_inverse.modes[i].vectors.shape[1] for i in self.tangential),
            len(self.orders),
            len(unknown_inverse.band_indices),
        )

    def side_values(self, x: torch.Tensor) -> torch.Tensor:
        """Return U^T x, numbers (function along, .., order, last, rhs), for x (mode, .., last, rhs)."""
        return torch.tensordot(x, self.functions, dims=([self.normal_index], [1])).movedim(-1, -3)

    def transposed_values(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return U times ``numbers``, the transpose of :meth:`seen`."""
        return torch.tensordot(numbers, self.functions, dims=([-3], [0])).movedim(-1, self.normal_index)

    def coupling_product(self, numbers: torch.Tensor) -> torch.Tensor:
        """Return K times ``numbers`` (function along, .., order, last, ..)."""
        n = len(self.shape)
        together = numbers.reshape(*self.shape[:-2], prod(self.shape[-2:]), -1)
        return (self._forms @ together).reshape(*self.shape, *numbers.shape[n:])

    def inverse_block(self, other_side: "_Side", mode_inverses: torch.Tensor) -> torch.Tensor:
        """Return U^T B^-1 U between this side and another: (shape of this side .., number of the other).

        ``mode_inverses``: B^-1 by mode, (mode, .., last, last); it is diagonal in the modes of coordinates along both
        sides.
        """
        letters = "abcdef"[: mode_inverses.ndim - 2]
        mine, its = ([letters[i] for i in side.tangential] for side in (self, other_side))
        shared = [x for x in mine if x in its]
        alone, other_alone = ("".join(x for x in own if x not in shared) for own in (mine, its))
        seen, given = f"p{letters[self.normal_index]}", f"q{letters[other_side.normal_index]}"
        found = torch.einsum(
            f"{seen},{given},{letters}yz->{alone}py{other_alone}qz{''.join(shared)}",
            self.functions, other_side.functions, mode_inverses,
        )  # fmt: skip
        out = view = mode_inverses.new_zeros((*self.shape, *other_side.shape))
        names, others = [*mine, "p", "y"], [*its, "q", "z"]
        for x in shared:
            view = view.diagonal(dim1=names.index(x), dim2=len(names) + others.index(x))
            names.remove(x)
            others.remove(x)
        view.copy_(found)
        return out.flatten(len(self.shape))

    def _coupling_matrix(
        self,
        rows: TensorRows,
        band_coordinate: int,
        unknown_inverse: UnknownInverse,
        free: Sequence[torch.Tensor],
        added_share: float,
    ) -> torch.Tensor:
        """Return K, with the share ``added_share`` of the highest derivatives: (function along, .., number, number)."""
        place, slopes = {b: n for n, b in enumerate(self.orders)}, set(_highest_normal_jets(rows))
        count = len(unknown_inverse.band_indices)
        shape = [unknown_inverse.modes[i].vectors.shape[1] for i in self.tangential]
        out = rows.weights.new_zeros((*shape, len(place), count, len(place), count))
        for k, m in product(range(len(rows.jets)), repeat=2):
            share = added_share if k in slopes and m in slopes else 1.0
            one, two = rows.jets[k].order, rows.jets[m].order
            total = (
                share
                * flatten_grid(rows.weights[..., k] * rows.weights[..., m]).movedim(
                    (self.normal_coordinate, band_coordinate), (0, 1)
                )[0]
            )
            for i in self.tangential:
                axis = self._mode_coordinates[i]
                own = [
                    function_derivatives(rows.tables[axis], o[axis], unknown_inverse.modes[i].vectors, free[axis])
                    for o in (one, two)
                ]
                total = torch.tensordot(total, own[0] * own[1], dims=([1], [0]))
            left, right = (
                derivative_matrix(rows.tables[band_coordinate], o[band_coordinate])[:, unknown_inverse.band_indices]
                for o in (one, two)
            )
            out[..., place[one[self.normal_coordinate]], :, place[two[self.normal_coordinate]], :] += torch.einsum(
                "q...,qy,qz->...yz", total, left, right
            )
        return out.reshape(*shape, len(place) * count, len(place) * count)


def _point_coordinates(rows: TensorRows) -> list[int]:
    """The coordinates of which the rows have a single point."""
    return [i for i, t in enumerate(rows.tables) if t.nodes.numel() == 1]


def _normal_orders(rows: TensorRows) -> list[int]:
    """The orders of derivatives across the side of the rows."""
    return sorted({j.order[_point_coordinates(rows)[0]] for j in rows.jets})


def _coupled_coordinates(rows: TensorRows) -> list[int]:
    """The coordinates along a side in which its rows have derivatives of several orders."""
    if len(_point_coordinates(rows)) != 1 or not _highest_normal_jets(rows):
        return []
    along = [i for i in range(len(rows.tables)) if i != _point_coordinates(rows)[0]]
    return [i for i in along if len({j.order[i] for j in rows.jets}) > 1]


def _highest_normal_jets(rows: TensorRows) -> list[int]:
    """The indices of jets that are derivatives across the side alone, of the highest order."""
    across = _point_coordinates(rows)[0]
    return [k for k, j in enumerate(rows.jets) if j.total_order == j.order[across] == _normal_orders(rows)[-1]]


def _normal_derivative_rows(rows: TensorRows) -> TensorRows:
    """Return the rows with the jets of :func:`_order_bound` alone."""
    kept = _highest_normal_jets(rows)
    jets, weights = tuple(rows.jets[k] for k in kept), rows.weights[..., kept]
    return TensorRows(rows.space, rows.tables, jets, weights, rows.residual)
