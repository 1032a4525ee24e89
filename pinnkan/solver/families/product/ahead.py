"""A correction with many more knots where it is large, for an error that halved intervals may underestimate."""

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.indicators import surplus
from pinnkan.solver.estimate.norms import relative_roots, sizes
from pinnkan.solver.families.product.halting import corrected
from pinnkan.solver.linear.system import System

#: Halvings of marked intervals, on a line and elsewhere; the share of the largest mass above which an interval is
#: marked. Once more in the plane made two Helmholtz equations take 52.8 s instead of 37.8 s.
ON_A_LINE, AHEAD, LARGE = 3, 2, 0.1
#: Relative accuracy of a correction of which only the norm is used: 11 steps of conjugate gradients, not 25, change it
#: by 0.3 %.
GLANCE = 0.01


def ahead(model: Model, space: Space, start: Array, correction: Array) -> float:
    """Return the relative norm (worst unknown) of a Gauss-Newton correction of ``start`` in a locally much finer space.

    ``correction``: of ``start`` in the space with every interval halved; where its mass per interval is large,
    intervals are halved several times. Raises SolverError: the least squares have no solution there.
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
    """Return the axis with the marked intervals halved ``times`` times."""
    for _ in range(times):
        axis, marks = axis.inserted(marks), np.repeat(marks, np.where(marks, 2, 1))
    return axis


def twice(space: Space) -> Space:
    """Return the space with every interval halved."""
    return Space(tuple(a.halved() for a in space.axes), space.unknowns)
