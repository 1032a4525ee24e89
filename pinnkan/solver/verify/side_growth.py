"""How fast grows what the conditions of two opposite sides let grow, though no equation does.

Heat with u_n = 10 u at one end grows like exp(100 t) in a layer of a tenth: the equation alone says nothing of it. With
coefficients frozen, solutions exp(s t + i k . x') phi(x) of the linearised equations are, for a given s, sums of as
many exponentials phi = v exp(l x) as the equations have orders across; the conditions of both sides have one of these
sums between them where a matrix of as many rows is singular (Kreiss 1970; Sakamoto 1982, Hyperbolic Boundary Value
Problems). The largest real s > 0 at which it is singular is a rate of growth. Of sums that grow while they oscillate
those are found that go from side to side and return larger.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

import numpy as np

from pinnkan.kan.field import Array
from pinnkan.problem.statement import Jet
from pinnkan.solver.verify.symbol import Complex, Weights, determinant, symbol

#: Rates that are looked at, each twice the one before.
DOUBLINGS = 40
#: How often what lies between two of them is divided into so many parts.
ROUNDS, PARTS = 7, 8
#: Halvings of what lies between two of them for the rate of an echo.
CLOSER = 6
#: A matrix is singular where its smallest singular value, that of rows and columns of size one, falls below this, and
#: below DIP of what it is a doubling further off.
SINGULAR, DIP = 1e-3, 1e-2
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
#: An exponent l this far beyond what is typical is infinite: an equation without a derivative across.
INFINITE = 1e4
#: That many typical exponents are none: P(c) is regular.
NONE = 0.87 + 0.71j


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
        weights = np.concatenate([w for part in (self.equations, *self.ends) for _, w in part], 1)
        _, first, owner = np.unique(weights, axis=0, return_index=True, return_inverse=True)
        lower = 2.0 ** np.floor(np.log2(least))  # the same for slabs of about the same length
        return np.array(_largest_rates(self._at(first), lower))[owner.ravel()]

    def singular_at(self, numbers: Array) -> Array:
        """Where waves meet the conditions of both ends, nearly: next to rising numbers s, NUMBERS to an octave."""
        every = np.arange(len(self.equations[0][1]))
        if not any(jet.order[self.axis] for jets, _ in self.equations for jet in jets):
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
        if not any(jet.order[self.axis] for jets, _ in self.equations for jet in jets):  # no side says anything
            return np.zeros(len(every))
        rates = least * 2.0 ** np.arange(DOUBLINGS)
        at, s = (a.ravel() for a in np.meshgrid(every, rates, indexing="ij"))
        values = self._distances(at, s).reshape(len(every), -1)
        beside = np.minimum(values[:, :-2], values[:, 2:])
        at_last = (values[:, -HIGHEST:] <= ROUNDED).all(1)
        constant = ((values < DIP * SINGULAR).mean(1) > OFTEN) & ~at_last
        dips = np.isfinite(values[:, 1:-1]) & (values[:, 1:-1] <= beside) & ~constant[:, None]
        point, k = np.nonzero(dips)
        out = self._echoing(every, np.asarray(rates))
        np.maximum.at(out, point, self._zeros(point, rates[k + 1], beside[point, k]))
        return out

    def _echoing(self, every: np.ndarray, rates: Array) -> Array:
        """The largest rate at which what goes from side to side and back returns no smaller: (point,).

        It grows at that rate while it oscillates, or at that of a zero: u = -2 v on one side and v = u on the other
        have no sum of exponentials of a real rate between them.
        """
        at, s = (a.ravel() for a in np.meshgrid(every, rates, indexing="ij"))
        returns = (self._echoes(at, s).reshape(len(every), -1) >= 1.0) & (rates < rates[-1])
        last = len(rates) - 1 - np.argmax(returns[:, ::-1], 1)
        own = np.flatnonzero(returns.any(1))
        low, high = rates[last[own]], rates[np.minimum(last[own] + 1, len(rates) - 1)]
        for _ in range(CLOSER):
            middle = np.sqrt(low * high)
            grows = self._echoes(own, middle) >= 1.0
            low, high = np.where(grows, middle, low), np.where(grows, high, middle)
        out = np.zeros(len(every))
        out[own] = low
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
        return np.where((least < SINGULAR) & ((least < DIP * beside) | (beside < ROUNDED)), best, 0.0)

    def _distances(self, at: np.ndarray, rates: Array) -> Array:
        """How far from singular the conditions are at points and rates; infinity where there are more or fewer."""
        out = np.full(len(at), np.inf)
        for own, matrix, _ in self._matrices(at, rates):
            out[own] = np.linalg.svd(matrix, compute_uv=False)[:, -1]
        return out

    def _echoes(self, at: np.ndarray, rates: Array) -> Array:
        """What comes back of a wave that has gone to the other side and returned, at most; zero where none does."""
        out, first = np.zeros(len(at)), len(self.ends[0])
        for own, matrix, decays in self._matrices(at, rates):
            if first == decays and 0 < first < matrix.shape[1]:
                (near, back), (forth, far) = (
                    np.split(matrix[:, :first], [first], 2),
                    np.split(matrix[:, first:], [first], 2),
                )
                sides = [np.linalg.svd(side, compute_uv=False)[:, -1] for side in (near, far)]
                known = np.minimum(*sides) > ROUNDED
                trip = np.linalg.solve(near[known], back[known]) @ np.linalg.solve(far[known], forth[known])
                out[own[known]] = np.abs(np.linalg.eigvals(trip)).max(1)
        return out

    def _matrices(self, at: np.ndarray, rates: Array) -> Iterator[tuple[np.ndarray, Complex, int]]:
        """The conditions of cases with as many exponentials as rows: these cases, matrices, and how many decay."""
        rows = sum(map(len, self.ends))
        exponents, vectors, basis = self._exponentials(at, rates)
        decays = (np.isfinite(exponents) & (exponents.real < 0.0)).sum(1)
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
        return np.asarray(self._tangential(jet) * rates[:, None] ** jet.order[-1] * across)

    def _tangential(self, jet: Jet) -> complex:
        out = 1.0 + 0.0j
        for i, (k, n) in enumerate(zip(self.along, jet.order, strict=False)):
            out *= (1j * k) ** n if i != self.axis else 1.0
        return out

    def _exponentials(self, at: np.ndarray, rates: Array) -> tuple[Complex, Complex, Complex]:
        """Exponents l (case, number), those that decay first, infinite ones last; vectors (case, unknown, number).

        And these with their derivatives, in units of a typical exponent (case, row, number).

        With l = c (w - 1) / (w + 1) the matrix polynomial in l is one in w whose leading coefficient is regular.
        """
        powers = self._powers(at, rates)
        degree, size = len(powers) - 1, powers.shape[-1]
        scale = NONE * self._typical(at, rates)
        in_w = np.zeros_like(powers)
        for b, factors in enumerate(_transform(degree)):
            in_w += factors[:, None, None, None] * powers[b] * (scale**b)[:, None, None]
        companion = np.zeros((len(at), degree * size, degree * size), dtype=np.complex128)
        companion[:, : (degree - 1) * size, size:] = np.eye((degree - 1) * size)
        companion[:, (degree - 1) * size :] = -np.linalg.solve(in_w[-1], np.concatenate(list(in_w[:-1]), -1))
        w, basis = np.linalg.eig(companion)
        far = np.abs(w + 1.0) < 1.0 / INFINITE
        exponents = np.where(far, np.inf, scale[:, None] * (w - 1.0) / np.where(far, 1.0, w + 1.0))
        order = np.argsort(np.where(far, 2, exponents.real >= 0.0), 1, kind="stable")
        exponents, vectors = (
            np.take_along_axis(exponents, order, 1),
            np.take_along_axis(basis[:, :size], order[:, None], 2),
        )
        units = np.where(np.isfinite(exponents), exponents, 0.0)[:, None] / np.abs(scale)[:, None, None]
        basis = np.concatenate([units**b * vectors for b in range(degree)], 1)
        return exponents, self.sizes[:, None] * vectors, basis

    def _typical(self, at: np.ndarray, rates: Array) -> Array:
        """The geometric mean of the moduli of the exponents, those that are zero or infinite left out: (case,)."""
        part = [(jets, w[at]) for jets, w in self.equations]
        found = determinant(
            symbol(part, len(self.sizes), lambda j: (j.order[self.axis], j.order[-1]), self._tangential)
        )
        degree = max((a for a, _ in found), default=0)
        values = np.zeros((degree + 1, len(at)), dtype=np.complex128)
        for (a, b), (value, _) in found.items():
            values[a] += value * rates**b
        there = np.abs(values) > 0.0
        first, last = np.argmax(there, 0), degree - np.argmax(there[::-1], 0)
        lowest, highest = (np.abs(values[k, np.arange(len(at))]) for k in (first, last))
        with np.errstate(all="ignore"):
            mean = (lowest / highest) ** (1.0 / (last - first))
        return np.where((last > first) & np.isfinite(mean) & (mean > 0.0), mean, 1.0)

    def _powers(self, at: np.ndarray, rates: Array) -> Complex:
        """The matrix polynomial in l, equations and unknowns of size one: (power, case, equation, unknown)."""
        degree = max(jet.order[self.axis] for jets, _ in self.equations for jet in jets)
        out = np.zeros((degree + 1, len(at), len(self.equations), len(self.sizes)), dtype=np.complex128)
        for i, (jets, weights) in enumerate(self.equations):
            for k, jet in enumerate(jets):
                factor = self._tangential(jet) * rates ** jet.order[-1] * self.sizes[jet.unknown]
                out[jet.order[self.axis], :, i, jet.unknown] += weights[at, k] * factor
        size = np.abs(out).max((0, 3))[..., None]
        return np.asarray(out / np.where(size > 0.0, size, 1.0))


@lru_cache(maxsize=256)
def _largest_rates(across: Across, least: float) -> tuple[float, ...]:
    """Of coefficients that do not depend on time once, not in every slab."""
    return tuple(map(float, across.rates(least)))


@lru_cache(maxsize=8)
def _transform(degree: int) -> Array:
    """The coefficients of (w - 1)^b (w + 1)^(degree - b), by rising powers of w: (b, power)."""
    both = [(np.poly1d([1.0, -1.0]) ** b * np.poly1d([1.0, 1.0]) ** (degree - b)).coeffs for b in range(degree + 1)]
    return np.array(both)[:, ::-1]


def _divided(row: Complex, upper: Complex) -> Complex:
    """row R^-1 of upper triangular R: (case, exponential)."""
    return np.asarray(np.linalg.solve(np.swapaxes(upper, 1, 2), row[..., None])[..., 0])
