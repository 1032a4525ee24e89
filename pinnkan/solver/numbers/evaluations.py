"""Solutions with given numbers, their misfit to the data, and its derivatives by differences of solves."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from pinnkan.errors import PinnkanError, SolverError
from pinnkan.kan.field import Array
from pinnkan.problem.registry import with_numbers, with_tolerance
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.numbers.coordinates import NumberCoordinates
from pinnkan.solver.numbers.misfit import Noise, differences
from pinnkan.verdict.fit_records import FitStep

#: Solves a problem under a monitor.
Solve = Callable[[Problem, Monitor], Solution]


class Evaluations:
    """Solves a ``problem`` with the numbers at coordinates, and remembers as many solutions as a step needs.

    ``shown``: the coordinates of the last step and their solution, None before the first.
    """

    def __init__(self, problem: Problem, solve: Solve, monitor: Monitor) -> None:
        self.problem, self.monitor, self.coordinates = problem, monitor, NumberCoordinates(problem.numbers)
        self.shown: tuple[Array, Solution] | None = None
        self._solve, self._steps = solve, 0
        self._known: dict[tuple[bytes, float], Solution] = {}

    def problem_at(self, at: Array, tolerance: float) -> Problem:
        """The problem with the numbers at coordinates. Raises ProblemError: there is none."""
        return with_tolerance(with_numbers(self.problem, self.coordinates.named(at)), tolerance)

    def solve_in_full(self, at: Array, tolerance: float) -> Solution:
        """The solution with all that the file asks for, its progress reported. Raises what solving raises."""
        return self._solve(self.problem_at(at, tolerance), self.monitor)

    def solution(self, at: Array, tolerance: float) -> Solution | None:
        """The solution at coordinates, nothing read off; None where there is none. OutOfTimeError: the time is over."""
        try:
            return self.require(at, tolerance)
        except (PinnkanError, np.linalg.LinAlgError):
            self._check_time()  # it may be what ended it
            return None

    def require(self, at: Array, tolerance: float) -> Solution:
        """The solution at coordinates, nothing read off. Raises what solving raises, and OutOfTimeError."""
        key = (at.tobytes(), tolerance)
        if key not in self._known:
            kept = 3 * len(at) + 3  # two sides of each number, and the last points
            self._known = dict(list(self._known.items())[-kept:])
            self._check_time()
            bare = replace(self.problem_at(at, tolerance), quantities={}, exact=None)
            self._known[key] = self._solve(bare, self.monitor.side_monitor())
            self._check_time()  # it may have been cut short
        return self._known[key]

    def _check_time(self) -> None:
        """Raise OutOfTimeError if the time limit is over and there is something to show."""
        if self.shown is not None:
            self.monitor.check_time()

    def misfit(self, at: Array, noise: Noise, tolerance: float) -> Array | None:
        """Differences over their noise, then those from priors; None where the problem has no solution."""
        solution = self.solution(at, tolerance)
        if solution is None:
            return None
        off = differences(solution) / noise.all_values
        found = np.concatenate([off, self.coordinates.prior_differences(at)])
        return found if bool(np.isfinite(found).all()) else None

    def jacobian(self, at: Array, noise: Noise, tolerance: float, sides: Sequence[int]) -> Array:
        """Derivatives of the misfit by the coordinates, (difference, number), by differences to one or both sides.

        Raises SolverError: to no side of a number there is a solution.
        """
        columns, own = [], self.misfit(at, noise, tolerance)
        for k, (step, low, high) in enumerate(zip(self.coordinates.steps(at), *self.coordinates.bounds, strict=True)):
            places = [at[k] + sign * step for sign in sides if low <= at[k] + sign * step <= high]
            moved = [np.concatenate([at[:k], [x], at[k + 1 :]]) for x in places or [at[k] - step]]
            found = [(place[k], self.misfit(place, noise, tolerance)) for place in moved]
            known = [(x, r) for x, r in (*found, (at[k], own)) if r is not None]
            if len(known) < 2:
                name, value = list(self.coordinates.named(at).items())[k]
                raise SolverError(f"beside {name} = {value:.6g} the problem is not solved: start elsewhere")
            (x1, r1), (x0, r0) = known[:2]
            columns.append((r1 - r0) / (x1 - x0))
        return np.stack(columns, -1)

    def report(self, at: Array, noise: Noise, tolerance: float) -> None:
        """Report a step at coordinates, whose solution is shown from here on."""
        self.shown = at, self.require(at, tolerance)
        misfit = self.misfit(at, noise, tolerance)
        if self.monitor.progress is not None and misfit is not None:
            size, seconds = float(np.sqrt(np.mean(misfit**2))), self.monitor.elapsed()
            self.monitor.progress(FitStep(self._steps, self.coordinates.named(at), size, seconds))
        self._steps += 1
