"""J^T J in the plane as a sum of Kronecker products of banded matrices, for weights that are sums of few products.

A coefficient such as 1 + 0.9 sin(4 pi x) cos(4 pi y) is a sum of two products of functions of one coordinate. Then J =
sum_ab C_ab F_a G_b, F_a and G_b derivatives of splines of one coordinate times such a function, and J^T J = sum_aa'
(F_a^T F_a') S_aa' with banded factors: no work at points, no stored weights. The products are found from the weights by
random sampling (Halko, Martinsson, Tropp 2011) and verified at every point up to rounding.

With that coefficient, degree 10 and 192 intervals a product takes 13 ms, by sum factorisation 41 ms.
"""

from collections.abc import Sequence
from itertools import product

import torch

from pinnkan.assembly.device import batch_size
from pinnkan.assembly.tensor_rows import TensorRows, interval_batches
from pinnkan.kan.table import Table

#: The largest number of functions of one coordinate for the weights of derivatives of an order. Heuristic.
MAX_FUNCTIONS = 4
#: The tolerance on weights, over the largest of a derivative, and the least weight of a point over that, so that
#: coefficients of the equation change by at most 1e-9.
TOLERANCE, LEAST_SHARE = 1e-12, 1e-3
#: Rows of a block of a banded matrix, and numbers between the two coordinates that are processed at once.
BLOCK_ROWS, BATCH_NUMBERS = 8, 2**18
#: Points from which on the form is tried; with fewer a product takes hardly longer than the test.
MIN_POINTS = 2**12


