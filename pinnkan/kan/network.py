"""The deep Kolmogorov-Arnold network: adding nodes, a spline on every edge, jets forward and adjoints backward.

A layer maps z (unit) to ``y_o = sum_i sum_c W[o,i,c] b_c(z_i)`` (arXiv:2603.04827, no base function, no bias). With the
Bell polynomials of z_i the jets of its features are ``G^alpha_ic = sum_k B_{alpha,k}(z_i) b_c^(k)(z_i)``; the Jacobian
of a row with output adjoints lambda is ``J_oic = sum_alpha lambda_o^alpha G^alpha_ic``, and the adjoints of z follow
from ``D^alpha(b(z) varied by dz) = sum_beta C(alpha, beta) D^{alpha-beta}[b'(z)] D^beta dz``. One pass each way
serves all points at once.

Axes: (derivative alpha, point, unit); coefficients (out, in, function).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import torch

from pinnkan.kan.jet import JetSet
from pinnkan.kan.spline import Basis, halve_coefficients

Bell = list[list[torch.Tensor | None]]


class Trace(Protocol):
    """What a layer remembers of a forward pass, for the way back."""

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        """Adjoints (alpha, point, in) of the input jets from those (alpha, point, out) of the output."""
        ...


@dataclass(frozen=True)
class SplineTrace:
    """Bell polynomials of z, spline tables (k, point, in, local), first functions, jets of the edges' derivatives."""

    jets: JetSet
    bell: Bell
    tables: torch.Tensor
    first: torch.Tensor
    slopes: torch.Tensor  # (alpha, point, in, out): D^alpha [phi_oi'(z_i)]

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        parts: list[torch.Tensor | None] = [None] * len(self.jets)
        for alpha, beta, rest, weight in self.jets.leibniz:
            term = weight * (self.slopes[rest] @ adjoint[alpha].unsqueeze(-1)).squeeze(-1)
            known = parts[beta]
            parts[beta] = term if known is None else known + term
        return torch.stack([p for p in parts if p is not None])

    def coefficient_rows(self, adjoint: torch.Tensor, count: int) -> torch.Tensor:
        """Derivatives (point, out, in, function) of ``sum_alpha adjoint . output`` by the layer's coefficients."""
        factors: list[torch.Tensor | None] = [None] * (self.jets.order + 1)
        for alpha, row in enumerate(self.bell):
            for k, polynomial in enumerate(row):
                if polynomial is not None:
                    term = adjoint[alpha].unsqueeze(-1) * polynomial.unsqueeze(-2)
                    known = factors[k]
                    factors[k] = term if known is None else known + term
        local = torch.zeros((), dtype=adjoint.dtype, device=adjoint.device)
        for k, factor in enumerate(factors):
            if factor is not None:
                local = local + factor.unsqueeze(-1) * self.tables[k].unsqueeze(-3)
        index = self.first.unsqueeze(-1) + torch.arange(local.shape[-1], device=adjoint.device)
        dense = local.new_zeros((*local.shape[:-1], count))
        return dense.scatter_(-1, index.unsqueeze(-3).expand(local.shape), local)


@dataclass(frozen=True)
class SquashTrace:
    """Jets (alpha, point, unit) of s'(z)."""

    jets: JetSet
    slopes: torch.Tensor

    def pull(self, adjoint: torch.Tensor) -> torch.Tensor:
        return self.jets.multiply_adjoint(self.slopes, adjoint)


def spline_layer(jets: JetSet, basis: Basis, weight: torch.Tensor, z: torch.Tensor) -> tuple[torch.Tensor, SplineTrace]:
    """Output jets (alpha, point, out) and trace; ``weight`` (out, in, function), ``z`` (alpha, point, in)."""
    tables, first = basis.local(z[0], jets.order + 1)
    index = first.unsqueeze(-1) + torch.arange(basis.degree + 1, device=z.device)
    edges = torch.arange(z.shape[-1], device=z.device).reshape(-1, 1)
    local = weight.permute(1, 2, 0)[edges, index]  # (point, in, local, out)
    splines = (tables.unsqueeze(-2) @ local).squeeze(-2)  # (k, point, in, out)
    bell = jets.bell_polynomials(z)
    output = jets.compose(bell, splines).sum(-2)
    return output, SplineTrace(jets, bell, tables, first, jets.compose(bell, splines[1:]))


