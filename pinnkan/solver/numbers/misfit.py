"""Measured values against a solution: their differences, and what the error of the solution makes of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.problem.statement import Measurement
from pinnkan.solution import Solution
from pinnkan.solver.estimate.solution_expressions import SolutionExpressions
from pinnkan.verdict.fit_records import FittedData


@dataclass(frozen=True, eq=False)
class Noise:
    """The standard deviations of all measured values, by measurement (value,)."""

    by_measurement: tuple[Array, ...]

    @property
    def all_values(self) -> Array:
        """Those of all measurements, one after the other."""
        return np.concatenate(self.by_measurement)

    def estimated(self, measurements: Sequence[Measurement], differences: Array, numbers: int) -> "Noise":
        """The noise with that which is not given estimated from ``differences`` (value,) after so many numbers."""
        parts, total = np.split(differences, np.cumsum([len(m.values) for m in measurements])[:-1]), len(differences)
        free = 1.0 - numbers / total if total > numbers else 1.0  # the share of degrees of freedom
        return Noise(
            tuple(
                _even_noise(part / np.sqrt(free)) if m.noise is None else m.noise
                for m, part in zip(measurements, parts, strict=True)
            )
        )


def first_noise(measurements: Sequence[Measurement]) -> Noise:
    """The given noise; where there is none the root mean square of the values."""
    return Noise(tuple(_even_noise(m.values) if m.noise is None else m.noise for m in measurements))


def _even_noise(values: Array) -> Array:
    """The root mean square of values, for each of them."""
    return np.full(len(values), max(float(np.sqrt(np.mean(values**2))), 1e-300))


def computed_values(solution: Solution) -> list[Array]:
    """The values of the solution where it was measured, by measurement (value,)."""
    expressions = SolutionExpressions(solution.problem, solution.field, None)
    return [expressions.at_points(m.equation, m.points) for m in solution.problem.measurements]


def differences(solution: Solution) -> Array:
    """Computed less measured values, of all measurements one after the other."""
    computed = computed_values(solution)
    return np.concatenate([c - m.values for c, m in zip(computed, solution.problem.measurements, strict=True)])


def errors_of_values(solution: Solution) -> Array | None:
    """What the estimated error of the solution changes in its values where it was measured; None if not known."""
    if solution.error is None:
        return None
    corrected = SolutionExpressions(solution.problem, solution.field, solution.error)
    changed = [corrected.at_points(m.equation, m.points) for m in solution.problem.measurements]
    return np.concatenate([c - own for c, own in zip(changed, computed_values(solution), strict=True)])


def fitted_data(solution: Solution, noise: Noise) -> tuple[FittedData, ...]:
    """The records of all measurements."""
    return tuple(
        FittedData(
            m.name, m.equation.text, tuple(map(tuple, m.points.tolist())), tuple(m.values.tolist()),
            tuple(computed.tolist()), tuple(own.tolist()), m.noise is not None,
        )
        for m, computed, own in zip(
            solution.problem.measurements, computed_values(solution), noise.by_measurement, strict=True
        )
    )  # fmt: skip
