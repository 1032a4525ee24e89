"""Gauss quadrature with a bound for the rounding of its nodes and weights.

On [-1, 1] let the weights add up to one. For every polynomial q of degree below 2 n the rule gives the mean of q up to
``defect`` max |q|: the Chebyshev coefficients of q are at most 2 max |q|, and the error of the rule for each T_k is
computed in exact fractions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache, reduce

import numpy as np

from pinnkan.certificate.cell_ranges import values_at_nodes
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline
from pinnkan.domain.gauss import gauss_legendre
from pinnkan.domain.rounding import EPS
from pinnkan.problem.expressions.interval import Array
from pinnkan.problem.expressions.tape import Tape


@dataclass(frozen=True, eq=False)
class GaussRule:
    """Nodes in [-1, 1], weights that add up to one, and the defect."""

    nodes: Array
    weights: Array
    defect: float


@lru_cache(maxsize=16)
def verified_gauss_rule(points: int) -> GaussRule:
    """The Gauss rule with so many points."""
    nodes, weights = gauss_legendre(points)
    weights = 0.5 * weights
    exact = [Fraction(float(w)) for w in weights]
    x = [Fraction(float(node)) for node in nodes]
    before, now, defect = [Fraction(1)] * points, x, abs(sum(exact, Fraction(-1)))
    for k in range(1, 2 * points):
        mean = Fraction(1, 1 - k * k) if k % 2 == 0 else Fraction(0)
        defect += 2 * abs(sum((w * t for w, t in zip(exact, now, strict=True)), -mean))
        before, now = now, [2 * a * t - b for a, t, b in zip(x, now, before, strict=True)]
    return GaussRule(nodes, weights, float(defect) * MARGIN)


def node_shift(cells: Cells) -> Array:
    """A bound of the shift of points by rounding, in units of the half-width of a cell: (coordinate, cell)."""
    return 4.0 * EPS * (1.0 + np.abs(cells.middle) / np.where(cells.half_width > 0.0, cells.half_width, np.inf))


def mean_errors(rule: GaussRule, cells: Cells, degree: int) -> Array:
    """A bound of the error of the mean of a polynomial of ``degree`` per coordinate, over its largest value (cell)."""
    each = rule.defect + degree**2 * node_shift(cells)
    return np.asarray((1.0 + each).prod(0) - 1.0) * MARGIN + 1e-15


def norm_bounds(tape: Tape, cells: Cells, splines: Sequence[TensorSpline], largest: Array) -> tuple[float, float]:
    """Bounds of the L2 norm of a sum of splines, by their values; ``largest`` (cell) bounds its absolute value."""
    degree, d = max(max(s.degrees) for s in splines), len(cells.lo)
    rule, volume = verified_gauss_rule(degree + 1), (cells.hi - cells.lo).prod(0)
    values, weights = values_at_nodes(tape, cells, splines, rule.nodes), tensor_weights(rule, d)
    off = mean_errors(rule, cells, 2 * degree) * largest**2
    least = ((values.mignitude()[0] ** 2 * weights).sum(-1) * (2.0 - MARGIN) - off) * volume
    most = ((values.magnitude()[0] ** 2 * weights).sum(-1) * MARGIN + off) * volume
    return float(np.sqrt(max(least.sum(), 0.0)) * (2.0 - MARGIN)), float(np.sqrt(most.sum()) * MARGIN)


def tensor_weights(rule: GaussRule, dimension: int) -> Array:
    """The weights of all points of a cell, which add up to one."""
    return reduce(np.multiply.outer, [rule.weights] * dimension, np.ones(1)).ravel()
