"""Parts of the initial data that neither the knots nor halved intervals resolve.

Waves finer than halved intervals are absent from both spaces, so that no correction sees them. They are found at
samples: the residual of the projection on degree + 1 points per function.
"""

import numpy as np

from pinnkan.assembly.boundary_values import BoundaryValue, face_samples
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space

#: Factor on what is missing, which no later correction sees. Not more: kinks leave 0.38 of what halving them would add.
UNRESOLVED_FACTOR = 2.0
#: Differences below this share of the largest value are rounding.
ROUNDING_SHARE = 1e-13


def unresolved_data_masses(data: BoundaryValue, halved_space: Space, time: Axis, scale: Array) -> tuple[Array, ...]:
    """Return the squared relative parts of the data that ``halved_space`` lacks, by interval.

    ``halved_space``: the space with these intervals halved; ``scale`` (unknown): sizes of the data.
    """
    values, masses = face_samples(data, Space((*halved_space.axes, time), halved_space.unknowns))[..., 0], []
    least = ROUNDING_SHARE * float(np.abs(values).max(initial=0.0))
    for i, axis in enumerate(halved_space.axes):
        held = axis.project(values, i)
        missed = _at_gauss_points(axis, values, i) - _evaluated(axis, held, i)
        missed = np.where(np.abs(missed) > least, UNRESOLVED_FACTOR * missed / scale[data.unknown], 0.0)
        for k, other in enumerate(halved_space.axes):
            if k < i:
                missed = other.isometric_values(missed, k)
            else:
                root = np.sqrt(other.gauss(other.degree + 1)[1].ravel())
                missed = np.moveaxis(
                    np.moveaxis(missed if k == i else _at_gauss_points(other, missed, k), k, -1) * root, -1, k
                )
        masses.append(np.square(np.moveaxis(missed, i, 0)).reshape(axis.intervals // 2, -1).sum(1))
        values = held
    return tuple(masses)


def _at_gauss_points(axis: Axis, values: Array, index: int) -> Array:
    """Return values at Gauss points from values at the samples of a coordinate: without the ends of a clamped one."""
    return values if axis.periodic else np.moveaxis(np.moveaxis(values, index, 0)[1:-1], 0, index)


def _evaluated(axis: Axis, coefficients: Array, index: int) -> Array:
    """Return a function at the Gauss points of one coordinate."""
    table, place = axis.gauss_tables
    first = np.moveaxis(coefficients, index, 0)
    found = np.matmul(table, first[place].reshape(*place.shape, -1))
    return np.moveaxis(found.reshape(-1, *first.shape[1:]), 0, index)
