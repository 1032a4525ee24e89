"""A positive function with L psi > 0: what bounds a solution of L v = r by the maximum principle, found and proven.

Let psi > 0 on the closed box, L psi >= m > 0 inside, B psi >= b > 0 on the sides (psi itself, or its outward derivative
and more). Then w = v/psi solves an equation whose term of order zero is L psi > 0, so that

    |v| <= psi max(sup |L v|/m, sup |B v|/b)

(Protter and Weinberger 1967, section 2.5; Gilbarg and Trudinger 2001, sections 3.3 and 9.1 for v in W^2,p), and L v = r
has exactly one solution (the same, theorem 9.30). psi is sought as a spline: the largest coefficient is minimised over
L psi >= 1 at points, a linear programme; whatever comes out, what it has to fulfil is enclosed afterwards. A second
one, with the size of a residual in place of 1, bounds what that residual does.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pinnkan.certificate import programme
from pinnkan.certificate.enclosure import cells_between, ranges_of
from pinnkan.certificate.linearised import Formula
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline
from pinnkan.domain.box import Side
from pinnkan.kan.axis import Axis
from pinnkan.kan.product import ProductField
from pinnkan.problem.expressions.interval import Array

#: Least L psi between the points that is worth having, where 1 was asked for at them.
WORTH = 0.2
#: Of a residual at least this share of its largest value is asked for everywhere; above so many cells 1 has to do.
FLOOR, MOST_CELLS = 0.02, 20_000


@dataclass(frozen=True, eq=False)
class Barrier:
    """psi in [``least``, ``most``], L psi >= ``inside``, B psi >= ``beside`` by side."""

    axes: tuple[Axis, ...]
    least: float
    most: float
    inside: float
    beside: Mapping[Side, float]

    @property
    def holds(self) -> bool:
        """Whether all that has to be positive is."""
        return min(self.least, self.inside, *self.beside.values()) > 0.0

    def lifted(self, missed: Mapping[Side, float]) -> float:
        """How often psi is above what is missed on the sides."""
        return max((size / self.beside[side] for side, size in missed.items()), default=0.0)


def barrier_of(
    formula: Formula, conditions: Mapping[Side, Formula], field: ProductField, u: TensorSpline
) -> Barrier | None:
    """A proven barrier of the equation linearised at u, which is near ``field``; None where none is found."""
    for axes in programme.spaces_of(field):
        wanted = np.ones([len(x) for x in programme.nodes_of(axes)])
        psi = programme.least(formula, conditions, field, axes, wanted, {})
        if psi is not None:
            _, inside = formula.compiled(formula.linear).over(cells_between(u.breaks), u, psi)
            found = _proven(conditions, u, axes, psi, float(inside.value.lo.min()))
            if found.holds and found.inside > WORTH:
                return found
    return None


def effect(
    barrier: Barrier, formula: Formula, conditions: Mapping[Side, Formula], field: ProductField, u: TensorSpline,
    cells: Cells, residual: Array, missed: Mapping[Side, float],
) -> float:  # fmt: skip
    """The largest |v| that L v = r can have: |r| is at most ``residual`` (cell), |B v| on the sides ``missed``."""
    largest = float(residual.max())
    uniform = barrier.most * max(largest / barrier.inside, barrier.lifted(missed)) * MARGIN
    scale = max([largest, *missed.values()])
    if cells.count > MOST_CELLS or not scale > 0.0:
        return uniform
    wanted = programme.envelope(cells, np.maximum(residual / scale, FLOOR), programme.nodes_of(barrier.axes))
    beside = {side: size / scale for side, size in missed.items()}
    psi = programme.least(formula, conditions, field, barrier.axes, wanted, beside)
    if psi is None:
        return uniform
    compiled = formula.compiled(formula.linear)
    inside = ranges_of(compiled.tape, cells, compiled.jets(u, psi)).value.lo[0]
    found = _proven(conditions, u, barrier.axes, psi, float(inside.min()))
    if not found.holds:
        return uniform
    return min(uniform, found.most * max(float((residual / inside).max()), found.lifted(missed)) * MARGIN)


def _proven(
    conditions: Mapping[Side, Formula], u: TensorSpline, axes: tuple[Axis, ...], psi: TensorSpline, inside: float
) -> Barrier:
    """What holds of psi beside L psi >= ``inside``; a spline lies between its coefficients."""
    beside = {}
    for side, condition in conditions.items():
        there = [b if i != side.axis else b[[-side.end]] for i, b in enumerate(u.breaks)]
        _, found = condition.compiled(condition.linear).over(cells_between(there), u, psi)
        beside[side] = float(found.value.lo.min())
    c = psi.coefficients.mid
    return Barrier(axes, float(c.min()), float(c.max()), inside, beside)
