"""The coordinates in which numbers are sought: a number over its start, or its logarithm."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.problem.settings import EstimatedNumber

#: Steps of numbers for differences, relative to a number: hares and lynxes, six numbers over two cycles, come out
#: within 1e-5 of themselves with 1e-3 and 5e-5 with 1e-2, at a tolerance of 1e-4.
DIFFERENCE_STEP = 1e-3
#: A number near zero is moved as if it were this share of its start.
LEAST_SHARE = 1e-2


@dataclass(frozen=True)
class NumberCoordinates:
    """The coordinates of numbers, in their order; arrays are (number,)."""

    numbers: Mapping[str, EstimatedNumber]

    @property
    def start(self) -> Array:
        """The coordinates of the starts."""
        return np.array([_coordinate(n, n.start) for n in self.numbers.values()])

    @property
    def bounds(self) -> tuple[Array, Array]:
        """The coordinates of the lower and of the upper bounds."""
        low, high = ([_coordinate(n, end) for n, end in self._ends(k)] for k in (0, 1))
        return np.array(low), np.array(high)

    def _ends(self, k: int) -> list[tuple[EstimatedNumber, float]]:
        return [(n, (n.low, n.high)[k]) for n in self.numbers.values()]

    def values(self, at: Array) -> Array:
        """The numbers at coordinates."""
        pairs = zip(at, self.numbers.values(), strict=True)
        return np.array([math.exp(x) if n.is_logarithmic else x * _unit(n) for x, n in pairs])

    def named(self, at: Array) -> dict[str, float]:
        """The numbers at coordinates by name."""
        return dict(zip(self.numbers, self.values(at).tolist(), strict=True))

    def slopes(self, at: Array) -> Array:
        """The derivatives of the numbers by their coordinates."""
        pairs = zip(self.values(at), self.numbers.values(), strict=True)
        return np.array([value if n.is_logarithmic else _unit(n) for value, n in pairs])

    def steps(self, at: Array) -> Array:
        """The steps for differences."""
        pairs = zip(at, self.numbers.values(), strict=True)
        return DIFFERENCE_STEP * np.array([1.0 if n.is_logarithmic else max(abs(x), LEAST_SHARE) for x, n in pairs])

    def prior_differences(self, at: Array) -> Array:
        """The numbers less the means of their priors, over the deviations of these: (prior,)."""
        pairs = zip(self.values(at), self.numbers.values(), strict=True)
        return np.array([(value - n.prior[0]) / n.prior[1] for value, n in pairs if n.prior is not None])


def _unit(number: EstimatedNumber) -> float:
    """The unit of a number that is no logarithm: its start, or one."""
    return abs(number.start) or 1.0


def _coordinate(number: EstimatedNumber, value: float) -> float:
    if not number.is_logarithmic:
        return value / _unit(number)
    return math.log(value) if value > 0.0 else -math.inf
