"""What an equation leaves at points, and what that is to be compared with."""

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.kan.field import Array
from pinnkan.problem.features.subdivision import HUGE


def squares_of(equation: CompiledEquation, points: Array, jets: Array) -> tuple[Array, Array]:
    """The squared residual, and the sum of the squares of its data and of its linearised terms.

    Where the equation has no value at zero (log(u)) no data are known apart. Of a nonlinear one no more than the sum of
    the squares of its terms themselves: a kick of height h and width w, linearised, is h u / w.
    """
    residual, weights = equation.linearise_numpy(points, jets)
    data, _ = equation.linearise_numpy(points, np.zeros_like(jets))
    with np.errstate(over="ignore"):
        scale = np.where(np.isfinite(data), data, 0.0) ** 2 + ((weights * jets) ** 2).sum(-1)
        scale = scale if equation.is_linear else np.fmin(scale, equation.terms_numpy(points, jets))
        return np.fmin(residual**2, HUGE), np.fmin(scale, HUGE)
