"""Estimate the error of a deep network by its distance from a product network solved to a smaller tolerance.

If v has the error delta, the error of u is at most ``|u - v| + delta``. The distance is measured on the halved knots of
v, which follow fronts, and the cells of u's training points. A correction on even knots can miss a front: 8e-5 for an
error of 2e-4 of a deep Burgers, where the comparison has 2.1e-4.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.errors import ResourceError, SolverError
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Field
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.settings import SolverSettings
from pinnkan.problem.statement import Problem
from pinnkan.solver.estimate.correction import estimate_by_correction
from pinnkan.solver.estimate.norms import largest_norm_ratio
from pinnkan.solver.level_family import ErrorEstimate
from pinnkan.solver.monitor import Monitor, OutOfTimeError
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.verify.hidden_errors.hidden_feature import HiddenFeature, refine_at_feature
from pinnkan.verdict.records import Evidence
from pinnkan.verdict.verdict import judge

#: Tolerance of the product network over the tolerance of the solve, later over the distance.
TOLERANCE_SHARE = 0.1
#: The product network is solved again while its own error exceeds this share of the distance; number of solves in all.
MOST_ERROR_SHARE, MOST_SOLVES = 0.5, 3
#: Least tolerance of the product network: rounding.
LEAST_TOLERANCE = 1e-11
#: Networks of a nonlinear problem with a larger distance may be different solutions: the correction decides. Heuristic.
MOST_DISTANCE = 0.3
#: Breaks are not inserted nearer to a knot than this share of its interval. Heuristic.
LEAST_BREAK_DISTANCE = 1e-2

SolveProduct = Callable[[Model, Monitor], Outcome]


class Comparison:
    """Compares fields with one product network, solved when first needed; ``monitor``: the clock of the solve."""

    def __init__(self, model: Model, solve: SolveProduct, monitor: Monitor) -> None:
        self._model, self._solve, self._monitor = model, solve, monitor
        self._tolerances = list[float]()
        self._product: ProductField | None = None
        self._product_error = np.inf

    def estimate(self, field: Field) -> ErrorEstimate:
        """Estimate the error of ``field`` by comparison, or by correction if there is no comparison.

        Raises SolverError: neither is available.
        """
        found = self.compare(field)
        if found is not None:
            return ErrorEstimate(*found, evidence=Evidence.COMPARISON)
        try:
            size, lacking = estimate_by_correction(self._model, field, self._monitor)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"the error of the network could not be estimated: {failed}") from failed
        return ErrorEstimate(SAFETY * size, lacking)

    def compare(self, field: Field, feature: HiddenFeature | None = None) -> tuple[float, ProductField] | None:
        """Return an error bound and the difference by comparison alone, with extra knots at the feature ``feature``.

        None if the product network did not converge, if it may be another solution, and if the field is not finite.
        """
        if self._product is None:
            self._solve_to(TOLERANCE_SHARE * self._model.problem.solver.tolerance)
        if self._product is None:
            return None
        size, lacking = relative_distance(self._model.problem, field, self._product, feature)
        while self._product_error > MOST_ERROR_SHARE * size and self._solve_to(TOLERANCE_SHARE * size):
            size, lacking = relative_distance(self._model.problem, field, self._product, feature)
        if not np.isfinite(size) or (size > MOST_DISTANCE and not self._model.is_linear):
            return None
        return size + self._product_error, lacking

    def is_feature_negligible(self, field: Field, feature: HiddenFeature) -> bool:
        """Whether the field is within the tolerance by a comparison with extra knots at a feature."""
        found = self.compare(field, feature)
        return found is not None and found[0] <= self._model.problem.solver.tolerance

    def _solve_to(self, tolerance: float) -> bool:
        """Solve for the product network to a tolerance; whether that converged, else the one before stays."""
        tolerance = max(tolerance, LEAST_TOLERANCE)
        seconds = self._monitor.limit - self._monitor.elapsed()
        if len(self._tolerances) == MOST_SOLVES or seconds <= 0.0 or tolerance in self._tolerances:
            return False
        self._tolerances.append(tolerance)
        settings = SolverSettings(tolerance=tolerance, network="product")
        problem = replace(self._model.problem, solver=settings, exact=None)  # without it, as in users' problems
        monitor = Monitor(seconds, None)
        try:
            outcome = self._solve(replace(self._model, problem=problem, clock=monitor.clock), monitor)
        except (SolverError, ResourceError, OutOfTimeError):
            return False
        if outcome.reason is None or not judge(outcome.levels, tolerance, outcome.reason).converged:
            return False
        assert isinstance(outcome.field, ProductField)
        self._product, self._product_error = outcome.field, outcome.levels[-1].estimate
        return True


def relative_distance(
    problem: Problem, field: Field, product: ProductField, feature: HiddenFeature | None = None
) -> tuple[float, ProductField]:
    """Return the relative L2 norm (worst unknown) of ``other - field`` and this function as splines; nan if not finite.

    The knots are those of ``product``, halved, the breaks of ``field``, and some at a ``feature`` feature, half as wide
    as it to resolve its flanks. The norm is that on Gauss points; the function is a projection.
    """
    closely = None if feature is None else replace(feature, width=0.5 * feature.width)
    pieces = []
    unknowns = product.pieces[0][0].unknowns
    squares, reference = np.zeros(unknowns), np.zeros(unknowns)
    for coarse, known in product.pieces:
        axes = tuple(_insert_breaks(axis.halved(), field, i, coarse.axes[-1]) for i, axis in enumerate(coarse.axes))
        space = Space(axes if closely is None else refine_at_feature(axes, closely), unknowns)
        coefficients = coarse.prolong(known, space)
        zero = (0,) * len(axes)
        values, weights = space.gauss_values(coefficients)
        nodes = [axis.gauss(axis.degree + 1)[0].ravel() for axis in space.axes]
        lacking = values - field.grid(nodes, zero)
        if not np.isfinite(lacking).all():
            return np.nan, product
        over = tuple(range(len(axes)))
        squares = squares + (lacking**2 * weights[..., None]).sum(over)
        reference = reference + (values**2 * weights[..., None]).sum(over)
        projected = field.grid([axis.projection_points() for axis in space.axes], zero)
        for i, axis in enumerate(space.axes):
            projected = axis.project(projected, i)
        pieces.append((space, coefficients - projected))
    return largest_norm_ratio(problem, squares, reference), ProductField(tuple(pieces), product.ends)


def _insert_breaks(axis: Axis, field: Field, index: int, last: Axis) -> Axis:
    """Insert the breaks of ``field`` along coordinate ``index``, at the middle of ``last`` if they vary in time."""
    more = field.breaks(index, float(last.breaks.mean()))
    place = np.clip(np.searchsorted(axis.breaks, more) - 1, 0, axis.intervals - 1)
    low, high = axis.breaks[place], axis.breaks[place + 1]
    inside = np.minimum(more - low, high - more) > LEAST_BREAK_DISTANCE * (high - low)
    return replace(axis, breaks=np.unique(np.concatenate([axis.breaks, more[inside]])))
