"""A correction, and what the steps after it would add to it, where Newton's method is not quadratic at the solution.

Where the linearised equations vanish at the solution, or nearly do, a step goes only a part of the way: at a root of
multiplicity m it leaves (1 - 1/m) of the error, so that the first one is a half of it at a double root, a third at a
triple one. The steps form a geometric series there (Decker, Keller and Kelley 1983), and their sum is the error.
"""

from dataclasses import replace

import numpy as np

from pinnkan.errors import SolverError
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.norms import sizes
from pinnkan.solver.families.product.start import with_conditions
from pinnkan.solver.linear.solver import NotFiniteError
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.stability import Null
from pinnkan.verdict.records import Reason

#: What curvature makes of a step, over the step, from which on the next one is solved for: a double root has 1/4,
#: where Kantorovich's condition ends; twelve solves of shipped flows, at 1e-2 to 1e-6, had 1.2e-2 at most.
BENT = 0.1
#: Steps that are taken then: beside a fold that has no solution any more the first ones halve as at a double root.
STEPS = 3
#: Where a step is more than this share of the one before they lead nowhere.
SLOWEST = 0.9
#: Steps of an unknown below this share of the tolerance are left alone: beside another unknown's they may be rounding,
#: of which each is as large as the one before; so is all of one that is zero, such as v of Poiseuille's flow.
SMALL = 1e-4
#: What conjugate gradients have left is added to a correction from this share of the
#: tolerance on: 1e-3 beside Helmholtz' equation 1e-4 from a resonance of four waves, where a level had told 7e-5.
COUNTS = 0.01


def corrected(system: System, base: Array, accuracy: float = 0.0) -> Array:
    """The Gauss-Newton step from ``base`` to the conditions and to the least residual; ``accuracy``: relative.

    Raises SolverError: the least squares have no solution, or the equations no value there.
    """
    target, fixed = with_conditions(system.model, system.space, base)
    try:
        return system.steps(base, [target], fixed, accuracy=accuracy)[0]
    except NotFiniteError as infinite:
        where = system.where_not_finite(target)
        raise SolverError(f"the equations are not finite {where}", Reason.NOT_FINITE) from infinite
    except np.linalg.LinAlgError as failed:
        raise SolverError(f"least squares failed: {failed}") from failed


def mended_by(null: Null, space: Space, base: Array, tolerance: float) -> Null:
    """The least determined function, with what its step has left, if that counts beside ``base``.

    A factor leaves nothing: what seems to be left there are equations that contradict each other.
    """
    if null.step is None or null.search is None or not null.search.are_iterated:
        return null
    left, size = null.left, float(np.linalg.norm(space.norm(base)))
    if left.function is None or left.size <= COUNTS * tolerance * size:
        return null
    return replace(null, step=null.step + left.function)


def series(system: System, base: Array, correction: Array) -> tuple[Array, bool]:
    """The sum of all steps to come over the first, the ``correction`` of ``base`` (unknown): 1 / (1 - q) for a ratio q.

    One where the equations hardly bend within it. And whether the steps lead away: u_xx + 3.51383 exp(u) = 0, past the
    fold at 3.513830719, was converged at 1e-2. ``system`` keeps the matrix of the correction.

    Raises SolverError: the least squares have no solution there.
    """
    unknowns = system.space.unknowns
    if system.model.is_linear or not system.is_kept or not correction.any():
        return np.ones(unknowns), False
    norm, least = system.space.norm(correction), SMALL * system.model.problem.solver.tolerance
    size = np.where(norm > least * sizes(system.model.problem, system.space, base), norm, np.inf)
    bent = system.bent(base, correction)
    if not all(bool(part.isfinite().all()) for part in bent):  # an exponential of a function that is no solution
        return np.full(unknowns, 1.0 / (1.0 - SLOWEST)), False
    made = system.space.norm(system.made_of(bent)) / size
    if not made.max() > BENT:
        return np.ones(unknowns), False
    shares, reached, step = [], base + correction, correction
    for _ in range(STEPS):
        before, step = system.space.norm(step), corrected(System(system.model, system.space), reached)
        reached = reached + step
        shares.append(system.space.norm(step) / np.where(before > 0.0, before, np.inf))
    bends = made > BENT
    leads_away = bool((np.max(shares, 0)[bends] > SLOWEST).any())
    return 1.0 / (1.0 - np.where(bends, np.minimum(shares[0], SLOWEST), 0.0)), leads_away
