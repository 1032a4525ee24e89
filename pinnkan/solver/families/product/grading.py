"""Knots graded towards a place where the error hardly falls with their number: several halvings at once.

Where a solution is smooth, halving an interval lowers its residual by 2^(degree + 1 - order); next to a corner at which
data disagree, or at the tip of a layer, by a power that has nothing to do with the degree, and only the half next to it
counts. Nothing looks for a corner: an interval with more of the correction than its neighbours, nearly all in one of
its halves, whose residual hardly falls, is halved towards that end until its share is predicted to be as small as the
others'. Those show its shadow meanwhile, since splines are smooth across knots, and wait.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import alike
from pinnkan.problem.corners import Corner
from pinnkan.solver.estimate.indicators import MARKING, mark

#: The squared residual of an interval falls slowly if it keeps more than this share when the interval is halved.
SLOW = 0.01
#: One half has nearly all of a correction if it has this share.
ONE_SIDED = 0.8
#: Where intervals are graded, others are halved from this share of the largest mass on.
SHADOW = 0.05
#: Most halvings at once.
MOST = 5
#: An interval next to a corner is halved DEPTH times towards it where it has this share of the squared residual.
CORNERED, DEPTH = 0.1, 3
#: And as much as PEAKED of its share of the length: of waves that are not resolved yet all intervals have their share.
PEAKED = 1.3
#: An outermost interval with OUTER of the mass is halved towards its side as often as a jump there, of order 1/2, asks
#: for, OFTEN at once at most. A plate of 1 between sides of 0 began with 147 x 147 intervals after eleven attempts, in
#: 25 s, since each halved six intervals at every side; now with 44 x 44 after five, in 2 s.
OUTER, OFTEN = 0.2, 6
#: Knots nearer than this share of a side are one.
ROUNDED = 1e-12
#: No interval next to a corner is narrower than this share of a side: what it could hold is nothing.
NARROWEST = 1e-9


@dataclass(frozen=True, eq=False)
class Profile:
    """What a correction says of the intervals of one coordinate.

    ``mass`` (interval): its squared share; ``halves`` (interval, half): the same of each half; ``fall`` (interval): the
    share of the squared residual that it leaves.
    """

    mass: Array
    halves: Array
    fall: Array

    @property
    def towards(self) -> np.ndarray:
        """By interval, the end towards which it is to be graded, -1 for the lower and 1 for the upper; 0 for none."""
        around = np.pad(self.mass, 1)
        highest = (self.mass >= around[:-2]) & (self.mass >= around[2:])
        share = self.halves[:, 0] / np.maximum(self.halves.sum(1), 1e-300)
        side = np.where(share > ONE_SIDED, -1, np.where(share < 1.0 - ONE_SIDED, 1, 0))
        return np.where(highest & (self.fall > SLOW), side, 0)

    def depths(self, least: float) -> Array:
        """How often each interval is halved until its mass is predicted below ``least``."""
        rate = np.log(np.clip(self.fall, SLOW, 0.5))
        needed = np.ceil(np.log(np.maximum(least / np.maximum(self.mass, 1e-300), 1e-300)) / rate)
        return np.clip(needed, 1, MOST)


def graded(axes: Sequence[Axis], seen: Sequence[Profile], allowed: float) -> tuple[Axis, ...] | None:
    """The axes with knots where the correction asks for them; None where its residual falls in some coordinate.

    There it is a layer that is not yet resolved, in which a power is soon left behind.

    ``allowed``: the mass of an interval that needs none.
    """
    largest = max(float(s.mass.max()) for s in seen)
    towards = [np.where(mark(s.mass, largest, allowed), s.towards, 0) for s in seen]
    is_point = len(axes) > 1 and all(s.towards.any() for s in seen)
    if not is_point or not any(t.any() for t in towards):  # a point, and one that counts
        return None
    out = []
    for axis, s, ends in zip(axes, seen, towards, strict=True):
        others = (ends == 0) & mark(s.mass, largest * SHADOW / MARKING, allowed)
        out.append(halved_towards(axis, others, ends, s.depths(max(MARKING * largest, allowed)).astype(int)))
    return tuple(out)


def towards_sides(axes: Sequence[Axis], masses: Sequence[Array], excess: Sequence[float]) -> tuple[Axis, ...] | None:
    """The axes with their outermost intervals halved towards sides beside which most of a correction is; None for none.

    ``masses`` (interval): its squared shares, by coordinate, before intervals were halved; ``excess``: how many times
    as large as it may be it is.
    """
    out = list(axes)
    for i, (axis, mass, times) in enumerate(zip(axes, masses, excess, strict=True)):
        depth = min(OFTEN, int(2.0 * np.log2(max(times, 1.0))) - 1)
        ends = np.zeros(axis.intervals, dtype=int)
        for k, side in ((0, -1), (-1, 1)) if depth > 0 and not axis.periodic else ():
            ends[k] = side if mass[k] >= OUTER * mass.sum() else 0
        if ends.any():
            out[i] = halved_towards(axis, np.zeros_like(ends, dtype=bool), ends, np.full(axis.intervals, depth))
    return None if all(a is b for a, b in zip(out, axes, strict=True)) else alike(out)


def towards_corners(
    axes: Sequence[Axis], corners: Sequence[Corner], residuals: Sequence[Array], once: Sequence[np.ndarray]
) -> tuple[Axis, ...] | None:
    """The axes with the intervals next to corners halved towards these, where much of the residual is; None where not.

    ``residuals`` (interval): squared, by coordinate; ``once``: other intervals to be halved. Cells at a corner become
    as wide in one coordinate as in the other: next to ones that are not, all of the residual stays.
    """
    knots = [[a.breaks, 0.5 * (a.breaks[1:] + a.breaks[:-1])[m]] for a, m in zip(axes, once, strict=True)]
    found = False
    for corner in corners:
        beside = [_beside(axis, place) for axis, place in zip(axes, corner.position, strict=True)]
        widths = [np.diff(a.breaks) for a in axes]
        shares = [own[list(ends)].sum() / own.sum() for own, ends in zip(residuals, beside, strict=True)]
        even = [own[list(ends)].sum() / own.sum() for own, ends in zip(widths, beside, strict=True)]
        if not any(a > max(CORNERED, PEAKED * b) for a, b in zip(shares, even, strict=True)):
            continue
        wanted = 0.5**DEPTH * max(w[k] for w, ends in zip(widths, beside, strict=True) for k in ends)
        if wanted < NARROWEST * min(float(np.ptp(a.breaks)) for a in axes):
            continue
        found = True
        for own, axis, width, ends in zip(knots, axes, widths, beside, strict=True):
            for k, end in ends.items():
                times = max(0, round(float(np.log2(width[k] / wanted))))
                steps = width[k] * 0.5 ** np.arange(1, times + 1)
                own.append(axis.breaks[k] + steps if end < 0 else axis.breaks[k + 1] - steps)
    pairs = zip(axes, knots, strict=True)
    return tuple(replace(a, breaks=_apart(np.concatenate(k))) for a, k in pairs) if found else None


def _apart(breaks: Array) -> Array:
    """In order; of those that are one but for rounding, as middles worked out in two ways, the first."""
    ordered = np.sort(breaks)
    return ordered[np.append(True, np.diff(ordered) > ROUNDED * np.ptp(ordered))]


def _beside(axis: Axis, place: float) -> dict[int, int]:
    """The intervals next to a place, and the end of each at which it is: -1 for the lower and 1 for the upper."""
    at = int(np.argmin(np.abs(axis.breaks - place)))
    return {k: end for k, end in ((at - 1, 1), (at, -1)) if 0 <= k < axis.intervals}


def halved_towards(axis: Axis, once: np.ndarray, ends: np.ndarray, depths: np.ndarray) -> Axis:
    """Intervals halved ``once``, and others again and again towards an end."""
    knots = [axis.breaks, 0.5 * (axis.breaks[1:] + axis.breaks[:-1])[once]]
    for i in np.flatnonzero(ends):
        width = float(axis.breaks[i + 1] - axis.breaks[i]) * 0.5 ** np.arange(1, depths[i] + 1)
        knots.append(axis.breaks[i] + width if ends[i] < 0 else axis.breaks[i + 1] - width)
    return replace(axis, breaks=np.unique(np.concatenate(knots)))
