"""Units in which every unknown and every equation of a system is of size one.

Multiplying an equation, an unknown or a coordinate by a number changes no solution, so it should change no solve
either. With functions that vary over a tenth of the domain (wavenumber k), an equation i has terms of size
|a_ij| k^alpha U_j. Sizes U_j of the unknowns and E_i of the equations are chosen so that these terms, the sources and
the data of conditions are as near to E_i as they can be, in the sense of least squares of the logarithms (Curtis and
Reid, J. Inst. Maths Applics 10, 1972). Equations that are weighed like that also balance orders: div u = 0 counts nu k
times as much as the momentum equations of a flow, as the orders of the unknowns want it (Agmon, Douglis and Nirenberg
1964).
Kovasznay's flow with Reynolds numbers from 1 to 1000: weights of div u = 0 from a hundredth to a hundred times of this
one need the same knots within a level; a thousandth, two more.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import sympy

from pinnkan.problem.checks.algebraic import algebraic_start
from pinnkan.problem.checks.starts import start_of
from pinnkan.problem.checks.values import points_at
from pinnkan.problem.expressions.functions import Smaller
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.value_ranges import SIGNS, Range, signed, value_ranges
from pinnkan.problem.statement import Condition, Equation, Jet, Problem, Side

#: Functions of size one are taken to vary over this share of the domain.
WAVELENGTH = 0.1
#: Points at which terms are looked at; repetitions where coefficients depend on the unknowns, each of which halves the
#: error of the logarithms, and what may be left of it.
SAMPLES, REPETITIONS, SETTLED = 64, 40, 1e-9
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
#: How much sources of equations and data of conditions count beside the terms. Where an unknown has neither, its size
#: is that which the terms of the others ask for.
SOURCE, DATA = 0.1, 0.3
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


def in_natural_units(problem: Problem) -> tuple[Problem, tuple[float, ...]]:
    """The problem for u_j / U_j, its equations divided by E_i, and the sizes U_j.

    A single unknown is left as it is: one factor for all rows changes nothing.
    """
    if len(problem.unknowns) == 1:
        return problem, (1.0,)
    sizes, scales = natural_sizes(problem)
    equations = tuple(_scaled(e, sizes, s) for e, s in zip(problem.equations, scales, strict=True))
    conditions = tuple(_scaled_condition(c, sizes) for c in problem.conditions)
    exact = None if problem.exact is None else dict(problem.exact)
    for name, size in zip(problem.unknowns, sizes, strict=True):
        if exact and name in exact:
            exact[name] = exact[name] / size
    return replace(problem, equations=equations, conditions=conditions, exact=exact), sizes


def natural_sizes(problem: Problem) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Sizes of the unknowns, those of one vector being equal, and of the equations; kept with the problem."""
    kept = vars(problem)
    kept["natural_sizes"] = found = kept.get("natural_sizes") or _natural_sizes(problem)
    sizes, scales = found
    return sizes, scales


def _natural_sizes(problem: Problem) -> tuple[tuple[float, ...], tuple[float, ...]]:
    known = value_ranges(problem)
    inside = [_Looked(problem, e, None, known) for e in problem.equations]
    given = [(c.equation, c.place if isinstance(c.place, Side) else None) for c in problem.conditions if c.equation]
    placed = [_Looked(problem, equation, side, known) for equation, side in given]
    followed, nothing = np.log(np.maximum(_followed(problem), NOTHING)), np.log(NOTHING)
    data = np.maximum(np.log(np.maximum(_data(placed, np.zeros(len(problem.unknowns))), NOTHING)), followed)
    free = _shared(problem, data) <= nothing
    least, most = (np.where(followed > nothing, followed, far) for far in (-np.inf, np.inf))
    settled = partial(_settled, problem, inside, placed, data, free)
    linear = settled((least, np.where(free, nothing, most)))
    found = settled((least, np.where(free & linear.is_unique, linear.unknowns, most)), is_held=True)
    return tuple(map(float, np.exp(found.unknowns))), tuple(map(float, np.exp(found.equations)))


