"""Read the places that a file names: sides of the box, pieces of a shape, points, the whole domain."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import sympy

from pinnkan.domain.shapes.shaped_domain import ShapedDomain, ShapeSide
from pinnkan.problem import schema, schema_keys
from pinnkan.problem.coordinates import SIDES, join_names, places_of
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.geometry.domain_section import DomainSection
from pinnkan.problem.names import read_constant
from pinnkan.problem.notation_hints import place_hint
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.shapes import name_in_file, names_of_shapes, pieces_called, pieces_of
from pinnkan.problem.source import Mapping, Node, Scalar, Sequence, Span
from pinnkan.problem.statement import Place, Point, Side, WholeDomain

#: Distance outside of a shape, relative to its size, at which a point counts as on its boundary: rounding.
POINT_SLACK = 1e-9
#: Reports a fault: message and hint.
_Fail = Callable[[str, str], None]


@dataclass(frozen=True)
class NamedPlace:
    """A place, its name in messages, and its span in the file."""

    place: Place
    name: str
    span: Span


def side_name(side: Side, domain: DomainSection) -> str:
    """The name of a side in the file: left, right, .., x1_low, .., initial; the end of time is ``t = 20``."""
    coordinate = domain.coordinates[side.axis]
    if coordinate == "t":
        return "initial" if side.end == 0 else f"t = {domain.box.ranges[side.axis][1]:g}"
    return next(name for name, place in SIDES.items() if place == (coordinate, side.end))


def place_name(place: Place, domain: DomainSection) -> str:
    """The name of a side or piece, ``domain``, or the coordinates of a point: ``x = 0, y = 0.5``."""
    if isinstance(place, Side):
        return side_name(place, domain)
    if isinstance(place, ShapeSide):
        return name_in_file(place)
    if isinstance(place, WholeDomain):
        return "domain"
    given = zip(domain.coordinates, place.position, strict=True)
    return ", ".join(f"{name} = {value:g}" for name, value in given if value is not None)


def known_places(domain: DomainSection) -> list[str]:
    """The names of the places of a domain."""
    if domain.shaped is None:
        return places_of(domain.coordinates)
    start = () if domain.shaped.times is None else ("initial",)
    return [*names_of_shapes(domain.shaped), "boundary", *start, "domain"]


def space_sides(domain: DomainSection) -> list[Side]:
    """The sides in space of the coordinates that are not periodic: those that need a condition; none of a shape."""
    if domain.shaped is not None:
        return []
    axes = [i for i, c in enumerate(domain.coordinates) if c != "t" and not domain.box.periodic[i]]
    return [Side(axis, end) for axis in axes for end in (0, 1)]


def scope_at(place: Place, scope: Scope, domain: DomainSection, where: str) -> Scope:
    """The names that an expression may use at a place; on a side or piece in space also the outward normal."""
    if isinstance(place, ShapeSide):
        formulas = domain.domain.boundary_pieces[place].normal(scope.space.coordinate_symbols)
        return replace(scope, normal=tuple(map(_exact_if_whole, formulas)), context=where)
    if not isinstance(place, Side):
        return replace(scope, context=where)
    space: JetSpace = scope.space.on_side(place.axis, place.end)
    is_space = domain.coordinates[place.axis] != "t"
    normal = domain.box.boundary_pieces[place].normal(space.coordinate_symbols) if is_space else None
    return replace(scope, space=space, normal=normal, context=where)


def _exact_if_whole(component: sympy.Expr | float) -> sympy.Expr:
    """A component of a normal; -1, 0 and 1 as integers, so that no derivative is multiplied by 0.0."""
    if isinstance(component, sympy.Expr):
        return component
    return sympy.Integer(round(component)) if component == round(component) else sympy.Float(component)


def read_places(node: Node, domain: DomainSection, scope: Scope, report: Report) -> list[NamedPlace]:
    """Read the places of ``where`` or ``over``, each once."""
    found: list[NamedPlace] = []
    for item in node.items if isinstance(node, Sequence) else [node]:
        for place in _places(item, domain, scope, report):
            name = place_name(place, domain)
            if place in [known.place for known in found]:
                what = "side" if isinstance(place, Side) else "piece" if isinstance(place, ShapeSide) else "place"
                report.error_at(item.span, f"the {what} '{name}' stands twice in this place")
            else:
                found.append(NamedPlace(place, name, item.span))
    if isinstance(node, Sequence) and not node.items:
        report.error_at(node.span, "a place is missing", f"one of: {join_names(known_places(domain))}")
    return found


def _places(node: Node, domain: DomainSection, scope: Scope, report: Report) -> list[Place]:
    if isinstance(node, Scalar):
        return _places_of_word(node.text, domain, lambda message, hint: report.error_at(node.span, message, hint))
    if isinstance(node, Mapping) and len(node.values) == 1:
        (name, value), *_ = node.values.items()
        side = _side_equation_hint(f"{name} = {value.text}", domain) if isinstance(value, Scalar) else ""
        if side:
            report.error_at(node.span, f"'{name}' is no key of a place", side)
            return []
    entries = schema.entries(node, schema_keys.POINT, report, "a place")
    point = read_point(entries["point"], domain, scope, report) if "point" in entries else None
    return [] if point is None else [point]


def read_point(node: Node, domain: DomainSection, scope: Scope, report: Report) -> Point | Side | None:
    """Read a point in space (in t, where t is alone); in one coordinate, an end of its range becomes a side."""
    axes = domain.point_axes
    names = [domain.coordinates[axis] for axis in axes]
    if not isinstance(node, Sequence) or len(node.items) != len(axes):
        count = f"{len(axes)} coordinate{'s' * (len(axes) > 1)}"
        report.error_at(
            node.span, f"a point of this domain has {count}: {join_names(names)}", f"write [{', '.join(names)}]"
        )
        return None
    local = replace(scope, allows_unknowns=False, allows_coordinates=False, context="a point")
    values = [read_constant(item, local, report) for item in node.items]
    position: list[float | None] = [None] * len(domain.coordinates)
    for axis, value, item in zip(axes, values, node.items, strict=True):
        low, high = domain.box.ranges[axis]
        if value is not None and not low <= value <= high:
            message = f"this point is outside of the domain: {domain.coordinates[axis]} = {value:g}"
            report.error_at(item.span, message, f"{domain.coordinates[axis]} goes from {low:g} to {high:g}")
            return None
        position[axis] = value
    if any(value is None for value in values):
        return None
    plane = np.array([position[:2]], dtype=np.float64)
    if domain.shaped is not None and not domain.shaped.projected(2).contains(plane, POINT_SLACK)[0]:
        report.error_at(node.span, f"({', '.join(f'{x:g}' for x in plane[0])}) is outside of the domain")
        return None
    if len(axes) == 1 and not domain.box.periodic[axes[0]] and values[0] in domain.box.ranges[axes[0]]:
        return Side(axes[0], domain.box.ranges[axes[0]].index(values[0]))
    return Point(tuple(position))


def _side_equation_hint(name: str, domain: DomainSection) -> str:
    """A hint for a side written as an equation, ``t = 0`` or ``x = 1``; else ""."""
    coordinate, _, value = (part.strip() for part in name.partition("="))
    if domain.shaped is not None or coordinate not in domain.coordinates or not re.fullmatch(r"[-+.\deE]+", value):
        return ""
    axis = domain.coordinates.index(coordinate)
    near = [end for end in (0, 1) if value in (f"{domain.box.ranges[axis][end]:g}", str(domain.box.ranges[axis][end]))]
    return f"write {side_name(Side(axis, near[0]), domain)}" if near and (coordinate != "t" or near[0] == 0) else ""


def _places_of_word(name: str, domain: DomainSection, fail: _Fail) -> list[Place]:
    """The places that a word names; with an unknown word call ``fail`` and return none."""
    if name == "domain":
        return [WholeDomain()]
    if domain.is_stand_in:
        return []
    if domain.shaped is not None and name != "initial":
        return _pieces_of_word(name, domain.shaped, known_places(domain), fail)
    if name == "boundary":
        sides = space_sides(domain)
        if not sides:
            why = "the domain has no space coordinate" if domain.is_ordinary else "every space coordinate is periodic"
            fail(f"`boundary` is empty: {why}", "delete this condition")
        return [*sides]
    if name == "initial":
        if "t" not in domain.coordinates:
            fail("`initial` needs the coordinate t", "add its range to `domain`")
            return []
        return [Side(len(domain.coordinates) - 1, 0)]
    places = places_of(domain.coordinates)
    if name not in SIDES:
        meant = _side_equation_hint(name, domain) or place_hint(name, places)
        meant = meant or did_you_mean(name, places) or f"known places: {join_names(places)}"
        fail(f"unknown place '{name[:60]}'", meant)
        return []
    coordinate, end = SIDES[name]
    if coordinate not in domain.coordinates:
        hint = f"known places: {join_names(places)}"
        fail(f"`{name}` needs the coordinate {coordinate}, which the domain lacks", hint)
        return []
    axis = domain.coordinates.index(coordinate)
    if domain.box.periodic[axis]:
        fail(f"`{name}` is no side: {coordinate} is periodic", "delete this condition, or `periodic`")
        return []
    return [Side(axis, end)]


def _pieces_of_word(name: str, domain: ShapedDomain, places: list[str], fail: _Fail) -> list[Place]:
    """The pieces of the boundary of a shape that a word names; with another word call ``fail`` and return none."""
    found = pieces_of(domain) if name == "boundary" else pieces_called(name, domain)
    if not found and name in places:
        fail(f"no piece of the boundary has the name '{name}'", "the other shapes leave nothing of it")
    elif not found:
        hint = did_you_mean(name, places) or f"known places: {', '.join(places)}"
        fail(f"unknown place '{name[:60]}'", hint)
    return [*found]
