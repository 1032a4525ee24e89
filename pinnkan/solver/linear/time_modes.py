"""Preconditioner for slabs of several unknowns between walls: modes in time, full matrices in space.

Between walls no functions of space diagonalise the coupling of a pressure and a velocity: sines of one coordinate are
coupled to cosines of the others. In time, on one interval, J^T J is nearly diagonal in modes of the same number
(:mod:`pinnkan.solver.linear.wall_modes`), and a full matrix in space remains for each. A slab of Beltrami's flow takes
20 to 90 steps to two digits, with modes of space (:mod:`pinnkan.solver.linear.joint_modes`) more than 300.
"""

from collections.abc import Sequence
from functools import reduce
from itertools import combinations_with_replacement
from math import prod

import numpy as np
import torch

from pinnkan.assembly.coordinate_modes import derivative_matrix
from pinnkan.assembly.integral_rows import PointValueRows
from pinnkan.assembly.ordering import Ordering, outermost_first
from pinnkan.assembly.tensor_rows import TensorRows
from pinnkan.kan.field import Array
from pinnkan.kan.table import FunctionPairs, Table
from pinnkan.solver.linear.diagonalisation import free_masks
from pinnkan.solver.linear.scaled_system import scaled_factor
from pinnkan.solver.linear.triangular_inverse import inverse_of_triangles
from pinnkan.solver.linear.wall_modes import coupled_wall_modes


class TimeModeInverse:
    """An approximate inverse of J^T J (1 + damping on its diagonal): one factor for each number of modes in time.

    Raises numpy.linalg.LinAlgError where rows leave coefficients undetermined.
    """

    def __init__(self, rows: Sequence[TensorRows], ordering: Ordering, damping: float = 0.0) -> None:
        self._ordering, self._shape = ordering, rows[0].space.shape
        factors = [free_masks(ordering, self._shape, u) for u in range(self._shape[-1])]
        self._masks = [[torch.from_numpy(m).to(ordering.position.device) for m in own] for own in factors]
        self._time_modes = coupled_wall_modes(rows, len(self._shape) - 2, [own[-1] for own in self._masks])
        places = (reduce(torch.kron, [m.to(torch.uint8) for m in own[:-1]]) for own in self._masks)
        self._free = [place.nonzero().squeeze(1) for place in places]
        blocks = self._blocks(rows)
        numbers = range(self._time_modes.shape[2])
        lower, scales = zip(*(scaled_factor(self._matrix(blocks, k), damping) for k in numbers), strict=True)
        device = ordering.position.device
        self._scale = torch.from_numpy(np.stack(scales)[..., None]).to(device)
        self._inverse = inverse_of_triangles(lower, device)

    def __call__(self, right: torch.Tensor) -> torch.Tensor:
        """Return the approximate inverse times ``right`` (free coefficient, rhs)."""
        x = self._ordering.extend_by_zeros(right).reshape(
            -1, *self._shape[-2:], right.shape[1]
        )  # (place, time, unknown, side)
        pairs = list(enumerate(zip(self._free, self._time_modes, strict=True)))
        seen = torch.cat([torch.einsum("ptn,tk->kpn", x[own, :, u], functions) for u, (own, functions) in pairs], 1)
        solved = self._scale * self._inverse(self._scale * seen)
        found = solved.split([len(own) for own in self._free], 1)
        out = torch.zeros_like(x)
        for u, (own, functions) in pairs:
            out[own, :, u] = torch.einsum("kpn,tk->ptn", found[u], functions)
        return out.reshape(-1, right.shape[1])[self._ordering.free]

    def _blocks(self, rows: Sequence[TensorRows]) -> dict[tuple[int, int], torch.Tensor]:
        """Return J^T J by pair of unknowns: (number, free place of the first, of the second)."""
        out: dict[tuple[int, int], torch.Tensor] = {}
        whole = rows[0].tables
        seen = [_mean_rows(r, whole) if isinstance(r, PointValueRows) else _rows_on(r.tables, r) for r in rows]
        for u, v in combinations_with_replacement(range(self._shape[-1]), 2):
            for r in seen:
                if {u, v} <= {j.unknown for j in r.jets}:
                    block = self._block(r, u, v)
                    out[u, v] = out[u, v] + block if (u, v) in out else block
        return out

    def _block(self, rows: TensorRows, u: int, v: int) -> torch.Tensor:
        """Return the block of J^T J of two unknowns for modes of the same number: (number, free place, free place)."""
        *space, time = rows.tables
        last = len(space)
        seen, numbers = _mode_table(time, self._time_modes[u], self._time_modes[v])
        pairs = [t.masked_pairs(a, b) for t, a, b in zip(space, self._masks[u], self._masks[v], strict=False)]
        work = outermost_first(self._shape)
        found = _rows_on((*space, seen), rows).gram_block(u, v, [*pairs, numbers])
        counts = [*(len(p.row) for p in pairs), len(numbers.row)]
        found = found.reshape([counts[i] for i in reversed(work)])
        found = found.permute([last - work.index(i) for i in (last, *range(last))])
        for i in range(last):
            of_two = [int(self._masks[w][i].sum()) for w in (u, v)]
            found = found.narrow(1 + 2 * i, 0, prod(of_two)).unflatten(1 + 2 * i, of_two)
        found = found.permute(0, *range(1, 2 * last, 2), *range(2, 2 * last + 1, 2))
        return found.reshape(len(numbers.row), len(self._free[u]), len(self._free[v]))

    def _matrix(self, blocks: dict[tuple[int, int], torch.Tensor], number: int) -> Array:
        """Return the lower half of the matrix of one number: (free place by unknown, free place by unknown)."""
        starts = np.cumsum([0, *(len(own) for own in self._free)])
        out = np.zeros((starts[-1], starts[-1]), order="F")
        for (u, v), block in blocks.items():
            out[starts[v] : starts[v + 1], starts[u] : starts[u + 1]] = block[number].T.cpu().numpy()
        return out


