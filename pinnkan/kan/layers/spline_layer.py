"""A layer of edges, ``y_o = sum_i f_oi(z_i)``: coefficients first, then jets, at a cost that knows no knots.

With ``f_oi^(k)(z_i)`` at hand, from the piece on which z_i lies (:mod:`pinnkan.kan.layers.pieces`), and the Bell
polynomials B of z_i, ``D^alpha y_o = sum_i,k B_{alpha,k} f_oi^(k)``. From adjoints lambda of y those of f_oi^(k) are
``a_k = sum_alpha lambda_o^alpha B_{alpha,k}``, which give the gradient by the coefficients, and with the next
derivative those of z_i: ``sum_k,o a_k f_oi^(k+1)`` for its value, and for its derivatives ``D^beta z_i`` by Leibniz
``sum_alpha C(alpha, beta) sum_k B_{alpha-beta,k} sum_o lambda_o^alpha f_oi^(k+1)``. Rows of a Jacobian need the
functions themselves, of which only those that live at a point are worked out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from pinnkan.kan.layers.jet import Bell, Jets, JetSet
from pinnkan.kan.layers.pieces import LayerBasis, Pieces, pieces_of
from pinnkan.kan.layers.pointwise import Layer

#: Edge values of a block of points, a megabyte: what a block needs stays near the core, and the calls cost less than
#: the numbers. Measured, [2,20,20,1] at 4288 points: 94 ms with 2^14, 79 with 2^15, 71 with 2^16, 61 with 2^17.
BLOCK = 2**17


@dataclass(frozen=True, eq=False)
class Spline(Layer):
    """``y_o = sum_i,c W[o,i,c] b_c(z_i)``: the layer of arXiv:2603.04827; ``weight`` (..., out, in, function).

    The b_c are splines, or powers of ReLU.
    """

    basis: LayerBasis
    weight: torch.Tensor

    @property
    def size(self) -> int:
        outputs, inputs, count = self.weight.shape[-3:]
        return outputs * inputs * count

    @property
    def outputs(self) -> int:
        return self.weight.shape[-3]

    @property
    def intervals(self) -> int:
        return self.basis.intervals

    def flat(self) -> torch.Tensor:
        return self.weight.flatten(-3)

    def with_flat(self, vector: torch.Tensor) -> Spline:
        return replace(self, weight=vector.unflatten(-1, self.weight.shape[-3:]))

    def halved(self) -> Spline:
        fine = self.basis.halved()
        return Spline(fine, self.basis.prolong(self.weight, fine))

    def to(self, device: torch.device | str) -> Spline:
        return Spline(self.basis.to(device), self.weight.to(device))

    def forward(self, jets: JetSet, z: Jets) -> tuple[Jets, SplineTrace]:
        pieces = pieces_of(self.basis)
        j, s = pieces.locate(z[0])
        local = pieces.derivatives(self.weight)  # (m, ..., out, in, interval)
        start = torch.arange(local[0].numel() // pieces.intervals, device=j.device) * pieces.intervals
        table, start = local.flatten(1), start.reshape(*local.shape[1:-1], 1)
        bell, powers = jets.bell_polynomials(z), _taylor_powers(s, pieces.degree)
        blocks = []
        for place in _blocks(j.shape[-1], start.numel()):
            at = (..., None, slice(None), place)
            index = j[at] + start  # (..., out, in, point)
            here = [d.index_select(0, index.view(-1)).view(index.shape) for d in table]
            near = [power[at] for power in powers]
            factors = [[None if b is None else b[at] for b in row] for row in bell]
            blocks.append(EdgeBlock(place, factors, index, near, _edge_values(here, near, jets.order + 1)))
        y = [torch.cat(parts, -1) for parts in zip(*(block.sums() for block in blocks), strict=True)]
        return y, SplineTrace(self, jets, z, bell, tuple(blocks))


@dataclass(frozen=True)
class EdgeBlock:
    """All edges at the points of a slice.

    bell[alpha][k] and powers[m], ``s^m/m!``: (..., 1, in, point). index, where the coefficients of the pieces stand,
    and values[k], f_oi^(k)(z_i): (..., out, in, point).
    """

    place: slice
    bell: Bell
    index: torch.Tensor
    powers: list[torch.Tensor]
    values: list[torch.Tensor]

    def sums(self) -> list[torch.Tensor]:
        """Output jets (..., out, point), one for each alpha."""
        found = [self.values[0].sum(-2)]
        for row in self.bell[1:]:
            pairs = zip(row[1:], self.values[1:], strict=False)
            found.append(_combined(None, [(b, value) for b, value in pairs if b is not None]).sum(-2))
        return found

    def adjoints(self, lam: Jets) -> list[torch.Tensor]:
        """a_k (..., out, in, point), k = 0..order, from lam[alpha] (..., out, 1, point).

        The first is the same for all inputs, (..., out, 1, point).
        """
        terms: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in self.bell[-1]]
        for alpha, row in enumerate(self.bell[1:], start=1):
            for k, b in enumerate(row):
                if b is not None:
                    terms[k].append((lam[alpha], b))
        return [lam[0], *(_combined(None, found) for found in terms[1:])]

    def pulled(self, jets: JetSet, lam: Jets, edges: list[torch.Tensor]) -> list[torch.Tensor]:
        """Adjoints (..., in, point) of the input jets from those of the output and of the edges."""
        slopes = self.values[1:]
        parts = [_combined(None, list(zip(edges, slopes, strict=False))).sum(-3)]
        parts += [torch.zeros_like(parts[0]) for _ in lam[1:]]
        along: dict[tuple[int, int], torch.Tensor] = {}  # sum_o lambda^alpha f^(k+1)
        for alpha, beta, rest, factor in jets.leibniz:
            for k, (b, slope) in enumerate(zip(self.bell[rest], slopes, strict=False)) if beta else ():
                if b is not None:
                    if (alpha, k) not in along:
                        along[alpha, k] = (lam[alpha] * slope).sum(-3)
                    parts[beta].addcmul_(along[alpha, k], b.squeeze(-3), value=factor)
        return parts

    def add_coefficients(self, found: torch.Tensor, edges: list[torch.Tensor]) -> None:
        """Adds the derivatives by the d_m to ``found`` (m, ..., out, in, interval); d_m enters f^(k) by s^(m-k)."""
        place = self.index.view(-1)
        for m, sums in enumerate(found):
            terms = [(edge, self.powers[m - k]) for k, edge in enumerate(edges[: m + 1])]
            total = _combined(edges[m] if m < len(edges) else None, terms[: m if m < len(edges) else None])
            sums.view(-1).scatter_add_(0, place, total.expand(self.index.shape).reshape(-1))


@dataclass(frozen=True)
class SplineTrace:
    """Input jets, their Bell polynomials (..., in, point), and the edges in blocks of points."""

    layer: Spline
    jets: JetSet
    z: Jets
    bell: Bell
    blocks: tuple[EdgeBlock, ...]

    def pull(self, adjoint: Jets) -> Jets:
        parts = []
        for block in self.blocks:
            lam = [a[..., None, block.place] for a in adjoint]
            parts.append(block.pulled(self.jets, lam, block.adjoints(lam)))
        return [torch.cat(found, -1) for found in zip(*parts, strict=True)]

    def rows(self, adjoint: Jets) -> torch.Tensor:
        """From the jets (alpha, ..., point, in, local) of the functions that live at z."""
        basis, bell = self.layer.basis, [[None if b is None else b.mT for b in row] for row in self.bell]
        tables, first = basis.local(self.z[0].mT, self.jets.order)
        features = self.jets.compose(bell, tables)
        inputs, local = features.shape[-2:]
        rows = torch.stack(list(adjoint), -1).transpose(-3, -2) @ features.flatten(-2).movedim(0, -2)
        rows = rows.unflatten(-1, (inputs, local))  # (..., point, out, in, local)
        if local < basis.count:
            index = first.unsqueeze(-1) + torch.arange(local, device=first.device)
            dense = rows.new_zeros((*rows.shape[:-1], basis.count))
            rows = dense.scatter_(-1, index.unsqueeze(-3).expand(rows.shape), rows)
        return rows.flatten(-3)

    def gradient(self, adjoint: Jets, below: bool) -> tuple[torch.Tensor, Jets]:
        pieces: Pieces = pieces_of(self.layer.basis)
        shape = (*adjoint[0].shape[:-2], *self.layer.weight.shape[-3:-1], pieces.intervals)
        found, parts = adjoint[0].new_zeros((pieces.degree + 1, *shape)), []
        for block in self.blocks:
            lam = [a[..., None, block.place] for a in adjoint]
            edges = block.adjoints(lam)
            block.add_coefficients(found, edges)
            if below:
                parts.append(block.pulled(self.jets, lam, edges))
        return pieces.coefficients(found).flatten(-3), [torch.cat(p, -1) for p in zip(*parts, strict=True)]


def _blocks(points: int, edges: int) -> list[slice]:
    """Slices of equal length of all points, BLOCK edge values or fewer in each."""
    count = max(1, -(-points * edges // BLOCK))
    ends = [points * n // count for n in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends) if a < b]


def _taylor_powers(s: torch.Tensor, degree: int) -> list[torch.Tensor]:
    """``s^m/m!`` for m = 0..degree."""
    powers = [torch.ones_like(s)]
    for m in range(1, degree + 1):
        powers.append(powers[-1] * (s / m) if m > 1 else s)
    return powers


def _edge_values(local: list[torch.Tensor], powers: list[torch.Tensor], order: int) -> list[torch.Tensor]:
    """f^(k) (..., out, in, point), k = 0..order or the degree, from the derivatives at the knot below."""
    return [
        _combined(local[k], [(local[m], powers[m - k]) for m in range(k + 1, len(local))])
        for k in range(min(order, len(local) - 1) + 1)
    ]


def _combined(start: torch.Tensor | None, terms: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """``start + sum_n a_n b_n``, without a new array for every term."""
    if not terms:
        assert start is not None
        return start
    (a, b), *rest = terms
    total = a * b if start is None else torch.addcmul(start, a, b)
    for a, b in rest:
        total.addcmul_(a, b)
    return total
