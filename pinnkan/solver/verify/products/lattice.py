"""Fine splines on each coordinate, graded towards its ends, and the rows of the equations for products of them.

All factors but one are fixed; at each node of the remaining coordinate a QR factorisation compresses the rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy.linalg

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.domain.rounding import EPS
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space
from pinnkan.solver.estimate.marking import refine_while
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.products.factor_rows import (
    FactorRows,
    compressed_rows,
    linearise_patches,
    qr_triangle,
    smallest_singular_vector,
    squared_terms,
)

#: Rounding of a residual per column, relative to the contributions of the columns.
UNIT_ROUNDING = 0.5 * EPS
#: A residual above so many roundings is believed.
CLEAR_FACTOR = 10.0


@dataclass(frozen=True)
class Fineness:
    """Even intervals per coordinate, halvings of the outermost ones, degree above the order of the equation.

    ``halvings``: of all intervals given in advance.
    """

    intervals: int
    end_halvings: int
    extra_degree: int
    halvings: int = 0

    def finer(self) -> "Fineness":
        """Half the width, two more degrees."""
        return Fineness(2 * self.intervals, self.end_halvings, self.extra_degree + 2, self.halvings + 1)

    def coarser(self) -> "Fineness":
        """Twice the width."""
        return replace(self, intervals=max(self.intervals // 2, 1))


@dataclass(frozen=True, eq=False)
class LatticeBasis:
    """A basis of one coordinate: the triangle C of its mass matrix C^T C, and waves in it.

    ``waves`` (function, wave, unknown): wave k has about k half waves, zero where an unknown has none; ``is_periodic``:
    a circle, on which waves 1 and 2, 3 and 4, .. are pairs.
    """

    mass_root: Array
    waves: Array
    is_periodic: bool

    @property
    def numbers(self) -> range:
        """The numbers of the waves."""
        return range(self.waves.shape[1])

    def wave(self, number: int) -> list[Array]:
        """The wave of a number, or both of its pair: each (function, unknown)."""
        first = number - (number + 1) % 2 if self.is_periodic and number else number
        last = min(first + 1, self.waves.shape[1] - 1) if self.is_periodic and number else first
        return [self.waves[:, k] for k in range(first, last + 1)]


@dataclass(frozen=True, eq=False)
class Lattice:
    """The linearised rows on one fineness; ``free_mask`` (function, .., unknown): coefficients not fixed."""

    rows: tuple[FactorRows, ...]
    bases: tuple[LatticeBasis, ...]
    free_mask: np.ndarray

    def best_factor(self, products: Sequence[Sequence[Array]], free_axis: int) -> "BestFactor":
        """Return the best factors in coordinate ``free_axis`` of products whose other factors are given."""
        others = tuple(i for i in range(self.free_mask.ndim - 1) if i != free_axis)
        own = np.array(self.free_mask.any(axis=others)).T  # (unknown, function)
        held = [np.all([p[i].any(axis=0) for i in others], axis=0)[:, None] if others else True for p in products]
        alive = np.concatenate([own & some for some in held])
        if not alive.any():
            return BestFactor(np.zeros(alive.shape), np.inf, 1.0, False, True)
        pieces = [compressed_rows(block, products, free_axis, len(own)) for block in self.rows]
        rows = np.concatenate([piece for piece, _ in pieces])[:, alive.ravel()]
        line = self.bases[free_axis].mass_root
        root = scipy.linalg.block_diag(*[qr_triangle(line[:, some]) for some in alive])
        vector = np.zeros(alive.shape)
        vector[alive], sigma = smallest_singular_vector(rows, root)
        size = sum(
            squared_terms(b, squares, free_axis, vector) for b, (_, squares) in zip(self.rows, pieces, strict=True)
        )
        floor = UNIT_ROUNDING * rows.shape[1] * float(np.linalg.norm(rows, axis=0) @ np.abs(vector[alive]))
        return BestFactor(
            vector, sigma, sigma / max(float(np.sqrt(size)), 1e-300), sigma < floor, sigma > CLEAR_FACTOR * floor
        )


@dataclass(frozen=True, eq=False)
class BestFactor:
    """A factor (unknown, function), its residual ``sigma``, and that as a ``share`` of the terms.

    ``is_rounding``: the residual is below its rounding; ``is_clear``: it is well above.
    """

    factor: Array
    sigma: float
    share: float
    is_rounding: bool
    is_clear: bool


def build_lattice(model: Model, field: Field | None, fineness: Fineness, count: int) -> Lattice:
    """Return the lattice of a fineness with waves up to number ``count``, linearised at a field (None: zero)."""
    axes = []
    degree = max(model.orders) + fineness.extra_degree
    for i, ((low, high), periodic) in enumerate(zip(model.problem.box.ranges, model.problem.box.periodic, strict=True)):
        joints = tuple(sorted({x.place for x, _ in model.interfaces if x.axis == i}))
        is_line = len(model.problem.box.ranges) == 1
        known = np.array([low, *joints, high]) if field is None or not is_line else field.breaks(i)
        axes.append(refine_axis(Axis(known, degree, periodic, joints), fineness))
    space = Space(tuple(axes), len(model.problem.unknowns))
    free = ~zero_conditions(model.conditions, space)[1]
    lines = tuple(_basis(axis, free, i, count) for i, axis in enumerate(axes))
    return Lattice(linearise_patches(model, System(model, space), field), lines, free)


def refine_axis(axis: Axis, fineness: Fineness) -> Axis:
    """Return an axis with intervals halved to the even width, the outermost ones further towards each end."""
    width = float(np.ptp(axis.breaks)) / fineness.intervals
    for _ in range(fineness.halvings):
        axis = axis.halved()
    axis = refine_while(axis, lambda breaks: np.diff(breaks) > 1.5 * width)
    for _ in range(0 if axis.periodic else fineness.end_halvings):
        ends = np.zeros(axis.intervals, dtype=bool)
        ends[[0, -1]] = True
        axis = axis.refined(ends & (np.diff(axis.breaks) > 2.0 * width * 0.5**fineness.end_halvings))
    return axis


def _basis(axis: Axis, free: np.ndarray, index: int, count: int) -> LatticeBasis:
    """The basis of a coordinate, with the waves that the conditions allow."""
    others = tuple(i for i in range(free.ndim - 1) if i != index)
    alive = np.asarray(free.any(axis=others))  # (function, unknown)
    slots = min(count + 1, int(alive.any(axis=1).sum())) if count else 0  # number 0: the constant
    waves = np.zeros((axis.count, slots, alive.shape[1]))
    for some, out in zip(alive.T, np.moveaxis(waves, -1, 0), strict=True):
        if count and some.any():
            _put_waves(out, some, axis)
    return LatticeBasis(qr_triangle(axis.weighted_table(0)), waves, axis.periodic)


def string_modes(axis: Axis, mask: np.ndarray, most: int) -> tuple[Array, Array]:
    """The slowest ``most`` eigenfunctions of a string in the functions ``mask`` (mask) of an axis.

    Returns wave numbers (wave,), radians by length, and coefficients of size one (function, wave).
    """
    value, slope = axis.weighted_table(0)[:, mask], axis.weighted_table(1)[:, mask]
    last = min(most, int(mask.sum())) - 1
    squares, vectors = scipy.linalg.eigh(slope.T @ slope, value.T @ value, subset_by_index=(0, last))
    return np.sqrt(np.maximum(squares, 0.0)), vectors


def _put_waves(out: Array, mask: np.ndarray, axis: Axis) -> None:
    """Write the waves of the functions ``mask`` into ``out`` (function, wave), each at the number of its half waves."""
    radians, vectors = string_modes(axis, mask, out.shape[1])
    half = radians * np.ptp(axis.breaks) / np.pi
    numbers = np.arange(len(half)) if axis.periodic else np.floor(half + 0.25).astype(int)
    for number, vector in zip(numbers, vectors.T, strict=True):
        if number < out.shape[1]:
            out[mask, number] = vector
