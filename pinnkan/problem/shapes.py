"""Read shapes in the plane: rectangles, disks, ellipses and polygons, moved and combined."""

import re
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pinnkan.domain.shapes.boundary import GeometryError
from pinnkan.domain.shapes.curve import Ellipse, Vector
from pinnkan.domain.shapes.shape import (
    Difference,
    EllipticDisk,
    Intersection,
    Polygon,
    Shape,
    Union,
    disk,
    rectangle,
)
from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide, shaped_domain
from pinnkan.problem import schema, schema_keys
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.names import read_constant, read_range
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.source import Mapping, Node, Scalar, Sequence

#: Places of their own, which no shape may be called.
_RESERVED = ("domain", "boundary", "initial")
#: Two shapes of one name have the curves ``hole`` and ``hole#2``.
_NUMBER_OF_NAMESAKE = re.compile(r"#\d+")
#: The most vertices of a polygon: all pairs of its edges are tried for a crossing. Heuristic.
MAX_VERTICES = 1000
_OTHER_SHAPES = ("interval", "box", "ball", "cylinder", "mesh", "level_set")
_COMBINATIONS: dict[str, type[Union | Intersection | Difference]] = {
    "union": Union, "intersection": Intersection, "difference": Difference,
}  # fmt: skip


def is_plain_box(node: Node) -> bool:
    """Whether a shape is an interval, rectangle or box alone without a name: ranges of coordinates."""
    if not isinstance(node, Mapping) or len(node.values) != 1:
        return False
    ((kind, body),) = node.values.items()
    return kind in schema_keys.BOXES and not (
        kind == "rectangle" and isinstance(body, Mapping) and "name" in body.values
    )


def read_shape(node: Node, times: tuple[float, float] | None, scope: Scope, report: Report) -> ShapedDomain | None:
    """Read the shape of a domain; None if it has a fault."""
    before = report.failed
    shape = _ShapeReader(scope, report).read(node)
    if shape is None or (report.failed and not before):
        return None
    if not _fits_float64(shape):
        report.error_at(node.span, "this shape is too small or too large for float64", "scale the coordinates")
        return None
    try:
        return shaped_domain(shape, times)
    except GeometryError as error:
        report.error_at(node.span, str(error), error.hint)
        return None


@np.errstate(all="ignore")  # an overflow makes the box infinite
def _fits_float64(shape: Shape) -> bool:
    """Whether the box of a shape, unless it is empty, has finite ends that float64 tells apart."""
    ends = np.array(shape.box)
    length, largest = ends[:, 1] - ends[:, 0], np.abs(ends).max()
    is_empty = (ends[:, 1] < ends[:, 0]).any()
    return bool(largest < 1e100 and (is_empty or (length > max(1e-12 * largest, 1e-100)).all()))


def name_in_file(piece: ShapeSide) -> str:
    """The name of a piece as the file has it: ``hole`` for the second ``hole``, ``outer.left`` for one of its sides."""
    return _NUMBER_OF_NAMESAKE.sub("", piece.name)


def pieces_of(domain: ShapedDomain) -> list[ShapeSide]:
    """The pieces of the boundary in space."""
    return [ShapeSide(name) for name in domain.names]


def pieces_called(name: str, domain: ShapedDomain) -> list[ShapeSide]:
    """The pieces with a name in the file: that of shapes, or of one of their sides."""
    found = [(piece, name_in_file(piece)) for piece in pieces_of(domain)]
    return [piece for piece, full in found if full == name or full.startswith(f"{name}.")]


def names_of_shapes(domain: ShapedDomain) -> list[str]:
    """All names in the file of shapes and of their sides, each once, those cut away included."""
    found = [name_in_file(ShapeSide(curve.name)) for curves in domain.boundary.shape.curves for curve in curves]
    return list(dict.fromkeys(name for full in found for name in (full.partition(".")[0], full)))


