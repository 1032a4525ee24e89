"""The relative L2 error, and Gauss grids that are dense where a solution is steep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def relative_l2(u: ArrayLike, v: ArrayLike, weights: ArrayLike | None = None) -> float:
    """Return ||u - v|| / ||v||, where ||w||^2 = sum_i weights_i w_i^2 and v is the reference.

    Without weights every sample counts the same, as in the tables of the literature. NaN in u gives NaN.
    """
    u, v = np.asarray(u, dtype=float), np.asarray(v, dtype=float)
    if u.shape != v.shape:
        raise ValueError(f"u has shape {u.shape}, the reference {v.shape}; broadcasting would hide a mistake")
    weight = np.ones(v.shape) if weights is None else np.broadcast_to(np.asarray(weights, dtype=float), v.shape)
    norm = float(np.sum(weight * v**2))
    if norm == 0.0:
        raise ValueError("the reference is zero on this grid, so a relative error has no meaning")
    return float(np.sqrt(np.sum(weight * (u - v) ** 2) / norm))


@dataclass(frozen=True)
class Grid:
    """Quadrature points (point, coordinate) and weights (point,): sum(weights * f(points)) is the integral of f."""

    points: Array
    weights: Array


def graded_edges(
    left: float, right: float, centre: float, smallest: float, largest: float, ratio: float = 1.5
) -> Array:
    """Return interval ends (edge,) whose lengths grow by `ratio` from `smallest` at `centre` to at most `largest`."""

    def one_side(length: float) -> Array:
        distance, step = [0.0], smallest
        while distance[-1] + step < length:
            distance.append(distance[-1] + step)
            step = min(step * ratio, largest)
        if len(distance) > 1 and length - distance[-1] < step / 2:
            distance.pop()  # no sliver at the far end
        return np.array([*distance, length])

    edges = [np.array([centre])]
    if centre > left:
        edges.insert(0, centre - one_side(centre - left)[:0:-1])
    if centre < right:
        edges.append(centre + one_side(right - centre)[1:])
    return np.concatenate(edges)


def gauss(edges: ArrayLike, nodes: int = 5) -> Grid:
    """Return the Gauss-Legendre grid with `nodes` points in every interval between `edges` (edge,)."""
    edges = np.asarray(edges, dtype=float)
    x, w = np.polynomial.legendre.leggauss(nodes)
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    return Grid((middle[:, None] + half[:, None] * x).reshape(-1, 1), (half[:, None] * w).ravel())


def instants(times: ArrayLike) -> Grid:
    """Return the grid of increasing times (time,) with trapezoidal weights: for references saved at those times."""
    times = np.asarray(times, dtype=float)
    if times.size == 1:
        return Grid(times[:, None], np.ones(1))
    gaps = np.diff(times)
    return Grid(times[:, None], (np.append(gaps, 0.0) + np.insert(gaps, 0, 0.0)) / 2)


def tensor(*axes: Grid) -> Grid:
    """Return the product grid, the last axis fastest; coordinates in the order of the axes."""
    places = np.meshgrid(*(np.arange(axis.weights.size) for axis in axes), indexing="ij")
    rows = [place.ravel() for place in places]
    points = np.column_stack([axis.points[row] for axis, row in zip(axes, rows, strict=True)])
    weights = np.prod([axis.weights[row] for axis, row in zip(axes, rows, strict=True)], axis=0)
    return Grid(points, weights)


def burgers_grid(times: ArrayLike, nu: float = 0.01 / np.pi) -> Grid:
    """Return a grid (x, t) on [-1, 1] for the front at x = 0, of width 4 nu: 6 points per width there."""
    return tensor(gauss(graded_edges(-1.0, 1.0, 0.0, 3 * nu, 0.05)), instants(times))


def burgers_space_time(times: ArrayLike, nu: float = 0.01 / np.pi) -> Grid:
    """Return the same grid in x with Gauss points between the ``times``: an L2 norm in space and time."""
    return tensor(gauss(graded_edges(-1.0, 1.0, 0.0, 3 * nu, 0.05)), gauss(times))


def allen_cahn_grid(times: ArrayLike) -> Grid:
    """Return a grid (x, t) on [-1, 1] dense at the fronts x = +-0.5 (width 6e-3) and at the kink x = +-1."""
    right = np.concatenate(
        [
            graded_edges(0.0, 0.75, 0.5, 5e-3, 0.04),
            graded_edges(0.75, 1.0, 1.0, 1e-3, 0.04)[1:],
        ]
    )
    return tensor(gauss(np.concatenate([-right[:0:-1], right])), instants(times))


def worst_relative_l2(
    values: Mapping[str, Array], reference: Mapping[str, Array], vectors: Mapping[str, Sequence[str]], weights: Array
) -> float:
    """Return the error of the worst unknown or vector; names that the reference leaves out do not count."""
    parts = {name for names in vectors.values() for name in names}
    alone = [(name,) for name in reference if name not in parts]
    groups = [names for names in vectors.values() if all(name in reference for name in names)]
    return max(
        relative_l2(*(np.concatenate([of[name] for name in group]) for of in (values, reference)), weight)
        for group in (*groups, *alone)
        for weight in [np.tile(weights, len(group))]
    )
