"""Whether the equations lose rank along a solution, so that it may go on there on another branch.

Let M be the matrix of derivatives of the equations by the highest derivatives in time. Where det M = 0 the implicit
function theorem does not apply, and solutions may meet: of v^2 = (1 - t)^2 at t = 1, of u u_t = t - 1 where u is zero
(Hairer and Wanner 1996, Solving Ordinary Differential Equations II, sections VI.1 and VII.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, DerivativeFunction, Field
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.solver.verify.symbol import frozen_equations

#: Times, and places in space at each of them, at which the solution is sampled.
SAMPLE_TIMES, SAMPLE_PLACES = 257, 8
#: The sign of a determinant below this share of the largest one on its line of points is ignored.
ROUNDING = 1e-9
#: Relative tolerance, and changes (factor, summand) of all jets: a determinant that none of them alters depends on the
#: coordinates alone. Several, since with rows of size one a single equation leaves a sign only.
AGREEMENT, TRANSFORMATIONS = 1e-9, ((1.0, 1.0), (1.0, -1.0), (-1.0, 0.0))
REMEDY = "another branch may go on there. Write them solved for it, as in `u_t = (t - 1)/u` or `v = sqrt(..)`"


def sample_points(domain: Domain) -> tuple[Array, Array]:
    """Return sample points (place * time, coordinate) of a domain, and the times; time is the last coordinate."""
    ranges = np.array(domain.box.ranges)
    inside = ranges[:-1, 0] + np.ptp(ranges[:-1], axis=1) * kronecker_points(SAMPLE_PLACES, len(ranges) - 1)
    times = np.linspace(ranges[-1, 0], ranges[-1, 1], SAMPLE_TIMES)
    return np.column_stack([np.repeat(inside, SAMPLE_TIMES, 0), np.tile(times, len(inside))]), times


def _transformed(
    field: DerivativeFunction, factor: float, summand: float, points: Array, orders: Sequence[tuple[int, ...]]
) -> Array:
    return factor * field(points, orders) + summand


@dataclass(frozen=True, eq=False)
class BranchPoints:
    """The check of one problem for sign changes of det M along time, or along the line of a steady problem.

    M holds the derivatives by the highest derivatives in time, by the values of unknowns that have none.
    """

    model: Model

    def objection(self, field: Field, domain: Domain) -> str:
        """Return a message that names where det M changes its sign in a ``domain``; "" for nowhere."""
        at = "" if self.model.problem.time_axis is None else self._sign_change(field, domain)
        return at and f"the equations lose hold of what they are solved for at {at}: {REMEDY}"

    def ambiguity(self, field: Field) -> str:
        """Return a message that a solution on a line changes to another branch; "" where it does not.

        Of abs(u_x) = u both exp(x) and exp(-x) are solutions, and so is any change from one to the other.
        """
        domain = self.model.problem.domain
        at = self._sign_change(field, domain) if len(domain.box.ranges) == 1 else ""
        return at and f"one of several solutions: at {at} it goes over to another branch, where others go on"

    def _sign_change(self, field: Field, domain: Domain) -> str:
        """Where det M first changes its sign, as "t = 0.5"; "" for nowhere, or if M does not depend on the solution."""
        problem = self.model.problem
        if not self._depends_on_solution or len(self.model.equations) != len(problem.unknowns):
            return ""
        points, times = sample_points(domain)
        found = self._determinants(field, points)
        others = (self._determinants(partial(_transformed, field, *by), points) for by in TRANSFORMATIONS)
        if all(
            np.allclose(found, own, rtol=AGREEMENT, atol=0.0) for own in others
        ):  # of coordinates alone, as of t u_t
            return ""
        for own in found.reshape(-1, SAMPLE_TIMES):
            known = np.flatnonzero(np.abs(own) > ROUNDING * np.abs(own).max(initial=0.0))
            turns = np.flatnonzero(own[known[1:]] * own[known[:-1]] < 0.0)
            if len(turns):
                time = 0.5 * (times[known[turns[0]]] + times[known[turns[0] + 1]])
                return f"{problem.coordinates[-1].name} = {time:.4g}"
        return ""

    @property
    def _depends_on_solution(self) -> bool:
        """Whether a derivative of the equations by a highest derivative in time depends on the solution."""
        return any(
            slope.free_symbols & set(e.symbols)
            for e in self.model.equations
            for jet, slope in zip(e.jets, e.slopes, strict=True)
            if self.model.problem.is_highest(jet)
        )

    def _determinants(self, field: DerivativeFunction, points: Array) -> Array:
        """The determinant of M, rows scaled to size one: (point,); zero where highest derivatives are mixed ones."""
        size = len(self.model.problem.unknowns)
        matrix = np.zeros((len(points), size, size))
        for row, (own, slopes) in enumerate(frozen_equations(self.model.equations, field, points)):
            for jet, slope in zip(own, slopes.T, strict=True):
                if self.model.problem.is_highest(jet):
                    matrix[:, row, jet.unknown] += slope
        return np.asarray(np.linalg.det(matrix / np.maximum(np.abs(matrix).max((0, 2), keepdims=True), 1e-300)))
