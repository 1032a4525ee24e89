"""The polynomial pieces of a spline basis: on a knot interval any spline is a Taylor polynomial at its left knot.

With the derivatives ``d_m = f^(m)(t_j)`` of a spline at the knot below x and s = x - t_j,
``f^(k)(x) = sum_{m >= k} d_m s^(m-k)/(m-k)!``. The d_m are a fixed linear map of the coefficients, the same for all
points. So the cost per point depends neither on the number of intervals nor on whether the functions are splines or
powers of ReLU.
"""

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, Self

import torch

from pinnkan.kan.spline import are_gaps_equal


class LayerBasis(Protocol):
    """``count`` functions of one variable, with ``intervals`` polynomial pieces of one ``degree``."""

    def __hash__(self) -> int: ...

    @property
    def degree(self) -> int: ...

    @property
    def count(self) -> int: ...

    @property
    def intervals(self) -> int: ...

    @property
    def breaks(self) -> torch.Tensor:
        """The left end of every polynomial piece, and the right end of the last (interval + 1)."""

    def local(self, x: torch.Tensor, order: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Return derivatives 0..order of the functions that are nonzero at each x.

        Returns values (order + 1, *x.shape, local), and the index of the first function, shape of ``x``.
        """

    def dense(self, x: torch.Tensor, order: int = 0) -> torch.Tensor:
        """Return derivatives 0..order of all functions: (order + 1, *x.shape, count)."""

    def identity_coefficients(self) -> torch.Tensor:
        """Return the coefficients (count) of the function x."""

    def halved(self) -> Self:
        """Return a basis of the same kind that contains this one, with every interval halved."""

    def prolong(self, coefficients: torch.Tensor, fine: Self) -> torch.Tensor:
        """Return the coefficients of the same functions, (..., count), in a basis ``fine`` that contains this one."""

    def to(self, device: torch.device | str) -> Self:
        """Return the same basis on another device."""


@dataclass(frozen=True, eq=False)
class TaylorPieces:
    """``breaks`` (interval + 1), equidistant with spacing ``step`` unless that is None.

    ``knot_derivatives`` (degree + 1, interval, function): derivatives of every function at the left end of every
    interval.
    """

    breaks: torch.Tensor
    knot_derivatives: torch.Tensor
    step: float | None

    @property
    def degree(self) -> int:
        """The degree of the pieces."""
        return len(self.knot_derivatives) - 1

    @property
    def intervals(self) -> int:
        """The number of pieces."""
        return len(self.breaks) - 1

    def locate(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the piece j of every x, the outermost one outside, and s = x - t_j; shape of ``x``."""
        if self.step is None:
            j = torch.searchsorted(self.breaks[1:-1].contiguous(), x.detach().contiguous(), right=True)
            return j, x - self.breaks[j].to(x.dtype)
        right = x - self.breaks[0]
        place = (right.detach() * (1.0 / self.step)).floor_().clamp_(0.0, self.intervals - 1.0)
        return place.to(torch.int64), torch.sub(right, place, alpha=self.step)

    def derivatives(self, weight: torch.Tensor) -> torch.Tensor:
        """Return the d_m of splines with coefficients ``weight`` (..., function): (degree + 1, ..., interval)."""
        return (
            (weight @ self.knot_derivatives.flatten(0, 1).mT)
            .unflatten(-1, self.knot_derivatives.shape[:2])
            .movedim(-2, 0)
        )

    def coefficient_gradient(self, gradient: torch.Tensor) -> torch.Tensor:
        """Apply the transpose of :meth:`derivatives`: (..., function) from (degree + 1, ..., interval)."""
        return gradient.movedim(0, -2).flatten(-2) @ self.knot_derivatives.flatten(0, 1)


@lru_cache(maxsize=64)
def taylor_pieces(basis: LayerBasis) -> TaylorPieces:
    """Return the polynomial pieces of a basis, cached."""
    breaks = basis.breaks
    gaps = breaks.diff()
    step = float(breaks[-1] - breaks[0]) / len(gaps) if are_gaps_equal(gaps) else None
    return TaylorPieces(breaks, basis.dense(breaks[:-1], basis.degree), step)