def _followed(problem: Problem) -> np.ndarray:
    """What others make of an unknown at the first time (unknown,), 0 where they do not.

    Of log(w) = -v with v = 1 no size of w fits better than another: it had been 1e-32.
    """
    found, start, first = np.zeros(len(problem.unknowns)), algebraic_start(problem), start_of(problem)
    if start is not None and first is not None:
        roots = start.roots(np.array([x[0] for x in points_at(problem, first)]))
        found[list(start.unknowns)] = np.abs(roots[0]) if len(roots) else 0.0
    return found


@dataclass(frozen=True, eq=False)
class _Sizes:
    """Logarithms of the sizes of unknowns and equations that fit best, and whether no others fit as well."""

    unknowns: np.ndarray
    equations: np.ndarray
    is_unique: bool


def _settled(
    problem: Problem,
    inside: "Sequence[_Looked]",
    placed: "Sequence[_Looked]",
    unknown: np.ndarray,
    free: np.ndarray,
    within: tuple[np.ndarray, np.ndarray],
    is_held: bool = False,
) -> _Sizes:
    """Sizes at which coefficients, of unknowns ``within`` two numbers each, make the same sizes fit best.

    ``is_held``: whether what is ``free`` does not grow by its own coefficients beyond those, either. Half of the way is
    gone at a time, all of it where the best sizes stand still, as in a linear problem.
    """
    best = np.full(len(unknown), np.inf)
    for _ in range(REPETITIONS):
        moving = free & (unknown <= within[1]) if is_held else free
        found = _balanced(inside, placed, unknown, np.clip(unknown, *within), moving)
        before, last, best = unknown, best, _shared(problem, found.unknowns)
        unknown = best if np.abs(best - last).max() < SETTLED else 0.5 * (unknown + best)
        if np.abs(unknown - before).max() < SETTLED:
            break
    return replace(found, unknowns=_shared(problem, found.unknowns))


class _Looked:
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
        symbols = list(equation.jets)
        slopes = [sympy.diff(equation.residual, s) for s in symbols]
        looked = [_held(e, set(symbols)) for e in (equation.residual, *slopes)]
        self.tape = Tape(looked, [*problem.coordinates, *symbols])

    def terms(self, unknown: np.ndarray) -> tuple[dict[int, float], float]:
        """The largest term of each unknown per size of it, and the source, both as root mean squares.

        Coefficients are those at the logarithms of sizes ``unknown``.
        """
        sizes = np.exp(unknown)
        jets = [sizes[j.unknown] * r * w for j, r, w in zip(self.jets, self.rates, self.waves, strict=True)]
        slopes = np.min([self._slopes(jets, sign) for sign in SIGNS], axis=0)
        found: dict[int, float] = {}
        for jet, rate, slope in zip(self.jets, self.rates, slopes, strict=True):
            found[jet.unknown] = max(found.get(jet.unknown, 0.0), float(slope) * rate)
        return found, root_mean_square(self._values([np.zeros(SAMPLES)] * len(self.jets))[0])

    def powers(self, unknown: np.ndarray, free: np.ndarray, terms: dict[int, float]) -> dict[int, np.ndarray]:
        """Of each of the ``terms`` at some sizes, which power of those of others that are ``free`` it is (unknown,)."""
        found, numbers = {j: np.zeros(len(unknown)) for j in terms}, np.arange(len(unknown))
        for k in [k for k in terms if free[k] and len(terms) > 1]:
            less = self.terms(unknown + np.log(LESS) * (numbers == k))[0]
            for j, term in terms.items():
                if j != k and term > 0.0 and less[j] > 0.0:
                    power = np.log(less[j] / term) / np.log(LESS)
                    found[j][k] = power if power > FACTOR else 0.0
        return found

    def _slopes(self, jets: Sequence[np.ndarray], sign: float) -> np.ndarray:
        """Root mean squares of the derivatives by all jets, values of no known sign having this one: (jet,)."""
        values = [signed(j, w, sign, self.known[j.unknown]) for j, w in zip(self.jets, jets, strict=True)]
        return np.array([root_mean_square(slope) for slope in self._values(values)[1:]])

    def _values(self, jets: Sequence[np.ndarray]) -> list[np.ndarray]:
        with np.errstate(all="ignore"):
            values = self.tape([*self.points.T, *jets])
        return [np.broadcast_to(np.asarray(v, dtype=np.float64), SAMPLES) for v in values]


