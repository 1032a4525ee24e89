"""The boundary of a shape: the arcs of its curves on which inside and outside meet, joined to closed loops."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from pinnkan.domain.bisection import bisect
from pinnkan.domain.box import Array, Ranges
from pinnkan.domain.gauss import gauss_legendre
from pinnkan.domain.shapes.curve import Curve
from pinnkan.domain.shapes.shape import Shape

#: Samples of a curve between which a crossing of another one is looked for.
CROSSING_SAMPLES = 257
#: Distance, relative to the size of a shape, below which two points are one: where curves are tangent to each other,
#: rounding of 1e-16 moves their common point by 1e-8.
SAME_POINT = 1e-7
#: Distance, relative to the size of a shape, from an arc to the points that tell inside from outside.
BESIDE = 1e-6
#: Gauss points of an arc for its length and area.
ARC_POINTS = 32


class GeometryError(ValueError):
    """A shape that is no domain. ``hint``: what to do."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Arc:
    """The part of a ``curve`` from parameter ``start`` to ``stop``, with the domain on its left.

    ``stop`` is below ``start`` where the shape of the curve is cut out.
    """

    curve: Curve
    start: float
    stop: float

    @property
    def sign(self) -> float:
        """1.0 along the curve, -1.0 against it."""
        return 1.0 if self.stop > self.start else -1.0

    def at(self, share: Array | float) -> Array:
        """The points after a ``share`` (..) of the parameters: (.., coordinate)."""
        return self.curve.point(np.asarray(self.start + (self.stop - self.start) * np.asarray(share)))

    def velocity(self, share: Array | float) -> Array:
        """The derivative of the points by the share: (.., coordinate)."""
        t = np.asarray(self.start + (self.stop - self.start) * np.asarray(share))
        return (self.stop - self.start) * self.curve.velocity(t)

    def inward(self, share: float) -> Array:
        """The unit normal into the domain."""
        dx, dy = self.velocity(share)
        return np.array([-dy, dx]) / np.hypot(dx, dy)

    def cut(self, parameters: Sequence[float], least: float) -> list[Arc]:
        """The pieces between parameters of the curve that are ``least`` apart."""
        low, high = sorted((self.start, self.stop))
        inner = sorted(t for t in parameters if low + least < t < high - least)
        apart = [t for i, t in enumerate(inner) if i == 0 or t - inner[i - 1] > least]
        ends = [low, *apart, high]
        if self.stop < self.start:
            ends.reverse()
        return [Arc(self.curve, a, b) for a, b in pairwise(ends)]

    def rule(self, count: int) -> tuple[Array, Array]:
        """Gauss points (point, coordinate), and weights of an integral over the length."""
        x, w = gauss_legendre(count)
        share = 0.5 * (x + 1.0)
        speed = np.hypot(*self.velocity(share).T)
        return self.at(share), 0.5 * w * speed


@dataclass(frozen=True)
class Boundary:
    """The boundary of a ``shape``: closed ``loops`` of arcs, the outer one counterclockwise, holes clockwise."""

    shape: Shape
    loops: tuple[tuple[Arc, ...], ...]

    @property
    def arcs(self) -> tuple[Arc, ...]:
        """All arcs."""
        return tuple(arc for loop in self.loops for arc in loop)

    @cached_property
    def box(self) -> Ranges:
        """The bounding box."""
        ranges = []
        for axis in (0, 1):
            values = [arc.at(share)[axis] for arc in self.arcs for share in (0.0, 1.0)]
            for arc in self.arcs:
                low, high = sorted((arc.start, arc.stop))
                turns = arc.curve.turning_points(axis)
                values += arc.curve.point(turns[(low < turns) & (turns < high)])[..., axis].tolist()
            ranges.append((float(min(values)), float(max(values))))
        return tuple(ranges)

    @cached_property
    def area(self) -> float:
        """The area, by Green's theorem."""
        return sum(map(_area, self.loops))


