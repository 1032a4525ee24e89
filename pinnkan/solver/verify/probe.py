"""Functions beyond the knots of a solve that the equations hardly see: a smallest-Rayleigh-quotient search of rank one.

With J the linearised equations and conditions, sigma = min |J v| / |v| is sought among products

    v = phi_1(x_1) .. phi_d(x_d),    phi_i in splines finer than those of the solve, and graded towards the ends.

All factors but one run through waves (the eigenfunctions of a string with the same ends held); the best last factor is
then a small dense problem: at each of its nodes the rows of the other coordinates are compressed by a QR factorisation,
so that nothing is squared and ratios near the rounding unit are seen. On a line that is sigma itself. The best product
is then sought again on finer knots, factor by factor in turn: a value that goes on falling belongs to a function that
no knots hold. Around a circle a wave is a cosine and a sine, each with a last factor of its own: what a transport
carries around for ever is one of those. What it finds without being told: data all around a wave equation, Cauchy
problems, resonances, turning points, layers that nothing holds. What it finds is an upper bound; a mode that is far
from a product may be missed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import product
from math import isclose

import numpy as np
import scipy.linalg

from pinnkan.assembly.boundary_values import zero_conditions
from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space
from pinnkan.solver.linear.system import System
from pinnkan.solver.verify.sliced import SlicedRows, compressed, linearised, smallest, terms, triangle


@dataclass(frozen=True)
class Fineness:
    """Even intervals per coordinate, how often the outermost are halved, degree above the order of the equation.

    ``halvings``: of all intervals that are known already.
    """

    intervals: int
    graded: int
    degree: int
    halvings: int = 0

    def finer(self) -> "Fineness":
        """Half the width, two more degrees."""
        return Fineness(2 * self.intervals, self.graded, self.degree + 2, self.halvings + 1)

    def coarser(self) -> "Fineness":
        """Twice the width."""
        return replace(self, intervals=max(self.intervals // 2, 1))


#: By number of coordinates: the first look, waves that are tried in each coordinate (from a constant on), finer looks
#: at the best of them. A wave has 1.5 intervals per half wave at least in the plane, and 3 and 6 when looked at again.
LOOKS = {1: (Fineness(48, 4, 5), 0, 2), 2: (Fineness(24, 4, 5), 16, 2), 3: (Fineness(6, 2, 5), 2, 1)}
#: Waves tried at a finer look, added to the number of the best: of Cauchy problems the worst is the highest resolved.
FURTHER = (0, 1, 2, 4)
#: Most knots of a line: the rows are dense.
MOST = 100
#: Products that are looked at again: the best may be a constant that a mean holds, others fall.
BEST = 3
#: Sweeps over the factors of a finer look.
SWEEPS = 1
#: A value has settled when a finer look finds no less than this share of it.
SETTLED = 0.7
#: Rounding of a residual, relative to what its columns contribute, for each of them: that of a triangular solve. A
#: constant under u'' had 0.2 to 0.6 of it.
UNIT = 1e-16
#: A residual of CLEAR roundings is hardly made of them; one of fewer is believed where two looks AGREE on it. A mode of
#: a beam next to its eigenvalue had 4 roundings, and 1.7 on knots where it had 2.2 on coarser ones, of 2e-7 in truth.
#: What is ``known`` already is another look: a cantilever of varying stiffness had 14.54 as well as 14.52.
CLEAR, AGREE = 10.0, 0.05


@dataclass(frozen=True)
class Probe:
    """``sigma``: the least residual of a function of size one; ``share``: of its terms.

    ``settled``: whether finer knots find no less; ``lost``: whether rounding hides what is less.
    """

    sigma: float
    share: float
    settled: bool
    lost: bool


@dataclass(frozen=True, eq=False)
class _Line:
    """One coordinate: the root C of the mass matrix C^T C of its functions, and waves in them.

    ``waves``: (function, wave, unknown), all of one number with about as many half waves, so that cosines of one
    unknown go with sines of another; zero where an unknown has none. ``wraps``: those from 1 on are pairs.
    """

    root: Array
    waves: Array
    wraps: bool

    @property
    def numbers(self) -> range:
        """Of the waves, of a pair that of the first."""
        return range(self.waves.shape[1])

    def wave(self, number: int) -> list[Array]:
        """The wave of a number, both of a pair."""
        first = number - (number + 1) % 2 if self.wraps and number else number
        last = min(first + 1, self.waves.shape[1] - 1) if self.wraps and number else first
        return [self.waves[:, k] for k in range(first, last + 1)]


@dataclass(frozen=True, eq=False)
class _Lattice:
    """The linearised rows on the grid of one fineness; ``free``: what no condition holds (function, .., unknown)."""

    rows: tuple[SlicedRows, ...]
    lines: tuple[_Line, ...]
    free: np.ndarray

    def best(self, products: Sequence[Sequence[Array]], last: int) -> "_Found":
        """The best factors ``last`` of products whose other ones are given, of size one and orthogonal."""
        others = tuple(i for i in range(self.free.ndim - 1) if i != last)
        own = np.array(self.free.any(axis=others)).T  # (unknown, function)
        held = [np.all([p[i].any(axis=0) for i in others], axis=0)[:, None] if others else True for p in products]
        alive = np.concatenate([own & some for some in held])
        if not alive.any():
            return _Found(np.zeros(alive.shape), np.inf, 1.0, False, True)
        pieces = [compressed(block, products, last, len(own)) for block in self.rows]
        rows = np.concatenate([piece for piece, _ in pieces])[:, alive.ravel()]
        line = self.lines[last].root
        root = scipy.linalg.block_diag(*[triangle(line[:, some]) for some in alive])
        vector = np.zeros(alive.shape)
        vector[alive], sigma = smallest(rows, root)
        size = sum(terms(b, squares, last, vector) for b, (_, squares) in zip(self.rows, pieces, strict=True))
        floor = UNIT * rows.shape[1] * float(np.linalg.norm(rows, axis=0) @ np.abs(vector[alive]))
        return _Found(vector, sigma, sigma / max(float(np.sqrt(size)), 1e-300), sigma < floor, sigma > CLEAR * floor)


@dataclass(frozen=True, eq=False)
class _Found:
    """A factor (unknown, function), the residual that it gives, its share of the terms.

    ``lost``: whether the residual is all rounding; ``clear``: whether hardly any of it is.
    """

    factor: Array
    sigma: float
    share: float
    lost: bool
    clear: bool


def probe(model: Model, field: Field, known: float) -> Probe | None:
    """The least determined product at a steady field; None in more coordinates, on more knots, than are looked at.

    ``known``: a sigma that was found elsewhere; nothing is looked at again that is not below it.

    Raises OutOfTimeError: the time limit is over.
    """
    dimension = len(model.problem.box.ranges)
    if dimension not in LOOKS or (dimension == 1 and len(field.breaks(0)) > MOST):
        return None
    return _of_linear(model, known) if model.is_linear and dimension > 1 else _probed(model, field, known)


@lru_cache(maxsize=2)
def _of_linear(model: Model, known: float) -> Probe:
    """Of linear equations off a line, whose knots say nothing: whatever the field."""
    return _probed(model, None, known)


def _probed(model: Model, field: Field | None, known: float) -> Probe:
    dimension = len(model.problem.box.ranges)
    fineness, count, finer = LOOKS[dimension]
    lattice = _lattice(model, field, fineness, count)
    tried = []
    for last in range(dimension):
        for waves in product(*[range(1) if i == last else x.numbers for i, x in enumerate(lattice.lines)]):
            model.clock.check()
            tried.append((lattice.best(_products(lattice, waves, last), last), waves, last))
    tried = sorted(tried, key=lambda t: t[0].sigma)[:BEST]
    found = tried[0][0]
    settled = found.sigma > SETTLED * known
    agrees = isclose(found.sigma, known, rel_tol=AGREE)
    for _ in range(0 if settled else finer):
        model.clock.check()
        fineness, before, looked = fineness.finer(), found, lattice
        lattice = _lattice(model, field, fineness, count + finer * max(FURTHER) if count else 0)
        again = []
        for _, waves, last in tried:
            higher = [tuple(w + more * (i != last) for i, w in enumerate(waves)) for more in FURTHER]
            again += [(w, last) for w in (higher if count else higher[:1])]
        tried = [(_polished(lattice, *of), *of) for of in dict.fromkeys(again)]
        tried = sorted(tried, key=lambda t: t[0].sigma)[:BEST]
        found = tried[0][0]
        agree = abs(found.sigma - before.sigma) <= AGREE * before.sigma
        if dimension == 1 and found.sigma > (1.0 + AGREE) * before.sigma:
            return _on_fewer(model, field, looked, before)
        settled = agree or (found.sigma > SETTLED * before.sigma and found.clear)
        if settled or not found.clear:
            found = min(before, found, key=lambda f: f.sigma)
            break
    return Probe(found.sigma, found.share, settled, found.lost and not agrees)


def _on_fewer(model: Model, field: Field | None, lattice: _Lattice, found: _Found) -> Probe:
    """What to believe on a line where finer knots, which hold all that those of a ``lattice`` do, find more than these.

    That is rounding, and what was ``found`` may be, too: fewer knots find less then, until two looks agree. A beam next
    to its eigenvalue had 8.7, 5.4, 1.016 and 1.004 of 1 in truth, all of them clear. A clamped column at its Euler load
    had 6e-4, 1e-4 and 2e-3: nothing holds it.
    """
    fineness, is_rounding = LOOKS[1][0], False
    while True:
        fineness, size = fineness.coarser(), lattice.free.size
        lattice = _lattice(model, field, fineness, 0)
        if lattice.free.size == size:
            return Probe(found.sigma, found.share, found.clear and not is_rounding, found.lost or is_rounding)
        fewer = lattice.best(_products(lattice, (0,), 0), 0)
        if abs(fewer.sigma - found.sigma) <= AGREE * found.sigma:
            return Probe(min(fewer.sigma, found.sigma), found.share, True, False)
        if fewer.sigma > found.sigma:
            return Probe(found.sigma, found.share, False, found.lost or is_rounding)
        found, is_rounding = fewer, True


def _products(lattice: _Lattice, waves: Sequence[int], last: int) -> list[list[Array]]:
    """Waves as factors (function, unknown) of one or several products; that of the last coordinate is not used."""
    pairs = zip(lattice.lines, waves, strict=True)
    factors = [[x.root[:1].T] if i == last else x.wave(k) for i, (x, k) in enumerate(pairs)]
    return [list(p) for p in product(*factors)]


def _polished(lattice: _Lattice, waves: Sequence[int], last: int) -> _Found:
    """The best product near some waves, one factor after the other."""
    products = _products(lattice, waves, last)
    found, factors = lattice.best(products, last), products[0]
    # of several unknowns each has a factor of its own, and so has each of a pair
    if len(factors) == 1 or lattice.free.shape[-1] > 1 or len(products) > 1:
        return found
    for _ in range(SWEEPS * len(factors)):
        factors[last] = found.factor.T
        last = (last + 1) % len(factors)
        found = lattice.best([factors], last)
    return found


def _lattice(model: Model, field: Field | None, fineness: Fineness, count: int) -> _Lattice:
    axes = []
    degree = max(model.orders) + fineness.degree
    for i, ((low, high), periodic) in enumerate(zip(model.problem.box.ranges, model.problem.box.periodic, strict=True)):
        joints = tuple(sorted({x.place for x, _ in model.interfaces if x.axis == i}))
        is_line = len(model.problem.box.ranges) == 1
        known = np.array([low, *joints, high]) if field is None or not is_line else field.breaks(i)
        axes.append(_graded(Axis(known, degree, periodic, joints), fineness))
    space = Space(tuple(axes), len(model.problem.unknowns))
    free = ~zero_conditions(model.conditions, space)[1]
    lines = tuple(_line(axis, free, i, count) for i, axis in enumerate(axes))
    return _Lattice(linearised(model, System(model, space), field), lines, free)


def _graded(axis: Axis, fineness: Fineness) -> Axis:
    """Intervals halved until they are as narrow as even ones, the outermost again and again towards each end."""
    width = float(np.ptp(axis.breaks)) / fineness.intervals
    for _ in range(fineness.halvings):
        axis = axis.halved()
    while (wide := np.diff(axis.breaks) > 1.5 * width).any():
        axis = axis.inserted(wide)
    for _ in range(0 if axis.periodic else fineness.graded):
        ends = np.zeros(axis.intervals, dtype=bool)
        ends[[0, -1]] = True
        axis = axis.inserted(ends & (np.diff(axis.breaks) > 2.0 * width * 0.5**fineness.graded))
    return axis


def _line(axis: Axis, free: np.ndarray, index: int, count: int) -> _Line:
    """Mass and waves of a coordinate; the waves are zero where conditions hold every coefficient of its functions."""
    value, slope = axis.rooted(0), axis.rooted(1)
    others = tuple(i for i in range(free.ndim - 1) if i != index)
    alive = np.asarray(free.any(axis=others))  # (function, unknown)
    slots = min(count + 1, int(alive.any(axis=1).sum())) if count else 0  # from no half wave on
    waves = np.zeros((axis.count, slots, alive.shape[1]))
    for some, out in zip(alive.T, np.moveaxis(waves, -1, 0), strict=True):
        if count and some.any():
            _put_waves(out, slope[:, some], value[:, some], some, axis)
    return _Line(triangle(value), waves, axis.periodic)


def _put_waves(out: Array, slope: Array, value: Array, some: np.ndarray, axis: Axis) -> None:
    """The waves of the functions ``some`` in ``out`` (function, wave), each at the number of its half waves."""
    last = min(out.shape[1], int(some.sum())) - 1
    squares, vectors = scipy.linalg.eigh(slope.T @ slope, value.T @ value, subset_by_index=(0, last))
    half = np.sqrt(np.maximum(squares, 0.0)) * np.ptp(axis.breaks) / np.pi
    numbers = np.arange(last + 1) if axis.periodic else np.floor(half + 0.25).astype(int)
    for number, vector in zip(numbers, vectors.T, strict=True):
        if number < out.shape[1]:
            out[some, number] = vector
