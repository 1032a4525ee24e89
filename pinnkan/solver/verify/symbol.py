"""The symbol of linearised equations at a point: how the finest waves grow, and which modes leave a side.

Replace d/dt by s and d/dx by i k n: the determinant is a polynomial in s and k, whose roots s go like z k^p for large
k. The edges of its Newton polygon give p and z (Gindikin and Volevich 1992, The Method of Newton's Polyhedron in the
Theory of Partial Differential Equations), for slow and fast waves of a system, without large numbers. Well-posed
equations have Re z <= 0 wherever p > 0: z is imaginary for hyperbolic and negative for parabolic ones (Petrovsky 1937;
Lax 1957; Mizohata 1961: necessary at every point, whatever the lower orders). In the same way modes exp(l x) of a side
go like z s^q for large s (Kreiss 1970).
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import product
from operator import or_

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.kan.field import Array, Complex, DerivativeFunction, jets_at
from pinnkan.problem.statement import Jet

#: For each equation its jets and dF/djet (point, jet), zero where that is rounding.
FrozenEquations = Sequence[tuple[Sequence[Jet], Array]]
#: The leading roots of a determinant for a large second variable, see :func:`lead_team`.
LeadingRoots = Iterator[tuple[np.ndarray, float, Complex]]
#: By the powers of two variables: coefficients (point,), and the sums of the moduli of their summands.
Polynomial = Mapping[tuple[int, int], tuple[Complex, Array]]
#: Components of wave directions, up to sign, by the number of coordinates of space.
DIRECTION_COMPONENTS = {1: (1.0,), 2: (-1.0, -0.5, 0.0, 0.5, 1.0), 3: (-1.0, 0.0, 1.0)}
#: Limits of a determinant that is expanded: sets of columns over all rows, as of seven coupled unknowns; unknowns.
MAX_COLUMN_SETS, MAX_UNKNOWNS = 127, 12
#: A coefficient below this share of the moduli of its summands is zero.
ROUNDED = 1e-9
#: The real part of a root is zero below the first share of its modulus; of d roots below the second to the power 1/d.
MIN_REAL_SHARE, ROOT_PRECISION = 1e-3, 1e-13


def frozen_equations(
    equations: Sequence[CompiledEquation], field: DerivativeFunction | None, points: Array
) -> FrozenEquations:
    """Return equations linearised at a field (None: zero), with coefficients at some points; zero where not finite."""
    slopes = [e.linearise_numpy(points, jets_at(field, points, e.jets))[1] for e in equations]
    return [(e.jets, np.where(np.isfinite(w), w, 0.0)) for e, w in zip(equations, slopes, strict=True)]


def wave_directions(lengths: Array) -> list[tuple[float, ...]]:
    """Directions of waves, in units of the ``lengths`` of a domain, one of each opposite pair.

    In more than three coordinates: along each of them, and all together.
    """
    count = len(lengths)
    if count == 0:
        return [()]
    along = (
        [*np.eye(count), np.ones(count)]
        if count > max(DIRECTION_COMPONENTS)
        else product(DIRECTION_COMPONENTS[count], repeat=count)
    )
    each = map(np.array, along)
    forward = [d for d in each if np.abs(d).max(initial=0.0) == 1.0 and d[np.flatnonzero(d)[0]] > 0.0]
    return [tuple(map(float, d / lengths)) for d in forward]


def finest_wave_rates(weights: FrozenEquations, size: int, direction: Sequence[float]) -> LeadingRoots:
    """The leading rates of ever finer waves exp(s t + i k n . x), n the ``direction``; ``size``: number of unknowns."""
    return leading_roots(_dispersion(weights, size, direction))


def has_unbounded_growth(weights: FrozenEquations, size: int, direction: Sequence[float]) -> np.ndarray:
    """Whether growth rates of waves in a direction are unbounded as these become finer: (point,)."""
    found = np.zeros(len(weights[0][1]), dtype=bool)
    for at, _, roots in finest_wave_rates(weights, size, direction):
        found[at] |= (roots.real > _real_share(roots) * np.abs(roots)).any(1)
    return found


def largest_wave_rates(
    weights: FrozenEquations,
    size: int,
    direction: Sequence[float],
    wave_numbers: Sequence[float],
    keep_imaginary: bool = False,
) -> Complex:
    """The rates s of largest real part of waves exp(s t + i k n . x), k one of the ``wave_numbers``: (number, point).

    Minus infinity where nothing evolves; real where growth may be rounding, unless ``keep_imaginary``.
    """
    first, owner = distinct_points(weights)  # equal coefficients are computed once
    polynomial = _dispersion([(jets, w[first]) for jets, w in weights], size, direction)
    k = np.asarray(wave_numbers, dtype=np.float64)[:, None]
    out = np.full((len(k), len(first)), -np.inf, dtype=np.complex128)
    if not polynomial:
        return out[:, owner]
    coefficients = np.zeros((*out.shape, 1 + max(a for a, _ in polynomial)), dtype=np.complex128)
    sizes = np.zeros(coefficients.shape)
    for (a, b), (value, modulus) in polynomial.items():
        coefficients[..., a] += value * k**b
        sizes[..., a] += modulus * k**b
    coefficients[np.abs(coefficients) <= ROUNDED * sizes] = 0.0
    last = coefficients.shape[-1] - 1 - np.argmax(coefficients[..., ::-1] != 0.0, -1)
    degree = np.where(coefficients.any(-1), last, 0)
    for d in set(degree.ravel()) - {0}:
        at = degree == d
        roots = _polynomial_roots(coefficients[at][:, : d + 1])
        best = np.take_along_axis(roots, np.argmax(roots.real, 1)[:, None], 1)[:, 0]
        grows = keep_imaginary | (best.real > ROOT_PRECISION ** (1.0 / d) * np.abs(best))
        out[at] = np.where(grows, best, best.real)
    return out[:, owner]


def distinct_points(*parts: FrozenEquations) -> tuple[np.ndarray, np.ndarray]:
    """The first points at which coefficients differ, and for each point the number of the one that it equals."""
    every = np.concatenate([w for part in parts for _, w in part], 1)
    _, first, owner = np.unique(every, axis=0, return_index=True, return_inverse=True)
    return first, owner.ravel()


def side_modes(weights: FrozenEquations, size: int, axis: int) -> LeadingRoots:
    """The leading exponents l along a coordinate of exp(s t + l x) for large s."""

    def powers(jet: Jet) -> tuple[int, int] | None:
        along = jet.order[axis]
        return (along, jet.order[-1]) if jet.total_order == along + jet.order[-1] else None

    return leading_roots(determinant(symbol(weights, size, powers, lambda jet: 1.0)))


def entering_mode_count(weights: FrozenEquations, size: int, axis: int, end: int) -> np.ndarray:
    """The number of modes that grow in time and decay from a side inwards, each needing a condition: (point,)."""
    count = np.zeros(len(weights[0][1]), dtype=np.int64)
    for at, _, roots in side_modes(weights, size, axis):
        count[at] += ((1 - 2 * end) * roots.real < -_real_share(roots) * np.abs(roots)).sum(1)
    return count


def are_roots_constant(roots: LeadingRoots, count: int) -> bool:
    """Whether the roots are the same at all of ``count`` points."""
    found: dict[tuple[float, int], list[Complex]] = {}
    for _, exponent, each in roots:
        found.setdefault((exponent, each.shape[1]), []).extend(each)
    return all(len(each) == count and np.allclose(each, each[0]) for each in found.values())


def _dispersion(weights: FrozenEquations, size: int, direction: Sequence[float]) -> Polynomial:
    """The determinant of the symbol of waves exp(s t + i k n . x), by the powers of s and k."""

    def factor(jet: Jet) -> complex:
        space = jet.order[:-1]
        return complex(1j ** sum(space) * math.prod(n**k for n, k in zip(direction, space, strict=True)))

    return determinant(symbol(weights, size, lambda j: (j.order[-1], j.total_order - j.order[-1]), factor))


def symbol(
    weights: FrozenEquations,
    size: int,
    powers: Callable[[Jet], tuple[int, int] | None],
    factor: Callable[[Jet], complex],
) -> list[list[Polynomial]]:
    """The matrix (equation, unknown) of polynomials in two variables.

    ``powers``: the powers of both for a jet, None to leave it out; ``factor``: its coefficient.
    """
    matrix: list[list[dict[tuple[int, int], tuple[Complex, Array]]]] = [[{} for _ in range(size)] for _ in weights]
    for row, (jets, values) in zip(matrix, weights, strict=True):
        for k, jet in enumerate(jets):
            at, number = powers(jet), factor(jet)
            if at is not None and number and values[:, k].any():
                value = np.asarray(number * values[:, k], dtype=np.complex128)
                _add(row[jet.unknown], at, value, np.abs(value))
    return [list(row) for row in matrix]


def determinant(matrix: Sequence[Sequence[Polynomial]]) -> Polynomial:
    """The determinant of a matrix of polynomials, expanded row by row with each minor computed once.

    Six unknowns that all occur in all equations have 64 minors, a chain of twenty has two in each row.
    """
    order, sets = _column_sets([sum(1 << j for j, entry in enumerate(row) if entry) for row in matrix])
    inversions = sum(a > b for k, a in enumerate(order) for b in order[k:])
    minors: dict[int, dict[tuple[int, int], tuple[Complex, Array]]] = {
        0: {(0, 0): (np.array(1.0 - 2.0 * (inversions % 2), dtype=np.complex128), np.array(1.0))}
    }
    for i, wanted in zip(order, sets, strict=True):
        before, minors = minors, {columns: {} for columns in wanted}
        for columns, minor in before.items():
            for j, entry in enumerate(matrix[i]):
                if columns >> j & 1 or columns | 1 << j not in minors:
                    continue
                to, sign = minors[columns | 1 << j], (-1) ** (columns >> j).bit_count()
                for (a, b), (value, modulus) in entry.items():
                    for (c, d), (other, size) in minor.items():
                        _add(to, (a + c, b + d), sign * value * other, modulus * size)
    return minors.get((1 << len(matrix)) - 1, {})


def is_determinant_affordable(equations: Iterable[Sequence[Jet]]) -> bool:
    """Whether the determinant of the symbol of equations with these jets can be expanded in the time of a solve."""
    rows = [sum(1 << j for j in {jet.unknown for jet in jets}) for jets in equations]
    return len(rows) <= MAX_UNKNOWNS and sum(map(len, _column_sets(rows, MAX_COLUMN_SETS)[1])) <= MAX_COLUMN_SETS


def _column_sets(rows: Sequence[int], most: float = math.inf) -> tuple[list[int], list[set[int]]]:
    """An order of rows and, after each, the sets of columns that a nonzero product of entries can have used.

    Columns are bits. Rows that add the fewest columns come first; the search ends beyond ``most`` sets.
    """
    left, order, seen = list(range(len(rows))), [], 0
    while left:
        i = min(left, key=lambda r: ((rows[r] & ~seen).bit_count(), rows[r].bit_count()))
        left.remove(i)
        order.append(i)
        seen |= rows[i]
    found, last = [], {0}
    for k, i in enumerate(order):
        closed = ~reduce(or_, (rows[r] for r in order[k + 1 :]), 0) & seen
        singles = [1 << j for j in range(rows[i].bit_length()) if rows[i] >> j & 1]
        grown = {columns | one for columns in last for one in singles if not columns & one}
        last = {columns for columns in grown if not closed & ~columns}
        found.append(last)
        if sum(map(len, found)) > most:
            break
    return order[: len(found)], found


def _add(to: dict[tuple[int, int], tuple[Complex, Array]], at: tuple[int, int], value: Complex, size: Array) -> None:
    before = to.get(at)
    to[at] = (value, size) if before is None else (before[0] + value, before[1] + size)


def leading_roots(polynomial: Polynomial) -> LeadingRoots:
    """The roots of the first variable for a large second one, where they grow with it.

    Yields the numbers of points, the exponent p > 0, and z (point, root) of roots z k^p.
    """
    if not polynomial:
        return
    degree, count = max(a for a, _ in polynomial), len(next(iter(polynomial.values()))[0])
    top = np.full((degree + 1, count), -1)
    for (a, b), (value, size) in polynomial.items():
        top[a] = np.where(np.abs(value) > ROUNDED * size, np.maximum(top[a], b), top[a])
    patterns, owner = np.unique(top, axis=1, return_inverse=True)
    for k, pattern in enumerate(patterns.T):
        at = np.flatnonzero(owner.ravel() == k)
        for first, last in _hull_edges(pattern):
            exponent = (pattern[first] - pattern[last]) / (last - first)
            if exponent <= 0.0:
                continue
            on = [j for j in range(first, last + 1) if pattern[j] == pattern[first] - exponent * (j - first)]
            coefficients = np.zeros((len(at), last - first + 1), dtype=np.complex128)
            for j in on:
                coefficients[:, j - first] = polynomial[j, int(pattern[j])][0][at]
            yield at, float(exponent), _polynomial_roots(coefficients)


def _hull_edges(pattern: np.ndarray) -> Iterator[tuple[int, int]]:
    """The edges of the upper hull of the points (j, pattern[j]) with pattern[j] >= 0."""
    points = [j for j in range(len(pattern)) if pattern[j] >= 0]
    while len(points) > 1:
        j, others = points[0], points[1:]
        last = max(others, key=lambda i: ((pattern[i] - pattern[j]) / (i - j), i))
        yield j, last
        points = [i for i in others if i >= last]


def _polynomial_roots(coefficients: Complex) -> Complex:
    """The roots of polynomials (point, power) with nonzero outer coefficients: (point, root)."""
    degree = coefficients.shape[1] - 1
    monic = coefficients[:, :-1] / coefficients[:, -1:]
    if degree == 1:
        return -monic
    if degree == 2:
        half, root = -0.5 * monic[:, 1], np.sqrt(0.25 * monic[:, 1] ** 2 - monic[:, 0])
        return np.stack([half + root, half - root], 1)
    companion = np.zeros((len(monic), degree, degree), dtype=np.complex128)
    companion[:, np.arange(1, degree), np.arange(degree - 1)] = 1.0
    companion[:, :, -1] = -monic
    return np.asarray(np.linalg.eigvals(companion))


def _real_share(roots: Complex) -> float:
    """The real part, over the modulus, from which on that of one of several roots (point, root) is no rounding."""
    return max(MIN_REAL_SHARE, ROOT_PRECISION ** (1.0 / roots.shape[1]))
