"""Waves of any direction that remain in the residual of a corrected solution: a check that needs no knots.

A correction on halved intervals does not detect a wave that these do not resolve either. Where the equations weigh it
like other waves its residual is small beside the reported error. Where they hardly do, along the lines of a transport
or of strong diffusion around circles, only the residual shows it. So the residual r is evaluated on an even grid, and
for every whole wave number k the function c exp(i k x) is sought that lowers it most,

    c = - <J v, r> / <J v, J v>,    v = exp(i k x) around circles, times sin(pi x) between values, else sin^2(pi x),

J the linearised equations. Fourier transforms of the residual times the weights of derivatives have all these scalar
products at once. In a slab of time v grows from zero at its start, as t, or t^2 of second order.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import perm

import numpy as np

from pinnkan.assembly.model import Model
from pinnkan.domain.domain import Domain
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.kan.field import Array, Complex, Field, jets_on_grid
from pinnkan.problem.statement import Jet, Problem
from pinnkan.solver.estimate.equation_terms import NATURAL_SIZE_FLOOR
from pinnkan.solver.estimate.linearisation_check import FieldContext
from pinnkan.solver.estimate.norms import norm_ratios

#: Points per coordinate of two grids, by number of coordinates; a wave is reported where both agree to this share,
#: which they do not on unresolved layers.
GRID_POINTS, AGREEMENT = {2: (128, 108), 3: (32, 27)}, 0.3
#: The same for slabs, and the Gauss points in time of the two grids: with three on both, two standing waves of a drum
#: were reported as 1.5e-3 instead of 1e-5.
SLAB_GRID_POINTS, SLAB_TIME_POINTS = {2: (64, 54)}, (3, 8)
#: The number of waves that are solved for with the slopes of the taper. Heuristic.
CANDIDATES = 6
#: Powers of sin(pi x) as sums of factor * exp(i n pi x): (factor, n).
SINE_EXPANSIONS = (((1.0, 0),), ((-0.5j, 1), (0.5j, -1)), ((0.5, 0), (-0.25, 2), (-0.25, -2)))


@dataclass(frozen=True)
class RemainingWave:
    """The largest remaining wave: relative ``size``, angular wave ``wave_numbers`` by coordinate."""

    size: float
    wave_numbers: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class _Rows:
    """An equation on the grid: ``residual`` (point, .., time), ``weights`` (.., jet), with row weights at corners."""

    jets: tuple[Jet, ...]
    residual: Array
    weights: Array


@dataclass(frozen=True, eq=False)
class CorrectedResidual:
    """The residual that a ``solution`` and its correction, in ``context``, leave in a ``domain``, cached by grid."""

    model: Model
    solution: Field
    context: FieldContext
    domain: Domain
    _grids: dict[tuple[int, int], "GridWaves | None"] = field(init=False, default_factory=dict)

    def rows_on_grid(self, count: int, times: int = 1) -> "GridWaves | None":
        """The rows on an even grid of space and Gauss ``times``; None where they are not finite."""
        if (count, times) not in self._grids:
            self._grids[count, times] = rows_on_grid(self.model, self.solution, self.context, self.domain, count, times)
        return self._grids[count, times]


def largest_remaining_wave(remainder: CorrectedResidual, allowed: float) -> RemainingWave | None:
    """Return the largest wave that remains; None where its relative size is at most ``allowed``.

    None also in other numbers of coordinates, and where rows are not finite or a second grid disagrees. ``remainder``:
    a solution with its correction.
    """
    problem = remainder.model.problem
    fine, other = (GRID_POINTS if problem.time_axis is None else SLAB_GRID_POINTS).get(problem.space_dimension, (0, 0))
    times = SLAB_TIME_POINTS if problem.time_axis is not None else (1, 1)
    first = remainder.rows_on_grid(fine, times[0]) if fine else None
    if first is None:
        return None
    number, coefficients = first.largest_wave()
    size = max(relative_wave_norms(first, coefficients, problem))
    if size <= allowed:
        return None
    second = remainder.rows_on_grid(other, times[1])
    again = None if second is None else second.coefficients_of(number)
    return RemainingWave(size, tuple(map(float, np.abs(number)))) if agree(coefficients, again) else None


def agree(first: Array | Complex | float, second: Array | Complex | float | None) -> bool:
    """Whether values on two grids differ by at most the share AGREEMENT of the first; False without second ones."""
    return second is not None and bool(np.abs(second - first).max() <= AGREEMENT * np.abs(first).max())


def relative_wave_norms(waves: "GridWaves", coefficients: Complex, problem: Problem) -> tuple[float, ...]:
    """The relative norm, by unknown or vector, of a wave with coefficients (unknown) plus its conjugate."""
    return norm_ratios(problem, 2.0 * np.abs(coefficients) ** 2, waves.mean_squares)


def rows_on_grid(
    model: Model, field: Field, context: FieldContext, domain: Domain, count: int, times: int = 1
) -> "GridWaves | None":
    """The rows on an even grid of ``count`` points in space and Gauss ``times``; None where they are not finite."""
    problem, lengths = model.problem, domain.box.lengths
    space = range(problem.space_dimension)
    nodes = [domain.box.ranges[i][0] + lengths[i] * (np.arange(count) + 0.5) / count for i in space]
    time = _Time(np.ones(1), np.ones(1), 1.0, 0)
    if problem.time_axis is not None:
        time = _Time(*composite_gauss_rule(np.array([0.0, 1.0]), times), float(lengths[-1]), model.orders[-1])
        nodes.append(domain.box.ranges[-1][0] + lengths[-1] * time.nodes)
    points = np.stack(np.meshgrid(*nodes, indexing="ij"), -1)
    rows, near = [], model.corner_weights or model.incompatible_corner_weights
    for number, equation in enumerate(model.equations):
        jets = jets_on_grid(field, nodes, equation.jets) + jets_on_grid(context.error, nodes, equation.jets)
        residual, weights = equation.linearise_numpy(points, jets)
        shape = (count,) * len(space) + (len(time.nodes),)
        own = [Jet(j.unknown, j.order if problem.time_axis is not None else (*j.order, 0)) for j in equation.jets]
        size = np.ones(1) if near is None else near.point_weights(points, number).reshape(shape)
        rows.append(_Rows(tuple(own), size * residual.reshape(shape), size[..., None] * weights.reshape(*shape, -1)))
    if not all(np.isfinite(r.residual).all() and np.isfinite(r.weights).all() for r in rows):
        return None
    squares = mean_squares(model, field, nodes, context)
    return GridWaves(rows, lengths[list(space)], [sine_power(model, i) for i in space], squares, time)


def mean_squares(model: Model, field: Field, nodes: Sequence[Array], context: FieldContext) -> Array:
    """Mean squares of the unknowns on a grid; at least their past ones and a share of their natural sizes."""
    zero = (0,) * model.problem.dimension
    values = jets_on_grid(field, nodes, [Jet(u, zero) for u in range(len(model.problem.unknowns))])
    least = NATURAL_SIZE_FLOOR * np.array(model.sizes)
    least = least if context.previous_rms is None else np.fmax(least, context.previous_rms)
    return np.maximum((values.reshape(-1, values.shape[-1]) ** 2).mean(0), least**2)


def sine_power(model: Model, axis: int) -> int:
    """The power of the sine that tapers waves along a coordinate: 0 if periodic, 1 between values alone, else 2."""
    if model.problem.box.periodic[axis]:
        return 0
    held = [(b.side, b.unknown, b.order) for b in model.conditions.boundary if b.side.axis == axis]
    values, slopes = (sum(order == k for *_, order in held) for k in (0, 1))
    return 1 if values == 2 * len(model.problem.unknowns) and not slopes else 2


@dataclass(frozen=True, eq=False)
class _Time:
    """Gauss points of a slab in [0, 1], ``weights``, ``length``; waves grow by a ``power`` of the points."""

    nodes: Array
    weights: Array
    length: float
    power: int

    def derivative(self, order: int) -> Array:
        """A derivative of the power at the Gauss points."""
        if order > self.power:
            return np.zeros(len(self.nodes))
        return perm(self.power, order) * self.nodes ** (self.power - order) / self.length**order


class GridWaves:
    """Least squares fits of single waves to the residual on an even grid."""

    def __init__(
        self, rows: Sequence[_Rows], lengths: Array, powers: Sequence[int], squares: Array, time: _Time
    ) -> None:
        self.rows, self.lengths, self.sine_powers, self.mean_squares, self.slab_time = (
            rows,
            lengths,
            powers,
            squares,
            time,
        )
        self.unknowns, self.count, self.dimension = len(squares), rows[0].residual.shape[0], len(lengths)
        self.wave_numbers = np.fft.fftfreq(self.count, 1.0 / self.count)
        turn = np.exp(-1j * np.pi * self.wave_numbers / self.count)  # points are half a step from the ends
        self.phase_shifts = [turn.reshape(self._broadcast_shape(i)) for i in range(self.dimension)]
        across = np.sin(np.pi * (np.arange(self.count) + 0.5) / self.count)
        self.taper = np.ones((1,) * self.dimension)
        for i, power in enumerate(powers):
            self.taper = self.taper * (across**power).reshape(self._broadcast_shape(i))

    def largest_wave(self) -> tuple[Array, Complex]:
        """The wave number and coefficients of the wave that is largest relative to the unknowns."""
        floor = np.maximum(self.mean_squares, 1e-300)
        sizes = (np.abs(self._untapered_coefficients()) ** 2 / floor).sum(-1)
        numbers = [self._wave_number(int(k)) for k in np.argsort(-sizes, axis=None)[:CANDIDATES]]
        closer = [self.coefficients_of(number) for number in numbers]
        best = int(np.argmax([float((np.abs(c) ** 2 / floor).sum()) for c in closer]))
        return numbers[best], closer[best]

    def coefficients_of(self, wave_number: Array) -> Complex:
        """The coefficients (unknown) of one tapered wave, by least squares."""
        images, roots = [], np.sqrt(self.slab_time.weights)
        for r in self.rows:
            made = np.zeros((self.unknowns, *r.residual.shape), dtype=np.complex128)
            for n, jet in enumerate(r.jets):
                made[jet.unknown] += (
                    r.weights[..., n]
                    * self._tapered_derivative(wave_number, jet)[..., None]
                    * self.slab_time.derivative(jet.order[-1])
                )
            images.append((made * roots).reshape(self.unknowns, -1))
        matrix = np.concatenate(images, 1).T
        right = np.concatenate([(r.residual * roots).ravel() for r in self.rows])
        return np.asarray(np.linalg.lstsq(matrix, -right.astype(np.complex128), rcond=1e-12)[0])

    def _untapered_coefficients(self) -> Complex:
        """The coefficients of all waves without slopes of the taper: (wave number, .., unknown)."""
        shape = (self.count,) * self.dimension
        seen = np.zeros((*shape, self.unknowns), dtype=np.complex128)
        gram = np.zeros((*shape, self.unknowns, self.unknowns), dtype=np.complex128)
        square, space = (self.taper**2)[..., None], tuple(range(self.dimension))
        for r in self.rows:
            factors = [self._derivative_factors(j) for j in r.jets]
            slopes = [self.slab_time.derivative(j.order[-1]) for j in r.jets]
            for n, (jet, factor) in enumerate(zip(r.jets, factors, strict=True)):
                summed = (r.weights[..., n] * r.residual) @ (self.slab_time.weights * slopes[n])
                seen[..., jet.unknown] += np.conj(factor) * self._transform(self.taper * summed)
                for m, (other, second) in enumerate(zip(r.jets, factors, strict=True)):
                    means = (square * r.weights[..., n] * r.weights[..., m]).mean(space)
                    mean = float(means @ (self.slab_time.weights * slopes[n] * slopes[m]))
                    gram[..., jet.unknown, other.unknown] += mean * np.conj(factor) * second
        trace = np.maximum(np.trace(gram, axis1=-2, axis2=-1).real, 1e-300)
        gram += 1e-14 * trace[..., None, None] * np.eye(self.unknowns)
        return np.asarray(-np.linalg.solve(gram, seen[..., None])[..., 0])

    def _tapered_derivative(self, wave_number: Array, jet: Jet) -> Complex:
        """A derivative of the tapered wave on the grid."""
        out = np.ones((1,) * self.dimension, dtype=np.complex128)
        for i, (k, order, length) in enumerate(zip(wave_number, jet.order[:-1], self.lengths, strict=True)):
            x = length * (np.arange(self.count) + 0.5) / self.count
            own = np.pi / length
            parts = SINE_EXPANSIONS[self.sine_powers[i]]
            values = sum(a * (1j * (k + n * own)) ** order * np.exp(1j * (k + n * own) * x) for a, n in parts)
            out = out * np.asarray(values).reshape(self._broadcast_shape(i))
        return out

    def _derivative_factors(self, jet: Jet) -> Complex:
        """The factors of a derivative in space, for all waves: (wave number, ..)."""
        out = np.ones((1,) * self.dimension, dtype=np.complex128)
        for i, (order, length) in enumerate(zip(jet.order[:-1], self.lengths, strict=True)):
            out = out * ((2j * np.pi * self.wave_numbers / length) ** order).reshape(self._broadcast_shape(i))
        return out

    def _transform(self, values: Array) -> Complex:
        """The means of values (grid) times the conjugate waves."""
        found: Complex = np.fft.fftn(values) / values.size
        for turn in self.phase_shifts:
            found = found * turn
        return found

    def _wave_number(self, place: int) -> Array:
        """The angular wave number (coordinate) at a position of the flattened grid."""
        at = np.unravel_index(place, (self.count,) * self.dimension)
        return np.array(
            [2.0 * np.pi * self.wave_numbers[k] / length for k, length in zip(at, self.lengths, strict=True)]
        )

    def _broadcast_shape(self, index: int) -> tuple[int, ...]:
        return tuple(self.count if i == index else 1 for i in range(self.dimension))
