"""The named arrays of a result on a tensor grid: unknowns, residuals, error estimates, true errors.

They are sampled in every knot interval, so that no front falls between two samples.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import sympy

from pinnkan.domain.box import INSIDE_TOLERANCE
from pinnkan.errors import UsageError
from pinnkan.kan.coordinates.warped import FittedField
from pinnkan.kan.field import Array, Field
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.statement import Equation, Problem
from pinnkan.solution import Solution

#: Samples per axis where the file asks for none, by number of space coordinates: a smooth curve, map or slice.
DEFAULT_RESOLUTION = {1: 401, 2: 129, 3: 41}
#: Samples per knot interval at least: a cubic piece between two knots is followed to about one per cent.
PER_INTERVAL = 4
#: Points of one steady file, and of all frames of a series together: about 50 MB and 500 MB with all arrays.
LARGEST_FILE = 400_000
LARGEST_SERIES = 4_000_000
#: Points of all frames of a field in inclined coordinates, each of which costs ten times one on a product of axes.
LARGEST_INCLINED = 1_000_000
#: Points of a frame below which there are rather fewer frames.
FEWEST = 2_000
#: Points that a user can ask for in one file; more would not fit into memory with its derivatives.
LARGEST_REQUEST = 20_000_000
#: A field and orders -> each derivative where arrays are sampled, the unknown last.
Evaluate = Callable[[Field, Sequence[tuple[int, ...]]], Sequence[Array]]


def axis_samples(breaks: Array, resolution: int, per_interval: int = PER_INTERVAL) -> Array:
    """Samples of one axis: every knot, and in each interval equal steps, no longer than ``resolution`` asks.

    Returns (sample,) sorted, at least ``resolution`` of them and at least ``per_interval`` steps per interval.
    """
    widths = np.diff(breaks)
    fair = np.ceil(widths / (breaks[-1] - breaks[0]) * (resolution - 1) - 1e-9).astype(int)
    counts = np.maximum(per_interval, fair)
    pieces = [np.linspace(a, b, n, endpoint=False) for a, b, n in zip(breaks[:-1], breaks[1:], counts, strict=True)]
    return np.concatenate([*pieces, breaks[-1:]])


def thinned(samples: Array, count: int) -> Array:
    """At most ``count`` of the samples, both ends kept, their relative density unchanged."""
    if len(samples) <= count:
        return samples
    return samples[np.unique(np.round(np.linspace(0, len(samples) - 1, count)).astype(int))]


def has_frames(problem: Problem) -> bool:
    """Whether files and pictures show one time after the other."""
    return problem.time_axis is not None and problem.dimension > 1


def space_axes_of(problem: Problem) -> tuple[int, ...]:
    """Indices of the coordinates that are not time; t alone is shown as a coordinate of space is."""
    if not has_frames(problem):
        return tuple(range(problem.dimension))
    return tuple(axis for axis in range(problem.dimension) if axis != problem.time_axis)


def shown_axes_of(problem: Problem) -> tuple[int, ...]:
    """Indices of the space coordinates that files and pictures show: the first three."""
    return space_axes_of(problem)[:3]


def sliced(problem: Problem, axes: Sequence[Array]) -> list[Array]:
    """The axes shown, with the middle of its range for every other space coordinate."""
    hidden = space_axes_of(problem)[len(axes) :]
    return [*axes, *(np.array([sum(problem.box.ranges[axis]) / 2]) for axis in hidden)]


def hidden_in_words(problem: Problem) -> str:
    """``x4 = 0.5, x5 = 0.5``: where the coordinates that are not shown are held; "" where all are shown."""
    hidden = space_axes_of(problem)[3:]
    return ", ".join(f"{problem.coordinates[a].name} = {sum(problem.box.ranges[a]) / 2:.3g}" for a in hidden)


def space_breaks(solution: Solution, axis: int) -> Array:
    """Knots of a space coordinate; with time the union over all slabs, so that every frame has the same mesh."""
    time_axis = solution.problem.time_axis
    if time_axis is None or axis == time_axis:
        return solution.field.breaks(axis)
    slabs = solution.field.breaks(time_axis)
    knots = np.unique(np.concatenate([solution.field.breaks(axis, t) for t in (slabs[1:] + slabs[:-1]) / 2]))
    low, high = solution.problem.box.ranges[axis]
    apart = np.diff(knots) > 1e-10 * (high - low)
    return np.concatenate([knots[:-1][apart], knots[-1:]])


def space_samples(
    solution: Solution, resolution: int | None = None, frames: int = 1, most: float = np.inf
) -> tuple[Array, ...]:
    """The axes of the mesh that is written, one sorted array per space coordinate shown.

    ``resolution`` None takes the file's, or else the default; the number of points is limited (see above), but never
    below what the user asked for, unless the time is short: no more than ``most`` in all frames together.
    """
    space = shown_axes_of(solution.problem)
    asked = resolution if resolution is not None else solution.problem.output.resolution
    per_axis = asked if asked is not None else DEFAULT_RESOLUTION[len(space)]
    if per_axis < 2:
        raise UsageError(f"resolution {per_axis} is too small: two samples per axis are the least")
    if per_axis ** len(space) > LARGEST_REQUEST:
        raise UsageError(
            f"resolution {per_axis} would make {per_axis ** len(space):,} points, more than {LARGEST_REQUEST:,}; "
            f"ask for at most {int(LARGEST_REQUEST ** (1 / len(space)))}"
        )
    series = LARGEST_INCLINED if isinstance(solution.field, FittedField) else LARGEST_SERIES
    limit = max(min(LARGEST_FILE, series // frames), (asked or 0) ** len(space))
    axes = [axis_samples(space_breaks(solution, axis), per_axis) for axis in space]
    return limited(axes, min(limit, most / frames))


def limited(axes: Sequence[Array], points: float) -> tuple[Array, ...]:
    """The axes thinned in proportion until their tensor grid has at most ``points`` points."""
    total = float(np.prod([len(a) for a in axes]))
    if total <= points:
        return tuple(axes)
    factor = (points / total) ** (1 / len(axes))
    return tuple(thinned(a, max(2, int(len(a) * factor))) for a in axes)


def frame_times(solution: Solution, frames: int | None = None, most: float = np.inf) -> Array:
    """Times of the frames, from the start to the time reached; None takes the file's number or the default.

    Fewer where so few points, ``most``, have to do for all of them that each would have less than FEWEST.
    """
    times = solution.times(frames)
    if len(times) < 2:
        raise UsageError(f"{len(times)} frames are too few: a series has at least its two ends")
    return times if len(times) * FEWEST <= most else solution.times(max(2, int(most / FEWEST)))


@dataclass(frozen=True)
class Shown:
    """What has one panel and one size: a vector, or an unknown that belongs to none; the indices of its unknowns."""

    name: str
    unknowns: tuple[int, ...]
    is_vector: bool

    def of(self, values: Array) -> Array:
        """The unknown itself, or the length of the vector, of values with the unknowns last."""
        return np.linalg.norm(values[..., self.unknowns], axis=-1) if self.is_vector else values[..., self.unknowns[0]]


def shown_of(problem: Problem) -> list[Shown]:
    """All of them, in the order of the unknowns that they begin with."""
    within = {part: name for name, parts in problem.vectors.items() for part in parts}
    shown: dict[str, Shown] = {}
    for index, unknown in enumerate(problem.unknowns):
        vector = within.get(unknown)
        parts = (index,) if vector is None else tuple(problem.unknowns.index(p) for p in problem.vectors[vector])
        shown.setdefault(vector or unknown, Shown(vector or unknown, parts, vector is not None))
    return list(shown.values())


def words_of(shown: Shown) -> str:
    """``u``, or ``|velocity|`` for the length of a vector."""
    return f"|{shown.name}|" if shown.is_vector else shown.name


def error_name(kind: str, problem: Problem, name: str) -> str:
    """The array of an ``error_estimate`` or ``error``: of several unknowns one each, ``error_u``."""
    return kind if len(problem.unknowns) == 1 else f"{kind}_{name}"


def sampled(solution: Solution, axes: Sequence[Array]) -> dict[str, Array]:
    """Everything a file shows, on the tensor grid of ``axes`` (one per coordinate, time included).

    Returns:
        name -> array with one dimension per axis: ``residual_1`` .. (left minus right of each equation),
        ``error_estimate`` where the solver gives an error function and ``error`` where the problem has ``exact``, as
        magnitudes and of several unknowns one each (:func:`error_name`), of a vector its length; the length of each
        vector under its name, and each unknown under its own. Outside the domain they are nan.
    """
    arrays = _every(solution, open_grid(axes), lambda field, orders: field.grids(axes, orders))
    return _inside(solution, axes, arrays)


def sampled_at(solution: Solution, points: Array) -> dict[str, Array]:
    """The arrays of :func:`sampled` at ``points`` (point, coordinate) of the domain: name -> (point)."""
    return _every(solution, tuple(points.T), lambda field, orders: [*np.moveaxis(field(points, orders), -1, 0)])


def _every(solution: Solution, at: Sequence[Array], evaluate: Evaluate) -> dict[str, Array]:
    problem = solution.problem
    zero = (0,) * problem.dimension
    orders = sorted({zero, *(jet.order for e in problem.equations for jet in e.jets.values())})
    tables = dict(zip(orders, evaluate(solution.field, orders), strict=True))
    arrays = {f"residual_{i + 1}": residual(problem, e, at, tables) for i, e in enumerate(problem.equations)}
    error = None if solution.error is None else evaluate(solution.error, [zero])[0]
    return arrays | _named(problem, at, tables[zero], error)


def pictured(solution: Solution, axes: Sequence[Array]) -> dict[str, Array]:
    """The same without residuals, where an error is known to be shown in their place: a tenth of the work."""
    if solution.error is None and solution.problem.exact is None:
        return sampled(solution, axes)
    zero = (0,) * solution.problem.dimension
    error = None if solution.error is None else solution.error.grid(axes, zero)
    return _inside(solution, axes, _named(solution.problem, open_grid(axes), solution.field.grid(axes, zero), error))


def _named(problem: Problem, at: Sequence[Array], values: Array, error_estimate: Array | None) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    errors: dict[str, Array] = {}
    if error_estimate is not None:
        errors["error_estimate"] = error_estimate
    if problem.exact is not None:
        errors["error"] = values[..., : len(problem.unknowns)] - exact_values(problem, problem.exact, at)
    for kind, error in errors.items():
        arrays |= {error_name(kind, problem, name): size for name, size in _sizes(problem, error).items()}
    arrays |= {shown.name: shown.of(values) for shown in shown_of(problem) if shown.is_vector}
    return arrays | {name: values[..., i] for i, name in enumerate(problem.unknowns)}


def _inside(solution: Solution, axes: Sequence[Array], arrays: dict[str, Array]) -> dict[str, Array]:
    """The arrays with nan outside of the domain."""
    outside = ~solution.domain.contains(np.stack(np.meshgrid(*axes, indexing="ij"), -1), INSIDE_TOLERANCE)
    return {name: np.where(outside, np.nan, array) for name, array in arrays.items()} if outside.any() else arrays


def _sizes(problem: Problem, error: Array) -> dict[str, Array]:
    """Magnitudes by unknown, and of each vector its length."""
    parts = {name: np.abs(error[..., i]) for i, name in enumerate(problem.unknowns)}
    return parts | {shown.name: np.abs(shown.of(error)) for shown in shown_of(problem)}


def at_time(solution: Solution, axes: Sequence[Array], time: float) -> dict[str, Array]:
    """:func:`pictured` at one time; the arrays have one dimension per space axis."""
    return {name: array[..., 0] for name, array in pictured(solution, [*axes, np.array([time])]).items()}


def size_of(values: Array) -> float:
    """The root mean square of what is finite, to which errors are relative; 1 where that is nothing."""
    finite = values[np.isfinite(values)]
    return float(np.sqrt(np.mean(finite**2))) or 1.0 if finite.size else 1.0


def components(problem: Problem, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Each vector of the problem from the arrays of its unknowns, components last: at least three, for glyphs."""
    vectors = {}
    for name, parts in problem.vectors.items():
        columns = [arrays[part] for part in parts]
        columns += [np.zeros_like(columns[0])] * (3 - len(columns))
        vectors[name] = np.stack(columns, -1)
    return vectors


