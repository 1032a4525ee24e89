"""What of the data at the first time no knots hold, neither those chosen nor those between them.

Waves finer than the halved intervals drop out of both spaces, and so of every correction after: of sin(x) + 1e-4
sin(40 x), carried around a circle, the error was 1e-4 at any tolerance, and none was seen. Where the data are sampled
they are there: next to what their least squares leave, degree + 1 points for each function see waves of any length.
"""

import numpy as np

from pinnkan.assembly.boundary_values import BoundaryValue, face_samples
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array
from pinnkan.kan.product import Space

#: What is missing counts twice, since no correction knows of it later. Of a kink even halved intervals leave 0.38 of
#: what these would add, so that it has the knots that it had.
UNSEEN = 2.0
#: Differences below this share of the largest value are rounding.
ROUNDED = 1e-13


def unheld(given: BoundaryValue, halved: Space, time: Axis, scale: Array) -> tuple[Array, ...]:
    """For each coordinate of space, the squared share of the data over each of its intervals that it does not hold.

    ``halved``: the space with these intervals halved; ``scale`` (unknown): what the data are relative to.
    """
    values, masses = face_samples(given, Space((*halved.axes, time), halved.unknowns))[..., 0], []
    least = ROUNDED * float(np.abs(values).max(initial=0.0))
    for i, axis in enumerate(halved.axes):
        held = axis.project(values, i)
        missed = _inner(axis, values, i) - _evaluated(axis, held, i)
        missed = np.where(np.abs(missed) > least, UNSEEN * missed / scale[given.unknown], 0.0)
        for k, other in enumerate(halved.axes):
            if k < i:
                missed = other.isometric(missed, k)
            else:
                root = np.sqrt(other.gauss(other.degree + 1)[1].ravel())
                missed = np.moveaxis(np.moveaxis(missed if k == i else _inner(other, missed, k), k, -1) * root, -1, k)
        masses.append(np.square(np.moveaxis(missed, i, 0)).reshape(axis.intervals // 2, -1).sum(1))
        values = held
    return tuple(masses)


def _inner(axis: Axis, values: Array, index: int) -> Array:
    """Of values at the samples of a coordinate those at its Gauss points: a clamped axis holds its ends."""
    return values if axis.periodic else np.moveaxis(np.moveaxis(values, index, 0)[1:-1], 0, index)


def _evaluated(axis: Axis, coefficients: Array, index: int) -> Array:
    """A function along one index at the Gauss points."""
    table, place = axis.squares
    first = np.moveaxis(coefficients, index, 0)
    found = np.matmul(table, first[place].reshape(*place.shape, -1))
    return np.moveaxis(found.reshape(-1, *first.shape[1:]), 0, index)
