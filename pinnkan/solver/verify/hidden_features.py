"""A witness that the solver never heard: the residual where the formulas say something narrow may hide, and elsewhere.

Around every telling point (:mod:`pinnkan.problem.telling`) the squared residual is integrated on intervals that shrink
towards it, from a twentieth of the box to 1e-8 of it; and it is averaged over scattered points of the whole box. Where
that is out of proportion with the training rows, a feature lies between them: the place and the width are returned, so
that knots can be put there. None of these points is ever trained on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pinnkan.assembly.equation import CompiledEquation
from pinnkan.assembly.model import Model
from pinnkan.kan.axis import Axis
from pinnkan.kan.field import Array, Field, jets_on
from pinnkan.problem.statement import Problem, Side
from pinnkan.problem.telling import telling_points
from pinnkan.verdict.verdict import HELDOUT_RATIO

#: Half-width of a neighbourhood, relative to the box; by number of coordinates, how much closer the next end is, how
#: often, and Gauss points between two ends: 200, 52, 28 and 10 points per coordinate.
REACH = 0.05
CLOSER = {1: (0.5, 24, 4), 2: (0.3, 12, 2), 3: (0.2, 6, 2), 4: (0.1, 4, 1)}
#: Scattered points, per coordinate of the box.
SCATTERED = 500
#: A residual below this share of the tolerance, relative to the terms of its equation, is no concern.
CONCERN = 0.1
#: Intervals at a narrow feature are halved to this many of its widths.
WIDTHS = 4.0

Box = Sequence[tuple[float, float]]


@dataclass(frozen=True, eq=False)
class Missed:
    """A feature between the points: where and how wide, per coordinate, and its share of the squared terms."""

    place: Array
    width: Array
    share: float

    def words(self, problem: Problem) -> str:
        """``not seen by the points: x = 0.4, t = 0.1``."""
        at = zip(problem.coordinates, self.place, strict=True)
        return "not seen by the points near " + ", ".join(f"{c} = {x:.6g}" for c, x in at)


class Witness:
    """What is looked at is found once per problem; ``examine`` looks at a function."""

    def __init__(self, model: Model) -> None:
        self.problem = model.problem
        self.equations = model.equations
        self.points = telling_points(model.problem)
        self.sides = [
            (c.place, CompiledEquation(c.equation, model.problem.coordinates))
            for c in model.problem.conditions
            if c.equation is not None and isinstance(c.place, Side)
        ]

    def examine(self, field: Field, box: Box, loss: float) -> Missed | None:
        """The feature of the ``box`` that ``loss`` (mean squared residual on the training points) misses by most."""
        low, high = np.array(box).T
        points = low + (high - low) * _scatter(SCATTERED * len(box), len(box))
        seen = self._seen(field, points)
        volume, found = float(np.prod(high - low)), [*self._conditions(field, box, points, seen)]
        for equation in self.equations:
            squares, scale = _squares(equation, points, seen[equation])
            least = CONCERN**2 * self.problem.solver.tolerance**2
            typical = float(scale.mean())
            if squares.mean() > max(HELDOUT_RATIO**2 * loss, least * typical):
                width = (high - low) / len(points) ** (1.0 / len(box))
                found.append(Missed(points[int(np.argmax(squares))], width, float(squares.mean() / typical)))
            for place, nodes, weights in self._neighbourhoods(box):
                squares, scale = _squares(equation, _grid(nodes), jets_on(field, nodes, equation.jets))
                mass, known = squares * weights, float((scale * weights).sum()) + volume * typical
                if mass.sum() > max(HELDOUT_RATIO**2 * loss * volume, least * known):
                    found.append(Missed(place, _width(place, nodes, mass), float(mass.sum()) / known))
        return max(found, key=lambda m: m.share, default=None)

    def terms(self, field: Field) -> float:
        """Mean square of the terms of the equations: what a mean squared residual is to be compared with."""
        low, high = np.array(self.problem.ranges).T
        points = low + (high - low) * _scatter(SCATTERED, len(low))
        seen = self._seen(field, points)
        return sum(float(_squares(e, points, seen[e])[1].mean()) for e in self.equations)

    def _seen(self, field: Field, points: Array) -> dict[CompiledEquation, Array]:
        """Jets (point, jet) of every equation and condition, evaluated together."""
        equations = [*self.equations, *(equation for _, equation in self.sides)]
        orders = sorted({j.order for e in equations for j in e.jets})
        values = field(points, orders)
        return {e: np.stack([values[:, j.unknown, orders.index(j.order)] for j in e.jets], -1) for e in equations}

    def _conditions(
        self, field: Field, box: Box, points: Array, seen: dict[CompiledEquation, Array]
    ) -> Iterator[Missed]:
        """Data of the conditions near telling points that the function does not have.

        What a mismatch is worth is said by the terms of the condition at the scattered ``points`` of the whole box.
        """
        least = self.problem.solver.tolerance**2
        for side, equation in self.sides:
            at = box[side.axis][side.end]
            if at != self.problem.ranges[side.axis][side.end]:  # a slab that begins where another ended
                continue
            around = list(self._neighbourhoods(box, side.axis, at))
            if not around:
                continue
            area = float(np.prod([b - a for i, (a, b) in enumerate(box) if i != side.axis]))
            typical = area * float(_squares(equation, points, seen[equation])[1].mean())
            for place, nodes, weights in around:
                squares, scale = _squares(equation, _grid(nodes), jets_on(field, nodes, equation.jets))
                mass, known = squares * weights, float((scale * weights).sum()) + typical
                if mass.sum() > least * known:
                    yield Missed(place, _width(place, nodes, mass), float(mass.sum()) / known)

    def _neighbourhoods(
        self, box: Box, held: int | None = None, at: float = 0.0
    ) -> Iterator[tuple[Array, list[Array], Array]]:
        """Telling points of the box: place, graded nodes per coordinate, weights of their grid; one may be ``held``."""
        for place in self.points:
            inside = [low <= x <= high for (low, high), x in zip(box, place, strict=True)]
            if not all(inside[:held] + inside[held + 1 :] if held is not None else inside):
                continue
            rules = [_graded(ends, float(centre), len(box)) for ends, centre in zip(box, place, strict=True)]
            if held is not None:
                rules[held] = np.array([at]), np.ones(1)
            yield place, [nodes for nodes, _ in rules], _tensor([w for _, w in rules])


def with_knots(axes: Sequence[Axis], missed: Missed) -> tuple[Axis, ...]:
    """The axes with their intervals at a missed feature halved until they are about as narrow as it."""
    out = []
    for axis, centre, width in zip(axes, missed.place, missed.width, strict=False):
        reach = WIDTHS * max(float(width), 1e-9 * float(np.ptp(axis.breaks)))
        marked = np.ones(1, dtype=bool)
        while marked.any():
            near = (axis.breaks[:-1] <= centre + reach) & (axis.breaks[1:] >= centre - reach)
            marked = near & (np.diff(axis.breaks) > reach)
            axis = axis.inserted(marked)
        out.append(axis)
    return tuple(out)


def _squares(equation: CompiledEquation, points: Array, jets: Array) -> tuple[Array, Array]:
    """The squared residual, and the sum of the squares of its data and of its linearised terms."""
    residual, weights = equation.linearise_numpy(points, jets)
    data, _ = equation.linearise_numpy(points, np.zeros_like(jets))
    return residual**2, data**2 + ((weights * jets) ** 2).sum(-1)


def _grid(nodes: Sequence[Array]) -> Array:
    return np.stack(np.meshgrid(*nodes, indexing="ij"), -1)


def _graded(ends: tuple[float, float], centre: float, dimension: int) -> tuple[Array, Array]:
    """Gauss nodes and weights of intervals that halve towards a centre inside the ends."""
    low, high = ends
    closer, times, points = CLOSER[dimension]
    arm = REACH * (high - low) * closer ** np.arange(times + 1.0)
    return _gauss(np.unique(np.clip(np.concatenate([centre - arm, [centre], centre + arm]), low, high)), points)


def _gauss(ends: Array, points: int) -> tuple[Array, Array]:
    x, w = np.polynomial.legendre.leggauss(points)
    half = 0.5 * np.diff(ends)[:, None]
    return (0.5 * (ends[1:] + ends[:-1])[:, None] + half * x).ravel(), (half * w).ravel()


def _tensor(weights: Sequence[Array]) -> Array:
    out = np.ones(())
    for w in weights:
        out = np.multiply.outer(out, w)
    return out


def _width(place: Array, nodes: Sequence[Array], mass: Array) -> Array:
    """Per coordinate, the distance from the place within which half of the mass lies."""
    out = np.empty(len(nodes))
    for i, x in enumerate(nodes):
        line = mass.sum(tuple(j for j in range(mass.ndim) if j != i))
        order = np.argsort(np.abs(x - place[i]))
        share = np.cumsum(line[order])
        out[i] = np.abs(x - place[i])[order][int(np.searchsorted(share, 0.5 * share[-1]))]
    return out


def _scatter(count: int, dimension: int) -> Array:
    """Points of the unit box, (point, coordinate), by additive recurrence with the root of x^(d+1) = x + 1.

    Roberts (2018), The unreasonable effectiveness of quasirandom sequences.
    """
    root = 1.5
    for _ in range(60):
        root = (1.0 + root) ** (1.0 / (dimension + 1))
    points: Array = np.mod(0.5 + np.arange(1, count + 1)[:, None] * root ** -np.arange(1.0, dimension + 1), 1.0)
    return points
