"""Read the names of a problem and their meaning: parameters, coordinates with ranges, unknowns, functions, vectors."""

import math
import re
from dataclasses import dataclass
from keyword import iskeyword

import sympy

from pinnkan.domain.box import Box
from pinnkan.problem import schema
from pinnkan.problem.coordinates import COORDINATES, NUMBERED, PLAIN, join_names, order_of, skipped_coordinate
from pinnkan.problem.expressions.expression import parse
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.expressions.scope import RESERVED, Scope
from pinnkan.problem.notation_hints import latin_name_hint, mapping_hint
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.source import Mapping, Node, Scalar, Sequence, Span

#: Names of arrays in every result file.
_RESULT_ARRAYS = re.compile(r"(error|error_estimate|residual_\d+)\Z", re.ASCII)
#: The most unknowns of a file: the cost of their coupling grows with the square. Heuristic.
MAX_UNKNOWNS = 30
_OTHER_SHAPES = ("disk", "ball", "polygon", "mesh", "union", "intersection", "difference")


@dataclass(frozen=True)
class DomainSection:
    """The ``domain:`` section: the coordinates present, in the order x, y, z (or x1, x2, ..), t, and their box.

    ``is_marched``: whether t is solved in slabs from initial data; not if t is alone and something is given later.
    """

    coordinates: tuple[str, ...]
    box: Box
    is_marched: bool = True

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
    if "shape" in found:
        shaped = _read_shape(found["shape"], report)
        for name in shaped.keys() & found.keys():
            report.error_at(found[name].span, f"the range of {name} beside a shape that has one", "delete one of them")
        found = {**found, **shaped}
    scope = Scope(JetSpace((), ()), parameters, allows_coordinates=False, used_names=used, context="a range")
    coordinates = tuple(c for c in COORDINATES if c in found)
    if "shape" in found and report.failed:  # stand-ins, so that the rest can be read
        return DomainSection((*PLAIN, "t"), Box(((0.0, 1.0),) * 4, (False,) * 4))
    _check_coordinates(node, coordinates, report)
    ranges = tuple(_range(c, found[c], scope, report) for c in coordinates)
    wrapped = _periodic(found["periodic"], coordinates, report) if "periodic" in found else []
    return DomainSection(coordinates, Box(ranges, tuple(c in wrapped for c in coordinates)))


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


def _read_shape(node: Node, report: Report) -> dict[str, Node]:
    """Read the ranges of ``shape: {interval | rectangle | box: {x: ..}}``."""
    kinds = list(node.values.items()) if isinstance(node, Mapping) else []
    kind, body = kinds[0] if len(kinds) == 1 else ("", node)
    if kind in _OTHER_SHAPES:
        report.error_at(node.span, f"the shape '{kind}' is not available yet", "only boxes are: give ranges to x, y, z")
    elif kind not in schema.BOXES or not isinstance(body, Mapping):
        report.error_at(node.span, "this is not a shape", "`rectangle: {x: [0, 1], y: [0, 1]}`, or plain ranges")
    elif set(body.values) != set(schema.BOXES[kind]):
        unknown = "name" in body.values
        hint = "names of shapes are not available yet" if unknown else f"it takes {', '.join(schema.BOXES[kind])}"
        report.error_at(node.span, f"the ranges of this {kind} are not as expected", hint)
    else:
        return body.values
    return {}


def _range(name: str, node: Node, scope: Scope, report: Report) -> tuple[float, float]:
    if not isinstance(node, Sequence) or len(node.items) != 2:
        report.error_at(node.span, f"the range of {name} must be two numbers", f"write {name}: [0, 1]")
        return 0.0, 1.0
    ends = [read_constant(item, scope, report) for item in node.items]
    if ends[0] is None or ends[1] is None:
        return 0.0, 1.0
    if not ends[0] < ends[1]:
        message = f"the range of {name} is empty: {ends[0]:g} is not below {ends[1]:g}"
        report.error_at(node.span, message, "the lower end comes first")
    elif ends[1] - ends[0] < 1e-12 * max(abs(ends[0]), abs(ends[1])) or not 1e-100 < ends[1] - ends[0] < 1e100:
        report.error_at(node.span, f"the range of {name} is too narrow or too wide for float64", "scale the coordinate")
    return ends[0], ends[1]


