"""Training points of a deep network: products of graded one-dimensional Gauss points, and their weights.

Cells follow the solution: their breaks equidistribute the arc length of the unknowns along each coordinate (de Boor
1974), so that a front known from the level before is seen by the next one.
"""

from collections.abc import Sequence
from functools import reduce

import numpy as np

from pinnkan.kan.field import Array


def tensor(axes: Sequence[tuple[Array, Array]]) -> tuple[Array, Array]:
    """Points (point, coordinate) and product weights (point) of one-dimensional rules."""
    if not axes:  # the end of a line
        return np.zeros((1, 0)), np.ones(1)
    grids = np.meshgrid(*(x for x, _ in axes), indexing="ij")
    return np.stack([g.ravel() for g in grids], -1), reduce(np.multiply.outer, (w for _, w in axes)).ravel()


def equidistributed(x: Array, monitor: Array, cells: int) -> Array:
    """Breaks between x[0] and x[-1] that give every cell the same integral of ``monitor`` (sampled at x)."""
    integral = np.concatenate([[0.0], np.cumsum(0.5 * (monitor[1:] + monitor[:-1]) * np.diff(x))])
    return np.interp(np.linspace(0.0, integral[-1], cells + 1), integral, x)


def arc_length(x: Array, samples: Array) -> Array:
    """Monitor at x: slope of ``samples`` (x, other), at its steepest over the others, smoothed, plus a constant.

    Half of the cells are spread evenly and half follow the steepness.
    """
    slope = np.abs(np.gradient(samples, x, axis=0)).max(1)
    kernel = np.array([0.25, 0.5, 0.25])
    for _ in range(4):
        slope = np.convolve(np.pad(slope, 1, mode="edge"), kernel, mode="valid")
    mean = np.trapezoid(slope, x) / (x[-1] - x[0])
    return np.asarray(slope + mean + 1e-12)
