"""Initial knots that resolve the functions of one coordinate in the equations and conditions.

A separable source or coefficient is sampled one coordinate at a time, at thousands of points: a spike of width 1e-5 in
one of ten coordinates is resolved as on a line.
"""

from collections.abc import Callable

import numpy as np
import sympy

from pinnkan.assembly.model import Model
from pinnkan.assembly.separable.separated_equation import SeparatedEquation
from pinnkan.assembly.separable.separated_rows import gauss_rule
from pinnkan.assembly.separable.system import SeparableModel, separable_model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.solver.families.product.start import nearly_uniform

#: Degree and initial intervals. A third of the range resolves two half waves of degree 9 to 1e-5.
DEGREE, INTERVALS = 9, 3
#: Uniform points at which the functions are sampled; points of an interval for its polynomial.
SCAN_POINTS, FIT_POINTS = 2**16, 33
#: An interval is halved while the polynomial is off by this share of the largest value; corrections add the rest.
LEAST_ERROR = 1e-3
#: Most halvings of an interval, down to 1e-7 of the range; intervals at which halving ends.
MOST_HALVINGS, MOST_INTERVALS = 22, 256


def initial_axes(rows: SeparableModel, degree: int | None, intervals: int | None) -> tuple[Axis, ...]:
    """Return the initial axes: nearly uniform knots, halved where functions need it."""
    problem = rows.problem
    lowest = max((o for p in rows.placed_equations for o in p.equation.orders), default=0) + 2
    p = max(degree or DEGREE, lowest)
    axes = []
    for i, ((low, high), periodic) in enumerate(zip(problem.box.ranges, problem.box.periodic, strict=True)):
        n = max(intervals or INTERVALS, p + 1 if periodic else 1)
        axes.append(resolve_functions(Axis(nearly_uniform(low, high, n), p, periodic), _functions(rows, i)))
    return tuple(axes)


def _functions(rows: SeparableModel, coordinate: int) -> Callable[[Array], Array]:
    """All functions of a coordinate in the equations: points to (function, point)."""
    every: dict[sympy.Expr, SeparatedEquation] = {}
    for products in rows.separated_equations:
        if products is not None:
            every |= dict.fromkeys(products.factors(coordinate), products)

    def values(x: Array) -> Array:
        found = [p.factor_values([factor], coordinate, x) for factor, p in every.items()]
        return np.concatenate(found) if found else np.zeros((0, len(x)))

    return values


def resolve_functions(axis: Axis, functions: Callable[[Array], Array]) -> Axis:
    """Halve intervals until a polynomial of the degree of the axis approximates all functions on each."""
    scan = np.linspace(axis.breaks[0], axis.breaks[-1], SCAN_POINTS + 1)
    scanned = functions(scan)
    scanned = scanned[np.isfinite(scanned).all(1)]
    scale = np.abs(scanned).max(1, initial=0.0)
    if not (scale > 0.0).any():
        return axis
    nodes = np.cos(np.pi * (np.arange(FIT_POINTS) + 0.5) / FIT_POINTS)
    fit = np.asarray(np.linalg.pinv(np.polynomial.chebyshev.chebvander(nodes, axis.degree)), dtype=np.float64)
    done = np.zeros(axis.intervals, dtype=bool)
    for _ in range(MOST_HALVINGS):
        marked = np.zeros(axis.intervals, dtype=bool)
        for j in np.flatnonzero(~done):
            low, high = axis.breaks[j], axis.breaks[j + 1]
            marked[j] = _misses(low, high, nodes, fit, functions, scan, scanned, scale)
        if not marked.any() or axis.intervals > MOST_INTERVALS:
            break
        done = np.repeat(~marked, 1 + marked)
        axis = axis.refined(marked)
    return axis


def _misses(
    low: float,
    high: float,
    nodes: Array,
    fit: Array,
    functions: Callable[[Array], Array],
    scan: Array,
    scanned: Array,
    scale: Array,
) -> bool:
    """Whether a polynomial on [low, high] is off for some function, at its own nodes or at those of the scan."""
    here = functions(0.5 * (low + high) + 0.5 * (high - low) * nodes)
    here = here[np.isfinite(here).all(1)]
    if len(here) != len(scale):
        return False
    scale = np.maximum(scale, np.abs(here).max(1))[:, None]
    scale = np.where(scale > 0.0, scale, 1.0)
    coefficients = here @ fit.T
    degree = fit.shape[0] - 1
    own = coefficients @ np.polynomial.chebyshev.chebvander(nodes, degree).T
    if (np.abs(own - here) > LEAST_ERROR * scale).any():
        return True
    a, b = np.searchsorted(scan, [low, high])
    inside = (2.0 * scan[a:b] - low - high) / (high - low)
    table = np.polynomial.chebyshev.chebvander(inside, degree).T
    return bool((np.abs(coefficients @ table - scanned[:, a:b]) > LEAST_ERROR * scale).any())


#: Fewest coordinates for this family.
LEAST_DIMENSION = 4
#: Eigenvalues below this share of the largest do not count for a rank.
RANK_CUTOFF = 1e-6


def predicted_size(model: Model) -> float | None:
    """Return the coefficients on the initial knots for as many terms as the rank of the data, a lower bound; or None.

    A sum of R products has rank at most R between one coordinate and all others (Kolda, Bader 2009, section 3.3). None
    for several unknowns, few coordinates, and equations that are not linear or do not separate.
    """
    problem = model.problem
    if len(problem.unknowns) != 1 or problem.dimension < LEAST_DIMENSION:
        return None
    rows = separable_model(model)
    products = [p for p in rows.separated_equations if p is not None]
    if len(products) < len(rows.placed_equations):
        return None
    axes = initial_axes(rows, problem.solver.degree, problem.solver.knots)
    rule = gauss_rule(axes)
    terms = max([1, *(largest_rank(p, [(x, w) for x, w in rule]) for p in {id(p): p for p in products}.values())])
    counts = [a.count for a in axes]
    return float(terms * sum(counts) + sum(counts[i] for i in rows.single_coordinates))


def largest_rank(products: SeparatedEquation, rule: list[tuple[Array, Array]]) -> int:
    """The largest rank of the right-hand side between one coordinate and all others."""
    if not products.sources:
        return 0
    constants = np.array([s.constant for s in products.sources])
    grams = []
    for i, (x, w) in enumerate(rule):
        values = np.sqrt(w) * products.factor_values([s.factors[i] for s in products.sources], i, x)
        grams.append(values @ values.T)
    ranks = []
    for k, gram in enumerate(grams):
        others = np.outer(constants, constants)
        for i, other in enumerate(grams):
            others = others if i == k else others * other
        sizes = np.abs(np.linalg.eigvals(gram @ others))
        ranks.append(int((sizes > RANK_CUTOFF * sizes.max(initial=0.0)).sum()))
    return max(ranks)
