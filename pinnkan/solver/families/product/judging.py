"""The estimated error of a level: by a correction on halved intervals, or by the fall of the residual."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.product_field import ProductField
from pinnkan.solver.estimate.indicators import surplus
from pinnkan.solver.estimate.norms import nonzero, relative
from pinnkan.solver.estimate.residual_fall import decay
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.family import ErrorEstimate, Measured
from pinnkan.solver.linear.system import System
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.verdict.records import Evidence, Level

#: An estimate is raised at most so many times for having fallen faster than it should: no correction was seen further
#: below the error, while an error does fall a thousand times in one level once the knots see a layer.
LUCK = 4.0
#: No estimate is below some fifty rounding units: a polynomial in its own space had 4e-16 at an error of 1.4e-15.
LEAST = 1e-14
#: A correction of so many multiplications, some ten seconds of one core, is not made only to judge.
LARGE_WORK = 3e10


@dataclass(frozen=True, eq=False, kw_only=True)
class HalvedEstimate(ErrorEstimate):
    """An estimate whose error is the function ``correction`` in ``space``."""

    space: Space
    correction: Array


def estimate_by_correction(
    model: Model, before: Outcome, space: Space, start: Array, measured: Measured
) -> HalvedEstimate:
    """One Gauss-Newton step from ``start`` in the space with every interval halved.

    Raises:
        SolverError: the least squares have no solution there.
    """
    fine = Space(tuple(a.halved() for a in space.axes), space.unknowns)
    base = space.prolong(start, fine)
    target, fixed = with_conditions(model, fine, base)
    system = System(model, fine)
    try:
        correction = system.steps(base, [target], fixed)[0]
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"least squares failed: {failed}") from failed
    size = SAFETY * relative(fine, correction, base)
    if before.levels:
        size = max(size, min(believable(before.levels[-1], measured.heldout, model.orders), LUCK * size))
    rounding = max(system.rounding[-1], LEAST)
    losses = measured.loss, system.mean_square(base + correction)
    error = ProductField(((fine, correction),))
    return HalvedEstimate(size + rounding, error, rounding, losses, space=fine, correction=correction)


def estimate_by_fall(
    model: Model, before: Outcome, space: Space, start: Array, loss: float, rounding: float
) -> HalvedEstimate | None:
    """The last correction times the fall of the residual it has brought, where one more would be LARGE_WORK.

    ``start`` in ``space`` is the level before with its correction added, ``rounding`` that of the correction. Its error
    is taken as the correction times the ratio of the residuals, coordinate by coordinate
    (:mod:`pinnkan.solver.estimate.residual_fall`): too large by 2^m for an equation of order m where the intervals
    resolve the solution. On the shipped problems the effectivity was 2 to 10, where that of a correction is 1.2 to 2;
    Poisson with waves up to 16 at 1e-9: 4 s instead of 40 s.
    """
    fine = Space(tuple(a.halved() for a in space.axes), space.unknowns)
    known = isinstance(before.error, ProductField) and isinstance(before.field, ProductField)
    if work(fine) <= LARGE_WORK or not known:
        return None
    assert isinstance(before.error, ProductField)
    assert isinstance(before.field, ProductField)
    (coarse, function), (_, correction) = before.field.pieces[0], before.error.pieces[0]
    left = decay(System(model, coarse, extra=1), function, System(model, space, extra=1), start)
    share = surplus(coarse, space, correction, nonzero(space.norm(start)))
    shrunk = share.fallen(left) * correction
    losses = before.levels[-1].loss, loss
    size, error = SAFETY * relative(space, shrunk, start), ProductField(((space, shrunk),))
    return HalvedEstimate(size, error, rounding, losses, Evidence.FALL, space=space, correction=shrunk)


def work(space: Space) -> float:
    """Multiplications of a banded factorisation: coefficients times the square of the band."""
    counts = sorted((a.count, a.degree) for a in space.axes)
    band = (counts[-1][1] + 1) * float(np.prod([n for n, _ in counts[:-1]]))
    return space.size * min(band, space.size) ** 2


def believable(before: Level, heldout: float, orders: Sequence[int]) -> float:
    """The least estimate to believe after a level: an error cannot fall faster than the order of the splines allows.

    That is 2^(degree + 1) when every interval is halved (Helmholtz (1,4) on 4x8 intervals had an effectivity of 0.5
    without it), or as much as the residual has fallen off the training points, times 2^m for the order m of the
    equation by which the error converges faster: knots put into a layer gain more than an even halving.
    """
    fall = np.sqrt(heldout / before.heldout) if before.heldout > 0.0 else 1.0
    return before.estimate * min(0.5 ** (max(before.degree) + 1), float(fall) * 0.5 ** max(orders))
