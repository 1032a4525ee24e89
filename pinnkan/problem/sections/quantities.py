"""Read the quantities of a solution: integrals over the domain or sides, values at points, extrema."""

from pinnkan.problem import schema
from pinnkan.problem.conditions import residual_equation
from pinnkan.problem.expressions.expression import parse
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.geometry.domain_section import DomainSection
from pinnkan.problem.geometry.places import read_places, read_point, scope_at
from pinnkan.problem.names import check_name, section
from pinnkan.problem.report import Report
from pinnkan.problem.source import Mapping, Node, Scalar
from pinnkan.problem.statement import Equation, Place, Quantity, ShapeSide, Side, WholeDomain

#: The most quantities of one file; heuristic.
MAX_QUANTITIES = 100


def read_quantities(node: Node | None, domain: DomainSection, scope: Scope, report: Report) -> dict[str, Quantity]:
    """Read the quantities by name."""
    quantities: dict[str, Quantity] = {}
    for name, (span, value) in list(section(node, report, "quantities").items())[:MAX_QUANTITIES]:
        check_name(name, span, report, "quantity")
        if not isinstance(value, Mapping):
            hint = "{integral: u}, {value: u, at: [0.5, 0.5]}, {max: u} or {min: u}"
            report.error_at(value.span, f"'{name}' does not say what is read off the solution", hint)
            continue
        found = _read(name, value, domain, scope, report)
        if found is not None:
            quantities[name] = found
    return quantities


def _read(name: str, node: Mapping, domain: DomainSection, scope: Scope, report: Report) -> Quantity | None:
    found = schema.entries(node, schema.QUANTITY, report, f"the quantity '{name}'")
    kinds = [kind for kind in schema.QUANTITY_KINDS if kind in found]
    if len(kinds) != 1:
        said = f"'{name}' is both {kinds[0]} and {kinds[1]}" if kinds else f"'{name}' has no expression"
        report.error_at(node.span, said, f"one of: {', '.join(schema.QUANTITY_KINDS)}")
        return None
    kind = kinds[0]
    if kind in ("max", "min") and domain.shaped is not None:
        report.error_at(node.keys[kind], f"'{kind}' over a shape is not available yet", "give a value at a point")
        return None
    for key, owner in (("over", "integral"), ("at", "value")):
        if key in found and kind != owner:
            report.error_at(node.keys[key], f"'{key}' belongs to '{owner}', not to '{kind}'", "delete it")
            return None
    at_end = "time" in found
    if at_end and not _is_end(found["time"], domain, report):
        return None
    parts = [
        (place, _expression(found[kind], scope_at(place, scope, domain, "a quantity"), report))
        for place in _places(kind, found, node, domain, scope, report)
    ]
    read = tuple((place, equation) for place, equation in parts if equation is not None)
    if not parts or len(read) < len(parts):
        return None
    if not any(equation.jets for _, equation in read):
        report.error_at(found[kind].span, f"no unknown stands in '{name}'", "nothing would be read off a solution")
        return None
    return Quantity(kind, read, at_end)


def _places(
    kind: str, found: dict[str, Node], node: Mapping, domain: DomainSection, scope: Scope, report: Report
) -> list[Place]:
    """The places of a quantity; none, with a fault, if they are not given as its kind requires."""
    if kind == "value":
        if "at" not in found:
            names = ", ".join(domain.coordinates[axis] for axis in domain.point_axes)
            report.error_at(node.keys[kind], "a value at which point?", f"add `at: [{names}]`")
            return []
        point = read_point(found["at"], domain, scope, report)
        return [] if point is None else [point]
    if "over" not in found:
        return [WholeDomain()]
    named_places = read_places(found["over"], domain, scope, report)
    for at in named_places:
        is_side = isinstance(at.place, Side) and domain.coordinates[at.place.axis] != "t"
        if not is_side and not isinstance(at.place, ShapeSide):
            report.error_at(at.span, f"'{at.name}' is no side to integrate over", "sides of the space domain only")
            return []
    return [at.place for at in named_places]


def _is_end(node: Node, domain: DomainSection, report: Report) -> bool:
    if not isinstance(node, Scalar) or node.text != "end":
        report.error_at(node.span, "'time' must be: end", "without it the quantity is a curve over time")
    elif "t" not in domain.coordinates or domain.is_ordinary:
        why = "t is the only coordinate" if domain.is_ordinary else "the problem has no time"
        report.error_at(node.span, f"`time: end` has no meaning here: {why}", "delete it, or give a value `at` a time")
    else:
        return True
    return False


def _expression(node: Node, scope: Scope, report: Report) -> Equation | None:
    """Parse an expression as a residual; None if it has a fault."""
    if not isinstance(node, Scalar) or not node.text.strip():
        report.error_at(node.span, "an expression is missing here")
        return None
    value = parse(node, scope, report)
    return None if value is None else residual_equation(value, node, scope, report)
