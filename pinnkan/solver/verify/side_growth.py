"""How fast grows what the conditions of two opposite sides let grow, though no equation does.

Heat with u_n = 10 u at one end grows like exp(100 t) in a layer of a tenth: the equation alone says nothing of it. With
coefficients frozen, solutions exp(s t + i k . x') phi(x) of the linearised equations are, for a given s, sums of as
many exponentials phi = v exp(l x) as the equations have orders across; the conditions of both sides have one of these
sums between them where a matrix of as many rows is singular (Kreiss 1970; Sakamoto 1982, Hyperbolic Boundary Value
Problems). The largest real s > 0 at which it is singular is a rate of growth. Of sums that grow while they oscillate
those are found that go from side to side and return larger.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from pinnkan.kan.field import Array, Complex
from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.exponentials import Exponentials
from pinnkan.solver.verify.symbol import Weights, distinct, fastest

#: Rates that are looked at, each twice the one before.
DOUBLINGS = 40
#: How often what lies between two of them is divided into so many parts.
ROUNDS, PARTS = 7, 8
#: An echo is larger by more than that: a pressure that is constant across comes back as it was, known to the root of
#: rounding. Halvings of what lies between two rates for that of an echo.
LARGER, CLOSER = 1.01, 6
#: Waves across, each half as long as the one before, that may grow inside.
ACROSS = 10
#: A matrix is singular where its smallest singular value, that of rows and columns of size one, falls below this, and
#: below DIP of what it is a doubling further off.
SINGULAR, DIP = 1e-3, 1e-2
#: It has to be so as well with what grows by fewer e-folds than SLOW from end to end among what decays: of a potential
#: beside diffusion a constant and exp(-5 x / s), each with a sign by rounding, looked singular apart, and slabs became
#: too short for that rate.
SLOW = 1.0
#: What is as small at all rates is zero at all of them.
ROUNDED = 1e-13
#: Between rates four times apart that differ by no more than this share nothing is looked for more closely: for large
#: rates the matrix tends to one, and of all dips of two solitons on a line 95 in a hundred were rounding of that.
FLAT = 1e-9
#: A matrix that is as good as singular at so large a share of the rates, but not down to ROUNDED at the HIGHEST, holds
#: what does not grow, whatever the rate, known to the root of rounding: a constant pressure. In a flow in a cube it
#: left 1e-17 to 1e-5, now this and now that, and 4e5 or 3e9 was the rate of what grows there.
OFTEN, HIGHEST = 0.25, 10
#: Of NUMBERS to an octave one near which the conditions are nearly singular has less than NEARLY, and than ASIDE of
#: what is largest in an octave to either side: where waves may be added to a tank or a plate 0.003 to 0.032, 0.01 to
#: 0.08 of that. Of bodies and flows between walls no least value between two larger ones is below 0.4.
NUMBERS, NEARLY, ASIDE = 8, 0.1, 0.3


@dataclass(frozen=True, eq=False)
class Across:
    """Linearised equations frozen at points, and the conditions of the sides at both ends of a coordinate.

    ``equations``: see :data:`pinnkan.solver.verify.symbol.Weights`; ``ends``: of each end the conditions, in the same
    way; ``axis``: the coordinate; ``along``: a wave number of each coordinate of space, that of ``axis`` is not read;
    ``length``: between the ends; ``sizes``: of the unknowns.
    """

    equations: Weights
    ends: tuple[Weights, Weights]
    axis: int
    along: Sequence[float]
    length: float
    sizes: Array

    def largest_rate(self, least: float) -> Array:
        """The largest rate above ``least`` at which anything grows: (point,), zero where nothing does."""
        return self._of_different(_largest_rates, least)

    def _of_different(self, rates: "Callable[[Across, float], tuple[float, ...]]", least: float) -> Array:
        """Rates of points, of each kind once: (point,)."""
        first, owner = distinct(self.equations, *self.ends)
        lower = 2.0 ** np.floor(np.log2(least))  # the same for slabs of about the same length
        return np.array(rates(self._at(first), lower))[owner]

    def singular_at(self, numbers: Array) -> Array:
        """Where waves meet the conditions of both ends, nearly: next to rising numbers s, NUMBERS to an octave."""
        every = np.arange(len(self.equations[0][1]))
        if not (len(every) and self._goes_across):  # nowhere do the conditions of both ends say something
            return numbers[:0]
        try:
            values = self._distances(np.repeat(every, len(numbers)), np.tile(numbers, len(every)))
        except np.linalg.LinAlgError:  # whatever the exponents: the equations do not determine one unknown
            return numbers[:0]
        values = values.reshape(len(every), -1)
        found = np.zeros(values.shape, dtype=bool)
        for k in range(1, len(numbers) - 1):
            before, after = values[:, max(k - NUMBERS, 0) : k], values[:, k + 1 : k + 1 + NUMBERS]
            is_least = (values[:, k] <= before[:, -1]) & (values[:, k] <= after[:, 0])
            beside = np.minimum(before.max(1), after.max(1))
            found[:, k] = is_least & (values[:, k] < np.minimum(NEARLY, ASIDE * beside))
        return np.array([self._closer(float(s)) for s in numbers[found.any(0)]])

    def _closer(self, number: float) -> float:
        """The number next to one of several where the conditions are least regular at some point."""
        every, width = np.arange(len(self.equations[0][1])), 2.0 ** (1.0 / NUMBERS)
        for _ in range(ROUNDS):
            tried = number * width ** np.linspace(-1.0, 1.0, 2 * PARTS + 1)
            values = self._distances(np.repeat(every, len(tried)), np.tile(tried, len(every)))
            number = float(tried[np.argmin(values.reshape(len(every), -1).min(0))])
            width **= 1.0 / PARTS
        return number

    def share(self, number: float) -> float:
        """How far from singular the conditions are at one number, at the first point."""
        return float(self._distances(np.zeros(1, dtype=np.int64), np.array([number]))[0])

    def echo_rate(self, least: float) -> Array:
        """The largest rate above ``least`` at which what goes from side to side and back returns larger: (point,).

        It grows at that rate while it oscillates, or at that of a zero: u = -2 v on one side and v = u on the other
        have no sum of exponentials of a real rate between them. What grows everywhere as fast is no echo.
        """
        return self._of_different(_echo_rates, least)

    def echoes(self, least: float) -> Array:
        """See :meth:`echo_rate`: of all points, without looking whether some are the same."""
        every, rates = np.arange(len(self.equations[0][1])), least * 2.0 ** np.arange(DOUBLINGS)
        if not self._goes_across:
            return np.zeros(len(every))
        at, s = (a.ravel() for a in np.meshgrid(every, rates, indexing="ij"))
        returns = self._returned(at, s).reshape(len(every), -1) > LARGER
        returns[:, -1] = False
        last = len(rates) - 1 - np.argmax(returns[:, ::-1], 1)
        own = np.flatnonzero(returns.any(1))
        low, high = rates[last[own]], rates[np.minimum(last[own] + 1, len(rates) - 1)]
        for _ in range(CLOSER):
            middle = np.sqrt(low * high)
            grows = self._returned(own, middle) > LARGER
            low, high = np.where(grows, middle, low), np.where(grows, high, middle)
        out = np.zeros(len(every))
        out[own] = np.where(low > self._grown_inside(own), low, 0.0)
        return out

    def _grown_inside(self, at: np.ndarray) -> Array:
        """The largest rate of waves across at points, as the equations alone have it: (case,)."""
        part = [(jets, w[at]) for jets, w in self.equations]
        across = np.arange(len(self.along)) == self.axis
        numbers = [0.0, *(np.pi / self.length * 2.0 ** np.arange(ACROSS))]
        return np.asarray(fastest(part, len(self.sizes), tuple(map(float, across)), numbers).real.max(0))

    @property
    def _goes_across(self) -> bool:
        """Whether there is a derivative across: without one no side says anything."""
        return any(jet.order[self.axis] for jets, _ in self.equations for jet in jets)

    @property
    def exponentials(self) -> Exponentials:
        """That solve the equations."""
        return Exponentials(self.equations, self.axis, self.along, self.sizes)

    @cached_property
    def key(self) -> Hashable:
        """What says that two are the same."""
        parts = [[(tuple(jets), w.tobytes()) for jets, w in part] for part in (self.equations, *self.ends)]
        return (*map(tuple, parts), self.axis, tuple(self.along), self.length, self.sizes.tobytes())

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Across) and self.key == other.key

    def _at(self, points: np.ndarray) -> "Across":
        """Frozen at some of the points only."""
        equations, lower, upper = ([(jets, w[points]) for jets, w in part] for part in (self.equations, *self.ends))
        return replace(self, equations=equations, ends=(lower, upper))

    def rates(self, least: float) -> Array:
        """See :meth:`largest_rate`: of all points, without looking whether some are the same."""
        every = np.arange(len(self.equations[0][1]))
        if not self._goes_across:
            return np.zeros(len(every))
        rates = least * 2.0 ** np.arange(DOUBLINGS)
        at, s = (a.ravel() for a in np.meshgrid(every, rates, indexing="ij"))
        values = self._distances(at, s).reshape(len(every), -1)
        beside = np.minimum(values[:, :-2], values[:, 2:])
        at_last = (values[:, -HIGHEST:] <= ROUNDED).all(1)
        constant = ((values < DIP * SINGULAR).mean(1) > OFTEN) & ~at_last
        dips = np.isfinite(values[:, 1:-1]) & (values[:, 1:-1] <= beside) & ~constant[:, None]
        point, k = np.nonzero(dips)
        out = np.zeros(len(every))
        np.maximum.at(out, point, self._zeros(point, rates[k + 1], beside[point, k]))
        return out

    def _zeros(self, at: np.ndarray, rates: np.ndarray, beside: Array) -> Array:
        """The rates within a doubling of ``rates`` at which the matrix is singular, zero where it is not.

        ``beside``: how far it is from that at the ends.
        """
        low, high, own = rates / 2.0, rates * 2.0, np.arange(len(at))
        best, least = rates.copy(), np.full(len(at), np.inf)
        for _ in range(ROUNDS):
            if not len(own):
                break
            tried = low[own] * (high[own] / low[own]) ** (np.arange(PARTS + 1) / PARTS)[:, None]
            found = self._distances(np.tile(at[own], PARTS + 1), tried.ravel()).reshape(tried.shape)
            k, every = np.argmin(found, 0), np.arange(len(own))
            best[own], least[own] = tried[k, every], found[k, every]
            low[own], high[own] = tried[np.maximum(k - 1, 0), every], tried[np.minimum(k + 1, PARTS), every]
            own = own[found.max(0) > (1.0 + FLAT) * least[own]]
        dips = np.flatnonzero(_is_dip(least, beside))
        again, before, after = (self._distances(at[dips], factor * best[dips], SLOW) for factor in (1.0, 0.5, 2.0))
        dips = dips[_is_dip(again, np.minimum(before, after))]
        out = np.zeros(len(at))
        out[dips] = best[dips]
        return out

    def _distances(self, at: np.ndarray, rates: Array, slow: float = 0.0) -> Array:
        """How far from singular the conditions are at points and rates; infinity where there are more or fewer."""
        out = np.full(len(at), np.inf)
        for own, matrix, _ in self._matrices(at, rates, slow):
            out[own] = np.linalg.svd(matrix, compute_uv=False)[:, -1]
        return out

    def _returned(self, at: np.ndarray, rates: Array) -> Array:
        """What comes back of a wave that has gone to the other side and returned, at most; zero where none does."""
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
        """The conditions of cases with as many exponentials as rows: these cases, matrices, and how many decay.

        What grows by fewer e-folds than ``slow`` from end to end is one of these.
        """
        rows = sum(map(len, self.ends))
        exponents, vectors, basis = self.exponentials.at(at, rates)
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
        """The conditions (case, condition, exponential) of sums of size one, in rows of size one."""
        groups = [g for g in (slice(0, decays), slice(decays, exponents.shape[1])) if g.start < g.stop]
        upper = [np.linalg.qr(basis[:, :, g])[1] for g in groups]
        shift = np.where(np.arange(exponents.shape[1]) < decays, 0.0, 1.0)  # each is one where it decays from
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
                parts = [_divided(row[:, g], r) for g, r in zip(groups, upper, strict=True)]
                rows.append(np.concatenate(parts, 1))
        return np.stack(rows, 1)

    def _factor(self, jet: Jet, rates: Array, exponents: Complex) -> Complex:
        """What a derivative of exp(s t + i k . x' + l x) is of it: (case, exponential)."""
        across = exponents ** jet.order[self.axis]
        return np.asarray(self.exponentials.tangential(jet) * rates[:, None] ** jet.order[-1] * across)


@lru_cache(maxsize=256)
def _largest_rates(across: Across, least: float) -> tuple[float, ...]:
    """Of coefficients that do not depend on time once, not in every slab."""
    return tuple(map(float, across.rates(least)))


@lru_cache(maxsize=256)
def _echo_rates(across: Across, least: float) -> tuple[float, ...]:
    """The same, of echoes."""
    return tuple(map(float, across.echoes(least)))


def _is_dip(least: Array, beside: Array) -> np.ndarray:
    """Whether a matrix is singular that is so far from it, and so far on either side."""
    return np.asarray((least < SINGULAR) & ((least < DIP * beside) | (beside < ROUNDED)))


def _divided(row: Complex, upper: Complex) -> Complex:
    """row R^-1 of upper triangular R: (case, exponential)."""
    return np.asarray(np.linalg.solve(np.swapaxes(upper, 1, 2), row[..., None])[..., 0])
