"""Knots graded towards points or sides at which the error hardly falls when intervals are halved once.

Halving lowers the residual of a smooth solution by 2^(degree + 1 - order), next to a corner where data disagree, or to
the tip of a layer, by a power independent of the degree. There an interval has more of the correction than its
neighbours, nearly all in one half, and its residual hardly falls: it is halved several times towards that end.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import unify_equal_axes
from pinnkan.problem.corners import Corner
from pinnkan.solver.estimate.marking import largest_unmarked_mass, mark_by_maximum
from pinnkan.solver.linear.system import System

#: The squared residual of an interval falls slowly if more than this share remains when it is halved.
SLOW_RATIO = 0.01
#: Share of the squared correction of an interval that one half must have.
ONE_SIDED = 0.8
#: Where some intervals are graded, others are halved from this share of the largest mass on: splines carry errors of
#: the former across knots.
NEIGHBOUR_SHARE = 0.05
#: Most halvings of an interval at once.
MOST_HALVINGS = 5
#: Share of the squared residual from which on intervals next to a corner are halved towards it, and how often.
CORNER_SHARE, CORNER_HALVINGS = 0.1, 3
#: And as much as this factor times their share of the length: unresolved waves have residuals everywhere.
CORNER_EXCESS = 1.3
#: An outermost interval with this share of the mass is halved towards its side, so many times at most. Heuristic.
SIDE_SHARE, SIDE_HALVINGS = 0.2, 6
#: Breakpoints nearer than this share of a side are one.
EQUAL_BREAKPOINTS = 1e-12
#: Least width of an interval next to a corner, as a share of the shortest side. Heuristic.
LEAST_WIDTH = 1e-9


@dataclass(frozen=True, eq=False)
class CorrectionProfile:
    """A correction by intervals of one coordinate.

    ``mass`` (interval): squared norm of its part in each; ``half_masses`` (interval, half): the same of their halves;
    ``residual_ratio`` (interval): ratio of the squared residuals after and before it.
    """

    mass: Array
    half_masses: Array
    residual_ratio: Array

    @property
    def graded_end(self) -> np.ndarray:
        """The end towards which each interval is to be graded: -1 for the lower, 1 for the upper, 0 for none."""
        around = np.pad(self.mass, 1)
        highest = (self.mass >= around[:-2]) & (self.mass >= around[2:])
        share = self.half_masses[:, 0] / np.maximum(self.half_masses.sum(1), 1e-300)
        side = np.where(share > ONE_SIDED, -1, np.where(share < 1.0 - ONE_SIDED, 1, 0))
        return np.where(highest & (self.residual_ratio > SLOW_RATIO), side, 0)

    def halvings(self, least: float) -> Array:
        """Return how often each interval must be halved until its mass is predicted below ``least``."""
        rate = np.log(np.clip(self.residual_ratio, SLOW_RATIO, 0.5))
        needed = np.ceil(np.log(np.maximum(least / np.maximum(self.mass, 1e-300), 1e-300)) / rate)
        return np.clip(needed, 1, MOST_HALVINGS)


def correction_profiles(
    system: System, coefficients: Array, fine: System, correction: Array, masses: Sequence[Array], scale: Array
) -> list[CorrectionProfile]:
    """Profiles of a correction of ``coefficients`` in the space of ``fine``, in which every interval is halved.

    ``masses`` (interval,) of every coordinate; ``scale`` (unknown,): norms that they are relative to.
    """
    profiles, space = [], fine.space
    before = system.squares_by_interval(coefficients)
    after = fine.squares_by_interval(system.space.prolong(coefficients, space) + correction)
    for i, axis in enumerate(system.space.axes):
        halves = (space.squared_norm_per_interval(correction, i) / scale**2).max(-1).reshape(axis.intervals, -1)
        remaining = after[i].reshape(axis.intervals, -1).sum(1)
        fall = remaining / np.maximum(before[i], 1e-300)
        profiles.append(CorrectionProfile(masses[i], halves[:, [0, -1]], fall))
    return profiles


def grade_towards_point(
    axes: Sequence[Axis], profiles: Sequence[CorrectionProfile], allowed: float
) -> tuple[Axis, ...] | None:
    """Return the axes graded where all coordinates show a point to grade towards, else None.

    ``profiles``: the correction by coordinate; ``allowed``: mass of an interval that needs no knots. Where the residual
    falls in some coordinate there is an unresolved layer, not a point.
    """
    masses = [s.mass for s in profiles]
    least, neighbours = largest_unmarked_mass(masses, allowed), mark_by_maximum(masses, allowed, NEIGHBOUR_SHARE)
    towards = [np.where(s.mass > least, s.graded_end, 0) for s in profiles]
    is_point = len(axes) > 1 and all(s.graded_end.any() for s in profiles)
    if not is_point or not any(t.any() for t in towards):  # a point, and one that counts
        return None
    return tuple(
        halve_towards_ends(axis, (ends == 0) & near, ends, s.halvings(least).astype(int))
        for axis, s, ends, near in zip(axes, profiles, towards, neighbours, strict=True)
    )


def grade_towards_sides(
    axes: Sequence[Axis], masses: Sequence[Array], excess: Sequence[float]
) -> tuple[Axis, ...] | None:
    """Return the axes graded towards sides beside which most of a correction is; None for none.

    ``masses`` (interval): squared norms, by coordinate; ``excess``: the correction over what is allowed. The depth is
    that for a jump, whose error falls like h^(1/2).
    """
    out = list(axes)
    for i, (axis, mass, times) in enumerate(zip(axes, masses, excess, strict=True)):
        depth = min(SIDE_HALVINGS, int(2.0 * np.log2(max(times, 1.0))) - 1)
        ends = np.zeros(axis.intervals, dtype=int)
        for k, side in ((0, -1), (-1, 1)) if depth > 0 and not axis.periodic else ():
            ends[k] = side if mass[k] >= SIDE_SHARE * mass.sum() else 0
        if ends.any():
            out[i] = halve_towards_ends(axis, np.zeros_like(ends, dtype=bool), ends, np.full(axis.intervals, depth))
    return None if all(a is b for a, b in zip(out, axes, strict=True)) else unify_equal_axes(out)


def grade_towards_corners(
    axes: Sequence[Axis], corners: Sequence[Corner], residuals: Sequence[Array], marks: Sequence[np.ndarray]
) -> tuple[Axis, ...] | None:
    """Return the axes graded towards corners, where residuals are large there; None for none.

    ``residuals`` (interval): squared, by coordinate; ``marks``: masks of other intervals to halve. Cells at a corner
    become equally wide in all coordinates, or all of the residual would remain.
    """
    knots = [[a.breaks, 0.5 * (a.breaks[1:] + a.breaks[:-1])[m]] for a, m in zip(axes, marks, strict=True)]
    found = False
    for corner in corners:
        beside = [_adjacent_intervals(axis, place) for axis, place in zip(axes, corner.position, strict=True)]
        widths = [np.diff(a.breaks) for a in axes]
        shares = [own[list(ends)].sum() / own.sum() for own, ends in zip(residuals, beside, strict=True)]
        even = [own[list(ends)].sum() / own.sum() for own, ends in zip(widths, beside, strict=True)]
        if not any(a > max(CORNER_SHARE, CORNER_EXCESS * b) for a, b in zip(shares, even, strict=True)):
            continue
        wanted = 0.5**CORNER_HALVINGS * max(w[k] for w, ends in zip(widths, beside, strict=True) for k in ends)
        if wanted < LEAST_WIDTH * min(float(np.ptp(a.breaks)) for a in axes):
            continue
        found = True
        for own, axis, width, ends in zip(knots, axes, widths, beside, strict=True):
            for k, end in ends.items():
                times = max(0, round(float(np.log2(width[k] / wanted))))
                steps = width[k] * 0.5 ** np.arange(1, times + 1)
                own.append(axis.breaks[k] + steps if end < 0 else axis.breaks[k + 1] - steps)
    pairs = zip(axes, knots, strict=True)
    return tuple(replace(a, breaks=_distinct_breakpoints(np.concatenate(k))) for a, k in pairs) if found else None


def _distinct_breakpoints(breaks: Array) -> Array:
    """Return the breakpoints sorted, without those that differ from the one before by rounding."""
    ordered = np.sort(breaks)
    return ordered[np.append(True, np.diff(ordered) > EQUAL_BREAKPOINTS * np.ptp(ordered))]


def _adjacent_intervals(axis: Axis, place: float) -> dict[int, int]:
    """Return the intervals next to a place, with the end (-1 lower, 1 upper) at which each has it."""
    at = int(np.argmin(np.abs(axis.breaks - place)))
    return {k: end for k, end in ((at - 1, 1), (at, -1)) if 0 <= k < axis.intervals}


def halve_towards_ends(axis: Axis, marks: np.ndarray, ends: np.ndarray, depths: np.ndarray) -> Axis:
    """Return the axis with ``marks`` halved, others repeatedly towards an end (-1 or 1, 0 for none)."""
    knots = [axis.breaks, 0.5 * (axis.breaks[1:] + axis.breaks[:-1])[marks]]
    for i in np.flatnonzero(ends):
        width = float(axis.breaks[i + 1] - axis.breaks[i]) * 0.5 ** np.arange(1, depths[i] + 1)
        knots.append(axis.breaks[i] + width if ends[i] < 0 else axis.breaks[i + 1] - width)
    return replace(axis, breaks=np.unique(np.concatenate(knots)))
