"""Criteria on the convergence of conjugate gradients: ``falls`` are gradient norms over the first, step by step."""

from collections.abc import Sequence

import numpy as np
import torch

#: Steps without progress after which only rounding remains, if the gradient has fallen below RESTED.
RESTING, RESTED = 15, 1e-6
#: Steps with exact products in which the gradient must halve. Waves near a resonance are found in ten.
STANDING = 30
#: Number of last steps that give the rate of convergence, and the slowest rate.
SHOWN, SLOWEST = 5, 0.97


def rate_of(falls: Sequence[float]) -> float:
    """The mean factor by which the gradient has fallen in each of the last SHOWN steps, at most SLOWEST."""
    count = min(SHOWN, len(falls) - 1)
    return float(min((falls[-1] / max(falls[-1 - count], 1e-300)) ** (1.0 / count), SLOWEST))


def have_rested(falls: Sequence[float]) -> bool:
    """Whether only rounding remains: the gradient is below RESTED and has not halved in RESTING steps."""
    if len(falls) <= RESTING + 1:
        return False
    before = min(falls[:-RESTING])
    return before < RESTED and min(falls[-RESTING:]) > 0.5 * before


def stand_still(falls: Sequence[float]) -> bool:
    """Whether the gradient has not halved in the last STANDING steps."""
    return len(falls) > 2 * STANDING and min(falls[-STANDING:]) > 0.5 * min(falls[:-STANDING])


def promise(falls: Sequence[float], target: float, most: float) -> bool:
    """Whether the mean rate of all steps so far reaches ``target`` in no more than ``most`` steps."""
    return bool((len(falls) - 1) * np.log(target) >= most * np.log(max(falls[-1], 1e-300)))


def ratio(top: torch.Tensor, bottom: torch.Tensor) -> torch.Tensor:
    """Return ``top`` / ``bottom``, 0 where ``bottom`` is not positive."""
    return torch.where(bottom > 0.0, top / bottom.clamp_min(1e-300), 0.0)
