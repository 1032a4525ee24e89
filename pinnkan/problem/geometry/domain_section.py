"""Read the domain of a problem: ranges of coordinates, or a shape in the plane."""

from collections.abc import Mapping as Entries
from dataclasses import dataclass

import sympy

from pinnkan.domain.box import Box
from pinnkan.domain.domain import Domain
from pinnkan.domain.shapes.shaped_domain import ShapedDomain
from pinnkan.problem import schema, schema_keys
from pinnkan.problem.coordinates import COORDINATES, NUMBERED, PLAIN, join_names, skipped_coordinate
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.names import read_range
from pinnkan.problem.report import Report
from pinnkan.problem.shapes import is_plain_box, read_shape
from pinnkan.problem.source import Mapping, Node, Scalar


@dataclass(frozen=True)
class DomainSection:
    """The ``domain:`` section: the coordinates present, in the order x, y, z (or x1, x2, ..), t, and their values.

    ``is_marched``: whether t is solved in slabs from initial data; not if t is alone and something is given later.
    ``is_stand_in``: whether a fault hides the domain of the file, so that the names of its pieces are not known.
    """

    coordinates: tuple[str, ...]
    domain: Domain
    is_marched: bool = True
    is_stand_in: bool = False

    @property
    def box(self) -> Box:
        """The ranges of the coordinates."""
        return self.domain.box

    @property
    def shaped(self) -> ShapedDomain | None:
        """The domain, if it is a shape; None for a box."""
        return self.domain if isinstance(self.domain, ShapedDomain) else None

    @property
    def time_axis(self) -> int | None:
        """The axis of t (the last) if time is marched, else None."""
        return len(self.coordinates) - 1 if self.is_marched and self.coordinates[-1:] == ("t",) else None

    @property
    def is_ordinary(self) -> bool:
        """Whether t is the only coordinate."""
        return self.coordinates == ("t",)

    @property
    def point_axes(self) -> tuple[int, ...]:
        """The axes in which points are given: those of space, or t where it is alone."""
        return (0,) if self.is_ordinary else tuple(i for i, c in enumerate(self.coordinates) if c != "t")


def read_domain(node: Node | None, parameters: dict[str, sympy.Expr], used: set[str], report: Report) -> DomainSection:
    """Read the domain; with faults, a stand-in that has the coordinates that could be read."""
    if node is None:
        return DomainSection(("x",), Box(((0.0, 1.0),), (False,)))
    found = schema.entries(node, schema.DOMAIN, report, "the domain")
    if "regions" in found:
        report.error_at(found["regions"].span, "'regions' is not available yet", "delete it")
    scope = Scope(JetSpace((), ()), parameters, allows_coordinates=False, used_names=used, context="a range")
    shape = found.get("shape")
    if shape is not None and not is_plain_box(shape):
        return _shaped_section(shape, found, scope, report)
    if shape is not None:
        ranges = _ranges_of_box(shape, report)
        for name in ranges.keys() & found.keys():
            report.error_at(found[name].span, f"the range of {name} beside a shape that has one", "delete one of them")
        found = {**found, **ranges}
    coordinates = tuple(c for c in COORDINATES if c in found)
    if shape is not None and report.failed:  # stand-ins, so that the rest can be read
        return DomainSection((*PLAIN, "t"), Box(((0.0, 1.0),) * 4, (False,) * 4))
    _check_coordinates(node, coordinates, report)
    read = tuple(read_range(c, found[c], scope, report) for c in coordinates)
    wrapped = _periodic(found["periodic"], coordinates, report) if "periodic" in found else []
    return DomainSection(coordinates, Box(read, tuple(c in wrapped for c in coordinates)))


def _shaped_section(shape: Node, found: Entries[str, Node], scope: Scope, report: Report) -> DomainSection:
    """Read a shape in the plane; a unit square without names if it has a fault."""
    for name, node in found.items():
        if name == "periodic":
            report.error_at(node.span, "'periodic' beside a shape is not available yet", "only boxes wrap around")
        elif name not in ("shape", "t", "regions"):
            hint = "delete it: the shape has ranges of its own"
            report.error_at(node.span, f"the range of {name} beside a shape, which has ranges of its own", hint)
    times = read_range("t", found["t"], scope, report) if "t" in found else None
    domain = read_shape(shape, times, scope, report)
    coordinates = PLAIN[:2] if times is None else (*PLAIN[:2], "t")
    if domain is None:
        count = len(coordinates)
        return DomainSection(coordinates, Box(((0.0, 1.0),) * count, (False,) * count), is_stand_in=True)
    return DomainSection(coordinates, domain)


def _ranges_of_box(node: Node, report: Report) -> dict[str, Node]:
    """Read the ranges of ``shape: {interval | rectangle | box: {x: ..}}``."""
    (kind, body), *_ = node.values.items() if isinstance(node, Mapping) else [("", node)]
    if not isinstance(body, Mapping) or set(body.values) != set(schema_keys.BOXES[kind]):
        hint = f"it takes {', '.join(schema_keys.BOXES[kind])}"
        report.error_at(node.span, f"the ranges of this {kind} are not as expected", hint)
        return {}
    return body.values


def _check_coordinates(node: Node, coordinates: tuple[str, ...], report: Report) -> None:
    """Report a missing coordinate, a gap in numbered coordinates, and numbered ones beside x, y, z."""
    numbered, plain = ([c for c in coordinates if c in names] for names in (NUMBERED, PLAIN))
    missing = skipped_coordinate(coordinates)
    if not coordinates and not report.failed:
        report.error_at(node.span, "the domain has no coordinate", "give a range to x, or to t")
    elif numbered and plain:
        span = node.keys[plain[0]] if isinstance(node, Mapping) and plain[0] in node.keys else node.span
        report.error_at(span, f"'{plain[0]}' beside '{numbered[0]}'", "name all x, y, z, or all x1, x2, ...")
    elif missing:
        span = node.keys[numbered[-1]] if isinstance(node, Mapping) else node.span
        report.error_at(span, f"'{missing}' is missing before '{numbered[-1]}'", "number them x1, x2, x3, ...")


def _periodic(node: Node, coordinates: tuple[str, ...], report: Report) -> list[str]:
    names = []
    for item in schema.items(node, report, "'periodic'"):
        name = item.text if isinstance(item, Scalar) else ""
        if name == "t":
            report.error_at(item.span, "time cannot be periodic")
        elif name not in coordinates:
            hint = f"its coordinates: {join_names(coordinates)}"
            report.error_at(item.span, f"'{name[:60]}' is not a coordinate of this domain", hint)
        names.append(name)
    return names
