"""The cells of a grid that a boundary cuts, with quadrature rules.

The boundary is cut where it crosses the grid, and in every cell joined with the sides of the cell to closed loops. A
loop is the union of curved triangles about a point that sees all of it; a cell with a loop that no point sees all of is
divided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pinnkan.domain.box import Array
from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.domain.shapes.boundary import Arc, Boundary, GeometryError
from pinnkan.domain.shapes.curve import Segment
from pinnkan.domain.shapes.curved_triangle import CurvedTriangle, fan
from pinnkan.domain.shapes.shape import Shape

#: Distance into the domain, relative to a cell, of the point that tells to which cell an arc on a grid line belongs.
INSIDE_SHARE = 1e-7
#: Position along the sides of a cell, the length of each being one, below which two positions are one.
SAME_POSITION = 1e-7
#: Share of the parameters of a curve below which two crossings of the grid are one.
SAME_PARAMETER = 1e-12
#: Equal parts of a closed curve, so that few Gauss points suffice for each.
PARTS_OF_CLOSED = 8
#: Most divisions of a cell in two.
MAX_DIVISIONS = 12


#: A quadrature rule: points (point, coordinate) and weights (point).
Rule = tuple[Array, Array]


@dataclass(frozen=True, eq=False)
class CutGrid:
    """What a boundary cuts out of the cells between the breaks ``x`` and ``y``.

    ``whole``: which cells lie inside, (cell of x, cell of y); ``triangles``: the parts of the others that do; ``arcs``:
    the boundary, cut where it crosses the grid.
    """

    x: Array
    y: Array
    whole: NDArray[np.bool_]
    triangles: tuple[CurvedTriangle, ...]
    arcs: tuple[Arc, ...]

    def area_rule(self, count: int) -> Rule:
        """Return ``count`` by ``count`` Gauss points of each whole cell and of each curved triangle."""
        rules = [self.cut_rule(count)]
        for i, j in np.argwhere(self.whole):
            (px, wx), (py, wy) = (composite_gauss_rule(e[k : k + 2], count) for e, k in ((self.x, i), (self.y, j)))
            points = np.stack(np.meshgrid(px, py, indexing="ij"), -1).reshape(-1, 2)
            rules.append((points, np.multiply.outer(wx, wy).ravel()))
        return _joined(rules)

    def cut_rule(self, count: int) -> Rule:
        """Return the Gauss points of the curved triangles alone."""
        return _joined([triangle.rule(count) for triangle in self.triangles])

    def side_rule(self, name: str, count: int) -> Rule:
        """Return ``count`` Gauss points of each arc of the curve with a name; weights are lengths."""
        return _joined([arc.rule(count) for arc in self.arcs if arc.curve.name == name])


def _joined(rules: Sequence[Rule]) -> Rule:
    nothing = np.empty((0, 2)), np.empty(0)
    return np.concatenate([nothing[0], *(p for p, _ in rules)]), np.concatenate([nothing[1], *(w for _, w in rules)])


def cut_grid(boundary: Boundary, x: Array, y: Array) -> CutGrid:
    """Return what a boundary cuts out of the cells between the breaks ``x`` and ``y``.

    Raises GeometryError where it is too fine to be cut.
    """
    return _cut(boundary.shape, boundary.loops, x, y)


def _cut(shape: Shape, chains: Sequence[Sequence[Arc]], x: Array, y: Array, divisions: int = 0) -> CutGrid:
    arcs: list[Arc] = []
    in_cell: dict[tuple[int, int], list[list[Arc]]] = {}
    for chain in chains:
        parts = [
            part
            for arc in chain
            for part in arc.cut(_grid_crossings(arc, x, y), SAME_PARAMETER * np.ptp(arc.curve.ends))
        ]
        cells = [_cell_of(part, x, y) for part in parts]
        arcs += parts
        closed = bool(np.allclose(parts[0].at(0.0), parts[-1].at(1.0), rtol=0.0, atol=_least(x, y)))
        for cell, run in _runs(cells, parts, closed):
            in_cell.setdefault(cell, []).append(run)
    whole = np.zeros((len(x) - 1, len(y) - 1), dtype=bool)
    centers = np.stack(np.meshgrid(0.5 * (x[1:] + x[:-1]), 0.5 * (y[1:] + y[:-1]), indexing="ij"), -1)
    empty = np.ones_like(whole)
    for place in in_cell:
        empty[place] = False
    whole[empty] = shape.contains(centers[empty])
    triangles: list[CurvedTriangle] = []
    for (i, j), runs in in_cell.items():
        triangles += _triangles(shape, runs, np.array([x[i : i + 2], y[j : j + 2]]), divisions)
    return CutGrid(x, y, whole, tuple(triangles), tuple(arcs))


def _least(x: Array, y: Array) -> float:
    return INSIDE_SHARE * float(min(np.diff(x).min(), np.diff(y).min()))


def _grid_crossings(arc: Arc, x: Array, y: Array) -> list[float]:
    """The parameters of the curve of an arc at which it crosses lines of the grid."""
    low, high = sorted((arc.start, arc.stop))
    found: list[float] = np.linspace(*arc.curve.ends, PARTS_OF_CLOSED + 1).tolist() if arc.curve.is_closed else []
    for axis, breaks in enumerate((x, y)):
        turns = arc.curve.turning_points(axis)
        ends = arc.curve.point(np.array([low, *turns[(low < turns) & (turns < high)], high]))[:, axis]
        for value in breaks[(breaks >= ends.min()) & (breaks <= ends.max())]:
            found += arc.curve.crossings(axis, float(value)).tolist()
    return found


def _cell_of(arc: Arc, x: Array, y: Array) -> tuple[int, int]:
    """The cell to the left of the middle of an arc that crosses no grid line."""
    px, py = arc.at(0.5) + _least(x, y) * arc.inward(0.5)
    i, j = int(np.searchsorted(x, px)) - 1, int(np.searchsorted(y, py)) - 1
    return min(max(i, 0), len(x) - 2), min(max(j, 0), len(y) - 2)


def _runs(
    cells: Sequence[tuple[int, int]], parts: Sequence[Arc], closed: bool
) -> list[tuple[tuple[int, int], list[Arc]]]:
    """Consecutive arcs in the same cell."""
    starts = [k for k in range(len(cells)) if cells[k] != cells[k - 1]]
    if not closed and 0 not in starts:
        starts = [0, *starts]
    if not starts:  # a closed loop in one cell
        return [(cells[0], [*parts])]
    runs = []
    for k, first in enumerate(starts):
        last = starts[k + 1] if k + 1 < len(starts) else (starts[0] + len(parts) if closed else len(parts))
        runs.append((cells[first], [parts[n % len(parts)] for n in range(first, last)]))
    return runs


def _triangles(shape: Shape, runs: Sequence[list[Arc]], cell: Array, divisions: int) -> list[CurvedTriangle]:
    """The curved triangles inside a cell, (coordinate, end), with the arcs ``runs`` in it."""
    fans = [None if loop is None else fan(loop) for loop in _cell_loops(runs, cell)]
    known = [triangles for triangles in fans if triangles is not None]
    if len(known) == len(fans):
        return [triangle for triangles in known for triangle in triangles]
    if divisions == MAX_DIVISIONS:
        raise GeometryError(
            f"the boundary is too fine near ({cell[0, 0]:.6g}, {cell[1, 0]:.6g})", "leave out details of no size"
        )
    breaks = list(cell)
    axis, middle = _division([arc for run in runs for arc in run], cell)
    breaks[axis] = np.array([cell[axis, 0], middle, cell[axis, 1]])
    parts = _cut(shape, runs, breaks[0], breaks[1], divisions + 1)
    found = [*parts.triangles]
    for i, j in np.argwhere(parts.whole):
        corners = _corners(np.array([breaks[0][i : i + 2], breaks[1][j : j + 2]]))
        found += fan([_straight(p, q) for p, q in pairwise([*corners, corners[0]])]) or []
    return found


def _division(arcs: Sequence[Arc], cell: Array) -> tuple[int, float]:
    """The coordinate and place at which to divide a cell: where an arc turns back, or else its longer side.

    A cell into which a hole reaches up to a side falls into two there.
    """
    widths = np.ptp(cell, axis=1)
    for arc in arcs:
        low, high = sorted((arc.start, arc.stop))
        for axis in (0, 1):
            turns = arc.curve.turning_points(1 - axis)
            near = (low - SAME_PARAMETER <= turns) & (turns <= high + SAME_PARAMETER)
            for x in arc.curve.point(turns[near])[:, axis]:
                if min(x - cell[axis, 0], cell[axis, 1] - x) > 1e-3 * widths[axis]:
                    return axis, float(x)
    longest = int(widths[1] > widths[0])
    points = np.concatenate([arc.at(np.linspace(0.0, 1.0, 5)) for arc in arcs])[:, longest]
    least, most = cell[longest] + 0.1 * widths[longest] * np.array([1.0, -1.0])
    return longest, float(np.clip(0.5 * (points.min() + points.max()), least, most))


def _corners(cell: Array) -> list[Array]:
    """The corners of a cell, counterclockwise from the lower left one."""
    (a, b), (c, d) = cell
    return [np.array(corner) for corner in ((a, c), (b, c), (b, d), (a, d))]


def _straight(start: Array, stop: Array) -> Arc:
    (a, b), (c, d) = start.tolist(), stop.tolist()
    return Arc(Segment((a, b), (c, d), ""), 0.0, 1.0)


def _cell_loops(runs: Sequence[list[Arc]], cell: Array) -> list[list[Arc] | None]:
    """The closed loops of arcs and sides around the pieces of a cell; [None] where a hole lies inside it."""
    open_runs: list[tuple[float, float, list[Arc]]] = []
    loops: list[list[Arc]] = []
    for run in runs:
        begin, end = run[0].at(0.0), run[-1].at(1.0)
        if np.abs(begin - end).max() < SAME_POSITION * np.ptp(cell, axis=1).min():
            loops.append(run)
        else:
            open_runs.append((_position(begin, cell), _position(end, cell), run))
    if loops and (open_runs or any(_turns_clockwise(loop) for loop in loops)):
        return [None]
    left = list(range(len(open_runs)))
    found: list[list[Arc] | None] = [*loops]
    while left:
        first = at = left[0]
        loop: list[Arc] = []
        while True:
            left.remove(at)
            _, stop, run = open_runs[at]
            gaps = {k: (open_runs[k][0] - stop + SAME_POSITION) % 4.0 for k in (first, *left)}
            at = min(gaps, key=lambda k: gaps[k])
            loop += [*run, *_walk(stop, gaps[at] - SAME_POSITION, run[-1].at(1.0), open_runs[at][2][0].at(0.0), cell)]
            if at == first:
                break
        found.append(loop)
    return found


def _turns_clockwise(loop: Sequence[Arc]) -> bool:
    points = np.concatenate([arc.at(np.linspace(0.0, 1.0, 9)[:-1]) for arc in loop])
    x, y = (points - points[0]).T
    return float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum()) < 0.0


def _position(point: Array, cell: Array) -> float:
    """The position along the sides of a cell, counterclockwise from its lower left corner, each side of length one."""
    u, v = ((point - cell[:, 0]) / np.ptp(cell, axis=1)).tolist()
    side = int(np.argmin([abs(v), abs(1.0 - u), abs(1.0 - v), abs(u)]))
    return side + float(np.clip([u, v, 1.0 - u, 1.0 - v][side], 0.0, 1.0))


def _walk(position: float, length: float, start: Array, stop: Array, cell: Array) -> list[Arc]:
    """The straight arcs along the sides of a cell, from ``start`` to ``stop``, ``length`` further."""
    if length <= SAME_POSITION:
        return []
    corners = _corners(cell)
    passed = range(int(position) + 1, int(position + length) + 1)
    inner = [k for k in passed if position + SAME_POSITION < k < position + length - SAME_POSITION]
    return [_straight(p, q) for p, q in pairwise([start, *(corners[k % 4] for k in inner), stop])]
