"""Gauss' rules on intervals."""

from functools import lru_cache

import numpy as np

from pinnkan.kan.field import Array


def gauss_cells(breaks: Array, points: int) -> tuple[Array, Array]:
    """Gauss points and weights, so many in every interval of ``breaks``, as flat arrays."""
    nodes, weights = between(breaks, *legendre(points))
    return nodes.ravel(), weights.ravel()


def between(breaks: Array, nodes: Array, weights: Array) -> tuple[Array, Array]:
    """A rule on [-1, 1] in every interval: (interval, point) each."""
    half = 0.5 * np.diff(breaks)[:, None]
    return 0.5 * (breaks[1:] + breaks[:-1])[:, None] + half * nodes, half * weights


@lru_cache(maxsize=64)
def legendre(points: int) -> tuple[Array, Array]:
    """Nodes and weights on [-1, 1]."""
    return np.polynomial.legendre.leggauss(points)
