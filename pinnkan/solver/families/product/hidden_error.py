"""Errors that a small correction can hide: later corrections, residuals that remain, a fall by luck."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.solver.linear.system import System
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.verify.candidate import PERSISTENT_SHARE
from pinnkan.solver.verify.stability import NearNull
from pinnkan.verdict.records import Level

#: Ratio of residuals from which on later corrections count, and the largest that is extrapolated.
SLOW_RATIO, MOST_RATIO = 0.5, 0.9
#: Ratio of root mean square residuals after and before a correction above which knots may not resolve the solution.
#: Resolved solutions have 0.05 and less, singular ones 0.3 to 0.6.
RESOLVED_RATIO = 0.2


def error_from_residual(loss: float, near_null: NearNull, model: Model, solution_norm: float) -> float:
    """Return the relative error that a residual can hide: its norm over the stability constant, times a safety factor.

    ``loss``: mean squared residual; ``near_null``: the near-null function; ``solution_norm``: norm of the solution. For
    nonlinear problems at spurious minima, where corrections vanish: (u')^2 - 1e-3 u'' = 1 near -u.
    """
    return SAFETY * float(np.sqrt(loss * model.problem.domain.measure)) / max(near_null.sigma * solution_norm, 1e-300)


def persistent_residual(solved: tuple[System, Array], halved: tuple[System, Array]) -> float:
    """Return the mean squared residual of cells in which halving hardly lowers it; each system has a function.

    At a kink residuals fall with the interval. A spurious minimum beside it (u_x**2 = 1) keeps slopes of 1.007 and
    0.993, where all corrections are small.
    """
    (before, after), volume = (system.squares_by_cell(c) for system, c in (solved, halved)), solved[0].patches[0].volume
    halves = [n for width in before.shape for n in (width, 2)]
    summed = after.reshape(halves).sum(tuple(range(1, 2 * before.ndim, 2)))
    return float(summed[summed > PERSISTENT_SHARE * before].sum()) / volume


def series_factor(losses: tuple[float, float], floor: float) -> float:
    """Return the sum of all corrections over the first: 1 / (1 - q), q the ratio of residuals after and before it.

    ``losses``: mean squares of these. One for small q, and below a ``floor`` of rounding (root mean square).
    Corrections fall at least as fast as residuals.
    """
    before, after = losses
    if after <= floor**2 or before <= 0.0:
        return 1.0
    q = float(np.sqrt(after / before))
    return 1.0 / (1.0 - min(q, MOST_RATIO)) if q > SLOW_RATIO else 1.0


def least_credible_estimate(previous_level: Level, heldout: float, orders: Sequence[int]) -> float:
    """Return the least credible estimate after a level: its estimate times the fastest fall that splines allow.

    That is 2^-(degree + 1) of a halving, or the fall of the residual on held-out points times 2^-m for an equation of
    order m, where knots in a layer gain more.
    """
    fall = np.sqrt(heldout / previous_level.heldout) if previous_level.heldout > 0.0 else 1.0
    return previous_level.estimate * min(0.5 ** (max(previous_level.degree) + 1), float(fall) * 0.5 ** max(orders))
