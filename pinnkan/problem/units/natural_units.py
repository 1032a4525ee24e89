"""Units in which every unknown and every equation of a system has size one.

Multiplying an equation, an unknown or a coordinate by a number changes no solution, so it should change no solve
either. For functions that vary over a tenth of the domain (wavenumber k), equation i has terms of size |a_ij| k^alpha
U_j. The sizes U_j of the unknowns and E_i of the equations are chosen such that these terms, the sources and the data
of conditions are as near to E_i as possible, by least squares of logarithms (Curtis and Reid, J. Inst. Maths Applics
10, 1972). This also balances orders: div u = 0 counts nu k times as much as the momentum equations of a flow, as the
orders of the unknowns require (Agmon, Douglis and Nirenberg 1964).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pinnkan.problem.checks.algebraic_values import initial_algebraic_sizes
from pinnkan.problem.features.free_numbers import at_start_values, field_count, holds_field
from pinnkan.problem.features.value_ranges import value_ranges
from pinnkan.problem.statement import Condition, Equation, Problem, ShapeSide, Side, highest_orders
from pinnkan.problem.units.free_sizes import BestSizes, determine_free_sizes
from pinnkan.problem.units.term_sizes import NEGLIGIBLE_SIZE, TermSizes

#: The most fixed-point steps for coefficients that depend on the unknowns, each of which halves the error of
#: logarithms; and the tolerance.
MAX_FIXED_POINT_STEPS, FIXED_POINT_TOLERANCE = 40, 1e-9
#: Singular values of the system for the logarithms below this share of the largest are zero.
RANK_TOLERANCE = 1e-10
#: Weights of sources and of data of conditions relative to terms. Without both, the terms of other unknowns fix a size.
#: Heuristic.
SOURCE_WEIGHT, DATA_WEIGHT = 0.1, 0.3
#: The largest ratio of a size to that of the data, and the weight of a limited size. In ``a_xx = a, u_xx = 1e-18*a``
#: with boundary values 1 a size 1e9 of a would hide errors up to a millionth of it. Heuristic.
MAX_DATA_RATIO, LIMITED_SIZE_WEIGHT = 1e3, 1e3


def scale_to_natural_units(problem: Problem) -> tuple[Problem, tuple[float, ...]]:
    """Return the problem for u_j / U_j, equations divided by E_i, and the sizes U_j; one unknown is left as it is."""
    if len(problem.unknowns) == 1:
        return problem, (1.0,)
    sizes, scales = natural_sizes(problem)
    equations = tuple(_scaled(e, sizes, s) for e, s in zip(problem.equations, scales, strict=True))
    conditions = tuple(_scaled_condition(c, sizes) for c in problem.conditions)
    exact = None if problem.exact is None else dict(problem.exact)
    for name, size in zip(problem.unknowns, sizes, strict=True):
        if exact and name in exact:
            exact[name] = exact[name] / size
    by_name = dict(zip(problem.unknowns, sizes, strict=True))
    numbers = {n: replace(x, start=x.start / by_name[n]) if n in by_name else x for n, x in problem.numbers.items()}
    scaled = replace(problem, equations=equations, conditions=conditions, exact=exact, numbers=numbers)
    vars(scaled)["natural_sizes"] = (1.0,) * len(sizes), (1.0,) * len(scales)  # natural sizes in natural units
    return scaled, sizes


def with_scaled_sizes(problem: Problem, shares: Sequence[float] | np.ndarray) -> Problem:
    """Return the problem with natural sizes of unknowns, and of equations that evolve them, times ``shares``."""
    (sizes, scales), total = natural_sizes(problem), replace(problem)
    moved = []
    for equation in problem.equations:
        last = max(equation.jets.values(), key=lambda jet: jet.order[-1])
        moved.append(float(shares[last.unknown]) if last.order[-1] else 1.0)
    found = tuple(float(s * u) for s, u in zip(shares, sizes, strict=True))
    vars(total)["natural_sizes"] = found, tuple(s * m for s, m in zip(scales, moved, strict=True))
    return total


def natural_sizes(problem: Problem) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return the sizes of the unknowns, equal within a vector, and those of the equations; cached in the problem."""
    kept = vars(problem)
    kept["natural_sizes"] = found = kept.get("natural_sizes") or _natural_sizes(problem)
    sizes, scales = found
    return sizes, scales


