"""A layer of spline edges, ``y_o = sum_i f_oi(z_i)``, at a cost per point independent of the number of knots.

From ``f_oi^(k)(z_i)``, on the piece that contains z_i (:mod:`pinnkan.kan.layers.pieces`), and the Bell polynomials B of
z_i follows ``D^alpha y_o = sum_i,k B_{alpha,k} f_oi^(k)``. From adjoints lambda of y those of f_oi^(k) are
``a_k = sum_alpha lambda_o^alpha B_{alpha,k}``, which give the gradient by the coefficients. Those of z_i are
``sum_k,o a_k f_oi^(k+1)`` for its value, and for its derivatives ``D^beta z_i`` by Leibniz
``sum_alpha C(alpha, beta) sum_k B_{alpha-beta,k} sum_o lambda_o^alpha f_oi^(k+1)``. Rows of a Jacobian need the
functions themselves, of which only those nonzero at a point are computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import torch

from pinnkan.kan.layers.jet import Bell, Jets, JetSet
from pinnkan.kan.layers.pieces import LayerBasis, TaylorPieces, taylor_pieces
from pinnkan.kan.layers.pointwise import Layer, LayerTrace

#: The most edge values of a block of points, a megabyte, which stays in the cache. Measured, [2,20,20,1] at 4288
#: points: 94 ms with 2^14, 61 ms with 2^17.
BLOCK_VALUES = 2**17
#: Partial sums of a piece, to which its points add in turn, so that additions need not wait for each other. Measured,
#: four pieces: 1.3 ns a value with one, 0.45 with eight.
PARTIAL_SUMS = 8


@dataclass(frozen=True, eq=False)
class Spline(Layer):
    """``y_o = sum_i,c W[o,i,c] b_c(z_i)`` with splines b_c, or powers of ReLU; ``weight``: W (..., out, in, c)."""

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

    def with_flat(self, vector: torch.Tensor) -> "Spline":
        return replace(self, weight=vector.unflatten(-1, self.weight.shape[-3:]))

    def halved(self) -> "Spline":
        fine = self.basis.halved()
        return Spline(fine, self.basis.prolong(self.weight, fine))

    def to(self, device: torch.device | str) -> "Spline":
        return Spline(self.basis.to(device), self.weight.to(device))

    def forward(self, jets: JetSet, z: Jets) -> tuple[Jets, LayerTrace]:
        pieces = taylor_pieces(self.basis)
        j, s = pieces.locate(z[0])
        table = pieces.derivatives(self.weight).transpose(-3, -2).to(s.dtype).contiguous()
        trace = SplineTrace(self, jets, z, table, j, s)
        return _joined([block.output_jets() for block in trace.blocks()]), trace


@dataclass(frozen=True)
class EdgeBlock:
    """All edges at the points of a slice.

    bell[alpha][k] and powers[m], ``s^m/m!``: (..., in, 1, point). index, the pieces (..., in, out, point); values[k],
    f_oi^(k)(z_i), of the same shape.
    """

    point_slice: slice
    bell: Bell
    index: torch.Tensor
    powers: list[torch.Tensor]
    values: list[torch.Tensor]

    def output_jets(self) -> list[torch.Tensor]:
        """Return the output jets (..., out, point), one for each alpha."""
        found = [self.values[0].sum(-3)]
        for row in self.bell[1:]:
            pairs = zip(row[1:], self.values[1:], strict=False)
            found.append(_sum_of_products([(value, b) for b, value in pairs if b is not None]).sum(-3))
        return found

    def edge_adjoints(self, lam: Jets) -> list[torch.Tensor]:
        """Return a_k (..., in, out, point), a_0 (..., 1, out, point), from lam[alpha] (..., 1, out, point)."""
        terms: list[list[tuple[torch.Tensor, torch.Tensor]]] = [[] for _ in self.bell[-1]]
        for alpha, row in enumerate(self.bell[1:], start=1):
            for k, b in enumerate(row):
                if b is not None:
                    terms[k].append((lam[alpha], b))
        return [lam[0], *(_sum_of_products(found) for found in terms[1:])]

    def input_adjoints(self, jets: JetSet, lam: Jets, edges: list[torch.Tensor]) -> list[torch.Tensor]:
        """Return adjoints (..., in, point) of the input jets from those of the output and of the edges."""
        slopes = self.values[1:]
        parts = [_sum_of_products(list(zip(slopes, edges, strict=False))).sum(-2)]
        parts += [torch.zeros_like(parts[0]) for _ in lam[1:]]
        along: dict[tuple[int, int], torch.Tensor] = {}  # sum_o lambda^alpha f^(k+1)
        for alpha, beta, rest, factor in jets.leibniz_terms:
            for k, (b, slope) in enumerate(zip(self.bell[rest], slopes, strict=False)) if beta else ():
                if b is not None:
                    if (alpha, k) not in along:
                        along[alpha, k] = (slope * lam[alpha]).sum(-2)
                    parts[beta].addcmul_(along[alpha, k], b.squeeze(-2), value=factor)
        return parts

    def add_coefficients(self, found: torch.Tensor, lanes: torch.Tensor, edges: list[torch.Tensor]) -> None:
        """Add the derivatives by the d_m to ``found`` (m, ..., in, out, lane), at ``lanes`` (..., in, out, point).

        d_m enters f^(k) by s^(m-k). Overwrites ``edges``, from the highest m down, as no lower one needs them.
        """
        for m in range(len(found) - 1, -1, -1):
            terms = [(edge, self.powers[m - k]) for k, edge in enumerate(edges[:m])]
            total = edges[m] if m < len(edges) else _sum_of_products(terms)
            for edge, power in terms if m < len(edges) else ():
                total.addcmul_(edge, power)
            found[m].scatter_add_(-1, lanes, total.expand(lanes.shape))


@dataclass(frozen=True)
class SplineTrace:
    """Input jets, pieces j and s (..., in, point), and table (m, ..., in, out, piece).

    The backward pass recomputes the edges block by block: storing them would cost more, as they leave the cache.
    """

    layer: Spline
    jets: JetSet
    z: Jets
    table: torch.Tensor
    j: torch.Tensor
    s: torch.Tensor

    def blocks(self) -> Iterator[EdgeBlock]:
        """Yield the edges of consecutive blocks of points."""
        edges = self.table[0, ..., 0].shape
        for place in _blocks(self.j.shape[-1], edges.numel()):
            at = (..., None, place)
            index = self.j[at].expand(*edges, place.stop - place.start)
            powers = _taylor_powers(self.s[at], len(self.table) - 1)
            values = _edge_values(self.table, index, powers, self.jets.order + 1)
            yield EdgeBlock(place, self.jets.bell_polynomials([z[at] for z in self.z]), index, powers, values)

    def pull(self, adjoint: Jets) -> Jets:
        parts = []
        for block in self.blocks():
            lam = [a[..., None, :, block.point_slice] for a in adjoint]
            parts.append(block.input_adjoints(self.jets, lam, block.edge_adjoints(lam)))
        return _joined(parts)

    def rows(self, adjoint: Jets) -> torch.Tensor:
        """Return rows from the jets (alpha, ..., point, in, local) of the functions that are nonzero at z."""
        basis, bell = self.layer.basis, self.jets.bell_polynomials([z.mT for z in self.z])
        tables, first = basis.local(self.z[0].mT, self.jets.order)
        features = self.jets.stacked_composition(bell, tables)
        inputs, local = features.shape[-2:]
        rows = torch.stack(list(adjoint), -1).transpose(-3, -2) @ features.flatten(-2).movedim(0, -2)
        rows = rows.unflatten(-1, (inputs, local))  # (..., point, out, in, local)
        if local < basis.count:
            index = first.unsqueeze(-1) + torch.arange(local, device=first.device)
            dense = rows.new_zeros((*rows.shape[:-1], basis.count))
            rows = dense.scatter_(-1, index.unsqueeze(-3).expand(rows.shape), rows)
        return rows.flatten(-3)

    def gradient(self, adjoint: Jets, needs_input_adjoint: bool) -> tuple[torch.Tensor, Jets]:
        pieces: TaylorPieces = taylor_pieces(self.layer.basis)
        found, parts = self.table.new_zeros((*self.table.shape[:-1], pieces.intervals * PARTIAL_SUMS)), []
        lanes = self.j * PARTIAL_SUMS + torch.arange(self.j.shape[-1], device=self.j.device) % PARTIAL_SUMS
        for block in self.blocks():
            lam = [a[..., None, :, block.point_slice] for a in adjoint]
            edges = block.edge_adjoints(lam)
            if needs_input_adjoint:
                parts.append(block.input_adjoints(self.jets, lam, edges))
            where = lanes[..., None, block.point_slice].expand(block.index.shape)
            block.add_coefficients(found, where, edges)
        summed = found.unflatten(-1, (-1, PARTIAL_SUMS)).sum(-1).to(self.layer.weight.dtype)
        weight = pieces.coefficient_gradient(summed).transpose(-3, -2)
        return weight.flatten(-3), _joined(parts)


def _blocks(points: int, edges: int) -> list[slice]:
    """Return slices of equal length that cover all points, with a limited number of edge values each."""
    count = max(1, -(-points * edges // BLOCK_VALUES))
    ends = [points * n // count for n in range(count + 1)]
    return [slice(a, b) for a, b in pairwise(ends) if a < b]


def _joined(parts: list[list[torch.Tensor]]) -> list[torch.Tensor]:
    """Concatenate arrays of blocks along the points."""
    return parts[0] if len(parts) == 1 else [torch.cat(found, -1) for found in zip(*parts, strict=True)]


def _taylor_powers(s: torch.Tensor, degree: int) -> list[torch.Tensor]:
    """Return ``s^m/m!`` for m = 1..degree, at m; entry 0 is a placeholder."""
    powers = [s, s]
    for m in range(2, degree + 1):
        powers.append((powers[-1] * s).mul_(1.0 / m))
    return powers


def _edge_values(
    table: torch.Tensor, index: torch.Tensor, powers: list[torch.Tensor], order: int
) -> list[torch.Tensor]:
    """Return f^(k) (..., in, out, point), k = 0..min(order, degree), from the derivatives at the knot below."""
    values = [d.gather(-1, index) for d in table]
    for k in range(min(order, len(values) - 1) + 1):  # in place: derivative k is not needed again
        for m in range(k + 1, len(values)):
            near = (values[m], powers[m - k])
            values[k] = torch.addcmul(values[k], *near) if m == k + 1 else values[k].addcmul_(*near)
    return values[: order + 1]


def _sum_of_products(terms: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
    """Return ``sum_n a_n b_n``, without a new array for every term."""
    (a, b), *rest = terms
    total = a * b
    for a, b in rest:
        total.addcmul_(a, b)
    return total
