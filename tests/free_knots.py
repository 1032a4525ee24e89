"""A spline layer whose knots are trained too (arXiv:2505.18131): ordered, for their gaps are a softmax.

Input i has gaps ``h_im = (b - a) softmax(s_i)_m`` and knots ``a + h_i0 + ... + h_im``, continued outside by the first
and the last gap. A jet of the layer at a point depends on the 2 p knots around it only; their derivatives come from one
backward pass of the summed output, since the points are independent.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from dense_features import FeatureTrace, features_forward

from pinnkan.kan.layers.jet import Jets, JetSet
from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis, local_tables, prolongation


@dataclass(frozen=True, eq=False)
class FreeSpline:
    """``shares`` (..., in, interval) before the softmax, ``weight`` (..., out, in, function), knots on [a, b]."""

    degree: int
    ends: tuple[float, float]
    shares: torch.Tensor
    weight: torch.Tensor

    @classmethod
    def of(cls, layer: Spline) -> FreeSpline:
        """The same function as a layer of fixed extended knots."""
        assert isinstance(layer.basis, Basis)
        breaks = layer.basis.breaks
        shares = breaks.diff().log().expand(*layer.weight.shape[:-3], layer.weight.shape[-2], -1)
        return cls(layer.basis.degree, (float(breaks[0]), float(breaks[-1])), shares, layer.weight)

    @property
    def intervals(self) -> int:
        """Knot intervals of an edge."""
        return self.shares.shape[-1]

    @property
    def size(self) -> int:
        outputs, inputs, count = self.weight.shape[-3:]
        return inputs * self.intervals + outputs * inputs * count

    @property
    def outputs(self) -> int:
        return self.weight.shape[-3]

    def flat(self) -> torch.Tensor:
        return torch.cat([self.shares.flatten(-2), self.weight.flatten(-3)], -1)

    def with_flat(self, vector: torch.Tensor) -> FreeSpline:
        split = self.shares.shape[-2] * self.intervals
        shares = vector[..., :split].unflatten(-1, self.shares.shape[-2:])
        return replace(self, shares=shares, weight=vector[..., split:].unflatten(-1, self.weight.shape[-3:]))

    def gaps(self) -> torch.Tensor:
        """Lengths of the knot intervals (..., in, interval)."""
        return (self.ends[1] - self.ends[0]) * torch.softmax(self.shares, -1)

    def knots(self) -> torch.Tensor:
        """Extended knots (..., in, knot)."""
        return self.ends[0] + self.gaps() @ self.spacing().mT

    def spacing(self) -> torch.Tensor:
        """The matrix (knot, interval) with ``knots = a + spacing @ gaps``."""
        n, p = self.intervals, self.degree
        matrix = self.shares.new_zeros((n + 1 + 2 * p, n))
        matrix[p : p + n + 1] = torch.ones((n + 1, n), dtype=matrix.dtype).tril(-1)
        outside = torch.arange(1, p + 1, dtype=matrix.dtype)
        matrix[:p, 0] = -outside.flip(0)
        matrix[p + n + 1 :] = 1.0
        matrix[p + n + 1 :, -1] += outside
        return matrix

    def to(self, device: torch.device | str) -> FreeSpline:
        """The same layer on another device."""
        return replace(self, shares=self.shares.to(device), weight=self.weight.to(device))

    def halved(self) -> FreeSpline:
        """Every interval halved: knots inserted, coefficients exactly prolonged."""
        fine = replace(self, shares=torch.log_softmax(self.shares, -1).repeat_interleave(2, -1))
        old, new = (layer.knots().flatten(0, -2) for layer in (self, fine))
        pairs = zip(old, new, strict=True)
        rows = [prolongation(Basis(a, self.degree), Basis(b, self.degree)) for a, b in pairs]
        matrices = torch.stack(rows).unflatten(0, (*self.shares.shape[:-2], 1, self.shares.shape[-2]))
        return replace(fine, weight=(matrices @ self.weight.unsqueeze(-1)).squeeze(-1))

    def forward(self, jets: JetSet, z: Jets) -> tuple[Jets, FreeTrace]:
        knots, stacked = self.knots(), torch.stack(list(z)).mT
        runs = torch.broadcast_shapes(knots.shape[:-2], stacked.shape[1:-2])
        x = z[0].expand(*runs, *z[0].shape[-2:]).contiguous()  # (..., in, point)
        knots = knots.expand(*runs, *knots.shape[-2:]).contiguous()
        span = torch.searchsorted(knots, x, right=True) - 1
        span = span.clamp(self.degree, self.intervals + self.degree - 1)
        around = span.unsqueeze(-1) + torch.arange(1 - self.degree, self.degree + 1, device=knots.device)
        near = torch.gather(knots.unsqueeze(-2).expand(*x.shape, -1), -1, around)
        trace = FreeTrace(self, jets, stacked, around.transpose(-2, -3), near.transpose(-2, -3), None)
        y, features = trace.evaluate(trace.near)
        return y.mT.unbind(0), replace(trace, features=features)


def with_free_knots(network: Network) -> Network:
    """The same function with the knots of every edge among the trained coefficients."""
    return Network(tuple(FreeSpline.of(s) if isinstance(s, Spline) else s for s in network.layers))


@dataclass(frozen=True)
class FreeTrace:
    """Input jets (alpha, ..., point, in); index and place of the 2 p knots around every unit of every point.

    around, near: (..., point, in, 2 p).
    """

    layer: FreeSpline
    jets: JetSet
    z: torch.Tensor
    around: torch.Tensor
    near: torch.Tensor
    features: FeatureTrace | None

    def evaluate(self, near: torch.Tensor) -> tuple[torch.Tensor, FeatureTrace]:
        """The layer at the same points with the knots ``near`` them elsewhere."""
        p = self.layer.degree
        local = local_tables(self.z[0].expand(near.shape[:-1]), near.movedim(-1, 0), p, self.jets.order + 1)
        index = self.around[..., :1] - 1 + torch.arange(p + 1, device=near.device)  # around starts at span - p + 1
        dense = local.new_zeros((*local.shape[:-1], self.layer.weight.shape[-1]))
        tables = dense.scatter(-1, index.expand(local.shape), local)
        return features_forward(self.jets, self.z, tables, self.layer.weight)

    def pull(self, adjoint: Jets) -> Jets:
        return self._known().pull(torch.stack(list(adjoint)).mT).mT.unbind(0)

    def rows(self, adjoint: Jets) -> torch.Tensor:
        stacked = torch.stack(list(adjoint)).mT
        return torch.cat([self._by_shares(stacked).flatten(-2), self._known().rows(stacked)], -1)

    def gradient(self, adjoint: Jets, below: bool) -> tuple[torch.Tensor, Jets]:
        stacked = torch.stack(list(adjoint)).mT
        found = torch.cat([self._by_shares(stacked).sum(-3).flatten(-2), self._known().gradient(stacked)], -1)
        return found, self.pull(adjoint) if below else ()

    def _by_shares(self, adjoint: torch.Tensor) -> torch.Tensor:
        """Derivatives (..., point, in, interval) by the shares."""
        with torch.enable_grad():
            near = self.near.detach().requires_grad_()
            y, _ = self.evaluate(near)
            (slopes,) = torch.autograd.grad((y * adjoint).sum(), near)
        matrix, gaps = self.layer.spacing(), self.layer.gaps().unsqueeze(-3)  # (..., 1, in, interval)
        by_knots = slopes.new_zeros((*slopes.shape[:-1], len(matrix))).scatter_add(-1, self.around, slopes)
        by_gaps = by_knots @ matrix
        mean = (by_gaps * gaps).sum(-1, keepdim=True) / (self.layer.ends[1] - self.layer.ends[0])
        return gaps * (by_gaps - mean)

    def _known(self) -> FeatureTrace:
        assert self.features is not None
        return self.features
