"""Growth rates that the conditions of two opposite sides cause, though the equations alone do not grow.

Heat with u_n = 10 u at one end grows like exp(100 t) in a layer of 0.1. With frozen coefficients phi in exp(s t + i k .
x') phi(x) is a sum of as many exponentials v exp(l x) as the equations have orders across. The conditions of both sides
admit such a sum where a square matrix, one row for each condition, is singular (Kreiss 1970; Sakamoto 1982, Hyperbolic
Boundary Value Problems). The largest real s > 0 with a singular matrix is a growth rate. Growth with oscillation is
found from round trips: waves that go from side to side and back, and return larger.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from pinnkan.domain.bisection import bisect
from pinnkan.kan.field import Array, Complex
from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.growth.exponentials import Exponentials
from pinnkan.solver.verify.symbol import FrozenEquations, distinct_points, largest_wave_rates

#: Rates that are scanned, each twice the one before.
DOUBLINGS = 40
#: Refinements between two rates, and parts in each.
REFINEMENTS, REFINEMENT_PARTS = 7, 8
#: A round trip grows if it returns this many times as large: a constant mode returns unchanged. Bisections of its rate.
MIN_RETURN_FACTOR, BISECTIONS = 1.01, 6
#: Waves across, each half as long as the one before, whose growth inside is compared.
INNER_WAVES = 10
#: A matrix (rows and columns of size one) is singular if its least singular value is below this, and below the second
#: number times its value at twice and half the rate.
SINGULAR_VALUE, DIP_RATIO = 1e-3, 1e-2
#: And if so with exponentials that grow by less than e to this counted as decaying: nearly equal ones look singular.
SLOW_EXPONENT = 1.0
#: Singular values below this are rounding.
ROUNDED = 1e-13
#: Values at neighbouring rates that differ by no more than this are not refined: dips of a constant are rounding.
FLAT_SHARE = 1e-9
#: A matrix singular at this share of the rates, but not to rounding at so many last ones, holds a constant mode.
CONSTANT_MODE_SHARE, LAST_RATES = 0.25, 10
#: Wave numbers in an octave; a wave meets the conditions if their smallest singular value is a minimum below this, and
#: below the last share of that in the octaves beside it: tanks and plates have 0.03, flows between walls 0.4.
NUMBERS_PER_OCTAVE, NEAR_SINGULAR_VALUE, OCTAVE_RATIO = 8, 0.1, 0.3


@dataclass(frozen=True, eq=False)
class TwoPointProblem:
    """A two-point problem: linearised equations with the conditions at both ends of a coordinate, frozen at points.

    ``equations``, and for each of the ``ends`` conditions: :data:`pinnkan.solver.verify.symbol.FrozenEquations`;
    ``axis``: that coordinate, of some ``length``; ``wave_numbers``: wave numbers in space, not read for ``axis``;
    ``sizes``: of unknowns.
    """

    equations: FrozenEquations
    ends: tuple[FrozenEquations, FrozenEquations]
    axis: int
    wave_numbers: Sequence[float]
    length: float
    sizes: Array

    def growth_rate(self, least: float) -> Array:
        """The largest real growth rate above ``least``: (point,), zero where nothing grows."""
        return self._of_distinct_points(_largest_rates, least)

    def _of_distinct_points(
        self, rates: "Callable[[TwoPointProblem, float], tuple[float, ...]]", least: float
    ) -> Array:
        """The ``rates`` of all points, computed once for equal ones: (point,)."""
        first, owner = distinct_points(self.equations, *self.ends)
        lower = 2.0 ** np.floor(np.log2(least))  # so that slabs of similar length share it
        return np.array(rates(self._at_points(first), lower))[owner]

    def find_singular_numbers(self, numbers: Array) -> Array:
        """Return those of rising ``numbers`` near which a wave meets the conditions of both ends at some point."""
        every = np.arange(len(self.equations[0][1]))
        if not (len(every) and self._goes_across):  # no point has conditions at both ends
            return numbers[:0]
        try:
            values = self._singular_values(np.repeat(every, len(numbers)), np.tile(numbers, len(every)))
        except np.linalg.LinAlgError:  # singular for all exponents: an unknown is undetermined
            return numbers[:0]
        values = values.reshape(len(every), -1)
        found = np.zeros(values.shape, dtype=bool)
        for k in range(1, len(numbers) - 1):
            before, after = values[:, max(k - NUMBERS_PER_OCTAVE, 0) : k], values[:, k + 1 : k + 1 + NUMBERS_PER_OCTAVE]
            is_least = (values[:, k] <= before[:, -1]) & (values[:, k] <= after[:, 0])
            beside = np.minimum(before.max(1), after.max(1))
            found[:, k] = is_least & (values[:, k] < np.minimum(NEAR_SINGULAR_VALUE, OCTAVE_RATIO * beside))
        return np.array([self._refined_number(float(s)) for s in numbers[found.any(0)]])

    def _refined_number(self, number: float) -> float:
        """The number next to one of several where the conditions are nearest to singular at some point."""
        every, width = np.arange(len(self.equations[0][1])), 2.0 ** (1.0 / NUMBERS_PER_OCTAVE)
        for _ in range(REFINEMENTS):
            tried = number * width ** np.linspace(-1.0, 1.0, 2 * REFINEMENT_PARTS + 1)
            values = self._singular_values(np.repeat(every, len(tried)), np.tile(tried, len(every)))
            number = float(tried[np.argmin(values.reshape(len(every), -1).min(0))])
            width **= 1.0 / REFINEMENT_PARTS
        return number

    def singular_value(self, number: float) -> float:
        """The smallest singular value of the conditions at one number, at the first point."""
        return float(self._singular_values(np.zeros(1, dtype=np.int64), np.array([number]))[0])

    def round_trip_rate(self, least: float) -> Array:
        """The largest rate above ``least`` at which a wave returns larger from a round trip, else zero: (point,).

        It grows with oscillation, so that no real rate shows it. Zero where waves grow as fast inside.
        """
        return self._of_distinct_points(_round_trip_rates, least)

    def compute_round_trip_rates(self, least: float) -> Array:
        """The largest rates of round trips above ``least``, else zero, computed for all points one by one: (point,)."""
        every, rates = np.arange(len(self.equations[0][1])), least * 2.0 ** np.arange(DOUBLINGS)
        if not self._goes_across:
            return np.zeros(len(every))
        at, s = (a.ravel() for a in np.meshgrid(every, rates, indexing="ij"))
        returns = self._return_factors(at, s).reshape(len(every), -1) > MIN_RETURN_FACTOR
        returns[:, -1] = False
        last = len(rates) - 1 - np.argmax(returns[:, ::-1], 1)
        own = np.flatnonzero(returns.any(1))
        ends = np.log2(rates[last[own] + np.array([[0], [1]])])
        low, _ = bisect(lambda x: self._return_factors(own, np.exp2(x)) - MIN_RETURN_FACTOR, *ends, steps=BISECTIONS)
        out = np.zeros(len(every))
        out[own] = np.where(np.exp2(low) > self._inner_growth_rate(own), np.exp2(low), 0.0)
        return out

    def _inner_growth_rate(self, at: np.ndarray) -> Array:
        """The largest growth rate of waves across at points by the equations alone: (case,)."""
        part = [(jets, w[at]) for jets, w in self.equations]
        across = np.arange(len(self.wave_numbers)) == self.axis
        numbers = [0.0, *(np.pi / self.length * 2.0 ** np.arange(INNER_WAVES))]
        return np.asarray(largest_wave_rates(part, len(self.sizes), tuple(map(float, across)), numbers).real.max(0))

    @property
    def _goes_across(self) -> bool:
        """Whether there is a derivative across, without which no side matters."""
        return any(jet.order[self.axis] for jets, _ in self.equations for jet in jets)

    @property
    def exponentials(self) -> Exponentials:
        """The exponential solutions of the equations."""
        return Exponentials(self.equations, self.axis, self.wave_numbers, self.sizes)

    @cached_property
    def key(self) -> Hashable:
        """What is equal in equal problems."""
        parts = [[(tuple(jets), w.tobytes()) for jets, w in part] for part in (self.equations, *self.ends)]
        return (*map(tuple, parts), self.axis, tuple(self.wave_numbers), self.length, self.sizes.tobytes())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TwoPointProblem) and self.key == other.key

    def _at_points(self, points: np.ndarray) -> "TwoPointProblem":
        """The same problem at some of the points only."""
        equations, lower, upper = ([(jets, w[points]) for jets, w in part] for part in (self.equations, *self.ends))
        return replace(self, equations=equations, ends=(lower, upper))

    def compute_growth_rates(self, least: float) -> Array:
        """The largest growth rates, computed for all points one by one: (point,)."""
        every = np.arange(len(self.equations[0][1]))
        if not self._goes_across:
            return np.zeros(len(every))
        rates = least * 2.0 ** np.arange(DOUBLINGS)
        at, s = (a.ravel() for a in np.meshgrid(every, rates, indexing="ij"))
        values = self._singular_values(at, s).reshape(len(every), -1)
        beside = np.minimum(values[:, :-2], values[:, 2:])
        at_last = (values[:, -LAST_RATES:] <= ROUNDED).all(1)
        constant = ((values < DIP_RATIO * SINGULAR_VALUE).mean(1) > CONSTANT_MODE_SHARE) & ~at_last
        dips = np.isfinite(values[:, 1:-1]) & (values[:, 1:-1] <= beside) & ~constant[:, None]
        point, k = np.nonzero(dips)
        out = np.zeros(len(every))
        np.maximum.at(out, point, self._singular_rates(point, rates[k + 1], beside[point, k]))
        return out

    def _singular_rates(self, at: np.ndarray, rates: np.ndarray, beside: Array) -> Array:
        """The rates within a factor of two of ``rates`` at which the matrix is singular, zero for none: (case,).

        ``beside``: its smallest singular value at the ends of that range, the lesser one.
        """
        low, high, own = rates / 2.0, rates * 2.0, np.arange(len(at))
        best, least = rates.copy(), np.full(len(at), np.inf)
        for _ in range(REFINEMENTS):
            if not len(own):
                break
            tried = low[own] * (high[own] / low[own]) ** (np.arange(REFINEMENT_PARTS + 1) / REFINEMENT_PARTS)[:, None]
            found = self._singular_values(np.tile(at[own], REFINEMENT_PARTS + 1), tried.ravel()).reshape(tried.shape)
            k, every = np.argmin(found, 0), np.arange(len(own))
            best[own], least[own] = tried[k, every], found[k, every]
            low[own], high[own] = tried[np.maximum(k - 1, 0), every], tried[np.minimum(k + 1, REFINEMENT_PARTS), every]
            own = own[found.max(0) > (1.0 + FLAT_SHARE) * least[own]]
        dips = np.flatnonzero(_is_dip(least, beside))
        again, before, after = (
            self._singular_values(at[dips], factor * best[dips], SLOW_EXPONENT) for factor in (1.0, 0.5, 2.0)
        )
        dips = dips[_is_dip(again, np.minimum(before, after))]
        out = np.zeros(len(at))
        out[dips] = best[dips]
        return out

    def _singular_values(self, at: np.ndarray, rates: Array, slow: float = 0.0) -> Array:
        """The smallest singular values of the conditions, infinite where no matrix is square: (case,)."""
        out = np.full(len(at), np.inf)
        for own, matrix, _ in self._matrices(at, rates, slow):
            out[own] = np.linalg.svd(matrix, compute_uv=False)[:, -1]
        return out

    def _return_factors(self, at: np.ndarray, rates: Array) -> Array:
        """The largest factor of a round trip between the sides, zero where no wave returns: (case,)."""
        out, first = np.zeros(len(at)), len(self.ends[0])
        for own, matrix, decays in self._matrices(at, rates):
            if first == decays and 0 < first < matrix.shape[1]:
                near, back = matrix[:, :first, :first], matrix[:, :first, first:]
                forth, far = matrix[:, first:, :first], matrix[:, first:, first:]
                sides = [np.linalg.svd(side, compute_uv=False)[:, -1] for side in (near, far)]
                known = np.minimum(*sides) > ROUNDED
                trip = np.linalg.solve(near[known], back[known]) @ np.linalg.solve(far[known], forth[known])
                out[own[known]] = np.abs(np.linalg.eigvals(trip)).max(1)
        return out

    def _matrices(self, at: np.ndarray, rates: Array, slow: float = 0.0) -> Iterator[tuple[np.ndarray, Complex, int]]:
        """Yield cases with as many exponentials as rows, their matrices, and how many of the exponentials decay.

        Those that grow by less than e to the ``slow`` from end to end count as decaying.
        """
        rows = sum(map(len, self.ends))
        exponents, vectors, basis = self.exponentials.solve_eigenproblems(at, rates)
        real = np.where(np.isfinite(exponents), exponents.real * self.length, np.inf)
        if slow:
            order = np.argsort(real, 1, kind="stable")
            exponents, real = np.take_along_axis(exponents, order, 1), np.take_along_axis(real, order, 1)
            vectors, basis = (np.take_along_axis(x, order[:, None], 2) for x in (vectors, basis))
        decays = (real < slow).sum(1)
        finite = np.isfinite(exponents).sum(1) == rows
        for number in set(decays[finite]):
            own = np.flatnonzero(finite & (decays == number))
            group = exponents[own, :rows], vectors[own, :, :rows], basis[own, :, :rows]
            yield own, self._matrix(at[own], rates[own], *group, int(number)), int(number)

    def _matrix(
        self, at: np.ndarray, rates: Array, exponents: Complex, vectors: Complex, basis: Complex, decays: int
    ) -> Complex:
        """The conditions, rows of size one, on sums of size one: (case, condition, exponential)."""
        groups = [g for g in (slice(0, decays), slice(decays, exponents.shape[1])) if g.start < g.stop]
        upper = [np.linalg.qr(basis[:, :, g])[1] for g in groups]
        shift = np.where(np.arange(exponents.shape[1]) < decays, 0.0, 1.0)  # one where it decays from
        rows = []
        for end, conditions in enumerate(self.ends):
            reached = np.exp((end - shift) * exponents * self.length)
            for jets, weights in conditions:
                pairs = zip(jets, weights[at].T, strict=True)
                terms: Complex = np.array(
                    [w[:, None] * self._factor(j, rates, exponents) * vectors[:, j.unknown] for j, w in pairs]
                )
                size = np.abs(terms).max((0, 2))[:, None]
                row = terms.sum(0) * reached / np.where(size > 0.0, size, 1.0)
                parts = [_times_inverse(row[:, g], r) for g, r in zip(groups, upper, strict=True)]
                rows.append(np.concatenate(parts, 1))
        return np.stack(rows, 1)

    def _factor(self, jet: Jet, rates: Array, exponents: Complex) -> Complex:
        """The derivative of exp(s t + i k . x' + l x) over itself: (case, exponential)."""
        across = exponents ** jet.order[self.axis]
        return np.asarray(self.exponentials.tangential_factor(jet) * rates[:, None] ** jet.order[-1] * across)


@lru_cache(maxsize=256)
def _largest_rates(across: TwoPointProblem, least: float) -> tuple[float, ...]:
    """Cached rates, since coefficients often do not depend on time."""
    return tuple(map(float, across.compute_growth_rates(least)))


@lru_cache(maxsize=256)
def _round_trip_rates(across: TwoPointProblem, least: float) -> tuple[float, ...]:
    """Cached rates of round trips."""
    return tuple(map(float, across.compute_round_trip_rates(least)))


def _is_dip(least: Array, beside: Array) -> np.ndarray:
    """Whether smallest singular values are small, and far below those at neighbouring rates."""
    return np.asarray((least < SINGULAR_VALUE) & ((least < DIP_RATIO * beside) | (beside < ROUNDED)))


def _times_inverse(row: Complex, upper: Complex) -> Complex:
    """The product row R^-1, R upper triangular: (case, exponential)."""
    return np.asarray(np.linalg.solve(np.swapaxes(upper, 1, 2), row[..., None])[..., 0])
