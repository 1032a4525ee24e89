"""B-splines of any degree on any knots: values, derivatives, and exact prolongation to a richer basis.

A :class:`Basis` has extended knots ``t_0 <= ... <= t_{n+p}`` of n functions of degree p. Function i is nonzero on
[t_i, t_{i+p+1}]; the splines live on [a, b] = [t_p, t_n]. The p outer knots at each end continue the spacing
(:meth:`Basis.extended`), repeat the end (:meth:`Basis.clamped`) or repeat the knots of the other end
(:meth:`Basis.wrapped`). Outside [a, b] the outermost polynomial piece is continued, so that refinement leaves a
function unchanged everywhere.

Sources: de Boor, A Practical Guide to Splines (1978, revised 2001), chapters IX and X; Ramshaw, Blossoms are polar
forms (1989).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from math import comb, factorial

import numpy as np
import torch
from numpy.typing import NDArray

Breaks = Sequence[float] | NDArray[np.float64] | torch.Tensor

#: Relative difference below which gaps are equal: a few hundred units of rounding.
GAP_TOLERANCE = 1e-13


@dataclass(frozen=True, eq=False)
class Basis:
    """All B-splines of one ``degree`` on non-decreasing ``knots`` (count + degree + 1)."""

    knots: torch.Tensor
    degree: int

    @classmethod
    def extended(cls, breaks: Breaks, degree: int, device: torch.device | str = "cpu") -> Basis:
        """Return the basis with the first and the last spacing continued outside the breaks (arXiv:2603.04827)."""
        t = _as_breaks(breaks, device)
        steps = torch.arange(1, degree + 1, dtype=t.dtype, device=t.device)
        below = t[0] - steps.flip(0) * (t[1] - t[0])
        return cls(torch.cat([below, t, t[-1] + steps * (t[-1] - t[-2])]), degree)

    @classmethod
    def clamped(cls, breaks: Breaks, degree: int, device: torch.device | str = "cpu") -> Basis:
        """Return the basis with end knots of multiplicity degree + 1: one function is nonzero at each end."""
        t = _as_breaks(breaks, device)
        return cls(torch.cat([t[:1].expand(degree), t, t[-1:].expand(degree)]), degree)

    @classmethod
    def with_joints(cls, breaks: Breaks, degree: int, joints: Breaks, smoothness: Sequence[int]) -> Basis:
        """Return a clamped basis whose derivatives up to ``smoothness`` are continuous at each of ``joints``."""
        t, c = _as_breaks(breaks, "cpu"), torch.as_tensor(joints, dtype=torch.float64)
        again = c.repeat_interleave(degree - 1 - torch.tensor(smoothness))
        more = torch.cat([t[:1].expand(degree), again, t[-1:].expand(degree)])
        return cls(torch.cat([t, more]).sort().values, degree)

    @classmethod
    def periodic(
        cls, breaks: Breaks, degree: int, device: torch.device | str = "cpu", repeated_breaks: Sequence[float] = ()
    ) -> Basis:
        """Return the basis on periodic knots, ``repeated_breaks`` repeated, for periodic coefficients."""
        ends = _as_breaks(breaks, device)
        t = torch.cat([torch.cat([ends[:-1], ends.new_tensor(repeated_breaks)]).sort().values, ends[-1:]])
        m, period = len(t) - 1, t[-1] - t[0]
        index = torch.arange(-degree, m + degree + 1, device=t.device)
        return cls(t[index % m] + torch.div(index, m, rounding_mode="floor") * period, degree)

    @property
    def count(self) -> int:
        """The number of functions, n."""
        return len(self.knots) - self.degree - 1

    @property
    def breaks(self) -> torch.Tensor:
        """The distinct knots of [a, b], both ends included."""
        inner = self.knots[self.degree : self.count + 1]
        return inner[torch.cat([inner.new_ones(1, dtype=torch.bool), inner.diff() > 0])]

    @property
    def intervals(self) -> int:
        """The number of polynomial pieces on [a, b]."""
        return len(self.breaks) - 1

    @cached_property
    def is_uniform(self) -> bool:
        """Whether all knots, the outer ones included, have the same spacing, up to rounding."""
        return are_gaps_equal(self.knots.diff()) and self.degree > 0

    @cached_property
    def is_bernstein(self) -> bool:
        """Whether the basis is clamped on a single interval: Bernstein polynomials."""
        p, t = self.degree, self.knots
        return self.count == p + 1 and bool(t[0] == t[p]) and bool(t[p + 1] == t[-1])

    def to(self, device: torch.device | str) -> Basis:
        """Return the same basis on another device."""
        return Basis(self.knots.to(device), self.degree)

    def span(self, x: torch.Tensor) -> torch.Tensor:
        """Return the j with t_j <= x < t_{j+1}, that of the outermost piece outside [a, b]; shape of ``x``."""
        j = torch.searchsorted(self.knots, x.detach().contiguous(), right=True) - 1
        return j.clamp(self.degree, self.count - 1)

    def local(self, x: torch.Tensor, order: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Return derivatives 0..order of the degree + 1 functions that are nonzero at each x.

        Cox-de Boor (de Boor 1978, X(5)) up to degree p - k, then k times X(8):
        ``B_{i,q}' = q (B_{i,q-1}/(t_{i+q} - t_i) - B_{i+1,q-1}/(t_{i+q+1} - t_{i+1}))``. Within a non-empty span no
        denominator vanishes, whatever the multiplicity of the knots.

        Returns values (order + 1, *x.shape, degree + 1), and the index of the first function, shape of ``x``.
        """
        if self.is_bernstein:
            return _bernstein_tables(self, x, order), torch.zeros(x.shape, dtype=torch.int64, device=x.device)
        if self.is_uniform:
            return _uniform_tables(self, x, order)
        p, j = self.degree, self.span(x)
        offsets = torch.arange(1 - p, p + 1, device=x.device).reshape(-1, *[1] * x.ndim)
        t = self.knots[j + offsets]  # t[m] = t_{j+1-p+m}
        tables = local_tables(x, t, p, order)
        return tables, j - p

    def one_sided(self, x: float, order: int, below: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Return one-sided derivatives at x, from below or above, as :meth:`local`: (order + 1, degree + 1) and (1)."""
        p, place = self.degree, torch.tensor([x], dtype=torch.float64)
        j = (torch.searchsorted(self.knots, place, right=not below) - 1).clamp(p, self.count - 1)
        t = self.knots[j + torch.arange(1 - p, p + 1).reshape(-1, 1)]
        return local_tables(place, t, p, order)[:, 0], j - p

    def dense(self, x: torch.Tensor, order: int = 0) -> torch.Tensor:
        """Return derivatives 0..order of all functions: (order + 1, *x.shape, count)."""
        values, first = self.local(x, order)
        index = first.unsqueeze(-1) + torch.arange(self.degree + 1, device=x.device)
        out = values.new_zeros((*values.shape[:-1], self.count))
        return out.scatter(-1, index.expand(values.shape), values)

    def identity_coefficients(self) -> torch.Tensor:
        """Return the Greville abscissae (count), the coefficients of the function x; for degree 0, midpoints."""
        p = self.degree
        if p == 0:
            return 0.5 * (self.knots[1:] + self.knots[:-1])
        return self.knots[1:-1].unfold(0, p, 1).mean(-1)

    def prolong(self, coefficients: torch.Tensor, fine: Basis) -> torch.Tensor:
        """Return the same splines, (..., count), in a basis that contains this one: (..., fine.count)."""
        return coefficients @ prolongation(self, fine).T

    def halved(self) -> Basis:
        """Return the extended basis with every interval of [a, b] halved."""
        t = self.breaks
        middle = 0.5 * (t[1:] + t[:-1])
        return Basis.extended(torch.cat([t, middle]).sort().values, self.degree)


def local_tables(x: torch.Tensor, t: torch.Tensor, p: int, order: int) -> torch.Tensor:
    """Return derivatives 0..order at x of the p + 1 functions of degree p on the 2 p knots ``t`` around x.

    ``t`` is (2 p, *x.shape) with t[p-1] <= x < t[p]; all functions of a degree are one array, for speed. Returns (order
    + 1, *x.shape, p + 1).
    """
    rows = [torch.ones_like(x).unsqueeze(0)]  # rows[q]: degree q, functions j-q..j, (q + 1, *x.shape)
    for q in range(1, p + 1):
        rows.append(_raise_degree(rows[-1], x, t, p, q))
    tables = []
    for k in range(order + 1):
        values = rows[p - k] if k <= p else torch.zeros_like(rows[p])
        for q in range(max(p - k, 0) + 1, p + 1) if k <= p else ():
            values = _differentiate(values, t, p, q)
        tables.append(values.movedim(0, -1))
    return torch.stack(tables)


def _bernstein_tables(basis: Basis, x: torch.Tensor, order: int) -> torch.Tensor:
    """Compute :meth:`Basis.local` on a single interval by ``C(p,i) s^i (1-s)^(p-i)``, fast for high degrees."""
    p, a = basis.degree, basis.knots[0]
    h = basis.knots[-1] - a
    s = ((x - a) / h).unsqueeze(-1)
    rising, falling = (torch.cat([torch.ones_like(s), base.expand(*x.shape, p)], -1).cumprod(-1) for base in (s, 1 - s))
    tables: list[torch.Tensor] = []
    for k in range(order + 1):
        if k > p:
            tables.append(torch.zeros_like(tables[0]))
            continue
        binomials = torch.tensor([comb(p - k, m) for m in range(p - k + 1)], dtype=x.dtype, device=x.device)
        values = binomials * rising[..., : p - k + 1] * falling[..., : p - k + 1].flip(-1)
        for _ in range(k):  # function i becomes function i - 1 minus function i
            values = torch.nn.functional.pad(values, (1, 0)) - torch.nn.functional.pad(values, (0, 1))
        tables.append(values * (factorial(p) / factorial(p - k)) / h**k)
    return torch.stack(tables)


def _uniform_tables(basis: Basis, x: torch.Tensor, order: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Compute :meth:`Basis.local` for uniform knots, on which all pieces are the same polynomials of s = (x - t_j)/h.

    The local functions are ``sum_m s^m M[m]``; M is their Taylor series at a knot, and one matrix product gives all
    derivatives.
    """
    p, h = basis.degree, float(basis.knots[basis.degree + 1] - basis.knots[basis.degree])
    t = basis.knots[1 : 1 + 2 * p]  # the first piece
    at_knot = local_tables(basis.knots[p], t, p, p)  # (derivative, local)
    taylor = torch.stack([at_knot[m] * (h**m / factorial(m)) for m in range(p + 1)])  # (m, local)
    pieces = [taylor]
    for _ in range(order):  # derivative by x of sum_m s^m c_m
        rise = torch.arange(1, p + 1, dtype=taylor.dtype, device=taylor.device).unsqueeze(1) / h
        pieces.append(torch.cat([pieces[-1][1:] * rise, torch.zeros_like(taylor[:1])]))
    j = basis.span(x)
    s = (x - basis.knots[j]) / h
    powers = [torch.ones_like(s)]
    for _ in range(p):
        powers.append(powers[-1] * s)
    tables = torch.stack(powers, -1) @ torch.stack(pieces).reshape(order + 1, *(1,) * (x.ndim - 1), p + 1, p + 1)
    return tables, j - p


def uniform_breaks(a: float, b: float, intervals: int) -> torch.Tensor:
    """Return ``intervals + 1`` equidistant breaks from a to b."""
    return torch.linspace(a, b, intervals + 1, dtype=torch.float64)


def prolongation_rows(coarse: Basis, fine: Basis) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the prolongation to a richer basis, sparse: ``c_fine[j] = sum_m weights[j,m] c_coarse[first[j]+m]``.

    The coefficient of function j is the blossom of any polynomial piece on its support at the knots
    ``t_{j+1}, ..., t_{j+q}`` (Ramshaw 1989). The piece in the middle of the support makes every choice of outer knots
    exact. For a higher degree the blossom is the mean over all subsets of the arguments (degree elevation). The fine
    space must contain the coarse one: knots inserted, or every multiplicity raised with the degree.

    Returns first (fine.count), weights (fine.count, coarse.degree + 1).
    """
    p, q, tau = coarse.degree, fine.degree, fine.knots
    a, b = tau[q], tau[fine.count]
    index = torch.arange(fine.count, device=tau.device)
    middle = 0.5 * (torch.maximum(tau[index], a) + torch.minimum(tau[index + q + 1], b))
    j = coarse.span(middle)
    subsets = list(combinations(range(1, q + 1), p))
    weights = torch.zeros((fine.count, p + 1), dtype=tau.dtype, device=tau.device)
    for subset in subsets:
        weights = weights + _blossom(coarse, j, [tau[index + m] for m in subset])
    return j - p, weights / len(subsets)


def prolongation(coarse: Basis, fine: Basis) -> torch.Tensor:
    """Return the dense matrix (fine.count, coarse.count) of :func:`prolongation_rows`."""
    first, weights = prolongation_rows(coarse, fine)
    index = first.unsqueeze(-1) + torch.arange(coarse.degree + 1, device=first.device)
    return weights.new_zeros((fine.count, coarse.count)).scatter(1, index, weights)


def _as_breaks(breaks: Breaks, device: torch.device | str) -> torch.Tensor:
    t = torch.as_tensor(breaks, dtype=torch.float64)
    if t.ndim != 1 or len(t) < 2 or not bool((t.diff() > 0).all()):
        raise ValueError("breaks must be at least two strictly increasing numbers")
    return t.to(device) if torch.device(device).type != "cpu" else t


def _raise_degree(lower: torch.Tensor, x: torch.Tensor, t: torch.Tensor, p: int, q: int) -> torch.Tensor:
    """Return values of degree q, functions j-q..j, from those of degree q-1, functions j-q+1..j."""
    left, right = t[p - q : p], t[p : p + q]  # function i = j-q+1+m of degree q-1 lives on [t_i, t_{i+q}]
    share = lower / (right - left)
    none = torch.zeros_like(share[:1])
    return torch.cat([(right - x) * share, none]) + torch.cat([none, (x - left) * share])


def _differentiate(lower: torch.Tensor, t: torch.Tensor, p: int, q: int) -> torch.Tensor:
    """Return derivative k+1 in degree q from derivative k in degree q-1, numbered as in :func:`_raise_degree`."""
    share = q * lower / (t[p : p + q] - t[p - q : p])
    none = torch.zeros_like(share[:1])
    return torch.cat([none, share]) - torch.cat([share, none])


def _blossom(basis: Basis, j: torch.Tensor, arguments: list[torch.Tensor]) -> torch.Tensor:
    """Return weights (len(j), p + 1) of coefficients j-p..j in the blossom of piece j, by de Boor's triangle."""
    p = basis.degree
    rows = torch.eye(p + 1, dtype=basis.knots.dtype, device=j.device).unsqueeze(1).expand(-1, len(j), -1)
    for r, u in enumerate(arguments, start=1):
        m = torch.arange(r, p + 1, device=j.device).unsqueeze(1)  # coefficient i = j - p + m
        left, right = basis.knots[j - p + m], basis.knots[j + m + 1 - r]
        share = ((u - left) / (right - left)).unsqueeze(-1)
        rows = (1 - share) * rows[:-1] + share * rows[1:]
    return rows[-1]


def are_gaps_equal(gaps: torch.Tensor) -> bool:
    """Whether all gaps are equal, up to rounding."""
    return bool(((gaps - gaps[0]).abs() <= GAP_TOLERANCE * gaps[0]).all())
