"""What a case of the benchmarks is, and the grids on which errors are measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from reference.error import Grid, gauss, graded_edges, instants, tensor

Array = NDArray[np.float64]
#: Range and intervals of a coordinate that needs no more.
UNIT = (0.0, 1.0, 16)
#: One array (point,) per coordinate -> (point,), of a system by the names of unknowns.
Reference = Callable[..., Array | Mapping[str, Array]]


@dataclass(frozen=True)
class Target:
    """A true relative L2 error within so many seconds; `tolerance` is the largest decade that reached it (measured)."""

    error: float
    seconds: float
    tolerance: float
    issue: int


@dataclass(frozen=True)
class Case:
    """A problem by name; `grid` makes the points and weights of the error; `source` says what the reference is."""

    name: str
    reference: Reference
    grid: Callable[[], Grid]
    target: Target | tuple[Target, ...] = ()
    source: str = "closed form"


def targets(case: Case) -> tuple[Target, ...]:
    """All targets of a case, none, one or several."""
    return case.target if isinstance(case.target, tuple) else (case.target,)


def box(*ranges: tuple[float, float, int], nodes: int = 6) -> Callable[[], Grid]:
    """Return the maker of a tensor Gauss grid: (low, high, intervals) per coordinate, `nodes` points in each."""
    return lambda: tensor(*(gauss(np.linspace(low, high, n + 1), nodes) for low, high, n in ranges))


def inside(grid: Callable[[], Grid], shape: Callable[..., NDArray[np.bool_]]) -> Callable[[], Grid]:
    """Return the maker of the points of a `grid` that lie inside a shape: the error to a per cent."""

    def make() -> Grid:
        whole = grid()
        there = shape(*whole.points.T)
        return Grid(whole.points[there], whole.weights[there])

    return make


def layer(width: float) -> Callable[[], Grid]:
    """Return the maker of a grid on [0, 1] graded towards x = 1 down to half the `width` of the layer."""
    return lambda: gauss(graded_edges(0.0, 1.0, 1.0, width / 2, 0.02), nodes=8)


def at_times(x: tuple[float, float, int], times: tuple[float, ...]) -> Callable[[], Grid]:
    """Return the maker of a Gauss grid in x at the saved `times` of a reference."""
    return lambda: tensor(gauss(np.linspace(x[0], x[1], x[2] + 1)), instants(times))


def at_times_in_the_plane(x: tuple[float, float, int], times: tuple[float, ...]) -> Callable[[], Grid]:
    """Return the maker of the same Gauss grid in x and in y at the saved `times` of a reference."""
    side = np.linspace(x[0], x[1], x[2] + 1)
    return lambda: tensor(gauss(side), gauss(side), instants(times))


def along_front(front: Callable[[Array], Array], width: float) -> Callable[[], Grid]:
    """Return the maker of a grid on the unit square, in y graded down to half the `width` of a front y = front(x)."""

    def make() -> Grid:
        x = gauss(np.linspace(0, 1, 41))
        columns = [gauss(graded_edges(0.0, 1.0, float(front(a)), width / 2, 0.05)) for a in x.points[:, 0]]
        points = [
            np.column_stack([np.full(len(c.weights), a), c.points])
            for a, c in zip(x.points[:, 0], columns, strict=True)
        ]
        weights = [w * c.weights for w, c in zip(x.weights, columns, strict=True)]
        return Grid(np.concatenate(points), np.concatenate(weights))

    return make


def cloud(dimension: int, count: int = 20_000) -> Callable[[], Grid]:
    """Return the maker of random points in the unit cube: the error to a per cent, in any number of coordinates."""
    return lambda: Grid(np.random.default_rng(2026).random((count, dimension)), np.full(count, 1.0 / count))


def until(end: float, count: int) -> tuple[float, ...]:
    """`count` equal times up to `end`."""
    return tuple(float(t) for t in np.linspace(0.0, end, count + 1)[1:])
