"""Where a result is sampled for drawing: in every knot interval, so that no front falls between two samples."""

from collections.abc import Sequence

import numpy as np

from pinnkan.errors import UsageError
from pinnkan.kan.coordinates.warped import FittedField
from pinnkan.kan.field import Array
from pinnkan.problem.statement import Problem
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


def axis_samples(breaks: Array, resolution: int, per_interval: int = PER_INTERVAL) -> Array:
    """Samples of one axis: every knot, and in each interval equal steps, no longer than ``resolution`` asks.

    Returns:
        (sample,) sorted, at least ``resolution`` of them and at least ``per_interval`` steps per interval.
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
