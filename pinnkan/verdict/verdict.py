"""The verdict on a run, drawn from its records alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pinnkan.verdict.advice import remedy
from pinnkan.verdict.records import Level


@dataclass(frozen=True)
class Verdict:
    """Whether the tolerance is reached, on what evidence, and what to try if not.

    ``reason`` is one of the names below or "" when converged; ``evidence`` names the estimate used; ``sentence``
    says all of it in words; ``remedy`` is what to try, computed from the run. ``bound`` is a proven bound of the
    relative error, with its norm and its reason in ``bound_sentence``, for the equations that have one.
    """

    converged: bool
    tolerance: float
    estimate: float
    reason: str = ""
    evidence: str = ""
    sentence: str = ""
    remedy: str = ""
    bound: float | None = None
    bound_sentence: str = ""


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
    "contradicted",
)

#: Held-out and training residual (root mean squares) may differ by this factor (method.md, section 5).
HELDOUT_RATIO = 3.0

#: How the note of a level begins that a feature between its points was left in.
UNSEEN = "not seen by the points"
#: The note of a level whose residual is still as large as the data: its estimate is worth nothing.
UNRESOLVED = "not resolved yet"
#: The note of a level whose error is the last correction times the fall of the residual it has brought.
BY_FALL = "judged by the fall of the residual"
#: `converged` with a true error above this many tolerances is contradicted by the `exact` of the file.
CONTRADICTION = 2.0

_SENTENCES = {
    "max_levels": "The levels allowed were used up",
    "max_time": "The time limit was reached",
    "stalled": "The iteration did not settle at a solution",
    "undersampled": "The residual off the training points is more than three times the one on them",
    "diverged": "The iteration diverged",
    "not_finite": "The solution is not finite",
    "not_asymptotic": "The residual is still as large as the data: features finer than the knots are not resolved",
    "interrupted": "The run was interrupted",
    "rank_deficient": "The equations do not determine the solution",
    "tolerance_below_rounding": "Rounding errors are larger than the tolerance",
    "contradicted": "The `exact` of the file is not this solution",
}


def judge(
    levels: Sequence[Level],
    tolerance: float,
    reason: str,
    detail: str = "",
    end: float | None = None,
    evidence: str = "",
) -> Verdict:
    """The verdict on a run: converged only if estimate, held-out residual and the end of the iteration all agree.

    Pure: it sees the records of the levels, the tolerance, the reason with which the solver ended ("" when it thinks
    it is done) with its ``detail``, and the ``end`` of time, if any. What is not determined, or not resolved, has
    no known error: its estimate is infinite.
    """
    if not levels:
        return _refusal(levels, tolerance, reason or "diverged", detail, math.inf, "", end)
    last = levels[-1]
    estimate = last.estimate
    if not math.isfinite(estimate) and not reason:
        reason = "not_finite"
    elif not reason:
        reason, detail = _found(levels, tolerance, not evidence)
    if reason == "rank_deficient" or last.note == UNRESOLVED:
        estimate = math.inf
    evidence = evidence or _evidence(last)
    if reason:
        return _refusal(levels, tolerance, reason, detail, estimate, evidence, end)
    sentence = f"Converged: the estimated relative L2 error {estimate:.1e} is below the tolerance {tolerance:.0e}."
    return Verdict(True, tolerance, estimate, "", evidence, sentence, "")


def _evidence(last: Level) -> str:
    evidence = "correction in the refined space"
    if last.note == BY_FALL:
        evidence = "last correction, times the fall of the residual off the training points that it has brought"
    if last.time is not None:
        evidence += ", carried through the slabs by the linearised equation"
    return evidence


def _found(levels: Sequence[Level], tolerance: float, by_residual: bool) -> tuple[str, str]:
    """The reason that the records give, where the solver gave none; and its detail."""
    last = levels[-1]
    if last.estimate > tolerance:
        return ("stalled", "the residual no longer falls") if _stands(levels) else ("max_levels", "")
    if by_residual and is_undersampled(levels, tolerance):
        return "undersampled", ""
    unseen = [x.note for x in levels if x.note.startswith(UNSEEN)]
    if unseen:
        return "undersampled", unseen[0]
    if last.true_error is not None and last.true_error > CONTRADICTION * tolerance:
        return "contradicted", f"they differ by {last.true_error:.1e}"
    return "", ""


def _stands(levels: Sequence[Level]) -> bool:
    """Whether neither loss nor estimate has moved by a tenth over three levels of a steady solve."""
    seen = [x for x in levels if x.time is None][-3:]
    if len(seen) < 3:
        return False
    return all(min(v) >= 0.9 * max(v) for v in ([x.loss for x in seen], [x.estimate for x in seen]))


def is_undersampled(levels: Sequence[Level], tolerance: float) -> bool:
    """Whether the held-out residual is out of proportion where the estimate has no large margin."""
    judged = levels if levels[-1].time is not None else levels[-1:]
    heldout = sum(x.heldout for x in judged)
    loss = sum(x.loss for x in judged)
    return heldout > HELDOUT_RATIO**2 * loss and levels[-1].estimate > 1e-2 * tolerance


def _refusal(
    levels: Sequence[Level],
    tolerance: float,
    reason: str,
    detail: str,
    estimate: float,
    evidence: str,
    end: float | None,
) -> Verdict:
    why = _SENTENCES.get(reason, reason) + (f" ({detail})" if detail else "")
    size = f"the estimated relative L2 error is {estimate:.1e}" if math.isfinite(estimate) else "the error is not known"
    sentence = f"Not converged: {why}; {size}, the tolerance {tolerance:.0e}."
    return Verdict(False, tolerance, estimate, reason, evidence, sentence, remedy(reason, levels, tolerance, end))
