"""The course of a moving front from one slab to the next."""

from collections.abc import Sequence

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates
from pinnkan.kan.product import Space
from pinnkan.solver.families.fitted.front import COURSE


def continued(guess: Coordinates, ranges: Sequence[tuple[float, float]]) -> Coordinates:
    """The course of ``guess`` carried on to the times of ``ranges``, in axes turned along the front at their start."""
    times = np.linspace(*ranges[2], 2 * COURSE + 1)
    low, high = guess.warp.axes[0].breaks[[0, -1]]
    r = low + (high - low) * np.linspace(0.1, 0.9, 17)
    grid = np.stack([g.ravel() for g in np.meshgrid(r, times, indexing="ij")], -1)
    along = grid if len(guess.warp.axes) == 2 else grid[:, :1]
    place = guess.shift(along, [(0,) * along.shape[1]])[:, 0]
    outer = place[:, None] * guess.normal + grid[:, :1] * guess.tangent
    first = grid[:, 1] == times[0]
    slope = np.polyfit(grid[first, 0], place[first], 1)[0]
    angle = guess.angle - float(np.arctan(slope))
    n, m = np.array([np.cos(angle), np.sin(angle)]), np.array([-np.sin(angle), np.cos(angle)])
    corners = np.array([[x, y] for x in ranges[0] for y in ranges[1]]) @ m
    old = guess.warp.axes[0]
    axes = (
        Axis(np.linspace(corners.min(), corners.max(), old.intervals + 1), old.degree),
        Axis(np.array(ranges[2]), COURSE),
    )
    table = axes[0].matrix(outer @ m)[:, :, None] * axes[1].matrix(grid[:, 1])[:, None, :]
    solved = np.linalg.lstsq(table.reshape(len(grid), -1), outer @ n, rcond=1e-10)[0]
    space = Space(axes)
    return Coordinates(angle, space, solved.reshape(space.shape))
