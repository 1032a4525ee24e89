"""The deep Kolmogorov-Arnold network: adding nodes, a spline on every edge, jets forward and adjoints backward.

A layer maps z (unit) to ``y_o = sum_i sum_c W[o,i,c] b_c(z_i)`` (arXiv:2603.04827, no base function, no bias), the b_c
being any :class:`pinnkan.kan.layers.layer_basis.LayerBasis`. With the
Bell polynomials of z_i the jets of its features are ``G^alpha_ic = sum_k B_{alpha,k}(z_i) b_c^(k)(z_i)``; the Jacobian
of a row with output adjoints lambda is ``J_oic = sum_alpha lambda_o^alpha G^alpha_ic``, and the adjoints of z follow
from ``D^alpha(b(z) varied by dz) = sum_beta C(alpha, beta) D^{alpha-beta}[b'(z)] D^beta dz``. One pass each way
serves all points at once. Features do not depend on the units they feed, so that wide layers are matrix products.

Axes: (derivative alpha, point, unit); coefficients (out, in, function).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from math import comb
from typing import Any, Protocol, Self

import torch

from pinnkan.kan.layers.jet import JetSet
from pinnkan.kan.layers.layer_basis import LayerBasis
from pinnkan.kan.spline import Basis


class Trace(Protocol):
    """What a layer remembers of a forward pass, for the way back."""

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        """Adjoints (alpha, point, in) of the input jets from those (alpha, point, out) of the output."""
        ...


class JetNetwork(Protocol):
    """What the solver and the field need of a network, whatever its layers."""

    @property
    def parameters(self) -> int:
        """Number of trained coefficients."""
        ...

    @property
    def intervals(self) -> int:
        """Knot intervals of an edge."""
        ...

    @property
    def outputs(self) -> int:
        """Number of unknowns."""
        ...

    @property
    def device(self) -> torch.device:
        """Where the coefficients are."""
        ...

    def flat(self) -> torch.Tensor:
        """All trained coefficients in one vector."""
        ...

    def with_flat(self, vector: torch.Tensor) -> Self:
        """The same network with other coefficients."""
        ...

    def halved(self) -> Self:
        """Every knot interval halved; the same function, exactly."""
        ...

    def forward(self, jets: JetSet, inputs: torch.Tensor) -> tuple[torch.Tensor, list[Any]]:
        """Jets (alpha, point, unknown) of the outputs from those of the inputs (alpha, point, in), and the traces."""
        ...

    def jacobian(self, traces: list[Any], adjoint: torch.Tensor) -> torch.Tensor:
        """Rows (point, coefficient): derivatives of ``sum_alpha,o adjoint[alpha,point,o] output[alpha,point,o]``."""
        ...

    def gradient(self, traces: list[Any], adjoint: torch.Tensor) -> torch.Tensor:
        """:meth:`jacobian` summed over the points, (coefficient)."""
        ...


@dataclass(frozen=True)
class EdgesTrace:
    """Jets (alpha, point, in, local) of the features b_c(z_i) that live at z_i, and of b_c'(z_i)."""

    jets: JetSet
    weight: torch.Tensor
    features: torch.Tensor
    slopes: torch.Tensor
    index: torch.Tensor  # (point, in, local): which c

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        _, width, count = self.weight.shape
        edges = (adjoint @ self.weight.reshape(len(self.weight), -1)).reshape(*adjoint.shape[:2], width, count)
        if self.index.shape[-1] < count:
            edges = edges.gather(-1, self.index.expand(self.features.shape))
        parts: list[torch.Tensor | None] = [None] * len(self.jets)
        for alpha, beta, rest, weight in self.jets.leibniz:
            term = weight * (self.slopes[rest] * edges[alpha]).sum(-1)
            known = parts[beta]
            parts[beta] = term if known is None else known + term
        return torch.stack([p for p in parts if p is not None])

    def coefficient_rows(self, adjoint: torch.Tensor) -> torch.Tensor:
        """Derivatives (point, out, in, function) of ``sum_alpha adjoint . output`` by the layer's coefficients."""
        _, points, width, local = self.features.shape
        features = self.features.permute(1, 0, 2, 3).reshape(points, -1, width * local)
        rows = torch.bmm(adjoint.permute(1, 2, 0), features).reshape(points, -1, width, local)
        if local == self.weight.shape[-1]:
            return rows
        dense = rows.new_zeros((*rows.shape[:-1], self.weight.shape[-1]))
        return dense.scatter_(-1, self.index.unsqueeze(1).expand(rows.shape), rows)

    def coefficient_sum(self, adjoint: torch.Tensor) -> torch.Tensor:
        """:meth:`coefficient_rows` summed over the points: (out, in, function)."""
        features = spread(self.features, self.index, self.weight.shape[-1])
        return (adjoint.reshape(-1, adjoint.shape[-1]).T @ features).reshape(self.weight.shape)


