"""States of a deep solve: the minimisations done, and the one under way."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from pinnkan.kan.field import Field
from pinnkan.verdict.records import Iteration, Level


@dataclass(frozen=True, eq=False)
class Minimised:
    """A finished minimisation of a deep solve: coefficients (coefficient,), loss, steps."""

    x: torch.Tensor
    loss: float
    steps: int


@dataclass(frozen=True, eq=False)
class Descent:
    """Between two Levenberg-Marquardt steps: coefficients, column scales, damping, the losses so far."""

    x: torch.Tensor
    scale: torch.Tensor
    damping: float
    losses: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class DeepState:
    """A deep solve: the minimisations done, in order, and the one under way. All else is repeated from them."""

    done: tuple[Minimised, ...]
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    shown: Field | None
    shown_error: Field | None
    descent: Descent | None = None
    network: str = ""

    @property
    def field(self) -> Field | None:
        """The last finished level."""
        return self.shown

    @property
    def error(self) -> Field | None:
        """Its correction."""
        return self.shown_error
