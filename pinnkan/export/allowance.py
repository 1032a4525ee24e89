"""How much the files of a run may hold where a time limit leaves few seconds to write them."""

import time

import numpy as np

from pinnkan.export.arrays import limited, sampled, sliced, space_samples
from pinnkan.solution import Solution

#: Points that are sampled to see how long that takes.
TRIED = 4096
#: Seconds of a sampled point in a file or a picture: 3e-6 to 7e-6 (measured).
WRITTEN = 6e-6


class Allowance:
    """So many seconds from now on; infinite where there is no limit."""

    def __init__(self, seconds: float = np.inf) -> None:
        self._end = time.perf_counter() + seconds
        self._each: float | None = None

    def left(self) -> float:
        """Seconds that are left, not below zero."""
        return max(self._end - time.perf_counter(), 0.0)

    def points(self, solution: Solution, share: float = 1.0, less: float = 0.0) -> float:
        """Points that can be sampled and written in a share of the seconds left, ``less`` others; at least some."""
        if self._end == np.inf:
            return np.inf
        if self._each is None:
            self._each = WRITTEN + _seconds_of_a_point(solution)
        return max(share * (self.left() - less) / self._each, 1.0)


def _seconds_of_a_point(solution: Solution) -> float:
    problem = solution.problem
    axes = sliced(problem, limited(space_samples(solution), TRIED))
    if len(axes) < problem.dimension:
        axes.append(np.array([0.5 * sum(solution.domain.box.ranges[-1])]))
    began = time.perf_counter()
    sampled(solution, axes)
    return (time.perf_counter() - began) / float(np.prod([len(a) for a in axes]))
