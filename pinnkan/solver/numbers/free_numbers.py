"""Numbers that equations and conditions determine, read off a solution."""

import math

import numpy as np

from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.solution import Solution
from pinnkan.verdict.fit_records import FoundNumber

#: Points over which the mean is taken.
POINTS = 1024


def read_free_numbers(solution: Solution) -> dict[str, FoundNumber]:
    """Return the free numbers of a solution with their errors: of its estimates those of the last components.

    The values are means: each number is a function whose slopes vanish but for the error.
    """
    problem, levels = solution.problem, solution.levels
    names = problem.free_numbers
    if not names:
        return {}
    points = problem.domain.sample(POINTS, kronecker_points)
    values = solution.field(points, [(0,) * problem.dimension])[:, -len(names) :, 0].mean(0).tolist()
    errors = [math.inf] * len(names)
    if levels and levels[-1].estimates and solution.error is not None:
        step = solution.error(points, [(0,) * problem.dimension])[:, -len(names) :, 0]
        shares = levels[-1].estimates[-len(names) :]  # of the values, but for those near zero
        errors = [max(abs(v) * e, s) for v, e, s in zip(values, shares, np.sqrt((step**2).mean(0)), strict=True)]
    return {
        name: FoundNumber(value, error, None, problem.numbers[name].start)
        for name, value, error in zip(names, values, errors, strict=True)
    }
