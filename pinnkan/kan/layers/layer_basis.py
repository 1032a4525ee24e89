"""What a layer's edges are made of: any family of functions of one variable that knows its derivatives and how to nest.

A :class:`pinnkan.kan.layers.spline_layer.Spline` takes B-splines (:class:`pinnkan.kan.spline.Basis`), in the studies
also powers of ReLU, which span the same space.
"""

from __future__ import annotations

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
