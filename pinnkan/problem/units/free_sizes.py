"""Sizes of unknowns without data, determined one by one from unknowns of known size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.domain.bisection import bisect
from pinnkan.problem.units.term_sizes import NEGLIGIBLE_SIZE, SIZE_DECREASE, TermSizes

#: Bisection steps for a size.
BISECTION_STEPS = 16
#: The most change of a logarithm of a size, when the initial size decreases, for which the size counts as determined.
MAX_LOG_CHANGE = 0.1


@dataclass(frozen=True, eq=False)
class BestSizes:
    """Logarithms of the best-fitting sizes of unknowns and equations, and which unknowns have a unique one."""

    unknowns: np.ndarray
    equations: np.ndarray
    is_unique: np.ndarray


def determine_free_sizes(
    fit_sizes: Callable[..., BestSizes],
    equations: Sequence[TermSizes],
    data: np.ndarray,
    lower_bounds: np.ndarray,
    free: np.ndarray,
    is_nonlinear: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return upper bounds of the sizes of ``free`` unknowns, and their sizes, as logarithms (unknown,).

    Where no equation determines a size its bound is infinite and the size that of ``data``. ``fit_sizes``: returns the
    best sizes within two bounds, beside ``known`` ones; ``equations``: the equations; ``lower_bounds``: lower bounds;
    ``is_nonlinear``: whether coefficients depend on unknowns at all.

    Unknowns are determined in rounds, each from those before: of h_t = 0.2 - h, k_t = h**2 - k, l_t = k**2 - l first h,
    then k, then l. A size that follows the assumed initial one is not determined.
    """
    most, held, open_ones = np.full(len(free), np.inf), data, free
    while open_ones.any():
        known = np.where(free & ~open_ones, held, -np.inf)
        more, less = (
            fit_sizes((lower_bounds, np.where(open_ones, np.log(nothing), most)), known=known)
            for nothing in (NEGLIGIBLE_SIZE, SIZE_DECREASE * NEGLIGIBLE_SIZE if is_nonlinear else NEGLIGIBLE_SIZE)
        )
        seen = open_ones & more.is_unique & (np.abs(more.unknowns - less.unknowns) < MAX_LOG_CHANGE)
        if not seen.any():
            break
        most, open_ones = np.where(seen, more.unknowns, most), open_ones & ~seen
        held = np.where(seen, most, held)
        for j in np.flatnonzero(seen) if is_nonlinear else ():
            held[j] = min((_balanced_size(e, int(j), held) for e in equations if j in e.leading), default=held[j])
    return most, held


def _balanced_size(equation: TermSizes, j: int, sizes: np.ndarray) -> float:
    """Return the size of unknown j at which its terms in an equation equal the largest other one, by bisection.

    All are logarithms. ``sizes[j]`` is the largest that it may have, returned if there are no other terms.
    """

    def excess(size: float) -> float:
        """The largest other term less the largest of unknown j, infinite if there are none."""
        at = np.where(np.arange(len(sizes)) == j, size, sizes)
        terms = equation.terms(at)
        others = max([terms.source, *(t * np.exp(at[k]) for k, t in terms.largest.items() if k != j)])
        return np.inf if others == 0.0 else others - terms.largest[j] * np.exp(size)

    return float(bisect(excess, np.log(NEGLIGIBLE_SIZE * SIZE_DECREASE), sizes[j], steps=BISECTION_STEPS)[1])
