"""Powers of ReLU with fixed knots, the multichannel perceptron of arXiv:2603.04827: ``psi_i(x) = ReLU(x - t_i)^p``.

On [a, b] they span the splines of :class:`pinnkan.kan.spline.Basis` on the same knots (Lemma 1), every function living
on all of [t_i, b]. As there, the outermost polynomial piece is continued outside [a, b].
"""

from __future__ import annotations

from dataclasses import dataclass
from math import perm

import torch

from pinnkan.kan.spline import Basis, Breaks

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

        Returns:
            values (order + 1, *x.shape, count), and zeros, shape of ``x``.
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

    def identity(self) -> torch.Tensor:
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
        """The same functions (..., count) on nested knots: (..., fine.count)."""
        return coefficients @ relu_prolongation(self, fine).T


def relu_prolongation(coarse: PowerRelu, fine: PowerRelu) -> torch.Tensor:
    """The matrix (fine.count, coarse.count) that leaves a function unchanged when knots are inserted.

    A function that starts inside (a, b) is a function of ``fine`` too. Those that start at or below a are polynomials
    on [a, b]; ``(x - t)^p = sum_j L_j(t) (x - tau_j)^p`` with the Lagrange polynomials L_j of the first p + 1 knots tau
    of ``fine``, since both sides are polynomials of degree p in t that agree at tau.

    Raises:
        ValueError: a knot of ``coarse`` is missing in ``fine``, or the degrees differ.
    """
    if coarse.degree != fine.degree:
        raise ValueError(f"degree {coarse.degree} is not nested in degree {fine.degree}")
    outer = coarse.degree + 1
    out = fine.knots.new_zeros((fine.count, coarse.count))
    out[:outer, :outer] = _lagrange(fine.knots[:outer], coarse.knots[:outer])
    inner = coarse.knots[outer : coarse.count]
    gaps = (fine.knots[: fine.count, None] - inner).abs()
    if len(inner):
        distance, place = gaps.min(0)
        if float(distance.max()) > SAME_KNOT * float(coarse.breaks[-1] - coarse.breaks[0]):
            raise ValueError("the fine knots do not contain the coarse ones")
        out[place, torch.arange(outer, coarse.count, device=place.device)] = 1.0
    return out


def _lagrange(nodes: torch.Tensor, t: torch.Tensor) -> torch.Tensor:
    """L_j(t_i), shape (node j, point i)."""
    same = torch.eye(len(nodes), dtype=torch.bool, device=nodes.device)
    below = (nodes.unsqueeze(1) - nodes.unsqueeze(0)).masked_fill(same, 1.0)  # (j, m)
    above = (t[:, None, None] - nodes).expand(-1, len(nodes), -1).masked_fill(same, 1.0)  # (i, j, m)
    return (above / below).prod(-1).T
