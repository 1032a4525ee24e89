"""Given values at a side that contradict an equation whose derivatives across the side lose their coefficients there.

Every solution of x u_x + u = 1 is 1 + c/x: no bounded one is 5 at zero. Least squares find a function that is 5 there
and 1 a billionth further on, with no residual at any point. Where the coefficient of a derivative across vanishes like
the distance to the power of its order, that term vanishes at the side for every solution without a pole (Fuchs), and
the rest of the equation fixes the values there. x u_xx = 1, which x log(x) solves, is no such case.
"""

from itertools import product

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Side
from pinnkan.solver.estimate.equation_terms import term_floor, unknown_sizes
from pinnkan.solver.verify.findings import Refused
from pinnkan.verdict.records import Reason

#: Points of a side; relative distances from it between which a coefficient must decay; factor that it may miss this by.
POINTS, DISTANCES, DECAY_MARGIN = 32, (1e-3, 1e-6), 10.0
#: Residual allowed at a side, over its terms and over the tolerance; share of points that may have more. Heuristic.
RESIDUAL_SHARE, RESIDUAL_TOLERANCES, POINT_SHARE = 1e-3, 10.0, 0.5


def side_contradiction(model: Model, field: Field) -> Refused | None:
    """Return the finding that an equation contradicts values given at a side of a steady problem, or None."""
    problem = model.problem
    if problem.time_axis is not None:
        return None
    held = {c.place for c in problem.conditions if c.equation is not None}
    sides = [(i, end) for i, end in product(range(problem.dimension), range(2)) if Side(i, end) in held]
    for (i, end), (stated, equation) in product(sides, zip(problem.equations, model.equations, strict=True)):
        points = problem.domain.boundary_pieces[Side(i, end)].sample(POINTS, kronecker_points)
        if _is_contradicted(model, equation, field, points, i, 1 - 2 * end):
            name = problem.coordinates[i].name
            what = f"where nothing is before its derivatives along {name}, `{stated.text}` leaves other values"
            where = f"{name} = {points[0, i]:g}"
            return Refused(Reason.STALLED, f"at {where}, {what} than those that are given")
    return None


def _is_contradicted(
    model: Model, equation: CompiledEquation, field: Field, points: Array, axis: int, inward: int
) -> bool:
    """Whether coefficients across vanish at ``points`` of a side while the rest of the equation has a residual there.

    ``axis``: the coordinate across; ``inward``: 1 or -1, the direction into the domain.
    """
    across = np.array([jet.order[axis] for jet in equation.jets])
    if not across.any():
        return False
    length, sizes = model.problem.box.lengths[axis], []
    for share in DISTANCES:
        beside = points + inward * share * length * (np.arange(points.shape[1]) == axis)
        slopes = equation.linearise_numpy(beside, jets_at(field, beside, equation.jets))[1]
        sizes.append(np.abs(slopes).max(0))
    falls = DECAY_MARGIN * (DISTANCES[1] / DISTANCES[0]) ** across
    if not (sizes[1] <= falls * sizes[0])[across > 0].all() or not sizes[0][across > 0].any():
        return False
    jets = np.where(across > 0, 0.0, jets_at(field, points, equation.jets))
    left, slopes = equation.linearise_numpy(points, jets)
    sizes_there = unknown_sizes(model, field, model.problem.domain.sample(POINTS * points.shape[1], kronecker_points))
    whole = term_floor(model, equation, (points, np.where(across > 0, 0.0, slopes)), sizes_there)
    terms = np.maximum(np.abs(slopes * jets).sum(-1) + np.abs(left), whole)
    allowed = max(RESIDUAL_SHARE, RESIDUAL_TOLERANCES * model.problem.solver.tolerance)
    return bool((np.abs(left) > allowed * terms).mean() > POINT_SHARE)
