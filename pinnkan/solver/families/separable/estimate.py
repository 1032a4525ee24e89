"""The error of a sum of products: a correction in a richer sum, and the residual that it leaves.

The richer sum has every interval halved and one product more. Errors outside of it are bounded by the held-out residual
over the least residual of a product of norm one (:mod:`pinnkan.solver.verify.hidden_errors.least_product`).
"""

from collections.abc import Sequence

import numpy as np

from pinnkan.assembly.separable.point_rows import graded_points
from pinnkan.assembly.separable.system import SeparableModel, graded_place_points, linearise_at_points
from pinnkan.kan.axis import Axis, restrict_axis
from pinnkan.kan.field import Array
from pinnkan.kan.separable import Separable
from pinnkan.solver.estimate.marking import mark_by_maximum
from pinnkan.solver.families.separable.minimise import add_term, levenberg_marquardt, starting_products
from pinnkan.solver.families.separable.state import SeparableEstimate, SeparableState
from pinnkan.solver.outcome import SAFETY
from pinnkan.solver.verify.hidden_errors.least_product import smallest_product
from pinnkan.verdict.records import Evidence

#: Levenberg-Marquardt steps of the correction.
CORRECTION_STEPS = 5
#: Held-out points inside, and on each side.
HELD_OUT, HELD_OUT_ON_SIDE = 4096, 512
#: Between the seeds of training and held-out points.
SEED_STRIDE = 1000
#: An interval is halved if its correction, or that of the highest derivative, has this share of the largest one: by
#: size alone the residual falls too slowly, and the estimate with it.
MARKED_SHARE = 0.02
#: Integrals of squares are accurate to this share of the largest; smaller ones are measured at points.
ROUNDING = 1e-12


def estimate_error(rows: SeparableModel, state: SeparableState) -> SeparableEstimate:
    """Estimate the error of a trained sum."""
    function = state.function
    fine = tuple(a.halved() for a in function.axes)
    start = function.prolonged(fine)
    seed = state.seed + SEED_STRIDE * (2 * state.level + 1)
    system = rows.system(fine, start, start.terms + 1, seed)
    homogeneous = rows.homogeneous_system(fine, start, seed)
    mode = smallest_product(homogeneous, homogeneous.waves, seed)
    trained = system.trained_masks(start.terms, state.singles)
    corrected = levenberg_marquardt(system, system.edges(start), trained, CORRECTION_STEPS).edges
    begun = starting_products(system, corrected, seed, (mode.function,))
    richer = system.function(add_term(system, corrected, begun).edges)
    term = Separable(fine, tuple(e[-1:] for e in richer.edges))
    points, weights = graded_points(fine, HELD_OUT, seed + SEED_STRIDE)
    scale = root_mean_square(function, points, weights) or 1.0
    error = richer.plus(start, -1.0)
    fitted = richer.edges
    orders = np.max([p.equation.orders for p in rows.placed_equations if p.equation.jets], axis=0)
    plain = [_surplus(k, function.axes, fine, fitted, 0) for k in range(len(fine))]
    rough = [_surplus(k, function.axes, fine, fitted, int(n)) for k, n in enumerate(orders)]
    marks = [mark_by_maximum(surplus, share=MARKED_SHARE) for surplus in (plain, rough)]
    explained = root_mean_square(error, points, weights) / scale
    unexplained = held_out_residual(rows, richer, seed + SEED_STRIDE) / (mode.sigma or 1e-300) / scale
    return SeparableEstimate(
        SAFETY * (explained + unexplained),
        error,
        evidence=Evidence.PRODUCTS,
        enriched_sum=richer,
        correction_size=explained,
        remaining_error=unexplained,
        knot_gain=float(np.sqrt(sum(s.sum() for s in plain))) / scale,
        term_gain=root_mean_square(term, points, weights) / scale,
        marked_intervals=tuple(a | b for a, b in zip(*marks, strict=True)),
        new_term=term,
        sigma=mode.sigma,
    )


def root_mean_square(function: Separable, points: Array, weights: Array) -> float:
    """The root mean square of a function over the box, by exact integrals, or at points where these cancel."""
    exact = function.norm()
    largest = max((Separable(function.axes, tuple(e[r : r + 1] for e in function.edges)).norm()
                   for r in range(function.terms)), default=0.0)  # fmt: skip
    if exact**2 > ROUNDING * largest**2:
        return exact
    values = function(points, [(0,) * len(function.axes)])[:, 0, 0]
    return float(np.sqrt(weights @ values**2))


def held_out_residual(rows: SeparableModel, function: Separable, seed: int) -> float:
    """The root mean square of all weighted residuals of a function at points of a seed."""
    total = 0.0
    for number, placed in enumerate(rows.placed_equations):
        count = HELD_OUT if placed.place is None else HELD_OUT_ON_SIDE
        points, weights = graded_place_points(placed.place, function.axes, count, seed + number)
        residual, _, _ = linearise_at_points(placed.compiled, points, function)
        total += placed.weight**2 * float(weights @ residual**2)
    return float(np.sqrt(total))


def _surplus(k: int, axes: Sequence[Axis], fine: Sequence[Axis], edges: Sequence[Array], order: int) -> Array:
    """The mean square per interval of coordinate ``k`` of a derivative of what halved knots add: (interval,).

    The sum over the terms, each with the norms of its other edges.
    """
    coarse = restrict_axis(axes[k], fine[k], edges[k], 1)
    gain = edges[k] - coarse @ axes[k].prolongation_to(fine[k]).T
    nodes, weights = fine[k].mean_rule()
    squares = (fine[k].matrix(nodes, order) @ gain.T) ** 2
    others = np.ones(len(edges[k]))
    for i, (axis, edge) in enumerate(zip(fine, edges, strict=True)):
        if i != k:
            x, w = axis.mean_rule()
            others *= w @ (axis.matrix(x) @ edge.T) ** 2
    return np.asarray((weights * (squares @ others)).reshape(axes[k].intervals, -1).sum(1))
