"""How large the terms of an equation are at unknowns of some sizes, and how these follow them.

Looked at in points of its place, with unknowns that take numbers near their sizes, of either sign where theirs is not
known, and derivatives of functions that vary over a tenth of the domain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.problem.expressions.functions import Smaller
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.value_ranges import SIGNS, Range, signed
from pinnkan.problem.statement import Equation, Jet, Problem, Side

#: Functions of size one are taken to vary over this share of the domain.
WAVELENGTH = 0.1
#: Points at which terms are looked at.
SAMPLES = 64
#: What an unknown of size one is at these points, but for its sign. One depth h of water in a hundred that is nearly
#: nothing (of normal deviates) had q^2 / h in place of all others: q a hundred times too large, and an equation that
#: weighed next to nothing.
NEAR_ONE = 0.5, 1.5
#: The size that an unknown without data begins with. What is linear in it then settles the largest that it can have:
#: terms of higher degree hold what grows, they do not make it grow. With them alone q of shallow water at rest, until
#: t = 0.05, was 37 of h = 1 (as if waves crossed the domain by then), the momentum weighed nothing, and the slab was
#: taken for one that the equations do not determine.
NOTHING = 1e-30
#: What a size is multiplied by to see which power of it a coefficient is, and the least one that counts. A depth of
#: water, beside which q^2 of a flow stands, is no factor.
LESS, FACTOR = 1e-30, 0.5
#: Smaller sizes at which it is asked whether a term levels off, each this share of the one before: down to 1e-12.
LEVELS, LEVEL = 41, 2.0
#: A term below this share of the second largest in its equation, its source among them, says nothing about sizes: the
#: largest alone balances nothing. A share of the largest left out all that could hold buoyancy in a heated cavity with
#: a Rayleigh number of 1e6, whose pressure was 14 times too small, and which was then not solved.
NEGLIGIBLE = 1e-3
#: Nor does one below this share of the largest: exp(-((u_x - 1)/1e-5)**2), a source where a slope is one, is 1e-230 at
#: a usual one, and had been taken for the size of what it makes.
UNDERFLOWN = 1e-60
#: Powers of e that depend on unknowns are looked at up to this one. Beyond it they are what the solution keeps small:
#: a diode's exp((5 sin(t) - v)/0.026) at v = 0 is 1e84, weighed its equation away, and no slab was short enough.
BALANCED = 5.0


@dataclass(frozen=True)
class Terms:
    """Root mean squares: of the ``source`` of an equation, and by unknown of its ``largest`` term, per its size.

    ``next``: of the second largest of another order, as far as no unknown stands before it, which may balance it: u_t
    and -u do, u_xx and u_yy, u*u_x and v*u_y of a flow do not.
    """

    largest: dict[int, float]
    next: dict[int, float]
    source: float

    def least(self, j: int, sizes: np.ndarray, balanced: bool) -> float:
        """Below which the term of unknown j says nothing of sizes, at some of these.

        Some share of the second largest, since the largest alone balances nothing; or of a source that is ``balanced``
        by others.
        """
        every = (*self.largest.items(), *self.next.items())
        *_, second, largest = sorted([0.0, self.source, *(amount * sizes[k] for k, amount in every)])
        return max(NEGLIGIBLE * max(second, self.source if balanced else 0.0), UNDERFLOWN * largest)


class TermSizes:
    """An equation at sample points of its place."""

    def __init__(self, problem: Problem, equation: Equation, side: Side | None, known: Sequence[Range]) -> None:
        rng = np.random.default_rng(0)
        where = problem.domain if side is None else problem.domain.pieces[side]
        self.points = where.sample(SAMPLES, lambda *shape: rng.random(shape))
        self.jets: list[Jet] = list(equation.jets.values())
        self.known = known
        self.rates = [
            float(np.prod((WAVELENGTH * np.ptp(problem.box.ranges, axis=1)) ** -np.array(j.order, float)))
            for j in self.jets
        ]
        self.waves = rng.uniform(*NEAR_ONE, (len(self.jets), SAMPLES)) * rng.choice((-1, 1), (len(self.jets), SAMPLES))
        self.in_time = problem.time_axis is not None
        self.leading = _leading(self.jets, self.in_time)
        symbols = list(equation.jets)
        slopes = [sympy.diff(equation.residual, s) for s in symbols]
        self.bends = any(slope.free_symbols & set(symbols) for slope in slopes)
        looked = [_held(e, set(symbols)) for e in (equation.residual, *slopes)]
        self.tape = Tape(looked, [*problem.coordinates, *symbols])

    def terms(self, unknown: np.ndarray) -> "Terms":
        """The terms of all unknowns, with coefficients at the logarithms of sizes ``unknown``."""
        return self._terms(np.exp(unknown)) if self.bends else self._always

    @cached_property
    def _always(self) -> "Terms":
        """The terms where no coefficient depends on unknowns."""
        return self._terms(np.ones(1 + max((jet.unknown for jet in self.jets), default=0)))

    def _terms(self, sizes: np.ndarray) -> "Terms":
        jets = [sizes[j.unknown] * r * w for j, r, w in zip(self.jets, self.rates, self.waves, strict=True)]
        each = np.array([self._slopes(jets, sign) for sign in SIGNS])
        slopes = each.min(0)
        for k in np.flatnonzero((slopes == 0.0) & (each.max(0) > 0.0)):
            slopes[k] = self._on_its_side(jets, int(k), each[:, k])
        source, *always = map(root_mean_square, self._values([np.zeros(SAMPLES)] * len(self.jets)))
        largest: dict[int, float] = {}
        plain: dict[int, dict[tuple[int, int], float]] = {}
        for jet, rate, slope, least in zip(self.jets, self.rates, slopes, always, strict=True):
            largest[jet.unknown] = max(largest.get(jet.unknown, 0.0), float(slope) * rate)
            own, order = plain.setdefault(jet.unknown, {}), (jet.order[-1] if self.in_time else 0, jet.total)
            own[order] = max(own.get(order, 0.0), min(float(slope), least) * rate)
        pairs = {j: sorted(own.values())[-2] for j, own in plain.items() if len(own) > 1}
        return Terms(largest, pairs, source if source > NOTHING else 0.0)  # a root of nothing is 1e-50

    def levelled(self, j: int, unknown: np.ndarray) -> float:
        """The logarithm of the size at which the term of unknown j is largest, if it falls from there to what it has.

        Infinity where it does not. What tanh(l/eps) makes of l is the same for any l beyond eps, and its slope nothing.
        """
        if not self.bends or all(jet.unknown != j for jet in self.jets):
            return float("inf")
        smaller, found = np.arange(LEVELS) * np.log(LEVEL), list[float]()
        for less in smaller:
            at = unknown.copy()
            at[j] -= less
            found.append(self.terms(at).largest[j] * float(np.exp(at[j])))
            if len(found) > 1 and found[0] > found[1]:  # it grows
                return float("inf")
        best = int(np.argmax(found))
        return float(unknown[j] - smaller[best]) if found[0] < FACTOR * found[best] else float("inf")

    def secant(self, j: int, unknown: np.ndarray) -> float:
        """How far unknown j alone moves the equation from where it is nothing, per its size; logarithms of sizes.

        Of h_x / sqrt(1 + h_x^2) = 0.6 slopes fall as the cube of the size, which had been 2e4 for one of 0.1.
        """
        jets = [
            np.exp(unknown[j]) * r * w if jet.unknown == j else 0.0 * w
            for jet, r, w in zip(self.jets, self.rates, self.waves, strict=True)
        ]
        nothing = self._values([np.zeros(SAMPLES)] * len(jets))[0]
        return float(root_mean_square(self._values(jets)[0] - nothing) / np.exp(unknown[j]))

    def powers(self, unknown: np.ndarray, free: np.ndarray, terms: dict[int, float]) -> dict[int, np.ndarray]:
        """Of each of the ``terms`` at some sizes, which power of those of others that are ``free`` it is (unknown,)."""
        found, numbers = {j: np.zeros(len(unknown)) for j in terms}, np.arange(len(unknown))
        for k in [k for k in terms if free[k] and len(terms) > 1]:
            less = self.terms(unknown + np.log(LESS) * (numbers == k)).largest
            for j, term in terms.items():
                if j != k and term > 0.0 and less[j] > 0.0:
                    power = np.log(less[j] / term) / np.log(LESS)
                    found[j][k] = power if power > FACTOR else 0.0
        return found

    def _on_its_side(self, jets: Sequence[np.ndarray], k: int, alike: np.ndarray) -> float:
        """The slope by jet k on the side where it has one, whatever signs others have: max(h, 0) has none below zero.

        ``alike``: where all have the first sign, or all the second.
        """
        own = self.jets[k].unknown
        apart = [self._slopes(jets, sign, own)[k] for sign in SIGNS]
        return float(max(min(alike[0], apart[1]), min(alike[1], apart[0])))

    def _slopes(self, jets: Sequence[np.ndarray], sign: float, own: int | None = None) -> np.ndarray:
        """Root mean squares of the derivatives by all jets, values of no known sign having this one: (jet,).

        Those of the unknown ``own`` have the other.
        """
        signs = [-sign if j.unknown == own else sign for j in self.jets]
        values = [signed(j, w, s, self.known[j.unknown]) for j, w, s in zip(self.jets, jets, signs, strict=True)]
        return np.array([root_mean_square(slope) for slope in self._values(values)[1:]])

    def _values(self, jets: Sequence[np.ndarray]) -> list[np.ndarray]:
        with np.errstate(all="ignore"):
            values = self.tape([*self.points.T, *jets])
        return [np.broadcast_to(np.asarray(v, dtype=np.float64), SAMPLES) for v in values]


def _leading(jets: Sequence[Jet], in_time: bool) -> frozenset[int]:
    """Unknowns with the highest derivatives of an equation: ``in_time`` where there are some, else of all."""
    orders = [(jet.order[-1] if in_time else 0, jet.total) for jet in jets]
    return frozenset(jet.unknown for jet, order in zip(jets, orders, strict=True) if order == max(orders))


def _held(expression: sympy.Expr, unknown: set[sympy.Symbol]) -> sympy.Expr:
    """The expression with exponentials of unknowns no larger than BALANCED: where they would be, others hold them."""
    powers = [e for e in expression.atoms(sympy.exp) if e.free_symbols & unknown]
    return expression.xreplace({e: sympy.exp(Smaller(e.args[0], sympy.Float(BALANCED))) for e in powers})


def root_mean_square(values: np.ndarray) -> float:
    """Of what is finite; zero where nothing is."""
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0.0))
    return largest * float(np.sqrt(((finite / largest) ** 2).mean())) if largest > 0.0 else 0.0
