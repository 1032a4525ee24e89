"""Waves of any direction that are in what a correction leaves of the residual: an opinion without knots.

A correction on halved intervals tells nothing of a wave that these do not hold either. Where the equations see such a
wave as well as any, what it leaves of the residual is small beside the error that is told; where they hardly see it,
along the lines of a transport or of strong diffusion around circles, it is all that is seen of it. So the residual is
taken on an even grid, and for every whole wave number k the function c exp(i k x) is sought that lowers it most,

    c = - <J v, r> / <J v, J v>,    v = exp(i k x) around circles, times sin(pi x) between values, else sin^2(pi x),

J the linearised equations. Fourier transforms of the residual times their weights have all of these scalar products at
once; the largest one is asked for. In a slab of time v grows from zero at its start, as t, or t^2 of second order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import perm

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.kan.field import Array, Complex, Field, jets_on
from pinnkan.problem.statement import Jet, Problem
from pinnkan.solver.estimate.norms import relative_roots
from pinnkan.solver.estimate.undecided import LEAST, Beside

#: Points in every coordinate of space, by the number of them: half as many waves are told. What they make of a layer
#: that is narrower than they are apart is another number on other points: a wave is believed where two grids AGREE.
POINTS, AGREE = {2: (128, 108), 3: (32, 27)}, 0.3
#: The same in a slab, at so many Gauss points of its time: on a line knots in time tell of what moves along it. A
#: residual of high degree in time is on few points what it is not on more: of two standing waves of a drum 1.5e-3 of
#: the solution was said to be left in one, and that again on three other points; 1e-5 was.
IN_SLABS, TIMES = {2: (64, 54)}, (3, 8)
#: The largest waves by the first look that are worked out with the slopes of sin or sin^2.
CLOSER = 6
#: Powers of sin(pi x) as sums of exp(i n pi x), (factor, n).
SINES = (((1.0, 0),), ((-0.5j, 1), (0.5j, -1)), ((0.5, 0), (-0.25, 2), (-0.25, -2)))


@dataclass(frozen=True)
class WavesLeft:
    """``size``: what is left of the solution in waves, relative; ``numbers``: of the largest, radians by length."""

    size: float
    numbers: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Rows:
    """An equation on the grid: its residual (point, .., time), and what its derivatives weigh, (.., jet).

    Next to corners both weigh as rows do.
    """

    jets: tuple[Jet, ...]
    residual: Array
    weights: Array


@dataclass(frozen=True, eq=False)
class Remainder:
    """What a solution and its correction, ``known``, leave in a ``domain``: of the problem, or between two times.

    ``known`` also has what the unknowns were before. On every grid it is worked out once.
    """

    model: Model
    solution: Field
    known: Beside
    domain: Domain
    _grids: dict[tuple[int, int], "GridWaves | None"] = field(init=False, default_factory=dict)

    def on_grid(self, count: int, times: int = 1) -> "GridWaves | None":
        """The rows on an even grid of space, and so many Gauss ``times``; None where they are not finite there."""
        if (count, times) not in self._grids:
            self._grids[count, times] = on_grid(self.model, self.solution, self.known, self.domain, count, times)
        return self._grids[count, times]


def waves_left(left: Remainder, allowed: float) -> WavesLeft | None:
    """What is left in waves of a solution and its correction, where that is more than is ``allowed``, relative.

    None where there are too few or many coordinates.
    """
    problem = left.model.problem
    fine, other = (POINTS if problem.time_axis is None else IN_SLABS).get(problem.space_dimension, (0, 0))
    times = TIMES if problem.time_axis is not None else (1, 1)
    first = left.on_grid(fine, times[0]) if fine else None
    if first is None:
        return None
    number, coefficients = first.largest()
    size = max(relative(first, coefficients, problem))
    if size <= allowed:
        return None
    second = left.on_grid(other, times[1])
    again = None if second is None else second.of(number)
    if again is None or float(np.abs(again - coefficients).max()) > AGREE * float(np.abs(coefficients).max()):
        return None
    return WavesLeft(size, tuple(map(float, np.abs(number))))


def relative(waves: "GridWaves", coefficients: Complex, problem: Problem) -> tuple[float, ...]:
    """What a wave with these coefficients (unknown) and its conjugate are of each unknown and vector."""
    return relative_roots(problem, 2.0 * np.abs(coefficients) ** 2, waves.squares)


def on_grid(
    model: Model, field: Field, known: Beside, domain: Domain, count: int, times: int = 1
) -> "GridWaves | None":
    """The rows on an even grid of space, and so many Gauss ``times``; None where they are not finite there."""
    problem, lengths = model.problem, domain.box.lengths
    space = range(problem.space_dimension)
    nodes = [domain.box.ranges[i][0] + lengths[i] * (np.arange(count) + 0.5) / count for i in space]
    time = _Time(np.ones(1), np.ones(1), 1.0, 0)
    if problem.time_axis is not None:
        gauss, weights = np.polynomial.legendre.leggauss(times)
        time = _Time(0.5 * (1.0 + gauss), 0.5 * weights, float(lengths[-1]), model.orders[-1])
        nodes.append(domain.box.ranges[-1][0] + lengths[-1] * time.places)
    points = np.stack(np.meshgrid(*nodes, indexing="ij"), -1)
    rows, near = [], model.corner_weights or model.bent_weights
    for number, equation in enumerate(model.equations):
        jets = jets_on(field, nodes, equation.jets) + jets_on(known.error, nodes, equation.jets)
        residual, weights = equation.linearise_numpy(points, jets)
        shape = (count,) * len(space) + (len(time.places),)
        own = [Jet(j.unknown, j.order if problem.time_axis is not None else (*j.order, 0)) for j in equation.jets]
        size = np.ones(1) if near is None else near.at(points, number).reshape(shape)
        rows.append(_Rows(tuple(own), size * residual.reshape(shape), size[..., None] * weights.reshape(*shape, -1)))
    if not all(np.isfinite(r.residual).all() and np.isfinite(r.weights).all() for r in rows):
        return None
    squares = mean_squares(model, field, nodes, known)
    return GridWaves(rows, lengths[list(space)], [sine_power(model, i) for i in space], squares, time)


def mean_squares(model: Model, field: Field, nodes: Sequence[Array], known: Beside) -> Array:
    """Of each unknown on a grid, and no less than what it was before, or a least share of its natural size."""
    zero = (0,) * model.problem.dimension
    values = jets_on(field, nodes, [Jet(u, zero) for u in range(len(model.problem.unknowns))])
    least = LEAST * np.array(model.sizes)
    least = least if known.before is None else np.fmax(least, known.before)
    return np.maximum((values.reshape(-1, values.shape[-1]) ** 2).mean(0), least**2)


def sine_power(model: Model, index: int) -> int:
    """Of the sine by which waves vanish at the sides of a coordinate: none around a circle, one between values alone.

    Where slopes are held as well, or values are not, with both.
    """
    if model.problem.box.periodic[index]:
        return 0
    held = [(b.side, b.unknown, b.order) for b in model.conditions.boundary if b.side.axis == index]
    values, slopes = (sum(order == k for *_, order in held) for k in (0, 1))
    return 1 if values == 2 * len(model.problem.unknowns) and not slopes else 2


@dataclass(frozen=True, eq=False)
class _Time:
    """Gauss points of a slab in [0, 1], their ``weights``, its ``length``; waves grow in it by a ``power`` of these."""

    places: Array
    weights: Array
    length: float
    power: int

    def slope(self, order: int) -> Array:
        """A derivative of the power at the points."""
        if order > self.power:
            return np.zeros(len(self.places))
        return perm(self.power, order) * self.places ** (self.power - order) / self.length**order


class GridWaves:
    """Scalar products of what rows make of waves, on an even grid."""

    def __init__(
        self, rows: Sequence[_Rows], lengths: Array, powers: Sequence[int], squares: Array, time: _Time
    ) -> None:
        self.rows, self.lengths, self.powers, self.squares, self.time = rows, lengths, powers, squares, time
        self.unknowns, self.count, self.dimension = len(squares), rows[0].residual.shape[0], len(lengths)
        self.whole = np.fft.fftfreq(self.count, 1.0 / self.count)
        turn = np.exp(-1j * np.pi * self.whole / self.count)  # points lie half a step from the ends
        self.turns = [turn.reshape(self._along(i)) for i in range(self.dimension)]
        across = np.sin(np.pi * (np.arange(self.count) + 0.5) / self.count)
        self.taper = np.ones((1,) * self.dimension)
        for i, power in enumerate(powers):
            self.taper = self.taper * (across**power).reshape(self._along(i))

    def largest(self) -> tuple[Array, Complex]:
        """The wave of which most is left, and its coefficients."""
        floor = np.maximum(self.squares, 1e-300)
        sizes = (np.abs(self._first()) ** 2 / floor).sum(-1)
        numbers = [self._number(int(k)) for k in np.argsort(-sizes, axis=None)[:CLOSER]]
        closer = [self.of(number) for number in numbers]
        best = int(np.argmax([float((np.abs(c) ** 2 / floor).sum()) for c in closer]))
        return numbers[best], closer[best]

    def of(self, number: Array) -> Complex:
        """The coefficients (unknown) of one wave, taper and all."""
        images, roots = [], np.sqrt(self.time.weights)
        for r in self.rows:
            made = np.zeros((self.unknowns, *r.residual.shape), dtype=np.complex128)
            for n, jet in enumerate(r.jets):
                made[jet.unknown] += (
                    r.weights[..., n] * self._tapered(number, jet)[..., None] * self.time.slope(jet.order[-1])
                )
            images.append((made * roots).reshape(self.unknowns, -1))
        matrix = np.concatenate(images, 1).T
        right = np.concatenate([(r.residual * roots).ravel() for r in self.rows])
        return np.asarray(np.linalg.lstsq(matrix, -right.astype(np.complex128), rcond=1e-12)[0])

    def _first(self) -> Complex:
        """Coefficients of all waves with the slopes of the taper left out: (wave number, .., unknown)."""
        shape = (self.count,) * self.dimension
        seen = np.zeros((*shape, self.unknowns), dtype=np.complex128)
        gram = np.zeros((*shape, self.unknowns, self.unknowns), dtype=np.complex128)
        square, space = (self.taper**2)[..., None], tuple(range(self.dimension))
        for r in self.rows:
            factors = [self._derivative(j) for j in r.jets]
            slopes = [self.time.slope(j.order[-1]) for j in r.jets]
            for n, (jet, factor) in enumerate(zip(r.jets, factors, strict=True)):
                summed = (r.weights[..., n] * r.residual) @ (self.time.weights * slopes[n])
                seen[..., jet.unknown] += np.conj(factor) * self._transform(self.taper * summed)
                for m, (other, second) in enumerate(zip(r.jets, factors, strict=True)):
                    means = (square * r.weights[..., n] * r.weights[..., m]).mean(space)
                    mean = float(means @ (self.time.weights * slopes[n] * slopes[m]))
                    gram[..., jet.unknown, other.unknown] += mean * np.conj(factor) * second
        trace = np.maximum(np.trace(gram, axis1=-2, axis2=-1).real, 1e-300)
        gram += 1e-14 * trace[..., None, None] * np.eye(self.unknowns)
        return np.asarray(-np.linalg.solve(gram, seen[..., None])[..., 0])

    def _tapered(self, number: Array, jet: Jet) -> Complex:
        """A derivative of the tapered wave on the grid."""
        out = np.ones((1,) * self.dimension, dtype=np.complex128)
        for i, (k, order, length) in enumerate(zip(number, jet.order[:-1], self.lengths, strict=True)):
            x = length * (np.arange(self.count) + 0.5) / self.count
            own = np.pi / length
            parts = SINES[self.powers[i]]
            values = sum(a * (1j * (k + n * own)) ** order * np.exp(1j * (k + n * own) * x) for a, n in parts)
            out = out * np.asarray(values).reshape(self._along(i))
        return out

    def _derivative(self, jet: Jet) -> Complex:
        """What a derivative in space makes of every wave: (wave number, ..)."""
        out = np.ones((1,) * self.dimension, dtype=np.complex128)
        for i, (order, length) in enumerate(zip(jet.order[:-1], self.lengths, strict=True)):
            out = out * ((2j * np.pi * self.whole / length) ** order).reshape(self._along(i))
        return out

    def _transform(self, values: Array) -> Complex:
        """Means of values (grid) times the conjugate waves."""
        found: Complex = np.fft.fftn(values) / values.size
        for turn in self.turns:
            found = found * turn
        return found

    def _number(self, place: int) -> Array:
        """The wave number at a place of the flattened grid, radians by length."""
        at = np.unravel_index(place, (self.count,) * self.dimension)
        return np.array([2.0 * np.pi * self.whole[k] / length for k, length in zip(at, self.lengths, strict=True)])

    def _along(self, index: int) -> tuple[int, ...]:
        return tuple(self.count if i == index else 1 for i in range(self.dimension))
