"""Sizes of unknowns without data, one by one: each as others make it of what is known, and what holds it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.problem.units.term_sizes import LESS, NOTHING, TermSizes

#: How often a range of sizes is halved.
HALVINGS = 16
#: The logarithm by which a size may differ where nothing is LESS.
FOLLOWS = 0.1


@dataclass(frozen=True, eq=False)
class BestSizes:
    """Logarithms of the sizes of unknowns and equations that fit best, and of which unknowns no others fit as well."""

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
    """The largest sizes of what is ``free`` that others make of it one by one, infinity where they do not (unknown,).

    And the sizes with what holds them, ``data`` where others make nothing. All are logarithms (unknown,). ``settled``:
    the best sizes within two bounds, beside others that are known; ``inside``: the equations; ``least``: lower bounds;
    ``bends``: whether coefficients depend on sizes at all.

    Of h_t = 0.2 - h, k_t = h**2 - k and l_t = k**2 - l, all nothing at first, that of h is seen at once, that of k with
    h, that of l with k: sizes that follow what nothing is taken to be are none.
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
    """The size of an unknown at which its own terms in an equation are as large as all others, at some ``sizes``.

    All are logarithms; that of the unknown is the largest that it may have, and stays where there are no others.
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