@dataclass
class _ShapeReader:
    """Reads shapes one by one, and gives each a name of its own."""

    scope: Scope
    report: Report
    _names: Counter[str] = field(default_factory=Counter)

    def read(self, node: Node) -> Shape | None:
        """Read one shape; None if it has a fault."""
        kinds = list(node.values.items()) if isinstance(node, Mapping) else []
        if len(kinds) != 1:
            self.report.error_at(node.span, "this is not a shape", "`rectangle: {x: [0, 1], y: [0, 1]}`, for instance")
            return None
        kind, body = kinds[0]
        if kind in _COMBINATIONS:
            return self._combination(kind, body)
        if kind not in schema_keys.SHAPES:
            known = [*schema_keys.SHAPES, *_COMBINATIONS]
            if kind in _OTHER_SHAPES:
                message, hint = f"the shape '{kind}' is not available yet", f"shapes are: {', '.join(known)}"
            else:
                message = f"unknown shape '{kind[:60]}'"
                hint = did_you_mean(kind, known) or f"shapes are: {', '.join(known)}"
            self.report.error_at(node.span, message, hint)
            return None
        found = schema.entries(body, schema_keys.SHAPES[kind], self.report, f"the shape '{kind}'")
        if any(key.required and key.name not in found for key in schema_keys.SHAPES[kind]):
            return None
        readers = {
            "rectangle": self._rectangle, "disk": self._disk, "ellipse": self._ellipse, "polygon": self._polygon,
            "move": self._moved,
        }  # fmt: skip
        return readers[kind](found)

    def _combination(self, kind: str, node: Node) -> Shape | None:
        if not isinstance(node, Sequence) or len(node.items) < 2:
            self.report.error_at(node.span, f"'{kind}' must be a list of two shapes or more", "one shape on each line")
            return None
        parts = [self.read(item) for item in node.items]
        known = tuple(part for part in parts if part is not None)
        return _COMBINATIONS[kind](known) if len(known) == len(parts) else None

    def _rectangle(self, found: dict[str, Node]) -> Shape:
        x, y = (read_range(c, found[c], self.scope, self.report) for c in ("x", "y"))
        return rectangle(x, y, self._name(found, "rectangle"))

    def _disk(self, found: dict[str, Node]) -> Shape | None:
        center, radius = self._pair(found["center"], "the center"), self._radius(found["radius"])
        name = self._name(found, "disk")
        return None if center is None or radius is None else disk(center, radius, name)

    def _ellipse(self, found: dict[str, Node]) -> Shape | None:
        center, radii = self._pair(found["center"], "the center"), self._pair(found["radii"], "the list of radii")
        positive = radii is not None and all(self._radius(item) is not None for item in _items(found["radii"]))
        angle = self._number(found.get("angle"))
        name = self._name(found, "ellipse")
        if center is None or radii is None or angle is None or not positive:
            return None
        return EllipticDisk(Ellipse(center, radii, angle, name))

    def _polygon(self, found: dict[str, Node]) -> Shape | None:
        node, name = found["vertices"], self._name(found, "polygon")
        read = [self._pair(item, "a vertex") for item in _items(node)[: MAX_VERTICES + 1]]
        if not isinstance(node, Sequence) or not 3 <= len(read) <= MAX_VERTICES:
            message = (
                "a polygon needs three vertices or more" if len(read) < 3 else f"more than {MAX_VERTICES} vertices"
            )
            self.report.error_at(node.span, message, "write vertices: [[0, 0], [1, 0], [0, 1]]")
            return None
        vertices = tuple(vertex for vertex in read if vertex is not None)
        if len(vertices) < len(read):
            return None
        fault = _fault_of_polygon(np.array(vertices))
        if fault:
            self.report.error_at(
                node.span, fault, f"edge 1 leads from vertex 1 to vertex 2, edge {len(read)} back to 1"
            )
            return None
        return _counterclockwise(vertices, name)

    def _moved(self, found: dict[str, Node]) -> Shape | None:
        shape, angle = self.read(found["shape"]), self._number(found.get("rotate"))
        by = self._pair(found["by"], "a move") if "by" in found else (0.0, 0.0)
        return None if shape is None or by is None or angle is None else shape.moved(by, angle)

    def _number(self, node: Node | None) -> float | None:
        return 0.0 if node is None else read_constant(node, self.scope, self.report)

    def _pair(self, node: Node, what: str) -> Vector | None:
        if len(_items(node)) != 2:
            self.report.error_at(node.span, f"{what} must be two numbers", "write [0, 0.5]")
            return None
        first, second = (read_constant(item, self.scope, self.report) for item in _items(node))
        return None if first is None or second is None else (first, second)

    def _radius(self, node: Node) -> float | None:
        radius = read_constant(node, self.scope, self.report)
        if radius is not None and not radius > 0.0:
            self.report.error_at(node.span, f"a radius must be positive, and is {radius:g}")
            return None
        return radius

    def _name(self, found: dict[str, Node], kind: str) -> str:
        """The name of the curves of a shape; a namesake of an earlier shape gets a number."""
        node, name, count = found.get("name"), kind, 1
        if node is None:
            while name in self._names:
                count += 1
                name = f"{kind}{count}"
        elif not isinstance(node, Scalar) or not re.fullmatch(schema_keys.IDENTIFIER_PATTERN, node.text):
            self.report.error_at(node.span, "this is no name of a shape", "letters, digits and _, a letter first")
        elif node.text in _RESERVED:
            self.report.error_at(node.span, f"'{node.text}' is a place already", "choose another name")
        else:
            name = node.text
        self._names[name] += 1
        return name if self._names[name] == 1 else f"{name}#{self._names[name]}"


