"""Check that ``exact`` is finite, periodic, and a solution of the equations and conditions."""

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import sympy
from numpy.typing import NDArray

from pinnkan.domain.gauss import composite_gauss_rule
from pinnkan.domain.shapes.shaped_domain import ShapedDomain
from pinnkan.problem.checks.sampling import agree, evaluate, point_in_words, points_at, random_points, sample_grid
from pinnkan.problem.conditions import PlacedCondition, ProblemSpans
from pinnkan.problem.expressions.operators import JetSpace, JumpError, OperatorError
from pinnkan.problem.report import Report
from pinnkan.problem.source import Span
from pinnkan.problem.statement import Equation, Jet, Place, Problem, Side, WholeDomain

Array = NDArray[np.float64]

# A residual of `exact` above this share of the terms at its point is a fault, far above rounding.
_EXACT_SHARE = 1e-6
_EXACT_FLOOR = 1e-10  # the same, relative to the largest terms anywhere
# Integrals use _NODES Gauss points in each panel; panels per axis by number of axes, of more axes none are checked. An
# integral is wrong if it is off by more than this share of the integral of the sizes of its terms.
_PANELS = {1: 64, 2: 12, 3: 3}
_NODES = 6
_INTEGRAL_SHARE = 1e-4


def check_exact(
    problem: Problem, space: JetSpace, placed: Sequence[PlacedCondition], spans: ProblemSpans, report: Report
) -> None:
    """Report an ``exact`` that is not finite, or does not satisfy the equations or conditions."""
    if problem.exact is None:
        return
    inside, corners = random_points(problem.domain), sample_grid(problem, {})
    for name, expression in problem.exact.items():
        for at in (inside, corners):
            finite = np.isfinite(evaluate([expression], problem.coordinates, at)[0])
            if not finite.all():
                where = point_in_words(problem, at, int(np.argmin(finite)))
                hint = "write exp so that it cannot overflow"
                report.error_at(spans.exact[name], f"`exact` is not finite at {where}", hint)
                return
    span = next(iter(spans.exact.values()))
    _check_wraps(problem, span, report)
    for equation in problem.equations:
        what = f"the equation of line {equation.line}"
        _check_satisfied(problem, space, equation, WholeDomain(), span, what, report)
    for p in placed:
        if p.condition.equation is not None:
            what = f"the condition on '{p.condition.name}' of line {p.condition.equation.line}"
            on, equation = p.condition.place, p.condition.equation
            if isinstance(on, WholeDomain):
                _check_integral(problem, space, equation, span, what, report)
            else:
                local = space.on_side(on.axis, on.end) if isinstance(on, Side) else space
                _check_satisfied(problem, local, equation, on, span, what, report)
    for added in problem.conditions[len(placed) :]:
        if added.equation is not None:
            what = f"{added.equation.text}, as pinnkan normalises eigenfunctions where no condition does"
            _check_integral(problem, space, added.equation, span, what, report)


def _check_wraps(problem: Problem, span: Span, report: Report) -> None:
    for axis in [i for i, wraps in enumerate(problem.box.periodic) if wraps]:
        for name, expression in (problem.exact or {}).items():
            low, high = (
                evaluate([expression], problem.coordinates, sample_grid(problem, {axis: end}))[0]
                for end in problem.box.ranges[axis]
            )
            if not all(agree(a, b) for a, b in zip(low, high, strict=True)):
                message = f"`exact` of {name} is not periodic in {problem.coordinates[axis]}"
                report.error_at(span, message, "its values at both ends differ")


def _check_satisfied(
    problem: Problem, space: JetSpace, equation: Equation, where: Place, span: Span, what: str, report: Report
) -> None:
    jumps: dict[sympy.Symbol, JumpError] = {}
    derivatives = _derivatives(problem, space, equation, jumps)
    if derivatives is None:
        report.warn_at(span, f"`exact` is too long to be checked against {what}")
        return
    if jumps:
        _report_jumps(equation, jumps, span, what, report)
    at = points_at(problem, where)
    residual, scale = _residual(problem, equation, derivatives, at)
    error = np.abs(residual)
    everywhere = np.append(scale, _residual(problem, equation, derivatives, random_points(problem.domain))[1])
    largest = float(np.max(everywhere, where=np.isfinite(everywhere), initial=0.0))
    share = error - _EXACT_SHARE * scale - _EXACT_FLOOR * largest
    finite = np.isfinite(share)
    if not finite.all():
        at_one = point_in_words(problem, at, int(np.argmin(finite)))
        report.warn_at(span, f"`exact` cannot be checked against {what}: not finite at {at_one}")
    share = np.where(finite, share, -np.inf)
    worst = int(np.argmax(share))
    if share[worst] > 0:
        message = (
            f"`exact` does not satisfy {what}: left minus right is {error[worst]:.3g} at "
            f"{point_in_words(problem, at, worst)}, where the terms add up to {scale[worst]:.3g}"
        )
        report.error_at(span, message, "one of the two has a slip, or leave `exact` out")


