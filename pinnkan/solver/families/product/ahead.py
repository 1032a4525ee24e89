"""A look at a correction that may be too small, on intervals far narrower where it is."""

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.indicators import surplus
from pinnkan.solver.estimate.norms import relative_roots, sizes
from pinnkan.solver.families.product.halting import corrected
from pinnkan.solver.linear.system import System

#: Intervals are halved AHEAD times, or as often as ON_A_LINE, where the correction is: those with LARGE of the largest
#: mass. An eikonal equation with a kink 1e-3 wide, on knots 5e-3 apart, had a correction of a twelfth of its
#: error, with 0.55 of the residual left; a thin beam of a thousandth, with all of it left. Once more in the plane is
#: four times as many coefficients: two Helmholtz equations took 52.8 s with that, 29 of them here, and 37.8 without.
ON_A_LINE, AHEAD, LARGE = 3, 2, 0.1
#: Relative accuracy of looks, of which only the size is asked for. Diffusion with a coefficient that varies 19
#: times, on 243 x 201 intervals: 11 steps of conjugate gradients in place of 25, the size within 0.3 %.
GLANCE = 0.01


def ahead(model: Model, space: Space, start: Array, correction: Array) -> float:
    """The relative size of a Gauss-Newton step with many knots where the ``correction`` on halved intervals is large.

    Raises SolverError: the least squares have no solution there.
    """
    fine = twice(space)
    masses = surplus(space, fine, correction, sizes(model.problem, fine, space.prolong(start, fine))).mass
    largest = max(float(mass.max()) for mass in masses)
    times = ON_A_LINE if len(masses) == 1 else AHEAD
    axes = [_deepened(axis, mass > LARGE * largest, times) for axis, mass in zip(space.axes, masses, strict=True)]
    finer = Space(tuple(axes), space.unknowns)
    base = space.prolong(start, finer)
    step = corrected(System(model, finer), base, GLANCE)
    return (1.0 + GLANCE) * max(relative_roots(model.problem, finer.norm(step) ** 2, finer.norm(base) ** 2))


def _deepened(axis: Axis, marks: np.ndarray, times: int) -> Axis:
    """An axis with the marked intervals halved so many times."""
    for _ in range(times):
        axis, marks = axis.inserted(marks), np.repeat(marks, np.where(marks, 2, 1))
    return axis


def twice(space: Space) -> Space:
    """The space with every interval halved."""
    return Space(tuple(a.halved() for a in space.axes), space.unknowns)