def residual(
    problem: Problem, equation: Equation, at: Sequence[Array], tables: Mapping[tuple[int, ...], Array]
) -> Array:
    """Left minus right of an equation at coordinates that broadcast, ``at``, where the derivatives are ``tables``."""
    jets = [tables[jet.order][..., jet.unknown] for jet in equation.jets.values()]
    tape = Tape([equation.residual], [*problem.coordinates, *equation.jets])
    return _full(tape([*at, *jets])[0], at)


def exact_values(problem: Problem, exact: Mapping[str, sympy.Expr], at: Sequence[Array]) -> Array:
    """The known solution at coordinates that broadcast, ``at``; unknown last."""
    tape = Tape([exact[name] for name in problem.unknowns], problem.coordinates)
    return np.stack([_full(value, at) for value in tape(at)], -1)


def open_grid(axes: Sequence[Array]) -> tuple[Array, ...]:
    """Each coordinate shaped so that all of them broadcast to the tensor grid."""
    return tuple(np.reshape(a, [-1 if i == k else 1 for k in range(len(axes))]) for i, a in enumerate(axes))


def _full(value: object, at: Sequence[Array]) -> Array:
    return np.array(np.broadcast_to(np.asarray(value, dtype=np.float64), np.broadcast_shapes(*map(np.shape, at))))
