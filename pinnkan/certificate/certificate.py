"""A proof that there is exactly one solution near a computed function, with a bound of the distance.

Let F(x, u, Du, D^2 u) = 0 be elliptic and semilinear, w the computed function plus the correction of its error
estimate, r = F(w) its residual, L the derivative of F at w. A solution u = w + v fulfils

    L v = -r - g(v),    |g(v)| <= 1/2 sup |F_uu| |v|^2,

with the mismatch of w on the sides as data. If L has an inverse with |L^-1| <= K, the right-hand side maps a ball of
radius a into itself and contracts it where K (|r| + 1/2 F_uu a^2) <= a and K F_uu a < 1: there is exactly one solution
in it (Newton and Kantorovich; Plum 2001, 2008; Nakao, Plum and Watanabe 2019). K comes from a positive function with L
psi > 0 (:mod:`pinnkan.certificate.barrier`, maximum norm), or else from enclosed eigenvalues
(:mod:`pinnkan.certificate.spectrum`, L2 norm). The distance from u to the computed function is at most |v| plus the
size of the correction.

The proof takes ends of the box, knots, coefficients and numbers in formulas as float64. A solution is in W^2,p inside
and continuous up to the sides, perhaps except at corners. The proof assumes IEEE arithmetic, and errors of numpy's
elementary functions of at most four units in the last place.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import sympy

from pinnkan.certificate.barrier import find_barrier, solution_bound
from pinnkan.certificate.cell_ranges import POINTS, grid_cells, ranges_of
from pinnkan.certificate.energy import energy_inverse_bound
from pinnkan.certificate.linearised import (
    Formula,
    UncertifiedError,
    elliptic_formula,
    second_derivative_orders,
    side_conditions,
    zeroth_coefficient,
)
from pinnkan.certificate.newton import (
    DiffusionOperator,
    Distance,
    ResidualSizes,
    SolutionNeighbourhood,
    distance_by_barrier,
    distance_by_spectrum,
)
from pinnkan.certificate.quadrature import norm_bounds
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline, spline_of
from pinnkan.domain.box import Side
from pinnkan.kan.field import Field
from pinnkan.kan.product import ProductField
from pinnkan.problem.expressions.enclosure import interval_outputs
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Problem
from pinnkan.verdict.records import Certificate

#: Largest number of interval operations, points times steps of the formula (about ten seconds).
MAX_OPERATIONS = 3e8
#: Least degree of a spline with continuous second derivatives.
MIN_DEGREE = 3


def certificate_of(problem: Problem, field: Field, error: Field | None) -> Certificate:
    """The certificate of ``field``, or why there is none; ``error`` is the correction of its error estimate."""
    try:
        return _proven(problem, field, error)
    except UncertifiedError as reason:
        return Certificate(refusal=str(reason))


def _proven(problem: Problem, field: Field, error: Field | None) -> Certificate:
    formula, conditions = elliptic_formula(problem), side_conditions(problem)
    asked = _piece(field)
    near = _affordable(formula, [_corrected(asked, error), asked])
    u = _spline(near)
    _require_elliptic(formula, conditions, u)
    cells, found = formula.compile_expressions(formula.residual).ranges_over(grid_cells(u.breaks), u)
    residual = _finite(found.value, cells, problem)[0]
    tube = SolutionNeighbourhood(formula, cells, u)
    if not tube.is_smooth(0.0):
        raise UncertifiedError("the equation jumps or bends where the solution passes a value")
    missed = {side: _side_mismatch(condition, side, u, problem) for side, condition in conditions.items()}
    operator = _operator(formula, conditions, u, problem)
    is_negative = (
        isinstance(operator, DiffusionOperator) and operator.least_eigenvalue_bound < 0.0
    )  # then no barrier exists
    barrier = None if is_negative else find_barrier(formula, conditions, near, u)
    if barrier is not None:
        beside = {side: size for side, (size, _) in missed.items()}
        moves = solution_bound(barrier, formula, conditions, near, u, cells, residual, beside)
        sizes = ResidualSizes(float(residual.max()), _mean_square(residual, cells), moves, beside)
        energy = energy_inverse_bound(formula, conditions, problem.box, u)
        return _certificate_for(_spline(asked), u, distance_by_barrier(tube, barrier, sizes, energy))
    largest = max((size / leading for size, leading in missed.values()), default=0.0) * MARGIN
    if not isinstance(operator, DiffusionOperator):
        raise UncertifiedError(f"no positive function bounds the inverse of the linearised equation, and {operator}")
    return _certificate_for(
        _spline(asked), u, distance_by_spectrum(tube, operator, _mean_square(residual, cells), largest)
    )


def _operator(
    formula: Formula, conditions: Mapping[Side, Formula], u: TensorSpline, problem: Problem
) -> DiffusionOperator | str:
    """The linearised operator if its eigenvalues can be enclosed; else the reason, in words."""
    wanted = second_derivative_orders(problem.dimension)
    if any(any(o) and (o not in wanted or not w.is_number) for o, w in formula.partial_derivatives.items()):
        return "eigenvalues are enclosed of -a u_xx - b u_yy + .. + c u alone, with numbers a, b, .."
    if any(any(map(any, condition.partial_derivatives)) for condition in conditions.values()):
        return "eigenvalues are enclosed with values on all sides alone"
    diffusion = tuple(-interval_outputs(Tape([formula.partial_derivatives[o]], ()), [])[0] for o in wanted)
    zero = formula.compile_expressions(zeroth_coefficient(formula)).ranges_over(grid_cells(u.breaks), u)
    _finite(zero[1].value, zero[0], problem)
    return DiffusionOperator(diffusion, zero[1].value, problem.box)


def _piece(field: Field) -> ProductField:
    if not isinstance(field, ProductField) or len(field.pieces) != 1:
        raise UncertifiedError("the solution is no tensor product of splines on the axes")
    axes = field.pieces[0][0].axes
    if min(a.degree for a in axes) < MIN_DEGREE or any(a.joints for a in axes):
        raise UncertifiedError("the splines have second derivatives that jump")
    return field


def _affordable(formula: Formula, choices: Sequence[ProductField]) -> ProductField:
    """The first field whose residual takes at most MAX_OPERATIONS operations; UncertifiedError if there is none."""
    steps = len(formula.compile_expressions(formula.residual).tape.instructions)
    for field in choices:
        cells = float(np.prod([axis.intervals for axis in field.pieces[0][0].axes]))
        if cells * POINTS[len(formula.coordinates)] ** len(formula.coordinates) * steps <= MAX_OPERATIONS:
            return field
    raise UncertifiedError(f"{cells:.0f} cells times {steps} operations of the formula would take minutes")


def _corrected(field: ProductField, error: Field | None) -> ProductField:
    """The field plus its error in the space of the error; the field alone where that space does not contain it."""
    space, c = field.pieces[0]
    if not isinstance(error, ProductField) or len(error.pieces) != 1:
        return field
    fine, e = error.pieces[0]
    pairs = list(zip(space.axes, fine.axes, strict=True))
    if any(a.degree != b.degree or b.joints or not np.isin(a.breaks, b.breaks).all() for a, b in pairs):
        return field
    return ProductField(((fine, space.prolong(c, fine) + e),))


def _spline(field: ProductField) -> TensorSpline:
    return spline_of(*field.pieces[0])


def _require_elliptic(formula: Formula, conditions: Mapping[Side, Formula], u: TensorSpline) -> None:
    """Raise UncertifiedError unless a_ii > 0 and sum_j |a_ij|/sqrt(a_ii a_jj) < 1 in every row i is proven."""
    d = len(u.breaks)
    orders = [o for o in formula.partial_derivatives if sum(o) == 2]
    found = (
        formula.compile_expressions(*(formula.partial_derivatives[o] for o in orders))
        .ranges_over(grid_cells(u.breaks), u)[1]
        .value
    )
    least = np.zeros((d, found.lo.shape[1]))
    for order, high in zip(orders, found.hi, strict=True):
        if max(order) == 2:
            least[order.index(2)] = -high
    beside = np.zeros_like(least)
    for order, size in zip(orders, found.magnitude(), strict=True):
        if max(order) == 1:
            i, k = np.flatnonzero(order)
            with np.errstate(all="ignore"):
                beside[[i, k]] += 0.5 * size / np.sqrt(least[i] * least[k])
    if not ((least > 0.0) & (beside < 1.0 / MARGIN)).all():
        raise UncertifiedError("the equation is not elliptic everywhere, or that is not seen")
    if any(max(o) == 1 for o in orders) and any(any(map(any, c.partial_derivatives)) for c in conditions.values()):
        raise UncertifiedError("mixed derivatives and a condition on a slope together are not treated")


def _finite(value: Interval, cells: Cells, problem: Problem) -> np.ndarray:
    """Largest absolute values (output, cell). Raises UncertifiedError: a value is not enclosed."""
    size = value.magnitude()
    if not np.isfinite(size).all():
        place = cells.middle[:, ~np.isfinite(size).all(0)][:, 0]
        raise UncertifiedError(f"the formulas cannot be enclosed near {problem.format_point(place)}")
    return size


def _side_mismatch(condition: Formula, side: Side, u: TensorSpline, problem: Problem) -> tuple[float, float]:
    """The largest mismatch of a condition on its side, and the least value of its leading coefficient (> 0)."""
    there = grid_cells([b if i != side.axis else b[[-side.end]] for i, b in enumerate(u.breaks)])
    order = max(condition.partial_derivatives)
    leading = condition.partial_derivatives[order] * (2 * side.end - 1 if any(order) else 1)
    cells, found = condition.compile_expressions(condition.residual, leading).ranges_over(there, u)
    if not (found.value.lo[1] > 0.0).all():
        raise UncertifiedError("what stands before the solution in a condition may vanish")
    return float(_finite(found.value, cells, problem)[0].max()), float(found.value.lo[1].min())


def _certificate_for(asked: TensorSpline, near: TensorSpline, found: Distance) -> Certificate:
    """The certificate for the computed function ``asked``, from the distance of a solution to the corrected one."""
    u, w = sympy.symbols("u w")
    cells, x = grid_cells(near.breaks), sympy.symbols(f"x:{len(near.breaks)}")
    moved = Tape([u - w], [*x, u, w])
    apart = ranges_of(moved, cells, [asked, near]).value.magnitude()[0]
    step, step_square = float(apart.max()), norm_bounds(moved, cells, [asked, near], apart)[1]
    largest, mean_square = MARGIN * (step + found.largest), MARGIN * (step_square + found.mean_square)
    alone = found.uniqueness_radius / MARGIN - step
    if not largest < alone:
        raise UncertifiedError("solutions near this one are not told apart")
    coarse = grid_cells(asked.breaks)
    between = (
        np.abs(asked.local_coefficients(coarse).mid).reshape(coarse.count, -1).max(-1)
    )  # a spline lies between its coefficients
    size = norm_bounds(Tape([u], [*x, u]), coarse, [asked], between)[0] * (2.0 - MARGIN) - mean_square
    relative = MARGIN * mean_square / size if size > 0.0 else np.inf
    return Certificate(largest, mean_square, relative, alone, found.words)


def _mean_square(size: np.ndarray, cells: Cells) -> float:
    """An upper bound of the L2 norm of a function with the absolute values ``size`` (cell)."""
    return float(np.sqrt((size**2 * (cells.hi - cells.lo).prod(0)).sum()) * MARGIN)