def _natural_sizes(problem: Problem) -> tuple[tuple[float, ...], tuple[float, ...]]:
    return _sizes_with_numbers(problem) if field_count(problem) < len(problem.unknowns) else _field_sizes(problem)


def _sizes_with_numbers(problem: Problem) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Sizes of a problem with numbers as last unknowns: these have those of their starts, the others as if given so."""
    known, count = value_ranges(problem), field_count(problem)
    fields, scales = _field_sizes(at_start_values(problem))
    numbers = (abs(problem.numbers[name].start) for name in problem.unknowns[count:])
    sizes, rest = (*fields, *(size or 1.0 for size in numbers)), iter(scales)

    def term(e: Equation) -> float:
        return max(
            size * sizes[j] for j, size in TermSizes(problem, e, None, known).terms(np.log(sizes)).largest.items()
        )

    return sizes, tuple(next(rest) if holds_field(e, count) else term(e) for e in problem.equations)


def _field_sizes(problem: Problem) -> tuple[tuple[float, ...], tuple[float, ...]]:
    known = value_ranges(problem)
    inside = [TermSizes(problem, e, None, known) for e in problem.equations]
    stated = [
        (c.equation, c.place if isinstance(c.place, Side | ShapeSide) else None)
        for c in problem.conditions
        if c.equation
    ]
    placed = [TermSizes(problem, equation, side, known) for equation, side in stated]
    followed, nothing = np.log(np.maximum(initial_algebraic_sizes(problem), NEGLIGIBLE_SIZE)), np.log(NEGLIGIBLE_SIZE)
    given = np.log(np.maximum(_data_sizes(placed, np.zeros(len(problem.unknowns))), NEGLIGIBLE_SIZE))
    data = np.maximum(given, followed)
    free = _equal_in_vectors(problem, data) <= nothing
    least, most = (np.where(followed > nothing, followed, far) for far in (-np.inf, np.inf))
    settled = partial(_fixed_point_sizes, problem, inside, placed, free)
    bends = any(e.is_nonlinear for e in (*inside, *placed))
    driven, begun = determine_free_sizes(partial(settled, data), inside, data, least, free, bends)
    within, begun = (least, np.where(free, driven, most)), _equal_in_vectors(problem, begun)
    found = settled(begun, within, is_held=True)
    near = np.clip(found.unknowns, given - np.log(MAX_DATA_RATIO), given + np.log(MAX_DATA_RATIO))
    far = (near != found.unknowns) & (given > nothing)
    found = settled(begun, within, is_held=True, known=np.where(far, near, -np.inf)) if far.any() else found
    found = _without_saturated_terms(partial(settled, begun, within, is_held=True), inside, free, found)
    scales = _raise_equation_sizes(problem, inside, found) if problem.time_axis is None else found.equations
    return tuple(map(float, np.exp(found.unknowns))), tuple(map(float, np.exp(scales)))


def _raise_equation_sizes(problem: Problem, inside: Sequence[TermSizes], found: BestSizes) -> np.ndarray:
    """Return logarithms of sizes of equations, larger where others have higher derivatives of all unknowns.

    An equation then counts no more than those see of its unknowns. Where a pressure outweighs viscosity, momentum
    depends weakly on the velocity, and the minimiser of div u is far off: measured for -1e-5 lap(u) + grad p = f, p of
    size one, on 6 x 6 intervals, an error of 7e-4 of the velocity without this and 3e-7 with it.
    """
    orders = [highest_orders(e.jets.values(), lambda jet: jet.total_order) for e in problem.equations]
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


def _without_saturated_terms(
    settled: Callable[..., BestSizes], inside: Sequence[TermSizes], free: np.ndarray, found: BestSizes
) -> BestSizes:
    """Return sizes of free unknowns without the terms that level off; if undetermined, those at which levelling begins.

    The slope of a levelled term vanishes, so that it asks for a huge size: l of
    ``v_t = -tanh(l/0.1), l_t = -k, k_t = 0``.
    """
    ends = [
        [e.saturation_size(int(j), found.unknowns) if free[j] else np.inf for j in range(len(free))] for e in inside
    ]
    least = np.min(ends, axis=0)
    if not np.isfinite(least).any():
        return found
    others = settled(left_out=np.isfinite(ends))
    open_ones = np.isfinite(least) & ~others.is_unique
    return settled(left_out=np.isfinite(ends), known=np.where(open_ones, least, -np.inf)) if open_ones.any() else others


def _fixed_point_sizes(
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
    """Return the fixed point of sizes: coefficients, at sizes ``within`` bounds, for which the same sizes fit best.

    ``is_held``: whether ``free`` sizes do not grow beyond the bounds by their own coefficients either; ``known``: sizes
    that are fixed where finite; ``left_out``: terms that are ignored, (equation, unknown). Steps go half of the way,
    all of it where the best sizes are stationary, as in a linear problem.
    """
    best = np.full(len(unknown), np.inf)
    for _ in range(MAX_FIXED_POINT_STEPS):
        moving = free & (unknown <= within[1]) if is_held else free
        found = _fit_sizes(inside, placed, unknown, np.clip(unknown, *within), moving, known, left_out)
        before, last, best = unknown, best, _equal_in_vectors(problem, found.unknowns)
        unknown = best if np.abs(best - last).max() < FIXED_POINT_TOLERANCE else 0.5 * (unknown + best)
        if np.abs(unknown - before).max() < FIXED_POINT_TOLERANCE:
            break
    return replace(found, unknowns=_equal_in_vectors(problem, found.unknowns))


def _fit_sizes(
    inside: Sequence[TermSizes], placed: Sequence[TermSizes], unknown: np.ndarray, at: np.ndarray, free: np.ndarray,
    known: np.ndarray | None, left_out: np.ndarray | None,
) -> BestSizes:  # fmt: skip
    """Return the sizes that fit best, for coefficients ``at`` sizes, without terms negligible at ``unknown``.

    A coefficient follows its ``free`` unknowns: in w + 0.3 v w = 1 the second term would else shrink w without bound.
    An unknown that leads in one equation is no term in another whose source balances a free leading unknown: a of
    ``a_t = cos(t), u_t = 1e10*cos(t) + a``.
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
            if term * sizes[j] > terms.negligible_below(j, sizes, balanced) and not (
                left_out is not None and left_out[number, j]
            ):
                own = (np.arange(count) == j) + powers[j]
                fit(1.0, {count + number: 1.0, **dict(enumerate(-own))}, term * np.exp(-powers[j] @ at))
        if terms.source > 0.0:
            fit(SOURCE_WEIGHT, {count + number: 1.0}, terms.source)
    for j, size in enumerate(_data_sizes(placed, at)):
        if size > 0.0:
            fit(DATA_WEIGHT, {j: 1.0}, size)
    for j, size in enumerate(() if known is None else known):
        if np.isfinite(size):
            fit(LIMITED_SIZE_WEIGHT, {j: 1.0}, float(np.exp(size)))
    matrix = np.reshape(rows, (-1, count + len(inside)))
    found, _, rank, _ = np.linalg.lstsq(matrix, np.array(right), rcond=RANK_TOLERANCE)
    null = np.linalg.svd(matrix)[2][rank:]  # undetermined directions of the logarithms
    return BestSizes(found[:count], found[count:], np.abs(null[:, :count]).max(0, initial=0.0) < RANK_TOLERANCE)


