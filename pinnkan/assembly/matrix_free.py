"""J^T J of rows on grids without a matrix: its product with coefficients, and its diagonal, by sum factorisation.

A few intervals of the first coordinate are taken there and back before the next, so that the values at their points
stay in the cache and never fill the memory (matrix-free weighted quadrature: Sangalli, Tani 2018).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from pinnkan.assembly.tensor_rows import TensorRows, grid_jets, integrate
from pinnkan.kan.table import Table
from pinnkan.problem.statement import Jet

#: Weights of points that are worked on at once. Poisson with a coefficient on 192 x 192 intervals of degree 10: a
#: product in 63 ms, in 73 ms with 2^18, 151 ms with 2^16, 93 ms in one piece; in space on 48^3 of degree 6 in 0.41 s
#: instead of 0.89 s in one piece.
AT_ONCE = 2**19


@dataclass(frozen=True, eq=False)
class _Chunk:
    """Some intervals of the first coordinate: ``there`` with the places of coefficients, ``back`` with their own.

    ``places``: the coefficients of the first coordinate that ``back`` numbers; ``weights``: by block of rows.
    """

    there: tuple[Table, ...]
    back: tuple[Table, ...]
    places: torch.Tensor
    weights: tuple[torch.Tensor, ...]


class MatrixFree:
    """J^T J of several blocks of rows of one space; those at the same points share the derivatives there."""

    def __init__(self, rows: Sequence[TensorRows]) -> None:
        self.rows = tuple(rows)
        together: dict[tuple[int, ...], list[TensorRows]] = {}
        for r in rows:
            together.setdefault(tuple(map(id, r.tables)), []).append(r)
        self._chunks = [(tuple(some), _chunks(some)) for some in together.values()]

    def __call__(self, values: torch.Tensor) -> torch.Tensor:
        """J^T J of coefficients (coefficient, .., unknown, side), of the same shape."""
        out = torch.zeros_like(values)
        for rows, chunks in self._chunks:
            jets = list(dict.fromkeys(j for r in rows for j in r.jets))
            for chunk in chunks:
                found = dict(zip(jets, grid_jets(chunk.there, values, jets), strict=True))
                sums: dict[Jet, torch.Tensor] = {}
                for r, weights in zip(rows, chunk.weights, strict=True):
                    image = torch.zeros_like(found[r.jets[0]])
                    for jet, weight in zip(r.jets, weights, strict=True):
                        image.addcmul_(weight, found[jet])
                    for jet, weight in zip(r.jets, weights, strict=True):
                        sums[jet] = sums[jet].addcmul_(weight, image) if jet in sums else weight * image
                for u in sorted({j.unknown for j in jets}):
                    parts = {j.order: part.movedim(0, -1) for j, part in sums.items() if j.unknown == u}
                    out[..., u, :].index_add_(0, chunk.places, integrate(chunk.back, parts))
        return out

    def diagonal(self) -> torch.Tensor:
        """The diagonal of J^T J: (coefficient, .., unknown), where no function meets itself."""
        out = self.rows[0].weights.new_zeros(self.rows[0].space.shape)
        for rows, chunks in self._chunks:
            triples = [(n, k, m) for n, r in enumerate(rows) for k in range(len(r.jets)) for m in range(k + 1)]
            for n, k, m in triples:
                first, second = rows[n].jets[k], rows[n].jets[m]
                if first.unknown != second.unknown:
                    continue
                for chunk in chunks:
                    tables = tuple(
                        replace(t, values=(t.values[a] * t.values[b]).unsqueeze(0))
                        for t, a, b in zip(chunk.back, first.order, second.order, strict=True)
                    )
                    weight = chunk.weights[n][k] * chunk.weights[n][m] * (1.0 if k == m else 2.0)
                    part = integrate(tables, {(0,) * len(tables): weight.unsqueeze(-1)})[..., 0]
                    out[..., first.unknown].index_add_(0, chunk.places, part)
        return out


def _chunks(rows: Sequence[TensorRows]) -> list[_Chunk]:
    first, *others = rows[0].tables
    points = max(1, max(r.weights[:1].numel() for r in rows))
    size = max(1, AT_ONCE // points)
    weights, out = [r.weights.movedim(-1, 0) for r in rows], []
    for start in range(0, len(first.index), size):
        part = slice(start, start + size)
        there = Table(first.nodes[part], first.weights[part], first.values[:, part], first.index[part], first.count)
        places, own = torch.unique(there.index, return_inverse=True)
        back = replace(there, index=own, count=len(places))
        out.append(_Chunk((there, *others), (back, *others), places, tuple(w[:, part] for w in weights)))
    return out
