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

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pinnkan.problem.checks.algebraic import sizes_at_start
from pinnkan.problem.features.value_ranges import value_ranges
from pinnkan.problem.statement import Condition, Equation, Problem, Side
from pinnkan.problem.units.driven import BestSizes, driven_sizes
from pinnkan.problem.units.term_sizes import NOTHING, TermSizes

#: Repetitions where coefficients depend on the unknowns, each of which halves the error of the logarithms, and what may
#: be left of it.
REPETITIONS, SETTLED = 40, 1e-9
#: Below this share of the largest a singular value of the equations for the logarithms is zero.
ROUNDED = 1e-10
#: How much sources of equations and data of conditions count beside the terms. Where an unknown has neither, its size
#: is that which the terms of the others ask for.
SOURCE, DATA = 0.1, 0.3
#: No size is further than FAR from that of the data, and counts as KNOWN then: of a_xx = a, u_xx = 1e-18*a with 1 at an
#: end of both a had 1e9, and what is below a millionth of that is no error.
FAR, KNOWN = 1e3, 1e3


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
    scaled = replace(problem, equations=equations, conditions=conditions, exact=exact)
    vars(scaled)["natural_sizes"] = (1.0,) * len(sizes), (1.0,) * len(scales)  # what fits best moves with the units
    return scaled, sizes


def resized(problem: Problem, shares: Sequence[float] | np.ndarray) -> Problem:
    """The same problem, natural sizes of its unknowns being ``shares`` of theirs; of equations as of what they move."""
    (sizes, scales), total = natural_sizes(problem), replace(problem)
    moved = []
    for equation in problem.equations:
        last = max(equation.jets.values(), key=lambda jet: jet.order[-1])
        moved.append(float(shares[last.unknown]) if last.order[-1] else 1.0)
    found = tuple(float(s * u) for s, u in zip(shares, sizes, strict=True))
    vars(total)["natural_sizes"] = found, tuple(s * m for s, m in zip(scales, moved, strict=True))
    return total