def _mode_table(time: Table, left: torch.Tensor, right: torch.Tensor) -> tuple[Table, FunctionPairs]:
    """Return a table of the modes (coefficient, number) of two unknowns, and the pairs of the same number."""
    functions, count = torch.cat([left, right], 1), left.shape[1]
    values = torch.stack([derivative_matrix(time, k) @ functions for k in range(len(time.values))]).unsqueeze(1)
    index = torch.arange(2 * count, device=values.device)
    numbers = index[:count]
    pairs = FunctionPairs(numbers, numbers, numbers, torch.stack([numbers, count + numbers]), numbers == numbers)
    return Table(time.nodes.reshape(1, -1), time.weights.reshape(1, -1), values, index.unsqueeze(0), 2 * count), pairs


def _mean_rows(rows: TensorRows, full_tables: Sequence[Table]) -> TensorRows:
    """Return rows at a point with that point replaced by the mean over its coordinates."""
    tables = [_mean_table(w) if t.nodes.numel() == 1 else t for t, w in zip(rows.tables, full_tables, strict=True)]
    return _rows_on(tables, rows)


def _rows_on(tables: Sequence[Table], rows: TensorRows) -> TensorRows:
    """Return rows with the same weights, computed, on other tables; without a residual."""
    weights = rows.weights
    return TensorRows(rows.space, tuple(tables), rows.jets, weights, weights[..., :1])


def _mean_table(full_table: Table) -> Table:
    """Return a table of one point, at which functions and derivatives have their mean values over ``full_table``."""
    share = full_table.weights.reshape(-1) / full_table.weights.sum()
    values = torch.stack([share @ derivative_matrix(full_table, k) for k in range(len(full_table.values))])[
        :, None, None
    ]
    index = torch.arange(full_table.count, device=values.device).unsqueeze(0)
    return Table(full_table.nodes[:1, :1], full_table.weights[:1, :1], values, index, full_table.count)
