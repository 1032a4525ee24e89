"""Judge a deep network by a product network that solves the same problem to a smaller tolerance.

Two functions found in different spaces by different methods: if v has the error delta, then that of u is at most
``|u - v| + delta``, whatever u looks like between its points. A correction of u on even knots has no such guarantee:
for a deep Burgers it missed the front, 8e-5 for an error of 2e-4 however often its intervals were halved; v, whose
knots follow the front, takes a second and says 2.1e-4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from pinnkan.errors import ResourceError, SolverError
from pinnkan.kan.field import Field
from pinnkan.kan.product import Space
from pinnkan.kan.product_field import ProductField
from pinnkan.problem.statement import SolverSettings
from pinnkan.solver.correction import estimate_by_correction
from pinnkan.solver.outcome import SAFETY, Outcome
from pinnkan.solver.relative import relative_root
from pinnkan.solver.system import Model
from pinnkan.solver.watch import OutOfTimeError, Watch
from pinnkan.verdict import judge

#: The product network is solved for to this share of the tolerance, later of the difference found.
SHARE = 0.1
#: Solved for again, more accurately, while its own error is above this share of the difference; in all so often.
SHARP, MOST_SOLVES = 0.5, 3
#: No tolerance below this: rounding.
LEAST = 1e-11
#: Seconds that all solves together may take, as a share of the limit of the deep one.
TIME = 0.5
#: Networks further apart may be different solutions of a nonlinear problem: the correction has to decide.
APART = 0.3

#: How a verdict names this estimate.
EVIDENCE = "distance from a product network solved for to a smaller tolerance, plus the estimated error of that one"

SolveProduct = Callable[[Model, Watch], Outcome]


class Comparison:
    """Compares fields of one problem with one product network, which is solved for when first needed."""

    def __init__(self, model: Model, solve: SolveProduct, limit: float) -> None:
        self._model, self._solve = model, solve
        self._seconds = TIME * limit
        self._tolerances = list[float]()
        self._field: ProductField | None = None
        self._own = np.inf
        #: Whether the last estimate came from a comparison.
        self.decides = False

    def estimate(self, field: Field) -> tuple[float, ProductField]:
        """Relative L2 error of ``field`` (worst unknown), and what it lacks: by comparison, else by correction.

        Raises:
            SolverError: neither is to be had.
        """
        found = self.compare(field)
        self.decides = found is not None
        if found is not None:
            return found
        try:
            size, lacking = estimate_by_correction(self._model, field)
        except np.linalg.LinAlgError as failed:
            raise SolverError(f"the error of the network could not be estimated: {failed}") from failed
        return SAFETY * size, lacking

    def compare(self, field: Field) -> tuple[float, ProductField] | None:
        """The same by comparison alone; None where the product network did not converge or is another solution."""
        if self._field is None:
            self._solve_to(SHARE * self._model.problem.solver.tolerance)
        if self._field is None:
            return None
        size, lacking = difference(field, self._field)
        while self._own > SHARP * size and self._solve_to(SHARE * size):
            size, lacking = difference(field, self._field)
        return None if size > APART else (size + self._own, lacking)

    def _solve_to(self, tolerance: float) -> bool:
        """Whether the product network was solved for to that tolerance; else the one before stays."""
        tolerance = max(tolerance, LEAST)
        if len(self._tolerances) == MOST_SOLVES or self._seconds <= 0.0 or tolerance in self._tolerances:
            return False
        self._tolerances.append(tolerance)
        settings = SolverSettings(tolerance=tolerance, network="product")
        watch = Watch(self._seconds, None)
        try:
            outcome = self._solve(replace(self._model, problem=replace(self._model.problem, solver=settings)), watch)
        except (SolverError, ResourceError, OutOfTimeError):
            return False
        finally:
            self._seconds -= watch.elapsed()
        if not judge(outcome.levels, tolerance, outcome.reason).converged:
            return False
        assert isinstance(outcome.field, ProductField)
        self._field, self._own = outcome.field, outcome.levels[-1].estimate
        return True


def difference(field: Field, other: ProductField) -> tuple[float, ProductField]:
    """Relative L2 size (worst unknown) of ``other - field``, and this function in the spaces of ``other``, halved.

    The size is that on the Gauss points of those spaces, the function a projection.
    """
    pieces = []
    unknowns = other.pieces[0][0].unknowns
    squares, reference = np.zeros(unknowns), np.zeros(unknowns)
    for coarse, known in other.pieces:
        space = Space(tuple(axis.halved() for axis in coarse.axes), unknowns)
        coefficients = coarse.prolong(known, space)
        zero = (0,) * len(space.axes)
        values, weights = space.on_gauss(coefficients)
        nodes = [axis.gauss(axis.degree + 1)[0].ravel() for axis in space.axes]
        lacking = values - field.grid(nodes, zero)
        over = tuple(range(len(space.axes)))
        squares = squares + (lacking**2 * weights[..., None]).sum(over)
        reference = reference + (values**2 * weights[..., None]).sum(over)
        projected = field.grid([axis.samples() for axis in space.axes], zero)
        for i, axis in enumerate(space.axes):
            projected = axis.project(projected, i)
        pieces.append((space, coefficients - projected))
    return relative_root(squares, reference), ProductField(tuple(pieces), other.ends)
