"""What to change after a verdict that is not ``converged``, computed from the records of the run."""

import itertools
import math
from collections.abc import Sequence

from pinnkan.verdict.fit_advice import FIT_REMEDIES, Remedy
from pinnkan.verdict.records import Level, Reason

#: Most additional levels that are suggested, each of which costs several times the one before; and the largest
#: tolerance, as a share of the solution (heuristic).
MAX_EXTRA_LEVELS, MAX_TOLERANCE = 10, 0.3
#: Most intervals that a file may name (``pinnkan.problem.schema``).
MOST_KNOTS = 10_000
#: SHRINKING_SLABS slabs in a row, each at most SHRINK_RATIO of the one before, shrink towards a time.
SHRINKING_SLABS, SHRINK_RATIO = 6, 0.95

#: For an error as large as the solution, where a larger tolerance would not help.
EXISTENCE_HINT = (
    "; check that a solution exists and is the only one (what nothing holds in its place needs a value there), or "
    "start from a milder parameter"
)
#: For a nonlinear steady problem that is not solved. With steps in time to rest an eikonal equation took 11 s to 1e-6.
TIME_MARCH_HINT = (
    "Let it come to rest in time: add `t: [0, T]` to `domain`, `u_t` to the equation, with the sign that makes its "
    "highest derivative smooth, and initial data that meet the conditions. Or start from a milder parameter; check "
    "that a solution exists."
)

#: Phrases about time, and those about another coordinate of evolution.
COORDINATE_PHRASES = (
    ("Time t", "t"), ("t = ", "{0} = "), ("a shorter time", "a shorter range of {0}"), ("time run", "problem run"),
    ("times before that", "less of {0}"), ("Ask for times", "Ask for {0}"), ("in time", "along {0}"),
)  # fmt: skip


def name_coordinate(name: str, text: str) -> str:
    """A ``text`` about time, rewritten for the coordinate ``name`` along which the problem evolves."""
    for words, others in COORDINATE_PHRASES if name != "t" else ():
        text = text.replace(words, others.format(name))
    return text


def remedy(reason: Reason, levels: Sequence[Level], tolerance: float, end: float | None = None) -> str:
    """One or two sentences of advice; ``end`` is the end of time, None for a steady problem."""
    return _REMEDIES[reason](levels, tolerance, end)