def _data_sizes(placed: Sequence[TermSizes], unknown: np.ndarray) -> np.ndarray:
    """Return the size that the data of conditions give each unknown, 0 where they give none."""
    data = np.zeros(len(unknown))
    for condition in placed:
        terms = condition.terms(unknown)
        for j, slope in terms.largest.items():
            term = max(slope, condition.secant(j, unknown)) if condition.is_nonlinear else slope
            data[j] = max(data[j], terms.source / term if term > 0.0 else 0.0)
    return data


def _equal_in_vectors(problem: Problem, unknown: np.ndarray) -> np.ndarray:
    """Return logarithms with their mean, the geometric mean of sizes, for all components of each vector."""
    out = unknown.copy()
    for names in problem.vectors.values():
        members = [problem.unknowns.index(n) for n in names]
        out[members] = unknown[members].mean()
    return out


def _scaled(equation: Equation, sizes: Sequence[float], scale: float) -> Equation:
    """Return the equation for unknowns in natural units, divided by ``scale``."""
    changed = {symbol: sizes[jet.unknown] * symbol for symbol, jet in equation.jets.items()}
    return replace(equation, residual=equation.residual.xreplace(changed) / scale)


def _scaled_condition(condition: Condition, sizes: Sequence[float]) -> Condition:
    if condition.equation is None:
        return condition
    used = [sizes[jet.unknown] for jet in condition.equation.jets.values()]
    return replace(condition, equation=_scaled(condition.equation, sizes, max(used, default=1.0)))
