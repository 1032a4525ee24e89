"""Rows of equations whose unknowns have outgrown their natural sizes, weighed by what these are in a slab.

Sizes are found before anything is solved (:mod:`pinnkan.problem.units.natural_units`), and powers of what is a little
larger are much larger: b of b_t = a**20, a_t = cos(t), has 1e-14 before and 0.2 in the end. Its row weighed 1e13 times
that of a, which was bent by 2.6e-4 to make a polynomial of a**20 the rate of one, with an estimate of 2e-6. Rows that
weigh less than that are not seen: where a diode is about to lead its exponential is 1e22 in the guess and 1e9 in the
solution, and a current of a hundredth was the solution where there was none.
"""

import numpy as np

from pinnkan.assembly.model import DividedModel, Model
from pinnkan.kan.field import Array, jets_at
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.units.term_sizes import WAVELENGTH, root_mean_square
from pinnkan.solver.linear.system import System

#: Natural sizes that an unknown has outgrown; terms of an equation over what they were weighed by, that it has.
OUTGROWN, BEYOND = 300.0, 30.0
#: How often a slab is solved once more with other weights.
REWEIGHED = 3
#: Points of a slab at which slopes are looked at.
SAMPLES = 64


def as_stated(system: System) -> System:
    """The rows of a system as the file has them: what its formulas make off the points is compared with these."""
    if not isinstance(system.model, DividedModel):
        return system
    return System(Model(**system.model.parts), system.space, extra=system.extra, fewer=system.fewer)


def by_equation(system: System, coefficients: Array, least: float) -> tuple[float, ...]:
    """Mean squared residuals of several equations, no less than the ``least`` of rounding; of one there is no need."""
    patches, c = system.patches[: len(system.model.equations)], system.tensor(coefficients)
    return tuple(max(p.loss(c) / p.volume, least) for p in patches) if len(patches) > 1 else ()


def reweighed(model: Model, space: Space, coefficients: Array) -> DividedModel | None:
    """The model for what its unknowns are in a slab; None where it is that."""
    if model.is_linear or len(model.problem.unknowns) == 1:
        return None
    length = float(np.prod([np.ptp(axis.breaks) for axis in space.axes]))
    sizes = space.norm(coefficients) / np.sqrt(length)
    if not sizes.max() > OUTGROWN:
        return None
    before = np.array(model.by_row if isinstance(model, DividedModel) else (1.0,) * len(model.equations))
    now = _row_sizes(model, space, coefficients, sizes)
    if not np.any((now > BEYOND * before) | (before > BEYOND * now)):
        return None
    return DividedModel(**model.parts, by_row=tuple(map(float, now)))


def _row_sizes(model: Model, space: Space, coefficients: Array, sizes: Array) -> Array:
    """The largest term of each equation that unknowns of some sizes make in a slab, none below one."""
    begins, ends = np.array([axis.breaks[[0, -1]] for axis in space.axes]).T
    points = begins + (ends - begins) * kronecker(SAMPLES, len(begins))
    field, rates = ProductField(((space, coefficients),)), 1.0 / (WAVELENGTH * model.problem.box.lengths)
    found = np.ones(len(model.equations))
    for k, equation in enumerate(model.equations):
        slopes = equation.linearise_numpy(points, jets_at(field, points, equation.jets))[1]
        for jet, slope in zip(equation.jets, slopes.T, strict=True):
            term = root_mean_square(slope) * sizes[jet.unknown] * float(np.prod(rates ** np.array(jet.order)))
            found[k] = max(found[k], term)
    return found