def read_constant(node: Node, scope: Scope, report: Report) -> float | None:
    """Read a number or constant expression as a float; None if it has a fault."""
    if not isinstance(node, Scalar) or node.value is None:
        hint = "several values: `pinnkan sweep FILE --set NAME=..`" if isinstance(node, Sequence) else ""
        report.error_at(node.span, "a number is missing here", hint)
        return None
    value = parse(node, scope, report)
    return None if value is None else float(value)


def read_parameters(node: Node | None, report: Report) -> tuple[dict[str, sympy.Expr], set[str], dict[str, Span]]:
    """Read the parameters: their values, the names used in their definitions, and their spans."""
    values: dict[str, sympy.Expr] = {}
    used: set[str] = set()
    named = section(node, report, "parameters")
    for name, (span, value) in named.items():
        later = tuple(n for n in named if n not in values)
        scope = Scope(
            JetSpace((), ()),
            values,
            allows_coordinates=False,
            used_names=used,
            later_names=later,
            context="a parameter",
        )
        check_name(name, span, report, "parameter")
        number = read_constant(value, scope, report)
        if number is None:
            values[name] = sympy.S.One
        else:
            whole = number == math.floor(number) and abs(number) <= 10_000
            values[name] = sympy.Integer(int(number)) if whole else sympy.Float(number)
    return values, used, {name: span for name, (span, _) in named.items()}


def read_functions(node: Node | None, scope: Scope, report: Report) -> dict[str, Span]:
    """Add the named functions to ``scope.values``; return their spans."""
    named = section(node, report, "functions")
    values = dict(scope.values)
    for name, (span, value) in named.items():
        check_name(name, span, report, "function")
        if name in values:
            report.error_at(span, f"'{name}' is a parameter and a function", "rename one of them")
        scope.values = dict(values)
        scope.later_names = tuple(n for n in named if n not in values)
        meaning = parse(value, scope, report) if isinstance(value, Scalar) and value.text else None
        if meaning is None and not (isinstance(value, Scalar) and value.text):
            report.error_at(value.span, f"the function '{name}' needs an expression")
        values[name] = sympy.S.One if meaning is None else meaning
    scope.values = values
    scope.later_names = ()
    return {name: span for name, (span, _) in named.items()}


def has_unreadable_names(found: dict[str, Node]) -> bool:
    """Whether a faulty section hides all names of coordinates, parameters, functions or unknowns."""
    domain, unknowns = found.get("domain"), found.get("unknowns")
    if not isinstance(domain, Mapping) or unknowns is None or (isinstance(unknowns, Scalar) and not unknowns.text):
        return True
    known = {key.name for key in schema.DOMAIN}
    strange = [v for name, v in domain.values.items() if name not in known]
    if any(isinstance(v, Sequence) and len(v.items) == 2 for v in strange):  # a range, but of no coordinate
        return True
    sections = [found[name] for name in ("parameters", "functions") if name in found]
    return any(not isinstance(s, Mapping) and not (isinstance(s, Scalar) and s.value is None) for s in sections)


def section(node: Node | None, report: Report, what: str) -> dict[str, tuple[Span, Node]]:
    """The entries of a section of names: by name its span and its value."""
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return {}
    if not isinstance(node, Mapping):
        report.error_at(node.span, f"'{what}' must be lines of `name: value`", mapping_hint(node, "{name: value}"))
        return {}
    return {name: (node.keys[name], value) for name, value in node.values.items()}


def check_name(name: str, span: Span, report: Report, what: str) -> None:
    """Report a word that is no valid name, or that has a meaning in every problem."""
    if not re.fullmatch(schema.IDENTIFIER_PATTERN, name) or "__" in name or iskeyword(name):
        word = "a reserved word" if iskeyword(name) else "not a name"
        hint = latin_name_hint(name) or "letters, digits and _, a letter first"
        report.error_at(span, f"'{name[:60]}' is {word}, so no {what} can have it", hint)
    elif name in RESERVED:
        report.error_at(span, f"'{name}' already has a meaning, so no {what} can have it", "choose another name")


