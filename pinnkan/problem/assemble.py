"""Build a Problem from the tree of a problem file: read every section, collect all faults, check the meaning."""

import re
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import sympy

from pinnkan.problem import names, schema
from pinnkan.problem.checks import coverage
from pinnkan.problem.checks.exact import check_exact
from pinnkan.problem.checks.finite import check_finite
from pinnkan.problem.checks.sampling import check_corners, check_seams
from pinnkan.problem.checks.shape_limits import check_shape_limits
from pinnkan.problem.conditions import PlacedCondition, ProblemSpans, decide_marching, parse_equation, read_conditions
from pinnkan.problem.corners import unknowns_without_norm
from pinnkan.problem.expressions.expression import parse
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.features.free_numbers import at_start_values
from pinnkan.problem.features.removable_singularities import remove_singularities
from pinnkan.problem.geometry.domain_section import DomainSection, read_domain
from pinnkan.problem.names import section
from pinnkan.problem.notation_hints import mapping_hint
from pinnkan.problem.report import Report, did_you_mean
from pinnkan.problem.schema import MAX_UNIT_LENGTH
from pinnkan.problem.sections.estimated_numbers import read_estimate
from pinnkan.problem.sections.free_numbers import check_conditions, check_free_numbers, normalised, without_data
from pinnkan.problem.sections.measurements import check_counts, read_data
from pinnkan.problem.sections.quantities import read_quantities
from pinnkan.problem.settings import EstimatedNumber, SolverSettings
from pinnkan.problem.source import Mapping, Node, Scalar, Sequence, Span
from pinnkan.problem.statement import Equation, Point, Problem


def assemble(root: Mapping, report: Report, reads_data: bool = True) -> Problem:
    """Return the problem that a file states, with or without its data. Raises ProblemError: every fault of the file."""
    found = schema.entries(root, schema.PROBLEM, report, "the problem")
    name, about = _name(found.get("name"), report), _about(found.get("about"), report)
    domain, scope, parameters, numbers, used_by_domain = _scope(found, report)
    solver, output = (schema.settings(key, found.get(key), report) for key in ("solver", "output"))
    if report.failed and names.has_unreadable_names(found):  # else every further name would be reported as unknown
        raise report.failure()
    space, unknowns = scope.space, scope.space.unknowns
    joining = scope if any(domain.box.periodic) else replace(scope, space=space.with_jump_deltas())
    equations = _equations(found.get("equations"), joining, report) if unknowns else []
    placed = read_conditions(found.get("conditions"), domain, scope, report) if unknowns else []
    domain = decide_marching(domain, placed)
    quantities = read_quantities(found.get("quantities"), domain, scope, report) if unknowns else {}
    measured = read_data(found.get("data"), domain, scope, report) if unknowns and reads_data else ()
    check_counts(measured, found.get("estimate"), len(numbers), report)
    exact = _exact(found.get("exact"), scope, report)
    named = [*domain.coordinates, *unknowns, *scope.vectors, *quantities]
    units = read_units(found.get("units"), named, scope, report)
    _refuse_unavailable(found, solver, report)
    _warn_idle(solver, domain, found.get("solver"), report)
    for parameter, span in () if report.failed else parameters.items():
        if parameter not in scope.used_names:
            if parameter in numbers:
                report.error_at(span, f"the number '{parameter}' is never used", "nothing would determine it")
            else:
                report.warn_at(span, f"the parameter '{parameter}' is never used")
    if report.failed:
        raise report.failure()
    conditions = tuple(p.condition for p in placed)
    problem = Problem(
        name, about, space.coordinate_symbols, domain.domain, domain.time_axis, unknowns, tuple(equations), conditions,
        exact, solver, output, report.text.content, report.text.path, (), dict(scope.vectors), quantities, units,
        numbers=numbers, measurements=measured,
    )  # fmt: skip
    if problem.free_numbers:
        check_free_numbers(problem, domain, found, used_by_domain, report)
        problem = normalised(problem)
        check_conditions(problem, found["estimate"].span, report)
    disagreements = _check_meaning(problem, domain, space, placed, _spans(root, found), report)
    if report.failed:
        raise report.failure()
    found_apart = replace(problem, warnings=report.warnings, disagreements=tuple(disagreements))
    return replace(found_apart, unknowns_without_norm=unknowns_without_norm(at_start_values(found_apart)))