def _items(node: Node) -> list[Node]:
    return node.items if isinstance(node, Sequence) else []


def _counterclockwise(vertices: tuple[Vector, ...], name: str) -> Polygon:
    """The polygon; its edges keep the numbers that they have in the file."""
    names = [f"{name}.{k + 1}" for k in range(len(vertices))]
    x, y = np.array(vertices).T - np.array(vertices[0])[:, None]
    if float(x @ np.roll(y, -1) - y @ np.roll(x, -1)) < 0.0:
        return Polygon(vertices[::-1], (*names[-2::-1], names[-1]))
    return Polygon(vertices, tuple(names))


def _fault_of_polygon(vertices: np.ndarray) -> str:
    """Why a closed line through vertices (vertex, coordinate) bounds no polygon; "" if it does."""
    starts, count = vertices, len(vertices)
    stops = np.roll(vertices, -1, axis=0)
    along = stops - starts
    for k in range(count):
        if not along[k].any():
            return f"vertices {k + 1} and {(k + 1) % count + 1} are the same point"
    for k in range(count):
        following = (k + 1) % count
        if _cross(along[k], along[following]) == 0.0 and along[k] @ along[following] < 0.0:
            return f"the polygon crosses itself: its edges {k + 1} and {following + 1} lie on each other"
        others = np.arange(k + 2, count - (k == 0))
        meeting = others[_meet(starts[k], stops[k], starts[others], stops[others])]
        if len(meeting):
            return f"the polygon crosses itself: its edges {k + 1} and {meeting[0] + 1} meet"
    return ""


def _cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0])


def _meet(a: np.ndarray, b: np.ndarray, starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Which segments (segment, coordinate) have a point in common with that from ``a`` to ``b``."""
    sides = [_cross(b - a, point - a) for point in (starts, stops)]
    back = [_cross(stops - starts, point - starts) for point in (a, b)]
    apart = (np.maximum(starts, stops) < np.minimum(a, b)) | (np.minimum(starts, stops) > np.maximum(a, b))
    crossing = (np.sign(sides[0]) * np.sign(sides[1]) <= 0.0) & (np.sign(back[0]) * np.sign(back[1]) <= 0.0)
    return np.asarray(crossing & ~apart.any(-1))
