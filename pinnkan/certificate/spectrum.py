"""Bounds of the eigenvalues of L; those next to zero bound the inverse where there is no barrier.

Let L v = -sum_i a_i v_ii + c v with numbers a_i, v = 0 on the sides that are not periodic. With the centre c_0 of the
range of c, d = c - c_0 and k = sup |d|, the waves of the box are the eigenfunctions of A = L - d. Let P project on the
N with the smallest eigenvalues l_j + c_0, Q = 1 - P, and t > 0. From 2 |(Pv, d Qv)| <= |Q d P v|^2/t + t |Qv|^2,

    L >= P (A + d - (d^2 - d P d)/t) P + (l_{N+1} + c_0 - k - t) Q,

so that the eigenvalues of that matrix, and the number before Q, are lower bounds of those of L in their order. By
Rayleigh and Ritz those of P (A + d) P are upper bounds (intermediate problems, Weinstein and Stenger 1972; compare the
base problems of Plum 2001 and Goerisch, and Liu 2015). Integrals are Gauss's, their errors enclosed. Symmetric matrices
are rotated by computed eigenvectors V, and their eigenvalues enclosed from V^T M V and V^T V, both nearly diagonal
(Rump 2010, section 13).

Largest values come from a Fourier series: with waves of at most the root of 2^d over the volume and s >= 0, |v| <=
sqrt(2^d / volume sum_k (l_k + s)^-2) |(A_0 + s) v|, A_0 = L - c, in up to three coordinates.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from math import factorial

import numpy as np
import sympy

from pinnkan.certificate.cell_ranges import grid_cells, values_at_nodes
from pinnkan.certificate.linearised import Formula, UncertifiedError, zeroth_coefficient
from pinnkan.certificate.quadrature import mean_errors, tensor_weights, verified_gauss_rule
from pinnkan.certificate.splines import MARGIN, Cells, TensorSpline
from pinnkan.domain.box import Box
from pinnkan.domain.rounding import EPS
from pinnkan.problem.expressions.interval import Array, Interval, point_interval

#: MOST: largest number of waves. EIGENVALUE_MARGIN: how far their eigenvalues extend past -min c, in units of the
#: half-range of c plus the lowest rate (heuristic: the rest of a smooth term falls fast).
MAX_WAVES, EIGENVALUE_MARGIN = 900, 8.0
#: Gauss points per coordinate of a cell, and the polynomial degree of either factor of an integrand.
POINTS, FACTOR_DEGREE = 16, 15
#: Largest angle of a product of two waves in half a cell (the polynomial then errs by 1e-8); largest remainder of the
#: polynomials of d, relative to d.
MAX_PHASE, WAVE_REMAINDER_SHARE = 4.0, 1e-4


@dataclass(frozen=True, eq=False)
class BoxWaves:
    """Waves of a box, ``wave_numbers`` (wave, coordinate), and enclosed eigenvalues ``eigenvalues`` (wave) of A_0.

    In a periodic coordinate number -n is a sine. ``other_eigenvalues_bound``: a lower bound of all other eigenvalues.
    """

    box: Box
    wave_numbers: np.ndarray
    eigenvalues: Interval
    other_eigenvalues_bound: float


PI = Interval(np.asarray(np.nextafter(np.pi, 0.0)), np.asarray(np.nextafter(np.pi, 4.0)))


def eigenvalue_rates(a: Sequence[Interval], box: Box) -> list[Interval]:
    """a_i (pi/length)^2, four times that for a periodic coordinate: the factors of the squared wave numbers."""
    found = []
    for number, (low, high), wrapped in zip(a, box.ranges, box.periodic, strict=True):
        wave = (
            (point_interval(2.0) if wrapped else point_interval(1.0))
            * PI
            / (point_interval(high) - point_interval(low))
        )
        found.append(number * wave * wave)
    return found


def waves_below(a: Sequence[Interval], box: Box, eigenvalue_bound: float) -> BoxWaves:
    """All waves with eigenvalues proven below ``eigenvalue_bound``."""
    rates, numbers = eigenvalue_rates(a, box), []
    for rate, wrapped in zip(rates, box.periodic, strict=True):
        most = int(np.sqrt(max(eigenvalue_bound, 0.0) / float(rate.lo))) + 1
        numbers.append(np.arange(-most, most + 1) if wrapped else np.arange(1, most + 1))
    grid = np.stack([g.ravel() for g in np.meshgrid(*numbers, indexing="ij")], -1)
    squared = (grid.T * grid.T).astype(float)
    total = reduce(Interval.__add__, (rate * Interval(n, n) for rate, n in zip(rates, squared, strict=True)))
    keep = total.hi < eigenvalue_bound
    left = [float(total.lo[~keep].min())]
    for i, rate in enumerate(rates):  # first number beyond the grid, lowest of the other axes
        others = sum(float(r.lo) for k, (r, w) in enumerate(zip(rates, box.periodic, strict=True)) if k != i and not w)
        left.append((float(rate.lo) * (np.abs(numbers[i]).max() + 1.0) ** 2 + others) * (2.0 - MARGIN))
    return BoxWaves(box, grid[keep], Interval(total.lo[keep], total.hi[keep]), min(left))


def supremum_factor(a: Sequence[Interval], box: Box, shift: float) -> float:
    """S with max |v| <= S |(A_0 + shift) v|, the latter in L2."""
    d, rates = len(a), eigenvalue_rates(a, box)
    most = {1: 2000, 2: 150, 3: 40}[d]
    numbers = [np.arange(-most, most + 1.0) if wrapped else np.arange(1.0, most + 1) for wrapped in box.periodic]
    total = reduce(np.add.outer, (float(r.lo) * n**2 for r, n in zip(rates, numbers, strict=True))) + shift
    if not (total > 0.0).all():
        raise ValueError("the shift is too small")
    least, wraps = min(float(r.lo) for r in rates), any(box.periodic)
    # at most shell m^(d - 1) waves have the largest number m > most, each with an eigenvalue above least m^2
    shell = 2.0 * d * 3.0 ** (d - 1) if wraps else float(d)
    tail = shell / least**2 / (4.0 - d) * float(most) ** (d - 4)
    volume = float(np.prod(box.lengths)) / MARGIN
    return float(np.sqrt(2.0**d / volume * ((total**-2.0).sum() + tail)) * MARGIN)


def spectral_inverse_bound(formula: Formula, a: Sequence[Interval], box: Box, u: TensorSpline, c: Interval) -> float:
    """K with |v| <= K |L v| in L2, v = 0 on the sides; ``c`` encloses the term of order zero.

    Raises UncertifiedError: zero is, or may be, an eigenvalue.
    """
    low, high = float(c.lo.min()), float(c.hi.max())
    centre, spread = 0.5 * low + 0.5 * high, float(np.nextafter(0.5 * (high - low), np.inf)) + EPS * max(-low, high)
    first = min(float(r.lo) for r in eigenvalue_rates(a, box))
    waves = waves_below(a, box, max(-low, 0.0) + EIGENVALUE_MARGIN * (spread + first))
    room = (waves.other_eigenvalues_bound + centre - spread) / MARGIN
    diagonal = waves.eigenvalues + point_interval(centre)
    apart = float(diagonal.mignitude().min())
    if spread <= 1e-3 * apart:
        gap = min(apart - spread, room)
    else:
        gap = _gap(*_matrices(formula, centre, u, waves, diagonal, 0.5 * room), 0.5 * room)
    if not gap > 0.0:
        raise UncertifiedError("an eigenvalue of the linearised equation may be zero")
    return MARGIN / gap


def _gap(above: Array, below: Array, beyond: float) -> float:
    """A lower bound of the distance from zero to the nearest eigenvalue, from bounds of each in their order."""
    negative = int((above < 0.0).sum())
    nearest = -above[negative - 1] if negative else np.inf
    return float(min(nearest, beyond, below[negative] if negative < len(below) else np.inf))


def _matrices(
    formula: Formula, centre: float, u: TensorSpline, waves: BoxWaves, diagonal: Interval, t: float
) -> tuple[Array, Array]:
    """Upper and lower bounds of the N lowest eigenvalues of L, the latter valid below those of the other waves."""
    n = len(waves.wave_numbers)
    if n > MAX_WAVES:
        raise UncertifiedError(f"more than {MAX_WAVES} waves are needed to enclose the eigenvalues")
    (first, second), (e1, e2) = _integrals(formula, centre, u, waves)
    size, e1, e2 = float(np.linalg.norm(first)), n * e1, n * e2  # the Frobenius norm bounds the spectral one
    middle = 0.5 * diagonal.lo + 0.5 * diagonal.hi
    ritz = np.diag(middle) + first
    lower = ritz - (second - first @ first) / t
    rounding = 8.0 * n * EPS * (np.abs(middle).max() + size + (float(np.linalg.norm(second)) + size**2) / t)
    error = float((diagonal.hi - diagonal.lo).max()) + e1 + rounding
    more = error + (e2 + 2.0 * size * e1 + e1**2) / t
    return _eigenvalues(ritz, error)[1], _eigenvalues(lower, more)[0]


def _eigenvalues(matrix: Array, error: float) -> tuple[Array, Array]:
    """Lower and upper bounds of the eigenvalues of all symmetric matrices within ``error`` (spectral norm)."""
    matrix = 0.5 * (matrix + matrix.T)
    n, (values, v) = len(matrix), np.linalg.eigh(matrix)
    size = float(np.linalg.norm(matrix))
    askew = float(np.linalg.norm(v.T @ v - np.eye(n))) + 2.0 * n * EPS * n
    left = float(np.linalg.norm(v.T @ matrix @ v - np.diag(values))) + 8.0 * n * EPS * n * size
    radius = (left + askew * (np.abs(values) + left)) / (1.0 - askew) * MARGIN + error
    return values - radius, values + radius


def _integrals(
    formula: Formula, centre: float, u: TensorSpline, waves: BoxWaves
) -> tuple[tuple[Array, Array], tuple[float, float]]:
    """The matrices of d and d^2 between the waves (wave, wave), and bounds of the error of their entries."""
    box, most = waves.box, np.abs(waves.wave_numbers).max(0)
    turns = 2.0 * np.pi * most * np.where(box.periodic, 2.0, 1.0) / box.lengths * MARGIN  # of products of two waves
    breaks = [_split(t, 2.0 * MAX_PHASE / max(x, 1e-300)) for t, x in zip(u.breaks, turns, strict=True)]
    d = zeroth_coefficient(formula) - sympy.Float(centre)
    compiled = formula.compile_expressions(d, d**2)
    cells, ranges = compiled.ranges_over(grid_cells(breaks), u, share=WAVE_REMAINDER_SHARE)
    rule = verified_gauss_rule(POINTS)
    amplitude = float(np.prod(2.0 / box.lengths)) * MARGIN
    volume = (cells.hi - cells.lo).prod(0)
    weight = volume[:, None] * tensor_weights(rule, len(breaks))
    value = values_at_nodes(compiled.tape, cells, compiled.input_splines(u), rule.nodes)
    table, off = _table(waves, cells, rule.nodes)
    found, errors = [], []
    for k in range(2):
        middle, radius = 0.5 * value.lo[k] + 0.5 * value.hi[k], 0.5 * (value.hi[k] - value.lo[k]) * MARGIN
        found.append(table.T @ ((weight * middle).ravel()[:, None] * table))
        largest = ranges.value.magnitude()[k]
        bent = (
            (turns[:, None] * cells.half_width) ** (FACTOR_DEGREE + 1)
            / factorial(FACTOR_DEGREE + 1)
            * 0.5**FACTOR_DEGREE
        )
        missed = 2.0 * (ranges.remainder[k] + (largest + ranges.remainder[k]) * bent).sum(0)
        wrong = 2.0 * missed + 2.0 * mean_errors(rule, cells, 2 * FACTOR_DEGREE + 1) * largest
        rounding = (table.shape[0] + 8.0) * EPS + 3.0 * off
        errors.append(
            amplitude * MARGIN * float((weight * (radius + rounding * np.abs(middle))).sum() + (volume * wrong).sum())
        )
    return (found[0], found[1]), (errors[0], errors[1])


def _table(waves: BoxWaves, cells: Cells, nodes: Array) -> tuple[Array, float]:
    """The waves at the points of all cells (point, wave), and a bound of their error over their largest value."""
    box, parts, off = waves.box, [], 0.0
    for i, (low, high) in enumerate(box.ranges):
        x = np.clip(
            cells.middle[i][:, None] + cells.half_width[i][:, None] * nodes, cells.lo[i][:, None], cells.hi[i][:, None]
        )
        number, wrapped, length = waves.wave_numbers[:, i], box.periodic[i], high - low
        angle = np.pi * (2.0 if wrapped else 1.0) * np.abs(number) * ((x - low) / length)[..., None]
        wave = np.where(wrapped & (number >= 0), np.cos(angle), np.sin(angle))
        parts.append(wave * np.where(wrapped & (number == 0), 1.0, np.sqrt(2.0)) / np.sqrt(length))
        scale = (max(abs(low), abs(high)) / length + 4.0) * EPS
        off += 8.0 * scale * (1.0 + 2.0 * np.pi * float(np.abs(number).max()))
    shape = [cells.count, *(len(nodes) for _ in parts), len(waves.wave_numbers)]
    table = np.ones(shape)
    for i, part in enumerate(parts):
        table *= part.reshape([cells.count, *(len(nodes) if k == i else 1 for k in range(len(parts))), -1])
    return table.reshape(-1, shape[-1]), 2.5 * off


def _split(breaks: Array, width: float) -> Array:
    """The breakpoints refined to intervals of at most ``width``."""
    counts = np.ceil(np.diff(breaks) / width).astype(int)
    return np.unique(
        np.concatenate([np.linspace(a, b, n + 1) for a, b, n in zip(breaks[:-1], breaks[1:], counts, strict=True)])
    )