@np.errstate(all="ignore")  # values that are not finite are reported with their place
def _check_meaning(
    problem: Problem,
    domain: DomainSection,
    space: JetSpace,
    placed: list[PlacedCondition],
    spans: ProblemSpans,
    report: Report,
) -> list[Point]:
    """Check coverage, finite values, corners and ``exact``. Returns the points at which conditions disagree.

    Free numbers have their start values, or in ``exact`` their own.
    """
    stated, problem = (problem, placed), at_start_values(problem)
    placed = [replace(p, condition=c) for p, c in zip(placed, problem.conditions, strict=False)]
    coverage.check_coverage(problem, domain, placed, spans, report)
    check_finite(problem, placed, spans, report)
    if report.failed:
        return []
    disagreements = check_corners(problem, placed, report)
    check_seams(problem, placed, report)
    if not any(number.has_data for number in problem.numbers.values()):  # else `exact` holds for other values
        check_exact(stated[0], space, stated[1], spans, report)
    check_shape_limits(problem, placed, spans, report)
    return disagreements


def _scope(
    found: dict[str, Node], report: Report
) -> tuple[DomainSection, Scope, dict[str, Span], dict[str, EstimatedNumber], set[str]]:
    """Read the domain, the names that equations may use, the spans of parameters and numbers, and the numbers.

    Last are the names that the domain uses.
    """
    values, used, parameters = names.read_parameters(found.get("parameters"), report)
    numbers, spans = read_estimate(found.get("estimate"), values, used, report)
    parameters |= spans
    used_by_domain: set[str] = set()
    domain = read_domain(found.get("domain"), values, used_by_domain, report)
    used |= used_by_domain
    unknowns = names.read_unknowns(found.get("unknowns"), domain.coordinates, report)
    circles = np.flatnonzero(domain.box.periodic).tolist()
    numbers = numbers if "data" in found else without_data(numbers, found.get("estimate"), report)
    free = [name for name, number in numbers.items() if not number.has_data]
    space = JetSpace(domain.coordinates, unknowns, domain.box.ranges, circles, free)
    values |= space.number_symbols()
    scope = Scope(space, values, used_names=used, context="a function")
    functions = names.read_functions(found.get("functions"), scope, report)
    vectors, named = names.read_vectors(found.get("vectors"), unknowns, report)
    names.check_ambiguous(parameters | functions | named, unknowns, domain.coordinates, report)
    for name, span in named.items():
        if name in scope.values:
            report.error_at(span, f"'{name}' is a vector, and a parameter or function", "rename one of them")
    return (
        domain,
        replace(scope, allows_unknowns=bool(unknowns), vectors=vectors, context="an equation"),
        parameters,
        numbers,
        used_by_domain,
    )


def _spans(root: Mapping, found: dict[str, Node]) -> ProblemSpans:
    def key(name: str) -> Span:
        return root.keys.get(name, root.keys["domain"])

    def spans(node: Node | None) -> dict[str, Span]:
        return {k: v.span for k, v in node.values.items()} if isinstance(node, Mapping) else {}

    def items(node: Node) -> tuple[Span, ...]:
        return tuple(n.span for n in node.items) if isinstance(node, Sequence) else ()

    listed = items(found["unknowns"]), items(found["equations"])
    return ProblemSpans(*listed, key("conditions"), spans(found.get("exact")), spans(found.get("solver")))


def _name(node: Node | None, report: Report) -> str:
    if node is None:
        return ""
    if (
        not isinstance(node, Scalar)
        or isinstance(node.value, bool | None)
        or not re.fullmatch(schema.PROBLEM_NAME_PATTERN, node.text)
    ):
        report.error_at(node.span, "this cannot name a results folder", "small letters, digits, - and _; at most 60")
        return ""
    return node.text


def _about(node: Node | None, report: Report) -> str:
    if node is not None and not isinstance(node, Scalar):
        report.error_at(node.span, "'about' must be one sentence", "a text that contains ': ' or ', ' needs quotes")
    return " ".join(node.text.split()) if isinstance(node, Scalar) and node.value is not None else ""


