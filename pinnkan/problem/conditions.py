"""Conditions: the places they name, one per side; and whether every side has what it needs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import sympy

from pinnkan.problem import schema
from pinnkan.problem.coordinates import SIDES, listed, places_of
from pinnkan.problem.expressions.expression import parse
from pinnkan.problem.expressions.operators import OperatorError
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.interfaces import split
from pinnkan.problem.names import DomainSection
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.source import Node, Scalar, Sequence, Span
from pinnkan.problem.statement import Condition, Equation, Side

MAX_CONDITIONS = 100  # of one file; a choice


@dataclass(frozen=True)
class Placed:
    """A condition with where its place and its equation stand in the file."""

    condition: Condition
    where: Span
    equation: Span

    @property
    def side(self) -> Side:
        """The side it holds on."""
        if not isinstance(self.condition.place, Side):
            raise TypeError("a condition at a point has no side")
        return self.condition.place

    @property
    def unknown(self) -> int:
        """The first unknown in it."""
        equation = self.condition.equation
        return min((jet.unknown for jet in equation.jets.values()), default=0) if equation is not None else 0


def side_name(side: Side, domain: DomainSection) -> str:
    """The word of the file for a side: left, right, ..., x1_low, ..., initial."""
    if side.axis == domain.time_axis:
        return "initial"
    return next(name for name, place in SIDES.items() if place == (domain.coordinates[side.axis], side.end))


def sides_of(domain: DomainSection) -> list[Side]:
    """The sides of the space domain that need a condition: those of axes that do not wrap around."""
    axes = [i for i, c in enumerate(domain.coordinates) if c != "t" and not domain.box.periodic[i]]
    return [Side(axis, end) for axis in axes for end in (0, 1)]


def parse_equation(node: Node, scope: Scope, report: Report) -> Equation | None:
    """``left = right`` as a residual; None if it has a fault."""
    if not isinstance(node, Scalar) or not node.text.strip():
        listed = isinstance(node, Sequence)
        hint = "a leading `- - ` needs quotes" if listed else "a text that contains ': ' or ', ' needs quotes"
        report.error_at(node.span, "an equation must be a text: left = right", hint)
        return None
    left, sign, _ = node.text.partition("=")
    if not sign:
        report.error_at(node.part(0, len(node.text)), "an equation needs a '='", "write left = right")
        return None
    at = len(left)
    if node.text.startswith("==", at):
        report.error_at(node.part(at, at + 2), "'==' in an equation", "write a single =")
        return None
    sides = [parse(node, scope, report, 0, at), parse(node, scope, report, at + 1)]
    if sides[0] is None or sides[1] is None:
        return None
    try:
        residual, interfaces = split(sides[0] - sides[1], scope.space)
    except OperatorError as error:  # as everywhere else, where it is differentiated
        alone = replace(scope, space=scope.space.joining(False))
        if None not in (parse(node, alone, report, 0, at), parse(node, alone, report, at + 1)):
            report.error_at(node.part(0, len(node.text)), str(error), error.hint)
        return None
    line, column = report.text.locate(node.part(0, 1).start)
    jets = scope.space.jets_of(residual)
    return Equation(residual, jets, " ".join(node.text.split()), line, column, interfaces)


def read_conditions(node: Node | None, domain: DomainSection, scope: Scope, report: Report) -> list[Placed]:
    """Every condition of the file, one per side it names."""
    placed: list[Placed] = []
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return placed
    listed = schema.items(node, report, "'conditions'")
    if len(listed) > MAX_CONDITIONS:
        report.error_at(listed[MAX_CONDITIONS].span, f"more than {MAX_CONDITIONS} conditions", "one per side is usual")
    for item in listed[:MAX_CONDITIONS]:
        found = schema.entries(item, schema.CONDITION, report, "a condition")
        if "where" not in found or "equation" not in found:
            continue
        enforce = _enforce(found.get("enforce"), report)
        for side, span in _sides(found["where"], domain, report):
            placed += _read_one(found["equation"], side, span, enforce, domain, scope, report)
    return placed


def _enforce(node: Node | None, report: Report) -> str:
    if node is None:
        return "auto"
    if isinstance(node, Scalar) and node.text in ("auto", "exact", "penalty"):
        return node.text
    report.error_at(node.span, "'enforce' must be one of: auto, exact, penalty")
    return "auto"


def _read_one(
    node: Node, side: Side, where: Span, enforce: str, domain: DomainSection, scope: Scope, report: Report
) -> list[Placed]:
    name = side_name(side, domain)
    is_initial = side.axis == domain.time_axis
    if isinstance(node, Scalar) and node.text.strip() == "none":
        if is_initial:
            report.error_at(node.span, "`none` is for sides only", "initially every quantity must be given")
            return []
        return [Placed(Condition(side, None, enforce, name), where, node.span)]
    normal = None if is_initial else domain.box.pieces[side].normal(scope.space.symbols)
    local = replace(scope, space=scope.space.on(side.axis, side.end), normal=normal, where="a condition")
    equation = parse_equation(node, local, report)
    if equation is None:
        return []
    span = node.part(0, len(node.text)) if isinstance(node, Scalar) else node.span
    if not equation.jets:
        report.error_at(span, "this condition does not contain the unknown", f"write {scope.space.unknowns[0]} = ...")
        return []
    return [Placed(Condition(side, equation, enforce, name), where, span)]


def _sides(node: Node, domain: DomainSection, report: Report) -> list[tuple[Side, Span]]:
    result: list[tuple[Side, Span]] = []
    for item in node.items if isinstance(node, Sequence) else [node]:
        for side in _sides_named(item, domain, report):
            if side in [s for s, _ in result]:
                report.error_at(item.span, f"the side '{side_name(side, domain)}' stands twice in this place")
            else:
                result.append((side, item.span))
    if isinstance(node, Sequence) and not node.items:
        report.error_at(node.span, "a place is missing", f"one of: {listed(places_of(domain.coordinates))}")
    return result


def _sides_named(node: Node, domain: DomainSection, report: Report) -> list[Side]:
    def fail(message: str, hint: str) -> list[Side]:
        report.error_at(node.span, message, hint)
        return []

    if not isinstance(node, Scalar):
        return fail("conditions at a point are not available yet", "name a side, `boundary` or `initial`")
    name = node.text
    if name == "boundary":
        in_space = [c for c in domain.coordinates if c != "t"]
        why = "every space coordinate is periodic" if in_space else "the domain has no space coordinate"
        return sides_of(domain) or fail(f"`boundary` is empty: {why}", "delete this condition")
    if name == "initial":
        if domain.time_axis is None:
            return fail("`initial` needs the coordinate t", "add its range to `domain`")
        return [Side(domain.time_axis, 0)]
    places = places_of(domain.coordinates)
    if name not in SIDES:
        hint = did_you_mean(name, places) or f"known places: {listed(places)}"
        return fail(f"unknown place '{name[:60]}'", hint)
    coordinate, end = SIDES[name]
    if coordinate not in domain.coordinates:
        hint = f"known places: {listed(places)}"
        return fail(f"`{name}` needs the coordinate {coordinate}, which the domain lacks", hint)
    axis = domain.coordinates.index(coordinate)
    if domain.box.periodic[axis]:
        return fail(f"`{name}` is no side: {coordinate} is periodic", "delete this condition, or `periodic`")
    return [Side(axis, end)]


def dirichlet_value(equation: Equation | None) -> sympy.Expr | None:
    """g where the condition reads u = g (times a number); None for any other kind."""
    if equation is None or len(equation.jets) != 1:
        return None
    symbol, jet = next(iter(equation.jets.items()))
    return prescribed_value(equation, symbol) if jet.total == 0 else None


def prescribed_value(equation: Equation, symbol: sympy.Symbol) -> sympy.Expr | None:
    """g where the equation reads c*symbol = c*g with a number c; None otherwise."""
    factor = sympy.diff(equation.residual, symbol)
    if not factor.is_number or factor.is_zero:
        return None
    return -equation.residual.subs(symbol, 0) / factor
