"""Subdivision of a box until a formula is smooth or level in every piece; :mod:`pinnkan.problem.features.narrow`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.problem.expressions.enclosure import Enclosure, enclose
from pinnkan.problem.expressions.tape import Tape
from pinnkan.problem.features.kronecker import kronecker

Array = NDArray[np.float64]

#: A part is narrow where its slope is more than this many heights per range, by number of coordinates that it couples:
#: about as many points as an initial grid or scattered points have per coordinate. Heuristic.
STEEP = {1: 60.0, 2: 30.0, 3: 20.0}
STEEP_IN_MANY = 15.0
#: A box is level when the part changes by this share of its height: then slopes at its centre stand for it.
LEVEL = 0.25
#: A part that is steep in this share of the box, or half as steep at this share of the first points, is no feature of
#: a place.
EVERYWHERE = 0.25
#: Heights below this share of the value are rounding; below the second number they are underflow.
FLATNESS, UNDERFLOW = 1e-6, 1e-150
#: Values beyond this overflow when they are squared: no more is asked about them.
HUGE = 1e300
#: Boxes below this share of the range are not cut: a jump, a kink or a pole.
SMALLEST = 2.0**-44
#: Open boxes of a part that are followed: a point feature has a few; those of a curve are a sample of it.
FOLLOWED = {1: 1024, 2: 256}
FOLLOWED_IN_MANY = 128
#: Boxes enclosed in one search: a choice that bounds the work.
MOST_BOXES = 50_000
#: Places of one part: a curve is represented by so many, and pulses along one coordinate by as many as there are.
PER_PART = 6
#: Boxes within so many widths belong to one feature.
SAME = 8.0
#: Places are chosen among boxes at least this share as sharp as the sharpest one: its flanks are not places.
ABOUT = 0.2
#: A feature wider than this share of a range is not narrow in that coordinate.
WIDE = 0.25
#: Points at which heights are first read.
SAMPLES = 64


@dataclass(frozen=True, eq=False)
class Feature:
    """A place (coordinate) where a part of height ``height`` changes within ``width`` (coordinate).

    In a coordinate without importance the place is the middle and the width that of the box.
    """

    place: Array
    width: Array
    height: float


def steep_in(dimension: int) -> float:
    """Slope from which on a part that couples so many coordinates is narrow."""
    return STEEP.get(dimension, STEEP_IN_MANY)


class Heights:
    """Smallest and largest finite value seen of every part."""

    def __init__(self, count: int) -> None:
        self.least, self.most = np.full(count, np.inf), np.full(count, -np.inf)

    def see(self, values: Array) -> None:
        """Values (part, point)."""
        known = np.abs(values) < HUGE
        self.least = np.minimum(self.least, np.where(known, values, np.inf).min(1))
        self.most = np.maximum(self.most, np.where(known, values, -np.inf).max(1))

    def size(self) -> Array:
        """Largest less smallest, by part."""
        largest = np.maximum(np.abs(self.least), np.abs(self.most))
        with np.errstate(invalid="ignore"):
            size = np.maximum(self.most - self.least, FLATNESS * np.where(np.isfinite(largest), largest, 0.0))
        return np.fmax(np.where(np.isfinite(size), size, 0.0), UNDERFLOW)


@dataclass(frozen=True, eq=False)
class _Examined:
    """Boxes in which a part is steep: centre (coordinate, box), slopes there, share of the whole box, size."""

    part: np.ndarray
    centre: Array
    slope: Array
    share: Array
    size: Array
    singular: np.ndarray


class Search:
    """One search in the coordinates that all its ``parts`` couple."""

    def __init__(self, parts: Sequence[sympy.Expr], symbols: Sequence[sympy.Symbol], box: Array) -> None:
        self.tape = Tape(parts, symbols)
        self.box, self.scale = box, np.ptp(box, axis=1)
        self.dimension = len(box)
        self.steep = steep_in(self.dimension)
        self.followed = FOLLOWED.get(self.dimension, FOLLOWED_IN_MANY)
        self.heights = Heights(len(parts))
        points = box[:, :1] + self.scale[:, None] * kronecker(SAMPLES, len(box)).T
        self.heights.see(np.array([np.broadcast_to(v, SAMPLES) for v in self.tape(self.inputs(points))]))
        self.seen: list[_Examined] = []
        self.undecided = np.zeros((0, self.dimension, 2))
        self.boxes = 0

    def inputs(self, points: Array) -> list[Array]:
        """What the tape takes at points (coordinate, point)."""
        return list(points)

    def first(self) -> tuple[Array, Array]:
        """The first boxes, lower and upper ends (coordinate, box)."""
        return self.box[:, :1].copy(), self.box[:, 1:].copy()

    def enclosed(self, lo: Array, hi: Array) -> Enclosure:
        """The parts over boxes."""
        return enclose(self.tape, lo, hi, self.scale)

    def run(self) -> None:
        """Cut boxes until all are done or the budget ends."""
        lo, hi = self.first()
        weight = np.ones((len(self.tape.outputs), lo.shape[1]))  # (part, box): 0 where done
        while lo.shape[1] and self.boxes < MOST_BOXES:
            self.boxes += lo.shape[1]
            look = self.enclosed(lo, hi)
            self.heights.see(look.centre)
            weight, axis = self._judge(look, lo, hi, weight)
            weight = self._thinned(lo, hi, weight, look.value.hi - look.value.lo)
            keep = weight.any(0)
            lo, hi, weight = _cut(lo[:, keep], hi[:, keep], weight[:, keep], axis[keep])
        self._leave(lo, hi)

    def _judge(self, look: Enclosure, lo: Array, hi: Array, weight: Array) -> tuple[Array, np.ndarray]:
        """Weights of the parts that stay open, and the coordinate to cut; what is done and steep is put down."""
        height = self.heights.size()[:, None]
        with np.errstate(over="ignore"):
            slope = look.slope.magnitude() / height[..., None]
        smooth = (slope <= self.steep).all(1)
        with np.errstate(invalid="ignore"):
            level = ~(look.value.hi - look.value.lo > LEVEL * height) | (look.value.lo > HUGE) | (look.value.hi < -HUGE)
        size = (hi - lo) / self.scale[:, None]
        change = np.minimum(np.nan_to_num(slope, nan=HUGE, posinf=HUGE), HUGE) * size
        is_open = (weight > 0.0) & ~smooth & ~level
        least = SMALLEST * np.maximum(1.0, np.abs(self.box).max(1) / self.scale)[:, None]
        axis = np.argmax(np.where(is_open[:, None], change, -1.0).max(0), axis=0)
        singular = is_open & (size < least)[axis, np.arange(len(axis))]
        self._put_down((weight > 0.0) & level & ~smooth, look, lo, hi, weight, False)
        self._put_down(singular, look, lo, hi, weight, True)
        return np.where(is_open & ~singular, weight, 0.0), axis

    def _put_down(
        self, which: np.ndarray, look: Enclosure, lo: Array, hi: Array, weight: Array, singular: bool
    ) -> None:
        part, box = np.nonzero(which)
        if len(part) == 0:
            return
        size = hi[:, box] - lo[:, box]
        share = weight[part, box] * np.prod(size / self.scale[:, None], axis=0)
        centre, slope = 0.5 * (lo + hi)[:, box], np.abs(look.centre_slope[part, :, box].T)
        self.seen.append(_Examined(part, centre, slope, share, size, np.full(len(part), singular)))

    def _thinned(self, lo: Array, hi: Array, weight: Array, change: Array) -> Array:
        """The weights with the boxes that are followed for each part, the others left undecided.

        Three of four are among those that may change by a tenth of the most: they hold the ridge of a curve.
        """
        out, left = weight.copy(), np.zeros(lo.shape[1], dtype=bool)
        for row, changes in zip(out, change, strict=True):
            (open_boxes,) = np.nonzero(row)
            if len(open_boxes) <= self.followed:
                continue
            strong = changes[open_boxes] >= 0.1 * changes[open_boxes].max()
            kept = np.concatenate([
                _some(open_boxes[strong], 3 * self.followed // 4), _some(open_boxes[~strong], self.followed // 4)
            ])  # fmt: skip
            weights = row[kept] * row.sum() / row[kept].sum()
            left[open_boxes] = True
            left[kept] = False
            row[:] = 0.0
            row[kept] = weights
        self._leave(lo[:, left], hi[:, left])
        return out

    def _leave(self, lo: Array, hi: Array) -> None:
        self.undecided = np.concatenate([self.undecided, np.stack([lo, hi], -1).swapaxes(0, 1)])

    def features(self, k: int) -> Iterator[Feature]:
        """Places of a part, spread over the boxes in which it is steep; none where it is steep everywhere."""
        if not self.seen:
            return
        centre, slope, share, size, singular = (
            np.concatenate([getattr(s, name)[..., s.part == k] for s in self.seen], -1)
            for name in ("centre", "slope", "share", "size", "singular")
        )
        height, scale = self.heights.size()[k], self.scale[:, None]
        steep = (slope > self.steep * height).any(0) | singular
        if not steep.any() or share[steep].sum() > EVERYWHERE:
            return
        with np.errstate(divide="ignore", over="ignore"):
            width = np.where(singular, size, scale * height / slope)[:, steep]
        width = np.clip(np.nan_to_num(width, nan=np.inf), SMALLEST * scale, scale)
        centre, share = centre[:, steep], share[steep]
        sharp = (scale / width).max(0)
        for chosen in self._places(centre, width, sharp, size[:, steep]):
            near = (np.abs(centre - centre[:, [chosen]]) <= SAME * width[:, [chosen]]).all(0)
            mass = (share * sharp)[near]
            middle = np.average(centre[:, near], axis=1, weights=mass if mass.sum() > 0.0 else None)
            nearest = np.argmin(((np.abs(centre[:, near] - middle[:, None]) / scale) ** 2).sum(0))
            narrow = width[:, near].min(1)
            place = centre[:, near][:, nearest]
            yield Feature(place, np.where(narrow < WIDE * self.scale, narrow, self.scale), float(height))

    def _places(self, centre: Array, width: Array, sharp: Array, size: Array) -> list[int]:
        """Boxes spread over all; of pulses along one coordinate also the sharpest of each run of boxes that touch."""
        places = list(_spread(centre, width, sharp, self.scale[:, None]))
        (axes,) = np.nonzero((width < WIDE * self.scale[:, None]).any(1))
        if len(axes) != 1:
            return places
        x, half, width = centre[axes[0]], 0.5 * size[axes[0]], width[axes[0]]
        order = np.argsort(x)
        apart = np.diff(x[order]) > (1.0 + 1e-6) * (half[order][1:] + half[order][:-1])
        runs = np.split(order, np.flatnonzero(apart) + 1)
        for best in sorted((int(run[np.argmax(sharp[run])]) for run in runs), key=lambda i: -float(sharp[i])):
            if (np.abs(x[places] - x[best]) > SAME * np.minimum(width[places], width[best])).all():
                places.append(best)
        return places


def _some(boxes: np.ndarray, count: int) -> np.ndarray:
    """As many of them, evenly spread over their order: neighbours in space are neighbours in it."""
    return boxes if len(boxes) <= count else boxes[np.linspace(0, len(boxes) - 1, count).astype(int)]


def _cut(lo: Array, hi: Array, weight: Array, axis: np.ndarray) -> tuple[Array, Array, Array]:
    """Every box cut along its coordinate, into more pieces where there are few: a look costs less than a call."""
    n = lo.shape[1]
    pieces = 8 if n <= 16 else 4 if n <= 128 else 2
    at = np.arange(n)
    start, step = lo[axis, at], (hi[axis, at] - lo[axis, at]) / pieces
    low, high = np.repeat(lo, pieces, axis=1), np.repeat(hi, pieces, axis=1)
    number = np.tile(np.arange(pieces), n)
    ends = np.repeat(start, pieces) + np.repeat(step, pieces) * np.stack([number, number + 1])
    place, rows = np.arange(n * pieces), np.repeat(axis, pieces)
    low[rows, place] = ends[0]
    high[rows, place] = np.where(number == pieces - 1, high[rows, place], ends[1])
    return low, high, np.repeat(weight, pieces, axis=1)


def _spread(centre: Array, width: Array, sharp: Array, scale: Array) -> Iterator[int]:
    """The sharpest box, then one after the other about as sharp as what is left and far from all before.

    Boxes of the features of those before are left out.
    """
    distance = np.full(centre.shape[1], np.inf)
    chosen = int(np.argmax(sharp))
    for _ in range(PER_PART):
        yield chosen
        apart = np.abs(centre - centre[:, [chosen]])
        distance = np.minimum(distance, (apart / scale).max(0))
        distance[(apart <= SAME * width[:, [chosen]]).all(0)] = 0.0
        left = distance > 0.0
        if not left.any():
            return
        chosen = int(np.argmax(np.where(left & (sharp >= ABOUT * sharp[left].max()), distance, -1.0)))