def _equations(node: Node | None, scope: Scope, report: Report) -> list[Equation]:
    equations = []
    listed = schema.items(node, report, "'equations'") if node is not None else []
    count = len(scope.space.unknowns)
    for item in listed[: count + 1]:
        before = report.failed
        equation = parse_equation(item, scope, report)
        if equation is None:
            continue
        if all(map(scope.space.is_number, equation.jets.values())) and scope.allows_unknowns and not before:
            what = " and ".join(scope.space.unknowns)
            report.error_at(item.span, "this equation does not contain an unknown", f"it should determine {what}")
        equations.append(equation)
    if isinstance(node, Sequence) and scope.allows_unknowns and len(listed) != count:
        span = listed[min(count, len(listed) - 1)].span if listed else node.span
        message = f"{len(listed)} equation{'s' * (len(listed) != 1)} for {count} unknown{'s' * (count != 1)}"
        report.error_at(span, message, "one equation per unknown; boundary and initial data stand under `conditions`")
    return equations


def _exact(node: Node | None, scope: Scope, report: Report) -> dict[str, sympy.Expr] | None:
    if node is None or (isinstance(node, Scalar) and node.value is None):
        return None
    if not isinstance(node, Mapping):
        hint = mapping_hint(node, f"{{{', '.join(f'{u}: ...' for u in scope.space.unknowns)}}}")
        report.error_at(node.span, "'exact' must be `unknown: expression`", hint)
        return None
    found_names = (*scope.space.unknowns, *scope.space.numbers)
    constants = {name: value for name, value in scope.values.items() if name not in scope.space.numbers}
    local = replace(scope, values=constants, allows_unknowns=False, context="an exact solution")
    exact = {}
    for name, value in node.values.items():
        if name not in found_names:
            known = f"unknowns: {', '.join(found_names)}"
            report.error_at(node.keys[name], f"'{name[:60]}' is not an unknown", known)
        elif not isinstance(value, Scalar) or not value.text:
            report.error_at(value.span, "an expression is missing here")
        else:
            meaning = parse(value, local, report)
            if meaning is not None:
                exact[name] = remove_singularities(meaning, scope.space.box)
    missing = [u for u in found_names if u not in node.values]
    if missing:
        report.error_at(node.span, f"'exact' lacks the unknown '{missing[0]}'")
    return {name: exact[name] for name in found_names if name in exact}


def _refuse_unavailable(found: dict[str, Node], solver: SolverSettings, report: Report) -> None:
    if "data" in found and "estimate" not in found:
        report.error_at(found["data"].span, "data determine nothing here", "name the numbers to find under `estimate`")
    section = found.get("solver")
    if isinstance(section, Mapping) and solver.network == "product" and solver.method in ("adam", "lbfgs"):
        hint = "write `network: deep` or `network: ridge`, or leave 'method' out"
        message = f"'method: {solver.method}' is for deep and ridge networks; a product network is solved for directly"
        report.error_at(section.values["method"].span, message, hint)


def _warn_idle(solver: SolverSettings, domain: DomainSection, section: Node | None, report: Report) -> None:
    """Warn about solver settings that have no effect on this problem."""
    if not isinstance(section, Mapping):
        return
    if solver.hidden is not None and solver.family not in ("deep", "ridge"):
        report.warn_at(section.keys["hidden"], f"'hidden' has no effect with network: {solver.network}")
    if solver.knots is not None and solver.family in ("auto", "product") and len(domain.coordinates) > 4:
        report.warn_at(section.keys["knots"], "'knots' has no effect with so many coordinates: they start with none")
    if solver.time_slabs is not None and domain.time_axis is None:
        report.warn_at(section.keys["time_slabs"], "'time_slabs' has no effect without the coordinate t")


def read_units(node: Node | None, known: Collection[str], scope: Scope, report: Report) -> dict[str, str]:
    """Read the unit label of each name; a vector takes the label of its unknowns where these agree."""
    units: dict[str, str] = {}
    for name, (span, value) in section(node, report, "units").items():
        label = value.text if isinstance(value, Scalar) and type(value.value) in (str, int, float) else ""
        if name not in known:
            hint = did_you_mean(name, list(known)) or f"coordinates, unknowns, vectors, quantities: {', '.join(known)}"
            report.error_at(span, f"'{name[:60]}' is nothing that could have a unit", hint)
        elif not 0 < len(label) <= MAX_UNIT_LENGTH or not label.isprintable():
            hint = f"a text of at most {MAX_UNIT_LENGTH} characters: m, kg/m**3"
            report.error_at(value.span, f"this is no label of the unit of '{name}'", hint)
        else:
            units[name] = label
    for vector, parts in scope.vectors.items():
        shared = {units.get(part) for part in parts}
        if vector not in units and len(shared) == 1 and None not in shared:
            units[vector] = units[parts[0]]
    return units
