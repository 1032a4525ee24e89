"""Check the conditions: every side has one, time has initial data, nothing is prescribed twice."""

from collections import Counter

import numpy as np
import sympy

from pinnkan.problem.checks import sampling
from pinnkan.problem.checks.condition_count import missing_condition
from pinnkan.problem.checks.free_constants import free_constant_groups, free_constant_message
from pinnkan.problem.checks.linearised_system import assign_equations, slopes_at_random_values
from pinnkan.problem.checks.system_count import system_order
from pinnkan.problem.conditions import PlacedCondition, ProblemSpans
from pinnkan.problem.expressions.functions import expression_text
from pinnkan.problem.geometry.domain_section import DomainSection
from pinnkan.problem.geometry.places import side_name, space_sides
from pinnkan.problem.report import Report
from pinnkan.problem.shapes import name_in_file, pieces_of
from pinnkan.problem.statement import Equation, Place, Problem, ShapeSide, Side, WholeDomain

#: Slopes of two conditions are parallel if their cross product is below this share of their sizes: above rounding.
_PARALLEL = 1e-13
_ORDINALS = ("no", "first", "second", "third", "fourth")


def check_coverage(
    problem: Problem, domain: DomainSection, placed: list[PlacedCondition], spans: ProblemSpans, report: Report
) -> None:
    """Report every side, initial condition or order that is missing, given twice or too high."""
    _check_unknowns(problem, spans, report)
    _check_sides(domain, placed, spans, report)
    _check_orders(problem, domain, placed, report)
    _check_pairs(problem, placed, report)
    if domain.time_axis is not None:
        _check_initial(problem, domain.time_axis, placed, spans, report)
    _check_degree(problem, spans, report)
    if not report.failed:
        _warn_count(problem, domain, placed, spans, report)
        words = free_constant_message(problem)
        if words:
            first = problem.unknowns[free_constant_groups(problem)[0][-1]]
            hint = f"add {{where: domain, equation: integral({first}) = 0}}, or give its value at a point or on a side"
            report.warn_at(spans.conditions, words, hint)


def _check_unknowns(problem: Problem, spans: ProblemSpans, report: Report) -> None:
    """Report unknowns without an equation, equal equations, and equations that no unknown can be assigned to."""
    present = [{jet.unknown for jet in e.jets.values()} for e in problem.equations]
    for index, name in enumerate(problem.unknowns):
        if not any(index in unknowns for unknowns in present):
            message = f"the unknown '{name}' stands in no equation"
            report.error_at(spans.unknowns[index], message, "nothing determines it")
    for i, second in enumerate(problem.equations):
        for first in problem.equations[:i]:
            if _are_equivalent(problem, first, second, WholeDomain()):
                report.error_at(spans.equations[i], f"this equation says the same as that of line {first.line}")
    occurs = np.array([[0 if j in unknowns else -1 for j in range(len(problem.unknowns))] for unknowns in present])
    if not report.failed and assign_equations(occurs) is None:
        message = "some of the equations have fewer unknowns than they are, so that others are not determined"
        report.error_at(spans.equations[0], message, "there must be a way to pair each equation with an unknown in it")


def _are_equivalent(problem: Problem, a: Equation, b: Equation, place: Place) -> bool:
    """Whether two equations fix the same quantity: their slopes are parallel at all points of the place.

    For integrals the slopes at all points together must be parallel: integral(u) and integral(x*u) differ.
    """
    if set(a.jets) != set(b.jets):
        return False
    slopes = slopes_at_random_values(problem, (a, b), sampling.points_at(problem, place))
    if isinstance(place, WholeDomain):
        slopes = slopes.reshape(2, 1, -1)
    across = np.abs(np.einsum("pi,pj->pij", slopes[0], slopes[1]) - np.einsum("pi,pj->pji", slopes[0], slopes[1]))
    size = np.linalg.norm(slopes[0], axis=1) * np.linalg.norm(slopes[1], axis=1)
    return bool(np.all(across.max(axis=(1, 2)) <= _PARALLEL * size))


