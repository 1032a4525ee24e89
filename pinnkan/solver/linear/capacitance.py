"""Fast diagonalisation beside sides whose rows join derivatives along them, u_t = -dn(u): a correction of low rank.

No functions of the coordinates diagonalise such rows: the slope across the side is joined to a derivative in time, the
values there of all functions across to each other. What they see are few numbers, though: of every function along the
side its value and slopes there. So they are left to J^T J = B + U K U^T, B the fast diagonalisation of all the rest and
of the highest slopes alone, U the functionals that these numbers are, K what the rows make of them,

    (B + U K U^T)^-1 = B^-1 - B^-1 U (1 + K G)^-1 K U^T B^-1,    G = U^T B^-1 U

(Woodbury; the capacitance matrix of Buzbee, Dorr, George, Golub 1971). A wave that leaves a square through its sides
takes 3 to 25 steps in slabs of 15 x 30 intervals, not 90 to 490, and a third of the time; what was missing after steps
that knew nothing of such a side was told 100 to 200 times too low.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

import numpy as np
import torch

from pinnkan.assembly.one_coordinate import dense, flat, functions_on
from pinnkan.assembly.ordering import Ordering
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.product import Space
from pinnkan.solver.linear.diagonalisation import FastDiagonalisation, Part, free_factors

#: Cosine of a gradient with what is made of it, below which it is shown not to be definite.
INDEFINITE = 1e-8


@dataclass(frozen=True, eq=False)
class Joining:
    """The rows of a side that join derivatives along the coordinate ``last``, by their place among all ``rows``."""

    rows: tuple[int, ...]
    last: int


def joining(rows: Sequence[TensorRows]) -> Joining | None:
    """Of one unknown: the rows of sides that join derivatives along a coordinate, along time before others."""
    if rows[0].space.unknowns > 1:
        return None
    found = [_joins(r) for r in rows]
    along = [i for own in found for i in own]
    if not along:
        return None
    last = max(set(along), key=lambda i: (i == len(rows[0].tables) - 1, along.count(i)))
    return Joining(tuple(n for n, own in enumerate(found) if last in own), last)


def capacity(rows: Sequence[TensorRows], joined: Joining) -> int:
    """How many numbers the rows see, no less than of free coefficients."""
    space = rows[0].space
    return sum(len(_orders(rows[n])) * space.size // space.axes[_fixed(rows[n])[0]].count for n in joined.rows)


def capacitance_bytes(size: int) -> float:
    """Memory that a capacitance matrix of that ``size`` takes with its factor, and while it is made."""
    return 3.0 * 8.0 * size**2


def capacitance_work(space: Space, size: int) -> float:
    """Multiplications of the factor of a capacitance matrix of that ``size``, and of making it."""
    return size**3 / 1.5 + size * space.size


class Capacitance:
    """An approximate inverse of J^T J (1 + damping on its diagonal) of one unknown.

    ``kept``: the share of the slopes' squares that B has and K does not take back. B is not exact, so that less than
    none of a function may be left where all of them are. Raises numpy.linalg.LinAlgError where rows leave something
    free. ``is_definite``: whether all that it was asked for is consistent with an inverse of a matrix like J^T J.
    """

    def __init__(
        self, rows: Sequence[TensorRows], ordering: Ordering, joined: Joining, kept: float, damping: float = 0.0
    ) -> None:
        space, last, self.kept = rows[0].space, joined.last, kept
        self.is_definite = True
        simple = [_slopes(r) if n in joined.rows else r for n, r in enumerate(rows)]
        self._part: Part = FastDiagonalisation(simple, ordering, damping, last=last).parts[0]
        masks = free_factors(ordering, space.shape, 0)
        free = [torch.from_numpy(m).to(ordering.position.device) for m in masks]
        self._sides = [_Side(rows[n], last, self._part, free, kept) for n in joined.rows]
        self._factor = self._factored()

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """The approximate inverse times (free coefficient, side)."""
        first = self._part.solved(self._part.seen(right))
        numbers = torch.cat([s.joined(s.seen(first)).flatten(0, -2) for s in self._sides])
        numbers = torch.linalg.lu_solve(*self._factor, numbers)
        sizes = [prod(s.shape) for s in self._sides]
        back = torch.zeros_like(first)
        for s, own in zip(self._sides, numbers.split(sizes), strict=True):
            back += s.spread(own.reshape(*s.shape, -1))
        out = torch.zeros_like(right)
        self._part.put(first - self._part.solved(back), out)
        lowest = (right * out).sum(0) + INDEFINITE * right.norm(dim=0) * out.norm(dim=0)
        self.is_definite = self.is_definite and not bool((lowest < 0.0).any())
        return out

    def _factored(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The factors of 1 + K G."""
        count = len(self._part.places)
        modes = [m.vectors.shape[1] for m in self._part.modes]
        unit = torch.eye(count, dtype=torch.float64, device=self._part.position.device)
        blocks = self._part.solved(unit.expand(*modes, count, count))
        sizes = [prod(s.shape) for s in self._sides]
        matrix = unit.new_empty((sum(sizes), sum(sizes)))
        for one, line in zip(self._sides, matrix.split(sizes), strict=True):
            for other, block in zip(self._sides, line.split(sizes, 1), strict=True):
                block.copy_(one.joined(one.responses(other, blocks)).reshape(block.shape))
        matrix.diagonal().add_(1.0)
        if not bool(torch.isfinite(matrix).all()):
            raise np.linalg.LinAlgError("the rows are not finite")
        lu, pivots = torch.linalg.lu_factor(matrix)
        return lu, pivots


