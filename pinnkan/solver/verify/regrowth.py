"""What has decayed to nothing that counts, and would grow again: slabs have to be short enough to hold that.

Of 0.02 u_t = t u from t = -1 on, u is 1e-11 at t = 0 and 1e32 at t = 2. Least squares prefer not to grow to a residual
that is nothing beside what u was: a slab of e^9 makes a tenth of what it should, longer ones nothing, and neither does
their correction; one of e^3 makes all of it. So slabs in which a part of the solution has faded are as short as the
rates of its linearised equations ask for, those of waves in the symbol with coefficients frozen at a point. Where it
has not, accuracy asks for more.
"""

from __future__ import annotations

from itertools import product

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space
from pinnkan.kan.product_field import ProductField
from pinnkan.problem.features.kronecker import kronecker
from pinnkan.solver.verify.posedness import COMPONENTS, MOST_UNKNOWNS
from pinnkan.solver.verify.symbol import fastest

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
    unknowns, box = space.unknowns, model.problem.domain.during(*space.axes[-1].breaks[[0, -1]]).box
    if unknowns > MOST_UNKNOWNS:
        return 0.0
    low, high = np.array(box.ranges).T
    places = kronecker(PLACES, len(low) - 1) if len(low) > 1 else np.zeros((1, 0))
    times = (np.arange(TIMES) + 0.5) / TIMES
    units = np.concatenate([np.column_stack([places, np.full(len(places), t)]) for t in times])
    points = low + (high - low) * units
    orders = sorted({jet.order for e in model.equations for jet in e.jets} | {(0,) * len(low)})
    jets = ProductField(((space, coefficients),))(points, orders)  # (point, unknown, order)
    by_time = np.abs(jets).reshape(TIMES, len(places), *jets.shape[1:])
    faded = _faded(by_time, orders.index((0,) * len(low)), before).any(-1).ravel()
    if not faded.any():
        return 0.0
    points, jets = points[faded], jets[faded]
    weights = []
    for e in model.equations:
        own = np.stack([jets[:, j.unknown, orders.index(j.order)] for j in e.jets], -1)
        slopes = e.linearise_numpy(points, own)[1]
        weights.append((e.jets, np.where(np.isfinite(slopes), slopes, 0.0)))
    finest = np.pi * max((a.intervals * a.degree for a in space.axes[:-1]), default=0) / 2.0
    numbers = [0.0, *(np.pi * 2.0 ** np.arange(np.log2(finest / np.pi) + 1.0) if finest > 0.0 else [])]
    rates = np.max([fastest(weights, unknowns, d, numbers) for d in _directions(high[:-1] - low[:-1])], 0)
    time = np.repeat(np.arange(TIMES), len(places))[faded]
    largest = [max(0.0, rates[time == k].max(initial=0.0)) for k in range(TIMES)]
    return float(np.mean(largest)) * float(high[-1] - low[-1])


def _faded(jets: Array, value: int, before: Array) -> np.ndarray:
    """Where an unknown is small beside what it was until then (time, place, unknown): all over, or its derivatives too.

    It has not faded in the middle of a front, though it may be zero there, nor where it begins with nothing.
    """
    size = np.sqrt((jets[..., value] ** 2).mean(1))
    until = np.maximum.accumulate(np.maximum(size, before), 0)[:, None]
    small: np.ndarray = jets[..., value] < FADED * until
    level = (jets < FADED * jets.max((0, 1))).all(-1)
    return np.where(small.all(1, keepdims=True), small, small & level)


def _directions(lengths: Array) -> list[tuple[float, ...]]:
    """Of waves, in units of the domain's lengths."""
    each = product(COMPONENTS.get(len(lengths), (0.0,)), repeat=len(lengths))
    return [tuple(np.array(d) / lengths) for d in each]
