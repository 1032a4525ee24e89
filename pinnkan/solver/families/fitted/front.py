"""Where a front lies: its direction from the structure tensor, its course from the ridge of the gradient.

The eigenvectors of the integral of grad u grad u^T say across which direction a function varies. In coordinates (s, r)
turned that way, the mean of s over a line r = const, weighted by |u_s|^4, is the place of the front on it; the line or
spline through these places is the new rotation or warp, in which the front is straight.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.domain.box import Ranges
from pinnkan.domain.domain import Domain
from pinnkan.kan.axis import Axis
from pinnkan.kan.coordinates.warped import Coordinates, rotated
from pinnkan.kan.field import Array, Field
from pinnkan.kan.product import Space

#: Power of |u_s| by which a ridge is weighed: smooth parts, less steep by a factor, drop out.
POWER = 4
#: Lines r = const, times, and Gauss points per interval of s on each line.
LINES, TIMES, PER_INTERVAL = 33, 5, 6
#: Lines on which the front is fainter than this share, where it has left the domain, hardly count.
FAINT = 0.05
#: Coordinates are moved when the front is bent by more than this share of its width in them.
STRAIGHT = 0.1
#: A line is left for a spline, and a spline for one with more knots, only when the ridge misses it by more than this
#: share of the width of the front (BENT for a line, FITS for a spline), and the other is BETTER by this factor:
#: otherwise the first levels, where the ridge is not yet one, would bend the coordinates for nothing.
BENT, FITS, BETTER = 1.0, 0.2, 0.4
#: Degree and intervals of the splines tried for a bent front.
BENDS = ((2, 1), (3, 1), (3, 2), (3, 4), (3, 8))
#: Degree in time of the course of a moving front within a slab.
COURSE = 2


@dataclass(frozen=True)
class Direction:
    """Across a front: angle of the steepest direction with the x-axis, and the ratio of the eigenvalues, 0 to 1."""

    angle: float
    ratio: float

    @property
    def obliqueness(self) -> float:
        """|sin| of the angle to the nearer axis, 0 to 0.71."""
        return float(min(abs(np.sin(self.angle)), abs(np.cos(self.angle))))


def lattice(domain: Domain, samples: int) -> tuple[list[Array], np.ndarray]:
    """So many even samples of each coordinate of the box, and which of their products lie in the domain."""
    axes = [a + (b - a) * (np.arange(samples) + 0.5) / samples for a, b in domain.box.ranges]
    return axes, domain.contains(np.stack(np.meshgrid(*axes, indexing="ij"), -1))


def structure(field: Field, domain: Domain, samples: int) -> Direction:
    """Direction of the first unknown's gradient from samples in a domain of (x, y), all as important."""
    axes, inside = lattice(domain, samples)
    return direction_of(np.stack([field.grid(axes, order)[..., 0][inside] for order in ((1, 0), (0, 1))]))


def direction_of(slopes: Array) -> Direction:
    """Direction from gradients (coordinate, point)."""
    values, vectors = np.linalg.eigh(slopes @ slopes.T)
    angle = float(np.arctan2(vectors[1, 1], vectors[0, 1]) % np.pi)
    return Direction(angle, float(values[0] / values[1]) if values[1] > 0.0 else 1.0)


@dataclass(frozen=True, eq=False)
class Front:
    """Places of a front in (s, r[, t]): ``along`` (line, (r[, t])), ``place`` and ``weight`` (line); mean ``width``."""

    along: Array
    place: Array
    weight: Array
    width: float

    @property
    def middle(self) -> float:
        """Mean place."""
        return float((self.place * self.weight).sum() / self.weight.sum())

    @property
    def distance(self) -> float:
        """Root mean square of the place: how far the front is from s = 0."""
        return float(np.sqrt((self.place**2 * self.weight).sum() / self.weight.sum()))


def front_in(space: Space, coefficients: Array, coordinates: Coordinates, domain: Domain) -> Front:
    """The front of a spline, the ridge of |u_s| of its first unknown, on lines of constant r (and t)."""

    def slope(axes: Sequence[Array]) -> Array:
        return space.evaluate_grid(coefficients, axes, (1, *(0,) * (len(axes) - 1)))[..., 0]

    times = [np.linspace(a.breaks[0], a.breaks[-1], TIMES) for a in space.axes[2:]]
    low, high = space.axes[1].breaks[[0, -1]]
    return front_on_lines(slope, space.axes[0].gauss(PER_INTERVAL), (low, high), times, coordinates, domain)