def _residual(
    problem: Problem, equation: Equation, derivatives: Sequence[sympy.Expr], at: list[Array]
) -> tuple[Array, Array]:
    """The residual (point) with ``derivatives`` for the jets, and the sum of the sizes of its terms (point)."""
    residual = equation.residual
    terms = [residual, *(residual.args if isinstance(residual, sympy.Add) else [residual])]
    jets = evaluate(derivatives, problem.coordinates, at)
    both = evaluate(terms, [*problem.coordinates, *equation.jets], [*at, *jets])
    return both[0], np.abs(both[1:]).sum(axis=0)


def _report_jumps(
    equation: Equation, jumps: Mapping[sympy.Symbol, JumpError], span: Span, what: str, report: Report
) -> None:
    """Report delta functions in the derivatives of ``exact``: an error if nothing can cancel one, else a warning."""
    symbol, jump = next(iter(jumps.items()))
    factor = equation.slopes[symbol]
    if len(jumps) == 1 and factor.is_number and not factor.is_zero:
        message = f"`exact` does not satisfy {what}: {symbol} holds a delta function, as {jump.description}"
        report.error_at(span, message, "nothing cancels it: one of the two has a slip, or leave `exact` out")
    else:
        message = f"`exact` is checked against {what} only where it is smooth: {jump.description}"
        report.warn_at(span, message, "that the delta functions in its derivatives cancel is not checked")


def _derivatives(
    problem: Problem, space: JetSpace, equation: Equation, jumps: dict[sympy.Symbol, JumpError]
) -> list[sympy.Expr] | None:
    """The jets of an equation for the exact solution; None where they are too long to be differentiated."""
    exact = list((problem.exact or {}).values())
    try:
        return [_differentiate(space, exact[j.unknown], s, j, jumps) for s, j in equation.jets.items()]
    except OperatorError:
        return None


def _differentiate(
    space: JetSpace, expression: sympy.Expr, symbol: sympy.Symbol, jet: Jet, jumps: dict[sympy.Symbol, JumpError]
) -> sympy.Expr:
    """The derivative; where a jump has none, that almost everywhere, with the reason added to ``jumps``."""
    for axis, order in enumerate(jet.order):
        for _ in range(order):
            try:
                expression = space.derivative(expression, axis)
            except JumpError as jump:
                jumps.setdefault(symbol, jump)
                expression = space.regular_derivative(expression, axis)
    return expression


def _check_integral(
    problem: Problem, space: JetSpace, equation: Equation, span: Span, what: str, report: Report
) -> None:
    """Report if the integral of the residual over space is not zero, at three times."""
    over = [axis for axis in range(problem.dimension) if axis != problem.time_axis]
    if len(over) not in _PANELS:
        return
    derivatives = _derivatives(problem, space, equation, {})
    if derivatives is None:
        report.warn_at(span, f"`exact` is too long to be checked against {what}")
        return
    points, weights = _space_rule(problem, over)
    for t in [None] if problem.time_axis is None else np.linspace(*problem.box.ranges[-1], 3):
        at = points if t is None else [*points, np.full(points[0].shape, t)]
        residual, scale = _residual(problem, equation, derivatives, at)
        error = abs(float(residual @ weights))
        if error > _INTEGRAL_SHARE * float(scale @ weights):
            when = "" if t is None else f" at t = {t:.6g}"
            message = f"`exact` does not satisfy {what}: its integral is off by {error:.3g}{when}"
            report.error_at(span, message, "one of the two has a slip, or leave `exact` out")
            return


def _space_rule(problem: Problem, over: Sequence[int]) -> tuple[list[Array], Array]:
    """Points, one array (point,) for each axis in ``over``, and weights (point,) of an integral over space."""
    edges = [np.linspace(*problem.box.ranges[axis], _PANELS[len(over)] + 1) for axis in over]
    if isinstance(problem.domain, ShapedDomain):
        inside, weights = problem.domain.cut_grid(*edges).area_rule(_NODES)
        return list(inside.T), weights
    rules = [composite_gauss_rule(e, _NODES) for e in edges]
    weights = reduce(np.multiply.outer, (w for _, w in rules)).ravel()
    return [x.ravel() for x in np.meshgrid(*(x for x, _ in rules), indexing="ij")], weights
