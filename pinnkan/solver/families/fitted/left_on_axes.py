"""What coordinates fitted to a front leave of the functions that the equations hardly see, which lie along the axes.

A well, -lap u + 16 (x u_x + y u_y), sees a plateau that falls to zero in layers along the four sides by 0.016 of its
size. Splines across and along a front have nothing like it, nor have their corrections, so that neither knew of 0.135
of a solution in which a source of 0.003 had made one. The axes have it: their spaces say which functions the equations
see least, and a residual at the points of the front says how much of these is missing: 0.152. In a layer at 30 degrees,
whose eight least values are 1.9 to 2.9, with 13,000 points, it is 4e-8, found in 0.9 s.
"""

from dataclasses import replace

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.kan.coordinates.warped import FittedField
from pinnkan.kan.field import Array, jets_at
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate.norms import relative_root
from pinnkan.solver.families.fitted.system import ImmersedSystem
from pinnkan.solver.linear.mass import Mass
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.least_seen import LeastSeen
from pinnkan.solver.verify.stability import SETTLED

#: Functions that are looked at.
COUNT = 8


def left_on_axes(model: Model, field: FittedField, space: Space, coefficients: Array) -> float:
    """The relative L2 size of what a steady solution in one piece has left, by the worst unknown.

    ``space``: on the axes, ``coefficients``: those of a function of it at which the equations are linearised to choose.
    What they see least is sought on halved knots too. Where it goes on falling, all of it may be as much larger on
    finer ones as the square of it has fallen: so much larger is what a residual says of it.

    Raises:
        OutOfTimeError: by the clock of the model, a factor could not end in time.
        SolverError, numpy.linalg.LinAlgError: the functions cannot be told on these knots.
    """
    halved = replace(space, axes=tuple(axis.halved() for axis in space.axes))
    spaces = {space: coefficients, halved: space.prolong(coefficients, halved)}
    (_, before), (functions, least) = (_least(model, own, at) for own, at in spaces.items())
    fall = before / max(least, 1e-300)
    return _missing(model, field, halved, functions) * (fall**2 if fall * SETTLED > 1.0 else 1.0)


def _least(model: Model, space: Space, at: Array) -> tuple[Array, float]:
    """The functions of a space that rows see least, as coefficients (function, ..) of size one, and the least size."""
    equations = System(model, space).equations(at, zero_conditions(model.conditions, space)[1])
    free = equations.ordering.free.cpu().numpy()
    vectors, least = LeastSeen(equations, Mass(space, free, np.ones(space.unknowns))).several(COUNT)
    functions = np.zeros((vectors.shape[1], space.size))
    functions[:, free] = vectors.T
    return functions.reshape(-1, *space.shape), least


def _missing(model: Model, field: FittedField, space: Space, functions: Array) -> float:
    """How much of some functions would lower the residual of a solution most, at its own points."""
    (piece,) = field.pieces
    ((own, coefficients),) = piece.terms
    system, images, residuals = ImmersedSystem(model, own, piece.coordinates, model.problem.domain), [], []
    for patch, _ in system.patches:
        points = patch.points.reshape(-1, patch.points.shape[-1]).numpy()
        jets = patch.jets(coefficients).reshape(len(points), -1).numpy()
        residual, slopes = patch.equation.linearise_numpy(points, jets)
        root = patch.root_weight.reshape(-1).numpy()
        made = [jets_at(ProductField(((space, f),)), points, patch.equation.jets) for f in functions]
        images.append(np.stack([(slopes * m).sum(-1) * root for m in made], -1))
        residuals.append(residual * root)
    amounts = np.linalg.lstsq(np.concatenate(images), -np.concatenate(residuals), rcond=None)[0]
    whole = np.tensordot(amounts, functions, 1)
    return relative_root(model.problem, space.norm(whole) ** 2, system.squares(coefficients)[0])
