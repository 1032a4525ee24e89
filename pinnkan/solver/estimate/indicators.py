"""Judge by correction: what a richer space would change, how much, where, and along which coordinate.

One Gauss-Newton step in the space with every interval halved gives a function e, an estimate of the error that includes
the stability constant of the equation. What e holds beyond a space refined in the other coordinates only, (I - Q_c) e,
is the share of coordinate c; its mass per interval says where knots are wanted.

How much a correction has lowered the error along each coordinate is told by residuals on points never trained on. What
a space lacks along one coordinate leaves a residual that oscillates within the intervals of that coordinate and is
smooth along the others. So the part of low degree along all others belongs to it, and the ratio of its norms after and
before the correction is that coordinate's decay. With degree p and m derivatives along it the residual falls like
h^(p + 1 - m) and the error like h^(p + 1): the decay is too large by 2^m rather than too small.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space, alike
from pinnkan.solver.linear.system import System

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
    return alike([a.inserted(m) for a, m in zip(axes, all_or_some(axes, marks, unknowns), strict=True)])


def all_or_some(axes: Sequence[Axis], marks: Sequence[np.ndarray], unknowns: int) -> list[np.ndarray]:
    """The marks, but all intervals of a circle whose knots are best evenly spaced where ALL of them are marked."""
    even = are_even(axes, unknowns)
    return [np.ones_like(m) if e and m.mean() > ALL else m for m, e in zip(marks, even, strict=True)]


def are_even(axes: Sequence[Axis], unknowns: int) -> list[bool]:
    """By coordinate, whether knots are best evenly spaced: of several unknowns in more than one coordinate of space."""
    return [a.periodic and unknowns > 1 and len(axes) > 1 for a in axes]


#: What a residual may fall beyond the order of the splines, 2^-(degree + 1), to be believed. Diffusion with a
#: coefficient of a few waves: on 96 x 96 intervals of degree 10 these are just resolved, and 192 x 192 lower the
#: residual 6000 times, the error 27,000 times, not 2048.
LUCK = 4.0
#: Residuals of a cell below this share of the root mean square of all say nothing of how they fall.
NEXT_TO_NONE = 1e-3


def decay(before: System, coarse: Array, after: System, fine: Array, moved: Array) -> Array:
    """Ratio of the residuals per coordinate, at least 2^-(degree + 1) / LUCK and at most one.

    The larger one of two: of the whole residuals, and the mean of those of cells, weighted by the squares of ``moved``,
    the correction (interval, .., unknown) over the size of each unknown. Of a coefficient that jumps from 3 to 47, most
    of the residual stood where it is 47 and fell 274 times, most of the error where it is 3 and fell 42 times.
    """
    cells = [axis.intervals for axis in before.space.axes]
    old, new = _parts(before, coarse), _summed(_parts(after, fine), [len(cells), *cells])
    least = np.array([0.5 ** (a.degree + 1) / LUCK for a in before.space.axes])
    mass = _summed(_mass(after.space, moved), cells)
    ratio = np.array([_ratio(*parts, mass) for parts in zip(old, new, strict=True)])
    return np.clip(ratio, least, 1.0)


def _ratio(old: Array, new: Array, mass: Array) -> float:
    """Of two residuals, squared norms over the same cells; cells with next to none fall as all of them together."""
    if not old.sum() > 0.0:
        return 1.0
    whole, few = float(new.sum() / old.sum()), NEXT_TO_NONE**2 * float(old.mean())
    local = np.minimum((new + few * whole) / (old + few), 1.0)
    return max(whole, float((mass * local).sum() / max(mass.sum(), 1e-300))) ** 0.5


def _summed(fine: Array, shape: Sequence[int]) -> Array:
    """Sums over as many neighbours along each index as leave the ``shape``."""
    for i, count in enumerate(shape):
        fine = fine.reshape(*fine.shape[:i], count, -1, *fine.shape[i + 1 :]).sum(i + 1)
    return fine


def _mass(space: Space, moved: Array) -> Array:
    """Squared norm over each cell of a function, by two Gauss points an interval, all unknowns together."""
    rules = [axis.gauss(2) for axis in space.axes]
    squares = (space.evaluate_grid(moved, [x.ravel() for x, _ in rules], (0,) * len(rules)) ** 2).sum(-1)
    for i, (_, w) in enumerate(rules):
        shape = [*squares.shape[:i], *w.shape, *squares.shape[i + 1 :]]
        squares = (squares.reshape(shape) * w.reshape(*w.shape, *(1,) * (len(shape) - i - 2))).sum(i + 1)
    return np.asarray(squares)


def _parts(system: System, coefficients: Array) -> Array:
    """Squared norm of the residual of the equations over each cell that belongs to a coordinate: (coordinate, ..)."""
    axes, orders = system.space.axes, system.model.orders
    total = np.zeros((len(axes), *(axis.intervals for axis in axes)))
    c = torch.from_numpy(np.ascontiguousarray(coefficients)).to(system.model.device)
    for patch in system.patches[: len(system.model.equations)]:
        smooth = [
            _low_degree(patch.shape[2 * j + 1], max(0, (axis.degree - orders[j]) // 2)).to(c.device)
            for j, axis in enumerate(axes)
        ]
        total += patch.by_cell(c, smooth).cpu().numpy()
    return total


def _low_degree(points: int, degree: int) -> torch.Tensor:
    """Coordinates (degree, point), of residuals weighted by the roots of Gauss weights, in polynomials up to a degree.

    These are orthonormal, so that the sum of their squares is that of the projection.
    """
    nodes, weights = np.polynomial.legendre.leggauss(points)
    columns = np.polynomial.legendre.legvander(nodes, min(degree, points - 1)) * np.sqrt(weights)[:, None]
    orthonormal, _ = np.linalg.qr(columns)
    return torch.from_numpy(np.ascontiguousarray(orthonormal.T))
