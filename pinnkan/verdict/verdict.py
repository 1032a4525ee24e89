"""The verdict on a run, computed from its records alone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pinnkan.verdict.advice import remedy
from pinnkan.verdict.records import Evidence, Level, Reason


@dataclass(frozen=True)
class Verdict:
    """Whether the tolerance is reached, on what evidence, and what to try if not.

    ``reason`` is "" when converged; ``evidence`` names the estimate; ``sentence`` is the verdict in words; ``remedy``
    is advice computed from the run. ``bound`` is a proven bound of the relative error, if there is one, and
    ``bound_sentence`` explains it and its norm. ``beside``: remarks on a converged run, also in the sentence.
    """

    converged: bool
    tolerance: float
    estimate: float
    reason: Reason = Reason.CONVERGED
    evidence: str = ""
    sentence: str = ""
    remedy: str = ""
    bound: float | None = None
    bound_sentence: str = ""
    beside: str = ""


#: Largest ratio of held-out to training residual, both root mean squares (method.md, section 5).
HELDOUT_RATIO = 3.0

#: A converged run with a true error above this many tolerances is contradicted by the `exact` of the file.
CONTRADICTION_RATIO = 2.0

#: An estimate below DOUBTFUL_ESTIMATE is rejected where the squared residual has not fallen below LEAST_FALL times its
#: largest value: such runs have estimated 2e-2 at an error of 0.8.
DOUBTFUL_ESTIMATE, LEAST_FALL = 0.1, 0.5

_SENTENCES = {
    Reason.MAX_LEVELS: "The levels allowed were used up",
    Reason.MAX_TIME: "The time limit was reached",
    Reason.STALLED: "The iteration did not settle at a solution",
    Reason.UNDERSAMPLED: "The residual off the training points is more than three times the one on them",
    Reason.UNDECIDED: "The solution is not known well enough to say what the equations switch",
    Reason.DIVERGED: "The iteration diverged",
    Reason.NOT_FINITE: "The solution is not finite",
    Reason.NOT_ASYMPTOTIC: "The residual is still as large as the data: features finer than the knots are not resolved",
    Reason.INTERRUPTED: "The run was interrupted",
    Reason.RANK_DEFICIENT: "The equations do not determine the solution",
    Reason.BELOW_ROUNDING: "Rounding errors are larger than the tolerance",
    Reason.CONTRADICTED: "The `exact` of the file is not this solution",
    Reason.NO_FINITE_NORM: "One of the unknowns has no norm that an error could be measured in",
    Reason.UNDETERMINED_NUMBERS: "The data do not determine the numbers",
    Reason.MISFIT: "The data contradict the equations",
    Reason.MULTIPLE_EIGENVALUE: "Several functions belong to the numbers found",
}


def judge(
    levels: Sequence[Level], tolerance: float, reason: Reason, detail: str = "", end: float | None = None
) -> Verdict:
    """The verdict on a run: converged only if estimate, held-out residual and the end of the iteration all agree.

    Input are the records of the levels, the tolerance, the ``reason`` for which the solver ended (``CONVERGED`` if it
    reports success) with its ``detail``, and the ``end`` of time, if any. The estimate is infinite where the solution
    is not determined or not resolved.
    """
    if not levels:
        return refusal(levels, tolerance, reason or Reason.DIVERGED, detail, math.inf, end)
    last = levels[-1]
    estimate, beside = last.estimate, detail
    if not math.isfinite(estimate) and not reason:
        reason = Reason.NOT_FINITE
    elif not reason:
        reason, detail = _found(levels, tolerance)
    is_resolved = last.is_resolved and all(x.is_resolved for x in levels if x.time is not None)
    if not is_resolved and not reason:
        reason = Reason.NOT_ASYMPTOTIC
    if reason == Reason.RANK_DEFICIENT or not is_resolved:
        estimate = math.inf
    if (
        reason not in (Reason.CONVERGED, Reason.BELOW_ROUNDING)
        and estimate < DOUBTFUL_ESTIMATE
        and _has_never_fallen(levels)
    ):
        estimate = math.inf
    if reason:
        return refusal(levels, tolerance, reason, detail, estimate, end)
    below = f"is below the tolerance {tolerance:.0e}{f' ({beside})' if beside else ''}"
    sentence = f"Converged: the estimated relative L2 error {estimate:.1e} {below}."
    return Verdict(True, tolerance, estimate, Reason.CONVERGED, _evidence(last), sentence, beside=beside)


def _evidence(last: Level) -> str:
    carried = ", carried through the slabs by the linearised equation" if last.time is not None else ""
    return f"{last.evidence}{carried}"


def _found(levels: Sequence[Level], tolerance: float) -> tuple[Reason, str]:
    """The reason that the records give where the solver gave none, and its detail."""
    last = levels[-1]
    if last.estimate > tolerance:
        return (Reason.STALLED, "the residual no longer falls") if _stands(levels) else (Reason.MAX_LEVELS, "")
    if is_undersampled(levels, tolerance):
        return Reason.UNDERSAMPLED, ""
    unseen = next((x.unseen for x in (levels if last.time is not None else levels[-1:]) if x.unseen), "")
    if unseen:
        return Reason.UNDERSAMPLED, unseen
    if last.true_error is not None and last.true_error > CONTRADICTION_RATIO * tolerance:
        return Reason.CONTRADICTED, f"they differ by {last.true_error:.1e}"
    return Reason.CONVERGED, ""


def _stands(levels: Sequence[Level]) -> bool:
    """Whether loss and estimate have varied by less than a tenth over the last three levels of a steady solve."""
    seen = [x for x in levels if x.time is None][-3:]
    if len(seen) < 3:
        return False
    return all(min(v) >= 0.9 * max(v) for v in ([x.loss for x in seen], [x.estimate for x in seen]))


def _has_never_fallen(levels: Sequence[Level]) -> bool:
    """Whether the loss of the last of three or more steady levels is at least LEAST_FALL times the largest."""
    seen = [x.loss for x in levels if x.time is None]
    return len(seen) > 2 and seen[-1] >= LEAST_FALL * max(seen) > 0.0


def is_undersampled(levels: Sequence[Level], tolerance: float) -> bool:
    """Whether the held-out residual exceeds HELDOUT_RATIO times the training residual.

    False where the estimate is far enough below the tolerance, or covers the held-out residual itself. Residuals that a
    correction of a slab covers (``corrected``) count as training residual.
    """
    judged = levels if levels[-1].time is not None else levels[-1:]
    heldout = sum(x.heldout for x in judged)
    loss = sum(max(x.loss, x.corrected) for x in judged)
    if levels[-1].evidence in (Evidence.BLOCKS, Evidence.PRODUCTS, Evidence.COMPARISON):
        return False  # the estimate includes the held-out residual or does not need it
    margin = min(1e-2, max(1e-6, (loss / heldout) ** 0.5)) if heldout > 0.0 else 1.0  # 1e-6: a loss of zero is rounding
    return heldout > HELDOUT_RATIO**2 * loss and levels[-1].estimate > margin * tolerance


def refusal(
    levels: Sequence[Level], tolerance: float, reason: Reason, detail: str, estimate: float, end: float | None
) -> Verdict:
    """The verdict on a run that has not converged, with the reason in words and advice."""
    why = _SENTENCES[reason] + (f" ({detail})" if detail else "")
    size = f"the estimated relative L2 error is {estimate:.1e}" if math.isfinite(estimate) else "the error is not known"
    sentence = f"Not converged: {why}; {size}, the tolerance {tolerance:.0e}."
    evidence = _evidence(levels[-1]) if levels else ""
    return Verdict(False, tolerance, estimate, reason, evidence, sentence, remedy(reason, levels, tolerance, end))
