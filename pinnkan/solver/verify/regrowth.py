"""What has decayed to nothing that counts, and would grow again: slabs have to be short enough to hold that.

Of 0.02 u_t = t u from t = -1 on, u is 1e-11 at t = 0 and 1e32 at t = 2. Least squares prefer not to grow to a residual
that is nothing beside what u was: a slab of e^9 makes a tenth of what it should, longer ones nothing, and neither does
their correction; one of e^3 makes all of it. So slabs in which a part of the solution has faded are as short as the
rates of its linearised equations ask for, those of waves in the symbol with coefficients frozen at a point. Where it
has not, accuracy asks for more.
"""

from __future__ import annotations

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array, picked
from pinnkan.kan.product import Space
from pinnkan.kan.product_field import ProductField
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.solver.verify.posedness import MOST_UNKNOWNS
from pinnkan.solver.verify.symbol import directions, fastest

#: A slab may be as long as lets what has faded grow by so many e-folds.
MOST_FOLDS = 4.0
#: What has decayed below this share of its size has faded.
FADED = 0.1
#: Times of a slab and points in space at each of them that are looked at.
TIMES, PLACES = 5, 24


def folds(model: Model, space: Space, coefficients: Array, before: Array) -> float:
    """By how many e-folds what has faded may grow in a slab of time.

    ``before`` (unknown): root mean squares of the solution until its start.
    """
    if space.unknowns > MOST_UNKNOWNS:
        return 0.0
    low, high = np.array(model.problem.domain.during(*space.axes[-1].breaks[[0, -1]]).box.ranges).T
    units = _units(len(low) - 1)
    points, value = low + (high - low) * units.reshape(-1, len(low)), (0,) * len(low)
    orders = sorted({jet.order for e in model.equations for jet in e.jets} | {value})
    jets = ProductField(((space, coefficients),))(points, orders)  # (point, unknown, order)
    by_time = np.abs(jets).reshape(*units.shape[:2], *jets.shape[1:])
    faded = _faded(by_time, orders.index(value), before).any(-1)
    if not faded.any():
        return 0.0
    at = faded.ravel()
    weights = []
    for e in model.equations:
        slopes = e.linearise_numpy(points[at], picked(jets[at], orders, e.jets))[1]
        weights.append((e.jets, np.where(np.isfinite(slopes), slopes, 0.0)))
    ways, numbers = directions(high[:-1] - low[:-1]), _numbers(space)
    rates = np.zeros(faded.shape)
    rates[faded] = np.max([fastest(weights, space.unknowns, way, numbers) for way in ways], 0)
    return float(np.maximum(rates.max(1), 0.0).mean() * (high[-1] - low[-1]))


def _units(space: int) -> Array:
    """Points that are looked at, as shares of a slab: (time, place, coordinate)."""
    places = kronecker(PLACES, space) if space else np.zeros((1, 0))
    times = (np.arange(TIMES) + 0.5) / TIMES
    return np.stack([np.column_stack([places, np.full(len(places), t)]) for t in times])


def _numbers(space: Space) -> list[float]:
    """Numbers of waves, from none over half a wave on to the finest that the knots hold."""
    finest = max((a.intervals * a.degree for a in space.axes[:-1]), default=0) / 2.0
    return [0.0, *(np.pi * 2.0 ** np.arange(np.log2(finest) + 1.0) if finest > 0.0 else [])]


def _faded(jets: Array, value: int, before: Array) -> np.ndarray:
    """Where an unknown is small beside what it was until then (time, place, unknown): all over, or its derivatives too.

    It has not faded in the middle of a front, though it may be zero there, nor where it begins with nothing.
    """
    size = np.sqrt((jets[..., value] ** 2).mean(1))
    until = np.maximum.accumulate(np.maximum(size, before), 0)[:, None]
    small: np.ndarray = jets[..., value] < FADED * until
    level = (jets < FADED * jets.max((0, 1))).all(-1)
    return np.where(small.all(1, keepdims=True), small, small & level)