def _more(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    """Extrapolate the decay of the estimate: how many more levels are needed, and how long they take."""
    if not levels:
        return "Not one level, or slab of time, has ended: allow several times the seconds, or more of what is limited."
    if levels[-1].time is not None:
        return _larger(levels)
    if _stays(levels):
        return (
            "On no level is the residual smaller than the data: check that a solution exists (with slopes on all "
            "sides, or at an eigenvalue, data have to be compatible). A layer thinner than the knots looks the same: "
            "then start with more `knots`."
        )
    if levels[-1].is_resolved and levels[-1].estimate <= tolerance and len(levels) > 1:
        return "The estimate is below the tolerance, but not all was asked before the end: raise the limit of the file."
    factor = _factor(levels)
    if factor is None:
        return f"Start with more `knots`{_looser(levels)}."
    before, last = levels[-2:]
    more = max(1, math.ceil(math.log(last.estimate / tolerance) / math.log(factor)))
    if more > MAX_EXTRA_LEVELS:
        looser = _looser(levels) if last.estimate < MAX_TOLERANCE else ""
        return f"The error falls only {factor:.2g} times per level: try another network or method{looser}."
    spent, earlier = last.seconds - before.seconds, before.seconds - (levels[-3].seconds if len(levels) > 2 else 0.0)
    growth = min(max(1.0, spent / max(earlier, 1e-3)), 8.0)
    seconds = sum(spent * growth**k for k in range(1, more + 1))
    plural = "level" if more == 1 else "levels"
    return (
        f"The error falls {_times(factor)} times per level: {more} more {plural}, about {_duration(seconds)}. "
        f"Allow `max_levels: {len(levels) + more}` and `max_time: {_up(last.seconds + seconds, 10)}`."
    )


def _looser(levels: Sequence[Level]) -> str:
    """The clause that suggests a larger tolerance, or doubts the solution where the estimate is too large for one."""
    if not levels or not levels[-1].is_resolved:
        return ""
    estimate = levels[-1].estimate
    return f", or ask for a `tolerance` of {_up(estimate)}" if estimate < MAX_TOLERANCE else EXISTENCE_HINT


def _stays(levels: Sequence[Level]) -> bool:
    """Whether all levels of a steady solve, three at least, are unresolved."""
    return len(levels) > 2 and all(x.time is None and not x.is_resolved for x in levels)


def _shrinking(levels: Sequence[Level]) -> float | None:
    """The limit of the last slabs, extrapolated as a geometric series; None where they do not shrink steadily."""
    lengths = [x.time[1] - x.time[0] for x in levels if x.time is not None][-SHRINKING_SLABS:]
    ratios = [b / a for a, b in itertools.pairwise(lengths)]
    if len(lengths) < SHRINKING_SLABS or max(ratios) > SHRINK_RATIO:
        return None
    q, last = (lengths[-1] / lengths[0]) ** (1.0 / len(ratios)), levels[-1].time
    assert last is not None
    return last[1] + lengths[-1] * q / (1.0 - q)


def _larger(levels: Sequence[Level]) -> str:
    """For slabs: suggest a tolerance that the estimate can meet, a shorter time or more passes."""
    estimate = levels[-1].estimate
    middle = levels[len(levels) // 2].estimate
    grew = ""
    if middle > 0.0 and estimate > 10.0 * middle:
        grew = f"The estimated error grew {estimate / middle:.1g} times in the second half of the slabs. "
    if not math.isfinite(estimate):
        return f"{grew}Ask for a shorter time."
    looser = f"a `tolerance` of {_up(estimate)}, " if estimate < MAX_TOLERANCE else ""
    return f"{grew}Ask for {looser}a shorter time, or allow more `max_levels` (passes)."


def _time(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    """The time limit that the run needs at its latest pace."""
    if len(levels) == 1 and levels[-1].time is None:
        return "Raise `max_time`: one level does not tell how the error falls."
    if not levels or levels[-1].time is None:
        return _more(levels, tolerance, end)
    reached, began = levels[-1].time[1], levels[0].time[0] if levels[0].time else 0.0
    if end is None or not reached < end:
        return f"Time t = {reached:.4g} was reached: raise `max_time`."
    limit = _shrinking(levels)
    if limit is not None and limit < end:
        return (
            f"Slabs shrink towards t = {limit:.4g}: the solution may grow without bound there, or bend. Ask for times "
            f"up to {_down(reached)}, or say where it bends."
        )
    recent = levels[len(levels) // 2 :]
    start = levels[len(levels) // 2 - 1] if len(levels) > 1 else None
    took = recent[-1].seconds - (start.seconds if start else 0.0)
    since = start.time[1] if start and start.time else began
    left = took * (end - reached) / max(reached - since, 1e-300)
    total = levels[-1].seconds + left
    if not math.isfinite(total) or left > 1e6:
        return f"Time t = {reached:.4g} of {end:.4g} was reached: ask for a shorter time or a larger `tolerance`."
    return (
        f"Time t = {reached:.4g} of {end:.4g} was reached; at the latest pace the rest takes about {_duration(left)}: "
        f"`max_time: {_up(1.2 * total, 10)}`."
    )


def _stalled(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    """Advice by whether the steps iterated and whether the residual falls under refinement."""
    if any(level.iterations > 1 and level.time is None for level in levels):
        return TIME_MARCH_HINT
    if len(levels) > 1 and levels[-1].time is None and levels[-1].loss > 0.5 * levels[-2].loss > 0.0:
        return (
            f"The residual does not fall with more knots ({levels[-2].loss:.1e}, then {levels[-1].loss:.1e}): equation "
            "and conditions contradict each other, or the solution is not smooth. Check that a solution exists."
        )
    return "Check that equation and conditions do not contradict each other, or start from a milder parameter."


def _undersampled(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    if levels and levels[-1].time is not None:
        return "Make what is so narrow in time wider, with the same integral: beyond it the solution is the same."
    return f"The data have features finer than the points: give `knots: {_twice(levels)}` or more."


def _undecided(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    return (
        f"Ask for a `tolerance` below {_down(tolerance / 10)}, so that the solution is known better, or move the "
        "threshold away from values that the solution just reaches."
    )


def _not_asymptotic(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    if not levels:
        return _undersampled(levels, tolerance, end)
    ratio = math.sqrt(levels[-1].heldout / levels[0].heldout) if levels[0].heldout > 0 else 1.0
    return (
        f"After {len(levels)} levels the residual is {ratio:.2g} of the first one: the features are finer than the "
        f"knots. Allow `max_levels: {len(levels) + 6}`, or start with `knots: {_twice(levels)}`."
    )


def _diverged(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    slabs = [x.time for x in levels if x.time is not None]
    if not slabs:
        return "Start from a milder parameter, or check signs and conditions."
    reached, length = slabs[-1][1], slabs[-1][1] - slabs[-1][0]
    longest = max(b - a for a, b in slabs)
    if length < 0.1 * longest:
        return (
            f"Slabs shrank from {longest:.2g} to {length:.2g} towards t = {reached:.6g}: the solution may end there "
            f"(blow-up). Ask for times up to {_down(reached)}, or check the signs."
        )
    return f"The solution is good up to t = {reached:.6g}. Check the signs, or ask for a shorter time."


def _not_finite(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    count = f" {len(levels)} good records remain." if levels else ""
    return (
        "Check the expressions for poles, logarithms and roots of negative numbers, and overflow. Where a derivative "
        f"is infinite (a root of zero) several solutions may begin: start beside it.{count}"
    )


def _rank_deficient(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    if end is not None:
        return (
            "Check the signs of the highest derivatives (where the finest waves grow fastest, let the time run the "
            "other way), whether a side lacks a condition, be it for a moment or on a part of it, and whether what "
            "stands before the highest derivative in time vanishes somewhere (start after that, or add a value at a "
            "`point`). Or ask for times before that."
        )
    if any(level.iterations > 1 for level in levels):
        return f"What may move freely, such as a layer, needs a value at a point that holds it. {TIME_MARCH_HINT}"
    return (
        "Add what is missing: a condition on a side that has none, a value on one side where only slopes are given, "
        "another parameter where it is an eigenvalue of the problem."
    )


def _rounding(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    known = [x.estimate for x in levels if math.isfinite(x.estimate) and x.estimate > 0.0]
    if not known or known[-1] > 0.1:
        return "Move away from a parameter that makes the problem nearly singular, or rescale terms of unlike sizes."
    least = known[-1] if levels[-1].time else min(known)  # the best of all levels counts, but the last of all slabs
    return f"Ask for a `tolerance` of {_up(2.0 * max(least, tolerance))}."


def _interrupted(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    if levels and levels[-1].time is not None:
        return f"Time t = {levels[-1].time[1]:.4g} was reached: `--resume` goes on from there."
    return f"{len(levels)} levels are saved: `--resume` goes on from there."


def _contradicted(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    return (
        "Either `exact` is another solution of a problem with several, or it has a slip, or the data hide a feature "
        f"that no point saw: compare both, and try `knots: {_twice(levels)}`."
    )


def _without_norm(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    return (
        "What else is solved for can be used as it is. If that one is wanted too, let the values meet where they jump, "
        "over a short distance (`tanh(x/0.05)`), as they do in nature."
    )


_REMEDIES: dict[Reason, Remedy] = {
    Reason.MAX_LEVELS: _more,
    Reason.MAX_TIME: _time,
    Reason.STALLED: _stalled,
    Reason.UNDERSAMPLED: _undersampled,
    Reason.UNDECIDED: _undecided,
    Reason.NOT_ASYMPTOTIC: _not_asymptotic,
    Reason.DIVERGED: _diverged,
    Reason.NOT_FINITE: _not_finite,
    Reason.RANK_DEFICIENT: _rank_deficient,
    Reason.BELOW_ROUNDING: _rounding,
    Reason.INTERRUPTED: _interrupted,
    Reason.CONTRADICTED: _contradicted,
    Reason.NO_FINITE_NORM: _without_norm,
    **FIT_REMEDIES,
}


def _factor(levels: Sequence[Level]) -> float | None:
    """The ratio of the last two estimates of a steady solve; None where they do not fall."""
    steady = [x.estimate for x in levels if x.time is None]
    if len(steady) < 2 or not 0.0 < steady[-1] < 0.98 * steady[-2] < math.inf:
        return None
    return steady[-2] / steady[-1]


def _times(factor: float) -> str:
    return f"{factor:.1f}" if factor < 10.0 else f"{factor:.0f}" if factor < 1e4 else f"{factor:.0e}"


def _twice(levels: Sequence[Level]) -> int:
    """Twice the intervals of the last level, at most MOST_KNOTS; 8 where there is no level."""
    return min(2 * max(*levels[-1].intervals, 4), MOST_KNOTS) if levels else 8


def _duration(seconds: float) -> str:
    """A duration as ``40 s``, ``4 min`` or ``3 h``."""
    if seconds < 100.0:
        return f"{max(1.0, seconds):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200.0 else f"{seconds / 3600:.0f} h"


def _up(value: float, least: float = 0.0) -> str:
    """The value rounded up to one digit, and not less than ``least``."""
    if not 0.0 < value < math.inf:
        return f"{least:g}"
    power = 10.0 ** math.floor(math.log10(value))
    return f"{max(math.ceil(value / power - 1e-9) * power, least):.6g}"


def _down(value: float) -> str:
    """Nine tenths of the value, with two digits."""
    return f"{0.9 * value:.2g}"