def is_refuted(inverse: Callable[[torch.Tensor], torch.Tensor]) -> bool:
    """Whether it has shown that it is no inverse of a matrix like J^T J."""
    return isinstance(inverse, Capacitance) and not inverse.is_definite


class _Side:
    """What the rows of a side see: a value or a slope across it, by order, function along it, and place of the last.

    ``shape``: (function along, .., order, last).
    """

    def __init__(self, rows: TensorRows, last: int, part: Part, free: Sequence[torch.Tensor], kept: float) -> None:
        (self.across,) = _fixed(rows)
        self._others = [i for i in range(len(rows.tables)) if i != last]
        self.index = self._others.index(self.across)
        self.orders = _orders(rows)
        of_side = part.modes[self.index].vectors
        found = [functions_on(rows.tables[self.across], b, of_side, free[self.across])[0] for b in self.orders]
        self.functions = torch.stack(found)
        self.along = [i for i in range(len(self._others)) if i != self.index]
        self._forms = self._made(rows, last, part, free, kept)
        self.shape = (*(part.modes[i].vectors.shape[1] for i in self.along), len(self.orders), len(part.places))

    def seen(self, x: torch.Tensor) -> torch.Tensor:
        """Numbers (function along, .., order, last, side) of (mode, .., last, side)."""
        return torch.tensordot(x, self.functions, dims=([self.index], [1])).movedim(-1, -3)

    def spread(self, numbers: torch.Tensor) -> torch.Tensor:
        """The transpose."""
        return torch.tensordot(numbers, self.functions, dims=([-3], [0])).movedim(-1, self.index)

    def joined(self, numbers: torch.Tensor) -> torch.Tensor:
        """What the rows make of numbers (function along, .., order, last, ..)."""
        n = len(self.shape)
        together = numbers.reshape(*self.shape[:-2], prod(self.shape[-2:]), -1)
        return (self._forms @ together).reshape(*self.shape, *numbers.shape[n:])

    def responses(self, other: "_Side", blocks: torch.Tensor) -> torch.Tensor:
        """Numbers that this side sees of the inverse of those of another: (its shape.., numbers of the other).

        ``blocks``: the inverse (mode, .., last, last). Modes of coordinates that both lie along stay what they are.
        """
        letters = "abcdef"[: blocks.ndim - 2]
        mine, its = ([letters[i] for i in side.along] for side in (self, other))
        shared = [x for x in mine if x in its]
        alone, other_alone = ("".join(x for x in own if x not in shared) for own in (mine, its))
        seen, given = f"p{letters[self.index]}", f"q{letters[other.index]}"
        found = torch.einsum(
            f"{seen},{given},{letters}yz->{alone}py{other_alone}qz{''.join(shared)}",
            self.functions, other.functions, blocks,
        )  # fmt: skip
        out = view = blocks.new_zeros((*self.shape, *other.shape))
        names, others = [*mine, "p", "y"], [*its, "q", "z"]
        for x in shared:
            view = view.diagonal(dim1=names.index(x), dim2=len(names) + others.index(x))
            names.remove(x)
            others.remove(x)
        view.copy_(found)
        return out.flatten(len(self.shape))

    def _made(self, rows: TensorRows, last: int, part: Part, free: Sequence[torch.Tensor], kept: float) -> torch.Tensor:
        """What the rows make of two numbers of one function along, less the slopes: (function, .., number, number)."""
        place, slopes = {b: n for n, b in enumerate(self.orders)}, set(_highest(rows))
        count = len(part.places)
        shape = [part.modes[i].vectors.shape[1] for i in self.along]
        out = rows.weights.new_zeros((*shape, len(place), count, len(place), count))
        for k, m in product(range(len(rows.jets)), repeat=2):
            share = kept if k in slopes and m in slopes else 1.0
            one, two = rows.jets[k].order, rows.jets[m].order
            total = share * flat(rows.weights[..., k] * rows.weights[..., m]).movedim((self.across, last), (0, 1))[0]
            for i in self.along:
                axis = self._others[i]
                own = [functions_on(rows.tables[axis], o[axis], part.modes[i].vectors, free[axis]) for o in (one, two)]
                total = torch.tensordot(total, own[0] * own[1], dims=([1], [0]))
            left, right = (dense(rows.tables[last], o[last])[:, part.places] for o in (one, two))
            out[..., place[one[self.across]], :, place[two[self.across]], :] += torch.einsum(
                "q...,qy,qz->...yz", total, left, right
            )
        return out.reshape(*shape, len(place) * count, len(place) * count)


def _fixed(rows: TensorRows) -> list[int]:
    """The coordinates that rows are at a point of."""
    return [i for i, t in enumerate(rows.tables) if t.nodes.numel() == 1]


def _orders(rows: TensorRows) -> list[int]:
    """The orders of derivatives across the side of rows."""
    return sorted({j.order[_fixed(rows)[0]] for j in rows.jets})


def _joins(rows: TensorRows) -> list[int]:
    """The coordinates along a side in which its rows have derivatives of several orders."""
    if len(_fixed(rows)) != 1 or not _highest(rows):
        return []
    along = [i for i in range(len(rows.tables)) if i != _fixed(rows)[0]]
    return [i for i in along if len({j.order[i] for j in rows.jets}) > 1]


def _highest(rows: TensorRows) -> list[int]:
    """Of the rows of a side the derivatives of highest order across it alone, by their place."""
    across = _fixed(rows)[0]
    return [k for k, j in enumerate(rows.jets) if j.total == j.order[across] == _orders(rows)[-1]]


def _slopes(rows: TensorRows) -> TensorRows:
    """These alone."""
    kept = _highest(rows)
    jets, weights = tuple(rows.jets[k] for k in kept), rows.weights[..., kept]
    return TensorRows(rows.space, rows.tables, jets, weights, rows.residual)