class BandedProducts:
    """J^T J of blocks of rows at the same points of a plane (:func:`banded_products`)."""

    def __init__(self, rows: Sequence[TensorRows], bases: Sequence["_Bases"], cores: dict[int, list[torch.Tensor]]):
        tables, self._places = zip(*(t.compact() for t in rows[0].tables), strict=True)
        first, second = (_Banded(t, b.factors(t)) for t, b in zip(tables, bases, strict=True))
        self._first, self._second = first, second
        count = first.entries.shape[0]
        products = second.entries.new_zeros((len(cores), len(cores), count, count, second.entries.shape[-1]))
        self._unknowns = sorted(cores)
        for (i, u), (j, v) in product(enumerate(self._unknowns), repeat=2):
            for mine, other in zip(cores[u], cores[v], strict=True):
                half = torch.einsum("bd,cde->cbe", other, second.entries)
                products[i, j] += torch.einsum("ac,cbe->abe", mine, half)
        self._on_diagonal = [self._diagonal_of(products[i, i]) for i in range(len(self._unknowns))]
        live = products.abs().amax((0, 1, 4)) > 0.0
        self._terms = int(live.sum())
        self._there = first.blocks(first.entries[live]).flatten(1, 2)
        self._back = [
            [second.blocks(p[live]).permute(0, 2, 3, 1).flatten(2) for p in of_unknown] for of_unknown in products
        ]

    def _diagonal_of(self, products: torch.Tensor) -> torch.Tensor:
        """The diagonal of an unknown, from its ``products`` (function, function, pair) of the second coordinate."""
        first, second = self._first, self._second
        own = second.entries.new_zeros((*products.shape[:2], second.count))
        own[..., second.pairs.row[second.pairs.is_diagonal]] = products[..., second.pairs.is_diagonal]
        ahead = first.entries.new_zeros((*products.shape[:2], first.count))
        ahead[..., first.pairs.row[first.pairs.is_diagonal]] = first.entries[..., first.pairs.is_diagonal]
        return torch.einsum("abi,abj->ij", ahead, own)

    def add_diagonal(self, out: torch.Tensor) -> None:
        """Add the diagonal of J^T J to ``out`` (coefficient, coefficient, unknown)."""
        for u, own in zip(self._unknowns, self._on_diagonal, strict=True):
            out[..., u].index_put_((self._places[0].unsqueeze(1), self._places[1]), own, accumulate=True)

    def add(self, values: torch.Tensor, out: torch.Tensor) -> None:
        """Add J^T J of ``values`` (coefficient, coefficient, unknown, rhs) to ``out``."""
        there = values.index_select(0, self._places[0]).index_select(1, self._places[1])
        found = torch.zeros_like(there)
        self._add(there, found)
        out.index_put_((self._places[0].unsqueeze(1), self._places[1]), found, accumulate=True)

    def _add(self, values: torch.Tensor, out: torch.Tensor) -> None:
        across, sides = values.shape[1], values.shape[3]
        most = batch_size(BATCH_NUMBERS, values.device)
        step = max(1, most // (self._terms * self._first.size * across * sides))
        for j, v in enumerate(self._unknowns):
            windows = self._first.windows(values[:, :, v], 1)
            for start in range(0, len(windows), step):
                some = slice(start, start + step)
                seen = torch.bmm(self._there[some], windows[some])
                seen = seen.reshape(-1, self._terms, self._first.size, across, sides).permute(3, 1, 0, 2, 4)
                low = start * self._first.size
                high = min(len(out), low + seen.shape[2] * self._first.size)
                inner = self._second.windows(seen, self._terms)
                for i, u in enumerate(self._unknowns):
                    found = torch.bmm(self._back[i][j], inner).flatten(0, 1)[:across]
                    out[low:high, :, u] += found.reshape(across, -1, sides).transpose(0, 1)[: high - low]


def banded_products(rows: Sequence[TensorRows]) -> BandedProducts | None:
    """J^T J of rows at the same points; None outside the plane, or where weights are not sums of few products."""
    tables = rows[0].tables
    if len(tables) != 2 or min(len(t.index) for t in tables) == 1 or rows[0].count < MIN_POINTS:
        return None
    bases = _Bases(), _Bases()
    found = []
    for r in rows:
        columns = _separate_weights(r, bases[1])
        if columns is None:
            return None
        for jet, column in zip(r.jets, columns, strict=True):
            if not bases[0].extend(jet.order[0], column.T):
                return None
        found.append(columns)
    if not _is_worth_while(rows, bases):
        return None
    unknowns = sorted({j.unknown for r in rows for j in r.jets})
    own = list(zip(rows, found, strict=True))
    return BandedProducts(
        rows, bases, {u: [_coefficient_matrix(r, columns, u, bases) for r, columns in own] for u in unknowns}
    )


def _coefficient_matrix(
    rows: TensorRows, columns: Sequence[torch.Tensor], unknown: int, bases: tuple["_Bases", "_Bases"]
) -> torch.Tensor:
    """The weights of the derivatives of an unknown: (function of the first coordinate, function of the second)."""
    core = columns[0].new_zeros([b.size for b in bases])
    first, second = (b.first_numbers() for b in bases)
    for jet, column in zip(rows.jets, columns, strict=True):
        if jet.unknown == unknown:
            own, (k, m) = bases[0].known[jet.order[0]], jet.order
            core[first[k] : first[k] + own.shape[1], second[m] : second[m] + column.shape[1]] += own.T @ column
    return core


class _Bases:
    """Orthonormal functions of one coordinate at its points, by the order of the derivatives that they multiply."""

    def __init__(self) -> None:
        self.known: dict[int, torch.Tensor] = {}

    @property
    def size(self) -> int:
        """The number of functions of all orders."""
        return sum(b.shape[1] for b in self.known.values())

    def first_numbers(self) -> dict[int, int]:
        """The number of the first function of each order."""
        out, done = {}, 0
        for order in sorted(self.known):
            out[order], done = done, done + self.known[order].shape[1]
        return out

    def factors(self, table: Table) -> torch.Tensor:
        """Derivatives of the splines times each function and root weight: (function, interval, point, spline)."""
        root = table.weights.sqrt().reshape(-1, 1)
        found = [
            table.values[order] * (self.known[order] * root).T.reshape(-1, *table.nodes.shape, 1)
            for order in sorted(self.known)
        ]
        return torch.cat(found)

    def extend(self, order: int, values: torch.Tensor, largest: float = 0.0) -> bool:
        """Enlarge the basis of an order if needed; whether it represents ``values`` (.., point) up to the tolerance."""
        known = self.known.get(order, values.new_zeros((values.shape[1], 0)))
        self.known[order] = known
        if not values.numel():  # of a derivative with zero weights, as at a zero start
            return True
        allowed, left = TOLERANCE * max(largest, float(values.abs().max())), values - (values @ known) @ known.T
        if float(left.abs().max()) > allowed:
            random = torch.Generator(device=left.device).manual_seed(0)
            some = torch.randn((MAX_FUNCTIONS + 1, len(left)), generator=random, dtype=left.dtype, device=left.device)
            found, sizes, _ = torch.linalg.svd((some @ left).T, full_matrices=False)
            new = found[:, sizes > allowed * left.numel() ** 0.5]
            new = torch.linalg.qr(new - known @ (known.T @ new))[0]
            known = torch.cat([known, new], 1)
            left = values - (values @ known) @ known.T
        self.known[order] = known
        return known.shape[1] <= MAX_FUNCTIONS and float(left.abs().max()) <= allowed


def _separate_weights(rows: TensorRows, bases: _Bases) -> list[torch.Tensor] | None:
    """Weights, but for quadrature, in ``bases`` of the second coordinate, (point, function) by jet, or None."""
    roots = [t.weights.reshape(-1).sqrt() for t in rows.tables]
    found: list[list[torch.Tensor]] = [[] for _ in rows.jets]
    largest, smallest, done = [0.0] * len(rows.jets), torch.inf, 0
    for part, _ in interval_batches(rows.tables):
        weights = rows.weights_part(part)
        whole = weights.movedim(-1, 0).reshape(len(rows.jets), -1, len(roots[1])) / roots[1]
        whole /= roots[0][done : done + whole.shape[1], None]
        done += whole.shape[1]
        largest = [max(m, float(w.abs().max())) for m, w in zip(largest, whole, strict=True)]
        scale = torch.tensor(largest).clamp_min(1e-300).to(whole)
        smallest = min(smallest, float((whole.abs() / scale[:, None, None]).amax(0).min()))
        if not bool(torch.isfinite(whole).all()) or smallest < LEAST_SHARE:
            return None
        for k, (jet, values) in enumerate(zip(rows.jets, whole, strict=True)):
            if not bases.extend(jet.order[1], values, largest[k]):
                return None
            found[k].append(values @ bases.known[jet.order[1]])
    sizes = [bases.known[j.order[1]].shape[1] for j in rows.jets]
    pad = torch.nn.functional.pad
    return [torch.cat([pad(f, (0, s - f.shape[1])) for f in of_jet]) for s, of_jet in zip(sizes, found, strict=True)]


def _is_worth_while(rows: Sequence[TensorRows], bases: Sequence[_Bases]) -> bool:
    """Whether a product takes fewer multiplications than sum factorisation."""
    unknowns = len({j.unknown for r in rows for j in r.jets})
    jets = len({j for r in rows for j in r.jets})
    first, second = (t.compact()[0] for t in rows[0].tables)
    widths = [2 * t.index.shape[1] + BLOCK_ROWS for t in (first, second)]
    ours = bases[0].size ** 2 * (widths[0] + unknowns * widths[1]) * unknowns * first.count * second.count
    theirs = rows[0].count * 2 * (jets * second.index.shape[1] + sum(len(r.jets) for r in rows))
    return ours < 2 * theirs


class _Banded:
    """The matrices F_a^T F_b of ``factors`` (a, interval, point, spline) of one coordinate, by blocks of ``size`` rows.

    ``entries``: (a, b, pair of splines that overlap).
    """

    def __init__(self, table: Table, factors: torch.Tensor) -> None:
        self.pairs, count, functions = table.pairs, table.count, len(factors)
        self.entries = factors.new_zeros((functions, functions, len(self.pairs.row)))
        for a, b in product(range(functions), repeat=2):
            local = torch.bmm(factors[a].transpose(1, 2), factors[b]).reshape(-1)
            self.entries[a, b].index_add_(0, self.pairs.pair_index, local)
        apart = (self.pairs.column - self.pairs.row + count // 2) % count - count // 2
        reach = int(apart.abs().max())
        self._is_whole = 2 * reach + BLOCK_ROWS >= count
        self.size = count if self._is_whole else BLOCK_ROWS
        self._number = -(-count // self.size)
        self._width = count if self._is_whole else BLOCK_ROWS + 2 * reach
        along = torch.arange((self._number - 1) * self.size + self._width, device=apart.device)
        self._places = (along if self._is_whole else along - reach) % count
        self._columns = self.pairs.column if self._is_whole else self.pairs.row % BLOCK_ROWS + apart + reach
        self.count = count

    def blocks(self, entries: torch.Tensor) -> torch.Tensor:
        """Matrices ``entries`` (matrix, pair) by block: (block, matrix, row, column of its window)."""
        out = entries.new_zeros((self._number * self.size * self._width, len(entries)))
        out.index_add_(0, self.pairs.row * self._width + self._columns, entries.T)
        return out.reshape(self._number, self.size, self._width, -1).permute(0, 3, 1, 2).contiguous()

    def windows(self, values: torch.Tensor, each: int) -> torch.Tensor:
        """The inputs of each block of rows, from (coefficient, ``each``, ..): (block, column * each, rest)."""
        known = values.index_select(0, self._places).reshape(len(self._places) * each, -1)
        row = known.shape[1]
        return known.as_strided((self._number, self._width * each, row), (self.size * each * row, row, 1))
