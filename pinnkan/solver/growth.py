"""What a pass through time has shown of the growth of errors, and what the next one may therefore allow where.

An error made in a slab is carried on by the linearised equation. Where that makes it grow, what is made early counts
many times at the end, and what is made late hardly at all: one allowance for all of time is too tight for most of it.
Shared out in inverse proportion to the growth to come, every slab adds as much to the error in the end.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array

#: When the estimate outgrows the tolerance, the next pass aims at this share of it, but falls no faster than LEAST_CUT.
AIM_SHARE, LEAST_CUT = 0.3, 1e-4
#: After a pass that was given up errors are taken to grow on at this share of their rate so far: in the middle of as
#: before and not at all. Kuramoto-Sivashinsky's: a factor of e^5 until t = 0.3, e^8 after it.
GROWS_ON = 0.5
#: Share of the error in a slab that it has at least not made itself: the two need not add up as squares.
LEAST_CARRIED = 0.3
#: Largest growth that is reckoned with, as a logarithm: of more no more is known than that it is too much.
MOST_GROWTH = 100.0
#: Errors below this are none: their squares could not be told from zero.
NONE = 1e-100
#: Parts of the time that a pass has not seen.
PARTS = 16


@dataclass(frozen=True, eq=False)
class LocalTolerance:
    """The local tolerance by time: ``largest`` times one of the ``shares``, each from one of the ``times`` on."""

    largest: float
    times: Array
    shares: Array

    @classmethod
    def even(cls, tolerance: float) -> LocalTolerance:
        """The same all the time."""
        return cls(tolerance, np.zeros(1), np.ones(1))

    def at(self, time: float) -> float:
        """The local tolerance of a slab that begins at ``time``."""
        k = int(np.searchsorted(self.times, time, side="right")) - 1
        return self.largest * float(self.shares[max(k, 0)])


@dataclass(frozen=True, eq=False)
class Growth:
    """The slabs of a pass between their ``ends``.

    Root mean squares, relative to the solution: of the propagated estimate, ``errors``, and of what each slab has
    ``made`` of it.
    """

    ends: Array
    errors: Array
    made: Array

    @property
    def lengths(self) -> Array:
        """Of the slabs."""
        return np.diff(self.ends)

    @property
    def factors(self) -> Array:
        """By how much what each slab begins with grows in it, as a logarithm."""
        errors = np.maximum(self.errors, NONE)
        carried = np.sqrt(np.maximum(errors**2 - self.made**2, (LEAST_CARRIED * errors) ** 2))
        return np.append(0.0, np.log(carried[1:] / errors[:-1]))

    @property
    def rate(self) -> float:
        """At which they are taken to grow on, as a logarithm."""
        return GROWS_ON * max(float(self.factors.sum() / self.lengths.sum()), 0.0)

    @property
    def seen(self) -> Array:
        """The largest growth after each slab until the last one."""
        return self._grown(0.0)

    def to_come(self, end: float) -> tuple[Array, Array]:
        """The beginnings of slabs until ``end``, PARTS of them after the last, and the largest growth from there."""
        after = np.linspace(self.ends[-1], end, PARTS + 1)[:-1] if self.ends[-1] < end else np.empty(0)
        later = np.exp(np.minimum(self.rate * (end - after), MOST_GROWTH))
        return np.append(self.ends[:-1], after), np.append(self._grown(self.rate * (end - self.ends[-1])), later)

    def _grown(self, later: float) -> Array:
        """The largest growth after each slab, with ``later`` growth, as a logarithm, after the last."""
        most, out = min(later, MOST_GROWTH), np.empty(len(self.errors))
        for i in reversed(range(len(out))):
            out[i] = most
            most = min(max(0.0, most + self.factors[i]), MOST_GROWTH)
        return np.exp(out)

    def predicted(self, end: float) -> float:
        """Root mean square of the estimate until ``end``."""
        left = end - self.ends[-1]
        x = min(2.0 * self.rate * left, MOST_GROWTH)
        after = left * (np.expm1(x) / x if x > 0.0 else 1.0)
        squares = float(self.errors**2 @ self.lengths) + float(self.errors[-1]) ** 2 * after
        return float(np.sqrt(squares / (end - self.ends[0])))


def shared_out(before: LocalTolerance, growth: Growth, end: float, tolerance: float) -> LocalTolerance:
    """That of the pass after one with the local tolerance ``before``, for an error of AIM_SHARE of ``tolerance``.

    Lower by as much as the error was too large, and no larger than ``tolerance`` over the growth that was seen: early
    slabs may have added far less than they were allowed to.
    """
    cut = max(AIM_SHARE * tolerance / max(growth.predicted(end), tolerance), LEAST_CUT)
    times, to_come = growth.to_come(end)
    lengths = np.diff(np.append(times, end))
    mean = np.sqrt(float(to_come**2 @ lengths) / float(lengths.sum()))
    local = np.array([before.at(t) for t in times])
    lower = local * np.minimum(1.0, cut * mean / to_come)
    most = np.append(tolerance / growth.seen, np.full(len(times) - len(growth.seen), tolerance))
    allowed = np.minimum(lower, np.maximum(most, LEAST_CUT * local))
    return LocalTolerance(before.largest, times, allowed / before.largest)
