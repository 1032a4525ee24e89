"""Weights of equations in a slab, from the sizes that their terms have there.

Usually rows are weighed by natural sizes, before anything is solved (:mod:`pinnkan.problem.units.natural_units`).
Weights change for unknowns that have outgrown these: of b_t = a**20, a_t = cos(t) the row of b would outweigh that of a
by 1e13, which changes a by 2.6e-4. And in thin slabs: in a slab of length h a residual r of u_t makes an error h r, one
of an equation without u_t an error r. Nernst-Planck-Poisson equations from incompatible data are refused at 1e-5
otherwise. A pressure, which no such equation determines, would then be undetermined.
"""

import numpy as np

from pinnkan.assembly.model import DividedModel, Model
from pinnkan.assembly.row_weights import algebraic_equations
from pinnkan.kan.field import Array, jets_at
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.units.term_sizes import WAVELENGTH, jet_sizes, root_mean_square
from pinnkan.solver.linear.system import System

#: Size of an unknown, in natural units, and change of the terms of an equation, from which on weights change.
#: Heuristic.
OUTGROWN_SIZE, REWEIGHTING_RATIO = 300.0, 30.0
#: Most times that a slab is solved again with other weights.
MOST_REWEIGHTINGS = 3
#: Points of a slab at which derivatives of equations are sampled.
SAMPLES = 64


def with_natural_weights(system: System) -> System:
    """Return the system with weights by natural sizes, for residuals that are compared with values off the points."""
    if not isinstance(system.model, DividedModel):
        return system
    return System(
        Model(**system.model.field_values),
        system.space,
        extra_points=system.extra_points,
        fewer_points=system.fewer_points,
    )


def residual_by_equation(system: System, coefficients: Array, rounding_floor: float) -> tuple[float, ...]:
    """Return the mean squared residual of each equation, at least ``rounding_floor`` (rounding).

    Of a single one nothing.
    """
    patches, c = system.patches[: len(system.model.equations)], system.tensor(coefficients)
    return tuple(max(p.loss(c) / p.volume, rounding_floor) for p in patches) if len(patches) > 1 else ()


def reweighted_model(model: Model, space: Space, coefficients: Array) -> DividedModel | None:
    """Return the model with weights from the sizes of terms in a slab; None where they are those of ``model``."""
    if len(model.problem.unknowns) == 1:
        return None
    extents = np.array([np.ptp(axis.breaks) for axis in space.axes])
    sizes = space.norm(coefficients) / np.sqrt(np.prod(extents))
    lengths = WAVELENGTH * model.problem.box.lengths
    is_thin = extents[-1] < lengths[-1] and _have_constraint_equations(model)
    if not is_thin and (model.is_linear or not sizes.max() > OUTGROWN_SIZE):
        return None
    lengths[-1] = extents[-1] if is_thin else lengths[-1]
    before = np.array(model.divisors if isinstance(model, DividedModel) else (1.0,) * len(model.equations))
    now = _largest_terms(model, space, coefficients, sizes, lengths)
    if not np.any((now > REWEIGHTING_RATIO * before) | (before > REWEIGHTING_RATIO * now)):
        return None
    return DividedModel(**model.field_values, divisors=tuple(map(float, now)))


def _have_constraint_equations(model: Model) -> bool:
    """Whether there are unknowns without a time derivative, each matched with an equation without any.

    Not with algebraic equations, which have weights of their own
    (:func:`pinnkan.assembly.row_weights.algebraic_equations`).
    """
    if any(algebraic_equations(model.problem)):
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


def _largest_terms(model: Model, space: Space, coefficients: Array, sizes: Array, lengths: Array) -> Array:
    """Return the largest term of each equation, at least one.

    ``sizes`` (unknown,): of the unknowns; ``lengths`` (coordinate,): over which they vary.
    """
    begins, ends = np.array([axis.breaks[[0, -1]] for axis in space.axes]).T
    points = begins + (ends - begins) * kronecker_points(SAMPLES, len(begins))
    field = ProductField(((space, coefficients),))
    found = []
    for equation in model.equations:
        slopes = equation.linearise_numpy(points, jets_at(field, points, equation.jets))[1]
        terms = jet_sizes(equation.jets, lengths, sizes) * list(map(root_mean_square, slopes.T))
        found.append(float(terms.max(initial=1.0)))
    return np.array(found)
