"""Numbers of the section `estimate` that have no data, and the condition that normalises unknowns.

For the checks of a file such a number has its start value, like a parameter.
"""

from collections.abc import Mapping
from dataclasses import replace

import sympy

from pinnkan.problem.expressions.functions import expression_text
from pinnkan.problem.features.free_numbers import is_homogeneous, stated_equations
from pinnkan.problem.geometry.domain_section import DomainSection
from pinnkan.problem.report import Report
from pinnkan.problem.settings import EstimatedNumber
from pinnkan.problem.source import Mapping as SourceMapping
from pinnkan.problem.source import Node, Span
from pinnkan.problem.statement import Condition, Equation, Jet, Problem, ShapeSide, Side, WholeDomain

#: The most coordinates of a problem with such numbers: one block of splines.
MOST_COORDINATES = 3


def check_free_numbers(
    problem: Problem, domain: DomainSection, found: Mapping[str, Node], used_by_domain: set[str], report: Report
) -> None:
    """Report free numbers where they cannot be found yet: in a range, with time slabs, in many coordinates."""
    span = found["estimate"].span
    for name in problem.free_numbers:
        if name in used_by_domain:
            hint = "scale the coordinate: x = L*s with s in [0, 1] has u_xx = u_ss/L**2"
            report.error_at(span, f"without `data` the number '{name}' cannot stand in the domain", hint)
    if domain.time_axis is not None:
        hint = "give the numbers `data`, or call the coordinate x: {where: left, ..} for the start, {where: right, ..}"
        report.error_at(span, "numbers without `data` are found for steady problems, not in time", hint)
    if problem.dimension > MOST_COORDINATES:
        report.error_at(span, f"numbers without `data` in more than {MOST_COORDINATES} coordinates are not available")
    if problem.solver.family in ("deep", "ridge"):
        report.error_at(span, "numbers without `data` need a product network", "leave 'network' and 'method' out")


def normalised(problem: Problem) -> Problem:
    """Return the problem with the condition that the integral of the squares of its unknowns is one.

    Only where any multiple of a solution is one, whatever the free numbers are; else the problem itself.
    """
    if not problem.free_numbers or not all(is_homogeneous(e, len(problem.unknowns)) for e in stated_equations(problem)):
        return problem
    none = (0,) * problem.dimension
    jets = {sympy.Symbol(name): Jet(k, none) for k, name in enumerate(problem.unknowns)}
    squares = sympy.Add(*(symbol**2 for symbol in jets))
    equation = Equation(
        squares - 1 / sympy.Float(problem.domain.measure), jets, f"integral({expression_text(squares)}) = 1"
    )
    added = Condition(WholeDomain(), equation, "auto", "domain")
    return replace(problem, conditions=(*problem.conditions, added))


def check_conditions(problem: Problem, span: Span, report: Report) -> None:
    """Report free numbers that no condition determines: each needs one more than the unknowns do.

    On a line conditions are counted; in the plane and in space one must be an integral, at a point or hold a number.
    """
    names, count = problem.free_numbers, len(problem.unknowns)
    stated = [c for c in problem.conditions if c.equation is not None]
    if problem.dimension == 1:
        needed = len(names) + (0 if problem.box.periodic[0] else sum(problem.orders_along(0)))
        is_short, given = len(stated) < needed, f"{needed} conditions are needed, here are {len(stated)}"
    else:
        further = [c for c in stated if not isinstance(c.place, Side | ShapeSide) or _holds_number(c, count)]
        is_short, given = not further, "conditions on sides determine the unknowns alone"
    if is_short:
        words = " and ".join(f"'{name}'" for name in names)
        hint = f"add one, such as {{where: domain, equation: integral({problem.unknowns[0]}**2) = 1}}"
        report.error_at(span, f"nothing determines {words}: {given}", hint)


def _holds_number(condition: Condition, count: int) -> bool:
    return condition.equation is not None and any(j.unknown >= count for j in condition.equation.jets.values())


def without_data(
    numbers: Mapping[str, EstimatedNumber], node: Node | None, report: Report
) -> dict[str, EstimatedNumber]:
    """Return the numbers of a file without data; report bounds and priors, which they cannot have."""
    for name, value in node.values.items() if isinstance(node, SourceMapping) else ():
        if not isinstance(value, SourceMapping):
            continue
        for key in [key for key in ("range", "scale", "prior") if key in value.values]:
            report.error_at(
                value.keys[key], f"'{key}' is for numbers that `data` determine", f"write {name}: 1, a start"
            )
    return {name: replace(number, has_data=False) for name, number in numbers.items()}
