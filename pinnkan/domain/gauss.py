"""Gauss rules on intervals."""

from functools import lru_cache

import numpy as np

from pinnkan.domain.box import Array


def composite_gauss_rule(breaks: Array, points: int) -> tuple[Array, Array]:
    """Return Gauss nodes and weights as flat arrays, ``points`` in every interval of ``breaks``."""
    nodes, weights = map_rule_to_intervals(breaks, *gauss_legendre(points))
    return nodes.ravel(), weights.ravel()


def map_rule_to_intervals(breaks: Array, nodes: Array, weights: Array) -> tuple[Array, Array]:
    """Map a rule on [-1, 1] to every interval of ``breaks``: nodes and weights, (interval, point) each."""
    half = 0.5 * np.diff(breaks)[:, None]
    return 0.5 * (breaks[1:] + breaks[:-1])[:, None] + half * nodes, half * weights


@lru_cache(maxsize=64)
def gauss_legendre(points: int) -> tuple[Array, Array]:
    """Return Gauss-Legendre nodes and weights on [-1, 1]."""
    return np.polynomial.legendre.leggauss(points)
