"""Errors that a small correction can hide: later corrections, residuals that remain, a fall by luck."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.solver.linear.system import System
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.verify.objection import STANDS
from pinnkan.solver.verify.stability import Null
from pinnkan.verdict.records import Level

#: Ratio of residuals from which on later corrections count, and the largest that is extrapolated.
SLOW, SLOWEST = 0.5, 0.9
#: Ratio of root mean square residuals after and before a correction above which knots may not resolve the solution.
#: Resolved solutions have 0.05 and less, singular ones 0.3 to 0.6.
RESOLVING = 0.2


def behind(loss: float, null: Null, model: Model, relative_to: float) -> float:
    """Return the relative error that a residual can hide: its norm over the stability constant, times a safety factor.

    ``loss``: mean squared residual; ``null``: the near-null function; ``relative_to``: norm of the solution. For
    nonlinear problems at spurious minima, where corrections vanish: (u')^2 - 1e-3 u'' = 1 near -u.
    """
    return SAFETY * float(np.sqrt(loss * model.problem.domain.measure)) / max(null.sigma * relative_to, 1e-300)


def resting(solved: tuple[System, Array], halved: tuple[System, Array]) -> float:
    """Return the mean squared residual of cells in which halving hardly lowers it; each system has a function.

    At a kink residuals fall with the interval. A spurious minimum beside it (u_x**2 = 1) keeps slopes of 1.007 and
    0.993, where all corrections are small.
    """
    (before, after), volume = (system.by_cell(c) for system, c in (solved, halved)), solved[0].patches[0].volume
    halves = [n for width in before.shape for n in (width, 2)]
    summed = after.reshape(halves).sum(tuple(range(1, 2 * before.ndim, 2)))
    return float(summed[summed > STANDS * before].sum()) / volume


def following(losses: tuple[float, float], floor: float) -> float:
    """Return the sum of all corrections over the first: 1 / (1 - q), q the ratio of residuals after and before it.

    ``losses``: mean squares of these. One for small q, and below a ``floor`` of rounding (root mean square).
    Corrections fall at least as fast as residuals.
    """
    before, after = losses
    if after <= floor**2 or before <= 0.0:
        return 1.0
    q = float(np.sqrt(after / before))
    return 1.0 / (1.0 - min(q, SLOWEST)) if q > SLOW else 1.0


def believable(before: Level, heldout: float, orders: Sequence[int]) -> float:
    """Return the least credible estimate after a level: its estimate times the fastest fall that splines allow.

    That is 2^-(degree + 1) of a halving, or the fall of the residual on held-out points times 2^-m for an equation of
    order m, where knots in a layer gain more.
    """
    fall = np.sqrt(heldout / before.heldout) if before.heldout > 0.0 else 1.0
    return before.estimate * min(0.5 ** (max(before.degree) + 1), float(fall) * 0.5 ** max(orders))
