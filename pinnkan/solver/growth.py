"""What a pass through time has shown of the growth of errors, and what the next one may therefore allow where.

An error made in a slab is carried on by the linearised equation. Where that makes it grow, what is made early counts
many times in the end, and what is made late hardly at all: one allowance for all of time is too tight for most of it.
Shared out in inverse proportion to the growth to come, every slab adds as much to the error in the end.
"""

from dataclasses import dataclass

import numpy as np

from pinnkan.kan.field import Array

#: When the estimate outgrows the tolerance, the next pass aims at this share of it, but falls no faster than LEAST_CUT.
AIM_SHARE, LEAST_CUT = 0.3, 1e-4
#: After a pass that was given up errors are taken to grow on at this share of their rate so far: in the middle of as
#: before and not at all. Kuramoto-Sivashinsky's: a factor of e^5 until t = 0.3, e^8 after it.
GROWS_ON = 0.5
#: Largest growth that is reckoned with, as a logarithm: of more no more is known than that it is too much.
MOST_GROWTH = 100.0
#: Errors below this are rounding, relative to the solution: what they grow by says nothing of the equation.
NONE = 1e-15
#: Parts of the time that a pass has not seen.
PARTS = 16
#: Of x = log(1 + s x), for its positive root; an e-fold in the mean is exact to a thousandth.
ITERATIONS = 30


@dataclass(frozen=True, eq=False)
class LocalTolerance:
    """The local tolerance by time: ``largest`` times one of the ``shares``, each from one of the ``times`` on."""

    largest: float
    times: Array
    shares: Array

    @classmethod
    def even(cls, tolerance: float) -> "LocalTolerance":
        """The same all the time."""
        return cls(tolerance, np.zeros(1), np.ones(1))

    def at(self, time: float) -> float:
        """The local tolerance of a slab that begins at ``time``."""
        k = int(np.searchsorted(self.times, time, side="right")) - 1
        return self.largest * float(self.shares[max(k, 0)])


@dataclass(frozen=True, eq=False)
class Growth:
    """The slabs of a pass between their ``ends``.

    Root mean squares, relative to the solution: of the propagated estimate, ``errors``, and ``carried``, of what the
    slabs before have left of it in each.
    """

    ends: Array
    errors: Array
    carried: Array

    @property
    def lengths(self) -> Array:
        """Of the slabs."""
        return np.diff(self.ends)

    @property
    def factors(self) -> Array:
        """By how much what each slab begins with grows in it, as a logarithm."""
        errors, carried = np.maximum(self.errors, NONE), np.maximum(self.carried, NONE)
        return np.append(0.0, np.log(carried[1:] / errors[:-1]))

    @property
    def exponent(self) -> float:
        """Twice the logarithm by which the first error has grown until now, had it grown as an exponential.

        From the mean of its square, (e^x - 1)/x: at the moment it may be large for an instant.
        """
        square = min(float(self.seen(self.ends[-1])[0]) ** 2, np.exp(MOST_GROWTH))
        x = 2.0 * np.log(square)
        for _ in range(ITERATIONS):
            x = np.log1p(square * x)
        return float(x)

    @property
    def rate(self) -> float:
        """At which errors are taken to grow on, as a logarithm."""
        return GROWS_ON * 0.5 * self.exponent / float(self.ends[-1] - self.ends[0])

    def seen(self, end: float) -> Array:
        """The growth after each slab until the last one, root mean square over the time until ``end``, one at least."""
        return self._grown(0.0, end - self.ends[0])

    def to_come(self, end: float) -> tuple[Array, Array]:
        """The beginnings of slabs until ``end``, PARTS of them after the last, and the same growth from there."""
        last, total = self.ends[-1], end - self.ends[0]
        after = np.linspace(last, end, PARTS + 1)[:-1] if last < end else np.empty(0)
        later = np.sqrt(np.maximum([self._growing_on(end - t) / total for t in after], 1.0))
        return np.append(self.ends[:-1], after), np.append(self._grown(self._growing_on(end - last), total), later)

    def _growing_on(self, time: float) -> float:
        """Integral over so much time of the square of what an error of one grows to at :attr:`rate`."""
        x = min(2.0 * self.rate * time, 2.0 * MOST_GROWTH)
        return time * float(np.expm1(x) / x if x > 0.0 else 1.0)

    def _grown(self, later: float, total: float) -> Array:
        """The growth after each slab; ``later``: integral of the square of what it is multiplied with after the last.

        A front that passes makes an error of its place large for an instant, and small again: it counts by its time,
        and grows on from the mean. What is made anew in a slab counts no less than in a later one: past a front its own
        error has shrunk, not those that are made there.
        """
        integral, out, most = 0.0, np.empty(len(self.errors)), total * np.exp(2.0 * MOST_GROWTH)
        for i in reversed(range(len(out))):
            integral = min(integral + self.lengths[i], most)
            out[i] = integral * (1.0 + later / (self.ends[-1] - self.ends[i])) / total
            integral *= np.exp(min(2.0 * self.factors[i], 2.0 * MOST_GROWTH))
        return np.maximum.accumulate(np.sqrt(np.maximum(out, 1.0))[::-1])[::-1]

    def predicted(self, end: float) -> float:
        """Root mean square of the estimate until ``end``: growing on from what an exponential of that mean is now."""
        squares, total = float(self.errors**2 @ self.lengths), self.ends[-1] - self.ends[0]
        now = squares / total * max(self.exponent, 1.0)
        return float(np.sqrt((squares + now * self._growing_on(end - self.ends[-1])) / (end - self.ends[0])))


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
    seen = growth.seen(end)
    most = np.append(tolerance / seen, np.full(len(times) - len(seen), tolerance))
    allowed = np.minimum(lower, np.maximum(most, LEAST_CUT * local))
    return LocalTolerance(before.largest, times, allowed / before.largest)
