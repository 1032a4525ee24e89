"""A layer of edges, ``y_o = sum_i f_oi(z_i)``: coefficients first, then jets, at a cost that knows no knots.

With ``f_oi^(k)(z_i)`` at hand, from the piece on which z_i lies (:mod:`pinnkan.kan.pieces`), and the Bell polynomials B
of z_i, ``D^alpha y_o = sum_i,k B_{alpha,k} f_oi^(k)``. From adjoints lambda of y those of f_oi^(k) are ``a_k =
sum_alpha lambda_o^alpha B_{alpha,k}``, which give the gradient by the coefficients, and with the next derivative those
of z_i: ``sum_k,o a_k f_oi^(k+1)`` for its value, and for its derivatives ``D^beta z_i`` by Leibniz ``sum_alpha C(alpha,
beta) sum_k B_{alpha-beta,k} sum_o lambda_o^alpha f_oi^(k+1)``.

Measured, one thread, loss and gradient of one run, against features first (dense tables of all basis functions, their
jets, then the product with W), on the coarsest and the finest level: [3,5,1] at 2700 points 22 and 67 ms before, 3.3
ms; [3,5,5,1] at 5257 points 85 and 161 ms before, 12 ms; [2,5,1] at 20,000 values 52 and 98 ms before, 4.4 ms;
[2,20,20,1] at 4288 points 160 and 530 ms before, 80 ms. Only in that wide layer, 20 to 20, does a sparse product of
local features compete (6 to 9 ms for 27 million multiplications by scipy's or MKL's CSR, as many for its transpose, 10
to 40 ms for a dense one); but the way back needs the derivatives of the edges there too, or the product sampled at the
non-zeros (50 ms), and nothing is gained in all. Products point by point (batched, 4 x 80 x 20) cost 13 ms each on top
of 40 ms for gathering their matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from pinnkan.kan.jet import Bell, Jets, JetSet
from pinnkan.kan.layer_basis import LayerBasis
from pinnkan.kan.pieces import pieces_of


@dataclass(frozen=True, eq=False)
class Spline:
    """``y_o = sum_i,c W[o,i,c] b_c(z_i)``: the layer of arXiv:2603.04827; ``weight`` (..., out, in, function).

    The b_c are splines, or powers of ReLU.
    """

    basis: LayerBasis
    weight: torch.Tensor

    @property
    def size(self) -> int:
        outputs, inputs, count = self.weight.shape[-3:]
        return outputs * inputs * count

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
        powers = _taylor_powers(s, pieces.degree)
        table = pieces.derivatives(self.weight)  # (m, ..., out, in, interval)
        start = torch.arange(table[0].numel() // pieces.intervals, device=j.device) * pieces.intervals
        index = j.unsqueeze(-3) + start.reshape(*table.shape[1:-1], 1)  # (..., out, in, point)
        local = [d.reshape(-1).index_select(0, index.reshape(-1)).reshape(index.shape) for d in table]
        values = _edge_values(local, powers, jets.order + 1)
        bell = jets.bell_polynomials(z)
        trace = SplineTrace(self, jets, z, bell, index, powers, values)
        return [_summed(row, values) for row in bell], trace


@dataclass(frozen=True)
class SplineTrace:
    """Bell polynomials of z, where its pieces' coefficients stand, ``s^m/m!``, and f_oi^(k)(z_i), k = 1, 2, ...

    index, values[k]: (..., out, in, point); powers[m]: (..., in, point).
    """

    layer: Spline
    jets: JetSet
    z: Jets
    bell: Bell
    index: torch.Tensor
    powers: list[torch.Tensor]
    values: list[torch.Tensor]

    def pull(self, adjoint: Jets) -> Jets:
        lam = [a.unsqueeze(-2) for a in adjoint]
        return self._pulled(lam, self._edge_adjoints(lam))

    def _pulled(self, lam: Jets, edges: list[torch.Tensor]) -> Jets:
        """Adjoints of z from those of y, lam[alpha] (..., out, 1, point), and of the edges."""
        slopes = self.values[1:]
        parts = [_combined(None, list(zip(edges, slopes, strict=False))).sum(-3)]
        parts += [torch.zeros_like(parts[0]) for _ in lam[1:]]
        along: dict[tuple[int, int], torch.Tensor] = {}  # sum_o lambda^alpha f^(k+1)
        for alpha, beta, rest, factor in self.jets.leibniz:
            for k, (bell, slope) in enumerate(zip(self.bell[rest], slopes, strict=False)) if beta else ():
                if bell is not None:
                    if (alpha, k) not in along:
                        along[alpha, k] = (lam[alpha] * slope).sum(-3)
                    parts[beta].addcmul_(along[alpha, k], bell, value=factor)
        return parts

    def rows(self, adjoint: Jets) -> torch.Tensor:
        tables = self.layer.basis.dense(self.z[0].mT, self.jets.order)  # (k, ..., point, in, function)
        bell = [[None if b is None else b.mT for b in row] for row in self.bell]
        features = self.jets.compose(bell, tables).flatten(-2)
        return torch.einsum("a...op,a...pk->...pok", torch.stack(list(adjoint)), features).flatten(-2)

    def gradient(self, adjoint: Jets, below: bool) -> tuple[torch.Tensor, Jets]:
        lam = [a.unsqueeze(-2) for a in adjoint]
        edges = self._edge_adjoints(lam)
        return self._by_coefficients(edges), self._pulled(lam, edges) if below else ()

    def _by_coefficients(self, edges: list[torch.Tensor]) -> torch.Tensor:
        """Derivatives (..., coefficient) from the adjoints a_k of the edges, summed over the points."""
        pieces = pieces_of(self.layer.basis)
        shape = (*edges[0].shape[:-3], *self.layer.weight.shape[-3:-1], pieces.intervals)
        found = edges[0].new_zeros((pieces.degree + 1, *shape))
        for m, sums in enumerate(found):  # d_m enters f^(k), k <= m, with s^(m-k)/(m-k)!
            terms = [(edge, self.powers[m - k].unsqueeze(-3)) for k, edge in enumerate(edges[: m + 1])]
            total = _combined(edges[m] if m < len(edges) else None, terms[: m if m < len(edges) else None])
            sums.view(-1).scatter_add_(0, self.index.reshape(-1), total.expand(self.index.shape).reshape(-1))
        return pieces.coefficients(found).flatten(-3)

    def _edge_adjoints(self, lam: Jets) -> list[torch.Tensor]:
        """a_k (..., out, in, point), k = 0..order; the first is the same for all inputs, (..., out, 1, point)."""
        found: list[torch.Tensor | None] = [lam[0], *[None] * self.jets.order]
        for alpha, row in enumerate(self.bell[1:], start=1):
            for k, bell in enumerate(row):
                if bell is not None:
                    known, factor = found[k], bell.unsqueeze(-3)
                    found[k] = lam[alpha] * factor if known is None else known.addcmul_(lam[alpha], factor)
        return [a for a in found if a is not None]


def _taylor_powers(s: torch.Tensor, degree: int) -> list[torch.Tensor]:
    """``s^m/m!`` for m = 0..degree."""
    powers = [torch.ones_like(s)]
    for m in range(1, degree + 1):
        powers.append(powers[-1] * (s / m) if m > 1 else s)
    return powers


def _edge_values(local: list[torch.Tensor], powers: list[torch.Tensor], order: int) -> list[torch.Tensor]:
    """f^(k) (..., out, in, point), k = 0..order or the degree, from the derivatives at the knot below."""
    values = []
    for k in range(min(order, len(local) - 1) + 1):
        values.append(_combined(local[k], [(local[m], powers[m - k].unsqueeze(-3)) for m in range(k + 1, len(local))]))
    return values


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


def _summed(row: list[torch.Tensor | None], values: list[torch.Tensor]) -> torch.Tensor:
    """``sum_i,k B_k f_oi^(k)`` (..., out, point) for one alpha."""
    if len(row) == 1:
        return values[0].sum(-2)
    pairs = zip(row[1:], values[1:], strict=False)
    return _combined(None, [(bell.unsqueeze(-3), value) for bell, value in pairs if bell is not None]).sum(-2)
