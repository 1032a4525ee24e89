"""The state between two slabs of time; its transfer is exact to finer knots, and its loss counted to coarser ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pinnkan.domain.rounding import EPS
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.marking import complete_marks, mark_by_maximum, prefer_even_knots
from pinnkan.solver.estimate.norms import safe_divisors

#: No knots are left to the next slab if more than this share of intervals would be halved, which is no moving front, or
#: if less than this is allowed: they add rounding.
MOVING_SHARE, LEAST_ALLOWED = 0.25, 1e-12


@dataclass(frozen=True)
class KnotThresholds:
    """Thresholds for knots between slabs.

    An interval is halved above a squared correction of (``halving_share`` allowed)^2 / number of intervals, two are
    merged below a predicted one of ``merging_share`` allowed^2 / number. The next slab has more knots after corrections
    above ``moving_share`` allowed.
    """

    halving_share: float
    merging_share: float
    moving_share: float


#: On a line; with more space coordinates, where knots of one are paid for in the others. On a line two solitons take 30
#: attempts, without the last threshold 36.
LINE_THRESHOLDS, SPACE_THRESHOLDS = (
    KnotThresholds(halving_share=0.2, merging_share=1e-2, moving_share=0.3),
    KnotThresholds(halving_share=0.5, merging_share=6e-2, moving_share=0.5),
)


@dataclass(frozen=True, eq=False)
class SlabStart:
    """State between slabs: time, space axes, traces of u, u_t, .., and those of the global error on halved axes.

    ``rates`` (.., order): u_t, u_tt / 2, .. at the end of the slab before, for the next initial guess.
    """

    time: float
    axes: tuple[Axis, ...]
    traces: tuple[Array, ...]
    errors: tuple[Array, ...]
    rates: Array | None = None

    @classmethod
    def contiguous(
        cls, time: float, axes: tuple[Axis, ...], traces: Sequence[Array], errors: Sequence[Array], rates: Array | None
    ) -> "SlabStart":
        """Return a state with arrays in C order, so that storing it does not change bits."""
        ordered = np.ascontiguousarray
        rows = None if rates is None else ordered(rates)
        return cls(time, axes, tuple(ordered(t) for t in traces), tuple(ordered(e) for e in errors), rows)

    @property
    def unknowns(self) -> int:
        """Number of unknowns."""
        return int(self.traces[0].shape[-1])

    def spaces(self, axes: Sequence[Axis]) -> tuple[Space, Space]:
        """Return the space of traces on ``axes`` and that of errors, with every interval halved."""
        return (space := Space(tuple(axes), self.unknowns)), space.halved()

    def halved_traces(self) -> tuple[Array, ...]:
        """Return the traces on axes with every interval halved."""
        space, fine = self.spaces(self.axes)
        return tuple(space.prolong(t, fine) for t in self.traces)

    def prolonged_to(self, axes: tuple[Axis, ...]) -> "SlabStart":
        """Return the state on axes that contain the present ones."""
        old, old_fine = self.spaces(self.axes)
        new, new_fine = self.spaces(axes)
        traces = [old.prolong(t, new) for t in self.traces]
        errors = [old_fine.prolong(e, new_fine) for e in self.errors]
        rates = None if self.rates is None else old.prolong(self.rates, new)
        return SlabStart.contiguous(self.time, axes, traces, errors, rates)

    def with_breakpoints(self, axes: Sequence[Axis] | None) -> "SlabStart":
        """Return the state on axes with the breakpoints of ``axes`` too; these come from the same family."""
        if axes is None:
            return self
        joined = [replace(a, breaks=np.union1d(a.breaks, b.breaks)) for a, b in zip(self.axes, axes, strict=True)]
        more = any(len(a.breaks) > len(b.breaks) for a, b in zip(joined, self.axes, strict=True))
        return self.prolonged_to(tuple(joined)) if more else self


def knot_thresholds(mass: Sequence[Array]) -> KnotThresholds:
    """Return the thresholds for as many space coordinates."""
    return LINE_THRESHOLDS if len(mass) < 2 else SPACE_THRESHOLDS


def merge_intervals(slab_start: SlabStart, mass: Sequence[Array], allowed: float) -> SlabStart:
    """Return the state with neighbours merged that should not be needed; the loss is added to the error.

    ``mass`` (interval): squared share in the last correction, by coordinate; ``allowed``: correction of a slab.
    """
    if not slab_start.axes:
        return slab_start
    axes = list(slab_start.axes)
    budget = knot_thresholds(mass).merging_share * allowed**2 / sum(len(m) for m in mass)
    for i, (axis, even) in enumerate(
        zip(slab_start.axes, prefer_even_knots(slab_start.axes, slab_start.unknowns), strict=True)
    ):
        kept = kept_breakpoints(axis, mass[i], budget)
        if not even or 2 * (int(kept.sum()) - 1) == axis.intervals:
            axes[i] = replace(axis, breaks=axis.breaks[kept])
    if all(a.intervals == b.intervals for a, b in zip(axes, slab_start.axes, strict=True)):
        return slab_start
    old, old_fine = slab_start.spaces(slab_start.axes)
    new, new_fine = slab_start.spaces(axes)
    traces = tuple(new.restrict(t, old) for t in slab_start.traces)
    lost = [t - new.prolong(n, old) for t, n in zip(slab_start.traces, traces, strict=True)]
    if float((old.norm(lost[0]) / safe_divisors(old.norm(slab_start.traces[0]))).max()) > 0.1 * allowed:
        return slab_start
    errors = tuple(
        new_fine.restrict(e + old.prolong(x, old_fine), old_fine) for e, x in zip(slab_start.errors, lost, strict=True)
    )
    rates = None if slab_start.rates is None else new.restrict(slab_start.rates, old)
    return SlabStart.contiguous(slab_start.time, tuple(axes), traces, errors, rates)


def mark_slab_intervals(mass: Sequence[Array], allowed: float) -> list[np.ndarray]:
    """Return masks of the intervals to be halved, by coordinate, for squared corrections ``mass`` (interval)."""
    least = (knot_thresholds(mass).halving_share * allowed) ** 2 / max(1, sum(len(m) for m in mass))
    return mark_by_maximum(mass, least)


def adapt_knots(
    slab_start: SlabStart, mass: Sequence[Array], allowed: float, growth_exponent: float = 0.0
) -> SlabStart:
    """Return the state for the next slab: intervals halved where a correction nears ``allowed``, else merged.

    ``growth_exponent``: e-folds by which what merging loses will grow.
    """
    if (
        sum(float(m.sum()) for m in mass) > (knot_thresholds(mass).moving_share * allowed) ** 2
        and allowed > LEAST_ALLOWED
    ):
        marks = [
            m if m.sum() <= MOVING_SHARE * len(m) else np.zeros_like(m) for m in mark_slab_intervals(mass, allowed)
        ]
        marks = complete_marks(slab_start.axes, marks, slab_start.unknowns)
        slab_start = slab_start.prolonged_to(tuple(a.refined(m) for a, m in zip(slab_start.axes, marks, strict=True)))
        mass = [np.repeat(np.where(k, np.inf, m), 1 + k) for m, k in zip(mass, marks, strict=True)]
    return merge_intervals(slab_start, mass, allowed * float(np.exp(-growth_exponent)))


def kept_breakpoints(axis: Axis, mass: Array, budget: float) -> np.ndarray:
    """Return the mask of breakpoints to keep: middles go where the mass of the whole interval is predicted small.

    Only halves of one interval are merged: beside other equal neighbours narrow intervals would remain for ever.
    """
    keep, width = np.ones(len(axis.breaks), dtype=bool), np.diff(axis.breaks)
    rounding = 8.0 * EPS * float(np.abs(axis.breaks).max())  # rounding of the width of an interval
    growth, least = 4.0 ** (axis.degree + 1), axis.degree + 1
    stack: list[tuple[float, int | None]] = []  # width, merged while equal, and index of the interval, None if merged
    for i in range(axis.intervals):
        if axis.breaks[i] in axis.joints:
            stack = []
        stack.append((width[i], i))
        while len(stack) > 1 and abs(stack[-2][0] - stack[-1][0]) < 1e-9 * stack[-1][0] + rounding:
            (first, left), (second, right) = stack[-2:]
            both = left is not None and right is not None and (mass[left] + mass[right]) * growth <= budget
            if both and int(keep.sum()) - 2 >= least:
                keep[right] = False
            stack[-2:] = [(first + second, None)]
    return keep