@dataclass(frozen=True)
class SquashTrace:
    """Jets (alpha, point, unit) of s'(z)."""

    jets: JetSet
    slopes: torch.Tensor

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        return self.jets.multiply_adjoint(self.slopes, adjoint)


def spread(features: torch.Tensor, index: torch.Tensor, count: int) -> torch.Tensor:
    """Local features (alpha, point, in, local) in a matrix (alpha * point, in * function)."""
    if features.shape[-1] < count:
        dense = features.new_zeros((*features.shape[:-1], count))
        features = dense.scatter(-1, index.expand(features.shape), features)
    return features.reshape(-1, features.shape[-2] * count)


def layer(jets: JetSet, basis: LayerBasis, weight: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, EdgesTrace]:
    """Output jets (alpha, point, out) and trace; ``weight`` (out, in, function), ``z`` (alpha, point, in)."""
    tables, first = basis.local(z[0], jets.order + 1)
    index = first.unsqueeze(-1) + torch.arange(tables.shape[-1], device=z.device)
    bell = jets.bell_polynomials(z)
    features = jets.compose(bell, tables)
    output = spread(features, index, basis.count) @ weight.reshape(len(weight), -1).T
    trace = EdgesTrace(jets, weight, features, jets.compose(bell, tables[1:]), index)
    return output.reshape(*z.shape[:2], -1), trace


def squash(jets: JetSet, z: torch.Tensor) -> tuple[torch.Tensor, SquashTrace]:
    """tanh of every unit, which keeps it inside the knots of the next layer."""
    value = torch.tanh(z[0])
    outer = torch.stack(tanh_derivatives(value, jets.order + 1))
    bell = jets.bell_polynomials(z)
    return jets.compose(bell, outer), SquashTrace(jets, jets.compose(bell, outer[1:]))


