"""The errors of each unknown and vector of a result, where the verdict names the worst alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np

from pinnkan.export.arrays import error_name, sampled, shown_of
from pinnkan.export.samples import limited, sliced, space_breaks
from pinnkan.kan.field import Array
from pinnkan.solution import Solution

#: Samples per knot interval and of the time that was reached, both in the middle of equal parts: two digits of a norm.
_PER_INTERVAL, _TIMES = 4, 20
#: Samples of space in all, a choice: a tenth of a second.
_MOST = 40_000


@dataclass(frozen=True)
class NamedError:
    """The size (root mean square) of an unknown or vector, and its relative errors; None where not known."""

    name: str
    size: float
    estimate: float | None
    true_error: float | None


def errors_by_name(solution: Solution) -> list[NamedError]:
    """One per unknown that is in no vector, one per vector; in many coordinates on the slice shown."""
    problem = solution.problem
    squares: dict[str, float] = {}
    inside = 0.0
    for weight, arrays in _weighed(solution):
        for name, array in arrays.items():
            squares[name] = squares.get(name, 0.0) + float(np.nansum(array**2 * weight))
        inside += float(weight[np.isfinite(arrays[problem.unknowns[0]])].sum())
    found = []
    for shown in shown_of(problem):
        size = float(np.sqrt(squares[shown.name] / (inside or 1.0)))
        errors = [squares.get(error_name(kind, problem, shown.name)) for kind in ("error_estimate", "error")]
        relative = [None if e is None else float(np.sqrt(e / (inside or 1.0))) / (size or 1.0) for e in errors]
        found.append(NamedError(shown.name, size, *relative))
    return found


def _weighed(solution: Solution) -> Sequence[tuple[Array, dict[str, Array]]]:
    """Weights that add up to one over all, with the arrays of a file at the same places."""
    problem = solution.problem
    shown = [axis for axis in range(problem.dimension) if axis != problem.time_axis or problem.dimension == 1][:3]
    rules = [_midpoints(space_breaks(solution, axis)) for axis in shown]
    axes = limited([x for x, _ in rules], _MOST)
    if any(len(x) < len(rule[0]) for x, rule in zip(axes, rules, strict=True)):
        rules = [(x, np.gradient(x)) for x in axes]
    weight = reduce(np.multiply.outer, (w / w.sum() for _, w in rules))
    full = sliced(problem, [x for x, _ in rules])
    if problem.time_axis is None or problem.dimension == 1:
        shape = [len(a) for a in full]
        return [(weight.reshape(shape), sampled(solution, full))]
    start, end = solution.domain.box.ranges[-1]
    times = start + (end - start) * (np.arange(_TIMES) + 0.5) / _TIMES
    shape = [len(a) for a in full] + [1]
    return [((weight / _TIMES).reshape(shape), sampled(solution, [*full, np.array([t])])) for t in times]


def _midpoints(knots: Array) -> tuple[Array, Array]:
    """The middles of equal parts of every interval, and the lengths of these."""
    steps = np.repeat(np.diff(knots) / _PER_INTERVAL, _PER_INTERVAL)
    return knots[0] + np.cumsum(steps) - steps / 2, steps
