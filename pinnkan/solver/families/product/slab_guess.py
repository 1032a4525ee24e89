"""Where Gauss-Newton begins in a slab: with what the slab before says of its rates, or on fewer knots.

A slab as long as its accuracy allows may be too long for the Taylor polynomial of the one before to be of any use: a
front that forms takes six steps from there. On every second knot they cost a fourth, in the plane, and those on all of
them begin near enough to take two (nested iteration, as in a full multigrid cycle: Brandt 1977).
"""

from dataclasses import replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.errors import SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.families.product.slab import fixed_by, predicted, side_values
from pinnkan.solver.families.product.slab_start import SlabStart
from pinnkan.solver.linear.system import System
from pinnkan.solver.minimise.gauss_newton import FIRMEST, gauss_newton

#: Coefficients from which on a step costs more than what leads up to it.
MANY_COEFFICIENTS = 10_000
#: Relative size of a step on fewer knots that is the last one: what these hold of a solution that all of them are
#: needed for is not much nearer. A guess that needs no more is left as it is.
NEAR = 1e-2
#: A step that has to be damped more than this tells that the slab is too long: a shorter one begins nearer. Of van der
#: Pol's equation with mu = 1000 nine tenths of all steps were taken in slabs that were given up in the end.
FIRM = 1e-2


def first_guess(model: Model, begun: SlabStart, time: Axis) -> Array:
    """Coefficients of a slab to begin with; only those of a linear problem need not be near."""
    plain, space = predicted(begun, time), Space((*begun.axes, time), begun.unknowns)
    if model.is_linear or space.size < MANY_COEFFICIENTS:
        return plain
    coarse = replace(space, axes=(*map(_every_second, begun.axes), time))
    if coarse.shape == space.shape:
        return plain
    (old, _), (new, _) = begun.spaces(begun.axes), begun.spaces(coarse.axes[:-1])
    traces = [new.restrict(t, old) for t in begun.traces]
    sides = side_values(model, coarse)
    start, fixed = fixed_by(model, coarse, traces, sides, coarse.restrict(plain, space))
    try:
        found = gauss_newton(System(model, coarse), start, fixed, NEAR)
    except (SolverError, np.linalg.LinAlgError):
        return plain
    return plain + coarse.prolong(found.coefficients - start, space) if found.stationary else plain


def firmness(model: Model, begun: SlabStart) -> float:
    """Beyond which damping a slab is given up. No slab is near to a start that is solved for itself.

    Conditions there are no values (of a + a^3 = 2 none was short enough), or some unknown has none (q + q^3 = p).
    """
    given = {layer.unknown for layer in model.conditions.initial}
    is_first = begun.time == model.problem.box.ranges[-1][0]
    is_given = model is model.after_start and len(given) == begun.unknowns
    return FIRMEST if is_first and not is_given else FIRM


def _every_second(axis: Axis) -> Axis:
    fewest = axis.degree + 1 if axis.periodic else 2
    kept = np.union1d(axis.breaks[::2], [axis.breaks[-1], *axis.joints])
    return replace(axis, breaks=kept) if len(kept) > fewest else axis