def _held(expression: sympy.Expr, unknown: set[sympy.Symbol]) -> sympy.Expr:
    """The expression with exponentials of unknowns no larger than BALANCED: where they would be, others hold them."""
    powers = [e for e in expression.atoms(sympy.exp) if e.free_symbols & unknown]
    return expression.xreplace({e: sympy.exp(Smaller(e.args[0], sympy.Float(BALANCED))) for e in powers})


def root_mean_square(values: np.ndarray) -> float:
    """Of what is finite; zero where nothing is."""
    finite = values[np.isfinite(values)]
    largest = float(np.abs(finite).max(initial=0.0))
    return largest * float(np.sqrt(((finite / largest) ** 2).mean())) if largest > 0.0 else 0.0


def _balanced(
    inside: Sequence[_Looked], placed: Sequence[_Looked], unknown: np.ndarray, at: np.ndarray, free: np.ndarray
) -> _Sizes:
    """Sizes that fit best, coefficients taken ``at`` some, terms that are negligible at ``unknown`` left out.

    A coefficient is as large as the unknowns in it that are ``free``, without data, will be: of w + 0.3 v w = 1 the
    second term had made w smaller and smaller, to 1e-25, with 556 for a v of one.
    """
    count, rows, right = len(unknown), [], []

    def fit(weight: float, entries: dict[int, float], value: float) -> None:
        row = np.zeros(count + len(inside))
        row[list(entries)] = list(entries.values())
        rows.append(weight * row)
        right.append(weight * np.log(value))

    for number, equation in enumerate(inside):
        terms, source = equation.terms(at)
        powers = equation.powers(at, free, terms)
        amounts = sorted([source, *(term * np.exp(unknown[j]) for j, term in terms.items())])
        for j, term in terms.items():
            if term * np.exp(unknown[j]) > max(NEGLIGIBLE * amounts[-2], UNDERFLOWN * amounts[-1]):
                own = (np.arange(count) == j) + powers[j]
                fit(1.0, {count + number: 1.0, **dict(enumerate(-own))}, term * np.exp(-powers[j] @ at))
        if source > 0.0:
            fit(SOURCE, {count + number: 1.0}, source)
    for j, size in enumerate(_data(placed, at)):
        if size > 0.0:
            fit(DATA, {j: 1.0}, size)
    found, _, rank, _ = np.linalg.lstsq(np.array(rows), np.array(right), rcond=1e-10)
    return _Sizes(found[:count], found[count:], rank == len(found))


def _data(placed: Sequence[_Looked], unknown: np.ndarray) -> np.ndarray:
    """The size that the data of conditions give each unknown, 0 where they say nothing."""
    data = np.zeros(len(unknown))
    for condition in placed:
        terms, source = condition.terms(unknown)
        for j, term in terms.items():
            data[j] = max(data[j], source / term if term > 0.0 else 0.0)
    return data


def _shared(problem: Problem, unknown: np.ndarray) -> np.ndarray:
    """The same with one size, the geometric mean, for all components of a vector."""
    out = unknown.copy()
    for names in problem.vectors.values():
        members = [problem.unknowns.index(n) for n in names]
        out[members] = unknown[members].mean()
    return out


def _scaled(equation: Equation, sizes: Sequence[float], scale: float) -> Equation:
    """The equation for unknowns in natural units, divided by ``scale``."""
    changed = {symbol: sizes[jet.unknown] * symbol for symbol, jet in equation.jets.items()}
    return replace(equation, residual=equation.residual.xreplace(changed) / scale)


def _scaled_condition(condition: Condition, sizes: Sequence[float]) -> Condition:
    if condition.equation is None:
        return condition
    used = [sizes[jet.unknown] for jet in condition.equation.jets.values()]
    return replace(condition, equation=_scaled(condition.equation, sizes, max(used, default=1.0)))
