"""Values at a side that contradict an equation whose derivatives across it have nothing before them there.

All solutions of x u_x + u = 1 are 1 + c/x: none is 5 at zero. Least squares make one that is 5 there and 1 a billionth
further on, with no residual at any point. A factor that vanishes as the power of the distance that a derivative has of
orders takes that away from every solution without a pole (Fuchs; of x u_xx = 1, which x log(x) solves, it does not):
what is left of the equation holds of the values alone.
"""

from itertools import product

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, Field, jets_at
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Side
from pinnkan.solver.estimate.undecided import least_term, sizes_of
from pinnkan.solver.verify.objection import Objection
from pinnkan.verdict.records import Reason

#: Points of a side; distances from it, over the length of the domain, between which a factor is seen to vanish, and
#: what it may be more than the power of these.
POINTS, BESIDE, MORE = 32, (1e-3, 1e-6), 10.0
#: What is left of an equation at a side, over its terms, and over the tolerance, that is no contradiction; at more than
#: this share of the points it is one.
LEFT, TOLERATED, MOST = 1e-3, 10.0, 0.5


def contradicted(model: Model, field: Field) -> Objection | None:
    """That an equation leaves values of the ``field`` at a side no choice, and that they are others; None for none.

    Of steady problems.
    """
    problem = model.problem
    if problem.time_axis is not None:
        return None
    held = {c.place for c in problem.conditions if c.equation is not None}
    sides = [(i, end) for i, end in product(range(problem.dimension), range(2)) if Side(i, end) in held]
    for (i, end), (stated, equation) in product(sides, zip(problem.equations, model.equations, strict=True)):
        points = problem.domain.pieces[Side(i, end)].sample(POINTS, kronecker)
        if _is_contradicted(model, equation, field, points, i, 1 - 2 * end):
            name = problem.coordinates[i].name
            what = f"where nothing is before its derivatives along {name}, `{stated.text}` leaves other values"
            where = f"{name} = {points[0, i]:g}"
            return Objection(None, float("inf"), Reason.STALLED, f"at {where}, {what} than those that are given")
    return None


def _is_contradicted(
    model: Model, equation: CompiledEquation, field: Field, points: Array, axis: int, inward: int
) -> bool:
    """Whether at ``points`` of a side, from which it goes ``inward`` along an axis, they have to be others."""
    across = np.array([jet.order[axis] for jet in equation.jets])
    if not across.any():
        return False
    length, sizes = model.problem.box.lengths[axis], []
    for share in BESIDE:
        beside = points + inward * share * length * (np.arange(points.shape[1]) == axis)
        slopes = equation.linearise_numpy(beside, jets_at(field, beside, equation.jets))[1]
        sizes.append(np.abs(slopes).max(0))
    falls = MORE * (BESIDE[1] / BESIDE[0]) ** across
    if not (sizes[1] <= falls * sizes[0])[across > 0].all() or not sizes[0][across > 0].any():
        return False
    jets = np.where(across > 0, 0.0, jets_at(field, points, equation.jets))
    left, slopes = equation.linearise_numpy(points, jets)
    sizes_there = sizes_of(model, field, model.problem.domain.sample(POINTS * points.shape[1], kronecker))
    whole = least_term(model, equation, (points, np.where(across > 0, 0.0, slopes)), sizes_there)
    terms = np.maximum(np.abs(slopes * jets).sum(-1) + np.abs(left), whole)
    allowed = max(LEFT, TOLERATED * model.problem.solver.tolerance)
    return bool((np.abs(left) > allowed * terms).mean() > MOST)
