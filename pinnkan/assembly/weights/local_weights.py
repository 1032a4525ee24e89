"""How much an equation of a system weighs on small cells, beside large ones: norms match orders on every scale.

On functions that vary over a length h the principal terms of an equation i are of size h^(c_i - d_j) U_j, with the
offsets c of equations and d of unknowns of Agmon, Douglis and Nirenberg (1964). Sizes of unknowns and equations are
balanced on the scale of the domain (:mod:`pinnkan.problem.natural_units`); on a cell that is r times as large, in all
coordinates, equation i is weighed by r^(c - c_i), c the largest offset. That is r for the momentum of a flow, one for
div u = 0: what a pressure that is not smooth at a corner leaves there then no longer moves it elsewhere. Cavity with
the lid 4x(1 - x), twelve intervals, the outermost halved four times towards the corners: error 1.3e-5 instead of 2.2e-5
of the velocity, 1e-4 instead of 5e-4 of the pressure; with the squares of these weights 4e-5 and 1e-3.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np
import torch

from pinnkan.kan.product import Space
from pinnkan.problem.checks.weights import offsets
from pinnkan.problem.statement import Problem

#: Orders are balanced on functions that vary over a tenth of the domain; splines resolve less than that. A flow in a
#: cube, a slab on one interval of degree 6: errors of velocity and pressure 1.2e-5 and 2.2e-4 with one, 5.2e-6 and
#: 1.1e-4 with three, 5.4e-6 and 8.8e-5 with ten, 1.7e-5 and 1.1e-4 with thirty. Of what is shipped Stokes' flow has a
#: fifth of the error, Taylor and Green's vortices two thirds, Kovasznay's at 1e-6 half of it on fewer knots.
FINER = 10.0


def surpluses(problem: Problem) -> tuple[int, ...]:
    """By how much the offset of each equation is below the largest; zeros where no assignment gives offsets."""
    weights = offsets(problem)
    if weights is None:
        return (0,) * len(problem.equations)
    return tuple(max(weights.equations) - c for c in weights.equations)


def finer(surpluses: Sequence[int]) -> tuple[float, ...]:
    """What equations weigh of which surplus, so that orders balance on the lengths that splines resolve."""
    return tuple(FINER ** (max(surpluses) - s) for s in surpluses)


def local_weight(space: Space, surplus: int) -> torch.Tensor | None:
    """The weight of an equation by cell, (interval, 1, interval, 1, ..); None where it is one: on a line it is."""
    if surplus == 0 or len(space.axes) == 1:
        return None
    widths = [np.diff(a.breaks) for a in space.axes]
    largest = reduce(np.maximum.outer, [w / w.max() for w in widths])
    if largest.min() == 1.0:
        return None
    return torch.from_numpy(largest**surplus).reshape([n for w in largest.shape for n in (w, 1)])
