"""The squared residual of an equation at points, and the squared size of its terms to compare it with."""

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.kan.field import Array
from pinnkan.problem.features.subdivision import OVERFLOW_SIZE


def squared_residual_and_terms(equation: CompiledEquation, points: Array, jets: Array) -> tuple[Array, Array]:
    """Return the squared residual of an equation and the squared size of its terms, (..) each.

    ``points``: (.., coordinate); ``jets``: (.., jet). The size is F(0)^2 (0 where not finite) + sum_j (dF/dj j)^2; of a
    nonlinear F at most the sum of its squared terms.
    """
    residual, weights = equation.linearise_numpy(points, jets)
    data, _ = equation.linearise_numpy(points, np.zeros_like(jets))
    with np.errstate(over="ignore"):
        scale = np.where(np.isfinite(data), data, 0.0) ** 2 + ((weights * jets) ** 2).sum(-1)
        scale = scale if equation.is_linear else np.fmin(scale, equation.squared_terms_numpy(points, jets))
        return np.fmin(residual**2, OVERFLOW_SIZE), np.fmin(scale, OVERFLOW_SIZE)
