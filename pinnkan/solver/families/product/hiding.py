"""What may hide behind a small correction: corrections to come, a residual that rests, luck."""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.solver.linear.system import System
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.verify.objection import STANDS
from pinnkan.solver.verify.stability import Null
from pinnkan.verdict.records import Level

#: A correction that leaves more than SLOW of the residual is not the last one that counts; more than SLOWEST of it is
#: not believed to be left for ever.
SLOW, SLOWEST = 0.5, 0.9
#: Where a correction leaves more than this of the residual (root mean square), its knots may not resolve the solution
#: yet, and it is looked ahead. Resolved solutions leave 0.05 and less, singular ones 0.3 to 0.6.
RESOLVING = 0.2


def behind(loss: float, null: Null, model: Model, relative_to: float) -> float:
    """The relative error that all of a residual may hide, which no step of a nonlinear problem lowers.

    Its minimum may be a spurious one, where every correction vanishes: (u')^2 - 1e-3 u'' = 1 has one at about -u, with
    corrections of 4e-4 and a residual of 9e-2.
    """
    return SAFETY * float(np.sqrt(loss * model.problem.domain.measure)) / max(null.sigma * relative_to, 1e-300)


def resting(solved: tuple[System, Array], halved: tuple[System, Array]) -> float:
    """What of a mean squared residual stays in cells where halving them hardly lowers it.

    Each system with a function. At a kink of a solution (u_x**2 = 1 with values at both ends) it halves with the
    intervals; to either side a minimum keeps slopes of 1.007 and 0.993 for ever, since its kink could move to wider
    intervals only. All corrections are 1e-5 there, and the error is 7e-3.
    """
    (before, after), volume = (system.by_cell(c) for system, c in (solved, halved)), solved[0].patches[0].volume
    halves = [n for width in before.shape for n in (width, 2)]
    summed = after.reshape(halves).sum(tuple(range(1, 2 * before.ndim, 2)))
    return float(summed[summed > STANDS * before].sum()) / volume


def following(losses: tuple[float, float], floor: float) -> float:
    """The sum of all corrections to come over the first, where each leaves the same share of the residual.

    1 / (1 - q) for the ratio q of the residuals after and before, from SLOW on, and as far as a ``floor`` of rounding
    does not hide it. Their sizes fall as the residuals at least, faster for an equation of order m on fine knots. A
    wave equation with data all around (q = 0.91) had a correction of a fifth of its error, x^0.3 (0.57) of 0.4.
    """
    before, after = losses
    if after <= floor**2 or before <= 0.0:
        return 1.0
    q = float(np.sqrt(after / before))
    return 1.0 / (1.0 - min(q, SLOWEST)) if q > SLOW else 1.0


def believable(before: Level, heldout: float, orders: Sequence[int]) -> float:
    """The least estimate to believe after a level: an error cannot fall faster than the order of the splines allows.

    That is 2^(degree + 1) when every interval is halved (Helmholtz (1,4) on 4x8 intervals had an effectivity of 0.5
    without it), or as much as the residual has fallen off the training points, times 2^m for the order m of the
    equation by which the error converges faster: knots put into a layer gain more than an even halving.
    """
    fall = np.sqrt(heldout / before.heldout) if before.heldout > 0.0 else 1.0
    return before.estimate * min(0.5 ** (max(before.degree) + 1), float(fall) * 0.5 ** max(orders))
