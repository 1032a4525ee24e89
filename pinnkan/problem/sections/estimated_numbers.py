"""Numbers that are found together with the solution: where the search for each starts, and what is known of it."""

import math
from dataclasses import replace

import sympy

from pinnkan.problem import schema
from pinnkan.problem.expressions.operators import JetSpace
from pinnkan.problem.expressions.scope import Scope
from pinnkan.problem.names import check_name, read_constant, read_range, section
from pinnkan.problem.report import Report
from pinnkan.problem.settings import EstimatedNumber
from pinnkan.problem.source import Mapping, Node, Scalar, Sequence, Span


def read_estimate(
    node: Node | None, parameters: dict[str, sympy.Expr], used: set[str], report: Report
) -> tuple[dict[str, EstimatedNumber], dict[str, Span]]:
    """Read the section ``estimate``; add the starts to the values of ``parameters``. Returns the numbers and spans."""
    numbers: dict[str, EstimatedNumber] = {}
    named = section(node, report, "estimate")
    for name, (span, value) in named.items():
        check_name(name, span, report, "number")
        if name in parameters:
            report.error_at(span, f"'{name}' is a parameter and a number to be found", "delete one of them")
        scope = Scope(
            JetSpace((), ()), dict(parameters), allows_coordinates=False, used_names=used, context="a start value"
        )
        numbers[name] = _read_number(name, value, scope, report)
        parameters[name] = sympy.Float(numbers[name].start)
    return numbers, {name: span for name, (span, _) in named.items()}


def _read_number(name: str, node: Node, scope: Scope, report: Report) -> EstimatedNumber:
    if not isinstance(node, Mapping):
        return EstimatedNumber(_start(name, node, scope, report))
    found = schema.entries(node, schema.ESTIMATED_NUMBER, report, f"the number '{name}'")
    number = EstimatedNumber(_start(name, found["start"], scope, report) if "start" in found else 1.0)
    if "range" in found:
        low, high = read_range(name, found["range"], scope, report)
        if not low <= number.start <= high:
            message = f"'{name}' starts at {number.start:g}, outside of its range"
            report.error_at(node.span, message, f"a start from {low:g} to {high:g}")
        number = replace(number, low=low, high=high)
    if "scale" in found and _word(found["scale"], ("linear", "log"), report) == "log":
        if number.start <= 0.0 or (number.low <= 0.0 and number.low != -math.inf):
            report.error_at(
                found["scale"].span, "a logarithmic scale needs positive numbers", "start and range above 0"
            )
        number = replace(number, is_logarithmic=True, low=max(number.low, 0.0))
    if "prior" in found:
        number = replace(number, prior=_prior(found["prior"], scope, report))
    return number


def _start(name: str, node: Node, scope: Scope, report: Report) -> float:
    if not isinstance(node, Scalar):
        report.error_at(node.span, f"'{name}' needs a start value", f"write {name}: 1, or {name}: {{start: 1}}")
        return 1.0
    value = read_constant(node, scope, report)
    return 1.0 if value is None else value


def _word(node: Node, allowed: tuple[str, ...], report: Report) -> str:
    if isinstance(node, Scalar) and node.text in allowed:
        return node.text
    report.error_at(node.span, f"this must be one of: {', '.join(allowed)}")
    return allowed[0]


def _prior(node: Node, scope: Scope, report: Report) -> tuple[float, float] | None:
    items = node.items if isinstance(node, Sequence) else []
    mean, deviation = (read_constant(item, scope, report) for item in items) if len(items) == 2 else (None, None)
    if len(items) != 2:
        report.error_at(node.span, "a prior is a mean and a standard deviation", "write prior: [1, 0.2]")
    if mean is None or deviation is None:
        return None
    if deviation <= 0.0:
        report.error_at(node.span, "the deviation of a prior is positive", "write prior: [1, 0.2]")
        return None
    return mean, deviation