def tanh_derivatives(value: torch.Tensor, order: int) -> list[torch.Tensor]:
    """tanh and its derivatives up to ``order`` from ``value``, tanh: those of 1 - y^2, its first, by Leibniz."""
    out = [value]
    for n in range(order):
        half = [(comb(n, j), out[j], out[n - j]) for j in range((n + 1) // 2)]  # every product but the middle one twice
        start = out[n // 2].square() if n % 2 == 0 else None
        total = start * comb(n, n // 2) if start is not None and n else start
        for times, a, b in half:
            total = a * (2 * times) * b if total is None else torch.addcmul(total, a, b, value=2 * times)
        assert total is not None
        out.append(-total if n else 1.0 - total)
    return out


@dataclass(frozen=True)
class Network:
    """Layers of edges; ``weights[l]`` has shape (out, in, function).

    ``squashed``: tanh before every layer but the first, which keeps units inside the knots.
    """

    bases: tuple[LayerBasis, ...]
    weights: tuple[torch.Tensor, ...]
    squashed: bool = True

    @property
    def parameters(self) -> int:
        """Number of coefficients."""
        return sum(w.numel() for w in self.weights)

    @property
    def intervals(self) -> int:
        """Knot intervals of an edge, of the finest layer."""
        return max(b.intervals for b in self.bases)

    @property
    def outputs(self) -> int:
        """Number of unknowns."""
        return self.weights[-1].shape[0]

    @property
    def device(self) -> torch.device:
        """Where the coefficients are."""
        return self.weights[0].device

    def flat(self) -> torch.Tensor:
        """All coefficients in one vector, layer by layer."""
        return torch.cat([w.reshape(-1) for w in self.weights])

    def with_flat(self, vector: torch.Tensor) -> Network:
        """The same network with other coefficients."""
        parts = torch.split(vector, [w.numel() for w in self.weights])
        return replace(self, weights=tuple(p.reshape(w.shape) for p, w in zip(parts, self.weights, strict=True)))

    def prolonged(self, bases: tuple[LayerBasis, ...]) -> Network:
        """The same function, exactly, on ``bases`` of the same kinds that contain those of every layer."""
        pairs = zip(self.bases, self.weights, bases, strict=True)
        return replace(self, bases=bases, weights=tuple(b.prolong(w, fine) for b, w, fine in pairs))

    def halved(self) -> Network:
        """Every knot interval halved; the same function, exactly."""
        return self.prolonged(tuple(b.halved() for b in self.bases))

    def forward(self, jets: JetSet, inputs: torch.Tensor) -> tuple[torch.Tensor, list[Trace]]:
        """Jets (alpha, point, unknown) of the outputs from those of the inputs (alpha, point, in), and the traces."""
        z, traces = inputs, list[Trace]()
        for position, (basis, weight) in enumerate(zip(self.bases, self.weights, strict=True)):
            if position and self.squashed:
                z, inside = squash(jets, z)
                traces.append(inside)
            z, trace = layer(jets, basis, weight, z)
            traces.append(trace)
        return z, traces

    def jacobian(self, traces: list[Trace], adjoint: torch.Tensor) -> torch.Tensor:
        """Rows (point, coefficient): derivatives of ``sum_alpha,o adjoint[alpha,point,o] output[alpha,point,o]``."""
        blocks = [t.coefficient_rows(a).flatten(1) for t, a in _backward(traces, adjoint)]
        return torch.cat(blocks[::-1], 1)

    def gradient(self, traces: list[Trace], adjoint: torch.Tensor) -> torch.Tensor:
        """:meth:`jacobian` summed over the points, (coefficient), at the price of a forward pass."""
        blocks = [t.coefficient_sum(a).flatten() for t, a in _backward(traces, adjoint)]
        return torch.cat(blocks[::-1])


def _backward(traces: list[Trace], adjoint: torch.Tensor) -> Iterator[tuple[EdgesTrace, torch.Tensor]]:
    """The layers, last first, each with the adjoints of its output."""
    for position in range(len(traces) - 1, -1, -1):
        trace = traces[position]
        if isinstance(trace, EdgesTrace):
            yield trace, adjoint
        if position:
            adjoint = trace.pull(adjoint)


def random_network(
    widths: tuple[int, ...], degree: int, intervals: int, spread: float, seed: int, device: str = "cpu"
) -> Network:
    """Edges that are straight lines of random slope plus smooth noise, units of variance about one third.

    The lines come from the Greville abscissae, so that the start does not depend on the knots; ``spread`` is the noise
    relative to the slope.
    """
    generator = torch.Generator().manual_seed(seed)
    breaks = torch.linspace(-1.0, 1.0, intervals + 1, dtype=torch.float64)
    basis = Basis.extended(breaks, degree)
    line = basis.identity()
    weights = []
    for inputs, outputs in pairwise(widths):
        slope = torch.randn((outputs, inputs, 1), generator=generator, dtype=torch.float64)
        slope = slope / (slope.square().sum(1, keepdim=True).sqrt() + 1e-3)
        noise = torch.randn((outputs, inputs, basis.count), generator=generator, dtype=torch.float64)
        weights.append((slope * line + spread / inputs**0.5 * noise).to(device))
    return Network((basis.to(device),) * len(weights), tuple(weights))
