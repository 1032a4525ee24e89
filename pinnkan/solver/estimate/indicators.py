"""Judge by correction: what a richer space would change, how much, where, and along which coordinate.

One Gauss-Newton step in the space with every interval halved gives a function e, an estimate of the error that includes
the stability constant of the equation. What e holds beyond a space refined in the other coordinates only, (I - Q_c) e,
is the share of coordinate c; its mass per interval says where knots are wanted.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space

#: Knots go into intervals with more than this share of the largest mass (method.md, section 4). Heuristic.
MARKING = 1e-3
#: Where :mod:`pinnkan.solver.linear.waves` solves, all intervals around a circle are halved once so many of them are
#: marked. A periodic flow in time takes 20 steps on 14 nearly even intervals, 82 where five of seven were halved.
ALL = 1.0 / 3.0


@dataclass(frozen=True, eq=False)
class Surplus:
    """Share of each coordinate in a correction.

    ``size``: L2 norm of (I - Q_c) e per coordinate, relative (worst unknown); ``mass``: its square over each
    interval of that coordinate.
    """

    size: tuple[float, ...]
    mass: tuple[Array, ...]

    def fallen(self, decay: Array) -> float:
        """What is left of all shares together when each falls by its coordinate's ``decay``."""
        before = np.array(self.size)
        total = float(np.linalg.norm(before))
        return float(np.linalg.norm(before * decay)) / total if total > 0.0 else float(decay.max())

    def raised_to(self, correction: float) -> "Surplus":
        """Shares that make up the whole ``correction`` (its norm, relative) where they are too small for that.

        What a drift changes lies in the coarse space too, but comes from what is missing there.
        """
        total = float(np.linalg.norm(self.size))
        factor = max(1.0, correction / total) if total > 0.0 else 1.0
        return Surplus(tuple(factor * s for s in self.size), tuple(factor**2 * m for m in self.mass))


def surplus(coarse: Space, fine: Space, correction: Array, scale: Array) -> Surplus:
    """Split a correction in ``fine`` by coordinates; ``scale`` is the norm of each unknown."""
    sizes, masses = [], []
    for i, axis in enumerate(coarse.axes):
        kept = coarse.restrict(correction, fine, [i])
        part_space = fine.replaced(i, axis)
        rest = correction - part_space.prolong(kept, fine)
        fine_mass = (fine.mass_per_interval(rest, i) / scale**2).max(-1)
        ratio = fine.axes[i].intervals // axis.intervals
        mass = fine_mass.reshape(axis.intervals, ratio).sum(1)
        masses.append(mass)
        sizes.append(float(np.sqrt(mass.sum())))
    return Surplus(tuple(sizes), tuple(masses))


def mark(mass: Array, largest: float, allowed: float) -> np.ndarray:
    """Intervals whose mass is above ``MARKING`` of the largest and above ``allowed``."""
    return mass > max(MARKING * largest, allowed)


def with_marked(axes: Sequence[Axis], marks: Sequence[np.ndarray], unknowns: int) -> tuple[Axis, ...]:
    """The axes with their marked intervals halved, or :func:`all_or_some`."""
    return tuple(a.inserted(m) for a, m in zip(axes, all_or_some(axes, marks, unknowns), strict=True))


def all_or_some(axes: Sequence[Axis], marks: Sequence[np.ndarray], unknowns: int) -> list[np.ndarray]:
    """The marks, but all intervals of a circle whose knots are best evenly spaced where ALL of them are marked."""
    even = are_even(axes, unknowns)
    return [np.ones_like(m) if e and m.mean() > ALL else m for m, e in zip(marks, even, strict=True)]


def are_even(axes: Sequence[Axis], unknowns: int) -> list[bool]:
    """By coordinate, whether knots are best evenly spaced: of several unknowns in more than one coordinate of space."""
    return [a.periodic and unknowns > 1 and len(axes) > 1 for a in axes]
