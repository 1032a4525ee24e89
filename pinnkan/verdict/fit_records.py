"""The records of a fit: the numbers that were found from measured values, and how well these are met."""

import math
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class FoundNumber:
    """A number that was found, from ``start`` on.

    ``error``: what the estimated error of the solution and the end of the search leave in it; ``standard_error``: the
    standard deviation that the noise of the data leaves in it, None of a number without data.
    """

    value: float
    error: float
    standard_error: float | None
    start: float


@dataclass(frozen=True)
class FittedData:
    """Measured values of ``expression`` at ``points`` (point, coordinate), and those ``computed`` there.

    ``noise``: the standard deviation of each value, given, or estimated from the misfit.
    """

    name: str
    expression: str
    points: tuple[tuple[float, ...], ...]
    measured: tuple[float, ...]
    computed: tuple[float, ...]
    noise: tuple[float, ...]
    is_noise_given: bool

    @property
    def misfit(self) -> float:
        """The root mean square of measured less computed values."""
        squares = [(a - b) ** 2 for a, b in zip(self.measured, self.computed, strict=True)]
        return math.sqrt(sum(squares) / len(squares))


@dataclass(frozen=True)
class Fit:
    """The numbers by name, their correlations (number, number), and the data.

    ``chi_square``: the sum of squared misfits, each over its noise; ``freedoms``: measured values less numbers;
    ``undetermined``: the combination of numbers that the data do not determine, in words; "" if there is none.
    """

    numbers: Mapping[str, FoundNumber]
    correlations: tuple[tuple[float, ...], ...]
    data: tuple[FittedData, ...]
    chi_square: float
    freedoms: int
    undetermined: str = ""


@dataclass(frozen=True)
class FitStep:
    """A step of a fit: the numbers by name, the misfit over the noise (root mean square), seconds of the solve."""

    number: int
    values: Mapping[str, float]
    misfit: float
    seconds: float
