"""What a run records of itself: one record per level or slab, one per step."""

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
    """One step: loss after it, relative size of the step, damping, seconds.

    Of Adam or L-BFGS: the loss before it and its learning rate, which is 0 for Gauss-Newton and Levenberg-Marquardt.
    """

    level: int
    iteration: int
    loss: float
    step: float
    damping: float
    seconds: float
    rate: float = 0.0
