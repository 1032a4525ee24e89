"""What a run says of itself: the record of each level, and the verdict drawn from the records alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Level:
    """One level of a steady solve, or one accepted slab of a time-dependent one.

    ``intervals``: knot intervals per coordinate; ``loss``: mean squared residual on the training points; ``heldout``:
    the same on points never trained on; ``estimate``: estimated relative L2 error of the solution so far (worst
    unknown); ``true_error``: the same against ``exact``, or None; ``time``: the slab (start, end), or None when
    steady; ``seconds``: elapsed since the start of the solve.
    """

    number: int
    intervals: tuple[int, ...]
    degree: tuple[int, ...]
    parameters: int
    points: int
    loss: float
    heldout: float
    estimate: float
    seconds: float
    iterations: int
    time: tuple[float, float] | None = None
    true_error: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Iteration:
    """One Gauss-Newton or Levenberg-Marquardt step: loss after it, relative size of the step, damping, seconds."""

    level: int
    iteration: int
    loss: float
    step: float
    damping: float
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """Whether the tolerance is reached, on what evidence, and what to try if not.

    ``reason`` is one of the names below or "" when converged; ``evidence`` names the estimate used; ``sentence`` says all
    of it in words; ``remedy`` is what to try, computed from the run.
    """

    converged: bool
    tolerance: float
    estimate: float
    reason: str = ""
    evidence: str = ""
    sentence: str = ""
    remedy: str = ""


#: Reasons for a verdict that is not ``converged``.
REASONS = (
    "max_levels",
    "max_time",
    "stalled",
    "undersampled",
    "not_asymptotic",
    "diverged",
    "not_finite",
    "rank_deficient",
    "tolerance_below_rounding",
    "interrupted",
)
