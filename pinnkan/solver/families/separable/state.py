"""The state of a solve in sums of products, and its error estimate."""

from dataclasses import dataclass, field

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.separable import Separable
from pinnkan.solver.level_family import ErrorEstimate


@dataclass(frozen=True, eq=False)
class SeparableState:
    """A sum whose first terms depend on one of the coordinates ``singles`` each.

    ``level`` of the level; ``next_product``: a product to start the next term from; ``previous_estimate``: the previous
    estimate; ``loss`` of the last training, which has ended if ``is_solved``.
    """

    function: Separable
    singles: tuple[int, ...]
    target_products: int
    level: int = 0
    seed: int = 0
    next_product: Separable | None = None
    previous_estimate: float = float("inf")
    loss: float = float("inf")
    is_solved: bool = False

    @property
    def product_count(self) -> int:
        """The number of terms that depend on all coordinates."""
        return self.function.terms - len(self.singles)

    @property
    def parameter_count(self) -> int:
        """The number of coefficients; a single has one edge."""
        return coefficient_count(self.function.axes, self.singles, self.product_count)


@dataclass(frozen=True, eq=False, kw_only=True)
class SeparableEstimate(ErrorEstimate):
    """The richer sum; the relative sizes of its correction and of the error that it leaves.

    ``marked_intervals`` (interval,) by coordinate: intervals to halve; ``knot_gain``, ``term_gain``: parts of
    ``correction_size``; ``new_term``: the added product; ``sigma``: the least residual of a product of norm one.
    """

    enriched_sum: Separable
    correction_size: float
    remaining_error: float
    knot_gain: float
    term_gain: float
    marked_intervals: tuple[np.ndarray, ...] = field(repr=False)
    new_term: Separable
    sigma: float


def coefficient_count(axes: tuple[Axis, ...], singles: tuple[int, ...], products: int) -> int:
    """The number of coefficients of all edges on these axes."""
    counts = [a.count for a in axes]
    return sum(counts[i] for i in singles) + products * sum(counts)
