"""Locate a front: its direction by the structure tensor, its course by the ridge of the gradient.

In coordinates (s, r) rotated to an eigenvector of the integral of grad u grad u^T, the position of the front on a line
r = const is the mean of s weighted by |u_s|^4. A line or spline through the positions is the new rotation or warp.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.domain.box import Ranges
from pinnkan.domain.domain import Domain
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates, rotated_coordinates
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space

#: Power of |u_s| in the weight of a ridge: less steep, smooth parts drop out.
RIDGE_POWER = 4
#: Numbers of lines r = const and of times, and Gauss points per interval of s on each line.
LINES, TIMES, POINTS_PER_INTERVAL = 33, 5, 6
#: Lines with a ridge weight below this share of the largest hardly count: the front has left the domain there.
LEAST_RIDGE_WEIGHT = 0.05
#: Coordinates are changed if the front deviates from s = const by more than this share of its width.
STRAIGHT_TOLERANCE = 0.1
#: Misfits over the width of the front at which a line (first) or a spline (second) is accepted. A later candidate
#: replaces an earlier one if its misfit is smaller by the third, since the ridge is inaccurate on the first levels.
LINE_MISFIT, SPLINE_MISFIT, MISFIT_REDUCTION = 1.0, 0.2, 0.4
#: Degrees and numbers of intervals of the splines tried for a curved front.
WARP_SPLINES = ((2, 1), (3, 1), (3, 2), (3, 4), (3, 8))
#: Degree in time of the course of a moving front within a slab.
COURSE_DEGREE = 2


@dataclass(frozen=True)
class FrontDirection:
    """Across a front: ``angle`` with the x-axis in radians.

    ``eigenvalue_ratio``: smaller over larger eigenvalue of the tensor.
    """

    angle: float
    eigenvalue_ratio: float

    @property
    def obliqueness(self) -> float:
        """|sin| of the angle to the nearer axis, 0 to 0.71."""
        return float(min(abs(np.sin(self.angle)), abs(np.cos(self.angle))))


def sample_grid(domain: Domain, samples: int) -> tuple[list[Array], np.ndarray]:
    """Return ``samples`` midpoints per coordinate of the box, and a mask of the grid points that lie in the domain."""
    axes = [a + (b - a) * (np.arange(samples) + 0.5) / samples for a, b in domain.box.ranges]
    return axes, domain.contains(np.stack(np.meshgrid(*axes, indexing="ij"), -1))


def front_direction(field: Field, domain: Domain, samples: int) -> FrontDirection:
    """Return the direction of the gradient of the first unknown from an even grid in a domain of (x, y)."""
    axes, inside = sample_grid(domain, samples)
    return direction_of_gradients(np.stack([field.grid(axes, order)[..., 0][inside] for order in ((1, 0), (0, 1))]))


def direction_of_gradients(slopes: Array) -> FrontDirection:
    """Return the direction from gradients (coordinate, point) by the structure tensor."""
    values, vectors = np.linalg.eigh(slopes @ slopes.T)
    angle = float(np.arctan2(vectors[1, 1], vectors[0, 1]) % np.pi)
    return FrontDirection(angle, float(values[0] / values[1]) if values[1] > 0.0 else 1.0)


@dataclass(frozen=True, eq=False)
class Front:
    """A front in (s, r[, t]): lines ``lines`` (line, (r[, t])), its s ``position``, ``weight`` (line).

    Mean ``width``.
    """

    lines: Array
    position: Array
    weight: Array
    width: float

    @property
    def mean_position(self) -> float:
        """The weighted mean position."""
        return float((self.position * self.weight).sum() / self.weight.sum())

    @property
    def rms_position(self) -> float:
        """The weighted root mean square of the position: the distance of the front from s = 0."""
        return float(np.sqrt((self.position**2 * self.weight).sum() / self.weight.sum()))


def front_of_spline(space: Space, coefficients: Array, coordinates: Coordinates, domain: Domain) -> Front:
    """Locate the front of a spline over (s, r[, t]), by the ridge of |u_s| of its first unknown."""

    def slope(axes: Sequence[Array]) -> Array:
        return space.evaluate_grid(coefficients, axes, (1, *(0,) * (len(axes) - 1)))[..., 0]

    times = [np.linspace(a.breaks[0], a.breaks[-1], TIMES) for a in space.axes[2:]]
    low, high = space.axes[1].breaks[[0, -1]]
    return front_on_lines(slope, space.axes[0].gauss(POINTS_PER_INTERVAL), (low, high), times, coordinates, domain)


def front_on_lines(
    slope: Callable[[Sequence[Array]], Array],
    quadrature: tuple[Array, Array],
    r_range: tuple[float, float],
    times: Sequence[Array],
    coordinates: Coordinates,
    domain: Domain,
) -> Front:
    """Locate the ridge of |slope| on lines of constant r (and t); ``slope`` maps the axes of a grid to u_s on it.

    ``quadrature``: nodes and weights in s; ``r_range``: the range of r; ``times``: none, or one array.
    """
    s, w = quadrature
    low, high = r_range
    axes = [s.ravel(), low + (high - low) * (np.arange(LINES) + 0.5) / LINES, *times]
    steep = slope(axes)
    grid = np.meshgrid(*axes, indexing="ij")
    within = domain.contains(coordinates.inverse(np.stack(grid, -1).reshape(-1, len(grid)))).reshape(steep.shape)
    peak = np.abs(steep[within]).max(initial=0.0)
    energy = np.where(within, (steep / (peak or 1.0)) ** RIDGE_POWER, 0.0) * w.reshape(-1, *(1,) * (len(axes) - 1))
    mass = energy.sum(0)
    safe = np.where(mass > 0.0, mass, 1.0)
    place = (energy * grid[0]).sum(0) / safe
    width = np.sqrt(np.maximum((energy * grid[0] ** 2).sum(0) / safe - place**2, 0.0))
    weight = np.sqrt(mass / (mass.max() or 1.0))
    weight = np.where(weight > LEAST_RIDGE_WEIGHT, weight, 1e-6)
    along = np.stack([g[0].ravel() for g in grid[1:]], -1)
    mean = float((width * weight).sum() / weight.sum())
    return Front(along, place.ravel(), weight.ravel(), mean)


def straighten_coordinates(coordinates: Coordinates, front: Front, ranges: Ranges) -> Coordinates | None:
    """Return coordinates in which the front is straight, None if it is straight enough already.

    The simplest candidate that fits is taken: another rotation, else a warp with as few knots as possible.
    """
    place, weight = front.position - front.mean_position, front.weight
    bent = float(np.sqrt((place**2 * weight).sum() / weight.sum()))
    if bent <= STRAIGHT_TOLERANCE * front.width:
        return None
    order = (0,) * front.lines.shape[1]
    total = front.position + coordinates.warp_derivatives(front.lines, [order])[:, 0]
    choice, least = None, np.inf
    for form, table in _warp_candidates(coordinates, front.lines):
        solved = np.asarray(np.linalg.lstsq(table * weight[:, None], total * weight, rcond=1e-8)[0], dtype=np.float64)
        miss = float(np.sqrt((((table @ solved - total) ** 2) * weight).sum() / weight.sum()))
        if miss < MISFIT_REDUCTION * least:
            choice, least = _coordinates_of_fit(coordinates, form, solved, ranges), miss
        if least <= (LINE_MISFIT if form is None else SPLINE_MISFIT) * front.width:
            break
    return choice


def _warp_candidates(coordinates: Coordinates, lines: Array) -> Iterator[tuple[Space | None, Array]]:
    """Yield spaces for c (None: a line) and matrices (line, coefficient), with up to twice the present knots."""
    timed = lines.shape[1] > 1
    if not timed:
        yield None, np.stack([np.ones(len(lines)), lines[:, 0]], -1)
    low, high = lines.min(0), lines.max(0)
    low[0], high[0] = coordinates.warp.axes[0].breaks[[0, -1]]
    most = 1 if coordinates.is_straight else 2 * coordinates.warp.axes[0].intervals
    for degree, pieces in WARP_SPLINES if not timed else ((1, 1), *WARP_SPLINES):
        if pieces > most:
            return
        first = Axis(np.linspace(low[0], high[0], pieces + 1), degree)
        axes = (first, *(Axis(np.array([a, b]), COURSE_DEGREE) for a, b in zip(low[1:], high[1:], strict=True)))
        tables = [axis.matrix(lines[:, i]) for i, axis in enumerate(axes)]
        table = tables[0]
        for other in tables[1:]:
            table = (table[:, :, None] * other[:, None, :]).reshape(len(lines), -1)
        yield Space(axes), table


def _coordinates_of_fit(coordinates: Coordinates, warp: Space | None, fit: Array, ranges: Ranges) -> Coordinates:
    if warp is not None:
        return coordinates.with_warp(warp, fit.reshape(warp.shape))
    offset, slope = fit  # n . x = offset + slope m . x
    return rotated_coordinates(
        coordinates.angle - float(np.arctan(slope)), ranges, float(offset / np.hypot(1.0, slope))
    )


def shift_axis(axis: Axis, new_range: tuple[float, float], shift: float) -> Axis:
    """Shift an axis by -``shift`` onto the range ``new_range``; drop knots outside it or too near to an end."""
    breaks = axis.breaks[1:-1] - shift
    low, high = new_range
    breaks = breaks[(breaks > low) & (breaks < high)]
    if len(breaks) >= 2:
        first, last = breaks[1] - breaks[0], breaks[-1] - breaks[-2]
        breaks = breaks[(breaks - low > 0.25 * first) & (high - breaks > 0.25 * last)]
    if len(breaks) == 0:
        breaks = np.array([0.5 * (low + high)])
    return Axis(np.concatenate([[low], breaks, [high]]), axis.degree)
