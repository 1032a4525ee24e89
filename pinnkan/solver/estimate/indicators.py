"""Error indicators of a correction e, one Gauss-Newton step in the space with every interval halved.

e estimates the error, the stability constant of the equation included. What it has beyond the space refined in all
coordinates but c, (I - Q_c) e, is the share of c; its mass per interval says where knots are needed.

The decay of the error along a coordinate is read off residuals at held-out points. What a space lacks along one
coordinate leaves a residual that oscillates within its intervals and is smooth along the others. So the part of low
degree along all others belongs to it; the ratio of its norms after and before the correction is its decay. With degree
p and m derivatives the residual falls like h^(p + 1 - m), the error like h^(p + 1): the decay is too large by 2^m.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from pinnkan.domain.gauss import gauss_legendre
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.linear.system import System


@dataclass(frozen=True, eq=False)
class CoordinateShares:
    """The share of each coordinate in a correction.

    ``size``: relative L2 norm of (I - Q_c) e by coordinate (worst unknown); ``mass``: its square by interval.
    """

    size: tuple[float, ...]
    mass: tuple[Array, ...]

    def combined_decay(self, decay: Array) -> float:
        """The factor by which the norm of all shares falls when each falls by its coordinate's ``decay``."""
        before = np.array(self.size)
        total = float(np.linalg.norm(before))
        return float(np.linalg.norm(before * decay)) / total if total > 0.0 else float(decay.max())

    def scaled_to_norm(self, correction_norm: float) -> "CoordinateShares":
        """The shares, scaled up to at least the norm of the whole ``correction_norm``, part of which is in no share."""
        total = float(np.linalg.norm(self.size))
        factor = max(1.0, correction_norm / total) if total > 0.0 else 1.0
        return CoordinateShares(tuple(factor * s for s in self.size), tuple(factor**2 * m for m in self.mass))


def coordinate_shares(coarse: Space, fine: Space, correction: Array, scale: Array) -> CoordinateShares:
    """The shares of the coordinates in a ``correction`` in the space ``fine``; ``scale``: the norm of each unknown."""
    sizes, masses = [], []
    for i, axis in enumerate(coarse.axes):
        kept = coarse.restrict(correction, fine, [i])
        part_space = fine.with_axis(i, axis)
        rest = correction - part_space.prolong(kept, fine)
        fine_mass = (fine.squared_norm_per_interval(rest, i) / scale**2).max(-1)
        ratio = fine.axes[i].intervals // axis.intervals
        mass = fine_mass.reshape(axis.intervals, ratio).sum(1)
        masses.append(mass)
        sizes.append(float(np.sqrt(mass.sum())))
    return CoordinateShares(tuple(sizes), tuple(masses))


#: A residual may fall by this factor more than the order of the splines, 2^-(degree + 1), says: just resolved waves of
#: a coefficient lowered it 6000 times, the error 27,000 times, not 2048.
DECAY_MARGIN = 4.0
#: Residuals of a cell below this share of the root mean square of all say nothing of their decay. Heuristic.
NEGLIGIBLE_SHARE = 1e-3


def residual_decay(
    coarse_system: System, coarse_coefficients: Array, fine_system: System, fine_coefficients: Array, correction: Array
) -> Array:
    """Return the ratio of residuals after and before a correction, by coordinate, clipped to the order of the splines.

    ``coarse_system``, ``coarse_coefficients``: a system and its coefficients; ``fine_system``, ``fine_coefficients``:
    the refined ones; ``correction``: the correction over the size of each unknown. The larger of two ratios: of the
    whole residuals, and the mean over cells weighted by the squares of ``correction``, since the residual may fall
    mostly where the error is small.
    """
    cells = [axis.intervals for axis in coarse_system.space.axes]
    old, new = (
        _residual_by_coordinate(coarse_system, coarse_coefficients),
        _block_sums(_residual_by_coordinate(fine_system, fine_coefficients), [len(cells), *cells]),
    )
    least = np.array([0.5 ** (a.degree + 1) / DECAY_MARGIN for a in coarse_system.space.axes])
    mass = _block_sums(_mass(fine_system.space, correction), cells)
    ratio = np.array([_decay_ratio(*parts, mass) for parts in zip(old, new, strict=True)])
    return np.clip(ratio, least, 1.0)


def _decay_ratio(old: Array, new: Array, mass: Array) -> float:
    """The root of the larger of two ratios of squared residuals by cell: of sums, and the mean weighted by ``mass``."""
    if not old.sum() > 0.0:
        return 1.0
    whole, few = float(new.sum() / old.sum()), NEGLIGIBLE_SHARE**2 * float(old.mean())
    local = np.minimum((new + few * whole) / (old + few), 1.0)
    return max(whole, float((mass * local).sum() / max(mass.sum(), 1e-300))) ** 0.5


def _block_sums(fine: Array, shape: Sequence[int]) -> Array:
    """Sums over blocks of neighbours along each index, so that the ``shape`` remains."""
    for i, count in enumerate(shape):
        fine = fine.reshape(*fine.shape[:i], count, -1, *fine.shape[i + 1 :]).sum(i + 1)
    return fine


def _mass(space: Space, coefficients: Array) -> Array:
    """The squared norm of a function over each cell, all unknowns together, by two Gauss points an interval."""
    rules = [axis.gauss(2) for axis in space.axes]
    squares = (space.evaluate_grid(coefficients, [x.ravel() for x, _ in rules], (0,) * len(rules)) ** 2).sum(-1)
    for i, (_, w) in enumerate(rules):
        shape = [*squares.shape[:i], *w.shape, *squares.shape[i + 1 :]]
        squares = (squares.reshape(shape) * w.reshape(*w.shape, *(1,) * (len(shape) - i - 2))).sum(i + 1)
    return np.asarray(squares)


def _residual_by_coordinate(system: System, coefficients: Array) -> Array:
    """Squared norm of the residual over each cell, of the part that belongs to each coordinate: (coordinate, ..)."""
    axes, orders = system.space.axes, system.model.orders
    total = np.zeros((len(axes), *(axis.intervals for axis in axes)))
    c = torch.from_numpy(np.ascontiguousarray(coefficients)).to(system.model.device)
    for patch in system.patches[: len(system.model.equations)]:
        smooth = [
            _low_degree(patch.shape[2 * j + 1], max(0, (axis.degree - orders[j]) // 2)).to(c.device)
            for j, axis in enumerate(axes)
        ]
        total += patch.directional_squares(c, smooth).cpu().numpy()
    return total


def _low_degree(points: int, degree: int) -> torch.Tensor:
    """Orthonormal rows (degree, point) of polynomials up to a degree, for residuals times roots of Gauss weights."""
    nodes, weights = gauss_legendre(points)
    columns = np.polynomial.legendre.legvander(nodes, min(degree, points - 1)) * np.sqrt(weights)[:, None]
    orthonormal, _ = np.linalg.qr(columns)
    return torch.from_numpy(np.ascontiguousarray(orthonormal.T))
