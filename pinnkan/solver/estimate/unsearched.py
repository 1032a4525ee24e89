"""What a search for narrow features has left: how much of an equation may hide there at most.

Of a train of a thousand pulses no search follows every one. Where boxes of one coordinate are left, the equation is
enclosed over them with the unknowns at the smallest and at the largest values that they are seen to have, and read at
some points of each. The length of a box times what the enclosure varies by, less what is seen at points, is as much of
an integral as may hide in it: nothing of waves, which any points see, all of pulses, which none do.
"""

from collections.abc import Sequence

import numpy as np
import sympy

from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array
from pinnkan.problem.expressions.enclosure import replayed
from pinnkan.problem.expressions.interval import Interval
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Equation, Problem

#: Points of a box at which values are read: of a wave these leave a hundredth of its height unseen.
READ = 32


class Unsearched:
    """``boxes`` (box, coordinate, end) in which an ``equation`` may hold what has not been looked for."""

    def __init__(self, equation: Equation, coordinates: Sequence[sympy.Symbol], boxes: Array) -> None:
        self.tape, self.boxes = Tape([equation.residual], [*coordinates, *equation.jets]), boxes

    def hidden(self, domain: Domain, jets: Array) -> tuple[float, Array]:
        """A bound of the mean of what may hide in a domain, and where most of it; ``jets`` (point, jet) are seen."""
        (low, high), lengths = np.array(domain.box.ranges).T, np.array(domain.box.lengths)
        lo, hi = np.maximum(self.boxes[..., 0], low).T, np.minimum(self.boxes[..., 1], high).T
        inside = (lo < hi).all(0)
        if not inside.any():
            return 0.0, low
        lo, hi = lo[:, inside], hi[:, inside]
        points = lo[..., None] + (hi - lo)[..., None] * kronecker(READ, len(lo)).T[:, None]
        change = np.zeros(lo.shape[1])
        for values in (jets.min(0), jets.max(0)):
            (found,) = replayed(self.tape, [*map(Interval, lo, hi), *map(Interval, values, values)])
            seen = np.ptp(np.broadcast_to(self.tape.plainly([*points, *values])[0], points.shape[1:]), axis=1)
            change = np.fmax(change, np.nan_to_num(found.hi - found.lo, nan=np.inf) - seen)
        mass = change * np.prod((hi - lo) / lengths[:, None], axis=0)
        return float(mass.sum()), 0.5 * (lo + hi)[:, int(np.argmax(mass))]


def unsearched(problem: Problem, boxes: Array) -> dict[int, Unsearched]:
    """By number, the equations that hold something of coordinates, of which boxes are left."""
    coordinates = problem.coordinates
    held = {i: e for i, e in enumerate(problem.equations) if len(boxes) and e.residual.free_symbols & set(coordinates)}
    return {i: Unsearched(e, coordinates, boxes) for i, e in held.items()}
