"""Sizes of unknowns without data, determined one by one from unknowns of known size."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.problem.units.term_sizes import LESS, NOTHING, TermSizes

#: Bisection steps for a size.
HALVINGS = 16
#: The most change of a logarithm of a size, when the initial size decreases, for which the size counts as determined.
FOLLOWS = 0.1


@dataclass(frozen=True, eq=False)
class BestSizes:
    """Logarithms of the best-fitting sizes of unknowns and equations, and which unknowns have a unique one."""

    unknowns: np.ndarray
    equations: np.ndarray
    is_unique: np.ndarray


def driven_sizes(
    settled: Callable[..., BestSizes],
    inside: Sequence[TermSizes],
    data: np.ndarray,
    least: np.ndarray,
    free: np.ndarray,
    bends: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Return upper bounds of the sizes of ``free`` unknowns, and their sizes, as logarithms (unknown,).

    Where no equation determines a size its bound is infinite and the size that of ``data``. ``settled``: returns the
    best sizes within two bounds, beside ``known`` ones; ``inside``: the equations; ``least``: lower bounds; ``bends``:
    whether coefficients depend on unknowns at all.

    Unknowns are determined in rounds, each from those before: of h_t = 0.2 - h, k_t = h**2 - k, l_t = k**2 - l first h,
    then k, then l. A size that follows the assumed initial one is not determined.
    """
    most, held, open_ones = np.full(len(free), np.inf), data, free
    while open_ones.any():
        known = np.where(free & ~open_ones, held, -np.inf)
        more, less = (
            settled((least, np.where(open_ones, np.log(nothing), most)), known=known)
            for nothing in (NOTHING, LESS * NOTHING if bends else NOTHING)
        )
        seen = open_ones & more.is_unique & (np.abs(more.unknowns - less.unknowns) < FOLLOWS)
        if not seen.any():
            break
        most, open_ones = np.where(seen, more.unknowns, most), open_ones & ~seen
        held = np.where(seen, most, held)
        for j in np.flatnonzero(seen) if bends else ():
            held[j] = min((_held(e, int(j), held) for e in inside if j in e.leading), default=held[j])
    return most, held


def _held(equation: TermSizes, j: int, sizes: np.ndarray) -> float:
    """Return the size of unknown j at which its terms in an equation equal the largest other one, by bisection.

    All are logarithms. ``sizes[j]`` is the largest that it may have, returned if there are no other terms.
    """
    low, high = float(np.log(NOTHING * LESS)), float(sizes[j])
    for _ in range(HALVINGS):
        middle, at = 0.5 * (low + high), sizes.copy()
        at[j] = middle
        terms = equation.terms(at)
        others = max([terms.source, *(t * np.exp(at[k]) for k, t in terms.largest.items() if k != j)])
        if others == 0.0:
            return float(sizes[j])
        low, high = (low, middle) if terms.largest[j] * np.exp(middle) > others else (middle, high)
    return high
