"""What a run says of itself: the record of each level, and the verdict drawn from the records alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


@dataclass(frozen=True)
class Verdict:
    """Whether the tolerance is reached, on what evidence, and what to try if not.

    ``reason`` is one of the names below or "" when converged; ``evidence`` names the estimate used; ``sentence``
    says all of it in words; ``remedy`` is what to try, computed from the run.
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

#: More levels than this are not promised: each costs several times the one before.
FORESEEN = 10

#: Held-out and training residual (root mean squares) may differ by this factor (method.md, section 5).
HELDOUT_RATIO = 3.0

_SENTENCES = {
    "max_levels": "The levels allowed were used up",
    "max_time": "The time limit was reached",
    "stalled": "Gauss-Newton did not settle at a stationary point",
    "undersampled": "The residual off the training points is more than three times the one on them",
    "diverged": "The iteration diverged",
    "not_finite": "The solution is not finite",
    "not_asymptotic": "The residual is still as large as the data: features finer than the knots are not resolved",
    "interrupted": "The run was interrupted",
    "rank_deficient": "The equations do not determine the solution",
    "tolerance_below_rounding": "Rounding errors are larger than the tolerance",
}

_REMEDIES = {
    "stalled": "Start from a milder parameter, or check that the problem has a solution.",
    "undersampled": "Give more `knots`; the data have features finer than the points.",
    "diverged": "Start from a milder parameter, or check signs and conditions.",
    "not_finite": "Check the expressions for poles and overflow.",
    "rank_deficient": "Add the missing condition (a pure Neumann problem needs a value at one side).",
    "tolerance_below_rounding": "Ask for a larger tolerance.",
}


def judge(levels: Sequence[Level], tolerance: float, reason: str, detail: str = "") -> Verdict:
    """The verdict on a run: converged only if estimate, held-out residual and the end of the iteration all agree.

    Pure: it sees the records of the levels, the tolerance, and the reason with which the solver ended ("" when it
    thinks it is done).
    """
    if not levels:
        named = reason or "diverged"
        sentence, remedy = _sentence(named, math.inf, tolerance, detail), _remedy(named, levels, tolerance)
        return Verdict(False, tolerance, math.inf, named, "", sentence, remedy)
    last = levels[-1]
    estimate = last.estimate
    if not math.isfinite(estimate):
        reason = "not_finite"
    elif not reason and estimate > tolerance:
        reason = "max_levels"
    elif not reason and _undersampled(levels, tolerance):
        reason = "undersampled"
    evidence = "correction in the refined space"
    if last.time is not None:
        evidence += ", carried through the slabs by the linearised equation"
    if not reason:
        sentence = f"Converged: the estimated relative L2 error {estimate:.1e} is below the tolerance {tolerance:.0e}."
        return Verdict(True, tolerance, estimate, "", evidence, sentence, "")
    sentence, remedy = _sentence(reason, estimate, tolerance, detail), _remedy(reason, levels, tolerance)
    return Verdict(False, tolerance, estimate, reason, evidence, sentence, remedy)


def _undersampled(levels: Sequence[Level], tolerance: float) -> bool:
    """Whether the held-out residual is out of proportion where the estimate has no large margin."""
    judged = levels if levels[-1].time is not None else levels[-1:]
    heldout = sum(x.heldout for x in judged)
    loss = sum(x.loss for x in judged)
    return heldout > HELDOUT_RATIO**2 * loss and levels[-1].estimate > 1e-2 * tolerance


def _sentence(reason: str, estimate: float, tolerance: float, detail: str) -> str:
    why = _SENTENCES.get(reason, reason) + (f" ({detail})" if detail else "")
    return f"Not converged: {why}; the estimated relative L2 error is {estimate:.1e}, the tolerance {tolerance:.0e}."


def _remedy(reason: str, levels: Sequence[Level], tolerance: float) -> str:
    if reason in _REMEDIES:
        return _REMEDIES[reason]
    steady = [x for x in levels if x.time is None]
    if len(steady) >= 2 and 0.0 < steady[-1].estimate < steady[-2].estimate:
        factor = steady[-2].estimate / steady[-1].estimate
        more = max(1, math.ceil(math.log(steady[-1].estimate / tolerance) / math.log(factor)))
        if more > FORESEEN:
            return f"The error falls only {factor:.2g} times per level: try another network or method."
        growth = max(1.0, (steady[-1].seconds - steady[-2].seconds) / max(steady[-2].seconds, 1e-3))
        seconds = sum((steady[-1].seconds - steady[-2].seconds) * growth**k for k in range(1, more + 1))
        return f"The error falls {factor:.1f} times per level: about {more} more levels, some {seconds:.0f} s."
    if reason == "max_time" and levels and levels[-1].time is not None:
        return f"Time t = {levels[-1].time[1]:.4g} was reached: raise `max_time`, or the tolerance."
    return "Allow more levels or time, start with more `knots`, or ask for a larger tolerance."
