"""Conditions at the start that are rows of the first slab, and that what else holds there leaves unmet.

u = u_x between given values at both ends: least squares make a compromise of them, and no residual of a later slab
tells of it. What the condition leaves is asked at Gauss points of halved intervals, beside its terms: a compromise
keeps all of it with more knots, where the data of a side and of the start only meet at a corner it falls.
"""

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Field, jets_on
from pinnkan.kan.gauss import legendre
from pinnkan.problem.statement import Side
from pinnkan.solver.estimate.undecided import Beside
from pinnkan.solver.verify.objection import Objection
from pinnkan.verdict.records import Reason

#: Gauss points in half an interval, by the number of coordinates of space: at most.
POINTS = {1: 6, 2: 4}
#: A residual of which a correction leaves a larger share of the square stands.
STANDS = 0.95


def unmet(model: Model, field: Field, slab: Domain, known: Beside) -> Objection | None:
    """That a condition at the start is not met to the tolerance, nor with more knots; nothing in later slabs.

    ``known``: the correction of the ``field``.
    """
    problem, error = model.problem, known.error
    axis = problem.time_axis
    if axis is None or error is None or slab.box.ranges[-1][0] > problem.box.ranges[-1][0]:
        return None
    for condition, equation in model.rows:
        if condition.place == Side(axis, 0):
            before, after, terms = _squares(model, equation, field, error)
            if after > STANDS * before and after > problem.solver.tolerance**2 * terms:
                share = (after / terms) ** 0.5
                text = condition.equation.text if condition.equation else condition.name
                detail = (
                    f'{share:.0e} of the terms of "{text}" are left, with more knots as well: it contradicts the sides'
                )
                return Objection(None, float("inf"), Reason.STALLED, detail)
    return None


def _squares(model: Model, equation: CompiledEquation, field: Field, error: Field) -> tuple[float, float, float]:
    """Squared norms at the start of a condition's residual, of that with the ``error`` added, and of its terms."""
    problem = model.problem
    nodes, weights = legendre(POINTS.get(problem.space_dimension, 2))
    places, sums = [], []
    for i in range(problem.space_dimension):
        breaks = np.unique(field.breaks(i))
        ends = np.union1d(breaks, 0.5 * (breaks[1:] + breaks[:-1]))
        half = 0.5 * np.diff(ends)
        places.append((ends[:-1, None] + half[:, None] * (1.0 + nodes)).ravel())
        sums.append((half[:, None] * weights).ravel())
    start = problem.box.ranges[-1][0]
    points = np.stack(np.meshgrid(*places, [start], indexing="ij"), -1)
    weight = np.prod(np.meshgrid(*sums, indexing="ij"), axis=0).reshape(points.shape[:-1])
    solved = jets_on(field, [*places, np.array([start])], equation.jets)
    beside = solved + jets_on(error, [*places, np.array([start])], equation.jets)
    before, _ = equation.linearise_numpy(points, solved)
    after, slopes = equation.linearise_numpy(points, beside)
    terms = ((slopes * beside) ** 2).sum(-1)
    return float((weight * before**2).sum()), float((weight * after**2).sum()), float((weight * terms).sum())
