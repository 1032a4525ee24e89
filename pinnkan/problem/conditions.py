"""Read the conditions of a problem file: one Condition for each place that the file names."""

from dataclasses import dataclass, replace

import sympy

from pinnkan.problem import schema
from pinnkan.problem.expressions.expression import parse
from pinnkan.problem.expressions.operators import OperatorError
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.features.removable_singularities import remove_singularities
from pinnkan.problem.geometry.domain_section import DomainSection
from pinnkan.problem.geometry.places import NamedPlace, read_places, scope_at
from pinnkan.problem.interfaces import split_interfaces
from pinnkan.problem.notation_hints import equation_hint, equation_text_hint
from pinnkan.problem.report import Report
from pinnkan.problem.source import Node, Scalar, Span
from pinnkan.problem.statement import Condition, Equation, ShapeSide, Side, WholeDomain

MAX_CONDITIONS = 100  # in one file; heuristic


@dataclass(frozen=True)
class ProblemSpans:
    """Spans in the file: of unknowns and equations in order, of `conditions`, by name of `exact` and `solver`."""

    unknowns: tuple[Span, ...]
    equations: tuple[Span, ...]
    conditions: Span
    exact: dict[str, Span]
    solver: dict[str, Span]


@dataclass(frozen=True)
class PlacedCondition:
    """A ``condition``, and the spans in the file of its place (``place_span``) and of its ``equation_span``."""

    condition: Condition
    place_span: Span
    equation_span: Span

    @property
    def side(self) -> Side:
        """The side on which the condition holds. Raises TypeError for a point and for the whole domain."""
        if not isinstance(self.condition.place, Side):
            raise TypeError("a condition at a point or on all of the domain has no side")
        return self.condition.place

    @property
    def first_unknown(self) -> int:
        """The lowest index of an unknown in the condition; 0 for ``none``."""
        equation = self.condition.equation
        return min((jet.unknown for jet in equation.jets.values()), default=0) if equation is not None else 0


def parse_equation(node: Node, scope: Scope, report: Report) -> Equation | None:
    """Parse ``left = right`` as the residual left - right; report a fault and return None if that fails."""
    if not isinstance(node, Scalar) or not node.text.strip():
        hint = equation_text_hint(node, report.text.content[node.span.start : node.span.end])
        report.error_at(node.span, "an equation must be a text: left = right", hint)
        return None
    left, sign, _ = node.text.partition("=")
    if not sign:
        hint = equation_hint(node.text.strip()) or "write left = right"
        report.error_at(node.part(0, len(node.text)), "an equation needs a '='", hint)
        return None
    at = len(left)
    if node.text.startswith("==", at):
        report.error_at(node.part(at, at + 2), "'==' in an equation", "write a single =")
        return None
    sides = [parse(node, scope, report, 0, at), parse(node, scope, report, at + 1)]
    if sides[0] is None or sides[1] is None:
        return None
    try:
        residual, interfaces = split_interfaces(sides[0] - sides[1], scope.space)
    except OperatorError as error:  # parsing without interfaces reports the fault at the derivative
        alone = replace(scope, space=scope.space.with_jump_deltas(False))
        if None not in (parse(node, alone, report, 0, at), parse(node, alone, report, at + 1)):
            report.error_at(node.part(0, len(node.text)), str(error), error.hint)
        return None
    return replace(residual_equation(residual, node, scope, report), interfaces=interfaces)


def residual_equation(expression: sympy.Expr, node: Scalar, scope: Scope, report: Report) -> Equation:
    """Return the equation whose residual is an expression read from ``node``, singularities removed if possible."""
    line, column = report.text.locate(node.part(0, 1).start)
    expression = remove_singularities(expression, scope.space.box)
    return Equation(expression, scope.space.jets_of(expression), " ".join(node.text.split()), line, column)


def read_conditions(node: Node | None, domain: DomainSection, scope: Scope, report: Report) -> list[PlacedCondition]:
    """Read the conditions of the file: one Placed for each place that a condition names."""
    placed: list[PlacedCondition] = []
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return placed
    listed = schema.items(node, report, "'conditions'")
    if isinstance(node, Scalar):  # schema.items has reported that it is no list
        return placed
    if len(listed) > MAX_CONDITIONS:
        report.error_at(listed[MAX_CONDITIONS].span, f"more than {MAX_CONDITIONS} conditions", "one per side is usual")
    for item in listed[:MAX_CONDITIONS]:
        found = schema.entries(item, schema.CONDITION, report, "a condition")
        if "where" not in found or "equation" not in found:
            continue
        enforce = _enforce(found.get("enforce"), report)
        for at in read_places(found["where"], domain, scope, report):
            placed += _read_one(found["equation"], at, enforce, domain, scope, report)
    return placed


