"""Subdivision of a box until a formula is smooth or level in every piece.

:mod:`pinnkan.problem.features.narrow_features`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.bisection import cut_boxes
from pinnkan.problem.expressions.enclosure import Enclosure, enclose
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker_sequence import kronecker_points

Array = NDArray[np.float64]

#: A part is narrow if its slope exceeds so many heights per range, by the number of its coordinates: about the number
#: of points per coordinate of an initial grid. Heuristic.
STEEP_SLOPE = {1: 60.0, 2: 30.0, 3: 20.0}
STEEP_SLOPE_MANY_AXES = 15.0
#: A part is level in a box if it changes there by this share of its height: its slope at the centre then represents it.
FLAT_SHARE = 0.25
#: A part that is steep in this share of the box, or half as steep at this share of the first points, has no place.
OSCILLATION_SHARE = 0.25
#: Heights below this share of the value are rounding; below the second number, underflow.
FLATNESS, UNDERFLOW = 1e-6, 1e-150
#: Values beyond this overflow when squared and are ignored.
OVERFLOW_SIZE = 1e300
#: Smallest side of a box that is cut, over the range: below it lies a jump, a kink or a pole.
SMALLEST_SIDE = 2.0**-44
#: The most open boxes of a part that are cut: a point feature has a few, those of a curve are a sample of it.
#: Heuristic.
MAX_OPEN_BOXES = {1: 1024, 2: 256}
MAX_OPEN_BOXES_MANY_AXES = 128
#: The most boxes enclosed in one search. Heuristic.
MAX_BOXES = 50_000
#: Places of one part that represent a curve; pulses along one coordinate may have more. Heuristic.
PLACES_PER_PART = 6
#: Boxes within so many widths belong to one feature. Heuristic.
FEATURE_WIDTHS = 8.0
#: Places are chosen among boxes at least this share as sharp as the sharpest, which excludes flanks. Heuristic.
SHARPNESS_SHARE = 0.2
#: A feature wider than this share of a range is not narrow in that coordinate. Heuristic.
MAX_NARROW_SHARE = 0.25
#: Sample points for the first heights. Heuristic.
SAMPLE_POINTS = 64


@dataclass(frozen=True, eq=False)
class Feature:
    """A place (coordinate) where a part changes by ``height`` within ``width`` (coordinate).

    In a coordinate in which it is not narrow, the width is that of the box.
    """

    place: Array
    width: Array
    height: float


def steep_slope(dimension: int) -> float:
    """Return the slope from which a part of so many coordinates is narrow, in heights per range."""
    return STEEP_SLOPE.get(dimension, STEEP_SLOPE_MANY_AXES)


class Heights:
    """The smallest and the largest finite value computed of every part."""

    def __init__(self, count: int) -> None:
        self.least, self.most = np.full(count, np.inf), np.full(count, -np.inf)

    def update(self, values: Array) -> None:
        """Update with values (part, point)."""
        known = np.abs(values) < OVERFLOW_SIZE
        self.least = np.minimum(self.least, np.where(known, values, np.inf).min(1))
        self.most = np.maximum(self.most, np.where(known, values, -np.inf).max(1))

    def heights(self) -> Array:
        """Return the largest minus the smallest value of each part."""
        largest = np.maximum(np.abs(self.least), np.abs(self.most))
        with np.errstate(invalid="ignore"):
            size = np.maximum(self.most - self.least, FLATNESS * np.where(np.isfinite(largest), largest, 0.0))
        return np.fmax(np.where(np.isfinite(size), size, 0.0), UNDERFLOW)


@dataclass(frozen=True, eq=False)
class _SteepBoxes:
    """Boxes in which a part is steep: centre (coordinate, box), slope there, share of the whole box, size."""

    part: np.ndarray
    centre: Array
    slope: Array
    share: Array
    size: Array
    singular: np.ndarray


class FeatureSearch:
    """The search for narrow features of ``parts`` that have the same coordinates."""

    def __init__(self, parts: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], box: Array) -> None:
        self.tape = Tape(parts, symbols)
        self.box, self.scale = box, np.ptp(box, axis=1)
        self.dimension = len(box)
        self.steep = steep_slope(self.dimension)
        self.followed = MAX_OPEN_BOXES.get(self.dimension, MAX_OPEN_BOXES_MANY_AXES)
        self.heights = Heights(len(parts))
        points = box[:, :1] + self.scale[:, None] * kronecker_points(SAMPLE_POINTS, len(box)).T
        self.heights.update(np.array([np.broadcast_to(v, SAMPLE_POINTS) for v in self.tape(self.inputs(points))]))
        self.seen: list[_SteepBoxes] = []
        self.undecided = np.zeros((0, self.dimension, 2))
        self.boxes = 0

    def inputs(self, points: Array) -> list[Array]:
        """Return the inputs of the tape at points (coordinate, point)."""
        return list(points)

    def first_boxes(self) -> tuple[Array, Array]:
        """Return the first boxes, lower and upper ends (coordinate, box)."""
        return self.box[:, :1].copy(), self.box[:, 1:].copy()

    def enclose_parts(self, lo: Array, hi: Array) -> Enclosure:
        """Return the enclosures of the parts and their slopes over boxes."""
        return enclose(self.tape, lo, hi, self.scale)

    def run(self) -> None:
        """Cut boxes until all are done or the limit of boxes is reached."""
        lo, hi = self.first_boxes()
        weight = np.ones((len(self.tape.outputs), lo.shape[1]))  # (part, box): 0 if done
        while lo.shape[1] and self.boxes < MAX_BOXES:
            self.boxes += lo.shape[1]
            look = self.enclose_parts(lo, hi)
            self.heights.update(look.centre_value)
            weight, axis = self._classify(look, lo, hi, weight)
            weight = self._sample_open(lo, hi, weight, look.value.hi - look.value.lo)
            keep = weight.any(0)
            pieces = 8 if keep.sum() <= 16 else 4 if keep.sum() <= 128 else 2  # a call costs more than a box
            lo, hi = cut_boxes(lo[:, keep], hi[:, keep], axis[keep], np.arange(1, pieces) / pieces)
            weight = np.repeat(weight[:, keep], pieces, axis=1)
        self._leave_undecided(lo, hi)

    def _classify(self, look: Enclosure, lo: Array, hi: Array, weight: Array) -> tuple[Array, np.ndarray]:
        """Return the weights of the open parts, and the coordinate to cut of each box; record steep, done boxes."""
        height = self.heights.heights()[:, None]
        with np.errstate(over="ignore"):
            slope = look.slope.magnitude() / height[..., None]
        smooth = (slope <= self.steep).all(1)
        with np.errstate(invalid="ignore"):
            level = (
                ~(look.value.hi - look.value.lo > FLAT_SHARE * height)
                | (look.value.lo > OVERFLOW_SIZE)
                | (look.value.hi < -OVERFLOW_SIZE)
            )
        size = (hi - lo) / self.scale[:, None]
        change = np.minimum(np.nan_to_num(slope, nan=OVERFLOW_SIZE, posinf=OVERFLOW_SIZE), OVERFLOW_SIZE) * size
        is_open = (weight > 0.0) & ~smooth & ~level
        least = SMALLEST_SIDE * np.maximum(1.0, np.abs(self.box).max(1) / self.scale)[:, None]
        axis = np.argmax(np.where(is_open[:, None], change, -1.0).max(0), axis=0)
        singular = is_open & (size < least)[axis, np.arange(len(axis))]
        self._record_steep((weight > 0.0) & level & ~smooth, look, lo, hi, weight, False)
        self._record_steep(singular, look, lo, hi, weight, True)
        return np.where(is_open & ~singular, weight, 0.0), axis

    def _record_steep(
        self, which: np.ndarray, look: Enclosure, lo: Array, hi: Array, weight: Array, singular: bool
    ) -> None:
        part, box = np.nonzero(which)
        if len(part) == 0:
            return
        size = hi[:, box] - lo[:, box]
        share = weight[part, box] * np.prod(size / self.scale[:, None], axis=0)
        centre, slope = 0.5 * (lo + hi)[:, box], np.abs(look.centre_slope[part, :, box].T)
        self.seen.append(_SteepBoxes(part, centre, slope, share, size, np.full(len(part), singular)))

    def _sample_open(self, lo: Array, hi: Array, weight: Array, change: Array) -> Array:
        """Return the weights of a sample of the open boxes of each part; the other boxes become undecided.

        Three of four are among those that may change by a tenth of the most: they contain the ridge of a curve.
        """
        out, left = weight.copy(), np.zeros(lo.shape[1], dtype=bool)
        for row, changes in zip(out, change, strict=True):
            (open_boxes,) = np.nonzero(row)
            if len(open_boxes) <= self.followed:
                continue
            strong = changes[open_boxes] >= 0.1 * changes[open_boxes].max()
            kept = np.concatenate([
                _evenly_spaced(open_boxes[strong], 3 * self.followed // 4),
                _evenly_spaced(open_boxes[~strong], self.followed // 4),
            ])  # fmt: skip
            weights = row[kept] * row.sum() / row[kept].sum()
            left[open_boxes] = True
            left[kept] = False
            row[:] = 0.0
            row[kept] = weights
        self._leave_undecided(lo[:, left], hi[:, left])
        return out

    def _leave_undecided(self, lo: Array, hi: Array) -> None:
        self.undecided = np.concatenate([self.undecided, np.stack([lo, hi], -1).swapaxes(0, 1)])

    def features(self, k: int) -> Iterator[Feature]:
        """Yield the features of part k, spread over the boxes in which it is steep; none if it is steep everywhere."""
        if not self.seen:
            return
        centre, slope, share, size, singular = (
            np.concatenate([getattr(s, name)[..., s.part == k] for s in self.seen], -1)
            for name in ("centre", "slope", "share", "size", "singular")
        )
        height, scale = self.heights.heights()[k], self.scale[:, None]
        steep = (slope > self.steep * height).any(0) | singular
        if not steep.any() or share[steep].sum() > OSCILLATION_SHARE:
            return
        with np.errstate(divide="ignore", over="ignore"):
            width = np.where(singular, size, scale * height / slope)[:, steep]
        width = np.clip(np.nan_to_num(width, nan=np.inf), SMALLEST_SIDE * scale, scale)
        centre, share = centre[:, steep], share[steep]
        sharp = (scale / width).max(0)
        for chosen in self._places(centre, width, sharp, size[:, steep]):
            near = (np.abs(centre - centre[:, [chosen]]) <= FEATURE_WIDTHS * width[:, [chosen]]).all(0)
            mass = (share * sharp)[near]
            middle = np.average(centre[:, near], axis=1, weights=mass if mass.sum() > 0.0 else None)
            nearest = np.argmin(((np.abs(centre[:, near] - middle[:, None]) / scale) ** 2).sum(0))
            narrow = width[:, near].min(1)
            place = centre[:, near][:, nearest]
            yield Feature(place, np.where(narrow < MAX_NARROW_SHARE * self.scale, narrow, self.scale), float(height))

    def _places(self, centre: Array, width: Array, sharp: Array, size: Array) -> list[int]:
        """Return spread boxes; for pulses along one coordinate also the sharpest of each run of touching boxes."""
        places = list(_spread(centre, width, sharp, self.scale[:, None]))
        (axes,) = np.nonzero((width < MAX_NARROW_SHARE * self.scale[:, None]).any(1))
        if len(axes) != 1:
            return places
        x, half, width = centre[axes[0]], 0.5 * size[axes[0]], width[axes[0]]
        order = np.argsort(x)
        apart = np.diff(x[order]) > (1.0 + 1e-6) * (half[order][1:] + half[order][:-1])
        runs = np.split(order, np.flatnonzero(apart) + 1)
        for best in sorted((int(run[np.argmax(sharp[run])]) for run in runs), key=lambda i: -float(sharp[i])):
            if (np.abs(x[places] - x[best]) > FEATURE_WIDTHS * np.minimum(width[places], width[best])).all():
                places.append(best)
        return places


def _evenly_spaced(boxes: np.ndarray, count: int) -> np.ndarray:
    """Return ``count`` boxes evenly spaced in their order, in which neighbours in space are close."""
    return boxes if len(boxes) <= count else boxes[np.linspace(0, len(boxes) - 1, count).astype(int)]


def _spread(centre: Array, width: Array, sharp: Array, scale: Array) -> Iterator[int]:
    """Yield the sharpest box, then repeatedly one nearly as sharp, far from those before and outside their features."""
    distance = np.full(centre.shape[1], np.inf)
    chosen = int(np.argmax(sharp))
    for _ in range(PLACES_PER_PART):
        yield chosen
        apart = np.abs(centre - centre[:, [chosen]])
        distance = np.minimum(distance, (apart / scale).max(0))
        distance[(apart <= FEATURE_WIDTHS * width[:, [chosen]]).all(0)] = 0.0
        left = distance > 0.0
        if not left.any():
            return
        chosen = int(np.argmax(np.where(left & (sharp >= SHARPNESS_SHARE * sharp[left].max()), distance, -1.0)))
