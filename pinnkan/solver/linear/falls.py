"""What the sizes of gradients after each step of conjugate gradients, over that before, say of those to come."""

from collections.abc import Sequence

import numpy as np
import torch

#: Steps without progress after which only rounding is left, and the fall below which that is believed.
RESTING, RESTED = 15, 1e-6
#: Steps by exact products that have not halved the gradient: what these are asked for, some waves beside a resonance,
#: they find in ten; where nothing holds a wave they go on for ever.
STANDING = 30
#: Steps that show how fast the gradient falls, at most by SLOWEST each.
SHOWN, SLOWEST = 5, 0.97


def rate_of(falls: Sequence[float]) -> float:
    """The factor by which the gradient falls in a step, from the last ones."""
    count = min(SHOWN, len(falls) - 1)
    return float(min((falls[-1] / max(falls[-1 - count], 1e-300)) ** (1.0 / count), SLOWEST))


def have_rested(falls: Sequence[float]) -> bool:
    """Whether only rounding is left: the gradient has fallen far, and for some steps no further."""
    if len(falls) <= RESTING + 1:
        return False
    before = min(falls[:-RESTING])
    return before < RESTED and min(falls[-RESTING:]) > 0.5 * before


def stand_still(falls: Sequence[float]) -> bool:
    """Whether STANDING steps have not halved the gradient."""
    return len(falls) > 2 * STANDING and min(falls[-STANDING:]) > 0.5 * min(falls[:-STANDING])


def promise(falls: Sequence[float], target: float, most: float) -> bool:
    """Whether steps that go on to fall as all of these together reach a ``target`` in no more than ``most``."""
    return bool((len(falls) - 1) * np.log(target) >= most * np.log(max(falls[-1], 1e-300)))


def ratio(top: torch.Tensor, bottom: torch.Tensor) -> torch.Tensor:
    """Of each column, 0 where there is nothing to divide by."""
    return torch.where(bottom > 0.0, top / bottom.clamp_min(1e-300), 0.0)
