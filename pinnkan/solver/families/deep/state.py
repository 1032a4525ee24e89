"""States of a deep solve: the slabs of the last sweep, the minimisations done since, and the one under way."""

from dataclasses import dataclass

import torch

from pinnkan.kan.field import Field
from pinnkan.verdict.records import Iteration


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
class Trained:
    """What a slab's training has left: losses per volume, rows of the last system, steps of all rounds."""

    loss: float
    heldout: float
    rows: int
    steps: int


@dataclass(frozen=True, eq=False)
class DeepState:
    """A sweep over the slabs: the function of the one before (None on the first), and what is done of this one.

    ``before``, ``trained``: per slab; ``done``: minimisations of this sweep in order, from which all else is repeated;
    ``descent``: the one under way; ``steps``: theirs. After the sweep ``swept`` is its function.
    """

    number: int = 0
    field: Field | None = None
    before: tuple[Trained, ...] = ()
    done: tuple[Minimised, ...] = ()
    descent: Descent | None = None
    steps: tuple[Iteration, ...] = ()
    swept: Field | None = None
    trained: tuple[Trained, ...] = ()
