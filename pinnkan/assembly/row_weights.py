"""Weights of the rows of equations: near corners, on small cells, and of algebraic equations in time.

Near a place where conditions change. At a distance r a term of order m turns a function of size one and width r into a
residual of size r^-m, so the residual says ever less about the L2 error; solutions such as r^(1/2) have no finite
residual. With rows weighted by r^w a solution r^s has the residual r^(s - m + w), square integrable in the plane for w
> m - 1 - s. An adjoint r^s', such as a point force, must keep an infinite residual: w < 1 + s' (Kondratiev 1967;
Kozlov, Maz'ya, Rossmann 1997). Between these bounds:

    m - 1/2      a prescribed value jumps: s = 0, s' = 1 inside of a side, 2 at a corner
    m/2 + 1/4    values are prescribed on at least one side: s = s' >= 1/2 for m = 2
    m/2 - 1/2    values are prescribed on neither side: s = 1, s' = 0
    m - 1/2      only curvatures contradict an equation: s = s' = 2, but for a logarithm
    m/2 + 1/2    both sides are clamped, a mixed derivative is open: s = s' = 1.4 (sheet), 3.7 (plate)

Knots are not graded to the last two. The last applies where s < m (:mod:`pinnkan.assembly.clamped_corners`); it takes a
clamped square plate on 16 x 16 intervals to 1e-8, against 3e-5 on 142 x 142 without. Where the equations have real
characteristics no row is weighted.

By cell. For functions that vary over a length h the principal terms of equation i are of size h^(c_i - d_j) U_j, with
the offsets c of equations and d of unknowns of Agmon, Douglis and Nirenberg (1964). Sizes are balanced on the scale of
the domain (:mod:`pinnkan.problem.units.natural_units`). On a cell r times as large as others in all coordinates
equation i gets the weight r^(c - c_i), c the largest offset: r for the momentum of a flow, one for div u = 0. A
pressure that is not smooth at a corner then does not move the velocity elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import torch

from pinnkan.assembly.clamped_corners import clamped_corners
from pinnkan.assembly.equation import grid_coordinates
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.table import Table
from pinnkan.problem.checks.linearised_system import principal_weights
from pinnkan.problem.checks.system_count import has_characteristics
from pinnkan.problem.corners import Corner, corners, curvature_corners
from pinnkan.problem.statement import Equation, Problem

#: The order of equations for which the powers at changes of conditions lie between the bounds.
CORNER_ORDER = 2
#: The orders of equations for which the power at clamped corners does.
CLAMPED_ORDERS = (2, 4)
#: The radius of weights, over the shortest side of the box; the second one where only curvatures contradict, for which
#: the first took three times as long on a resonance of five waves.
CHANGE_RADIUS, CURVATURE_RADIUS = 0.5, 0.2
#: Powers: added to the order where values jump and where only curvatures contradict, else to half the order.
JUMP_POWER, PRESCRIBED_POWER, FREE_POWER, CURVATURE_POWER = -0.5, 0.25, -0.5, -0.5


@dataclass(frozen=True)
class CornerWeights:
    """The weights (r / ``radius``)^power around ``corners``; ``powers``: by corner and equation."""

    corners: tuple[Corner, ...]
    powers: tuple[tuple[float, ...], ...]
    radius: float

    def grid_weights(self, tables: Sequence[Table], equation: int) -> torch.Tensor:
        """The weights of an equation on a grid: (interval, point, interval, ..)."""
        return self._product(grid_coordinates(tables), [own[equation] for own in self.powers])

    def point_weights(self, points: Array, equation: int | None = None) -> Array:
        """The weights of an equation at ``points`` (.., coordinate); None: of conditions, with the largest powers."""
        places = [torch.from_numpy(np.ascontiguousarray(x)) for x in np.moveaxis(points, -1, 0)]
        powers = [max(own) if equation is None else own[equation] for own in self.powers]
        return self._product(places, powers).numpy()

    def _product(self, places: Sequence[torch.Tensor], powers: Sequence[float]) -> torch.Tensor:
        shape = np.broadcast_shapes(*(x.shape for x in places))
        out = torch.ones(shape, dtype=torch.float64, device=places[0].device)
        for corner, power in zip(self.corners, powers, strict=True):
            squares = [((x - c) / self.radius) ** 2 for x, c in zip(places, corner.position, strict=True)]
            part = tuple(_nonunit_range(squares, k, n) for k, n in enumerate(shape))
            own = [s[tuple(p if n > 1 else slice(None) for p, n in zip(part, s.shape, strict=True))] for s in squares]
            out[part] *= reduce(torch.add, own).clamp(max=1.0) ** (0.5 * power)
        return out


def _nonunit_range(squares: Sequence[torch.Tensor], index: int, count: int) -> slice:
    """The range of an array index in which every array of ``squares`` has values below one."""
    found = torch.ones(count, dtype=torch.bool, device=squares[0].device)
    for square in (s for s in squares if s.shape[index] > 1):
        found &= (square < 1.0).movedim(index, 0).reshape(square.shape[index], -1).any(1)
    places = found.nonzero()[:, 0]
    return slice(int(places[0]), int(places[-1]) + 1) if len(places) else slice(0)


def corner_weights(problem: Problem) -> CornerWeights | None:
    """The weights around all places where conditions change; None where there are none or the powers are not known."""
    found, half = corners(problem), 0.5 * CORNER_ORDER
    weights = principal_weights(problem) if found else None
    if weights is None:
        return None
    leading = {j for j, d in enumerate(weights.unknown_offsets) if d == max(weights.unknown_offsets)}
    added = [
        JUMP_POWER if c.has_jump else PRESCRIBED_POWER - half if leading <= c.prescribed_unknowns else FREE_POWER - half
        for c in found
    ]
    return _weights(problem, found, added, CHANGE_RADIUS)


def incompatible_corner_weights(problem: Problem) -> CornerWeights | None:
    """Weights around incompatible corners: clamped, else where curvatures contradict an equation; None without."""
    clamped, bent, weights = clamped_corners(problem), curvature_corners(problem), principal_weights(problem)
    if clamped and weights is not None:
        middle = 0.5 * (1 - max(weights.unknown_offsets))
        return _weights(problem, clamped, [middle] * len(clamped), CHANGE_RADIUS, CLAMPED_ORDERS)
    return _weights(problem, bent, [CURVATURE_POWER] * len(bent), CURVATURE_RADIUS)


def _weights(
    problem: Problem,
    weighted_corners: tuple[Corner, ...],
    power_offsets: Sequence[float],
    radius_share: float,
    known_orders: tuple[int, ...] = (CORNER_ORDER,),
) -> CornerWeights | None:
    """The weights with powers ``power_offsets``, within ``radius_share`` times the shortest side.

    None without corners, with real characteristics, or where the highest order is not ``known_orders`` to allow the
    powers.
    """
    weights = principal_weights(problem) if weighted_corners else None
    if weights is None or has_characteristics(problem):  # an incompatibility propagates along these
        return None
    orders = [
        _principal_order(e, c, weights.unknown_offsets)
        for e, c in zip(problem.equations, weights.equation_offsets, strict=True)
    ]
    if max(orders) not in known_orders:
        return None
    powers = tuple(tuple(max(0.0, order + a) for order in orders) for a in power_offsets)
    return CornerWeights(weighted_corners, powers, radius_share * float(problem.box.lengths.min()))


def _principal_order(equation: Equation, offset: int, unknowns: Sequence[int]) -> int:
    """The highest order of the leading derivatives of an equation; for s = u_x beside lap(u) = f it is that of s."""
    return max(j.total_order for j in equation.jets.values() if j.total_order == unknowns[j.unknown] - offset)


#: Orders of equations are balanced on functions that vary over a tenth of the domain. A flow in a cube has 2.2e-4 as
#: error of its pressure with 1, 8.8e-5 with 10, 1.1e-4 with 30.
RESOLVED_LENGTHS = 10.0


def offset_deficits(problem: Problem) -> tuple[int, ...]:
    """The deficit of the offset of each equation against the largest offset; zeros where there are no offsets."""
    weights = principal_weights(problem)
    if weights is None:
        return (0,) * len(problem.equations)
    return tuple(max(weights.equation_offsets) - c for c in weights.equation_offsets)


def deficit_weights(deficits: Sequence[int]) -> tuple[float, ...]:
    """The weight of each equation by its deficit, so that orders balance on the lengths that splines resolve."""
    return tuple(RESOLVED_LENGTHS ** (max(deficits) - s) for s in deficits)


#: The least weight of an algebraic equation such as w = u^2 beside u_t = u_xx - w; else it is the length of time over
#: that of the slab. A residual of u_t over a slab of length h is an error of only h times as much in u, but moves w by
#: all of it. With 30 instead, w + q = u, w q = 0.05 does not converge.
ALGEBRAIC_WEIGHT = 100.0


def algebraic_equations(problem: Problem) -> tuple[bool, ...]:
    """Whether each equation in time and space is algebraic.

    It has no derivatives, and contains an unknown of which no equation has a derivative.
    """
    plain = {unknown for unknown, order in enumerate(problem.total_orders) if order == 0}
    in_time = problem.time_axis is not None and problem.dimension > 1
    own = [list(e.jets.values()) for e in problem.equations]
    return tuple(in_time and not any(j.total_order for j in e) and any(j.unknown in plain for j in e) for e in own)


def algebraic_weight(problem: Problem, space: Space) -> float:
    """The weight of algebraic equations in a slab."""
    return max(ALGEBRAIC_WEIGHT, float(problem.box.lengths[-1] / np.ptp(space.axes[-1].breaks)))


def cell_weights(space: Space, deficit: int) -> torch.Tensor | None:
    """The weight of an equation by cell, (interval, 1, interval, 1, ..); None where it is one, as in one coordinate."""
    if deficit == 0 or len(space.axes) == 1:
        return None
    widths = [np.diff(a.breaks) for a in space.axes]
    largest = reduce(np.maximum.outer, [w / w.max() for w in widths])
    if largest.min() == 1.0:
        return None
    return torch.from_numpy(largest**deficit).reshape([n for w in largest.shape for n in (w, 1)])