def _enforce(node: Node | None, report: Report) -> str:
    if node is None:
        return "auto"
    if isinstance(node, Scalar) and node.text in ("auto", "exact", "penalty"):
        return node.text
    report.error_at(node.span, "'enforce' must be one of: auto, exact, penalty")
    return "auto"


def _read_one(
    node: Node, at: NamedPlace, enforce: str, domain: DomainSection, scope: Scope, report: Report
) -> list[PlacedCondition]:
    is_initial = isinstance(at.place, Side) and domain.coordinates[at.place.axis] == "t"
    if isinstance(node, Scalar) and node.text.strip() == "none":
        if is_initial or not isinstance(at.place, Side | ShapeSide):
            hint = "initially every quantity must be given" if is_initial else "delete this condition"
            report.error_at(node.span, "`none` is for sides only", hint)
            return []
        return [PlacedCondition(Condition(at.place, None, enforce, at.name), at.span, node.span)]
    local = scope_at(at.place, scope, domain, "a condition")
    whole = isinstance(at.place, WholeDomain)
    equation = _integral_equation(node, local, domain, report) if whole else parse_equation(node, local, report)
    if equation is None:
        return []
    span = node.part(0, len(node.text)) if isinstance(node, Scalar) else node.span
    if all(map(scope.space.is_number, equation.jets.values())):
        what = "no unknown stands in this integral" if whole else "this condition does not contain the unknown"
        example = f"integral({scope.space.unknowns[0]})" if whole else scope.space.unknowns[0]
        report.error_at(span, what, f"write {example} = ...")
        return []
    return [PlacedCondition(Condition(at.place, equation, enforce, at.name), at.span, span)]


def _integral_equation(node: Node, scope: Scope, domain: DomainSection, report: Report) -> Equation | None:
    """Parse ``integral(p) = g(t)`` as the equation whose residual p - g/measure has the integral 0 over space."""
    integrals: dict[sympy.Symbol, sympy.Expr] = {}
    equation = parse_equation(node, replace(scope, integrals=integrals), report)
    if equation is None:
        return None
    span = node.part(0, len(node.text)) if isinstance(node, Scalar) else node.span
    factors = [sympy.diff(equation.residual, symbol) for symbol in integrals]
    rest = equation.residual.subs({symbol: 0 for symbol in integrals})
    varying = {scope.space.coordinate_symbols[axis] for axis in domain.point_axes} | set(integrals)
    if not integrals:
        unknown = min(map(str, equation.jets), default=scope.space.unknowns[0])
        report.error_at(span, "a condition on all of the domain is an integral", f"write integral({unknown}) = 0")
    elif not all(map(scope.space.is_number, equation.jets.values())) or any(
        e.free_symbols & varying for e in (*factors, rest)
    ):
        hint = "only numbers, parameters and t stand outside: integral(p) = 0, 2*integral(u) = 1 + t"
        report.error_at(span, "an integral can only be multiplied and added to", hint)
    else:
        in_space = domain.domain if domain.is_ordinary else domain.domain.projected(len(domain.point_axes))
        terms = [factor * inside for factor, inside in zip(factors, integrals.values(), strict=True)]
        density = remove_singularities(sympy.Add(*terms, rest / in_space.measure), scope.space.box)
        return replace(equation, residual=density, jets=scope.space.jets_of(density))
    return None


def decide_marching(domain: DomainSection, placed: list[PlacedCondition]) -> DomainSection:
    """Return the domain, not marched in t if it is an ordinary equation with data elsewhere than at the start."""
    later = domain.is_ordinary and any(p.condition.place != Side(0, 0) for p in placed)
    return replace(domain, is_marched=False) if later else domain


def dirichlet_value(equation: Equation | None) -> sympy.Expr | None:
    """The value g of a condition u = g (or a multiple of it); None for any other condition."""
    if equation is None or len(equation.jets) != 1:
        return None
    symbol, jet = next(iter(equation.jets.items()))
    return prescribed_value(equation, symbol) if jet.total_order == 0 else None


def prescribed_value(equation: Equation, symbol: sympy.Symbol) -> sympy.Expr | None:
    """The value g of an equation c*symbol = c*g with a number c; None for any other equation."""
    factor = sympy.diff(equation.residual, symbol)
    if not factor.is_number or factor.is_zero:
        return None
    return -equation.residual.subs(symbol, 0) / factor