def squash(jets: JetSet, z: torch.Tensor) -> tuple[torch.Tensor, SquashTrace]:
    """tanh of every unit, which keeps it inside the knots of the next layer."""
    value = torch.tanh(z[0])
    outer = torch.stack(_tanh_derivatives(value, jets.order + 1))
    bell = jets.bell_polynomials(z)
    return jets.compose(bell, outer), SquashTrace(jets, jets.compose(bell, outer[1:]))


def _tanh_derivatives(value: torch.Tensor, order: int) -> list[torch.Tensor]:
    """tanh and its derivatives as polynomials P_k in tanh itself: ``P_{k+1} = P_k' (1 - y^2)``."""
    polynomial = [0.0, 1.0]
    out = [value]
    for _ in range(order):
        slope = [n * c for n, c in enumerate(polynomial)][1:]
        polynomial = [a - b for a, b in zip([*slope, 0.0, 0.0], [0.0, 0.0, *slope], strict=True)]
        total = torch.zeros_like(value)
        for c in reversed(polynomial):
            total = total * value + c
        out.append(total)
    return out


@dataclass(frozen=True)
class Network:
    """Layers of splines; tanh before every layer but the first. ``weights[l]`` has shape (out, in, function)."""

    bases: tuple[Basis, ...]
    weights: tuple[torch.Tensor, ...]

    @property
    def parameters(self) -> int:
        """Number of coefficients."""
        return sum(w.numel() for w in self.weights)

    @property
    def intervals(self) -> int:
        """Knot intervals of an edge."""
        return self.bases[0].intervals

    def flat(self) -> torch.Tensor:
        """All coefficients in one vector, layer by layer."""
        return torch.cat([w.reshape(-1) for w in self.weights])

    def with_flat(self, vector: torch.Tensor) -> Network:
        """The same network with other coefficients."""
        parts = torch.split(vector, [w.numel() for w in self.weights])
        return Network(self.bases, tuple(p.reshape(w.shape) for p, w in zip(parts, self.weights, strict=True)))

    def halved(self) -> Network:
        """Every knot interval halved; the same function, exactly."""
        weights = (halve_coefficients(w, b.degree) for b, w in zip(self.bases, self.weights, strict=True))
        return Network(tuple(b.halved() for b in self.bases), tuple(weights))

    def forward(self, jets: JetSet, inputs: torch.Tensor) -> tuple[torch.Tensor, list[Trace]]:
        """Jets (alpha, point, unknown) of the outputs from those of the inputs (alpha, point, in), and the traces."""
        z, traces = inputs, list[Trace]()
        for layer, (basis, weight) in enumerate(zip(self.bases, self.weights, strict=True)):
            if layer:
                z, inside = squash(jets, z)
                traces.append(inside)
            z, trace = spline_layer(jets, basis, weight, z)
            traces.append(trace)
        return z, traces

    def jacobian(self, traces: list[Trace], adjoint: torch.Tensor) -> torch.Tensor:
        """Rows (point, coefficient): derivatives of ``sum_alpha,o adjoint[alpha,point,o] output[alpha,point,o]``."""
        blocks: list[torch.Tensor] = []
        layer = len(self.bases)
        for position in range(len(traces) - 1, -1, -1):
            trace = traces[position]
            if isinstance(trace, SplineTrace):
                layer -= 1
                rows = trace.coefficient_rows(adjoint, self.bases[layer].count)
                blocks.append(rows.reshape(rows.shape[0], -1))
            if position:
                adjoint = trace.pull(adjoint)
        return torch.cat(blocks[::-1], 1)


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
    line = basis.greville()
    weights = []
    for inputs, outputs in pairwise(widths):
        slope = torch.randn((outputs, inputs, 1), generator=generator, dtype=torch.float64)
        slope = slope / (slope.square().sum(1, keepdim=True).sqrt() + 1e-3)
        noise = torch.randn((outputs, inputs, basis.count), generator=generator, dtype=torch.float64)
        weights.append((slope * line + spread / inputs**0.5 * noise).to(device))
    return Network((basis.to(device),) * len(weights), tuple(weights))
