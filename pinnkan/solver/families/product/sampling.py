"""Samples of a function of a product space, for its true error."""

from collections.abc import Sequence
from dataclasses import replace
from functools import reduce

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.norms import Samples

#: Points that are evaluated at once.
POINTS_AT_ONCE = 2**18
#: Gauss points per halved interval, by number of coordinates; on at least so many intervals the last number, which
#: changes the error by 0.1 %.
GAUSS_POINTS, DENSE_INTERVALS, DENSE_POINTS = {1: 6, 2: 6, 3: 4}, 24, 3


def samples_of(space: Space, coefficients: Array) -> Samples:
    """Return the function on Gauss points of its halved intervals."""
    points = GAUSS_POINTS.get(len(space.axes), min(GAUSS_POINTS.values()))
    rules = [
        axis.halved().gauss(points if axis.intervals < DENSE_INTERVALS else min(points, DENSE_POINTS))
        for axis in space.axes
    ]
    (x, w), *others = [(x.ravel(), w.ravel()) for x, w in rules]
    few = max(1, POINTS_AT_ONCE // max(1, int(np.prod([len(x) for x, _ in others]))))
    starts = range(0, len(x), few)
    pieces = (_sampled(space, coefficients, [(x[k : k + few], w[k : k + few]), *others]) for k in starts)
    return replace(next(pieces), more_batches=pieces)


def _sampled(space: Space, coefficients: Array, rules: Sequence[tuple[Array, Array]]) -> Samples:
    """Return the function on a tensor grid, by a rule (points, weights) for each coordinate."""
    nodes = [x for x, _ in rules]
    weights = reduce(np.multiply.outer, (w for _, w in rules))
    values = space.evaluate_grid(coefficients, nodes, (0,) * len(nodes))
    return Samples(np.meshgrid(*nodes, indexing="ij", sparse=True), weights, values)
