"""Splines and rows at points of single cells in the plane, each at the same times, by sum factorisation in time.

A row at the point p and the time s is ``sum_m S_m(p, s) tau^(m)(s)``, with S_m the splines of the plane times the
weights of the derivatives of order m in time, and tau the splines in time. J^T J is summed over the points at each time
first, and then over the times: a twentieth of the multiplications of rows written out.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from pinnkan.assembly.cell_rows import Entries, cell_entries
from pinnkan.assembly.immersed_points import CellGroups, Order, QuadraturePoints
from pinnkan.assembly.ordering import Ordering
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table

#: Values of splines, and entries of J^T J, that are held at once.
BATCH_VALUES = 2**23
#: Weights that differ by less than this share of the largest are the same at all times: rounding.
SAME_WEIGHT = 1e-14


class CellsInTime:
    """:class:`pinnkan.assembly.immersed_points.SplinePoints` (group, point, time): ``plane`` times those of a table."""

    def __init__(self, space: Space, points: QuadraturePoints, order: Sequence[int], times: Table) -> None:
        """``points``: in the plane; ``order``: the highest derivative per coordinate."""
        self.unknowns, self.time_count = space.unknowns, times.count
        self.plane = CellGroups(Space(space.axes[:2], times.count * space.unknowns), points, order[:2])
        nodes, share = times.nodes.reshape(-1).numpy(), times.weights.reshape(-1).numpy()
        self.time_splines = _dense(times)  # (order, time, function)
        shape = (*self.plane.weights.shape, len(nodes))
        flat = np.broadcast_to(self.plane.outer[:, :, None, :], (*shape, 2))
        self.outer = np.concatenate([flat, np.broadcast_to(nodes[:, None], (*shape, 1))], -1)
        self.weights, self.time_roots = self.plane.weights[..., None] * share, torch.from_numpy(np.sqrt(share))
        interval = np.repeat(np.arange(len(times.nodes)), times.nodes.shape[1])
        both = np.broadcast_arrays(self.plane.cells[:, :, None, :], np.zeros((len(nodes), 1), dtype=int))[0]
        along = np.broadcast_to(interval[:, None], (*both.shape[:-1], 1))
        self.cells = np.concatenate([both, along], -1)  # (group, 1, time, coordinate)
        self.line_points, self.line_index = np.zeros((1, 2)), np.zeros(shape, dtype=int)

    def derivatives(self, coefficients: Array, orders: Sequence[Order]) -> torch.Tensor:
        """Derivatives at the points: (group, point, time, unknown, order)."""
        flat = sorted({order[:2] for order in orders})
        found = self.plane.derivatives(coefficients, flat)  # (group, point, function of time and unknown, order)
        found = found.unflatten(2, (self.time_count, self.unknowns))
        parts = []
        for order in orders:
            own = found[..., flat.index(order[:2])]
            parts.append(torch.einsum("sk,gpku->gpsu", self.time_splines[order[2]], own))
        return torch.stack(parts, -1)

    def rows(
        self, orders: Sequence[Order], weights: Sequence[torch.Tensor], residual: torch.Tensor
    ) -> "CellRowsInTime":
        """Rows from ``weights``, (.., order) per unknown, and ``residual`` (.., rhs); ..: group, point, time."""
        jets = [(u, o, w[..., k]) for u, w in enumerate(weights) for k, o in enumerate(orders)]
        present = tuple(jet for jet in jets if bool((jet[2] != 0.0).any()))
        return CellRowsInTime(self, present, residual)


def _dense(times: Table) -> torch.Tensor:
    """All functions of a table at all of its nodes: (order, node, function)."""
    values = times.values.new_zeros((len(times.values), *times.nodes.shape, times.count))
    index = times.index[None, :, None, :].expand(times.values.shape)
    return values.scatter_(3, index, times.values).flatten(1, 2)


@dataclass(frozen=True, eq=False)
class CellRowsInTime:
    """:class:`pinnkan.assembly.tensor_rows.Rows` at ``points``, by ``jets``: unknown, order and weights (point).

    ``residual``: (group, point, time, rhs).
    """

    points: CellsInTime
    jets: tuple[tuple[int, Order, torch.Tensor], ...]
    residual: torch.Tensor

    @cached_property
    def _parts(self) -> list[tuple[int, int]]:
        """The pairs of an unknown and an order in time that occur."""
        return sorted({(u, order[2]) for u, order, _ in self.jets})

    @cached_property
    def _functions(self) -> torch.Tensor:
        """The numbers of the functions of time that these rows see."""
        kinds = sorted({m for _, m in self._parts})
        seen = (self.points.time_splines[kinds] != 0.0).flatten(0, 1).any(0)
        return seen.nonzero().squeeze(1)

    @cached_property
    def _unknowns(self) -> list[int]:
        """The unknowns that these rows see."""
        return sorted({u for u, _ in self._parts})

    @cached_property
    def _time_splines(self) -> torch.Tensor:
        """The functions of time that these rows see: (order, time, function)."""
        return self.points.time_splines[:, :, self._functions]

    @cached_property
    def index(self) -> torch.Tensor:
        """The coefficient of each column, (group, unknown * function of the plane * function of time)."""
        plane, count = self.points.plane.index, self.points.time_count
        each = (plane.unsqueeze(-1) * count + self._functions) * self.points.unknowns
        return torch.stack([each + u for u in self._unknowns], 1).flatten(1)

    @cached_property
    def _factors(self) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The weights of the jets as products: factors (group, point, time), and another by time (time).

        The first have one time alone where the weights are the same at all times but for those of the Gauss rule.
        """
        roots = self.points.time_roots
        even = [weight / roots for _, _, weight in self.jets]
        if all(bool(((w - w[..., :1]).abs() <= SAME_WEIGHT * w.abs().max()).all()) for w in even):
            return [w[..., :1] for w in even], roots
        return even, roots

    def _batches(self, values_per_group: int) -> Iterator[slice]:
        """Ranges of groups; no cell is divided."""
        lowest = self.points.plane.index[:, 0]
        starts = torch.cat(
            [lowest.new_zeros(1), (lowest.diff() != 0).nonzero().squeeze(1) + 1, lowest.new_tensor([len(lowest)])]
        )
        few, begin = max(1, BATCH_VALUES // values_per_group), 0
        for start, stop in zip(starts[:-1].tolist(), starts[1:].tolist(), strict=True):
            if stop - begin > few and start > begin:
                yield slice(begin, start)
                begin = start
        yield slice(begin, len(lowest))

    def _plane_splines(self, part: slice, order: Order) -> torch.Tensor:
        """Derivatives of the splines of the plane: (group, point, function)."""
        x, y = self.points.plane.tables
        return (x[order[0], part].unsqueeze(-1) * y[order[1], part].unsqueeze(-2)).flatten(2)

    def _weighted_splines(self, part: slice) -> torch.Tensor:
        """The splines of the plane, weighted, by part: (group, time, point, part * function)."""
        found: dict[tuple[int, int], torch.Tensor] = {}
        for (u, order, _), factor in zip(self.jets, self._factors[0], strict=True):
            own = self._plane_splines(part, order).unsqueeze(1) * factor[part].transpose(1, 2).unsqueeze(-1)
            found[u, order[2]] = found[u, order[2]].add_(own) if (u, order[2]) in found else own
        return torch.cat([found[key] for key in self._parts], -1)

    def bandwidth(self, ordering: Ordering) -> int:
        position = ordering.position[self.index]
        lowest = position.masked_fill(position < 0, ordering.size).amin(1)
        return max(0, int((position.amax(1) - lowest).max()))

    def gram(self, ordering: Ordering) -> Iterator[Entries]:
        plane, columns = self.points.plane, len(self._parts) * self.points.plane.columns
        times, points = self._factors[0][0].shape[2], self.residual.shape[1]
        for part in self._batches(times * columns * (points + columns) + self.index.shape[1] ** 2):
            splines = self._weighted_splines(part).flatten(0, 1)
            products = torch.bmm(splines.transpose(1, 2), splines).unflatten(0, (-1, times))
            cells, owner = torch.unique_consecutive(plane.index[part, 0], return_inverse=True)
            summed = products.new_zeros((len(cells), *products.shape[1:])).index_add_(0, owner, products)
            first = torch.zeros_like(cells).scatter_reduce_(
                0, owner, torch.arange(len(owner)), "amin", include_self=False
            )
            yield from cell_entries(ordering, self.index[part][first], self._summed_over_times(summed))

    def _summed_over_times(self, products: torch.Tensor) -> torch.Tensor:
        """J^T J of cells from the products of splines of the plane (cell, time, part * i, part * j)."""
        count, times = self.points.plane.columns, products.shape[1]
        splines = self._time_splines * self._factors[1].unsqueeze(-1)
        unknowns, functions = self._unknowns, splines.shape[2]
        products = products.unflatten(3, (-1, count)).unflatten(2, (-1, count))  # (cell, time, part, i, part, j)
        out = products.new_empty((len(products), len(unknowns), count, functions, len(unknowns), count, functions))
        for a, u in enumerate(unknowns):
            for b, v in enumerate(unknowns):
                pairs = [
                    (k, n)
                    for k, (w, _) in enumerate(self._parts)
                    if w == u
                    for n, (z, _) in enumerate(self._parts)
                    if z == v
                ]
                left = torch.cat([products[:, :, k, :, n] for k, n in pairs], 1).flatten(2).transpose(1, 2)
                orders = [(self._parts[k][1], self._parts[n][1]) for k, n in pairs]
                by_time = [splines[m].unsqueeze(-1) * splines[n].unsqueeze(-2) for m, n in orders]
                right = torch.cat([each.unflatten(0, (times, -1)).sum(1) for each in by_time]).flatten(1)
                both = (left.reshape(-1, left.shape[2]) @ right).reshape(
                    len(products), count, count, functions, functions
                )
                out[:, a, :, :, b] = both.permute(0, 1, 3, 2, 4)
        size = len(unknowns) * count * functions
        return out.reshape(-1, size, size)

    def transpose(self, ordering: Ordering, residual: torch.Tensor) -> torch.Tensor:
        unknowns, splines = self._unknowns, self._time_splines
        plane, sides = self.points.plane, residual.shape[-1]
        shape = (len(plane.index), len(unknowns), plane.columns, splines.shape[2], sides)
        local = residual.new_zeros(shape)
        for part in self._batches(plane.columns * residual.shape[1]):
            for u, order, weight in self.jets:
                weighted = (weight[part].unsqueeze(-1) * residual[part]).flatten(2)
                summed = torch.bmm(self._plane_splines(part, order).transpose(1, 2), weighted)
                own = torch.einsum("sk,gisr->gikr", splines[order[2]], summed.unflatten(2, (-1, sides)))
                local[part, unknowns.index(u)] += own
        out = residual.new_zeros((len(ordering.position), sides))
        return out.index_add_(0, self.index.reshape(-1), local.flatten(0, 3))[ordering.free]

    def apply(self, ordering: Ordering, step: torch.Tensor) -> torch.Tensor:
        unknowns, splines = self._unknowns, self._time_splines
        plane, sides = self.points.plane, step.shape[1]
        local = ordering.extend_by_zeros(step)[self.index]
        local = local.reshape(len(plane.index), len(unknowns), plane.columns, splines.shape[2], sides)
        out = step.new_zeros((*self.residual.shape[:3], sides))
        for part in self._batches(plane.columns * self.residual.shape[1]):
            for u, order, weight in self.jets:
                at_times = torch.einsum("sk,gikr->gisr", splines[order[2]], local[part, unknowns.index(u)])
                image = torch.bmm(self._plane_splines(part, order), at_times.flatten(2)).unflatten(2, (-1, sides))
                out[part] += weight[part].unsqueeze(-1) * image
        return out
