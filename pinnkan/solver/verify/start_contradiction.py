"""Conditions at the start that become rows of the first slab, and are contradicted by other conditions there.

u = u_x between given values at both ends: least squares find a compromise that no residual of a later slab shows. At
Gauss points of halved intervals its residual stays with more knots; if data only disagree at a corner it falls.
"""

from functools import reduce

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.domain.gauss import gauss_legendre, map_rule_to_intervals
from pinnkan.kan.field import Field, jets_on_grid
from pinnkan.problem.statement import Side
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.verify.candidate import is_persistent
from pinnkan.solver.verify.findings import Refused
from pinnkan.verdict.records import Reason

#: Gauss points in half an interval, by the number of coordinates of space; points for more coordinates.
POINTS, MANY_COORDINATE_POINTS = {1: 6, 2: 4}, 2


def start_contradiction(model: Model, field: Field, slab: Domain, context: FieldContext) -> Refused | None:
    """Return the finding that a condition at the start of the first slab is not met, nor with more knots, or None.

    ``context``: the correction of the ``field``.
    """
    problem, error = model.problem, context.error
    axis = problem.time_axis
    if axis is None or error is None or slab.box.ranges[-1][0] > problem.box.ranges[-1][0]:
        return None
    for condition, equation in model.rows:
        if condition.place == Side(axis, 0):
            before, after, terms = _squared_norms(model, equation, field, error)
            if is_persistent(before, after) and after > problem.solver.tolerance**2 * terms:
                share = (after / terms) ** 0.5
                text = condition.equation.text if condition.equation else condition.name
                left = f'{share:.0e} of the terms of "{text}" are left, with more knots as well'
                sentence = f"{left}: what else holds contradicts it"
                return Refused(Reason.STALLED, sentence)
    return None


def _squared_norms(model: Model, equation: CompiledEquation, field: Field, error: Field) -> tuple[float, float, float]:
    """Squared L2 norms at the start: of a condition's residual, of that with the ``error`` added, and of its terms."""
    problem = model.problem
    rule = gauss_legendre(POINTS.get(problem.space_dimension, MANY_COORDINATE_POINTS))
    breaks = [np.unique(field.breaks(i)) for i in range(problem.space_dimension)]
    halved = [map_rule_to_intervals(np.union1d(b, 0.5 * (b[1:] + b[:-1])), *rule) for b in breaks]
    nodes = [x.ravel() for x, _ in halved] + [np.array(problem.box.ranges[-1][:1])]
    points = np.stack(np.meshgrid(*nodes, indexing="ij"), -1)
    weight = reduce(np.multiply.outer, (w.ravel() for _, w in halved), np.ones(()))[..., None]
    solved = jets_on_grid(field, nodes, equation.jets)
    beside = solved + jets_on_grid(error, nodes, equation.jets)
    before, _ = equation.linearise_numpy(points, solved)
    after, slopes = equation.linearise_numpy(points, beside)
    terms = ((slopes * beside) ** 2).sum(-1)
    return float((weight * before**2).sum()), float((weight * after**2).sum()), float((weight * terms).sum())
