"""States of a deep solve: the slabs of the last sweep, the minimisations since then, and an interrupted one."""

from dataclasses import dataclass

import torch

from pinnkan.kan.field import Field
from pinnkan.verdict.records import Iteration


@dataclass(frozen=True, eq=False)
class MinimisationResult:
    """The end of a minimisation: coefficients (coefficient,), loss, number of steps."""

    x: torch.Tensor
    loss: float
    steps: int


@dataclass(frozen=True, eq=False)
class MinimisationRestart:
    """A Levenberg-Marquardt minimisation between two steps: coefficients, column scales, damping, losses so far."""

    x: torch.Tensor
    scale: torch.Tensor
    damping: float
    losses: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class SlabTraining:
    """Results of training a slab: losses per volume, number of rows of the last system, steps of all rounds."""

    loss: float
    heldout: float
    rows: int
    steps: int


@dataclass(frozen=True, eq=False)
class DeepState:
    """A sweep over the slabs: the function of the sweep before (None on the first) and what is recorded of this one.

    ``previous_training``, ``new_training``: results per slab of both; ``results``: minimisations of this sweep in
    order; ``restart``: an interrupted one; ``steps``: their steps; ``new_field``: the function after the sweep.
    """

    number: int = 0
    field: Field | None = None
    previous_training: tuple[SlabTraining, ...] = ()
    results: tuple[MinimisationResult, ...] = ()
    restart: MinimisationRestart | None = None
    steps: tuple[Iteration, ...] = ()
    new_field: Field | None = None
    new_training: tuple[SlabTraining, ...] = ()
