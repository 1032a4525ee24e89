"""Estimate the error of a solution in fitted coordinates in near-null functions of the spaces on the axes.

Near-null functions may vary along the axes, such as the plateau with boundary layers of -lap u + 16 (x u_x + y u_y).
Neither splines fitted to a front nor their corrections represent them. The spaces on the axes provide these functions,
and a least-squares fit to the residual gives their amounts in the error.
"""

import numpy as np

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.kan.coordinates.warped import FittedField
from pinnkan.kan.field import Array, jets_at
from pinnkan.kan.product import ProductField, Space
from pinnkan.solver.estimate.norms import largest_norm_ratio
from pinnkan.solver.families.fitted.system import ImmersedSystem
from pinnkan.solver.linear.mass_matrix import MassMatrix
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.singular_vectors import SingularVectorSearch
from pinnkan.solver.verify.stability import SETTLED_RATIO

#: Number of near-null functions.
NEAR_NULL_COUNT = 8


def near_null_error(model: Model, field: FittedField, space: Space, coefficients: Array) -> float:
    """Estimate the relative L2 error (worst unknown) of a steady solution in near-null functions on the axes.

    ``space``, ``coefficients``: the function at which the equations are linearised. If the stability constant falls
    when the knots of ``space`` are halved, the estimate is multiplied by the square of the ratio, for finer knots.

    Raises:
        OutOfTimeError: a factorisation would exceed the time limit.
        SolverError, numpy.linalg.LinAlgError: the near-null functions cannot be computed on these knots.
    """
    halved = space.halved()
    spaces = {space: coefficients, halved: space.prolong(coefficients, halved)}
    (_, before), (functions, least) = (_near_null_functions(model, own, at) for own, at in spaces.items())
    fall = before / max(least, 1e-300)
    return _fitted_error(model, field, halved, functions) * (fall**2 if fall * SETTLED_RATIO > 1.0 else 1.0)


def _near_null_functions(model: Model, space: Space, coefficients: Array) -> tuple[Array, float]:
    """Return near-null functions, coefficients (function, ..) of L2 norm one, and the stability constant."""
    equations = System(model, space).linear_solver(coefficients, zero_conditions(model.conditions, space)[1])
    free = equations.ordering.free.cpu().numpy()
    vectors, least = SingularVectorSearch(equations, MassMatrix(space, free, np.ones(space.unknowns))).find_several(
        NEAR_NULL_COUNT
    )
    functions = np.zeros((vectors.shape[1], space.size))
    functions[:, free] = vectors.T
    return functions.reshape(-1, *space.shape), least


def _fitted_error(model: Model, field: FittedField, space: Space, functions: Array) -> float:
    """Return the relative L2 size of the combination of ``functions`` that lowers the residual of ``field`` most."""
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
    return largest_norm_ratio(model.problem, space.norm(whole) ** 2, system.squared_norms(coefficients)[0])
