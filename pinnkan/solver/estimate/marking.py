"""Which knot intervals to halve, by the squared error (mass) of each, and the axes with these halved."""

from collections.abc import Callable, Sequence

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import unify_equal_axes

#: Intervals with more than this share of the largest mass are marked (method.md, section 4). Heuristic.
MARKING_SHARE = 1e-3
#: All intervals around a circle are halved where more than this share of them is marked:
#: :mod:`pinnkan.solver.linear.joint_modes` takes 20 steps on 14 nearly even ones, 82 where five of seven were halved.
MARK_ALL_SHARE = 1.0 / 3.0


def mark_by_maximum(masses: Sequence[Array], allowed: float = 0.0, share: float = MARKING_SHARE) -> list[np.ndarray]:
    """Mark intervals, by coordinate, with a mass above ``allowed`` and above a ``share`` of the largest of all."""
    least = largest_unmarked_mass(masses, allowed, share)
    return [mass > least for mass in masses]


def largest_unmarked_mass(masses: Sequence[Array], allowed: float, share: float = MARKING_SHARE) -> float:
    """Return the mass above which :func:`mark_by_maximum` marks an interval."""
    return max(share * max((float(mass.max()) for mass in masses), default=0.0), allowed)


def mark_bulk(masses: Sequence[Array], share: float) -> list[np.ndarray]:
    """Mark the fewest intervals, at least one, that have a ``share`` of the sum of all masses (Doerfler 1996)."""
    mass = np.concatenate(masses)
    order = np.argsort(-mass)
    marks = np.zeros(len(mass), dtype=bool)
    marks[order[: int(np.searchsorted(np.cumsum(mass[order]), share * mass.sum())) + 1]] = True
    return np.split(marks, np.cumsum([len(m) for m in masses])[:-1])


def refine_marked(axes: Sequence[Axis], marks: Sequence[np.ndarray], unknowns: int = 1) -> tuple[Axis, ...]:
    """The axes with marked intervals halved, see :func:`complete_marks`."""
    return unify_equal_axes([a.refined(m) for a, m in zip(axes, complete_marks(axes, marks, unknowns), strict=True)])


def complete_marks(axes: Sequence[Axis], marks: Sequence[np.ndarray], unknowns: int) -> list[np.ndarray]:
    """The marks, with all intervals of an even axis of which a large share is marked."""
    even = prefer_even_knots(axes, unknowns)
    return [np.ones_like(m) if e and m.mean() > MARK_ALL_SHARE else m for m, e in zip(marks, even, strict=True)]


def prefer_even_knots(axes: Sequence[Axis], unknowns: int) -> list[bool]:
    """Whether knots of each coordinate are best even: periodic, several unknowns, several coordinates."""
    return [a.periodic and unknowns > 1 and len(axes) > 1 for a in axes]


def refine_while(axis: Axis, wide: Callable[[Array], np.ndarray]) -> Axis:
    """Return the axis with intervals halved while any is ``wide``: from breakpoints to the mask of intervals."""
    while (marked := wide(axis.breaks)).any():
        axis = axis.refined(marked)
    return axis
