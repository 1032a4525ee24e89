"""What a layer's edges are made of: any family of functions of one variable that knows its derivatives and how to nest.

The layers of a :class:`pinnkan.kan.layers.network.Network` take B-splines (:class:`pinnkan.kan.spline.Basis`) and
:class:`Linear`; those of the studies also powers of ReLU, which span the same space as the splines.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, Self

import torch


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
        ...

    def local(self, x: torch.Tensor, order: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """Derivatives 0..order of the functions that live at each x.

        Returns:
            values (order + 1, *x.shape, local), and the index of the first function, shape of ``x``.
        """
        ...

    def dense(self, x: torch.Tensor, order: int = 0) -> torch.Tensor:
        """Derivatives 0..order of all functions: (order + 1, *x.shape, count)."""
        ...

    def identity(self) -> torch.Tensor:
        """Coefficients (count) with which the function is x itself."""
        ...

    def halved(self) -> Self:
        """A basis of the same kind that contains this one, every interval cut in two."""
        ...

    def prolong(self, coefficients: torch.Tensor, fine: Self) -> torch.Tensor:
        """The same functions, (..., count), in a basis ``fine`` that contains this one: (..., fine.count)."""
        ...

    def to(self, device: torch.device | str) -> Self:
        """The same basis on another device."""
        ...


@dataclass(frozen=True)
class Linear:
    """The single function x: a layer of it is a matrix, the directions of a ridge network. Nothing to refine."""

    device: torch.device | str = "cpu"
    degree: int = 1
    count: int = 1
    intervals: int = 1

    @property
    def breaks(self) -> torch.Tensor:
        """-1 and 1; the one piece is continued outside."""
        return torch.tensor([-1.0, 1.0], dtype=torch.float64, device=self.device)

    def local(self, x: torch.Tensor, order: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
        """x, 1, 0, 0, ...: see :class:`LayerBasis`."""
        values = [x, torch.ones_like(x), *([torch.zeros_like(x)] * (order - 1))][: order + 1]
        return torch.stack(values).unsqueeze(-1), torch.zeros_like(x, dtype=torch.int64)

    def dense(self, x: torch.Tensor, order: int = 0) -> torch.Tensor:
        """The values of :meth:`local`."""
        return self.local(x, order)[0]

    def identity(self) -> torch.Tensor:
        """One."""
        return torch.ones(1, dtype=torch.float64, device=self.device)

    def halved(self) -> Linear:
        """Itself."""
        return self

    def prolong(self, coefficients: torch.Tensor, fine: Linear) -> torch.Tensor:
        """The same coefficients."""
        return coefficients

    def to(self, device: torch.device | str) -> Linear:
        """The same on another device."""
        return Linear(device)