def _check_sides(domain: DomainSection, placed: list[PlacedCondition], spans: ProblemSpans, report: Report) -> None:
    given = {p.condition.place for p in placed}
    for side in space_sides(domain):
        if side not in given:
            name = side_name(side, domain)
            place = f"{domain.coordinates[side.axis]} = {domain.box.ranges[side.axis][side.end]:g}"
            hint = f"add one, or {{where: {name}, equation: none}} if it truly has none"
            report.error_at(spans.conditions, f"the side '{name}' ({place}) has no condition", hint)
    for piece in () if domain.shaped is None else pieces_of(domain.shaped):
        if piece not in given:
            name = name_in_file(piece)
            hint = f"add one, or {{where: {name}, equation: none}} if it truly has none"
            report.error_at(spans.conditions, f"the piece '{name}' of the boundary has no condition", hint)


def _check_orders(problem: Problem, domain: DomainSection, placed: list[PlacedCondition], report: Report) -> None:
    for p in placed:
        at, equation = p.condition.place, p.condition.equation
        if equation is not None and isinstance(at, ShapeSide):
            _check_order_on_piece(problem, equation, p, report)
        if equation is None or not isinstance(at, Side):
            continue
        given, order = equation.orders[at.axis], sum(problem.orders_along(at.axis))
        coordinate = domain.coordinates[at.axis]
        if at.axis == domain.time_axis and order == 0:
            report.error_at(p.equation_span, "an initial condition, but no equation has a derivative by t")
        elif given >= max(order, 1):
            message = f"a condition of order {given} in {coordinate}, where the equation has order {order}"
            hint = "a condition needs a lower order than the equation"
            said = f"; put in what the equation says of the derivative of order {given}"
            is_start = at.axis == domain.time_axis
            lower = "" if is_start else _lower_order_condition(problem, equation, at.axis, order)
            hint += f"{said}: {lower}" if lower else said * is_start
            report.error_at(p.equation_span, message, hint)


def _check_order_on_piece(problem: Problem, equation: Equation, p: PlacedCondition, report: Report) -> None:
    given = max((jet.total_order for jet in equation.jets.values()), default=0)
    order = sum(problem.total_orders)
    if given >= max(order, 1):
        message = f"a condition of order {given}, where the equation has order {order}"
        report.error_at(p.equation_span, message, "a condition needs a lower order than the equation")


def _lower_order_condition(problem: Problem, condition: Equation, axis: int, order: int) -> str:
    """The condition with its derivatives of that order replaced by means of the equations; "" if that fails.

    V_xx = 0 beside V_t = x**2*V_xx + x*V_x - V becomes V_t = x*V_x - V.
    """
    jets, told, slopes = {**condition.jets}, {}, {}
    high = [symbol for symbol, jet in condition.jets.items() if jet.order[axis] >= order]
    for e in problem.equations:
        for symbol in [s for s in high if s in e.jets and s not in told]:
            slope = e.slopes[symbol]
            if not slope.is_zero and symbol not in slope.free_symbols:
                divisor = sympy.Dummy()
                told[symbol] = -sympy.expand(e.residual - slope * symbol) / divisor
                slopes[divisor], jets = slope, {**jets, **e.jets}
    lower, _ = sympy.fraction(sympy.together(condition.residual.xreplace(told)))
    lower = sympy.expand(lower.xreplace(slopes))
    left = [jet.order[axis] for symbol, jet in jets.items() if symbol in lower.free_symbols]
    if len(told) < len(high) or not left or max(left) >= order:
        return ""
    return f"{expression_text(-lower if lower.could_extract_minus_sign() else lower)} = 0"


def _check_pairs(problem: Problem, placed: list[PlacedCondition], report: Report) -> None:
    """Report two conditions at one place that fix the same quantity, and a condition beside ``none``."""
    for i, second in enumerate(placed):
        for first in placed[:i]:
            if first.condition.place != second.condition.place:
                continue
            name, place = first.condition.name, first.condition.place
            line, column = report.text.locate(first.equation_span.start)
            hint = f"the other is at {line}:{column}"
            a, b = first.condition.equation, second.condition.equation
            if a is None or b is None:
                what = "piece" if isinstance(place, ShapeSide) else "side"
                report.error_at(second.equation_span, f"the {what} '{name}' has a condition, and `none` as well", hint)
            elif _fix_same_quantity(problem, place, a, b):
                what = sampling.disagreement_in_words(problem, place, a, b)
                report.error_at(second.equation_span, f"two conditions for the same quantity on '{name}': {what}", hint)


def _fix_same_quantity(problem: Problem, place: Place, a: Equation, b: Equation) -> bool:
    """Whether two conditions fix the same quantity: of one unknown on a side, those of equal normal order."""
    if len(problem.unknowns) == 1 and isinstance(place, Side):
        return a.orders[place.axis] == b.orders[place.axis]
    return _are_equivalent(problem, a, b, place)


