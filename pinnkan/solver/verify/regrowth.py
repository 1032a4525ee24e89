"""What does not count yet and would grow: slabs of time have to be short enough to hold that.

Of 0.02 u_t = t u from t = -1 on, u is 1e-11 at t = 0 and 1e32 at t = 2; of u_t = 100 (u - 1) from 1 + 1e-8 it is 6 at
t = 0.2. Least squares prefer not to grow to a residual that is nothing beside what u is or was: a slab of e^9 makes a
tenth of what it should, longer ones nothing, and neither does their correction; one of e^3 makes all of it. So slabs
are as short as the rates of the linearised equations ask for, those of waves in the symbol with coefficients frozen at
a point. On 24 shipped problems in time that costs nothing, 105 s of processor time instead of 104: where something
grows, accuracy asks for as much.

Where the derivative in time loses its weight, as of t u_t = 2 u at t = 0, no slab is short enough, the rate is 2 / t:
whether the solution is unique there is for other checks to say.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Complex, Field, Jets
from pinnkan.kan.product import ProductField, Space, at_rest
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.solver.verify.driven import Driven
from pinnkan.solver.verify.sides import Sides
from pinnkan.solver.verify.symbol import Weights, directions, fastest, frozen, is_expanded, is_growing

#: A slab may be as long as lets what is there grow by so many e-folds, one of degree HOLDING or more: least squares of
#: degree 4 make 0.68 of e^4, of degree 5 0.98. What grows by e^3.8 and turns by 3 was not seen to grow by degree 5.
MOST_FOLDS, HOLDING = 4.0, 7
#: What grows by less than so many e-folds until the end stays what it is, and so does what then is not FELT of the
#: tolerance, of what it is now or of what rounding makes of it.
FEW_FOLDS, FELT, UNIT = 1.0, 0.1, 1e-16
#: Points along a coordinate at which waves are told apart.
MOST_SAMPLES = 512
#: Where a solution changes by its size over less than this part of the domain coefficients are not frozen for any wave:
#: in the middle of a front -u_x would be the rate of what grows there.
STEEP = 10.0
#: Waves with less of the initial data are rounding.
NOTHING = 1e-14
#: Errors that slabs make have so much of the tolerance in every wave that changing coefficients may make grow.
IN_ERRORS = 1e-3
#: Half waves along a coordinate, at least, that are asked whether coefficients that change make them grow.
WAVES = 64
#: Times of a slab at which its rates are looked at, and points in space at each of them.
TIMES, PLACES = 5, 24
#: Between waves that are asked the one that grows most is looked for so many times, each time so many times closer: it
#: is found to 0.2 % of its number.
ZOOMS, ZOOM = 3, 8
#: Where derivatives in time have less than this share of the weight that they have elsewhere in a slab, they lose it.
LOSING = 1e-3


def most_folds(degree: int) -> float:
    """By how many e-folds something may grow in a slab of that degree in time."""
    return MOST_FOLDS * min(1.0, (degree - 1) / (HOLDING - 1))


def folds(model: Model, space: Space, coefficients: Array, before: Array) -> float:
    """By how many e-folds something may grow in a slab of time.

    ``before`` (unknown): root mean squares of the solution until its start.
    """
    if not is_expanded(e.jets for e in model.equations):
        return 0.0
    ranges = np.array(model.problem.domain.during(*space.axes[-1].breaks[[0, -1]]).box.ranges)
    low, high = ranges.T
    units = _units(len(low) - 1)  # its first and last times are those of the slab
    points, value = low + (high - low) * units.reshape(-1, len(low)), (0,) * len(low)
    along = [tuple(int(i == axis) for i in range(len(low))) for axis in range(len(low) - 1)]
    field = ProductField(((space, coefficients),))
    values, *slopes = np.moveaxis(np.abs(field(points, [value, *along])), -1, 0)  # (point, unknown)
    size = np.maximum(before, values.max(0))
    steep = [slope * width > STEEP * size for slope, width in zip(slopes, (high - low)[:-1], strict=True)]
    at = ~np.any(steep, axis=(0, 2)) if steep else np.ones(len(points), dtype=bool)
    if not at.any():
        return 0.0
    weights, times = frozen(model.equations, field, points[at]), np.flatnonzero(at) // units.shape[1]
    if _loses_weight(weights, times):
        return 0.0
    ways, numbers = directions(high[:-1] - low[:-1]), _numbers(space)
    left = model.problem.box.ranges[-1][1] - low[-1]

    def least(waves: list[float], errors: float = 0.0) -> Array:
        """The rate from which on counts at the end what is there of each wave, ``errors`` of the tolerance at least."""
        tolerance = model.problem.solver.tolerance
        counts = FELT * tolerance / np.maximum(_shares(field, space, ranges, size, waves), errors * tolerance)
        return np.maximum(np.log(counts), FEW_FOLDS) / left

    def rates(waves: list[float]) -> Complex:
        return np.array([fastest(weights, space.unknowns, way, waves) for way in ways])

    waves, found = _waves(rates, numbers)
    rate = _held_rate(found, least(waves), times, space.axes[-1].degree)
    rate = max(rate, _driven_rate(model, field, space, ways, least))
    if not any(is_growing(weights, space.unknowns, way).any() for way in ways):
        sides = Sides(model)
        rate = max(rate, sides.rates(field, ranges, numbers[1::3]).mean())
        echoes = sides.echoes(field, ranges)
        if echoes.any():
            turning = np.array([fastest(weights, space.unknowns, way, waves, turning=True) for way in ways])
            rate = max(rate, _echo_rate(echoes, turning, least(waves), times, space.axes[-1].degree))
    return float(rate * (high[-1] - low[-1]))


def _echo_rate(echoes: Array, turning: Complex, least: Array, times: np.ndarray, degree: int) -> float:
    """E-folds in a unit of time of what comes back larger from sides, at so many rates, and turns on the way."""
    return float(max(echoes.mean(), _turning_rate(turning + echoes.max(), least, times, degree)))


def _driven_rate(
    model: Model,
    field: Field,
    space: Space,
    ways: Sequence[tuple[float, ...]],
    least: Callable[[list[float], float], Array],
) -> float:
    """E-folds in a unit of time of what grows since coefficients change, see :mod:`.driven`.

    ``least``: rates of waves of some numbers that count.
    """
    held = max((a.intervals * a.degree / (2.0 * WAVES) for a in space.axes[:-1]), default=0.0)
    finest = WAVES * 2 ** int(np.ceil(np.log2(max(held, 1.0)))) if len(space.axes) > 1 else 0
    begin = float(space.axes[-1].breaks[0])
    found = _of_all_times(model, tuple(ways), finest) if model.is_linear else _driven(model, field, begin, ways, finest)
    if not found.any():
        return 0.0
    grows = found.real > least(_half_waves(finest), IN_ERRORS)
    turning = np.where(grows, found.imag, 0.0).max() * MOST_FOLDS / space.axes[-1].degree
    return float(max(np.where(grows, found.real, 0.0).max(), turning))


def unheld_growth(model: Model, axes: Sequence[Axis], trace: Array) -> float:
    """By how many e-folds waves of the data that knots do not hold outgrow the solution, if they count in the end.

    ``axes``: of space; ``trace``: the initial data on them. What has become of size one is to be known no better.
    Of sin(pi x) + 1e-6 sin(40 pi x), where the latter grows by e^15, it was left out, and half of the solution with it.
    """
    problem, ranges = model.problem, np.array(model.problem.box.ranges)
    if not (axes and is_expanded(e.jets for e in model.equations)):
        return 0.0
    piece, held = at_rest(axes, trace, *ranges[-1]), min(a.intervals * a.degree for a in axes)
    field = ProductField((piece,))
    points = ranges[:, 0] + np.ptp(ranges, axis=1) * _units(len(axes)).reshape(-1, len(ranges))
    size = np.sqrt((field(points, [(0,) * len(ranges)])[..., 0] ** 2).mean(0))
    numbers, first = [np.pi * k for k in range(2 * held)], int(held / np.pi) + 1
    fine = Space((*(a.halved() for a in axes), piece[0].axes[-1]), len(problem.unknowns))
    shares = _shares(partial(_initial_values, model), fine, ranges, size, numbers)
    if shares[first] <= NOTHING or shares[-1] > NOTHING:  # what jumps or bends has waves of all numbers
        return 0.0
    count = np.count_nonzero(shares > NOTHING)  # of each number and finer ones: they fall
    begun = np.log(shares[:count])
    rates = np.maximum(_rates(model, field, points, numbers[:count]), 0.0)
    rates[first:] = np.maximum(rates[first:], Sides(model).echoes(field, ranges).max())  # at rest the rest may stay
    grown = rates * np.ptp(ranges[-1])
    grown -= (begun + grown).max()  # beside the solution in the end, which may be what has grown
    counts = begun + grown > np.log(FELT * problem.solver.tolerance)
    return float(np.where(counts, np.minimum(grown, -begun), 0.0)[first:].max(initial=0.0))


def _rates(model: Model, field: Field, points: Array, numbers: list[float]) -> Array:
    """At which waves grow, be it since coefficients change: (number,); zero where they do without bound."""
    ranges, unknowns = np.array(model.problem.box.ranges), len(model.problem.unknowns)
    weights, ways = frozen(model.equations, field, points), directions(np.ptp(ranges[:-1], axis=1))
    if any(is_growing(weights, unknowns, way).any() for way in ways):
        return np.zeros(len(numbers))
    rates = [fastest(weights, unknowns, way, numbers).real.max(1) for way in ways]
    driven = Driven(model, field, ranges[-1, 0])
    if driven.changes:
        rates += [driven.rates(way, numbers).real for way in ways]
    return np.asarray(np.max(rates, axis=0))


def _initial_values(model: Model, points: Array, orders: Sequence[tuple[int, ...]]) -> Array:
    """Of the unknowns, where conditions say them: (point, unknown, 1)."""
    out = np.zeros((len(points), len(model.problem.unknowns), 1))
    for layer in model.conditions.initial:
        if layer.order == 0:
            out[:, layer.unknown, 0] = layer.value(list(points.T))[0]
    return out


def _half_waves(finest: int) -> list[float]:
    """The numbers of up to so many half waves."""
    return [np.pi * k for k in range(finest + 1)]


@lru_cache(maxsize=2)
def _of_all_times(model: Model, ways: tuple[tuple[float, ...], ...], finest: int) -> Complex:
    """Of linear equations, whatever the solution."""
    return _driven(model, None, model.problem.box.ranges[-1][0], ways, finest)


def _driven(model: Model, field: Field | None, begin: float, ways: Sequence[tuple[float, ...]], finest: int) -> Complex:
    """Rates of half waves up to the ``finest`` from a time on: (way, number)."""
    driven = Driven(model, field, begin)
    if not driven.changes:
        return np.zeros((len(ways), finest + 1), dtype=np.complex128)
    return np.array([driven.rates(way, _half_waves(finest)) for way in ways])


def _held_rate(rates: Complex, least: Array, times: np.ndarray, degree: int) -> float:
    """E-folds in a unit of time that a slab has to hold, (way, number, point); points belong to some ``times`` of it.

    What turns while it grows is held by a slab of ``degree`` radians: one of twice as many makes half of it. A wave
    that turns passes by; only what grows at all places is growth then. The largest rate at any time counts: an
    amplifier of 1e4 that switches grew by e^11 in a slab, and by e^3.1 in the mean of its times; it was 2.5e-4 off in
    the end, the estimate 9e-6 (1e-7 and 4e-7 now).
    """
    largest = [max(own.real.max(initial=0.0), 0.0) for own in _at_times(rates, times)]
    return float(max([*largest, _turning_rate(rates, least, times, degree)]))


def _turning_rate(rates: Complex, least: Array, times: np.ndarray, degree: int) -> float:
    """That of what turns while it grows, see :func:`_held_rate`."""
    turning = [
        np.where(own.real.min(-1) > least, np.abs(own.imag).max(-1), 0.0).max() if own.shape[-1] else 0.0
        for own in _at_times(rates, times)
    ]
    return float(np.mean(turning) * MOST_FOLDS / degree)


def _at_times(rates: Complex, times: np.ndarray) -> list[Complex]:
    """Those (way, number, point) of each of TIMES; the first and the last of all are those of the slab."""
    return [rates[..., times == time + 1] for time in range(TIMES)]


def _loses_weight(weights: Weights, times: Array) -> bool:
    """Whether the highest derivatives in time of an equation are without weight at one of the ``times`` (point,).

    There, or on the way from one to another: all of their weights have another sign.
    """
    for jets, slopes in weights:
        top = max(jet.order[-1] for jet in jets)
        highest = slopes[:, [jet.order[-1] == top for jet in jets]]
        heaviest = np.abs(highest).max(1)
        by_time = [times == time for time in np.unique(times)]
        least, most = (pick([heaviest[at].max() for at in by_time]) for pick in (min, max))
        means = np.array([highest[at].mean(0) for at in by_time])
        turns = (means[1:] * means[:-1] < 0.0).all(1).any()
        if top > 0 and (least < LOSING * most or turns):
            return True
    return False


def _units(space: int) -> Array:
    """Points that are looked at, as shares of a slab: (time, place, coordinate)."""
    places = kronecker(PLACES, space)
    times = np.r_[0.0, (np.arange(TIMES) + 0.5) / TIMES, 1.0]
    return np.stack([np.column_stack([places, np.full(len(places), t)]) for t in times])


def _shares(field: Jets, space: Space, ranges: Array, size: Array, numbers: list[float]) -> Array:
    """What waves of each of the ``numbers`` and finer ones have of the solution when the slab begins: (number,).

    By the coefficients of waves around circles, else of Chebyshev polynomials: one of degree m waves m / pi times
    in the middle.
    """
    shares = np.r_[1.0, np.full(len(numbers) - 1, UNIT)]
    others = kronecker(PLACES, max(len(ranges) - 2, 0))
    for axis, own in enumerate(space.axes[:-1]):
        count = min(4 * own.intervals * own.degree, MOST_SAMPLES)
        middles = (np.arange(count) + 0.5) / count
        along = middles if own.periodic else 0.5 - 0.5 * np.cos(np.pi * middles)
        places = np.insert(np.repeat(others, count, 0), axis, np.tile(along, len(others)), axis=1)
        units = np.column_stack([places, np.zeros(len(places))])
        values = field(ranges[:, 0] + np.ptp(ranges, axis=1) * units, [(0,) * len(ranges)])[..., 0]
        relative = (values / np.where(size > 0.0, size, 1.0)).reshape(len(others), count, -1)
        around = 2.0 * relative if own.periodic else np.concatenate([relative, relative[:, ::-1]], axis=1)
        parts = np.abs(np.fft.rfft(around, axis=1)).max((0, 2))[:count] / count
        waves = np.arange(len(parts)) * (2.0 * np.pi if own.periodic else 2.0)
        shares = np.maximum(shares, [parts[waves >= number].max(initial=0.0) for number in numbers])
    return shares


def _waves(rates: Callable[[list[float]], Complex], numbers: list[float]) -> tuple[list[float], Complex]:
    """Numbers with those between them of which anything grows most, and rates (way, number, point) of all.

    With 18 - 100 (1 - (k / 40)^2)^2 the 40th half wave grows by e^18, the 32nd by e^5, and the 64th decays.
    """
    found = rates(numbers)
    for _ in range(ZOOMS):
        most = found.real.max((0, 2))
        tops = np.flatnonzero((most[1:-1] > most[:-2]) & (most[1:-1] > most[2:])) + 1
        sides = [side for k in tops for side in ((k - 1, k), (k, k + 1))]
        added = [float(n) for i, j in sides for n in np.linspace(numbers[i], numbers[j], ZOOM + 1)[1:-1]]
        if not added:
            break
        order = np.argsort([*numbers, *added])
        found = np.concatenate([found, rates(added)], axis=1)[:, order]
        numbers = [[*numbers, *added][i] for i in order]
    return numbers, found


def _numbers(space: Space) -> list[float]:
    """Numbers of waves, from none over half a wave on to the finest that the knots hold."""
    finest = max((a.intervals * a.degree for a in space.axes[:-1]), default=0) / 2.0
    return [0.0, *(np.pi * 2.0 ** np.arange(np.log2(finest) + 1.0) if finest > 0.0 else [])]
