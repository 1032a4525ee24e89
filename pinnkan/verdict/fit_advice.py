"""What to try where numbers were sought and not found."""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from pinnkan.verdict.records import Level, Reason

#: From the levels, the tolerance and the end of time (None for a steady problem) to advice.
Remedy: TypeAlias = Callable[[Sequence[Level], float, float | None], str]


def _undetermined_numbers(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    """What to do where data do not determine numbers."""
    return "Measure where the numbers matter, give one of them a value under `parameters`, or a `prior`."


def _misfit(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    """What to do where data contradict the equations."""
    return (
        "Start elsewhere (`estimate: {k: {start: 1, range: [0.1, 10], scale: log}}`), check the equations against what "
        "was measured, or leave `noise` out: it is then estimated from the misfit."
    )


def _multiple_eigenvalue(levels: Sequence[Level], tolerance: float, end: float | None) -> str:
    """What to do where several functions belong to an eigenvalue."""
    return (
        "Choose one of the functions by its symmetry: solve in half of the domain, with `u = 0` or `dn(u) = 0` where "
        "it is cut. A start nearer to another number leads there."
    )


FIT_REMEDIES: dict[Reason, Remedy] = {
    Reason.UNDETERMINED_NUMBERS: _undetermined_numbers,
    Reason.MISFIT: _misfit,
    Reason.MULTIPLE_EIGENVALUE: _multiple_eigenvalue,
}
