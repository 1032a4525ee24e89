"""Read the names of a problem and their meaning: parameters, unknowns, functions, vectors."""

import math
import re
from keyword import iskeyword

import sympy

from pinnkan.problem import schema, schema_keys
from pinnkan.problem.coordinates import PLAIN, order_of
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


def read_range(name: str, node: Node, scope: Scope, report: Report) -> tuple[float, float]:
    """Read the lower and the upper end of a range; 0 and 1 if it has a fault."""
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
    if not re.fullmatch(schema_keys.IDENTIFIER_PATTERN, name) or "__" in name or iskeyword(name):
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
