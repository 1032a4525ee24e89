"""A Gauss-Newton correction, and the sum of the steps after it where Newton's method converges linearly.

Where the linearised equations are singular at the solution, or nearly, steps form a geometric series: at a root of
multiplicity m each leaves (1 - 1/m) of the error (Decker, Keller and Kelley 1983). Its sum is the error.
"""

from dataclasses import replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.norms import reference_norms
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear.solver import NotFiniteError
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.stability import NearNull
from pinnkan.verdict.records import Reason

#: Share of a step that curvature of the equations makes, from which on later steps are solved for. A double root has
#: 1/4, resolved flows 1.2e-2 at most.
CURVATURE_SHARE = 0.1
#: Steps that are then taken: beyond a turning point, where no solution is left, the first ones halve as at a double
#: root.
EXTRA_STEPS = 3
#: Steps with a larger ratio of successive sizes lead away.
MOST_RATIO = 0.9
#: Unknowns whose step is below this share of the tolerance are left out: it may be rounding, which does not shrink.
NEGLIGIBLE_STEP = 1e-4
#: Share of the tolerance from which on the remainder of conjugate gradients is added to a correction: near a resonance
#: it was 1e-3 beside an estimate of 7e-5.
REMAINDER_SHARE = 0.01


def gauss_newton_correction(system: System, base: Array, accuracy: float = 0.0) -> Array:
    """Return the Gauss-Newton step from ``base`` to the exact conditions, of a relative ``accuracy``.

    Raises SolverError: the least squares have no solution, or the equations are not finite there.
    """
    target, fixed = with_conditions(system.model, system.space, base)
    try:
        return system.gauss_newton_steps(base, [target], fixed, accuracy=accuracy)[0]
    except NotFiniteError as infinite:
        where = system.where_not_finite(target)
        raise SolverError(f"the equations are not finite {where}", Reason.NOT_FINITE) from infinite
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"least squares failed: {failed}") from failed


def add_step_remainder(near_null: NearNull, space: Space, base: Array, tolerance: float) -> NearNull:
    """Return the near-null function with the remainder of its step added, where that counts beside ``base``.

    Only steps by conjugate gradients have one: what a factorisation leaves are contradictory equations.
    """
    if near_null.step is None or near_null.missed_part_search is None or not near_null.missed_part_search.is_iterative:
        return near_null
    left, size = near_null.missed_part, float(np.linalg.norm(space.norm(base)))
    if left.coefficients is None or left.norm <= REMAINDER_SHARE * tolerance * size:
        return near_null
    return replace(near_null, step=near_null.step + left.coefficients)


def sum_newton_series(system: System, base: Array, correction: Array) -> tuple[Array, bool]:
    """Return the sum of all Newton steps over the first, the ``correction`` of ``base``, and whether steps lead away.

    The sum (unknown,) is 1 / (1 - q) for a ratio q of successive steps, 1 for steps of hardly any curvature. ``system``
    keeps the matrix of the correction. Raises SolverError: the least squares have no solution at a later step.
    """
    unknowns = system.space.unknowns
    if system.model.is_linear or not system.has_kept_solver or not correction.any():
        return np.ones(unknowns), False
    norm, least = system.space.norm(correction), NEGLIGIBLE_STEP * system.model.problem.solver.tolerance
    size = np.where(norm > least * reference_norms(system.model.problem, system.space, base), norm, np.inf)
    bent = system.second_difference(base, correction)
    if not all(bool(part.isfinite().all()) for part in bent):  # overflow far from a solution
        return np.full(unknowns, 1.0 / (1.0 - MOST_RATIO)), False
    made = system.space.norm(system.step_for_residuals(bent)) / size
    if not made.max() > CURVATURE_SHARE:
        return np.ones(unknowns), False
    shares, reached, step = [], base + correction, correction
    for _ in range(EXTRA_STEPS):
        before, step = system.space.norm(step), gauss_newton_correction(System(system.model, system.space), reached)
        reached = reached + step
        shares.append(system.space.norm(step) / np.where(before > 0.0, before, np.inf))
    bends = made > CURVATURE_SHARE
    leads_away = bool((np.max(shares, 0)[bends] > MOST_RATIO).any())
    return 1.0 / (1.0 - np.where(bends, np.minimum(shares[0], MOST_RATIO), 0.0)), leads_away