def boundary_of(shape: Shape) -> Boundary:
    """Return the boundary of a shape. Raises GeometryError: it is empty, disconnected, or touches itself."""
    box = np.array(shape.box)
    if not (box[:, 1] > box[:, 0]).all():
        raise GeometryError("the domain is empty: its shapes have no point in common")
    size = float(np.hypot(*np.ptp(box, axis=1)))
    kept: list[Arc] = []
    for number, curves in enumerate(shape.curves):
        others = [c for i, more in enumerate(shape.curves) if i != number for c in more]
        for curve in curves:
            speed = np.hypot(*curve.velocity(np.linspace(*curve.ends, 5)).T).max()
            for arc in Arc(curve, *curve.ends).cut(list(_crossings(curve, others, size)), SAME_POINT * size / speed):
                directed = _directed(arc, shape, BESIDE * size)
                if directed is not None and not _is_known(directed, kept, size):
                    kept.append(directed)
    if not kept:
        raise GeometryError("the domain is empty: nothing is left of its shapes")
    loops = _loops(kept, size)
    pieces = sum(_area(loop) > 0.0 for loop in loops)
    if pieces > 1:
        raise GeometryError(
            f"the domain falls into {pieces} pieces that do not touch", "solve one problem for each of them"
        )
    return Boundary(shape, loops)


def _crossings(curve: Curve, others: Sequence[Curve], size: float) -> Iterator[float]:
    """The parameters at which a curve passes through others, or through their continuations."""
    t = np.linspace(*curve.ends, 2 if not others else CROSSING_SAMPLES)
    points = curve.point(t)
    for other in others:
        ends = other.point(np.array(other.ends))
        level = other.level(points)
        if (np.abs(level) < SAME_POINT * size).all():  # the same curve: it starts and stops where the other does
            yield from curve.parameter(ends).tolist()
            continue
        yield from t[np.abs(level) < SAME_POINT**2 * size].tolist()
        for i in np.flatnonzero((level[:-1] < 0.0) != (level[1:] < 0.0)):
            found = _crossing(curve, other, t[i : i + 2])
            apart = np.hypot(*(ends - curve.point(np.array(found))).T)
            is_end = apart.min() < SAME_POINT * size and not other.is_closed  # rounding moves a tangent by 1e-8
            yield float(curve.parameter(ends[apart.argmin()])) if is_end else found


def _crossing(curve: Curve, other: Curve, ends: Array) -> float:
    """The parameter, between two of them, at which a curve passes through another one."""
    sign = 1.0 if float(other.level(curve.point(ends[0]))) >= 0.0 else -1.0
    return float(bisect(lambda t: sign * other.level(curve.point(t)), *ends)[0])


def _directed(arc: Arc, shape: Shape, distance: float) -> Arc | None:
    """The arc with the domain on its left; None where both sides are inside, or both outside."""
    beside = distance * arc.inward(0.5)
    left, right = (bool(shape.contains(arc.at(0.5) + side)) for side in (beside, -beside))
    if left == right:
        return None
    return arc if left else Arc(arc.curve, arc.stop, arc.start)


def _is_known(arc: Arc, kept: Sequence[Arc], size: float) -> bool:
    """Whether one of the arcs ``kept`` runs through the middle of an arc: the curves coincide."""
    middle = arc.at(0.5)
    for other in kept:
        if other.curve is arc.curve or abs(float(other.curve.level(middle))) > SAME_POINT * size:
            continue
        low, high = sorted((other.start, other.stop))
        if low < float(other.curve.parameter(middle)) < high:
            return True
    return False


def _loops(arcs: Sequence[Arc], size: float) -> tuple[tuple[Arc, ...], ...]:
    """Join arcs to closed loops. Raises GeometryError where more than two meet, or an end is left open."""
    starts = np.array([arc.at(0.0) for arc in arcs])
    left, loops = set(range(len(arcs))), []
    while left:
        first = min(left)
        loop, at = [], first
        while True:
            left.discard(at)
            loop.append(arcs[at])
            end = arcs[at].at(1.0)
            following = np.flatnonzero(np.hypot(*(starts - end).T) < 4.0 * SAME_POINT * size)
            place = ", ".join(f"{x:.6g}" for x in end)
            if len(following) > 1:
                raise GeometryError(f"the boundary touches itself at ({place})", "let the shapes overlap, or apart")
            if not len(following):
                raise GeometryError(
                    f"the boundary is not closed at ({place})", "there two shapes touch without crossing each other"
                )
            at = int(following[0])
            if at == first:
                break
        loops.append(tuple(loop))
    return tuple(loops)


def _area(loop: Sequence[Arc]) -> float:
    """The area to the left of a loop, half the integral of x dy - y dx."""
    x, w = gauss_legendre(ARC_POINTS)
    share, total = 0.5 * (x + 1.0), 0.0
    for arc in loop:
        origin = loop[0].at(0.0)
        (px, py), (vx, vy) = (arc.at(share) - origin).T, arc.velocity(share).T
        total += 0.25 * float(w @ (px * vy - py * vx))
    return total
