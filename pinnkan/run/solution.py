"""The solved problem as users hold it: callable, with its verdict and its records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array, Field
from pinnkan.problem.statement import Problem
from pinnkan.verdict import Iteration, Level, Verdict


@dataclass(frozen=True)
class Solution:
    """A solution, its error estimate as a function (None where the method has none), and how it was reached."""

    problem: Problem
    field: Field
    error: Field | None
    verdict: Verdict
    levels: tuple[Level, ...]
    history: tuple[Iteration, ...]
    seconds: float
    network: str

    def __call__(self, points: Sequence[Sequence[float]] | Array) -> dict[str, Array]:
        """Values of the unknowns at ``points``, (point, coordinate) in the order of the coordinates.

        Returns:
            unknown's name -> (point,)
        """
        array = np.atleast_2d(np.asarray(points, dtype=np.float64))
        values = self.field(array, [(0,) * self.problem.dimension])
        return {name: values[:, i, 0] for i, name in enumerate(self.problem.unknowns)}
