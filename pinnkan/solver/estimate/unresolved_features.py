"""A bound of what narrow features that the search has not resolved may add to an equation.

:mod:`pinnkan.problem.features.narrow_features` leaves boxes of one coordinate undecided where pulses are too many.
There the residual is enclosed by interval arithmetic, with the unknowns at their least and largest observed values. The
bound is the length of the box times (width of the enclosure - range at sample points), which is small for waves.
"""

from collections.abc import Sequence

import numpy as np
import sympy

from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.enclosure import interval_outputs
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Equation, Problem

#: Sample points of a box: they miss a hundredth of the height of a wave.
SAMPLES_PER_BOX = 32


class UnresolvedBoxes:
    """The ``boxes`` (box, coordinate, end) in which narrow features of an ``equation`` may have been missed."""

    def __init__(self, equation: Equation, coordinates: Sequence[sympy.Symbol], boxes: Array) -> None:
        self.tape, self.boxes = Tape([equation.residual], [*coordinates, *equation.jets]), boxes

    def bound_missed_mean(self, domain: Domain, jets: Array) -> tuple[float, Array]:
        """A bound of the mean that is missed in a domain, and the centre of the worst box; ``jets``: (point, jet)."""
        (low, high), lengths = np.array(domain.box.ranges).T, np.array(domain.box.lengths)
        lo, hi = np.maximum(self.boxes[..., 0], low).T, np.minimum(self.boxes[..., 1], high).T
        inside = (lo < hi).all(0)
        if not inside.any():
            return 0.0, low
        lo, hi = lo[:, inside], hi[:, inside]
        points = lo[..., None] + (hi - lo)[..., None] * kronecker_points(SAMPLES_PER_BOX, len(lo)).T[:, None]
        change = np.zeros(lo.shape[1])
        for values in (jets.min(0), jets.max(0)):
            (found,) = interval_outputs(self.tape, [*map(Interval, lo, hi), *map(Interval, values, values)])
            seen = np.ptp(np.broadcast_to(self.tape.evaluate_once([*points, *values])[0], points.shape[1:]), axis=1)
            change = np.fmax(change, np.nan_to_num(found.hi - found.lo, nan=np.inf) - seen)
        mass = change * np.prod((hi - lo) / lengths[:, None], axis=0)
        return float(mass.sum()), 0.5 * (lo + hi)[:, int(np.argmax(mass))]


def unresolved_boxes(problem: Problem, boxes: Array) -> dict[int, UnresolvedBoxes]:
    """Return :class:`UnresolvedBoxes` by equation number, where ``boxes`` remain and coordinates occur explicitly."""
    coordinates = problem.coordinates
    held = {i: e for i, e in enumerate(problem.equations) if len(boxes) and e.residual.free_symbols & set(coordinates)}
    return {i: UnresolvedBoxes(e, coordinates, boxes) for i, e in held.items()}