def _check_array_name(name: str, span: Span, report: Report) -> None:
    """Report an unknown or vector with the name of another array in result files."""
    if _RESULT_ARRAYS.match(name):
        report.error_at(span, f"'{name}' is the name of another array in the results", "choose another name")


def names_reserved_by_domain(coordinates: tuple[str, ...]) -> set[str]:
    """The names that only domains with these coordinates reserve: coordinates, derivatives, normals."""
    space = [c for c in coordinates if c != "t"]
    return {*coordinates, *(f"d{c}" for c in coordinates), *(f"n_{c}" for c in space)} - RESERVED


def read_unknowns(node: Node | None, coordinates: tuple[str, ...], report: Report) -> tuple[str, ...]:
    """Read the names of the unknowns."""
    names: list[str] = []
    for item in schema.items(node, report, "'unknowns'") if node is not None else []:
        if not isinstance(item, Scalar) or isinstance(item.value, bool | None):
            report.error_at(item.span, "an unknown must be a name")
            continue
        if not (item.text in PLAIN and coordinates == ("t",)):  # where t is the only coordinate, x may be an unknown
            check_name(item.text, item.span, report, "unknown")
        if item.text in names_reserved_by_domain(coordinates):
            report.error_at(item.span, f"'{item.text}' already has a meaning in this domain", "choose another name")
        _check_array_name(item.text, item.span, report)
        if item.text in names:
            report.error_at(item.span, f"the unknown '{item.text}' stands twice")
        else:
            names.append(item.text)
    if isinstance(node, Sequence) and not names:
        report.error_at(node.span, "there is no unknown", "write unknowns: [u]")
    if len(names) > MAX_UNKNOWNS and node is not None:
        report.error_at(node.span, f"{len(names)} unknowns", f"{MAX_UNKNOWNS} are the most")
    return tuple(names[:MAX_UNKNOWNS])


def read_vectors(
    node: Node | None, unknowns: tuple[str, ...], report: Report
) -> tuple[dict[str, tuple[str, ...]], dict[str, Span]]:
    """Read the unknowns and the span of each vector; an unknown belongs to at most one vector."""
    vectors: dict[str, tuple[str, ...]] = {}
    owner: dict[str, str] = {}
    named = section(node, report, "vectors")
    for name, (span, value) in named.items():
        check_name(name, span, report, "vector")
        _check_array_name(name, span, report)
        parts = []
        for item in schema.items(value, report, f"the vector '{name}'"):
            part = item.text if isinstance(item, Scalar) else ""
            if part not in unknowns:
                hint = did_you_mean(part, unknowns) or f"unknowns: {', '.join(unknowns)}"
                report.error_at(item.span, f"'{part[:60]}' is not an unknown", hint)
            elif part in owner:
                twice = "twice in it" if owner[part] == name else f"part of the vector '{owner[part]}' already"
                report.error_at(item.span, f"'{part}' is {twice}", "an unknown belongs to one vector")
            else:
                owner[part] = name
                parts.append(part)
        if isinstance(value, Sequence) and not value.items:
            report.error_at(value.span, f"the vector '{name}' has no components", "write velocity: [u, v]")
        vectors[name] = tuple(parts)
    return vectors, {name: span for name, (span, _) in named.items()}


def check_ambiguous(
    named: dict[str, Span], unknowns: tuple[str, ...], coordinates: tuple[str, ...], report: Report
) -> None:
    """Report a parameter, function or vector whose name is that of a coordinate, unknown or derivative."""
    taken = names_reserved_by_domain(coordinates)
    for name, span in named.items():
        base, _, letters = name.rpartition("_")
        if name in unknowns:
            report.error_at(span, f"'{name}' is also an unknown", "rename one of them")
        elif name in taken:
            report.error_at(span, f"'{name}' already has a meaning in this domain", "rename it")
        elif base in unknowns and order_of(letters, coordinates):
            report.error_at(span, f"'{name}' could also be a derivative of the unknown '{base}'", "rename it")
