"""The sizes of the terms of an equation at unknowns of given sizes, and their dependence on these.

Evaluated at sample points of its place, with random unknowns near their sizes, of either sign where theirs is unknown,
and with derivatives of functions that vary over a tenth of the domain.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import sympy

from pinnkan.problem.expressions.functions import Smaller
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.value_ranges import SIGNS, Range, values_with_sign
from pinnkan.problem.statement import Equation, Jet, Problem, ShapeSide, Side

#: Functions of size one are assumed to vary over this share of the domain. Heuristic.
WAVELENGTH = 0.1
#: Sample points of a place. Heuristic.
SAMPLES = 64
#: The range of the absolute values of an unknown of size one: normal deviates near zero would dominate q^2 / h.
UNIT_SIZE_RANGE = 0.5, 1.5
#: The initial size of an unknown without data. Linear terms then set its largest size; terms of higher degree limit it
#: and do not make it grow.
NEGLIGIBLE_SIZE = 1e-30
#: The factor of a size that shows with which power it enters a coefficient, and the least power that counts. Heuristic.
SIZE_DECREASE, MIN_POWER = 1e-30, 0.5
#: Number and ratio of decreasing sizes at which a term is tested for levelling off: down to 1e-12.
SATURATION_SIZES, SATURATION_RATIO = 41, 2.0
#: Terms below this share of the second largest in their equation, its source included, are ignored: the largest alone
#: balances nothing.
NEGLIGIBLE_TERM_SHARE = 1e-3
#: Terms below this share of the largest are ignored: exp(-((u_x - 1)/1e-5)**2) is 1e-230 at a usual slope.
UNDERFLOW_SHARE = 1e-60
#: Exponents that depend on unknowns are limited to this, as the solution keeps larger ones small: a diode's
#: ``exp((5 sin(t) - v)/0.026)`` at v = 0 is 1e84. Heuristic.
MAX_EXPONENT = 5.0


@dataclass(frozen=True)
class TermMagnitudes:
    """Root mean squares: of the ``source`` of an equation, and by unknown of its ``largest`` term, per its size.

    ``second_largest``: the second largest of another order with a coefficient free of unknowns, which may balance it:
    u_t and -u, or u_xx and u_yy, but not u*u_x and v*u_y of a flow.
    """

    largest: dict[int, float]
    second_largest: dict[int, float]
    source: float

    def negligible_below(self, j: int, sizes: np.ndarray, balanced: bool) -> float:
        """Return the threshold below which the term of unknown j is ignored, at given ``sizes``.

        A share of the second largest term, or of the source if ``balanced``, that is if other unknowns balance it.
        """
        every = (*self.largest.items(), *self.second_largest.items())
        *_, second, largest = sorted([0.0, self.source, *(amount * sizes[k] for k, amount in every)])
        return max(NEGLIGIBLE_TERM_SHARE * max(second, self.source if balanced else 0.0), UNDERFLOW_SHARE * largest)


class TermSizes:
    """An equation at sample points of its place."""

    def __init__(
        self, problem: Problem, equation: Equation, side: Side | ShapeSide | None, known: Sequence[Range]
    ) -> None:
        rng = np.random.default_rng(0)
        where = problem.domain if side is None else problem.domain.boundary_pieces[side]
        self.points = where.sample(SAMPLES, lambda *shape: rng.random(shape))
        self.jets: list[Jet] = list(equation.jets.values())
        self.known = known
        self.rates = jet_sizes(self.jets, WAVELENGTH * problem.box.lengths).tolist()
        self.waves = rng.uniform(*UNIT_SIZE_RANGE, (len(self.jets), SAMPLES)) * rng.choice(
            (-1, 1), (len(self.jets), SAMPLES)
        )
        self.in_time = problem.time_axis is not None
        self.leading = _leading(self.jets, self.in_time)
        symbols = list(equation.jets)
        self.is_nonlinear = not equation.is_linear
        looked = [_limit_exponents(e, set(symbols)) for e in (equation.residual, *equation.slopes.values())]
        self.tape = Tape(looked, [*problem.coordinates, *symbols])

    def terms(self, unknown: np.ndarray) -> "TermMagnitudes":
        """Return the terms of all unknowns, with coefficients at the logarithms of sizes ``unknown``."""
        return self._terms(np.exp(unknown)) if self.is_nonlinear else self._always

    @cached_property
    def _always(self) -> "TermMagnitudes":
        """The terms if no coefficient depends on unknowns."""
        return self._terms(np.ones(1 + max((jet.unknown for jet in self.jets), default=0)))

    def _terms(self, sizes: np.ndarray) -> "TermMagnitudes":
        jets = [sizes[j.unknown] * r * w for j, r, w in zip(self.jets, self.rates, self.waves, strict=True)]
        each = np.array([self._slopes(jets, sign) for sign in SIGNS])
        slopes = each.min(0)
        for k in np.flatnonzero((slopes == 0.0) & (each.max(0) > 0.0)):
            slopes[k] = self._one_sided_slope(jets, int(k), each[:, k])
        source, *always = map(root_mean_square, self._values([np.zeros(SAMPLES)] * len(self.jets)))
        largest: dict[int, float] = {}
        plain: dict[int, dict[tuple[int, int], float]] = {}
        for jet, rate, slope, least in zip(self.jets, self.rates, slopes, always, strict=True):
            largest[jet.unknown] = max(largest.get(jet.unknown, 0.0), float(slope) * rate)
            own, order = plain.setdefault(jet.unknown, {}), (jet.order[-1] if self.in_time else 0, jet.total_order)
            own[order] = max(own.get(order, 0.0), min(float(slope), least) * rate)
        pairs = {j: sorted(own.values())[-2] for j, own in plain.items() if len(own) > 1}
        return TermMagnitudes(largest, pairs, source if source > NEGLIGIBLE_SIZE else 0.0)  # a root of nothing is 1e-50

    def saturation_size(self, j: int, unknown: np.ndarray) -> float:
        """Return the logarithm of the size with the largest term of unknown j, if it falls from there; or infinity."""
        if not self.is_nonlinear or all(jet.unknown != j for jet in self.jets):
            return float("inf")
        smaller, found = np.arange(SATURATION_SIZES) * np.log(SATURATION_RATIO), list[float]()
        for less in smaller:
            at = unknown.copy()
            at[j] -= less
            found.append(self.terms(at).largest[j] * float(np.exp(at[j])))
            if len(found) > 1 and found[0] > found[1]:  # it grows
                return float("inf")
        best = int(np.argmax(found))
        return float(unknown[j] - smaller[best]) if found[0] < MIN_POWER * found[best] else float("inf")

    def secant(self, j: int, unknown: np.ndarray) -> float:
        """Return the change of the equation by unknown j alone, from zero to its size, per size; sizes as logarithms.

        Slopes may be much smaller: of h_x / sqrt(1 + h_x^2) they fall as the cube of the size.
        """
        jets = [
            np.exp(unknown[j]) * r * w if jet.unknown == j else 0.0 * w
            for jet, r, w in zip(self.jets, self.rates, self.waves, strict=True)
        ]
        nothing = self._values([np.zeros(SAMPLES)] * len(jets))[0]
        return float(root_mean_square(self._values(jets)[0] - nothing) / np.exp(unknown[j]))

    def powers(self, unknown: np.ndarray, free: np.ndarray, terms: dict[int, float]) -> dict[int, np.ndarray]:
        """Return the power of each ``free`` unknown in each of the ``terms``, at given sizes: (unknown,) per term."""
        found, numbers = {j: np.zeros(len(unknown)) for j in terms}, np.arange(len(unknown))
        for k in [k for k in terms if free[k] and len(terms) > 1]:
            less = self.terms(unknown + np.log(SIZE_DECREASE) * (numbers == k)).largest
            for j, term in terms.items():
                if j != k and term > 0.0 and less[j] > 0.0:
                    power = np.log(less[j] / term) / np.log(SIZE_DECREASE)
                    found[j][k] = power if power > MIN_POWER else 0.0
        return found

    def _one_sided_slope(self, jets: Sequence[np.ndarray], k: int, alike: np.ndarray) -> float:
        """Return the slope by jet k for the sign of its unknown that has one: max(h, 0) has none below zero.

        ``alike``: the slopes with all unknowns of the first sign, and of the second.
        """
        own = self.jets[k].unknown
        apart = [self._slopes(jets, sign, own)[k] for sign in SIGNS]
        return float(max(min(alike[0], apart[1]), min(alike[1], apart[0])))

    def _slopes(self, jets: Sequence[np.ndarray], sign: float, own: int | None = None) -> np.ndarray:
        """Return root mean squares of derivatives by all jets (jet,); unknowns without a known sign have this one.

        The unknown ``own`` has the opposite one.
        """
        signs = [-sign if j.unknown == own else sign for j in self.jets]
        values = [
            values_with_sign(j, w, s, self.known[j.unknown]) for j, w, s in zip(self.jets, jets, signs, strict=True)
        ]
        return np.array([root_mean_square(slope) for slope in self._values(values)[1:]])

    def _values(self, jets: Sequence[np.ndarray]) -> list[np.ndarray]:
        with np.errstate(all="ignore"):
            values = self.tape([*self.points.T, *jets])
        return [np.broadcast_to(np.asarray(v, dtype=np.float64), SAMPLES) for v in values]


def _leading(jets: Sequence[Jet], in_time: bool) -> frozenset[int]:
    """Return the unknowns with the highest derivatives of an equation, those in time first if ``in_time``."""
    orders = [(jet.order[-1] if in_time else 0, jet.total_order) for jet in jets]
    return frozenset(jet.unknown for jet, order in zip(jets, orders, strict=True) if order == max(orders))


def _limit_exponents(expression: sympy.Expr, unknown: set[sympy.Symbol]) -> sympy.Expr:
    """Return the expression with exponents that depend on unknowns limited from above."""
    powers = [e for e in expression.atoms(sympy.exp) if e.free_symbols & unknown]
    return expression.xreplace({e: sympy.exp(Smaller(e.args[0], sympy.Float(MAX_EXPONENT))) for e in powers})


def jet_sizes(
    jets: Sequence[Jet], lengths: Sequence[float] | np.ndarray, sizes: Sequence[float] | np.ndarray | None = None
) -> np.ndarray:
    """Return the sizes (jet,) of derivatives of unknowns that vary over ``lengths`` (coordinate,), infinite for none.

    ``sizes`` (unknown,): of the unknowns, None for one. Times slopes they are the sizes of the terms of an equation.
    """
    rates = np.array([np.prod(np.asarray(lengths) ** -np.array(j.order, dtype=np.float64)) for j in jets])
    return rates if sizes is None else rates * np.asarray(sizes)[[j.unknown for j in jets]]


def root_mean_square(values: np.ndarray) -> float:
    """Return the root mean square of the finite values; zero without any."""
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0.0))
    return largest * float(np.sqrt(((finite / largest) ** 2).mean())) if largest > 0.0 else 0.0
