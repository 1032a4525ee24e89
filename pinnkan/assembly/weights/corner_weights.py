"""How much rows weigh next to a place where conditions change: so that their residual measures an error there.

At a distance r from such a place a term of order m makes a function of size one and width r a residual of r^-m: next to
it a residual says less and less of the error in L2, and that of a solution which jumps there, or is r^(1/2), has no
finite norm at all. Rows weighed by r^w see a solution r^s as r^(s - m + w), square integrable in the plane for
w > m - 1 - s. But w must not be too large either: what an adjoint r^s' carries there, such as a point force, has no
finite residual, as it has to have, for w < 1 + s' only (Kondratiev 1967; Kozlov, Maz'ya and Rossmann 1997). That leaves

    m - 1/2         where a value jumps between two that are prescribed: s = 0, s' = 1 inside of a side, 2 at a corner
    m/2 + 1/4       where values are prescribed to one side of it at least: s = s' from 1/2 on for m = 2
    m/2 - 1/2       where they are on neither: s = 1, and s' = 0, a constant
    m - 1/2         where curvatures alone contradict an equation: s = s' = 2, but for a logarithm

The last is nearly in the middle, and no knots are graded there. Within half of a side -lap u = 1 to 1e-6, 1e-8 and
1e-11 took 0.14, 0.28 and 1.3 s with it, 0.16, 0.5 and 2.7 s with m - 1, 0.15, 0.30 and 0.8 s with m, 0.36, 0.32 and
1.6 s with m + 1/2, 0.30, 0.31 and 3.0 s without weights; a conductivity that varies 19 times to 1e-6, 1e-7 and 1e-8
1.1, 3.1 and 3.7 s with it, 1.15, 3.5 and 3.7 s with m, 4.3, 4.2 and 24 s without.

Where the equations have waves nothing of this holds, and rows are what they are: u_xx - 0.4 u_yy = x with u = 0 all
around was 2.2 tolerances off and converged on its second level with them.

A cantilever, clamped along one side, with a traction along another one, on 3 intervals halved six times to all corners:
deflection off by 3.6e-3 with these, by 6.1e-2 with m/2 + 1/4 at the free corners too, with a tenth of the residual:
forces on them cost nothing. Laplace's equation with 100 on one side of a square and 0 on three has a residual that
grows as 1 / h without weights; the solve of 1e-3 ended with an estimate of 1400, and takes a second with them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.assembly.equation import coordinates_on
from pinnkan.kan.field import Array
from pinnkan.kan.table import Table
from pinnkan.problem.checks.system_count import has_characteristics
from pinnkan.problem.checks.weights import offsets
from pinnkan.problem.corners import Corner, bent_corners, corners
from pinnkan.problem.statement import Problem

#: The order of equations of which these powers are known to be between those bounds: corners of a plate differ by more
#: than by what is held there.
ORDER = 2
#: Beyond this share of the shortest side rows are what they are; NEAR where curvatures alone contradict: with 0.5 there
#: too a resonance of five waves took 2.1 s to 1e-6, a spike beside a corner 1.4 s to 1e-4, with 0.2 0.75 and 0.9 s.
#: What it slows is a layer 1e-2 wide along all sides (-1e-4 lap u + u = 1 to 1e-6: 1.8 s, 0.6 s without weights).
REACH, NEAR = 0.5, 0.2
#: What is added to the power of a jump, to half the order where values are held, and where they are not; to the order
#: where curvatures alone contradict.
JUMPING, HELD, FREE, BENT = -0.5, 0.25, -0.5, -0.5


@dataclass(frozen=True)
class CornerWeights:
    """``powers``: of each corner, those of each equation, of r over the ``reach``."""

    corners: tuple[Corner, ...]
    powers: tuple[tuple[float, ...], ...]
    reach: float

    def on(self, tables: Sequence[Table], equation: int) -> torch.Tensor:
        """The weights of an equation: (interval, point, interval, ..)."""
        return self._product(coordinates_on(tables), [own[equation] for own in self.powers])

    def at(self, points: Array, equation: int | None = None) -> Array:
        """The weights of an equation at points (.., coordinate).

        For None those of conditions, which are those of the equation that weighs least.
        """
        places = [torch.from_numpy(np.ascontiguousarray(x)) for x in np.moveaxis(points, -1, 0)]
        powers = [max(own) if equation is None else own[equation] for own in self.powers]
        return self._product(places, powers).numpy()

    def _product(self, places: Sequence[torch.Tensor], powers: Sequence[float]) -> torch.Tensor:
        out = torch.ones(np.broadcast_shapes(*(x.shape for x in places)), dtype=torch.float64)
        for corner, power in zip(self.corners, powers, strict=True):
            pairs = zip(places, corner.position, strict=True)
            square = sum((((x - c) / self.reach) ** 2 for x, c in pairs), torch.zeros(()))
            out = out.to(square.device) * square.clamp(max=1.0) ** (0.5 * power)
        return out


def corner_weights(problem: Problem) -> CornerWeights | None:
    """Those of all places where conditions change; None where there are none, or equations are of another order."""
    found, half = corners(problem), 0.5 * ORDER
    weights = offsets(problem) if found else None
    if weights is None:
        return None
    leading = {j for j, d in enumerate(weights.unknowns) if d == max(weights.unknowns)}
    added = [JUMPING if c.jumps else HELD - half if leading <= c.held else FREE - half for c in found]
    return _weights(problem, found, added, REACH)


def bent_weights(problem: Problem) -> CornerWeights | None:
    """Those of corners at which curvatures alone contradict an equation."""
    found = bent_corners(problem)
    return _weights(problem, found, [BENT] * len(found), NEAR)


def _weights(problem: Problem, found: tuple[Corner, ...], added: Sequence[float], reach: float) -> CornerWeights | None:
    """With what is ``added`` to the order of each equation at each corner, within that share of the shortest side."""
    weights = offsets(problem) if found else None
    if weights is None or has_characteristics(problem):  # what disagrees at a corner goes far along these
        return None
    orders = [max(weights.unknowns) - c for c in weights.equations]
    if max(orders) != ORDER:
        return None
    powers = tuple(tuple(max(0.0, order + a) for order in orders) for a in added)
    return CornerWeights(found, powers, reach * float(problem.box.lengths.min()))
