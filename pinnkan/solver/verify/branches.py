"""Whether a solution passes a point at which it may go on along another branch.

Of v^2 = (1 - t)^2 + e both roots are 2 sqrt(e) apart at t = 1, where a smooth v goes from one to the other: in between
what the equation says of v has slope zero. So has u u_t = t - 1 of u_t where u passes zero. There the implicit function
theorem says nothing (Hairer and Wanner 1996, Solving Ordinary Differential Equations II, sections VI.1 and VII.1).
"""

from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field, Jets
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.symbol import frozen

#: Moments, and places in space at each of them, that are looked at.
MOMENTS, PLACES = 257, 8
#: A determinant of rows of size one below this share of its largest is no sign.
ROUNDED = 1e-9
#: Determinants that agree to that at the solution and one beside it are those of coordinates alone.
SAME = 1e-9
REMEDY = "another branch may go on there. Write them solved for it, as in `u_t = (t - 1)/u` or `v = sqrt(..)`"


@dataclass(frozen=True, eq=False)
class Branches:
    """What is asked of the highest derivatives in time of one problem, of values where there are none."""

    model: Model

    def objection(self, field: Field, domain: Domain) -> str:
        """Where a branch may be left in a ``domain``, in words; "" where none is."""
        problem = self.model.problem
        if problem.time_axis is None or not self._depends or len(self.model.equations) != len(problem.unknowns):
            return ""
        ranges = np.array(domain.box.ranges)
        places = kronecker(PLACES, len(ranges) - 1)
        inside = ranges[:-1, 0] + np.ptp(ranges[:-1], axis=1) * places
        times = np.linspace(ranges[-1, 0], ranges[-1, 1], MOMENTS)
        points = np.column_stack([np.repeat(inside, MOMENTS, 0), np.tile(times, len(places))])
        found = self._determinants(field, points)
        others = self._determinants(lambda x, orders: field(x, orders) + 1.0, points)
        if np.allclose(found, others, rtol=SAME, atol=0.0):  # t u_t, whatever u is: for other checks to say
            return ""
        for own in found.reshape(len(places), MOMENTS):
            known = np.flatnonzero(np.abs(own) > ROUNDED * np.abs(own).max(initial=0.0))
            turns = np.flatnonzero(own[known[1:]] * own[known[:-1]] < 0.0)
            if len(turns):
                time = 0.5 * (times[known[turns[0]]] + times[known[turns[0] + 1]])
                at = f"{problem.coordinates[-1].name} = {time:.4g}"
                return f"the equations lose hold of what they are solved for at {at}: {REMEDY}"
        return ""

    @property
    def _depends(self) -> bool:
        """Whether anything of the solution stands before the highest derivatives in time: else no sign is its doing."""
        return any(
            slope.free_symbols & set(e.symbols)
            for e in self.model.equations
            for jet, slope in zip(e.jets, e.slopes, strict=True)
            if self._is_highest(jet)
        )

    def _is_highest(self, jet: Jet) -> bool:
        """Whether it is the highest derivative of an unknown in time, and none in space."""
        return jet.order[-1] == self.model.problem.orders_in_time[jet.unknown] == jet.total

    def _determinants(self, field: Jets, points: Array) -> Array:
        """Of what the equations say of the highest derivatives in time, in rows of size one: (point,).

        Zero where they are derivatives in space as well.
        """
        size = len(self.model.problem.unknowns)
        matrix = np.zeros((len(points), size, size))
        for row, (own, slopes) in enumerate(frozen(self.model.equations, field, points)):
            for jet, slope in zip(own, slopes.T, strict=True):
                if self._is_highest(jet):
                    matrix[:, row, jet.unknown] += slope
        return np.asarray(np.linalg.det(matrix / np.maximum(np.abs(matrix).max((0, 2), keepdims=True), 1e-300)))
