"""Numbers from measured values: nonlinear least squares around solves of the problem.

Each evaluation solves the problem with given numbers as if the file had them, so that a number may stand wherever a
parameter may: in equations, conditions, ranges, shapes. Derivatives by the numbers are differences of two solves. The
solution of the last solve is the one that is shown, with its own verdict, so that the fit and the solution agree.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import scipy.optimize

from pinnkan.assembly.clock import OutOfTimeError
from pinnkan.domain.rounding import EPS
from pinnkan.kan.field import Array
from pinnkan.problem.schema import SMALLEST_TOLERANCE
from pinnkan.problem.statement import Problem
from pinnkan.solution import Solution
from pinnkan.solver.monitor import Monitor
from pinnkan.solver.numbers.evaluations import Evaluations, Solve
from pinnkan.solver.numbers.judge import judge_fit
from pinnkan.solver.numbers.misfit import Noise, differences, errors_of_values, first_noise, fitted_data
from pinnkan.solver.numbers.uncertainty import Uncertainty, uncertainty_of, unknown_uncertainty
from pinnkan.solver.outcome import SAFETY
from pinnkan.verdict.fit_records import Fit, FoundNumber
from pinnkan.verdict.records import Reason
from pinnkan.verdict.verdict import refusal

#: The tolerances of the solves of a search, until that of the file.
FIRST_TOLERANCE, TIGHTENING = 1e-4, 1e-2
#: Passes in which noise that the file does not give is estimated from the misfit; noise that changes by a smaller share
#: than SETTLED_NOISE is settled: standard errors need no more.
NOISE_PASSES, SETTLED_NOISE = 3, 1e-3
#: Differences to one side or to both, with which a search ends: those to one side put hares and lynxes off by 2e-5.
ONE_SIDE, BOTH_SIDES = (1,), (1, -1)
#: Evaluations of a search per number.
MOST_EVALUATIONS = 30
#: The factor on the largest misfit so far that stands for numbers with which the problem cannot be solved.
REJECTED = 10.0
#: An error of a number may be this share of its standard error: it adds half a per cent to it.
NOISE_SHARE = 0.1
#: Solves with a tighter tolerance where the error of a number is too large.
MOST_TIGHTENINGS = 2


@dataclass(frozen=True, eq=False)
class _Minimum:
    """Coordinates with the least misfit, the noise that it shows, and whether the search had settled there."""

    at: Array
    noise: Noise
    is_settled: bool = False


def find_numbers(problem: Problem, solve: Solve, monitor: Monitor) -> Solution:
    """Find the numbers of a problem from its measurements; return the solution with them, and the fit.

    After the time limit these are those of the last step. Raises what ``solve`` raises where the problem cannot be
    solved with the numbers that were found.
    """
    search = Evaluations(problem, solve, monitor)
    try:
        return _searched(search)
    except OutOfTimeError:
        if search.shown is None:
            raise
        return _unfinished(search, *search.shown)


def _searched(search: Evaluations) -> Solution:
    """Search with ever smaller tolerances, until that of the file, and further where a number is not accurate."""
    tolerance = search.problem.solver.tolerance
    reached = _Minimum(search.coordinates.start, first_noise(search.problem.measurements))
    used = max(FIRST_TOLERANCE, tolerance)
    while used > tolerance:
        reached, used = _minimise(search, reached, used), max(used * TIGHTENING, tolerance)
    for _ in range(MOST_TIGHTENINGS + 1):
        reached = _minimise(search, reached, used)
        solution = search.solve_in_full(reached.at, used)
        fit = _fit(search, solution, reached, used)
        is_accurate = _is_accurate(fit, tolerance)
        if is_accurate or not solution.verdict.converged or used == SMALLEST_TOLERANCE:
            break
        used = max(used * TIGHTENING, SMALLEST_TOLERANCE)
    verdict = judge_fit(solution.verdict, solution.levels, fit, is_accurate, reached.is_settled, tolerance)
    return replace(solution, verdict=verdict, fit=fit)


def _minimise(search: Evaluations, begun: _Minimum, tolerance: float) -> _Minimum:
    """Minimise the misfit; again with the noise that it shows, where that is not given and shares out weights."""
    measurements, at, noise, is_settled = search.problem.measurements, begun.at, begun.noise, False
    is_estimated = any(m.noise is None for m in measurements)
    shares = len(measurements) + len(search.coordinates.prior_differences(at))
    for _ in range(NOISE_PASSES if is_estimated and shares > 1 else 1):
        at, is_settled = _least_squares(search, at, noise, tolerance)
        before, noise = noise, noise.estimated(measurements, differences(search.require(at, tolerance)), len(at))
        if np.abs(np.log(noise.all_values / before.all_values)).max() < SETTLED_NOISE:
            break
    return _Minimum(at, noise, is_settled)


def _least_squares(search: Evaluations, at: Array, noise: Noise, tolerance: float) -> tuple[Array, bool]:
    """The coordinates with the least misfit, and whether the iteration has settled there."""
    search.require(at, tolerance)
    largest = [1.0]

    def residuals(x: Array) -> Array:
        found = search.misfit(x, noise, tolerance)
        if found is None:
            return np.full(len(noise.all_values) + len(search.coordinates.prior_differences(x)), REJECTED * largest[0])
        largest[0] = max(largest[0], float(np.abs(found).max()))
        return found

    def jacobian(x: Array) -> Array:
        search.report(x, noise, tolerance)
        sides = BOTH_SIDES if tolerance <= search.problem.solver.tolerance else ONE_SIDE
        return search.jacobian(x, noise, tolerance, sides)

    found = scipy.optimize.least_squares(
        residuals, at, jacobian, search.coordinates.bounds, x_scale="jac", xtol=0.1 * tolerance,
        ftol=max(tolerance**2, EPS), gtol=1e-15, max_nfev=MOST_EVALUATIONS * len(at),
    )  # fmt: skip
    return np.asarray(found.x), bool(found.status > 0)


def _fit(search: Evaluations, solution: Solution, reached: _Minimum, tolerance: float) -> Fit:
    """The numbers at a minimum with their uncertainties, from the solution there.

    Their errors are what the error of the solution makes of them, and the Gauss-Newton step that is left.
    """
    at, noise = reached.at, reached.noise
    matrix, misfit = search.jacobian(at, noise, tolerance, BOTH_SIDES), search.misfit(at, noise, tolerance)
    assert misfit is not None
    found = uncertainty_of(matrix, search.coordinates.slopes(at), list(search.problem.numbers))
    left = np.clip(at + found.step(misfit), *search.coordinates.bounds) - at
    errors = _errors(solution, found, noise) + np.abs(found.slopes * left)
    return _record(search, solution, reached, found, errors)


def _errors(solution: Solution, found: Uncertainty, noise: Noise) -> Array:
    """What the estimated error of the solution makes of each number."""
    off = errors_of_values(solution)
    if off is None:
        return np.full(len(found.slopes), math.inf)
    weighted = np.concatenate([off / noise.all_values, np.zeros(len(found.matrix) - len(off))])
    return SAFETY * np.abs(found.slopes * found.step(weighted))


def _record(search: Evaluations, solution: Solution, reached: _Minimum, found: Uncertainty, errors: Array) -> Fit:
    values, off = search.coordinates.values(reached.at), differences(solution)
    numbers = {
        name: FoundNumber(float(value), float(error), float(deviation), number.start)
        for (name, number), value, error, deviation in zip(
            search.problem.numbers.items(), values, errors, found.standard_errors, strict=True
        )
    }
    chi_square, data = float(np.sum((off / reached.noise.all_values) ** 2)), fitted_data(solution, reached.noise)
    return Fit(numbers, found.correlations, data, chi_square, len(off) - len(values), found.undetermined)


def _is_accurate(fit: Fit, tolerance: float) -> bool:
    """Whether the errors of all numbers are small, beside the numbers or beside their standard errors."""
    return all(
        n.error <= max(tolerance * abs(n.value), NOISE_SHARE * (n.standard_error or 0.0)) for n in fit.numbers.values()
    )


def _unfinished(search: Evaluations, at: Array, solution: Solution) -> Solution:
    """The last step of a search that the time limit ended: what its numbers are worth is not known."""
    tolerance, levels = search.problem.solver.tolerance, solution.levels
    shown = replace(solution, problem=search.problem_at(at, tolerance), seconds=search.monitor.elapsed())
    reached = _Minimum(at, first_noise(search.problem.measurements))
    fit = _record(search, shown, reached, unknown_uncertainty(len(at)), np.full(len(at), math.inf))
    words = "the search for the numbers had not ended"
    return replace(shown, verdict=refusal(levels, tolerance, Reason.MAX_TIME, words, math.inf, None), fit=fit)
