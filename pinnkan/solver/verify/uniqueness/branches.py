"""Whether a solution passes a point at which it, or another one with the same start, may go on in another way.

Of v^2 = (1 - t)^2 + e both roots are 2 sqrt(e) apart at t = 1, where a smooth v goes from one to the other: in between
what the equation says of v has slope zero. So has u u_t = t - 1 of u_t where u passes zero. There the implicit function
theorem says nothing (Hairer and Wanner 1996, Solving Ordinary Differential Equations II, sections VI.1 and VII.1).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, Jets
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.solver.verify.symbol import frozen

#: Moments, and places in space at each of them, that are looked at.
MOMENTS, PLACES = 257, 8
#: A determinant of rows of size one below this share of its largest is no sign.
ROUNDED = 1e-9
#: Determinants that agree to that at the solution and at what it is times the first of two numbers, plus the second,
#: are those of coordinates alone. That of cosh(u_x) = 2 + u is the sign of u_x, at 1 and -1 that of 2 and 0 too.
SAME, CHANGED = 1e-9, ((1.0, 1.0), (1.0, -1.0), (-1.0, 0.0))
REMEDY = "another branch may go on there. Write them solved for it, as in `u_t = (t - 1)/u` or `v = sqrt(..)`"


def looked_at(domain: Domain) -> tuple[Array, Array]:
    """Points (place * moment, coordinate) of a domain, and the moments."""
    ranges = np.array(domain.box.ranges)
    inside = ranges[:-1, 0] + np.ptp(ranges[:-1], axis=1) * kronecker(PLACES, len(ranges) - 1)
    times = np.linspace(ranges[-1, 0], ranges[-1, 1], MOMENTS)
    return np.column_stack([np.repeat(inside, MOMENTS, 0), np.tile(times, len(inside))]), times


def _changed(field: Jets, factor: float, added: float, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
    return factor * field(points, orders) + added


@dataclass(frozen=True, eq=False)
class Branches:
    """What is asked of the highest derivatives in time of one problem, of values where there are none.

    Of a steady one on a line they are those along it.
    """

    model: Model

    def objection(self, field: Field, domain: Domain) -> str:
        """Where a branch may be left in a ``domain``, in words; "" where none is."""
        at = "" if self.model.problem.time_axis is None else self._turned(field, domain)
        return at and f"the equations lose hold of what they are solved for at {at}: {REMEDY}"

    def several(self, field: Field) -> str:
        """That a solution on a line goes from one branch to another, which others do elsewhere, in words; or "".

        abs(u_x) = u holds for exp(x) and exp(-x), and for what goes over from one to the other anywhere.
        """
        domain = self.model.problem.domain
        at = self._turned(field, domain) if len(domain.box.ranges) == 1 else ""
        return at and f"one of several solutions: at {at} it goes over to another branch, where others go on"

    def _turned(self, field: Field, domain: Domain) -> str:
        """Where what equations say of the highest derivatives changes its sign with the solution; "" for nowhere."""
        problem = self.model.problem
        if not self._depends or len(self.model.equations) != len(problem.unknowns):
            return ""
        points, times = looked_at(domain)
        found = self._determinants(field, points)
        others = (self._determinants(partial(_changed, field, *by), points) for by in CHANGED)
        if all(np.allclose(found, own, rtol=SAME, atol=0.0) for own in others):  # t u_t: for other checks to say
            return ""
        for own in found.reshape(-1, MOMENTS):
            known = np.flatnonzero(np.abs(own) > ROUNDED * np.abs(own).max(initial=0.0))
            turns = np.flatnonzero(own[known[1:]] * own[known[:-1]] < 0.0)
            if len(turns):
                time = 0.5 * (times[known[turns[0]]] + times[known[turns[0] + 1]])
                return f"{problem.coordinates[-1].name} = {time:.4g}"
        return ""

    @property
    def _depends(self) -> bool:
        """Whether anything of the solution stands before the highest derivatives in time: else no sign is its doing."""
        return any(
            slope.free_symbols & set(e.symbols)
            for e in self.model.equations
            for jet, slope in zip(e.jets, e.slopes, strict=True)
            if self.model.problem.is_highest(jet)
        )

    def _determinants(self, field: Jets, points: Array) -> Array:
        """Of what the equations say of the highest derivatives in time, in rows of size one: (point,).

        Zero where they are derivatives in space as well.
        """
        size = len(self.model.problem.unknowns)
        matrix = np.zeros((len(points), size, size))
        for row, (own, slopes) in enumerate(frozen(self.model.equations, field, points)):
            for jet, slope in zip(own, slopes.T, strict=True):
                if self.model.problem.is_highest(jet):
                    matrix[:, row, jet.unknown] += slope
        return np.asarray(np.linalg.det(matrix / np.maximum(np.abs(matrix).max((0, 2), keepdims=True), 1e-300)))
