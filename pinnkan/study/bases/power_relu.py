"""Powers of ReLU with fixed knots, the multichannel perceptron of arXiv:2603.04827: ``psi_i(x) = ReLU(x - t_i)^p``.

On [a, b] they span the splines of :class:`pinnkan.kan.spline.Basis` on the same knots (Lemma 1), every function living
on all of [t_i, b]. As there, the outermost polynomial piece is continued outside [a, b].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import perm

import torch

from pinnkan.kan.layers.network import Network
from pinnkan.kan.layers.pointwise import Layer
from pinnkan.kan.layers.spline_layer import Spline
from pinnkan.kan.spline import Basis, Breaks
from pinnkan.study.bases.change_of_basis import to_powers, to_splines

#: Two knots closer than this, relative to [a, b], are one: midpoints computed in two ways differ by rounding.
SAME_KNOT = 1e-13


@dataclass(frozen=True, eq=False)
class PowerRelu:
    """The functions of one ``degree`` on the strictly increasing ``knots`` of a spline basis (count + degree + 1).

    Function i starts at knot i; the last degree + 1 knots carry none.
    """

    knots: torch.Tensor
    degree: int

    def __post_init__(self) -> None:
        if not bool((self.knots.detach().diff() > 0).all()):
            raise ValueError("a power-ReLU basis needs strictly increasing knots, the outer ones included")

    @classmethod
    def extended(cls, breaks: Breaks, degree: int, device: torch.device | str = "cpu") -> PowerRelu:
        """Strictly increasing breaks, the first and the last spacing continued outside."""
        return cls.of(Basis.extended(breaks, degree, device))

    @classmethod
    def of(cls, splines: Basis) -> PowerRelu:
        """The basis of the same space."""
        return cls(splines.knots, splines.degree)

    @property
    def splines(self) -> Basis:
        """The B-splines of the same space."""
        return Basis(self.knots, self.degree)

    @property
    def count(self) -> int:
        """Number of functions."""
        return len(self.knots) - self.degree - 1

    @property
    def breaks(self) -> torch.Tensor:
        """The knots of [a, b], both ends included."""
        return self.knots[self.degree : self.count + 1]

    @property
    def intervals(self) -> int:
        """Number of polynomial pieces on [a, b]."""
        return self.count - self.degree

    def to(self, device: torch.device | str) -> PowerRelu:
        """The same basis on another device."""
        return PowerRelu(self.knots.to(device), self.degree)

    def local(self, x: torch.Tensor, order: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Derivatives 0..order of all functions at each x, k-th: ``p!/(p-k)! ReLU(x - t_i)^(p-k)``.

        Returns values (order + 1, *x.shape, count), and zeros, shape of ``x``.
        """
        last = self.splines.span(x)
        active = torch.arange(self.count, device=x.device) <= last.unsqueeze(-1)
        powers = [active.to(x.dtype)]
        step = (x.unsqueeze(-1) - self.knots[: self.count]) * powers[0]
        for _ in range(self.degree):
            powers.append(powers[-1] * step)
        zero = torch.zeros_like(step)
        p = self.degree
        tables = [perm(p, k) * powers[p - k] if k <= p else zero for k in range(order + 1)]
        return torch.stack(tables), torch.zeros_like(last)

    def dense(self, x: torch.Tensor, order: int = 0) -> torch.Tensor:
        """Derivatives 0..order of all functions: (order + 1, *x.shape, count)."""
        return self.local(x, order)[0]

    def identity_coefficients(self) -> torch.Tensor:
        """Coefficients (count) of x, all on the first degree + 1 functions, which span the polynomials.

        With the Lagrange polynomials L_i of their knots, ``x = sum_i w_i (x - t_i)^p`` needs ``sum_i w_i t_i^k``
        zero for k < p - 1 and k = p, and ``-1/p`` for k = p - 1: w_i is ``-1/p`` times the second highest coefficient
        of L_i.
        """
        t = self.knots[: self.degree + 1]
        gaps = t.unsqueeze(1) - t.unsqueeze(0)
        gaps = gaps + torch.eye(len(t), dtype=t.dtype, device=t.device)
        out = self.knots.new_zeros(self.count)
        out[: len(t)] = (t.sum() - t) / gaps.prod(1) / self.degree
        return out

    def halved(self) -> PowerRelu:
        """Extended knots with every interval of [a, b] halved."""
        return PowerRelu.of(self.splines.halved())

    def prolong(self, coefficients: torch.Tensor, fine: PowerRelu) -> torch.Tensor:
        """The same functions (..., count) on nested knots: (..., fine.count).

        A function that starts inside (a, b) is a function of ``fine`` too and keeps its coefficient. The others, which
        are polynomials on [a, b], go by way of the splines, ``P = A_fine^T P_spline A^-T``: done at once, in
        matrices, the terms would cancel (measured: five to twenty times the error for cubics to quintics).

        Raises ValueError: a knot is missing in ``fine``, or the degrees differ.
        """
        if self.degree != fine.degree:
            raise ValueError(f"degree {self.degree} is not nested in degree {fine.degree}")
        inner = self.knots[self.degree + 1 : self.count]
        places = _places(inner, fine.knots[: fine.count], SAME_KNOT * float(self.breaks[-1] - self.breaks[0]))
        splines = self.splines.prolong(to_splines(self.splines, coefficients), fine.splines)
        out = to_powers(fine.splines, splines)
        out[..., fine.degree + 1 :] = 0.0
        out[..., places] = coefficients[..., self.degree + 1 :]
        return out


def _places(knots: torch.Tensor, among: torch.Tensor, tolerance: float) -> torch.Tensor:
    """Where each of ``knots`` stands ``among`` others."""
    if not len(knots):
        return torch.zeros(0, dtype=torch.int64, device=knots.device)
    distance, place = (among.unsqueeze(1) - knots).abs().min(0)
    if float(distance.max()) > tolerance:
        raise ValueError("the fine knots do not contain the coarse ones")
    return place


def network_in_powers(network: Network) -> Network:
    """The same function, its spline layers written in powers of ReLU."""
    layers: list[Layer] = []
    for layer in network.layers:
        if isinstance(layer, Spline) and isinstance(layer.basis, Basis):
            layer = Spline(PowerRelu.of(layer.basis), to_powers(layer.basis, layer.weight))
        layers.append(layer)
    return Network(tuple(layers))
