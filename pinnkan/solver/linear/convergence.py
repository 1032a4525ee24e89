"""Criteria on the convergence of iterations, of conjugate gradients by their gradient norms over the first."""

from collections.abc import Sequence

import numpy as np
import torch

#: Steps without progress after which only rounding remains, if the gradient has fallen below STALLED_NORM.
STALLED_STEPS, STALLED_NORM = 15, 1e-6
#: Steps with exact products in which the gradient must halve. Waves near a resonance are found in ten.
STAGNATION_STEPS = 30
#: Number of last steps that give the rate of convergence, and the slowest rate.
RATE_STEPS, SLOWEST_RATE = 5, 0.97


def convergence_rate(gradient_norms: Sequence[float]) -> float:
    """The mean factor by which the gradient has fallen in each of the last RATE_STEPS steps, at most SLOWEST_RATE."""
    count = min(RATE_STEPS, len(gradient_norms) - 1)
    return float(min((gradient_norms[-1] / max(gradient_norms[-1 - count], 1e-300)) ** (1.0 / count), SLOWEST_RATE))


def rests(values: Sequence[float], last: int, share: float = 0.5) -> bool:
    """Whether none of the ``last`` values is at most a ``share`` of the least before, if there is one before."""
    return len(values) > last and min(values[-last:]) > share * min(values[:-last])


def is_at_rounding(gradient_norms: Sequence[float]) -> bool:
    """Whether only rounding remains: the gradient is below STALLED_NORM and has not halved in STALLED_STEPS steps."""
    is_small = min(gradient_norms[1:-STALLED_STEPS], default=np.inf) < STALLED_NORM
    return is_small and rests(gradient_norms, STALLED_STEPS)


def is_stagnant(gradient_norms: Sequence[float]) -> bool:
    """Whether the gradient has not halved in the last STAGNATION_STEPS steps."""
    return len(gradient_norms) > 2 * STAGNATION_STEPS and rests(gradient_norms, STAGNATION_STEPS)


def reaches_target(gradient_norms: Sequence[float], target: float, max_steps: float) -> bool:
    """Whether the mean rate of all steps so far reaches ``target`` in no more than ``max_steps`` steps."""
    return bool((len(gradient_norms) - 1) * np.log(target) >= max_steps * np.log(max(gradient_norms[-1], 1e-300)))


def safe_ratio(numerator: torch.Tensor, denominator: torch.Tensor) -> torch.Tensor:
    """Return ``numerator`` / ``denominator``, 0 where ``denominator`` is not positive."""
    return torch.where(denominator > 0.0, numerator / denominator.clamp_min(1e-300), 0.0)
