"""How much rows weigh: next to a place where conditions change, and on cells that are small beside others.

At a distance r from a place where conditions change a term of order m makes a function of size one and width r a
residual of r^-m: next to it a residual says less and less of the error in L2, and that of a solution which jumps there,
or is r^(1/2), has no finite norm at all. Rows weighed by r^w see a solution r^s as r^(s - m + w), square integrable in
the plane for w > m - 1 - s. But w must not be too large either: what an adjoint r^s' carries there, such as a point
force, has no finite residual, as it has to have, for w < 1 + s' only (Kondratiev 1967; Kozlov, Maz'ya and Rossmann
1997). That leaves

    m - 1/2         where a value jumps between two that are prescribed: s = 0, s' = 1 inside of a side, 2 at a corner
    m/2 + 1/4       where values are prescribed to one side of it at least: s = s' from 1/2 on for m = 2
    m/2 - 1/2       where they are on neither: s = 1, and s' = 0, a constant
    m - 1/2         where curvatures alone contradict an equation: s = s' = 2, but for a logarithm
    m/2 + 1/2       where both sides hold all that they can, and a mixed derivative is open: s = s' = 1.4 of a
                    sheet, 3.7 of a plate; the middle of the bounds is m/2 for every s = s'

To the last two no knots are graded; of the last, where s is below m only (:mod:`pinnkan.assembly.clamped_corners`). A
square plate clamped all around under its weight had 3e-5 on 142 x 142 intervals without weights, and has 1e-8 on 16 x
16 in a second; with m/2 as well. Where curvatures contradict: within half of a side -lap u = 1 to 1e-6, 1e-8 and 1e-11
took 0.14, 0.28 and 1.3 s with it, 0.16, 0.5 and 2.7 s with m - 1, 0.15, 0.30 and 0.8 s with m, 0.36, 0.32 and 1.6 s
with m + 1/2, 0.30, 0.31 and 3.0 s without weights; a conductivity that varies 19 times to 1e-6, 1e-7 and 1e-8 1.1, 3.1
and 3.7 s with it, 1.15, 3.5 and 3.7 s with m, 4.3, 4.2 and 24 s without.

At the free corners of a cantilever m/2 + 1/4 left 6.1e-2 of the deflection off, m/2 - 1/2 3.6e-3, with ten times the
residual: forces on them cost nothing. Where the equations have waves nothing of this holds, and rows are what they are:
u_xx - 0.4 u_yy = x with u = 0 all around converged 2.2 tolerances off with them.

On functions that vary over a length h the principal terms of an equation i of a system are of size h^(c_i - d_j) U_j,
with the offsets c of equations and d of unknowns of Agmon, Douglis and Nirenberg (1964). Sizes of unknowns and
equations are balanced on the scale of the domain (:mod:`pinnkan.problem.units.natural_units`); on a cell that is r
times as large, in all coordinates, equation i is weighed by r^(c - c_i), c the largest offset. That is r for the
momentum of a flow, one for div u = 0: what a pressure that is not smooth at a corner leaves there then no longer moves
it elsewhere. In a cavity with the lid 4x(1 - x) the velocity is off by 1.3e-5, not 2.2e-5, the pressure by 1e-4, not
5e-4.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch

from pinnkan.assembly.clamped_corners import clamped_corners
from pinnkan.assembly.equation import coordinates_on
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.problem.checks.linearised import offsets
from pinnkan.problem.checks.system_count import has_characteristics
from pinnkan.problem.corners import Corner, bent_corners, corners
from pinnkan.problem.statement import Equation, Problem

#: The order of equations of which these powers are known to be between those bounds: corners of a plate differ by more
#: than by what is held there.
ORDER = 2
#: The same where nothing but values and slopes are held.
CLAMPED = (2, 4)
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
        shape = np.broadcast_shapes(*(x.shape for x in places))
        out = torch.ones(shape, dtype=torch.float64, device=places[0].device)
        for corner, power in zip(self.corners, powers, strict=True):
            squares = [((x - c) / self.reach) ** 2 for x, c in zip(places, corner.position, strict=True)]
            part = tuple(_near(squares, k, n) for k, n in enumerate(shape))
            own = [s[tuple(p if n > 1 else slice(None) for p, n in zip(part, s.shape, strict=True))] for s in squares]
            out[part] *= reduce(torch.add, own).clamp(max=1.0) ** (0.5 * power)
        return out


def _near(squares: Sequence[torch.Tensor], index: int, count: int) -> slice:
    """Where along an index of arrays that broadcast every one of them has something below one."""
    found = torch.ones(count, dtype=torch.bool, device=squares[0].device)
    for square in (s for s in squares if s.shape[index] > 1):
        found &= (square < 1.0).movedim(index, 0).reshape(square.shape[index], -1).any(1)
    places = found.nonzero()[:, 0]
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0)


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
    """Those of corners without a change of conditions at which no solution is smooth but by chance."""
    clamped, bent, weights = clamped_corners(problem), bent_corners(problem), offsets(problem)
    if clamped and weights is not None:
        middle = 0.5 * (1 - max(weights.unknowns))
        return _weights(problem, clamped, [middle] * len(clamped), REACH, CLAMPED)
    return _weights(problem, bent, [BENT] * len(bent), NEAR)


def _weights(
    problem: Problem, found: tuple[Corner, ...], added: Sequence[float], reach: float, known: tuple[int, ...] = (ORDER,)
) -> CornerWeights | None:
    """With what is ``added`` to the order of each equation at each corner, within that share of the shortest side."""
    weights = offsets(problem) if found else None
    if weights is None or has_characteristics(problem):  # what disagrees at a corner goes far along these
        return None
    orders = [_order(e, c, weights.unknowns) for e, c in zip(problem.equations, weights.equations, strict=True)]
    if max(orders) not in known:
        return None
    powers = tuple(tuple(max(0.0, order + a) for order in orders) for a in added)
    return CornerWeights(found, powers, reach * float(problem.box.lengths.min()))


def _order(equation: Equation, offset: int, unknowns: Sequence[int]) -> int:
    """The highest of the derivatives that lead in an equation; of s = u_x beside lap(u) = f it is that of s.

    With that of lap(u) an s that is large at a corner alone was hardly seen there: nothing seemed to determine it.
    """
    return max(j.total for j in equation.jets.values() if j.total == unknowns[j.unknown] - offset)


#: Orders are balanced on functions that vary over a tenth of the domain; splines resolve less than that. A flow in a
#: cube, a slab on one interval of degree 6: errors of velocity and pressure 1.2e-5 and 2.2e-4 with one, 5.2e-6 and
#: 1.1e-4 with three, 5.4e-6 and 8.8e-5 with ten, 1.7e-5 and 1.1e-4 with thirty. Of what is shipped Stokes' flow has a
#: fifth of the error, Taylor and Green's vortices two thirds, Kovasznay's at 1e-6 half of it on fewer knots.
FINER = 10.0


def surpluses(problem: Problem) -> tuple[int, ...]:
    """By how much the offset of each equation is below the largest; zeros where no assignment gives offsets."""
    weights = offsets(problem)
    if weights is None:
        return (0,) * len(problem.equations)
    return tuple(max(weights.equations) - c for c in weights.equations)


def finer(surpluses: Sequence[int]) -> tuple[float, ...]:
    """What equations weigh of which surplus, so that orders balance on the lengths that splines resolve."""
    return tuple(FINER ** (max(surpluses) - s) for s in surpluses)


#: An equation without derivatives that closes others in time, as w = u^2 does u_t = u_xx - w, weighs the length of
#: time over that of the slab, and CLOSING at least: what u_t leaves in a slab of length h makes an error of h times as
#: much in u, and pulls at w with all of it. Where values on a side disagree with the start, w (1 + w) = u took 0.5 s to
#: 1e-4 with 100, found no end without, nor did w + q = u, w q = 0.05 with 30; where they jump, an Arrhenius rate took
#: 12 s with the length, and found no end with 100, nor with 100 times the length. In ordinary equations nothing pulls
#: so, and Newton's method for a diode's exponential found no end with 30.
CLOSING = 100.0


def closures(problem: Problem) -> tuple[bool, ...]:
    """Which equations in time and space have no derivatives, and tell unknowns of which no other equation has any."""
    jets = [j for e in problem.equations for j in e.jets.values()]
    plain = {u for u in range(len(problem.unknowns)) if not any(j.total for j in jets if j.unknown == u)}
    in_time = problem.time_axis is not None and problem.dimension > 1
    own = [list(e.jets.values()) for e in problem.equations]
    return tuple(in_time and not any(j.total for j in e) and any(j.unknown in plain for j in e) for e in own)


def closing_weight(problem: Problem, space: Space) -> float:
    """What those weigh in a slab."""
    return max(CLOSING, float(problem.box.lengths[-1] / np.ptp(space.axes[-1].breaks)))


def local_weight(space: Space, surplus: int) -> torch.Tensor | None:
    """The weight of an equation by cell, (interval, 1, interval, 1, ..); None where it is one: on a line it is."""
    if surplus == 0 or len(space.axes) == 1:
        return None
    widths = [np.diff(a.breaks) for a in space.axes]
    largest = reduce(np.maximum.outer, [w / w.max() for w in widths])
    if largest.min() == 1.0:
        return None
    return torch.from_numpy(largest**surplus).reshape([n for w in largest.shape for n in (w, 1)])