def natural_sizes(problem: Problem) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Sizes of the unknowns, those of one vector being equal, and of the equations; kept with the problem."""
    kept = vars(problem)
    kept["natural_sizes"] = found = kept.get("natural_sizes") or _natural_sizes(problem)
    sizes, scales = found
    return sizes, scales


def _natural_sizes(problem: Problem) -> tuple[tuple[float, ...], tuple[float, ...]]:
    known = value_ranges(problem)
    inside = [TermSizes(problem, e, None, known) for e in problem.equations]
    stated = [(c.equation, c.place if isinstance(c.place, Side) else None) for c in problem.conditions if c.equation]
    placed = [TermSizes(problem, equation, side, known) for equation, side in stated]
    followed, nothing = np.log(np.maximum(sizes_at_start(problem), NOTHING)), np.log(NOTHING)
    given = np.log(np.maximum(_data(placed, np.zeros(len(problem.unknowns))), NOTHING))
    data = np.maximum(given, followed)
    free = _shared(problem, data) <= nothing
    least, most = (np.where(followed > nothing, followed, far) for far in (-np.inf, np.inf))
    settled = partial(_settled, problem, inside, placed, free)
    bends = any(e.bends for e in (*inside, *placed))
    driven, begun = driven_sizes(partial(settled, data), inside, data, least, free, bends)
    within, begun = (least, np.where(free, driven, most)), _shared(problem, begun)
    found = settled(begun, within, is_held=True)
    near = np.clip(found.unknowns, given - np.log(FAR), given + np.log(FAR))
    far = (near != found.unknowns) & (given > nothing)
    found = settled(begun, within, is_held=True, known=np.where(far, near, -np.inf)) if far.any() else found
    found = _before_levels(partial(settled, begun, within, is_held=True), inside, free, found)
    scales = _as_seen(problem, inside, found) if problem.time_axis is None else found.equations
    return tuple(map(float, np.exp(found.unknowns))), tuple(map(float, np.exp(scales)))


def _as_seen(problem: Problem, inside: Sequence[TermSizes], found: BestSizes) -> np.ndarray:
    """Logarithms of the sizes of equations; one whose unknowns all have higher derivatives in others counts no more.

    Than these see of them, that is. Where a pressure outweighs viscosity, momentum hardly sees the velocity, and what
    lowers div u most is then far off: of -1e-5 lap(u) + grad p = f, with p of size one, 7e-4 of the velocity was lost
    on 3 x 3 and on 6 x 6 intervals, and 1.6e-5 estimated. Weighed like this it is 3e-7 on 6 x 6, for any p.
    """
    orders = [_orders(e) for e in problem.equations]
    with np.errstate(divide="ignore"):
        seen = [{j: np.log(t) for j, t in e.terms(found.unknowns).largest.items()} for e in inside]
    scales = found.equations.copy()
    for i, own in enumerate(orders):
        wanted = [
            seen[i][j] - max((seen[k][j] - found.equations[k] for k, o in enumerate(orders) if o.get(j, 0) > order),
                             default=np.inf)
            for j, order in own.items()
        ]  # fmt: skip
        scales[i] = max(scales[i], min(wanted, default=-np.inf))
    return scales


def _orders(equation: Equation) -> dict[int, int]:
    """The highest order of the derivatives of every unknown of an equation."""
    found: dict[int, int] = {}
    for jet in equation.jets.values():
        found[jet.unknown] = max(found.get(jet.unknown, 0), jet.total)
    return found


def _before_levels(
    settled: Callable[..., BestSizes], inside: Sequence[TermSizes], free: np.ndarray, found: BestSizes
) -> BestSizes:
    """Sizes of what is free that others than terms which level off ask for; where none do, those that these begin at.

    Of v_t = -tanh(l/0.1), l_t = -k, k_t = 0 a costate l had been 6e9, for a term as large as v_t: its slope is nothing.
    """
    ends = [[e.levelled(int(j), found.unknowns) if free[j] else np.inf for j in range(len(free))] for e in inside]
    least = np.min(ends, axis=0)
    if not np.isfinite(least).any():
        return found
    others = settled(left_out=np.isfinite(ends))
    open_ones = np.isfinite(least) & ~others.is_unique
    return settled(left_out=np.isfinite(ends), known=np.where(open_ones, least, -np.inf)) if open_ones.any() else others


def _settled(
    problem: Problem,
    inside: Sequence[TermSizes],
    placed: Sequence[TermSizes],
    free: np.ndarray,
    unknown: np.ndarray,
    within: tuple[np.ndarray, np.ndarray],
    is_held: bool = False,
    known: np.ndarray | None = None,
    left_out: np.ndarray | None = None,
) -> BestSizes:
    """Sizes at which coefficients, of unknowns ``within`` two numbers each, make the same sizes fit best.

    ``is_held``: whether what is ``free`` does not grow by its own coefficients beyond those, either; ``known``: sizes
    that stay, where these are finite; ``left_out``: terms that say nothing, (equation, unknown). Half of the way is
    gone at a time, all of it where the best sizes stand still, as in a linear problem.
    """
    best = np.full(len(unknown), np.inf)
    for _ in range(REPETITIONS):
        moving = free & (unknown <= within[1]) if is_held else free
        found = _balanced(inside, placed, unknown, np.clip(unknown, *within), moving, known, left_out)
        before, last, best = unknown, best, _shared(problem, found.unknowns)
        unknown = best if np.abs(best - last).max() < SETTLED else 0.5 * (unknown + best)
        if np.abs(unknown - before).max() < SETTLED:
            break
    return replace(found, unknowns=_shared(problem, found.unknowns))


def _balanced(
    inside: Sequence[TermSizes], placed: Sequence[TermSizes], unknown: np.ndarray, at: np.ndarray, free: np.ndarray,
    known: np.ndarray | None, left_out: np.ndarray | None,
) -> BestSizes:  # fmt: skip
    """Sizes that fit best, coefficients taken ``at`` some, terms that are negligible at ``unknown`` left out.

    A coefficient is as large as the unknowns in it that are ``free``, without data, will be: of w + 0.3 v w = 1 the
    second term had made w smaller and smaller, to 1e-25, with 556 for a v of one. Of a_t = cos(t), u_t =
    1e10*cos(t) + a the source is what u balances, and a, which leads in the first, says nothing of the second: it
    had been 5e4.
    """
    count, rows, right = len(unknown), [], []

    def fit(weight: float, entries: dict[int, float], value: float) -> None:
        row = np.zeros(count + len(inside))
        row[list(entries)] = list(entries.values())
        rows.append(weight * row)
        right.append(weight * np.log(value))

    for number, equation in enumerate(inside):
        terms = equation.terms(at)
        powers, sizes = equation.powers(at, free, terms.largest), np.exp(unknown)
        for j, term in terms.largest.items():
            elsewhere = j not in equation.leading and any(j in e.leading for e in inside)
            balanced = elsewhere and any(free[k] for k in equation.leading)
            if term * sizes[j] > terms.least(j, sizes, balanced) and not (left_out is not None and left_out[number, j]):
                own = (np.arange(count) == j) + powers[j]
                fit(1.0, {count + number: 1.0, **dict(enumerate(-own))}, term * np.exp(-powers[j] @ at))
        if terms.source > 0.0:
            fit(SOURCE, {count + number: 1.0}, terms.source)
    for j, size in enumerate(_data(placed, at)):
        if size > 0.0:
            fit(DATA, {j: 1.0}, size)
    for j, size in enumerate(() if known is None else known):
        if np.isfinite(size):
            fit(KNOWN, {j: 1.0}, float(np.exp(size)))
    matrix = np.reshape(rows, (-1, count + len(inside)))
    found, _, rank, _ = np.linalg.lstsq(matrix, np.array(right), rcond=ROUNDED)
    null = np.linalg.svd(matrix)[2][rank:]  # what may be added to the logarithms
    return BestSizes(found[:count], found[count:], np.abs(null[:, :count]).max(0, initial=0.0) < ROUNDED)


def _data(placed: Sequence[TermSizes], unknown: np.ndarray) -> np.ndarray:
    """The size that the data of conditions give each unknown, 0 where they say nothing."""
    data = np.zeros(len(unknown))
    for condition in placed:
        terms = condition.terms(unknown)
        for j, slope in terms.largest.items():
            term = max(slope, condition.secant(j, unknown)) if condition.bends else slope
            data[j] = max(data[j], terms.source / term if term > 0.0 else 0.0)
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
