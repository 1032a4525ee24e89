"""Rows of equations weighed by what their terms are in a slab: of unknowns that outgrew their sizes, and in thin slabs.

Sizes are found before anything is solved (:mod:`pinnkan.problem.units.natural_units`), and powers of what is a little
larger are much larger: b of b_t = a**20, a_t = cos(t), has 1e-14 before and 0.2 in the end. Its row weighed 1e13 times
that of a, which was bent by 2.6e-4 to make a polynomial of a**20 the rate of one, with an estimate of 2e-6. Rows that
weigh less than that are not seen: where a diode is about to lead its exponential is 1e22 in the guess and 1e9 in the
solution, and a current of a hundredth was the solution where there was none.

In a slab of length h a residual r of u_t makes an error h r, one of an equation that has no u_t an error r: what knots
leave of a first layer in u_t was taken up by the potential of charges that drift in it, which has an equation of its
own, whatever the length of the slab. Divided by what u_t is in so short a time, rows say what they make. Nernst, Planck
and Poisson's equations from data that do not fit the sides: 1e-4 in 4.2 s (11 s without), 1e-5 in 4.0 s, 1e-6 in 4.8 s
(at 1e-5 refused at 4e-6 of 0.3 after 24 s, at 1e-6 at 3e-13 after 40 s). A pressure has no equation of its own:
weighed so, it would be held by nothing.
"""

import numpy as np

from pinnkan.assembly.model import DividedModel, Model
from pinnkan.assembly.row_weights import closures
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
    if len(model.problem.unknowns) == 1:
        return None
    extents = np.array([np.ptp(axis.breaks) for axis in space.axes])
    sizes = space.norm(coefficients) / np.sqrt(np.prod(extents))
    rates = 1.0 / (WAVELENGTH * model.problem.box.lengths)
    is_thin = rates[-1] * extents[-1] < 1.0 and _have_own_equations(model)
    if not is_thin and (model.is_linear or not sizes.max() > OUTGROWN):
        return None
    rates[-1] = 1.0 / extents[-1] if is_thin else rates[-1]
    before = np.array(model.by_row if isinstance(model, DividedModel) else (1.0,) * len(model.equations))
    now = _row_sizes(model, space, coefficients, sizes, rates)
    if not np.any((now > BEYOND * before) | (before > BEYOND * now)):
        return None
    return DividedModel(**model.parts, by_row=tuple(map(float, now)))


def _have_own_equations(model: Model) -> bool:
    """Whether there are unknowns without a derivative in time, each with an equation that has none either.

    Not where equations without any derivative weigh more by themselves in so short a time
    (:func:`pinnkan.assembly.row_weights.closures`).
    """
    if any(closures(model.problem)):
        return False
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import maximum_bipartite_matching  # not imported by anything that every solve needs

    parts = [(e, {j.unknown for j in e.jets if j.order[-1]}) for e in model.equations]
    leading = set().union(*(found for _, found in parts))
    rest = [{j.unknown for j in e.jets} for e, found in parts if not found]
    followers = [i for i in range(len(model.problem.unknowns)) if i not in leading]
    occurs = csr_array([[i in each for i in followers] for each in rest], dtype=bool)
    if not followers or occurs.shape != (len(followers),) * 2:
        return False
    return bool((maximum_bipartite_matching(occurs) >= 0).all())


def _row_sizes(model: Model, space: Space, coefficients: Array, sizes: Array, rates: Array) -> Array:
    """The largest term of each equation that unknowns of some sizes and rates make in a slab, none below one."""
    begins, ends = np.array([axis.breaks[[0, -1]] for axis in space.axes]).T
    points = begins + (ends - begins) * kronecker(SAMPLES, len(begins))
    field = ProductField(((space, coefficients),))
    found = np.ones(len(model.equations))
    for k, equation in enumerate(model.equations):
        slopes = equation.linearise_numpy(points, jets_at(field, points, equation.jets))[1]
        for jet, slope in zip(equation.jets, slopes.T, strict=True):
            term = root_mean_square(slope) * sizes[jet.unknown] * float(np.prod(rates ** np.array(jet.order)))
            found[k] = max(found[k], term)
    return found
