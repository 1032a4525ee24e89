"""Numbers from measured values: nonlinear least squares around solves of the problem.

Each evaluation solves the problem with given numbers as if the file had them, so that a number may stand wherever a
parameter may: in equations, conditions, ranges, shapes. Derivatives by the numbers are differences of two solves. The
solution of the last solve is the one that is shown, with its own verdict, so that the fit and the solution agree.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import scipy.optimize

from pinnkan.errors import PinnkanError
from pinnkan.kan.field import Array
from pinnkan.problem.registry import with_numbers, with_tolerance
from pinnkan.problem.settings import EstimatedNumber
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.numbers.judge import judge_fit
from pinnkan.solver.numbers.misfit import NOISE_PASSES, Noise, differences, errors_of_values, first_noise, fitted_data
from pinnkan.solver.numbers.uncertainty import Uncertainty, uncertainty_of
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.fit_records import Fit, FitStep, FoundNumber

#: Solves a problem under a monitor.
Solve = Callable[[Problem, Monitor], Solution]
#: The tolerances of the solves of a search, until that of the file.
FIRST_TOLERANCE, TIGHTENING = 1e-4, 1e-2
#: Steps of numbers for differences, relative to a number: hares and lynxes, six numbers over two cycles, come out
#: within 1e-5 of themselves with 1e-3 and 5e-5 with 1e-2, at a tolerance of 1e-4.
DIFFERENCE_STEP = 1e-3
#: A number near zero is moved as if it were this share of its start.
LEAST_SHARE = 1e-2
#: Noise that changes by a smaller share in a pass is settled: standard errors need no more.
SETTLED_NOISE = 1e-3
#: Differences to both sides, with which a search ends: those to one side put hares and lynxes off by 2e-5.
BOTH = (1, -1)
#: Evaluations of a search, per number and in all.
MOST_EVALUATIONS = 30
#: The factor on the misfit that stands for numbers with which the problem cannot be solved.
REJECTED = 10.0
#: An error of a number may be this share of its standard error: it adds half a per cent to it.
NOISE_SHARE = 0.1
#: Solves with a tighter tolerance where the error of a number is too large.
MOST_TIGHTENINGS = 2


def find_numbers(problem: Problem, solve: Solve, monitor: Monitor) -> Solution:
    """Find the numbers of a problem from its measurements; return the solution with them, and the fit.

    Raises what ``solve`` raises where the problem cannot be solved with the numbers that were found.
    """
    search = _Search(problem, solve, monitor)
    tolerance, noise = problem.solver.tolerance, first_noise(problem.measurements)
    at, used = search.start, max(FIRST_TOLERANCE, tolerance)
    while used > tolerance:
        at, noise = search.minimise(at, noise, used)
        used = max(used * TIGHTENING, tolerance)
    for _ in range(MOST_TIGHTENINGS + 1):
        at, noise = search.minimise(at, noise, used)
        found = search.result(at, noise, used)
        if found.is_accurate or not found.solution.verdict.converged or monitor.expired():
            break
        used = used * TIGHTENING
    return found.judged(tolerance)


@dataclass(frozen=True, eq=False)
class _Found:
    """The solution with the numbers found, and the fit; ``is_accurate``: whether their errors are small enough."""

    solution: Solution
    fit: Fit
    is_accurate: bool
    is_settled: bool

    def judged(self, tolerance: float) -> Solution:
        """The solution with a verdict on the numbers too, for the ``tolerance`` of the file."""
        own = self.solution
        verdict = judge_fit(own.verdict, own.levels, self.fit, self.is_accurate, self.is_settled, tolerance)
        return replace(own, verdict=verdict, fit=self.fit)


@dataclass(eq=False)
class _Search:
    """Solves with given numbers, in coordinates that are the numbers over their starts, or their logarithms."""

    problem: Problem
    solve: Solve
    monitor: Monitor
    steps: int = 0
    is_settled: bool = True
    known: dict[tuple[bytes, float], Solution | None] = field(default_factory=dict)

    @property
    def numbers(self) -> Mapping[str, EstimatedNumber]:
        """The numbers to be found."""
        return self.problem.numbers

    @property
    def start(self) -> Array:
        """The coordinates of the starts."""
        return np.array([math.log(n.start) if n.is_logarithmic else n.start / _unit(n) for n in self.numbers.values()])

    @property
    def bounds(self) -> tuple[Array, Array]:
        """The coordinates of the lower and upper bounds."""

        def coordinate(number: EstimatedNumber, value: float) -> float:
            if not number.is_logarithmic:
                return value / _unit(number)
            return math.log(value) if 0.0 < value < math.inf else -math.inf if value <= 0.0 else math.inf

        ends = [(coordinate(n, n.low), coordinate(n, n.high)) for n in self.numbers.values()]
        return np.array([low for low, _ in ends]), np.array([high for _, high in ends])

    def values(self, at: Array) -> Array:
        """The numbers at coordinates."""
        return np.array(
            [math.exp(x) if n.is_logarithmic else x * _unit(n) for x, n in zip(at, self.numbers.values(), strict=True)]
        )

    def slopes(self, at: Array) -> Array:
        """The derivatives of the numbers by their coordinates."""
        values = self.values(at)
        return np.array(
            [v if n.is_logarithmic else _unit(n) for v, n in zip(values, self.numbers.values(), strict=True)]
        )

    def solution(self, at: Array, tolerance: float) -> Solution | None:
        """The solution with the numbers at coordinates; None where there is none."""
        key = (at.tobytes(), tolerance)
        if key not in self.known:
            self.known = dict(list(self.known.items())[-3 * len(at) - 3 :])
            try:
                self.known[key] = self._solved(at, tolerance, self.monitor.side_monitor())
            except (PinnkanError, np.linalg.LinAlgError):
                self.known[key] = None
        return self.known[key]

    def _solved(self, at: Array, tolerance: float, monitor: Monitor) -> Solution:
        given = dict(zip(self.numbers, self.values(at).tolist(), strict=True))
        problem = with_tolerance(with_numbers(self.problem, given), tolerance)
        return self.solve(replace(problem, quantities={}, exact=None), monitor)

    def misfit(self, at: Array, noise: Noise, tolerance: float) -> Array | None:
        """Differences over their noise, then those from priors; None where the problem has no solution."""
        solution = self.solution(at, tolerance)
        if solution is None:
            return None
        found = np.concatenate([differences(solution) / noise.all_values, self._prior_differences(at)])
        return found if bool(np.isfinite(found).all()) else None

    def _prior_differences(self, at: Array) -> Array:
        pairs = zip(self.values(at), self.numbers.values(), strict=True)
        return np.array([(value - n.prior[0]) / n.prior[1] for value, n in pairs if n.prior is not None])

    def jacobian(self, at: Array, noise: Noise, tolerance: float, sides: tuple[int, ...]) -> Array:
        """Derivatives of the misfit by the coordinates, (difference, number), by differences to one or both sides."""
        columns, own = [], self.misfit(at, noise, tolerance)
        for k, number in enumerate(self.numbers.values()):
            step = DIFFERENCE_STEP * (1.0 if number.is_logarithmic else max(abs(at[k]), LEAST_SHARE))
            low, high = (ends[k] for ends in self.bounds)
            places = [at[k] + sign * step for sign in sides if low <= at[k] + sign * step <= high]
            found = [(x, self.misfit(_moved(at, k, x), noise, tolerance)) for x in places or [at[k] - step]]
            (x1, r1), (x0, r0) = [*((x, r) for x, r in found if r is not None), (float(at[k]), own)][:2]
            assert r1 is not None
            assert r0 is not None
            columns.append((r1 - r0) / (x1 - x0))
        return np.stack(columns, -1)

    def minimise(self, at: Array, noise: Noise, tolerance: float) -> tuple[Array, Noise]:
        """Minimise the misfit from coordinates; again with the noise that it shows, where that is not given."""
        is_estimated = any(m.noise is None for m in self.problem.measurements)
        has_shares = len(self.problem.measurements) + sum(n.prior is not None for n in self.numbers.values()) > 1
        for _ in range(NOISE_PASSES if is_estimated and has_shares else 1):
            at = self._least_squares(at, noise, tolerance)
            solution = self.solution(at, tolerance)
            if solution is None or not is_estimated:
                break
            before, noise = noise, noise.estimated(self.problem.measurements, differences(solution), len(at))
            if np.abs(np.log(noise.all_values / before.all_values)).max() < SETTLED_NOISE:
                break
        return at, noise

    def _least_squares(self, at: Array, noise: Noise, tolerance: float) -> Array:
        largest = [1.0]

        def residuals(x: Array) -> Array:
            found = self.misfit(x, noise, tolerance)
            if found is None:
                count = sum(len(m.values) for m in self.problem.measurements) + len(self._prior_differences(x))
                return np.full(count, REJECTED * largest[0])
            largest[0] = max(largest[0], float(np.abs(found).max()))
            return found

        def jacobian(x: Array) -> Array:
            self._report(x, noise, tolerance)
            return self.jacobian(x, noise, tolerance, BOTH if tolerance <= self.problem.solver.tolerance else (1,))

        if self.misfit(at, noise, tolerance) is None:
            self._solved(at, tolerance, self.monitor.side_monitor())  # raises what is wrong with it
        limit = MOST_EVALUATIONS * len(at)
        found = scipy.optimize.least_squares(
            residuals, at, jacobian, self.bounds, x_scale="jac", xtol=0.1 * tolerance, ftol=tolerance**2, gtol=1e-15,
            max_nfev=limit,
        )  # fmt: skip
        self.is_settled = bool(found.status > 0)
        return np.asarray(found.x)

    def _report(self, at: Array, noise: Noise, tolerance: float) -> None:
        misfit, progress = self.misfit(at, noise, tolerance), self.monitor.progress
        if progress is not None and misfit is not None:
            given = dict(zip(self.numbers, self.values(at).tolist(), strict=True))
            progress(FitStep(self.steps, given, float(np.sqrt(np.mean(misfit**2))), self.monitor.elapsed()))
        self.steps += 1

    def result(self, at: Array, noise: Noise, tolerance: float) -> _Found:
        """The solution of the file's problem with the numbers at coordinates, and the fit."""
        given = dict(zip(self.numbers, self.values(at).tolist(), strict=True))
        problem = with_tolerance(with_numbers(self.problem, given), tolerance)
        solution = self.solve(problem, self.monitor)
        matrix, off = self.jacobian(at, noise, tolerance, BOTH), differences(solution)
        if any(m.noise is None for m in self.problem.measurements):
            before, noise = noise.all_values, noise.estimated(self.problem.measurements, off, len(at))
            matrix[: len(off)] *= (before / noise.all_values)[:, None]
        found = uncertainty_of(matrix, self.slopes(at), list(self.numbers))
        errors = self._errors(solution, found, noise)
        values = self.values(at)
        numbers = {
            name: FoundNumber(float(v), float(e), float(s), n.start)
            for (name, n), v, e, s in zip(self.numbers.items(), values, errors, found.standard_errors, strict=True)
        }
        chi = float(np.sum((off / noise.all_values) ** 2))
        fit = Fit(
            numbers, found.correlations, fitted_data(solution, noise), chi, len(off) - len(at), found.undetermined
        )
        least = problem.solver.tolerance * np.abs(values)
        allowed = np.maximum(self.problem.solver.tolerance * np.abs(values), NOISE_SHARE * found.standard_errors)
        is_accurate = bool((errors <= np.maximum(allowed, least)).all())
        return _Found(solution, fit, is_accurate, self.is_settled)

    def _errors(self, solution: Solution, found: Uncertainty, noise: Noise) -> Array:
        """What the estimated error of the solution makes of each number."""
        off = errors_of_values(solution)
        if off is None:
            return np.full(len(self.numbers), math.inf)
        weighted = np.concatenate([off / noise.all_values, np.zeros(len(found.matrix) - len(off))])
        return SAFETY * np.abs(found.change_by(weighted))


def _moved(at: Array, k: int, x: float) -> Array:
    """Coordinates of which one is another."""
    return np.concatenate([at[:k], [x], at[k + 1 :]])


def _unit(number: EstimatedNumber) -> float:
    """The unit of a number that is no logarithm: its start, or one."""
    return abs(number.start) or 1.0
