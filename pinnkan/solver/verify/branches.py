"""Whether a solution passes a point at which unknowns without a derivative in time may go on along another branch.

Of v^2 = (1 - t)^2 + e both roots are 2 sqrt(e) apart at t = 1, where a smooth v goes from one to the other: in between
what the equation says of v has slope zero. There the implicit function theorem says nothing (Hairer and Wanner
1996, Solving Ordinary Differential Equations II, section VI.1: the index is one no more).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Field
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.solver.verify.symbol import frozen

#: Moments, and places in space at each of them, that are looked at.
MOMENTS, PLACES = 257, 8
#: A determinant of rows of size one below this share of its largest is no sign.
ROUNDED = 1e-9


@dataclass(frozen=True, eq=False)
class Branches:
    """What is asked of the unknowns of one problem that no equation differentiates."""

    model: Model

    def objection(self, field: Field, domain: Domain) -> str:
        """Where a branch may be left in a ``domain``, in words; "" where none is."""
        names = self._undifferentiated()
        if not names or self.model.is_linear:
            return ""
        ranges = np.array(domain.box.ranges)
        places = kronecker(PLACES, len(ranges) - 1) if len(ranges) > 1 else np.zeros((1, 0))
        inside = ranges[:-1, 0] + np.ptp(ranges[:-1], axis=1) * places
        times = np.linspace(ranges[-1, 0], ranges[-1, 1], MOMENTS)
        points = np.column_stack([np.repeat(inside, MOMENTS, 0), np.tile(times, len(places))])
        found = self._determinants(field, points).reshape(len(places), MOMENTS)
        for own in found:
            known = np.flatnonzero(np.abs(own) > ROUNDED * np.abs(own).max(initial=0.0))
            turns = np.flatnonzero(own[known[1:]] * own[known[:-1]] < 0.0)
            if len(turns):
                when = self.model.problem.coordinates[-1].name
                at = f"{when} = {0.5 * (times[known[turns[0]]] + times[known[turns[0] + 1]]):.4g}"
                return f"at {at} the equations lose hold of {', '.join(names)}: another branch may go on from there"
        return ""

    def _undifferentiated(self) -> list[str]:
        """Unknowns of which equations have nothing but values, in a system that evolves."""
        problem = self.model.problem
        jets = [jet for e in self.model.equations for jet in e.jets]
        if problem.time_axis is None or len(self.model.equations) != len(problem.unknowns):
            return []
        return [n for u, n in enumerate(problem.unknowns) if not any(j.total for j in jets if j.unknown == u)]

    def _determinants(self, field: Field, points: Array) -> Array:
        """Of what the equations say of the highest derivatives in time, in rows of size one: (point,)."""
        jets = [jet for e in self.model.equations for jet in e.jets]
        size = len(self.model.problem.unknowns)
        highest = [max((j.order[-1] for j in jets if j.unknown == u), default=0) for u in range(size)]
        matrix = np.zeros((len(points), size, size))
        for row, (own, slopes) in enumerate(frozen(self.model.equations, field, points)):
            for jet, slope in zip(own, slopes.T, strict=True):
                if jet.order[-1] == highest[jet.unknown] == jet.total:
                    matrix[:, row, jet.unknown] += slope
        return np.asarray(np.linalg.det(matrix / np.maximum(np.abs(matrix).max((0, 2), keepdims=True), 1e-300)))
