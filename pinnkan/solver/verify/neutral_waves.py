"""Neutral waves: waves that a steady problem's equations or sides hardly see, and whether knots resolve these.

The symbol vanishes for them: lap(u) + 2500 pi^2 u = sin(pi x) sin(pi y), u = 0 all around, is solved on three
intervals, which do not resolve sin(30 pi x) sin(40 pi y), and that may be added. Along a side conditions may miss a
wave that equations see: u_y = 30 u above lap(u) = 0 does not see cosh(30 y) cos(30 x) (Steklov 1902; sloshing).
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Complex, Field
from pinnkan.kan.product import ProductField, Space
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.problem.statement import Jet
from pinnkan.solver.estimate.marking import refine_while
from pinnkan.solver.verify.candidate import SpacePair
from pinnkan.solver.verify.growth.side_stability import SideStability
from pinnkan.solver.verify.growth.two_point_growth import NUMBERS_PER_OCTAVE
from pinnkan.solver.verify.symbol import (
    determinant,
    frozen_equations,
    is_determinant_affordable,
    largest_wave_rates,
    symbol,
    wave_directions,
)

#: Points at which coefficients are frozen.
POINTS = 24
#: Most even intervals of a coordinate, by the number of coordinates: waves that need more are left out.
MAX_INTERVALS = {1: 2048, 2: 64, 3: 16}
#: Quantile over the points that counts for nonlinear equations: some waves may be neutral inside a layer only.
POINT_QUANTILE = 0.75
#: Largest imaginary part, over the modulus, of a neutral wave number: others decay within a few lengths.
MAX_IMAGINARY_SHARE = 0.1
#: Most radians of a wave in an interval around a circle, for any degree: pi leaves two functions for each wave.
MAX_PERIODIC_RADIANS = 2.5
#: Coefficients of a polynomial below this share of the largest are zero.
ROUNDED = 1e-14
#: For waves along sides: radians in an interval over its degree; their depth in lengths 1 / k; most cells, for time.
RADIANS_PER_DEGREE, DEPTH_LENGTHS, MAX_CELLS = 0.2, 20.0, {2: 6144, 3: 4096}
#: The same radians for waves that grow in time. Heuristic.
GROWING_RADIANS = 0.5
#: Residual of a condition, over its terms, that is rounding for a wave along a side.
ROUNDED_RESIDUAL = 1e-11
#: Directions in which the principal symbol is evaluated; its least share of its terms where it is elliptic.
SYMBOL_ANGLES, DEFINITE_SHARE = 32, 0.02
#: Octaves of wave numbers that are tried, from half a wave on.
OCTAVES = 20


@dataclass(frozen=True, eq=False)
class SideWaveRefinement:
    """Refined ``axes`` for waves along sides, and the wave that no axes will resolve, if any.

    ``condition_share``: what a condition sees of that wave, over its terms, infinity for none; ``wavelength``: its
    wavelength.
    """

    axes: tuple[Axis, ...]
    condition_share: float = np.inf
    wavelength: float = 0.0


def resolves_neutral_waves(model: Model, field: Field, axes: Sequence[Axis]) -> bool:
    """Whether ``axes`` resolve the neutral waves at a field, or would need too many intervals for that."""
    return _resolve_waves(neutral_wave_numbers_at(model, field), model.problem.box.lengths, *_widths(axes))


def resolves_in_rotated_axes(model: Model, field: Field, axes: Sequence[Axis]) -> bool:
    """Whether ``axes`` of rotated coordinates resolve the neutral waves, the shortest of which may lie along each."""
    count, longest = len(axes), float(model.problem.box.lengths.max())
    return _resolve_waves((max(neutral_wave_numbers_at(model, field)),) * count, (longest,) * count, *_widths(axes))


def intervals_resolve_waves(model: Model, intervals: Sequence[int], degrees: Sequence[int]) -> bool:
    """Whether as many even ``intervals`` resolve the neutral waves of linear equations; True for others."""
    box = model.problem.box
    return _resolve_waves(
        neutral_wave_numbers(model), box.lengths, box.lengths / np.array(intervals), degrees, box.periodic
    )


def _widths(axes: Sequence[Axis]) -> tuple[list[float], list[int], list[bool]]:
    """The widest interval and the degree of each axis, and whether it is periodic."""
    widths = [float(np.diff(axis.breaks).max()) for axis in axes]
    return widths, [axis.degree for axis in axes], [axis.periodic for axis in axes]


def _resolve_waves(
    numbers: Sequence[float], lengths: Iterable[float], widths: Iterable[float], degrees: Iterable[int],
    periodic: Iterable[bool],
) -> bool:  # fmt: skip
    """Whether intervals no wider than ``widths`` resolve waves of these ``numbers``, a degree's number of radians each.

    ``periodic``: whether coordinates are periodic. Waves that need too many intervals do not count.
    """
    most, known = MAX_INTERVALS[len(numbers)], zip(numbers, lengths, widths, degrees, periodic, strict=True)
    return all(
        number * width <= (min(p, MAX_PERIODIC_RADIANS) if is_circle else p) or number * length / p > most
        for number, length, width, p, is_circle in known
    )


def space_for_growing_waves(model: Model, space: Space, coefficients: Array) -> tuple[Space, Array, Space] | None:
    """Return a space that resolves all waves which grow in a slab, the given function in it, and that space halved.

    None where the given space does, or would need too many intervals. Of u_t = -u_xx - u_xxxx coarse knots see the
    first term only, whose waves grow the faster the finer they are.
    """
    low, high = np.array([axis.breaks[[0, -1]] for axis in space.axes]).T
    if len(low) not in MAX_INTERVALS or len(low) == 1 or not is_determinant_affordable(e.jets for e in model.equations):
        return None
    points = low + (high - low) * kronecker_points(POINTS, len(low))
    weights = frozen_equations(model.equations, ProductField(((space, coefficients),)), points)
    most = MAX_INTERVALS[len(low) - 1] * min(axis.degree for axis in space.axes)
    numbers, largest = [*np.geomspace(np.pi, most, NUMBERS_PER_OCTAVE * OCTAVES)], np.zeros(len(low))
    for way in wave_directions((high - low)[:-1]):
        grows = (largest_wave_rates(weights, space.unknowns, way, numbers).real > 0.0).any(1)
        largest[:-1] = np.maximum(largest[:-1], float(np.max(numbers, where=grows, initial=0.0)) * np.abs(way))
    if (largest * (high - low) >= most).any():
        return None
    axes = tuple(_axis_for_wave(a, k, False, GROWING_RADIANS) for a, k in zip(space.axes, largest, strict=True))
    if all(a is b for a, b in zip(axes, space.axes, strict=True)):
        return None
    held = replace(space, axes=axes)
    return held, space.prolong(coefficients, held), held.halved()


def side_wave_refinement(
    model: Model, field: Field, axes: Sequence[Axis], hiding_shares: Callable[[], tuple[float, float]]
) -> SideWaveRefinement:
    """Return how to refine axes for waves along the sides of a steady problem that they do not resolve.

    ``hiding_shares``: two shares of its terms; a wave of which conditions see more hides no residual of theirs, or of
    equations.
    """
    finer, lost = tuple(axes), SideWaveRefinement(tuple(axes))
    if model.problem.time_axis is not None or len(axes) not in MAX_CELLS or not _is_square(model):
        return lost
    for axis, along in _side_waves(model, field):
        tried = _axes_for_side_wave(finer, axis, along)
        if all(a is b for a, b in zip(tried, finer, strict=True)):
            continue
        share = SideStability(model).nearest_wave_share(None if model.is_linear else field, axis, along)
        may_hold = share >= ROUNDED_RESIDUAL and math.prod(a.intervals for a in tried) <= MAX_CELLS[len(axes)]
        if may_hold and (share == np.inf or share <= max(hiding_shares())):
            finer = tried
        elif not may_hold and share < min(max(ROUNDED_RESIDUAL, hiding_shares()[0]), lost.condition_share):
            lost = SideWaveRefinement(lost.axes, share, 2.0 * np.pi / float(np.linalg.norm(along)))
    return replace(lost, axes=finer)


def _axes_for_side_wave(axes: Sequence[Axis], axis: int, along: Array) -> tuple[Axis, ...]:
    """The axes refined for a wave along the sides at both ends of one of them."""
    numbers = np.where(np.arange(len(axes)) == axis, np.linalg.norm(along), along)
    return tuple(_axis_for_wave(a, float(k), i == axis) for i, (a, k) in enumerate(zip(axes, numbers, strict=True)))


def axes_for_wave(spaces: SpacePair | None, numbers: Sequence[float]) -> tuple[Axis, ...] | None:
    """The axes of the first space, refined to resolve a wave of some numbers, radians by length; None where they do."""
    axes = () if spaces is None else spaces.space.axes
    found = tuple(_axis_for_wave(axis, number, False) for axis, number in zip(axes, numbers, strict=False))
    return None if all(a is b for a, b in zip(found, axes, strict=True)) else found


def _axis_for_wave(axis: Axis, number: float, is_across: bool, radians: float = RADIANS_PER_DEGREE) -> Axis:
    """An axis refined for a wave of a ``number``, ``radians`` in an interval over its degree.

    ``is_across``: for what decays from both ends like that wave, so that only intervals next to the ends count.
    """

    def wide(breaks: Array) -> np.ndarray:
        width, away = np.diff(breaks), np.minimum(breaks[:-1] - breaks[0], breaks[-1] - breaks[1:])
        far = (away * number > DEPTH_LENGTHS) | (width <= away)
        return ~(far & is_across) & (width * number > radians * axis.degree)

    return refine_while(axis, wide)


def _side_waves(model: Model, field: Field | None) -> tuple[tuple[int, Array], ...]:
    """The waves along sides that these admit, computed once for linear equations."""
    return _linear_side_waves(model) if model.is_linear else _compute_side_waves(model, field)


@lru_cache(maxsize=2)
def _linear_side_waves(model: Model) -> tuple[tuple[int, Array], ...]:
    return _compute_side_waves(model, None)


def _compute_side_waves(model: Model, field: Field | None) -> tuple[tuple[int, Array], ...]:
    longest = float(model.problem.box.lengths.max())
    numbers = np.pi / longest * 2.0 ** (np.arange(OCTAVES * NUMBERS_PER_OCTAVE + 1) / NUMBERS_PER_OCTAVE)
    return tuple(SideStability(model).side_waves(field, numbers))


def neutral_wave_numbers_at(model: Model, field: Field) -> tuple[float, ...]:
    """The largest neutral wave number, radians by length, in each coordinate at a field; zero for none."""
    return neutral_wave_numbers(model) if model.is_linear else _largest_neutral_numbers(model, field, POINT_QUANTILE)


@lru_cache(maxsize=2)
def neutral_wave_numbers(model: Model) -> tuple[float, ...]:
    """The largest neutral wave number in each coordinate for linear equations, at any field; zeros for others."""
    return _largest_neutral_numbers(model, None, 1.0) if model.is_linear else (0.0,) * model.problem.dimension


def _largest_neutral_numbers(model: Model, field: Field | None, share: float) -> tuple[float, ...]:
    """The largest neutral wave number in each coordinate, as the quantile ``share`` over the points."""
    problem = model.problem
    low, high = np.array(problem.box.ranges).T
    if not _is_square(model):
        return (0.0,) * problem.dimension
    points = low + (high - low) * kronecker_points(POINTS, len(low))
    weights = frozen_equations(model.equations, field, points)
    found = np.zeros(problem.dimension)
    for way in wave_directions(high - low):
        unit = np.array(way) / np.linalg.norm(way)
        polynomial = determinant(symbol(weights, len(problem.unknowns), _total, partial(_direction_factor, unit)))
        degree = max((b for _, b in polynomial), default=0)
        coefficients = np.zeros((len(points), degree + 1), dtype=np.complex128)
        for (_, b), (value, _) in polynomial.items():
            coefficients[:, degree - b] += value
        numbers = [_largest_real_root(own) if np.isfinite(own).all() else 0.0 for own in coefficients]
        found = np.maximum(found, float(np.quantile(numbers, share)) * np.abs(unit))
    return tuple(found.tolist())


def has_real_characteristics(model: Model, field: Field | None) -> bool:
    """Whether a problem in the plane may have real characteristics, as it is not elliptic everywhere; False elsewhere.

    It may if the principal symbol, linearised at a ``field`` (None: zero), vanishes, changes sign, or is not known.
    """
    low, high = np.array(model.problem.box.ranges).T
    if len(low) != 2:
        return False
    if not _is_square(model):
        return True
    weights = frozen_equations(model.equations, field, low + (high - low) * kronecker_points(POINTS, 2))
    angles, found = np.pi * (np.arange(SYMBOL_ANGLES) + 0.5) / SYMBOL_ANGLES, []
    for way in np.stack([np.cos(angles), np.sin(angles)], -1) / (high - low):
        found.append(determinant(symbol(weights, len(model.problem.unknowns), _total, partial(_direction_factor, way))))
    order = max((b for polynomial in found for _, b in polynomial), default=0)
    nothing = np.zeros(POINTS, dtype=np.complex128), np.ones(POINTS)
    values, sizes = (np.stack(part) for part in zip(*[p.get((0, order), nothing) for p in found], strict=True))
    signs = (values / 1j**order).real
    definite = (np.abs(signs) > DEFINITE_SHARE * sizes).all() and (np.abs(signs.sum(0)) == np.abs(signs).sum(0)).all()
    return order % 2 == 1 or not definite


def _is_square(model: Model) -> bool:
    """Whether the symbol has a determinant that can be expanded."""
    is_square = len(model.equations) == len(model.problem.unknowns)
    return is_square and is_determinant_affordable(e.jets for e in model.equations)


def _total(jet: Jet) -> tuple[int, int]:
    return 0, jet.total_order


def _direction_factor(unit: Sequence[float], jet: Jet) -> complex:
    return complex(1j**jet.total_order * math.prod(n**k for n, k in zip(unit, jet.order, strict=True)))


def _largest_real_root(coefficients: Complex) -> float:
    """The largest positive real root of a polynomial, highest power first; zero for none."""
    size = np.abs(coefficients).max(initial=0.0)
    roots = np.roots(np.where(np.abs(coefficients) > ROUNDED * size, coefficients, 0.0)) if size > 0.0 else np.empty(0)
    real = roots[(roots.real > 0.0) & (np.abs(roots.imag) <= MAX_IMAGINARY_SHARE * np.abs(roots))]
    return float(real.real.max(initial=0.0))
