"""Amplitudes of the waves that a solution is made of, at the start of a slab."""

import numpy as np

from pinnkan.domain.rounding import EPS
from pinnkan.kan.field import Array, DerivativeFunction
from pinnkan.kan.product import Space
from pinnkan.problem.features.kronecker_sequence import kronecker_points

#: Most points along a coordinate for the spectrum of a solution; lines of points along each; rounding.
MAX_SAMPLES, LINES, AMPLITUDE_ROUNDING = 512, 24, 0.5 * EPS


def wave_amplitudes(field: DerivativeFunction, space: Space, ranges: Array, size: Array, numbers: list[float]) -> Array:
    """The largest amplitude, over the solution, of waves of each number or finer at the start of a slab: (number,).

    From Fourier coefficients in periodic coordinates, else Chebyshev's, degree m for m / pi waves in the middle.
    """
    shares = np.r_[1.0, np.full(len(numbers) - 1, AMPLITUDE_ROUNDING)]
    others = kronecker_points(LINES, max(len(ranges) - 2, 0))
    for axis, own in enumerate(space.axes[:-1]):
        count = min(4 * own.intervals * own.degree, MAX_SAMPLES)
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
