"""The verdict on numbers found from measured values, beside that on the solution."""

import math
from collections.abc import Sequence
from dataclasses import replace

from pinnkan.verdict.fit_records import Fit
from pinnkan.verdict.records import Level, Reason
from pinnkan.verdict.verdict import Verdict, refusal

#: Chi-square may exceed its expected value by so many standard deviations, and by this factor: noise is seldom known
#: better.
MOST_DEVIATIONS, MOST_CHI_SQUARE = 5.0, 4.0


def judge_fit(
    verdict: Verdict, levels: Sequence[Level], fit: Fit, is_accurate: bool, is_settled: bool, tolerance: float
) -> Verdict:
    """The verdict on solution and numbers: converged only if both are."""
    reason, detail = _fault(fit, is_accurate, is_settled) if verdict.converged else (Reason.CONVERGED, "")
    if not reason:
        return replace(verdict, tolerance=tolerance)
    return refusal(levels, tolerance, reason, detail, verdict.estimate, None)


def _fault(fit: Fit, is_accurate: bool, is_settled: bool) -> tuple[Reason, str]:
    """Why the numbers are not to be trusted, and a detail; CONVERGED if they are."""
    if fit.undetermined:
        return Reason.UNDETERMINED_NUMBERS, f"nothing changes along {fit.undetermined}"
    if not is_settled:
        return Reason.STALLED, "the search for the numbers has not settled"
    if not is_accurate:
        worst = max(fit.numbers, key=lambda name: fit.numbers[name].error / max(abs(fit.numbers[name].value), 1e-300))
        number = fit.numbers[worst]
        detail = f"{worst} = {number.value:.6g} is known to {number.error:.1e} only"
        return Reason.UNDETERMINED_NUMBERS, detail
    excess = _excess(fit)
    if excess > MOST_CHI_SQUARE:
        return Reason.MISFIT, f"the misfit is {math.sqrt(excess):.3g} times the noise"
    return Reason.CONVERGED, ""


def _excess(fit: Fit) -> float:
    """Chi-square over its expected value, where the noise is given and it is significantly larger; else 1."""
    if not all(part.is_noise_given for part in fit.data) or fit.freedoms <= 0:
        return 1.0
    ratio = fit.chi_square / fit.freedoms
    return ratio if ratio > 1.0 + MOST_DEVIATIONS * math.sqrt(2.0 / fit.freedoms) else 1.0
