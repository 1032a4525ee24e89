"""What is given where: every side has its condition, time has its initial data, nothing is given twice."""

from __future__ import annotations

from collections import Counter

from pinnkan.problem.checks import values
from pinnkan.problem.checks.condition_count import missing_condition
from pinnkan.problem.checks.spans import ProblemSpans
from pinnkan.problem.conditions import Placed, side_name, sides_of
from pinnkan.problem.names import DomainSection
from pinnkan.problem.report import Report
from pinnkan.problem.statement import Equation, Problem, Side

_ORDINALS = ("no", "first", "second", "third", "fourth")


def check(problem: Problem, domain: DomainSection, placed: list[Placed], spans: ProblemSpans, report: Report) -> None:
    """Report every side, initial datum and order that is missing, given twice or too high."""
    orders = equation_orders(problem)
    _check_sides(domain, placed, spans, report)
    _check_orders(domain, orders, placed, report)
    _check_pairs(problem, domain, placed, report)
    if domain.time_axis is not None:
        _check_initial(problem, domain.time_axis, placed, spans, report)
    _check_degree(problem, orders, spans, report)
    if not report.failed:
        _warn_count(problem, domain, orders, placed, spans, report)
        _warn_undetermined(problem, spans, report)


def equation_orders(problem: Problem) -> tuple[int, ...]:
    """The highest order of the equations in each coordinate."""
    jets = [jet for e in problem.equations for jet in e.jets.values()]
    return tuple(max((jet.order[axis] for jet in jets), default=0) for axis in range(problem.dimension))


def normal_order(equation: Equation, axis: int) -> int:
    """The highest order of an equation in one coordinate: which quantity a condition on a side of it fixes."""
    return max(jet.order[axis] for jet in equation.jets.values())


def _unknowns(equation: Equation | None) -> set[int]:
    return {jet.unknown for jet in equation.jets.values()} if equation is not None else set()


def _check_sides(domain: DomainSection, placed: list[Placed], spans: ProblemSpans, report: Report) -> None:
    given = {p.side for p in placed}
    for side in sides_of(domain):
        if side not in given:
            name = side_name(side, domain)
            place = f"{domain.coordinates[side.axis]} = {domain.box.pieces[side].fixed[side.axis]:g}"
            report.error_at(
                spans.conditions,
                f"the side '{name}' ({place}) has no condition",
                f"add one, or {{where: {name}, equation: none}} if it truly has none",
            )


def _check_orders(domain: DomainSection, orders: tuple[int, ...], placed: list[Placed], report: Report) -> None:
    for p in placed:
        axis = p.side.axis
        if p.condition.equation is None:
            continue
        given, order = normal_order(p.condition.equation, axis), orders[axis]
        coordinate = domain.coordinates[axis]
        if axis == domain.time_axis and order == 0:
            report.error_at(p.equation, "an initial condition, but no equation has a derivative by t")
        elif given >= max(order, 1):
            message = f"a condition of order {given} in {coordinate}, where the equation has order {order}"
            report.error_at(p.equation, message, "a condition needs a lower order than the equation")


def _check_pairs(problem: Problem, domain: DomainSection, placed: list[Placed], report: Report) -> None:
    """Two conditions on one side that fix the same quantity, or one beside ``none``."""
    for i, second in enumerate(placed):
        for first in placed[:i]:
            if first.side != second.side:
                continue
            name = side_name(first.side, domain)
            line, column = report.text.locate(first.equation.start)
            hint = f"the other is at {line}:{column}"
            a, b = first.condition.equation, second.condition.equation
            if a is None or b is None:
                report.error_at(second.equation, f"the side '{name}' has a condition, and `none` as well", hint)
            elif _unknowns(a) & _unknowns(b) and normal_order(a, first.side.axis) == normal_order(b, second.side.axis):
                what = values.disagreement(problem, first.side, a, b)
                report.error_at(second.equation, f"two conditions for the same quantity on '{name}': {what}", hint)


def _check_initial(problem: Problem, axis: int, placed: list[Placed], spans: ProblemSpans, report: Report) -> None:
    """Each unknown needs as many initial conditions as its order in time: u, u_t, ..."""
    initial = [p.condition.equation for p in placed if p.side == Side(axis, 0) and p.condition.equation is not None]
    jets = [jet for equation in problem.equations for jet in equation.jets.values()]
    for index, unknown in enumerate(problem.unknowns):
        order = max((jet.order[axis] for jet in jets if jet.unknown == index), default=0)
        given = {normal_order(equation, axis) for equation in initial if index in _unknowns(equation)}
        wanted = [unknown + ("_" + "t" * k if k else "") for k in range(order)]
        for k in set(range(order)) - given:
            hint = f"an equation of {_ORDINALS[order]} order in time needs: {', '.join(wanted)}"
            report.error_at(spans.conditions, f"no initial condition for {wanted[k]}", hint)
    if not initial and not any(jet.order[axis] for jet in jets):
        report.warn_at(spans.equations[0], "t is a coordinate, but no equation has a derivative by t")


def _check_degree(problem: Problem, orders: tuple[int, ...], spans: ProblemSpans, report: Report) -> None:
    degree = problem.solver.degree
    if degree is None:
        return
    totals = [jet.total for e in problem.equations for jet in e.jets.values()]
    order = max(totals if problem.solver.family in ("deep", "ridge") else orders)
    if degree <= order:
        message = f"splines of degree {degree} cannot represent a derivative of order {order}"
        hint = f"degree must be at least {order + 1}; without it pinnkan chooses"
        report.error_at(spans.solver["degree"], message, hint)


def _warn_count(
    problem: Problem,
    domain: DomainSection,
    orders: tuple[int, ...],
    placed: list[Placed],
    spans: ProblemSpans,
    report: Report,
) -> None:
    missing = missing_condition(problem)
    if missing is not None:
        report.warn_at(spans.conditions, missing.words(problem), "the solution is not determined")
    count = Counter(p.side.axis for p in placed if p.condition.equation is not None)
    for side in sides_of(domain)[::2]:
        if missing is None and orders[side.axis] > 1 and not count[side.axis]:
            coordinate = domain.coordinates[side.axis]
            message = f"no condition along {coordinate}, where the equation has order {orders[side.axis]}"
            report.warn_at(spans.conditions, message, "the solution is then hardly determined")
    for axis, number in count.items():
        if axis != domain.time_axis and number > max(orders[axis], 1):
            last = [p for p in placed if p.side.axis == axis and p.condition.equation is not None][-1]
            coordinate = domain.coordinates[axis]
            message = f"{number} conditions along {coordinate}, where the equation has order {orders[axis]}"
            report.warn_at(last.equation, message, "more than the equation can meet, unless they happen to agree")


def _warn_undetermined(problem: Problem, spans: ProblemSpans, report: Report) -> None:
    equations = [*problem.equations, *(c.equation for c in problem.conditions if c.equation is not None)]
    if problem.time_axis is None and all(jet.total for e in equations for jet in e.jets.values()):
        message = f"nothing fixes the level of {problem.unknowns[0]}: any constant may be added"
        report.warn_at(spans.conditions, message, "give its value on one side")