def front_on_lines(
    slope: Callable[[Sequence[Array]], Array],
    rule: tuple[Array, Array],
    ends: tuple[float, float],
    times: Sequence[Array],
    coordinates: Coordinates,
    domain: Domain,
) -> Front:
    """Where the ``slope`` along s, a function of the axes of a grid, has its ridge.

    ``rule``: nodes and weights across, ``ends`` of r, ``times`` (none or one array).
    """
    s, w = rule
    low, high = ends
    axes = [s.ravel(), low + (high - low) * (np.arange(LINES) + 0.5) / LINES, *times]
    steep = slope(axes)
    grid = np.meshgrid(*axes, indexing="ij")
    within = domain.contains(coordinates.inverse(np.stack(grid, -1).reshape(-1, len(grid)))).reshape(steep.shape)
    peak = np.abs(steep[within]).max(initial=0.0)
    energy = np.where(within, (steep / (peak or 1.0)) ** POWER, 0.0) * w.reshape(-1, *(1,) * (len(axes) - 1))
    mass = energy.sum(0)
    safe = np.where(mass > 0.0, mass, 1.0)
    place = (energy * grid[0]).sum(0) / safe
    width = np.sqrt(np.maximum((energy * grid[0] ** 2).sum(0) / safe - place**2, 0.0))
    weight = np.sqrt(mass / (mass.max() or 1.0))
    weight = np.where(weight > FAINT, weight, 1e-6)
    along = np.stack([g[0].ravel() for g in grid[1:]], -1)
    mean = float((width * weight).sum() / weight.sum())
    return Front(along, place.ravel(), weight.ravel(), mean)


def straightened(coordinates: Coordinates, found: Front, ranges: Ranges) -> Coordinates | None:
    """Coordinates in which the ridge is straight; None where it is straight enough already.

    The simplest form that fits is taken: another rotation, else a warp with as few knots as needed.
    """
    place, weight = found.place - found.middle, found.weight
    bent = float(np.sqrt((place**2 * weight).sum() / weight.sum()))
    if bent <= STRAIGHT * found.width:
        return None
    order = (0,) * found.along.shape[1]
    total = found.place + coordinates.shift(found.along, [order])[:, 0]
    choice, least = None, np.inf
    for form, table in _forms(coordinates, found.along):
        solved = np.asarray(np.linalg.lstsq(table * weight[:, None], total * weight, rcond=1e-8)[0], dtype=np.float64)
        miss = float(np.sqrt((((table @ solved - total) ** 2) * weight).sum() / weight.sum()))
        if miss < BETTER * least:
            choice, least = _of(coordinates, form, solved, ranges), miss
        if least <= (BENT if form is None else FITS) * found.width:
            break
    return choice


def _forms(coordinates: Coordinates, along: Array) -> Iterator[tuple[Space | None, Array]]:
    """Candidates for c with their tables (line, number): a line (None), then splines with at most twice the knots."""
    timed = along.shape[1] > 1
    if not timed:
        yield None, np.stack([np.ones(len(along)), along[:, 0]], -1)
    low, high = along.min(0), along.max(0)
    low[0], high[0] = coordinates.warp.axes[0].breaks[[0, -1]]
    most = 1 if coordinates.is_straight else 2 * coordinates.warp.axes[0].intervals
    for degree, pieces in BENDS if not timed else ((1, 1), *BENDS):
        if pieces > most:
            return
        first = Axis(np.linspace(low[0], high[0], pieces + 1), degree)
        axes = (first, *(Axis(np.array([a, b]), COURSE) for a, b in zip(low[1:], high[1:], strict=True)))
        tables = [axis.matrix(along[:, i]) for i, axis in enumerate(axes)]
        table = tables[0]
        for other in tables[1:]:
            table = (table[:, :, None] * other[:, None, :]).reshape(len(along), -1)
        yield Space(axes), table


def _of(coordinates: Coordinates, form: Space | None, solved: Array, ranges: Ranges) -> Coordinates:
    if form is not None:
        return coordinates.moved(form, solved.reshape(form.shape))
    offset, slope = solved  # n . x = offset + slope m . x
    return rotated(coordinates.angle - float(np.arctan(slope)), ranges, float(offset / np.hypot(1.0, slope)))


def carried(axis: Axis, ends: tuple[float, float], shift: float) -> Axis:
    """An axis moved by -``shift`` and fitted between new ends; knots too near an end are dropped."""
    breaks = axis.breaks[1:-1] - shift
    low, high = ends
    breaks = breaks[(breaks > low) & (breaks < high)]
    if len(breaks) >= 2:
        first, last = breaks[1] - breaks[0], breaks[-1] - breaks[-2]
        breaks = breaks[(breaks - low > 0.25 * first) & (high - breaks > 0.25 * last)]
    if len(breaks) == 0:
        breaks = np.array([0.5 * (low + high)])
    return Axis(np.concatenate([[low], breaks, [high]]), axis.degree)
