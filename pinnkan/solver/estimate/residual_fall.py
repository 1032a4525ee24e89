"""How much a correction has lowered the error along each coordinate, from residuals on points never trained on.

What a space lacks along one coordinate leaves a residual that oscillates within the intervals of that coordinate and is
smooth along the others. So the part of low degree along all others belongs to it, and the ratio of its norms after and
before the correction is that coordinate's decay. With degree p and m derivatives along it the residual falls like
h^(p + 1 - m) and the error like h^(p + 1): the decay is too large by 2^m rather than too small.
"""

from __future__ import annotations

import numpy as np
import torch

from pinnkan.kan.field import Array
from pinnkan.solver.linear.system import System

#: What a residual may fall beyond the order of the splines, 2^-(degree + 1), to be believed. Diffusion with a
#: coefficient of a few waves: on 96 x 96 intervals of degree 10 these are just resolved, and 192 x 192 lower the
#: residual 6000 times, the error 27,000 times, not 2048.
LUCK = 4.0


def decay(before: System, coarse: Array, after: System, fine: Array) -> Array:
    """Ratio of the residuals per coordinate, at least 2^-(degree + 1) / LUCK and at most one."""
    old, new = _parts(before, coarse), _parts(after, fine)
    least = np.array([0.5 ** (a.degree + 1) / LUCK for a in before.space.axes])
    ratio = np.sqrt(new / np.where(old > 0.0, old, 1.0))
    return np.clip(np.where(old > 0.0, ratio, 1.0), least, 1.0)


def _parts(system: System, coefficients: Array) -> Array:
    """Squared norm of the residual of the equations that belongs to each coordinate."""
    axes, orders = system.space.axes, system.model.orders
    total = np.zeros(len(axes))
    c = torch.from_numpy(np.ascontiguousarray(coefficients)).to(system.model.device)
    for patch in system.patches[: len(system.model.equations)]:
        smooth = [
            _low_degree(patch.shape[2 * j + 1], max(0, (axis.degree - orders[j]) // 2)).to(c.device)
            for j, axis in enumerate(axes)
        ]
        for _, residual in patch.residuals(c):
            for i in range(len(axes)):
                part = residual
                for j in range(len(axes)):
                    if j != i:  # the squares are those of the coordinates in it, fewer than its values
                        part = torch.tensordot(part, smooth[j], dims=([2 * j + 1], [1])).movedim(-1, 2 * j + 1)
                total[i] += float(part.square().sum())
    return total


def _low_degree(points: int, degree: int) -> torch.Tensor:
    """Coordinates (degree, point), of residuals weighted by the roots of Gauss weights, in polynomials up to a degree.

    These are orthonormal, so that the sum of their squares is that of the projection.
    """
    nodes, weights = np.polynomial.legendre.leggauss(points)
    columns = np.polynomial.legendre.legvander(nodes, min(degree, points - 1)) * np.sqrt(weights)[:, None]
    orthonormal, _ = np.linalg.qr(columns)
    return torch.from_numpy(np.ascontiguousarray(orthonormal.T))