def _check_initial(
    problem: Problem, axis: int, placed: list[PlacedCondition], spans: ProblemSpans, report: Report
) -> None:
    """Report missing initial conditions: each unknown needs u, u_t, .. up to its order in time.

    In a system with as many initial conditions as its order, some of them may follow from others.
    """
    initial = [p.condition.equation for p in placed if p.condition.place == Side(axis, 0)]
    orders = problem.orders_along(axis)
    if len(problem.unknowns) == 1 or len(initial) < system_order(problem, axis):
        for index, (unknown, order) in enumerate(zip(problem.unknowns, orders, strict=True)):
            of_it = [e for e in initial if e is not None and any(jet.unknown == index for jet in e.jets.values())]
            given = {e.orders[axis] for e in of_it}
            if given and max(given) >= order > 0:
                continue  # its order is too high, which is reported already
            wanted = [unknown + ("_" + "t" * k if k else "") for k in range(order)]
            for k in sorted(set(range(order)) - given):
                hint = f"an equation of {_ORDINALS[order]} order in time needs: {', '.join(wanted)}"
                hint += _given_at_end(problem, axis, unknown, bool(initial)) if order == 1 < problem.dimension else ""
                report.error_at(spans.conditions, f"no initial condition for {wanted[k]}", hint)
    if not initial and not any(orders):
        hint = "nothing evolves: call the coordinate x, y or z, with `equation: none` on its sides"
        report.error_at(spans.equations[0], "t is a coordinate, but no equation has a derivative by t", hint)


def _given_at_end(problem: Problem, axis: int, unknown: str, mixed: bool) -> str:
    """A hint for an unknown that may be given at the last time, where no condition is allowed.

    Alone, as a price, it evolves backwards: reverse time. If others have initial values (``mixed``), as with the
    adjoint of a control, use a coordinate of space instead of t: both of its ends may have conditions.
    """
    taken, end = {c.name for c in problem.coordinates}, f"; if {unknown} is given at the end of t, write "
    if not mixed:
        return f"{end}{problem.box.ranges[axis][1]:g} - t for t, which turns the sign of {unknown}_t"
    other = next((c for c in ("x", "y", "z") if c not in taken), None)
    sides = {"x": "left and right", "y": "bottom and top", "z": "front and back"}
    return f"{end}{other} for t: its ends are {sides[other]}" if other else ""


def _check_degree(problem: Problem, spans: ProblemSpans, report: Report) -> None:
    degree = problem.solver.degree
    if degree is None:
        return
    order = max(problem.total_orders if problem.solver.family in ("deep", "ridge") else problem.orders)
    if degree <= order:
        message = f"splines of degree {degree} cannot represent a derivative of order {order}"
        hint = f"degree must be at least {order + 1}; without it pinnkan chooses"
        report.error_at(spans.solver["degree"], message, hint)


def _warn_count(
    problem: Problem, domain: DomainSection, placed: list[PlacedCondition], spans: ProblemSpans, report: Report
) -> None:
    missing = missing_condition(problem)
    if missing is not None:
        report.warn_at(spans.conditions, missing.words(problem), "the solution is not determined")
    count = Counter(p.side.axis for p in placed if _is_side_condition(p))
    within = sum(not isinstance(p.condition.place, Side) for p in placed)
    for side in space_sides(domain)[::2]:
        order = sum(problem.orders_along(side.axis))
        asked = len(problem.unknowns) == 1 and order > 1
        if missing is None and asked and not count[side.axis] and not within:
            coordinate = domain.coordinates[side.axis]
            message = f"no condition along {coordinate}, where the equation has order {order}"
            report.warn_at(spans.conditions, message, "the solution is then hardly determined")
    for axis, number in count.items():
        most = max(sum(problem.orders_along(axis)), 1) + len(problem.free_numbers)
        if axis != domain.time_axis and number > most:
            last = [p for p in placed if _is_side_condition(p) and p.side.axis == axis][-1]
            coordinate, what = domain.coordinates[axis], "equation has" if len(problem.unknowns) == 1 else "system has"
            message = f"{number} conditions along {coordinate}, where the {what} order {most}"
            report.warn_at(last.equation_span, message, "more than the equation can meet, unless they happen to agree")


def _is_side_condition(placed: PlacedCondition) -> bool:
    return isinstance(placed.condition.place, Side) and placed.condition.equation is not None
