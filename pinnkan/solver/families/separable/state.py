"""Where a solve in sums of products stands, and what an estimate of its error leaves."""

from dataclasses import dataclass, field

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.separable import Separable
from pinnkan.solver.family import ErrorEstimate


@dataclass(frozen=True, eq=False)
class SeparableState:
    """A sum whose first terms, ``singles``, depend on one coordinate each; ``wanted``: products that it shall have.

    ``number`` of the level; ``hint``: a product to begin the next term with; ``before``: the estimate of the level
    before; ``loss``: of the last training; ``is_solved``: whether that has ended.
    """

    function: Separable
    singles: tuple[int, ...]
    wanted: int
    number: int = 0
    seed: int = 0
    hint: Separable | None = None
    before: float = float("inf")
    loss: float = float("inf")
    is_solved: bool = False

    @property
    def products(self) -> int:
        """Terms that depend on all coordinates."""
        return self.function.terms - len(self.singles)

    @property
    def parameters(self) -> int:
        """Coefficients of the edges; a single has one edge."""
        return coefficients(self.function.axes, self.singles, self.products)


@dataclass(frozen=True, eq=False, kw_only=True)
class SeparableEstimate(ErrorEstimate):
    """The richer sum; relative sizes: what it explains, what the residual that it leaves may hide.

    ``marked`` (interval) per coordinate: those to halve. ``by_knots``, ``by_term``: shares of ``explained``; ``term``:
    the product that a richer sum begins with; ``sigma``: how little the equations see of the one they see least of.
    """

    richer: Separable
    explained: float
    unexplained: float
    by_knots: float
    by_term: float
    marked: tuple[np.ndarray, ...] = field(repr=False)
    term: Separable
    sigma: float


def coefficients(axes: tuple[Axis, ...], singles: tuple[int, ...], products: int) -> int:
    """Of all edges on these knots."""
    counts = [a.count for a in axes]
    return sum(counts[i] for i in singles) + products * sum(counts)
