"""The state of a solve in sums of products, and its error estimate."""

from dataclasses import dataclass, field

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.separable import Separable
from pinnkan.solver.level_family import ErrorEstimate


@dataclass(frozen=True, eq=False)
class SeparableState:
    """A sum whose first terms, ``singles``, depend on one of these coordinates each; ``wanted``: target of products.

    ``number`` of the level; ``hint``: a product to start the next term from; ``before``: the previous estimate;
    ``loss`` of the last training, which has ended if ``is_solved``.
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
        """The number of terms that depend on all coordinates."""
        return self.function.terms - len(self.singles)

    @property
    def parameters(self) -> int:
        """The number of coefficients; a single has one edge."""
        return coefficient_count(self.function.axes, self.singles, self.products)


@dataclass(frozen=True, eq=False, kw_only=True)
class SeparableEstimate(ErrorEstimate):
    """The richer sum; its correction ``explained`` and the error that it leaves, ``unexplained``, as relative sizes.

    ``marked`` (interval,) by coordinate: intervals to halve; ``by_knots``, ``by_term``: parts of ``explained``;
    ``term``: the added product; ``sigma``: the least residual of a product of norm one.
    """

    richer: Separable
    explained: float
    unexplained: float
    by_knots: float
    by_term: float
    marked: tuple[np.ndarray, ...] = field(repr=False)
    term: Separable
    sigma: float


def coefficient_count(axes: tuple[Axis, ...], singles: tuple[int, ...], products: int) -> int:
    """The number of coefficients of all edges on these axes."""
    counts = [a.count for a in axes]
    return sum(counts[i] for i in singles) + products * sum(counts)
