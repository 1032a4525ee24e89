"""The growth of small perturbations in a slab of time, which limits the length of slabs.

u_t = 100 (u - 1) leads from 1 + 1e-8 to 6 at t = 0.2. Least squares do not grow where the residual of that is small
beside what u is or was: in a slab in which u grows by e^9 they find a tenth of it, in longer ones nothing, nor does
their correction; where it grows by e^3 they find all. So slabs are as short as the growth rates of the linearised
equations ask for: of waves in the symbol with coefficients frozen at points, by changing coefficients, and by sides.

Where the derivative in time loses its weight, as in t u_t = 2 u at t = 0, the rate is unbounded and no slab is short
enough; whether the solution is unique there is for other checks.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Complex, Field
from pinnkan.kan.product import ProductField, Space, constant_piece
from pinnkan.problem.features.kronecker_sequence import kronecker_points
from pinnkan.solver.verify.growth.parametric_growth import ParametricGrowth
from pinnkan.solver.verify.growth.side_stability import SideStability
from pinnkan.solver.verify.growth.wave_amplitudes import wave_amplitudes
from pinnkan.solver.verify.symbol import (
    FrozenEquations,
    frozen_equations,
    has_unbounded_growth,
    is_determinant_affordable,
    largest_wave_rates,
    wave_directions,
)

#: Largest growth in a slab, as an exponent of e, for this degree in time or more: degree 4 finds 0.68 of e^4, 5 0.98.
MAX_GROWTH_EXPONENT, FULL_GROWTH_DEGREE = 4.0, 7
#: Least growth to the end, as an exponent of e, and least size there, over the tolerance, that counts.
MIN_GROWTH_EXPONENT, NEGLIGIBLE_SHARE = 1.0, 0.1
#: A point does not count where the solution changes by its size over less than this fraction of the domain: in a front.
MAX_STEEPNESS = 10.0
#: Amplitude of a wave in the initial data, over the solution, that is rounding.
ROUNDED_AMPLITUDE = 1e-14
#: Amplitude of the errors of slabs in each wave, over the tolerance, where changing coefficients make waves grow.
SLAB_ERROR_SHARE = 1e-3
#: Least number of half waves along a coordinate that are tested for growth by changing coefficients.
MIN_HALF_WAVES = 64
#: Times of a slab at which rates are evaluated, and points in space at each.
TIMES, PLACES = 5, 24
#: Refinements around a wave number of largest growth, and the factor of each: the number is found to 0.2 %.
REFINEMENTS, REFINEMENT_FACTOR = 3, 8
#: Derivatives in time with less than this share of their largest weight in a slab lose it.
LOST_WEIGHT_SHARE = 1e-3


def max_growth_exponent(degree: int) -> float:
    """The largest growth in a slab of a ``degree`` in time, as an exponent of e."""
    return MAX_GROWTH_EXPONENT * min(1.0, (degree - 1) / (FULL_GROWTH_DEGREE - 1))


def growth_exponent(model: Model, space: Space, coefficients: Array, previous_rms: Array) -> float:
    """The exponent of e by which a perturbation may grow in a slab; 0 where no rate can be evaluated.

    ``previous_rms`` (unknown): root mean squares of the solution until the start of the slab.
    """
    if not is_determinant_affordable(e.jets for e in model.equations):
        return 0.0
    ranges = np.array(model.problem.domain.time_part(*space.axes[-1].breaks[[0, -1]]).box.ranges)
    low, high = ranges.T
    units = _unit_samples(len(low) - 1)  # its first and last time are those of the slab
    points, value = low + (high - low) * units.reshape(-1, len(low)), (0,) * len(low)
    along = [tuple(int(i == axis) for i in range(len(low))) for axis in range(len(low) - 1)]
    field = ProductField(((space, coefficients),))
    values, *slopes = np.moveaxis(np.abs(field(points, [value, *along])), -1, 0)  # (point, unknown)
    size = np.maximum(previous_rms, values.max(0))
    steep = [slope * width > MAX_STEEPNESS * size for slope, width in zip(slopes, (high - low)[:-1], strict=True)]
    at = ~np.any(steep, axis=(0, 2)) if steep else np.ones(len(points), dtype=bool)
    if not at.any():
        return 0.0
    weights, times = frozen_equations(model.equations, field, points[at]), np.flatnonzero(at) // units.shape[1]
    if _loses_weight(weights, times):
        return 0.0
    ways, numbers = wave_directions(high[:-1] - low[:-1]), _resolved_wave_numbers(space)
    left = model.problem.box.ranges[-1][1] - low[-1]

    def least(waves: list[float], errors: float = 0.0) -> Array:
        """The growth rate from which on each wave counts at the end, its amplitude ``errors`` tolerances at least."""
        tolerance = model.problem.solver.tolerance
        amplitudes = np.maximum(wave_amplitudes(field, space, ranges, size, waves), errors * tolerance)
        return np.maximum(np.log(NEGLIGIBLE_SHARE * tolerance / amplitudes), MIN_GROWTH_EXPONENT) / left

    def rates(waves: list[float], keep_imaginary: bool = False) -> Complex:
        return np.array([largest_wave_rates(weights, space.unknowns, way, waves, keep_imaginary) for way in ways])

    waves, found = _refined_wave_rates(rates, numbers)
    rate = _required_rate(found, least(waves), times, space.axes[-1].degree)
    rate = max(rate, _parametric_rate(model, field, space, ways, least))
    if not any(has_unbounded_growth(weights, space.unknowns, way).any() for way in ways):
        sides = SideStability(model)
        rate = max(rate, sides.growth_rates(field, ranges, numbers[1::3]).mean())
        echoes = sides.round_trip_rates(field, ranges)
        if echoes.any():
            turning = rates(waves, keep_imaginary=True)
            rate = max(rate, _round_trip_rate(echoes, turning, least(waves), times, space.axes[-1].degree))
    return float(rate * (high[-1] - low[-1]))


def _round_trip_rate(
    round_trip_rates: Array, oscillation: Complex, least: Array, times: np.ndarray, degree: int
) -> float:
    """The growth rate that round trips between sides ask a slab to resolve, with their oscillation on the way."""
    return float(
        max(round_trip_rates.mean(), _oscillation_rate(oscillation + round_trip_rates.max(), least, times, degree))
    )


def _parametric_rate(
    model: Model,
    field: Field,
    space: Space,
    ways: Sequence[tuple[float, ...]],
    least: Callable[[list[float], float], Array],
) -> float:
    """The growth rate of what changing coefficients make grow, see :mod:`.parametric_growth`.

    ``least``: the smallest rates of waves, by number, that count.
    """
    held = max((a.intervals * a.degree / (2.0 * MIN_HALF_WAVES) for a in space.axes[:-1]), default=0.0)
    finest = MIN_HALF_WAVES * 2 ** int(np.ceil(np.log2(max(held, 1.0)))) if len(space.axes) > 1 else 0
    begin = float(space.axes[-1].breaks[0])
    found = (
        _linear_parametric_rates(model, tuple(ways), finest)
        if model.is_linear
        else _parametric_rates(model, field, begin, ways, finest)
    )
    if not found.any():
        return 0.0
    grows = found.real > least(_half_waves(finest), SLAB_ERROR_SHARE)
    turning = np.where(grows, found.imag, 0.0).max() * MAX_GROWTH_EXPONENT / space.axes[-1].degree
    return float(max(np.where(grows, found.real, 0.0).max(), turning))


def unresolved_wave_growth(model: Model, axes: Sequence[Axis], trace: Array) -> float:
    """The exponent of e by which waves of the data that knots do not resolve outgrow the solution, if they count.

    ``axes``: of space; ``trace``: the initial data on them. Growth beyond size one does not count. In sin(pi x) + 1e-6
    sin(40 pi x) a second wave that grows by e^15 is half of the solution.
    """
    problem, ranges = model.problem, np.array(model.problem.box.ranges)
    if not (axes and is_determinant_affordable(e.jets for e in model.equations)):
        return 0.0
    piece, held = constant_piece(axes, trace, *ranges[-1]), min(a.intervals * a.degree for a in axes)
    field = ProductField((piece,))
    points = ranges[:, 0] + np.ptp(ranges, axis=1) * _unit_samples(len(axes)).reshape(-1, len(ranges))
    size = np.sqrt((field(points, [(0,) * len(ranges)])[..., 0] ** 2).mean(0))
    numbers, first = [np.pi * k for k in range(2 * held)], int(held / np.pi) + 1
    fine = Space((*(a.halved() for a in axes), piece[0].axes[-1]), len(problem.unknowns))
    shares = wave_amplitudes(partial(_initial_values, model), fine, ranges, size, numbers)
    if (
        shares[first] <= ROUNDED_AMPLITUDE or shares[-1] > ROUNDED_AMPLITUDE
    ):  # what jumps or bends has waves of all numbers
        return 0.0
    count = np.count_nonzero(shares > ROUNDED_AMPLITUDE)  # of each number and finer ones: they fall
    begun = np.log(shares[:count])
    rates = np.maximum(_wave_rates(model, field, points, numbers[:count]), 0.0)
    rates[first:] = np.maximum(
        rates[first:], SideStability(model).round_trip_rates(field, ranges).max()
    )  # at rest the rest may stay
    grown = rates * np.ptp(ranges[-1])
    grown -= (begun + grown).max()  # beside the solution in the end, which may be what has grown
    counts = begun + grown > np.log(NEGLIGIBLE_SHARE * problem.solver.tolerance)
    return float(np.where(counts, np.minimum(grown, -begun), 0.0)[first:].max(initial=0.0))


def _wave_rates(model: Model, field: Field, points: Array, numbers: list[float]) -> Array:
    """The growth rates of waves, also by changing coefficients: (number,); zeros where they are unbounded."""
    ranges, unknowns = np.array(model.problem.box.ranges), len(model.problem.unknowns)
    weights, ways = frozen_equations(model.equations, field, points), wave_directions(np.ptp(ranges[:-1], axis=1))
    if any(has_unbounded_growth(weights, unknowns, way).any() for way in ways):
        return np.zeros(len(numbers))
    rates = [largest_wave_rates(weights, unknowns, way, numbers).real.max(1) for way in ways]
    driven = ParametricGrowth(model, field, ranges[-1, 0])
    if driven.has_varying_coefficients:
        rates += [driven.rates(way, numbers).real for way in ways]
    return np.asarray(np.max(rates, axis=0))


def _initial_values(model: Model, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
    """The initial values of the unknowns that have them, else zero: (point, unknown, 1)."""
    out = np.zeros((len(points), len(model.problem.unknowns), 1))
    for layer in model.conditions.initial:
        if layer.order == 0:
            out[:, layer.unknown, 0] = layer.value(list(points.T))[0]
    return out


def _half_waves(finest: int) -> list[float]:
    """The wave numbers of 0 to ``finest`` half waves."""
    return [np.pi * k for k in range(finest + 1)]


@lru_cache(maxsize=2)
def _linear_parametric_rates(model: Model, ways: tuple[tuple[float, ...], ...], finest: int) -> Complex:
    """The rates of linear equations for the whole time, once."""
    return _parametric_rates(model, None, model.problem.box.ranges[-1][0], ways, finest)


def _parametric_rates(
    model: Model, field: Field | None, start_time: float, ways: Sequence[tuple[float, ...]], finest: int
) -> Complex:
    """Rates of half waves up to the ``finest`` from a time on: (way, number)."""
    driven = ParametricGrowth(model, field, start_time)
    if not driven.has_varying_coefficients:
        return np.zeros((len(ways), finest + 1), dtype=np.complex128)
    return np.array([driven.rates(way, _half_waves(finest)) for way in ways])


def _required_rate(rates: Complex, least: Array, times: np.ndarray, degree: int) -> float:
    """The rate that a slab has to resolve, of ``rates`` (way, number, point) at points of some ``times`` of the slab.

    The largest real part at any time counts: the mean over the times can be far less, as of an amplifier that switches.
    """
    largest = [max(own.real.max(initial=0.0), 0.0) for own in _by_time(rates, times)]
    return float(max([*largest, _oscillation_rate(rates, least, times, degree)]))


def _oscillation_rate(rates: Complex, least: Array, times: np.ndarray, degree: int) -> float:
    """The rate that stands for what oscillates while it grows everywhere: a slab resolves ``degree`` radians."""
    turning = [
        np.where(own.real.min(-1) > least, np.abs(own.imag).max(-1), 0.0).max() if own.shape[-1] else 0.0
        for own in _by_time(rates, times)
    ]
    return float(np.mean(turning) * MAX_GROWTH_EXPONENT / degree)


def _by_time(rates: Complex, times: np.ndarray) -> list[Complex]:
    """The rates (way, number, point) at each inner time of the slab."""
    return [rates[..., times == time + 1] for time in range(TIMES)]


def _loses_weight(weights: FrozenEquations, times: Array) -> bool:
    """Whether the weights of an equation's highest derivatives in time vanish, or all change sign, in a slab.

    ``times``: the number of the time of each point.
    """
    for jets, slopes in weights:
        top = max(jet.order[-1] for jet in jets)
        highest = slopes[:, [jet.order[-1] == top for jet in jets]]
        heaviest = np.abs(highest).max(1)
        by_time = [times == time for time in np.unique(times)]
        least, most = (pick([heaviest[at].max() for at in by_time]) for pick in (min, max))
        means = np.array([highest[at].mean(0) for at in by_time])
        turns = (means[1:] * means[:-1] < 0.0).all(1).any()
        if top > 0 and (least < LOST_WEIGHT_SHARE * most or turns):
            return True
    return False


def _unit_samples(space: int) -> Array:
    """The sample points in units of a slab, its first and last time included: (time, place, coordinate)."""
    places = kronecker_points(PLACES, space)
    times = np.r_[0.0, (np.arange(TIMES) + 0.5) / TIMES, 1.0]
    return np.stack([np.column_stack([places, np.full(len(places), t)]) for t in times])


def _refined_wave_rates(rates: Callable[[list[float]], Complex], numbers: list[float]) -> tuple[list[float], Complex]:
    """Return wave numbers with those of largest growth between them added, and rates (way, number, point) of all."""
    found = rates(numbers)
    for _ in range(REFINEMENTS):
        most = found.real.max((0, 2))
        tops = np.flatnonzero((most[1:-1] > most[:-2]) & (most[1:-1] > most[2:])) + 1
        sides = [side for k in tops for side in ((k - 1, k), (k, k + 1))]
        added = [float(n) for i, j in sides for n in np.linspace(numbers[i], numbers[j], REFINEMENT_FACTOR + 1)[1:-1]]
        if not added:
            break
        order = np.argsort([*numbers, *added])
        found = np.concatenate([found, rates(added)], axis=1)[:, order]
        numbers = [[*numbers, *added][i] for i in order]
    return numbers, found


def _resolved_wave_numbers(space: Space) -> list[float]:
    """Wave numbers from zero over half a wave to the finest that knots resolve, by doubling."""
    finest = max((a.intervals * a.degree for a in space.axes[:-1]), default=0) / 2.0
    return [0.0, *(np.pi * 2.0 ** np.arange(np.log2(finest) + 1.0) if finest > 0.0 else [])]
