"""Waves that the equations of a steady problem hardly see: where their symbol vanishes.

Knots that do not hold these say nothing of a resonance with them: of lap(u) + 2500 pi^2 u = sin(pi x) sin(pi y) with
u = 0 all around three intervals hold what the source makes, and not sin(30 pi x) sin(40 pi y), which may be added.
"""

import math
from collections.abc import Sequence
from functools import lru_cache, partial

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.posedness import MOST_UNKNOWNS
from pinnkan.solver.verify.symbol import Complex, determinant, directions, frozen, symbol

#: Points at which coefficients are frozen.
POINTS = 24
#: Even intervals of a coordinate, by the number of these, beyond which nobody asks.
MANY = {1: 2048, 2: 64, 3: 16}
#: A wave is neutral whose number is real but for this share: others decay within a few of their lengths.
REAL = 0.1
#: Least share of the largest coefficient that a power counts with.
ROUNDED = 1e-14


def is_held(model: Model, axes: Sequence[Axis]) -> bool:
    """Whether knots hold the waves that the equations do not see, or would have to be too MANY for that."""
    for number, axis in zip(neutral_waves(model), axes, strict=True):
        wanted = number * float(np.ptp(axis.breaks)) / axis.degree
        if wanted <= MANY[len(axes)] and number * float(np.diff(axis.breaks).max()) > axis.degree:
            return False
    return True


@lru_cache(maxsize=2)
def neutral_waves(model: Model) -> tuple[float, ...]:
    """By coordinate, the largest wave number (1 / length) of a wave that linear equations do not see; zero for none."""
    problem = model.problem
    low, high = np.array(problem.box.ranges).T
    if not model.is_linear or len(model.equations) != len(problem.unknowns) or len(problem.unknowns) > MOST_UNKNOWNS:
        return (0.0,) * problem.dimension
    points = low + (high - low) * kronecker(POINTS, len(low))
    weights = frozen(model.equations, None, points)
    found = np.zeros(problem.dimension)
    for way in directions(high - low):
        unit = np.array(way) / np.linalg.norm(way)
        polynomial = determinant(symbol(weights, len(problem.unknowns), _total, partial(_factor, unit)))
        degree = max((b for _, b in polynomial), default=0)
        coefficients = np.zeros((len(points), degree + 1), dtype=np.complex128)
        for (_, b), (value, _) in polynomial.items():
            coefficients[:, degree - b] += value
        numbers = [_largest(own) for own in coefficients]
        found = np.maximum(found, max(numbers, default=0.0) * np.abs(unit))
    return tuple(found.tolist())


def _total(jet: Jet) -> tuple[int, int]:
    return 0, jet.total


def _factor(unit: Sequence[float], jet: Jet) -> complex:
    return complex(1j**jet.total * math.prod(n**k for n, k in zip(unit, jet.order, strict=True)))


def _largest(coefficients: Complex) -> float:
    """The largest positive root of a polynomial, highest power first, that is real."""
    size = np.abs(coefficients).max(initial=0.0)
    roots = np.roots(np.where(np.abs(coefficients) > ROUNDED * size, coefficients, 0.0)) if size > 0.0 else np.empty(0)
    real = roots[(roots.real > 0.0) & (np.abs(roots.imag) <= REAL * np.abs(roots))]
    return float(real.real.max(initial=0.0))
