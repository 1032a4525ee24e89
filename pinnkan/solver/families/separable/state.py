"""Where a solve in sums of products stands, and what an estimate of its error leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.separable import Separable
from pinnkan.solver.outcome import SAFETY


@dataclass(frozen=True, eq=False)
class State:
    """A sum whose first terms, ``singles``, depend on one coordinate each; ``wanted``: products that it shall have.

    ``hint``: a product to begin the next term with; ``before``: the estimate of the level before; ``loss``, ``steps``:
    of the last training.
    """

    function: Separable
    singles: tuple[int, ...]
    wanted: int
    number: int = 0
    seed: int = 0
    hint: Separable | None = None
    before: float = float("inf")
    loss: float = float("inf")
    steps: int = 0

    @property
    def products(self) -> int:
        """Terms that depend on all coordinates."""
        return self.function.terms - len(self.singles)

    @property
    def parameters(self) -> int:
        """Coefficients of the edges; a single has one edge."""
        counts = [a.count for a in self.function.axes]
        return sum(counts[i] for i in self.singles) + self.products * sum(counts)


@dataclass(frozen=True, eq=False)
class Estimate:
    """The richer sum and the error, their difference; relative sizes: what it explains, what the residual may hide.

    ``marked`` (interval) per coordinate: those to halve. ``by_knots``, ``by_term``: shares of ``explained``; ``term``:
    the product that a richer sum begins with; ``mode``: the product that the equations see least, and how little.
    """

    richer: Separable
    error: Separable
    explained: float
    unexplained: float
    heldout: float
    unsolved: float
    by_knots: float
    by_term: float
    marked: tuple[np.ndarray, ...]
    term: Separable
    mode: Separable
    sigma: float

    @property
    def size(self) -> float:
        """Relative L2 error, with the safety factor."""
        return SAFETY * (self.explained + self.unexplained)


def first_function(axes: tuple[Axis, ...], singles: tuple[int, ...]) -> Separable:
    """A sum of singles that are zero, their other factors one."""
    edges = [np.ones((len(singles), a.count)) for a in axes]
    for term, i in enumerate(singles):
        edges[i][term] = 0.0
    return Separable(axes, tuple(edges))
